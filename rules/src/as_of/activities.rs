//! Planned activities that were missed.

use chrono::{Days, NaiveDate};

use super::AsOf;
use crate::{
    facts::{Dated, DayException, Instant, PlannedActivity},
    zone::start_of_day,
};

impl AsOf<'_> {
    /// How many planned activities of the last days passed without a registration.
    // Not inlined: it needs much room, and few rules ask for it.
    #[inline(never)]
    pub(super) fn missed_activities(&self, days: u32) -> usize {
        let today = self.today();
        let from = today
            .checked_sub_days(Days::new(u64::from(days)))
            .unwrap_or(NaiveDate::MIN);
        let planned = self.facts.planned.iter().filter(|planned| self.past(planned.known_at));
        planned
            .map(|planned| {
                let days = self.days_between(planned, from, today);
                days.filter(|(day, on)| self.is_missed(planned, *day, *on)).count()
            })
            .sum()
    }

    /// The days of an activity that come from a local day and before another: each with the day that it is moved to, or itself.
    fn days_between(
        &self,
        planned: &PlannedActivity,
        from: NaiveDate,
        before: NaiveDate,
    ) -> impl Iterator<Item = (NaiveDate, NaiveDate)> {
        let as_planned = planned.days(from, before);
        let as_planned = as_planned.filter(|day| self.exception(planned, *day).is_none());
        let moved = planned.exceptions.iter().filter_map(move |exception| {
            let DayException { day, to } = exception.value;
            let holds = self
                .exception(planned, day)
                .is_some_and(|latest| std::ptr::eq(latest, exception));
            to.filter(|to| holds && from <= *to && *to < before).map(|to| (day, to))
        });
        as_planned.map(|day| (day, day)).chain(moved)
    }

    /// What became of a day of an activity that does not come as planned.
    fn exception<'p>(&self, planned: &'p PlannedActivity, day: NaiveDate) -> Option<&'p Dated<DayException>> {
        let mut latest_first = planned.exceptions.iter().rev();
        latest_first.find(|exception| exception.value.day == day && self.past(exception.at))
    }

    /// Whether an activity was planned before the day on which it comes was over and still when it was, and has not been
    /// registered.
    fn is_missed(&self, planned: &PlannedActivity, day: NaiveDate, on: NaiveDate) -> bool {
        let was_known = self.over(on).is_some_and(|over| planned.known_at < over);
        let mut entries = planned.entries.iter();
        was_known
            && self.is_still_planned(planned, on)
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
            let forgotten = |day: NaiveDate| {
                day.checked_add_days(Days::new(u64::from(days)))
                    .and_then(|day| self.over(day))
            };
            // Which of its days come changes with every exception; a look too many changes nothing.
            let moved = planned.exceptions.iter().flat_map(move |exception| {
                let to = exception.value.to;
                [
                    Some(exception.at),
                    to.and_then(|to| self.over(to)),
                    to.and_then(forgotten),
                ]
            });
            let as_planned = [
                Dated::next(&planned.entries, self.at),
                Some(planned.known_at),
                over,
                next_day(from).and_then(forgotten),
            ];
            as_planned.into_iter().chain(moved)
        });
        self.first_future(of_one)
    }
}
