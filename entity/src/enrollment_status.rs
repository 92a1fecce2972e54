//! The dated history of an enrollment's status.

use crate::{seal::Sealed, stored::Stored, viewer::Actor};
use chrono::{DateTime, Utc};
use rules::facts::Status;
use sea_orm::entity::prelude::*;

/// The dated history of an enrollment's status.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollment_status")]
pub struct Model {
    /// The enrollment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: Uuid,
    /// When.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: DateTime<Utc>,
    /// Its state.
    #[sea_orm(primary_key, auto_increment = false)]
    pub status: Stored<Status>,
    /// Why, sealed text.
    pub reason: Option<Sealed>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
