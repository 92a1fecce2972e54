//! Rules from outside: overridden, tried, promoted, refused, and read ever after.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod overriding;
mod saving;
mod trying;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    care,
    client::{text, weekly_measure},
    database::Kind,
};

const RULE: &str = "query($id: ID!) { node(id: $id) { ... on Rule {
    key name scope enabled dryRun withdrawn version stale summary definition
    unit { name } enrollment { id }
    overridable { path value }
    overridden { id scope } overriddenValues { path value wider }
    overrides(first: 5) { nodes { id scope } }
    versions(first: 10) { nodes { number actor { displayName } reason enabled dryRun withdrawn stale summary definition
        overriddenValues { path value } } } } } }";
const SAVE: &str = "mutation($input: SaveRuleInput!) { saveRule(input: $input) {
    rule { id version dryRun definition } warnings { code message path } errors { code message path } } }";
const OVERRIDE: &str = "mutation($input: OverrideRuleInput!) { overrideRule(input: $input) {
    rule { id version enabled } warnings { code message path } errors { code message path } } }";
const PROMOTE: &str = "mutation($input: PromoteRuleInput!) { promoteRule(input: $input) {
    rule { id version dryRun } warnings { code message path } errors { code message path } } }";

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// Asks as somebody; gives the data.
async fn ask(app: &TestApp, token: &str, query: &str, variables: Value) -> Value {
    app.client.query(token, query, variables).await.data()
}

/// Sends a mutation as somebody; gives the data.
async fn send(app: &TestApp, token: &str, mutation: &str, input: Value) -> Value {
    ask(app, token, mutation, json!({ "input": input })).await
}

async fn rule(app: &TestApp, token: &str, id: &str) -> Value {
    ask(app, token, RULE, json!({ "id": id })).await["node"].take()
}

/// The kinds of the flags that stand once the nth citizen has answered the measure that waits, every item alike.
async fn flags_after(app: &TestApp, n: u32, option: &str) -> Vec<String> {
    app.answer(n, "weekly-measure", weekly_measure([option; 9])).await;
    app.work().await;
    let flags = "query($id: ID!) { enrollment(id: $id) { flags(first: 20) { nodes { kind } } } }";
    let data = ask(
        app,
        &app.therapist(),
        flags,
        json!({ "id": app.enrollment_of(n).await }),
    )
    .await;
    let nodes = data["enrollment"]["flags"]["nodes"].as_array().unwrap().clone();
    nodes.iter().map(|flag| text(&flag["kind"])).collect()
}

async fn started(kind: Kind, citizens: u32) -> TestApp {
    let app = TestApp::start(kind, morning()).await;
    for n in 1..=citizens {
        app.enroll(n).await;
    }
    app.work().await;
    app
}

fn measured(condition: Value, title: &str) -> Value {
    json!({ "programSlug": care::PROGRAM, "key": "tried", "name": "Tried",
        "trigger": { "event": { "formCompleted": { "form": "weekly-measure" } } }, "condition": condition,
        "actions": [{ "raiseFlag": { "kind": "tried", "severity": "WARNING", "title": title, "audience": "STAFF" } }] })
}

fn scored(at_least: i32) -> Value {
    json!({ "compare": { "fact": { "score": { "form": "weekly-measure", "scale": "total", "pick": "LATEST" } },
        "operator": "GTE", "value": at_least } })
}
