//! The items of subscriptions.

use async_graphql::{ComplexObject, Context, Enum, ID, Interface, SimpleObject};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::graphql::{
    activity::{ActivityEntry, PlannedActivity},
    actor::ActorKind,
    care::Unit,
    citizen::Citizen,
    dispatch::Dispatch,
    enrollment::{Enrollment, EnrollmentModule, EnrollmentSection, EnrollmentStep},
    error::Result,
    flag::Flag,
    form_schedule::FormSchedule,
    measurement::Measurement,
    message::{Message, MessageHandOver},
    reminder::Reminder,
    result::FormResult,
};

/// Something that happened. A client goes on `after` the last cursor that it has seen.
#[derive(Interface)]
#[graphql(
    field(name = "cursor", ty = "&String", desc = "Where to go on after it."),
    field(name = "at", ty = "&DateTime<Utc>", desc = "When it happened.")
)]
pub enum Activity {
    ActivityPlanChanged(ActivityPlanChanged),
    ActivityRegistered(ActivityRegistered),
    CitizenChanged(CitizenChanged),
    DispatchAvailable(DispatchAvailable),
    DispatchChanged(DispatchChanged),
    EnrollmentChanged(EnrollmentChanged),
    EnrollmentLeft(EnrollmentLeft),
    FlagChanged(FlagChanged),
    FlagRaised(FlagRaised),
    FormScheduleSwitched(FormScheduleSwitched),
    MeasurementRegistered(MeasurementRegistered),
    MessageReceived(MessageReceived),
    MessageSent(MessageSent),
    MessagesHandedOver(MessagesHandedOver),
    MessagesRead(MessagesRead),
    MessagesSettled(MessagesSettled),
    ProgressMade(ProgressMade),
    ReminderArrived(ReminderArrived),
    ReminderChanged(ReminderChanged),
    ReminderSent(ReminderSent),
    ResponseSubmitted(ResponseSubmitted),
    ResultCorrected(ResultCorrected),
    UnitChanged(UnitChanged),
    VisibilityChanged(VisibilityChanged),
}

/// An activity was planned, changed or ended, or one of its days moved or cancelled.
#[derive(SimpleObject)]
pub struct ActivityPlanChanged {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The activity as it is now.
    pub(super) activity: PlannedActivity,
}

/// The citizen registered a day of a planned activity, or corrected it.
#[derive(SimpleObject)]
pub struct ActivityRegistered {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The registration as it is now.
    pub(super) entry: ActivityEntry,
}

/// The citizen registered what they measured, or corrected it or took it back: then it `corrects` another one, or has a
/// `supersededAt`.
#[derive(SimpleObject)]
pub struct MeasurementRegistered {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The measurement as it is now.
    pub(super) measurement: Measurement,
}

/// It changed how a citizen is reached: their addresses, channels, quiet hours or language.
#[derive(SimpleObject)]
pub struct CitizenChanged {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The citizen as they are now.
    pub(super) citizen: Citizen,
}

/// A form can be answered.
#[derive(SimpleObject)]
pub struct DispatchAvailable {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The dispatch as it is now.
    pub(super) dispatch: Dispatch,
}

/// A flag was raised, or raised again.
#[derive(SimpleObject)]
pub struct FlagRaised {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The flag as it is now.
    pub(super) flag: Flag,
}

/// A flag was taken on, resolved, or given to somebody.
#[derive(SimpleObject)]
pub struct FlagChanged {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The flag as it is now.
    pub(super) flag: Flag,
}

/// A message came from the other side.
#[derive(SimpleObject)]
pub struct MessageReceived {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The message.
    pub(super) message: Message,
}

/// The messages of an enrollment were handed over to a colleague, or to all who treat.
#[derive(SimpleObject)]
pub struct MessagesHandedOver {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The hand-over.
    pub(super) hand_over: MessageHandOver,
    /// The enrollment.
    pub(super) enrollment: Enrollment,
}

/// A reminder came.
#[derive(SimpleObject)]
pub struct ReminderArrived {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The reminder.
    pub(super) reminder: Reminder,
}

/// What happened to a reminder that has not left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ReminderEvent {
    /// It will leave.
    Planned,
    /// It leaves at another time than before.
    Moved,
    /// It was taken back, or what of it still waited to be sent.
    Cancelled,
}

/// Somebody of the staff planned a reminder, to the citizen or to colleagues, or moved one or took it back.
#[derive(SimpleObject)]
pub struct ReminderChanged {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// What happened.
    pub(super) reminder_event: ReminderEvent,
    /// The reminder as it is now.
    pub(super) reminder: Reminder,
}

/// A form was submitted.
#[derive(SimpleObject)]
pub struct ResponseSubmitted {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The result.
    pub(super) result: FormResult,
}

/// What happened to an enrollment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum EnrollmentEvent {
    /// It was made, to start later.
    Planned,
    /// It started.
    Started,
    /// It was paused.
    Paused,
    /// It goes on after a pause.
    Resumed,
    /// It ended as planned.
    Completed,
    /// It ended before its time.
    Withdrawn,
    /// Its planned start or end was moved.
    Rescheduled,
    /// It came from another unit.
    Transferred,
    /// Others treat in it from now on.
    TherapistsChanged,
}

/// An enrollment started, rested, ended, was moved, or went into other hands.
#[derive(SimpleObject)]
pub struct EnrollmentChanged {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// What happened.
    pub(super) enrollment_event: EnrollmentEvent,
    /// The enrollment as it is now.
    pub(super) enrollment: Enrollment,
}

