//! Sending forms, opening them, saving and submitting what is answered.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    action::{self, dispatch::Send, repeat::Repeat},
    dispatch,
    error::UserError as Refusal,
};
use futures_util::FutureExt;
use rules::answer::Answers;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Dispatch;
use crate::graphql::{
    enrollment::Enrollment,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{mutate, only},
    request,
    result::FormResult,
    scalar::{AnswerValue, Duration},
};

/// Opens a form that stands in a step.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenFormInput {
    /// The enrollment.
    enrollment_id: ID,
    /// The step, by its own id or by that in the enrollment.
    step_id: ID,
    /// The form's key.
    form_key: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// An answer to one item.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerInput {
    /// The item's key.
    item: String,
    /// The answer; none takes it back.
    #[graphql(secret)]
    value: Option<AnswerValue>,
}

/// Saves answers that are not submitted.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveDraftInput {
    /// The dispatch.
    dispatch_id: ID,
    /// All answers so far: they take the place of those saved before.
    answers: Vec<AnswerInput>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Submits answers.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmitResponseInput {
    /// The dispatch.
    dispatch_id: ID,
    /// All answers.
    answers: Vec<AnswerInput>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Asks the citizen to fill in a form, once or again and again.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DispatchFormInput {
    /// The enrollment.
    enrollment_id: ID,
    /// The form's key.
    form_key: String,
    /// From when it can be answered; now where absent. Repeated, it comes at this local time of day.
    at: Option<DateTime<Utc>>,
    /// For how long it can be answered; without end where absent.
    expires_after: Option<Duration>,
    /// An RFC 5545 recurrence rule that begins on the day of `at`: it becomes a rule of this enrollment.
    repeat: Option<String>,
    /// How long after it can be answered the citizen is reminded, until they answer.
    remind_after: Option<Vec<Duration>>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of opening a form.
#[derive(SimpleObject)]
pub struct OpenFormPayload {
    /// The dispatch that it is answered in.
    dispatch: Option<Dispatch>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of saving a draft.
#[derive(SimpleObject)]
pub struct SaveDraftPayload {
    /// The dispatch.
    dispatch: Option<Dispatch>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of submitting answers.
#[derive(SimpleObject)]
pub struct SubmitResponsePayload {
    /// The result.
    result: Option<FormResult>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of sending a form.
#[derive(SimpleObject)]
pub struct DispatchFormPayload {
    /// The dispatch; where it repeats, those to come in the next 30 days, which are made when they come.
    dispatches: Vec<Dispatch>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What is kept of a form that was sent.
#[derive(Serialize, Deserialize)]
enum Sent {
    Once(Uuid),
    Again(action::repeat::Repeated),
}

/// Answers by item.
///
/// # Errors
/// `DUPLICATE` where an item is answered twice.
pub fn answers(inputs: Vec<AnswerInput>) -> entity::error::Result<Answers> {
    let mut answers = Answers::new();
    for AnswerInput { item, value } in inputs {
        let Some(AnswerValue(value)) = value else {
            continue;
        };
        if answers.contains_key(&item) {
            let path = format!("answers.{item}");
            return Err(Refusal::new(
                "DUPLICATE",
                &path,
                "This item is answered twice: send one answer for each.",
            )
            .into());
        }
        answers.insert(item, value);
    }
    Ok(answers)
}

/// What people do with forms.
#[derive(Default)]
pub struct DispatchMutation;

#[Object]
impl DispatchMutation {
    /// Opens a form that stands in a step: it gives the dispatch that it is answered in.
    async fn open_form(&self, ctx: &Context<'_>, input: OpenFormInput) -> Result<OpenFormPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "openForm", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let enrollment = id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?;
                let step = id::input_step(&wanted.step_id, enrollment, "stepId")?;
                action::dispatch::open_form(act, enrollment, step, &wanted.form_key).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => OpenFormPayload {
                dispatch: Dispatch::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => OpenFormPayload { dispatch: None, errors },
        })
    }

    /// Saves answers that are not submitted.
    async fn save_draft(&self, ctx: &Context<'_>, input: SaveDraftInput) -> Result<SaveDraftPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "saveDraft", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let dispatch = id::input(Kind::Dispatch, &wanted.dispatch_id, "dispatchId")?;
                action::dispatch::save_draft(act, dispatch, &answers(wanted.answers)?).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => SaveDraftPayload {
                dispatch: Dispatch::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SaveDraftPayload { dispatch: None, errors },
        })
    }

    /// Submits answers.
    async fn submit_response(&self, ctx: &Context<'_>, input: SubmitResponseInput) -> Result<SubmitResponsePayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "submitResponse", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let dispatch = id::input(Kind::Dispatch, &wanted.dispatch_id, "dispatchId")?;
                action::response::submit(act, dispatch, &answers(wanted.answers)?).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => SubmitResponsePayload {
                result: FormResult::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SubmitResponsePayload { result: None, errors },
        })
    }

    /// Asks the citizen to fill in a form, once or again and again.
    async fn dispatch_form(&self, ctx: &Context<'_>, input: DispatchFormInput) -> Result<DispatchFormPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "dispatchForm", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let enrollment_id = id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?;
                let expires_after = wanted.expires_after.map(|duration| duration.0);
                let remind_after = wanted
                    .remind_after
                    .into_iter()
                    .flatten()
                    .map(|duration| duration.0)
                    .collect();
                if let Some(repeat) = wanted.repeat {
                    let repeat = Repeat {
                        enrollment_id,
                        form_key: wanted.form_key,
                        at: wanted.at,
                        repeat,
                        expires_after,
                        remind_after,
                    };
                    return action::repeat::dispatch_again(act, repeat).await.map(Sent::Again);
                }
                let send = Send {
                    enrollment_id,
                    form_key: wanted.form_key,
                    at: wanted.at,
                    expires_after,
                    remind_after,
                    firing_id: None,
                    cause: act.cause(),
                };
                only(action::dispatch::send(act, &[send]).await?).map(Sent::Once)
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(Sent::Once(id)) => DispatchFormPayload {
                dispatches: Dispatch::find(ctx, id).await?.into_iter().collect(),
                errors: Vec::new(),
            },
            Ok(Sent::Again(repeated)) => {
                let locale = Enrollment::language(ctx, repeated.enrollment_id).await?;
                let locale = locale.unwrap_or_else(|| "sv".into());
                let rows: Vec<dispatch::Model> = repeated.dispatches(&request::of(ctx).viewer);
                let dispatches = rows.into_iter().map(|row| Dispatch {
                    row: Arc::new(row),
                    locale: locale.clone(),
                });
                DispatchFormPayload {
                    dispatches: dispatches.collect(),
                    errors: Vec::new(),
                }
            }
            Err(errors) => DispatchFormPayload {
                dispatches: Vec::new(),
                errors,
            },
        })
    }
}
