//! The README tells the truth: its examples are good rules, told in the sentences beside them, and no word of the language is
//! left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Datelike, Duration, Utc};
use chrono_tz::Tz;
use rules::{
    definition::{
        Action, Anchor, CatchUp, Condition, DispatchForm, Escalate, EventTrigger, Fact, Happening, Limits,
        MeasurementFact, Pick, QuietHours, RaiseFlag, RatingFact, RatingOf, Recipients, Remind, RuleDefinition, Rung,
        Schedule, Slot, Trigger, Unit, Whenever,
    },
    evaluation::{ActiveRule, RuleSet, State, evaluate},
    facts::{Audience, Channel, Dated, Facts, Severity, Status},
    form::{Form, Operator},
    summary::summary,
    units,
    validate::{self, MeasurementShape, ProgramShape},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

const README: &str = include_str!("../README.md");

/// An example, as the README has it and as the whole rule that it is or is part of.
struct Example {
    kind: &'static str,
    json: Value,
    rule: Value,
    /// The sentence, or the part of it, that stands beside it.
    told: &'static str,
}

fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for (after_fence, block) in README
        .match_indices("```json")
        .map(|(at, fence)| at + fence.len())
        .map(|at| {
            let rest = &README[at..];
            let end = rest.find("\n```").unwrap();
            (at + end + 4, &rest[..end])
        })
    {
        let (kind, block) = block.split_once('\n').unwrap();
        let values = serde_json::Deserializer::from_str(block).into_iter::<Value>();
        let values: Vec<Value> = values
            .map(|value| value.unwrap_or_else(|error| panic!("{error} in {block}")))
            .collect();
        let told: Vec<&str> = README[after_fence..]
            .lines()
            .skip_while(|line| line.trim().is_empty())
            .take_while(|line| line.starts_with("- →"))
            .map(|line| line["- →".len()..].trim())
            .collect();
        assert_eq!(values.len(), told.len(), "a sentence beside each example of {block}");
        for (json, told) in values.into_iter().zip(told) {
            let kind = kind.trim();
            examples.push(Example {
                kind,
                rule: whole(kind, &json),
                json,
                told,
            });
        }
    }
    examples
}

/// The rule that an example is, or is part of.
fn whole(kind: &str, example: &Value) -> Value {
    let mut rule = json!({
        "trigger": { "event": { "signedIn": {} } },
        "actions": [{ "openModule": { "module": "welcome" } }]
    });
    match kind {
        "rule" => return example.clone(),
        "trigger" | "condition" => rule[kind] = example.clone(),
        "action" => rule["actions"] = json!([example]),
        "limits" => {
            rule["trigger"] = json!({ "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY", "slots": [{ "key": "a", "at": "08:00" }] } });
            rule["limits"] = example.clone();
        }
        other => panic!("an example is no {other}"),
    }
    rule
}

/// The part of the rule's sentence that tells of the example.
fn part(kind: &str, sentence: &str) -> String {
    let sentence = sentence.to_owned();
    let without_stop = sentence.trim_end_matches('.');
    match kind {
        "trigger" => without_stop.strip_suffix(": open module welcome").unwrap().to_owned(),
        "condition" => {
            let condition = without_stop.strip_prefix("When the citizen signs in, if ").unwrap();
            condition.strip_suffix(": open module welcome").unwrap().to_owned()
        }
        "action" => without_stop
            .strip_prefix("When the citizen signs in: ")
            .unwrap()
            .to_owned(),
        "limits" => {
            let limits = without_stop.split_once(": open module welcome").unwrap().1;
            limits.strip_prefix("; ").unwrap_or(limits).to_owned()
        }
        _ => sentence,
    }
}

/// The forms of the program that the README describes.
fn forms() -> [Form; 2] {
    let text = |text: &str| json!({ "en": text });
    let option = |key: &str, value: Option<u32>| json!({ "key": key, "label": text(key), "value": value });
    let often: Vec<Value> = (0..4).map(|value| option(&format!("o{value}"), Some(value))).collect();
    let items: Vec<String> = (1..10).map(|number| format!("q{number}")).collect();
    let asked: Vec<Value> = items
        .iter()
        .map(|key| json!({ "key": key, "kind": "CHOICE", "text": text(key), "options": often }))
        .collect();
    let measure = json!({
        "key": "weekly-measure", "title": text("Weekly measure"), "items": asked,
        "scales": [{
            "key": "total", "label": text("Total"), "method": "SUM", "items": items, "standardDeviation": 6.1, "reliability": 0.84
        }]
    });
    let helped = ["walk", "talk", "rest"].map(|key| option(key, None));
    let diary = json!({
        "key": "diary", "title": text("Diary"), "items": [
            { "key": "sleep", "kind": "TIME", "text": text("When did you go to sleep?") },
            { "key": "felt", "kind": "CHOICE", "text": text("How was it?"), "options": [option("good", None), option("bad", None)] },
            { "key": "helped", "kind": "MULTIPLE_CHOICE", "text": text("What helped?"), "options": helped }
        ]
    });
    let forms = [measure, diary].map(|form| serde_json::from_value::<Form>(form).unwrap());
    for form in &forms {
        validate::form(form).unwrap();
    }
    forms
}

