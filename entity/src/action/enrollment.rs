//! The life of an enrollment: started, moved in time, paused, resumed, handed over, completed, withdrawn, and closed to the
//! citizen some time after its end.

mod planning;
mod start;
mod transfer;

pub use planning::{set_end, set_start};
pub use start::{EnrollMyself, MOST, StartEnrollment, Started, enroll_myself, start, start_all};
pub use transfer::{Transfer, set_therapists, transfer};

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use futures_util::FutureExt;
use rules::{facts::Status, period::Period};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use super::{batches, dispatch::cancel_all, opening};
use crate::{
    act::{Act, BATCH, Cause, TICK},
    enrollment, enrollment_end, enrollment_status,
    error::{Error, Outcome, Result, UserError},
    event::EventKind,
    input, program_version,
    seal::Sealed,
    store::Store,
    stored::{self, Stored},
    viewer::{Permission, Who},
};

/// A state that an enrollment is to come into.
#[derive(Clone, Debug)]
pub struct StatusChange {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The state: `ACTIVE` starts a planned one or resumes a paused one.
    pub status: Status,
    /// When a pause ends by itself.
    pub resumes_at: Option<DateTime<Utc>>,
    /// Why.
    pub reason: Option<String>,
}

/// How far ahead a start may be planned.
const FURTHEST: Duration = Duration::days(2 * 366);

/// The one enrollment, where the viewer administers it and it has not ended.
///
/// # Errors
/// `NOT_FOUND` or `ENDED`, both at `enrollmentId`.
async fn under_way(act: &mut Act, id: Uuid) -> Result<enrollment::Model> {
    if !act.viewer.may(Permission::Administer) {
        return Err(UserError::not_found(PATH, "enrollment").into());
    }
    let row = act.enrollment(id, PATH).await?;
    if row.has_ended() {
        return Err(over().into());
    }
    Ok(row)
}

/// Where the inputs name the enrollment.
const PATH: &str = "enrollmentId";

fn over() -> UserError {
    let message = "This enrollment has ended: to go on, start the program anew.";
    UserError::new("ENDED", PATH, message)
}

/// Starts a planned enrollment now. Gives it. Who may: see [`change_status`].
///
/// # Errors
/// `NOT_FOUND`, `ENDED`, and `BAD_TRANSITION` where it has started, at `enrollmentId`; `TOO_LONG` at `reason`.
pub async fn activate(act: &mut Act, id: Uuid, reason: Option<String>) -> Result<Uuid> {
    go_on(act, id, Status::Planned, reason).await
}

/// Resumes a paused enrollment now. Gives it. Who may: see [`change_status`].
///
/// # Errors
/// As [`activate`]; `BAD_TRANSITION` where it is not paused.
pub async fn resume(act: &mut Act, id: Uuid, reason: Option<String>) -> Result<Uuid> {
    go_on(act, id, Status::Paused, reason).await
}

async fn go_on(act: &mut Act, id: Uuid, from: Status, reason: Option<String>) -> Result<Uuid> {
    let row = under_way(act, id).await?;
    if row.status.0 != from {
        let message = format!(
            "This enrollment is {}, not {}.",
            stored::word(&row.status.0),
            stored::word(&from)
        );
        return Err(UserError::new("BAD_TRANSITION", PATH, message).into());
    }
    let change = StatusChange {
        enrollment_id: id,
        status: Status::Active,
        resumes_at: None,
        reason,
    };
    let cause = act.cause();
    let outcome = change_status(act, &[change], cause).await?.pop();
    let outcome = outcome.unwrap_or_else(|| Err(vec![UserError::not_found(PATH, "enrollment")]));
    outcome.map_err(Error::Refused)
}

