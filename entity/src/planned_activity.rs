//! Something that a citizen is to do, once or again and again (planerad aktivitet).

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use rules::{
    facts,
    period::{LocalTime, Period},
    recurrence::Repeat,
    zone::{local_day, local_to_utc, start_of_day},
};
use sea_orm::{Condition, QueryOrder, RelationDef, Select, entity::prelude::*};

use crate::{
    act::BATCH,
    activity_entry, activity_exception, enrollment,
    error::{Error, Result, UserError},
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
    visible,
};

/// Something that a citizen is to do, once or again and again (planerad aktivitet).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "planned_activity")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// What it is, sealed text.
    pub title: Sealed,
    /// Its first local day.
    pub starts_on: NaiveDate,
    /// At which local time, `HH:MM`; the whole day where absent.
    pub at_time: Option<String>,
    /// How long it takes, an ISO 8601 duration of less than a day.
    pub duration: Option<String>,
    /// On which further days it comes, an RFC 5545 recurrence rule.
    pub repeat: Option<String>,
    /// When it was planned.
    pub created_at: DateTime<Utc>,
    /// Since when it is not planned any more.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who planned it.
    pub actor: Stored<Actor>,
    /// What it takes the place of from its first day on.
    pub replaces_id: Option<Uuid>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The longest span of time that is asked for at once.
const SPAN: Duration = Duration::days(366);

/// One day of a planned activity.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// The activity.
    pub activity: Model,
    /// The local day as the recurrence has it, by which it is registered, moved and cancelled.
    pub day: NaiveDate,
    /// The local day on which it comes: another where it was moved.
    pub on: NaiveDate,
    /// When it starts: at its time, or with the day.
    pub starts_at: DateTime<Utc>,
    /// When it ends, where that is known: that of a whole day with the day.
    pub ends_at: Option<DateTime<Utc>>,
    /// Whether it takes a whole day.
    pub whole_day: bool,
    /// When it was planned, or moved, last.
    pub said_at: DateTime<Utc>,
    /// What the citizen registered.
    pub entry: Option<activity_entry::Model>,
    /// Whether its day is over without a registration.
    pub missed: bool,
}

impl Model {
    /// It as rules know it, without what was registered, and as if no day had been moved.
    ///
    /// # Errors
    /// When its recurrence cannot be read.
    pub fn fact(&self) -> Result<facts::PlannedActivity> {
        let repeat: Option<Repeat> = self.repeat.as_deref().map(str::parse).transpose().map_err(unread)?;
        Ok(facts::PlannedActivity {
            id: self.id,
            known_at: self.created_at,
            ended_at: self.ended_at,
            starts_on: self.starts_on,
            repeat,
            entries: Vec::new(),
            exceptions: Vec::new(),
        })
    }

    /// Whether it is not planned any more at an instant.
    pub fn has_ended(&self, at: DateTime<Utc>) -> bool {
        self.ended_at.is_some_and(|ended| ended <= at)
    }

    /// The day on which one of its days comes: itself, or that to which it was moved. None where it is none of its days, was
    /// cancelled, or is not planned any more by then.
    pub(crate) fn comes_on(
        &self,
        day: NaiveDate,
        exception: Option<&activity_exception::Model>,
        zone: Tz,
    ) -> Result<Option<NaiveDate>> {
        if self.fact()?.next_day(day) != Some(day) {
            return Ok(None);
        }
        let on = exception.map_or(Some(day), |exception| exception.moved_to);
        Ok(on.filter(|on| self.stands_on(*on, zone)))
    }

    /// Whether it is still planned when a day begins.
    pub(crate) fn stands_on(&self, day: NaiveDate, zone: Tz) -> bool {
        self.ended_at.is_none_or(|ended| start_of_day(zone, day) < ended)
    }

    /// Its days of which something lies in a span of time, with nothing registered yet.
    fn occurrences(&self, days: &Days<'_>, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Vec<Occurrence>> {
        let (first, last) = (local_day(days.zone, from), local_day(days.zone, to));
        // What begins late in the day before may reach into the span.
        let (first, last) = (first - chrono::Days::new(1), last + chrono::Days::new(1));
        let fact = self.fact()?;
        let as_planned = fact.days(first, last).take_while(|day| self.stands_on(*day, days.zone));
        let as_planned = as_planned.filter(|day| !days.exceptions.contains_key(day));
        let moved = days.exceptions.iter().filter_map(|(day, exception)| {
            let on = exception.moved_to?;
            let comes = first <= on && on < last && self.stands_on(on, days.zone);
            comes.then_some((*day, on))
        });
        let mut occurrences = Vec::new();
        for (day, on) in as_planned.map(|day| (day, day)).chain(moved) {
            let occurrence = self.occurrence(day, on, days)?;
            let (starts_at, ends_at) = (occurrence.starts_at, occurrence.ends_at);
            let is_over = ends_at.map_or(starts_at < from, |ends_at| ends_at <= from);
            if !is_over && starts_at < to {
                occurrences.push(occurrence);
            }
        }
        Ok(occurrences)
    }

