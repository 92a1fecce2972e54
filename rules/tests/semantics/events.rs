//! Rules triggered by what happens.

use chrono::Duration;
use chrono_tz::Tz;
use rules::{
    answer::Answer,
    evaluation::ActiveRule,
    facts::{Event, EventKind, FlagState, Status},
    trace::Verdict,
};
use serde_json::json;

use crate::common::*;

#[test]
fn an_answer_that_a_later_one_overtook_still_fires() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    submit(
        &mut facts,
        1,
        "measure",
        local("2027-01-05 10:00"),
        &[("total", 21.0)],
        0,
    );
    submit(
        &mut facts,
        2,
        "measure",
        local("2027-01-05 10:05"),
        &[("total", 3.0)],
        0,
    );
    let told = at_once(
        &[on_answer(score_at_least(20), json!({}))],
        &facts,
        local("2027-01-05 10:10"),
    );
    assert_eq!(fired(&told), ["2027-01-05 10:00"]);
    assert_eq!(told.firings[0].occurrence, id(100_001).to_string());
    assert_eq!(told.firings[0].depth, 1);
    // And so does the first of two at the same instant, whichever of them the list holds last.
    let mut same = started(STOCKHOLM, local("2027-01-04 09:00"));
    submit(
        &mut same,
        1,
        "measure",
        local("2027-01-05 10:00"),
        &[("total", 21.0)],
        0,
    );
    submit(&mut same, 2, "measure", local("2027-01-05 10:00"), &[("total", 3.0)], 0);
    let told = at_once(
        &[on_answer(score_at_least(20), json!({}))],
        &same,
        local("2027-01-05 10:10"),
    );
    assert_eq!(told.firings.len(), 1);
    // What has been judged is over.
    assert_eq!(
        evaluate(
            &[on_answer(score_at_least(20), json!({}))],
            &same,
            &told.state,
            local("2027-01-06 10:10")
        )
        .firings,
        []
    );
}

#[test]
fn missing_is_unknown_and_its_contrary_too() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    submit(&mut facts, 1, "measure", local("2027-01-05 10:00"), &[], 0);
    let not = json!({ "not": score_at_least(5) });
    assert_eq!(
        at_once(&[on_answer(not, json!({}))], &facts, local("2027-01-06 00:00")).firings,
        []
    );
    let exists = json!({ "compare": { "fact": { "score": { "form": "measure", "scale": "total" } }, "operator": "EXISTS", "value": false } });
    assert_eq!(
        at_once(&[on_answer(exists, json!({}))], &facts, local("2027-01-06 00:00"))
            .firings
            .len(),
        1
    );
    // One true part is enough for any, one false part for not all.
    let any = json!({ "any": [score_at_least(5), no_sign_in_for(1)] });
    assert_eq!(
        at_once(&[on_answer(any, json!({}))], &facts, local("2027-01-06 00:00"))
            .firings
            .len(),
        1
    );
    let not_all = json!({ "not": { "all": [score_at_least(5), no_sign_in_for(3)] } });
    assert_eq!(
        at_once(&[on_answer(not_all, json!({}))], &facts, local("2027-01-06 00:00"))
            .firings
            .len(),
        1
    );
}

#[test]
fn an_urgent_answer_outlives_any_downtime() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    submit(
        &mut facts,
        1,
        "measure",
        local("2027-01-05 10:00"),
        &[("total", 21.0)],
        0,
    );
    let rule = on_answer(score_at_least(20), json!({ "catchUp": "SKIP", "grace": "PT1H" }));
    assert_eq!(at_once(&[rule], &facts, local("2027-03-05 10:00")).firings.len(), 1);
}

