//! The activity plan: planning what a citizen is to do, ending it, and registering what was done.

pub mod changing;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use rules::{
    facts::{RATING, Status},
    period::{LocalTime, Period},
    recurrence::Repeat,
    zone::local_day,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, sea_query::Expr,
};
use uuid::Uuid;

use super::answerable::{OVER, must_go_on, not_active};
use crate::{
    act::{Act, TICK},
    activity_correction, activity_entry, activity_exception, enrollment,
    error::{Result, UserError},
    event::EventKind,
    input::{self, Complaints},
    planned_activity::{ActiveModel, Column, Entity, Model, not_ended},
    viewer::{Actor, Who},
};

/// An activity to be planned.
#[derive(Clone)]
pub struct Plan {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// What it is.
    pub title: String,
    /// Its first local day.
    pub starts_on: NaiveDate,
    /// At which local time; the whole day where absent.
    pub time: Option<LocalTime>,
    /// How long it takes, less than a day.
    pub duration: Option<Period>,
    /// On which further days it comes, an RFC 5545 recurrence rule that begins on its first day.
    pub repeat: Option<String>,
}

/// What a citizen says of one day of a planned activity.
#[derive(Clone)]
pub struct Register {
    /// The activity.
    pub activity_id: Uuid,
    /// The local day.
    pub occurrence: NaiveDate,
    /// Whether it was done.
    pub done: bool,
    /// What there is to say about it.
    pub note: Option<String>,
    /// How it was afterwards, 0 to 10.
    pub rating: Option<i32>,
    /// How it was beforehand, 0 to 10.
    pub rating_before: Option<i32>,
}

/// How far ahead an activity may begin.
const AHEAD: Duration = Duration::days(2 * 366);
/// How many activities an enrollment may have at a time.
const MOST: u64 = 30;
/// The shortest and the longest that an activity takes, in seconds.
const LENGTH: std::ops::Range<i64> = 60..86_400;

/// Plans an activity; gives it. Staff of the unit who treat may; citizens and guardians where the program lets them; and
/// Handrail itself, which alone may plan from before today.
///
/// # Errors
/// `NOT_FOUND`, `NOT_OFFERED` or `NOT_ALLOWED` where the program has it so, `ENDED` in an enrollment that has ended, `TOO_MANY`;
/// what is wrong with a field, at its name: `title`, `startsOn`, `duration`, `repeat`.
pub async fn plan(act: &mut Act, plan: &Plan) -> Result<Uuid> {
    let mut enrollments = act.with_health(&[plan.enrollment_id]).await?;
    let enrollment = enrollments.remove(&plan.enrollment_id);
    let enrollment = enrollment.ok_or_else(|| UserError::not_found("enrollmentId", "enrollment"))?;
    may_plan(act, &enrollment).await?;
    must_go_on(
        &enrollment,
        "This enrollment has ended: nothing is planned in it any more.",
    )?;
    let mut complaints = Complaints::default();
    let title = complaints.take(input::name(&plan.title, "title"));
    if let Some(error) = bad_first_day(act, &enrollment, plan.starts_on, "startsOn") {
        complaints.add(error);
    }
    if let Some(error) = plan.duration.and_then(|duration| bad_duration(plan.time, duration)) {
        complaints.add(error);
    }
    let repeat = complaints.take(checked_repeat(plan.repeat.as_deref()));
    complaints.refuse()?;
    let standing = Entity::find()
        .filter(Column::EnrollmentId.eq(enrollment.id))
        .filter(not_ended(act.now));
    if standing.count(&act.tx).await? >= MOST {
        let message = format!("At most {MOST} activities are planned at a time: end one first.");
        return Err(UserError::new("TOO_MANY", "enrollmentId", message).into());
    }
    let row = Model {
        id: act.id(),
        enrollment_id: enrollment.id,
        title: act.store.keyring().seal(&title)?,
        starts_on: plan.starts_on,
        at_time: plan.time.map(|time| time.to_string()),
        duration: plan.duration.map(|duration| duration.to_string()),
        repeat,
        created_at: act.now,
        ended_at: None,
        actor: act.viewer.actor().into(),
        replaces_id: None,
    };
    must_come(&row)?;
    act.insert::<Entity>(std::slice::from_ref(&row)).await?;
    let cause = act.cause();
    act.happened(&enrollment, EventKind::ActivityPlanned, cause, Some(row.id), None);
    Ok(row.id)
}

