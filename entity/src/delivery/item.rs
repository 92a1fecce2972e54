//! What several reminders may tell of: of those that would reach the same person together, the last one does.

use rules::{
    definition::{CatchUp, Recipients, RuleDefinition},
    simulation::{Notice, Subject, To},
};
use uuid::Uuid;

use crate::{applies::Asked, reminder, viewer::Actor};

/// What several reminders may tell of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Item {
    /// A form that waits.
    Form(Uuid),
    /// What a rule reminds of, by its key.
    Rule(String),
    /// A flag that waits, on the ladder of a rule, for a group of staff.
    Rung {
        /// The flag.
        flag: Uuid,
        /// The key of the rule that escalates.
        ladder: String,
        /// For whom the rung is.
        to: Option<Recipients>,
    },
}

impl Item {
    /// What a reminder tells of as one of several; none where each is to be told: what somebody asks for by hand, and what a rule
    /// says that catches up with all.
    pub fn of_reminder(reminder: &reminder::Model, asked: &Asked) -> Option<Self> {
        // Those that a form brings with it come after it, whoever sent the form.
        let is_by_hand = matches!(reminder.actor.0, Actor::Staff(_)) && reminder.remind_at <= reminder.created_at;
        if is_by_hand || reminder.note.is_some() {
            return None;
        }
        if let Some(flag) = reminder.flag_id {
            return Some(Self::Rung {
                flag,
                ladder: reminder.ladder.clone()?,
                to: reminder.recipients.map(|to| to.0),
            });
        }
        if let Some(dispatch) = reminder.dispatch_id {
            return Some(Self::Form(dispatch));
        }
        let (key, rule) = asked.rule(reminder)?;
        Self::of_rule(key, rule)
    }

    /// The same of what a rule would send.
    pub fn of_notice(notice: &Notice, key: &str, rule: &RuleDefinition) -> Option<Self> {
        match (notice.subject, notice.to) {
            (Subject::Form(dispatch), _) => Some(Self::Form(dispatch)),
            (Subject::Flag(flag), To::Staff(to)) => Some(Self::Rung {
                flag,
                ladder: key.to_owned(),
                to: Some(to),
            }),
            (Subject::Flag(_), To::Citizen) => None,
            (Subject::Nothing, _) => Self::of_rule(key, Some(rule)),
        }
    }

    fn of_rule(key: &str, rule: Option<&RuleDefinition>) -> Option<Self> {
        let is_each_told = rule.is_some_and(|rule| rule.limits.catch_up == CatchUp::All);
        (!is_each_told).then(|| Self::Rule(key.to_owned()))
    }
}
