//! Rules as staff write them. Field by field this is the JSON of `rules::definition`: what serde writes of these inputs is
//! what that crate reads.

use async_graphql::{Enum, InputObject, OneofObject};
use chrono::NaiveDate;
use rules::definition;
use serde::Serialize;

use crate::graphql::{
    enrollment::EnrollmentStatus,
    flag::{Audience, Severity},
    form::Operator,
    reminder::Channel,
    scalar::{AnswerValue, Duration, LocalTime},
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

/// Something that needs no further words.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NothingInput {
    /// A note to those who read the rule.
    note: Option<String>,
}

/// A module by key.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleRefInput {
    /// The module's key.
    module: String,
}

/// A section by key.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SectionRefInput {
    /// The section's key.
    section: String,
}

/// A form by key.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FormRefInput {
    /// The form's key.
    form: String,
}

/// A kind of flag.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlagRefInput {
    /// The flag's kind.
    kind: String,
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
    /// The citizen registers a planned activity.
    ActivityRegistered(NothingInput),
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

/// A form by key, or any.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnyFormInput {
    /// The form's key.
    form: Option<String>,
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

/// Something that can be known of an enrollment.
#[derive(Clone, Debug, OneofObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FactInput {
    /// A score of a form.
    Score(ScoreFactInput),
    /// The answer of one item in the latest response.
    Answer(AnswerFactInput),
    /// Whole calendar days since something happened last.
    DaysSince(DaysSinceFactInput),
    /// How many dispatches are available, unanswered and past their first reminder or half of their window.
    OverdueDispatches(AnyFormInput),
    /// How many of the last dispatches in a row expired without an answer.
    MissedDispatches(AnyFormInput),
    /// Percent of the module's steps that are completed.
    ModuleProgress(ModuleRefInput),
    /// Percent of the section's steps that are completed.
    SectionProgress(SectionRefInput),
    /// Percent of the program's steps that are completed.
    ProgramProgress(NothingInput),
    /// How many planned activities of the last days passed without a registration; today is not counted.
    MissedActivities(LastDaysInput),
    /// Which week of the program it is; the first is 1.
    ProgramWeek(NothingInput),
    /// The enrollment's status.
    Status(NothingInput),
    /// The citizen's age in whole years.
    Age(NothingInput),
    /// The citizen's sex, FEMALE or MALE; unknown where the identity number does not tell it.
    Sex(NothingInput),
    /// Whether a flag of the kind is open or acknowledged.
    OpenFlag(FlagRefInput),
}

/// A number of days, up to yesterday.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastDaysInput {
    /// How many local days.
    days: u32,
}

/// A score of a form.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoreFactInput {
    /// The form's key.
    form: String,
    /// The scale's key.
    scale: String,
    /// Which of the scores; the latest where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pick: Option<Pick>,
    /// How many of the latest scores, for `MEAN`, `MAX` and `MIN`; all where absent.
    last: Option<u32>,
}

/// Which of the scores in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "definition::Pick")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Pick {
    /// That of the latest response.
    Latest,
    /// That of the first response.
    First,
    /// That of the response before the latest.
    Previous,
    /// The latest less the first.
    ChangeFromFirst,
    /// The latest less the previous.
    ChangeFromPrevious,
    /// The mean of the last ones.
    Mean,
    /// The highest of the last ones.
    Max,
    /// The lowest of the last ones.
    Min,
    /// The change from the first, in percent of the first.
    PercentChangeFromFirst,
    /// The change from the previous, in percent of the previous.
    PercentChangeFromPrevious,
    /// The change from the first, divided by the standard error of the difference; beyond ±1.96 it is reliable.
    ReliableChange,
}

/// The answer of one item.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerFactInput {
    /// The form's key.
    form: String,
    /// The item's key.
    item: String,
}

/// How long ago something happened.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DaysSinceFactInput {
    /// What happened.
    event: Happening,
    /// Which form, for `FORM_COMPLETED`; any where absent.
    form: Option<String>,
}

/// What days are counted since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "definition::Happening")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Happening {
    /// The citizen signed in.
    SignIn,
    /// The citizen did anything.
    Activity,
    /// A form was completed.
    FormCompleted,
    /// A message was sent, either way.
    Message,
    /// The citizen sent a message.
    MessageFromCitizen,
    /// The staff sent a message.
    MessageFromStaff,
}

/// What a rule does.
#[derive(Clone, Debug, OneofObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ActionInput {
    /// Asks the citizen to fill in a form.
    DispatchForm(DispatchFormActionInput),
    /// Raises a flag, or adds a cause to the unresolved one of its kind.
    RaiseFlag(RaiseFlagActionInput),
    /// Reminds the citizen or the staff.
    Remind(RemindActionInput),
    /// Opens and shows a module.
    OpenModule(ModuleRefInput),
    /// Hides a module.
    HideModule(ModuleRefInput),
    /// Opens and shows a section.
    OpenSection(SectionRefInput),
    /// Hides a section.
    HideSection(SectionRefInput),
    /// Sends the citizen a message from the unit.
    SendMessage(SendMessageActionInput),
    /// Starts an escalation ladder for the open flag of a kind.
    Escalate(EscalateActionInput),
}

/// Sends the citizen a message in the thread of the enrollment.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessageActionInput {
    /// What it says.
    body: String,
}

/// An escalation ladder: until somebody acknowledges or resolves the flag, one recipient after the other is reminded of it.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EscalateActionInput {
    /// The kind of the flag to staff.
    kind: String,
    /// The rungs, from the first to the last.
    rungs: Vec<RungInput>,
    /// Whether a rung that would come while the unit is closed waits until it opens; it does not where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    office_hours: Option<bool>,
}

/// One rung of an escalation ladder. Each comes once for each time that the flag is opened.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RungInput {
    /// Stable and unique within the ladder.
    key: String,
    /// How long after the firing.
    after: Duration,
    /// Who is reminded.
    to: Recipients,
    /// The key of the message template.
    template: String,
    /// How it is sent; by e-mail where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<Vec<Channel>>,
}

/// Staff who are reminded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "definition::Recipients")]
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
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DispatchFormActionInput {
    /// The form's key.
    form: String,
    /// How long it can be answered; for ever where absent.
    expires_after: Option<Duration>,
    /// When the citizen is reminded, counted from when it became available, until they answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    remind_after: Option<Vec<Duration>>,
}

/// Raises a flag.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RaiseFlagActionInput {
    /// What it is about.
    kind: String,
    /// How serious it is.
    severity: Severity,
    /// What is read in lists.
    title: String,
    /// Whom it is shown to.
    audience: Audience,
    /// Whether it resolves itself when the episode that raised it ends (`whenever` alone).
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_resolve: Option<bool>,
}

/// Reminds somebody.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemindActionInput {
    /// The key of the message template.
    template: String,
    /// How; as the recipient chose where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<Vec<Channel>>,
    /// Who is reminded: the citizen, or those who treat.
    audience: Audience,
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
