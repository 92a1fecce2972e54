//! What of a history has happened by an instant, and when anything does.

use rules::facts::{Facts, Instant};

/// What can be known of facts at an instant.
pub fn known(facts: &Facts, now: Instant) -> Facts {
    let mut facts = facts.clone();
    let so_far = |at: &mut Option<Instant>| *at = at.filter(|at| *at <= now);
    so_far(&mut facts.started_at);
    so_far(&mut facts.started_known_at);
    facts.ends.retain(|end| end.at <= now);
    facts.statuses.retain(|status| status.at <= now);
    facts.responses.retain(|response| response.at <= now);
    for response in &mut facts.responses {
        so_far(&mut response.superseded_at);
    }
    facts.events.retain(|event| event.at <= now);
    facts.sign_ins.retain(|at| *at <= now);
    facts.activities.retain(|at| *at <= now);
    facts.messages.retain(|message| message.at <= now);
    for message in &mut facts.messages {
        so_far(&mut message.answered_at);
    }
    facts.measurements.retain(|measurement| measurement.at <= now);
    for measurement in &mut facts.measurements {
        so_far(&mut measurement.superseded_at);
    }
    facts.planned.retain(|planned| planned.known_at <= now);
    for planned in &mut facts.planned {
        so_far(&mut planned.ended_at);
        planned.entries.retain(|entry| entry.at <= now);
        planned.exceptions.retain(|exception| exception.at <= now);
    }
    facts.registrations.retain(|registration| registration.at <= now);
    for registration in &mut facts.registrations {
        registration.said.retain(|said| said.at <= now);
    }
    for flag in &mut facts.flags {
        flag.changes.retain(|change| change.at <= now);
    }
    facts.flags.retain(|flag| !flag.changes.is_empty());
    for module in &mut facts.modules {
        module.opened.retain(|at| *at <= now);
        module.visible.retain(|change| change.at <= now);
        for section in &mut module.sections {
            section.visible.retain(|change| change.at <= now);
            section.completed.retain(|at| *at <= now);
        }
    }
    facts.dispatches.retain(|dispatch| dispatch.known_at <= now);
    // When a dispatch opens and closes is planned ahead; what people do with it is not.
    for dispatch in &mut facts.dispatches {
        so_far(&mut dispatch.completed_at);
        so_far(&mut dispatch.cancelled_at);
    }
    facts
}

/// Every instant at which somebody does something.
pub fn deeds(facts: &Facts) -> Vec<Instant> {
    let mut deeds: Vec<Instant> = facts.statuses.iter().map(|status| status.at).collect();
    deeds.extend(facts.ends.iter().map(|end| end.at));
    deeds.extend(facts.responses.iter().map(|response| response.at));
    deeds.extend(facts.responses.iter().filter_map(|response| response.superseded_at));
    deeds.extend(facts.events.iter().map(|event| event.at));
    deeds.extend(facts.sign_ins.iter().chain(&facts.activities));
    deeds.extend(facts.messages.iter().map(|message| message.at));
    deeds.extend(facts.messages.iter().filter_map(|message| message.answered_at));
    deeds.extend(facts.measurements.iter().map(|measurement| measurement.at));
    deeds.extend(
        facts
            .measurements
            .iter()
            .filter_map(|measurement| measurement.superseded_at),
    );
    for planned in &facts.planned {
        deeds.push(planned.known_at);
        deeds.extend(planned.ended_at);
        deeds.extend(planned.entries.iter().map(|entry| entry.at));
    }
    let said = facts.registrations.iter().flat_map(|registration| &registration.said);
    deeds.extend(said.map(|said| said.at));
    for module in &facts.modules {
        deeds.extend(module.opened.iter());
        deeds.extend(module.visible.iter().map(|change| change.at));
        for section in &module.sections {
            deeds.extend(section.visible.iter().map(|change| change.at));
            deeds.extend(section.completed.iter());
        }
    }
    deeds.extend(
        facts
            .flags
            .iter()
            .flat_map(|flag| &flag.changes)
            .map(|change| change.at),
    );
    for dispatch in &facts.dispatches {
        deeds.push(dispatch.known_at);
        deeds.extend(dispatch.completed_at.into_iter().chain(dispatch.cancelled_at));
    }
    deeds
}
