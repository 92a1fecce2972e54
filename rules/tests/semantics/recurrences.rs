//! Recurrence rules: which are refused, and what they come to at their edges.

use crate::{
    common::{STOCKHOLM, local},
    time::{schedule, times},
};
use rules::recurrence::{Repeat, Timetable};
use serde_json::json;

#[test]
fn recurrences_that_make_no_sense_are_refused() {
    for rule in [
        "",
        "FREQ=HOURLY",
        "FREQ=MINUTELY;INTERVAL=5",
        "FREQ=DAILY;BYHOUR=8",
        "FREQ=DAILY;BYSECOND=1",
        "FREQ=FORTNIGHTLY",
        "every monday",
        "FREQ=DAILY;COUNT=1001",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;UNTIL=soon",
        "FREQ=DAILY;UNTIL=20271301",
        "FREQ=DAILY;UNTIL=20270101;UNTIL=20270102",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        "FREQ=WEEKLY;INTERVAL=2;BYMONTH=2",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY\nRRULE:FREQ=DAILY",
        "DTSTART:20270101T000000Z\nRRULE:FREQ=DAILY",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=DAILY;BYEASTER=1",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        // No ASCII, and what stands before a weekday without being its number.
        "FREQ=WEEKLY;BYDAY=ɰɳH",
        "FREQ=WEEKLY;BYDAY=MÅ",
        "FREQ=DAıLY",
        "FREQ=WEEKLY;BYDAY=0MO",
        "FREQ=MONTHLY;BYDAY=TU,LASTFR",
        "FREQ=MONTHLY;BYDAY=1.MO",
        "FREQ=YEARLY;BYDAY=99999MO",
        // From some starts these never come.
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;INTERVAL=2;BYYEARDAY=366",
        "FREQ=YEARLY;INTERVAL=2;BYWEEKNO=53;BYDAY=MO",
        "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYDAY=5MO",
        "FREQ=MONTHLY;INTERVAL=2;BYMONTH=1",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31",
        "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=-30",
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=5MO",
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=-5FR;COUNT=3",
    ] {
        assert!(
            rule.parse::<Repeat>().and_then(|repeat| repeat.check()).is_err(),
            "{rule}"
        );
    }
    for rule in [
        "FREQ=DAILY",
        "freq=weekly;byday=mo",
        "RRULE:FREQ=DAILY;INTERVAL=84",
        "FREQ=MONTHLY;BYDAY=1MO",
        "FREQ=WEEKLY;INTERVAL=12;WKST=SU",
        "FREQ=MONTHLY;BYMONTHDAY=31",
        "FREQ=MONTHLY;INTERVAL=3",
        "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=-1;COUNT=4",
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=4MO",
        "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=28,31",
        "FREQ=YEARLY;INTERVAL=2;BYMONTH=12;BYMONTHDAY=31",
        "FREQ=YEARLY;INTERVAL=5;BYYEARDAY=-1",
        "FREQ=YEARLY;INTERVAL=2;BYMONTH=5;BYDAY=-1FR",
    ] {
        let checked = rule.parse::<Repeat>().and_then(|repeat| repeat.check());
        assert!(checked.is_ok(), "{rule}: {checked:?}");
    }
}

#[test]
fn a_weekday_that_was_stored_before_it_was_refused_is_followed_as_ever() {
    let mondays = json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=WEEKLY;BYDAY=0MO;COUNT=2", "slots": [{ "key": "a", "at": "09:00" }] });
    assert_eq!(
        times(mondays, "2027-01-04 08:00", "2027-02-01 00:00"),
        ["2027-01-04 09:00", "2027-01-11 09:00"]
    );
    let read: Repeat = "FREQ=WEEKLY;BYDAY=MO, 0TH".parse().unwrap();
    let message = read.check().unwrap_err().to_string();
    assert!(message.starts_with("“0TH” is not a weekday"), "{message}");
}

#[test]
fn an_end_counts_the_day_on_which_a_slot_comes() {
    let anchor = json!({ "enrollmentStart": {} });
    // Thirty hours after each day's eight o'clock: on the next day at two in the afternoon.
    let until = json!({ "anchor": anchor, "repeat": "FREQ=DAILY", "slots": [{ "key": "a", "offset": "PT30H" }], "until": "P3D" });
    assert_eq!(
        times(until, "2027-01-04 08:00", "2027-02-01 00:00"),
        ["2027-01-05 14:00", "2027-01-06 14:00"]
    );
}

#[test]
fn an_end_in_days_counts_elapsed_time_where_there_is_no_time_of_day() {
    let anchor = json!({ "enrollmentStart": {} });
    let slots = json!([{ "key": "later", "offset": "PT20H" }, { "key": "morning", "offset": "P1D", "at": "08:00" }]);
    // Twenty hours are less than a day; eight in the morning is on the day on which it ends.
    assert_eq!(
        times(
            json!({ "anchor": anchor, "slots": slots, "until": "P1D" }),
            "2027-01-04 14:00",
            "2027-02-01 00:00"
        ),
        ["2027-01-05 10:00"]
    );
}

#[test]
fn a_month_after_several_days_is_one_occurrence() {
    let monthly = json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;COUNT=4", "slots": [{ "key": "a", "offset": "P1M", "at": "08:00" }] });
    assert_eq!(
        times(monthly, "2027-01-28 07:00", "2027-04-01 00:00"),
        ["2027-02-28 08:00"]
    );
}

#[test]
fn the_second_of_some_days_of_a_week_stays_the_second() {
    // From a Tuesday: the first week has Sunday alone of the two.
    let second = schedule(
        json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=WEEKLY;BYDAY=MO,SU;BYSETPOS=2", "slots": [{ "key": "a", "at": "08:00" }] }),
    );
    let timetable = Timetable::new(&second).unwrap();
    let start = local("2027-01-05 07:00");
    for after in ["2027-01-05 07:00", "2027-01-15 12:00", "2027-01-17 07:00"] {
        let next = timetable.next(start, STOCKHOLM, local(after));
        assert_eq!(
            next.map(|coming| coming.due),
            Some(local("2027-01-17 08:00")),
            "{after}"
        );
    }
}
