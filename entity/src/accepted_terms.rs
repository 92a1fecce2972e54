//! Which terms were accepted for a unit: which version, signed by whom, and when. What was accepted stays written down.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{Condition, QueryOrder, entity::prelude::*};

use crate::{
    act::BATCH,
    administration::Reach,
    error::Result,
    page,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
    visible::latest_of_each,
};

/// A version of the terms that was accepted for a unit.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "accepted_terms")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The unit.
    pub unit_id: Uuid,
    /// Which version, as whoever runs Handrail calls it.
    pub version: String,
    /// The name of who signed.
    pub signed_by: Sealed,
    /// The title of who signed.
    pub signer_title: Option<Sealed>,
    /// When they signed.
    pub signed_at: DateTime<Utc>,
    /// When it was written down here.
    pub accepted_at: DateTime<Utc>,
    /// Who wrote it down.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What was accepted for some units, by unit, the latest `last` of each, the latest first. For those who administer them and
/// their auditors. One statement.
///
/// # Errors
/// When the database fails.
pub async fn of_units(store: &Store, viewer: &Viewer, units: &[Uuid], last: u64) -> Result<HashMap<Uuid, Vec<Model>>> {
    let directory = store.directory();
    let read = |id: &Uuid| {
        directory
            .unit(*id)
            .is_some_and(|unit| Reach::holds(&directory, viewer, unit))
    };
    let readable: Vec<Uuid> = units.iter().copied().filter(|id| read(id)).collect();
    let mut found: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for chunk in readable.chunks(BATCH) {
        let of_these = Condition::all().add(Column::UnitId.is_in(chunk.iter().copied()));
        let accepted_at = Column::AcceptedAt.into_expr();
        let last = latest_of_each::<Entity>(Column::Id, Column::UnitId, accepted_at, of_these, page::clamp(last));
        let rows = Entity::find()
            .filter(Column::Id.in_subquery(last))
            .order_by_desc(Column::Id)
            .all(store.connection())
            .await?;
        for row in rows {
            found.entry(row.unit_id).or_default().push(row);
        }
    }
    Ok(found)
}
