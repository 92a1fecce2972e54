//! Sending messages, and reading them.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::action::{self, message::Send};
use futures_util::FutureExt;
use serde::Serialize;

use super::Message;
use crate::graphql::{
    enrollment::Enrollment,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{mutate, only},
};

/// Sends a message to the other side.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessageInput {
    /// The enrollment.
    enrollment_id: ID,
    /// What it says: plain text of at most 10,000 characters.
    #[graphql(secret)]
    body: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Notes that the viewer's side has read what the other side wrote.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkMessagesReadInput {
    /// The enrollment.
    enrollment_id: ID,
    /// The last message that was read; all of them where absent.
    until: Option<ID>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of sending a message.
#[derive(SimpleObject)]
pub struct SendMessagePayload {
    /// The message.
    message: Option<Message>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of noting that messages were read.
#[derive(SimpleObject)]
pub struct MarkMessagesReadPayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What people do with messages.
#[derive(Default)]
pub struct MessageMutation;

#[Object]
impl MessageMutation {
    /// Sends a message to the other side: citizens and guardians write to the staff who treat, these to the citizen. Until the
    /// enrollment ends.
    async fn send_message(&self, ctx: &Context<'_>, input: SendMessageInput) -> Result<SendMessagePayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "sendMessage", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let send = Send {
                    enrollment_id: id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?,
                    body: wanted.body,
                    firing_id: None,
                    cause: act.cause(),
                };
                only(action::message::send(act, &[send]).await?)
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => SendMessagePayload {
                message: Message::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SendMessagePayload { message: None, errors },
        })
    }

    /// Notes that the viewer's side has read what the other side wrote: all of it, or up to a message. Also after the end.
    async fn mark_messages_read(
        &self,
        ctx: &Context<'_>,
        input: MarkMessagesReadInput,
    ) -> Result<MarkMessagesReadPayload> {
        let wanted = input.clone();
        let done = mutate(
            ctx,
            "markMessagesRead",
            input.idempotency_key.as_deref(),
            &input,
            |act| {
                async move {
                    let enrollment = id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?;
                    let until = wanted.until.map(|until| id::input(Kind::Message, &until, "until"));
                    action::message::mark_read(act, enrollment, until.transpose()?).await
                }
                .boxed()
            },
        );
        Ok(match done.await? {
            Ok(id) => MarkMessagesReadPayload {
                enrollment: Enrollment::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => MarkMessagesReadPayload {
                enrollment: None,
                errors,
            },
        })
    }
}
