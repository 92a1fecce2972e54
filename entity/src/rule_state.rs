//! What the evaluation remembers of one rule in one enrollment.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// What the evaluation remembers of one rule in one enrollment.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rule_state")]
pub struct Model {
    /// The enrollment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: Uuid,
    /// The rule's key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub rule_key: String,
    /// Ordinal of the latest episode.
    pub episode: i32,
    /// Since when its condition is true.
    pub episode_since: Option<DateTime<Utc>>,
    /// Whether it fired.
    pub episode_fired: bool,
    /// When the rule fired last.
    pub last_fired_at: Option<DateTime<Utc>>,
    /// How many times it fired.
    pub firings: i32,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
