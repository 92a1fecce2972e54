//! One immutable version of a form.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One immutable version of a form.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "form_version")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The form.
    pub form_id: Uuid,
    /// Counts from 1.
    pub number: i32,
    /// The document; see the `rules` crate.
    pub definition: Json,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
