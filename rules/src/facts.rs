//! What is known of one enrollment, dated, so that it can be read *as of* any instant.
//!
//! Every list is in ascending order of its instants. The evaluation never looks past the instant that it judges.
//!
//! To add a fact to the language: `rules/README.md`.

mod measurement;
mod planned;
mod registration;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use measurement::Measurement;
pub use planned::{DayException, PlannedActivity};
pub use registration::{RATING, Ratings, Registration};

use crate::answer::Answer;

/// An instant, whole microseconds.
pub type Instant = DateTime<Utc>;

/// Everything that rules may look at of one enrollment.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The enrollment.
    pub enrollment: Uuid,
    /// The zone in which its local times are meant.
    pub zone: Tz,
    /// When it became active, once it has.
    pub started_at: Option<Instant>,
    /// Since when that is known: a planned start that is made late is dated back to when it was planned.
    pub started_known_at: Option<Instant>,
    /// Every decision on when it is planned to end. A schedule that counts from the planned end owns only what comes after the
    /// decision, and nothing of an end that was planned before.
    pub ends: Vec<Dated<Option<Instant>>>,
    /// The citizen's date of birth.
    pub birth_date: Option<NaiveDate>,
    /// The citizen's sex, where the identity number tells it.
    pub sex: Option<Sex>,
    /// Every change of its status.
    pub statuses: Vec<Dated<Status>>,
    /// Submitted responses, by `answered_at` and then by `at`: an amendment follows what it amends.
    pub responses: Vec<Response>,
    /// Dispatches of forms, by `available_at`.
    pub dispatches: Vec<Dispatch>,
    /// When the citizen signed in.
    pub sign_ins: Vec<Instant>,
    /// When the citizen did something.
    pub activities: Vec<Instant>,
    /// Messages between the citizen and the staff.
    pub messages: Vec<Message>,
    /// What the citizen measured, by `measured_at` and then by `at`.
    pub measurements: Vec<Measurement>,
    /// What the citizen's activity plan holds.
    pub planned: Vec<PlannedActivity>,
    /// What the citizen registered of planned activities, by `at`.
    pub registrations: Vec<Registration>,
    /// The modules of the program version, in its order.
    pub modules: Vec<Module>,
    /// Flags to staff or citizen.
    pub flags: Vec<Flag>,
    /// What happened, in the order in which it is folded. Those up to `evaluated_until` may be left out where their depth is 0:
    /// what counts from the others carries their depth on.
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

impl<T> Dated<T> {
    /// What holds at an instant, of changes in ascending order; nothing before the first. They are few, and most often the
    /// last is meant.
    pub fn latest(changes: &[Self], at: Instant) -> Option<&T> {
        let known = changes.iter().rev().find(|change| change.at <= at);
        known.map(|change| &change.value)
    }

    /// The instant of the first of ascending changes after another.
    pub fn next(changes: &[Self], at: Instant) -> Option<Instant> {
        changes
            .get(changes.partition_point(|change| change.at <= at))
            .map(|change| change.at)
    }
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
    /// When that was submitted which it amends, else when it was; never later than `at`. So an amendment takes the place of the
    /// response that it amends, and is not the latest because of having come later.
    pub answered_at: Instant,
    /// The answers by item. A choice is its option's value where it has one, else the option's key.
    pub answers: Vec<(String, Answer)>,
    /// The scores by scale, rounded; a missing score is left out.
    pub scores: Vec<Scored>,
    /// When another response took its place (an amendment), or it was voided.
    pub superseded_at: Option<Instant>,
}

impl Response {
    /// Whether it counts at an instant: it has been submitted, and nothing has taken its place.
    pub fn counts(&self, at: Instant) -> bool {
        self.at <= at && self.superseded_at.is_none_or(|superseded| at < superseded)
    }

    /// The answer of an item.
    #[inline]
    pub fn answer(&self, item: &str) -> Option<&Answer> {
        // The keys of one form often differ in their last character alone: it is looked at first.
        let last = item.bytes().next_back();
        let is_meant = |key: &str| key.bytes().next_back() == last && key == item;
        self.answers
            .iter()
            .find(|(key, _)| is_meant(key))
            .map(|(_, answer)| answer)
    }
}

/// A score of a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The scale's key.
    pub scale: String,
    /// The score, rounded to the scale's decimals.
    pub value: f64,
    /// The standard error of the difference of two such scores; none where the scale gives no reliability.
    pub error_of_difference: Option<f64>,
}

/// A message, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The message.
    pub id: Uuid,
    /// When it was sent.
    pub at: Instant,
    /// Who wrote it: the citizen, or the staff (a rule writes for the staff).
    pub from: Audience,
    /// Until when the unit promised to answer it, where it promised anything.
    pub answer_before: Option<Instant>,
    /// When somebody of the staff answered it, or found that it needs no answer. What a rule writes is no answer.
    pub answered_at: Option<Instant>,
}

impl Message {
    /// Whether the citizen wrote it and it waits for an answer at an instant.
    pub fn waits(&self, at: Instant) -> bool {
        self.from == Audience::Citizen && self.at <= at && self.answered_at.is_none_or(|answered| at < answered)
    }
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
    /// Every change of whether it is shown; shown before the first.
    pub visible: Vec<Dated<bool>>,
    /// Its sections, in order.
    pub sections: Vec<Section>,
}

