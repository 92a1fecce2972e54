//! Replays: deciding alone is what a worker decides that is always on; carrying out feeds rules to one another.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rules::{
    definition::CatchUp,
    evaluation::{ActiveRule, RuleSet},
    facts::*,
    simulation::{Effects, Record, Replay, Subject, To, judge, replay},
};
use serde_json::{Value, json};

use crate::{
    common::{STOCKHOLM, cases, evaluate, fresh, id, local, rule, started, submit},
    world::any_world,
};

proptest! {
    #![proptest_config(cases(300))]

    /// Rules without actions: nothing is carried out, and the replay is what the worker decides with what it knows each time.
    #[test]
    fn a_replay_is_looking_when_woken(world in any_world()) {
        let rules: RuleSet = world.rules.iter().cloned().collect();
        let woken = world.when_woken().in_order();
        let replay = replay(&rules, world.facts.clone().into(), world.fresh(), world.end());
        let mut firings: Vec<_> = replay.fired.into_iter().map(|one| one.firing).collect();
        firings.sort_by(|a, b| (a.at, &a.rule, &a.occurrence).cmp(&(b.at, &b.rule, &b.occurrence)));
        prop_assert_eq!(&firings, &woken.firings);
        prop_assert_eq!(&replay.state.rules, &woken.state.rules);
        let mut judged = judge(&rules, &world.facts, &world.fresh(), world.end());
        judged.firings.sort_by(|a, b| (a.at, &a.rule, &a.occurrence).cmp(&(b.at, &b.rule, &b.occurrence)));
        prop_assert_eq!(&judged.firings, &firings);
        prop_assert_eq!(judged.state, replay.state);
    }

    #[test]
    fn a_replay_is_one_look_at_the_whole_window(mut world in any_world()) {
        for rule in &mut world.rules {
            let mut definition = (*rule.definition).clone();
            (definition.limits.catch_up, definition.limits.grace) = (CatchUp::All, None);
            rule.definition = definition.into();
        }
        let at_once = evaluate(&world.rules, &world.facts, &world.fresh(), world.end());
        let rules: RuleSet = world.rules.iter().cloned().collect();
        let replay = replay(&rules, world.facts.clone().into(), world.fresh(), world.end());
        let mut firings: Vec<_> = replay.fired.into_iter().map(|one| one.firing).collect();
        firings.sort_by(|a, b| (a.at, &a.rule, &a.occurrence).cmp(&(b.at, &b.rule, &b.occurrence)));
        let mut expected = at_once.firings;
        expected.sort_by(|a, b| (a.at, &a.rule, &a.occurrence).cmp(&(b.at, &b.rule, &b.occurrence)));
        prop_assert_eq!(firings, expected);
        prop_assert_eq!(replay.state.rules, at_once.state.rules);
    }
}

fn from_start() -> Facts {
    started(STOCKHOLM, local("2027-03-01 09:00"))
}

fn lived(rules: Vec<ActiveRule>, record: impl Into<Record>, until: &str) -> Replay {
    let record = record.into();
    let state = fresh(&record.facts);
    replay(&RuleSet::new(rules), record, state, local(until))
}

fn told(replay: &Replay) -> Vec<(&str, String)> {
    let zoned = |at| {
        rules::zone::utc_to_local(STOCKHOLM, at)
            .format("%m-%d %H:%M")
            .to_string()
    };
    replay
        .fired
        .iter()
        .map(|one| (one.firing.rule.as_str(), zoned(one.firing.at)))
        .collect()
}

fn raise(kind: &str, severity: &str, auto_resolve: bool) -> Value {
    json!({ "raiseFlag": { "kind": kind, "severity": severity, "title": kind, "audience": "STAFF", "autoResolve": auto_resolve } })
}

fn on(key: &str, event: Value, actions: Value) -> ActiveRule {
    rule(key, json!({ "trigger": { "event": event }, "actions": actions }))
}

fn answers() -> Value {
    json!({ "formCompleted": { "form": "measure" } })
}

