//! Inviting staff.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    action::invitation::{self, Invite},
    invitation as record,
};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::assignment::RoleInput;
use crate::graphql::{
    actor,
    care::Staff,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{Done, mutate},
    reminder::DeliveryStatus,
    request,
};

/// The letter that invited a staff member.
pub struct Invitation(pub(in crate::graphql) record::Model);

/// The letter that invited a staff member. It says where to sign in and nothing else.
#[Object]
impl Invitation {
    /// When it was asked for.
    async fn invited_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Who invited.
    async fn invited_by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.0.actor.0)
    }

    /// What became of the letter.
    async fn status(&self) -> DeliveryStatus {
        self.0.status.0.into()
    }

    /// When it left.
    async fn sent_at(&self) -> Option<DateTime<Utc>> {
        self.0.sent_at
    }

    /// Why it did not.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }
}

/// Invites a staff member.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InviteStaffInput {
    /// The `sub` of their sign-in tokens: how the identity provider knows them, for example their HSA id.
    subject: String,
    /// What the person is called.
    display_name: String,
    /// The profession, as the citizen reads it.
    title: Option<String>,
    /// Where the invitation goes.
    #[graphql(secret)]
    email: String,
    /// Their roles.
    assignments: Vec<RoleInput>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Sends an invitation again.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResendInvitationInput {
    /// The staff member.
    staff_id: ID,
    /// Their address from now on; the one that is known where absent.
    #[graphql(secret)]
    email: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of inviting a staff member.
#[derive(SimpleObject)]
pub struct InvitationPayload {
    /// The staff member.
    staff: Option<Staff>,
    /// What can be mended.
    errors: Vec<UserError>,
}

impl InvitationPayload {
    async fn of(ctx: &Context<'_>, done: Done<Uuid>) -> Result<Self> {
        Ok(match done {
            Ok(id) => {
                // The directory of this process may be older than the change.
                request::of(ctx).store.refresh().await?;
                Self {
                    staff: Staff::all(ctx, [id]).pop(),
                    errors: Vec::new(),
                }
            }
            Err(errors) => Self { staff: None, errors },
        })
    }
}

/// Inviting staff.
#[derive(Default)]
pub struct InvitationMutation;

#[Object]
impl InvitationMutation {
    /// Adds a staff member with their roles, and has an e-mail sent that says where to sign in. Administrators of the provider do, and
    /// those of a unit for the roles that they may give there.
    async fn invite_staff(&self, ctx: &Context<'_>, input: InviteStaffInput) -> Result<InvitationPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "inviteStaff", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let mut assignments = Vec::with_capacity(wanted.assignments.len());
                for (place, role) in wanted.assignments.iter().enumerate() {
                    // Whose they are is known once there is somebody to have them.
                    let read = role.read(Uuid::nil());
                    let read = read.map_err(|error| error.within(&place.to_string()).within("assignments"));
                    assignments.push(read?);
                }
                let invite = Invite {
                    subject: wanted.subject,
                    display_name: wanted.display_name,
                    title: wanted.title,
                    email: wanted.email,
                    assignments,
                };
                invitation::invite(act, invite).await
            }
            .boxed()
        });
        InvitationPayload::of(ctx, done.await?).await
    }

    /// Sends an invitation again, to another address where one is given. Administrators of the provider do.
    async fn resend_invitation(&self, ctx: &Context<'_>, input: ResendInvitationInput) -> Result<InvitationPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "resendInvitation", key, &input, |act| {
            async move {
                let staff = id::input(Kind::Staff, &wanted.staff_id, "staffId")?;
                invitation::send_again(act, staff, wanted.email.as_deref()).await
            }
            .boxed()
        });
        InvitationPayload::of(ctx, done.await?).await
    }
}
