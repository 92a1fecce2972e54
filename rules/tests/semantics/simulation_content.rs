//! Replays: what rules show, open and hide of content, what waits for it, and what a version of the program lacks.

use std::collections::BTreeMap;

use rules::{
    content::Piece,
    facts::*,
    simulation::{Effects, Lacking, ModuleHistory, Record, Replay, Said, take_out},
    validate::Function,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    common::{local, rule, submit},
    simulation::{answers, from_start, lived, on, raise, told},
};

/// Two modules of the sections `s11`, `s12`, `s21` and `s22` with a step each; the second opens once the first is completed.
/// The steps of the first section are completed on 2 March, that of the second later, where it is.
fn in_turn(second_section: Option<&str>) -> Record {
    let mut facts = from_start();
    let section = |key: &str, completed: Option<&str>| Section {
        key: key.to_owned(),
        visible: Vec::new(),
        steps: 1,
        completed: completed.map(local).into_iter().collect(),
    };
    let module = |key: &str, sections| Module {
        key: key.to_owned(),
        opened: Vec::new(),
        visible: Vec::new(),
        sections,
    };
    facts.modules = vec![
        module(
            "m1",
            vec![section("s11", Some("2027-03-02 10:00")), section("s12", second_section)],
        ),
        module("m2", vec![section("s21", None), section("s22", None)]),
    ];
    let history = |module: &Module, prerequisites: &[&str]| ModuleHistory {
        key: module.key.clone(),
        opens_from: facts.started_at,
        prerequisites: prerequisites.iter().map(|key| (*key).to_owned()).collect(),
        said: Vec::new(),
        sections: module
            .sections
            .iter()
            .map(|section| (section.key.clone(), Vec::new()))
            .collect(),
    };
    let modules = vec![history(&facts.modules[0], &[]), history(&facts.modules[1], &["m1"])];
    Record {
        modules,
        ..Record::from(facts)
    }
}

/// Shown or hidden on a day at 10, at once or from another instant on.
fn shown(day: &str, value: bool, from: Option<&str>) -> Said {
    let at = local(&format!("2027-03-{day} 10:00"));
    let visible = Dated {
        at: from.map_or(at, local),
        value,
    };
    Said {
        at,
        visible: Some(visible),
        opens_at: None,
        firing: None,
    }
}

/// Does something on a day of March at 10.
fn on_day(key: &str, day: &str, actions: Value) -> rules::evaluation::ActiveRule {
    let date = format!("2027-03-{day}");
    let trigger =
        json!({ "schedule": { "anchor": { "date": { "date": date } }, "slots": [{ "key": "a", "at": "10:00" }] } });
    rule(key, json!({ "trigger": trigger, "actions": actions }))
}

/// Does something at noon on the day on which the second module opens.
fn when_second_opens(actions: Value) -> rules::evaluation::ActiveRule {
    let anchor = json!({ "moduleOpened": { "module": "m2" } });
    let trigger = json!({ "schedule": { "anchor": anchor, "slots": [{ "key": "a", "at": "12:00" }] } });
    rule("opened", json!({ "trigger": trigger, "actions": actions }))
}

/// When the second module opened.
fn openings(replay: &Replay) -> Vec<String> {
    let at = |at: &Instant| rules::zone::utc_to_local(crate::common::STOCKHOLM, *at).format("%m-%d %H:%M");
    replay.facts.modules[1]
        .opened
        .iter()
        .map(|opened| at(opened).to_string())
        .collect()
}

fn fired(replay: &Replay) -> Vec<(String, String)> {
    let all = told(replay).into_iter();
    all.map(|(rule, at)| (rule.to_owned(), at)).collect()
}

fn firing(rule: &str, at: &str) -> (String, String) {
    (rule.to_owned(), at.to_owned())
}

#[test]
fn what_waits_for_a_module_opens_once_a_rule_hides_that() {
    let hides = on_day("hides", "04", json!([{ "hideModule": { "module": "m1" } }]));
    let replay = lived(
        vec![hides, when_second_opens(json!([]))],
        in_turn(None),
        "2027-03-20 09:00",
    );
    assert_eq!(openings(&replay), ["03-04 10:00"]);
    assert_eq!(
        fired(&replay),
        [firing("hides", "03-04 10:00"), firing("opened", "03-04 12:00")]
    );
    let opened = replay.fired.last().map(|one| one.firing.depth);
    assert_eq!(opened, Some(2), "it was caused");
}

