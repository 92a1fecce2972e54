//! Planned activities that passed without a registration.

use chrono::{Duration, NaiveDate};
use chrono_tz::Tz;
use rules::{
    answer::Answer,
    as_of::AsOf,
    condition::next_change,
    definition::{Compare, Condition},
    facts::{Dated, DayException, PlannedActivity},
    form::Operator,
};
use serde_json::json;

use crate::{
    common::*,
    facts::{number, value},
};

fn planned(starts_on: &str, repeat: Option<&str>, known_at: &str) -> PlannedActivity {
    PlannedActivity {
        id: id(1),
        known_at: local(known_at),
        ended_at: None,
        starts_on: starts_on.parse().unwrap(),
        repeat: repeat.map(|repeat| repeat.parse().unwrap()),
        entries: Vec::new(),
        exceptions: Vec::new(),
    }
}

fn registered(day: &str, at: &str) -> Dated<NaiveDate> {
    Dated {
        at: local(at),
        value: day.parse().unwrap(),
    }
}

#[test]
fn missed_activities_of_the_last_days() {
    let missed = |planned: &PlannedActivity, days: u32, at: &str| {
        let mut facts = started(STOCKHOLM, local("2027-01-01 09:00"));
        facts.planned.push(planned.clone());
        number(&facts, json!({ "missedActivities": { "days": days } }), at).unwrap()
    };
    let daily = planned("2027-01-04", Some("FREQ=DAILY"), "2027-01-02 12:00");
    assert_eq!(missed(&daily, 7, "2027-01-04 23:59"), 0.0, "today is not counted");
    assert_eq!(missed(&daily, 7, "2027-01-05 00:00"), 1.0);
    assert_eq!(missed(&daily, 7, "2027-01-11 00:00"), 7.0);
    assert_eq!(missed(&daily, 7, "2027-02-11 00:00"), 7.0);
    assert_eq!(missed(&daily, 3, "2027-02-11 00:00"), 3.0);
    let once = planned("2027-01-04", None, "2027-01-02 12:00");
    assert_eq!(missed(&once, 2, "2027-01-05 12:00"), 1.0);
    assert_eq!(missed(&once, 2, "2027-01-06 23:59"), 1.0);
    assert_eq!(missed(&once, 2, "2027-01-07 00:00"), 0.0, "out of the last two days");

    // Registered late, it is no longer missed, from then on.
    let late = PlannedActivity {
        entries: vec![
            registered("2027-01-05", "2027-01-05 18:00"),
            registered("2027-01-04", "2027-01-07 08:00"),
        ],
        ..daily.clone()
    };
    let told = ["2027-01-06 00:00", "2027-01-07 07:59", "2027-01-07 08:00"].map(|at| missed(&late, 7, at));
    assert_eq!(told, [1.0, 2.0, 1.0]);

    // An activity of a plan that ended during its day was not missed; those before were.
    let ended = PlannedActivity {
        ended_at: Some(local("2027-01-06 12:00")),
        ..daily.clone()
    };
    assert_eq!(missed(&ended, 7, "2027-01-09 00:00"), 2.0);
    let at_midnight = PlannedActivity {
        ended_at: Some(local("2027-01-07 00:00")),
        ..daily.clone()
    };
    assert_eq!(missed(&at_midnight, 7, "2027-01-09 00:00"), 3.0);

    // Dated back, the days that were over before anybody knew of it were not missed; that of the planning can be.
    let dated_back = planned("2027-01-04", Some("FREQ=DAILY"), "2027-01-06 12:00");
    let told = ["2027-01-06 11:59", "2027-01-06 12:00", "2027-01-07 00:00"].map(|at| missed(&dated_back, 7, at));
    assert_eq!(told, [0.0, 0.0, 1.0]);
}

