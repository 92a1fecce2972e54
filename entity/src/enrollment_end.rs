//! The dated history of when an enrollment is planned to end.

use crate::{stored::Stored, viewer::Actor};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// A decision on when an enrollment is planned to end.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollment_end")]
pub struct Model {
    /// The enrollment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: Uuid,
    /// From when the decision holds.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: DateTime<Utc>,
    /// When it is planned to end; without end where absent.
    pub ends_at: Option<DateTime<Utc>>,
    /// Who decided.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
