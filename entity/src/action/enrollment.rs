//! The life of an enrollment: started, paused, resumed, completed, withdrawn.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Duration, SubsecRound, Utc};
use chrono_tz::Tz;
use rules::{facts::Status, period::Period};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, DatabaseBackend, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType, OnConflict},
};
use uuid::Uuid;

use super::{
    access_block,
    answerable::has_ended,
    citizen::{self as citizens, NewCitizen},
    dispatch::cancel_all,
};
use crate::{
    act::{Act, BATCH, Cause},
    assignment::Role,
    attention, citizen,
    directory::Published,
    enrollment, enrollment_end, enrollment_status, enrollment_therapist,
    error::{Error, Outcome, Result, UserError},
    evaluation,
    event::EventKind,
    input::{self, Complaints},
    stored::{self, Stored},
    unit,
    viewer::{Permission, Who},
};

/// A program to be started for a citizen.
#[derive(Clone, Default)]
pub struct StartEnrollment {
    /// The program, by its slug; its published version is taken.
    pub program_slug: String,
    /// The unit.
    pub unit_id: Uuid,
    /// The citizen.
    pub citizen: NewCitizen,
    /// When it starts; now where absent.
    pub starts_at: Option<DateTime<Utc>>,
    /// Who treats: staff with the role THERAPIST at the unit.
    pub therapist_ids: Vec<Uuid>,
    /// The IANA time zone; the unit's where absent.
    pub zone: Option<String>,
    /// The language, a BCP 47 tag; the citizen's where absent.
    pub locale: Option<String>,
}

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

/// The smallest step between two instants.
const TICK: Duration = Duration::microseconds(1);

/// How far ahead a start may be planned.
const AHEAD: Duration = Duration::days(2 * 366);

/// Starts a program for a citizen, at once or later; gives the enrollment. Whoever administers enrollments at the unit may, and
/// Handrail itself, which alone may start it in the past.
///
/// # Errors
/// Refusals with paths as in the input: `unitId`, `programSlug`, `citizen.email` …; `ALREADY_ENROLLED`; `ACCESS_BLOCKED`.
pub async fn start(act: &mut Act, start: &StartEnrollment) -> Result<Uuid> {
    let unit = administered(act, start.unit_id)?;
    let published = act.store.directory().programs().get(&start.program_slug).cloned();
    let published = published.ok_or_else(|| UserError::not_found("programSlug", "published program"))?;

    let mut complaints = Complaints::default();
    let zone = complaints.take(input::zone(start.zone.as_deref().unwrap_or(&unit.zone), "timeZone"));
    let locale = start
        .locale
        .as_deref()
        .map(|locale| complaints.take(input::locale(locale, "locale")));
    let starts_at = start.starts_at.map_or(act.now, |at| at.trunc_subsecs(6));
    if let Err(error) = sensible(act, starts_at, zone) {
        complaints.add(error);
    }
    let therapists: BTreeSet<Uuid> = start.therapist_ids.iter().copied().collect();
    for (index, staff) in start.therapist_ids.iter().enumerate() {
        if !act.store.directory().has_role(*staff, unit.id, Role::Therapist) {
            complaints.add(UserError::not_found(
                &format!("therapistIds.{index}"),
                "therapist of this unit",
            ));
        }
    }
    // What is wrong with the citizen is told together with the rest.
    let citizen = match citizens::register(act, &start.citizen, "citizen").await {
        Ok(citizen) => citizen,
        Err(Error::Refused(errors)) => {
            complaints.extend(errors);
            complaints.refuse()?;
            return Err(UserError::not_found("citizen", "citizen").into());
        }
        Err(error) => return Err(error),
    };
    complaints.refuse()?;
    let citizen = held(act, citizen).await?;
    free_to_start(act, &citizen, &unit, &published).await?;

    let content = act.store.library().content(&act.tx, published.version).await?;
    let duration = content.version.duration.clone();
    let active = starts_at <= act.now;
    let mut row = enrollment::Model {
        id: act.id(),
        citizen_id: citizen.id,
        unit_id: unit.id,
        program_id: published.program.id,
        version_id: published.version,
        status: Stored(if active { Status::Active } else { Status::Planned }),
        zone: zone.name().to_owned(),
        locale: locale.unwrap_or(citizen.locale),
        starts_at,
        started_at: active.then_some(starts_at),
        ends_at: ends_at(duration.as_deref(), starts_at, zone),
        ended_at: None,
        resumes_at: None,
        due_at: None,
        last_activity_at: None,
        unread_by_staff: 0,
        unread_by_citizen: 0,
        attention: attention::key(None, None, 0),
        created_at: act.now,
    };
    row.due_at = due_at(&row);
    row.clone().into_active_model().reset_all().insert(&act.tx).await?;
    let history = enrollment_status::ActiveModel {
        enrollment_id: Set(row.id),
        at: Set(starts_at.min(act.now)),
        status: Set(row.status),
        reason: Set(None),
        actor: Set(act.viewer.actor().into()),
    };
    history.insert(&act.tx).await?;
    if let Some(end) = end(&row, starts_at.min(act.now), act.cause()) {
        act.insert::<enrollment_end::Entity>(&[end]).await?;
    }
    treat(act, row.id, &therapists).await?;
    let evaluation = evaluation::ActiveModel {
        enrollment_id: Set(row.id),
        due_at: Set(Some(act.now)),
        // What happens at the very start is still to be judged.
        evaluated_until: Set(starts_at.min(act.now) - TICK),
        failures: Set(0),
        failed_at: Set(None),
    };
    evaluation.insert(&act.tx).await?;
    let kind = if active {
        EventKind::EnrollmentStarted
    } else {
        EventKind::EnrollmentPlanned
    };
    let cause = act.cause();
    act.happened(&row, kind, cause, None, None);
    Ok(row.id)
}