#[test]
fn a_flag_sets_off_the_rule_that_waits_for_it_and_stands_in_the_way_of_another() {
    let mut facts = from_start();
    submit(
        &mut facts,
        1,
        "measure",
        local("2027-03-02 10:00"),
        &[("total", 20.0)],
        0,
    );
    submit(
        &mut facts,
        2,
        "measure",
        local("2027-03-03 10:00"),
        &[("total", 21.0)],
        0,
    );
    let raising = rule(
        "raising",
        json!({ "trigger": { "event": answers() }, "actions": [raise("risk", "WARNING", false)],
            "condition": { "not": { "compare": { "fact": { "openFlag": { "kind": "risk" } }, "operator": "EQ", "value": true } } } }),
    );
    let following = on(
        "following",
        json!({ "flagRaised": { "kind": "risk" } }),
        json!([{ "dispatchForm": { "form": "diary", "expiresAfter": "P2D", "remindAfter": ["P1D"] } }]),
    );
    let replay = lived(vec![raising, following], facts, "2027-03-10 09:00");
    let expected = [("raising", "03-02 10:00"), ("following", "03-02 10:00")];
    assert_eq!(told(&replay), expected.map(|(rule, at)| (rule, at.to_owned())));
    let [_, following] = replay.fired.as_slice() else {
        panic!("two")
    };
    assert_eq!(
        (following.firing.depth, following.firing.at),
        (2, local("2027-03-02 10:00") + chrono::Duration::microseconds(1))
    );
    let [notice] = following.notices.as_slice() else {
        panic!("one")
    };
    assert_eq!(
        (notice.to, notice.at),
        (To::Citizen, following.firing.at + chrono::Duration::days(1))
    );
    assert!(notice.applies(&replay.facts, notice.at), "nobody answered");
    let [sent] = replay.facts.dispatches.as_slice() else {
        panic!("one")
    };
    assert_eq!(sent.overdue_at, Some(notice.at));
}

#[test]
fn the_next_answer_counts_for_a_form_that_only_the_replay_sent() {
    let mut facts = from_start();
    submit(&mut facts, 1, "measure", local("2027-03-04 12:00"), &[], 0);
    let daily = rule(
        "daily",
        json!({ "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;COUNT=4",
            "slots": [{ "key": "a", "at": "10:00" }] } },
            "actions": [{ "dispatchForm": { "form": "measure", "expiresAfter": "PT20H", "remindAfter": ["PT1H", "PT6H"] } }] }),
    );
    let missed = rule(
        "missed",
        json!({ "trigger": { "whenever": {} }, "actions": [],
            "condition": { "compare": { "fact": { "missedDispatches": { "form": "measure" } }, "operator": "GTE", "value": 3 } } }),
    );
    let replay = lived(vec![daily, missed], facts, "2027-03-12 09:00");
    let fired = told(&replay);
    let days = ["03-01 10:00", "03-02 10:00", "03-03 10:00"];
    let mut expected: Vec<_> = days.map(|day| ("daily", day.to_owned())).into();
    // The third expires before the fourth is sent.
    expected.push(("missed", "03-04 06:00".to_owned()));
    expected.push(("daily", "03-04 10:00".to_owned()));
    assert_eq!(fired, expected);
    let last = replay.fired.last().unwrap();
    let applies: Vec<bool> = last
        .notices
        .iter()
        .map(|notice| notice.applies(&replay.facts, notice.at))
        .collect();
    assert_eq!(applies, [true, false], "answered at noon");
}

#[test]
fn a_flag_resolves_itself_when_the_last_of_its_episodes_ends() {
    let mut facts = from_start();
    facts.sign_ins.push(local("2027-03-10 12:00"));
    facts.events.push(Event {
        id: id(1),
        at: local("2027-03-10 12:00"),
        depth: 0,
        kind: EventKind::SignedIn,
    });
    let idle = |key: &str, days: u32| {
        rule(
            key,
            json!({ "trigger": { "whenever": {} }, "actions": [raise("idle", "INFO", true)],
                "condition": { "compare": { "fact": { "daysSince": { "event": "SIGN_IN" } }, "operator": "GTE", "value": days } } }),
        )
    };
    let replay = lived(vec![idle("three", 3), idle("five", 5)], facts, "2027-03-11 09:00");
    let expected = [("three", "03-04 00:00"), ("five", "03-06 00:00")];
    assert_eq!(told(&replay), expected.map(|(rule, at)| (rule, at.to_owned())));
    let [flag] = replay.facts.flags.as_slice() else {
        panic!("one flag for both")
    };
    let states: Vec<FlagState> = flag.changes.iter().map(|change| change.value).collect();
    assert_eq!(states, [FlagState::Open, FlagState::Resolved]);
    assert_eq!(
        flag.changes[1].at,
        local("2027-03-10 12:00") + chrono::Duration::microseconds(1)
    );
}

