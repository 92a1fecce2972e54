//! What citizens measure, as facts and as an event.

use rules::{
    answer::Answer,
    definition::Unit,
    facts::{Event, EventKind, Facts, Measurement},
    summary::summary,
    units,
    validate::{self, MeasurementShape, ProgramShape},
};
use serde_json::{Value, json};

use crate::{common::*, facts::number};

/// Registers a weight, with its event.
fn weigh(facts: &mut Facts, n: u128, registered: &str, measured: &str, value: f64) {
    let at = local(registered);
    let measurement = Measurement {
        id: id(n),
        kind: "weight".to_owned(),
        at,
        measured_at: local(measured),
        value,
        superseded_at: None,
    };
    facts.measurements.push(measurement);
    facts.measurements.sort_by_key(|known| (known.measured_at, known.at));
    let kind = "weight".to_owned();
    facts.events.push(Event {
        id: id(100 + n),
        at,
        depth: 0,
        kind: EventKind::MeasurementRegistered {
            kind,
            measurement: id(n),
        },
    });
}

/// Three weights, of which the second is registered last, and a pulse.
fn weighed() -> Facts {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    weigh(&mut facts, 1, "2027-01-05 08:00", "2027-01-05 08:00", 80.0);
    weigh(&mut facts, 3, "2027-01-12 08:00", "2027-01-12 08:00", 83.0);
    weigh(&mut facts, 2, "2027-01-13 08:00", "2027-01-08 08:00", 90.0);
    facts.measurements.push(Measurement {
        id: id(4),
        kind: "pulse".to_owned(),
        at: local("2027-01-13 09:00"),
        measured_at: local("2027-01-13 09:00"),
        value: 61.0,
        superseded_at: None,
    });
    facts
}

fn picked(pick: &str, last: Option<u32>) -> Value {
    json!({ "measurement": { "kind": "weight", "pick": pick, "last": last } })
}

#[test]
fn every_pick_is_of_what_was_known_then_in_the_order_of_measuring() {
    let facts = weighed();
    let of = |pick: &str, last| {
        ["05", "12", "14"].map(|day| number(&facts, picked(pick, last), &format!("2027-01-{day} 12:00")))
    };
    assert_eq!(of("LATEST", None), [Some(80.0), Some(83.0), Some(83.0)]);
    assert_eq!(of("FIRST", None), [Some(80.0); 3]);
    assert_eq!(of("PREVIOUS", None), [None, Some(80.0), Some(90.0)]);
    assert_eq!(of("CHANGE_FROM_FIRST", None), [None, Some(3.0), Some(3.0)]);
    assert_eq!(of("CHANGE_FROM_PREVIOUS", None), [None, Some(3.0), Some(-7.0)]);
    assert_eq!(of("PERCENT_CHANGE_FROM_FIRST", None), [None, Some(3.75), Some(3.75)]);
    assert_eq!(of("MEAN", Some(2)), [None, Some(81.5), Some(86.5)]);
    assert_eq!(of("MAX", None), [Some(80.0), Some(83.0), Some(90.0)]);
    assert_eq!(of("MIN", Some(2)), [None, Some(80.0), Some(83.0)]);
    assert_eq!(of("RELIABLE_CHANGE", None), [None; 3]);
    let missing = json!({ "measurement": { "kind": "steps" } });
    assert_eq!(number(&facts, missing, "2027-01-14 12:00"), None);
}

#[test]
fn days_since_are_counted_from_when_it_was_measured() {
    let facts = weighed();
    let since = |kind: Option<&str>, day: &str| {
        let fact = json!({ "daysSince": { "event": "MEASUREMENT", "kind": kind } });
        number(&facts, fact, &format!("2027-01-{day} 23:00"))
    };
    assert_eq!(since(Some("weight"), "04"), None, "missing until there is one");
    assert_eq!(since(Some("weight"), "07"), Some(2.0));
    assert_eq!(
        since(Some("weight"), "13"),
        Some(1.0),
        "what is registered late is not the last"
    );
    assert_eq!(since(None, "13"), Some(0.0), "of any kind");
    assert_eq!(since(Some("steps"), "13"), None);
}

#[test]
fn a_correction_counts_from_when_it_was_made_and_what_is_taken_back_no_longer() {
    let mut facts = weighed();
    let at = |facts: &Facts, pick, time: &str| number(facts, picked(pick, None), &format!("2027-01-{time}"));
    // The first is corrected on the 14th, and the last taken back on the 15th.
    facts.measurements[0].superseded_at = Some(local("2027-01-14 12:00"));
    weigh(&mut facts, 5, "2027-01-14 12:00", "2027-01-05 08:00", 81.0);
    let last = facts.measurements.iter_mut().find(|known| known.id == id(3)).unwrap();
    last.superseded_at = Some(local("2027-01-15 12:00"));
    assert_eq!(at(&facts, "FIRST", "14 11:59"), Some(80.0));
    assert_eq!(at(&facts, "FIRST", "14 12:00"), Some(81.0));
    assert_eq!(
        at(&facts, "LATEST", "15 11:59"),
        Some(83.0),
        "a correction of the first is not the last"
    );
    assert_eq!(at(&facts, "LATEST", "15 12:00"), Some(90.0));
}

