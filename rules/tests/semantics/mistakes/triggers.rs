//! Mistakes in what triggers a rule.

use serde_json::{Value, json};

use super::Mistake;
use crate::validation::rule_with;

pub fn mistakes() -> Vec<Mistake> {
    let schedule = |schedule: Value| {
        rule_with(|rule| {
            rule["trigger"] = json!({ "schedule": schedule });
        })
    };
    let slot = |slot: Value| schedule(json!({ "anchor": { "enrollmentStart": {} }, "slots": [slot] }));
    vec![
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
                rule["trigger"] = json!({ "event": { "unheardOf": {} } });
            }),
            &["trigger.event INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagUnhandled": { "kind": "", "after": "PT0S" } } });
            }),
            &[
                "trigger.event.flagUnhandled.kind EMPTY",
                "trigger.event.flagUnhandled.after NOT_POSITIVE",
            ],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "messageReceived": { "from": "NOBODY" } } });
            }),
            &["trigger.event.messageReceived.from INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagRaised": { "kind": "k".repeat(65) } } });
                rule["condition"] = json!({ "compare": { "fact": { "openFlag": { "kind": "risk " } }, "operator": "EQ", "value": true } });
                rule["actions"] = json!([
                    { "raiseFlag": { "kind": "å".repeat(65), "severity": "URGENT", "title": "x", "audience": "STAFF" } },
                    { "raiseFlag": { "kind": "å".repeat(64), "severity": "URGENT", "title": "x", "audience": "STAFF" } },
                    { "escalate": { "kind": " risk", "rungs": [{ "key": "a", "after": "PT1H", "to": "THERAPISTS", "template": "staff-attention" }] } },
                ]);
            }),
            &[
                "trigger.event.flagRaised.kind TOO_LONG",
                "condition.compare.fact.openFlag.kind SPACES",
                "actions[0].raiseFlag.kind TOO_LONG",
                "actions[2].escalate.kind SPACES",
            ],
        ),
        (
            schedule(json!({ "anchor": { "flagRaised": { "kind": "risk " } }, "slots": [{ "key": "a" }] })),
            &["trigger.schedule.anchor.flagRaised.kind SPACES"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagUnhandled": { "kind": "\trisk", "after": "PT1H" } } });
            }),
            &["trigger.event.flagUnhandled.kind SPACES"],
        ),
        // Centuries of days would be gone through.
        (
            schedule(
                json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY", "slots": [
                { "key": "a", "offset": "P2Y", "at": "08:00" }, { "key": "b", "offset": "-P2Y", "at": "08:00" },
                { "key": "c", "offset": "P23M40D", "at": "08:00" }, { "key": "d", "offset": "-P100Y" }, { "key": "e", "offset": "PT17521H" },
            ] }),
            ),
            &[
                "trigger.schedule.slots[2].offset TOO_LONG",
                "trigger.schedule.slots[3].offset TOO_LONG",
                "trigger.schedule.slots[4].offset TOO_LONG",
            ],
        ),
        (slot(json!({ "key": "a", "offset": "P5Y" })), &[]),
        (
            schedule(
                json!({ "anchor": { "date": { "date": "2027-03-01" } }, "repeat": "FREQ=DAILY;UNTIL=20270228", "slots": [{ "key": "a" }] }),
            ),
            &["trigger.schedule.repeat NEVER_COMES"],
        ),
        (
            schedule(
                json!({ "anchor": { "date": { "date": "2027-03-01" } }, "repeat": "FREQ=DAILY;UNTIL=20270301", "slots": [{ "key": "a" }] }),
            ),
            &[],
        ),
    ]
}
