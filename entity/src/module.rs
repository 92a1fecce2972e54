//! A part of a program version (modul).

use sea_orm::entity::prelude::*;

/// A part of a program version (modul).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "module")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The program version.
    pub version_id: Uuid,
    /// Its key.
    pub key: String,
    /// Its place among its siblings, from 0.
    pub position: i32,
    /// `START`, `LOCKED`, or the ISO 8601 duration after the start after which it opens.
    pub opens: String,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
