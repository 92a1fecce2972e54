//! Telling of modules that open by themselves: because their time comes, or because what they wait for is completed or hidden.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use sea_orm::{QuerySelect, Select};
use uuid::Uuid;

use super::batches;
use crate::{
    act::{Act, Cause, TICK},
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
        // What is open from the start is told with the start.
        let told_before = enrollment.started_at.unwrap_or(act.now) + TICK;
        if let due_at @ Some(_) = next(&content, enrollment, told_before) {
            rows.push(Model {
                enrollment_id: enrollment.id,
                told_before,
                due_at,
            });
        }
    }
    act.insert::<Entity>(&rows).await
}

/// When the time of a module comes, from an instant on.
fn next(content: &Content, enrollment: &enrollment::Model, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let times = progress::own_times(content, enrollment);
    times.map(|(_, at)| at).filter(|at| *at >= from).min()
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

/// Tells that modules opened.
pub(super) fn tell(
    act: &mut Act,
    content: &Content,
    enrollment: &enrollment::Model,
    opened: impl IntoIterator<Item = Uuid>,
    cause: Cause,
) {
    for id in opened {
        let key = content.module(id).map(|module| module.row.key.as_str());
        act.told(enrollment, EventKind::ContentOpened, cause, Some(id), key);
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

/// What opens meanwhile is open to whoever asks, and is told later.
async fn set_aside(store: &Store, id: Uuid, error: &Error) -> Result<()> {
    tracing::error!(enrollment = %id, reason = error.kind(), "it cannot be told yet that a module has opened");
    batches::set_aside::<Entity>(store, (Column::EnrollmentId, id), Column::DueAt).await
}

async fn due(act: &mut Act, limit: u64, of: Option<&[Uuid]>) -> Result<usize> {
    let now = act.now;
    let (enrollments, mut rows) = act.claim(|| those_due(now, limit, of), Column::EnrollmentId).await?;
    let ids: Vec<Uuid> = enrollments.keys().copied().collect();
    let overlays = progress::load(&act.tx, &act.viewer, &ids).await?;
    let cause = act.cause();
    for row in &mut rows {
        let (Some(enrollment), Some(overlay)) = (enrollments.get(&row.enrollment_id), overlays.get(&row.enrollment_id))
        else {
            continue;
        };
        let content = act.store.library().content(&act.tx, enrollment.version_id).await?;
        let told_before = std::mem::replace(&mut row.told_before, now + TICK);
        let come = progress::own_times(&content, enrollment).filter(|(_, at)| told_before <= *at && *at <= now);
        let opened = come.filter(|(module, at)| {
            // What waits for something else until then, or longer, is told with that.
            overlay.opened_by_itself(&content, enrollment, module.row.id, now) == Some(*at)
                && !overlay.waited_until(&content, module.row.id, *at)
        });
        let opened: Vec<Uuid> = opened.map(|(module, _)| module.row.id).collect();
        tell(act, &content, enrollment, opened, cause);
        row.due_at = next(&content, enrollment, row.told_before).filter(|_| !enrollment.has_ended());
    }
    act.upsert::<Entity>(&rows, &[Column::EnrollmentId], &[Column::ToldBefore, Column::DueAt])
        .await?;
    Ok(rows.len())
}

fn those_due(now: DateTime<Utc>, limit: u64, of: Option<&[Uuid]>) -> Select<Entity> {
    batches::those_due([Column::EnrollmentId, Column::DueAt], now, limit, of)
}
