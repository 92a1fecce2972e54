//! Submitted forms with their scores.

mod mutation;
pub(super) mod series;

pub use mutation::ResultMutation;
pub use series::{ResultChart, ResultSeries, ScaleInput};

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use entity::{
    content::FormContent,
    error::Error,
    response::{self, Model},
    seal::Sealed,
    viewer::Actor,
};

use super::{
    care::Staff,
    dispatch::GivenAnswer,
    enrollment::Enrollment,
    error::Result,
    form::{self, Band, Form, Scale},
    id::{self, Kind},
    loader::ResponseKey,
    request,
};

/// A submitted form with its scores.
pub struct FormResult {
    pub(super) row: Arc<Model>,
    pub(super) locale: Arc<str>,
}

impl FormResult {
    /// The result in the language of its enrollment, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Self>> {
        let Some(row) = request::of(ctx).loads.load_one(ResponseKey(id)).await? else {
            return Ok(None);
        };
        let locale = Enrollment::language(ctx, row.enrollment_id).await?;
        Ok(locale.map(|locale| Self { row, locale }))
    }

    async fn content(&self, ctx: &Context<'_>) -> Result<Arc<FormContent>> {
        form::content(ctx, self.row.form_version_id).await
    }
}

/// A submitted form with its scores (resultat).
#[Object(name = "Result")]
impl FormResult {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Result, self.row.id)
    }

    /// When the form was answered. An amendment keeps this of what it amends.
    async fn completed_at(&self) -> DateTime<Utc> {
        self.row.answered_at()
    }

    /// Who answered the form. An amendment keeps this of what it amends.
    async fn answered_by(&self) -> AnsweredBy {
        AnsweredBy(self.row.answered_by())
    }

    /// How these answers took the place of others; none where they are as they were first given.
    async fn amendment(&self) -> Option<Correction> {
        self.row.supersedes_id?;
        Some(Correction {
            at: self.row.submitted_at,
            by: self.row.actor.0,
            reason: self.row.reason.clone(),
        })
    }

    /// The result that this one amends, for staff.
    async fn supersedes(&self, ctx: &Context<'_>) -> Option<Result<FormResult>> {
        let former = ResponseKey(self.row.supersedes_id?);
        let row = request::of(ctx).loads.load_one(former).await.transpose()?;
        Some(row.map(|row| Self {
            row,
            locale: self.locale.clone(),
        }))
    }

    /// Until when it counted, where it was amended or voided since; only staff see such results at all.
    async fn superseded_at(&self) -> Option<DateTime<Utc>> {
        self.row.superseded_at
    }

    /// When it was voided.
    async fn voided_at(&self) -> Option<DateTime<Utc>> {
        self.row.voided_at
    }

    /// How it was voided: it counts nowhere since.
    async fn voiding(&self) -> Option<Correction> {
        Some(Correction {
            at: self.row.voided_at?,
            by: self.row.voided_by?.0,
            reason: self.row.void_reason.clone(),
        })
    }

    /// The form, in the version that was answered.
    async fn form(&self, ctx: &Context<'_>) -> Result<Form> {
        Ok(Form {
            content: self.content(ctx).await?,
            locale: self.locale.clone(),
        })
    }

    /// What the answers add up to.
    async fn scores(&self, ctx: &Context<'_>) -> Result<Vec<Score>> {
        let content = self.content(ctx).await?;
        let scores = response::scores(&self.row)?.into_iter();
        Ok(scores
            .map(|score| Score {
                content: content.clone(),
                score,
                locale: self.locale.clone(),
            })
            .collect())
    }

    /// What was answered, in the order of the form.
    async fn answers(&self, ctx: &Context<'_>) -> Result<Vec<GivenAnswer>> {
        let answers = response::answers(&request::of(ctx).store, &self.row)?;
        Ok(GivenAnswer::all(&self.content(ctx).await?, answers, &self.locale))
    }

    /// The enrollment.
    async fn enrollment(&self, ctx: &Context<'_>) -> Option<Result<Enrollment>> {
        Enrollment::find(ctx, self.row.enrollment_id).await.transpose()
    }
}

/// What one scale came to.
pub struct Score {
    content: Arc<FormContent>,
    score: rules::score::Score,
    locale: Arc<str>,
}

/// What one scale came to.
#[Object]
impl Score {
    /// The scale.
    async fn scale(&self) -> Result<Scale<'_>> {
        let form = &self.content.form;
        let scale = form.scale(&self.score.scale);
        let scale = scale.ok_or_else(|| Error::Corrupt("a score names a scale that its form lacks".to_owned()))?;
        Ok(Scale {
            form,
            scale,
            locale: &self.locale,
        })
    }

    /// The score; none where too few items were answered.
    async fn value(&self) -> Option<f64> {
        self.score.value
    }

    /// The cut-off interval that it lies in.
    async fn band(&self) -> Option<Band<'_>> {
        band(
            &self.content,
            &self.score.scale,
            self.score.band.as_deref()?,
            &self.locale,
        )
    }

    /// Whether every item of the scale that was shown was answered.
    async fn complete(&self) -> bool {
        self.score.complete
    }
}

fn band<'a>(content: &'a FormContent, scale: &str, key: &str, locale: &'a str) -> Option<Band<'a>> {
    let band = content.form.scale(scale)?.bands.iter().find(|band| band.key == key)?;
    Some(Band { band, locale })
}

/// Who answered a form.
pub struct AnsweredBy(Actor);

/// As what somebody answered a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AnsweredAs {
    /// As the citizen.
    Citizen,
    /// As a guardian of theirs.
    Guardian,
    /// As staff who took down what the citizen said.
    Staff,
    /// Handrail itself.
    System,
}

/// Who answered a form.
#[Object]
impl AnsweredBy {
    /// As what.
    #[graphql(name = "as")]
    async fn answered_as(&self) -> AnsweredAs {
        match self.0 {
            Actor::Citizen(_) => AnsweredAs::Citizen,
            Actor::Guardian(_) => AnsweredAs::Guardian,
            Actor::Staff(_) => AnsweredAs::Staff,
            Actor::Rule(_) | Actor::System => AnsweredAs::System,
        }
    }

    /// Whether it was somebody else than the citizen.
    async fn on_behalf(&self) -> bool {
        !matches!(self.0, Actor::Citizen(_))
    }

    /// The staff member, where it was one.
    async fn staff(&self, ctx: &Context<'_>) -> Option<Staff> {
        staff(ctx, self.0)
    }
}

fn staff(ctx: &Context<'_>, actor: Actor) -> Option<Staff> {
    let Actor::Staff(id) = actor else { return None };
    Staff::all(ctx, [id]).pop()
}

/// That a result was put right: its answers amended, or all of it voided.
pub struct Correction {
    at: DateTime<Utc>,
    by: Actor,
    reason: Option<Sealed>,
}

/// That a result was put right: its answers amended, or all of it voided.
#[Object]
impl Correction {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// By whom.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        staff(ctx, self.by)
    }

    /// Why, for staff.
    async fn reason(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let is_staff = request::of(ctx).viewer.staff().is_some();
        let reason = self.reason.as_ref().filter(|_| is_staff)?;
        Some(request::opened(ctx, reason))
    }
}

/// Asking for results.
#[derive(Default)]
pub struct ResultQuery;

#[Object]
impl ResultQuery {
    /// A result that the viewer may see.
    async fn result(&self, ctx: &Context<'_>, id: ID) -> Option<Result<FormResult>> {
        FormResult::find(ctx, id::of(Kind::Result, &id)?).await.transpose()
    }
}