#[test]
fn each_registration_is_judged_as_the_latest() {
    let heavy = |value: u32| json!({ "compare": { "fact": { "measurement": { "kind": "weight" } }, "operator": "GTE", "value": value } });
    let on = |kind: Option<&str>, value| {
        let trigger = json!({ "event": { "measurementRegistered": { "kind": kind } } });
        let rule = rule(
            "on",
            json!({ "trigger": trigger, "condition": heavy(value), "actions": [] }),
        );
        fired(&at_once(&[rule], &weighed(), local("2027-01-31 12:00")))
    };
    assert_eq!(
        on(Some("weight"), 90),
        ["2027-01-13 08:00"],
        "registered late, overtaken already"
    );
    assert_eq!(on(None, 83), ["2027-01-12 08:00", "2027-01-13 08:00"]);
    assert_eq!(on(Some("pulse"), 1), [""; 0]);
    // Two of one instant are both judged.
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    weigh(&mut facts, 1, "2027-01-05 08:00", "2027-01-05 08:00", 95.0);
    weigh(&mut facts, 2, "2027-01-05 08:00", "2027-01-05 08:00", 60.0);
    let trigger = json!({ "event": { "measurementRegistered": {} } });
    let rule = rule(
        "on",
        json!({ "trigger": trigger, "condition": heavy(90), "actions": [] }),
    );
    let told = at_once(&[rule], &facts, local("2027-01-06 12:00"));
    assert_eq!(
        told.firings
            .iter()
            .map(|firing| firing.occurrence.clone())
            .collect::<Vec<_>>(),
        [id(101).to_string()]
    );
}

fn shape() -> ProgramShape<'static> {
    let (en, sv) = ("beats/min".to_owned(), "slag/min".to_owned());
    ProgramShape {
        modules: vec!["one"],
        measurements: vec![MeasurementShape {
            key: "pulse".to_owned(),
            unit: Unit { en, sv },
            min: 30.0,
            max: 220.0,
            decimals: 0,
        }],
        ..ProgramShape::default()
    }
}

fn compared(fact: Value, operator: &str, value: Value) -> Value {
    json!({
        "trigger": { "event": { "measurementRegistered": { "kind": "pulse" } } },
        "condition": { "compare": { "fact": fact, "operator": operator, "value": value } },
        "actions": [{ "openModule": { "module": "one" } }]
    })
}

