//! A block (spärr): hides the citizen's enrollments at a unit from everybody who works there.

use crate::{stored::Stored, viewer::Actor};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// A block (spärr): hides the citizen's enrollments at a unit from everybody who works there.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "access_block")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The citizen.
    pub citizen_id: Uuid,
    /// The unit.
    pub unit_id: Uuid,
    /// From when.
    pub blocked_at: DateTime<Utc>,
    /// Until when; still blocked where absent.
    pub lifted_at: Option<DateTime<Utc>>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
