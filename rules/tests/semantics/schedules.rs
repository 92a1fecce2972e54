//! Rules triggered by planned times.

use rules::{
    definition::Trigger,
    evaluation::{ActiveRule, State},
    facts::{Dated, Dispatch, Event, EventKind, Facts, Module, Status},
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
    let planned = |at: &str| Dated {
        at: local(at),
        value: Some(local("2027-01-20 09:00")),
    };
    facts.ends = vec![planned("2027-01-04 09:00")];
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
    facts.ends = vec![planned("2027-01-15 00:00")];
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

#[test]
fn a_slot_that_fired_is_done_for_its_day_also_where_an_edit_moves_it() {
    let facts = started(STOCKHOLM, local("2027-01-04 07:00"));
    let at = |time: &str, condition: Value, limits: Value| {
        rule(
            "daily",
            json!({
                "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY", "slots": [{ "key": "morning", "at": time }] } },
                "condition": condition, "actions": [], "limits": limits
            }),
        )
    };
    let edited = |old: ActiveRule, new: ActiveRule, edit: &str| {
        let (old, new) = (
            ActiveRule {
                effective_until: Some(local(edit)),
                ..old
            },
            ActiveRule {
                effective_from: local(edit),
                ..new
            },
        );
        // Looked at when due and after the edit, and all at once.
        let rules = [old, new];
        let mut state = fresh(&facts);
        let mut told = Vec::new();
        for now in [
            "2027-01-04 08:00",
            edit,
            "2027-01-04 17:00",
            "2027-01-05 08:00",
            "2027-01-05 17:00",
        ] {
            let one = evaluate(&rules, &facts, &state, local(now));
            told.extend(fired(&one));
            state = one.state;
        }
        assert_eq!(fired(&at_once(&rules, &facts, local("2027-01-05 17:00"))), told);
        told
    };
    let always = json!({ "all": [] });
    let all = || json!({ "catchUp": "ALL" });
    assert_eq!(
        edited(
            at("08:00", always.clone(), all()),
            at("17:00", always.clone(), all()),
            "2027-01-04 12:00"
        ),
        ["2027-01-04 08:00", "2027-01-05 17:00"]
    );
    // It counts for no limit.
    let capped = || json!({ "catchUp": "ALL", "maxFirings": 2, "cooldown": "PT20H" });
    assert_eq!(
        edited(
            at("08:00", always.clone(), capped()),
            at("17:00", always.clone(), capped()),
            "2027-01-04 12:00"
        ),
        ["2027-01-04 08:00", "2027-01-05 17:00"]
    );
    // What was due and did not fire may come at its new time.
    assert_eq!(
        edited(
            at("08:00", score_at_least(1), all()),
            at("17:00", always.clone(), all()),
            "2027-01-04 12:00"
        ),
        ["2027-01-04 17:00", "2027-01-05 17:00"]
    );
    // And what is moved before it is due comes once, at its new time.
    assert_eq!(
        edited(
            at("18:00", always.clone(), all()),
            at("17:00", always, all()),
            "2027-01-04 12:00"
        ),
        ["2027-01-04 17:00", "2027-01-05 17:00"]
    );
}

#[test]
fn what_fired_is_forgotten_after_a_month() {
    let facts = started(STOCKHOLM, local("2027-01-04 07:00"));
    let edit = local("2027-02-01 00:00");
    let morning = daily(json!({ "catchUp": "ALL" }));
    let mut evening = ActiveRule {
        effective_from: edit,
        ..morning.clone()
    };
    let mut definition = (*morning.definition).clone();
    if let Trigger::Schedule(schedule) = &mut definition.trigger {
        schedule.slots[0].key = "evening".to_owned();
    }
    evening.definition = definition.into();
    let rules = [
        ActiveRule {
            effective_until: Some(edit),
            ..morning
        },
        evening,
    ];
    let done = |until: &str| -> Vec<String> {
        let told = at_once(&rules, &facts, local(until));
        told.state.rules["daily"].done.keys().cloned().collect()
    };
    let both = ["enrollmentStart/evening", "enrollmentStart/morning"];
    assert_eq!(done("2027-03-03 00:00"), both);
    assert_eq!(done("2027-03-05 00:00"), both[..1]);
}

