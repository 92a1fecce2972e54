//! What belongs to messages beside sending them: drafts, receipts, who looks after a thread, templates, messages to all, promised
//! answers, and programs without messages.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod drafts;
mod handing_over;
mod promises;
mod to_all;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tests::{app::TestApp, database::Kind};
use uuid::Uuid;

const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) {
    message { id sentAt body } errors { code message path } } }";
const SAVE_DRAFT: &str = "mutation($input: SaveMessageDraftInput!) { saveMessageDraft(input: $input) {
    enrollment { messageDraft { body savedAt } } errors { code message path } } }";
const TO_ALL: &str = "mutation($input: SendUnitMessageInput!) { sendUnitMessage(input: $input) {
    message { id recipientCount sentCount finishedAt } errors { code message path } } }";
const THREAD: &str = "query($id: ID!) { enrollment(id: $id) { answerBefore messageDraft { body }
    messagesHandledBy { displayName } messageHandOvers { at note to { displayName } by { displayName } }
    messages(first: 20) { nodes { body toAll readAt readBy { displayName } staff { displayName } answerBefore answeredAt } } } }";
const UNIT: &str = "query($id: ID!) { unit(id: $id) { answerWithinDays
    messageTemplates { title body locale } swedish: messageTemplates(locale: \"sv\") { title }
    messagesToAll(first: 2) { nodes { body sentAt recipientCount sentCount finishedAt statuses program { slug } by { displayName } }
        pageInfo { hasNextPage endCursor } } } }";

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A server with one citizen who has just been enrolled.
async fn started(kind: Kind) -> (TestApp, Uuid, String) {
    let app = TestApp::start(kind, morning()).await;
    let id = app.enroll(1).await;
    app.work().await;
    let enrollment = app.enrollment_of(1).await;
    (app, id, enrollment)
}

async fn change(app: &TestApp, token: &str, mutation: &str, input: Value) -> Value {
    app.client
        .query(token, mutation, json!({ "input": input }))
        .await
        .data()
}

async fn say(app: &TestApp, token: &str, enrollment: &str, body: &str) -> Value {
    let input = json!({ "enrollmentId": enrollment, "body": body });
    change(app, token, SEND, input).await
}

async fn thread(app: &TestApp, token: &str, enrollment: &str) -> Value {
    let data = app
        .client
        .query(token, THREAD, json!({ "id": enrollment }))
        .await
        .data();
    data["enrollment"].clone()
}

async fn unit(app: &TestApp, token: &str, id: &str) -> Value {
    app.client.query(token, UNIT, json!({ "id": id })).await.data()["unit"].clone()
}