#[test]
fn a_day_that_was_cancelled_or_moved_is_not_missed_where_it_was_planned() {
    let missed = |planned: &PlannedActivity, days: u32, at: &str| {
        let mut facts = started(STOCKHOLM, local("2027-01-01 09:00"));
        facts.planned.push(planned.clone());
        number(&facts, json!({ "missedActivities": { "days": days } }), at).unwrap()
    };
    let exception = |day: &str, to: Option<&str>, at: &str| Dated {
        at: local(at),
        value: DayException {
            day: day.parse().unwrap(),
            to: to.map(|to| to.parse().unwrap()),
        },
    };
    let with = |exceptions: Vec<Dated<DayException>>| PlannedActivity {
        exceptions,
        ..planned("2027-01-04", Some("FREQ=WEEKLY;BYDAY=MO"), "2027-01-02 12:00")
    };
    let cancelled = with(vec![exception("2027-01-04", None, "2027-01-04 10:00")]);
    assert_eq!(missed(&cancelled, 7, "2027-01-05 00:00"), 0.0);
    assert_eq!(missed(&cancelled, 7, "2027-01-12 00:00"), 1.0, "the next Monday comes");

    let moved = with(vec![exception("2027-01-04", Some("2027-01-06"), "2027-01-04 10:00")]);
    let told = ["2027-01-05 00:00", "2027-01-06 23:59", "2027-01-07 00:00"].map(|at| missed(&moved, 7, at));
    assert_eq!(told, [0.0, 0.0, 1.0]);
    // It keeps its name: registered by the day that it was planned on.
    let done = PlannedActivity {
        entries: vec![registered("2027-01-04", "2027-01-06 18:00")],
        ..moved.clone()
    };
    assert_eq!(missed(&done, 7, "2027-01-07 00:00"), 0.0);
    // The latest that was said of a day holds, and nothing of it before it was said.
    let twice = with(vec![
        exception("2027-01-04", None, "2027-01-04 10:00"),
        exception("2027-01-04", Some("2027-01-04"), "2027-01-08 10:00"),
    ]);
    let told = ["2027-01-08 09:59", "2027-01-08 10:00"].map(|at| missed(&twice, 7, at));
    assert_eq!(told, [0.0, 1.0]);
    // Missed on the day to which it was moved, it stays so when the activity ends before the day that it was planned on.
    let earlier = with(vec![exception("2027-01-11", Some("2027-01-06"), "2027-01-05 10:00")]);
    for ended_at in [None, Some(local("2027-01-07 10:00")), Some(local("2027-01-11 00:00"))] {
        let ended = PlannedActivity {
            ended_at,
            ..earlier.clone()
        };
        let told = ["2027-01-06 23:59", "2027-01-07 00:00", "2027-01-07 10:00"].map(|at| missed(&ended, 1, at));
        assert_eq!(told, [0.0, 1.0, 1.0], "{ended_at:?}");
    }
    // What was moved beyond the end comes no more.
    let ended = PlannedActivity {
        ended_at: Some(local("2027-01-05 12:00")),
        ..moved
    };
    assert_eq!(missed(&ended, 7, "2027-01-07 00:00"), 0.0);
}

#[test]
fn a_missed_activity_over_a_clock_change() {
    // The day of the change in Stockholm is 23 hours long; in Beirut it begins at 01:00.
    for (zone, over) in [
        (STOCKHOLM, "2027-03-28T22:00:00Z"),
        (Tz::Asia__Beirut, "2027-03-28T21:00:00Z"),
    ] {
        let mut facts = started(zone, at("2027-03-20T09:00:00Z"));
        let mut plan = planned("2027-03-28", None, "2027-03-21 00:00");
        plan.entries = Vec::new();
        facts.planned.push(plan);
        let missed = json!({ "missedActivities": { "days": 1 } });
        let (over, day) = (at(over), Duration::days(1));
        let tick = Duration::microseconds(1);
        let told = [over - tick, over, over + day - tick, over + day].map(|at| value(&facts, missed.clone(), at));
        assert_eq!(
            told,
            [0.0, 1.0, 1.0, 0.0].map(|missed| Some(Answer::Number(missed))),
            "{zone}"
        );
        let condition = Condition::Compare(Compare {
            fact: serde_json::from_value(missed).unwrap(),
            operator: Operator::Gte,
            value: Answer::Number(1.0),
        });
        assert_eq!(
            next_change(&condition, &AsOf::new(&facts, at("2027-03-27T12:00:00Z"))),
            Some(over)
        );
    }
}
