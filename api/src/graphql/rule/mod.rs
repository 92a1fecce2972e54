//! Rules: when, if, then and how often.

mod input;
mod mutation;

pub use mutation::RuleMutation;

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use entity::{error::Error, rule::Configured};
use rules::{definition, summary::summary};

use super::{
    error::Result,
    id::{self, Kind},
    loader::RuleKey,
    request,
    scalar::RuleDefinition,
};

/// Where a rule holds. The narrower overrides the wider rule of the same key.
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

    fn read(&self) -> Result<definition::RuleDefinition> {
        let read = serde_json::from_value(self.0.version.definition.clone());
        Ok(read.map_err(|error| Error::Corrupt(format!("a rule cannot be read: {error}")))?)
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

    /// What it says, in JSON of the input's shape.
    async fn definition(&self) -> Option<Result<RuleDefinition>> {
        Some(self.read().map(RuleDefinition))
    }

    /// What it does, in one sentence.
    async fn summary(&self, ctx: &Context<'_>, locale: Option<String>) -> Option<Result<String>> {
        let locale = locale.as_ref().unwrap_or(&request::of(ctx).language);
        Some(self.read().map(|definition| summary(&definition, locale)))
    }

    /// When it fired last, in any version.
    async fn last_fired_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_fired_at
    }

    /// How many times it has fired, in any version.
    async fn firing_count(&self) -> u64 {
        self.0.firings
    }
}
