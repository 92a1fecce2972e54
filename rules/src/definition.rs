//! What a rule says: when (trigger), if (condition), then (actions) and how often (limits).
//!
//! The JSON of [`RuleDefinition`] is what is stored, what the API's `definition` scalar shows and, field by field, the shape
//! of the API's typed inputs. Unknown fields are refused.

mod fact;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use fact::{
    AnswerFact, AnyForm, DaysSinceFact, Fact, Happening, LastDays, MeasurementFact, Pick, RatingFact, RatingOf,
    ScoreFact, Unit,
};

use crate::{
    answer::Answer,
    facts::{Audience, Channel, Severity, Status},
    form::Operator,
    period::{LocalTime, Period},
};

/// A whole rule, apart from its key, name and scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleDefinition {
    /// The statuses of the enrollment in which the rule may fire.
    #[serde(default = "active")]
    pub statuses: Vec<Status>,
    /// When the rule is looked at.
    pub trigger: Trigger,
    /// If it then fires; always, where absent. Only a condition that is *true* fires: unknown does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// What it does.
    pub actions: Vec<Action>,
    /// How often, and what about downtime.
    #[serde(default)]
    pub limits: Limits,
}

fn active() -> Vec<Status> {
    vec![Status::Active]
}

/// When a rule is looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Trigger {
    /// At planned local times.
    Schedule(Schedule),
    /// When something happens.
    Event(EventTrigger),
    /// When the condition becomes true.
    Whenever(Whenever),
}

/// Local times counted from an anchor.
///
/// Day 0 is the anchor's local date. Each slot comes on every day of the recurrence (on day 0 alone without one), `offset`
/// later, at the local time `at`; a slot without `at` comes exactly `offset` after the anchor's own local time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// What is counted from.
    pub anchor: Anchor,
    /// An RFC 5545 recurrence rule (`FREQ=DAILY;INTERVAL=14`, `FREQ=WEEKLY;BYDAY=MO;COUNT=8`) whose start is the anchor's
    /// local date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// The times of each round.
    pub slots: Vec<Slot>,
    /// No slot comes this long after the anchor or later. For slots with a time of day, months and days alone count whole days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Period>,
}

/// One time of a [`Schedule`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slot {
    /// Stable and unique within the rule: part of the identity of the occurrence.
    pub key: String,
    /// How long after the anchor (or the day of the recurrence); may be negative.
    #[serde(default)]
    pub offset: Period,
    /// The local time of day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<LocalTime>,
}

/// What a schedule counts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Anchor {
    /// The enrollment's start.
    EnrollmentStart(Nothing),
    /// The enrollment's planned end.
    EnrollmentEnd(Nothing),
    /// Each time the module is opened.
    ModuleOpened(ModuleRef),
    /// When the module is completed.
    ModuleCompleted(ModuleRef),
    /// Each time the form becomes available.
    FormSent(FormRef),
    /// Each time the form is completed.
    FormCompleted(FormRef),
    /// Each time a flag of the kind is raised.
    FlagRaised(FlagRef),
    /// A fixed local date.
    Date(DateRef),
}

/// Something that needs no further words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nothing {
    /// A note to those who read the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A module by key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModuleRef {
    /// The module's key.
    pub module: String,
}

/// A section by the keys of its module and its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SectionRef {
    /// The section's key.
    pub section: String,
}

/// A form by key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FormRef {
    /// The form's key.
    pub form: String,
}

/// A kind of flag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlagRef {
    /// The flag's kind.
    pub kind: String,
}

/// A local date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DateRef {
    /// The date, in the enrollment's zone.
    pub date: NaiveDate,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum EventTrigger {
    /// A response to the form is submitted.
    FormCompleted(FormRef),
    /// Every visible step of the module is completed; any module where none is named.
    ModuleCompleted(AnyModule),
    /// A step is completed; any where none is named.
    StepCompleted(AnyStep),
    /// The citizen signs in.
    SignedIn(Nothing),
    /// The enrollment becomes active.
    EnrollmentStarted(Nothing),
    /// The enrollment is paused.
    EnrollmentPaused(Nothing),
    /// The enrollment is completed or withdrawn.
    EnrollmentEnded(Nothing),
    /// A flag of the kind is raised.
    FlagRaised(FlagRef),
    /// A flag of the kind has been left unhandled: neither acknowledged nor resolved for so long after it was opened.
    FlagUnhandled(UnhandledFlag),
    /// A message is sent by the citizen or by the staff; by either where none is named.
    MessageReceived(AnySender),
    /// A citizen's message has waited for an answer until the unit had promised one. Of several that wait, the one whose promise
    /// is broken first.
    MessageUnanswered(Nothing),
    /// The citizen registers a planned activity.
    ActivityRegistered(Nothing),
    /// The citizen registers a measurement of the kind; of any where none is named.
    MeasurementRegistered(AnyMeasurement),
}

