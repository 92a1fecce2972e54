//! Who read or changed what of which citizen, from where and when. Append-only.

use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

use crate::stored::Stored;
use crate::{
    act::BATCH,
    clock,
    error::Result,
    viewer::{Actor, Viewer, Who},
};
use sea_orm::{ActiveValue::Set, entity::prelude::*};
use serde::{Deserialize, Serialize};

/// Who read or changed what of which citizen, from where and when. Append-only.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "access_log")]
pub struct Model {
    /// When.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: DateTime<Utc>,
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who.
    pub viewer: String,
    /// The unit.
    pub unit_id: Option<Uuid>,
    /// The citizen.
    pub citizen_id: Uuid,
    /// Read or change.
    pub action: Stored<AccessAction>,
    /// The operation that did it.
    pub operation: String,
    /// The hash of the row before it.
    pub previous_hash: Option<Vec<u8>>,
    /// The hash of the row.
    pub hash: Option<Vec<u8>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What was done with the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccessAction {
    /// It was read.
    Read,
    /// It was changed.
    Change,
}

/// Adds a row for each citizen, in one statement; none where there are none. Handrail's own work is not logged here.
///
/// # Errors
/// When the database fails. What was read must then not be shown.
pub async fn write(
    connection: &impl ConnectionTrait,
    viewer: &Viewer,
    action: AccessAction,
    citizens: &BTreeSet<Uuid>,
    at: DateTime<Utc>,
) -> Result<()> {
    if viewer.who == Who::System {
        return Ok(());
    }
    let trace = Trace {
        actor: viewer.actor(),
        unit: viewer.unit(),
        operation: &viewer.operation,
        action,
    };
    write_for(connection, &trace, citizens, at).await
}

/// Who does what, from where.
pub(crate) struct Trace<'a> {
    /// Who.
    pub actor: Actor,
    /// The unit that they act at.
    pub unit: Option<Uuid>,
    /// The operation that does it.
    pub operation: &'a str,
    /// Read or change.
    pub action: AccessAction,
}

/// As [`write`], of what Handrail does in somebody's stead.
///
/// # Errors
/// When the database fails.
pub(crate) async fn write_for(
    connection: &impl ConnectionTrait,
    trace: &Trace<'_>,
    citizens: &BTreeSet<Uuid>,
    at: DateTime<Utc>,
) -> Result<()> {
    let rows: Vec<ActiveModel> = citizens
        .iter()
        .map(|citizen| ActiveModel {
            at: Set(at),
            id: Set(clock::id_at(at)),
            viewer: Set(trace.actor.to_string()),
            unit_id: Set(trace.unit),
            citizen_id: Set(*citizen),
            action: Set(trace.action.into()),
            operation: Set(trace.operation.to_owned()),
            previous_hash: Set(None),
            hash: Set(None),
        })
        .collect();
    for chunk in rows.chunks(BATCH) {
        Entity::insert_many(chunk.iter().cloned())
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
}