#[test]
fn rules_that_set_one_another_off_come_to_an_end() {
    let mut facts = from_start();
    submit(&mut facts, 1, "measure", local("2027-03-02 10:00"), &[], 0);
    let first = on("first", answers(), json!([raise("a", "URGENT", false)]));
    let again = on(
        "again",
        json!({ "flagRaised": { "kind": "a" } }),
        json!([raise("a", "URGENT", false)]),
    );
    let replay = lived(vec![first, again], facts, "2027-03-10 09:00");
    let refused: Vec<bool> = replay.fired.iter().map(|one| one.firing.refused).collect();
    assert_eq!(refused, [false, false, false, false, false, true]);
}

#[test]
fn what_really_came_of_a_firing_is_taken_instead_of_what_could_be_assumed() {
    let mut facts = from_start();
    submit(&mut facts, 1, "measure", local("2027-03-02 10:00"), &[], 0);
    let event = facts.events.last().unwrap().id;
    let raised = local("2027-03-02 10:00") + chrono::Duration::microseconds(1);
    let flag = Flag {
        id: id(77),
        kind: "risk".to_owned(),
        changes: vec![
            Dated {
                at: raised,
                value: FlagState::Open,
            },
            Dated {
                at: local("2027-03-03 10:00"),
                value: FlagState::Resolved,
            },
        ],
    };
    let effects = Effects {
        flags: vec![flag.clone()],
        events: vec![Event {
            id: id(78),
            at: raised,
            depth: 1,
            kind: EventKind::FlagRaised {
                kind: "risk".to_owned(),
            },
        }],
        ..Effects::default()
    };
    let raising = on("raising", answers(), json!([raise("risk", "WARNING", false)]));
    let following = on("following", json!({ "flagRaised": { "kind": "risk" } }), json!([]));
    let mut record = Record::from(facts);
    record.done = BTreeMap::from([(("raising".to_owned(), event.to_string()), effects)]);
    let replay = lived(vec![raising, following], record, "2027-03-10 09:00");
    assert_eq!(replay.facts.flags, [flag]);
    assert_eq!(replay.fired[1].firing.occurrence, id(78).to_string());
}

#[test]
fn a_ladder_stops_where_the_flag_was_handled() {
    let mut facts = from_start();
    submit(&mut facts, 1, "measure", local("2027-03-02 10:00"), &[], 0);
    let rungs = json!([
        { "key": "first", "after": "PT1H", "to": "THERAPISTS", "template": "flag-waits" },
        { "key": "second", "after": "P1D", "to": "UNIT_ADMINISTRATORS", "template": "flag-waits" },
    ]);
    let actions = json!([raise("risk", "URGENT", false), { "escalate": { "kind": "risk", "rungs": rungs } }]);
    let replay = lived(vec![on("risk", answers(), actions)], facts, "2027-03-10 09:00");
    let [fired] = replay.fired.as_slice() else {
        panic!("one")
    };
    let [first, second] = fired.notices.as_slice() else {
        panic!("two rungs")
    };
    // Counted from the flag, which is dated just after what raised it.
    let opened = replay.facts.flags[0].changes[0].at;
    assert!(matches!(first.subject, Subject::Flag(_)) && first.at == opened + chrono::Duration::hours(1));
    let mut handled = replay.facts.clone();
    handled.flags[0].changes.push(Dated {
        at: local("2027-03-02 18:00"),
        value: FlagState::Acknowledged,
    });
    assert!(first.applies(&handled, first.at) && !second.applies(&handled, second.at));
}
