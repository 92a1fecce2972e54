//! Rules need functions of their program, and are refused where it leaves them out.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rules::{
    definition::{Action, RuleDefinition},
    validate::{self, Function, ProgramShape, needs},
};
use serde_json::{Value, json};

use crate::{any_rule::any_rule, common::cases};

fn any_actions() -> impl Strategy<Value = Vec<Action>> {
    let rung = json!({ "key": "a", "after": "PT1H", "to": "THERAPISTS", "template": "staff-attention" });
    let actions = [
        json!({ "dispatchForm": { "form": "measure" } }),
        json!({ "dispatchForm": { "form": "measure", "remindAfter": ["P1D"] } }),
        json!({ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "Risk", "audience": "STAFF" } }),
        json!({ "remind": { "template": "come-back", "audience": "CITIZEN" } }),
        json!({ "sendMessage": { "body": "Hej" } }),
        json!({ "escalate": { "kind": "risk", "rungs": [rung] } }),
        json!({ "openModule": { "module": "one" } }),
        json!({ "hideSection": { "section": "first" } }),
    ];
    let actions: Vec<Action> = actions.map(|action| serde_json::from_value(action).unwrap()).into();
    prop::collection::vec(prop::sample::select(actions), 0..4)
}

/// What a rule needs as its JSON tells, whatever the language makes of it.
fn told(json: &Value, found: &mut BTreeSet<Function>) {
    use Function::{ActivityPlan, Flags, Forms, Messages, Reminders};
    match json {
        Value::Array(entries) => entries.iter().for_each(|entry| told(entry, found)),
        Value::Object(fields) => {
            for (name, field) in fields {
                let functions: &[Function] = match (name.as_str(), field.as_str()) {
                    ("raiseFlag" | "flagRaised" | "flagUnhandled" | "openFlag", _) => &[Flags],
                    ("escalate", _) => &[Flags, Reminders],
                    ("remind", _) => &[Reminders],
                    ("remindAfter", _) if field.as_array().is_some_and(|all| !all.is_empty()) => &[Reminders],
                    (
                        "dispatchForm" | "formSent" | "formCompleted" | "score" | "answer" | "overdueDispatches"
                        | "missedDispatches",
                        _,
                    ) => &[Forms],
                    ("event", Some("FORM_COMPLETED")) => &[Forms],
                    ("event", Some(event)) if event.contains("MESSAGE") => &[Messages],
                    ("messageReceived" | "messageUnanswered" | "sendMessage", _) => &[Messages],
                    ("activityRegistered" | "missedActivities" | "rating", _) => &[ActivityPlan],
                    _ => &[],
                };
                found.extend(functions);
                told(field, found);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn a_rule_is_refused_where_a_function_that_it_names_is_missing(versions in any_rule(), actions in any_actions()) {
        for version in versions {
            let definition = RuleDefinition { actions: actions.clone(), ..version.definition };
            let written = serde_json::to_value(&definition).unwrap();
            let mut expected = BTreeSet::new();
            told(&written, &mut expected);
            prop_assert_eq!(BTreeSet::from_iter(needs(&definition)), expected, "{}", written);

            let shape = ProgramShape { lacks: Function::ALL.to_vec(), ..ProgramShape::default() };
            for problem in validate::rule(&definition, &shape) {
                if problem.code == "NOT_OFFERED" {
                    let pointer = format!("/{}", problem.path.join("/"));
                    prop_assert!(written.pointer(&pointer).is_some(), "{} in {}", pointer, written);
                }
            }
        }
    }
}

/// Where a rule is refused in a program that lacks a function.
fn refused(rule: Value, lacks: Function) -> Vec<String> {
    let rule = validate::parse(rule).unwrap();
    let shape = ProgramShape {
        lacks: vec![lacks],
        ..ProgramShape::default()
    };
    let problems = validate::rule(&rule, &shape).into_iter();
    let problems = problems.filter(|problem| problem.code == "NOT_OFFERED");
    problems.map(|problem| problem.place()).collect()
}

#[test]
fn what_is_missing_is_told_where_it_is_needed() {
    let rung = json!({ "key": "a", "after": "PT1H", "to": "THERAPISTS", "template": "staff-attention" });
    let rule = json!({
        "trigger": { "schedule": { "anchor": { "flagRaised": { "kind": "risk" } }, "slots": [{ "key": "a", "offset": "P1D" }] } },
        "condition": { "any": [
            { "compare": { "fact": { "score": { "form": "m", "scale": "s" } }, "operator": "GTE", "value": 2 } },
            { "compare": { "fact": { "daysSince": { "event": "FORM_COMPLETED" } }, "operator": "GTE", "value": 2 } },
            { "compare": { "fact": { "missedDispatches": {} }, "operator": "GTE", "value": 2 } },
            { "compare": { "fact": { "openFlag": { "kind": "risk" } }, "operator": "EQ", "value": true } } ] },
        "actions": [
            { "dispatchForm": { "form": "m", "remindAfter": ["P1D"] } },
            { "raiseFlag": { "kind": "risk", "severity": "INFO", "title": "Risk", "audience": "STAFF" } },
            { "remind": { "template": "come-back", "audience": "CITIZEN" } },
            { "escalate": { "kind": "risk", "rungs": [rung] } } ] });
    assert_eq!(
        refused(rule.clone(), Function::Forms),
        [
            "condition.any[0].compare.fact.score.form",
            "condition.any[1].compare.fact.daysSince.event",
            "condition.any[2].compare.fact.missedDispatches",
            "actions[0].dispatchForm.form",
        ]
    );
    assert_eq!(
        refused(rule.clone(), Function::Flags),
        [
            "trigger.schedule.anchor.flagRaised",
            "condition.any[3].compare.fact.openFlag",
            "actions[1].raiseFlag",
            "actions[3].escalate",
        ]
    );
    assert_eq!(
        refused(rule, Function::Reminders),
        [
            "actions[0].dispatchForm.remindAfter",
            "actions[2].remind",
            "actions[3].escalate"
        ]
    );
}
