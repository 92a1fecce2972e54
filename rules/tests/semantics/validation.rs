//! What rules are refused for.

use crate::common::{cases, definition};
use proptest::prelude::*;
use rules::{
    form::Form,
    summary::summary,
    validate::{self, Function, Problem, ProgramShape},
};
use serde_json::{Value, json};

pub fn measure() -> Form {
    let text = |text: &str| json!({ "en": text });
    let options: Vec<Value> = (0..4)
        .map(|value| json!({ "key": format!("o{value}"), "label": text("x"), "value": value }))
        .collect();
    serde_json::from_value(json!({
        "key": "weekly-measure", "title": text("Measure"),
        "items": [
            { "key": "intro", "kind": "DISPLAY", "text": text("Hello") },
            { "key": "q1", "kind": "CHOICE", "text": text("1"), "options": options },
            { "key": "q9", "kind": "CHOICE", "text": text("9"), "options": options },
            { "key": "plain", "kind": "CHOICE", "text": text("P"), "options": [{ "key": "yes", "label": text("Y") }, { "key": "no", "label": text("N") }] },
            { "key": "several", "kind": "MULTIPLE_CHOICE", "text": text("S"), "options": options },
            { "key": "when", "kind": "DATE", "text": text("W") },
            { "key": "free", "kind": "TEXT", "text": text("F") },
            { "key": "smoker", "kind": "BOOLEAN", "text": text("B") }
        ],
        "scales": [
            { "key": "total", "label": text("Total"), "method": "SUM", "items": ["q1", "q9"] },
            { "key": "known", "label": text("Known"), "method": "SUM", "items": ["q1", "q9"], "standardDeviation": 1, "reliability": 0.5 }
        ]
    }))
    .unwrap()
}

/// The rule of the contract, with parts of it replaced.
pub fn rule_with(change: impl FnOnce(&mut Value)) -> Value {
    let mut rule = json!({
        "trigger": { "event": { "formCompleted": { "form": "weekly-measure" } } },
        "condition": { "any": [
            { "compare": { "fact": { "answer": { "form": "weekly-measure", "item": "q9" } }, "operator": "GTE", "value": 2 } },
            { "all": [
                { "compare": { "fact": { "score": { "form": "weekly-measure", "scale": "total", "pick": "LATEST" } }, "operator": "GTE", "value": 5 } },
                { "not": { "compare": { "fact": { "openFlag": { "kind": "risk" } }, "operator": "EQ", "value": true } } }
            ] }
        ] },
        "actions": [{ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "Thoughts of self-harm", "audience": "STAFF" } }],
        "limits": { "cooldown": "P1D", "maxFirings": null, "quietHours": "BYPASS", "catchUp": "ALL", "grace": "P7D" }
    });
    change(&mut rule);
    rule
}

/// What is wrong with a rule.
pub fn found(rule: Value) -> Vec<Problem> {
    let form = measure();
    let shape = ProgramShape {
        forms: vec![&form],
        modules: vec!["one"],
        sections: vec!["part"],
        steps: vec!["step"],
        measurements: Vec::new(),
        templates: vec!["come-back", "staff-attention"],
        lacks: Vec::new(),
    };
    match validate::parse(rule) {
        Ok(rule) => validate::rule(&rule, &shape),
        Err(problems) => problems,
    }
}

/// What is wrong with a rule: the place and the code.
pub fn problems(rule: Value) -> Vec<String> {
    let problems = found(rule).into_iter();
    problems
        .map(|problem| format!("{} {}", problem.place(), problem.code))
        .collect()
}

#[test]
fn the_rule_of_the_contract_is_good() {
    assert_eq!(problems(rule_with(|_| {})), Vec::<String>::new());
    let read = definition(rule_with(|_| {}));
    let written = serde_json::to_value(&read).unwrap();
    assert_eq!(definition(written), read);
}

#[test]
fn what_the_program_does_not_offer_no_rule_needs() {
    let rule = json!({
        "trigger": { "event": { "messageReceived": { "from": "CITIZEN" } } },
        "condition": { "all": [
            { "compare": { "fact": { "daysSince": { "event": "UNANSWERED_MESSAGE" } }, "operator": "GTE", "value": 2 } },
            { "compare": { "fact": { "missedActivities": { "days": 7 } }, "operator": "GTE", "value": 3 } } ] },
        "actions": [{ "sendMessage": { "body": "Hej" } }] });
    let rule = validate::parse(rule).unwrap();
    let found = |lacks: Vec<Function>| -> Vec<String> {
        let shape = ProgramShape {
            lacks,
            ..ProgramShape::default()
        };
        let problems = validate::rule(&rule, &shape).into_iter();
        let problems = problems.filter(|problem| problem.code == "NOT_OFFERED");
        problems.map(|problem| problem.place()).collect()
    };
    assert_eq!(found(Vec::new()), Vec::<String>::new());
    assert_eq!(
        found(vec![Function::Messages]),
        [
            "trigger.event.messageReceived",
            "condition.all[0].compare.fact.daysSince.event",
            "actions[0].sendMessage"
        ]
    );
    assert_eq!(
        found(vec![Function::ActivityPlan]),
        ["condition.all[1].compare.fact.missedActivities"]
    );
}

#[test]
fn conditions_are_bounded() {
    let leaf = json!({ "compare": { "fact": { "age": {} }, "operator": "GT", "value": 1 } });
    let not = |inner: Value| Value::Object([("not".to_owned(), inner)].into_iter().collect());
    let nested = |levels: usize| (1..levels).fold(leaf.clone(), |inner, _| not(inner));
    let with = |condition: Value| {
        problems(rule_with(|rule| {
            rule["condition"] = condition;
        }))
    };
    assert_eq!(with(nested(8)), Vec::<String>::new());
    assert_eq!(with(nested(9)), [format!("condition{} TOO_DEEP", ".not".repeat(8))]);
    assert_eq!(with(nested(500)), ["condition INVALID"]);
    assert_eq!(
        with(json!({ "all": vec![leaf.clone(); 101] })),
        ["condition TOO_MANY", "condition.all TOO_MANY"]
    );
    assert_eq!(with(json!({ "all": vec![leaf; 100] })), Vec::<String>::new());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        prop::sample::select(vec![
            "P1D",
            "GTE",
            "weekly-measure",
            "total",
            "q9",
            "MEAN",
            "FREQ=DAILY",
            "08:00",
            "",
            "\u{0}"
        ])
        .prop_map(|s| json!(s)),
        ".{0,8}".prop_map(|s| json!(s)),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let names = prop::sample::select(vec![
            "trigger",
            "schedule",
            "event",
            "whenever",
            "condition",
            "all",
            "any",
            "not",
            "compare",
            "fact",
            "score",
            "operator",
            "value",
            "slots",
            "key",
            "actions",
            "limits",
            "form",
            "scale",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((names, inner), 0..5).prop_map(|fields| Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            )),
        ]
    })
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn no_input_makes_it_panic(place in 0..5_usize, value in any_json()) {
        let rule = rule_with(|rule| match place {
            0 => *rule = value,
            1 => rule["trigger"] = value,
            2 => rule["condition"] = value,
            3 => rule["actions"] = json!([value]),
            _ => rule["limits"] = value,
        });
        if let Ok(read) = validate::parse(rule.clone()) {
            prop_assert!(summary(&read, "en").ends_with('.') && summary(&read, "sv").ends_with('.'));
        }
        problems(rule);
    }
}
