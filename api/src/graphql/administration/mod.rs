//! Administration: care providers with their units and staff, accepted terms, roles, and the log of what was done.

mod assignment;
mod invitation;
mod log;
mod provider;
mod staff;
mod terms;
mod unit;

pub use assignment::{Assignment, AssignmentMutation, AssignmentStatus};
pub use invitation::{Invitation, InvitationMutation};
pub use provider::ProviderMutation;
pub use staff::StaffMutation;
pub use terms::AcceptedTerms;
pub use unit::UnitMutation;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, NaiveDate, Utc};
use entity::{administration_log, care_provider, page, statistics::Place, viewer::Who};
use uuid::Uuid;

use self::log::AdministrationLogEntry;
use super::{
    care::{Staff, Unit},
    connection::{self, Connection, Counted, connection},
    error::Result,
    id::{self, Kind},
    request,
    statistics::{COUNTING, Statistics},
};

/// Who runs the units.
pub struct CareProvider(care_provider::Model);

impl CareProvider {
    /// The care provider that the viewer works for.
    pub async fn own(ctx: &Context<'_>) -> Result<Option<Self>> {
        let request = request::of(ctx);
        Ok(care_provider::own(&request.store, &request.viewer).await?.map(Self))
    }

    /// A care provider by its id, for those who work for it.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        Ok(Self::own(ctx).await?.filter(|provider| provider.0.id == id))
    }
}

/// Who runs the units (vårdgivare), for those who work there.
#[Object]
impl CareProvider {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::CareProvider, self.0.id)
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its units by name: with `connected`, only those that are, or only those that are no longer.
    #[graphql(complexity = "1 + connection::cost(first, child_complexity)")]
    async fn units(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        connected: Option<bool>,
    ) -> Result<Connection<Unit, Counted>> {
        let directory = request::of(ctx).store.directory();
        let wanted = |unit: &&entity::unit::Model| connected.is_none_or(|is| unit.disconnected_at.is_none() == is);
        let units: Vec<_> = directory.units_of(self.0.id).filter(wanted).collect();
        let count = units.len();
        let named = units.into_iter().map(|unit| (unit.name.clone(), unit.id, unit));
        let page = page::by_name(named, connection::first(first), after.as_deref())?;
        Ok(connection(page, after.is_some(), Counted(count), |unit| {
            Unit(unit.clone())
        }))
    }

    /// Its staff by name, also those who have no role any more; with `named`, those whose name holds this. For administrators and
    /// auditors; auditors of a unit see those who have, had or will have a role there.
    #[graphql(complexity = "1 + connection::cost(first, child_complexity)")]
    async fn staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        named: Option<String>,
    ) -> Result<Connection<Staff, Counted>> {
        let request = request::of(ctx);
        let named = named.as_deref().unwrap_or_default();
        let staff = entity::staff::of_provider(&request.store, &request.viewer, self.0.id, named).await?;
        let count = staff.len();
        let named = staff
            .into_iter()
            .map(|staff| (staff.display_name.clone(), staff.id, staff));
        let page = page::by_name(named, connection::first(first), after.as_deref())?;
        Ok(connection(page, after.is_some(), Counted(count), Staff))
    }

    /// The numbers of all its units together; see `Unit.statistics`. For its administrators.
    #[graphql(complexity = "COUNTING + child_complexity")]
    async fn statistics(
        &self,
        ctx: &Context<'_>,
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
        program_slug: Option<String>,
    ) -> Option<Result<Statistics>> {
        Some(Statistics::of(ctx, Place::Provider(self.0.id), from, to, program_slug).await)
    }

    /// What administrators did, the latest first: between two instants, about a unit or a staff member, where that is asked for. For
    /// administrators of the provider and its auditors; auditors of a unit see what is about that unit.
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    #[graphql(complexity = "connection::STATEMENT + connection::cost(first, child_complexity)")]
    async fn administration_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        #[graphql(desc = "From this instant on.")] from: Option<DateTime<Utc>>,
        #[graphql(desc = "Before this instant.")] to: Option<DateTime<Utc>>,
        unit_id: Option<ID>,
        staff_id: Option<ID>,
    ) -> Result<Connection<AdministrationLogEntry>> {
        let request = request::of(ctx);
        let filter = administration_log::Filter {
            from,
            to,
            unit: unit_id.map(|id| id::input(Kind::Unit, &id, "unitId")).transpose()?,
            staff: staff_id.map(|id| id::input(Kind::Staff, &id, "staffId")).transpose()?,
        };
        let (store, viewer, first) = (&request.store, &request.viewer, connection::first(first));
        let page = administration_log::page(store, viewer, self.0.id, &filter, first, after.as_deref()).await?;
        Ok(connection(
            page,
            after.is_some(),
            Default::default(),
            AdministrationLogEntry,
        ))
    }
}

/// Asking how a care provider is administered.
#[derive(Default)]
pub struct AdministrationQuery;

#[Object]
impl AdministrationQuery {
    /// The care provider that the viewer works for; none for who is no staff member.
    async fn care_provider(&self, ctx: &Context<'_>) -> Option<Result<CareProvider>> {
        match request::of(ctx).viewer.who {
            Who::Staff { .. } => CareProvider::own(ctx).await.transpose(),
            _ => None,
        }
    }
}