#[test]
fn statuses_and_the_changes_of_status_themselves() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    change(&mut facts, 1, local("2027-01-05 09:00"), Status::Paused);
    submit(
        &mut facts,
        1,
        "measure",
        local("2027-01-05 10:00"),
        &[("total", 21.0)],
        0,
    );
    change(&mut facts, 2, local("2027-01-06 09:00"), Status::Active);
    change(&mut facts, 3, local("2027-01-07 09:00"), Status::Withdrawn);
    let now = local("2027-01-08 00:00");
    assert_eq!(
        at_once(&[on_answer(score_at_least(20), json!({}))], &facts, now).firings,
        []
    );
    let on = |event: &str| {
        let mut trigger = serde_json::Map::new();
        trigger.insert(event.to_owned(), json!({}));
        fired(&at_once(
            &[rule("on", json!({ "trigger": { "event": trigger }, "actions": [] }))],
            &facts,
            now,
        ))
    };
    assert_eq!(on("enrollmentPaused"), ["2027-01-05 09:00"]);
    assert_eq!(on("enrollmentEnded"), ["2027-01-07 09:00"]);
    // Coming back is no start, and the first start's event is not among these.
    assert_eq!(on("enrollmentStarted"), Vec::<String>::new());
    let mut begun = started(STOCKHOLM, local("2027-01-04 09:00"));
    begun.events.push(Event {
        id: id(9),
        at: local("2027-01-04 09:00"),
        depth: 0,
        kind: EventKind::StatusChanged(Status::Active),
    });
    let started_rule = rule(
        "on",
        json!({ "trigger": { "event": { "enrollmentStarted": {} } }, "actions": [] }),
    );
    assert_eq!(fired(&at_once(&[started_rule], &begun, now)), ["2027-01-04 09:00"]);
}

#[test]
fn what_causes_itself_is_refused() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    for depth in 3..7 {
        submit(
            &mut facts,
            u128::from(depth),
            "measure",
            local("2027-01-05 10:00") + Duration::minutes(i64::from(depth)),
            &[("total", 20.0)],
            depth,
        );
    }
    let told = at_once(
        &[on_answer(score_at_least(15), json!({}))],
        &facts,
        local("2027-01-06 00:00"),
    );
    let depths: Vec<(u32, bool)> = told
        .firings
        .iter()
        .map(|firing| (firing.depth, firing.refused))
        .collect();
    assert_eq!(depths, [(4, false), (5, false), (6, true), (7, true)]);
    assert_eq!(told.state.rules["on-answer"].firings, 2);
}

#[test]
fn times_of_day_are_compared_as_times() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    submit(&mut facts, 1, "measure", local("2027-01-05 10:00"), &[], 0);
    facts.responses[0]
        .answers
        .push(("time".to_owned(), Answer::Text("08:30:00".to_owned())));
    for (operator, value, fires) in [("EQ", "08:30", 1), ("GT", "08:30", 0), ("LTE", "08:30", 1)] {
        let fact = json!({ "answer": { "form": "measure", "item": "time" } });
        let condition = json!({ "compare": { "fact": fact, "operator": operator, "value": value } });
        let told = at_once(&[on_answer(condition, json!({}))], &facts, local("2027-01-06 00:00"));
        assert_eq!(told.firings.len(), fires, "{operator}");
    }
}

