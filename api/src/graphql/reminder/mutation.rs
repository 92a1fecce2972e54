//! Reminding citizens and colleagues by hand.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    action::{self, reminder::Plan},
    template,
};
use futures_util::FutureExt;
use rules::facts::Audience;
use serde::Serialize;
use uuid::Uuid;

use super::{Channel, Reminder};
use crate::graphql::{
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{Done, mutate, only},
};

/// Reminds the citizen.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemindCitizenInput {
    /// The enrollment.
    enrollment_id: ID,
    /// The key of the message template; where absent, that of a form that waits where one is named, else a general one.
    template: Option<String>,
    /// How; as the citizen chose where empty or absent.
    channels: Option<Vec<Channel>>,
    /// When it leaves; now where absent or passed. Quiet hours are honoured.
    at: Option<DateTime<Utc>>,
    /// The form that it is about: answered or taken back, it does not leave.
    dispatch_id: Option<ID>,
    /// What there is to say: it is read in the service, and leaves the house on no channel.
    #[graphql(secret)]
    note: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Reminds colleagues, or oneself.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemindStaffInput {
    /// The enrollment.
    enrollment_id: ID,
    /// Who treats at the unit and is to be reminded; the therapists of the enrollment where empty or absent.
    staff_ids: Option<Vec<ID>>,
    /// When it leaves; now where absent or passed.
    at: Option<DateTime<Utc>>,
    /// What there is to say: it is read in the service, and leaves the house on no channel.
    #[graphql(secret)]
    note: Option<String>,
    /// How; in the service and by e-mail where empty or absent.
    channels: Option<Vec<Channel>>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Takes a reminder back.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelReminderInput {
    /// The reminder.
    reminder_id: ID,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Lets a reminder leave at another time.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MoveReminderInput {
    /// The reminder.
    reminder_id: ID,
    /// When it leaves; at once where that has passed.
    at: DateTime<Utc>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Marks a reminder that came to the viewer as read.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkReminderReadInput {
    /// The reminder.
    reminder_id: ID,
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

/// What came of reminding colleagues.
#[derive(SimpleObject)]
pub struct RemindStaffPayload {
    /// The reminder.
    reminder: Option<Reminder>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of taking a reminder back.
#[derive(SimpleObject)]
pub struct CancelReminderPayload {
    /// The reminder.
    reminder: Option<Reminder>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of letting a reminder leave at another time.
#[derive(SimpleObject)]
pub struct MoveReminderPayload {
    /// The reminder.
    reminder: Option<Reminder>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of marking a reminder as read.
#[derive(SimpleObject)]
pub struct MarkReminderReadPayload {
    /// The reminder.
    reminder: Option<Reminder>,
    /// What can be mended.
    errors: Vec<UserError>,
}

fn channels(named: Option<Vec<Channel>>) -> Vec<rules::facts::Channel> {
    named.into_iter().flatten().map(Into::into).collect()
}

/// The staff that an input names, each at its place.
fn staff(named: Option<Vec<ID>>) -> entity::error::Result<Vec<Uuid>> {
    let places = named.iter().flatten().enumerate();
    places
        .map(|(place, id)| id::input(Kind::Staff, id, &format!("staffIds.{place}")))
        .collect()
}

/// The reminder that was made or changed, or what can be mended.
async fn changed(ctx: &Context<'_>, done: Done<Uuid>) -> Result<(Option<Reminder>, Vec<UserError>)> {
    match done {
        Ok(id) => Ok((Reminder::find(ctx, id).await?, Vec::new())),
        Err(errors) => Ok((None, errors)),
    }
}

/// What people do with reminders.
#[derive(Default)]
pub struct ReminderMutation;

#[Object]
impl ReminderMutation {
    /// Reminds the citizen, now or later. Whether it still applies is asked when it leaves.
    async fn remind_citizen(&self, ctx: &Context<'_>, input: RemindCitizenInput) -> Result<RemindCitizenPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "remindCitizen", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let dispatch = wanted.dispatch_id.as_ref();
                let dispatch = dispatch
                    .map(|id| id::input(Kind::Dispatch, id, "dispatchId"))
                    .transpose()?;
                let plan = Plan {
                    enrollment_id: id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?,
                    template: template::chosen(wanted.template, Audience::Citizen, dispatch),
                    channels: channels(wanted.channels),
                    audience: Audience::Citizen,
                    remind_at: wanted.at,
                    dispatch_id: dispatch,
                    staff: Vec::new(),
                    note: wanted.note,
                    firing_id: None,
                    bypass_quiet_hours: false,
                    cause: act.cause(),
                };
                only(action::reminder::plan(act, &[plan]).await?)
            }
            .boxed()
        });
        let (reminder, errors) = changed(ctx, done.await?).await?;
        Ok(RemindCitizenPayload { reminder, errors })
    }

    /// Reminds colleagues who treat at the unit, or oneself, now or later.
    async fn remind_staff(&self, ctx: &Context<'_>, input: RemindStaffInput) -> Result<RemindStaffPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "remindStaff", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let mut channels = channels(wanted.channels);
                if channels.is_empty() {
                    channels = vec![rules::facts::Channel::Inbox, rules::facts::Channel::Email];
                }
                let plan = Plan {
                    enrollment_id: id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?,
                    template: template::chosen(None, Audience::Staff, None),
                    channels,
                    audience: Audience::Staff,
                    remind_at: wanted.at,
                    dispatch_id: None,
                    staff: staff(wanted.staff_ids)?,
                    note: wanted.note,
                    firing_id: None,
                    // They are the citizen's.
                    bypass_quiet_hours: true,
                    cause: act.cause(),
                };
                only(action::reminder::plan(act, &[plan]).await?)
            }
            .boxed()
        });
        let (reminder, errors) = changed(ctx, done.await?).await?;
        Ok(RemindStaffPayload { reminder, errors })
    }

    /// Takes a reminder back that has not left, or what of it still waits for the quiet hours to end.
    async fn cancel_reminder(&self, ctx: &Context<'_>, input: CancelReminderInput) -> Result<CancelReminderPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "cancelReminder", key, &input, |act| {
            async move {
                let reminder = id::input(Kind::Reminder, &wanted.reminder_id, "reminderId")?;
                action::reminder::cancel(act, reminder).await
            }
            .boxed()
        });
        let (reminder, errors) = changed(ctx, done.await?).await?;
        Ok(CancelReminderPayload { reminder, errors })
    }

    /// Lets a reminder that has not left leave at another time.
    async fn move_reminder(&self, ctx: &Context<'_>, input: MoveReminderInput) -> Result<MoveReminderPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "moveReminder", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let reminder = id::input(Kind::Reminder, &wanted.reminder_id, "reminderId")?;
                action::reminder::reschedule(act, reminder, wanted.at).await
            }
            .boxed()
        });
        let (reminder, errors) = changed(ctx, done.await?).await?;
        Ok(MoveReminderPayload { reminder, errors })
    }

    /// Marks a reminder that came to the viewer as read.
    async fn mark_reminder_read(
        &self,
        ctx: &Context<'_>,
        input: MarkReminderReadInput,
    ) -> Result<MarkReminderReadPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "markReminderRead", key, &input, |act| {
            async move {
                let reminder = id::input(Kind::Reminder, &wanted.reminder_id, "reminderId")?;
                action::reminder::mark_read(act, reminder).await
            }
            .boxed()
        });
        let (reminder, errors) = changed(ctx, done.await?).await?;
        Ok(MarkReminderReadPayload { reminder, errors })
    }
}
