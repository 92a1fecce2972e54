//! How far somebody has come, and what they may open.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

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
#[derive(SimpleObject)]
pub struct Availability {
    /// Whether it may be opened now.
    open: bool,
    /// Since when it is open, or when it will be, where that is known.
    opens_at: Option<DateTime<Utc>>,
    /// Why it is not open: `LOCKED`, `NOT_YET`, `HIDDEN`, `NOT_STARTED`, `PAUSED` or `ENDED`.
    reason: Option<String>,
}

impl From<entity::progress::Availability> for Availability {
    fn from(availability: entity::progress::Availability) -> Self {
        Self {
            open: availability.open,
            opens_at: availability.opens_at,
            reason: availability.reason,
        }
    }
}