/// The unit, where the viewer may start enrollments there.
fn administered(act: &Act, id: Uuid) -> Result<unit::Model> {
    let here = act.viewer.who == Who::System || act.viewer.unit() == Some(id);
    let unit = act.store.directory().unit(id).cloned();
    let unit = unit.filter(|_| here && act.viewer.may(Permission::Administer));
    unit.ok_or_else(|| UserError::not_found("unitId", "unit").into())
}

/// Whether a start is not before today and not absurdly far ahead.
fn sensible(act: &Act, starts_at: DateTime<Utc>, zone: Tz) -> std::result::Result<(), UserError> {
    let today = rules::zone::start_of_day(zone, rules::zone::local_day(zone, act.now));
    if starts_at < today && act.viewer.who != Who::System {
        return Err(UserError::new(
            "IN_THE_PAST",
            "startsAt",
            "A program can start today or later.",
        ));
    }
    if starts_at > act.now + AHEAD {
        return Err(UserError::new(
            "TOO_FAR_AHEAD",
            "startsAt",
            "A program can be planned two years ahead at most.",
        ));
    }
    Ok(())
}

/// The citizen, held until the end so that nobody else starts something for them meanwhile.
async fn held(act: &Act, id: Uuid) -> Result<citizen::Model> {
    let mut select = citizen::Entity::find_by_id(id);
    if act.store.backend() == DatabaseBackend::Postgres {
        select = select.lock(LockType::NoKeyUpdate);
    }
    let citizen = select.one(&act.tx).await?;
    citizen.ok_or_else(|| UserError::not_found("citizen", "citizen").into())
}

async fn free_to_start(act: &Act, citizen: &citizen::Model, unit: &unit::Model, published: &Published) -> Result<()> {
    if act.viewer.who != Who::System && access_block::standing(act, citizen.id, unit.id).await?.is_some() {
        let message = "The citizen has blocked this unit: they have to lift the block first.";
        return Err(UserError::new("ACCESS_BLOCKED", "citizen", message).into());
    }
    let going_on = [Status::Planned, Status::Active, Status::Paused].map(Stored);
    let same = enrollment::Entity::find()
        .filter(enrollment::Column::CitizenId.eq(citizen.id))
        .filter(enrollment::Column::UnitId.eq(unit.id))
        .filter(enrollment::Column::ProgramId.eq(published.program.id))
        .filter(enrollment::Column::Status.is_in(going_on));
    if same.count(&act.tx).await? > 0 {
        let message = "The citizen takes part in this program at this unit already: end that first.";
        return Err(UserError::new("ALREADY_ENROLLED", "citizen", message).into());
    }
    Ok(())
}

async fn treat(act: &Act, enrollment: Uuid, therapists: &BTreeSet<Uuid>) -> Result<()> {
    if therapists.is_empty() {
        return Ok(());
    }
    let rows = therapists.iter().map(|staff| enrollment_therapist::ActiveModel {
        enrollment_id: Set(enrollment),
        staff_id: Set(*staff),
        valid_from: Set(act.now),
        valid_until: Set(None),
    });
    enrollment_therapist::Entity::insert_many(rows)
        .exec_without_returning(&act.tx)
        .await?;
    Ok(())
}

