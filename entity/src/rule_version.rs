//! One version of a rule; it owns what comes after it took effect.

use crate::{
    error::{Error, Result},
    seal::Sealed,
    stored::Stored,
    viewer::Actor,
};
use chrono::{DateTime, Utc};
use rules::{definition::RuleDefinition, overrides::Leaf};
use sea_orm::{
    Condition,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement},
};
use serde::{Deserialize, Serialize};

/// One version of a rule; it owns what comes after it took effect.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rule_version")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The rule.
    pub rule_id: Uuid,
    /// Counts from 1.
    pub number: i32,
    /// What it is called.
    pub name: String,
    /// Whether it is on.
    pub enabled: bool,
    /// Evaluates and records, but does nothing.
    pub dry_run: bool,
    /// The document; see the `rules` crate.
    pub definition: Json,
    /// From when it holds.
    pub effective_at: DateTime<Utc>,
    /// Who did it.
    pub actor: Stored<Actor>,
    /// What it changes of the wider rule: JSON of [`Overrides`]; none for a rule that stands for itself.
    pub overrides: Option<Json>,
    /// Why, sealed text.
    pub reason: Option<Sealed>,
    /// From when it holds the rule no longer does, and the wider one of the same key holds again.
    pub withdrawn: bool,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a narrower rule changes of the wider one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Overrides {
    /// On or off; as the wider rule where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The values that stand in place of those of the wider rule.
    #[serde(default)]
    pub values: Vec<Leaf>,
    /// Why it no longer fits the wider rule: since then it goes on saying what it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<String>,
}

/// Only the newest version of each rule.
pub fn newest() -> Condition {
    Condition::all().add(number().in_subquery(latest()))
}

/// Only versions that hold after an instant: what takes effect later, and what held then.
pub(crate) fn since(since: DateTime<Utc>) -> Condition {
    let held = latest()
        .and_where(Expr::col((EARLIER, Column::EffectiveAt)).lte(since))
        .to_owned();
    Condition::any()
        .add(Column::EffectiveAt.gt(since))
        .add(number().in_subquery(held))
}

const EARLIER: &str = "earlier_version";

fn number() -> Expr {
    Expr::col((Entity, Column::Number))
}

/// The number of the latest version of the same rule.
fn latest() -> SelectStatement {
    Query::select()
        .expr(Func::max(Expr::col((EARLIER, Column::Number))))
        .from_as(Entity, EARLIER)
        .and_where(Expr::col((EARLIER, Column::RuleId)).equals((Entity, Column::RuleId)))
        .to_owned()
}

impl Overrides {
    /// As it is stored.
    ///
    /// # Errors
    /// None that can happen.
    pub(crate) fn written(&self) -> Result<Json> {
        serde_json::to_value(self).map_err(|error| Error::Corrupt(format!("an override cannot be written: {error}")))
    }
}

impl Model {
    /// What it says; none where that cannot be read any more.
    pub fn read(&self) -> Option<RuleDefinition> {
        serde_json::from_value(self.definition.clone()).ok()
    }

    /// What it changes of the wider rule; none for a rule that stands for itself, or that holds no longer.
    pub fn overriding(&self) -> Option<Overrides> {
        let overrides = self.overrides.clone().filter(|_| !self.withdrawn)?;
        serde_json::from_value(overrides).ok()
    }
}
