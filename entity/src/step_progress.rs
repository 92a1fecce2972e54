//! A step that was completed.

use crate::{stored::Stored, viewer::Actor};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// A step that was completed.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "step_progress")]
pub struct Model {
    /// The enrollment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: Uuid,
    /// The step.
    #[sea_orm(primary_key, auto_increment = false)]
    pub step_id: Uuid,
    /// When it was completed.
    pub completed_at: DateTime<Utc>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