/// Changes states; each gives the enrollment. Whoever administers enrollments at the unit may, and Handrail itself; a citizen,
/// or a guardian of theirs, may withdraw from what they started by themselves.
///
/// # Errors
/// When the database fails. What one change is refused for stands in its outcome: `NOT_FOUND`, `ENDED` and `BAD_TRANSITION` at
/// `enrollmentId`, `IN_THE_PAST` and `TOO_FAR_AHEAD` at `resumesAt`, `TOO_LONG` at `reason`.
pub async fn change_status(act: &mut Act, changes: &[StatusChange], cause: Cause) -> Result<Vec<Outcome<Uuid>>> {
    let ids: Vec<Uuid> = changes.iter().map(|change| change.enrollment_id).collect();
    let mut enrollments = act.enrollments(&ids).await?;
    let latest = latest_statuses(act, &enrollments).await?;
    let own = started_by_themselves(act, &ids).await?;
    let mut outcomes = Vec::with_capacity(changes.len());
    let (mut rows, mut started) = (Vec::new(), Vec::new());
    let (mut history, mut ends) = (Vec::new(), Vec::new());
    for change in changes {
        let may = act.viewer.may(Permission::Administer)
            || (change.status == Status::Withdrawn && own.contains(&change.enrollment_id));
        // Taken out, so that a second change of the same enrollment finds nothing to change.
        let row = enrollments.remove(&change.enrollment_id);
        let Some(row) = row.filter(|_| may) else {
            outcomes.push(Err(vec![UserError::not_found(PATH, "enrollment")]));
            continue;
        };
        let reason = match input::note(change.reason.as_deref(), "reason") {
            Ok(reason) => reason,
            Err(refused) => {
                outcomes.push(Err(vec![refused]));
                continue;
            }
        };
        let content = act.store.library().content(&act.tx, row.version_id).await?;
        let ended_before = row.ends_at;
        let (row, kind) = match changed(row, change, &content.version, act.now) {
            Ok(changed) => changed,
            Err(refused) => {
                outcomes.push(Err(vec![refused]));
                continue;
            }
        };
        // A planned start counts from when it was planned, however late the worker was: what is due at that very instant
        // belongs to it.
        let at = if kind == EventKind::EnrollmentStarted {
            row.started_at.unwrap_or(act.now)
        } else {
            act.now
        };
        // Each is later than the one before it, so that the history has an order.
        let after = latest.get(&row.id).map_or(at, |before| at.max(*before + TICK));
        history.push(enrollment_status::ActiveModel {
            enrollment_id: Set(row.id),
            at: Set(after),
            status: Set(row.status),
            reason: Set(act.store.keyring().seal_option(reason.as_deref())?),
            actor: Set(cause.actor.into()),
        });
        if row.ends_at != ended_before {
            ends.push(end(&row, after, None, cause));
        }
        act.happened(&row, kind, cause, None, None);
        outcomes.push(Ok(row.id));
        if kind == EventKind::EnrollmentStarted {
            started.push(row.clone());
        }
        rows.push(row);
    }
    write(act, &rows).await?;
    for chunk in history.chunks(BATCH) {
        enrollment_status::Entity::insert_many(chunk.iter().cloned())
            .exec_without_returning(&act.tx)
            .await?;
    }
    act.insert::<enrollment_end::Entity>(&ends).await?;
    opening::begin(act, &started).await?;
    // Nobody can answer any more what is still open.
    rows.retain(enrollment::Model::has_ended);
    cancel_all(act, &rows, cause).await?;
    Ok(outcomes)
}

/// As [`due`], in a unit of work of its own. A batch that fails is halved until the enrollment that it fails for is alone; that
/// one is set aside for a while and logged, and the others go on.
///
/// # Errors
/// When the database is away or busy: then the same batch is tried again later.
pub async fn run(store: &Store, limit: u64) -> Result<usize> {
    batches::run(
        store,
        those_due(store.now(), limit, None)
            .select_only()
            .column(enrollment::Column::Id),
        |act, of| due_of(act, limit, of).boxed(),
        |store, id, error| set_aside(store, id, error).boxed(),
    )
    .await
}

async fn set_aside(store: &Store, id: Uuid, error: &Error) -> Result<()> {
    tracing::error!(enrollment = %id, reason = error.kind(), "the state of an enrollment cannot be changed, and it is set aside");
    batches::set_aside::<enrollment::Entity>(store, (enrollment::Column::Id, id), enrollment::Column::DueAt).await
}