#[test]
fn what_is_left_is_completed_once_a_rule_hides_the_rest() {
    let hides = on_day("hides", "04", json!([{ "hideSection": { "section": "s12" } }]));
    let completed = json!({ "schedule": { "anchor": { "moduleCompleted": { "module": "m1" } }, "slots": [{ "key": "a", "at": "12:00" }] } });
    let completed = rule("completed", json!({ "trigger": completed, "actions": [] }));
    let rules = || vec![hides.clone(), completed.clone(), when_second_opens(json!([]))];
    let replay = lived(rules(), in_turn(None), "2027-03-20 09:00");
    assert_eq!(
        fired(&replay),
        [
            firing("hides", "03-04 10:00"),
            firing("completed", "03-04 12:00"),
            firing("opened", "03-04 12:00"),
        ]
    );
    // Without it the module is completed when the citizen does so.
    let later = in_turn(Some("2027-03-09 10:00"));
    let replay = lived(
        vec![completed.clone(), when_second_opens(json!([]))],
        later,
        "2027-03-20 09:00",
    );
    assert_eq!(
        fired(&replay),
        [firing("completed", "03-09 12:00"), firing("opened", "03-09 12:00")]
    );
}

#[test]
fn what_a_rule_shows_is_waited_for_again() {
    let mut record = in_turn(Some("2027-03-09 10:00"));
    record.modules[0].said = vec![shown("01", false, None)];
    let shows = on_day("shows", "04", json!([{ "openModule": { "module": "m1" } }]));
    let replay = lived(
        vec![shows, when_second_opens(json!([]))],
        record.clone(),
        "2027-03-20 09:00",
    );
    // Hidden an hour after the start, it was not waited for then.
    assert_eq!(openings(&replay), ["03-01 10:00", "03-09 10:00"]);
    let days: Vec<String> = fired(&replay).into_iter().map(|(_, at)| at).collect();
    assert_eq!(days, ["03-01 12:00", "03-04 10:00", "03-09 12:00"]);
    let replay = lived(vec![when_second_opens(json!([]))], record, "2027-03-20 09:00");
    assert_eq!(fired(&replay), [firing("opened", "03-01 12:00")]);
}

#[test]
fn a_rule_opens_what_waits_and_what_is_open_stays_so() {
    let opens = |day: &str| {
        on_day(
            &format!("opens-{day}"),
            day,
            json!([{ "openModule": { "module": "m2" } }]),
        )
    };
    let replay = lived(
        vec![opens("04"), opens("12")],
        in_turn(Some("2027-03-09 10:00")),
        "2027-03-20 09:00",
    );
    assert_eq!(
        openings(&replay),
        ["03-04 10:00"],
        "neither completing nor opening opens it again"
    );
    // What was said by hand later is said of what is open.
    let mut record = in_turn(None);
    let at = local("2027-03-08 10:00");
    record.modules[1].said = vec![Said {
        at,
        visible: None,
        opens_at: Some(at),
        firing: None,
    }];
    let replay = lived(vec![opens("04")], record, "2027-03-20 09:00");
    assert_eq!(openings(&replay), ["03-04 10:00"]);
}

#[test]
fn what_was_planned_does_not_come_where_a_rule_says_something_else_before() {
    let mut record = in_turn(None);
    record.modules[0].said = vec![shown("01", false, Some("2027-03-10 09:00"))];
    let shows = on_day("shows", "04", json!([{ "openModule": { "module": "m1" } }]));
    let hidden = |replay: &Replay| !replay.facts.modules[0].is_shown(local("2027-03-11 09:00"));
    assert!(hidden(&lived(vec![], record.clone(), "2027-03-20 09:00")));
    let replay = lived(vec![shows], record, "2027-03-20 09:00");
    assert!(!hidden(&replay));
    assert_eq!(openings(&replay), [""; 0], "still to be completed");
}