#[test]
fn a_trace_tells_every_comparison() {
    let mut facts = started(Tz::UTC, at("2027-01-04T09:00:00Z"));
    submit(
        &mut facts,
        1,
        "measure",
        at("2027-01-05T10:00:00Z"),
        &[("total", 21.0)],
        0,
    );
    facts.responses[0].answers.push(("q9".to_owned(), Answer::Number(2.0)));
    let risk = json!({ "compare": { "fact": { "answer": { "form": "measure", "item": "q9" } }, "operator": "GTE", "value": 2 } });
    let flag = json!({ "not": { "compare": { "fact": { "openFlag": { "kind": "risk" } }, "operator": "EQ", "value": true } } });
    let condition = json!({ "any": [risk, { "all": [score_at_least(22), flag, no_sign_in_for(1)] }] });
    let told = at_once(&[on_answer(condition, json!({}))], &facts, at("2027-01-06T00:00:00Z"));
    let lines = told.firings[0].trace.render("en");
    let read: Vec<String> = lines
        .iter()
        .map(|line| format!("{}{} [{:?}]", "  ".repeat(line.depth as usize), line.text, line.verdict))
        .collect();
    assert_eq!(
        read,
        [
            "At least one of these holds [True]",
            "  The answer to q9 in measure is 2, at least 2 [True]",
            "  Not all of this holds [False]",
            "    The score total of measure is 21, not at least 22 [False]",
            "    This does not hold, as it should be [True]",
            "      No flag of the kind risk is open [False]",
            "    The number of days since the last sign-in is 1, at least 1 [True]",
        ]
    );
    let swedish: Vec<String> = told.firings[0]
        .trace
        .render("sv-SE")
        .into_iter()
        .map(|line| line.text)
        .collect();
    assert_eq!(swedish[1], "Svaret på q9 i measure är 2, minst 2");
    assert_eq!(swedish[6], "Antalet dagar sedan senaste inloggningen är 1, minst 1");
    assert_eq!(lines[1].fact.as_deref(), Some("the answer to q9 in measure"));
    assert_eq!(lines[1].value, Some(Answer::Number(2.0)));
    assert_eq!(lines[0].verdict, Verdict::True);
    // A trace is stored as JSON and read again.
    let stored = serde_json::to_value(&told.firings[0].trace).unwrap();
    assert_eq!(
        serde_json::from_value::<rules::trace::Trace>(stored).unwrap(),
        told.firings[0].trace
    );
}

#[test]
fn an_event_may_be_dated_a_little_after_what_it_tells_of() {
    // A start that was made while a worker was judging, and one that was backdated.
    for late in [Duration::microseconds(3), Duration::days(56)] {
        let start = local("2027-01-04 09:00");
        let mut facts = started(STOCKHOLM, start);
        let kind = EventKind::StatusChanged(Status::Active);
        facts.events.push(Event {
            id: id(9),
            at: start + late,
            depth: 0,
            kind,
        });
        let rule = rule(
            "on",
            json!({ "trigger": { "event": { "enrollmentStarted": {} } }, "actions": [] }),
        );
        assert_eq!(at_once(&[rule], &facts, start + late).firings.len(), 1);
    }
}

#[test]
fn what_a_firing_changed_carries_its_depth_on() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    let raised_at = local("2027-01-05 10:00");
    facts.flags.push(flag(1, "risk", &[(raised_at, FlagState::Open)]));
    let event = |number, microseconds, depth, kind| {
        let at = raised_at + Duration::microseconds(microseconds);
        Event {
            id: id(number),
            at,
            depth,
            kind,
        }
    };
    facts.events = vec![
        event(1, 1, 3, EventKind::FactChanged),
        event(
            2,
            2,
            2,
            EventKind::FlagRaised {
                kind: "risk".to_owned(),
            },
        ),
    ];
    let open = json!({ "compare": { "fact": { "openFlag": { "kind": "risk" } }, "operator": "EQ", "value": true } });
    let told = at_once(
        &[whenever(open, json!({}), json!({}))],
        &facts,
        local("2027-01-06 00:00"),
    );
    assert_eq!(told.firings.iter().map(|firing| firing.depth).collect::<Vec<_>>(), [4]);
}