/// Refuses an activity that repeats but never comes.
fn must_come(row: &Model) -> Result<()> {
    if row.repeat.is_some() && row.fact()?.next_day(row.starts_on).is_none() {
        return Err(UserError::new("BAD_REPEAT", "repeat", "From this first day on it never comes.").into());
    }
    Ok(())
}

/// Refuses to plan where the program has no activity plan, and citizens where it is the staff who plan.
async fn may_plan(act: &Act, enrollment: &enrollment::Model) -> Result<()> {
    let library = act.store.library();
    let features = library
        .content(&act.tx, enrollment.version_id)
        .await?
        .version
        .features();
    if !features.activity_plan {
        return Err(UserError::new("NOT_OFFERED", "", "This program has no activity plan.").into());
    }
    let by_citizen = matches!(act.viewer.who, Who::Citizen { .. } | Who::Guardian { .. });
    if by_citizen && !features.citizen_plans_activities {
        let message = "In this program the staff plan activities: write to them about what you would like to do.";
        return Err(UserError::not_allowed(message).into());
    }
    Ok(())
}

/// What is wrong with a first day: it is over, or absurdly far ahead.
fn bad_first_day(act: &Act, enrollment: &enrollment::Model, day: NaiveDate, path: &str) -> Option<UserError> {
    let zone = enrollment.tz();
    if day < local_day(zone, act.now) && act.viewer.who != Who::System {
        let message = "An activity can be planned from today on.";
        return Some(UserError::new("IN_THE_PAST", path, message));
    }
    if day > local_day(zone, act.now + AHEAD) {
        let message = "An activity can be planned two years ahead at most.";
        return Some(UserError::new("TOO_FAR_AHEAD", path, message));
    }
    None
}

/// A recurrence rule that may be left out; blank is none.
fn checked_repeat(text: Option<&str>) -> std::result::Result<Option<String>, UserError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let checked = text.parse::<Repeat>().and_then(|rule| rule.check());
    checked.map_err(|error| UserError::new("BAD_REPEAT", "repeat", error.to_string()))?;
    Ok(Some(text.to_owned()))
}

fn bad_duration(time: Option<LocalTime>, duration: Period) -> Option<UserError> {
    let refuse = |message: &str| Some(UserError::new("BAD_DURATION", "duration", message));
    if time.is_none() {
        return refuse("An activity without a time takes the whole day: leave out how long it takes, or give a time.");
    }
    let is_right = duration.months == 0 && duration.days == 0 && LENGTH.contains(&duration.seconds);
    if is_right {
        None
    } else {
        refuse("An activity takes from a minute to less than a day: write for example PT30M or PT2H.")
    }
}

/// Ends an activity: from now on it comes no more, and what was registered stays. Gives it; again is as once. Who may change
/// it may.
///
/// # Errors
/// When it is not there or not visible, at `activityId`; `NOT_OFFERED`, `NOT_ALLOWED`.
pub async fn end(act: &mut Act, activity_id: Uuid) -> Result<Uuid> {
    let (enrollment, activity) = changeable(act, activity_id).await?;
    if activity.has_ended(act.now) {
        return Ok(activity_id);
    }
    end_at(act, activity_id, act.now).await?;
    let cause = act.cause();
    act.happened(&enrollment, EventKind::ActivityEnded, cause, Some(activity_id), None);
    Ok(activity_id)
}

