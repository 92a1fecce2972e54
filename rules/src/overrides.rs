//! Overriding the numbers of a rule for a unit or for one enrollment.
//!
//! What may be overridden are leaves that the rule has: the values that facts are compared with, numbers, periods and times of
//! day. What a rule is about (facts, operators, kinds, forms, its structure) may not: that would be another rule.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    answer::Answer,
    definition::RuleDefinition,
    units,
    validate::{self, Problem, ProgramShape},
};

/// The code of an override that no longer fits the rule.
pub const STALE: &str = "OVERRIDE_STALE";

/// The fields whose values may be overridden.
const FIELDS: [&str; 10] = [
    "value",
    "offset",
    "at",
    "until",
    "heldFor",
    "cooldown",
    "maxFirings",
    "grace",
    "expiresAfter",
    "after",
];

/// The field of which each entry may be.
const LIST: &str = "remindAfter";

/// What a fact is made of is what the rule is about.
const FACT: &str = "fact";

/// The fields that tell one entry of a list from another.
const IDENTITY: [&str; 5] = ["fact", "operator", "key", "form", "kind"];

/// The value of a leaf of a rule's JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Leaf {
    /// The way to it, as the validation's errors write it: `condition.all.0.compare.value`, `limits.cooldown`.
    pub path: String,
    /// What stands there. A period or a time of day is a text: `P3D`, `08:30`.
    pub value: Answer,
}

/// The leaves of a rule that may be overridden.
pub fn leaves(definition: &RuleDefinition) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(&json(definition), "", "", &mut found);
    found
}

/// The rule with other values in some of its leaves, checked against the program. What was wrong before is nobody's fault now.
///
/// # Errors
/// Everything that is wrong with the values; each path begins with the place of the value in the list, then `path` or `value`.
pub fn apply(
    definition: &RuleDefinition,
    values: &[Leaf],
    shape: &ProgramShape<'_>,
) -> Result<RuleDefinition, Vec<Problem>> {
    let rule = json(definition);
    let leaves = leaves(definition);
    let mut problems = Vec::new();
    let mut all = rule.clone();
    for (index, value) in values.iter().enumerate() {
        let place = |field: &str| vec![index.to_string(), field.to_owned()];
        if let Some((code, message)) = unfit(&rule, &leaves, values, index) {
            problems.push(Problem {
                path: place("path"),
                code,
                message,
            });
            continue;
        }
        let mut one = rule.clone();
        set(&mut one, value);
        set(&mut all, value);
        if let Err(found) = validate::parse(one) {
            problems.extend(found.into_iter().map(|problem| Problem {
                path: place("value"),
                ..problem
            }));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let changed = validate::parse(all).map_err(|found| blamed(found, values))?;
    let before = validate::rule(definition, shape);
    let mut found = validate::rule(&changed, shape);
    found.retain(|problem| !before.contains(problem));
    if found.is_empty() {
        Ok(changed)
    } else {
        Err(blamed(found, values))
    }
}

/// As [`apply`], to the successor of the rule that the values were made for. `former` is what came of them then: a place where
/// something else stands by now is not overridden.
///
/// # Errors
/// As [`apply`]; [`STALE`] where the successor does not have the place any more.
pub fn carry_over(
    former: &RuleDefinition,
    definition: &RuleDefinition,
    values: &[Leaf],
    shape: &ProgramShape<'_>,
) -> Result<RuleDefinition, Vec<Problem>> {
    let (was, is) = (json(&units::without(former)), json(&units::without(definition)));
    let leaves = leaves(definition);
    let stale = values.iter().enumerate().filter(|(_, value)| {
        let there = leaves.iter().any(|leaf| leaf.path == value.path);
        !there || identity(&was, &value.path) != identity(&is, &value.path)
    });
    let problems: Vec<Problem> = stale
        .map(|(index, value)| Problem {
            path: vec![index.to_string(), "path".to_owned()],
            code: STALE,
            message: format!("Something else, or nothing, stands at “{}” by now", value.path),
        })
        .collect();
    if problems.is_empty() {
        apply(definition, values, shape)
    } else {
        Err(problems)
    }
}

/// What is only read by people: in other words a rule is still the same.
const WORDS: [&str; 3] = ["title", "body", "template"];

/// Whether two rules look at the same and do the same, but for the values and periods that may be overridden and for what is
/// said: their episodes are then one another's.
pub(crate) fn same_shape(a: &RuleDefinition, b: &RuleDefinition) -> bool {
    let shape = |definition: &RuleDefinition| {
        let mut rule = json(&units::without(definition));
        drop_leaves(&mut rule);
        ["condition", "actions"].map(|part| rule.get_mut(part).map(Value::take))
    };
    a == b || shape(a) == shape(b)
}

fn drop_leaves(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            fields
                .retain(|name, _| name != LIST && !FIELDS.contains(&name.as_str()) && !WORDS.contains(&name.as_str()));
            let others = fields.iter_mut().filter(|(name, _)| *name != FACT);
            others.for_each(|(_, field)| drop_leaves(field));
        }
        Value::Array(entries) => entries.iter_mut().for_each(drop_leaves),
        _ => {}
    }
}

