//! The dated history of a flag.

use crate::{flag::FlagStatus, seal::Sealed, stored::Stored, viewer::Actor};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// The dated history of a flag.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "flag_change")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The flag.
    pub flag_id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Its state.
    pub status: Stored<FlagStatus>,
    /// What was said about it, sealed text.
    pub note: Option<Sealed>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
