//! What a citizen is to do on which days.

use chrono::NaiveDate;
use uuid::Uuid;

use super::{Dated, Instant};
use crate::recurrence::Repeat;

/// An activity that the citizen is to do on some days.
#[derive(Clone, Debug)]
pub struct PlannedActivity {
    /// The activity.
    pub id: Uuid,
    /// When it was planned: nobody knew of it before.
    pub known_at: Instant,
    /// Since when it is not planned any more.
    pub ended_at: Option<Instant>,
    /// Its first local day.
    pub starts_on: NaiveDate,
    /// On which further days it comes; that day alone where absent.
    pub repeat: Option<Repeat>,
    /// The local days that were registered, done or not, and when. A day that was moved keeps its name.
    pub entries: Vec<Dated<NaiveDate>>,
    /// Its days that were moved or cancelled, oldest first; of one day the latest holds.
    pub exceptions: Vec<Dated<DayException>>,
}

impl PlannedActivity {
    /// The local days on which it comes, from one and before another.
    pub fn days(&self, from: NaiveDate, before: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        self.days_from(from).take_while(move |day| *day < before)
    }

    /// The first local day on which it comes, that day or later.
    pub fn next_day(&self, from: NaiveDate) -> Option<NaiveDate> {
        self.days_from(from).next()
    }

    fn days_from(&self, from: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let repeated = self.repeat.as_ref().map(|repeat| repeat.days(self.starts_on, from));
        let only = (self.repeat.is_none() && from <= self.starts_on).then_some(self.starts_on);
        repeated.into_iter().flatten().chain(only)
    }
}

/// A day of an activity that does not come when its recurrence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayException {
    /// The day as the recurrence has it.
    pub day: NaiveDate,
    /// The local day to which it was moved; cancelled where absent.
    pub to: Option<NaiveDate>,
}
