//! What became of a flag, and who did it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{FlagStatus, visible_ids};
use crate::{
    act::BATCH,
    error::Result,
    flag_assignment, flag_change,
    seal::Sealed,
    store::Store,
    viewer::{Actor, Permission, Viewer},
};

/// Something that became of a flag.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub what: What,
    /// What was said about it, sealed text.
    pub note: Option<Sealed>,
    /// Who did it.
    pub actor: Actor,
}

/// What became of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It came into a state.
    Status(FlagStatus),
    /// It was given to somebody, or to nobody in particular.
    Assigned(Option<Uuid>),
}

/// The history of each of the flags, oldest first. For those who treat; nothing for everybody else, whom it would tell of the
/// rules and of what staff say among themselves. Three statements.
///
/// # Errors
/// When the database fails.
pub async fn history(store: &Store, viewer: &Viewer, flags: &[Uuid]) -> Result<HashMap<Uuid, Vec<Change>>> {
    let mut found: HashMap<Uuid, Vec<Change>> = HashMap::new();
    if !viewer.may(Permission::Treat) {
        return Ok(found);
    }
    for chunk in visible_ids(store, viewer, flags).await?.chunks(BATCH) {
        let changes = flag_change::Entity::find()
            .filter(flag_change::Column::FlagId.is_in(chunk.iter().copied()))
            .order_by_asc(flag_change::Column::Id);
        for row in changes.all(store.connection()).await? {
            found.entry(row.flag_id).or_default().push(Change {
                at: row.at,
                what: What::Status(row.status.0),
                note: row.note,
                actor: row.actor.0,
            });
        }
        let assignments = flag_assignment::Entity::find()
            .filter(flag_assignment::Column::FlagId.is_in(chunk.iter().copied()))
            .order_by_asc(flag_assignment::Column::Id);
        for row in assignments.all(store.connection()).await? {
            found.entry(row.flag_id).or_default().push(Change {
                at: row.at,
                what: What::Assigned(row.staff_id),
                note: row.note,
                actor: row.actor.0,
            });
        }
    }
    for changes in found.values_mut() {
        // The sort is stable: what came at once stays in the order of its making.
        changes.sort_by_key(|change| change.at);
    }
    Ok(found)
}
