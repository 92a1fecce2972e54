//! What a citizen registered of a planned activity on one day (registrering).

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::entity::prelude::*;

use crate::{
    error::Result,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
    visible,
};

/// What a citizen registered of a planned activity on one day (registrering).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_entry")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The planned activity.
    pub activity_id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The local day on which it was planned.
    pub occurrence: NaiveDate,
    /// Whether it was done.
    pub done: bool,
    /// What the citizen says about it, sealed text.
    pub note: Option<Sealed>,
    /// How it was afterwards, 0 to 10.
    pub rating: Option<i32>,
    /// How it was beforehand, 0 to 10.
    pub rating_before: Option<i32>,
    /// When it was registered for the first time.
    pub registered_at: DateTime<Utc>,
    /// When the registration was corrected last.
    pub corrected_at: Option<DateTime<Utc>>,
    /// Who did it last.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Registrations by id.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    visible::by_id::<Entity>(store, viewer, ids, Column::Id, Column::EnrollmentId, |row: &Model| {
        row.id
    })
    .await
}
