//! When a rule is looked at.

use async_graphql::{InputObject, OneofObject};
use chrono::NaiveDate;
use serde::Serialize;

use super::{
    ConditionInput,
    reference::{FlagRefInput, FormRefInput, ModuleRefInput, NothingInput},
};
use crate::graphql::{
    flag::Audience,
    scalar::{Duration, LocalTime},
};

/// When a rule is looked at.
#[derive(Clone, Debug, OneofObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TriggerInput {
    /// At planned local times.
    Schedule(ScheduleInput),
    /// When something happens.
    Event(EventTriggerInput),
    /// When the condition becomes true.
    Whenever(WheneverInput),
}

/// Local times counted from an anchor.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleInput {
    /// What is counted from.
    anchor: AnchorInput,
    /// An RFC 5545 recurrence rule that begins on the anchor's local date.
    repeat: Option<String>,
    /// The times of each round.
    slots: Vec<SlotInput>,
    /// No slot comes this long after the anchor or later.
    until: Option<Duration>,
}

/// One time of a schedule.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotInput {
    /// Stable and unique within the rule.
    key: String,
    /// How long after the anchor or the day of the round; may be negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<Duration>,
    /// The local time of day.
    at: Option<LocalTime>,
}

/// What a schedule counts from.
#[derive(Clone, Debug, OneofObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AnchorInput {
    /// The enrollment's start.
    EnrollmentStart(NothingInput),
    /// The enrollment's planned end.
    EnrollmentEnd(NothingInput),
    /// Each time the module is opened.
    ModuleOpened(ModuleRefInput),
    /// When the module is completed.
    ModuleCompleted(ModuleRefInput),
    /// Each time the form becomes available.
    FormSent(FormRefInput),
    /// Each time the form is completed.
    FormCompleted(FormRefInput),
    /// Each time a flag of the kind is raised.
    FlagRaised(FlagRefInput),
    /// A fixed local date.
    Date(DateRefInput),
}

/// A local date.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DateRefInput {
    /// The date, in the enrollment's zone.
    date: NaiveDate,
}

/// Something that happens.
#[derive(Clone, Debug, OneofObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EventTriggerInput {
    /// A response to the form is submitted.
    FormCompleted(FormRefInput),
    /// Every visible step of the module is completed; any module where none is named.
    ModuleCompleted(AnyModuleInput),
    /// A step is completed; any where none is named.
    StepCompleted(AnyStepInput),
    /// The citizen signs in.
    SignedIn(NothingInput),
    /// The enrollment becomes active.
    EnrollmentStarted(NothingInput),
    /// The enrollment is paused.
    EnrollmentPaused(NothingInput),
    /// The enrollment is completed or withdrawn.
    EnrollmentEnded(NothingInput),
    /// A flag of the kind is raised.
    FlagRaised(FlagRefInput),
    /// A flag of the kind is left unhandled: neither acknowledged nor resolved for so long after it was opened.
    FlagUnhandled(UnhandledFlagInput),
    /// A message is sent by the citizen or by the staff; by either where none is named.
    MessageReceived(AnySenderInput),
    /// A citizen's message has waited for an answer until the unit had promised one. Of several that wait, the one whose promise
    /// is broken first.
    MessageUnanswered(NothingInput),
    /// The citizen registers a planned activity.
    ActivityRegistered(NothingInput),
    /// The citizen registers a measurement of the kind; of any where none is named.
    MeasurementRegistered(AnyMeasurementInput),
}

/// A flag that nobody has handled.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnhandledFlagInput {
    /// The flag's kind.
    kind: String,
    /// How long after it was raised or reopened.
    after: Duration,
}

/// Who wrote a message, or anybody.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnySenderInput {
    /// The citizen or the staff.
    from: Option<Audience>,
}

/// A kind of measurement by key, or any.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnyMeasurementInput {
    /// The key of the kind within the program.
    kind: Option<String>,
}

/// A module by key, or any.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnyModuleInput {
    /// The module's key.
    module: Option<String>,
}

/// A step by key, or any.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnyStepInput {
    /// The step's key.
    step: Option<String>,
}

/// The condition becoming true, as an episode: it fires once, and arms again when the episode has ended.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WheneverInput {
    /// How long the condition must have been true without a break.
    held_for: Option<Duration>,
    /// What ends the episode; the condition turning false, where absent.
    release: Option<ConditionInput>,
}
