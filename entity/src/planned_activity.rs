//! Something that a citizen is to do, once or again and again (planerad aktivitet).

use std::collections::HashMap;

use chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use rules::{
    facts,
    period::{LocalTime, Period},
    recurrence::Repeat,
    zone::{local_day, local_to_utc, start_of_day},
};
use sea_orm::{Condition, QueryOrder, entity::prelude::*};

use crate::{
    act::BATCH,
    activity_entry, enrollment,
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
    /// The local day.
    pub day: NaiveDate,
    /// When it starts: at its time, or with the day.
    pub starts_at: DateTime<Utc>,
    /// When it ends, where that is known: that of a whole day with the day.
    pub ends_at: Option<DateTime<Utc>>,
    /// What the citizen registered.
    pub entry: Option<activity_entry::Model>,
}

impl Model {
    /// It as rules know it, without what was registered.
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
        })
    }

    /// Whether it comes on a local day and is planned until then.
    ///
    /// # Errors
    /// When its recurrence cannot be read.
    pub fn comes_on(&self, day: NaiveDate, zone: Tz) -> Result<bool> {
        Ok(self.stands_on(day, zone) && self.fact()?.next_day(day) == Some(day))
    }

    fn stands_on(&self, day: NaiveDate, zone: Tz) -> bool {
        self.ended_at.is_none_or(|ended| start_of_day(zone, day) < ended)
    }

    /// Its days of which something lies in a span of time, in order, with nothing registered yet.
    fn occurrences(&self, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Vec<Occurrence>> {
        let (first, last) = (local_day(zone, from), local_day(zone, to));
        let days = self.fact()?;
        // What begins late in the day before may reach into the span.
        let days = days.days(first - Days::new(1), last + Days::new(1));
        let mut occurrences = Vec::new();
        for day in days.take_while(|day| self.stands_on(*day, zone)) {
            let (starts_at, ends_at) = self.time(day, zone)?;
            let is_over = ends_at.map_or(starts_at < from, |ends_at| ends_at <= from);
            if !is_over && starts_at < to {
                occurrences.push(Occurrence {
                    activity: self.clone(),
                    day,
                    starts_at,
                    ends_at,
                    entry: None,
                });
            }
        }
        Ok(occurrences)
    }

    /// When it starts and ends on a day.
    fn time(&self, day: NaiveDate, zone: Tz) -> Result<(DateTime<Utc>, Option<DateTime<Utc>>)> {
        let Some(time) = &self.at_time else {
            return Ok((start_of_day(zone, day), Some(start_of_day(zone, day + Days::new(1)))));
        };
        let time: LocalTime = time.parse().map_err(unread)?;
        let starts_at = local_to_utc(zone, day.and_time(time.0));
        let duration: Option<Period> = self.duration.as_deref().map(str::parse).transpose().map_err(unread)?;
        Ok((starts_at, duration.map(|duration| duration.add_to(starts_at, zone))))
    }
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
    standing(store, viewer, enrollments, Column::EndedAt.is_null().into()).await
}

async fn standing(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
    filter: Condition,
) -> Result<HashMap<Uuid, Vec<Model>>> {
    let mut plans: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for chunk in enrollments.chunks(BATCH) {
        let select = Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(filter.clone())
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id);
        for row in visible::read(store.connection(), viewer, select, Column::EnrollmentId).await? {
            plans.entry(row.enrollment_id).or_default().push(row);
        }
    }
    Ok(plans)
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
    if to < from {
        let message = "The span must end after it begins.";
        return Err(UserError::new("BAD_RANGE", "to", message).into());
    }
    if to - from > SPAN {
        let message = "Ask for a year at most.";
        return Err(UserError::new("BAD_RANGE", "to", message).into());
    }
    let ids: Vec<Uuid> = enrollments.keys().copied().collect();
    // A day on which it ended may still reach into the span.
    let before = from.checked_sub_signed(Duration::days(2)).unwrap_or(from);
    let not_over = Condition::any()
        .add(Column::EndedAt.is_null())
        .add(Column::EndedAt.gt(before));
    let plans = standing(store, viewer, &ids, not_over).await?;
    let mut occurring: HashMap<Uuid, Vec<Occurrence>> = HashMap::new();
    for (enrollment, plan) in plans {
        let zone = enrollments
            .get(&enrollment)
            .copied()
            .unwrap_or(enrollment::DEFAULT_ZONE);
        let mut occurrences = Vec::new();
        for activity in plan {
            occurrences.extend(activity.occurrences(zone, from, to)?);
        }
        occurrences.sort_by_key(|one| (one.starts_at, one.activity.id));
        occurring.insert(enrollment, occurrences);
    }
    let mut entries = entries(store, &occurring).await?;
    for occurrence in occurring.values_mut().flatten() {
        occurrence.entry = entries.remove(&(occurrence.activity.id, occurrence.day));
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
