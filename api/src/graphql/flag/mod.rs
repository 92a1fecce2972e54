//! Flags: what somebody should look at, and why.

mod mutation;

pub use mutation::FlagMutation;

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{error::Error, firing, flag, flag_cause, seal::Sealed, viewer::Actor};
use rules::trace::{RenderedLine, Trace};
use serde::Serialize;

use super::{
    care::Staff,
    enrollment::Enrollment,
    error::Result,
    id::{self, Kind},
    loader::{CausesOf, EnrollmentKey, FiringKey, FlagKey},
    request,
    scalar::AnswerValue,
};

/// How serious a flag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "rules::facts::Severity")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Worth a look.
    Warning,
    /// Somebody must look now.
    Urgent,
}

/// Whom something is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "rules::facts::Audience")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Audience {
    /// Those who treat.
    Staff,
    /// The citizen.
    Citizen,
}

/// Where a flag is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "flag::FlagStatus")]
pub enum FlagStatus {
    /// Nobody has taken it on.
    Open,
    /// Somebody has taken it on.
    Acknowledged,
    /// Somebody has resolved it.
    Resolved,
    /// Its last cause has ended.
    AutoResolved,
}

/// Something that somebody should look at.
pub struct Flag(pub(super) Arc<flag::Model>);

impl Flag {
    /// The flag, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Self>> {
        Ok(request::of(ctx).loads.load_one(FlagKey(id)).await?.map(Self))
    }
}

/// Something that somebody should look at (flagga).
#[Object]
impl Flag {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Flag, self.0.id)
    }

    /// What it is about: unresolved flags are unique by enrollment, kind and audience.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// How serious it is: the highest of its causes.
    async fn severity(&self) -> Severity {
        self.0.severity.0.into()
    }

    /// Where it is in its life.
    async fn status(&self) -> FlagStatus {
        self.0.status.0.into()
    }

    /// Whom it is for.
    async fn audience(&self) -> Audience {
        self.0.audience.0.into()
    }

    /// What is read in lists.
    async fn title(&self, ctx: &Context<'_>) -> Result<String> {
        opened(ctx, &self.0.title)
    }

    /// When it was raised.
    async fn raised_at(&self) -> DateTime<Utc> {
        self.0.raised_at
    }

    /// When somebody took it on.
    async fn acknowledged_at(&self) -> Option<DateTime<Utc>> {
        self.0.acknowledged_at
    }

    /// Who took it on.
    async fn acknowledged_by(&self, ctx: &Context<'_>) -> Option<Staff> {
        Staff::all(ctx, self.0.acknowledged_by).pop()
    }

    /// When it was resolved.
    async fn resolved_at(&self) -> Option<DateTime<Utc>> {
        self.0.resolved_at
    }

    /// Who resolved it.
    async fn resolved_by(&self, ctx: &Context<'_>) -> Option<Staff> {
        Staff::all(ctx, self.0.resolved_by).pop()
    }

    /// The enrollment.
    async fn enrollment(&self, ctx: &Context<'_>) -> Result<Enrollment> {
        let found = Enrollment::find(ctx, self.0.enrollment_id).await?;
        Ok(found.ok_or_else(|| Error::Corrupt("a flag is of no enrollment".to_owned()))?)
    }

    /// Why it stands: each time that it was raised, oldest first.
    #[graphql(complexity = "1 + 3 * child_complexity")]
    async fn causes(&self, ctx: &Context<'_>) -> Result<Vec<FlagCause>> {
        let causes = request::of(ctx)
            .loads
            .load_one(CausesOf(self.0.id))
            .await?
            .unwrap_or_default();
        Ok(causes.iter().map(|row| FlagCause(row.clone())).collect())
    }
}

/// What staff wrote about a flag.
fn opened(ctx: &Context<'_>, text: &Sealed) -> Result<String> {
    Ok(request::of(ctx).store.keyring().open(text).map_err(Error::from)?)
}

/// Why a flag stands.
pub struct FlagCause(flag_cause::Model);

/// One of the times that a flag was raised.
#[Object]
impl FlagCause {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.raised_at
    }

    /// How serious.
    async fn severity(&self) -> Severity {
        self.0.severity.0.into()
    }

    /// What is read in lists.
    async fn title(&self, ctx: &Context<'_>) -> Result<String> {
        opened(ctx, &self.0.title)
    }

    /// What was said about it.
    async fn note(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.note.as_ref().map(|note| opened(ctx, note))
    }

    /// When it ended.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at
    }

    /// Who raised it by hand.
    async fn raised_by(&self, ctx: &Context<'_>) -> Option<Staff> {
        match self.0.actor.0 {
            Actor::Staff(id) => Staff::all(ctx, [id]).pop(),
            _ => None,
        }
    }

    /// The firing of a rule that raised it.
    async fn firing(&self, ctx: &Context<'_>) -> Option<Result<Firing>> {
        let Actor::Rule(id) = self.0.actor.0 else {
            return None;
        };
        let found = request::of(ctx).loads.load_one(FiringKey(id)).await.transpose()?;
        Some(found.map(Firing))
    }
}

/// A rule that fired.
pub struct Firing(Arc<firing::Fired>);

/// A rule that fired.
#[Object]
impl Firing {
    /// The rule, as it was then.
    async fn rule(&self) -> FiredRule<'_> {
        FiredRule {
            key: &self.0.row.rule_key,
            name: &self.0.name,
            version: self.0.version,
        }
    }

    /// The instant that it fired for.
    async fn at(&self) -> DateTime<Utc> {
        self.0.row.at
    }

    /// Every fact that it compared, in reading order.
    async fn trace(&self, ctx: &Context<'_>) -> Result<Vec<TraceLine>> {
        let trace: Trace = serde_json::from_value(self.0.row.trace.clone())
            .map_err(|error| Error::Corrupt(format!("a trace cannot be read: {error}")))?;
        let enrollment = request::of(ctx)
            .loads
            .load_one(EnrollmentKey(self.0.row.enrollment_id))
            .await?;
        let locale = enrollment
            .as_ref()
            .map_or(request::of(ctx).language.as_str(), |row| &row.locale);
        Ok(trace.render(locale).into_iter().map(Into::into).collect())
    }
}

/// A rule as it was when it fired.
#[derive(SimpleObject)]
pub struct FiredRule<'a> {
    /// Its key.
    key: &'a str,
    /// What it was called.
    name: &'a str,
    /// The version that fired.
    version: i32,
}

/// What came of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::trace::Verdict")]
pub enum TraceVerdict {
    /// It held.
    True,
    /// It did not.
    False,
    /// A fact was missing.
    Unknown,
}

/// One part of a condition and what came of it.
#[derive(SimpleObject)]
pub struct TraceLine {
    /// What was compared and what came of it, in words.
    text: String,
    /// What came of it.
    verdict: TraceVerdict,
    /// The fact that was compared, in words.
    fact: Option<String>,
    /// The value that the fact had.
    value: Option<AnswerValue>,
    /// How deep it stands; the outermost is 0.
    depth: u32,
}

impl From<RenderedLine> for TraceLine {
    fn from(line: RenderedLine) -> Self {
        Self {
            text: line.text,
            verdict: line.verdict.into(),
            fact: line.fact,
            value: line.value.map(AnswerValue),
            depth: line.depth,
        }
    }
}
