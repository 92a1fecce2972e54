//! A flag that one has taken on is no other's to take on, until it stands again.

use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, one, refused},
    database::Kind,
};

use super::{ACKNOWLEDGE, HISTORY, REOPEN, RESOLVE, Ward};

const ACKNOWLEDGE_MANY: &str = "mutation($input: AcknowledgeFlagsInput!) { acknowledgeFlags(input: $input) {
    outcomes { flagId flag { status } errors { code path } } errors { code message path } } }";

async fn what_one_has_taken_on_no_other_takes_on(kind: Kind) {
    let ward = Ward::open(kind, 1).await;
    let mood = ward.raise(1, "mood", "WARNING", "STAFF").await;
    let sleep = ward.raise(1, "sleep", "INFO", "STAFF").await;
    let colleague = ward.app.staff(care::COLLEAGUE);
    let input = json!({ "flagId": mood, "note": "Jag ringer" });
    let mine = json!({ "id": mood, "status": "ACKNOWLEDGED", "acknowledgedBy": { "id": ward.therapist_id() },
        "assignedTo": { "id": ward.therapist_id() } });
    let history = async || {
        let answer = ward.app.client.query(&colleague, HISTORY, json!({ "id": mood })).await;
        answer.data()["node"]["history"].clone()
    };
    assert_eq!(ward.flag(ACKNOWLEDGE, input.clone()).await, mine);
    let written = history().await;
    // Again is as once.
    assert_eq!(ward.flag(ACKNOWLEDGE, input.clone()).await, mine);

    let data = ward.send(&colleague, ACKNOWLEDGE, input).await;
    assert_eq!(refused(&data), one("ALREADY_ACKNOWLEDGED", "flagId"));
    assert_eq!(data["acknowledgeFlag"]["flag"], Value::Null);
    // Of several, the others are taken on all the same.
    let data = ward
        .send(&colleague, ACKNOWLEDGE_MANY, json!({ "flagIds": [mood, sleep] }))
        .await;
    let refusal = json!([{ "code": "ALREADY_ACKNOWLEDGED", "path": ["flagId"] }]);
    let outcomes = json!([{ "flagId": mood, "flag": null, "errors": refusal },
        { "flagId": sleep, "flag": { "status": "ACKNOWLEDGED" }, "errors": [] }]);
    assert_eq!(data["acknowledgeFlags"], json!({ "outcomes": outcomes, "errors": [] }));
    assert_eq!(history().await, written, "what is refused leaves no trace");

    // Anybody may resolve it; once it stands again, anybody may take it on.
    ward.flag(RESOLVE, json!({ "flagId": mood })).await;
    let data = ward.send(&colleague, ACKNOWLEDGE, json!({ "flagId": mood })).await;
    assert_eq!(refused(&data), one("ALREADY_RESOLVED", "flagId"));
    ward.flag(REOPEN, json!({ "flagId": mood, "note": "Ringde igen" }))
        .await;
    let data = ward.send(&colleague, ACKNOWLEDGE, json!({ "flagId": mood })).await;
    assert_eq!(done(&data)["flag"]["acknowledgedBy"]["id"], ward.colleague_id());
}

both_databases!(what_one_has_taken_on_no_other_takes_on);
