//! A rule that fired: unique for ever by rule key, enrollment and occurrence.

use std::collections::HashMap;

use crate::{error::Result, rule_version, store::Store, stored::Stored, viewer::Viewer, visible};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A rule that fired: unique for ever by rule key, enrollment and occurrence.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "firing")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The rule's key.
    pub rule_key: String,
    /// What makes the firing unique; see the `rules` crate.
    pub occurrence: String,
    /// The version that decided.
    pub rule_version_id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// When the worker decided it.
    pub fired_at: DateTime<Utc>,
    /// How many firings caused one another before it.
    pub depth: i32,
    /// What came of it.
    pub outcome: Stored<Outcome>,
    /// Every fact that was compared.
    pub trace: Json,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What came of a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// Its actions were carried out.
    Done,
    /// Recorded only: the rule is being tried.
    DryRun,
    /// Not carried out: too many firings had caused one another.
    Refused,
    /// Not carried out, or not all of it: what it asks for is not possible, or its time was over.
    Undone,
}

/// A firing with what its rule was called in the version that decided.
#[derive(Clone, Debug)]
pub struct Fired {
    /// The firing.
    pub row: Model,
    /// The rule's name.
    pub name: String,
    /// The number of the rule's version.
    pub version: i32,
}

/// Those of the firings whose enrollment the viewer may see. Two statements.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Fired>> {
    let rows = visible::by_id::<Entity>(store, viewer, ids, Column::Id, Column::EnrollmentId, |row: &Model| {
        row.id
    })
    .await?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let versions = rows.values().map(|row| row.rule_version_id);
    let versions = rule_version::Entity::find().filter(rule_version::Column::Id.is_in(versions));
    let versions = versions.all(store.connection()).await?;
    let versions: HashMap<Uuid, rule_version::Model> = versions.into_iter().map(|row| (row.id, row)).collect();
    Ok(rows
        .into_iter()
        .filter_map(|(id, row)| {
            let version = versions.get(&row.rule_version_id)?;
            Some((
                id,
                Fired {
                    name: version.name.clone(),
                    version: version.number,
                    row,
                },
            ))
        })
        .collect())
}
