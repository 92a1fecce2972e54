//! Answering for a citizen, and putting results right.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::action;
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::FormResult;
use crate::graphql::{
    dispatch::{AnswerInput, answers},
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{Done, mutate},
};

/// Submits what a citizen said, in their place.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerOnBehalfInput {
    /// The dispatch.
    dispatch_id: ID,
    /// All answers.
    answers: Vec<AnswerInput>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Puts other answers in the place of those of a result.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AmendResultInput {
    /// The result.
    result_id: ID,
    /// All answers as they should have been.
    answers: Vec<AnswerInput>,
    /// Why, for those who read the record later.
    #[graphql(secret)]
    reason: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Voids a result.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VoidResultInput {
    /// The result.
    result_id: ID,
    /// Why, for those who read the record later.
    #[graphql(secret)]
    reason: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of answering for a citizen.
#[derive(SimpleObject)]
pub struct AnswerOnBehalfPayload {
    /// The result.
    result: Option<FormResult>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of amending a result.
#[derive(SimpleObject)]
pub struct AmendResultPayload {
    /// The result that took the place of the other.
    result: Option<FormResult>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of voiding a result.
#[derive(SimpleObject)]
pub struct VoidResultPayload {
    /// The result, which counts nowhere any more.
    result: Option<FormResult>,
    /// What can be mended.
    errors: Vec<UserError>,
}

async fn changed(ctx: &Context<'_>, done: Done<Uuid>) -> Result<(Option<FormResult>, Vec<UserError>)> {
    Ok(match done {
        Ok(id) => (FormResult::find(ctx, id).await?, Vec::new()),
        Err(errors) => (None, errors),
    })
}

/// What staff do with results.
#[derive(Default)]
pub struct ResultMutation;

#[Object]
impl ResultMutation {
    /// Submits what a citizen said, on the phone or on paper, in their place. The result says so.
    async fn answer_on_behalf(&self, ctx: &Context<'_>, input: AnswerOnBehalfInput) -> Result<AnswerOnBehalfPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "answerOnBehalf", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let dispatch = id::input(Kind::Dispatch, &wanted.dispatch_id, "dispatchId")?;
                action::response::submit_on_behalf(act, dispatch, &answers(wanted.answers)?).await
            }
            .boxed()
        });
        let (result, errors) = changed(ctx, done.await?).await?;
        Ok(AnswerOnBehalfPayload { result, errors })
    }

    /// Puts other answers in the place of those of a result, which is kept. The new ones count as answered when the first were,
    /// and from now on; what rules did because of the former stays done.
    async fn amend_result(&self, ctx: &Context<'_>, input: AmendResultInput) -> Result<AmendResultPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "amendResult", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let result = id::input(Kind::Result, &wanted.result_id, "resultId")?;
                action::response::amend(act, result, &answers(wanted.answers)?, &wanted.reason).await
            }
            .boxed()
        });
        let (result, errors) = changed(ctx, done.await?).await?;
        Ok(AmendResultPayload { result, errors })
    }

    /// Voids a result, which is kept and counts nowhere from now on. Its form stays answered: send it anew to have it answered
    /// again.
    async fn void_result(&self, ctx: &Context<'_>, input: VoidResultInput) -> Result<VoidResultPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "voidResult", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let result = id::input(Kind::Result, &wanted.result_id, "resultId")?;
                action::response::void(act, result, &wanted.reason).await
            }
            .boxed()
        });
        let (result, errors) = changed(ctx, done.await?).await?;
        Ok(VoidResultPayload { result, errors })
    }
}