#[test]
fn a_flag_left_unhandled_fires_once_for_each_opening() {
    use FlagState::{Acknowledged, Open, Resolved};
    let start = local("2027-03-26 09:00");
    let unhandled = |after: &str| {
        let trigger = json!({ "event": { "flagUnhandled": { "kind": "risk", "after": after } } });
        rule("on", json!({ "trigger": trigger, "actions": [] }))
    };
    let with = |changes: &[(&str, FlagState)]| {
        let mut facts = started(STOCKHOLM, start);
        let changes: Vec<_> = changes.iter().map(|(at, state)| (local(at), *state)).collect();
        facts.flags.push(flag(7, "risk", &changes));
        facts
    };
    let told = |after: &str, changes: &[(&str, FlagState)]| {
        fired(&at_once(&[unhandled(after)], &with(changes), local("2027-04-10 00:00")))
    };
    // A day over the change to summer time is a day on the calendar.
    let raised = ("2027-03-27 12:00", Open);
    assert_eq!(told("P1D", &[raised]), ["2027-03-28 12:00"]);
    assert_eq!(told("PT24H", &[raised]), ["2027-03-28 13:00"]);
    // Handled just in time, or just too late.
    assert_eq!(
        told("P1D", &[raised, ("2027-03-28 12:00", Acknowledged)]),
        Vec::<String>::new()
    );
    assert_eq!(
        told("P1D", &[raised, ("2027-03-28 11:00", Resolved)]),
        Vec::<String>::new()
    );
    assert_eq!(
        told("P1D", &[raised, ("2027-03-28 12:01", Acknowledged)]),
        ["2027-03-28 12:00"]
    );
    // Opened again, it is left unhandled once more.
    let again = [raised, ("2027-03-29 08:00", Acknowledged), ("2027-03-30 08:00", Open)];
    let both = at_once(&[unhandled("P1D")], &with(&again), local("2027-04-10 00:00"));
    let occurrences: Vec<_> = both.firings.iter().map(|firing| firing.occurrence.clone()).collect();
    assert_eq!(occurrences, [1, 2].map(|n| format!("unhandled/{}/{n}", id(7))));
    assert_eq!(fired(&both), ["2027-03-28 12:00", "2027-03-31 08:00"]);

    // It is woken for, at that instant; an edit that gives more time neither takes it back nor repeats it.
    let facts = with(&[raised]);
    let before = at_once(&[unhandled("P1D")], &facts, local("2027-03-27 13:00"));
    assert_eq!(
        (before.firings.len(), before.wake_at),
        (0, Some(local("2027-03-28 12:00")))
    );
    let edit = local("2027-03-28 18:00");
    let old = ActiveRule {
        effective_until: Some(edit),
        ..unhandled("P1D")
    };
    let new = ActiveRule {
        effective_from: edit,
        ..unhandled("P2D")
    };
    let told = evaluate(
        &[old.clone(), new.clone()],
        &facts,
        &before.state,
        local("2027-04-10 00:00"),
    );
    assert_eq!(fired(&told), ["2027-03-28 12:00"]);
    // An edit before it was due owns it.
    let edit = local("2027-03-28 11:00");
    let (old, new) = (
        ActiveRule {
            effective_until: Some(edit),
            ..old
        },
        ActiveRule {
            effective_from: edit,
            ..new
        },
    );
    let told = evaluate(&[old, new], &facts, &before.state, local("2027-04-10 00:00"));
    assert_eq!(fired(&told), ["2027-03-29 12:00"]);
}

