//! What is known of one enrollment, dated, so that it can be read *as of* any instant.
//!
//! Every list is in ascending order of its instants. The evaluation never looks past the instant that it judges.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::answer::Answer;

/// An instant, whole microseconds.
pub type Instant = DateTime<Utc>;

/// Everything that rules may look at of one enrollment.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The enrollment.
    pub enrollment: Uuid,
    /// The zone in which its local times are meant.
    pub zone: Tz,
    /// When it became active, once it has.
    pub started_at: Option<Instant>,
    /// When it is planned to end.
    pub ends_at: Option<Instant>,
    /// When that end was decided (the enrollment's start at the latest): schedules that count from it own only what comes after.
    pub ends_at_since: Option<Instant>,
    /// The citizen's date of birth.
    pub birth_date: Option<NaiveDate>,
    /// Every change of its status.
    pub statuses: Vec<Dated<Status>>,
    /// Submitted responses.
    pub responses: Vec<Response>,
    /// Dispatches of forms, by `available_at`.
    pub dispatches: Vec<Dispatch>,
    /// When the citizen signed in.
    pub sign_ins: Vec<Instant>,
    /// When the citizen did something.
    pub activities: Vec<Instant>,
    /// The modules of the program version, in its order.
    pub modules: Vec<Module>,
    /// Flags to staff or citizen.
    pub flags: Vec<Flag>,
    /// What happened, in the order in which it is folded. Those up to `evaluated_until` may be left out.
    pub events: Vec<Event>,
}

/// A value from an instant on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated<T> {
    /// From when it holds.
    pub at: Instant,
    /// What holds.
    pub value: T,
}

/// A submitted form.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The response.
    pub id: Uuid,
    /// The form's key.
    pub form: String,
    /// When it was submitted.
    pub at: Instant,
    /// The answers by item. A choice is its option's value where it has one, else the option's key.
    pub answers: Vec<(String, Answer)>,
    /// The scores by scale, rounded; a missing score is left out.
    pub scores: Vec<(String, f64)>,
}

/// A form that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The dispatch.
    pub id: Uuid,
    /// The form's key.
    pub form: String,
    /// When it was made: nobody knew of it before, though it may be dated back.
    pub known_at: Instant,
    /// From when it can be answered.
    pub available_at: Instant,
    /// When it is overdue: its first reminder, else the middle of its window; never without either.
    pub overdue_at: Option<Instant>,
    /// Until when it can be answered.
    pub expires_at: Option<Instant>,
    /// When it was answered.
    pub completed_at: Option<Instant>,
    /// When it was cancelled or declined.
    pub cancelled_at: Option<Instant>,
}

/// A module of the program as it is for this citizen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its key.
    pub key: String,
    /// The instants at which it was opened.
    pub opened: Vec<Instant>,
    /// How many of its steps are visible.
    pub steps: u32,
    /// When each of the completed steps was.
    pub completed: Vec<Instant>,
}

/// A flag over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The flag.
    pub id: Uuid,
    /// What it is about.
    pub kind: String,
    /// When it was raised.
    pub raised_at: Instant,
    /// When it was resolved.
    pub resolved_at: Option<Instant>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id, the occurrence of what it makes fire.
    pub id: Uuid,
    /// When.
    pub at: Instant,
    /// How many firings caused one another before it; 0 for what a person did.
    pub depth: u32,
    /// What.
    pub kind: EventKind,
}

/// The kinds of events that rules are triggered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A response to the form with this key was submitted.
    FormCompleted {
        /// The form's key.
        form: String,
        /// The response.
        response: Uuid,
    },
    /// The module with this key was completed.
    ModuleCompleted {
        /// The module's key.
        module: String,
    },
    /// The step with this key was completed.
    StepCompleted {
        /// The step's key.
        step: String,
    },
    /// The citizen signed in.
    SignedIn,
    /// The enrollment's status became this.
    StatusChanged(Status),
    /// A flag of this kind was raised.
    FlagRaised {
        /// The flag's kind.
        kind: String,
    },
    /// Anything else that changed a fact. It triggers no rule, but what `whenever` finds at its instant carries its depth on.
    FactChanged,
}

/// The states of an enrollment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Decided, not begun.
    Planned,
    /// Under way.
    Active,
    /// Halted for a time.
    Paused,
    /// Ended as planned.
    Completed,
    /// Ended before its time.
    Withdrawn,
}

/// How serious a flag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Good to know.
    Info,
    /// To be looked at.
    Warning,
    /// To be looked at now.
    Urgent,
}

/// Whom something is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Audience {
    /// Those who work at the unit.
    Staff,
    /// The citizen.
    Citizen,
}

/// A way to reach people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Channel {
    /// E-mail.
    Email,
    /// Text message.
    Sms,
    /// A notification in the browser.
    WebPush,
    /// A notice inside the service.
    Inbox,
}
