//! The clock: a parameter everywhere, so that a test can move it. The only place that asks the machine for the time.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Duration, SubsecRound, Utc};
use uuid::{ContextV7, NoContext, Timestamp, Uuid};

/// Tells the time. Clones share it.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// Stands still until it is moved; microseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now` until it is moved.
    pub fn manual(now: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(now.timestamp_micros())))
    }

    /// The instant, in whole microseconds: what PostgreSQL can keep.
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now().trunc_subsecs(6),
            Self::Manual(micros) => DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or_default(),
        }
    }

    /// Sets a manual clock to an instant; a system clock stays what it is.
    pub fn set(&self, now: DateTime<Utc>) {
        if let Self::Manual(micros) = self {
            micros.store(now.timestamp_micros(), Ordering::SeqCst);
        }
    }

    /// Moves a manual clock.
    pub fn advance(&self, by: Duration) {
        self.set(self.now() + by);
    }

    /// A new identity, sorted by this clock's time.
    pub fn id(&self) -> Uuid {
        id_at(self.now())
    }
}

/// A new identity (UUIDv7), sorted by the given time.
pub fn id_at(at: DateTime<Utc>) -> Uuid {
    Uuid::new_v7(Timestamp::from_unix(
        NoContext,
        seconds(at),
        at.timestamp_subsec_nanos(),
    ))
}

/// Makes identities that sort in the order in which they were asked for, even within one millisecond.
#[derive(Debug)]
pub struct Ids(Mutex<ContextV7>);

impl Default for Ids {
    fn default() -> Self {
        Self(Mutex::new(ContextV7::new()))
    }
}

impl Ids {
    /// The next identity (UUIDv7), sorted by the given time.
    pub fn next(&self, at: DateTime<Utc>) -> Uuid {
        Uuid::new_v7(Timestamp::from_unix(&self.0, seconds(at), at.timestamp_subsec_nanos()))
    }
}

fn seconds(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp()).unwrap_or_default()
}
