//! The hours in which a unit is open.
//!
//! They are local to the unit's zone and repeat every week, but for the days on which it is closed. A unit that gave no hours is
//! always open, but for those days.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use rules::{
    period::LocalTime,
    zone::{local_day, local_to_utc, start_of_day},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{act::BATCH, enrollment::DEFAULT_ZONE, error::Result, unit};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Day {
    /// Monday.
    Mo,
    /// Tuesday.
    Tu,
    /// Wednesday.
    We,
    /// Thursday.
    Th,
    /// Friday.
    Fr,
    /// Saturday.
    Sa,
    /// Sunday.
    Su,
}

/// Hours in which the unit is open, every week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenHours {
    /// The day of the week.
    pub day: Day,
    /// From when, local time.
    pub from: LocalTime,
    /// Until when, local time; `00:00` is the end of the day.
    pub until: LocalTime,
}

impl OpenHours {
    /// Whether it ends on another day than it begins: at midnight.
    fn ends_at_midnight(&self) -> bool {
        self.until.0 == NaiveTime::MIN
    }

    /// Whether it begins before it ends.
    pub fn is_forward(&self) -> bool {
        self.ends_at_midnight() || self.from < self.until
    }

    /// The instants between which it is open on a day; none where the clocks skip all of it.
    fn on(&self, day: NaiveDate, zone: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let from = local_to_utc(zone, day.and_time(self.from.0));
        let until = if self.ends_at_midnight() {
            start_of_day(zone, day.checked_add_days(Days::new(1))?)
        } else {
            local_to_utc(zone, day.and_time(self.until.0))
        };
        (from < until).then_some((from, until))
    }
}

/// When a unit is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfficeHours {
    /// Every week; always, where empty.
    pub hours: Vec<OpenHours>,
    /// The local dates on which it is closed all the same.
    pub closed_days: BTreeSet<NaiveDate>,
    /// The zone that they are local to.
    pub zone: Tz,
}

/// How far ahead an opening hour is looked for.
const HORIZON: usize = 366;

