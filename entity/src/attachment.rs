//! A file that somebody attached to a message, or is about to. What is in it is kept by [`crate::files::Files`].

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{QueryOrder, QuerySelect, Select, entity::prelude::*};

use crate::{
    act::BATCH,
    error::Result,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
    visible,
};

/// A file that somebody attached to a message, or is about to.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "attachment")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The message; absent until it is sent.
    pub message_id: Option<Uuid>,
    /// The enrollment in whose thread the message is.
    pub enrollment_id: Option<Uuid>,
    /// What it is called, sealed.
    pub name: Sealed,
    /// Its media type, told by its content; see [`crate::media_type`].
    pub media_type: String,
    /// How large it is, in bytes.
    pub size: i32,
    /// When it was uploaded.
    pub uploaded_at: DateTime<Utc>,
    /// When it is thrown away, unless it is sent before.
    pub due_at: Option<DateTime<Utc>>,
    /// Who uploaded it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The files of each of the messages, in the order in which they were uploaded.
///
/// # Errors
/// When the database fails.
pub async fn of_messages(store: &Store, viewer: &Viewer, messages: &[Uuid]) -> Result<HashMap<Uuid, Vec<Model>>> {
    let mut found: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for chunk in messages.chunks(BATCH) {
        let select = Entity::find()
            .filter(Column::MessageId.is_in(chunk.iter().copied()))
            .order_by_asc(Column::Id);
        for row in visible::read(store.connection(), viewer, select, Column::EnrollmentId).await? {
            if let Some(message) = row.message_id {
                found.entry(message).or_default().push(row);
            }
        }
    }
    Ok(found)
}

/// A file that was sent in a thread that the viewer may see.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, id: Uuid) -> Result<Option<Model>> {
    let select = Entity::find_by_id(id);
    let mut rows = visible::read(store.connection(), viewer, select, Column::EnrollmentId).await?;
    Ok(rows.pop())
}

/// The ids of those that nobody sent in time, at most `limit`.
pub(crate) fn due(now: DateTime<Utc>, limit: u64) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::MessageId.is_null())
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::DueAt)
        .limit(limit)
}
