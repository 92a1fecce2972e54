//! Administration from outside: a provider connects units, invites staff, gives roles and takes them back, and all of it is logged.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod assignments;
mod auditors;
mod command;
mod corrections;
mod invitations;
mod lists;
mod log;
mod races;
mod units;

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::{
    action::{
        assignment::{self, NewAssignment},
        care::{self, NewStaff, NewUnit},
    },
    assignment::Role,
    viewer::Viewer,
};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    client::{done, text},
    database::Kind,
    issuer,
};
use uuid::Uuid;

/// A Monday.
fn morning() -> DateTime<Utc> {
    at("2027-03-01T09:00:00Z")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// An instant as answers write it.
fn when(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339())
}

async fn started(kind: Kind) -> TestApp {
    TestApp::start(kind, morning()).await
}

/// The provider's administrator.
const BOSS: &str = "provider-administrator";
/// The administrator of the first unit.
const HEAD: &str = "unit-administrator";

/// What mutations of assignments show.
const ASSIGNMENT: &str = "assignment { id role status validFrom validUntil staff { id displayName } unit { id }
    grantedAt grantedBy { displayName } changedAt changedBy { displayName } }";

/// Sends a mutation of an assignment as somebody.
async fn assign(app: &TestApp, who: &str, mutation: &str, input: Value) -> Value {
    app.client.mutate(&app.staff(who), mutation, input, ASSIGNMENT).await
}

/// Both units, and everybody with their assignments, as the provider's administrator sees them.
async fn provider(app: &TestApp) -> Value {
    let query = "{ careProvider { id name
        units(first: 50) { totalCount nodes { id name disconnectedAt acceptedTerms { version } } }
        staff(first: 50) { totalCount nodes { id displayName invitation { status }
            assignments(status: []) { id role status unit { id } } } } } }";
    let data = app.client.query(&app.staff(BOSS), query, json!({})).await.data();
    data["careProvider"].clone()
}

/// The id of the one of these nodes whose field says this.
fn of(nodes: &Value, field: &str, said: &str) -> String {
    let nodes = nodes["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node[field] == said);
    text(&node.unwrap_or_else(|| panic!("no {said} in {nodes:?}"))["id"])
}

/// The id of a unit of the provider.
async fn unit(app: &TestApp, name: &str) -> String {
    of(&provider(app).await["units"], "name", name)
}

/// The first unit and the other one.
const UNIT: &str = "Solrosens vårdcentral";
const OTHER: &str = "Hjärtmottagningen";

/// The id of one of the staff, by the subject of their tokens.
async fn member(app: &TestApp, subject: &str) -> String {
    of(
        &provider(app).await["staff"],
        "displayName",
        &format!("Person {subject}"),
    )
}

/// The id of the only assignment of one of the staff.
async fn assignment(app: &TestApp, subject: &str) -> String {
    let staff = provider(app).await["staff"]["nodes"].as_array().unwrap().clone();
    let name = format!("Person {subject}");
    let node = staff.iter().find(|node| node["displayName"] == name.as_str()).unwrap();
    let assignments = node["assignments"].as_array().unwrap();
    assert_eq!(assignments.len(), 1, "{assignments:?}");
    text(&assignments[0]["id"])
}

/// The roles of who holds a token; none where they are not let in.
async fn roles(app: &TestApp, token: &str) -> Option<Value> {
    let query = "{ viewer { ... on StaffViewer { roles unit { name } } } }";
    let answer = app.client.query(token, query, json!({})).await;
    answer
        .status
        .is_success()
        .then(|| answer.data()["viewer"]["roles"].clone())
}

/// A token of one of the staff, acting at a unit.
fn acting_at(app: &TestApp, subject: &str, unit: Uuid) -> String {
    let mut claims = issuer::claims(subject, "staff", app.clock.now());
    claims["unit"] = unit.to_string().into();
    issuer::sign(&claims)
}

/// Waits until something is so, as it will be within the second that assignments are kept in memory.
async fn soon(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .expect("it becomes so");
}

/// Another care provider with a unit and its administrator, whose tokens have this subject.
async fn stranger(app: &TestApp, subject: &str) -> (Uuid, Uuid) {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let provider_id = care::create_provider(&mut act, "Region Annan").await.unwrap();
    let unit = NewUnit {
        provider_id,
        name: "Annan mottagning".to_owned(),
        ..NewUnit::default()
    };
    let unit = care::create_unit(&mut act, unit).await.unwrap();
    let staff = NewStaff {
        provider_id,
        subject: subject.to_owned(),
        display_name: format!("Person {subject}"),
        ..NewStaff::default()
    };
    let staff_id = care::create_staff(&mut act, staff).await.unwrap();
    let assignment = NewAssignment {
        staff_id,
        unit_id: None,
        role: Role::ProviderAdministrator,
        valid_from: None,
        valid_until: None,
    };
    assignment::grant(&mut act, &assignment).await.unwrap();
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
    (unit, staff_id)
}

/// What a new unit is connected with.
fn new_unit(name: &str) -> Value {
    json!({ "name": name, "terms": { "version": "2027-1", "signedBy": "Eva Ek" } })
}

/// Connects a unit as the provider's administrator; gives it.
async fn connect(app: &TestApp, name: &str) -> String {
    let data = app
        .client
        .mutate(&app.staff(BOSS), "connectUnit", new_unit(name), "unit { id }")
        .await;
    text(&done(&data)["unit"]["id"])
}
