//! Why a flag stands: each time that it was raised.

use crate::{seal::Sealed, stored::Stored, viewer::Actor};
use chrono::{DateTime, Utc};
use rules::facts::Severity;
use sea_orm::entity::prelude::*;

/// Why a flag stands: each time that it was raised.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "flag_cause")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The flag.
    pub flag_id: Uuid,
    /// How serious.
    pub severity: Stored<Severity>,
    /// What is read in lists, sealed text.
    pub title: Sealed,
    /// What was said about it, sealed text.
    pub note: Option<Sealed>,
    /// Who did it.
    pub actor: Stored<Actor>,
    /// The rule's key.
    pub rule_key: Option<String>,
    /// What makes the firing unique; see the `rules` crate.
    pub occurrence: Option<String>,
    /// Whether it ends with the episode that raised it.
    pub auto_resolve: bool,
    /// When it was raised.
    pub raised_at: DateTime<Utc>,
    /// When the cause ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