    /// One of its days, on the day on which it comes.
    fn occurrence(&self, day: NaiveDate, on: NaiveDate, days: &Days<'_>) -> Result<Occurrence> {
        let exception = days.exceptions.get(&day);
        let time = exception
            .and_then(|exception| exception.at_time.as_ref())
            .or(self.at_time.as_ref());
        let (starts_at, ends_at) = match time {
            None => (start_of_day(days.zone, on), Some(end_of_day(on, days.zone))),
            Some(time) => self.time(on, time, days.zone)?,
        };
        Ok(Occurrence {
            activity: self.clone(),
            day,
            on,
            starts_at,
            ends_at,
            whole_day: time.is_none(),
            said_at: exception.map_or(self.created_at, |exception| exception.at.max(self.created_at)),
            entry: None,
            missed: false,
        })
    }

    /// When it starts and ends on a day.
    fn time(&self, day: NaiveDate, time: &str, zone: Tz) -> Result<(DateTime<Utc>, Option<DateTime<Utc>>)> {
        let time: LocalTime = time.parse().map_err(unread)?;
        let starts_at = local_to_utc(zone, day.and_time(time.0));
        let duration: Option<Period> = self.duration.as_deref().map(str::parse).transpose().map_err(unread)?;
        Ok((starts_at, duration.map(|duration| duration.add_to(starts_at, zone))))
    }
}

impl Occurrence {
    /// The occurrence with what was registered of it, as things stand at an instant. What was planned only when its day was
    /// over, or ended before it was, was not missed; so rules count it, too.
    fn with(self, entry: Option<activity_entry::Model>, zone: Tz, now: DateTime<Utc>) -> Self {
        let over = end_of_day(self.on, zone);
        let was_planned = self.activity.created_at < over && self.activity.ended_at.is_none_or(|ended| over <= ended);
        Self {
            missed: entry.is_none() && was_planned && over <= now,
            entry,
            ..self
        }
    }
}

/// What its days are counted by.
struct Days<'a> {
    zone: Tz,
    exceptions: &'a BTreeMap<NaiveDate, activity_exception::Model>,
}

fn end_of_day(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    start_of_day(zone, day + chrono::Days::new(1))
}

fn unread(error: impl std::fmt::Display) -> Error {
    Error::Corrupt(format!("a planned activity: {error}"))
}

/// Planned activities by id.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    visible::by_id::<Entity>(store, viewer, ids, Column::Id, Column::EnrollmentId, |row: &Model| {
        row.id
    })
    .await
}

/// The activity plan of each of the enrollments: what was planned first at the front, without what has ended.
///
/// # Errors
/// When the database fails.
pub async fn plans(store: &Store, viewer: &Viewer, enrollments: &[Uuid]) -> Result<HashMap<Uuid, Vec<Model>>> {
    let mut plans: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for chunk in enrollments.chunks(BATCH) {
        let select = standing(chunk, not_ended(store.now()));
        for row in visible::read(store.connection(), viewer, select, Column::EnrollmentId).await? {
            plans.entry(row.enrollment_id).or_default().push(row);
        }
    }
    Ok(plans)
}

/// What is planned for an instant, or only to come.
pub(crate) fn not_ended(at: DateTime<Utc>) -> Condition {
    Condition::any()
        .add(Column::EndedAt.is_null())
        .add(Column::EndedAt.gt(at))
}

/// What is planned in enrollments, what was planned first at the front.
fn standing(enrollments: &[Uuid], filter: Condition) -> Select<Entity> {
    Entity::find()
        .filter(Column::EnrollmentId.is_in(enrollments.iter().copied()))
        .filter(filter)
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
}

/// An activity, and what holds of its days where that is not what was planned.
type Planned = (Model, BTreeMap<NaiveDate, activity_exception::Model>);

/// What is planned in each of the enrollments, as it was moved and cancelled since; one statement for hundreds.
async fn with_exceptions(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
    filter: Condition,
) -> Result<HashMap<Uuid, Vec<Planned>>> {
    let by: RelationDef = Entity::belongs_to(activity_exception::Entity)
        .from(Column::Id)
        .to(activity_exception::Column::ActivityId)
        .into();
    let mut plans: HashMap<Uuid, Vec<Planned>> = HashMap::new();
    for chunk in enrollments.chunks(BATCH) {
        // What was said last of a day holds.
        let select = standing(chunk, filter.clone())
            .order_by_asc(activity_exception::Column::At)
            .order_by_asc(activity_exception::Column::Id);
        let (connection, exception) = (store.connection(), activity_exception::Entity);
        let rows = visible::read_with(connection, viewer, select, Column::EnrollmentId, exception, by.clone());
        for (activity, exception) in rows.await? {
            let plan = plans.entry(activity.enrollment_id).or_default();
            if plan.last().is_none_or(|(last, _)| last.id != activity.id) {
                plan.push((activity, BTreeMap::new()));
            }
            if let (Some((_, days)), Some(exception)) = (plan.last_mut(), exception) {
                days.insert(exception.occurrence, exception);
            }
        }
    }
    Ok(plans)
}

