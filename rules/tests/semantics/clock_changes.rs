//! Rules that are due when clocks change, on leap days and at the ends of months and years, through the whole evaluation.

use chrono::{Datelike, Duration, NaiveDate, NaiveDateTime, NaiveTime, Weekday};
use chrono_tz::Tz;
use rules::{
    evaluation::{ActiveRule, State},
    facts::{Dispatch, Facts, Instant},
    zone::{local_to_utc, utc_to_local},
};
use serde_json::{Value, json};

use crate::common::*;

fn daily_at(time: &str) -> ActiveRule {
    scheduled(
        json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY", "slots": [{ "key": "a", "at": time }] }),
    )
}

fn scheduled(schedule: Value) -> ActiveRule {
    rule(
        "scheduled",
        json!({ "trigger": { "schedule": schedule }, "actions": [], "limits": { "catchUp": "ALL" } }),
    )
}

fn wall(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
}

/// The instants at which it fires, and the local days that name them: looked at every minute, and again only when woken.
fn lived(rule: ActiveRule, facts: &Facts, until: Instant) -> Vec<(Instant, String)> {
    let rules = [rule];
    let mut fired = [Vec::new(), Vec::new()];
    for (way, fired) in fired.iter_mut().enumerate() {
        let mut state: State = fresh(facts);
        let mut now = state.evaluated_until;
        while now < until {
            let told = evaluate(&rules, facts, &state, now);
            let day = |occurrence: &str| occurrence.rsplit('/').next().unwrap_or_default().to_owned();
            fired.extend(told.firings.iter().map(|firing| (firing.at, day(&firing.occurrence))));
            state = told.state;
            let woken = told.wake_at.unwrap_or(until);
            now = if way == 0 { now + Duration::minutes(1) } else { woken };
        }
    }
    let [every_minute, when_woken] = fired;
    assert_eq!(every_minute, when_woken);
    when_woken
}

