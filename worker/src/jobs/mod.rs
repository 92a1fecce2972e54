//! The worker's jobs. A job takes no input: it looks for what is due, does some of it, and says how much it did. Doing it
//! twice changes nothing, and any number of processes may do it at once.

mod attachment;
mod content;
mod deliver;
mod dispatch;
pub(crate) mod due;
mod enrollment;
mod evaluate;
mod housekeeping;
mod invitation;
mod opening;
mod reminder;
mod rollout;
mod unit_message;

use std::{sync::Mutex, time::Duration};

use chrono::{DateTime, Utc};
use entity::{
    error::Result,
    files::Files,
    store::{Hint, Store},
};
use tokio_util::sync::CancellationToken;

use crate::{channel::mail::Mailer, config::Config};

/// What jobs work with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) store: Store,
    pub(crate) mailer: Mailer,
    /// Where attached files are kept.
    pub(crate) files: Files,
    /// Where people sign in.
    pub(crate) sign_in: String,
    /// The name that leases are taken under.
    pub(crate) name: String,
    /// How many due rows are taken at once.
    pub(crate) batch: u64,
    /// How many messages are sent at the same time.
    pub(crate) sending: usize,
    /// For how long a delivery is leased.
    pub(crate) lease: Duration,
    /// Cancelled when the worker is to stop.
    pub(crate) stop: CancellationToken,
    /// When the house was last kept.
    pub(crate) kept: Mutex<Option<DateTime<Utc>>>,
}

/// What a lease lasts beyond the time that sending may take: for writing down how it went.
const LEASE_BEYOND_SENDING: Duration = Duration::from_secs(60);

impl Context {
    pub(crate) fn new(store: Store, config: &Config, mailer: Mailer) -> Self {
        let settings = &config.worker;
        let name = settings.name.clone();
        Self {
            mailer,
            files: config.files(),
            sign_in: config.public_url(),
            name: name.unwrap_or_else(|| format!("worker-{}", store.id().simple())),
            batch: settings.batch,
            sending: settings.sending,
            lease: config.mail.timeout + LEASE_BEYOND_SENDING,
            stop: CancellationToken::new(),
            kept: Mutex::default(),
            store,
        }
    }
}

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// Starts, resumes and ends enrollments.
    Enrollments,
    /// Tells of modules and sections that are shown, hidden or open from now on.
    Content,
    /// Tells of modules that open by themselves.
    Openings,
    /// Makes forms available and lets them expire.
    Dispatches,
    /// Makes the enrollments due that a saved rule concerns.
    Rollouts,
    /// Puts what a unit wrote to all into their threads.
    UnitMessages,
    /// Evaluates rules.
    Evaluations,
    /// Lets reminders leave.
    Reminders,
    /// Sends messages.
    Deliveries,
    /// Sends the letters that invite staff.
    Invitations,
    /// Throws away files that nobody sent.
    Attachments,
    /// Forgets what is kept for a time only, and counts what needs an operator.
    Housekeeping,
}

impl Job {
    /// Every job, in the order in which one tends to make work for the next.
    pub(crate) const ALL: [Self; 12] = [
        Self::Enrollments,
        Self::Content,
        Self::Openings,
        Self::Dispatches,
        Self::Rollouts,
        Self::UnitMessages,
        Self::Evaluations,
        Self::Reminders,
        Self::Deliveries,
        Self::Invitations,
        Self::Attachments,
        Self::Housekeeping,
    ];

    /// Its name in logs and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Enrollments => "enrollments",
            Self::Content => "content",
            Self::Openings => "openings",
            Self::Dispatches => "dispatches",
            Self::Rollouts => "rollouts",
            Self::UnitMessages => "unit messages",
            Self::Evaluations => "evaluations",
            Self::Reminders => "reminders",
            Self::Deliveries => "deliveries",
            Self::Invitations => "invitations",
            Self::Attachments => "attachments",
            Self::Housekeeping => "housekeeping",
        }
    }

    /// Whether a hint may mean work for it.
    pub(crate) fn is_woken_by(self, hint: Hint) -> bool {
        match hint {
            Hint::Events => self == Self::Evaluations,
            Hint::Due => self != Self::Housekeeping,
            Hint::Directory => false,
        }
    }

    /// Does some of what is due; 0 where nothing is.
    ///
    /// # Errors
    /// When the database fails. What was not finished stays due.
    pub(crate) async fn run(self, context: &Context) -> Result<usize> {
        match self {
            Self::Enrollments => enrollment::run(context).await,
            Self::Content => content::run(context).await,
            Self::Openings => opening::run(context).await,
            Self::Dispatches => dispatch::run(context).await,
            Self::Rollouts => rollout::run(context).await,
            Self::UnitMessages => unit_message::run(context).await,
            Self::Evaluations => evaluate::run(context).await,
            Self::Reminders => reminder::run(context).await,
            Self::Deliveries => deliver::run(context).await,
            Self::Invitations => invitation::run(context).await,
            Self::Attachments => attachment::run(context).await,
            Self::Housekeeping => housekeeping::run(context).await,
        }
    }
}

#[cfg(test)]
pub(crate) mod world;