#[test]
fn a_planned_end_that_moves_takes_its_slots_along() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    let planned = |at: &str, end: Option<&str>| Dated {
        at: local(at),
        value: end.map(local),
    };
    facts.ends = vec![
        planned("2027-01-04 09:00", Some("2027-01-20 09:00")),
        planned("2027-01-18 09:00", Some("2027-01-30 09:00")),
        planned("2027-01-25 09:00", None),
        planned("2027-01-26 09:00", Some("2027-01-31 09:00")),
    ];
    let slot = |days: u32| json!({ "key": format!("d{days}"), "offset": format!("-P{days}D"), "at": "10:00" });
    let trigger = json!({ "schedule": { "anchor": { "enrollmentEnd": {} }, "slots": [slot(7), slot(1)] } });
    let rules = [rule(
        "ending",
        json!({ "trigger": trigger, "actions": [], "limits": { "catchUp": "ALL" } }),
    )];
    // Seven days before the first end, and before the second; one day before the last.
    let expected = ["2027-01-13 10:00", "2027-01-23 10:00", "2027-01-30 10:00"];
    assert_eq!(fired(&at_once(&rules, &facts, local("2027-02-10 00:00"))), expected);
    // While no end is planned there is nothing to wait for.
    let without = at_once(
        &rules,
        &Facts {
            ends: facts.ends[..3].to_vec(),
            ..facts.clone()
        },
        local("2027-01-25 12:00"),
    );
    assert_eq!(without.wake_at, None);
}

#[test]
fn what_was_taken_back_is_counted_from_no_longer() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 06:00"));
    let dispatch = |number: u128, cancelled: &str| Dispatch {
        id: id(number),
        form: "measure".to_owned(),
        known_at: local("2027-01-04 06:00"),
        available_at: local("2027-01-06 08:00"),
        overdue_at: None,
        expires_at: None,
        completed_at: None,
        cancelled_at: Some(local(cancelled)),
    };
    // Before it could be answered, and after.
    facts.dispatches = vec![dispatch(1, "2027-01-05 12:00"), dispatch(2, "2027-01-06 12:00")];
    let slots = json!([{ "key": "after", "offset": "P1D" }]);
    let after = |anchor: Value| {
        let trigger = json!({ "schedule": { "anchor": anchor, "slots": slots } });
        [rule(
            "after",
            json!({ "trigger": trigger, "actions": [], "limits": { "catchUp": "ALL" } }),
        )]
    };
    let told = at_once(
        &after(json!({ "formSent": { "form": "measure" } })),
        &facts,
        local("2027-01-10 00:00"),
    );
    let occurrences: Vec<String> = told.firings.into_iter().map(|firing| firing.occurrence).collect();
    assert_eq!(occurrences, [format!("{}/after/2027-01-07", id(2))]);
    // An answer that is amended stays one; one that is void is counted from no longer.
    submit(&mut facts, 3, "measure", local("2027-01-06 09:00"), &[], 0);
    submit(&mut facts, 4, "measure", local("2027-01-06 15:00"), &[], 0);
    facts.responses[0].superseded_at = Some(local("2027-01-06 15:00"));
    facts.responses[1].answered_at = local("2027-01-06 09:00");
    let completed = |facts: &Facts| {
        let rules = after(json!({ "formCompleted": { "form": "measure" } }));
        fired(&at_once(&rules, facts, local("2027-01-10 00:00")))
    };
    assert_eq!(completed(&facts), ["2027-01-07 09:00"]);
    facts.responses[1].superseded_at = Some(local("2027-01-06 16:00"));
    assert_eq!(completed(&facts), Vec::<String>::new());
}

