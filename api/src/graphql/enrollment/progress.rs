//! How far somebody has come, and what they may open.

use std::sync::Arc;

use async_graphql::{Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::content::{EnrollmentModule, Taken};

/// How far somebody has come, counted in the steps that are shown to them.
#[derive(SimpleObject)]
pub struct Progress {
    /// Steps completed.
    completed_steps: u32,
    /// Steps in all.
    total_steps: u32,
    /// In whole percent, rounded down.
    percent: u32,
}

impl From<entity::progress::Progress> for Progress {
    fn from(progress: entity::progress::Progress) -> Self {
        Self {
            completed_steps: progress.completed,
            total_steps: progress.total,
            percent: progress.percent(),
        }
    }
}

/// Whether something may be opened, from when, and why not.
pub struct Availability {
    pub(super) taken: Arc<Taken>,
    pub(super) of: entity::progress::Availability,
}

/// Whether something may be opened, from when, and why not.
#[Object]
impl Availability {
    /// Whether it may be opened now.
    async fn open(&self) -> bool {
        self.of.open
    }

    /// Since when it is open, or when it will be, where that is known.
    async fn opens_at(&self) -> Option<DateTime<Utc>> {
        self.of.opens_at
    }

    /// Why it is not open: `LOCKED`, `NOT_YET`, `PREREQUISITE`, `HIDDEN`, `NOT_STARTED`, `PAUSED` or `ENDED`.
    async fn reason(&self) -> Option<&str> {
        self.of.reason.as_deref()
    }

    /// The modules that must be completed before, in order, where the reason is `PREREQUISITE`.
    #[graphql(complexity = "1 + 3 * child_complexity")]
    async fn prerequisites(&self) -> Vec<EnrollmentModule> {
        let awaited = self.of.awaits.iter();
        awaited.filter_map(|module| self.taken.module_by_id(*module)).collect()
    }
}
