//! Who asks, and what they say of themselves.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};
use entity::{action, reminder, viewer::Who};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::{
    administration::CareProvider,
    care::{Role, Staff, Unit},
    citizen::Citizen,
    connection::{self, Connection, connection},
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
    reminder::Reminder,
    request,
};

/// Who asks.
#[derive(Union)]
#[graphql(name = "Viewer")]
pub enum ViewerType {
    /// A citizen.
    Citizen(CitizenViewer),
    /// A guardian.
    Guardian(GuardianViewer),
    /// A staff member.
    Staff(Box<StaffViewer>),
}

/// A citizen, about themself.
pub struct CitizenViewer(Uuid);

/// A citizen, about themself.
#[Object]
impl CitizenViewer {
    /// The citizen.
    async fn citizen(&self) -> Citizen {
        Citizen(self.0)
    }
}

/// A guardian (ombud), about those they act for.
pub struct GuardianViewer {
    id: Uuid,
    citizens: Vec<Uuid>,
}

/// A guardian (ombud), about those they act for.
#[Object]
impl GuardianViewer {
    /// Identity.
    async fn id(&self) -> ID {
        id::id(Kind::Guardian, self.id)
    }

    /// The citizens that they act for now.
    async fn citizens(&self) -> Vec<Citizen> {
        self.citizens.iter().copied().map(Citizen).collect()
    }
}

/// A unit at which a staff member may act.
#[derive(SimpleObject)]
pub struct UnitRoles {
    /// The unit: its id as the claim `unit` of a token has its holder act there.
    unit: Unit,
    /// The roles there.
    roles: Vec<Role>,
}

/// A staff member acting at one unit.
pub struct StaffViewer {
    staff: Staff,
    unit: Unit,
    roles: Vec<Role>,
}

/// A staff member acting at one unit.
#[Object]
impl StaffViewer {
    /// The staff member.
    async fn staff(&self) -> &Staff {
        &self.staff
    }

    /// The unit.
    async fn unit(&self) -> &Unit {
        &self.unit
    }

    /// The care provider of that unit.
    async fn provider(&self, ctx: &Context<'_>) -> Option<Result<CareProvider>> {
        CareProvider::own(ctx).await.transpose()
    }

    /// The roles at that unit.
    async fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The units at which they may act, by name: who acts at one signs in anew to act at another.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn units(&self, ctx: &Context<'_>) -> Vec<UnitRoles> {
        let directory = request::of(ctx).store.directory();
        let units = directory.acts_at(self.staff.0.id).into_iter();
        let roles = |roles: Vec<entity::assignment::Role>| roles.into_iter().map(Into::into).collect();
        let units = units.map(|(unit, given)| UnitRoles {
            unit: Unit(unit.clone()),
            roles: roles(given),
        });
        units.collect()
    }

    /// The language in which the staff member is written to (BCP 47); the default where none was chosen.
    async fn locale(&self) -> Option<&str> {
        self.staff.0.locale.as_deref()
    }

    /// What came to them about enrollments at that unit, the latest first; with `unread`, without what they have read.
    #[graphql(complexity = "connection::STATEMENT + connection::cost(first, child_complexity)")]
    async fn reminders(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        #[graphql(default)] unread: bool,
    ) -> Result<Connection<Reminder>> {
        let request = request::of(ctx);
        let first = connection::first(first);
        let page = reminder::inbox(&request.store, &request.viewer, unread, first, after.as_deref()).await?;
        Ok(connection(page, after.is_some(), Default::default(), |row| {
            Reminder(Arc::new(row))
        }))
    }

    /// How many of them they have not read.
    async fn unread_reminder_count(&self, ctx: &Context<'_>) -> Result<u64> {
        let request = request::of(ctx);
        Ok(reminder::unread(&request.store, &request.viewer).await?)
    }
}

impl ViewerType {
    /// Who asks; nobody for Handrail's own work.
    fn of(ctx: &Context<'_>) -> Option<Self> {
        let request = request::of(ctx);
        match &request.viewer.who {
            Who::Citizen { id } => Some(Self::Citizen(CitizenViewer(*id))),
            Who::Guardian { id, citizens } => Some(Self::Guardian(GuardianViewer {
                id: *id,
                citizens: citizens.clone(),
            })),
            Who::Staff { id, unit, roles, .. } => {
                let directory = request.store.directory();
                Some(Self::Staff(Box::new(StaffViewer {
                    staff: Staff(directory.staff(*id)?.clone()),
                    unit: Unit(directory.unit(*unit)?.clone()),
                    roles: roles.iter().map(|role| (*role).into()).collect(),
                })))
            }
            Who::System => None,
        }
    }
}

/// Asking who asks.
#[derive(Default)]
pub struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// Who asks; nobody for Handrail's own work.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<ViewerType> {
        ViewerType::of(ctx)
    }
}

/// Says in which language one reads and is written to.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetMyLocaleInput {
    /// The language (BCP 47): en, sv-FI. The default where absent.
    locale: Option<String>,
    /// Of whom, where a guardian says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    citizen_id: Option<ID>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of saying in which language somebody is written to.
#[derive(SimpleObject)]
pub struct SetMyLocalePayload {
    /// Who asks, as they are now.
    viewer: Option<ViewerType>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What people say of themselves.
#[derive(Default)]
pub struct ViewerMutation;

#[Object]
impl ViewerMutation {
    /// Says in which language one reads and is written to: a citizen, also in the programs that they take part in, a guardian
    /// for their child, or a staff member. There are messages in Swedish and English: who wants another language gets Swedish.
    async fn set_my_locale(&self, ctx: &Context<'_>, input: SetMyLocaleInput) -> Result<SetMyLocalePayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "setMyLocale", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let citizen = id::input_citizen(wanted.citizen_id.as_ref())?;
                action::contact::set_locale(act, citizen, wanted.locale.as_deref()).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(_) => {
                // The directory of this process may be older than the change.
                request::of(ctx).store.refresh().await?;
                SetMyLocalePayload {
                    viewer: ViewerType::of(ctx),
                    errors: Vec::new(),
                }
            }
            Err(errors) => SetMyLocalePayload { viewer: None, errors },
        })
    }
}
