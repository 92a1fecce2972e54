//! An idempotency key stands for one input and one answer.

use chrono::TimeDelta;
use serde_json::json;
use tests::{
    both_databases,
    client::{done, refused, text, weekly_measure},
    database::Kind,
};

use super::{responses, started};

async fn the_same_key_with_another_input_is_refused(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let enrollment = app.enrollment_of(1).await;
    let raise = async |title: &str| {
        let input = json!({ "enrollmentId": enrollment, "kind": "call", "severity": "INFO", "title": title, "audience": "STAFF",
            "idempotencyKey": "k1" });
        app.client.input(&app.therapist(), "RaiseFlag", input).await
    };
    let first = raise("Call").await;
    assert_eq!(raise("Call").await, first);
    assert_eq!(refused(&raise("Something else").await)[0].1, "idempotencyKey");
}

async fn a_refusal_is_given_again_for_the_same_key(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let tomorrow = app.clock.now() + TimeDelta::days(1);
    let input = json!({ "enrollmentId": app.enrollment_of(1).await, "formKey": "weekly-measure", "at": tomorrow });
    let sent = app.client.input(&app.therapist(), "DispatchForm", input).await;
    let dispatch = text(&done(&sent)["dispatches"][0]["id"]);
    let citizen = app.citizen(1);
    let submit = async |option: &str, key: &str| {
        let input = json!({ "dispatchId": dispatch, "answers": weekly_measure([option; 9]), "idempotencyKey": key });
        app.client.input(&citizen, "SubmitResponse", input).await
    };
    let first = submit("no", "k1").await;
    assert_eq!(refused(&first)[0].0, "NOT_AVAILABLE");
    app.clock.set(tomorrow);
    app.work().await;
    // It could be done by now: the key stands for what was answered first, and for nothing else.
    assert_eq!(submit("no", "k1").await, first);
    assert_eq!(refused(&submit("all", "k1").await)[0].0, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(responses(&app).await, 0);
    let answered = submit("no", "k2").await;
    done(&answered);
    assert_eq!(submit("no", "k2").await, answered);
    assert_eq!(responses(&app).await, 1);
}

both_databases!(
    a_refusal_is_given_again_for_the_same_key,
    the_same_key_with_another_input_is_refused,
);
