//! Conditions that can never be true, or always are, and rules that could never fire.

use serde_json::{Value, json};

use crate::validation::{problems, rule_with};

fn compare(fact: Value, operator: &str, value: impl Into<Value>) -> Value {
    json!({ "compare": { "fact": fact, "operator": operator, "value": value.into() } })
}

fn total(operator: &str, value: impl Into<Value>) -> Value {
    compare(
        json!({ "score": { "form": "weekly-measure", "scale": "total" } }),
        operator,
        value,
    )
}

fn mean(operator: &str, value: f64) -> Value {
    let fact = json!({ "score": { "form": "weekly-measure", "scale": "total", "pick": "MEAN" } });
    compare(fact, operator, value)
}

fn item(key: &str, operator: &str, value: impl Into<Value>) -> Value {
    compare(
        json!({ "answer": { "form": "weekly-measure", "item": key } }),
        operator,
        value,
    )
}

fn away(operator: &str, days: u32) -> Value {
    compare(json!({ "daysSince": { "event": "SIGN_IN" } }), operator, days)
}

fn status(operator: &str, status: &str) -> Value {
    compare(json!({ "status": {} }), operator, status)
}

fn flagged(open: bool) -> Value {
    compare(json!({ "openFlag": { "kind": "risk" } }), "EQ", open)
}

fn missed(operator: &str, value: impl Into<Value>) -> Value {
    compare(json!({ "missedDispatches": {} }), operator, value)
}

