//! Rules triggered by planned times.

use rules::{
    evaluation::{State, evaluate},
    facts::{Dispatch, Status},
};
use serde_json::{Value, json};

use crate::common::*;

#[test]
fn schedules_fire_at_local_times_and_say_when_next() {
    let facts = started(STOCKHOLM, local("2027-03-26 07:00"));
    let told = at_once(&[daily(json!({ "catchUp": "ALL" }))], &facts, local("2027-03-28 12:00"));
    assert_eq!(
        fired(&told),
        ["2027-03-26 08:00", "2027-03-27 08:00", "2027-03-28 08:00"]
    );
    assert_eq!(told.wake_at, Some(local("2027-03-29 08:00")));
    assert_eq!(told.firings[0].occurrence, "enrollmentStart/morning/2027-03-26");
    // What would have come before the start, on its day, does not come.
    let late = started(STOCKHOLM, local("2027-03-26 09:00"));
    assert_eq!(
        fired(&at_once(&[daily(json!({}))], &late, local("2027-03-27 07:59"))),
        Vec::<String>::new()
    );
}

#[test]
fn catch_up_after_a_week_of_downtime() {
    let facts = started(STOCKHOLM, local("2027-01-04 07:00"));
    let now = local("2027-01-10 12:00");
    let fire = |limits: Value| fired(&at_once(&[daily(limits)], &facts, now));
    assert_eq!(fire(json!({ "catchUp": "SKIP" })), Vec::<String>::new());
    assert_eq!(fire(json!({ "catchUp": "ONCE" })), ["2027-01-10 08:00"]);
    assert_eq!(fire(json!({})), ["2027-01-10 08:00"]);
    assert_eq!(fire(json!({ "catchUp": "ALL" })).len(), 7);
    assert_eq!(
        fire(json!({ "catchUp": "ALL", "grace": "P2D" })),
        ["2027-01-09 08:00", "2027-01-10 08:00"]
    );
    assert_eq!(fire(json!({ "catchUp": "SKIP", "grace": "P1D" })), ["2027-01-10 08:00"]);
    assert_eq!(
        fire(json!({ "catchUp": "ONCE", "grace": "PT3H" })),
        Vec::<String>::new()
    );
    // What is on time needs no catching up, and nothing late fires beside it.
    let just_now = |limits: Value| fired(&at_once(&[daily(limits)], &facts, local("2027-01-10 08:14")));
    assert_eq!(just_now(json!({ "catchUp": "SKIP" })), ["2027-01-10 08:00"]);
    assert_eq!(
        just_now(json!({ "catchUp": "ONCE", "grace": "PT1M" })),
        ["2027-01-10 08:00"]
    );
}

#[test]
fn a_pause_holds_schedules_and_the_catch_up_decides_on_resume() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 07:00"));
    change(&mut facts, 1, local("2027-01-05 07:00"), Status::Paused);
    let paused = at_once(&[daily(json!({}))], &facts, local("2027-01-07 12:00"));
    assert_eq!(fired(&paused), ["2027-01-04 08:00"]);
    assert_eq!(paused.wake_at, None);
    change(&mut facts, 2, local("2027-01-08 07:00"), Status::Active);
    let resumed = |limits: Value| {
        let told = evaluate(&[daily(limits)], &facts, &paused.state, local("2027-01-08 07:00"));
        let occurrences = told
            .firings
            .iter()
            .map(|firing| firing.occurrence.rsplit('/').next().unwrap().to_owned());
        (fired(&told), occurrences.collect::<Vec<_>>())
    };
    assert_eq!(resumed(json!({ "catchUp": "SKIP" })).0, Vec::<String>::new());
    assert_eq!(
        resumed(json!({ "catchUp": "ONCE" })),
        (vec!["2027-01-08 07:00".to_owned()], vec!["2027-01-07".to_owned()])
    );
    assert_eq!(
        resumed(json!({ "catchUp": "ALL" })).1,
        ["2027-01-05", "2027-01-06", "2027-01-07"]
    );
    assert_eq!(
        resumed(json!({ "catchUp": "ALL", "grace": "P2D" })).1,
        ["2027-01-06", "2027-01-07"]
    );
}