fn those_due(now: DateTime<Utc>, limit: u64, of: Option<&[Uuid]>) -> Select<enrollment::Entity> {
    use enrollment::Column;
    batches::those_due([Column::Id, Column::DueAt], now, limit, of)
}

/// The enrollments that the citizen who asks started by themselves, or a guardian for them; none for staff.
async fn started_by_themselves(act: &Act, ids: &[Uuid]) -> Result<BTreeSet<Uuid>> {
    use enrollment_status::Column;
    let mut own = BTreeSet::new();
    if !matches!(act.viewer.who, Who::Citizen { .. } | Who::Guardian { .. }) {
        return Ok(own);
    }
    for chunk in ids.chunks(BATCH) {
        let by_citizens = Condition::any()
            .add(Column::Actor.like("CITIZEN:%"))
            .add(Column::Actor.like("GUARDIAN:%"));
        let started: Vec<Uuid> = enrollment_status::Entity::find()
            .select_only()
            .column(Column::EnrollmentId)
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(Column::Status.eq(Stored(Status::Active)))
            .filter(by_citizens)
            .into_tuple()
            .all(&act.tx)
            .await?;
        own.extend(started);
    }
    Ok(own)
}

/// Does what is due: planned starts, pauses that end by themselves, ends, and what can be read no longer after its end. Gives how
/// many were done, at most `limit`.
///
/// # Errors
/// When the database fails, or the content of a program cannot be read.
pub async fn due(act: &mut Act, limit: u64) -> Result<usize> {
    due_of(act, limit, None).await
}

async fn due_of(act: &mut Act, limit: u64, of: Option<&[Uuid]>) -> Result<usize> {
    let select = act.store.skip_locked(those_due(act.now, limit, of));
    let mut changes = Vec::new();
    let mut nothing = Vec::new();
    for mut row in select.all(&act.tx).await? {
        let past = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at <= act.now);
        let status = match row.status.0 {
            Status::Planned if past(Some(row.starts_at)) => Status::Active,
            Status::Active | Status::Paused if past(row.ends_at) => Status::Completed,
            Status::Paused if past(row.resumes_at) => Status::Active,
            _ => {
                let content = act.store.library().content(&act.tx, row.version_id).await?;
                close(&mut row, &content.version, act.now);
                row.due_at = due_at(&row, &content.version);
                nothing.push(row);
                continue;
            }
        };
        changes.push(StatusChange {
            enrollment_id: row.id,
            status,
            resumes_at: None,
            reason: None,
        });
    }
    write(act, &nothing).await?;
    let cause = act.cause();
    change_status(act, &changes, cause).await?;
    Ok(changes.len() + nothing.len())
}

/// The row in its new state, and the event that it is.
fn changed(
    mut row: enrollment::Model,
    change: &StatusChange,
    version: &program_version::Model,
    now: DateTime<Utc>,
) -> std::result::Result<(enrollment::Model, EventKind), UserError> {
    let kind = match (row.status.0, change.status) {
        (Status::Planned, Status::Active) => {
            // Late, because nobody looked in time, it counts from when it was planned; early, from now.
            let started_at = row.starts_at.min(now);
            row.started_at = Some(started_at);
            if !has_chosen_end(&row, version) {
                row.ends_at = ends_at(version, started_at, row.tz());
            }
            EventKind::EnrollmentStarted
        }
        (Status::Paused, Status::Active) => EventKind::EnrollmentResumed,
        (Status::Active, Status::Paused) => EventKind::EnrollmentPaused,
        // Another end of the same pause.
        (Status::Paused, Status::Paused) if change.resumes_at != row.resumes_at => EventKind::EnrollmentRescheduled,
        (Status::Paused, Status::Paused) => {
            let message = "It is paused until then already: give another end of the pause.";
            return Err(UserError::new("BAD_TRANSITION", PATH, message));
        }
        (Status::Active | Status::Paused, Status::Completed) => EventKind::EnrollmentCompleted,
        (Status::Planned | Status::Active | Status::Paused, Status::Withdrawn) => EventKind::EnrollmentWithdrawn,
        (Status::Completed | Status::Withdrawn, _) => return Err(over()),
        (from, to) => {
            let message = format!(
                "An enrollment that is {} cannot become {}.",
                stored::word(&from),
                stored::word(&to)
            );
            return Err(UserError::new("BAD_TRANSITION", PATH, message));
        }
    };
    if change.resumes_at.is_some_and(|at| at <= now) {
        return Err(UserError::new(
            "IN_THE_PAST",
            "resumesAt",
            "A pause can end later than now only.",
        ));
    }
    let resumes_at = change.resumes_at;
    let resumes_at = resumes_at.map(|at| input::instant(at, now, "resumesAt")).transpose()?;
    row.status = change.status.into();
    row.resumes_at = resumes_at.filter(|_| change.status == Status::Paused);
    row.ended_at = row.has_ended().then_some(now);
    close(&mut row, version, now);
    row.due_at = due_at(&row, version);
    Ok((row, kind))
}

