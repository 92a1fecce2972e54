//! Nothing leaves that does not apply any more: each thing that may change between the decision and the sending, and what the
//! record says of what did not leave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod deciding;
mod holding;
mod night;

use chrono::{DateTime, Utc};
use entity::delivery::{self, DeliveryStatus};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tests::world::World;

/// A Monday, ten in Stockholm.
fn monday() -> DateTime<Utc> {
    at("2027-03-01T09:00:00Z")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Reminds the citizen by mail at ten in the evening of the first day, when it is too late to be heard: the letter waits for
/// the morning.
fn in_the_evening(anchor: Value) -> Value {
    json!({ "trigger": { "schedule": { "anchor": anchor, "slots": [{ "key": "evening", "at": "22:00" }] } },
        "actions": [{ "remind": { "template": "come-back", "channels": ["EMAIL"], "audience": "CITIZEN" } }] })
}

fn nudge() -> Value {
    in_the_evening(json!({ "enrollmentStart": {} }))
}

/// The deliveries, the oldest first: their state, and why.
async fn statuses(world: &World) -> Vec<(DeliveryStatus, Option<String>)> {
    let rows = delivery::Entity::find()
        .order_by_asc(delivery::Column::CreatedAt)
        .order_by_asc(delivery::Column::Id);
    let rows = rows.all(world.store.connection()).await.unwrap();
    rows.into_iter().map(|row| (row.status.0, row.reason)).collect()
}
