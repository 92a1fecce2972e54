//! How many SQL statements the reads of the contract take, of however many rows there are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod activities;
mod deeds;
mod enrollments;
mod flags;
mod messages;
mod open_programs;
mod results;
mod rule;
mod sent;
mod subscriptions;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    action::{
        self,
        activity::{Plan, Register},
        measurement::Measured,
        message::Send,
    },
    viewer::Viewer,
};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    client::{done, weekly_measure},
};
use uuid::Uuid;

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A server whose statements are counted.
struct Counting<'a>(&'a TestApp);

impl Counting<'_> {
    /// Sends an operation of the contract; gives its data and how many statements it took.
    async fn ask(&self, token: &str, operation: &str, variables: Value) -> (Value, u64) {
        let before = self.0.store.statements();
        let data = self.0.client.ask(token, operation, variables).await;
        let statements = self.0.store.statements() - before;
        println!("{operation}: {statements} statements");
        (data, statements)
    }
}

/// Everybody has answered and has flags, some more than one.
async fn crowd(app: &TestApp, people: std::ops::Range<u32>) {
    for n in people.clone() {
        app.enroll(n).await;
    }
    app.work().await;
    for n in people {
        let options = if n % 3 == 0 { ["most"; 9] } else { ["some"; 9] };
        app.answer(n, "weekly-measure", weekly_measure(options)).await;
    }
    app.work().await;
}

/// Something to do every day, from yesterday a year ago on.
async fn plan(app: &TestApp, enrollment_id: Uuid) -> Uuid {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let plan = Plan {
        enrollment_id,
        title: "Promenad".to_owned(),
        starts_on: (app.clock.now() - TimeDelta::days(366)).date_naive(),
        time: Some("17:30".parse().unwrap()),
        duration: None,
        repeat: Some("FREQ=DAILY".to_owned()),
    };
    let id = action::activity::plan(&mut act, &plan).await.unwrap();
    act.commit().await.unwrap();
    id
}

/// Notes that it was done on the days of the last so many.
async fn register(app: &TestApp, activity_id: Uuid, days: std::ops::Range<i64>) {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    for day in days {
        let register = Register {
            activity_id,
            occurrence: (app.clock.now() - TimeDelta::days(day)).date_naive(),
            done: true,
            note: Some("Skönt".to_owned()),
            rating: None,
            rating_before: None,
        };
        action::activity::register(&mut act, &register).await.unwrap();
    }
    act.commit().await.unwrap();
}

/// Writes so many messages to the citizen.
async fn write(app: &TestApp, enrollment_id: Uuid, messages: usize) {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let send = Send {
        enrollment_id,
        body: "Hej".to_owned(),
        attachments: Vec::new(),
        firing_id: None,
        unit_message_id: None,
        cause: act.cause(),
    };
    let sent = action::message::send(&mut act, &vec![send; messages]).await.unwrap();
    assert!(sent.iter().all(Result::is_ok));
    act.commit().await.unwrap();
}

/// Registers so many weights in an enrollment, one a minute.
async fn measure(app: &TestApp, enrollment_id: Uuid, weights: i64) {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    for minute in 0..weights {
        let measured = Measured {
            enrollment_id,
            kind: "weight".to_owned(),
            value: 72.5,
            at: Some(app.clock.now() - TimeDelta::minutes(minute)),
            note: None,
        };
        action::measurement::register(&mut act, &measured).await.unwrap();
    }
    act.commit().await.unwrap();
}

/// Raises so many flags, each of a kind of its own.
async fn raise(app: &TestApp, therapist: &str, enrollment: &Value, flags: usize) {
    for n in 0..flags {
        let kind = format!("flag-{flags}-{n}");
        let input = json!({ "enrollmentId": enrollment, "kind": kind, "severity": "INFO", "title": "En flagga", "audience": "STAFF" });
        done(&app.client.input(therapist, "RaiseFlag", input).await);
    }
}