#[test]
fn a_schedule_carries_the_depth_of_what_it_counts_from() {
    // A rule that sends a form a day after it was sent causes itself, however slowly.
    let mut facts = started(STOCKHOLM, local("2027-01-04 06:00"));
    let trigger = json!({ "schedule": { "anchor": { "formSent": { "form": "measure" } }, "slots": [{ "key": "again", "offset": "P1D" }] } });
    let rules = [rule("again", json!({ "trigger": trigger, "actions": [] }))];
    let (mut state, mut depths) = (fresh(&facts), Vec::new());
    let sent = |facts: &mut Facts, at, depth| {
        facts.dispatches.push(Dispatch {
            id: id(u128::from(depth)),
            form: "measure".to_owned(),
            known_at: at,
            available_at: at,
            overdue_at: None,
            expires_at: None,
            completed_at: None,
            cancelled_at: None,
        });
        // Only what has a depth is kept for as long.
        facts.events.retain(|event| event.depth > 0);
        facts.events.push(Event {
            id: id(100 + u128::from(depth)),
            at,
            depth,
            kind: EventKind::FactChanged,
        });
    };
    sent(&mut facts, local("2027-01-04 08:00"), 0);
    let mut now = local("2027-01-04 08:00");
    for _ in 0..20 {
        let told = evaluate(&rules, &facts, &state, now);
        state = told.state;
        for firing in told.firings {
            depths.push((firing.depth, firing.refused));
            if !firing.refused {
                sent(&mut facts, firing.at + chrono::Duration::microseconds(1), firing.depth);
                now = firing.at + chrono::Duration::microseconds(1);
            }
        }
        match evaluate(&rules, &facts, &state, now).wake_at {
            Some(wake_at) => now = wake_at,
            None => break,
        }
    }
    assert_eq!(
        depths,
        [(1, false), (2, false), (3, false), (4, false), (5, false), (6, true)]
    );
}

#[test]
fn a_planned_start_that_was_dated_back_loses_no_slot() {
    // Planned for seven, made at noon, and judged as planned in between.
    let (planned, known) = (local("2027-01-04 07:00"), local("2027-01-04 12:00"));
    let mut facts = started(STOCKHOLM, planned);
    facts.started_known_at = Some(known);
    facts.statuses.insert(
        0,
        Dated {
            at: local("2027-01-01 07:00"),
            value: Status::Planned,
        },
    );
    facts.modules = vec![Module {
        key: "first".to_owned(),
        opened: vec![planned],
        visible: Vec::new(),
        sections: Vec::new(),
    }];
    let judged = State {
        evaluated_until: local("2027-01-04 11:59"),
        rules: Default::default(),
    };
    for anchor in [
        json!({ "enrollmentStart": {} }),
        json!({ "moduleOpened": { "module": "first" } }),
    ] {
        let slots = json!([{ "key": "start", "offset": "PT0S" }, { "key": "later", "offset": "PT6H" }]);
        let trigger = json!({ "schedule": { "anchor": anchor, "slots": slots } });
        let rules = [rule(
            "after",
            json!({ "trigger": trigger, "actions": [], "limits": { "catchUp": "ALL" } }),
        )];
        let told = evaluate(&rules, &facts, &judged, local("2027-01-04 14:00"));
        let fired: Vec<_> = told.firings.iter().map(|firing| firing.at).collect();
        assert_eq!(fired, [known, local("2027-01-04 13:00")], "{anchor}");
        // It has been judged: nothing comes twice.
        let again = evaluate(&rules, &facts, &told.state, local("2027-01-04 15:00"));
        assert_eq!((again.firings.len(), again.wake_at), (0, None), "{anchor}");
        // Before it was known there was nothing but to wait for it.
        let early = evaluate(&rules, &facts, &judged, local("2027-01-04 11:59"));
        assert_eq!((early.firings.len(), early.wake_at), (0, Some(known)), "{anchor}");
    }
}
