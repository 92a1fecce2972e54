//! When a protocol asks whom what, computed from the protocol with nothing but the calendar: neither the rules nor a library
//! of time zones has a part in it.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Utc, Weekday};

use crate::protocol::{Entry, Protocol};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The form's key.
    pub form: String,
    /// From when it can be answered.
    pub opens: DateTime<Utc>,
    /// Until when; for ever where absent.
    pub closes: Option<DateTime<Utc>>,
    /// When somebody who does not answer hears of it.
    pub told: Vec<DateTime<Utc>>,
}

/// Everything that is asked from one midnight until another, in the order of forms and times.
pub fn timetable(protocol: &Protocol, first: NaiveDate, last: NaiveDate) -> Vec<Question> {
    let mut questions: Vec<Question> = protocol
        .protocols
        .iter()
        .flat_map(|entry| asked(entry, first.into(), last.into()))
        .collect();
    questions.sort();
    questions
}

fn asked(entry: &Entry, first: NaiveDateTime, last: NaiveDateTime) -> Vec<Question> {
    let times = &entry.protocol;
    let offsets = &times.repeat_questionnaire;
    let every = long(&times.repeat_protocol.unit, times.repeat_protocol.amount);
    let mut questions = Vec::new();
    let mut midnight = first;
    while midnight < last {
        for units in &offsets.units_from_zero {
            let local = midnight + long(&offsets.unit, *units);
            if local >= last {
                continue;
            }
            let after = |unit: &str, amount| after(local, unit, amount).and_utc();
            let mut told = Vec::new();
            if times.notification.is_some() {
                told.push(instant(local).and_utc());
            }
            if let Some(reminders) = times.reminders.as_ref().filter(|reminders| reminders.amount > 0) {
                told.extend((1..=reminders.repeat).map(|n| after(&reminders.unit, n * reminders.amount)));
            }
            questions.push(Question {
                form: entry.key(),
                opens: instant(local).and_utc(),
                closes: times
                    .completion_window
                    .as_ref()
                    .map(|window| after(&window.unit, window.amount)),
                told,
            });
        }
        midnight += every;
    }
    questions
}

/// So much on the clock of a wall that is never put forward or back.
fn long(unit: &str, amount: i64) -> TimeDelta {
    match unit {
        "min" => TimeDelta::minutes(amount),
        "hour" => TimeDelta::hours(amount),
        "day" => TimeDelta::days(amount),
        "week" => TimeDelta::weeks(amount),
        "year" => TimeDelta::days(amount * 366),
        other => panic!("the protocol has a unit that this test does not know: {other}"),
    }
}

/// The instant so much after a local time: whole days end at the same time of day, hours and minutes pass.
fn after(local: NaiveDateTime, unit: &str, amount: i64) -> NaiveDateTime {
    match unit {
        "day" | "week" => instant(local + long(unit, amount)),
        _ => instant(local) + long(unit, amount),
    }
}

/// When clocks change in the European Union (directive 2000/84/EC): at 01:00 UTC on the last Sunday of a month.
fn change(year: i32, month: u32) -> NaiveDateTime {
    let last = NaiveDate::from_ymd_opt(year, month, 31).unwrap();
    let sunday = last.week(Weekday::Sun).first_day();
    sunday.and_hms_opt(1, 0, 0).unwrap()
}

/// How far Stockholm is ahead of UTC at an instant.
fn ahead(utc: NaiveDateTime) -> TimeDelta {
    let summer = change(utc.year(), 3) <= utc && utc < change(utc.year(), 10);
    TimeDelta::hours(if summer { 2 } else { 1 })
}

/// The instant of a local time in Stockholm: the first where there are two, the next that exists where there is none.
pub fn instant(local: NaiveDateTime) -> NaiveDateTime {
    [2, 1]
        .map(|hours| local - TimeDelta::hours(hours))
        .into_iter()
        .find(|utc| *utc + ahead(*utc) == local)
        .unwrap_or_else(|| change(local.year(), 3))
}

#[test]
fn it_knows_both_clock_changes_and_what_hours_and_days_are() {
    let at = |text: &str| text.parse::<NaiveDateTime>().unwrap();
    for (local, utc) in [
        ("2027-03-28T01:59:00", "2027-03-28T00:59:00"),
        ("2027-03-28T02:00:00", "2027-03-28T01:00:00"),
        ("2027-03-28T02:30:00", "2027-03-28T01:00:00"),
        ("2027-03-28T03:00:00", "2027-03-28T01:00:00"),
        ("2027-10-31T01:59:00", "2027-10-30T23:59:00"),
        ("2027-10-31T02:30:00", "2027-10-31T00:30:00"),
        ("2027-10-31T03:00:00", "2027-10-31T02:00:00"),
        ("2026-10-25T12:00:00", "2026-10-25T11:00:00"),
        ("2027-12-31T00:00:00", "2027-12-30T23:00:00"),
    ] {
        assert_eq!(instant(at(local)), at(utc), "{local}");
    }
    let saturday = at("2027-03-27T08:00:00");
    assert_eq!(
        after(saturday, "hour", 28),
        at("2027-03-28T11:00:00"),
        "13:00 in Stockholm"
    );
    assert_eq!(
        after(saturday, "day", 3),
        at("2027-03-30T06:00:00"),
        "08:00 in Stockholm"
    );
}
