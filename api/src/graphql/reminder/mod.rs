//! Reminders and what left because of them.

mod mutation;
mod template;

pub use mutation::ReminderMutation;
pub use template::ReminderTemplate;

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{delivery, error::Error, reminder, viewer::Permission};
use serde::Serialize;

use super::{
    actor,
    care::Staff,
    dispatch::Dispatch,
    enrollment::Enrollment,
    error::Result,
    flag::Audience,
    id::{self, Kind},
    loader::{DeliveriesOf, ReminderStaffOf},
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

/// Why a reminder, or one of its deliveries, did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::applies::SkipReason")]
pub enum SkipReason {
    /// The form is answered.
    Answered,
    /// The form was taken back, or declined.
    Cancelled,
    /// The form cannot be answered any more.
    Expired,
    /// Somebody had switched the schedule of the form off for the enrollment.
    ScheduleOff,
    /// Somebody had taken the reminder back.
    TakenBack,
    /// A later one about the same was due, too: nobody is told twice at once.
    Superseded,
    /// The enrollment had not started.
    NotStarted,
    /// The enrollment was paused.
    Paused,
    /// The enrollment had ended.
    Ended,
    /// What it is about was hidden from the citizen.
    ContentHidden,
    /// The rule that asked for it was switched off, for the program, the unit or the enrollment.
    RuleOff,
    /// The rule that asked for it was only tried by then.
    RuleDryRun,
    /// Somebody had taken on the flag, or it was resolved.
    FlagHandled,
    /// The citizen did not want to be reached on the channel.
    OptedOut,
    /// There was no address on the channel.
    NoAddress,
    /// Nobody had the role of those who were to be reminded; the next rung of an escalation then came at once.
    Nobody,
    /// The staff member had no longer the role for which they were to be reminded.
    NotAssigned,
    /// The citizen had blocked the unit.
    AccessBlocked,
}

/// Which staff are reminded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::definition::Recipients")]
pub enum ReminderRecipients {
    /// The therapists of the enrollment; where nobody is named, all who treat at the unit.
    Therapists,
    /// All who treat at the unit.
    UnitStaff,
    /// The administrators of the unit.
    UnitAdministrators,
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

    /// What is read in lists, in the enrollment's language: the subject of the message. It says nothing of anybody.
    async fn title(&self, ctx: &Context<'_>) -> Result<String> {
        let enrollment = Enrollment::find(ctx, self.0.enrollment_id).await?;
        let locale = enrollment.map(|enrollment| enrollment.locale).unwrap_or_default();
        template::title(&self.0.template, &locale)
    }

    /// Whom it is for.
    async fn audience(&self) -> Audience {
        self.0.audience.0.into()
    }

    /// What was said to whom it is for.
    async fn note(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.note.as_ref().map(|note| request::opened(ctx, note))
    }

    /// The enrollment.
    async fn enrollment(&self, ctx: &Context<'_>) -> Result<Enrollment> {
        let found = Enrollment::find(ctx, self.0.enrollment_id).await?;
        Ok(found.ok_or_else(|| Error::Corrupt("a reminder is of no enrollment".to_owned()))?)
    }

    /// The form that it is about.
    async fn dispatch(&self, ctx: &Context<'_>) -> Option<Result<Dispatch>> {
        Dispatch::find(ctx, self.0.dispatch_id?).await.transpose()
    }

    /// When somebody or something asked for it.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Who asked for it, where it was staff.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.0.actor.0)
    }

    /// The staff whom it is for: those who were named, or where nobody was, those whom it came to. For those who treat.
    async fn staff(&self, ctx: &Context<'_>) -> Result<Vec<Staff>> {
        let request = request::of(ctx);
        if !request.viewer.may(Permission::Treat) {
            return Ok(Vec::new());
        }
        let found = request.loads.load_one(ReminderStaffOf(self.0.id)).await?;
        Ok(Staff::all(
            ctx,
            found.iter().flat_map(|rows| rows.iter().map(|row| row.staff_id)),
        ))
    }

    /// When the viewer marked it as read.
    async fn read_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime<Utc>>> {
        let request = request::of(ctx);
        let viewer = request.viewer.staff()?;
        let found = request.loads.load_one(ReminderStaffOf(self.0.id)).await;
        let read = |rows: &Vec<_>| {
            let mut rows = rows.iter();
            let own = rows.find(|row: &&entity::reminder_staff::Model| row.staff_id == viewer);
            own.and_then(|row| row.read_at)
        };
        found.map(|rows| rows.as_deref().and_then(read)).transpose()
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
    async fn skip_reason(&self) -> Option<SkipReason> {
        self.0.skip_reason.map(|reason| reason.0.into())
    }

    /// The key of the rung, where it is one of an escalation.
    async fn rung(&self) -> Option<&str> {
        self.0.rung.as_deref()
    }

    /// Which staff an escalation reminds.
    async fn recipients(&self) -> Option<ReminderRecipients> {
        self.0.recipients.map(|recipients| recipients.0.into())
    }

    /// When it is looked at next: later than `remindAt` where it waits for the unit to open.
    async fn due_at(&self) -> Option<DateTime<Utc>> {
        self.0.due_at
    }

    /// What leaves, one for each channel.
    async fn deliveries(&self, ctx: &Context<'_>) -> Result<Vec<Delivery>> {
        let rows = request::of(ctx)
            .loads
            .load_one(DeliveriesOf(self.0.id))
            .await?
            .unwrap_or_default();
        Ok(rows.iter().map(|row| Delivery::new(ctx, row)).collect())
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
    /// Why it was skipped.
    skip_reason: Option<SkipReason>,
    /// Whom it went to, where that is staff.
    staff: Option<Staff>,
}

impl Delivery {
    fn new(ctx: &Context<'_>, row: &delivery::Model) -> Self {
        Self {
            id: id::id(Kind::Delivery, row.id),
            channel: row.channel.0.into(),
            status: row.status.0.into(),
            attempts: row.attempts,
            sent_at: row.sent_at,
            reason: row.reason.clone(),
            skip_reason: row.skip_reason().map(Into::into),
            staff: Staff::all(ctx, row.staff_id).pop(),
        }
    }
}
