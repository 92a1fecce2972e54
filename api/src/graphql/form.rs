//! Forms: what is asked, what may be answered, and the scales that answers are scored by.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use entity::content::FormContent;
use rules::{form, score};
use serde::Serialize;
use uuid::Uuid;

use super::{
    error::Result,
    id::{self, Kind},
    request,
    scalar::AnswerValue,
};

/// What a version of a form asks.
///
/// # Errors
/// When there is no such version, or the database fails.
pub async fn content(ctx: &Context<'_>, version: Uuid) -> Result<Arc<FormContent>> {
    let store = &request::of(ctx).store;
    Ok(store.library().form(store.connection(), version).await?)
}

/// What an item asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "form::ItemKind")]
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

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "form::Operator")]
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

/// How conditions are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "form::EnableBehavior")]
pub enum EnableBehavior {
    /// Every condition must hold.
    All,
    /// One condition is enough.
    Any,
}

/// A version of a form, in one language.
pub struct Form {
    pub(super) content: Arc<FormContent>,
    pub(super) locale: Arc<str>,
}

/// A version of a form. An exercise is a form without scales.
#[Object]
impl Form {
    /// Identity of this version.
    pub async fn id(&self) -> ID {
        id::id(Kind::Form, self.content.id)
    }

    /// Unique within a program, and the same in every version.
    async fn key(&self) -> &str {
        &self.content.form.key
    }

    /// What it is called.
    async fn title(&self) -> &str {
        self.content.form.title.get(&self.locale)
    }

    /// What is read before the first item.
    async fn instructions(&self) -> &str {
        self.content.form.instructions.get(&self.locale)
    }

    /// What is asked, in order. A group stands before its members.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn items(&self) -> Vec<Item<'_>> {
        self.content
            .form
            .items
            .iter()
            .map(|item| Item {
                item,
                locale: &self.locale,
            })
            .collect()
    }

    /// What the answers are scored by.
    async fn scales(&self) -> Vec<Scale<'_>> {
        let form = &self.content.form;
        form.scales
            .iter()
            .map(|scale| Scale {
                form,
                scale,
                locale: &self.locale,
            })
            .collect()
    }
}

/// One question, heading or text.
pub struct Item<'a> {
    pub(super) item: &'a form::Item,
    pub(super) locale: &'a str,
}

/// One question, heading or text of a form.
#[Object]
impl Item<'_> {
    /// Unique within the form.
    async fn key(&self) -> &str {
        &self.item.key
    }

    /// The wording.
    async fn text(&self) -> &str {
        self.item.text.get(self.locale)
    }

    /// What is asked for.
    async fn kind(&self) -> ItemKind {
        self.item.kind.into()
    }

    /// Whether it must be answered where it is shown.
    async fn required(&self) -> bool {
        self.item.required
    }

    /// The key of the group that it belongs to.
    async fn group(&self) -> Option<&str> {
        self.item.group.as_deref()
    }

    /// What can be chosen.
    async fn options(&self) -> Vec<AnswerOption<'_>> {
        self.item
            .options
            .iter()
            .map(|option| AnswerOption {
                option,
                locale: self.locale,
            })
            .collect()
    }

    /// The least number that may be answered.
    async fn min(&self) -> Option<f64> {
        self.item.min
    }

    /// The greatest number that may be answered.
    async fn max(&self) -> Option<f64> {
        self.item.max
    }

    /// The distance between numbers that may be answered, counted from `min`.
    async fn step(&self) -> Option<f64> {
        self.item.step
    }

    /// What the lowest number means.
    async fn min_label(&self) -> Option<&str> {
        Some(self.item.min_label.get(self.locale)).filter(|label| !label.is_empty())
    }

    /// What the highest number means.
    async fn max_label(&self) -> Option<&str> {
        Some(self.item.max_label.get(self.locale)).filter(|label| !label.is_empty())
    }

    /// When it is shown; always, where absent.
    async fn enable_when(&self) -> Option<EnableWhen<'_>> {
        self.item.enable_when.as_ref().map(EnableWhen)
    }
}