#[test]
fn a_time_that_is_missing_or_double_comes_once() {
    for (zone, day, time, expected) in [
        // Forward by an hour: half past two is missing, and comes at three.
        (
            Tz::Europe__Stockholm,
            "2027-03-28",
            "02:30",
            ["2027-03-27T01:30:00Z", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"],
        ),
        // Back by an hour: half past two comes twice, and counts the first time.
        (
            Tz::Europe__Stockholm,
            "2027-10-31",
            "02:30",
            ["2027-10-30T00:30:00Z", "2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"],
        ),
        // Forward and back by half an hour.
        (
            Tz::Australia__Lord_Howe,
            "2027-10-03",
            "02:15",
            ["2027-10-01T15:45:00Z", "2027-10-02T15:30:00Z", "2027-10-03T15:15:00Z"],
        ),
        (
            Tz::Australia__Lord_Howe,
            "2027-04-04",
            "01:45",
            ["2027-04-02T14:45:00Z", "2027-04-03T14:45:00Z", "2027-04-04T15:15:00Z"],
        ),
        // Half an hour off the hour.
        (
            Tz::America__St_Johns,
            "2027-03-14",
            "02:30",
            ["2027-03-13T06:00:00Z", "2027-03-14T05:30:00Z", "2027-03-15T05:00:00Z"],
        ),
        (
            Tz::America__St_Johns,
            "2027-11-07",
            "01:30",
            ["2027-11-06T04:00:00Z", "2027-11-07T04:00:00Z", "2027-11-08T05:00:00Z"],
        ),
        // Around Ramadan.
        (
            Tz::Africa__Casablanca,
            "2027-02-07",
            "02:30",
            ["2027-02-06T01:30:00Z", "2027-02-07T01:30:00Z", "2027-02-08T02:30:00Z"],
        ),
        (
            Tz::Africa__Casablanca,
            "2027-03-14",
            "02:30",
            ["2027-03-13T02:30:00Z", "2027-03-14T02:00:00Z", "2027-03-15T01:30:00Z"],
        ),
        // Never.
        (
            Tz::Asia__Kolkata,
            "2027-03-28",
            "02:30",
            ["2027-03-26T21:00:00Z", "2027-03-27T21:00:00Z", "2027-03-28T21:00:00Z"],
        ),
    ] {
        let day: NaiveDate = day.parse().unwrap();
        let start = local_to_utc(zone, day.pred_opt().unwrap().and_time(NaiveTime::MIN));
        let told = lived(daily_at(time), &started(zone, start), start + Duration::days(3));
        let days = (-1..=1).map(|days| (day + Duration::days(days)).to_string());
        let expected: Vec<(Instant, String)> = expected.into_iter().map(at).zip(days).collect();
        assert_eq!(told, expected, "{zone} {day} {time}");
    }
}

#[test]
fn every_day_of_a_year_comes_once_in_any_zone() {
    let zones = [
        Tz::Europe__Stockholm,
        Tz::Australia__Lord_Howe,
        Tz::Asia__Kolkata,
        Tz::America__St_Johns,
        Tz::Africa__Casablanca,
    ];
    for zone in zones {
        let start = local_to_utc(zone, wall("2028-01-01 00:00"));
        for time in ["00:00", "01:45", "02:00", "02:15", "02:30", "23:59"] {
            let facts = started(zone, start);
            let told = at_once(&[daily_at(time)], &facts, local_to_utc(zone, wall("2028-12-31 23:59")));
            let days: Vec<String> = told
                .firings
                .iter()
                .map(|firing| firing.occurrence.rsplit('/').next().unwrap().to_owned())
                .collect();
            // A leap year.
            let first = NaiveDate::from_ymd_opt(2028, 1, 1).unwrap();
            let expected: Vec<String> = first.iter_days().take(366).map(|day| day.to_string()).collect();
            assert_eq!(days, expected, "{zone} {time}");
            for firing in &told.firings {
                let clock = utc_to_local(zone, firing.at).time();
                let moved = clock - time.parse::<rules::period::LocalTime>().unwrap().0;
                assert!((0..=60).contains(&moved.num_minutes()), "{zone} {time} came at {clock}");
            }
        }
    }
}

#[test]
fn seven_days_are_not_168_hours_over_a_clock_change() {
    for (sent, days, hours) in [
        ("2027-03-25 12:00", "2027-04-01 12:00", "2027-04-01 13:00"),
        ("2027-10-28 12:00", "2027-11-04 12:00", "2027-11-04 11:00"),
        ("2027-06-01 12:00", "2027-06-08 12:00", "2027-06-08 12:00"),
    ] {
        let mut facts = started(STOCKHOLM, local("2027-01-04 07:00"));
        facts.dispatches.push(Dispatch {
            id: id(1),
            form: "measure".to_owned(),
            known_at: local(sent),
            available_at: local(sent),
            overdue_at: None,
            expires_at: None,
            completed_at: None,
            cancelled_at: None,
        });
        for (offset, expected) in [("P7D", days), ("P1W", days), ("PT168H", hours)] {
            let slots = json!([{ "key": "a", "offset": offset }]);
            let told = at_once(
                &[scheduled(
                    json!({ "anchor": { "formSent": { "form": "measure" } }, "slots": slots }),
                )],
                &facts,
                local("2027-12-01 00:00"),
            );
            assert_eq!(fired(&told), [expected], "{offset} after {sent}");
        }
    }
}

/// The local days on which a recurrence comes.
fn days(repeat: &str, start: &str, until: &str) -> Vec<String> {
    let schedule =
        json!({ "anchor": { "enrollmentStart": {} }, "repeat": repeat, "slots": [{ "key": "a", "at": "09:00" }] });
    let facts = started(STOCKHOLM, local(start));
    let told = at_once(&[scheduled(schedule)], &facts, local(until));
    fired(&told).iter().map(|time| time[..10].to_owned()).collect()
}

#[test]
fn leap_days_and_the_ends_of_months() {
    assert_eq!(
        days("FREQ=DAILY", "2028-02-27 08:00", "2028-03-02 00:00"),
        ["2028-02-27", "2028-02-28", "2028-02-29", "2028-03-01"]
    );
    assert_eq!(
        days("FREQ=DAILY", "2027-02-27 08:00", "2027-03-02 00:00"),
        ["2027-02-27", "2027-02-28", "2027-03-01"]
    );
    // Who starts on a leap day has it again in four years.
    assert_eq!(
        days("FREQ=YEARLY", "2028-02-29 08:00", "2034-01-01 00:00"),
        ["2028-02-29", "2032-02-29"]
    );
    // The 31st comes in seven months of a year; the last day in every.
    assert_eq!(
        days("FREQ=MONTHLY;BYMONTHDAY=31", "2028-01-01 00:00", "2029-01-01 00:00"),
        [
            "2028-01-31",
            "2028-03-31",
            "2028-05-31",
            "2028-07-31",
            "2028-08-31",
            "2028-10-31",
            "2028-12-31"
        ]
    );
    let last = days("FREQ=MONTHLY;BYMONTHDAY=-1", "2028-01-01 00:00", "2029-01-01 00:00");
    assert_eq!(last.len(), 12);
    assert_eq!(last[..4], ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]);
    // Who starts on the 31st and counts months skips those that have none; a month later is the last day there is.
    assert_eq!(
        days("FREQ=MONTHLY", "2027-01-31 08:00", "2027-08-01 00:00"),
        ["2027-01-31", "2027-03-31", "2027-05-31", "2027-07-31"]
    );
    assert_eq!(
        days("FREQ=MONTHLY", "2027-01-29 08:00", "2027-04-01 00:00"),
        ["2027-01-29", "2027-03-29"]
    );
    assert_eq!(
        days("FREQ=MONTHLY;BYMONTHDAY=-1", "2027-01-31 08:00", "2027-04-01 00:00"),
        ["2027-01-31", "2027-02-28", "2027-03-31"]
    );
    let slots =
        json!([{ "key": "a", "offset": "P1M", "at": "09:00" }, { "key": "b", "offset": "P13M", "at": "09:00" }]);
    let told = at_once(
        &[scheduled(
            json!({ "anchor": { "enrollmentStart": {} }, "slots": slots }),
        )],
        &started(STOCKHOLM, local("2027-01-31 08:00")),
        local("2029-01-01 00:00"),
    );
    assert_eq!(fired(&told), ["2027-02-28 09:00", "2028-02-29 09:00"]);
}

