//! Who of the staff looks after a thread: each hand-over stays, the last one holds.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{QueryOrder, entity::prelude::*};

use crate::{
    act::BATCH,
    error::Result,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer, Who},
    visible,
};

/// That a thread was handed over.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "message_handover")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// Who looks after it from then on; all who treat where absent.
    pub staff_id: Option<Uuid>,
    /// What the receiver should know, sealed.
    pub note: Option<Sealed>,
    /// When.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Hand-overs by id. For staff; none for citizens and guardians.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    match viewer.who {
        Who::Staff { .. } | Who::System => {
            visible::by_id::<Entity>(store, viewer, ids, Column::Id, Column::EnrollmentId, |row| row.id).await
        }
        Who::Citizen { .. } | Who::Guardian { .. } => Ok(HashMap::new()),
    }
}

/// The hand-overs of each of the threads, the latest first. For staff; none for citizens and guardians.
///
/// # Errors
/// When the database fails.
pub async fn histories(store: &Store, viewer: &Viewer, enrollments: &[Uuid]) -> Result<HashMap<Uuid, Vec<Model>>> {
    let mut found: HashMap<Uuid, Vec<Model>> = HashMap::new();
    if !matches!(viewer.who, Who::Staff { .. } | Who::System) {
        return Ok(found);
    }
    for chunk in enrollments.chunks(BATCH) {
        let select = Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .order_by_desc(Column::At)
            .order_by_desc(Column::Id);
        for row in visible::read(store.connection(), viewer, select, Column::EnrollmentId).await? {
            found.entry(row.enrollment_id).or_default().push(row);
        }
    }
    Ok(found)
}
