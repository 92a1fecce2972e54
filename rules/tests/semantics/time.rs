//! Periods, recurrences and clock changes.

use crate::common::{STOCKHOLM, at, cases, definition, local};
use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;
use proptest::{prelude::*, sample::Index};
use rules::{
    definition::{Schedule, Trigger},
    facts::Instant,
    period::{LocalTime, Period},
    recurrence::{Repeat, Timetable},
    zone::{local_day, local_to_utc, start_of_day, utc_to_local},
};
use serde_json::json;

fn period(text: &str) -> Period {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn periods_are_read_and_written() {
    for (text, months, days, seconds, written) in [
        ("P3D", 0, 3, 0, "P3D"),
        ("P2W", 0, 14, 0, "P14D"),
        ("P1M", 1, 0, 0, "P1M"),
        ("PT72H", 0, 0, 259_200, "PT72H"),
        ("P1DT2H", 0, 1, 7_200, "P1DT2H"),
        ("-P3D", 0, -3, 0, "-P3D"),
        ("+P3D", 0, 3, 0, "P3D"),
        ("P1Y2M3W4DT5H6M7S", 14, 25, 18_367, "P1Y2M25DT5H6M7S"),
        ("P0D", 0, 0, 0, "P0D"),
        ("PT0S", 0, 0, 0, "P0D"),
        ("PT90M", 0, 0, 5_400, "PT1H30M"),
    ] {
        let read = period(text);
        assert_eq!(read, Period { months, days, seconds }, "{text}");
        assert_eq!(read.to_string(), written, "{text}");
        assert_eq!(serde_json::from_value::<Period>(json!(text)).unwrap(), read);
        assert_eq!(serde_json::to_value(read).unwrap(), json!(written));
    }
}

#[test]
fn what_is_no_period_is_refused_with_help() {
    for text in [
        "", "P", "PT", "P1DT", "3D", "P3", "P3H", "PT3D", "P1D2W", "P-3D", "p3d", "P3D ", "--P3D", "PD", "P1Q", "P１D",
        "PT1H5\0",
    ] {
        let message = text.parse::<Period>().unwrap_err().to_string();
        assert!(message.contains("write for example"), "{text}: {message}");
    }
    for text in ["P1.5D", "PT0,5H"] {
        assert!(text.parse::<Period>().unwrap_err().to_string().contains("fraction"));
    }
    for text in [
        "P101Y",
        "P99999999999999999999D",
        "PT999999999999H",
        "P36526D",
        "-P36526D",
    ] {
        assert!(
            text.parse::<Period>().unwrap_err().to_string().contains("too long"),
            "{text}"
        );
    }
}

#[test]
fn times_of_day_are_read_and_written() {
    assert_eq!("08:00".parse::<LocalTime>().unwrap().to_string(), "08:00");
    assert_eq!("21:30:15".parse::<LocalTime>().unwrap().to_string(), "21:30:15");
    for text in [
        "8:00", "24:00", "12:60", "12:00:60", "12", "12:00Z", " 12:00", "-1:00", "1२:00",
    ] {
        assert!(text.parse::<LocalTime>().is_err(), "{text}");
    }
}

#[test]
fn days_are_counted_on_the_calendar_and_hours_on_the_clock() {
    // Clocks go forward in the night to 28 March 2027.
    let before = local("2027-03-25 12:00");
    assert_eq!(period("P7D").add_to(before, STOCKHOLM), local("2027-04-01 12:00"));
    assert_eq!(period("PT168H").add_to(before, STOCKHOLM), local("2027-04-01 13:00"));
    assert_eq!(period("-P7D").add_to(local("2027-04-01 12:00"), STOCKHOLM), before);
    // And back in the night to 31 October 2027.
    assert_eq!(
        period("PT24H").add_to(local("2027-10-30 12:00"), STOCKHOLM),
        local("2027-10-31 11:00")
    );
    // The last day of a shorter month, and of February in a leap year.
    assert_eq!(
        period("P1M").add_to(local("2027-01-31 12:00"), STOCKHOLM),
        local("2027-02-28 12:00")
    );
    assert_eq!(
        period("P1M").add_to(local("2028-01-31 12:00"), STOCKHOLM),
        local("2028-02-29 12:00")
    );
    assert_eq!(
        period("P1Y").add_to(local("2028-02-29 12:00"), STOCKHOLM),
        local("2029-02-28 12:00")
    );
    assert_eq!(
        period("-P1M").add_to(local("2027-03-31 12:00"), STOCKHOLM),
        local("2027-02-28 12:00")
    );
    // First the months, then the days, then the seconds.
    assert_eq!(
        period("P1M1DT1H").add_to(local("2027-01-31 12:00"), STOCKHOLM),
        local("2027-03-01 13:00")
    );
}

#[test]
fn local_times_that_are_missing_or_double() {
    let wall = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    assert_eq!(
        local_to_utc(STOCKHOLM, wall("2027-03-28 02:30")),
        at("2027-03-28T01:00:00Z")
    );
    assert_eq!(
        local_to_utc(STOCKHOLM, wall("2027-03-28 02:00")),
        at("2027-03-28T01:00:00Z")
    );
    assert_eq!(
        local_to_utc(STOCKHOLM, wall("2027-03-28 01:59")),
        at("2027-03-28T00:59:00Z")
    );
    assert_eq!(
        local_to_utc(STOCKHOLM, wall("2027-10-31 02:30")),
        at("2027-10-31T00:30:00Z")
    );
    // Lord Howe's clocks move by half an hour.
    assert_eq!(
        local_to_utc(Tz::Australia__Lord_Howe, wall("2027-10-03 02:15")),
        at("2027-10-02T15:30:00Z")
    );
    assert_eq!(
        local_to_utc(Tz::Australia__Lord_Howe, wall("2027-04-04 01:45")),
        at("2027-04-03T14:45:00Z")
    );
    // Samoa skipped the whole of 30 December 2011.
    assert_eq!(
        local_to_utc(Tz::Pacific__Apia, wall("2011-12-30 12:00")),
        at("2011-12-30T10:00:00Z")
    );
    // Beirut's clocks go forward at midnight: its day begins at one.
    let beirut = Tz::Asia__Beirut;
    let day = NaiveDate::from_ymd_opt(2024, 3, 31).unwrap();
    assert_eq!(
        start_of_day(beirut, day),
        beirut.with_ymd_and_hms(2024, 3, 31, 1, 0, 0).unwrap().to_utc()
    );
    // St John's put them back at one minute past midnight, to the day before: the day that had begun did not end again.
    let st_johns = Tz::America__St_Johns;
    let again = at("2010-11-07T02:45:00Z");
    assert_eq!(
        utc_to_local(st_johns, again).date(),
        NaiveDate::from_ymd_opt(2010, 11, 6).unwrap()
    );
    assert_eq!(
        local_day(st_johns, again),
        NaiveDate::from_ymd_opt(2010, 11, 7).unwrap()
    );
}

pub fn schedule(json: serde_json::Value) -> Schedule {
    let rule = json!({ "trigger": { "schedule": json }, "actions": [] });
    match definition(rule).trigger {
        Trigger::Schedule(schedule) => schedule,
        other => panic!("{other:?}"),
    }
}

fn comings(json: serde_json::Value, zone: Tz, anchor: Instant, until: Instant) -> Vec<(String, String)> {
    let schedule = schedule(json);
    let timetable = Timetable::new(&schedule).unwrap();
    let all = timetable.comings(anchor, zone, anchor - Duration::days(400), until);
    // Asking for the next one time after time tells the same.
    let mut after = anchor - Duration::days(400);
    for coming in &all {
        let next = timetable.next(anchor, zone, after).unwrap();
        assert_eq!(next.due, coming.due);
        after = next.due;
        if all.iter().filter(|other| other.due == coming.due).count() > 1 {
            return all
                .iter()
                .map(|coming| (coming.slot.clone(), coming.due.to_rfc3339()))
                .collect();
        }
    }
    assert!(timetable.next(anchor, zone, after).is_none_or(|next| next.due > until));
    all.into_iter()
        .map(|coming| {
            (
                coming.slot,
                utc_to_local(zone, coming.due).format("%Y-%m-%d %H:%M").to_string(),
            )
        })
        .collect()
}

pub fn times(json: serde_json::Value, from: &str, until: &str) -> Vec<String> {
    comings(json, STOCKHOLM, local(from), local(until))
        .into_iter()
        .map(|(_, time)| time)
        .collect()
}

#[test]
fn half_past_two_comes_once_at_each_clock_change() {
    let daily = json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY", "slots": [{ "key": "night", "at": "02:30" }] });
    assert_eq!(
        times(daily.clone(), "2027-03-27 00:00", "2027-03-29 23:00"),
        ["2027-03-27 02:30", "2027-03-28 03:00", "2027-03-29 02:30"]
    );
    let back = schedule(daily);
    let timetable = Timetable::new(&back).unwrap();
    let due: Vec<Instant> = timetable
        .comings(
            local("2027-10-30 00:00"),
            STOCKHOLM,
            local("2027-10-30 00:00"),
            local("2027-11-01 12:00"),
        )
        .into_iter()
        .map(|coming| coming.due)
        .collect();
    assert_eq!(
        due,
        [
            at("2027-10-30T00:30:00Z"),
            at("2027-10-31T00:30:00Z"),
            at("2027-11-01T01:30:00Z")
        ]
    );
}

#[test]
fn every_two_weeks_from_the_start_and_every_other_monday() {
    let from_start = json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;INTERVAL=14", "slots": [{ "key": "a", "at": "09:30" }] });
    // A Wednesday.
    assert_eq!(
        times(from_start, "2027-03-10 15:00", "2027-04-20 00:00"),
        ["2027-03-10 09:30", "2027-03-24 09:30", "2027-04-07 09:30"]
    );
    let mondays = json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "slots": [{ "key": "a", "at": "09:30" }] });
    // The Monday of the start's own week is past; every other week counts from that one.
    assert_eq!(
        times(mondays, "2027-03-10 15:00", "2027-04-20 00:00"),
        ["2027-03-22 09:30", "2027-04-05 09:30", "2027-04-19 09:30"]
    );
}

