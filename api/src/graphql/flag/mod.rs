//! Flags: what somebody should look at, and why.

mod handling;
mod history;
mod mutation;
mod worklist;

pub use handling::FlagHandlingMutation;
pub use mutation::FlagMutation;
pub use worklist::{FlagOrder, FlagWorklist, worklist};

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use entity::{
    error::Error,
    flag, flag_cause,
    viewer::{Actor, Permission},
};
use serde::Serialize;

use self::history::FlagChange;
use super::{
    actor,
    care::Staff,
    connection,
    enrollment::Enrollment,
    error::Result,
    id::{self, Kind},
    loader::{CauseCountOf, CausesOf, FiringKey, FlagHistoryOf, FlagKey, OpeningsOf, RungsOf},
    reminder::Reminder,
    request,
    rule::Firing,
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
        request::opened(ctx, &self.0.title)
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

    /// Who is to see to it; nobody in particular where absent. For staff alone.
    async fn assigned_to(&self, ctx: &Context<'_>) -> Option<Staff> {
        let request = request::of(ctx);
        Staff::all(ctx, self.0.assignee(&request.store, &request.viewer)).pop()
    }

    /// When staff are reminded of it next, unless somebody takes it on.
    async fn next_escalation_at(&self) -> Option<DateTime<Utc>> {
        self.0.escalate_at
    }

    /// Whom it was escalated to, and is to be: the rungs by the instant that they are planned for, the last ones of them.
    #[graphql(complexity = "connection::cost(last, child_complexity)")]
    async fn escalations(&self, ctx: &Context<'_>, #[graphql(default = 10)] last: i32) -> Result<Vec<Reminder>> {
        let rungs = request::of(ctx)
            .loads
            .load_one(RungsOf(self.0.id))
            .await?
            .unwrap_or_default();
        let last = usize::try_from(connection::first(last)).unwrap_or(usize::MAX);
        let skipped = rungs.len().saturating_sub(last);
        let rows = rungs.iter().skip(skipped).cloned();
        Ok(rows.map(|row| Reminder(Arc::new(row))).collect())
    }

    /// The enrollment.
    async fn enrollment(&self, ctx: &Context<'_>) -> Result<Enrollment> {
        let found = Enrollment::find(ctx, self.0.enrollment_id).await?;
        Ok(found.ok_or_else(|| Error::Corrupt("a flag is of no enrollment".to_owned()))?)
    }

    /// Why it stands: the last times that it was raised, oldest first.
    #[graphql(complexity = "connection::cost(last, child_complexity)")]
    async fn causes(&self, ctx: &Context<'_>, #[graphql(default = 10)] last: i32) -> Result<Vec<FlagCause>> {
        let key = CausesOf {
            flag: self.0.id,
            last: connection::first(last),
        };
        let causes = request::of(ctx).loads.load_one(key).await?.unwrap_or_default();
        Ok(causes.iter().map(|row| FlagCause(row.clone())).collect())
    }

    /// How many times it was raised: for how many causes it stands or stood.
    async fn cause_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let found = request::of(ctx).loads.load_one(CauseCountOf(self.0.id)).await?;
        Ok(found.unwrap_or_default())
    }

    /// How many times it was opened: raised, and opened again.
    async fn openings(&self, ctx: &Context<'_>) -> Result<i32> {
        let found = request::of(ctx).loads.load_one(OpeningsOf(self.0.id)).await?;
        Ok(found.unwrap_or_default())
    }

    /// What became of it and who did it, oldest first. For those who treat; nothing for everybody else.
    #[graphql(complexity = "1 + 5 * child_complexity")]
    async fn history(&self, ctx: &Context<'_>) -> Result<Vec<FlagChange>> {
        let changes = request::of(ctx).loads.load_one(FlagHistoryOf(self.0.id)).await?;
        Ok(changes
            .iter()
            .flat_map(|changes| changes.iter().cloned())
            .map(FlagChange)
            .collect())
    }
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
        request::opened(ctx, &self.0.title)
    }

    /// What was said about it.
    async fn note(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.note.as_ref().map(|note| request::opened(ctx, note))
    }

    /// When it ended.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at
    }

    /// Who raised it by hand.
    async fn raised_by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.0.actor.0)
    }

    /// The firing of a rule that raised it. Nobody is told of the rules about themselves: none but those who treat see it.
    async fn firing(&self, ctx: &Context<'_>) -> Option<Result<Firing>> {
        let request = request::of(ctx);
        let Actor::Rule(id) = self.0.actor.0 else {
            return None;
        };
        if !request.viewer.may(Permission::Treat) {
            return None;
        }
        let found = request.loads.load_one(FiringKey(id)).await.transpose()?;
        Some(found.map(Firing))
    }
}
