//! Reads by key, each gathered into one query of the record for all who ask at the same time.

mod question;

pub use question::{
    AssignmentsAt, AssignmentsOf, CausesOf, DispatchesOf, FlagsOf, MessagesOf, OccurrencesOf, PageOf, RemindersOf,
    ResponsesOf, RuleEvaluationsOf, SeriesOf, TermsOf,
};
pub(super) use question::{by_question, grouped};

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_graphql::dataloader::Loader;
use chrono::{DateTime, Utc};
use entity::{
    activity_correction, activity_entry, activity_exception, attachment, calendar_feed,
    citizen::{self, Person},
    contact_choice, delivery, dispatch, dispatch_change, enrollment, enrollment_end, enrollment_transfer, firing, flag,
    form_schedule::{self, FormSchedule},
    invitation, measurement, message, message_draft, message_handover, planned_activity,
    progress::{self, Overlay},
    reminder, reminder_staff, response,
    rule::{self, Configured},
    store::Store,
    viewer::Viewer,
};
use rules::facts::Channel;
use uuid::Uuid;

use super::error::{Failure, Result};

/// Reads on behalf of one viewer.
pub struct Loads {
    pub(super) store: Store,
    pub(super) viewer: Viewer,
}

/// The last invitation of a staff member.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvitationOf(pub Uuid);
/// A citizen.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CitizenKey(pub Uuid);
/// An enrollment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnrollmentKey(pub Uuid);
/// Who treats in an enrollment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TherapistsOf(pub Uuid);
/// The states of an enrollment so far.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusesOf(pub Uuid);
/// When an enrollment was to end so far.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EndsOf(pub Uuid);
/// How an enrollment went from unit to unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransfersOf(pub Uuid);
/// Visibility and progress of an enrollment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OverlayOf(pub Uuid);
/// A dispatch.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DispatchKey(pub Uuid);
/// The dispatches of an enrollment's steps.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepDispatchesOf(pub Uuid);
/// A response.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResponseKey(pub Uuid);
/// A flag.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlagKey(pub Uuid);
/// How many times a flag was raised.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CauseCountOf(pub Uuid);
/// How many times a flag was opened.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpeningsOf(pub Uuid);
/// What became of a flag.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlagHistoryOf(pub Uuid);
/// The rungs of a flag's escalations.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RungsOf(pub Uuid);
/// A firing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FiringKey(pub Uuid);
/// What left because of a reminder.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveriesOf(pub Uuid);
/// The staff whom a reminder is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReminderStaffOf(pub Uuid);
/// What staff changed of a dispatch.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DispatchChangesOf(pub Uuid);
/// The forms that rules send in an enrollment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FormSchedulesOf(pub Uuid);
/// A rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RuleKey(pub Uuid);
/// The rule that holds where this one does not.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WiderThan(pub Uuid);
/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageKey(pub Uuid);
/// The files of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttachmentsOf(pub Uuid);
/// The viewer's draft in an enrollment's thread.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DraftOf(pub Uuid);
/// The hand-overs of an enrollment's thread.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandOversOf(pub Uuid);
/// Until when the oldest unanswered message of an enrollment is to be answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnswerBefore(pub Uuid);
/// A planned activity.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActivityKey(pub Uuid);
/// What is planned in an enrollment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanOf(pub Uuid);
/// The days of a planned activity that were moved or cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExceptionsOf(pub Uuid);
/// What a registration said before it was corrected.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CorrectionsOf(pub Uuid);
/// What a citizen measured.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeasurementKey(pub Uuid);
/// The channels that a citizen has declined.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeclinedBy(pub Uuid);
/// The link of a citizen's calendar.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CalendarFeedOf(pub Uuid);
/// What was registered of a planned activity on a day.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryKey(pub Uuid);

/// Keys that name one row by its id.
macro_rules! by_id {
    ($($key:ident => $value:ty, $find:path;)*) => {$(
        impl Loader<$key> for Loads {
            type Value = $value;
            type Error = Failure;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, $value>> {
                let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
                let found = $find(&self.store, &self.viewer, &ids).await?;
                Ok(found.into_iter().map(|(id, value)| ($key(id), value.into())).collect())
            }
        }
    )*};
}

