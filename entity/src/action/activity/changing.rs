//! Changing what is planned: an activity from a day on, or one of its days. What was registered stays.

use chrono::NaiveDate;
use rules::{
    period::{LocalTime, Period},
    zone::{local_day, start_of_day},
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{bad_duration, bad_first_day, changeable, checked_repeat, end_at, exception, must_come};
use crate::{
    act::{Act, TICK},
    action::answerable::must_go_on,
    activity_entry, activity_exception, enrollment,
    error::{Error, Result, UserError},
    event::EventKind,
    input::{self, Complaints},
    planned_activity::{Entity, Model},
};

/// What is to be another of an activity, from a day on; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The activity.
    pub activity_id: Uuid,
    /// From which local day on; from today where absent.
    pub from: Option<NaiveDate>,
    /// What it is.
    pub title: Option<String>,
    /// At which local time; `Some(None)` for the whole day.
    pub time: Option<Option<LocalTime>>,
    /// How long it takes; `Some(None)` where nobody knows.
    pub duration: Option<Option<Period>>,
    /// On which further days it comes, counted from the first; `Some(None)` for that day alone.
    pub repeat: Option<Option<String>>,
}

/// One day of an activity that is to come on another.
#[derive(Clone, Debug)]
pub struct Move {
    /// The activity.
    pub activity_id: Uuid,
    /// The local day as the recurrence has it.
    pub occurrence: NaiveDate,
    /// The local day on which it comes.
    pub to: NaiveDate,
    /// At which local time then; as planned where absent.
    pub time: Option<LocalTime>,
    /// Why.
    pub reason: Option<String>,
}

const OVER: &str = "This enrollment has ended: its plan is not changed any more.";

/// Changes an activity from a day on: until then it stays as it was, with all that was registered of it, and from then on another
/// takes its place, which is given. Where the recurrence stays, its rhythm and count go on, and so do days that were moved or
/// cancelled; one that was moved to before that day comes there, and not again.
///
/// # Errors
/// `NOT_FOUND` at `activityId`; `NOT_OFFERED`, `NOT_ALLOWED`, `ENDED`; at `from` `IN_THE_PAST`, `TOO_FAR_AHEAD`,
/// `ALREADY_REGISTERED` where that day is registered, `MOVED` where an earlier one was moved to it or later, `NOT_PLANNED` where
/// it comes no more from that day on; what is wrong with a field, at its name: `title`, `duration`, `repeat`.
pub async fn change(act: &mut Act, change: &Change) -> Result<Uuid> {
    let (enrollment, activity) = changeable(act, change.activity_id).await?;
    must_go_on(&enrollment, OVER)?;
    if activity.ended_at.is_some() {
        let message = "This activity is not planned any more, or another takes its place: change that one.";
        return Err(UserError::new("ENDED", "activityId", message).into());
    }
    let zone = enrollment.tz();
    let from = change.from.unwrap_or_else(|| local_day(zone, act.now));
    let mut complaints = Complaints::default();
    if let Some(error) = bad_first_day(act, &enrollment, from, "from") {
        complaints.add(error);
    }
    if is_registered(act, activity.id, |day| day.gte(from)).await? {
        let message = "This day is registered already: change the activity from the day after.";
        complaints.add(UserError::new("ALREADY_REGISTERED", "from", message));
    }
    let mut said = activity_exception::holding(&act.tx, &[activity.enrollment_id]).await?;
    let said: Vec<_> = said.remove(&activity.id).unwrap_or_default().into_values().collect();
    if said.iter().any(|row| is_moved_beyond(row, from)) {
        let message = "An earlier day was moved to this one or later, and would be lost: change the activity from a later day, \
                       or cancel that one first.";
        complaints.add(UserError::new("MOVED", "from", message));
    }
    let title = change
        .title
        .as_deref()
        .map(|title| complaints.take(input::name(title, "title")));
    let time = match change.time {
        Some(time) => time,
        None => stored(activity.at_time.as_deref())?,
    };
    let duration = match change.duration {
        Some(duration) => duration,
        None => stored(activity.duration.as_deref())?,
    };
    if let Some(error) = duration.and_then(|duration| bad_duration(time, duration)) {
        complaints.add(error);
    }
    let repeat = change
        .repeat
        .as_ref()
        .map(|text| complaints.take(checked_repeat(text.as_deref())));
    complaints.refuse()?;

    let (starts_on, repeat, keeps_days) = match repeat {
        Some(repeat) => (from.max(activity.starts_on), repeat, false),
        None => {
            let days = activity.fact()?;
            let next = days.next_day(from).ok_or_else(|| {
                let message = "The activity does not come from this day on: take an earlier one, or plan another.";
                UserError::new("NOT_PLANNED", "from", message)
            })?;
            let before = days.days(activity.starts_on, next).count();
            (
                next,
                activity.repeat.as_deref().map(|repeat| after(repeat, before)),
                true,
            )
        }
    };
    let row = Model {
        id: act.id(),
        title: match title {
            Some(title) => act.store.keyring().seal(&title)?,
            None => activity.title.clone(),
        },
        starts_on,
        at_time: time.map(|time| time.to_string()),
        duration: duration.map(|duration| duration.to_string()),
        repeat,
        created_at: act.now,
        actor: activity.actor,
        replaces_id: Some(activity.id),
        ..activity.clone()
    };
    must_come(&row)?;
    act.insert::<Entity>(std::slice::from_ref(&row)).await?;
    if keeps_days {
        let days = said.into_iter().filter_map(|day| kept(day, row.id, act.id(), from));
        let days: Vec<_> = days.collect();
        act.insert::<activity_exception::Entity>(&days).await?;
    }
    end_at(act, activity.id, start_of_day(zone, from)).await?;
    changed(act, &enrollment, row.id);
    Ok(row.id)
}