impl Module {
    /// Whether it is shown at an instant.
    pub fn is_shown(&self, at: Instant) -> bool {
        is_visible(&self.visible, at)
    }

    /// How many of its visible steps are completed at an instant, and how many there are.
    pub fn progress(&self, at: Instant) -> (usize, u32) {
        if !self.is_shown(at) {
            return (0, 0);
        }
        let sections = self.sections.iter().map(|section| section.progress(at));
        sections.fold((0, 0), |(done, steps), (more_done, more_steps)| {
            (done + more_done, steps + more_steps)
        })
    }

    /// When the last of its visible steps was completed for the first time: by completing it, or because what was left was
    /// hidden.
    pub fn completed_at(&self) -> Option<Instant> {
        let mut instants: Vec<Instant> = self
            .sections
            .iter()
            .flat_map(|section| &section.completed)
            .copied()
            .collect();
        instants.extend(
            self.sections
                .iter()
                .flat_map(|section| &section.visible)
                .map(|change| change.at),
        );
        instants.extend(self.visible.iter().map(|change| change.at));
        instants.sort_unstable();
        instants.into_iter().find(|at| {
            let (done, steps) = self.progress(*at);
            steps > 0 && done >= steps as usize
        })
    }

    /// The instants after another at which its progress could change.
    pub fn changes_after(&self, at: Instant) -> impl Iterator<Item = Instant> {
        let sections = self.sections.iter().flat_map(move |section| section.changes_after(at));
        Dated::next(&self.visible, at).into_iter().chain(sections)
    }
}

impl Section {
    /// Whether it is shown at an instant; whether its module is, is that one's affair.
    pub fn is_shown(&self, at: Instant) -> bool {
        is_visible(&self.visible, at)
    }

    /// How many of its steps are completed at an instant, and how many there are; none of either while it is hidden. Whether
    /// its module is shown is the module's affair.
    pub fn progress(&self, at: Instant) -> (usize, u32) {
        if !self.is_shown(at) {
            return (0, 0);
        }
        let done = self.completed.partition_point(|step| *step <= at);
        (done.min(self.steps as usize), self.steps)
    }

    /// The instants after another at which its progress could change.
    pub fn changes_after(&self, at: Instant) -> impl Iterator<Item = Instant> {
        let step = self.completed.get(self.completed.partition_point(|step| *step <= at));
        Dated::next(&self.visible, at).into_iter().chain(step.copied())
    }
}

/// Shown before the first change.
fn is_visible(changes: &[Dated<bool>], at: Instant) -> bool {
    Dated::latest(changes, at).copied().unwrap_or(true)
}

/// A section of a module as it is for this citizen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its key.
    pub key: String,
    /// Every change of whether it is shown; shown before the first.
    pub visible: Vec<Dated<bool>>,
    /// How many steps it has.
    pub steps: u32,
    /// When each of the completed steps was, in ascending order.
    pub completed: Vec<Instant>,
}

/// A flag over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The flag.
    pub id: Uuid,
    /// What it is about.
    pub kind: String,
    /// Every change of its state; the first is that it was raised.
    pub changes: Vec<Dated<FlagState>>,
}

impl Flag {
    /// Its state at an instant; none before it was raised.
    pub fn state(&self, at: Instant) -> Option<FlagState> {
        Dated::latest(&self.changes, at).copied()
    }

    /// When it was raised and each time that it was opened again, each with its next change.
    pub fn openings(&self) -> impl Iterator<Item = (Instant, Option<Instant>)> {
        let changes = self.changes.iter().enumerate();
        let opened = changes.filter(|(_, change)| change.value == FlagState::Open);
        opened.map(|(index, change)| (change.at, self.changes.get(index + 1).map(|next| next.at)))
    }
}

/// How far a flag has been handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagState {
    /// Raised or reopened, and not handled yet.
    Open,
    /// Somebody has taken it on.
    Acknowledged,
    /// Resolved, by a person or by itself.
    Resolved,
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
    /// A message was sent by the citizen or by the staff.
    MessageReceived {
        /// Who wrote it.
        from: Audience,
    },
    /// The citizen registered a planned activity.
    ActivityRegistered {
        /// The registration.
        registration: Uuid,
    },
    /// The citizen registered a measurement of the kind with this key.
    MeasurementRegistered {
        /// The kind's key.
        kind: String,
        /// The measurement.
        measurement: Uuid,
    },
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

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Planned,
        Self::Active,
        Self::Paused,
        Self::Completed,
        Self::Withdrawn,
    ];

    /// The name that rules compare with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "PLANNED",
            Self::Active => "ACTIVE",
            Self::Paused => "PAUSED",
            Self::Completed => "COMPLETED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }
}

/// What an identity number tells of a person's sex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Sex {
    /// An even next-to-last digit.
    Female,
    /// An odd one.
    Male,
}

impl Sex {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Female, Self::Male];

    /// The name that rules compare with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Female => "FEMALE",
            Self::Male => "MALE",
        }
    }
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
