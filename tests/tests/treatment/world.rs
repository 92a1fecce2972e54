//! The program of the treatment, its measure and its rules.

use rules::form::Form;
use serde_json::{Value, json};
use tests::care;

/// The treatment.
pub const TREATMENT: &str = care::PROGRAM;
/// A program that citizens start by themselves.
pub const SUPPORT: &str = "sleep-school";
/// The measure that is answered every week: nine items from 0 to 3.
pub const WEEKLY: &str = "weekly-measure";
/// The standard deviation of the measure in the population.
pub const STANDARD_DEVIATION: f64 = 6.0;
/// How reliable the measure is: its test-retest correlation.
pub const RELIABILITY: f64 = 0.82;

/// The weekly measure, with what its reliable change is counted from.
fn weekly() -> Form {
    let mut form = serde_json::to_value(care::measure(WEEKLY, 9)).unwrap();
    form["scales"][0]["standardDeviation"] = json!(STANDARD_DEVIATION);
    form["scales"][0]["reliability"] = json!(RELIABILITY);
    serde_json::from_value(form).unwrap()
}

/// The forms of both programs.
pub fn forms() -> Vec<Form> {
    vec![weekly(), care::measure("worry-measure", 7), care::diary()]
}

/// The treatment: ten weeks, and read for thirty days after.
pub fn treatment() -> Value {
    let mut program = care::program();
    let text = |sv: &str, en: &str| json!({ "sv": sv, "en": en });
    program["duration"] = json!("P10W");
    program["readableFor"] = json!("P30D");
    program["features"] = json!({ "citizenPlansActivities": true });
    program["measurements"] = json!([{ "key": "weight", "title": text("Vikt", "Weight"),
        "unit": { "code": "kg", "label": text("kg", "kg") }, "min": 20, "max": 300, "decimals": 1 }]);
    program
}

/// A program that says a few words.
pub fn support() -> Value {
    let text = |sv: &str| json!({ "sv": sv });
    let step = json!({ "key": "read", "title": text("Läs"), "blocks": [{ "text": text("<p>Sov gott</p>") }] });
    let section = json!({ "key": "nights", "title": text("Nätter"), "steps": [step] });
    let module = json!({ "key": "sleep", "title": text("Sömn"), "opens": "START", "sections": [section] });
    json!({ "slug": SUPPORT, "kind": "SUPPORT", "version": "1.0", "title": text("Sömnskolan"),
        "summary": text("Om sömn."), "forms": [WEEKLY, "worry-measure", "diary"], "modules": [module] })
}

fn total_at_least(value: u32) -> Value {
    json!({ "compare": { "fact": { "score": { "form": WEEKLY, "scale": "total" } }, "operator": "GTE", "value": value } })
}

fn rule(key: &str, name: &str, rest: Value) -> Value {
    let mut rule = json!({ "programSlug": TREATMENT, "key": key, "name": name, "enabled": true });
    for (part, value) in rest.as_object().unwrap() {
        rule[part] = value.clone();
    }
    rule
}

/// The rules of the treatment, as the designer saves them.
pub fn rules() -> Vec<Value> {
    let measure = json!([{ "dispatchForm": { "form": WEEKLY, "expiresAfter": "P3D", "remindAfter": ["P1D"] } }]);
    let answered = json!({ "event": { "formCompleted": { "form": WEEKLY } } });
    vec![
        rule(
            "first-measure",
            "The first measure",
            json!({ "trigger": { "event": { "enrollmentStarted": {} } }, "actions": measure }),
        ),
        rule(
            "weekly-measure",
            "The measure of every week",
            json!({ "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;INTERVAL=7",
                    "slots": [{ "key": "morning", "offset": "P7D", "at": "08:00" }] } }, "actions": measure }),
        ),
        rule(
            "risk-item",
            "Thoughts of self-harm",
            json!({ "trigger": answered, "condition": { "compare": { "fact": { "answer": { "form": WEEKLY, "item": "q9" } },
                    "operator": "GTE", "value": 2 } },
                "actions": [{ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "Thoughts of self-harm", "audience": "STAFF" } }],
                "limits": { "quietHours": "BYPASS" } }),
        ),
        rule(
            "open-activity",
            "The next module",
            json!({ "trigger": { "event": { "moduleCompleted": { "module": "welcome" } } },
                "actions": [{ "openModule": { "module": "activity" } }] }),
        ),
        rule(
            "inactive",
            "Nobody signed in for a week",
            json!({ "trigger": { "whenever": {} },
                "condition": { "compare": { "fact": { "daysSince": { "event": "SIGN_IN" } }, "operator": "GTE", "value": 7 } },
                "actions": [{ "raiseFlag": { "kind": "inactive", "severity": "WARNING", "title": "No sign-in for a week",
                    "audience": "STAFF", "autoResolve": true } }] }),
        ),
    ]
}

/// A rule that is only tried at first.
pub fn severe() -> Value {
    rule(
        "severe",
        "A high score",
        json!({ "trigger": { "event": { "formCompleted": { "form": WEEKLY } } }, "condition": total_at_least(20),
            "actions": [{ "raiseFlag": { "kind": "severe", "severity": "WARNING", "title": "A high score", "audience": "STAFF" } }],
            "dryRun": true }),
    )
}
