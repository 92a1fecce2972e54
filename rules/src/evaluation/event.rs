//! Rules triggered by something that happens.

use super::{ActiveRule, Run, Window};
use crate::{
    as_of::AsOf,
    definition::EventTrigger,
    facts::{Event, EventKind, Facts, Instant, Status},
};

impl Run<'_> {
    /// Folds the events of the window, each against the facts as of itself.
    pub(super) fn events(
        &mut self,
        rule: &ActiveRule,
        trigger: &EventTrigger,
        window: Window,
        owned_until: Option<Instant>,
        ended: bool,
    ) {
        let facts = self.facts;
        let first = facts.events.partition_point(|event| event.at <= window.after);
        let mut due: Vec<&Event> = facts
            .events
            .iter()
            .skip(first)
            .take_while(|event| window.holds(event.at))
            .collect();
        due.sort_by_key(|event| (event.at, event.id));
        for event in due.into_iter().filter(|event| is_meant(trigger, event, facts)) {
            let as_of = match &event.kind {
                EventKind::FormCompleted { response, .. } => AsOf::of_response(facts, event.at, *response),
                _ => AsOf::new(facts, event.at),
            };
            if is_of_status(trigger) || self.in_status(rule, &as_of) {
                self.fire(rule, &as_of, event.at, event.id.to_string(), event.depth);
            }
        }
        // Written by a machine whose clock is ahead.
        let ahead = facts.events.partition_point(|event| event.at <= self.now);
        if let Some(event) = facts.events.get(ahead).filter(|_| !ended) {
            self.wake(event.at, owned_until);
        }
    }
}

/// Whether the trigger is a change of status, which the rule's statuses do not concern.
fn is_of_status(trigger: &EventTrigger) -> bool {
    matches!(
        trigger,
        EventTrigger::EnrollmentStarted(_) | EventTrigger::EnrollmentPaused(_) | EventTrigger::EnrollmentEnded(_)
    )
}

fn is_meant(trigger: &EventTrigger, event: &Event, facts: &Facts) -> bool {
    let named = |wanted: &Option<String>, key: &str| wanted.as_deref().is_none_or(|wanted| wanted == key);
    match (trigger, &event.kind) {
        (EventTrigger::FormCompleted(wanted), EventKind::FormCompleted { form, .. }) => wanted.form == *form,
        (EventTrigger::ModuleCompleted(wanted), EventKind::ModuleCompleted { module }) => named(&wanted.module, module),
        (EventTrigger::StepCompleted(wanted), EventKind::StepCompleted { step }) => named(&wanted.step, step),
        (EventTrigger::SignedIn(_), EventKind::SignedIn) => true,
        (EventTrigger::EnrollmentStarted(_), EventKind::StatusChanged(Status::Active)) => is_start(event, facts),
        (EventTrigger::EnrollmentPaused(_), EventKind::StatusChanged(Status::Paused)) => true,
        (EventTrigger::EnrollmentEnded(_), EventKind::StatusChanged(Status::Completed | Status::Withdrawn)) => true,
        (EventTrigger::FlagRaised(wanted), EventKind::FlagRaised { kind }) => wanted.kind == *kind,
        _ => false,
    }
}

/// Whether becoming active was a start, and no coming back from a pause: the status has become active once so far. (The
/// change may be dated a little before its event.)
fn is_start(event: &Event, facts: &Facts) -> bool {
    let known = facts.statuses.iter().take_while(|status| status.at <= event.at);
    let mut active = false;
    let mut times = 0;
    for status in known {
        let was_active = std::mem::replace(&mut active, status.value == Status::Active);
        times += usize::from(active && !was_active);
    }
    times <= 1
}
