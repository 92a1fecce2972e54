//! Taking forms back, moving them, and what was changed of them.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    action::{
        self,
        dispatch::{Expiry, Move},
    },
    dispatch_change,
    error::UserError as Refusal,
    viewer::Permission,
};
use futures_util::FutureExt;
use serde::Serialize;

use super::{Dispatch, DispatchStatus};
use crate::graphql::{
    actor,
    care::Staff,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
    request,
};

/// Something that staff changed of a form that was sent.
pub struct DispatchChange(pub(super) dispatch_change::Model);

/// A form that was sent, as it was after staff moved it or took it back.
#[Object]
impl DispatchChange {
    /// When it was changed.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// Where it was in its life from then on.
    async fn status(&self) -> DispatchStatus {
        self.0.status.0.into()
    }

    /// From when it could be answered.
    async fn available_at(&self) -> DateTime<Utc> {
        self.0.available_at
    }

    /// Until when it could be answered; without end where absent.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }

    /// Why. For those who treat.
    async fn reason(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let treats = request::of(ctx).viewer.may(Permission::Treat);
        let reason = self.0.reason.as_ref().filter(|_| treats)?;
        Some(request::opened(ctx, reason))
    }

    /// Who did it.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.0.actor.0)
    }
}

/// Takes a form back.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelDispatchInput {
    /// The dispatch.
    dispatch_id: ID,
    /// Why, for colleagues.
    #[graphql(secret)]
    reason: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Has a form be open at other times.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MoveDispatchInput {
    /// The dispatch.
    dispatch_id: ID,
    /// From when it can be answered; as before where absent, at once where that has passed.
    available_at: Option<DateTime<Utc>>,
    /// Until when it can be answered; where absent, it moves with the beginning, on the local clock.
    expires_at: Option<DateTime<Utc>>,
    /// It can be answered without end.
    #[graphql(default)]
    never_expires: bool,
    /// Why, for colleagues.
    #[graphql(secret)]
    reason: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of taking a form back.
#[derive(SimpleObject)]
pub struct CancelDispatchPayload {
    /// The dispatch.
    dispatch: Option<Dispatch>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of moving a form.
#[derive(SimpleObject)]
pub struct MoveDispatchPayload {
    /// The dispatch.
    dispatch: Option<Dispatch>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// Until when a form that is moved can be answered.
fn expiry(at: Option<DateTime<Utc>>, never: bool) -> entity::error::Result<Expiry> {
    match (at, never) {
        (Some(_), true) => {
            let message = "Say either until when it can be answered, or that it is without end.";
            Err(Refusal::new("CONTRADICTION", "neverExpires", message).into())
        }
        (Some(at), false) => Ok(Expiry::At(at)),
        (None, true) => Ok(Expiry::Never),
        (None, false) => Ok(Expiry::Along),
    }
}

/// What staff change of forms that were sent.
#[derive(Default)]
pub struct DispatchChangeMutation;

#[Object]
impl DispatchChangeMutation {
    /// Takes a form back: it cannot be answered any more, and nobody is reminded of it.
    async fn cancel_dispatch(&self, ctx: &Context<'_>, input: CancelDispatchInput) -> Result<CancelDispatchPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "cancelDispatch", key, &input, |act| {
            async move {
                let dispatch = id::input(Kind::Dispatch, &wanted.dispatch_id, "dispatchId")?;
                action::dispatch::cancel(act, dispatch, wanted.reason.as_deref()).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => CancelDispatchPayload {
                dispatch: Dispatch::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => CancelDispatchPayload { dispatch: None, errors },
        })
    }

    /// Has a form be open at other times. Its reminders that have not left move with its beginning.
    async fn move_dispatch(&self, ctx: &Context<'_>, input: MoveDispatchInput) -> Result<MoveDispatchPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "moveDispatch", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let wanted = Move {
                    dispatch_id: id::input(Kind::Dispatch, &wanted.dispatch_id, "dispatchId")?,
                    available_at: wanted.available_at,
                    expires_at: expiry(wanted.expires_at, wanted.never_expires)?,
                    reason: wanted.reason,
                };
                action::dispatch::reschedule(act, wanted).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => MoveDispatchPayload {
                dispatch: Dispatch::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => MoveDispatchPayload { dispatch: None, errors },
        })
    }
}