/// What a definition is in JSON; it can always be written.
fn json(definition: &RuleDefinition) -> Value {
    serde_json::to_value(definition).unwrap_or_default()
}

fn collect(json: &Value, name: &str, path: &str, found: &mut Vec<Leaf>) {
    let below = |segment: &str| {
        if path.is_empty() {
            segment.to_owned()
        } else {
            format!("{path}.{segment}")
        }
    };
    match json {
        _ if name == FACT => {}
        leaf if FIELDS.contains(&name) => {
            // A field that is absent is null nowhere: it is left out.
            if let Ok(value) = serde_json::from_value(leaf.clone()) {
                let path = path.to_owned();
                found.push(Leaf { path, value });
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                collect(field, name, &below(name), found);
            }
        }
        Value::Array(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                // Each entry of a list of leaves is one.
                let name = if name == LIST { "after" } else { "" };
                collect(entry, name, &below(&index.to_string()), found);
            }
        }
        _ => {}
    }
}

/// Why a place cannot be overridden.
fn unfit(rule: &Value, leaves: &[Leaf], values: &[Leaf], index: usize) -> Option<(&'static str, String)> {
    let path = &values.get(index)?.path;
    if values.iter().take(index).any(|value| value.path == *path) {
        return Some(("DUPLICATE", format!("“{path}” is overridden twice: once is enough")));
    }
    if leaves.iter().any(|leaf| leaf.path == *path) {
        return None;
    }
    let can: Vec<&str> = leaves.iter().map(|leaf| leaf.path.as_str()).collect();
    let can = match can.as_slice() {
        [] => "there is nothing in it that can be overridden; it can be switched off".to_owned(),
        some => format!("what can be overridden is {}", some.join(", ")),
    };
    Some(if !path.is_empty() && rule.pointer(&pointer(path)).is_some() {
        let message = format!("“{path}” is what the rule is about, or what it is made of: {can}");
        ("NOT_OVERRIDABLE", message)
    } else {
        ("UNKNOWN_PATH", format!("The rule has no “{path}”: {can}"))
    })
}

/// A path as a JSON pointer. No field of a rule has a slash or a tilde in its name.
fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

fn set(rule: &mut Value, leaf: &Leaf) {
    if let Some(place) = rule.pointer_mut(&pointer(&leaf.path)) {
        *place = match &leaf.value {
            Answer::Number(number) => whole(*number),
            other => serde_json::to_value(other).unwrap_or_default(),
        };
    }
}

