//! What citizen and staff write to each other (meddelande): one thread per enrollment.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::facts::Audience;
use sea_orm::{Condition, QueryOrder, entity::prelude::*};

use crate::{
    act::BATCH,
    enrollment,
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
    /// Who of the staff read it, where the citizen wrote it.
    pub read_by: Option<Uuid>,
    /// The message of the unit to all that it is, where it is one.
    pub unit_message_id: Option<Uuid>,
    /// Until when the unit promised to answer it, where the citizen wrote it and the unit promises anything.
    pub answer_before: Option<DateTime<Utc>>,
    /// When somebody of the staff answered it, or found that it needs no answer.
    pub answered_at: Option<DateTime<Utc>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

const LISTED: Listed<Entity> = Listed {
    id: Column::Id,
    enrollment: Column::EnrollmentId,
    at: || Column::SentAt.into_expr(),
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

/// What is not answered: messages of the citizen. What a rule sends or the unit sends to all is no answer.
pub(crate) fn unanswered() -> Condition {
    Condition::all()
        .add(Column::Sender.eq(Stored(Audience::Citizen)))
        .add(Column::AnsweredAt.is_null())
}

/// Until when the unit promised to answer the oldest message of each of the enrollments that is not answered; none where there is
/// none, or nothing was promised. Once an enrollment has ended nobody can answer in it.
///
/// # Errors
/// When the database fails.
pub async fn answer_before(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
) -> Result<HashMap<Uuid, DateTime<Utc>>> {
    let mut found = HashMap::new();
    for chunk in enrollments.chunks(BATCH) {
        let select = Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(enrollment::Column::EndedAt.is_null())
            .filter(unanswered())
            .order_by_asc(Column::SentAt)
            .order_by_asc(Column::Id);
        let mut seen = HashSet::new();
        for row in visible::read(store.connection(), viewer, select, Column::EnrollmentId).await? {
            if let (true, Some(before)) = (seen.insert(row.enrollment_id), row.answer_before) {
                found.insert(row.enrollment_id, before);
            }
        }
    }
    Ok(found)
}
