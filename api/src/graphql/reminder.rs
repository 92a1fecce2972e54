//! Reminders and what left because of them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{action, delivery, reminder};
use futures_util::FutureExt;
use serde::Serialize;

use super::{
    error::{Result, UserError},
    flag::Audience,
    id::{self, Kind},
    loader::DeliveriesOf,
    mutation::{mutate, only},
    request,
};

/// How somebody is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "rules::facts::Channel")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Channel {
    /// By e-mail.
    Email,
    /// By text message.
    Sms,
    /// By a push message of the browser.
    WebPush,
    /// In Handrail itself.
    Inbox,
}

/// Where a delivery is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "delivery::DeliveryStatus")]
pub enum DeliveryStatus {
    /// It leaves when it is due.
    Ready,
    /// It is leaving.
    Sending,
    /// It was accepted by the next hop.
    Sent,
    /// It did not leave since it no longer applied.
    Skipped,
    /// It could not be delivered.
    Failed,
    /// It was handed over, but nobody said whether it was accepted.
    Unknown,
}

/// Something that somebody is to be reminded of.
pub struct Reminder(pub(super) Arc<reminder::Model>);

impl Reminder {
    /// The reminder, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Self>> {
        let request = request::of(ctx);
        let mut found = reminder::find(&request.store, &request.viewer, &[id]).await?;
        Ok(found.remove(&id).map(|row| Self(Arc::new(row))))
    }
}

/// Something that somebody is to be reminded of (påminnelse).
#[Object]
impl Reminder {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Reminder, self.0.id)
    }

    /// The key of the message template.
    async fn template(&self) -> &str {
        &self.0.template
    }

    /// Whom it is for.
    async fn audience(&self) -> Audience {
        self.0.audience.0.into()
    }

    /// When it is meant to leave.
    async fn remind_at(&self) -> DateTime<Utc> {
        self.0.remind_at
    }

    /// When it left.
    async fn sent_at(&self) -> Option<DateTime<Utc>> {
        self.0.sent_at
    }

    /// When it was decided that it does not leave.
    async fn skipped_at(&self) -> Option<DateTime<Utc>> {
        self.0.skipped_at
    }

    /// Why it does not leave.
    async fn skip_reason(&self) -> Option<&str> {
        self.0.skip_reason.as_deref()
    }

    /// What leaves, one for each channel.
    async fn deliveries(&self, ctx: &Context<'_>) -> Result<Vec<Delivery>> {
        let rows = request::of(ctx)
            .loads
            .load_one(DeliveriesOf(self.0.id))
            .await?
            .unwrap_or_default();
        Ok(rows.iter().map(Delivery::from).collect())
    }
}

/// One message on one channel.
#[derive(SimpleObject)]
pub struct Delivery {
    /// Identity.
    id: ID,
    /// How it is sent.
    channel: Channel,
    /// Where it is in its life.
    status: DeliveryStatus,
    /// How many times it was tried.
    attempts: i32,
    /// When it left.
    sent_at: Option<DateTime<Utc>>,
    /// Why it was skipped or failed.
    reason: Option<String>,
}

impl From<&delivery::Model> for Delivery {
    fn from(row: &delivery::Model) -> Self {
        Self {
            id: id::id(Kind::Delivery, row.id),
            channel: row.channel.0.into(),
            status: row.status.0.into(),
            attempts: row.attempts,
            sent_at: row.sent_at,
            reason: row.reason.clone(),
        }
    }
}

/// Reminds the citizen.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemindCitizenInput {
    /// The enrollment.
    enrollment_id: ID,
    /// The key of the message template.
    template: String,
    /// How; as the citizen chose where empty or absent.
    channels: Option<Vec<Channel>>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of reminding the citizen.
#[derive(SimpleObject)]
pub struct RemindCitizenPayload {
    /// The reminder.
    reminder: Option<Reminder>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What people do with reminders.
#[derive(Default)]
pub struct ReminderMutation;

#[Object]
impl ReminderMutation {
    /// Reminds the citizen.
    async fn remind_citizen(&self, ctx: &Context<'_>, input: RemindCitizenInput) -> Result<RemindCitizenPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "remindCitizen", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                if !worker::template::exists(&wanted.template) {
                    let known = worker::template::keys().join(", ");
                    let message = format!("There is no such template. These are: {known}.");
                    return Err(entity::error::UserError::new("NOT_FOUND", "template", message).into());
                }
                let plan = action::reminder::Plan {
                    enrollment_id: id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?,
                    template: wanted.template,
                    channels: wanted.channels.into_iter().flatten().map(Into::into).collect(),
                    audience: rules::facts::Audience::Citizen,
                    remind_at: None,
                    dispatch_id: None,
                    firing_id: None,
                    bypass_quiet_hours: false,
                    cause: act.cause(),
                };
                only(action::reminder::plan(act, &[plan]).await?)
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => RemindCitizenPayload {
                reminder: Reminder::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => RemindCitizenPayload { reminder: None, errors },
        })
    }
}
