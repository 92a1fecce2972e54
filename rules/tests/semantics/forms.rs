//! What forms are refused for.

use rules::{form::Form, validate};
use serde_json::{Value, json};

use crate::validation::measure;

#[test]
fn forms_are_checked() {
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut form = serde_json::to_value(measure()).unwrap();
        form["scales"].as_array_mut().unwrap().truncate(1);
        change(&mut form);
        let form: Form = serde_json::from_value(form).unwrap();
        validate::form(&form)
            .err()
            .unwrap_or_default()
            .iter()
            .map(|problem| format!("{} {}", problem.place(), problem.code))
            .collect::<Vec<_>>()
    };
    assert_eq!(broken(&|_| {}), Vec::<String>::new());
    let when = |item: &str, operator: &str, answer: Value| json!({ "conditions": [{ "item": item, "operator": operator, "answer": answer }] });
    let band =
        |from: f64, to: f64| json!({ "key": format!("b{from}"), "label": { "en": "x" }, "from": from, "to": to });
    type Change = Box<dyn Fn(&mut Value)>;
    let cases: Vec<(Change, &[&str])> = vec![
        (
            Box::new(|form| form["items"][2]["key"] = json!("q1")),
            &["items[2].key DUPLICATE", "scales[0].items[1] UNKNOWN_ITEM"],
        ),
        (
            Box::new(|form| form["items"][1]["options"] = json!([])),
            &["items[1].options EMPTY", "scales[0].items[0] NOT_SCORABLE"],
        ),
        (
            Box::new(|form| form["items"][1]["options"][1]["key"] = json!("o0")),
            &["items[1].options[1].key DUPLICATE"],
        ),
        (
            Box::new(|form| form["items"][6]["min"] = json!(1)),
            &["items[6].min NOT_A_NUMBER_ITEM"],
        ),
        (
            Box::new(|form| form["items"][6]["kind"] = json!("SCALE")),
            &["items[6].min EMPTY", "items[6].max EMPTY"],
        ),
        (
            Box::new(|form| {
                form["items"][6]["kind"] = json!("INTEGER");
                form["items"][6]["min"] = json!(3);
                form["items"][6]["max"] = json!(2);
                form["items"][6]["step"] = json!(0);
            }),
            &["items[6].step NOT_POSITIVE", "items[6].max OUT_OF_ORDER"],
        ),
        (
            Box::new(|form| form["items"][6]["group"] = json!("q1")),
            &["items[6].group NOT_A_GROUP"],
        ),
        (
            Box::new(|form| form["items"][6]["group"] = json!("none")),
            &["items[6].group UNKNOWN_ITEM"],
        ),
        (
            Box::new(move |form| form["items"][6]["enableWhen"] = when("none", "EQ", json!(1))),
            &["items[6].enableWhen.conditions[0].item UNKNOWN_ITEM"],
        ),
        (
            Box::new(move |form| form["items"][6]["enableWhen"] = when("free", "EQ", json!("a"))),
            &["items[6].enableWhen.conditions[0].item CIRCLE"],
        ),
        (
            Box::new(move |form| form["items"][6]["enableWhen"] = when("q1", "EQ", json!("o7"))),
            &["items[6].enableWhen.conditions[0].answer WRONG_TYPE"],
        ),
        (
            Box::new(move |form| form["items"][6]["enableWhen"] = when("q1", "GT", json!("o1"))),
            &["items[6].enableWhen.conditions[0].operator OPERATOR"],
        ),
        (
            Box::new(move |form| form["items"][6]["enableWhen"] = when("q1", "GT", json!(1))),
            &[],
        ),
        (
            Box::new(|form| form["items"][6]["enableWhen"] = json!({ "conditions": [] })),
            &["items[6].enableWhen.conditions EMPTY"],
        ),
        (
            Box::new(|form| form["scales"][0]["items"] = json!(["free", "q1", "q1"])),
            &["scales[0].items[2] DUPLICATE", "scales[0].items[0] NOT_SCORABLE"],
        ),
        (
            Box::new(|form| form["scales"][0]["reversed"] = json!(["plain"])),
            &["scales[0].reversed[0] UNKNOWN_ITEM"],
        ),
        (
            Box::new(|form| form["scales"][0]["minimumAnswered"] = json!(3)),
            &["scales[0].minimumAnswered OUT_OF_RANGE"],
        ),
        (
            Box::new(move |form| form["scales"][0]["bands"] = json!([band(0.0, 4.0), band(4.0, 9.0)])),
            &["scales[0].bands[1].from OUT_OF_ORDER"],
        ),
        (
            Box::new(move |form| form["scales"][0]["bands"] = json!([band(5.0, 4.0)])),
            &["scales[0].bands[0].to OUT_OF_ORDER"],
        ),
        (
            Box::new(move |form| {
                form["scales"][0]["bands"] = json!([band(0.0, 4.0), band(5.0, 9.0), band(11.0, 12.0)])
            }),
            &["scales[0].bands[2].from GAP"],
        ),
        (
            Box::new(move |form| {
                form["scales"][0]["decimals"] = json!(1);
                form["scales"][0]["bands"] = json!([band(0.0, 3.9), band(4.0, 4.9), band(5.1, 9.0)]);
            }),
            &["scales[0].bands[2].from GAP"],
        ),
        (
            Box::new(|form| {
                form["scales"][0]["standardDeviation"] = json!(0);
                form["scales"][0]["reliability"] = json!(1);
            }),
            &[
                "scales[0].standardDeviation NOT_POSITIVE",
                "scales[0].reliability OUT_OF_RANGE",
            ],
        ),
        (
            Box::new(|form| {
                form["scales"][0]["standardDeviation"] = json!(6.1);
                form["scales"][0]["reliability"] = json!(0);
            }),
            &[],
        ),
        (
            Box::new(|form| form["scales"][0]["standardDeviation"] = json!(6.1)),
            &["scales[0].reliability EMPTY"],
        ),
        (
            Box::new(|form| form["scales"][0]["reliability"] = json!(0.84)),
            &["scales[0].standardDeviation EMPTY"],
        ),
        (Box::new(|form| form["title"] = json!({})), &["title EMPTY"]),
    ];
    for (change, expected) in cases {
        assert_eq!(broken(&change), expected);
    }
}