/// An enrollment went to another unit, and is not there any more for this one.
#[derive(SimpleObject)]
pub struct EnrollmentLeft {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The id that it had, and has at the other unit.
    pub(super) enrollment_id: ID,
}

/// What happened to a dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DispatchEvent {
    /// It will be sent.
    Scheduled,
    /// It can be answered at other times than before.
    Moved,
    /// It was taken back.
    Cancelled,
    /// It was not answered in time.
    Expired,
}

/// A form was planned, moved or taken back, or not answered in time.
#[derive(SimpleObject)]
pub struct DispatchChanged {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// What happened.
    pub(super) dispatch_event: DispatchEvent,
    /// The dispatch as it is now.
    pub(super) dispatch: Dispatch,
}

/// Rules may send a form, or may not any more.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct FormScheduleSwitched {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The enrollment.
    pub(super) enrollment: Enrollment,
    #[graphql(skip)]
    pub(super) form_key: String,
}

#[ComplexObject]
impl FormScheduleSwitched {
    /// The form and its schedule as it is now; none where no rule sends it any more.
    async fn form_schedule(&self, ctx: &Context<'_>) -> Option<Result<FormSchedule>> {
        FormSchedule::of_form(ctx, &self.enrollment, &self.form_key)
            .await
            .transpose()
    }
}

/// A message was sent by the viewer's own side: by a colleague, by the unit or a rule to a citizen, or by a guardian.
#[derive(SimpleObject)]
pub struct MessageSent {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The message.
    pub(super) message: Message,
}

/// One side read what the other wrote.
#[derive(SimpleObject)]
pub struct MessagesRead {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// Who read.
    pub(super) actor: ActorKind,
    /// The enrollment.
    pub(super) enrollment: Enrollment,
}

/// What the citizen wrote needs no answer any more.
#[derive(SimpleObject)]
pub struct MessagesSettled {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The enrollment.
    pub(super) enrollment: Enrollment,
}

/// The citizen completed a step, or with it a module.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ProgressMade {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The enrollment.
    pub(super) enrollment: Enrollment,
    #[graphql(skip)]
    pub(super) content: Uuid,
}

#[ComplexObject]
impl ProgressMade {
    /// The module that was completed; none of a step, and where the viewer does not see it.
    async fn module(&self, ctx: &Context<'_>) -> Option<Result<EnrollmentModule>> {
        self.enrollment.module(ctx, self.content).await.transpose()
    }

    /// The step that was completed; none of a module, and where the viewer does not see it.
    async fn step(&self, ctx: &Context<'_>) -> Option<Result<EnrollmentStep>> {
        self.enrollment.step(ctx, self.content).await.transpose()
    }
}

/// A reminder to the citizen left.
#[derive(SimpleObject)]
pub struct ReminderSent {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The reminder.
    pub(super) reminder: Reminder,
}

/// A result was amended or voided.
#[derive(SimpleObject)]
pub struct ResultCorrected {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The enrollment.
    pub(super) enrollment: Enrollment,
    /// The result that counts now, or the one that was voided; none where the viewer does not see it, as citizens what was
    /// voided.
    pub(super) corrected: Option<FormResult>,
}

/// It changed how a unit is reached: its name, phones, emergency text, opening hours, or within how many days it answers. The
/// `contact` of enrollments there is to be read anew.
#[derive(SimpleObject)]
pub struct UnitChanged {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The unit as it is now.
    pub(super) unit: Unit,
}

/// What happened to whether a module or section is shown or open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum VisibilityEvent {
    /// Somebody, or a rule, showed, hid or opened it, or said from when it is to be.
    Said,
    /// The instant has come from which it is shown, hidden or open, as was said before. It comes where that changes something for
    /// the citizen: not where something else was said since, where it stays hidden, or, of opening, where the module of the section
    /// is not open, or the enrollment is paused; and not after the end.
    TookEffect,
    /// A module opened by itself: its time came, or what it waited for was completed or hidden. Its sections open with it. It comes
    /// where it is shown and the enrollment is under way, and not of what opens with the start.
    Opened,
}

/// A module or section was shown, hidden or opened, or is to be. It comes when that is said, and where it was said to hold from
/// an instant on (`visibleFrom` or `opensAt` of the change), once more at that instant; and when a module opens by itself:
/// `visibilityEvent` tells which.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct VisibilityChanged {
    /// Where to go on after it.
    pub(super) cursor: String,
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// Whether it was said, has come, or opened by itself.
    pub(super) visibility_event: VisibilityEvent,
    /// The enrollment.
    pub(super) enrollment: Enrollment,
    #[graphql(skip)]
    pub(super) content: Uuid,
}

#[ComplexObject]
impl VisibilityChanged {
    /// The module as it is now; none of a section, and where the viewer does not see it.
    async fn module(&self, ctx: &Context<'_>) -> Option<Result<EnrollmentModule>> {
        self.enrollment.module(ctx, self.content).await.transpose()
    }

    /// From when it is shown or hidden as was said last; at once where absent.
    async fn visible_from(&self, ctx: &Context<'_>) -> Option<Result<DateTime<Utc>>> {
        let at = self.enrollment.visibility_changes_at(ctx, self.content).await;
        at.transpose()
    }

    /// The section as it is now; none of a module, and where the viewer does not see it.
    async fn section(&self, ctx: &Context<'_>) -> Option<Result<EnrollmentSection>> {
        self.enrollment.section(ctx, self.content).await.transpose()
    }
}
