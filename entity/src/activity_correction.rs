//! What a registration said until it was corrected. Rows are added, and never changed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{Condition, QueryOrder, entity::prelude::*};

use crate::{
    act::BATCH,
    error::Result,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
    visible,
};

/// What a registration said until it was corrected.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_correction")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The registration.
    pub entry_id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// Whether it was done.
    pub done: bool,
    /// What the citizen said about it, sealed text.
    pub note: Option<Sealed>,
    /// How it was afterwards, 0 to 10.
    pub rating: Option<i32>,
    /// How it was beforehand, 0 to 10.
    pub rating_before: Option<i32>,
    /// Since when it said so: when it was registered, or corrected to that.
    pub said_at: DateTime<Utc>,
    /// When it was corrected to something else.
    pub corrected_at: DateTime<Utc>,
    /// Who had said so.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Of how many corrections a registration tells, the latest ones.
pub const MOST: u64 = 100;

/// What each of some registrations said before, oldest first: the latest [`MOST`]. One statement.
///
/// # Errors
/// When the database fails.
pub async fn of_entries(store: &Store, viewer: &Viewer, entries: &[Uuid]) -> Result<HashMap<Uuid, Vec<Model>>> {
    let mut found: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for chunk in entries.chunks(BATCH) {
        let of_these = Condition::all().add(Column::EntryId.is_in(chunk.iter().copied()));
        let latest = visible::latest_of_each::<Entity>(
            Column::Id,
            Column::EntryId,
            Column::CorrectedAt.into_expr(),
            of_these,
            MOST,
        );
        let select = Entity::find()
            .filter(Column::Id.in_subquery(latest))
            .order_by_asc(Column::CorrectedAt)
            .order_by_asc(Column::Id);
        for row in visible::read(store.connection(), viewer, select, Column::EnrollmentId).await? {
            found.entry(row.entry_id).or_default().push(row);
        }
    }
    Ok(found)
}
