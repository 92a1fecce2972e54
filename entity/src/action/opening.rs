//! Telling of modules that open by themselves: because their time comes, or because what they wait for is completed or hidden.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::OnConflict,
};
use uuid::Uuid;

use super::batches;
use crate::{
    act::{Act, BATCH, Cause},
    content::Content,
    enrollment,
    error::{Error, Result},
    event::EventKind,
    opening::{Column, Entity, Model},
    progress::{self, Overlay},
    store::Store,
};

/// Notes when modules open in enrollments that start now.
pub(super) async fn begin(act: &Act, started: &[enrollment::Model]) -> Result<()> {
    let mut rows = Vec::new();
    for enrollment in started {
        let content = act.store.library().content(&act.tx, enrollment.version_id).await?;
        let after = enrollment.started_at.unwrap_or(act.now);
        if let due_at @ Some(_) = next(&content, enrollment, after) {
            rows.push(Model {
                enrollment_id: enrollment.id,
                due_at,
            });
        }
    }
    act.insert::<Entity>(&rows).await
}

/// When the time of a module comes after an instant.
fn next(content: &Content, enrollment: &enrollment::Model, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let times = progress::own_times(content, enrollment);
    times.map(|(_, at)| at).filter(|at| *at > after).min()
}

/// The modules that waited for others, and are open without anybody's having said so.
pub(super) fn open_by_themselves(
    act: &Act,
    content: &Content,
    enrollment: &enrollment::Model,
    overlay: &Overlay,
) -> BTreeSet<Uuid> {
    let waiting = content.modules.iter().filter(|module| !module.prerequisites.is_empty());
    waiting
        .map(|module| module.row.id)
        .filter(|id| overlay.opened_by_itself(content, enrollment, *id, act.now).is_some())
        .collect()
}

/// Tells of those of these modules that were not among others.
pub(super) fn tell(
    act: &mut Act,
    content: &Content,
    enrollment: &enrollment::Model,
    (open, before): (&BTreeSet<Uuid>, &BTreeSet<Uuid>),
    cause: Cause,
) {
    for id in open.difference(before) {
        let key = content.module(*id).map(|module| module.row.key.as_str());
        act.told(enrollment, EventKind::ContentOpened, cause, Some(*id), key);
    }
}

/// Tells of modules whose time has come, in a unit of work of its own. Gives how many enrollments were looked at, at most `limit`.
/// A batch that fails is halved until the enrollment that it fails for is alone; that one is set aside for a while and logged, and
/// the others go on.
///
/// # Errors
/// When the database is away or busy: then the same batch is tried again later.
pub async fn run(store: &Store, limit: u64) -> Result<usize> {
    batches::run(
        store,
        those_due(store.now(), limit, None)
            .select_only()
            .column(Column::EnrollmentId),
        |act, of| due(act, limit, of).boxed(),
        |store, id, error| set_aside(store, id, error).boxed(),
    )
    .await
}

/// What opens meanwhile is open to whoever asks, and is not told.
async fn set_aside(store: &Store, id: Uuid, error: &Error) -> Result<()> {
    tracing::error!(enrollment = %id, reason = error.kind(), "nobody is told that a module has opened");
    batches::set_aside::<Entity>(store, (Column::EnrollmentId, id), Column::DueAt).await
}

async fn due(act: &mut Act, limit: u64, of: Option<&[Uuid]>) -> Result<usize> {
    let now = act.now;
    let (enrollments, mut rows) = act.claim(|| those_due(now, limit, of), Column::EnrollmentId).await?;
    let ids: Vec<Uuid> = enrollments.keys().copied().collect();
    let overlays = progress::load(&act.tx, &act.viewer, &ids).await?;
    let cause = act.cause();
    for row in &mut rows {
        let (Some(enrollment), Some(overlay), Some(since)) = (
            enrollments.get(&row.enrollment_id),
            overlays.get(&row.enrollment_id),
            row.due_at,
        ) else {
            continue;
        };
        let content = act.store.library().content(&act.tx, enrollment.version_id).await?;
        let come = progress::own_times(&content, enrollment).filter(|(_, at)| since <= *at && *at <= now);
        // What still waits for something else then is told when that comes.
        let opened =
            come.filter(|(module, at)| overlay.opened_by_itself(&content, enrollment, module.row.id, now) == Some(*at));
        let opened = opened.map(|(module, _)| module.row.id).collect();
        tell(act, &content, enrollment, (&opened, &BTreeSet::new()), cause);
        row.due_at = next(&content, enrollment, now).filter(|_| !enrollment.has_ended());
    }
    write(act, &rows).await?;
    Ok(rows.len())
}

/// The enrollments that are due, or those of them that are named, longest due first.
fn those_due(now: DateTime<Utc>, limit: u64, of: Option<&[Uuid]>) -> Select<Entity> {
    let due = Entity::find()
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::DueAt)
        .limit(limit.min(BATCH as u64));
    match of {
        Some(ids) => due.filter(Column::EnrollmentId.is_in(ids.iter().copied())),
        None => due,
    }
}

/// Writes when these are due next.
async fn write(act: &Act, rows: &[Model]) -> Result<()> {
    for chunk in rows.chunks(BATCH) {
        let rows = chunk.iter().map(|row| row.clone().into_active_model().reset_all());
        let there = OnConflict::column(Column::EnrollmentId)
            .update_column(Column::DueAt)
            .to_owned();
        Entity::insert_many(rows)
            .on_conflict(there)
            .exec_without_returning(&act.tx)
            .await?;
    }
    Ok(())
}
