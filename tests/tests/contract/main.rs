//! The operations that frontends send, verbatim, each answered with the right values.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod citizen;
mod content;
mod document;
mod rules;
mod staff;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tests::{app::TestApp, contract, database::Kind};

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// The same instant, however it is written.
fn is_at(value: &Value, at: DateTime<Utc>) -> bool {
    value.as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok()) == Some(at)
}

/// A server with one citizen who has just been enrolled and sent the first measure; none where there is no contract.
async fn started(kind: Kind) -> Option<(TestApp, String)> {
    contract::operations()?;
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    app.work().await;
    let enrollment = app.enrollment_of(1).await;
    Some((app, enrollment))
}
