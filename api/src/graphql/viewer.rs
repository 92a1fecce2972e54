//! Who asks.

use async_graphql::{Context, ID, Object, Union};
use entity::viewer::Who;
use uuid::Uuid;

use super::{
    care::{Citizen, Role, Staff, Unit},
    id::{self, Kind},
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

    /// The roles at that unit.
    async fn roles(&self) -> &[Role] {
        &self.roles
    }
}

/// Asking who asks.
#[derive(Default)]
pub struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// Who asks; nobody for Handrail's own work.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<ViewerType> {
        let request = request::of(ctx);
        match &request.viewer.who {
            Who::Citizen { id } => Some(ViewerType::Citizen(CitizenViewer(*id))),
            Who::Guardian { id, citizens } => Some(ViewerType::Guardian(GuardianViewer {
                id: *id,
                citizens: citizens.clone(),
            })),
            Who::Staff { id, unit, roles, .. } => {
                let directory = request.store.directory();
                Some(ViewerType::Staff(Box::new(StaffViewer {
                    staff: Staff(directory.staff(*id)?.clone()),
                    unit: Unit(directory.unit(*unit)?.clone()),
                    roles: roles.iter().map(|role| (*role).into()).collect(),
                })))
            }
            Who::System => None,
        }
    }
}