async fn end_at(act: &Act, activity_id: Uuid, at: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .set(ActiveModel {
            ended_at: Set(Some(at)),
            ..Default::default()
        })
        .filter(Column::Id.eq(activity_id))
        .exec(&act.tx)
        .await?;
    Ok(())
}

/// An activity that the viewer may change, as [`locked`]: staff who treat any, citizens and guardians what they planned
/// themselves.
async fn changeable(act: &mut Act, activity_id: Uuid) -> Result<(enrollment::Model, Model)> {
    let (enrollment, activity) = locked(act, activity_id).await?;
    may_plan(act, &enrollment).await?;
    let by_citizen = matches!(act.viewer.who, Who::Citizen { .. } | Who::Guardian { .. });
    let is_theirs = matches!(activity.actor.0, Actor::Citizen(_) | Actor::Guardian(_));
    if by_citizen && !is_theirs {
        let message = "The staff planned this: write to them about changing it.";
        return Err(UserError::not_allowed(message).into());
    }
    Ok((enrollment, activity))
}

/// What was said last of a day of an activity.
async fn exception(act: &Act, activity_id: Uuid, day: NaiveDate) -> Result<Option<activity_exception::Model>> {
    use activity_exception::{Column, Entity};
    let said = Entity::find()
        .filter(Column::ActivityId.eq(activity_id))
        .filter(Column::Occurrence.eq(day))
        .order_by_desc(Column::At)
        .order_by_desc(Column::Id);
    Ok(said.one(&act.tx).await?)
}

/// An activity that the viewer may see, with its enrollment, which nobody else changes until the end.
async fn locked(act: &mut Act, activity_id: Uuid) -> Result<(enrollment::Model, Model)> {
    let not_found = || UserError::not_found("activityId", "activity");
    let activity = Entity::find_by_id(activity_id).one(&act.tx).await?;
    let enrollment_id = activity.ok_or_else(not_found)?.enrollment_id;
    let mut enrollments = act.with_health(&[enrollment_id]).await?;
    let enrollment = enrollments.remove(&enrollment_id).ok_or_else(not_found)?;
    // Read again under the lock: somebody else may have ended it.
    let activity = Entity::find_by_id(activity_id).one(&act.tx).await?;
    Ok((enrollment, activity.ok_or_else(not_found)?))
}

