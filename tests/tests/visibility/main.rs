//! Showing and hiding from outside: for one and for several, at once and from a date, with its history; modules that open once
//! others are completed; and that nothing leads to what is hidden.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod bulk;
mod hidden;
mod prerequisites;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tests::{app::TestApp, client::text};

const CONTENT: &str = "query($id: ID!) { enrollment(id: $id) {
    progress { completedSteps totalSteps percent } nextStep { key }
    modules { id key visible progress { percent totalSteps } availability { open opensAt reason prerequisites { key } }
        sections { id key visible availability { open reason } steps { id key blocks { __typename } } } } } }";

/// A Monday, ten in Stockholm.
fn monday() -> DateTime<Utc> {
    at("2027-03-01T09:00:00Z")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// An enrollment's content as somebody sees it.
async fn content(app: &TestApp, token: &str, enrollment: &str) -> Value {
    let data = app
        .client
        .query(token, CONTENT, json!({ "id": enrollment }))
        .await
        .data();
    data["enrollment"].clone()
}

/// The modules that somebody sees.
fn keys(content: &Value) -> Vec<String> {
    let modules = content["modules"].as_array().unwrap();
    modules.iter().map(|module| text(&module["key"])).collect()
}

fn module<'a>(content: &'a Value, key: &str) -> &'a Value {
    let mut modules = content["modules"].as_array().unwrap().iter();
    modules.find(|module| module["key"] == key).unwrap()
}

/// The id of a step as the enrollment has it.
fn step(content: &Value, key: &str) -> Value {
    let modules = content["modules"].as_array().unwrap().iter();
    let sections = modules.flat_map(|module| module["sections"].as_array().unwrap());
    let mut steps = sections.flat_map(|section| section["steps"].as_array().unwrap());
    steps.find(|step| step["key"] == key).unwrap()["id"].clone()
}

/// The therapist shows, hides or opens something for one.
async fn change(app: &TestApp, enrollment: &str, mut input: Value) -> Value {
    input["enrollmentId"] = enrollment.into();
    let therapist = app.therapist();
    app.client
        .mutate(&therapist, "changeVisibility", input, "enrollment { id }")
        .await
}

/// The nth citizen completes a step.
async fn complete(app: &TestApp, n: u32, enrollment: &str, key: &str) -> Value {
    let citizen = app.citizen(n);
    let step = step(&content(app, &app.therapist(), enrollment).await, key);
    let input = json!({ "enrollmentId": enrollment, "stepId": step });
    app.client
        .mutate(&citizen, "completeStep", input, "enrollment { id }")
        .await
}
