//! Putting right what is wrong of staff.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entity::action::staff::{self, UpdateStaff};
use futures_util::FutureExt;
use serde::Serialize;

use crate::graphql::{
    care::Staff,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
    request, scalar,
};

/// What is another of a staff member. What is left out stays; null takes it away, where it may be.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateStaffInput {
    /// The staff member.
    staff_id: ID,
    /// What the person is called.
    display_name: Option<String>,
    /// The profession, as the citizen reads it.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    title: MaybeUndefined<String>,
    /// The e-mail address.
    #[graphql(secret)]
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    email: MaybeUndefined<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of putting a staff member right.
#[derive(SimpleObject)]
pub struct UpdateStaffPayload {
    /// The staff member.
    staff: Option<Staff>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// Putting right what is wrong of staff.
#[derive(Default)]
pub struct StaffMutation;

#[Object]
impl StaffMutation {
    /// Puts the name, title or e-mail address of a staff member right. Administrators of the provider do.
    async fn update_staff(&self, ctx: &Context<'_>, input: UpdateStaffInput) -> Result<UpdateStaffPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "updateStaff", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let update = UpdateStaff {
                    staff_id: id::input(Kind::Staff, &wanted.staff_id, "staffId")?,
                    display_name: wanted.display_name,
                    title: scalar::said(&wanted.title),
                    email: scalar::said(&wanted.email),
                };
                staff::update(act, &update).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => {
                // The directory of this process may be older than the change.
                request::of(ctx).store.refresh().await?;
                UpdateStaffPayload {
                    staff: Staff::all(ctx, [id]).pop(),
                    errors: Vec::new(),
                }
            }
            Err(errors) => UpdateStaffPayload { staff: None, errors },
        })
    }
}