/// Changes states; each gives the enrollment. Whoever administers enrollments at the unit may, and Handrail itself.
///
/// # Errors
/// When the database fails. What one change is refused for stands in its outcome.
pub async fn change_status(act: &mut Act, changes: &[StatusChange], cause: Cause) -> Result<Vec<Outcome<Uuid>>> {
    let ids: Vec<Uuid> = changes.iter().map(|change| change.enrollment_id).collect();
    let mut enrollments = act.enrollments(&ids).await?;
    let latest = latest_statuses(act, &enrollments).await?;
    let mut outcomes = Vec::with_capacity(changes.len());
    let mut rows = Vec::new();
    let (mut history, mut ends) = (Vec::new(), Vec::new());
    for change in changes {
        // Taken out, so that a second change of the same enrollment finds nothing to change.
        let row = enrollments.remove(&change.enrollment_id);
        let Some(row) = row.filter(|_| act.viewer.may(Permission::Administer)) else {
            outcomes.push(Err(vec![UserError::not_found("enrollmentId", "enrollment")]));
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
        let (row, kind) = match changed(row, change, content.version.duration.as_deref(), act.now) {
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
            ends.extend(end(&row, after, cause));
        }
        act.happened(&row, kind, cause, None, None);
        outcomes.push(Ok(row.id));
        rows.push(row);
    }
    write(act, &rows).await?;
    for chunk in history.chunks(BATCH) {
        enrollment_status::Entity::insert_many(chunk.iter().cloned())
            .exec_without_returning(&act.tx)
            .await?;
    }
    act.insert::<enrollment_end::Entity>(&ends).await?;
    // Nobody can answer any more what is still open.
    rows.retain(has_ended);
    cancel_all(act, &rows, cause).await?;
    Ok(outcomes)
}

/// Does what is due: planned starts, pauses that end by themselves, ends. Gives how many were done, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn due(act: &mut Act, limit: u64) -> Result<usize> {
    let mut select = enrollment::Entity::find()
        .filter(enrollment::Column::DueAt.lte(act.now))
        .order_by_asc(enrollment::Column::DueAt)
        .limit(limit);
    if act.store.backend() == DatabaseBackend::Postgres {
        select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let mut changes = Vec::new();
    let mut nothing = Vec::new();
    for mut row in select.all(&act.tx).await? {
        let past = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at <= act.now);
        let status = match row.status.0 {
            Status::Planned if past(Some(row.starts_at)) => Status::Active,
            Status::Active | Status::Paused if past(row.ends_at) => Status::Completed,
            Status::Paused if past(row.resumes_at) => Status::Active,
            _ => {
                row.due_at = due_at(&row);
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
    duration: Option<&str>,
    now: DateTime<Utc>,
) -> std::result::Result<(enrollment::Model, EventKind), UserError> {
    let kind = match (row.status.0, change.status) {
        (Status::Planned, Status::Active) => {
            // Late, because nobody looked in time, it counts from when it was planned; early, from now.
            let started_at = row.starts_at.min(now);
            row.started_at = Some(started_at);
            row.ends_at = ends_at(duration, started_at, row.tz());
            EventKind::EnrollmentStarted
        }
        (Status::Paused, Status::Active) => EventKind::EnrollmentResumed,
        (Status::Active, Status::Paused) => EventKind::EnrollmentPaused,
        (Status::Active | Status::Paused, Status::Completed) => EventKind::EnrollmentCompleted,
        (Status::Planned | Status::Active | Status::Paused, Status::Withdrawn) => EventKind::EnrollmentWithdrawn,
        (from, to) => {
            let message = format!(
                "An enrollment that is {} cannot become {}.",
                stored::word(&from),
                stored::word(&to)
            );
            return Err(UserError::new("BAD_TRANSITION", "status", message));
        }
    };
    if change.resumes_at.is_some_and(|at| at <= now) {
        return Err(UserError::new(
            "IN_THE_PAST",
            "resumesAt",
            "A pause can end later than now only.",
        ));
    }
    row.status = change.status.into();
    row.resumes_at = change.resumes_at.filter(|_| change.status == Status::Paused);
    row.ended_at = matches!(change.status, Status::Completed | Status::Withdrawn).then_some(now);
    row.due_at = due_at(&row);
    Ok((row, kind))
}

/// When the status changes by itself next.
fn due_at(row: &enrollment::Model) -> Option<DateTime<Utc>> {
    match row.status.0 {
        Status::Planned => Some(row.starts_at),
        Status::Active => row.ends_at,
        Status::Paused => row.resumes_at.into_iter().chain(row.ends_at).min(),
        Status::Completed | Status::Withdrawn => None,
    }
}

fn ends_at(duration: Option<&str>, start: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    Some(duration?.parse::<Period>().ok()?.add_to(start, zone))
}

/// The decision on when an enrollment is to end, for its history; none where it has no end.
fn end(row: &enrollment::Model, at: DateTime<Utc>, cause: Cause) -> Option<enrollment_end::Model> {
    row.ends_at.map(|ends_at| enrollment_end::Model {
        enrollment_id: row.id,
        at,
        ends_at: Some(ends_at),
        actor: cause.actor.into(),
    })
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

/// Writes what a change of state changes of these rows, in one statement for many.
async fn write(act: &Act, rows: &[enrollment::Model]) -> Result<()> {
    use enrollment::Column;
    for chunk in rows.chunks(BATCH) {
        let rows = chunk.iter().map(|row| row.clone().into_active_model().reset_all());
        let there = OnConflict::column(Column::Id)
            .update_columns([
                Column::Status,
                Column::StartedAt,
                Column::EndsAt,
                Column::EndedAt,
                Column::ResumesAt,
                Column::DueAt,
            ])
            .to_owned();
        enrollment::Entity::insert_many(rows)
            .on_conflict(there)
            .exec_without_returning(&act.tx)
            .await?;
    }
    Ok(())
}
