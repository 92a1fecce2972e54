//! What some rules look at, so that nothing else is read.

use std::collections::BTreeSet;

use rules::definition::{Anchor, Condition, EventTrigger, Fact, Happening, RuleDefinition, Trigger};

/// A part of the facts that is read by statements of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Date of birth and sex.
    Person,
    /// When the enrollment was planned to end.
    Ends,
    /// Submitted forms.
    Responses,
    /// Forms that were sent.
    Dispatches,
    /// Flags.
    Flags,
    /// Messages.
    Messages,
    /// What was measured.
    Measurements,
    /// Planned activities.
    Activities,
    /// How it was before and after planned activities.
    Ratings,
    /// Modules with their sections and progress.
    Modules,
}

/// The parts of the facts that some rules look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs(BTreeSet<Part>);

impl Needs {
    /// Everything.
    pub fn all() -> Self {
        Self(BTreeSet::from([
            Part::Person,
            Part::Ends,
            Part::Responses,
            Part::Dispatches,
            Part::Flags,
            Part::Messages,
            Part::Measurements,
            Part::Activities,
            Part::Ratings,
            Part::Modules,
        ]))
    }

    /// What these rules look at.
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a RuleDefinition>) -> Self {
        let mut needs = Self::default();
        for rule in rules {
            let released = match &rule.trigger {
                Trigger::Schedule(schedule) => {
                    needs.0.extend(of_anchor(&schedule.anchor));
                    None
                }
                Trigger::Event(event) => {
                    needs.0.extend(of_event(event));
                    None
                }
                Trigger::Whenever(whenever) => whenever.release.as_ref(),
            };
            let conditions = [rule.condition.as_ref(), rule.limits.stop_when.as_ref(), released];
            for condition in conditions.into_iter().flatten() {
                needs.look_at(condition);
            }
        }
        needs
    }

    /// These parts, too.
    pub fn and(mut self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.0.extend(parts);
        self
    }

    /// All but a part, which somebody has read already.
    pub(crate) fn without(mut self, part: Part) -> Self {
        self.0.remove(&part);
        self
    }

    /// Whether a part is to be read.
    pub fn has(&self, part: Part) -> bool {
        self.0.contains(&part)
    }

    fn look_at(&mut self, condition: &Condition) {
        match condition {
            Condition::All(conditions) | Condition::Any(conditions) => {
                for condition in conditions {
                    self.look_at(condition);
                }
            }
            Condition::Not(condition) => self.look_at(condition),
            Condition::Compare(compare) => self.0.extend(of_fact(&compare.fact)),
        }
    }
}

fn of_anchor(anchor: &Anchor) -> Option<Part> {
    match anchor {
        Anchor::EnrollmentStart(_) | Anchor::Date(_) => None,
        Anchor::EnrollmentEnd(_) => Some(Part::Ends),
        Anchor::ModuleOpened(_) | Anchor::ModuleCompleted(_) => Some(Part::Modules),
        Anchor::FormSent(_) => Some(Part::Dispatches),
        Anchor::FormCompleted(_) => Some(Part::Responses),
        Anchor::FlagRaised(_) => Some(Part::Flags),
    }
}

/// What happened is always read; what time alone makes true is found in what it is about.
fn of_event(event: &EventTrigger) -> Option<Part> {
    match event {
        EventTrigger::FlagUnhandled(_) => Some(Part::Flags),
        EventTrigger::MessageUnanswered(_) => Some(Part::Messages),
        _ => None,
    }
}

/// Statuses, sign-ins and what the citizen did are always read.
fn of_fact(fact: &Fact) -> Option<Part> {
    match fact {
        Fact::Score(_) | Fact::Answer(_) => Some(Part::Responses),
        Fact::Measurement(_) => Some(Part::Measurements),
        Fact::DaysSince(since) => match since.event {
            Happening::SignIn | Happening::Activity => None,
            Happening::FormCompleted => Some(Part::Responses),
            Happening::Measurement => Some(Part::Measurements),
            Happening::Message
            | Happening::MessageFromCitizen
            | Happening::MessageFromStaff
            | Happening::UnansweredMessage => Some(Part::Messages),
        },
        Fact::OverdueDispatches(_) | Fact::MissedDispatches(_) => Some(Part::Dispatches),
        Fact::ModuleProgress(_) | Fact::SectionProgress(_) | Fact::ProgramProgress(_) => Some(Part::Modules),
        Fact::MissedActivities(_) => Some(Part::Activities),
        Fact::Rating(_) => Some(Part::Ratings),
        Fact::ProgramWeek(_) | Fact::Status(_) => None,
        Fact::Age(_) | Fact::Sex(_) => Some(Part::Person),
        Fact::OpenFlag(_) => Some(Part::Flags),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(trigger: serde_json::Value, condition: serde_json::Value, limits: serde_json::Value) -> RuleDefinition {
        let definition = json!({ "trigger": trigger, "condition": condition, "actions": [], "limits": limits });
        serde_json::from_value(definition).unwrap()
    }

    fn compare(fact: serde_json::Value) -> serde_json::Value {
        json!({ "compare": { "fact": fact, "operator": "GTE", "value": 1 } })
    }

    #[test]
    fn triggers_conditions_releases_and_stops_are_looked_at() {
        let anchored = rule(
            json!({ "schedule": { "anchor": { "formSent": { "form": "f" } }, "slots": [] } }),
            json!({ "all": [ { "not": compare(json!({ "moduleProgress": { "module": "m" } })) } ] }),
            json!({ "stopWhen": compare(json!({ "openFlag": { "kind": "k" } })) }),
        );
        let released = rule(
            json!({ "whenever": { "release": compare(json!({ "daysSince": { "event": "MESSAGE" } })) } }),
            compare(json!({ "missedActivities": { "days": 7 } })),
            json!({}),
        );
        assert_eq!(
            Needs::of([&anchored]).0,
            BTreeSet::from([Part::Dispatches, Part::Flags, Part::Modules])
        );
        assert_eq!(
            Needs::of([&released]).0,
            BTreeSet::from([Part::Messages, Part::Activities])
        );
        assert_eq!(Needs::of([]), Needs::default());
    }

    #[test]
    fn what_is_always_there_needs_nothing() {
        let idle = rule(
            json!({ "event": { "signedIn": {} } }),
            compare(json!({ "daysSince": { "event": "SIGN_IN" } })),
            json!({}),
        );
        assert_eq!(Needs::of([&idle]), Needs::default());
    }
}