#[test]
fn counts_ends_leap_days_and_month_ends() {
    let anchor = json!({ "enrollmentStart": {} });
    let slots = json!([{ "key": "a", "at": "08:00" }]);
    let with = |repeat: &str| json!({ "anchor": anchor, "repeat": repeat, "slots": slots });
    assert_eq!(
        times(
            with("FREQ=WEEKLY;BYDAY=MO;COUNT=2"),
            "2027-03-01 00:00",
            "2028-01-01 00:00"
        ),
        ["2027-03-01 08:00", "2027-03-08 08:00"]
    );
    assert_eq!(
        times(
            with("FREQ=DAILY;UNTIL=20270302"),
            "2027-03-01 00:00",
            "2028-01-01 00:00"
        ),
        ["2027-03-01 08:00", "2027-03-02 08:00"]
    );
    assert_eq!(
        times(
            with("FREQ=DAILY;UNTIL=20270302T000000Z"),
            "2027-03-01 00:00",
            "2028-01-01 00:00"
        )
        .len(),
        2
    );
    assert_eq!(
        times(
            with("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"),
            "2027-03-01 00:00",
            "2033-01-01 00:00"
        ),
        ["2028-02-29 08:00", "2032-02-29 08:00"]
    );
    assert_eq!(
        times(
            with("FREQ=MONTHLY;BYMONTHDAY=-1"),
            "2027-01-01 00:00",
            "2027-03-31 23:00"
        ),
        ["2027-01-31 08:00", "2027-02-28 08:00", "2027-03-31 08:00"]
    );
    // 2026 has a week 53, 2027 none.
    assert_eq!(
        times(
            with("FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO"),
            "2026-01-01 00:00",
            "2030-01-01 00:00"
        ),
        ["2026-12-28 08:00"]
    );
    // An end twelve weeks after the start leaves six rounds of two weeks, whatever the time of the start.
    let until = json!({ "anchor": anchor, "repeat": "FREQ=DAILY;INTERVAL=14", "slots": slots, "until": "P12W" });
    assert_eq!(times(until.clone(), "2027-01-04 15:00", "2028-01-01 00:00").len(), 6);
    assert_eq!(times(until, "2027-01-04 00:00", "2028-01-01 00:00").len(), 6);
}

