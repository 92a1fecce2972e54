//! What can be known of an enrollment.

use async_graphql::{Enum, InputObject, OneofObject};
use rules::definition;
use serde::Serialize;

use super::reference::{AnyFormInput, FlagRefInput, ModuleRefInput, NothingInput, SectionRefInput};

/// Something that can be known of an enrollment.
#[derive(Clone, Debug, OneofObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FactInput {
    /// A score of a form.
    Score(ScoreFactInput),
    /// The answer of one item in the latest response.
    Answer(AnswerFactInput),
    /// What the citizen measured of a kind, in the unit of the kind.
    Measurement(MeasurementFactInput),
    /// How it was before or after a planned activity, from 0 to 10, as the citizen registered it of any.
    Rating(RatingFactInput),
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

/// What was measured of a kind. The latest is what was measured last, whenever it was registered.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasurementFactInput {
    /// The key of the kind within the program.
    kind: String,
    /// Which of the measurements; the latest where absent. `RELIABLE_CHANGE` is of scores alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pick: Option<Pick>,
    /// How many of the latest ones, for `MEAN`, `MAX` and `MIN`; all where absent.
    last: Option<u32>,
    /// What it is counted in. That of the program is noted when the rule is saved, whatever stands here.
    unit: Option<UnitOfMeasureInput>,
}

/// What the citizen registered of how it was. The latest registration is the one that was made last, of whatever day.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RatingFactInput {
    /// Which of its ratings, or their difference; how it was afterwards where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<RatingOf>,
    /// Which of the registrations; the latest where absent. `RELIABLE_CHANGE` is of scores alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pick: Option<Pick>,
    /// How many of the latest ones, for `MEAN`, `MAX` and `MIN`; all where absent.
    last: Option<u32>,
}

/// What is looked at of the ratings of one registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "definition::RatingOf")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RatingOf {
    /// How it was afterwards.
    After,
    /// How it was beforehand.
    Before,
    /// How it was afterwards less how it was beforehand, -10 to 10.
    Difference,
}

/// A unit of measurement as people read it.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitOfMeasureInput {
    /// In English.
    en: String,
    /// In Swedish.
    sv: String,
}

/// Which of the scores, measurements or ratings in time.
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
    /// Which kind, for `MEASUREMENT`; any where absent.
    kind: Option<String>,
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
    /// The citizen sent the oldest of the messages that nobody has answered yet.
    UnansweredMessage,
    /// The citizen measured something, whenever they registered it.
    Measurement,
}
