//! Citizen and staff working together: messages both ways, the activity plan, and the rules that look at them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod activities;
mod rule;
mod sending;

use chrono::{DateTime, Utc};
use entity::{
    action::{self, enrollment::StatusChange},
    viewer::Viewer,
};
use rules::facts::Status;
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    client::{done, text},
    contract,
    database::Kind,
};
use uuid::Uuid;

const THREAD: &str = "query($id: ID!, $first: Int!, $after: String) { enrollment(id: $id) { unreadMessageCount
    messages(first: $first, after: $after) { nodes { id body from readAt staff { displayName } }
        pageInfo { hasNextPage endCursor } } } }";
const PLAN: &str = "mutation($input: PlanActivityInput!) { planActivity(input: $input) {
    activity { id title startsOn time duration repeat endedAt } errors { code message path } } }";

/// A Monday, ten in the morning in Stockholm.
fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A server with one citizen who has just been enrolled; none where there is no contract.
async fn started(kind: Kind) -> Option<(TestApp, Uuid, String)> {
    contract::operations()?;
    let app = TestApp::start(kind, morning()).await;
    let id = app.enroll(1).await;
    app.work().await;
    let enrollment = app.enrollment_of(1).await;
    Some((app, id, enrollment))
}

async fn say(app: &TestApp, token: &str, enrollment: &str, body: &str) -> Value {
    let input = json!({ "enrollmentId": enrollment, "body": body });
    app.client.input(token, "SendMessage", input).await
}

async fn thread(app: &TestApp, token: &str, enrollment: &str) -> Value {
    let variables = json!({ "id": enrollment, "first": 20 });
    let data = app.client.query(token, THREAD, variables).await.data();
    data["enrollment"].clone()
}

async fn plan(app: &TestApp, token: &str, input: Value) -> Value {
    let answer = app.client.query(token, PLAN, json!({ "input": input })).await;
    answer.data()
}

/// A walk every day at half past five in the afternoon.
async fn daily_walk(app: &TestApp, enrollment: &str) -> String {
    let walk = json!({ "enrollmentId": enrollment, "title": "Promenad", "startsOn": "2027-03-01", "time": "17:30",
        "duration": "PT30M", "repeat": "FREQ=DAILY" });
    text(&done(&plan(app, &app.therapist(), walk).await)["activity"]["id"])
}

async fn end(app: &TestApp, enrollment_id: Uuid) {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let change = StatusChange {
        enrollment_id,
        status: Status::Completed,
        resumes_at: None,
        reason: None,
    };
    let cause = act.cause();
    action::enrollment::change_status(&mut act, &[change], cause)
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    act.commit().await.unwrap();
}
