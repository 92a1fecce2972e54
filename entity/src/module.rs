//! A part of a program version (modul).

use sea_orm::entity::prelude::*;

use crate::error::{Error, Result};

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
    /// The modules that must be completed before it opens; see [`Model::prerequisites`].
    pub prerequisites: Json,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The keys of the modules that must be completed before it opens.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn prerequisites(&self) -> Result<Vec<String>> {
        serde_json::from_value(self.prerequisites.clone())
            .map_err(|error| Error::Corrupt(format!("the prerequisites of module {}: {error}", self.id)))
    }
}
