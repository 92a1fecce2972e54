//! How it was before and after planned activities, as facts, and what becomes of them where a registration is corrected.

use rules::{
    answer::Answer,
    facts::{Dated, Event, EventKind, Facts, Ratings, Registration},
    summary::summary,
    validate::{self, Function, ProgramShape},
};
use serde_json::{Value, json};

use crate::{common::*, facts::number};

/// How it was before and after.
type Rated = (Option<f64>, Option<f64>);

fn said(at: &str, (before, after): Rated) -> Dated<Ratings> {
    Dated {
        at: local(at),
        value: Ratings { before, after },
    }
}

/// Registers an activity, with its event.
fn register(facts: &mut Facts, n: u128, at: &str, rated: Rated) {
    facts.registrations.push(Registration {
        id: id(n),
        at: local(at),
        said: vec![said(at, rated)],
    });
    happened(facts, n, at, EventKind::ActivityRegistered { registration: id(n) });
}

/// Corrects what was registered, with the event.
fn correct(facts: &mut Facts, n: u128, at: &str, rated: Rated) {
    let known = facts.registrations.iter_mut().find(|known| known.id == id(n)).unwrap();
    known.said.push(said(at, rated));
    happened(facts, 1_000 + n, at, EventKind::FactChanged);
}

fn happened(facts: &mut Facts, n: u128, at: &str, kind: EventKind) {
    facts.events.push(Event {
        id: id(100_000 + n),
        at: local(at),
        depth: 0,
        kind,
    });
    facts.events.sort_by_key(|event| event.at);
}

/// Four registrations, of which the third says nothing of how it was afterwards.
fn rated() -> Facts {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    register(&mut facts, 1, "2027-01-05 08:00", (Some(2.0), Some(6.0)));
    register(&mut facts, 2, "2027-01-06 08:00", (Some(5.0), Some(3.0)));
    register(&mut facts, 3, "2027-01-07 08:00", (Some(4.0), None));
    register(&mut facts, 4, "2027-01-08 08:00", (Some(0.0), Some(10.0)));
    facts
}

fn picked(of: &str, pick: &str, last: Option<u32>) -> Value {
    json!({ "rating": { "of": of, "pick": pick, "last": last } })
}

#[test]
fn every_pick_is_of_the_registrations_until_then() {
    let facts = rated();
    let of = |of: &str, pick: &str, last| {
        ["04", "05", "06", "07", "08"]
            .map(|day| number(&facts, picked(of, pick, last), &format!("2027-01-{day} 12:00")))
    };
    let after = |pick, last| of("AFTER", pick, last);
    assert_eq!(
        after("LATEST", None),
        [None, Some(6.0), Some(3.0), None, Some(10.0)],
        "missing where the latest does not say"
    );
    assert_eq!(after("FIRST", None), [None, Some(6.0), Some(6.0), Some(6.0), Some(6.0)]);
    assert_eq!(after("PREVIOUS", None), [None, None, Some(6.0), Some(3.0), None]);
    assert_eq!(
        after("CHANGE_FROM_FIRST", None),
        [None, None, Some(-3.0), None, Some(4.0)]
    );
    assert_eq!(
        after("CHANGE_FROM_PREVIOUS", None),
        [None, None, Some(-3.0), None, None]
    );
    assert_eq!(
        after("PERCENT_CHANGE_FROM_FIRST", None),
        [None, None, Some(-50.0), None, Some(66.666_666_667)]
    );
    assert_eq!(after("MEAN", Some(2)), [None, None, Some(4.5), Some(4.5), Some(6.5)]);
    assert_eq!(after("MAX", None), [None, Some(6.0), Some(6.0), Some(6.0), Some(10.0)]);
    assert_eq!(after("MIN", Some(3)), [None, None, None, None, Some(3.0)]);
    assert_eq!(after("RELIABLE_CHANGE", None), [None; 5]);
    assert_eq!(
        of("BEFORE", "LATEST", None),
        [None, Some(2.0), Some(5.0), Some(4.0), Some(0.0)]
    );
    assert_eq!(
        of("BEFORE", "PERCENT_CHANGE_FROM_PREVIOUS", None)[2..],
        [Some(150.0), Some(-20.0), Some(-100.0)]
    );
    assert_eq!(
        of("DIFFERENCE", "LATEST", None),
        [None, Some(4.0), Some(-2.0), None, Some(10.0)],
        "of one registration, and missing where it does not say both"
    );
    assert_eq!(of("DIFFERENCE", "MEAN", None)[3..], [Some(1.0), Some(4.0)]);
    assert_eq!(
        of("DIFFERENCE", "CHANGE_FROM_FIRST", None)[2..],
        [Some(-6.0), None, Some(6.0)]
    );
    let absent = json!({ "rating": {} });
    assert_eq!(
        number(&facts, absent, "2027-01-06 12:00"),
        Some(3.0),
        "the latest, afterwards"
    );
}

