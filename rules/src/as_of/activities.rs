//! Planned activities that were missed.

use chrono::{Days, NaiveDate};

use super::AsOf;
use crate::{
    facts::{Dated, Instant, PlannedActivity},
    zone::start_of_day,
};

impl AsOf<'_> {
    /// How many planned activities of the last days passed without a registration.
    pub(super) fn missed_activities(&self, days: u32) -> usize {
        let today = self.today();
        let from = today
            .checked_sub_days(Days::new(u64::from(days)))
            .unwrap_or(NaiveDate::MIN);
        let planned = self.facts.planned.iter().filter(|planned| self.past(planned.known_at));
        planned
            .map(|planned| {
                let days = planned.days(from, today);
                days.filter(|day| self.is_missed(planned, *day)).count()
            })
            .sum()
    }

    /// Whether an activity was planned before its day was over and still when it was, and has not been registered.
    fn is_missed(&self, planned: &PlannedActivity, day: NaiveDate) -> bool {
        let was_known = self.over(day).is_some_and(|over| planned.known_at < over);
        let mut entries = planned.entries.iter();
        was_known
            && self.is_still_planned(planned, day)
            && !entries.any(|entry| entry.value == day && self.past(entry.at))
    }

    /// Whether an activity has not ended before a day is over.
    fn is_still_planned(&self, planned: &PlannedActivity, day: NaiveDate) -> bool {
        let until = |over: Instant| planned.ended_at.is_none_or(|ended| over <= ended);
        self.over(day).is_some_and(until)
    }

    /// When a local day is over.
    fn over(&self, day: NaiveDate) -> Option<Instant> {
        Some(start_of_day(self.facts.zone, day.succ_opt()?))
    }

    /// The next registration, or the next midnight at which a day with an activity is over, or falls out of the last days.
    pub(super) fn next_missed_activities(&self, days: u32) -> Option<Instant> {
        let today = self.today();
        let from = today
            .checked_sub_days(Days::new(u64::from(days)))
            .unwrap_or(NaiveDate::MIN);
        let of_one = self.facts.planned.iter().flat_map(|planned| {
            let next_day = |from| {
                planned
                    .next_day(from)
                    .filter(|day| self.is_still_planned(planned, *day))
            };
            let over = next_day(today).and_then(|day| self.over(day));
            let last_counted = next_day(from).and_then(|day| day.checked_add_days(Days::new(u64::from(days))));
            let forgotten = last_counted.and_then(|day| self.over(day));
            [
                Dated::next(&planned.entries, self.at),
                Some(planned.known_at),
                over,
                forgotten,
            ]
        });
        self.first_future(of_one)
    }
}
