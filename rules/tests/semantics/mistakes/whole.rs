//! Mistakes in a rule as a whole: its fields, its statuses and its limits.

use serde_json::json;

use super::Mistake;
use crate::validation::rule_with;

pub fn mistakes() -> Vec<Mistake> {
    vec![
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
            rule_with(|rule| {
                rule["limits"] =
                    json!({ "cooldown": "PT0S", "maxFirings": 0, "grace": "-P1D", "stopWhen": { "any": [] } });
            }),
            &[
                "limits.stopWhen.any EMPTY",
                "limits.cooldown NOT_POSITIVE",
                "limits.maxFirings OUT_OF_RANGE",
                "limits.grace NEGATIVE",
            ],
        ),
        (
            rule_with(|rule| {
                rule["limits"]["maxFirings"] = json!(-1);
            }),
            &["limits.maxFirings INVALID"],
        ),
    ]
}
