//! Rules: when, if, then and how often.

mod explanation;
mod firing;
mod input;
mod mutation;
mod overriding;
mod simulation;
#[cfg(test)]
mod tests;
mod version;

pub use explanation::RuleEvaluation;
pub use firing::{Firing, TraceLine};
pub use mutation::RuleMutation;
pub use overriding::OverrideMutation;
pub use simulation::{Outlook, RuleQuery};

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use entity::{
    firing as record,
    rule::{self, Configured},
};
use rules::{overrides::leaves, summary::summary};

use self::{
    firing::FiringOutcome,
    version::{OverriddenValue, RuleValue, RuleVersion},
};
use super::{
    care::Unit,
    connection::{self, Connection, connection},
    enrollment::Enrollment,
    error::Result,
    id::{self, Kind},
    loader::{RuleKey, WiderThan},
    request,
    scalar::RuleDefinition,
};

/// Where a rule holds. The narrower stands before the wider rule of the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum RuleScope {
    /// In every enrollment of the program.
    Program,
    /// In those of one unit.
    Unit,
    /// In one.
    Enrollment,
}

/// A rule with its newest version and what it has done.
pub struct Rule(pub(super) Arc<Configured>);

impl Rule {
    /// The rule, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Self>> {
        Ok(request::of(ctx).loads.load_one(RuleKey(id)).await?.map(Self))
    }

    /// The rule that holds where this one does not.
    async fn wider(&self, ctx: &Context<'_>) -> Result<Option<Arc<Configured>>> {
        request::of(ctx).loads.load_one(WiderThan(self.0.rule.id)).await
    }
}

/// A rule with its newest version and what it has done.
#[Object]
impl Rule {
    /// Identity, over all versions.
    pub async fn id(&self) -> ID {
        id::id(Kind::Rule, self.0.rule.id)
    }

    /// Its key within the program.
    async fn key(&self) -> &str {
        &self.0.rule.key
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.version.name
    }

    /// Whether it is on.
    async fn enabled(&self) -> bool {
        self.0.version.enabled
    }

    /// Whether it is only tried: it evaluates and records, and does nothing.
    async fn dry_run(&self) -> bool {
        self.0.version.dry_run
    }

    /// Whether it was withdrawn, so that the wider rule of the same key holds.
    async fn withdrawn(&self) -> bool {
        self.0.version.withdrawn
    }

    /// The newest version; the first is 1.
    async fn version(&self) -> i32 {
        self.0.version.number
    }

    /// Where it holds.
    async fn scope(&self) -> RuleScope {
        match (self.0.rule.enrollment_id, self.0.rule.unit_id) {
            (Some(_), _) => RuleScope::Enrollment,
            (None, Some(_)) => RuleScope::Unit,
            (None, None) => RuleScope::Program,
        }
    }

    /// The unit where it holds; none for a rule of the whole program.
    async fn unit(&self, ctx: &Context<'_>) -> Option<Unit> {
        let directory = request::of(ctx).store.directory();
        directory.unit(self.0.rule.unit_id?).cloned().map(Unit)
    }

    /// The enrollment where it holds; none for a wider rule.
    async fn enrollment(&self, ctx: &Context<'_>) -> Option<Result<Enrollment>> {
        let id = self.0.rule.enrollment_id?;
        Enrollment::find(ctx, id).await.transpose()
    }

    /// What it says, in JSON of the input's shape.
    async fn definition(&self) -> RuleDefinition {
        RuleDefinition::from(&self.0.version)
    }

    /// What it does, in one sentence; none where what it says cannot be read any more, and it is off.
    async fn summary(&self, ctx: &Context<'_>, locale: Option<String>) -> Option<String> {
        let locale = locale.as_ref().unwrap_or(&request::of(ctx).language);
        Some(summary(&self.0.version.read()?, locale))
    }

    /// Its versions, the newest first: what it said, from when, and who said so.
    #[graphql(complexity = "connection::STATEMENT + connection::cost(first, child_complexity)")]
    async fn versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<RuleVersion>> {
        let request = request::of(ctx);
        let (rule, first) = (self.0.rule.id, connection::first(first));
        let page = rule::versions(&request.store, &request.viewer, rule, first, after.as_deref()).await?;
        Ok(connection(page, after.is_some(), Default::default(), RuleVersion))
    }

    /// What of it a unit or an enrollment may override: numbers, periods, times of day, and what facts are compared with.
    async fn overridable(&self) -> Vec<RuleValue> {
        let definition = self.0.version.read();
        let leaves = definition.map(|definition| leaves(&definition)).unwrap_or_default();
        leaves.into_iter().map(Into::into).collect()
    }

    /// The wider rule of the same key that it stands before, if there is one.
    async fn overridden(&self, ctx: &Context<'_>) -> Option<Result<Rule>> {
        let wider = self.wider(ctx).await.transpose()?;
        Some(wider.map(Self))
    }

    /// The values of the wider rule that it overrides; none where it is a rule of its own.
    #[graphql(complexity = "10 * child_complexity")]
    async fn overridden_values(&self, ctx: &Context<'_>) -> Result<Vec<OverriddenValue>> {
        let Some(overrides) = self.0.version.overriding() else {
            return Ok(Vec::new());
        };
        let wider = self.wider(ctx).await?.and_then(|wider| wider.version.read());
        let wider = wider.map(|definition| leaves(&definition)).unwrap_or_default();
        Ok(OverriddenValue::all(overrides.values, &wider))
    }

    /// Why what it overrides no longer fits the wider rule, as that was saved anew: since then it goes on saying what it said,
    /// until it is made anew or removed. None while it fits.
    async fn stale(&self) -> Option<String> {
        self.0.version.overriding()?.stale
    }

    /// The narrower rules of the same key that stand before it, as far as the viewer may see them; also those that were
    /// withdrawn, if asked for.
    #[graphql(complexity = "connection::STATEMENT + connection::cost(first, child_complexity)")]
    async fn overrides(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        #[graphql(default)] withdrawn: bool,
    ) -> Result<Connection<Rule>> {
        let request = request::of(ctx);
        let (rule, first) = (&self.0.rule, connection::first(first));
        let page = rule::narrower(
            &request.store,
            &request.viewer,
            rule,
            withdrawn,
            first,
            after.as_deref(),
        )
        .await?;
        Ok(connection(page, after.is_some(), Default::default(), |row| {
            Self(Arc::new(row))
        }))
    }

    /// When and for whom it fired, in any version, tried or not; the latest first. Only in enrollments whose treatment the
    /// viewer may follow.
    #[graphql(complexity = "connection::STATEMENT + connection::cost(first, child_complexity)")]
    async fn firings(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        outcome: Option<FiringOutcome>,
    ) -> Result<Connection<Firing>> {
        let request = request::of(ctx);
        let (rule, first, outcome) = (self.0.rule.id, connection::first(first), outcome.map(Into::into));
        let page = record::of_rule(&request.store, &request.viewer, rule, outcome, first, after.as_deref()).await?;
        Ok(connection(page, after.is_some(), Default::default(), |row| {
            Firing(Arc::new(row))
        }))
    }

    /// When it fired last, in any version, tried or not.
    async fn last_fired_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_fired_at
    }

    /// How many times it has fired, in any version, tried or not.
    async fn firing_count(&self) -> u64 {
        self.0.firings
    }
}