impl OfficeHours {
    /// Those of some units, as they stand in the record: who waits for a change of them does not see it late.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn of_units(
        connection: &impl ConnectionTrait,
        units: impl IntoIterator<Item = Uuid>,
    ) -> Result<HashMap<Uuid, Self>> {
        let ids: BTreeSet<Uuid> = units.into_iter().collect();
        let mut found = HashMap::new();
        for chunk in ids.into_iter().collect::<Vec<_>>().chunks(BATCH) {
            let rows = unit::Entity::find().filter(unit::Column::Id.is_in(chunk.iter().copied()));
            found.extend(rows.all(connection).await?.iter().map(|unit| (unit.id, Self::of(unit))));
        }
        Ok(found)
    }

    /// Those of a unit. Hours that cannot be read are taken for none: a message too early does less harm than none at all.
    pub fn of(unit: &unit::Model) -> Self {
        Self {
            hours: serde_json::from_value(unit.office_hours.clone()).unwrap_or_default(),
            closed_days: serde_json::from_value(unit.closed_days.clone()).unwrap_or_default(),
            zone: unit.zone.parse().unwrap_or(DEFAULT_ZONE),
        }
    }

    /// The first instant at or after `at` in which the unit is open; `at` itself where it is closed for a year.
    pub fn next(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.opening(at).unwrap_or(at)
    }

    /// The first instant at or after `at` in which the unit is open; none where it is closed for a year.
    pub fn opening(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let days = local_day(self.zone, at).iter_days().take(HORIZON);
        let open = days.filter(|day| !self.closed_days.contains(day));
        let mut openings = open.filter_map(|day| self.first_on(day, at));
        openings.next()
    }

    /// When the unit closes on the working day that is so many after the one on which something arrives: what arrives while it is
    /// closed counts from the day on which it opens next. Midnight ends the day of a unit that gave no hours. None where it does
    /// not open as often within a year.
    pub fn end_of_working_day(&self, arrived: DateTime<Utc>, days: usize) -> Option<DateTime<Utc>> {
        let first = local_day(self.zone, self.opening(arrived)?);
        let mut ends = first.iter_days().take(HORIZON).filter_map(|day| self.last_on(day));
        ends.nth(days)
    }

    /// When the unit closes on a day; none where it does not open.
    fn last_on(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        if self.closed_days.contains(&day) {
            return None;
        }
        if self.hours.is_empty() {
            return Some(start_of_day(self.zone, day.checked_add_days(Days::new(1))?));
        }
        let of_day = |hours: &&OpenHours| hours.day as u32 == day.weekday().num_days_from_monday();
        let spans = (self.hours.iter().filter(of_day)).filter_map(|hours| hours.on(day, self.zone));
        spans.map(|(_, until)| until).max()
    }

    /// The first open instant of a day that is not before `at`.
    fn first_on(&self, day: NaiveDate, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.hours.is_empty() {
            let end = start_of_day(self.zone, day.checked_add_days(Days::new(1))?);
            return (at < end).then(|| at.max(start_of_day(self.zone, day)));
        }
        let of_day = |hours: &&OpenHours| hours.day as u32 == day.weekday().num_days_from_monday();
        let spans = (self.hours.iter().filter(of_day)).filter_map(|hours| hours.on(day, self.zone));
        spans
            .filter(|(_, until)| at < *until)
            .map(|(from, _)| from.max(at))
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(days: &[Day], from: &str, until: &str) -> Vec<OpenHours> {
        let of_day = |day: &Day| OpenHours {
            day: *day,
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
        };
        days.iter().map(of_day).collect()
    }

    const WEEKDAYS: [Day; 5] = [Day::Mo, Day::Tu, Day::We, Day::Th, Day::Fr];

    fn office(hours: Vec<OpenHours>, closed: &[&str]) -> OfficeHours {
        OfficeHours {
            hours,
            closed_days: closed.iter().map(|day| day.parse().unwrap()).collect(),
            zone: Tz::Europe__Stockholm,
        }
    }

    fn next(office: &OfficeHours, at: &str) -> String {
        let at: DateTime<Utc> = at.parse().unwrap();
        office.next(at).format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    #[test]
    fn what_is_due_while_closed_waits_for_the_next_opening() {
        let office = office(hours(&WEEKDAYS, "08:00", "17:00"), &[]);
        // Monday 23 November 2026, 08:00 in Stockholm is 07:00 UTC.
        assert_eq!(next(&office, "2026-11-23T05:00:00Z"), "2026-11-23T07:00:00Z");
        assert_eq!(next(&office, "2026-11-23T07:00:00Z"), "2026-11-23T07:00:00Z");
        assert_eq!(next(&office, "2026-11-23T15:59:59Z"), "2026-11-23T15:59:59Z");
        assert_eq!(next(&office, "2026-11-23T16:00:00Z"), "2026-11-24T07:00:00Z");
        // Friday evening waits for Monday.
        assert_eq!(next(&office, "2026-11-27T17:00:00Z"), "2026-11-30T07:00:00Z");
    }

    #[test]
    fn a_lunch_break_is_no_office_hour_whatever_the_order_they_are_given_in() {
        let mut both = hours(&[Day::Mo], "13:00", "17:00");
        both.extend(hours(&[Day::Mo], "08:00", "12:00"));
        let office = office(both, &[]);
        assert_eq!(next(&office, "2026-11-23T11:30:00Z"), "2026-11-23T12:00:00Z");
        assert_eq!(next(&office, "2026-11-23T05:30:00Z"), "2026-11-23T07:00:00Z");
    }

    #[test]
    fn closed_days_are_skipped_also_by_a_unit_that_is_always_open() {
        let closed = ["2026-12-24", "2026-12-25"];
        let weekdays = office(hours(&WEEKDAYS, "08:00", "17:00"), &closed);
        // Thursday the 24th and Friday the 25th are closed, then it is weekend.
        assert_eq!(next(&weekdays, "2026-12-23T17:00:00Z"), "2026-12-28T07:00:00Z");
        let always = office(Vec::new(), &closed);
        assert_eq!(next(&always, "2026-12-23T22:59:59Z"), "2026-12-23T22:59:59Z");
        assert_eq!(next(&always, "2026-12-23T23:00:00Z"), "2026-12-25T23:00:00Z");
    }

    #[test]
    fn the_hours_are_local_across_clock_changes() {
        let sundays = office(hours(&[Day::Su], "08:00", "17:00"), &[]);
        // The clocks go forward on 28 March 2027, and back on 31 October.
        assert_eq!(next(&sundays, "2027-03-27T12:00:00Z"), "2027-03-28T06:00:00Z");
        assert_eq!(next(&sundays, "2027-10-30T12:00:00Z"), "2027-10-31T07:00:00Z");
        // Hours that the clocks skip are none; those that come twice are open from the first to the last.
        let nights = office(hours(&[Day::Su], "02:00", "03:00"), &[]);
        assert_eq!(next(&nights, "2027-03-27T12:00:00Z"), "2027-04-04T00:00:00Z");
        assert_eq!(next(&nights, "2027-10-31T00:30:00Z"), "2027-10-31T00:30:00Z");
        assert_eq!(next(&nights, "2027-10-31T01:30:00Z"), "2027-10-31T01:30:00Z");
    }

    #[test]
    fn midnight_is_the_end_of_the_day() {
        let late = office(hours(&[Day::Mo], "20:00", "00:00"), &[]);
        assert_eq!(next(&late, "2026-11-23T22:59:00Z"), "2026-11-23T22:59:00Z");
        assert_eq!(next(&late, "2026-11-23T23:00:00Z"), "2026-11-30T19:00:00Z");
    }

    #[test]
    fn a_unit_that_is_never_open_keeps_nothing_back() {
        let mut never = office(hours(&[Day::Mo], "08:00", "08:00"), &[]);
        assert_eq!(next(&never, "2026-11-23T05:00:00Z"), "2026-11-23T05:00:00Z");
        never.hours.clear();
        never.closed_days = "2026-01-01"
            .parse::<NaiveDate>()
            .unwrap()
            .iter_days()
            .take(2_000)
            .collect();
        assert_eq!(next(&never, "2026-11-23T05:00:00Z"), "2026-11-23T05:00:00Z");
    }

    #[test]
    fn an_answer_is_promised_by_the_end_of_a_working_day() {
        let weekdays = office(hours(&WEEKDAYS, "08:00", "17:00"), &["2026-12-24", "2026-12-25"]);
        let by = |office: &OfficeHours, at: &str, days| {
            let by = office.end_of_working_day(at.parse().unwrap(), days)?;
            Some(by.format("%Y-%m-%dT%H:%M:%SZ").to_string())
        };
        // Sent on Monday at ten, within two working days: on Wednesday when it closes, 17:00 in Stockholm.
        let by_then = |at, days, then: &str| assert_eq!(by(&weekdays, at, days).as_deref(), Some(then), "{at}");
        by_then("2026-11-23T09:00:00Z", 2, "2026-11-25T16:00:00Z");
        // On Friday evening it has not arrived before Monday.
        by_then("2026-11-27T18:00:00Z", 1, "2026-12-01T16:00:00Z");
        // The days that are closed do not count: the 23rd is a Wednesday, then comes Monday the 28th.
        by_then("2026-12-23T09:00:00Z", 1, "2026-12-28T16:00:00Z");
        by_then("2026-11-23T09:00:00Z", 0, "2026-11-23T16:00:00Z");
        // A unit that gave no hours works every day, until midnight.
        let always = office(Vec::new(), &[]);
        let end = by(&always, "2026-11-27T18:00:00Z", 1);
        assert_eq!(end.as_deref(), Some("2026-11-28T23:00:00Z"));
    }
}