/// One of the answers that a choice offers.
pub struct AnswerOption<'a> {
    option: &'a form::AnswerOption,
    locale: &'a str,
}

/// One of the answers that a choice offers.
#[Object]
impl AnswerOption<'_> {
    /// What is sent as the answer.
    async fn key(&self) -> &str {
        &self.option.key
    }

    /// What is read.
    async fn label(&self) -> &str {
        self.option.label.get(self.locale)
    }

    /// What it counts for in a score.
    async fn value(&self) -> Option<f64> {
        self.option.value
    }
}

/// When an item is shown.
pub struct EnableWhen<'a>(&'a form::EnableWhen);

/// When an item is shown.
#[Object]
impl EnableWhen<'_> {
    /// How the conditions are joined.
    async fn behavior(&self) -> EnableBehavior {
        self.0.behavior.into()
    }

    /// What is compared.
    async fn conditions(&self) -> Vec<EnableCondition<'_>> {
        self.0.conditions.iter().map(EnableCondition).collect()
    }
}

/// One comparison with the answer of another item.
pub struct EnableCondition<'a>(&'a form::EnableCondition);

/// One comparison with the answer of another item. An unanswered or hidden item satisfies only `EXISTS false` and `NE`.
#[Object]
impl EnableCondition<'_> {
    /// The key of the item that is looked at.
    async fn item(&self) -> &str {
        &self.0.item
    }

    /// How it is compared.
    async fn operator(&self) -> Operator {
        self.0.operator.into()
    }

    /// What it is compared with.
    async fn answer(&self) -> AnswerValue {
        AnswerValue(self.0.answer.clone())
    }
}

/// What a higher score of a scale means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(name = "ScaleDirection", remote = "form::Direction")]
pub enum Direction {
    /// More of what troubles.
    HigherIsWorse,
    /// More of what is wished for.
    HigherIsBetter,
}

/// A score that is computed of several items.
pub struct Scale<'a> {
    pub(super) form: &'a form::Form,
    pub(super) scale: &'a form::Scale,
    pub(super) locale: &'a str,
}

/// A score that is computed of several items.
#[Object]
impl Scale<'_> {
    /// Unique within the form.
    async fn key(&self) -> &str {
        &self.scale.key
    }

    /// What the score is called.
    async fn label(&self) -> &str {
        self.scale.label.get(self.locale)
    }

    /// The lowest score that there can be, where the items are bounded.
    async fn min(&self) -> Option<f64> {
        score::reach(self.form, self.scale).map(|(min, _)| min)
    }

    /// The highest score that there can be, where the items are bounded.
    async fn max(&self) -> Option<f64> {
        score::reach(self.form, self.scale).map(|(_, max)| max)
    }

    /// The standard deviation of the scores in the norm group, where it is known.
    async fn standard_deviation(&self) -> Option<f64> {
        self.scale.standard_deviation
    }

    /// How reliable the scores are, from 0 to below 1, where it is known.
    async fn reliability(&self) -> Option<f64> {
        self.scale.reliability
    }

    /// What a higher score means.
    async fn direction(&self) -> Direction {
        self.scale.direction.into()
    }

    /// The cut-off intervals, ascending.
    async fn bands(&self) -> Vec<Band<'_>> {
        self.scale
            .bands
            .iter()
            .map(|band| Band {
                band,
                locale: self.locale,
            })
            .collect()
    }
}

/// A cut-off interval of a scale.
pub struct Band<'a> {
    pub(super) band: &'a form::Band,
    pub(super) locale: &'a str,
}

/// A cut-off interval of a scale.
#[Object]
impl Band<'_> {
    /// Unique within the scale.
    async fn key(&self) -> &str {
        &self.band.key
    }

    /// What it means.
    async fn label(&self) -> &str {
        self.band.label.get(self.locale)
    }

    /// The lowest score, inclusive.
    async fn from(&self) -> f64 {
        self.band.from
    }

    /// The highest score, inclusive.
    async fn to(&self) -> f64 {
        self.band.to
    }
}
