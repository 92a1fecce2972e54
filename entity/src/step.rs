//! A part of a section (steg): what a citizen works through and completes.

use sea_orm::entity::prelude::*;

/// A part of a section (steg): what a citizen works through and completes.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "step")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The program version.
    pub version_id: Uuid,
    /// The section.
    pub section_id: Uuid,
    /// Its key.
    pub key: String,
    /// Its place among its siblings, from 0.
    pub position: i32,
    /// How long it takes, in minutes.
    pub estimated_minutes: Option<i32>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
