//! Forms that a citizen is asked to fill in.

mod changing;
mod mutation;

pub use changing::DispatchChangeMutation;
pub use mutation::DispatchMutation;
pub(super) use mutation::{AnswerInput, answers};

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{content::FormContent, dispatch, error::Error};
use rules::answer::{Answer, Answers};

use self::changing::DispatchChange;
use super::{
    enrollment::Enrollment,
    error::Result,
    form::{self, Form, Item},
    id::{self, Kind},
    loader::{DispatchChangesOf, DispatchKey},
    request,
    scalar::AnswerValue,
};

/// Where a dispatch is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "dispatch::DispatchStatus")]
pub enum DispatchStatus {
    /// It cannot be answered yet.
    Scheduled,
    /// It can be answered.
    Available,
    /// The citizen has saved something.
    Started,
    /// It is answered.
    Completed,
    /// Its time passed without an answer.
    Expired,
    /// The citizen would rather not.
    Declined,
    /// Staff or a rule took it back.
    Cancelled,
}

/// A form that a citizen is asked to fill in.
pub struct Dispatch {
    pub(super) row: Arc<dispatch::Model>,
    pub(super) locale: Arc<str>,
}

impl Dispatch {
    /// The dispatch in the language of its enrollment, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Self>> {
        let Some(row) = request::of(ctx).loads.load_one(DispatchKey(id)).await? else {
            return Ok(None);
        };
        let locale = Enrollment::language(ctx, row.enrollment_id).await?;
        Ok(locale.map(|locale| Self { row, locale }))
    }

    async fn content(&self, ctx: &Context<'_>) -> Result<Arc<FormContent>> {
        form::content(ctx, self.row.form_version_id).await
    }

    async fn saved(&self, ctx: &Context<'_>) -> Result<Option<Draft>> {
        let Some(saved_at) = self.row.draft_saved_at else {
            return Ok(None);
        };
        let answers = dispatch::draft(&request::of(ctx).store, &self.row)?;
        let content = self.content(ctx).await?;
        Ok(answers.map(|answers| Draft {
            answers: GivenAnswer::all(&content, answers, &self.locale),
            saved_at,
        }))
    }
}

/// A form that a citizen is asked to fill in (utskick).
#[Object]
impl Dispatch {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Dispatch, self.row.id)
    }

    /// Where it is in its life.
    async fn status(&self) -> DispatchStatus {
        self.row.status.0.into()
    }

    /// The form, in the version that is to be answered.
    async fn form(&self, ctx: &Context<'_>) -> Result<Form> {
        Ok(Form {
            content: self.content(ctx).await?,
            locale: self.locale.clone(),
        })
    }

    /// From when it can be answered.
    async fn available_at(&self) -> DateTime<Utc> {
        self.row.available_at
    }

    /// Until when it can be answered; without end where absent.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.row.expires_at
    }

    /// When the citizen first saved something.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.row.started_at
    }

    /// When it was answered.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.row.completed_at
    }

    /// What the citizen saved and has not submitted.
    async fn draft(&self, ctx: &Context<'_>) -> Option<Result<Draft>> {
        self.saved(ctx).await.transpose()
    }

    /// What staff changed of it, oldest first.
    #[graphql(complexity = "1 + 3 * child_complexity")]
    async fn changes(&self, ctx: &Context<'_>) -> Result<Vec<DispatchChange>> {
        let changes = request::of(ctx).loads.load_one(DispatchChangesOf(self.row.id)).await?;
        let changes = changes.iter().flat_map(|changes| changes.iter().cloned());
        Ok(changes.map(DispatchChange).collect())
    }

    /// The enrollment.
    async fn enrollment(&self, ctx: &Context<'_>) -> Option<Result<Enrollment>> {
        Enrollment::find(ctx, self.row.enrollment_id).await.transpose()
    }
}

/// Answers that are not submitted.
#[derive(SimpleObject)]
pub struct Draft {
    /// The answers, in the order of the form.
    answers: Vec<GivenAnswer>,
    /// When they were saved.
    saved_at: DateTime<Utc>,
}

/// What was answered to one item.
pub struct GivenAnswer {
    content: Arc<FormContent>,
    /// Where the item stands in the form.
    at: usize,
    answer: Answer,
    locale: Arc<str>,
}

impl GivenAnswer {
    /// The answers, in the order of the form.
    pub fn all(content: &Arc<FormContent>, mut answers: Answers, locale: &Arc<str>) -> Vec<Self> {
        let items = content.form.items.iter().enumerate();
        items
            .filter_map(|(at, item)| {
                Some(Self {
                    content: content.clone(),
                    at,
                    answer: answers.remove(&item.key)?,
                    locale: locale.clone(),
                })
            })
            .collect()
    }

    fn found(&self) -> Option<&rules::form::Item> {
        self.content.form.items.get(self.at)
    }

    fn option(&self, key: &str) -> Option<&str> {
        let option = self.found()?.options.iter().find(|option| option.key == key)?;
        Some(option.label.get(&self.locale))
    }
}

/// What was answered to one item.
#[Object]
impl GivenAnswer {
    /// The item.
    async fn item(&self) -> Result<Item<'_>> {
        let item = self
            .found()
            .ok_or_else(|| Error::Corrupt("an answer is to no item of its form".to_owned()))?;
        Ok(Item {
            item,
            locale: &self.locale,
        })
    }

    /// The answer.
    async fn value(&self) -> AnswerValue {
        AnswerValue(self.answer.clone())
    }

    /// What the chosen options say, for choices.
    async fn label(&self) -> Option<String> {
        match &self.answer {
            Answer::Text(key) => self.option(key).map(str::to_owned),
            Answer::Options(keys) => {
                let labels: Vec<_> = keys.iter().filter_map(|key| self.option(key)).collect();
                Some(labels.join(", ")).filter(|labels| !labels.is_empty())
            }
            Answer::Boolean(_) | Answer::Number(_) => None,
        }
    }
}

/// Asking for dispatches.
#[derive(Default)]
pub struct DispatchQuery;

#[Object]
impl DispatchQuery {
    /// A dispatch that the viewer may see.
    async fn dispatch(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Dispatch>> {
        Dispatch::find(ctx, id::of(Kind::Dispatch, &id)?).await.transpose()
    }
}
