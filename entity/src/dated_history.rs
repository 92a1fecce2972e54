//! Dated histories of enrollments: what somebody decided from when on, and why.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::{
    act::BATCH,
    error::Result,
    seal::Sealed,
    store::Store,
    viewer::{Actor, Viewer},
    visible,
};

/// The rows of these enrollments, oldest first, as far as the viewer may see them; the reasons as far as they may read them. What
/// is the enrollment of a row, who decided, and why, `parts` says. One statement.
///
/// # Errors
/// When the database fails.
pub(crate) async fn of_enrollments<E: EntityTrait>(
    store: &Store,
    viewer: &Viewer,
    ids: &[Uuid],
    (enrollment, at): (E::Column, E::Column),
    parts: impl for<'a> Fn(&'a mut E::Model) -> (Uuid, Actor, &'a mut Option<Sealed>),
) -> Result<HashMap<Uuid, Vec<E::Model>>> {
    let mut found: HashMap<Uuid, Vec<E::Model>> = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let select = E::find()
            .filter(enrollment.is_in(chunk.iter().copied()))
            .order_by_asc(at);
        for mut row in visible::of_enrollments(store.connection(), viewer, select, enrollment).await? {
            let (id, actor, reason) = parts(&mut row);
            if !viewer.reads_reason_of(actor) {
                *reason = None;
            }
            found.entry(id).or_default().push(row);
        }
    }
    Ok(found)
}
