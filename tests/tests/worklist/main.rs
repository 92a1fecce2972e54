//! What staff find in the lists of a unit: what those who left held, whom they look for, and where they may act.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod acting;
mod departed;
mod finding;

use api::graphql::{Kind as Of, id};
use chrono::{DateTime, Utc};
use entity::assignment;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tests::app::TestApp;
use uuid::Uuid;

/// A Monday.
fn monday() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// An id of a row as clients write it.
fn of(kind: Of, row: Uuid) -> String {
    id(kind, row).to_string()
}

/// The id of the only assignment of one of the staff.
async fn assignment_of(app: &TestApp, staff: Uuid) -> String {
    let held = assignment::Entity::find().filter(assignment::Column::StaffId.eq(staff));
    of(
        Of::Assignment,
        held.one(app.store.connection()).await.unwrap().unwrap().id,
    )
}
