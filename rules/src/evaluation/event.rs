//! Rules triggered by something that happens.

use uuid::Uuid;

use super::{Run, Version, Window};
use crate::{
    as_of::AsOf,
    definition::{EventTrigger, Trigger, UnhandledFlag},
    facts::{Event, EventKind, Facts, Instant, Message, Status},
};

impl Run<'_> {
    /// Folds the events of the window, each against the facts as of itself.
    #[inline(never)]
    pub(super) fn events(&mut self, version: &Version, trigger: &EventTrigger, window: Window) {
        match trigger {
            EventTrigger::FlagUnhandled(unhandled) => return self.unhandled_flags(version, unhandled, window),
            EventTrigger::MessageUnanswered(_) => return self.unanswered_messages(version, window),
            _ => {}
        }
        let (rule, facts) = (&version.active, self.facts);
        // The new ones are few, and last.
        let old = facts.events.iter().rposition(|event| event.at <= window.after);
        let new = facts.events.get(old.map_or(0, |last| last + 1)..).unwrap_or_default();
        for event in new.iter().take_while(|event| event.at <= window.until) {
            if !is_meant(trigger, event, facts) {
                continue;
            }
            let as_of = match &event.kind {
                EventKind::FormCompleted { response, .. } => AsOf::of_response(facts, event.at, *response),
                EventKind::MeasurementRegistered { measurement, .. } => {
                    AsOf::of_measurement(facts, event.at, *measurement)
                }
                EventKind::ActivityRegistered { registration } => AsOf::of_registration(facts, event.at, *registration),
                _ => AsOf::new(facts, event.at),
            };
            if is_of_status(trigger) || self.in_status(rule, &as_of) {
                self.fire(rule, &as_of, event.at, event.id, event.depth);
            }
        }
        // Written by a machine whose clock is ahead.
        if facts.events.last().is_some_and(|last| last.at > self.now) {
            let ahead = facts.events.partition_point(|event| event.at <= self.now);
            if let Some(event) = facts.events.get(ahead) {
                self.wake(version, event.at);
            }
        }
    }

    /// Judges the flags that have been left unhandled for long enough, at the instant at which that is so. It is no event
    /// that anybody writes: nothing happened.
    #[inline(never)]
    fn unhandled_flags(&mut self, version: &Version, unhandled: &UnhandledFlag, window: Window) {
        let (rule, facts) = (&version.active, self.facts);
        let mut due: Vec<Unhandled> = Vec::new();
        for flag in facts.flags.iter().filter(|flag| flag.kind == unhandled.kind) {
            for (index, (opened, handled)) in flag.openings().enumerate() {
                let mut at = unhandled.after.add_to(opened, facts.zone);
                if at < rule.effective_from && self.was_still_to_come(version, unhandled, opened) {
                    at = rule.effective_from;
                }
                if handled.is_some_and(|handled| handled <= at) {
                    continue;
                }
                if window.holds(at) {
                    due.push(Unhandled {
                        at,
                        opened,
                        flag: flag.id,
                        ordinal: index + 1,
                    });
                }
                self.wake(version, at);
            }
        }
        due.sort_by_key(|due| (due.at, due.flag, due.ordinal));
        for due in due {
            let (as_of, line) = (AsOf::new(facts, due.at), format!("unhandled/{}", due.flag));
            // An edit may have made the time longer since it fired.
            if !self.in_status(rule, &as_of) || self.is_done(&line, due.opened.naive_utc()) {
                continue;
            }
            let (occurrence, depth) = (format!("{line}/{}", due.ordinal), self.depth_at(due.opened));
            if self.fire(rule, &as_of, due.at, occurrence, depth) {
                self.mark_done(line, due.opened.naive_utc(), due.at);
            }
        }
    }

    /// Judges the messages that were not answered as promised, at the instant at which that is so. It is no event that anybody
    /// writes: nothing happened. Of those that wait together only the one whose promise is broken first is told of; one whose
    /// promise this version never judged, since it was broken before its time or in a status that is not its own, hides none.
    #[inline(never)]
    fn unanswered_messages(&mut self, version: &Version, window: Window) {
        let (rule, facts) = (&version.active, self.facts);
        let promised = |message: &&Message| Some((message.answer_before?, message.at, message.id));
        let mut due: Vec<(Instant, &Message)> = Vec::new();
        for message in &facts.messages {
            let still = |at: &Instant| (window.holds(*at) || *at > self.now) && message.waits(*at);
            let Some(at) = message.answer_before.filter(still) else {
                continue;
            };
            let owned = Window {
                after: version.owned_after,
                until: at,
            };
            let is_judged = |promise: Instant| owned.holds(promise) && self.in_status(rule, &AsOf::new(facts, promise));
            let mut others = facts.messages.iter().filter(|other| other.waits(at));
            if others.any(|other| promised(&other) < promised(&message) && other.answer_before.is_some_and(is_judged)) {
                continue;
            }
            if window.holds(at) {
                due.push((at, message));
            }
            self.wake(version, at);
        }
        due.sort_by_key(|(at, message)| (*at, message.id));
        for (at, message) in due {
            let as_of = AsOf::new(facts, at);
            if self.in_status(rule, &as_of) {
                // A citizen wrote it: no rule was the cause.
                self.fire(rule, &as_of, at, format_args!("unanswered/{}", message.id), 0);
            }
        }
    }

    /// Whether the version before would have judged a flag of the same kind only after this one took its place. A shorter time
    /// may be over by then, and nobody would judge the flag.
    fn was_still_to_come(&self, version: &Version, unhandled: &UnhandledFlag, opened: Instant) -> bool {
        let former = version.former.as_ref().map(|former| &former.trigger);
        matches!(former, Some(Trigger::Event(EventTrigger::FlagUnhandled(former)))
            if former.kind == unhandled.kind
                && former.after.add_to(opened, self.facts.zone) >= version.active.effective_from)
    }
}

/// A flag that has been left unhandled for long enough.
struct Unhandled {
    at: Instant,
    opened: Instant,
    flag: Uuid,
    /// Which of its openings.
    ordinal: usize,
}

/// Whether the trigger is a change of status, which the rule's statuses do not concern.
fn is_of_status(trigger: &EventTrigger) -> bool {
    matches!(
        trigger,
        EventTrigger::EnrollmentStarted(_) | EventTrigger::EnrollmentPaused(_) | EventTrigger::EnrollmentEnded(_)
    )
}

#[inline]
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
        (EventTrigger::MessageReceived(wanted), EventKind::MessageReceived { from }) => {
            wanted.from.is_none_or(|wanted| wanted == *from)
        }
        (EventTrigger::ActivityRegistered(_), EventKind::ActivityRegistered { .. }) => true,
        (EventTrigger::MeasurementRegistered(wanted), EventKind::MeasurementRegistered { kind, .. }) => {
            named(&wanted.kind, kind)
        }
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
