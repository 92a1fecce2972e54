//! What staff changed of a form that was sent.

use std::collections::HashMap;

use crate::{
    act::BATCH,
    dispatch::{self, DispatchStatus},
    error::Result,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
};
use chrono::{DateTime, Utc};
use sea_orm::{QueryOrder, entity::prelude::*};

/// A form that was sent, as it was after somebody moved it or took it back.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "dispatch_change")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The dispatch.
    pub dispatch_id: Uuid,
    /// When it was changed.
    pub at: DateTime<Utc>,
    /// Its state from then on.
    pub status: Stored<DispatchStatus>,
    /// From when it could be answered from then on.
    pub available_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: Option<DateTime<Utc>>,
    /// Why, sealed text.
    pub reason: Option<Sealed>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What was changed of these dispatches, oldest first, as far as the viewer may see them.
///
/// # Errors
/// When the database fails.
pub async fn of_dispatches(store: &Store, viewer: &Viewer, dispatches: &[Uuid]) -> Result<HashMap<Uuid, Vec<Model>>> {
    let visible: Vec<Uuid> = dispatch::find(store, viewer, dispatches).await?.into_keys().collect();
    let mut changes: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for chunk in visible.chunks(BATCH) {
        let rows = Entity::find()
            .filter(Column::DispatchId.is_in(chunk.iter().copied()))
            .order_by_asc(Column::At)
            .order_by_asc(Column::Id);
        for row in rows.all(store.connection()).await? {
            changes.entry(row.dispatch_id).or_default().push(row);
        }
    }
    Ok(changes)
}