/// Moves one day of an activity; gives the activity. A day that was cancelled comes again.
///
/// # Errors
/// As [`cancel`]; at `to` as a first day is refused, or `NOT_PLANNED` where the activity is not planned any more by then.
pub async fn shift(act: &mut Act, shift: &Move) -> Result<Uuid> {
    let (enrollment, activity) = changeable(act, shift.activity_id).await?;
    must_go_on(&enrollment, OVER)?;
    let mut complaints = Complaints::default();
    let reason = complaints.take(input::note(shift.reason.as_deref(), "reason"));
    if let Some(error) = bad_first_day(act, &enrollment, shift.to, "to") {
        complaints.add(error);
    } else if !activity.stands_on(shift.to, enrollment.tz()) {
        let message = "The activity is not planned any more on this day: take an earlier one.";
        complaints.add(UserError::new("NOT_PLANNED", "to", message));
    }
    if let Some(error) = unchangeable(act, &enrollment, &activity, shift.occurrence).await? {
        complaints.add(error);
    }
    complaints.refuse()?;
    let time = shift.time.map(|time| time.to_string());
    except(
        act,
        &activity,
        shift.occurrence,
        Some(shift.to),
        time,
        reason.as_deref(),
    )
    .await?;
    changed(act, &enrollment, activity.id);
    Ok(activity.id)
}

/// Cancels one day of an activity; gives the activity. Again is as once.
///
/// # Errors
/// `NOT_FOUND` at `activityId`; `NOT_OFFERED`, `NOT_ALLOWED`, `ENDED`; at `occurrence` `NOT_PLANNED` where the activity does not come
/// that day, `ALREADY_REGISTERED`, `PASSED` where that day is over; `REQUIRED` or `TOO_LONG` at `reason`.
pub async fn cancel(act: &mut Act, activity_id: Uuid, occurrence: NaiveDate, reason: &str) -> Result<Uuid> {
    let (enrollment, activity) = changeable(act, activity_id).await?;
    must_go_on(&enrollment, OVER)?;
    let mut complaints = Complaints::default();
    let reason = complaints.take(input::reason(reason, "reason"));
    if let Some(error) = unchangeable(act, &enrollment, &activity, occurrence).await? {
        complaints.add(error);
    }
    complaints.refuse()?;
    let known = exception(act, activity_id, occurrence).await?;
    if known.is_some_and(|known| known.moved_to.is_none()) {
        return Ok(activity_id);
    }
    except(act, &activity, occurrence, None, None, Some(&reason)).await?;
    changed(act, &enrollment, activity_id);
    Ok(activity_id)
}

/// Why a day can be neither moved nor cancelled.
async fn unchangeable(
    act: &Act,
    enrollment: &enrollment::Model,
    activity: &Model,
    day: NaiveDate,
) -> Result<Option<UserError>> {
    let zone = enrollment.tz();
    let refuse = |code, message: &str| Ok(Some(UserError::new(code, "occurrence", message)));
    let said = exception(act, activity.id, day).await?;
    // One that was cancelled can come again.
    let moved = said.filter(|said| said.moved_to.is_some());
    if activity.comes_on(day, moved.as_ref(), zone)?.is_none() {
        return refuse(
            "NOT_PLANNED",
            "The activity is not planned on this day: take one of its days.",
        );
    }
    if is_registered(act, activity.id, |occurrence| occurrence.eq(day)).await? {
        return refuse(
            "ALREADY_REGISTERED",
            "This day is registered already: correct that instead.",
        );
    }
    let on = moved.and_then(|moved| moved.moved_to);
    if on.unwrap_or(day) < local_day(zone, act.now) {
        return refuse(
            "PASSED",
            "This day is over: what has passed can be registered, but not moved or cancelled.",
        );
    }
    Ok(None)
}

async fn is_registered(
    act: &Act,
    activity_id: Uuid,
    which: impl FnOnce(activity_entry::Column) -> sea_orm::sea_query::SimpleExpr,
) -> Result<bool> {
    let registered = activity_entry::Entity::find()
        .filter(activity_entry::Column::ActivityId.eq(activity_id))
        .filter(which(activity_entry::Column::Occurrence));
    Ok(registered.count(&act.tx).await? > 0)
}

