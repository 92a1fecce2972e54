//! A saved rule on its way to the enrollments that it concerns.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// A saved rule on its way to the enrollments that it concerns.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rollout")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The rule.
    pub rule_id: Uuid,
    /// The last enrollment that was reached.
    pub after_id: Option<Uuid>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// When every enrollment was reached.
    pub finished_at: Option<DateTime<Utc>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
