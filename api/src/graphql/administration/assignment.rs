//! Roles of staff: who has which one where and when, giving them, and taking them back.

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    action::assignment::{self, ChangeAssignment, NewAssignment},
    assignment::{self as record, Model},
};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use crate::graphql::{
    actor,
    care::{Role, Staff, Unit},
    connection::{self, Connection},
    error::{Result, UserError},
    id::{self, Kind},
    loader::{AssignmentsAt, PageOf},
    mutation::{Done, mutate},
    request,
};

/// Whether an assignment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::assignment::AssignmentStatus")]
pub enum AssignmentStatus {
    /// It will hold later.
    Planned,
    /// It holds.
    Current,
    /// It holds no longer.
    Ended,
}

/// A role of a staff member for a time.
pub struct Assignment(pub(in crate::graphql) Model);

impl Assignment {
    /// The assignment, for those who may see it.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        let request = request::of(ctx);
        Ok(record::find(&request.store, &request.viewer, id).await?.map(Self))
    }

    /// Those that hold, will hold or held at a unit.
    pub async fn of_unit(
        ctx: &Context<'_>,
        unit: &entity::unit::Model,
        statuses: Vec<AssignmentStatus>,
        first: i32,
        after: Option<String>,
    ) -> Result<Connection<Self>> {
        let continued = after.is_some();
        let page = PageOf::new(statuses, first, after);
        connection::loaded(ctx, AssignmentsAt { unit: unit.id, page }, continued, Self).await
    }
}

/// A role of a staff member for a time: at a unit, or at every unit of the care provider.
#[Object]
impl Assignment {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Assignment, self.0.id)
    }

    /// Who has the role.
    async fn staff(&self, ctx: &Context<'_>) -> Option<Staff> {
        Staff::all(ctx, [self.0.staff_id]).pop()
    }

    /// At which unit; at every unit of the care provider where absent.
    async fn unit(&self, ctx: &Context<'_>) -> Option<Unit> {
        let directory = request::of(ctx).store.directory();
        directory.unit(self.0.unit_id?).cloned().map(Unit)
    }

    /// The role.
    async fn role(&self) -> Role {
        self.0.role.0.into()
    }

    /// Whether it holds now.
    async fn status(&self, ctx: &Context<'_>) -> AssignmentStatus {
        self.0.status(request::of(ctx).store.now()).into()
    }

    /// From when.
    async fn valid_from(&self) -> DateTime<Utc> {
        self.0.valid_from
    }

    /// Until when; open where absent.
    async fn valid_until(&self) -> Option<DateTime<Utc>> {
        self.0.valid_until
    }

    /// When it was given; not known of the oldest.
    async fn granted_at(&self) -> Option<DateTime<Utc>> {
        self.0.granted_at
    }

    /// Who gave it; nobody where Handrail itself did.
    async fn granted_by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.0.granted_by?.0)
    }

    /// When its dates were last changed, or it was taken back.
    async fn changed_at(&self) -> Option<DateTime<Utc>> {
        self.0.changed_at
    }

    /// Who did that.
    async fn changed_by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.0.changed_by?.0)
    }
}

/// A role to be given, with its dates.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleInput {
    /// The role.
    role: Role,
    /// The unit. Therapists, citizen administrators and unit administrators have one, administrators of the provider none; the others
    /// have their role at every unit where it is absent.
    unit_id: Option<ID>,
    /// From when; now where absent.
    valid_from: Option<DateTime<Utc>>,
    /// Until when; open where absent.
    valid_until: Option<DateTime<Utc>>,
}

impl RoleInput {
    /// The role for a staff member.
    pub fn read(&self, staff_id: Uuid) -> entity::error::Result<NewAssignment> {
        let unit = self.unit_id.as_ref();
        Ok(NewAssignment {
            staff_id,
            unit_id: unit.map(|id| id::input(Kind::Unit, id, "unitId")).transpose()?,
            role: self.role.into(),
            valid_from: self.valid_from,
            valid_until: self.valid_until,
        })
    }
}

/// Gives a staff member a role.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantAssignmentInput {
    /// The staff member.
    staff_id: ID,
    /// The role, with its dates.
    #[graphql(flatten)]
    #[serde(flatten)]
    role: RoleInput,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Changes the dates of an assignment that is not over. What is left out stays.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeAssignmentInput {
    /// The assignment.
    assignment_id: ID,
    /// From when, where it has not begun.
    valid_from: Option<DateTime<Utc>>,
    /// Until when; null has it go on without end.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    valid_until: MaybeUndefined<DateTime<Utc>>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Takes an assignment back.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokeAssignmentInput {
    /// The assignment.
    assignment_id: ID,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of giving, changing or taking back a role.
#[derive(SimpleObject)]
pub struct AssignmentPayload {
    /// The assignment.
    assignment: Option<Assignment>,
    /// What can be mended.
    errors: Vec<UserError>,
}

impl AssignmentPayload {
    async fn of(ctx: &Context<'_>, done: Done<Uuid>) -> Result<Self> {
        Ok(match done {
            Ok(id) => {
                // What holds from now on holds in this process at once.
                request::of(ctx).store.refresh().await?;
                Self {
                    assignment: Assignment::find(ctx, id).await?,
                    errors: Vec::new(),
                }
            }
            Err(errors) => Self {
                assignment: None,
                errors,
            },
        })
    }
}

/// Giving roles and taking them back.
#[derive(Default)]
pub struct AssignmentMutation;

#[Object]
impl AssignmentMutation {
    /// Gives a staff member a role, now or later. Administrators of the provider give every role; those of a unit make others, not
    /// themselves, therapists, citizen administrators and unit administrators there.
    async fn grant_assignment(&self, ctx: &Context<'_>, input: GrantAssignmentInput) -> Result<AssignmentPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "grantAssignment", key, &input, |act| {
            async move {
                let staff = id::input(Kind::Staff, &wanted.staff_id, "staffId")?;
                assignment::grant(act, &wanted.role.read(staff)?).await
            }
            .boxed()
        });
        AssignmentPayload::of(ctx, done.await?).await
    }

    /// Changes from when or until when an assignment holds. Who may give the role may do that; administrators of a unit do not prolong
    /// their own.
    async fn change_assignment(&self, ctx: &Context<'_>, input: ChangeAssignmentInput) -> Result<AssignmentPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "changeAssignment", key, &input, |act| {
            async move {
                let change = ChangeAssignment {
                    assignment_id: id::input(Kind::Assignment, &wanted.assignment_id, "assignmentId")?,
                    valid_from: wanted.valid_from,
                    valid_until: wanted.valid_until.as_opt_ref().map(|until| until.copied()),
                };
                assignment::change(act, &change).await
            }
            .boxed()
        });
        AssignmentPayload::of(ctx, done.await?).await
    }

    /// Takes an assignment back now: within a second nothing can be done with it any more. Who may give the role may do that; the
    /// last administrator of a care provider stays.
    async fn revoke_assignment(&self, ctx: &Context<'_>, input: RevokeAssignmentInput) -> Result<AssignmentPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "revokeAssignment", key, &input, |act| {
            async move {
                let id = id::input(Kind::Assignment, &wanted.assignment_id, "assignmentId")?;
                assignment::revoke(act, id).await
            }
            .boxed()
        });
        AssignmentPayload::of(ctx, done.await?).await
    }
}
