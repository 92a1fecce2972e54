//! What somebody has begun to write in a thread and not sent: one draft for each author and enrollment.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::{
    act::BATCH,
    error::Result,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
    visible,
};

/// What somebody has begun to write in a thread and not sent.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "message_draft")]
pub struct Model {
    /// The enrollment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: Uuid,
    /// Who writes it, and alone sees it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub author: Stored<Actor>,
    /// What it says, sealed plain text.
    pub body: Sealed,
    /// When it was last saved.
    pub saved_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The viewer's own draft in each of the enrollments.
///
/// # Errors
/// When the database fails.
pub async fn own(store: &Store, viewer: &Viewer, enrollments: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let mut found = HashMap::new();
    for chunk in enrollments.chunks(BATCH) {
        let select = Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(Column::Author.eq(Stored(viewer.actor())));
        let rows = visible::read(store.connection(), viewer, select, Column::EnrollmentId).await?;
        found.extend(rows.into_iter().map(|row| (row.enrollment_id, row)));
    }
    Ok(found)
}
