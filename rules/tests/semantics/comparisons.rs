//! Comparisons that can never be true are refused.

use serde_json::{Value, json};

use crate::validation::{problems, rule_with};

#[test]
fn a_comparison_can_be_true() {
    let total = || json!({ "score": { "form": "weekly-measure", "scale": "total" } });
    let mean = || json!({ "score": { "form": "weekly-measure", "scale": "total", "pick": "MEAN" } });
    let item = || json!({ "answer": { "form": "weekly-measure", "item": "q9" } });
    let progress = || json!({ "programProgress": {} });
    let week = || json!({ "programWeek": {} });
    let days = || json!({ "daysSince": { "event": "SIGN_IN" } });
    let cases: Vec<(Value, &str, f64, bool)> = vec![
        (total(), "GT", 6.0, false),
        (total(), "GT", 2.5, true),
        (total(), "LT", 0.0, false),
        (total(), "LTE", 0.0, true),
        (total(), "EQ", 2.5, false),
        (mean(), "EQ", 2.5, true),
        (item(), "GT", 3.0, false),
        (item(), "GTE", 3.0, true),
        (progress(), "GT", 100.0, false),
        (progress(), "EQ", 33.3, true),
        (week(), "LT", 1.0, false),
        (week(), "LT", 2.0, true),
        (days(), "EQ", 3.5, false),
        (days(), "GTE", 3.5, true),
    ];
    for (fact, operator, value, good) in cases {
        let compare = json!({ "compare": { "fact": fact, "operator": operator, "value": value } });
        let found = problems(rule_with(|rule| rule["condition"] = compare.clone()));
        let expected: &[&str] = if good {
            &[]
        } else {
            &["condition.compare.value OUT_OF_REACH"]
        };
        assert_eq!(found, expected, "{compare}");
    }
}
