//! Citizens.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::NaiveDate;
use entity::{
    citizen::Person,
    enrollment::{DEFAULT_ZONE, Filter, Order},
    error::Error,
};
use uuid::Uuid;

use super::{
    calendar_feed::CalendarFeed,
    care::{enrollments, statuses},
    connection::{self, Connection},
    contact::{ChannelChoice, ContactChange, QuietTimes},
    enrollment::{Count, Enrollment, EnrollmentStatus},
    error::Result,
    id::{self, Kind},
    loader::{CalendarFeedOf, CitizenKey, DeclinedBy},
    request,
};

/// Somebody who takes part in programs; read once more than the identity is asked for.
pub struct Citizen(pub(super) Uuid);

impl Citizen {
    async fn person(&self, ctx: &Context<'_>) -> Result<Arc<Person>> {
        let person = request::of(ctx).loads.load_one(CitizenKey(self.0)).await?;
        Ok(person.ok_or_else(|| Error::Corrupt("a citizen is missing".to_owned()))?)
    }
}

/// Somebody who takes part in programs (invånare).
#[Object]
impl Citizen {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Citizen, self.0)
    }

    /// Given and family name.
    async fn display_name(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.person(ctx).await?.display_name())
    }

    /// Given name.
    async fn given_name(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.person(ctx).await?.given_name.clone())
    }

    /// Family name.
    async fn family_name(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.person(ctx).await?.family_name.clone())
    }

    /// Date of birth.
    async fn birth_date(&self, ctx: &Context<'_>) -> Result<NaiveDate> {
        Ok(self.person(ctx).await?.birth_date)
    }

    /// In whole years.
    async fn age(&self, ctx: &Context<'_>) -> Result<u32> {
        let now = request::of(ctx).store.now();
        Ok(self.person(ctx).await?.age(now, DEFAULT_ZONE))
    }

    /// The e-mail address.
    async fn email(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.person(ctx).await.map(|person| person.email.clone()).transpose()
    }

    /// The phone number.
    async fn phone(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.person(ctx).await.map(|person| person.phone.clone()).transpose()
    }

    /// Who said the addresses last, and when; none where they are as they were written down at a start.
    async fn contact_change(&self, ctx: &Context<'_>) -> Option<Result<ContactChange>> {
        let set = self.person(ctx).await.map(|person| person.contact_set);
        let change = |set: Option<_>| set.map(|(at, actor)| ContactChange { at, actor });
        set.map(change).transpose()
    }

    /// The language (BCP 47).
    async fn locale(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.person(ctx).await?.locale.clone())
    }

    /// Between which local times they want to hear nothing.
    async fn quiet_hours(&self, ctx: &Context<'_>) -> Result<QuietTimes> {
        Ok(self.person(ctx).await?.quiet_hours().into())
    }

    /// On which channels they want to be reached.
    async fn channels(&self, ctx: &Context<'_>) -> Result<Vec<ChannelChoice>> {
        let declined = request::of(ctx).loads.load_one(DeclinedBy(self.0)).await?;
        Ok(ChannelChoice::all(&declined.unwrap_or_default()))
    }

    /// That they have a link for their calendar. For themselves.
    async fn calendar_feed(&self, ctx: &Context<'_>) -> Option<Result<CalendarFeed>> {
        let feed = request::of(ctx).loads.load_one(CalendarFeedOf(self.0)).await;
        feed.map(|feed| feed.map(|feed| feed.as_ref().into())).transpose()
    }

    /// What the citizen takes part in, as far as the viewer may see it; the newest first.
    #[graphql(complexity = "connection::STATEMENT + connection::cost(first, child_complexity)")]
    async fn enrollments(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        status: Option<Vec<EnrollmentStatus>>,
    ) -> Result<Connection<Enrollment, Count>> {
        let filter = Filter {
            citizen: Some(self.0),
            statuses: statuses(status),
            ..Filter::default()
        };
        enrollments(ctx, filter, Order::StartedAt, first, after).await
    }
}