/// Closes to the citizen what has ended and can be read no longer.
fn close(row: &mut enrollment::Model, version: &program_version::Model, now: DateTime<Utc>) {
    if row.readable_until(version).is_some_and(|until| until <= now) {
        row.closed_at = row.closed_at.or(Some(now));
    }
}

/// When it changes by itself next: its status, or whether the citizen can read it.
fn due_at(row: &enrollment::Model, version: &program_version::Model) -> Option<DateTime<Utc>> {
    match row.status.0 {
        Status::Planned => Some(row.starts_at),
        Status::Active => row.ends_at,
        Status::Paused => row.resumes_at.into_iter().chain(row.ends_at).min(),
        Status::Completed | Status::Withdrawn if row.closed_at.is_some() => None,
        Status::Completed | Status::Withdrawn => row.readable_until(version),
    }
}

/// When an enrollment that starts at `start` ends, as its program says.
fn ends_at(version: &program_version::Model, start: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    Some(version.duration.as_deref()?.parse::<Period>().ok()?.add_to(start, zone))
}

/// Whether somebody said when a planned enrollment is to end, other than its program does.
fn has_chosen_end(row: &enrollment::Model, version: &program_version::Model) -> bool {
    row.ends_at != ends_at(version, row.starts_at, row.tz())
}

/// The decision on when an enrollment is to end, for its history.
fn end(row: &enrollment::Model, at: DateTime<Utc>, reason: Option<Sealed>, cause: Cause) -> enrollment_end::Model {
    enrollment_end::Model {
        enrollment_id: row.id,
        at,
        ends_at: row.ends_at,
        reason,
        actor: cause.actor.into(),
    }
}

async fn latest_statuses(
    act: &Act,
    enrollments: &BTreeMap<Uuid, enrollment::Model>,
) -> Result<HashMap<Uuid, DateTime<Utc>>> {
    use enrollment_status::Column;
    let ids: Vec<Uuid> = enrollments.keys().copied().collect();
    let mut latest = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows: Vec<(Uuid, DateTime<Utc>)> = enrollment_status::Entity::find()
            .select_only()
            .column(Column::EnrollmentId)
            .column_as(Column::At.max(), "at")
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .group_by(Column::EnrollmentId)
            .into_tuple()
            .all(&act.tx)
            .await?;
        latest.extend(rows);
    }
    Ok(latest)
}

/// Writes what a change of state changes of these rows.
async fn write(act: &Act, rows: &[enrollment::Model]) -> Result<()> {
    use enrollment::Column;
    let columns = [
        Column::Status,
        Column::StartsAt,
        Column::StartedAt,
        Column::EndsAt,
        Column::EndedAt,
        Column::ResumesAt,
        Column::DueAt,
        Column::ClosedAt,
    ];
    act.upsert::<enrollment::Entity>(rows, &[Column::Id], &columns).await
}
