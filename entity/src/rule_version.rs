//! One version of a rule; it owns what comes after it took effect.

use crate::{stored::Stored, viewer::Actor};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

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
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
