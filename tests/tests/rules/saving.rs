//! A rule is saved anew, warned about, and read ever after.

use entity::rule_version;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, refused, text},
    database::Kind,
};

use super::{OVERRIDE, SAVE, measured, rule, scored, send, started};

async fn a_rule_saved_anew_warns_of_what_no_longer_fits(kind: Kind) {
    let app = started(kind, 1).await;
    let (therapist, designer) = (app.therapist(), app.staff("designer"));
    let wide = text(&done(&send(&app, &designer, SAVE, measured(scored(9), "One")).await)["rule"]["id"]);
    let narrow = json!({ "ruleId": wide, "enrollmentId": app.enrollment_of(1).await, "reason": "Prov",
        "values": [{ "path": "condition.compare.value", "value": 20 }] });
    let narrow = text(&done(&send(&app, &therapist, OVERRIDE, narrow).await)["rule"]["id"]);

    let data = send(&app, &designer, SAVE, measured(scored(10), "Two")).await;
    assert_eq!(
        (&done(&data)["rule"]["version"], &data["saveRule"]["warnings"]),
        (&json!(2), &json!([]))
    );
    let seen = rule(&app, &therapist, &narrow).await;
    assert_eq!(seen["definition"]["condition"]["compare"]["value"], 20);
    assert_eq!(seen["definition"]["actions"][0]["raiseFlag"]["title"], "Two");
    assert_eq!((&seen["version"], &seen["stale"]), (&json!(2), &Value::Null));

    let week = json!({ "compare": { "fact": { "programWeek": {} }, "operator": "GTE", "value": 2 } });
    let data = send(&app, &designer, SAVE, measured(week, "Three")).await;
    assert_eq!(done(&data)["rule"]["version"], 3, "it is saved");
    let warning = &data["saveRule"]["warnings"][0];
    assert_eq!(
        (&warning["code"], &warning["path"]),
        (&json!("OVERRIDE_STALE"), &json!([]))
    );
    let message = text(&warning["message"]);
    assert!(
        message.contains("Solrosens") && message.contains("condition.compare.value"),
        "{message}"
    );
    let seen = rule(&app, &therapist, &narrow).await;
    assert!(text(&seen["stale"]).contains("condition.compare.value"));
    assert_eq!(
        seen["definition"]["actions"][0]["raiseFlag"]["title"], "Two",
        "it goes on saying what it said"
    );
    assert_eq!(seen["versions"]["nodes"].as_array().unwrap().len(), 3);
    app.stop().await;
}

async fn what_was_saved_is_shown_as_it_was_written_and_read_ever_after(kind: Kind) {
    let app = started(kind, 1).await;
    let (therapist, designer) = (app.therapist(), app.staff("designer"));
    let event = |event: Value| json!({ "event": event });
    let flag = json!({ "raiseFlag": { "kind": "a", "severity": "INFO", "title": "A", "audience": "STAFF", "autoResolve": false } });
    let limits = json!({ "quietHours": "HONOUR", "catchUp": "ONCE" });
    let schedule = json!({ "schedule": { "anchor": { "date": { "date": "2027-03-28" } }, "repeat": "FREQ=WEEKLY;BYDAY=MO",
        "slots": [{ "key": "a", "offset": "P0D", "at": "08:30" }], "until": "P84D" } });
    let ladder = json!({ "escalate": { "kind": "risk", "officeHours": true, "rungs": [
        { "key": "first", "after": "PT1H", "to": "THERAPISTS", "template": "staff-attention" },
        { "key": "last", "after": "P1D", "to": "UNIT_ADMINISTRATORS", "template": "staff-attention", "channels": ["EMAIL"] } ] } });
    let mut saved = Vec::new();
    for (place, (trigger, actions)) in [
        (
            event(json!({ "messageReceived": { "from": "CITIZEN" } })),
            json!([flag]),
        ),
        (
            event(json!({ "activityRegistered": {} })),
            json!([{ "sendMessage": { "body": "Bra!" } }]),
        ),
        (
            event(json!({ "flagUnhandled": { "kind": "risk", "after": "PT4H" } })),
            json!([flag]),
        ),
        (event(json!({ "flagRaised": { "kind": "risk" } })), json!([ladder])),
        (
            schedule,
            json!([{ "dispatchForm": { "form": "weekly-measure", "expiresAfter": "P3D", "remindAfter": ["P1D"] } }]),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let condition = scored(2);
        let input = json!({ "programSlug": care::PROGRAM, "key": format!("shown-{place}"), "name": "Shown", "statuses": ["ACTIVE"],
            "trigger": trigger, "condition": condition, "actions": actions, "limits": limits });
        let data = send(&app, &designer, SAVE, input.clone()).await;
        let shown = &done(&data)["rule"]["definition"];
        for part in ["statuses", "trigger", "condition", "actions", "limits"] {
            assert_eq!(shown[part], input[part], "{part}");
        }
        saved.push(text(&data["saveRule"]["rule"]["id"]));
    }

    // Saved by another Handrail, long ago.
    let old = json!({ "when": { "the": "moon" }, "is": 3 });
    rule_version::Entity::update_many()
        .set(rule_version::ActiveModel {
            definition: Set(old.clone()),
            ..<rule_version::ActiveModel as Default>::default()
        })
        .filter(rule_version::Column::Name.eq("Shown"))
        .exec(app.store.connection())
        .await
        .unwrap();
    let seen = rule(&app, &therapist, &saved[0]).await;
    assert_eq!(
        (&seen["definition"], &seen["summary"], &seen["overridable"]),
        (&old, &Value::Null, &json!([]))
    );
    assert_eq!(seen["versions"]["nodes"][0]["definition"], old);
    // Off already, it can be said to be off; to give it other values, it must be mended first.
    let unit = app.unit_id().await;
    let off = json!({ "ruleId": saved[0], "unitId": unit, "enabled": false, "reason": "Trasig" });
    done(&send(&app, &therapist, OVERRIDE, off).await);
    let values =
        json!({ "ruleId": saved[1], "unitId": unit, "reason": "Trasig", "values": [{ "path": "is", "value": 4 }] });
    assert_eq!(
        refused(&send(&app, &therapist, OVERRIDE, values).await),
        [("UNREADABLE".to_owned(), "ruleId".to_owned())]
    );
    app.stop().await;
}

both_databases!(
    a_rule_saved_anew_warns_of_what_no_longer_fits,
    what_was_saved_is_shown_as_it_was_written_and_read_ever_after,
);
