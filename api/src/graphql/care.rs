//! Units, staff and citizens.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use chrono::NaiveDate;
use entity::{
    citizen::Person,
    enrollment::{self as record, Filter, Order},
    error::Error,
    staff, unit,
};
use rules::text::Text;
use uuid::Uuid;

use super::{
    connection::{self, Connection, connection},
    enrollment::{Count, Enrollment, EnrollmentOrder, EnrollmentStatus},
    error::Result,
    id::{self, Kind},
    loader::CitizenKey,
    office_hours::OfficeHours,
    request,
    rule::Outlook,
};

/// What somebody may do at a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::assignment::Role")]
pub enum Role {
    /// Treats.
    Therapist,
    /// Starts and ends enrollments.
    CitizenAdministrator,
    /// Looks after the unit and its rules.
    UnitAdministrator,
    /// Looks after units and assignments.
    ProviderAdministrator,
    /// Writes programs and their rules.
    Designer,
    /// Publishes programs.
    Publisher,
    /// Reads the access log.
    Auditor,
}

/// Where care is given.
pub struct Unit(pub(super) unit::Model);

/// Where care is given (enhet).
#[Object]
impl Unit {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Unit, self.0.id)
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The phone number.
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// When it is open, in words.
    async fn opening_hours(&self, ctx: &Context<'_>, locale: Option<String>) -> Option<String> {
        let hours: Text = serde_json::from_value(self.0.opening_hours.clone()).unwrap_or_default();
        let locale = locale.as_ref().unwrap_or(&request::of(ctx).language);
        Some(hours.get(locale).to_owned()).filter(|hours| !hours.is_empty())
    }

    /// When it is open every week, as times in its zone; always, where empty.
    async fn office_hours(&self) -> Vec<OfficeHours> {
        let hours = entity::office_hours::OfficeHours::of(&self.0).hours;
        hours.into_iter().map(Into::into).collect()
    }

    /// The local dates on which it is closed all the same.
    async fn closed_days(&self) -> Vec<NaiveDate> {
        let days = entity::office_hours::OfficeHours::of(&self.0).closed_days;
        days.into_iter().collect()
    }

    /// The IANA time zone.
    async fn time_zone(&self) -> &str {
        &self.0.zone
    }

    /// What will go out within so many days, at most 92, if nobody does anything. For those who treat here and the unit's
    /// administrators, who see the numbers alone.
    #[graphql(complexity = "10_000 + child_complexity")]
    async fn outlook(&self, ctx: &Context<'_>, days: u32) -> Option<Result<Outlook>> {
        Some(Outlook::of(ctx, self.0.id, days).await)
    }

    /// Enrollments at this unit, for those of its staff who may see them.
    #[graphql(complexity = "connection::STATEMENT + connection::cost(first, child_complexity)")]
    async fn enrollments(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        status: Option<Vec<EnrollmentStatus>>,
        #[graphql(default)] order_by: EnrollmentOrder,
    ) -> Result<Connection<Enrollment, Count>> {
        let filter = Filter {
            unit: Some(self.0.id),
            citizen: None,
            statuses: statuses(status),
        };
        enrollments(ctx, filter, order_by.into(), first, after).await
    }
}

fn statuses(statuses: Option<Vec<EnrollmentStatus>>) -> Vec<rules::facts::Status> {
    statuses.into_iter().flatten().map(Into::into).collect()
}

async fn enrollments(
    ctx: &Context<'_>,
    filter: Filter,
    order: Order,
    first: i32,
    after: Option<String>,
) -> Result<Connection<Enrollment, Count>> {
    let request = request::of(ctx);
    let first = connection::first(first);
    let page = record::page(&request.store, &request.viewer, &filter, order, first, after.as_deref()).await?;
    Ok(connection(page, after.is_some(), Count(filter), |row| {
        Enrollment::new(Arc::new(row))
    }))
}

/// Somebody who works with programs.
pub struct Staff(pub(super) staff::Model);

impl Staff {
    /// Those of these who are known.
    pub fn all(ctx: &Context<'_>, ids: impl IntoIterator<Item = Uuid>) -> Vec<Self> {
        let directory = request::of(ctx).store.directory();
        ids.into_iter()
            .filter_map(|id| directory.staff(id).cloned().map(Self))
            .collect()
    }
}

/// Somebody who works with programs (personal).
#[Object]
impl Staff {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Staff, self.0.id)
    }

    /// What the person is called.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// The profession, as the citizen reads it.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }
}

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
        Ok(self.person(ctx).await?.age(now, record::DEFAULT_ZONE))
    }

    /// The e-mail address.
    async fn email(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.person(ctx).await.map(|person| person.email.clone()).transpose()
    }

    /// The phone number.
    async fn phone(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.person(ctx).await.map(|person| person.phone.clone()).transpose()
    }

    /// The language (BCP 47).
    async fn locale(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.person(ctx).await?.locale.clone())
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
            unit: None,
            citizen: Some(self.0),
            statuses: statuses(status),
        };
        enrollments(ctx, filter, Order::StartedAt, first, after).await
    }
}

/// Asking for units.
#[derive(Default)]
pub struct CareQuery;

#[Object]
impl CareQuery {
    /// The unit that the viewer acts at; any other is not there.
    async fn unit(&self, ctx: &Context<'_>, id: ID) -> Option<Unit> {
        let request = request::of(ctx);
        let id = id::of(Kind::Unit, &id).filter(|id| request.viewer.unit() == Some(*id))?;
        request.store.directory().unit(id).cloned().map(Unit)
    }
}