/// A number as JSON has it, whole where it is whole: a count is not read from `3.0`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "whole numbers below 2^53 are exact in both"
)]
fn whole(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

/// Problems of the whole rule at those of the values that brought them about: the nearest to each.
fn blamed(problems: Vec<Problem>, values: &[Leaf]) -> Vec<Problem> {
    let near = |problem: &Problem, leaf: &Leaf| {
        let common = leaf.path.split('.').zip(&problem.path);
        common.take_while(|(one, other)| one == other).count()
    };
    problems
        .into_iter()
        .map(|problem| {
            let nearest = (0..values.len()).max_by_key(|index| {
                let near = values.get(*index).map_or(0, |leaf| near(&problem, leaf));
                (near, std::cmp::Reverse(*index))
            });
            Problem {
                path: vec![nearest.unwrap_or_default().to_string(), "value".to_owned()],
                ..problem
            }
        })
        .collect()
}

/// What tells the entries of lists on the way to a leaf from others that might stand there.
fn identity(rule: &Value, path: &str) -> Vec<Map<String, Value>> {
    let mut found = Vec::new();
    let mut place = Some(rule);
    for segment in path.split('.') {
        let Some(json) = place else { break };
        if let Value::Object(fields) = json {
            let of = |name: &&str| Some(((*name).to_owned(), fields.get(*name)?.clone()));
            found.push(IDENTITY.iter().filter_map(of).collect());
        }
        place = match json {
            Value::Array(entries) => segment.parse().ok().and_then(|index: usize| entries.get(index)),
            other => other.get(segment),
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(json: Value) -> RuleDefinition {
        serde_json::from_value(json).unwrap()
    }

    fn leaf(path: &str, value: impl Into<Value>) -> Leaf {
        Leaf {
            path: path.to_owned(),
            value: serde_json::from_value(value.into()).unwrap(),
        }
    }

    fn weekly() -> Value {
        json!({
            "trigger": { "schedule": {
                "anchor": { "enrollmentStart": {} },
                "slots": [{ "key": "early", "at": "08:00" }, { "key": "late", "offset": "P1D", "at": "18:00" }],
                "until": "P70D",
            } },
            "condition": { "all": [
                { "compare": { "fact": { "programWeek": {} }, "operator": "GTE", "value": 2 } },
                { "not": { "compare": { "fact": { "openFlag": { "kind": "risk" } }, "operator": "EQ", "value": true } } },
            ] },
            "actions": [{ "raiseFlag": { "kind": "P3D", "severity": "INFO", "title": "08:00", "audience": "STAFF" } }],
            "limits": { "cooldown": "P7D", "maxFirings": 3 },
        })
    }

    fn refused(values: &[Leaf]) -> Vec<(String, &'static str)> {
        let shape = ProgramShape::default();
        let problems = apply(&rule(weekly()), values, &shape).unwrap_err();
        problems
            .into_iter()
            .map(|problem| (problem.path.join("."), problem.code))
            .collect()
    }

    #[test]
    fn leaves_are_values_and_nothing_else() {
        let found = leaves(&rule(weekly()));
        let mut paths: Vec<&str> = found.iter().map(|leaf| leaf.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(
            paths,
            [
                "condition.all.0.compare.value",
                "condition.all.1.not.compare.value",
                "limits.cooldown",
                "limits.maxFirings",
                "trigger.schedule.slots.0.at",
                "trigger.schedule.slots.0.offset",
                "trigger.schedule.slots.1.at",
                "trigger.schedule.slots.1.offset",
                "trigger.schedule.until",
            ]
        );
        let reminded = rule(json!({
            "trigger": { "event": { "flagUnhandled": { "kind": "risk", "after": "PT4H" } } },
            "actions": [
                { "dispatchForm": { "form": "measure", "expiresAfter": "P3D", "remindAfter": ["P1D", "P2D"] } },
                { "escalate": { "kind": "risk", "rungs": [
                    { "key": "a", "after": "PT1H", "to": "THERAPISTS", "template": "flag" } ] } },
            ],
        }));
        let mut paths: Vec<String> = leaves(&reminded).into_iter().map(|leaf| leaf.path).collect();
        paths.sort_unstable();
        assert_eq!(
            paths,
            [
                "actions.0.dispatchForm.expiresAfter",
                "actions.0.dispatchForm.remindAfter.0",
                "actions.0.dispatchForm.remindAfter.1",
                "actions.1.escalate.rungs.0.after",
                "trigger.event.flagUnhandled.after",
            ]
        );
    }

    #[test]
    fn values_take_the_place_of_others_and_nothing_else_changes() {
        let shape = ProgramShape::default();
        let changed = apply(
            &rule(weekly()),
            &[
                leaf("condition.all.0.compare.value", 4),
                leaf("limits.maxFirings", 5),
                leaf("limits.cooldown", "PT36H"),
                leaf("trigger.schedule.slots.1.at", "19:30"),
            ],
            &shape,
        )
        .unwrap();
        let mut wanted = weekly();
        wanted["condition"]["all"][0]["compare"]["value"] = 4.into();
        wanted["limits"] = json!({ "cooldown": "PT36H", "maxFirings": 5 });
        wanted["trigger"]["schedule"]["slots"][1]["at"] = "19:30".into();
        assert_eq!(changed, rule(wanted));
        assert_eq!(apply(&rule(weekly()), &[], &shape).unwrap(), rule(weekly()));
    }

    #[test]
    fn what_cannot_be_is_refused_at_its_place_in_the_list() {
        for (values, wanted) in [
            (vec![leaf("limits.grace", "P1D")], ("0.path", "UNKNOWN_PATH")),
            (vec![leaf("", 1)], ("0.path", "UNKNOWN_PATH")),
            (
                vec![leaf("condition.all.9.compare.value", 1)],
                ("0.path", "UNKNOWN_PATH"),
            ),
            (
                vec![leaf("actions.0.raiseFlag.severity", "URGENT")],
                ("0.path", "NOT_OVERRIDABLE"),
            ),
            (
                vec![leaf("condition.all.0.compare.operator", "LT")],
                ("0.path", "NOT_OVERRIDABLE"),
            ),
            (
                vec![leaf("condition.all.1.not.compare.fact.openFlag.kind", "x")],
                ("0.path", "NOT_OVERRIDABLE"),
            ),
            (
                vec![leaf("limits.cooldown", "P1D"), leaf("limits.cooldown", "P2D")],
                ("1.path", "DUPLICATE"),
            ),
            (
                vec![leaf("limits.cooldown", "P1D"), leaf("limits.maxFirings", "three")],
                ("1.value", "INVALID"),
            ),
            (vec![leaf("limits.maxFirings", 2.5)], ("0.value", "INVALID")),
            (vec![leaf("limits.maxFirings", -1)], ("0.value", "INVALID")),
            (
                vec![leaf("trigger.schedule.slots.0.at", "25:00")],
                ("0.value", "INVALID"),
            ),
            (
                vec![leaf("limits.cooldown", "P1D"), leaf("limits.maxFirings", 0)],
                ("1.value", "OUT_OF_RANGE"),
            ),
            (
                vec![
                    leaf("limits.maxFirings", 1),
                    leaf("condition.all.0.compare.value", "two"),
                ],
                ("1.value", "WRONG_TYPE"),
            ),
        ] {
            assert_eq!(refused(&values), [(wanted.0.to_owned(), wanted.1)], "{values:?}");
        }
        // What the values make of the rest is said at the value.
        let short = [leaf("limits.maxFirings", 1), leaf("trigger.schedule.until", "P1D")];
        assert_eq!(refused(&short), [("1.value".to_owned(), "NEVER_COMES")]);
    }

    #[test]
    fn what_was_wrong_before_does_not_stand_in_the_way() {
        let mut broken = weekly();
        broken["trigger"] = json!({ "event": { "formCompleted": { "form": "gone" } } });
        let shape = ProgramShape::default();
        assert!(apply(&rule(broken), &[leaf("limits.maxFirings", 1)], &shape).is_ok());
    }

    #[test]
    fn a_value_is_carried_over_only_to_what_it_was_meant_for() {
        let shape = ProgramShape::default();
        let values = [leaf("condition.all.0.compare.value", 4), leaf("limits.cooldown", "P1D")];
        let former = apply(&rule(weekly()), &values, &shape).unwrap();

        let mut next = weekly();
        next["actions"][0]["raiseFlag"]["title"] = "Changed".into();
        next["condition"]["all"][0]["compare"]["value"] = 3.into();
        let carried = carry_over(&former, &rule(next.clone()), &values, &shape).unwrap();
        next["condition"]["all"][0]["compare"]["value"] = 4.into();
        next["limits"]["cooldown"] = "P1D".into();
        assert_eq!(carried, rule(next));

        let stale = |next: Value| {
            let problems = carry_over(&former, &rule(next), &values, &shape).unwrap_err();
            let told = problems
                .into_iter()
                .map(|problem| (problem.path.join("."), problem.code));
            told.collect::<Vec<_>>()
        };
        let mut gone = weekly();
        gone["limits"] = json!({});
        assert_eq!(stale(gone), [("1.path".to_owned(), STALE)]);
        // Another comparison stands first by now: four weeks must not become an age of four.
        let mut moved = weekly();
        moved["condition"]["all"][0]["compare"]["fact"] = json!({ "age": {} });
        assert_eq!(stale(moved), [("0.path".to_owned(), STALE)]);
    }
}
