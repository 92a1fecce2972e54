//! Flags are opened again, and their escalation with them.

use chrono::TimeDelta;
use rules::facts::Status;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{one, refused, text},
    database::Kind,
};

use super::{ACKNOWLEDGE, ASSIGN, REOPEN, RESOLVE, Ward, strangers};

async fn flags_are_opened_again(kind: Kind) {
    let ward = Ward::open(kind, 1).await;
    let therapist = ward.app.therapist();
    let flag = ward.raise(1, "risk", "WARNING", "STAFF").await;
    let again = json!({ "flagId": flag, "note": "Det var för tidigt" });
    assert_eq!(
        refused(&ward.send(&therapist, REOPEN, again.clone()).await),
        one("ALREADY_OPEN", "flagId")
    );

    // One that somebody took on: its causes stand as before.
    ward.flag(ACKNOWLEDGE, json!({ "flagId": flag })).await;
    let opened = ward.flag(REOPEN, again.clone()).await;
    assert_eq!(
        (&opened["status"], &opened["acknowledgedBy"], &opened["openings"]),
        (&json!("OPEN"), &Value::Null, &json!(2))
    );
    assert_eq!(opened["causes"].as_array().unwrap().len(), 1);

    // One that was resolved stands for their sake who opened it.
    ward.flag(RESOLVE, json!({ "flagId": flag, "note": "Klart" })).await;
    assert_eq!(ward.titles(json!({})).await, Vec::<String>::new());
    let opened = ward.flag(REOPEN, again.clone()).await;
    assert_eq!(
        (&opened["status"], &opened["resolvedAt"]),
        (&json!("OPEN"), &Value::Null)
    );
    assert_eq!(opened["openings"], 3);
    let causes = opened["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 2);
    assert!(causes[0]["endedAt"].is_string() && causes[1]["endedAt"].is_null());
    assert_eq!(
        (&causes[1]["note"], &causes[1]["raisedBy"]["id"]),
        (&json!("Det var för tidigt"), &json!(ward.therapist_id()))
    );
    assert_eq!(ward.titles(json!({})).await, ["risk 1"]);

    // Another of its kind stands: that one is given.
    ward.flag(RESOLVE, json!({ "flagId": flag })).await;
    let next = ward.raise(1, "risk", "INFO", "STAFF").await;
    assert_ne!(next, flag);
    let data = ward.send(&therapist, REOPEN, again.clone()).await;
    assert_eq!(refused(&data), one("ALREADY_OPEN", "flagId"));
    let payload = &data["reopenFlag"];
    assert_eq!(payload["flag"]["id"], next.as_str());
    assert!(text(&payload["errors"][0]["message"]).contains(&next));
    // Of the other audience it is another matter.
    let to_citizen = ward.raise(1, "risk", "INFO", "CITIZEN").await;
    ward.flag(RESOLVE, json!({ "flagId": to_citizen })).await;
    assert_eq!(
        ward.flag(REOPEN, json!({ "flagId": to_citizen })).await["status"],
        "OPEN"
    );

    for token in strangers(&ward) {
        assert_eq!(
            refused(&ward.send(&token, REOPEN, again.clone()).await),
            one("NOT_FOUND", "flagId")
        );
    }
    let long = json!({ "flagId": flag, "note": "ö".repeat(10_001) });
    assert_eq!(
        refused(&ward.send(&therapist, REOPEN, long).await),
        one("TOO_LONG", "note")
    );
    // Also after the end: what was found then is followed up.
    care::change_status(&ward.app.store, ward.enrollments[0], Status::Completed, None).await;
    ward.flag(RESOLVE, json!({ "flagId": next })).await;
    assert_eq!(ward.flag(REOPEN, again.clone()).await["status"], "OPEN");
    ward.block(1).await;
    assert_eq!(
        refused(&ward.send(&therapist, REOPEN, again).await),
        one("NOT_FOUND", "flagId")
    );
}

async fn an_escalation_begins_anew_when_a_flag_is_opened_again(kind: Kind) {
    let ward = Ward::open(kind, 1).await;
    let ladder = json!({ "trigger": { "event": { "flagRaised": { "kind": "risk" } } },
        "actions": [{ "escalate": { "kind": "risk", "rungs": [
            { "key": "therapists", "after": "PT1H", "to": "THERAPISTS", "template": "staff-escalation" }] } }] });
    care::save_rule(&ward.app.store, "ladder", ladder).await;
    let flag = ward.raise(1, "risk", "URGENT", "STAFF").await;
    ward.app.work().await;
    ward.flag(ACKNOWLEDGE, json!({ "flagId": flag })).await;
    ward.app.advance(TimeDelta::hours(2)).await;
    assert_eq!(ward.app.mail().len(), 0, "it was taken on in time");
    ward.flag(REOPEN, json!({ "flagId": flag })).await;
    ward.app.advance(TimeDelta::minutes(59)).await;
    assert_eq!(ward.app.mail().len(), 0);
    // To whom it was given it is escalated all the same: nobody has taken it on.
    ward.flag(ASSIGN, json!({ "flagId": flag, "staffId": ward.colleague_id() }))
        .await;
    ward.app.advance(TimeDelta::minutes(2)).await;
    assert_eq!(ward.app.mail().len(), 1);
}

both_databases!(
    flags_are_opened_again,
    an_escalation_begins_anew_when_a_flag_is_opened_again,
);
