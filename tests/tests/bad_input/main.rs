//! What is wrong is said clearly, with a code, and nothing is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod forms;
mod http;
mod inputs;
mod keys;
mod operating;

use chrono::{DateTime, Utc};
use entity::response;
use sea_orm::{EntityTrait, PaginatorTrait};
use tests::{app::TestApp, client::text, contract, database::Kind};

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A citizen who was sent a measure; gives its dispatch.
async fn started(kind: Kind) -> Option<(TestApp, String)> {
    contract::operations()?;
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    app.work().await;
    let dispatch = text(&app.home(1).await["dispatches"]["nodes"][0]["id"]);
    Some((app, dispatch))
}

async fn responses(app: &TestApp) -> u64 {
    response::Entity::find().count(app.store.connection()).await.unwrap()
}
