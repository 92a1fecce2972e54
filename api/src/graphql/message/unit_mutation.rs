//! Keeping templates, writing to all citizens of a unit, and promising answers.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::action::{
    self,
    message::{SaveTemplate, ToAll},
};
use futures_util::FutureExt;
use serde::Serialize;

use super::{MessageTemplate, UnitMessage};
use crate::graphql::{
    care::Unit,
    enrollment::EnrollmentStatus,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
};

/// Keeps a text that the staff of a unit write messages from.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveMessageTemplateInput {
    /// The unit.
    unit_id: ID,
    /// The template that it takes the place of; a new one where absent.
    template_id: Option<ID>,
    /// What staff find it by: one line.
    title: String,
    /// What it says: plain text of at most 10,000 characters.
    body: String,
    /// The language (BCP 47).
    locale: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Throws a template away.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveMessageTemplateInput {
    /// The template.
    template_id: ID,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Writes to all citizens of a unit.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SendUnitMessageInput {
    /// The unit.
    unit_id: ID,
    /// Only to those who take part in this program.
    program_slug: Option<String>,
    /// Only to enrollments in one of these states, which must not have ended; to those that are active where absent.
    statuses: Option<Vec<EnrollmentStatus>>,
    /// What it says: plain text of at most 10,000 characters.
    #[graphql(secret)]
    body: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Promises answers.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetAnswerPromiseInput {
    /// The unit.
    unit_id: ID,
    /// Within how many working days messages are answered, from 0 (the same day) to 30; nothing is promised where absent.
    working_days: Option<i32>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of keeping a template.
#[derive(SimpleObject)]
pub struct SaveMessageTemplatePayload {
    /// The template.
    template: Option<MessageTemplate>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of throwing a template away.
#[derive(SimpleObject)]
pub struct RemoveMessageTemplatePayload {
    /// The unit that it was of.
    unit: Option<Unit>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of writing to all citizens of a unit.
#[derive(SimpleObject)]
pub struct SendUnitMessagePayload {
    /// The message, on its way.
    message: Option<UnitMessage>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of promising answers.
#[derive(SimpleObject)]
pub struct SetAnswerPromisePayload {
    /// The unit.
    unit: Option<Unit>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What units write with.
#[derive(Default)]
pub struct UnitMessageMutation;

#[Object]
impl UnitMessageMutation {
    /// Keeps a text that the staff of a unit write messages from. For those who treat there and its administrators.
    async fn save_message_template(
        &self,
        ctx: &Context<'_>,
        input: SaveMessageTemplateInput,
    ) -> Result<SaveMessageTemplatePayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "saveMessageTemplate", key, &input, |act| {
            async move {
                let template = wanted
                    .template_id
                    .map(|id| id::input(Kind::MessageTemplate, &id, "templateId"));
                let save = SaveTemplate {
                    unit_id: id::input(Kind::Unit, &wanted.unit_id, "unitId")?,
                    template_id: template.transpose()?,
                    title: wanted.title,
                    body: wanted.body,
                    locale: wanted.locale,
                };
                action::message::save_template(act, &save).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => SaveMessageTemplatePayload {
                template: MessageTemplate::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SaveMessageTemplatePayload { template: None, errors },
        })
    }

    /// Throws a template away; what was written from it stays. For those who may keep one.
    async fn remove_message_template(
        &self,
        ctx: &Context<'_>,
        input: RemoveMessageTemplateInput,
    ) -> Result<RemoveMessageTemplatePayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "removeMessageTemplate", key, &input, |act| {
            async move {
                let template = id::input(Kind::MessageTemplate, &wanted.template_id, "templateId")?;
                action::message::remove_template(act, template).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => RemoveMessageTemplatePayload {
                unit: Unit::anew(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => RemoveMessageTemplatePayload { unit: None, errors },
        })
    }

    /// Writes to all citizens of a unit, or those in a program or some states: each gets the message in their thread, from the unit.
    /// For those who treat there and its administrators.
    async fn send_unit_message(
        &self,
        ctx: &Context<'_>,
        input: SendUnitMessageInput,
    ) -> Result<SendUnitMessagePayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "sendUnitMessage", key, &input, |act| {
            async move {
                let to_all = ToAll {
                    unit_id: id::input(Kind::Unit, &wanted.unit_id, "unitId")?,
                    program_slug: wanted.program_slug,
                    statuses: wanted.statuses.into_iter().flatten().map(Into::into).collect(),
                    body: wanted.body,
                };
                action::message::send_to_all(act, &to_all).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => SendUnitMessagePayload {
                message: UnitMessage::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SendUnitMessagePayload { message: None, errors },
        })
    }

    /// Says within how many working days a unit promises to answer what citizens write. What was promised before stays promised.
    /// For administrators of the unit and of its provider.
    async fn set_answer_promise(
        &self,
        ctx: &Context<'_>,
        input: SetAnswerPromiseInput,
    ) -> Result<SetAnswerPromisePayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "setAnswerPromise", key, &input, |act| {
            async move {
                let unit = id::input(Kind::Unit, &wanted.unit_id, "unitId")?;
                action::message::set_promise(act, unit, wanted.working_days).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => SetAnswerPromisePayload {
                unit: Unit::anew(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SetAnswerPromisePayload { unit: None, errors },
        })
    }
}