#[test]
fn week_53_is_a_week_as_any_other() {
    // 2026 ends with a week 53, so that odd follows odd.
    assert_eq!(
        days(
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
            "2026-12-07 08:00",
            "2027-01-20 00:00"
        ),
        ["2026-12-07", "2026-12-21", "2027-01-04", "2027-01-18"]
    );
    let weeks: Vec<u32> = days("FREQ=WEEKLY", "2026-12-21 08:00", "2027-01-12 00:00")
        .iter()
        .map(|day| day.parse::<NaiveDate>().unwrap().iso_week().week())
        .collect();
    assert_eq!(weeks, [52, 53, 1, 2]);
    assert_eq!(
        days(
            "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO",
            "2026-01-01 08:00",
            "2033-01-01 00:00"
        ),
        ["2026-12-28", "2032-12-27"]
    );
    // The week of the program counts from the start, whatever the calendar says.
    let facts = started(STOCKHOLM, local("2026-12-24 15:00"));
    let third = json!({ "compare": { "fact": { "programWeek": {} }, "operator": "GTE", "value": 3 } });
    let told = at_once(
        &[whenever(third, json!({}), json!({}))],
        &facts,
        local("2027-02-01 00:00"),
    );
    assert_eq!(fired(&told), ["2027-01-07 00:00"]);
}

#[test]
fn every_two_weeks_from_the_start_and_every_other_monday_part_for_good() {
    // A year of each, over both clock changes, from a Wednesday.
    let from_start = days("FREQ=DAILY;INTERVAL=14", "2027-01-06 08:00", "2028-01-06 00:00");
    let also = days("FREQ=WEEKLY;INTERVAL=2", "2027-01-06 08:00", "2028-01-06 00:00");
    let mondays = days(
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
        "2027-01-06 08:00",
        "2028-01-06 00:00",
    );
    assert_eq!((from_start.len(), &from_start), (27, &also));
    assert_eq!((mondays.len(), mondays[0].as_str()), (26, "2027-01-18"));
    for (days, weekday) in [(from_start, Weekday::Wed), (mondays, Weekday::Mon)] {
        let days: Vec<NaiveDate> = days.iter().map(|day| day.parse().unwrap()).collect();
        assert!(days.iter().all(|day| day.weekday() == weekday));
        assert!(days.windows(2).all(|pair| pair[1] - pair[0] == Duration::days(14)));
    }
}
