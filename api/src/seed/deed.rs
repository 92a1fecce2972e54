//! What people of the demo do beside their daily ways, as its files write it down: each deed is an action that the API offers.

use entity::assignment::Role;
use rules::{
    facts::{Audience, Channel, Severity},
    overrides::Leaf,
    period::{LocalTime, Period},
};
use serde::Deserialize;

use super::{content::RuleFile, people::Filled};

/// When somebody does something.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Occasion<T> {
    pub days_ago: i64,
    /// The local time of day.
    pub at: LocalTime,
    /// The key of whoever does it; the citizen themself where absent.
    pub by: Option<String>,
    #[serde(rename = "do")]
    pub deed: T,
}

/// Something that is done in an enrollment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Deed {
    // Messages.
    Write(String),
    Draft(String),
    HandOver {
        to: String,
        note: String,
    },
    Settle(Nothing),

    // Flags, by the kind of the one that stands.
    RaiseFlag {
        kind: String,
        severity: Severity,
        title: String,
        note: Option<String>,
        audience: Option<Audience>,
    },
    AssignFlag {
        kind: String,
        to: String,
        note: Option<String>,
    },
    AcknowledgeFlag(OfFlag),
    ResolveFlag(OfFlag),
    ReopenFlag(OfFlag),

    // Reminders: now, or some days from now.
    RemindCitizen {
        template: String,
        channels: Vec<Channel>,
        in_days: Option<i64>,
    },
    RemindStaff {
        to: Vec<String>,
        note: String,
        in_days: Option<i64>,
    },

    // Forms, the one of the key that is open or was answered last.
    SendForm {
        form: String,
        in_days: Option<i64>,
        expires_after: Option<Period>,
        #[serde(default)]
        remind_after: Vec<Period>,
    },
    SendFormAgain {
        form: String,
        in_days: i64,
        repeat: String,
        expires_after: Option<Period>,
    },
    CancelForm {
        form: String,
        reason: String,
    },
    MoveForm {
        form: String,
        /// Until how many days from now it can be answered.
        expires_in_days: i64,
        reason: String,
    },
    SwitchForm {
        form: String,
        on: bool,
        reason: String,
    },
    BeginForm(Answering),
    AnswerOnBehalf(Answering),
    AmendResult {
        form: String,
        answers: Filled,
        reason: String,
    },
    VoidResult {
        form: String,
        reason: String,
    },

    // Content.
    ShowModule(Showing),
    ShowSection(Showing),

    // Activities, by title.
    MoveDay {
        activity: String,
        /// The next day on which it comes goes so many days later.
        by_days: i64,
        reason: String,
    },
    CancelDay {
        activity: String,
        reason: String,
    },
    ChangeActivity {
        activity: String,
        time: Option<LocalTime>,
        repeat: Option<String>,
    },

    // Measurements: the latest of a kind.
    CorrectMeasurement {
        kind: String,
        value: f64,
        note: String,
    },

    // Life.
    Pause {
        resumes_in_days: i64,
        reason: String,
    },
    Complete {
        reason: String,
    },
    Withdraw {
        reason: String,
    },
    Prolong {
        by_days: i64,
        reason: String,
    },
    Transfer {
        unit: String,
        therapists: Vec<String>,
        reason: String,
    },
    Treat(Vec<String>),

    // Rules.
    OverrideRule(Overriding),

    // The citizen's own.
    ContactDetails {
        email: Option<String>,
        phone: Option<String>,
    },
    Channels(Vec<(Channel, bool)>),
    QuietHours {
        from: LocalTime,
        until: LocalTime,
    },
    CalendarFeed(Nothing),
}

/// Something that is done for a whole unit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum AtUnit {
    WriteToAll {
        program: String,
        text: String,
    },
    SaveRule {
        program: String,
        dry_run: bool,
        rule: RuleFile,
    },
    OverrideRule {
        program: String,
        #[serde(flatten)]
        overriding: Overriding,
    },
    /// A colleague is invited, whose roles hold from some days on.
    Invite {
        name: String,
        title: String,
        email: String,
        roles: Vec<Role>,
        in_days: i64,
    },
    /// A program is planned for several citizens from a list.
    StartGroup {
        program: String,
        citizens: Vec<String>,
        therapists: Vec<String>,
        in_days: i64,
    },
}

/// What needs no further words.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// A flag, and what there is to say about it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfFlag {
    pub kind: String,
    pub note: Option<String>,
}

/// A form and how it is answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answering {
    pub form: String,
    pub answers: Filled,
}

/// A module or section that is shown, hidden or opened.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Showing {
    pub key: String,
    pub visible: Option<bool>,
    pub opens_in_days: Option<i64>,
    pub reason: String,
}

/// What a rule does otherwise, and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Overriding {
    pub rule: String,
    pub enabled: Option<bool>,
    #[serde(default)]
    pub values: Vec<Leaf>,
    pub reason: String,
}