#[test]
fn a_correction_counts_from_when_it_was_made_and_keeps_its_place() {
    let mut facts = rated();
    correct(&mut facts, 1, "2027-01-09 08:00", (Some(2.0), Some(1.0)));
    correct(&mut facts, 4, "2027-01-10 08:00", (None, Some(9.0)));
    correct(&mut facts, 4, "2027-01-11 08:00", (Some(8.0), None));
    let at = |of: &str, pick, time: &str| number(&facts, picked(of, pick, None), &format!("2027-01-{time}"));
    assert_eq!(at("AFTER", "FIRST", "09 07:59"), Some(6.0));
    assert_eq!(at("AFTER", "FIRST", "09 08:00"), Some(1.0));
    assert_eq!(
        at("AFTER", "LATEST", "09 08:00"),
        Some(10.0),
        "a correction of the first is not the last"
    );
    assert_eq!(at("AFTER", "LATEST", "10 08:00"), Some(9.0));
    assert_eq!(at("DIFFERENCE", "LATEST", "10 08:00"), None, "taken back");
    assert_eq!(at("AFTER", "LATEST", "11 08:00"), None);
    assert_eq!(at("BEFORE", "LATEST", "11 08:00"), Some(8.0));
    // What nobody kept is missing until it was corrected.
    facts.registrations[0].said.remove(0);
    assert_eq!(
        ["05 12:00", "09 07:59", "09 08:00"].map(|time| number(
            &facts,
            picked("AFTER", "FIRST", None),
            &format!("2027-01-{time}")
        )),
        [None, None, Some(1.0)]
    );
}

fn low() -> Value {
    json!({ "compare": { "fact": { "rating": {} }, "operator": "LTE", "value": 3 } })
}

#[test]
fn a_registration_is_judged_as_it_was_made_and_a_correction_sets_off_nothing() {
    let on_registration = || {
        let trigger = json!({ "event": { "activityRegistered": {} } });
        rule("on", json!({ "trigger": trigger, "condition": low(), "actions": [] }))
    };
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    register(&mut facts, 1, "2027-01-05 08:00", (None, Some(2.0)));
    register(&mut facts, 2, "2027-01-06 08:00", (None, Some(8.0)));
    correct(&mut facts, 1, "2027-01-05 09:00", (None, Some(7.0)));
    correct(&mut facts, 2, "2027-01-06 09:00", (None, Some(1.0)));
    // Nobody looked until long after.
    let late = local("2027-01-31 12:00");
    let on_event = at_once(&[on_registration()], &facts, late);
    assert_eq!(
        fired(&on_event),
        ["2027-01-05 08:00"],
        "low when it was registered, though no more"
    );
    assert_eq!(
        on_event.firings[0].trace.render("en")[0].value,
        Some(Answer::Number(2.0))
    );
    let became_low = at_once(&[whenever(low(), json!({}), json!({}))], &facts, late);
    assert_eq!(
        fired(&became_low),
        ["2027-01-05 08:00", "2027-01-06 09:00"],
        "first as registered, then as corrected"
    );
    // Two of one instant are both judged, each as the latest.
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    register(&mut facts, 1, "2027-01-05 08:00", (None, Some(1.0)));
    register(&mut facts, 2, "2027-01-05 08:00", (None, Some(9.0)));
    register(&mut facts, 3, "2027-01-05 08:00", (None, None));
    let told = at_once(&[on_registration()], &facts, late);
    let occurrences: Vec<&str> = told.firings.iter().map(|firing| firing.occurrence.as_str()).collect();
    assert_eq!(occurrences, [id(100_001).to_string()]);
}

fn compared(fact: Value, operator: &str, value: Value) -> Value {
    json!({
        "trigger": { "event": { "signedIn": {} } },
        "condition": { "compare": { "fact": fact, "operator": operator, "value": value } },
        "actions": [{ "openModule": { "module": "one" } }]
    })
}

fn problems(rule: &Value, lacks: &[Function]) -> Vec<String> {
    let shape = ProgramShape {
        modules: vec!["one"],
        lacks: lacks.to_vec(),
        ..ProgramShape::default()
    };
    let problems = validate::rule(&validate::parse(rule.clone()).unwrap(), &shape).into_iter();
    problems
        .map(|problem| format!("{} {}", problem.place(), problem.code))
        .collect()
}

