//! Replays: deciding alone is what a worker decides that is always on; carrying out feeds rules to one another.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rules::{
    definition::CatchUp,
    evaluation::{ActiveRule, RuleSet},
    facts::*,
    simulation::{Cause, Effects, Record, Replay, Subject, To, judge, replay},
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

pub fn from_start() -> Facts {
    started(STOCKHOLM, local("2027-03-01 09:00"))
}

pub fn lived(rules: Vec<ActiveRule>, record: impl Into<Record>, until: &str) -> Replay {
    let record = record.into();
    let state = fresh(&record.facts);
    replay(&RuleSet::new(rules), record, state, local(until))
}

pub fn told(replay: &Replay) -> Vec<(&str, String)> {
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

pub fn raise(kind: &str, severity: &str, auto_resolve: bool) -> Value {
    json!({ "raiseFlag": { "kind": kind, "severity": severity, "title": kind, "audience": "STAFF", "autoResolve": auto_resolve } })
}

pub fn on(key: &str, event: Value, actions: Value) -> ActiveRule {
    rule(key, json!({ "trigger": { "event": event }, "actions": actions }))
}

pub fn answers() -> Value {
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
fn a_form_that_rules_may_not_send_is_not_sent_nor_reminded_of() {
    let daily = rule(
        "daily",
        json!({ "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;COUNT=4",
            "slots": [{ "key": "a", "at": "10:00" }] } },
            "actions": [{ "dispatchForm": { "form": "measure", "expiresAfter": "PT20H", "remindAfter": ["PT1H", "PT6H"] } }] }),
    );
    let switch = |at: &str, value| Dated { at: local(at), value };
    let mut record = Record::from(from_start());
    let switches = vec![switch("2027-03-02 12:00", false), switch("2027-03-03 12:00", true)];
    record.switches = BTreeMap::from([("measure".to_owned(), switches)]);
    let replay = lived(vec![daily], record, "2027-03-12 09:00");
    let told: Vec<Vec<bool>> = replay
        .fired
        .iter()
        .map(|one| {
            let applies = one.notices.iter();
            applies.map(|notice| notice.applies(&replay.facts, notice.at)).collect()
        })
        .collect();
    // Switched off between the two reminders of the second, and on again after the third.
    assert_eq!(told, [vec![true, true], vec![true, false], vec![], vec![true, true]]);
    assert_eq!(replay.facts.dispatches.len(), 3);
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
        at: local("2027-03-02 10:00"),
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

/// What a firing of the rule `idle` really did: raised a flag, which somebody resolved a day later.
fn raised_for(occurrence: &str, number: u128, at: &str) -> ((String, String), Effects) {
    let name = ("idle".to_owned(), occurrence.to_owned());
    let (at, flag) = (local(at), id(number));
    let change = |at, value| Dated { at, value };
    let effects = Effects {
        at,
        flags: vec![Flag {
            id: flag,
            kind: "idle".to_owned(),
            changes: vec![
                change(at, FlagState::Open),
                change(at + chrono::Duration::days(1), FlagState::Resolved),
            ],
        }],
        causes: vec![Cause {
            flag,
            audience: Audience::Staff,
            firing: Some(name.clone()),
            auto_resolve: true,
            at,
            ended_at: None,
        }],
        ..Effects::default()
    };
    (name, effects)
}

#[test]
fn an_edited_rule_has_the_effects_of_the_episode_of_the_same_instant() {
    let mut facts = from_start();
    for day in ["05", "20"] {
        facts.sign_ins.push(local(&format!("2027-03-{day} 12:00")));
    }
    // It fired after three days without a sign-in, and after three more.
    let record = || {
        let mut record = Record::from(facts.clone());
        let real = [
            raised_for("episode-1", 71, "2027-03-04 00:00"),
            raised_for("episode-2", 72, "2027-03-08 00:00"),
        ];
        record.done = BTreeMap::from(real);
        record
    };
    let idle = |days: u32, week: u32| {
        let compare = |fact, operator: &str, value: u32| json!({ "compare": { "fact": fact, "operator": operator, "value": value } });
        let idle = compare(json!({ "daysSince": { "event": "SIGN_IN" } }), "GTE", days);
        let later = compare(json!({ "programWeek": {} }), "GTE", week);
        let edited = rule(
            "idle",
            json!({ "trigger": { "whenever": {} }, "actions": [raise("idle", "INFO", true)], "condition": { "all": [idle, later] } }),
        );
        let replay = lived(vec![edited], record(), "2027-03-12 09:00");
        let flags = replay.facts.flags.iter().map(|flag| flag.id).collect::<Vec<_>>();
        let occurrences = replay
            .fired
            .into_iter()
            .map(|one| one.firing.occurrence)
            .collect::<Vec<_>>();
        (occurrences, flags)
    };
    let first = || "episode-1".to_owned();
    let second = || "episode-2".to_owned();
    assert_eq!(idle(3, 1), (vec![first(), second()], vec![id(71), id(72)]), "as it was");
    // From the second week on, the first episode is the one that was the second.
    assert_eq!(idle(3, 2), (vec![first()], vec![id(72)]));
    // After five days: another instant, which raises a flag of its own.
    let (occurrences, flags) = idle(5, 1);
    assert_eq!(occurrences, [first()]);
    assert!(
        flags.len() == 1 && flags[0] != id(71) && flags[0] != id(72),
        "{flags:?}"
    );
}

#[test]
fn a_flag_left_unhandled_is_known_by_its_instant_whatever_opening_it_was() {
    let mut facts = from_start();
    let opened = [local("2027-03-02 10:00"), local("2027-03-05 10:00")];
    let change = |at, value| Dated { at, value };
    facts.flags.push(Flag {
        id: id(5),
        kind: "risk".to_owned(),
        changes: vec![
            change(opened[0], FlagState::Open),
            change(local("2027-03-04 10:00"), FlagState::Resolved),
            change(opened[1], FlagState::Open),
        ],
    });
    let unhandled = |after: &str| {
        on(
            "unhandled",
            json!({ "flagUnhandled": { "kind": "risk", "after": after } }),
            json!([{ "dispatchForm": { "form": "measure" } }]),
        )
    };
    let sent = |number: u128, at| Dispatch {
        id: id(number),
        form: "measure".to_owned(),
        known_at: at,
        available_at: at,
        overdue_at: None,
        expires_at: None,
        completed_at: None,
        cancelled_at: None,
    };
    let lived_with = |after: &str| {
        let mut record = Record::from(facts.clone());
        for (ordinal, opened) in (1..).zip(opened) {
            let at = opened + chrono::Duration::days(1);
            let effects = Effects {
                at,
                dispatches: vec![sent(70 + ordinal, at)],
                ..Effects::default()
            };
            let occurrence = format!("unhandled/{}/{ordinal}", id(5));
            record.done.insert(("unhandled".to_owned(), occurrence), effects);
        }
        let replay = lived(vec![unhandled(after)], record, "2027-03-10 09:00");
        replay
            .facts
            .dispatches
            .iter()
            .map(|dispatch| (dispatch.id, dispatch.available_at))
            .collect::<Vec<_>>()
    };
    let day = chrono::Duration::days(1);
    assert_eq!(
        lived_with("P1D"),
        [(id(71), opened[0] + day), (id(72), opened[1] + day)]
    );
    let edited: Vec<Instant> = lived_with("PT36H").into_iter().map(|(_, at)| at).collect();
    let hours = chrono::Duration::hours(36);
    assert_eq!(
        edited,
        [opened[0] + hours, opened[1] + hours],
        "not those that were sent a day after"
    );
}

#[test]
fn an_amendment_answers_no_form_that_only_the_replay_sent() {
    let mut facts = from_start();
    submit(&mut facts, 1, "measure", local("2027-03-01 10:00"), &[], 0);
    submit(&mut facts, 2, "measure", local("2027-03-02 12:00"), &[], 0);
    facts.responses[0].superseded_at = Some(local("2027-03-02 12:00"));
    facts.responses[1].answered_at = local("2027-03-01 10:00");
    let daily = rule(
        "daily",
        json!({ "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "slots": [{ "key": "a", "offset": "P1D", "at": "10:00" }] } },
            "actions": [{ "dispatchForm": { "form": "measure", "expiresAfter": "P1D", "remindAfter": ["PT6H"] } }] }),
    );
    let replay = lived(vec![daily], facts, "2027-03-12 09:00");
    let notice = &replay.fired[0].notices[0];
    assert_eq!(replay.facts.dispatches[0].completed_at, None);
    assert!(notice.applies(&replay.facts, notice.at), "nobody answered");
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