/// Registers one day of a planned activity; gives the registration. Registering the day again corrects it; what it said until then is
/// kept. The citizen may, a guardian of theirs, and Handrail itself.
///
/// # Errors
/// `NOT_FOUND`; `ENDED`; `NOT_ACTIVE`; at `occurrence` `NOT_PLANNED` where the activity does not come that day and `NOT_YET` where that
/// day is to come; `OUT_OF_RANGE` at `rating`; `TOO_LONG` at `note`.
pub async fn register(act: &mut Act, register: &Register) -> Result<Uuid> {
    if matches!(act.viewer.who, Who::Staff { .. }) {
        return Err(UserError::not_allowed("Only the citizen registers what was done.").into());
    }
    let (enrollment, activity) = locked(act, register.activity_id).await?;
    must_be_taking_part(&enrollment)?;
    let mut complaints = Complaints::default();
    let note = complaints.take(input::note(register.note.as_deref(), "note"));
    for (rating, path) in [(register.rating, "rating"), (register.rating_before, "ratingBefore")] {
        if rating.is_some_and(|rating| !RATING.contains(&rating)) {
            let (worst, best) = (RATING.start(), RATING.end());
            let message = format!("A rating is a whole number from {worst} to {best}.");
            complaints.add(UserError::new("OUT_OF_RANGE", path, message));
        }
    }
    if let Some(error) = bad_day(act, &enrollment, &activity, register.occurrence).await? {
        complaints.add(error);
    }
    complaints.refuse()?;
    was_active(act, enrollment.id).await?;
    let known = activity_entry::Entity::find()
        .filter(activity_entry::Column::ActivityId.eq(activity.id))
        .filter(activity_entry::Column::Occurrence.eq(register.occurrence))
        .one(&act.tx)
        .await?;
    let actor = act.viewer.actor().into();
    let keyring = act.store.keyring();
    if let Some(known) = known {
        let id = known.id;
        let known_note = known.note.as_ref().map(|note| keyring.open(note)).transpose()?;
        let said = (register.done, register.rating, register.rating_before, &note);
        if said == (known.done, known.rating, known.rating_before, &known_note) {
            return Ok(id);
        }
        let said_at = known.corrected_at.unwrap_or(known.registered_at);
        // Each is later than the one before it, so that the last is the last.
        let corrected_at = act.now.max(said_at + TICK);
        let former = activity_correction::Model {
            id: act.id(),
            entry_id: id,
            enrollment_id: enrollment.id,
            done: known.done,
            note: known.note.clone(),
            rating: known.rating,
            rating_before: known.rating_before,
            said_at,
            corrected_at,
            actor: known.actor,
        };
        act.insert::<activity_correction::Entity>(std::slice::from_ref(&former))
            .await?;
        let mut entry = known.into_active_model();
        entry.done = Set(register.done);
        entry.note = Set(keyring.seal_option(note.as_deref())?);
        entry.rating = Set(register.rating);
        entry.rating_before = Set(register.rating_before);
        entry.corrected_at = Set(Some(corrected_at));
        entry.actor = Set(actor);
        entry.update(&act.tx).await?;
        let cause = act.cause();
        act.happened(&enrollment, EventKind::ActivityCorrected, cause, Some(id), None);
        return Ok(id);
    }
    let entry = activity_entry::Model {
        id: act.id(),
        activity_id: activity.id,
        enrollment_id: enrollment.id,
        occurrence: register.occurrence,
        done: register.done,
        note: keyring.seal_option(note.as_deref())?,
        rating: register.rating,
        rating_before: register.rating_before,
        registered_at: act.now,
        corrected_at: None,
        actor,
    };
    act.insert::<activity_entry::Entity>(std::slice::from_ref(&entry))
        .await?;
    let cause = act.cause();
    act.happened(&enrollment, EventKind::ActivityRegistered, cause, Some(entry.id), None);
    Ok(entry.id)
}

/// Refuses what citizens register in an enrollment that is not active.
pub(super) fn must_be_taking_part(enrollment: &enrollment::Model) -> Result<(), UserError> {
    match enrollment.status.0 {
        Status::Active => Ok(()),
        Status::Planned => Err(not_active("The program has not started yet.")),
        Status::Paused => Err(not_active(
            "The program is paused: register what you do when it goes on.",
        )),
        Status::Completed | Status::Withdrawn => must_go_on(enrollment, OVER),
    }
}

/// Notes that the citizen did something.
pub(super) async fn was_active(act: &Act, enrollment: Uuid) -> Result<()> {
    enrollment::Entity::update_many()
        .col_expr(enrollment::Column::LastActivityAt, Expr::value(act.now))
        .filter(enrollment::Column::Id.eq(enrollment))
        .exec(&act.tx)
        .await?;
    Ok(())
}

async fn bad_day(
    act: &Act,
    enrollment: &enrollment::Model,
    activity: &Model,
    day: NaiveDate,
) -> Result<Option<UserError>> {
    let zone = enrollment.tz();
    let refuse = |code, message: &str| Some(UserError::new(code, "occurrence", message));
    let exception = exception(act, activity.id, day).await?;
    Ok(match activity.comes_on(day, exception.as_ref(), zone)? {
        None => refuse(
            "NOT_PLANNED",
            "The activity is not planned on this day: take one of its days.",
        ),
        Some(on) if on > local_day(zone, act.now) => refuse(
            "NOT_YET",
            &format!("It is planned for {on}, which is to come: an activity is registered on its day or later."),
        ),
        Some(_) => None,
    })
}