/// Conditions of a rule on a submitted form while the enrollment is active, with what is wrong with them.
fn conditions() -> Vec<(Value, &'static [&'static str])> {
    let (all, any, not) = (
        |parts: Value| json!({ "all": parts }),
        |parts: Value| json!({ "any": parts }),
        |part: Value| json!({ "not": part }),
    );
    vec![
        // Scores from 0 to 6, in whole numbers.
        (
            all(json!([total("GTE", 5), total("LT", 3)])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        (all(json!([total("GTE", 3), total("LT", 5)])), &[]),
        (all(json!([total("GTE", 3), total("LTE", 3)])), &[]),
        (
            all(json!([total("GT", 3), total("LT", 4)])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        (all(json!([total("GT", 3), total("LT", 4.5)])), &[]),
        (
            all(json!([total("GT", 5), total("NE", 6)])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        (
            all(json!([total("EQ", 2), total("EQ", 3)])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        (all(json!([total("NE", 2), total("NE", 3)])), &[]),
        (all(json!([total("GTE", 5), mean("LT", 3.0)])), &[]),
        (all(json!([mean("GT", 3.0), mean("LT", 4.0)])), &[]),
        (
            all(json!([mean("GT", 3.0), mean("LTE", 3.0)])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        // What is missing is nothing, and is not compared.
        (
            all(json!([total("EXISTS", false), total("GTE", 1)])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        (all(json!([total("EXISTS", true), total("GTE", 1)])), &[]),
        (
            all(json!([missed("EXISTS", false)])),
            &["condition.all[0].compare NEVER_TRUE"],
        ),
        // Deeper, and in any order.
        (
            all(json!([any(json!([total("LT", 3), away("GTE", 3)])), total("GTE", 5)])),
            &["condition.all[0].any[0].compare NEVER_TRUE"],
        ),
        (
            all(json!([
                all(json!([total("LT", 3), away("GTE", 3)])),
                all(json!([total("GTE", 5)]))
            ])),
            &["condition.all[1].all[0].compare NEVER_TRUE"],
        ),
        (
            all(json!([
                all(json!([total("GTE", 5), away("GTE", 3)])),
                all(json!([flagged(true), all(json!([total("LT", 3)]))]))
            ])),
            &["condition.all[1].all[1].all[0].compare NEVER_TRUE"],
        ),
        (
            any(json!([away("GTE", 3), all(json!([total("LT", 3), total("GTE", 5)]))])),
            &["condition.any[1].all[1].compare NEVER_TRUE"],
        ),
        (
            not(all(json!([total("LT", 3), total("GTE", 5), flagged(true)]))),
            &["condition.not.all[1].compare NEVER_TRUE"],
        ),
        (all(json!([total("GTE", 5), not(total("LT", 3))])), &[]),
        (
            all(json!([total("GTE", 5), not(total("GTE", 3))])),
            &["condition.all[1].not NEVER_TRUE"],
        ),
        (not(missed("GTE", 0)), &["condition.not NEVER_TRUE"]),
        (
            not(all(json!([total("GTE", 0), total("LTE", 6)]))),
            &["condition.not NEVER_TRUE"],
        ),
        // Only all three together exclude one another.
        (
            all(json!([total("LTE", 2), total("NE", 2), total("GTE", 2)])),
            &["condition.all[2].compare NEVER_TRUE"],
        ),
        (
            all(json!([
                total("GTE", 1),
                total("LTE", 2),
                total("NE", 1),
                total("NE", 2)
            ])),
            &["condition.all[3].compare NEVER_TRUE"],
        ),
        // Answers.
        (
            all(json!([item("q9", "EQ", 1), item("q9", "EQ", 2)])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        (
            all(json!([item("q9", "GT", 1), item("q9", "LT", 2)])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        (all(json!([item("q9", "GT", 1), item("q1", "LT", 2)])), &[]),
        (
            all(json!([item("plain", "NE", "yes"), item("plain", "NE", "no")])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        (
            any(json!([item("plain", "EQ", "yes"), item("plain", "EQ", "no")])),
            &["condition.any[1] ALWAYS_TRUE"],
        ),
        (
            all(json!([item("several", "EQ", "o1"), item("several", "EQ", "o2")])),
            &[],
        ),
        (
            all(json!([item("smoker", "EQ", true), item("smoker", "EQ", false)])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        (
            all(json!([
                item("when", "GT", "2027-02-01"),
                item("when", "LT", "2027-01-01")
            ])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        (
            all(json!([
                item("when", "GT", "2027-01-01"),
                item("when", "LT", "2027-02-01")
            ])),
            &[],
        ),
        (
            all(json!([item("free", "EQ", "a"), item("free", "EQ", "b")])),
            &["condition.all[1].compare NEVER_TRUE"],
        ),
        (all(json!([item("free", "NE", "a"), item("free", "NE", "b")])), &[]),
        // The rule applies while the enrollment is active.
        (status("EQ", "ACTIVE"), &[]),
        (status("NE", "ACTIVE"), &["condition.compare NEVER_TRUE"]),
        (status("EQ", "PAUSED"), &["condition.compare NEVER_TRUE"]),
        (
            any(json!([total("GTE", 5), status("EQ", "PAUSED")])),
            &["condition.any[1].compare NEVER_TRUE"],
        ),
        (
            any(json!([total("GTE", 5), status("EQ", "ACTIVE")])),
            &["condition.any[1] ALWAYS_TRUE"],
        ),
        // Flags and sexes.
        (
            all(json!([flagged(true), not(flagged(true))])),
            &["condition.all[1].not NEVER_TRUE"],
        ),
        (
            any(json!([flagged(true), total("GT", 2), flagged(false)])),
            &["condition.any[2] ALWAYS_TRUE"],
        ),
        (
            any(json!([
                compare(json!({ "sex": {} }), "EQ", "FEMALE"),
                compare(json!({ "sex": {} }), "EQ", "MALE")
            ])),
            &["condition.any[1] ALWAYS_TRUE"],
        ),
        // Alternatives that leave nothing out.
        (
            any(json!([total("GTE", 3), total("LT", 3)])),
            &["condition.any[1] ALWAYS_TRUE"],
        ),
        (
            any(json!([total("GTE", 3), total("LT", 5), away("GTE", 3)])),
            &["condition.any[1] ALWAYS_TRUE"],
        ),
        (any(json!([total("GTE", 4), total("LT", 3)])), &[]),
        (
            any(json!([total("GTE", 4), total("LTE", 3)])),
            &["condition.any[1] ALWAYS_TRUE"],
        ),
        (any(json!([mean("GTE", 4.0), mean("LTE", 3.0)])), &[]),
        (
            any(json!([total("GTE", 0), away("GTE", 3)])),
            &["condition.any[0] ALWAYS_TRUE"],
        ),
        (any(json!([total("EXISTS", true), away("GTE", 3)])), &[]),
        (
            any(json!([total("EXISTS", true), total("EXISTS", false)])),
            &["condition.any[1] ALWAYS_TRUE"],
        ),
        // Harmless, and a way to ask whether there is a score.
        (total("GTE", 0), &[]),
        (all(json!([total("GTE", 0), total("GTE", 0)])), &[]),
    ]
}

/// Rules that could never fire, and some that can.
fn endings() -> Vec<(Value, &'static [&'static str])> {
    let whenever = |condition: Value, release: Value| {
        rule_with(|rule| {
            rule["trigger"] = json!({ "whenever": { "release": release } });
            rule["condition"] = condition;
        })
    };
    let stopped = |condition: Value, stop_when: Value| {
        rule_with(|rule| {
            rule["condition"] = condition;
            rule["limits"]["stopWhen"] = stop_when;
        })
    };
    let released: &[&str] = &["trigger.whenever.release NEVER_FIRES"];
    let at_once: &[&str] = &["limits.stopWhen NEVER_FIRES"];
    vec![
        (whenever(total("GTE", 5), total("LT", 3)), &[]),
        (whenever(total("GTE", 5), total("LT", 6)), &[]),
        (whenever(total("GTE", 5), total("GTE", 3)), released),
        (
            whenever(total("GTE", 5), json!({ "any": [total("GTE", 3), flagged(true)] })),
            released,
        ),
        (
            whenever(total("GTE", 5), json!({ "all": [total("GTE", 3), flagged(true)] })),
            &[],
        ),
        (
            whenever(
                json!({ "all": [total("GTE", 5), flagged(true)] }),
                json!({ "all": [total("GTE", 3), flagged(true)] }),
            ),
            released,
        ),
        (
            whenever(json!({ "any": [total("GTE", 5), total("LTE", 2)] }), total("NE", 3)),
            released,
        ),
        (
            whenever(json!({ "any": [total("GTE", 5), away("GTE", 3)] }), total("GTE", 3)),
            &[],
        ),
        (whenever(total("GTE", 5), total("EXISTS", true)), released),
        (
            whenever(total("GTE", 5), json!({ "all": [total("LT", 3), total("GT", 3)] })),
            &["trigger.whenever.release.all[1].compare NEVER_TRUE"],
        ),
        // An episode may end in any status.
        (whenever(total("GTE", 5), status("EQ", "PAUSED")), &[]),
        (stopped(total("GTE", 5), flagged(true)), &[]),
        (stopped(total("GTE", 5), total("GTE", 5)), at_once),
        (stopped(total("GTE", 5), status("EQ", "ACTIVE")), at_once),
        (stopped(json!(null), missed("GTE", 0)), at_once),
        (stopped(json!(null), missed("GTE", 1)), &[]),
        (stopped(json!(null), total("GTE", 0)), &[]),
        (
            stopped(total("GTE", 5), status("EQ", "PAUSED")),
            &["limits.stopWhen.compare NEVER_TRUE"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "enrollmentPaused": {} } });
                rule["condition"] = status("EQ", "PAUSED");
            }),
            &[],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "enrollmentEnded": {} } });
                rule["condition"] = status("EQ", "ACTIVE");
            }),
            &["condition.compare NEVER_TRUE"],
        ),
        (
            rule_with(|rule| {
                rule["statuses"] = json!(["PAUSED", "ACTIVE"]);
                rule["condition"] = status("EQ", "PAUSED");
            }),
            &[],
        ),
    ]
}

/// The rules of these tests.
pub fn rules() -> impl Iterator<Item = Value> {
    let conditions = conditions().into_iter().map(|(condition, _)| {
        rule_with(|rule| {
            rule["condition"] = condition;
        })
    });
    conditions.chain(endings().into_iter().map(|(rule, _)| rule))
}

#[test]
fn what_can_never_be_true_is_named() {
    for (condition, expected) in conditions() {
        let rule = rule_with(|rule| {
            rule["condition"] = condition.clone();
        });
        assert_eq!(problems(rule), expected, "{condition}");
    }
}

#[test]
fn a_rule_that_could_never_fire_is_refused() {
    for (rule, expected) in endings() {
        assert_eq!(problems(rule.clone()), expected, "{rule:#}");
    }
}

#[test]
fn it_is_told_what_excludes_it() {
    let rule = rule_with(|rule| {
        rule["condition"] = json!({ "all": [total("GTE", 5), total("LT", 3)] });
    });
    let messages: Vec<String> = crate::validation::found(rule)
        .into_iter()
        .map(|problem| problem.message)
        .collect();
    assert_eq!(
        messages,
        [
            "This can never be true when “the score total of weekly-measure is at least 5” is, as it must be: change or remove \
          one of them"
        ]
    );
}
