//! The activity plan: planning what a citizen is to do, ending it, and registering what was done.

use chrono::{Duration, NaiveDate};
use rules::{
    facts::Status,
    period::{LocalTime, Period},
    recurrence::Repeat,
    zone::local_day,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    sea_query::Expr,
};
use uuid::Uuid;

use super::answerable::{has_ended, not_active};
use crate::{
    act::Act,
    activity_entry, enrollment,
    error::{Error, Result, UserError},
    event::EventKind,
    input::{self, Complaints},
    planned_activity::{ActiveModel, Column, Entity, Model},
    viewer::{Permission, Who},
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
    /// How it was, 0 to 10.
    pub rating: Option<i32>,
}

/// How far ahead an activity may begin.
const AHEAD: Duration = Duration::days(2 * 366);
/// How many activities an enrollment may have at a time.
const MOST: u64 = 30;
/// The shortest and the longest that an activity takes, in seconds.
const LENGTH: std::ops::Range<i64> = 60..86_400;
/// The worst and the best rating.
const RATING: std::ops::RangeInclusive<i32> = 0..=10;

/// Plans an activity; gives it. Staff of the unit who treat may, and Handrail itself, which alone may plan from before today.
///
/// # Errors
/// `NOT_FOUND`, `NOT_ACTIVE` in an enrollment that has ended, `TOO_MANY`; what is wrong with a field, at its name: `title`,
/// `startsOn`, `duration`, `repeat`.
pub async fn plan(act: &mut Act, plan: &Plan) -> Result<Uuid> {
    let mut enrollments = act.treated(&[plan.enrollment_id]).await?;
    let enrollment = enrollments.remove(&plan.enrollment_id);
    let enrollment = enrollment.ok_or_else(|| UserError::not_found("enrollmentId", "enrollment"))?;
    if has_ended(&enrollment) {
        return Err(not_active("This enrollment has ended: nothing is planned in it any more.").into());
    }
    let mut complaints = Complaints::default();
    let title = complaints.take(input::name(&plan.title, "title"));
    if let Err(error) = sensible(act, &enrollment, plan) {
        complaints.add(error);
    }
    if let Some(error) = plan.duration.and_then(|duration| bad_duration(plan.time, duration)) {
        complaints.add(error);
    }
    let repeat = plan.repeat.as_deref().map(str::trim).filter(|text| !text.is_empty());
    if let Some(repeat) = repeat {
        let checked = repeat.parse::<Repeat>().and_then(|rule| rule.check());
        if let Err(error) = checked {
            complaints.add(UserError::new("BAD_REPEAT", "repeat", error.to_string()));
        }
    }
    complaints.refuse()?;
    let standing = Entity::find()
        .filter(Column::EnrollmentId.eq(enrollment.id))
        .filter(Column::EndedAt.is_null());
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
        repeat: repeat.map(str::to_owned),
        created_at: act.now,
        ended_at: None,
        actor: act.viewer.actor().into(),
    };
    if repeat.is_some() && row.fact()?.next_day(plan.starts_on).is_none() {
        return Err(UserError::new("BAD_REPEAT", "repeat", "From this first day on it never comes.").into());
    }
    act.insert::<Entity>(std::slice::from_ref(&row)).await?;
    let cause = act.cause();
    act.happened(&enrollment, EventKind::ActivityPlanned, cause, Some(row.id), None);
    Ok(row.id)
}

