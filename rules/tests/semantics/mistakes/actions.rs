//! Mistakes in the actions of a rule.

use serde_json::{Value, json};

use super::Mistake;
use crate::validation::rule_with;

pub fn mistakes() -> Vec<Mistake> {
    let action = |action: Value| {
        rule_with(|rule| {
            rule["actions"] = json!([action]);
        })
    };
    vec![
        (
            rule_with(|rule| {
                rule["actions"] = json!([]);
            }),
            &["actions EMPTY"],
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
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "messageReceived": {} } });
                rule["actions"] = json!([{ "sendMessage": { "body": "Thank you!" } }]);
            }),
            &["actions[0].sendMessage LOOP"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "messageReceived": { "from": "CITIZEN" } } });
                rule["actions"] = json!([{ "sendMessage": { "body": "Thank you!" } }]);
            }),
            &[],
        ),
        (
            action(json!({ "sendMessage": { "body": " \n" } })),
            &["actions[0].sendMessage.body EMPTY"],
        ),
        (
            action(json!({ "sendMessage": { "body": "x".repeat(5_001) } })),
            &["actions[0].sendMessage.body TOO_LONG"],
        ),
        (
            action(json!({ "remind": { "template": "unheard-of", "audience": "STAFF" } })),
            &["actions[0].remind.template UNKNOWN_TEMPLATE"],
        ),
        // Raised again and again.
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagRaised": { "kind": "risk" } } });
            }),
            &["actions[0].raiseFlag.kind LOOP"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagRaised": { "kind": "risk" } } });
                rule["actions"][0]["raiseFlag"]["severity"] = json!("WARNING");
            }),
            &[],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagRaised": { "kind": "worse" } } });
            }),
            &[],
        ),
        (
            action(json!({ "escalate": { "kind": "", "rungs": [] } })),
            &["actions[0].escalate.kind EMPTY", "actions[0].escalate.rungs EMPTY"],
        ),
        (
            action(json!({ "escalate": { "kind": "risk", "officeHours": true, "rungs": [
                { "key": "a", "after": "PT0S", "to": "THERAPISTS", "template": "staff-attention" },
                { "key": "b", "after": "PT2H", "to": "UNIT_STAFF", "template": "staff-attention", "channels": ["SMS", "EMAIL"] }
            ] } })),
            &[],
        ),
        (
            action(json!({ "escalate": { "kind": "risk", "rungs": [
                { "key": "a", "after": "-PT1H", "to": "THERAPISTS", "template": "staff-attention" },
                { "key": "b", "after": "PT4H", "to": "UNIT_STAFF", "template": "none" },
                { "key": "b", "after": "PT2H", "to": "UNIT_ADMINISTRATORS", "template": "staff-attention", "channels": ["SMS", "SMS"] }
            ] } })),
            &[
                "actions[0].escalate.rungs[2].key DUPLICATE",
                "actions[0].escalate.rungs[0].after NEGATIVE",
                "actions[0].escalate.rungs[1].template UNKNOWN_TEMPLATE",
                "actions[0].escalate.rungs[2].channels[1] DUPLICATE",
                "actions[0].escalate.rungs[2].after CONTRADICTION",
            ],
        ),
        (
            action(
                json!({ "escalate": { "kind": "risk", "rungs": [{ "key": "a", "after": "PT1H", "to": "CITIZEN", "template": "staff-attention" }] } }),
            ),
            &["actions[0].escalate.rungs[0].to INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["actions"] = json!([
                    { "openModule": { "module": "one" } }, { "hideModule": { "module": "one" } },
                    { "hideSection": { "section": "part" } }, { "openSection": { "section": "part" } }
                ]);
            }),
            &[
                "actions[1].hideModule.module CONTRADICTION",
                "actions[2].hideSection.section CONTRADICTION",
            ],
        ),
    ]
}