/// A flag that nobody has handled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnhandledFlag {
    /// The flag's kind.
    pub kind: String,
    /// How long after it was raised or reopened.
    pub after: Period,
}

/// Who wrote a message, or anybody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnySender {
    /// The citizen or the staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Audience>,
}

/// A kind of measurement by key, or any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnyMeasurement {
    /// The key of the kind within the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A module by key, or any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnyModule {
    /// The module's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
}

/// A step by key, or any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnyStep {
    /// The step's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

/// The condition becoming true, as an episode: it fires once, and arms again when the episode has ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Whenever {
    /// How long the condition must have been true without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_for: Option<Period>,
    /// What ends the episode (hysteresis); the condition turning false, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Condition>,
}

/// What must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Condition {
    /// Each of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
    /// The contrary.
    Not(Box<Condition>),
    /// A comparison of a fact with a value.
    Compare(Compare),
}

/// A comparison of a fact with a value; *unknown* where the fact is missing (but for `EXISTS`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Compare {
    /// What is looked at.
    pub fact: Fact,
    /// How it is compared.
    pub operator: Operator,
    /// What it is compared with.
    pub value: Answer,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// Asks the citizen to fill in a form.
    DispatchForm(DispatchForm),
    /// Raises a flag, or adds a cause to the unresolved one of its kind.
    RaiseFlag(RaiseFlag),
    /// Reminds the citizen or the staff.
    Remind(Remind),
    /// Opens and shows a module.
    OpenModule(ModuleRef),
    /// Hides a module.
    HideModule(ModuleRef),
    /// Opens and shows a section.
    OpenSection(SectionRef),
    /// Hides a section.
    HideSection(SectionRef),
    /// Sends the citizen a message from the unit.
    SendMessage(SendMessage),
    /// Starts an escalation ladder for the open flag of a kind.
    Escalate(Escalate),
}

/// Sends the citizen a message in the thread of the enrollment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendMessage {
    /// What it says.
    pub body: String,
}

/// An escalation ladder: until somebody acknowledges or resolves the flag, one recipient after the other is reminded of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Escalate {
    /// The kind of the flag to staff.
    pub kind: String,
    /// The rungs, from the first to the last.
    pub rungs: Vec<Rung>,
    /// Whether a rung that would come while the unit is closed waits until it opens.
    #[serde(default)]
    pub office_hours: bool,
}

/// One rung of an escalation ladder. Each comes once for each time that the flag is opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rung {
    /// Stable and unique within the ladder.
    pub key: String,
    /// How long after the firing.
    pub after: Period,
    /// Who is reminded.
    pub to: Recipients,
    /// The key of the message template.
    pub template: String,
    /// How it is sent; by e-mail where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
}

/// Staff who are reminded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Recipients {
    /// The therapists of the enrollment.
    Therapists,
    /// All who treat at the unit.
    UnitStaff,
    /// The administrators of the unit.
    UnitAdministrators,
}

/// Asks the citizen to fill in a form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DispatchForm {
    /// The form's key.
    pub form: String,
    /// How long after it became available it can be answered; for ever where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after: Option<Period>,
    /// When the citizen is reminded, counted from when it became available. Reminders stop on the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remind_after: Vec<Period>,
}

/// Raises a flag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RaiseFlag {
    /// What it is about: unresolved flags are unique by enrollment, kind and audience.
    pub kind: String,
    /// How serious.
    pub severity: Severity,
    /// What is read in the list.
    pub title: String,
    /// Whom it is shown to.
    pub audience: Audience,
    /// Whether it resolves itself when the episode that raised it ends (rules of the kind `whenever` alone).
    #[serde(default)]
    pub auto_resolve: bool,
}

/// Reminds somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Remind {
    /// The key of the message template.
    pub template: String,
    /// How it is sent; as the recipient chose where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    /// Who is reminded: the citizen, or the enrollment's therapists.
    pub audience: Audience,
}

/// How often a rule may fire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// How long after a firing the rule is held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Period>,
    /// How many times it may fire in one enrollment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_firings: Option<u32>,
    /// Once this has been true when the rule was looked at, it does not fire while it is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_when: Option<Condition>,
    /// Whether what is sent waits for the end of the recipient's quiet hours.
    pub quiet_hours: QuietHours,
    /// What happens to schedules that came due while nobody was looking. It concerns schedules alone: events and episodes are
    /// judged however late, so that no answer's flag is lost to downtime.
    pub catch_up: CatchUp,
    /// How late a schedule may still fire; without it, `SKIP` allows none that is later than a quarter of an hour, and `ONCE` and
    /// `ALL` any lateness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace: Option<Period>,
}

/// Whether quiet hours count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QuietHours {
    /// What is sent waits until they end.
    #[default]
    Honour,
    /// What is sent leaves at once.
    Bypass,
}

/// What happens to occurrences that came due during downtime or a pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CatchUp {
    /// They lapse.
    Skip,
    /// The latest of them fires.
    #[default]
    Once,
    /// All of them fire.
    All,
}
