//! What has not left is taken back or moved; a rung of an escalation is not.

use api::graphql::{Kind as Of, id};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
};

use super::{REMIND, REMIND_STAFF, Ward, at, monday, notes};

const CANCEL: &str = "mutation($input: CancelReminderInput!) { cancelReminder(input: $input) {
    reminder { id sentAt skippedAt skipReason deliveries { channel status skipReason } } errors { code message path } } }";
const MOVE: &str = "mutation($input: MoveReminderInput!) { moveReminder(input: $input) {
    reminder { id remindAt } errors { code message path } } }";

async fn what_has_not_left_is_taken_back_or_moved(kind: Kind) {
    let ward = Ward::open(kind).await;
    let tomorrow = monday() + TimeDelta::days(1);
    let later = json!({ "enrollmentId": ward.enrollment(), "at": tomorrow });

    // Taken back.
    let planned = ward.reminder(REMIND, later.clone()).await;
    let cancel = json!({ "reminderId": planned["id"] });
    for token in [
        ward.app.staff(care::OTHER_THERAPIST),
        ward.app.staff("citizen-administrator"),
        ward.app.citizen(1),
    ] {
        assert_eq!(
            refused(&ward.send(&token, CANCEL, cancel.clone()).await),
            one("NOT_FOUND", "reminderId")
        );
        let input = json!({ "reminderId": planned["id"], "at": tomorrow });
        assert_eq!(
            refused(&ward.send(&token, MOVE, input).await),
            one("NOT_FOUND", "reminderId")
        );
    }
    let taken_back = ward.reminder(CANCEL, cancel.clone()).await;
    assert_eq!(
        (&taken_back["skipReason"], &taken_back["sentAt"]),
        (&json!("TAKEN_BACK"), &Value::Null)
    );
    assert_eq!(ward.refusal(CANCEL, cancel).await, one("ALREADY_SKIPPED", "reminderId"));
    let input = json!({ "reminderId": planned["id"], "at": tomorrow });
    assert_eq!(ward.refusal(MOVE, input).await, one("ALREADY_SKIPPED", "reminderId"));

    // Moved to the day after; and another forward, to now.
    let planned = ward.reminder(REMIND, later.clone()).await;
    let forward = ward.reminder(REMIND, later).await;
    let moved = json!({ "reminderId": planned["id"], "at": tomorrow + TimeDelta::days(1) });
    assert_eq!(
        text(&ward.reminder(MOVE, moved).await["remindAt"])
            .parse::<DateTime<Utc>>()
            .unwrap(),
        tomorrow + TimeDelta::days(1)
    );
    ward.reminder(
        MOVE,
        json!({ "reminderId": forward["id"], "at": monday() - TimeDelta::days(1) }),
    )
    .await;
    ward.app.work().await;
    assert!(ward.read(&forward).await["sentAt"].is_string());
    ward.app.run_until(tomorrow + TimeDelta::hours(1)).await;
    assert_eq!(ward.app.mail().len(), 1);
    assert_eq!(ward.read(&planned).await["sentAt"], Value::Null);
    ward.app.run_until(tomorrow + TimeDelta::days(2)).await;
    assert_eq!(ward.app.mail().len(), 2);
    let input = json!({ "reminderId": planned["id"], "at": tomorrow + TimeDelta::days(4) });
    assert_eq!(ward.refusal(MOVE, input).await, one("ALREADY_SENT", "reminderId"));
    assert_eq!(
        ward.refusal(CANCEL, json!({ "reminderId": planned["id"] })).await,
        one("ALREADY_SENT", "reminderId")
    );

    // What waits for the quiet hours to end can still be taken back.
    ward.app.run_until(at("2027-03-05T22:00:00Z")).await;
    let night = ward
        .reminder(REMIND, json!({ "enrollmentId": ward.enrollment() }))
        .await;
    assert!(night["sentAt"].is_string());
    let taken_back = ward.reminder(CANCEL, json!({ "reminderId": night["id"] })).await;
    let by_mail = taken_back["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["channel"] == "EMAIL")
        .unwrap();
    assert_eq!(
        (&by_mail["status"], &by_mail["skipReason"]),
        (&json!("SKIPPED"), &json!("TAKEN_BACK"))
    );
    ward.app.run_until(at("2027-03-06T10:00:00Z")).await;
    assert_eq!(ward.app.mail().len(), 2);

    // Not beyond the form that it is about, nor in what has ended.
    let form = care::dispatch(&ward.app.store, ward.enrollments[0], "weekly-measure").await;
    let now = ward.app.clock.now();
    let input = json!({ "enrollmentId": ward.enrollment(), "dispatchId": id(Of::Dispatch, form),
        "at": now + TimeDelta::days(1) });
    let planned = ward.reminder(REMIND, input).await;
    let input = json!({ "reminderId": planned["id"], "at": now + TimeDelta::days(4) });
    assert_eq!(ward.refusal(MOVE, input.clone()).await, one("AFTER_EXPIRY", "at"));
    care::block(&ward.app.store, ward.enrollments[0], ward.app.care.unit).await;
    assert_eq!(ward.refusal(MOVE, input).await, one("NOT_FOUND", "reminderId"));
}

/// What came to an inbox, and is taken back before the rest of it left, is not found there any more, but by who has read it.
async fn what_is_taken_back_leaves_the_inboxes(kind: Kind) {
    let ward = Ward::open(kind).await;
    let (therapist, colleague) = (ward.app.therapist(), ward.app.staff(care::COLLEAGUE));
    let both = json!({ "enrollmentId": ward.enrollment(), "note": "Ring Given1",
        "staffIds": [ward.colleague_id(), id(Of::Staff, ward.app.care.therapist)] });
    let reminder = ward.reminder(REMIND_STAFF, both).await;
    let read =
        "mutation($input: MarkReminderReadInput!) { markReminderRead(input: $input) { errors { code message path } } }";
    done(
        &ward
            .send(&therapist, read, json!({ "reminderId": reminder["id"] }))
            .await,
    );
    for token in [&therapist, &colleague] {
        assert_eq!(notes(&ward.inbox(token, json!({})).await), ["Ring Given1"]);
    }
    // The mails have not left.
    ward.reminder(CANCEL, json!({ "reminderId": reminder["id"] })).await;
    ward.app.work().await;
    assert_eq!(ward.app.mail().len(), 0);
    let of_colleague = ward.inbox(&colleague, json!({})).await;
    assert_eq!(
        (notes(&of_colleague).len(), &of_colleague["unreadReminderCount"]),
        (0, &json!(0))
    );
    assert_eq!(notes(&ward.inbox(&therapist, json!({})).await), ["Ring Given1"]);
}

async fn a_rung_belongs_to_its_flag(kind: Kind) {
    let ward = Ward::open(kind).await;
    let ladder = json!({ "trigger": { "event": { "flagRaised": { "kind": "risk" } } },
        "actions": [{ "escalate": { "kind": "risk", "rungs": [
            { "key": "therapists", "after": "PT1H", "to": "THERAPISTS", "template": "staff-escalation" }] } }] });
    care::save_rule(&ward.app.store, "ladder", ladder).await;
    let raise = "mutation($input: RaiseFlagInput!) { raiseFlag(input: $input) { flag { id } errors { code } } }";
    let input = json!({ "enrollmentId": ward.enrollment(), "kind": "risk", "severity": "URGENT", "title": "Risk" });
    let flag = done(&ward.send(&ward.app.therapist(), raise, input).await)["flag"]["id"].clone();
    ward.app.work().await;
    let query = "query($id: ID!) { node(id: $id) { ... on Flag { escalations { id } } } }";
    let answer = ward
        .app
        .client
        .query(&ward.app.therapist(), query, json!({ "id": flag }))
        .await;
    let rung = answer.data()["node"]["escalations"][0]["id"].clone();
    assert!(rung.is_string());
    let input = json!({ "reminderId": rung });
    assert_eq!(ward.refusal(CANCEL, input).await, one("ESCALATION", "reminderId"));
    let input = json!({ "reminderId": rung, "at": monday() + TimeDelta::days(1) });
    assert_eq!(ward.refusal(MOVE, input).await, one("ESCALATION", "reminderId"));
}

both_databases!(
    what_has_not_left_is_taken_back_or_moved,
    what_is_taken_back_leaves_the_inboxes,
    a_rung_belongs_to_its_flag,
);
