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
    /// What it says: plain text of at most 10,000 characters; with files it may be empty.
    #[graphql(secret)]
    body: String,
    /// The files that go with it, at most 10: the ids that `POST /attachments` gave to the same person. Each is sent once.
    attachment_ids: Option<Vec<ID>>,
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

/// Keeps what the viewer has begun to write.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveMessageDraftInput {
    /// The enrollment.
    enrollment_id: ID,
    /// What it says so far: plain text of at most 10,000 characters.
    #[graphql(secret)]
    body: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Names the thread of an enrollment.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscardMessageDraftInput {
    /// The enrollment.
    enrollment_id: ID,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Hands a thread over.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandOverMessagesInput {
    /// The enrollment.
    enrollment_id: ID,
    /// Who looks after its messages from now on: somebody who treats at its unit; all who treat in it where absent.
    staff_id: Option<ID>,
    /// What the receiver should know.
    #[graphql(secret)]
    note: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Says that what the citizen wrote needs no answer.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettleMessagesInput {
    /// The enrollment.
    enrollment_id: ID,
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

/// What came of keeping a draft.
#[derive(SimpleObject)]
pub struct SaveMessageDraftPayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of forgetting a draft.
#[derive(SimpleObject)]
pub struct DiscardMessageDraftPayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of handing a thread over.
#[derive(SimpleObject)]
pub struct HandOverMessagesPayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of saying that messages need no answer.
#[derive(SimpleObject)]
pub struct SettleMessagesPayload {
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
                let files = wanted.attachment_ids.iter().flatten();
                let files = files.map(|file| id::input(Kind::Attachment, file, "attachmentIds"));
                let send = Send {
                    enrollment_id: id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?,
                    body: wanted.body,
                    attachments: files.collect::<entity::error::Result<_>>()?,
                    firing_id: None,
                    unit_message_id: None,
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

    /// Keeps what the viewer has begun to write in a thread, in place of what they had: one draft for each author and enrollment,
    /// which nobody else sees. Sending a message there removes it.
    async fn save_message_draft(
        &self,
        ctx: &Context<'_>,
        input: SaveMessageDraftInput,
    ) -> Result<SaveMessageDraftPayload> {
        let wanted = input.clone();
        let done = mutate(
            ctx,
            "saveMessageDraft",
            input.idempotency_key.as_deref(),
            &input,
            |act| {
                async move {
                    let enrollment = id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?;
                    action::message::save_draft(act, enrollment, &wanted.body).await
                }
                .boxed()
            },
        );
        Ok(match done.await? {
            Ok(id) => SaveMessageDraftPayload {
                enrollment: Enrollment::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SaveMessageDraftPayload {
                enrollment: None,
                errors,
            },
        })
    }

    /// Forgets what the viewer has begun to write in a thread. Also after its end.
    async fn discard_message_draft(
        &self,
        ctx: &Context<'_>,
        input: DiscardMessageDraftInput,
    ) -> Result<DiscardMessageDraftPayload> {
        let wanted = input.clone();
        let done = mutate(
            ctx,
            "discardMessageDraft",
            input.idempotency_key.as_deref(),
            &input,
            |act| {
                async move {
                    let enrollment = id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?;
                    action::message::discard_draft(act, enrollment).await
                }
                .boxed()
            },
        );
        Ok(match done.await? {
            Ok(id) => DiscardMessageDraftPayload {
                enrollment: Enrollment::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => DiscardMessageDraftPayload {
                enrollment: None,
                errors,
            },
        })
    }

    /// Hands the thread of an enrollment over to a colleague, who is told so in their inbox. For those who treat.
    async fn hand_over_messages(
        &self,
        ctx: &Context<'_>,
        input: HandOverMessagesInput,
    ) -> Result<HandOverMessagesPayload> {
        let wanted = input.clone();
        let done = mutate(
            ctx,
            "handOverMessages",
            input.idempotency_key.as_deref(),
            &input,
            |act| {
                async move {
                    let enrollment = id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?;
                    let staff = wanted.staff_id.map(|staff| id::input(Kind::Staff, &staff, "staffId"));
                    action::message::hand_over(act, enrollment, staff.transpose()?, wanted.note.as_deref()).await
                }
                .boxed()
            },
        );
        Ok(match done.await? {
            Ok(id) => HandOverMessagesPayload {
                enrollment: Enrollment::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => HandOverMessagesPayload {
                enrollment: None,
                errors,
            },
        })
    }

    /// Says that nothing that the citizen has written so far needs an answer any more: somebody called, or it was a thank-you. For
    /// those who treat; what the citizen writes next waits for an answer again.
    async fn settle_messages(&self, ctx: &Context<'_>, input: SettleMessagesInput) -> Result<SettleMessagesPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "settleMessages", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let enrollment = id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?;
                action::message::settle(act, enrollment).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => SettleMessagesPayload {
                enrollment: Enrollment::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SettleMessagesPayload {
                enrollment: None,
                errors,
            },
        })
    }
}