by_id! {
    InvitationOf => Arc<invitation::Model>, invitation::last;
    CitizenKey => Arc<Person>, citizen::find;
    EnrollmentKey => Arc<enrollment::Model>, enrollment::find;
    TherapistsOf => Vec<Uuid>, enrollment::therapists;
    StatusesOf => Arc<Vec<enrollment::StatusAt>>, enrollment::statuses;
    EndsOf => Arc<Vec<enrollment_end::Model>>, enrollment_end::of_enrollments;
    TransfersOf => Arc<Vec<enrollment_transfer::Model>>, enrollment_transfer::of_enrollments;
    OverlayOf => Arc<Overlay>, progress::overlays;
    DispatchKey => Arc<dispatch::Model>, dispatch::find;
    ResponseKey => Arc<response::Model>, response::find;
    FlagKey => Arc<flag::Model>, flag::find;
    CauseCountOf => i32, flag::cause_counts;
    OpeningsOf => i32, flag::opened;
    FlagHistoryOf => Arc<Vec<flag::Change>>, flag::history;
    RungsOf => Arc<Vec<reminder::Model>>, reminder::rungs;
    FiringKey => Arc<firing::Fired>, firing::find;
    DeliveriesOf => Arc<Vec<delivery::Model>>, reminder::deliveries;
    ReminderStaffOf => Arc<Vec<reminder_staff::Model>>, reminder::staff;
    DispatchChangesOf => Arc<Vec<dispatch_change::Model>>, dispatch_change::of_dispatches;
    FormSchedulesOf => Arc<Vec<FormSchedule>>, form_schedule::schedules;
    RuleKey => Arc<Configured>, rule::find;
    WiderThan => Arc<Configured>, rule::wider;
    MessageKey => Arc<message::Model>, message::find;
    AttachmentsOf => Arc<Vec<attachment::Model>>, attachment::of_messages;
    DraftOf => Arc<message_draft::Model>, message_draft::own;
    HandOversOf => Arc<Vec<message_handover::Model>>, message_handover::histories;
    AnswerBefore => DateTime<Utc>, message::answer_before;
    ActivityKey => Arc<planned_activity::Model>, planned_activity::find;
    PlanOf => Arc<Vec<planned_activity::Model>>, planned_activity::plans;
    EntryKey => Arc<activity_entry::Model>, activity_entry::find;
    CorrectionsOf => Arc<Vec<activity_correction::Model>>, activity_correction::of_entries;
    ExceptionsOf => Arc<Vec<activity_exception::Model>>, activity_exception::of_activities;
    MeasurementKey => Arc<measurement::Model>, measurement::find;
    DeclinedBy => Vec<Channel>, contact_choice::declined;
    CalendarFeedOf => Arc<calendar_feed::Model>, calendar_feed::standing;
}

impl Loader<StepDispatchesOf> for Loads {
    type Value = Arc<HashMap<(Uuid, String), Arc<dispatch::Model>>>;
    type Error = Failure;

    async fn load(&self, keys: &[StepDispatchesOf]) -> Result<HashMap<StepDispatchesOf, Self::Value>> {
        let enrollments: HashSet<Uuid> = keys.iter().map(|key| key.0).collect();
        let enrollments: Vec<Uuid> = enrollments.into_iter().collect();
        let mut by_enrollment: HashMap<Uuid, HashMap<(Uuid, String), Arc<dispatch::Model>>> = HashMap::new();
        for ((enrollment, step, form), row) in dispatch::of_steps(&self.store, &self.viewer, &enrollments).await? {
            by_enrollment
                .entry(enrollment)
                .or_default()
                .insert((step, form), Arc::new(row));
        }
        Ok(by_enrollment
            .into_iter()
            .map(|(enrollment, rows)| (StepDispatchesOf(enrollment), Arc::new(rows)))
            .collect())
    }
}
