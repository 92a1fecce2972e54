//! Who was to see to a flag, over time.

use crate::{seal::Sealed, stored::Stored, viewer::Actor};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// A flag given to somebody, or taken from them.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "flag_assignment")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The flag.
    pub flag_id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Who is to see to it from then on; nobody where absent.
    pub staff_id: Option<Uuid>,
    /// What was said about it, sealed text.
    pub note: Option<Sealed>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