/// Whether the first day is not over and not absurdly far ahead.
fn sensible(act: &Act, enrollment: &enrollment::Model, plan: &Plan) -> Result<(), UserError> {
    let zone = enrollment.tz();
    if plan.starts_on < local_day(zone, act.now) && act.viewer.who != Who::System {
        let message = "An activity can be planned from today on.";
        return Err(UserError::new("IN_THE_PAST", "startsOn", message));
    }
    if plan.starts_on > local_day(zone, act.now + AHEAD) {
        let message = "An activity can be planned two years ahead at most.";
        return Err(UserError::new("TOO_FAR_AHEAD", "startsOn", message));
    }
    Ok(())
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

/// Ends an activity: from now on it comes no more, and what was registered stays. Gives it; again is as once.
///
/// # Errors
/// When it is not there or not visible, at `activityId`.
pub async fn end(act: &mut Act, activity_id: Uuid) -> Result<Uuid> {
    let not_found = || Error::from(UserError::not_found("activityId", "activity"));
    if !act.viewer.may(Permission::Treat) {
        return Err(not_found());
    }
    let (enrollment, activity) = locked(act, activity_id).await?;
    if activity.ended_at.is_some() {
        return Ok(activity_id);
    }
    Entity::update_many()
        .set(ActiveModel {
            ended_at: Set(Some(act.now)),
            ..Default::default()
        })
        .filter(Column::Id.eq(activity_id))
        .exec(&act.tx)
        .await?;
    let cause = act.cause();
    act.happened(&enrollment, EventKind::ActivityEnded, cause, Some(activity_id), None);
    Ok(activity_id)
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

/// Registers one day of a planned activity; gives the registration. Registering the day again corrects it. The citizen may, a
/// guardian of theirs, and Handrail itself.
///
/// # Errors
/// `NOT_FOUND`; `NOT_ACTIVE`; at `occurrence` `NOT_PLANNED` where the activity does not come that day and `NOT_YET` where that
/// day is to come; `OUT_OF_RANGE` at `rating`; `TOO_LONG` at `note`.
pub async fn register(act: &mut Act, register: &Register) -> Result<Uuid> {
    if matches!(act.viewer.who, Who::Staff { .. }) {
        return Err(UserError::not_allowed("Only the citizen registers what was done.").into());
    }
    let (enrollment, activity) = locked(act, register.activity_id).await?;
    match enrollment.status.0 {
        Status::Active => {}
        Status::Planned => return Err(not_active("The program has not started yet.").into()),
        Status::Paused => {
            let message = "The program is paused: activities can be registered when it goes on.";
            return Err(not_active(message).into());
        }
        Status::Completed | Status::Withdrawn => return Err(not_active("The program has ended.").into()),
    }
    let mut complaints = Complaints::default();
    let note = complaints.take(input::note(register.note.as_deref(), "note"));
    if register.rating.is_some_and(|rating| !RATING.contains(&rating)) {
        let message = format!(
            "A rating is a whole number from {} to {}.",
            RATING.start(),
            RATING.end()
        );
        complaints.add(UserError::new("OUT_OF_RANGE", "rating", message));
    }
    if let Some(error) = bad_day(act, &enrollment, &activity, register.occurrence)? {
        complaints.add(error);
    }
    complaints.refuse()?;
    let note = act.store.keyring().seal_option(note.as_deref())?;
    enrollment::Entity::update_many()
        .col_expr(enrollment::Column::LastActivityAt, Expr::value(act.now))
        .filter(enrollment::Column::Id.eq(enrollment.id))
        .exec(&act.tx)
        .await?;

    let known = activity_entry::Entity::find()
        .filter(activity_entry::Column::ActivityId.eq(activity.id))
        .filter(activity_entry::Column::Occurrence.eq(register.occurrence))
        .one(&act.tx)
        .await?;
    let actor = act.viewer.actor().into();
    if let Some(known) = known {
        let id = known.id;
        let mut entry = known.into_active_model();
        entry.done = Set(register.done);
        entry.note = Set(note);
        entry.rating = Set(register.rating);
        entry.corrected_at = Set(Some(act.now));
        entry.actor = Set(actor);
        entry.update(&act.tx).await?;
        act.changed(enrollment.citizen_id);
        return Ok(id);
    }
    let entry = activity_entry::Model {
        id: act.id(),
        activity_id: activity.id,
        enrollment_id: enrollment.id,
        occurrence: register.occurrence,
        done: register.done,
        note,
        rating: register.rating,
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

fn bad_day(act: &Act, enrollment: &enrollment::Model, activity: &Model, day: NaiveDate) -> Result<Option<UserError>> {
    let zone = enrollment.tz();
    let refuse = |code, message: &str| Some(UserError::new(code, "occurrence", message));
    if day > local_day(zone, act.now) {
        return Ok(refuse(
            "NOT_YET",
            "This day is to come: an activity is registered on its day or later.",
        ));
    }
    if !activity.comes_on(day, zone)? {
        return Ok(refuse(
            "NOT_PLANNED",
            "The activity is not planned on this day: take one of its days.",
        ));
    }
    Ok(None)
}