#[test]
fn progress_is_of_what_rules_show() {
    let hides = on_day("hides", "04", json!([{ "hideSection": { "section": "s12" } }]));
    let far =
        json!({ "compare": { "fact": { "moduleProgress": { "module": "m1" } }, "operator": "EQ", "value": 100 } });
    let far = rule(
        "far",
        json!({ "trigger": { "whenever": {} }, "condition": far, "actions": [] }),
    );
    let replay = lived(vec![hides, far], in_turn(None), "2027-03-20 09:00");
    assert_eq!(
        fired(&replay),
        [firing("hides", "03-04 10:00"), firing("far", "03-04 10:00")]
    );
}

#[test]
fn what_a_firing_really_hid_is_hidden_where_it_fires_again() {
    let firing_id = Uuid::from_u128(9);
    let really = Said {
        firing: Some(firing_id),
        ..shown("04", false, None)
    };
    let record = || {
        let mut record = in_turn(None);
        record.modules[0].said = vec![really.clone()];
        let said = take_out(&mut record.modules, |firing| firing == firing_id);
        assert_eq!(said, [(Piece::Module("m1".to_owned()), really.clone())]);
        let at = really.at;
        let effects = Effects {
            at,
            done_at: at,
            said,
            ..Effects::default()
        };
        record.done = BTreeMap::from([(("hides".to_owned(), "2027-03-04/a/2027-03-04".to_owned()), effects)]);
        record
    };
    let hides = |day| on_day("hides", day, json!([{ "hideModule": { "module": "m1" } }]));
    let again = lived(
        vec![hides("04"), when_second_opens(json!([]))],
        record(),
        "2027-03-20 09:00",
    );
    assert_eq!(openings(&again), ["03-04 10:00"]);
    assert_eq!(again.facts.modules[0].visible[0].at, really.at, "as it really was");
    let later = lived(
        vec![hides("06"), when_second_opens(json!([]))],
        record(),
        "2027-03-20 09:00",
    );
    assert_eq!(openings(&later), ["03-06 10:00"]);
    assert_eq!(openings(&lived(vec![], record(), "2027-03-20 09:00")), [""; 0]);
}

#[test]
fn what_a_version_lacks_no_rule_does() {
    let everything = json!([
        { "dispatchForm": { "form": "measure", "remindAfter": ["P1D"] } },
        { "remind": { "template": "come-back", "audience": "CITIZEN" } },
        raise("risk", "URGENT", false),
        { "escalate": { "kind": "risk", "rungs": [{ "key": "a", "after": "PT1H", "to": "THERAPISTS", "template": "come-back" }] } },
        { "hideModule": { "module": "m1" } },
        { "hideSection": { "section": "s21" } },
        { "sendMessage": { "body": "Hej" } },
    ]);
    // Forms, notices, flags, messages, whether the first module and a section are hidden.
    let does = |lacking: Lacking| {
        let record = Record {
            lacking,
            ..in_turn(None)
        };
        let replay = lived(
            vec![on_day("does", "04", everything.clone())],
            record,
            "2027-03-20 09:00",
        );
        let [fired] = replay.fired.as_slice() else {
            panic!("it fires all the same")
        };
        let facts = &replay.facts;
        (
            facts.dispatches.len(),
            fired.notices.len(),
            facts.flags.len(),
            facts.messages.len(),
            [
                !facts.modules[0].visible.is_empty(),
                !facts.modules[1].sections[0].visible.is_empty(),
            ],
        )
    };
    let without = |function: Function| Lacking {
        functions: vec![function],
        ..Lacking::default()
    };
    assert_eq!(does(Lacking::default()), (1, 3, 1, 1, [true, true]));
    assert_eq!(does(without(Function::Forms)), (0, 2, 1, 1, [true, true]));
    assert_eq!(does(without(Function::Reminders)), (1, 0, 1, 1, [true, true]));
    assert_eq!(does(without(Function::Flags)), (1, 2, 0, 1, [true, true]));
    assert_eq!(does(without(Function::Messages)), (1, 3, 1, 0, [true, true]));
    let lacking = Lacking {
        forms: ["measure".to_owned()].into(),
        content: vec![Piece::Module("m1".to_owned()), Piece::Section("s21".to_owned())],
        ..Lacking::default()
    };
    assert_eq!(does(lacking), (0, 2, 1, 1, [false, false]));
}

