//! Raising flags and taking care of them.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::action;
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::{Audience, Flag, Severity};
use crate::graphql::{
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{Done, mutate, only},
};

/// Raises a flag, or adds a cause to the unresolved one of its kind.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RaiseFlagInput {
    /// The enrollment.
    enrollment_id: ID,
    /// What it is about.
    kind: String,
    /// How serious it is.
    severity: Severity,
    /// What is read in lists.
    title: String,
    /// What there is to say about it.
    #[graphql(secret)]
    note: Option<String>,
    /// Whom it is for.
    #[graphql(default_with = "Audience::Staff")]
    audience: Audience,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Takes a flag on.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcknowledgeFlagInput {
    /// The flag.
    flag_id: ID,
    /// What there is to say about it.
    #[graphql(secret)]
    note: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Resolves a flag.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolveFlagInput {
    /// The flag.
    flag_id: ID,
    /// What there is to say about it.
    #[graphql(secret)]
    note: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of raising a flag.
#[derive(SimpleObject)]
pub struct RaiseFlagPayload {
    /// The flag.
    flag: Option<Flag>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of taking a flag on.
#[derive(SimpleObject)]
pub struct AcknowledgeFlagPayload {
    /// The flag.
    flag: Option<Flag>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of resolving a flag.
#[derive(SimpleObject)]
pub struct ResolveFlagPayload {
    /// The flag.
    flag: Option<Flag>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// The flag that was changed, or what can be mended.
pub(super) async fn changed(ctx: &Context<'_>, done: Done<Uuid>) -> Result<(Option<Flag>, Vec<UserError>)> {
    match done {
        Ok(id) => Ok((Flag::find(ctx, id).await?, Vec::new())),
        Err(errors) => Ok((None, errors)),
    }
}

/// What people do with flags.
#[derive(Default)]
pub struct FlagMutation;

#[Object]
impl FlagMutation {
    /// Raises a flag, or adds a cause to the unresolved one of its kind.
    async fn raise_flag(&self, ctx: &Context<'_>, input: RaiseFlagInput) -> Result<RaiseFlagPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "raiseFlag", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let raise = action::flag::Raise {
                    enrollment_id: id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?,
                    kind: wanted.kind,
                    severity: wanted.severity.into(),
                    title: wanted.title,
                    note: wanted.note,
                    audience: wanted.audience.into(),
                    rule_key: None,
                    occurrence: None,
                    auto_resolve: false,
                    cause: act.cause(),
                };
                only(action::flag::raise(act, &[raise]).await?)
            }
            .boxed()
        });
        let (flag, errors) = changed(ctx, done.await?).await?;
        Ok(RaiseFlagPayload { flag, errors })
    }

    /// Takes a flag on.
    async fn acknowledge_flag(&self, ctx: &Context<'_>, input: AcknowledgeFlagInput) -> Result<AcknowledgeFlagPayload> {
        let wanted = input.clone();
        let done = mutate(
            ctx,
            "acknowledgeFlag",
            input.idempotency_key.as_deref(),
            &input,
            |act| {
                async move {
                    let flag = id::input(Kind::Flag, &wanted.flag_id, "flagId")?;
                    action::flag::acknowledge(act, flag, wanted.note.as_deref()).await
                }
                .boxed()
            },
        );
        let (flag, errors) = changed(ctx, done.await?).await?;
        Ok(AcknowledgeFlagPayload { flag, errors })
    }

    /// Resolves a flag.
    async fn resolve_flag(&self, ctx: &Context<'_>, input: ResolveFlagInput) -> Result<ResolveFlagPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "resolveFlag", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let flag = id::input(Kind::Flag, &wanted.flag_id, "flagId")?;
                action::flag::resolve(act, flag, wanted.note.as_deref()).await
            }
            .boxed()
        });
        let (flag, errors) = changed(ctx, done.await?).await?;
        Ok(ResolveFlagPayload { flag, errors })
    }
}