#[test]
fn only_what_the_program_measures_can_be_compared_and_within_its_range() {
    let pulse = |pick: &str| json!({ "measurement": { "kind": "pulse", "pick": pick } });
    let mut other = compared(pulse("LATEST"), "GT", json!(100));
    other["trigger"]["event"]["measurementRegistered"]["kind"] = json!("steps");
    for (rule, expected) in [
        (compared(pulse("LATEST"), "GT", json!(100)), &[][..]),
        (compared(pulse("MEAN"), "GT", json!(100.5)), &[]),
        (compared(pulse("CHANGE_FROM_FIRST"), "LT", json!(-20)), &[]),
        (compared(pulse("PERCENT_CHANGE_FROM_PREVIOUS"), "GT", json!(900)), &[]),
        (
            compared(pulse("LATEST"), "GT", json!(300)),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (
            compared(pulse("LATEST"), "EQ", json!(60.5)),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (
            compared(pulse("CHANGE_FROM_FIRST"), "GT", json!(200)),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (
            compared(pulse("LATEST"), "GT", json!("high")),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            compared(pulse("RELIABLE_CHANGE"), "GT", json!(2)),
            &["condition.compare.fact.measurement.pick UNKNOWN_RELIABILITY"],
        ),
        (
            compared(
                json!({ "measurement": { "kind": "pulse", "last": 3 } }),
                "GT",
                json!(100),
            ),
            &["condition.compare.fact.measurement.last CONTRADICTION"],
        ),
        (
            compared(json!({ "measurement": { "kind": "weight" } }), "GT", json!(100)),
            &["condition.compare.fact.measurement.kind UNKNOWN_MEASUREMENT"],
        ),
        (
            compared(
                json!({ "daysSince": { "event": "MEASUREMENT", "kind": "weight" } }),
                "GT",
                json!(3),
            ),
            &["condition.compare.fact.daysSince.kind UNKNOWN_MEASUREMENT"],
        ),
        (
            compared(
                json!({ "daysSince": { "event": "MESSAGE", "kind": "pulse" } }),
                "GT",
                json!(3),
            ),
            &["condition.compare.fact.daysSince.kind CONTRADICTION"],
        ),
        (other, &["trigger.event.measurementRegistered.kind UNKNOWN_MEASUREMENT"]),
    ] {
        let definition = validate::parse(rule.clone()).unwrap();
        let problems = validate::rule(&definition, &shape());
        let found: Vec<String> = problems
            .iter()
            .map(|problem| format!("{} {}", problem.place(), problem.code))
            .collect();
        assert_eq!(found, expected, "{rule}");
    }
}

#[test]
fn a_measurement_is_told_with_its_unit() {
    let told = |fact: Value, value: Value| {
        let mut rule = definition(compared(fact, "GTE", value));
        units::note(&mut rule, &shape());
        ["en", "sv"].map(|locale| {
            let told = summary(&rule, locale);
            let (_, condition) = told.split_once(", ").unwrap();
            condition.rsplit_once(": ").unwrap().0.to_owned()
        })
    };
    let pulse =
        |pick: &str, last: Option<u32>| json!({ "measurement": { "kind": "pulse", "pick": pick, "last": last } });
    for (fact, value, english, swedish) in [
        (
            pulse("LATEST", None),
            100.0,
            "if the latest measurement of pulse is at least 100 beats/min",
            "om den senaste mätningen av pulse är minst 100 slag/min",
        ),
        (
            pulse("MEAN", Some(3)),
            80.5,
            "if the mean of the last 3 measurements of pulse is at least 80.5 beats/min",
            "om medelvärdet av de senaste 3 mätningarna av pulse är minst 80,5 slag/min",
        ),
        (
            pulse("CHANGE_FROM_FIRST", None),
            20.0,
            "if the change of pulse since the first time is at least 20 beats/min",
            "om förändringen av pulse sedan första gången är minst 20 slag/min",
        ),
        (
            pulse("PERCENT_CHANGE_FROM_PREVIOUS", None),
            10.0,
            "if the change of pulse since the previous time is at least 10%",
            "om förändringen av pulse sedan förra gången är minst 10\u{a0}%",
        ),
        (
            json!({ "daysSince": { "event": "MEASUREMENT", "kind": "pulse" } }),
            3.0,
            "if the number of days since the last measurement of pulse is at least 3",
            "om antalet dagar sedan senaste mätningen av pulse är minst 3",
        ),
    ] {
        assert_eq!(told(fact, json!(value)), [english, swedish]);
    }
    let sentence = summary(
        &definition(compared(pulse("FIRST", None), "EXISTS", json!(false))),
        "sv",
    );
    assert_eq!(
        sentence,
        "När invånaren registrerar en mätning av pulse, om den första mätningen av pulse är okänd: öppna modul one."
    );
}

/// What a trace says of the mean weight, where it is compared with a value.
fn mean_told(values: &[f64], operator: &str, value: f64, locale: &str) -> (String, Option<Answer>) {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    for (n, value) in (1..).zip(values) {
        weigh(&mut facts, n, "2027-01-05 08:00", "2027-01-05 08:00", *value);
    }
    let condition = json!({ "compare": { "fact": picked("MEAN", None), "operator": operator, "value": value } });
    let (_, trace) = rules::condition::trace(
        &serde_json::from_value(condition).unwrap(),
        &rules::as_of::AsOf::new(&facts, local("2027-01-06 08:00")),
    );
    let line = trace.render(locale).remove(0);
    (line.text, line.value)
}

#[test]
fn what_was_computed_is_told_with_as_many_decimals_as_people_need() {
    let third = [14.0, 14.0, 15.0];
    let (text, value) = mean_told(&third, "GTE", 12.0, "sv");
    assert_eq!(text, "Medelvärdet av alla mätningar av weight är 14,33, minst 12");
    assert_eq!(value, Some(Answer::Number(14.333_333_333)), "programs get it whole");
    let (text, _) = mean_told(&third, "LT", 12.0, "en");
    assert_eq!(text, "The mean of all measurements of weight is 14.33, not below 12");
    // Never so few that it seems to be what it is not.
    let (text, _) = mean_told(&[14.999, 14.997], "GTE", 15.0, "en");
    assert_eq!(
        text,
        "The mean of all measurements of weight is 14.998, not at least 15"
    );
    let (text, _) = mean_told(&[15.0, 15.0], "GTE", 15.0, "en");
    assert_eq!(text, "The mean of all measurements of weight is 15, at least 15");
    // What was measured is told as it was.
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    weigh(&mut facts, 1, "2027-01-05 08:00", "2027-01-05 08:00", 72.125);
    let condition = json!({ "compare": { "fact": picked("LATEST", None), "operator": "GT", "value": 70 } });
    let as_of = rules::as_of::AsOf::new(&facts, local("2027-01-06 08:00"));
    let (_, trace) = rules::condition::trace(&serde_json::from_value(condition).unwrap(), &as_of);
    assert_eq!(
        trace.render("en")[0].text,
        "The latest measurement of weight is 72.125, above 70"
    );
}
