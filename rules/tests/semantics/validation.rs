//! What rules are refused for.

use crate::common::{cases, definition};
use proptest::prelude::*;
use rules::{
    form::Form,
    summary::summary,
    validate::{self, ProgramShape},
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
        "scales": [{ "key": "total", "label": text("Total"), "method": "SUM", "items": ["q1", "q9"] }]
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

pub fn problems(rule: Value) -> Vec<String> {
    let form = measure();
    let shape = ProgramShape {
        forms: vec![&form],
        modules: vec!["one"],
        sections: vec!["part"],
        steps: vec!["step"],
    };
    let problems = match validate::parse(rule) {
        Ok(rule) => validate::rule(&rule, &shape),
        Err(problems) => problems,
    };
    problems
        .into_iter()
        .map(|problem| {
            assert!(!problem.message.is_empty());
            format!("{} {}", problem.place(), problem.code)
        })
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
fn each_mistake_is_named_with_its_place() {
    let schedule = |schedule: Value| {
        rule_with(|rule| {
            rule["trigger"] = json!({ "schedule": schedule });
        })
    };
    let slot = |slot: Value| schedule(json!({ "anchor": { "enrollmentStart": {} }, "slots": [slot] }));
    let compare = |fact: Value, operator: &str, value: Value| {
        rule_with(|rule| {
            rule["condition"] = json!({ "compare": { "fact": fact, "operator": operator, "value": value } });
        })
    };
    let answer = |item: &str, operator: &str, value: Value| {
        compare(
            json!({ "answer": { "form": "weekly-measure", "item": item } }),
            operator,
            value,
        )
    };
    let score = |pick: &str, value: i64| {
        compare(
            json!({ "score": { "form": "weekly-measure", "scale": "total", "pick": pick } }),
            "GTE",
            json!(value),
        )
    };
    let action = |action: Value| {
        rule_with(|rule| {
            rule["actions"] = json!([action]);
        })
    };
    let cases: Vec<(Value, &[&str])> = vec![
        (
            rule_with(|rule| {
                rule["colour"] = json!("red");
            }),
            &["colour INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["limits"]["catchUp"] = json!("SOMETIMES");
            }),
            &["limits.catchUp INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["limits"]["cooldown"] = json!("one day");
            }),
            &["limits.cooldown INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "formCompleted": { "form": "weekly-measure", "scale": 1 } } });
            }),
            &["trigger.event.formCompleted.scale INVALID"],
        ),
        (
            slot(json!({ "key": "a", "offset": "P1.5D" })),
            &["trigger.schedule.slots[0].offset INVALID"],
        ),
        (
            slot(json!({ "key": "a", "at": "8" })),
            &["trigger.schedule.slots[0].at INVALID"],
        ),
        (
            slot(json!({ "key": "a", "offset": "PT3H", "at": "08:00" })),
            &["trigger.schedule.slots[0].offset CONTRADICTION"],
        ),
        (
            slot(json!({ "key": "a", "offset": "-P3D", "at": "08:00" })),
            &["trigger.schedule.slots[0].offset NEVER_COMES"],
        ),
        (
            slot(json!({ "key": "", "at": "08:00" })),
            &["trigger.schedule.slots[0].key EMPTY"],
        ),
        (
            schedule(json!({ "anchor": { "enrollmentEnd": {} }, "slots": [] })),
            &["trigger.schedule.slots EMPTY"],
        ),
        (
            schedule(
                json!({ "anchor": { "enrollmentEnd": {} }, "slots": [{ "key": "a", "offset": "-P3D", "at": "08:00" }] }),
            ),
            &[],
        ),
        (
            schedule(
                json!({ "anchor": { "moduleOpened": { "module": "none" } }, "repeat": "FREQ=HOURLY", "until": "P0D", "slots": [{ "key": "a" }, { "key": "a" }] }),
            ),
            &[
                "trigger.schedule.anchor.moduleOpened.module UNKNOWN_MODULE",
                "trigger.schedule.repeat BAD_REPEAT",
                "trigger.schedule.until NOT_POSITIVE",
                "trigger.schedule.slots[1].key DUPLICATE",
            ],
        ),
        (
            schedule(
                json!({ "anchor": { "enrollmentStart": {} }, "until": "P1D", "slots": [{ "key": "a", "offset": "P3D" }] }),
            ),
            &["trigger.schedule.slots[0].offset NEVER_COMES"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "formCompleted": { "form": "none" } } });
            }),
            &["trigger.event.formCompleted.form UNKNOWN_FORM"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "stepCompleted": { "step": "none" } } });
            }),
            &["trigger.event.stepCompleted.step UNKNOWN_STEP"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "whenever": { "heldFor": "-PT1S" } });
                rule["condition"] = json!(null);
            }),
            &["trigger.whenever.heldFor NEGATIVE", "condition EMPTY"],
        ),
        (
            rule_with(|rule| {
                rule["condition"]["any"][1]["all"][0]["compare"]["fact"]["score"]["scale"] = json!("none");
            }),
            &["condition.any[1].all[0].compare.fact.score.scale UNKNOWN_SCALE"],
        ),
        (
            rule_with(|rule| {
                rule["condition"]["any"][0]["compare"]["fact"]["answer"]["form"] = json!("none");
            }),
            &["condition.any[0].compare.fact.answer.form UNKNOWN_FORM"],
        ),
        (
            rule_with(|rule| {
                rule["condition"] = json!({ "all": [] });
            }),
            &["condition.all EMPTY"],
        ),
        (score("LATEST", 6), &[]),
        (score("LATEST", 7), &["condition.compare.value OUT_OF_REACH"]),
        (score("CHANGE_FROM_FIRST", -6), &[]),
        (
            score("CHANGE_FROM_PREVIOUS", 7),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "total", "last": 3 } }),
                "GT",
                json!(1),
            ),
            &["condition.compare.fact.score.last CONTRADICTION"],
        ),
        (
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "total" } }),
                "GT",
                json!("1"),
            ),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "total" } }),
                "EXISTS",
                json!(1),
            ),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            answer("intro", "EQ", json!(1)),
            &["condition.compare.fact.answer.item NOT_ANSWERABLE"],
        ),
        (
            answer("none", "EQ", json!(1)),
            &["condition.compare.fact.answer.item UNKNOWN_ITEM"],
        ),
        (answer("q9", "EQ", json!("o2")), &["condition.compare.value WRONG_TYPE"]),
        (answer("q9", "GTE", json!(4)), &["condition.compare.value OUT_OF_REACH"]),
        (answer("plain", "EQ", json!("yes")), &[]),
        (
            answer("plain", "EQ", json!("maybe")),
            &["condition.compare.value NOT_AN_OPTION"],
        ),
        (
            answer("plain", "GT", json!("yes")),
            &["condition.compare.operator OPERATOR"],
        ),
        (answer("plain", "EQ", json!(1)), &["condition.compare.value WRONG_TYPE"]),
        (answer("several", "EQ", json!("o1")), &[]),
        (
            answer("several", "EQ", json!(["o1", "o9"])),
            &["condition.compare.value NOT_AN_OPTION"],
        ),
        (answer("when", "GT", json!("2027-01-01")), &[]),
        (
            answer("when", "GT", json!("yesterday")),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            answer("free", "GT", json!("a")),
            &["condition.compare.operator OPERATOR"],
        ),
        (answer("smoker", "EQ", json!(true)), &[]),
        (
            answer("smoker", "EQ", json!(1)),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            compare(json!({ "status": {} }), "EQ", json!("ASLEEP")),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (compare(json!({ "status": {} }), "EQ", json!("PAUSED")), &[]),
        (
            compare(json!({ "openFlag": { "kind": "risk" } }), "GT", json!(true)),
            &["condition.compare.operator OPERATOR"],
        ),
        (
            compare(json!({ "moduleProgress": { "module": "one" } }), "GTE", json!(101)),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (
            compare(json!({ "moduleProgress": { "module": "two" } }), "GTE", json!(100)),
            &["condition.compare.fact.moduleProgress.module UNKNOWN_MODULE"],
        ),
        (
            compare(
                json!({ "daysSince": { "event": "SIGN_IN", "form": "weekly-measure" } }),
                "GTE",
                json!(7),
            ),
            &["condition.compare.fact.daysSince.form CONTRADICTION"],
        ),
        (
            compare(json!({ "daysSince": { "event": "SIGN_IN" } }), "GTE", json!(-1)),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (
            rule_with(|rule| {
                rule["actions"] = json!([]);
            }),
            &["actions EMPTY"],
        ),
        (
            rule_with(|rule| {
                rule["statuses"] = json!([]);
            }),
            &["statuses EMPTY"],
        ),
        (
            rule_with(|rule| {
                rule["statuses"] = json!(["ACTIVE", "ACTIVE"]);
            }),
            &["statuses[1] DUPLICATE"],
        ),
        (
            action(
                json!({ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "x".repeat(201), "audience": "STAFF" } }),
            ),
            &["actions[0].raiseFlag.title TOO_LONG"],
        ),
        (
            action(
                json!({ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "x", "audience": "STAFF", "autoResolve": true } }),
            ),
            &["actions[0].raiseFlag.autoResolve CONTRADICTION"],
        ),
        (
            action(
                json!({ "dispatchForm": { "form": "weekly-measure", "expiresAfter": "P3D", "remindAfter": ["P1D", "P3D", "PT0S"] } }),
            ),
            &[
                "actions[0].dispatchForm.remindAfter[1] NEVER_COMES",
                "actions[0].dispatchForm.remindAfter[2] NOT_POSITIVE",
            ],
        ),
        (
            action(json!({ "openModule": { "module": "two" } })),
            &["actions[0].openModule.module UNKNOWN_MODULE"],
        ),
        (
            action(json!({ "hideSection": { "section": "none" } })),
            &["actions[0].hideSection.section UNKNOWN_SECTION"],
        ),
        (action(json!({ "openSection": { "section": "part" } })), &[]),
        (
            rule_with(|rule| {
                rule["limits"] =
                    json!({ "cooldown": "PT0S", "maxFirings": 0, "grace": "-P1D", "stopWhen": { "any": [] } });
            }),
            &[
                "limits.cooldown NOT_POSITIVE",
                "limits.maxFirings OUT_OF_RANGE",
                "limits.grace NEGATIVE",
                "limits.stopWhen.any EMPTY",
            ],
        ),
        (
            rule_with(|rule| {
                rule["limits"]["maxFirings"] = json!(-1);
            }),
            &["limits.maxFirings INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "schedule": { "anchor": { "formSent": { "form": "weekly-measure" } }, "slots": [{ "key": "a" }] } });
                rule["actions"] = json!([{ "dispatchForm": { "form": "weekly-measure" } }]);
            }),
            &["actions[0].dispatchForm.form LOOP"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "whenever": {} });
                rule["actions"][0]["raiseFlag"]["autoResolve"] = json!(true);
            }),
            &["actions[0].raiseFlag.autoResolve LOOP"],
        ),
    ];
    for (rule, expected) in cases {
        assert_eq!(problems(rule.clone()), expected, "{rule:#}");
    }
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
    assert_eq!(with(nested(500)), [" INVALID"]);
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
