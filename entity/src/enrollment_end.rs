//! The dated history of when an enrollment is planned to end.

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

/// A decision on when an enrollment is planned to end.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollment_end")]
pub struct Model {
    /// The enrollment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: Uuid,
    /// From when the decision holds.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: DateTime<Utc>,
    /// When it is planned to end; without end where absent.
    pub ends_at: Option<DateTime<Utc>>,
    /// Why, sealed text.
    pub reason: Option<Sealed>,
    /// Who decided.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The decisions on when these enrollments are to end, oldest first, as far as the viewer may see them; the reasons as far as
/// they may read them. One statement.
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