async fn except(
    act: &Act,
    activity: &Model,
    occurrence: NaiveDate,
    moved_to: Option<NaiveDate>,
    at_time: Option<String>,
    reason: Option<&str>,
) -> Result<()> {
    let last = activity_exception::Entity::find()
        .filter(activity_exception::Column::ActivityId.eq(activity.id))
        .filter(activity_exception::Column::Occurrence.eq(occurrence))
        .order_by_desc(activity_exception::Column::At)
        .one(&act.tx)
        .await?;
    let row = activity_exception::Model {
        id: act.id(),
        activity_id: activity.id,
        enrollment_id: activity.enrollment_id,
        occurrence,
        moved_to,
        at_time,
        reason: act.store.keyring().seal_option(reason)?,
        // Each is later than the one before it, so that the last is the last.
        at: last.map_or(act.now, |last| act.now.max(last.at + TICK)),
        actor: act.viewer.actor().into(),
    };
    act.insert::<activity_exception::Entity>(std::slice::from_ref(&row))
        .await
}

/// Whether a day before another was moved to that or later: neither the activity that ends there nor the next has it.
fn is_moved_beyond(said: &activity_exception::Model, from: NaiveDate) -> bool {
    said.occurrence < from && said.moved_to.is_some_and(|to| to >= from)
}

/// What was said of a day of an activity, as it holds of the one that takes its place from a day on. What comes before that day
/// still belongs to the former.
fn kept(said: activity_exception::Model, next: Uuid, id: Uuid, from: NaiveDate) -> Option<activity_exception::Model> {
    let moved_to = said.moved_to.filter(|to| *to >= from);
    (said.occurrence >= from).then(|| activity_exception::Model {
        id,
        activity_id: next,
        moved_to,
        at_time: said.at_time.filter(|_| moved_to.is_some()),
        ..said
    })
}

fn changed(act: &mut Act, enrollment: &enrollment::Model, activity: Uuid) {
    let cause = act.cause();
    act.happened(enrollment, EventKind::ActivityChanged, cause, Some(activity), None);
}

/// What a text column holds.
fn stored<T: std::str::FromStr<Err: std::fmt::Display>>(text: Option<&str>) -> Result<Option<T>> {
    let read = text.map(str::parse).transpose();
    read.map_err(|error| Error::Corrupt(format!("a planned activity: {error}")))
}

/// A recurrence rule without its first rounds: where it counts them, as many fewer are left.
fn after(repeat: &str, rounds: usize) -> String {
    let part = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match (name.eq_ignore_ascii_case("COUNT"), value.parse::<usize>()) {
            (true, Ok(count)) => format!("COUNT={}", count.saturating_sub(rounds)),
            _ => part.to_owned(),
        }
    };
    let text = repeat.trim();
    let text = text.strip_prefix("RRULE:").unwrap_or(text);
    text.split(';').map(part).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};
    use uuid::Uuid;

    use super::{after, is_moved_beyond, kept};
    use crate::{activity_exception::Model, viewer::Actor};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn said(occurrence: &str, moved_to: Option<&str>) -> Model {
        Model {
            id: Uuid::from_u128(1),
            activity_id: Uuid::from_u128(2),
            enrollment_id: Uuid::from_u128(3),
            occurrence: day(occurrence),
            moved_to: moved_to.map(day),
            at_time: None,
            reason: None,
            at: DateTime::UNIX_EPOCH,
            actor: Actor::System.into(),
        }
    }

    #[test]
    fn each_day_belongs_to_one_of_an_activity_and_the_one_that_takes_its_place() {
        let friday = day("2027-03-05");
        let kept = |occurrence, moved_to| {
            let kept = kept(
                said(occurrence, moved_to),
                Uuid::from_u128(4),
                Uuid::from_u128(5),
                friday,
            )?;
            assert_eq!((kept.id, kept.activity_id), (Uuid::from_u128(5), Uuid::from_u128(4)));
            Some(kept.moved_to)
        };
        assert_eq!(kept("2027-03-05", Some("2027-03-06")), Some(Some(day("2027-03-06"))));
        assert_eq!(kept("2027-03-05", None), Some(None), "cancelled it stays");
        assert_eq!(
            kept("2027-03-05", Some("2027-03-03")),
            Some(None),
            "the former has it on Wednesday"
        );
        assert_eq!(kept("2027-03-04", Some("2027-03-03")), None);
        let beyond = |occurrence, moved_to| is_moved_beyond(&said(occurrence, moved_to), friday);
        assert!(beyond("2027-03-04", Some("2027-03-05")));
        assert!(!beyond("2027-03-04", Some("2027-03-03")));
        assert!(!beyond("2027-03-04", None) && !beyond("2027-03-05", Some("2027-03-06")));
    }

    #[test]
    fn rounds_that_are_over_are_not_counted_again() {
        assert_eq!(after("FREQ=DAILY;COUNT=10", 3), "FREQ=DAILY;COUNT=7");
        assert_eq!(
            after("RRULE:freq=daily;count=10;INTERVAL=2", 9),
            "freq=daily;COUNT=1;INTERVAL=2"
        );
        assert_eq!(after("FREQ=WEEKLY;BYDAY=MO", 3), "FREQ=WEEKLY;BYDAY=MO");
    }
}
