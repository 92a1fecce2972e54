//! Rules are read and saved.

use rules::definition::Condition;
use serde_json::{Value, json};
use tests::{both_databases, care, client::done, database::Kind};

use super::{is_at, morning, started};

async fn rules_are_read_and_saved(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let designer = app.staff("designer");
    let rules = async || {
        let data = app
            .client
            .ask(&designer, "Rules", json!({ "programSlug": care::PROGRAM }))
            .await;
        data["program"]["rules"].as_array().unwrap().clone()
    };
    let find = |rules: &[Value], key: &str| rules.iter().find(|rule| rule["key"] == key).cloned();
    let before = rules().await;
    let first = find(&before, "first-measure").unwrap();
    assert_eq!(
        (&first["enabled"], &first["version"], &first["firingCount"]),
        (&json!(true), &json!(1), &json!(1))
    );
    assert_eq!(first["scope"], "PROGRAM");
    assert!(is_at(&first["lastFiredAt"], morning()));
    assert!(!first["summary"].as_str().unwrap().is_empty());
    assert_eq!(
        first["definition"]["trigger"],
        json!({ "event": { "enrollmentStarted": {} } })
    );

    // The example of the contract, nearly word for word.
    let compare = |fact: Value, operator: &str, value: Value| json!({ "compare": { "fact": fact, "operator": operator, "value": value } });
    let score = json!({ "score": { "form": "weekly-measure", "scale": "total", "pick": "LATEST" } });
    let condition = json!({ "any": [
        compare(json!({ "answer": { "form": "weekly-measure", "item": "q9" } }), "GTE", json!(2)),
        { "all": [compare(score, "GTE", json!(20)),
            { "not": compare(json!({ "openFlag": { "kind": "risk" } }), "EQ", json!(true)) }] },
    ] });
    let input = json!({
        "programSlug": care::PROGRAM, "key": "risk-item", "name": "Thoughts of self-harm", "enabled": true,
        "trigger": { "event": { "formCompleted": { "form": "weekly-measure" } } }, "condition": condition,
        "actions": [{ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "Thoughts of self-harm", "audience": "STAFF" } }],
        "limits": { "cooldown": "P1D", "maxFirings": null, "quietHours": "BYPASS", "catchUp": "ALL", "grace": "P7D" },
    });
    let saved = app.client.input(&designer, "SaveRule", input).await;
    let rule = &done(&saved)["rule"];
    assert_eq!((&rule["version"], &rule["enabled"]), (&json!(2), &json!(true)));
    let now = find(&rules().await, "risk-item").unwrap();
    // Numbers come back as numbers, if not digit by digit.
    let means = |condition: &Value| serde_json::from_value::<Condition>(condition.clone()).unwrap();
    assert_eq!(now["version"], 2);
    assert_eq!(means(&now["definition"]["condition"]), means(&condition));

    // The contract's schedule and state, word for word.
    let send = json!([{ "dispatchForm": { "form": "worry-measure", "expiresAfter": "P1D" } }]);
    let schedule = json!({ "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;INTERVAL=14",
        "slots": [{ "key": "morning", "offset": "P0D", "at": "09:30" }], "until": "P12W" } });
    let state = json!({ "whenever": { "heldFor": "PT0S" } });
    let silent = compare(json!({ "daysSince": { "event": "SIGN_IN" } }), "GTE", json!(7));
    for (key, trigger, condition) in [("schedule", schedule, Value::Null), ("state", state, silent)] {
        let input = json!({ "programSlug": care::PROGRAM, "key": key, "name": key, "enabled": true, "trigger": trigger,
            "condition": condition, "actions": send });
        assert_eq!(
            done(&app.client.input(&designer, "SaveRule", input).await)["rule"]["version"],
            1
        );
    }
    assert_eq!(rules().await.len(), before.len() + 2);
}

both_databases!(rules_are_read_and_saved);
