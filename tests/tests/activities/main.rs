//! The activity plan from outside: who plans, what is changed, moved and cancelled, what is registered and measured, and the
//! calendar of the citizen.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod calendar;
mod moved;
mod planning;
mod ratings;
mod registering;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    care,
    client::{done, text},
    database::Kind,
    world::World,
};
use uuid::Uuid;

const DAYS: &str = "query($id: ID!, $from: DateTime!, $to: DateTime!) { enrollment(id: $id) {
    activities(from: $from, to: $to) { id title day movedTo startsAt endsAt missed done entry { rating ratingBefore note } }
    activityPlan { id title time repeat startsOn endedAt plannedByCitizen replaces { id }
        exceptions { occurrence movedTo time reason actor by { displayName } } } } }";

/// A Monday.
fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

fn measurements() -> Value {
    let text = |sv: &str, en: &str| json!({ "sv": sv, "en": en });
    json!([
        { "key": "weight", "title": text("Vikt", "Weight"), "unit": { "code": "kg", "label": text("kg", "kg") },
            "min": 20, "max": 300, "decimals": 1 },
        { "key": "steps", "title": text("Steg", "Steps"), "unit": { "code": "{steps}", "label": text("steg", "steps") },
            "min": 0, "max": 100_000 },
    ])
}

/// A server with one citizen in a program that lets them plan and measure; their enrollment, and its id as clients see it.
async fn started(kind: Kind) -> (TestApp, Uuid, String) {
    let world = World::new(kind, morning()).await;
    care::import_changed(&world.store, |program| {
        program["features"] = json!({ "citizenPlansActivities": true });
        program["measurements"] = measurements();
    })
    .await;
    let app = TestApp::over(world).await;
    let row = app.enroll(1).await;
    app.work().await;
    let id = enrollment_of(&app, 1).await;
    (app, row, id)
}

async fn enrollment_of(app: &TestApp, n: u32) -> String {
    let query = "{ viewer { ... on CitizenViewer { citizen { enrollments(first: 1) { nodes { id } } } } } }";
    let data = app.client.query(&app.citizen(n), query, json!({})).await.data();
    text(&data["viewer"]["citizen"]["enrollments"]["nodes"][0]["id"])
}

async fn plan(app: &TestApp, token: &str, input: Value) -> Value {
    app.client
        .mutate(token, "planActivity", input, "activity { id plannedByCitizen }")
        .await
}

/// A walk every Monday and Thursday at half past five, eight times.
fn walk(enrollment: &str) -> Value {
    json!({ "enrollmentId": enrollment, "title": "Promenad", "startsOn": "2027-03-01", "time": "17:30",
        "duration": "PT30M", "repeat": "FREQ=WEEKLY;BYDAY=MO,TH;COUNT=8" })
}

async fn walking(app: &TestApp, enrollment: &str) -> String {
    text(&done(&plan(app, &app.therapist(), walk(enrollment)).await)["activity"]["id"])
}

async fn shown(app: &TestApp, token: &str, enrollment: &str, from: &str, to: &str) -> Value {
    let variables = json!({ "id": enrollment, "from": from, "to": to });
    app.client.query(token, DAYS, variables).await.data()["enrollment"].clone()
}

/// The planned days and when they start.
async fn days(app: &TestApp, enrollment: &str, from: &str, to: &str) -> Vec<(String, String)> {
    let shown = shown(app, &app.citizen(1), enrollment, from, to).await;
    let shown = shown["activities"].as_array().unwrap().clone();
    let start = |at: &Value| {
        text(at)
            .parse::<DateTime<Utc>>()
            .unwrap()
            .format("%m-%d %H:%M")
            .to_string()
    };
    shown
        .iter()
        .map(|one| (text(&one["day"]), start(&one["startsAt"])))
        .collect()
}

fn on(days: &[(&str, &str)]) -> Vec<(String, String)> {
    days.iter()
        .map(|(day, at)| ((*day).to_owned(), (*at).to_owned()))
        .collect()
}
