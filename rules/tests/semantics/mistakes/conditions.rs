//! Mistakes in the condition of a rule.

use serde_json::{Value, json};

use super::Mistake;
use crate::validation::rule_with;

pub fn mistakes() -> Vec<Mistake> {
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
    vec![
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
        (
            compare(json!({ "status": {} }), "EQ", json!("PAUSED")),
            &["condition.compare NEVER_TRUE"],
        ),
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
        (score("PERCENT_CHANGE_FROM_FIRST", -50), &[]),
        (score("PERCENT_CHANGE_FROM_PREVIOUS", 900), &[]),
        (score("MAX", 7), &["condition.compare.value OUT_OF_REACH"]),
        (score("MIN", 6), &[]),
        (
            score("RELIABLE_CHANGE", 2),
            &["condition.compare.fact.score.pick UNKNOWN_RELIABILITY"],
        ),
        (
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "known", "pick": "RELIABLE_CHANGE" } }),
                "LTE",
                json!(-1.96),
            ),
            &[],
        ),
        (
            // The error of a difference is 1, and the scale reaches from 0 to 6.
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "known", "pick": "RELIABLE_CHANGE" } }),
                "LTE",
                json!(-6.1),
            ),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "total", "pick": "MAX", "last": 0 } }),
                "GT",
                json!(1),
            ),
            &["condition.compare.fact.score.last OUT_OF_RANGE"],
        ),
        (
            compare(json!({ "sectionProgress": { "section": "none" } }), "GTE", json!(50)),
            &["condition.compare.fact.sectionProgress.section UNKNOWN_SECTION"],
        ),
        (
            compare(json!({ "sectionProgress": { "section": "part" } }), "GTE", json!(50)),
            &[],
        ),
        (
            compare(json!({ "missedActivities": { "days": 0 } }), "GTE", json!(1)),
            &["condition.compare.fact.missedActivities.days OUT_OF_RANGE"],
        ),
        (
            compare(json!({ "missedActivities": { "days": 7 } }), "GTE", json!(-1)),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (compare(json!({ "sex": {} }), "EQ", json!("FEMALE")), &[]),
        (
            compare(json!({ "sex": {} }), "EQ", json!("OTHER")),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            compare(json!({ "sex": {} }), "GT", json!("FEMALE")),
            &["condition.compare.operator OPERATOR"],
        ),
        (
            compare(
                json!({ "daysSince": { "event": "MESSAGE_FROM_STAFF", "form": "weekly-measure" } }),
                "GTE",
                json!(7),
            ),
            &["condition.compare.fact.daysSince.form CONTRADICTION"],
        ),
    ]
}
