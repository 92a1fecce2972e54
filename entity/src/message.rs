//! What citizen and staff write to each other (meddelande): one thread per enrollment.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rules::facts::Audience;
use sea_orm::{Condition, entity::prelude::*};

use crate::{
    error::Result,
    page::Page,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
    visible::{self, Listed},
};

/// What citizen and staff write to each other (meddelande).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "message")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// Which side wrote it: the citizen (or a guardian for them), or the staff (or a rule for them).
    pub sender: Stored<Audience>,
    /// Who of the staff wrote it; where absent and the sender is the staff, the unit.
    pub staff_id: Option<Uuid>,
    /// The firing of a rule that sent it, if one did.
    pub firing_id: Option<Uuid>,
    /// What it says, sealed plain text.
    pub body: Sealed,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// When the other side read it.
    pub read_at: Option<DateTime<Utc>>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

const LISTED: Listed<Entity> = Listed {
    id: Column::Id,
    enrollment: Column::EnrollmentId,
    at: Column::SentAt,
    key: |row| (row.id, row.enrollment_id, row.sent_at),
};

/// Messages by id.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    visible::by_id::<Entity>(store, viewer, ids, Column::Id, Column::EnrollmentId, |row: &Model| {
        row.id
    })
    .await
}

/// The thread of each enrollment, the latest message first, `first` of each, after the row with the cursor `after`.
///
/// # Errors
/// When the cursor is none of this list, or the database fails.
pub async fn page(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
    first: u64,
    after: Option<&str>,
) -> Result<HashMap<Uuid, Page<(String, Model)>>> {
    LISTED
        .page(store, viewer, enrollments, Condition::all(), first, after)
        .await
}
