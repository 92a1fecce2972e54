//! What staff do with flags besides taking one on: give them to one another, open them again, and take care of several.

use std::collections::HashMap;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::{
    action::{self, flag::Reopened},
    error::{Outcome, UserError as Refusal},
};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::{Flag, mutation::changed};
use crate::graphql::{
    error::{Result, UserError},
    id::{self, Kind},
    loader::FlagKey,
    mutation::{Done, mutate},
    request,
};

/// Gives a flag to somebody who treats at the unit.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignFlagInput {
    /// The flag.
    flag_id: ID,
    /// Who is to see to it; nobody in particular where absent.
    staff_id: Option<ID>,
    /// What there is to say about it.
    #[graphql(secret)]
    note: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Opens a flag again that somebody took on or that was resolved.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReopenFlagInput {
    /// The flag.
    flag_id: ID,
    /// What there is to say about it.
    #[graphql(secret)]
    note: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Takes several flags on.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcknowledgeFlagsInput {
    /// The flags, at most 100.
    flag_ids: Vec<ID>,
    /// What there is to say about each of them.
    #[graphql(secret)]
    note: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Resolves several flags.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolveFlagsInput {
    /// The flags, at most 100.
    flag_ids: Vec<ID>,
    /// What there is to say about each of them.
    #[graphql(secret)]
    note: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of giving a flag to somebody.
#[derive(SimpleObject)]
pub struct AssignFlagPayload {
    /// The flag.
    flag: Option<Flag>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of opening a flag again.
#[derive(SimpleObject)]
pub struct ReopenFlagPayload {
    /// The flag. Where another one of its kind stands already, that one: the code is then `ALREADY_OPEN`.
    flag: Option<Flag>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of one of several flags.
#[derive(SimpleObject)]
pub struct FlagOutcome {
    /// As it was asked for.
    flag_id: ID,
    /// The flag, where it was done.
    flag: Option<Flag>,
    /// What can be mended; paths are as if it had been asked for alone.
    errors: Vec<UserError>,
}

/// What came of taking several flags on.
#[derive(SimpleObject)]
pub struct AcknowledgeFlagsPayload {
    /// What came of each, in the order in which they were asked for.
    outcomes: Vec<FlagOutcome>,
    /// What can be mended of all of them: then nothing was done.
    errors: Vec<UserError>,
}

/// What came of resolving several flags.
#[derive(SimpleObject)]
pub struct ResolveFlagsPayload {
    /// What came of each, in the order in which they were asked for.
    outcomes: Vec<FlagOutcome>,
    /// What can be mended of all of them: then nothing was done.
    errors: Vec<UserError>,
}

/// What is no flag's id is not there, as any other that is not.
fn ids(flags: &[ID]) -> Vec<Uuid> {
    let id = |flag| id::of(Kind::Flag, flag).unwrap_or_default();
    flags.iter().map(id).collect()
}

async fn outcomes(
    ctx: &Context<'_>,
    asked: Vec<ID>,
    done: Done<Vec<Outcome<Uuid>>>,
) -> Result<(Vec<FlagOutcome>, Vec<UserError>)> {
    let done = match done {
        Ok(done) => done,
        Err(errors) => return Ok((Vec::new(), errors)),
    };
    let keys = done.iter().flatten().copied().map(FlagKey);
    let flags: HashMap<FlagKey, _> = request::of(ctx).loads.load_many(keys).await?;
    let outcomes = asked.into_iter().zip(done).map(|(flag_id, done)| match done {
        Ok(id) => FlagOutcome {
            flag_id,
            flag: flags.get(&FlagKey(id)).cloned().map(Flag),
            errors: Vec::new(),
        },
        Err(errors) => FlagOutcome {
            flag_id,
            flag: None,
            errors: errors.into_iter().map(Into::into).collect(),
        },
    });
    Ok((outcomes.collect(), Vec::new()))
}

/// What staff do with flags besides taking one on.
#[derive(Default)]
pub struct FlagHandlingMutation;

#[Object]
impl FlagHandlingMutation {
    /// Gives a flag to somebody who treats at the unit, or to nobody in particular. It goes on being escalated until somebody
    /// takes it on.
    async fn assign_flag(&self, ctx: &Context<'_>, input: AssignFlagInput) -> Result<AssignFlagPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "assignFlag", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let flag = id::input(Kind::Flag, &wanted.flag_id, "flagId")?;
                let staff = wanted.staff_id.as_ref();
                let staff = staff.map(|id| id::input(Kind::Staff, id, "staffId")).transpose()?;
                action::flag::assign(act, flag, staff, wanted.note.as_deref()).await
            }
            .boxed()
        });
        let (flag, errors) = changed(ctx, done.await?).await?;
        Ok(AssignFlagPayload { flag, errors })
    }

    /// Opens a flag again that somebody took on or that was resolved.
    async fn reopen_flag(&self, ctx: &Context<'_>, input: ReopenFlagInput) -> Result<ReopenFlagPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "reopenFlag", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let flag = id::input(Kind::Flag, &wanted.flag_id, "flagId")?;
                action::flag::reopen(act, flag, wanted.note.as_deref()).await
            }
            .boxed()
        });
        let (id, errors) = match done.await? {
            Ok(Reopened::Done(id)) => (id, Vec::new()),
            Ok(Reopened::Standing(id)) => {
                let other = id::id(Kind::Flag, id);
                let message = format!("Another flag of this kind stands already: {}.", other.as_str());
                (id, vec![Refusal::new("ALREADY_OPEN", "flagId", message).into()])
            }
            Err(errors) => return Ok(ReopenFlagPayload { flag: None, errors }),
        };
        let flag = Flag::find(ctx, id).await?;
        Ok(ReopenFlagPayload { flag, errors })
    }

    /// Takes several flags on: each that can be is.
    #[graphql(complexity = "1 + input.flag_ids.len() * child_complexity")]
    async fn acknowledge_flags(
        &self,
        ctx: &Context<'_>,
        input: AcknowledgeFlagsInput,
    ) -> Result<AcknowledgeFlagsPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "acknowledgeFlags", key, &input, |act| {
            async move { action::flag::acknowledge_each(act, &ids(&wanted.flag_ids), wanted.note.as_deref()).await }
                .boxed()
        });
        let done = done.await?;
        let (outcomes, errors) = outcomes(ctx, input.flag_ids, done).await?;
        Ok(AcknowledgeFlagsPayload { outcomes, errors })
    }

    /// Resolves several flags: each that can be is.
    #[graphql(complexity = "1 + input.flag_ids.len() * child_complexity")]
    async fn resolve_flags(&self, ctx: &Context<'_>, input: ResolveFlagsInput) -> Result<ResolveFlagsPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "resolveFlags", key, &input, |act| {
            async move { action::flag::resolve_each(act, &ids(&wanted.flag_ids), wanted.note.as_deref()).await }.boxed()
        });
        let done = done.await?;
        let (outcomes, errors) = outcomes(ctx, input.flag_ids, done).await?;
        Ok(ResolveFlagsPayload { outcomes, errors })
    }
}