/// One day of an activity that the viewer may see; none where it does not come.
///
/// # Errors
/// When the database fails, or the activity cannot be read.
pub async fn on_day(store: &Store, viewer: &Viewer, activity: Uuid, day: NaiveDate) -> Result<Option<Occurrence>> {
    let Some(activity) = find(store, viewer, &[activity]).await?.remove(&activity) else {
        return Ok(None);
    };
    let enrollment = activity.enrollment_id;
    let Some(row) = enrollment::find(store, viewer, &[enrollment])
        .await?
        .remove(&enrollment)
    else {
        return Ok(None);
    };
    let mut exceptions = activity_exception::holding(store.connection(), &[enrollment]).await?;
    let exceptions = exceptions.remove(&activity.id).unwrap_or_default();
    let days = Days {
        zone: row.tz(),
        exceptions: &exceptions,
    };
    let Some(on) = activity.comes_on(day, days.exceptions.get(&day), days.zone)? else {
        return Ok(None);
    };
    let occurrence = activity.occurrence(day, on, &days)?;
    let mut entries = entries(store, &HashMap::from([(enrollment, vec![occurrence.clone()])])).await?;
    let entry = entries.remove(&(activity.id, day));
    Ok(Some(occurrence.with(entry, days.zone, store.now())))
}

/// What comes of the activity plans of enrollments in a span of time, in order: what has begun and is not over, and what
/// begins in it. Days and times are counted in each one's zone. Two statements, besides that which reads the enrollments.
///
/// # Errors
/// When the span ends before it begins or is longer than a year, or the database fails.
pub async fn occurring(
    store: &Store,
    viewer: &Viewer,
    enrollments: &HashMap<Uuid, Tz>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<HashMap<Uuid, Vec<Occurrence>>> {
    sensible_span(from, to)?;
    within(store, viewer, enrollments, from, to).await
}

/// Refuses a span of time that ends before it begins, or is longer than a year.
pub(crate) fn sensible_span(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<(), UserError> {
    let refuse = |message| Err(UserError::new("BAD_RANGE", "to", message));
    if to < from {
        return refuse("The span must end after it begins.");
    }
    if to - from > SPAN {
        return refuse("Ask for a year at most.");
    }
    Ok(())
}

/// As [`occurring`], of a span that is known to be sensible.
pub(crate) async fn within(
    store: &Store,
    viewer: &Viewer,
    enrollments: &HashMap<Uuid, Tz>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<HashMap<Uuid, Vec<Occurrence>>> {
    let ids: Vec<Uuid> = enrollments.keys().copied().collect();
    // A day on which it ended may still reach into the span.
    let before = from.checked_sub_signed(Duration::days(2)).unwrap_or(from);
    let plans = with_exceptions(store, viewer, &ids, not_ended(before)).await?;
    let zone = |of: Uuid| enrollments.get(&of).copied().unwrap_or(enrollment::DEFAULT_ZONE);
    let mut occurring: HashMap<Uuid, Vec<Occurrence>> = HashMap::new();
    for (enrollment, plan) in plans {
        let mut occurrences = Vec::new();
        for (activity, exceptions) in plan {
            let days = Days {
                zone: zone(enrollment),
                exceptions: &exceptions,
            };
            occurrences.extend(activity.occurrences(&days, from, to)?);
        }
        occurrences.sort_by_key(|one| (one.starts_at, one.activity.id, one.day));
        occurring.insert(enrollment, occurrences);
    }
    let mut entries = entries(store, &occurring).await?;
    let now = store.now();
    for (enrollment, occurrences) in &mut occurring {
        let known = std::mem::take(occurrences).into_iter().map(|one| {
            let entry = entries.remove(&(one.activity.id, one.day));
            one.with(entry, zone(*enrollment), now)
        });
        *occurrences = known.collect();
    }
    Ok(occurring)
}

/// What was registered on the days of activities that the viewer sees.
async fn entries(
    store: &Store,
    occurring: &HashMap<Uuid, Vec<Occurrence>>,
) -> Result<HashMap<(Uuid, NaiveDate), activity_entry::Model>> {
    use activity_entry::Column;
    let days = || occurring.values().flatten().map(|one| one.day);
    let (Some(first), Some(last)) = (days().min(), days().max()) else {
        return Ok(HashMap::new());
    };
    let mut entries = HashMap::new();
    let ids: Vec<Uuid> = occurring.keys().copied().collect();
    for chunk in ids.chunks(BATCH) {
        let rows = activity_entry::Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(Column::Occurrence.between(first, last));
        for row in rows.all(store.connection()).await? {
            entries.insert((row.activity_id, row.occurrence), row);
        }
    }
    Ok(entries)
}