#[test]
fn every_example_is_a_good_rule_and_does_what_is_said_beside_it() {
    let forms = forms();
    let shape = ProgramShape {
        forms: forms.iter().collect(),
        modules: vec!["welcome", "activity"],
        sections: vec!["plan"],
        steps: vec!["first-step"],
        measurements: vec![MeasurementShape {
            key: "weight".to_owned(),
            unit: Unit {
                en: "kg".to_owned(),
                sv: "kg".to_owned(),
            },
            min: 30.0,
            max: 300.0,
            decimals: 1,
        }],
        templates: vec!["come-back", "staff-attention"],
        lacks: Vec::new(),
    };
    let examples = examples();
    assert!(examples.len() > 60, "only {} examples were found", examples.len());
    for Example { kind, rule, told, .. } in examples {
        let definition = validate::parse(rule.clone()).unwrap_or_else(|problems| panic!("{problems:?} in {rule:#}"));
        assert_eq!(validate::rule(&definition, &shape), [], "{rule:#}");
        let mut noted = definition.clone();
        units::note(&mut noted, &shape);
        assert_eq!(part(kind, &summary(&noted, "en")), told);
        assert_eq!(
            definition,
            validate::parse(serde_json::to_value(&definition).unwrap()).unwrap()
        );
    }
}

/// The names of the variants or fields of a type of the language, as its reader knows them.
fn names<T: DeserializeOwned>() -> BTreeSet<String> {
    let unknown = json!({ "no such word": {} });
    let message = serde_json::from_value::<T>(unknown).err().unwrap().to_string();
    let (_, expected) = message.split_once(", expected ").unwrap_or_else(|| panic!("{message}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Everything that stands at a field, anywhere.
fn at<'v>(field: &str, json: &'v Value, found: &mut Vec<&'v Value>) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == field {
                    found.push(value);
                }
                at(field, value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| at(field, value, found)),
        _ => {}
    }
}

/// The names of the fields and the texts that stand at a field, or in a list there.
fn words(field: &str, rules: &Value) -> BTreeSet<String> {
    let mut found = Vec::new();
    at(field, rules, &mut found);
    let of_one = |value: &Value| match value {
        Value::Object(fields) => fields.keys().cloned().collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    };
    let entries = found.into_iter().flat_map(|value| match value {
        Value::Array(values) => values.iter().flat_map(of_one).collect(),
        one => of_one(one),
    });
    entries.collect()
}

#[test]
fn every_word_of_the_language_stands_in_an_example() {
    let rules = Value::Array(
        examples()
            .into_iter()
            .map(|example| match example.kind {
                "rule" => example.json,
                "action" => json!({ "actions": [example.json] }),
                kind => json!({ kind: example.json }),
            })
            .collect(),
    );
    let mut conditions = BTreeSet::new();
    for field in ["condition", "all", "any", "not", "release", "stopWhen"] {
        conditions.extend(words(field, &rules));
    }
    let top = words("rules", &json!({ "rules": rules }));
    for (what, known, written) in [
        ("rule", names::<RuleDefinition>(), top),
        ("trigger", names::<Trigger>(), words("trigger", &rules)),
        ("schedule", names::<Schedule>(), words("schedule", &rules)),
        ("slot", names::<Slot>(), words("slots", &rules)),
        ("anchor", names::<Anchor>(), words("anchor", &rules)),
        ("event", names::<EventTrigger>(), words("event", &rules)),
        ("whenever", names::<Whenever>(), words("whenever", &rules)),
        ("condition", names::<Condition>(), conditions),
        ("fact", names::<Fact>(), words("fact", &rules)),
        ("pick", names::<Pick>(), words("pick", &rules)),
        ("measurement", names::<MeasurementFact>(), words("measurement", &rules)),
        ("rating", names::<RatingFact>(), words("rating", &rules)),
        ("what is rated", names::<RatingOf>(), words("of", &rules)),
        ("unit", names::<Unit>(), words("unit", &rules)),
        ("happening", names::<Happening>(), words("event", &rules)),
        ("operator", names::<Operator>(), words("operator", &rules)),
        ("action", names::<Action>(), words("actions", &rules)),
        ("form", names::<DispatchForm>(), words("dispatchForm", &rules)),
        ("flag", names::<RaiseFlag>(), words("raiseFlag", &rules)),
        ("reminder", names::<Remind>(), words("remind", &rules)),
        ("ladder", names::<Escalate>(), words("escalate", &rules)),
        ("rung", names::<Rung>(), words("rungs", &rules)),
        ("recipients", names::<Recipients>(), words("to", &rules)),
        ("severity", names::<Severity>(), words("severity", &rules)),
        ("audience", names::<Audience>(), words("audience", &rules)),
        ("sender", names::<Audience>(), words("from", &rules)),
        ("channel", names::<Channel>(), words("channels", &rules)),
        ("status", names::<Status>(), words("statuses", &rules)),
        ("limit", names::<Limits>(), words("limits", &rules)),
        ("quiet hours", names::<QuietHours>(), words("quietHours", &rules)),
        ("catch-up", names::<CatchUp>(), words("catchUp", &rules)),
    ] {
        assert!(!known.is_empty(), "{what}");
        let left_out: Vec<&String> = known.difference(&written).collect();
        assert!(left_out.is_empty(), "without an example, of {what}: {left_out:?}");
    }
}

