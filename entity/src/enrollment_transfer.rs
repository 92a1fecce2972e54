//! An enrollment that went from one unit to another.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::{
    dated_history,
    error::Result,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
};

/// An enrollment that went from one unit to another of the same provider.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollment_transfer")]
pub struct Model {
    /// The enrollment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: Uuid,
    /// When.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: DateTime<Utc>,
    /// The unit that gave it up.
    pub from_unit_id: Uuid,
    /// The unit that took it over.
    pub to_unit_id: Uuid,
    /// Why, sealed text.
    pub reason: Option<Sealed>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How these enrollments went from unit to unit, oldest first, as far as the viewer may see them; the reasons as far as they may
/// read them. One statement.
///
/// # Errors
/// When the database fails.
pub async fn of_enrollments(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Model>>> {
    let columns = (Column::EnrollmentId, Column::At);
    dated_history::of_enrollments::<Entity>(store, viewer, ids, columns, |row| {
        (row.enrollment_id, row.actor.0, &mut row.reason)
    })
    .await
}
