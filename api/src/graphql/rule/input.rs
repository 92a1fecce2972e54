//! Rules as staff write them. Field by field this is the JSON of `rules::definition`: what serde writes of these inputs is
//! what that crate reads.

mod action;
mod fact;
mod reference;
mod trigger;

pub use action::ActionInput;
pub use trigger::TriggerInput;

use async_graphql::{Enum, InputObject, OneofObject};
use rules::definition;
use serde::Serialize;

use self::fact::FactInput;
use crate::graphql::{
    enrollment::EnrollmentStatus,
    form::Operator,
    scalar::{AnswerValue, Duration},
};

/// What a rule says, apart from its key, name and scope.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionInput<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) statuses: Option<&'a [EnrollmentStatus]>,
    pub(super) trigger: &'a TriggerInput,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<&'a ConditionInput>,
    pub(super) actions: &'a [ActionInput],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limits: Option<&'a LimitsInput>,
}

/// What must hold.
#[derive(Clone, Debug, OneofObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ConditionInput {
    /// Each of them.
    All(Vec<ConditionInput>),
    /// At least one of them.
    Any(Vec<ConditionInput>),
    /// The contrary.
    Not(Box<ConditionInput>),
    /// A comparison of a fact with a value.
    Compare(CompareInput),
}

/// A comparison of a fact with a value; unknown where the fact is missing (but for `EXISTS`).
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompareInput {
    /// What is looked at.
    fact: FactInput,
    /// How it is compared.
    operator: Operator,
    /// What it is compared with.
    value: AnswerValue,
}

/// How often a rule may fire.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitsInput {
    /// How long after a firing the rule is held back.
    cooldown: Option<Duration>,
    /// How many times it may fire in one enrollment.
    max_firings: Option<u32>,
    /// While this is true, the rule does not fire.
    stop_when: Option<ConditionInput>,
    /// Whether what is sent waits for the end of the recipient's quiet hours; it does where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    quiet_hours: Option<QuietHours>,
    /// What happens to schedules that came due while nobody was looking; the latest fires where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    catch_up: Option<CatchUp>,
    /// How late a schedule may still fire.
    grace: Option<Duration>,
}

/// Whether quiet hours count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "definition::QuietHours")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QuietHours {
    /// What is sent waits until they end.
    Honour,
    /// What is sent leaves at once.
    Bypass,
}

/// What happens to occurrences that came due during downtime or a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "definition::CatchUp")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CatchUp {
    /// They lapse.
    Skip,
    /// The latest of them fires.
    Once,
    /// All of them fire.
    All,
}