#[test]
fn every_refusal_that_is_named_there_is_one() {
    let of_validation = [
        include_str!("../src/validate/condition.rs"),
        include_str!("../src/validate/contradiction.rs"),
        include_str!("../src/validate/of_rule.rs"),
    ];
    let (_, section) = README.split_once("## What is refused").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let codes: Vec<&str> = section
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains('_') || ["LOOP", "CONTRADICTION"].contains(word))
        .collect();
    assert!(codes.len() > 5, "{codes:?}");
    for code in codes {
        let quoted = format!("\"{code}\"");
        assert!(of_validation.iter().any(|source| source.contains(&quoted)), "{code}");
    }
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// An enrollment that started on 1 February 2027.
fn enrollment() -> Facts {
    let start = instant("2027-02-01T09:00:00Z");
    Facts {
        enrollment: Uuid::from_u128(1),
        zone: Tz::Europe__Stockholm,
        started_at: Some(start),
        started_known_at: Some(start),
        ends: Vec::new(),
        birth_date: None,
        sex: None,
        statuses: vec![Dated {
            at: start,
            value: Status::Active,
        }],
        responses: Vec::new(),
        dispatches: Vec::new(),
        sign_ins: Vec::new(),
        activities: Vec::new(),
        messages: Vec::new(),
        measurements: Vec::new(),
        planned: Vec::new(),
        registrations: Vec::new(),
        modules: Vec::new(),
        flags: Vec::new(),
        events: Vec::new(),
    }
}

/// The days of March that fire of a rule that is due daily at 08:00, after downtime from the 1st at 12:00 to the 8th at 12:00.
fn after_downtime(limits: &Value) -> Vec<u32> {
    let daily = json!({
        "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY", "slots": [{ "key": "morning", "at": "08:00" }] } },
        "actions": [], "limits": limits
    });
    let active = ActiveRule {
        key: "daily".to_owned(),
        version: Uuid::from_u128(2),
        definition: Arc::new(validate::parse(daily).unwrap()),
        enabled: true,
        effective_from: DateTime::<Utc>::UNIX_EPOCH,
        effective_until: None,
    };
    let (set, facts) = (RuleSet::new(vec![active]), enrollment());
    let mut state = State {
        evaluated_until: facts.statuses[0].at - Duration::microseconds(1),
        rules: Default::default(),
    };
    // On time until the worker goes down.
    let down = instant("2027-03-01T11:00:00Z");
    while let Some(next) = evaluate(&set, &facts, &state, state.evaluated_until)
        .wake_at
        .filter(|next| *next <= down)
    {
        state = evaluate(&set, &facts, &state, next).state;
    }
    let back = evaluate(&set, &facts, &state, instant("2027-03-08T11:00:00Z"));
    back.firings.iter().map(|firing| firing.at.day()).collect()
}

#[test]
fn the_table_of_catching_up_is_what_happens() {
    let (_, table) = README.split_once("| `catchUp` | no `grace` |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut policies = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let policy = cells[0].trim_matches('`');
        policies.insert(policy.to_owned());
        for (cell, grace) in cells[1..].iter().zip([None, Some("P3D"), Some("PT2H")]) {
            let days: Vec<u32> = match *cell {
                "none" => Vec::new(),
                days => days.split(", ").map(|day| day.parse().unwrap()).collect(),
            };
            let limits = json!({ "catchUp": policy, "grace": grace });
            assert_eq!(after_downtime(&limits), days, "{limits}");
        }
    }
    assert_eq!(policies, names::<CatchUp>());
}