#[test]
fn slots_before_a_planned_end_and_without_a_time_of_day() {
    let before =
        json!({ "anchor": { "enrollmentEnd": {} }, "slots": [{ "key": "a", "offset": "-P3D", "at": "10:00" }] });
    assert_eq!(
        times(before, "2027-03-30 16:00", "2028-01-01 00:00"),
        ["2027-03-27 10:00"]
    );
    let after = json!({ "anchor": { "formSent": { "form": "f" } }, "slots": [{ "key": "a", "offset": "P1D" }, { "key": "b", "offset": "PT24H" }] });
    // A day later at the same time, and twenty-four hours later, over the change to summer time.
    let told = comings(after, STOCKHOLM, local("2027-03-27 12:00"), local("2027-04-01 00:00"));
    assert_eq!(
        told,
        [
            ("a".to_owned(), "2027-03-28 12:00".to_owned()),
            ("b".to_owned(), "2027-03-28 13:00".to_owned())
        ]
    );
}

/// 36 times at set minutes of one week, and again every twelve weeks, for a year: against a timetable made by hand.
#[test]
fn a_diary_study_of_a_year() {
    let minutes: Vec<i64> = (0..36).map(|n| 2_006 + n * 219).collect();
    let slots: Vec<_> = minutes
        .iter()
        .map(|minute| {
            let at = format!("{:02}:{:02}", minute % 1_440 / 60, minute % 60);
            json!({ "key": format!("m{minute}"), "offset": format!("P{}D", minute / 1_440), "at": at })
        })
        .collect();
    let study = json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=WEEKLY;INTERVAL=12", "slots": slots });
    let start = local("2027-01-11 00:00");
    let told: Vec<String> = comings(study, STOCKHOLM, start, local("2028-01-10 00:00"))
        .into_iter()
        .map(|(_, time)| time)
        .collect();
    let day_zero = NaiveDate::from_ymd_opt(2027, 1, 11).unwrap().and_time(NaiveTime::MIN);
    let expected: Vec<String> = (0..5)
        .flat_map(|round| {
            minutes
                .iter()
                .map(move |minute| day_zero + Duration::days(84 * round) + Duration::minutes(*minute))
        })
        .filter(|time| *time <= NaiveDate::from_ymd_opt(2028, 1, 10).unwrap().and_time(NaiveTime::MIN))
        .map(|time| time.format("%Y-%m-%d %H:%M").to_string())
        .collect();
    assert_eq!(told, expected);
    assert_eq!(told.len(), 180);
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn any_period_is_read_as_it_is_written(months in -1_200..=1_200_i32, days in -36_525..=36_525_i32, seconds in -3_155_760_000_i64..=3_155_760_000) {
        let sign = if months != 0 { months.signum() } else { days.signum() };
        let seconds = if sign == 0 { seconds } else { seconds.abs() * i64::from(sign) };
        let period = Period { months: months.abs() * sign, days: days.abs() * sign, seconds };
        prop_assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
        // Nothing overflows, at either end of time.
        for instant in [Instant::MIN_UTC, at("2027-03-28T00:30:00Z"), Instant::MAX_UTC] {
            let moved = period.add_to(instant, STOCKHOLM);
            if !period.is_zero() && instant == at("2027-03-28T00:30:00Z") {
                prop_assert_eq!(moved < instant, period.is_negative());
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}", rule in "(FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)|INTERVAL=[0-9]{1,5}|COUNT=[0-9]{1,4}|BYDAY=-?[0-9]?(MO|SU)|BYMONTHDAY=-?[0-9]{1,2}|BYYEARDAY=-?[0-9]{1,3}|BYSETPOS=-?[0-9]|BYWEEKNO=-?[0-9]{1,2}|BYMONTH=[0-9]{1,2}|;){1,9}", typo in any::<(Index, char)>()) {
        let _ = (text.parse::<Period>(), text.parse::<LocalTime>(), text.parse::<Repeat>());
        let mut mistyped: Vec<char> = rule.chars().collect();
        mistyped.insert(typo.0.index(mistyped.len() + 1), typo.1);
        let _ = String::from_iter(mistyped).parse::<Repeat>();
        if rule.parse::<Repeat>().is_ok_and(|repeat| repeat.check().is_ok()) {
            let schedule = schedule(json!({ "anchor": { "enrollmentStart": {} }, "repeat": rule, "slots": [{ "key": "a", "at": "09:00" }] }));
            let timetable = Timetable::new(&schedule).unwrap();
            let start = local("2027-01-31 12:00");
            let told = timetable.comings(start, STOCKHOLM, local("2029-01-01 00:00"), local("2029-06-01 00:00"));
            prop_assert!(told.windows(2).all(|two| two[0].due < two[1].due));
            // Brought forward or not, the days are the same.
            let from_the_start = timetable.comings(start, STOCKHOLM, start - Duration::days(1), local("2029-06-01 00:00"));
            let later: Vec<_> = from_the_start.into_iter().filter(|coming| coming.due > local("2029-01-01 00:00")).collect();
            prop_assert_eq!(told, later);
        }
    }

    #[test]
    fn local_times_mean_instants_in_their_order(zone in prop::sample::select(vec![STOCKHOLM, Tz::Australia__Lord_Howe, Tz::America__Havana, Tz::Asia__Beirut, Tz::UTC, Tz::Africa__Casablanca]), minute in 0..30_000_000_i64, more in 0..3_000_i64) {
        let wall = NaiveDate::from_ymd_opt(1990, 1, 1).unwrap().and_time(NaiveTime::MIN) + Duration::minutes(minute);
        let instant = local_to_utc(zone, wall);
        prop_assert!(instant <= local_to_utc(zone, wall + Duration::minutes(more)));
        // What exists means itself; what does not, the first after it.
        prop_assert!(utc_to_local(zone, instant) >= wall);
        prop_assert_eq!(utc_to_local(zone, instant) == wall, zone.from_local_datetime(&wall).earliest().is_some());
        prop_assert!(local_day(zone, instant) <= local_day(zone, instant + Duration::minutes(more)));
    }
}
