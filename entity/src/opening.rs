//! When a module of an enrollment opens by itself next. Narrow: the worker's index of what is due.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// When a module of an enrollment opens by itself next. Narrow: the worker's index of what is due.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "opening")]
pub struct Model {
    /// The enrollment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: Uuid,
    /// What opened before this has been told.
    pub told_before: DateTime<Utc>,
    /// When the worker must act next; never where absent.
    pub due_at: Option<DateTime<Utc>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