#[test]
fn a_flag_that_is_open_is_not_lost_to_a_shorter_time() {
    use FlagState::{Acknowledged, Open};
    let edit = local("2027-01-06 10:00");
    let told = |changes: &[(&str, FlagState)], former: serde_json::Value, limits: serde_json::Value| {
        let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
        let changes: Vec<_> = changes.iter().map(|(at, state)| (local(at), *state)).collect();
        facts.flags.push(flag(7, "risk", &changes));
        let on = |trigger: serde_json::Value, limits: serde_json::Value| {
            rule(
                "on",
                json!({ "trigger": { "event": trigger }, "actions": [], "limits": limits }),
            )
        };
        let old = ActiveRule {
            effective_until: Some(edit),
            ..on(former, limits)
        };
        let new = ActiveRule {
            effective_from: edit,
            ..on(
                json!({ "flagUnhandled": { "kind": "risk", "after": "PT4H" } }),
                json!({}),
            )
        };
        let end = local("2027-01-31 00:00");
        let rules = [old, new];
        let all = at_once(&rules, &facts, end);
        // However the time is cut.
        for cut in ["2027-01-05 11:00", "2027-01-06 10:00"] {
            let before = at_once(&rules, &facts, local(cut));
            let after = evaluate(&rules, &facts, &before.state, end);
            assert_eq!([before.firings, after.firings].concat(), all.firings, "{cut}");
        }
        fired(&all)
    };
    let of = |kind: &str, after: &str| json!({ "flagUnhandled": { "kind": kind, "after": after } });
    let raised = ("2027-01-05 10:00", Open);
    // Four hours were over long before; two days were not.
    assert_eq!(told(&[raised], of("risk", "P2D"), json!({})), ["2027-01-06 10:00"]);
    // Handled by then, or opened again a little before.
    let handled = ("2027-01-06 09:00", Acknowledged);
    assert_eq!(
        told(&[raised, handled], of("risk", "P2D"), json!({})),
        Vec::<String>::new()
    );
    assert_eq!(
        told(
            &[raised, handled, ("2027-01-06 09:30", Open)],
            of("risk", "P2D"),
            json!({})
        ),
        ["2027-01-06 13:30"]
    );
    // The version before judged it, and fired or was held back.
    assert_eq!(told(&[raised], of("risk", "PT5H"), json!({})), ["2027-01-05 15:00"]);
    let stopped = json!({ "stopWhen": { "compare": { "fact": { "openFlag": { "kind": "risk" } }, "operator": "EQ", "value": true } } });
    assert_eq!(told(&[raised], of("risk", "PT5H"), stopped), Vec::<String>::new());
    // Another rule altogether does not look back.
    assert_eq!(told(&[raised], of("other", "P2D"), json!({})), Vec::<String>::new());
    assert_eq!(
        told(&[raised], json!({ "signedIn": {} }), json!({})),
        Vec::<String>::new()
    );
}

#[test]
fn a_flag_left_unhandled_carries_the_depth_of_its_opening() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    let raised_at = local("2027-01-05 10:00");
    facts.flags.push(flag(7, "risk", &[(raised_at, FlagState::Open)]));
    let kind = EventKind::FlagRaised {
        kind: "risk".to_owned(),
    };
    facts.events.push(Event {
        id: id(1),
        at: raised_at,
        depth: 5,
        kind,
    });
    let trigger = json!({ "event": { "flagUnhandled": { "kind": "risk", "after": "P2D" } } });
    let told = at_once(
        &[rule("on", json!({ "trigger": trigger, "actions": [] }))],
        &facts,
        local("2027-01-08 00:00"),
    );
    assert_eq!((told.firings[0].depth, told.firings[0].refused), (6, true));
}

#[test]
fn messages_and_registrations() {
    use rules::facts::Audience::{Citizen, Staff};
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    let kinds = [
        EventKind::MessageReceived { from: Citizen },
        EventKind::MessageReceived { from: Staff },
        EventKind::ActivityRegistered { registration: id(9) },
    ];
    for (hour, kind) in kinds.into_iter().enumerate() {
        let at = local("2027-01-05 10:00") + Duration::hours(hour as i64);
        facts.events.push(Event {
            id: id(hour as u128),
            at,
            depth: 0,
            kind,
        });
    }
    let on = |trigger: serde_json::Value| {
        let rule = rule("on", json!({ "trigger": { "event": trigger }, "actions": [] }));
        fired(&at_once(&[rule], &facts, local("2027-01-06 00:00")))
    };
    assert_eq!(
        on(json!({ "messageReceived": {} })),
        ["2027-01-05 10:00", "2027-01-05 11:00"]
    );
    assert_eq!(
        on(json!({ "messageReceived": { "from": "CITIZEN" } })),
        ["2027-01-05 10:00"]
    );
    assert_eq!(
        on(json!({ "messageReceived": { "from": "STAFF" } })),
        ["2027-01-05 11:00"]
    );
    assert_eq!(on(json!({ "activityRegistered": {} })), ["2027-01-05 12:00"]);
}
