//! What citizens measured.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rules::facts::{Facts, Measurement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{
    error::Result,
    measurement::{Column, Entity},
};

/// Reads what was measured, with what took its place; one statement.
pub(super) async fn read(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
    facts: &mut HashMap<Uuid, Facts>,
) -> Result<()> {
    type Row = (
        Uuid,
        Uuid,
        String,
        f64,
        DateTime<Utc>,
        DateTime<Utc>,
        Option<DateTime<Utc>>,
    );
    let rows: Vec<Row> = Entity::find()
        .select_only()
        .columns([Column::EnrollmentId, Column::Id, Column::Kind, Column::Value])
        .columns([Column::MeasuredAt, Column::RegisteredAt, Column::SupersededAt])
        .filter(Column::EnrollmentId.is_in(ids.iter().copied()))
        .order_by_asc(Column::MeasuredAt)
        .order_by_asc(Column::RegisteredAt)
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(connection)
        .await?;
    for (enrollment, id, kind, value, measured_at, at, superseded_at) in rows {
        if let Some(facts) = facts.get_mut(&enrollment) {
            facts.measurements.push(Measurement {
                id,
                kind,
                at,
                measured_at,
                value,
                superseded_at,
            });
        }
    }
    Ok(())
}
