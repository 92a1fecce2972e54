//! Who runs the units (vårdgivare).

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::{
    error::Result,
    store::Store,
    viewer::{Viewer, Who},
};

/// Who runs the units (vårdgivare).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "care_provider")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The care provider that a staff member works for; none for everybody else.
///
/// # Errors
/// When the database fails.
pub async fn own(store: &Store, viewer: &Viewer) -> Result<Option<Model>> {
    let Who::Staff { provider, .. } = viewer.who else {
        return Ok(None);
    };
    Ok(Entity::find_by_id(provider).one(store.connection()).await?)
}
