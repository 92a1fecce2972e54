//! What can be known of an enrollment.

use serde::{Deserialize, Serialize};

use super::{FlagRef, ModuleRef, Nothing, SectionRef};

/// Something that can be known of an enrollment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Fact {
    /// A score of a form; missing where it could not be computed.
    Score(ScoreFact),
    /// The answer of one item in the latest response: a number where the item or option has one.
    Answer(AnswerFact),
    /// What the citizen measured and registered of a kind, in the unit of the kind; missing where nothing was.
    Measurement(MeasurementFact),
    /// How it was before or after a planned activity, from 0 to 10, as the citizen registered it of any; missing where they did
    /// not say.
    Rating(RatingFact),
    /// Whole calendar days since something happened last; missing where it never did, but for `SIGN_IN` and `ACTIVITY`, which
    /// count from the start.
    DaysSince(DaysSinceFact),
    /// How many dispatches are available, unanswered and past their first reminder or half of their window.
    OverdueDispatches(AnyForm),
    /// How many of the last dispatches in a row expired without an answer.
    MissedDispatches(AnyForm),
    /// Percent of the module's shown steps that are completed, 0–100; missing where none is shown.
    ModuleProgress(ModuleRef),
    /// Percent of the section's steps that are completed, 0–100; missing while it or its module is hidden.
    SectionProgress(SectionRef),
    /// Percent of the program's shown steps that are completed, 0–100; missing where none is shown.
    ProgramProgress(Nothing),
    /// How many planned activities of the last days passed without a registration; today is not counted.
    MissedActivities(LastDays),
    /// Which week of the program it is; the first is 1.
    ProgramWeek(Nothing),
    /// The enrollment's status, e.g. `"ACTIVE"`.
    Status(Nothing),
    /// The citizen's age in whole years.
    Age(Nothing),
    /// The citizen's sex, `"FEMALE"` or `"MALE"`; missing where the identity number does not tell it.
    Sex(Nothing),
    /// Whether a flag of the kind is open or acknowledged.
    OpenFlag(FlagRef),
}

/// A score of a form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScoreFact {
    /// The form's key.
    pub form: String,
    /// The scale's key.
    pub scale: String,
    /// Which of the scores.
    #[serde(default)]
    pub pick: Pick,
    /// How many of the latest scores, for `MEAN`, `MAX` and `MIN`; all of them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
}

/// Which of the scores in time; likewise of measurements, and of registrations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Pick {
    /// That of the latest response; missing where that response gave none.
    #[default]
    Latest,
    /// That of the first response.
    First,
    /// That of the response before the latest.
    Previous,
    /// The latest less the first; missing where there is only one.
    ChangeFromFirst,
    /// The latest less the previous; missing where there is only one.
    ChangeFromPrevious,
    /// The mean of the last ones; missing where there are fewer than `last`.
    Mean,
    /// The highest of the last ones; missing where there are fewer than `last`.
    Max,
    /// The lowest of the last ones; missing where there are fewer than `last`.
    Min,
    /// The change from the first, in percent of the first; missing where that is 0.
    PercentChangeFromFirst,
    /// The change from the previous, in percent of the previous; missing where that is 0.
    PercentChangeFromPrevious,
    /// The change from the first, divided by the standard error of the difference: beyond ±1.96 it is reliable (Jacobson &
    /// Truax 1991). Missing where the scale gives no standard deviation and reliability.
    ReliableChange,
}

/// What was measured of a kind. The latest is what was measured last, whenever it was registered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeasurementFact {
    /// The key of the kind within the program.
    pub kind: String,
    /// Which of the measurements; `RELIABLE_CHANGE` is of scores alone.
    #[serde(default)]
    pub pick: Pick,
    /// How many of the latest ones, for `MEAN`, `MAX` and `MIN`; all of them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
    /// What it is counted in, as people read it. It is noted from the program when the rule is saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Box<Unit>>,
}

/// A unit of measurement as people read it, in the languages that rules are told in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unit {
    /// In English.
    pub en: String,
    /// In Swedish.
    pub sv: String,
}

/// What the citizen registered of how it was. The latest registration is the one that was made last, of whatever day; a
/// correction does not make it another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RatingFact {
    /// Which of its ratings, or their difference.
    #[serde(default)]
    pub of: RatingOf,
    /// Which of the registrations; `RELIABLE_CHANGE` is of scores alone.
    #[serde(default)]
    pub pick: Pick,
    /// How many of the latest ones, for `MEAN`, `MAX` and `MIN`; all of them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
}

/// What is looked at of the ratings of one registration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RatingOf {
    /// How it was afterwards.
    #[default]
    After,
    /// How it was beforehand.
    Before,
    /// How it was afterwards less how it was beforehand, -10 to 10; missing where either is.
    Difference,
}

/// A number of days, up to yesterday.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LastDays {
    /// How many local days.
    pub days: u32,
}

/// The answer of one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerFact {
    /// The form's key.
    pub form: String,
    /// The item's key.
    pub item: String,
}

/// How long ago something happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DaysSinceFact {
    /// What happened.
    pub event: Happening,
    /// Which form, for `FORM_COMPLETED`; any where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// Which kind, for `MEASUREMENT`; any where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// What days are counted since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Happening {
    /// The citizen signed in.
    SignIn,
    /// The citizen did anything: completed a step, submitted a form, sent a message, registered an activity.
    Activity,
    /// A form was completed.
    FormCompleted,
    /// A message was sent, either way.
    Message,
    /// The citizen sent a message.
    MessageFromCitizen,
    /// The staff sent a message.
    MessageFromStaff,
    /// The citizen sent the oldest of the messages that nobody has answered yet; missing where there is none.
    UnansweredMessage,
    /// The citizen measured something, whenever they registered it.
    Measurement,
}

/// A form by key, or any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnyForm {
    /// The form's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
}
