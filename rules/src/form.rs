//! What a form is: its items, their options and conditions, and the scales that its answers are scored by.

use serde::{Deserialize, Serialize};

use crate::{answer::Answer, text::Text};

/// One version of a form, immutable once published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Form {
    /// Unique within a program version.
    pub key: String,
    /// What the form is called.
    pub title: Text,
    /// What the citizen reads before the first item.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub instructions: Text,
    /// In the order they are asked. A group stands before its members, which name it in `group`.
    pub items: Vec<Item>,
    /// The scores that are computed of the answers. An exercise is a form without scales.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scales: Vec<Scale>,
}

/// One question, heading or text of a form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Item {
    /// Unique within the form.
    pub key: String,
    /// What is asked for.
    pub kind: ItemKind,
    /// The wording.
    pub text: Text,
    /// Whether a shown item must be answered before the form can be submitted.
    #[serde(default)]
    pub required: bool,
    /// The key of the group that the item belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What can be chosen, for `CHOICE` and `MULTIPLE_CHOICE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<AnswerOption>,
    /// The least number that may be answered, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest number that may be answered, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The distance between numbers that may be answered, counted from `min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// What the lowest number of a `SCALE` means.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub min_label: Text,
    /// What the highest number of a `SCALE` means.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub max_label: Text,
    /// When the item is shown; always, where absent. The members of a hidden group are hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_when: Option<EnableWhen>,
}

/// The kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ItemKind {
    /// A heading over other items; takes no answer.
    Group,
    /// A text; takes no answer.
    Display,
    /// Yes or no.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Decimal,
    /// A number on a line between two labelled ends.
    Scale,
    /// One of the options.
    Choice,
    /// Any number of the options.
    MultipleChoice,
    /// Free text.
    Text,
    /// A date, `2027-03-28`.
    Date,
    /// A time of day, `08:30`.
    Time,
}

/// One of the answers that a choice offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerOption {
    /// What is stored; unique within the item.
    pub key: String,
    /// What is read.
    pub label: Text,
    /// What it counts for in a score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// When an item is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnableWhen {
    /// Whether all of the conditions must hold, or any of them.
    #[serde(default)]
    pub behavior: EnableBehavior,
    /// What is compared; each names an item that stands in the same form.
    pub conditions: Vec<EnableCondition>,
}

/// How the conditions of an [`EnableWhen`] are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EnableBehavior {
    /// Every condition must hold.
    #[default]
    All,
    /// One condition is enough.
    Any,
}

/// One comparison with the answer of another item. An unanswered or hidden item satisfies only `EXISTS false` and `NE`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnableCondition {
    /// The key of the item that is looked at.
    pub item: String,
    /// How it is compared. A `MULTIPLE_CHOICE` is `EQ` to an option that is among the chosen.
    pub operator: Operator,
    /// What it is compared with: an option's key, a number, a boolean, a date or a text; a boolean for `EXISTS`.
    pub answer: Answer,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// There is a value (`true`) or none (`false`).
    Exists,
}

/// A score that is computed of several items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scale {
    /// Unique within the form.
    pub key: String,
    /// What the score is called.
    pub label: Text,
    /// How the values of the items are joined.
    pub method: Method,
    /// The keys of the items that are summed.
    pub items: Vec<String>,
    /// Those of the items that count backwards: the item's lowest + highest possible value − its value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reversed: Vec<String>,
    /// What happens when items are unanswered.
    #[serde(default)]
    pub missing: MissingPolicy,
    /// The least number of answered items that give a score; with fewer the score is missing. Hidden items are not answered.
    /// Where absent, one is needed, except under [`MissingPolicy::Refuse`], where all may be hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_answered: Option<usize>,
    /// To how many decimals the score is rounded (half away from zero) before it is compared or stored.
    #[serde(default)]
    pub decimals: u32,
    /// The standard deviation of the scores in the norm group, for the reliable change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_deviation: Option<f64>,
    /// How reliable the scores are (test-retest or Cronbach's alpha), from 0 to below 1, for the reliable change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<f64>,
    /// Which way is better; a higher score is worse where the form does not say.
    #[serde(default, skip_serializing_if = "Direction::is_default")]
    pub direction: Direction,
    /// Cut-off intervals, ascending and not overlapping.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bands: Vec<Band>,
}

impl Scale {
    /// The standard error of the difference of two scores of one person, SD·√2·√(1 − r) (Jacobson & Truax 1991); none where the
    /// standard deviation or the reliability is not given.
    pub fn error_of_difference(&self) -> Option<f64> {
        let unreliable = 1.0 - self.reliability?;
        Some(self.standard_deviation? * (2.0 * unreliable).sqrt()).filter(|error| *error > 0.0)
    }
}

/// What a higher score of a scale means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Direction {
    /// More of what troubles, as most measures of symptoms count.
    #[default]
    HigherIsWorse,
    /// More of what is wished for: quality of life, function.
    HigherIsBetter,
}

impl Direction {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How the values of a scale's items are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Method {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// How many of them are greater than zero.
    Count,
}

/// What a scale does about items that have no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MissingPolicy {
    /// No score unless every item that is shown is answered; an item that another answer hides (`enableWhen`)
    /// counts as zero. Of a form without any answer there is no score.
    #[default]
    Refuse,
    /// Unanswered items are left out.
    Ignore,
    /// Unanswered items count as the mean of the answered ones.
    Prorate,
}

/// A cut-off interval of a scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Band {
    /// Unique within the scale.
    pub key: String,
    /// What the interval means.
    pub label: Text,
    /// The lowest score, inclusive.
    pub from: f64,
    /// The highest score, inclusive.
    pub to: f64,
}

impl Form {
    /// The item with this key.
    pub fn item(&self, key: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.key == key)
    }

    /// The scale with this key.
    pub fn scale(&self, key: &str) -> Option<&Scale> {
        self.scales.iter().find(|scale| scale.key == key)
    }
}