#[test]
fn ratings_are_compared_within_what_they_can_be() {
    let out = &["condition.compare.value OUT_OF_REACH"][..];
    for (fact, operator, value, expected) in [
        (picked("AFTER", "LATEST", None), "LTE", json!(0), &[][..]),
        (picked("BEFORE", "LATEST", None), "GTE", json!(10), &[]),
        (picked("AFTER", "LATEST", None), "GT", json!(10), out),
        (picked("AFTER", "LATEST", None), "LT", json!(0), out),
        (picked("BEFORE", "MAX", None), "LTE", json!(-1), out),
        (picked("BEFORE", "FIRST", None), "EQ", json!(4.5), out),
        (picked("BEFORE", "MEAN", Some(3)), "LTE", json!(4.5), &[]),
        (picked("DIFFERENCE", "LATEST", None), "LTE", json!(-10), &[]),
        (picked("DIFFERENCE", "MIN", None), "LT", json!(-10), out),
        (picked("DIFFERENCE", "CHANGE_FROM_FIRST", None), "LT", json!(-19), &[]),
        (picked("AFTER", "CHANGE_FROM_FIRST", None), "GT", json!(10), out),
        (
            picked("AFTER", "PERCENT_CHANGE_FROM_PREVIOUS", None),
            "GT",
            json!(900),
            &[],
        ),
        (
            picked("AFTER", "LATEST", None),
            "GT",
            json!("low"),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            picked("AFTER", "LATEST", Some(3)),
            "GT",
            json!(3),
            &["condition.compare.fact.rating.last CONTRADICTION"],
        ),
        (
            picked("AFTER", "RELIABLE_CHANGE", None),
            "GT",
            json!(2),
            &["condition.compare.fact.rating.pick UNKNOWN_RELIABILITY"],
        ),
    ] {
        let rule = compared(fact, operator, value);
        assert_eq!(problems(&rule, &[]), expected, "{rule}");
    }
    // The same fact cannot be both; that of before and that of after can.
    let both = |one: &str, other: &str| {
        let mut rule = compared(picked(one, "LATEST", None), "LTE", json!(3));
        let above = json!({ "compare": { "fact": picked(other, "LATEST", None), "operator": "GT", "value": 3 } });
        rule["condition"] = json!({ "all": [rule["condition"], above] });
        problems(&rule, &[])
    };
    assert_eq!(both("AFTER", "AFTER"), ["condition.all[1].compare NEVER_TRUE"]);
    assert_eq!(both("AFTER", "BEFORE"), [""; 0]);
    assert_eq!(
        problems(
            &compared(picked("AFTER", "LATEST", None), "LTE", json!(3)),
            &[Function::ActivityPlan]
        ),
        ["condition.compare.fact.rating NOT_OFFERED"]
    );
}

#[test]
fn a_rating_is_told_in_words() {
    let told = |fact: Value, value: f64| {
        ["en", "sv"].map(|locale| {
            let told = summary(&definition(compared(fact.clone(), "LTE", json!(value))), locale);
            let (_, condition) = told.split_once(", ").unwrap();
            condition.rsplit_once(": ").unwrap().0.to_owned()
        })
    };
    for (fact, value, english, swedish) in [
        (
            picked("AFTER", "LATEST", None),
            3.0,
            "if the latest rating after an activity is at most 3",
            "om den senaste skattningen efter en aktivitet är högst 3",
        ),
        (
            picked("BEFORE", "MEAN", Some(3)),
            2.5,
            "if the mean of the last 3 ratings before an activity is at most 2.5",
            "om medelvärdet av de senaste 3 skattningarna före en aktivitet är högst 2,5",
        ),
        (
            picked("DIFFERENCE", "MAX", Some(5)),
            0.0,
            "if the highest of the last 5 differences in rating from before to after an activity is at most 0",
            "om den högsta av de senaste 5 skillnaderna i skattning från före till efter en aktivitet är högst 0",
        ),
        (
            picked("DIFFERENCE", "MEAN", None),
            -1.0,
            "if the mean of all differences in rating from before to after an activity is at most -1",
            "om medelvärdet av alla skillnader i skattning från före till efter en aktivitet är högst -1",
        ),
        (
            picked("AFTER", "PERCENT_CHANGE_FROM_FIRST", None),
            -20.0,
            "if the change of the rating after an activity since the first time is at most -20%",
            "om förändringen av skattningen efter en aktivitet sedan första gången är högst -20\u{a0}%",
        ),
    ] {
        assert_eq!(told(fact, value), [english, swedish]);
    }
    for (fact, unknown) in [
        (
            picked("AFTER", "MIN", None),
            "den lägsta skattningen efter en aktivitet är okänd",
        ),
        (
            picked("BEFORE", "MEAN", None),
            "medelvärdet av alla skattningar före en aktivitet är okänt",
        ),
    ] {
        let sentence = summary(&definition(compared(fact, "EXISTS", json!(false))), "sv");
        assert_eq!(
            sentence,
            format!("När invånaren loggar in, om {unknown}: öppna modul one.")
        );
    }
}