#[test]
fn a_planned_end_that_was_set_late_owns_only_what_follows() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    facts.ends_at = Some(local("2027-01-20 09:00"));
    let ending = rule(
        "ending",
        json!({
            "trigger": { "schedule": { "anchor": { "enrollmentEnd": {} }, "slots": [{ "key": "week", "offset": "-P7D", "at": "10:00" }, { "key": "days", "offset": "-P3D", "at": "10:00" }] } },
            "actions": [], "limits": { "catchUp": "ALL" }
        }),
    );
    assert_eq!(
        at_once(std::slice::from_ref(&ending), &facts, local("2027-01-04 10:00")).wake_at,
        Some(local("2027-01-13 10:00"))
    );
    assert_eq!(
        fired(&at_once(
            std::slice::from_ref(&ending),
            &facts,
            local("2027-02-01 00:00")
        ))
        .len(),
        2
    );
    facts.ends_at_since = Some(local("2027-01-15 00:00"));
    assert_eq!(
        fired(&at_once(&[ending], &facts, local("2027-02-01 00:00"))),
        ["2027-01-17 10:00"]
    );
}

#[test]
fn the_clock_may_stand_still_or_go_back() {
    let facts = started(STOCKHOLM, local("2027-01-04 07:00"));
    let state = State {
        evaluated_until: local("2027-01-06 12:00"),
        rules: Default::default(),
    };
    for now in [local("2027-01-06 12:00"), local("2027-01-01 00:00")] {
        let told = evaluate(&[daily(json!({}))], &facts, &state, now);
        assert_eq!(
            (told.firings.len(), told.state.evaluated_until, told.wake_at),
            (0, state.evaluated_until, Some(local("2027-01-07 08:00")))
        );
    }
}

#[test]
fn an_anchor_that_was_dated_back_loses_no_slot() {
    // Sent at noon for seven in the morning, when the worker was back.
    let mut facts = started(STOCKHOLM, local("2027-01-04 06:00"));
    facts.dispatches.push(Dispatch {
        id: id(1),
        form: "measure".to_owned(),
        known_at: local("2027-01-04 12:00"),
        available_at: local("2027-01-04 07:00"),
        overdue_at: None,
        expires_at: None,
        completed_at: None,
        cancelled_at: None,
    });
    let hours = |hours: u32| json!({ "key": format!("h{hours}"), "offset": format!("PT{hours}H") });
    let after = |limits: Value| {
        let trigger = json!({ "schedule": { "anchor": { "formSent": { "form": "measure" } }, "slots": [hours(2), hours(3), hours(7)] } });
        rule("after", json!({ "trigger": trigger, "actions": [], "limits": limits }))
    };
    let judged = State {
        evaluated_until: local("2027-01-04 11:59"),
        rules: Default::default(),
    };
    for (limits, slots) in [
        (json!({ "catchUp": "ALL" }), vec!["h2", "h3"]),
        (json!({ "catchUp": "ONCE" }), vec!["h3"]),
        (json!({ "catchUp": "SKIP" }), vec![]),
        (json!({ "catchUp": "ALL", "grace": "PT2H" }), vec!["h3"]),
    ] {
        let rules = [after(limits.clone())];
        let told = evaluate(&rules, &facts, &judged, local("2027-01-04 12:05"));
        let occurrences: Vec<String> = told.firings.iter().map(|firing| firing.occurrence.clone()).collect();
        let expected: Vec<String> = slots
            .iter()
            .map(|slot| format!("{}/{slot}/2027-01-04", id(1)))
            .collect();
        assert_eq!(occurrences, expected, "{limits}");
        assert!(told.firings.iter().all(|firing| firing.at == local("2027-01-04 12:00")));
        assert_eq!(told.wake_at, Some(local("2027-01-04 14:00")));
        let later = evaluate(&rules, &facts, &told.state, local("2027-01-04 14:00"));
        assert_eq!(fired(&later), ["2027-01-04 14:00"]);
    }
    // Nobody knew of it before: neither does the evaluation, which asks to be woken.
    let before = evaluate(&[after(json!({}))], &facts, &judged, local("2027-01-04 11:59"));
    assert_eq!(
        (before.firings.len(), before.wake_at),
        (0, Some(local("2027-01-04 12:00")))
    );
}
