//! The activity plan: what a citizen is to do on which days, and what they registered of it.

mod changing;
mod correction;
mod mutation;

pub use changing::ActivityChangeMutation;
use correction::ActivityCorrection;
pub use mutation::ActivityMutation;

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, NaiveDate, Utc};
use entity::{
    activity_entry, activity_exception,
    error::Error,
    planned_activity::{self, Occurrence},
    viewer::Actor,
};
use uuid::Uuid;

use super::{
    actor::{self, ActorKind},
    care::Staff,
    enrollment::Enrollment,
    error::Result,
    id::{self, Kind},
    loader::{ActivityKey, CorrectionsOf, EntryKey, ExceptionsOf},
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

    /// Since when it is not planned any more; in the future where another will take its place.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at
    }

    /// Whether the citizen planned it, or a guardian of theirs; else the staff did.
    async fn planned_by_citizen(&self) -> bool {
        matches!(self.0.actor.0, Actor::Citizen(_) | Actor::Guardian(_))
    }

    /// What it takes the place of from its first day on: what it was before it was changed.
    async fn replaces(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        Self::find(ctx, self.0.replaces_id?).await.transpose()
    }

    /// Its days that were moved or cancelled, in the order in which they were planned.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn exceptions(&self, ctx: &Context<'_>) -> Result<Vec<ActivityException>> {
        let rows = request::of(ctx).loads.load_one(ExceptionsOf(self.0.id)).await?;
        let rows = rows.unwrap_or_default();
        Ok(rows.iter().cloned().map(ActivityException).collect())
    }

    /// The enrollment.
    async fn enrollment(&self, ctx: &Context<'_>) -> Result<Enrollment> {
        let found = Enrollment::find(ctx, self.0.enrollment_id).await?;
        Ok(found.ok_or_else(|| Error::Corrupt("an activity is of no enrollment".to_owned()))?)
    }
}

/// A day of a planned activity that was moved or cancelled.
pub struct ActivityException(activity_exception::Model);

/// A day of a planned activity that was moved or cancelled.
#[Object]
impl ActivityException {
    /// The local day as it was planned: what `registerActivity` calls `occurrence`.
    async fn occurrence(&self) -> NaiveDate {
        self.0.occurrence
    }

    /// The local day to which it was moved; cancelled where absent.
    async fn moved_to(&self) -> Option<NaiveDate> {
        self.0.moved_to
    }

    /// At which local time then; as planned where absent.
    async fn time(&self) -> Option<LocalTime> {
        self.0.at_time.as_deref()?.parse().map(LocalTime).ok()
    }

    /// Why. What staff write they write for one another.
    async fn reason(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.reason.as_ref().map(|reason| request::opened(ctx, reason))
    }

    /// When it was said.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// Which side said it.
    async fn actor(&self) -> ActorKind {
        self.0.actor.0.into()
    }

    /// Who of the staff said it, for staff.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::colleague(ctx, self.0.actor.0)
    }
}

/// One day of a planned activity.
pub struct ActivityOccurrence(pub(super) Occurrence);

impl ActivityOccurrence {
    /// The day of an activity, if the viewer may see it and it comes that day.
    pub async fn find(ctx: &Context<'_>, activity: Uuid, day: NaiveDate) -> Result<Option<Self>> {
        let request = request::of(ctx);
        let found = planned_activity::on_day(&request.store, &request.viewer, activity, day).await?;
        Ok(found.map(Self))
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

    /// The local day as it was planned: what `registerActivity` calls `occurrence`.
    async fn day(&self) -> NaiveDate {
        self.0.day
    }

    /// The local day to which it was moved.
    async fn moved_to(&self) -> Option<NaiveDate> {
        Some(self.0.on).filter(|on| *on != self.0.day)
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

    /// Whether its day is over and nothing is registered.
    async fn missed(&self) -> bool {
        self.0.missed
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

    /// How it was afterwards, 0 to 10.
    async fn rating(&self) -> Option<i32> {
        self.0.rating
    }

    /// How it was beforehand, 0 to 10.
    async fn rating_before(&self) -> Option<i32> {
        self.0.rating_before
    }

    /// When it was registered for the first time.
    async fn registered_at(&self) -> DateTime<Utc> {
        self.0.registered_at
    }

    /// When the registration was corrected last.
    async fn corrected_at(&self) -> Option<DateTime<Utc>> {
        self.0.corrected_at
    }

    /// What it said before it was corrected, oldest first: of very many the last hundred. Empty where it never was, or was so
    /// before this was kept.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn history(&self, ctx: &Context<'_>) -> Result<Vec<ActivityCorrection>> {
        let rows = request::of(ctx).loads.load_one(CorrectionsOf(self.0.id)).await?;
        let rows = rows.unwrap_or_default();
        Ok(rows.iter().cloned().map(ActivityCorrection).collect())
    }

    /// The activity.
    async fn activity(&self, ctx: &Context<'_>) -> Result<PlannedActivity> {
        let found = PlannedActivity::find(ctx, self.0.activity_id).await?;
        Ok(found.ok_or_else(|| Error::Corrupt("a registration is of no activity".to_owned()))?)
    }
}
