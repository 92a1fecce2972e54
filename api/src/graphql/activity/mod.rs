//! The activity plan: what a citizen is to do on which days, and what they registered of it.

mod mutation;

pub use mutation::ActivityMutation;

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, NaiveDate, Utc};
use entity::{
    activity_entry,
    error::Error,
    planned_activity::{self, Occurrence},
};
use rules::zone::start_of_day;
use uuid::Uuid;

use super::{
    enrollment::Enrollment,
    error::Result,
    id::{self, Kind},
    loader::{ActivityKey, EntryKey},
    request,
    scalar::{Duration, LocalTime},
};

/// Something that a citizen is to do, once or again and again.
pub struct PlannedActivity(pub(super) Arc<planned_activity::Model>);

impl PlannedActivity {
    /// The activity, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        Ok(request::of(ctx).loads.load_one(ActivityKey(id)).await?.map(Self))
    }
}

/// Something that a citizen is to do, once or again and again (planerad aktivitet).
#[Object]
impl PlannedActivity {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::PlannedActivity, self.0.id)
    }

    /// What it is.
    async fn title(&self, ctx: &Context<'_>) -> Result<String> {
        request::opened(ctx, &self.0.title)
    }

    /// Its first day, in the enrollment's zone.
    async fn starts_on(&self) -> NaiveDate {
        self.0.starts_on
    }

    /// At which local time; the whole day where absent.
    async fn time(&self) -> Option<LocalTime> {
        self.0.at_time.as_deref()?.parse().map(LocalTime).ok()
    }

    /// How long it takes.
    async fn duration(&self) -> Option<Duration> {
        self.0.duration.as_deref()?.parse().map(Duration).ok()
    }

    /// On which further days it comes, an RFC 5545 recurrence rule.
    async fn repeat(&self) -> Option<&str> {
        self.0.repeat.as_deref()
    }

    /// When it was planned.
    async fn planned_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Since when it is not planned any more.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at
    }

    /// The enrollment.
    async fn enrollment(&self, ctx: &Context<'_>) -> Result<Enrollment> {
        let found = Enrollment::find(ctx, self.0.enrollment_id).await?;
        Ok(found.ok_or_else(|| Error::Corrupt("an activity is of no enrollment".to_owned()))?)
    }
}

/// One day of a planned activity.
pub struct ActivityOccurrence(pub(super) Occurrence);

impl ActivityOccurrence {
    /// The day of an activity, if the viewer may see it and it comes that day.
    pub async fn find(ctx: &Context<'_>, activity: Uuid, day: NaiveDate) -> Result<Option<Self>> {
        let Some(planned) = PlannedActivity::find(ctx, activity).await? else {
            return Ok(None);
        };
        let enrollment = Enrollment::find(ctx, planned.0.enrollment_id).await?;
        let (Some(enrollment), Some(next)) = (enrollment, day.succ_opt()) else {
            return Ok(None);
        };
        let zone = enrollment.row.tz();
        let span = (start_of_day(zone, day), start_of_day(zone, next));
        let mut found = enrollment.activities_between(ctx, span.0, span.1).await?.into_iter();
        Ok(found.find(|found| found.0.activity.id == activity && found.0.day == day))
    }
}

/// One day of a planned activity.
#[Object]
impl ActivityOccurrence {
    /// Identity, of this day alone; `registerActivity` takes it as well as the activity's own.
    pub async fn id(&self) -> ID {
        id::id_of_day(Kind::ActivityOccurrence, self.0.activity.id, self.0.day)
    }

    /// The activity.
    async fn activity(&self) -> PlannedActivity {
        PlannedActivity(Arc::new(self.0.activity.clone()))
    }

    /// What it is.
    async fn title(&self, ctx: &Context<'_>) -> Result<String> {
        request::opened(ctx, &self.0.activity.title)
    }

    /// The local day: what `registerActivity` calls `occurrence`.
    async fn day(&self) -> NaiveDate {
        self.0.day
    }

    /// When it starts; with the day where it has no time.
    async fn starts_at(&self) -> DateTime<Utc> {
        self.0.starts_at
    }

    /// When it ends, where that is known.
    async fn ends_at(&self) -> Option<DateTime<Utc>> {
        self.0.ends_at
    }

    /// Whether it was done.
    async fn done(&self) -> bool {
        self.0.entry.as_ref().is_some_and(|entry| entry.done)
    }

    /// What the citizen registered.
    async fn entry(&self) -> Option<ActivityEntry> {
        self.0.entry.clone().map(|entry| ActivityEntry(Arc::new(entry)))
    }
}

/// What a citizen registered of one day of a planned activity.
pub struct ActivityEntry(pub(super) Arc<activity_entry::Model>);

impl ActivityEntry {
    /// The registration, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        Ok(request::of(ctx).loads.load_one(EntryKey(id)).await?.map(Self))
    }
}

/// What a citizen registered of one day of a planned activity (registrering).
#[Object]
impl ActivityEntry {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::ActivityEntry, self.0.id)
    }

    /// The local day.
    async fn occurrence(&self) -> NaiveDate {
        self.0.occurrence
    }

    /// Whether it was done.
    async fn done(&self) -> bool {
        self.0.done
    }

    /// What the citizen says about it.
    async fn note(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.note.as_ref().map(|note| request::opened(ctx, note))
    }

    /// How it was, 0 to 10.
    async fn rating(&self) -> Option<i32> {
        self.0.rating
    }

    /// When it was registered for the first time.
    async fn registered_at(&self) -> DateTime<Utc> {
        self.0.registered_at
    }

    /// When the registration was corrected last.
    async fn corrected_at(&self) -> Option<DateTime<Utc>> {
        self.0.corrected_at
    }

    /// The activity.
    async fn activity(&self, ctx: &Context<'_>) -> Result<PlannedActivity> {
        let found = PlannedActivity::find(ctx, self.0.activity_id).await?;
        Ok(found.ok_or_else(|| Error::Corrupt("a registration is of no activity".to_owned()))?)
    }
}