#[test]
fn what_is_about_hidden_content_does_not_leave() {
    let mut facts = from_start();
    let section = Section {
        key: "plan".to_owned(),
        visible: Vec::new(),
        steps: 2,
        completed: Vec::new(),
    };
    facts.modules = vec![Module {
        key: "one".to_owned(),
        opened: vec![local("2027-03-01 09:00")],
        visible: vec![Dated {
            at: local("2027-03-04 09:00"),
            value: false,
        }],
        sections: vec![section],
    }];
    let remind = json!({ "remind": { "template": "come-back", "audience": "CITIZEN" } });
    let form = json!({ "dispatchForm": { "form": "measure", "remindAfter": ["P3D"] } });
    let flag = raise("slow", "INFO", false);
    let ladder = json!({ "escalate": { "kind": "slow", "rungs": [{ "key": "a", "after": "P3D", "to": "THERAPISTS", "template": "come-back" }] } });
    let opened = json!({ "schedule": { "anchor": { "moduleOpened": { "module": "one" } }, "slots": [{ "key": "a", "offset": "P1D" }] } });
    let slow = rule(
        "slow",
        json!({ "trigger": opened, "actions": [form, remind, flag, ladder] }),
    );
    let mut behind = json!({ "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "slots": [{ "key": "a", "offset": "P4D" }] } }, "actions": [remind] });
    let other = rule("other", behind.clone());
    behind["condition"] = json!({ "not": { "compare": { "fact": { "sectionProgress": { "section": "plan" } }, "operator": "EXISTS", "value": true } } });
    let behind = rule("behind", behind);
    let replay = lived(vec![slow, other, behind], facts, "2027-03-12 09:00");
    let told: Vec<(&str, Vec<bool>)> = replay
        .fired
        .iter()
        .map(|one| {
            let applies = one
                .notices
                .iter()
                .map(|notice| notice.applies(&replay.facts, notice.at));
            (one.firing.rule.as_str(), applies.collect())
        })
        .collect();
    // The form's reminder comes when the module is hidden; the flag waits for somebody all the same.
    assert_eq!(
        told,
        [
            ("slow", vec![false, true, true]),
            ("behind", vec![false]),
            ("other", vec![true])
        ]
    );
}

#[test]
fn what_the_rule_itself_really_opened_does_not_hold_its_reminder_back() {
    let mut facts = from_start();
    submit(&mut facts, 1, "measure", local("2027-03-02 10:00"), &[], 0);
    let event = facts.events.last().unwrap().id;
    // Whoever opened it did so a moment after the event, as workers do.
    let done_at = local("2027-03-02 10:00") + chrono::Duration::milliseconds(300);
    let change = |at, value| Dated { at, value };
    facts.modules = vec![Module {
        key: "four".to_owned(),
        opened: vec![done_at],
        visible: vec![change(local("2027-03-01 09:00"), false), change(done_at, true)],
        sections: Vec::new(),
    }];
    let actions = json!([{ "openModule": { "module": "four" } }, { "remind": { "template": "come-back", "audience": "CITIZEN" } }]);
    let mut record = Record::from(facts);
    let real = Effects {
        at: local("2027-03-02 10:00"),
        done_at,
        ..Effects::default()
    };
    record.done = BTreeMap::from([(("opens".to_owned(), event.to_string()), real)]);
    let replay = lived(vec![on("opens", answers(), actions)], record, "2027-03-10 09:00");
    let [fired] = replay.fired.as_slice() else {
        panic!("one")
    };
    let [notice] = fired.notices.as_slice() else {
        panic!("one")
    };
    assert_eq!(notice.at, done_at);
    assert!(notice.applies(&replay.facts, notice.at));
    // Hidden again later, it would hold a later one back.
    let mut hidden = replay.facts.clone();
    hidden.modules[0].visible.push(change(local("2027-03-04 09:00"), false));
    assert!(!notice.applies(&hidden, local("2027-03-05 09:00")));
}
