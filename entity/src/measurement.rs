//! What a citizen measured and registered as a number: a weight, a pulse, a number of steps. What was corrected stays, with
//! what took its place.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{Condition, entity::prelude::*};

use crate::{
    error::{Result, UserError},
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
    visible::{self, Listed},
};

/// What a citizen measured and registered as a number.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "measurement")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The key of its kind within the program version.
    pub kind: String,
    /// The number, in the unit of its kind.
    pub value: f64,
    /// When it was measured.
    pub measured_at: DateTime<Utc>,
    /// What there is to say about it, sealed text.
    pub note: Option<Sealed>,
    /// When it was registered.
    pub registered_at: DateTime<Utc>,
    /// What it takes the place of.
    pub supersedes_id: Option<Uuid>,
    /// When another took its place, or it was voided.
    pub superseded_at: Option<DateTime<Utc>>,
    /// Who registered it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How many points a series has at most.
pub const MOST_POINTS: u64 = 1_000;

const LISTED: Listed<Entity> = Listed {
    id: Column::Id,
    enrollment: Column::EnrollmentId,
    at: || Column::MeasuredAt.into_expr(),
    key: |row| (row.id, row.enrollment_id, row.measured_at),
};

/// Measurements by id, also those that no longer count.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    visible::by_id::<Entity>(store, viewer, ids, Column::Id, Column::EnrollmentId, |row: &Model| {
        row.id
    })
    .await
}

/// What was measured of a kind in each of the enrollments from an instant and before another, oldest first: the last
/// [`MOST_POINTS`] that count. One statement.
///
/// # Errors
/// `BAD_RANGE` where the span ends before it begins; when the database fails.
pub async fn series(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
    kind: &str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<HashMap<Uuid, Vec<Model>>> {
    if to < from {
        return Err(UserError::new("BAD_RANGE", "to", "The span must end after it begins.").into());
    }
    let within = counting(from, to).add(Column::Kind.eq(kind));
    let mut found = LISTED.latest(store, viewer, enrollments, within, MOST_POINTS).await?;
    for rows in found.values_mut() {
        rows.reverse();
    }
    Ok(found)
}

/// Those that count and were measured from an instant and before another.
pub(crate) fn counting(from: DateTime<Utc>, to: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(Column::SupersededAt.is_null())
        .add(Column::MeasuredAt.gte(from))
        .add(Column::MeasuredAt.lt(to))
}
