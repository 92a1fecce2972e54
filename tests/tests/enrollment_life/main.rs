//! The life of an enrollment as staff and citizens see it: planned, started, paused, moved, handed over, ended, read on and closed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod beginning;
mod end;
mod group;
mod hand_over;
mod myself;
mod pause;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    care::{self, PROGRAM},
    client::text,
    database::Kind,
};
use uuid::Uuid;

/// A program that citizens may start by themselves where a unit says so, and read for thirty days after its end.
const SUPPORT: &str = "after-heart-attack";

/// A Monday, ten in the morning in Stockholm.
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

/// A server with a treatment and a support program.
async fn started(kind: Kind) -> TestApp {
    let app = TestApp::start(kind, morning()).await;
    let text = json!({ "sv": "Efter hjärtinfarkten", "en": "After the heart attack" });
    let read = json!({ "key": "read", "title": text, "blocks": [{ "text": text }] });
    let walk = json!({ "key": "walk", "title": text, "blocks": [{ "exercise": "diary" }] });
    let section = json!({ "key": "home", "title": text, "steps": [read, walk] });
    let module = json!({ "key": "days", "title": text, "opens": "START", "sections": [section] });
    let program = json!({ "slug": SUPPORT, "kind": "SUPPORT", "version": "1.0", "duration": "P6W", "readableFor": "P30D",
        "title": text, "summary": text, "forms": ["weekly-measure", "diary"], "modules": [module] });
    care::import(
        &app.store,
        program,
        &[care::measure("weekly-measure", 9), care::diary()],
    )
    .await;
    app
}

/// Sends a mutation with its one input; gives its data. `fields` stand beside the errors in its payload.
async fn send(app: &TestApp, token: &str, name: &str, fields: &str, input: Value) -> Value {
    let (first, rest) = name.split_at(1);
    let input_type = format!("{}{rest}Input", first.to_uppercase());
    let query = format!(
        "mutation($input: {input_type}!) {{ {name}(input: $input) {{ {fields} errors {{ code message path }} }} }}"
    );
    app.client.query(token, &query, json!({ "input": input })).await.data()
}

/// What a mutation of an enrollment shows of it.
const LIFE: &str = "enrollment { id status startsAt startedAt endsAt endedAt resumesAt }";

/// Sends a mutation that changes an enrollment.
async fn live(app: &TestApp, token: &str, name: &str, input: Value) -> Value {
    send(app, token, name, LIFE, input).await
}

/// Fields of an enrollment as somebody sees them; null where they see none.
async fn seen(app: &TestApp, token: &str, enrollment: &str, fields: &str) -> Value {
    let query = format!("query($id: ID!) {{ enrollment(id: $id) {{ {fields} }} }}");
    let data = app
        .client
        .query(token, &query, json!({ "id": enrollment }))
        .await
        .data();
    data["enrollment"].clone()
}

/// The ids of the enrollments that a citizen sees, the newest first.
async fn enrollments_of(app: &TestApp, n: u32) -> Vec<String> {
    let query = "{ viewer { ... on CitizenViewer { citizen { enrollments(first: 20) { nodes { id } } } } } }";
    let data = app.client.query(&app.citizen(n), query, json!({})).await.data();
    let nodes = data["viewer"]["citizen"]["enrollments"]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| text(&node["id"])).collect()
}

/// The ids of the enrollments that are on a unit's worklist, as one of its staff sees it.
async fn worklist(app: &TestApp, token: &str) -> Vec<String> {
    let query = "{ viewer { ... on StaffViewer { unit { enrollments(first: 100, orderBy: NEEDS_ATTENTION) { nodes { id } } } } } }";
    let data = app.client.query(token, query, json!({})).await.data();
    let nodes = data["viewer"]["unit"]["enrollments"]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| text(&node["id"])).collect()
}

/// The unit, its sibling, and who treats at each, as the therapist finds them out.
struct Units {
    own: String,
    other: String,
    therapist: String,
    other_therapist: String,
}

async fn units(app: &TestApp) -> Units {
    let query = "{ viewer { ... on StaffViewer { unit { id therapists { id } siblingUnits { id name therapists { id } } } } } }";
    let data = app.client.query(&app.therapist(), query, json!({})).await.data();
    let unit = &data["viewer"]["unit"];
    let other = &unit["siblingUnits"][0];
    Units {
        own: text(&unit["id"]),
        other: text(&other["id"]),
        therapist: text(&unit["therapists"][0]["id"]),
        other_therapist: text(&other["therapists"][0]["id"]),
    }
}

/// Starts a program for the nth citizen as the therapist does; gives the enrollment.
async fn start(app: &TestApp, program: &str, n: u32, starts_at: Option<DateTime<Utc>>) -> String {
    let units = units(app).await;
    let input = json!({ "programSlug": program, "unitId": units.own, "citizen": person(n), "startsAt": starts_at,
        "therapistIds": [units.therapist] });
    let data = live(app, &app.therapist(), "startEnrollment", input).await;
    text(&tests::client::done(&data)["enrollment"]["id"])
}

/// The nth citizen as staff write them down.
fn person(n: u32) -> Value {
    json!({ "personalIdentityNumber": care::identity_number(n), "givenName": format!("Given{n}"),
        "familyName": format!("Family{n}"), "email": format!("citizen{n}@home.example") })
}

/// The enrollment's own id, for looking into the database.
fn row_of(enrollment: &str) -> Uuid {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(enrollment).unwrap()).unwrap();
    text.rsplit(':').next().unwrap().parse().unwrap()
}

/// The keys of the forms that were sent so far in an enrollment.
async fn sent(app: &TestApp, enrollment: &str) -> Vec<String> {
    let fields = "dispatches(first: 50) { nodes { form { key } } }";
    let seen = seen(app, &app.therapist(), enrollment, fields).await;
    let nodes = seen["dispatches"]["nodes"].as_array().unwrap().clone();
    nodes.iter().map(|node| text(&node["form"]["key"])).collect()
}

/// The treatment.
const TREATMENT: &str = PROGRAM;
