//! When the rules of an enrollment are due to be looked at. Narrow: the worker's index of what is due.

use chrono::{DateTime, Utc};
use std::collections::{BTreeSet, HashMap};

use crate::{act::BATCH, error::Result};
use sea_orm::{
    Condition, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, LockType},
};

/// When the rules of an enrollment are due to be looked at. Narrow: the worker's index of what is due.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "evaluation")]
pub struct Model {
    /// The enrollment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: Uuid,
    /// When the worker must act next; never where absent.
    pub due_at: Option<DateTime<Utc>>,
    /// Everything up to here has been judged.
    pub evaluated_until: DateTime<Utc>,
    /// How many times in a row it failed.
    pub failures: i32,
    /// Since when it is set aside because it failed.
    pub failed_at: Option<DateTime<Utc>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Makes the rules of these enrollments due at `at`, where they are not due earlier. Those that are set aside stay so.
///
/// # Errors
/// When the database fails.
pub async fn make_due(
    connection: &impl ConnectionTrait,
    enrollments: &BTreeSet<Uuid>,
    at: DateTime<Utc>,
) -> Result<()> {
    for chunk in enrollments.iter().copied().collect::<Vec<_>>().chunks(BATCH) {
        // Locked in the order of their ids, as enrollments are, so that no two who do this wait for each other.
        let rows = Entity::find()
            .select_only()
            .column(Column::EnrollmentId)
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .order_by_asc(Column::EnrollmentId)
            .lock(LockType::Update)
            .into_query();
        Entity::update_many()
            .col_expr(Column::DueAt, Expr::value(at))
            .filter(Column::EnrollmentId.in_subquery(rows))
            .filter(Condition::any().add(Column::DueAt.is_null()).add(Column::DueAt.gt(at)))
            .filter(Column::FailedAt.is_null())
            .exec(connection)
            .await?;
    }
    Ok(())
}

/// Until when the rules of each of these enrollments were judged.
///
/// # Errors
/// When the database fails.
pub(crate) async fn judged_until(
    connection: &impl ConnectionTrait,
    enrollments: &[Uuid],
) -> Result<HashMap<Uuid, DateTime<Utc>>> {
    let mut judged = HashMap::new();
    for chunk in enrollments.chunks(BATCH) {
        let rows: Vec<(Uuid, DateTime<Utc>)> = Entity::find()
            .select_only()
            .columns([Column::EnrollmentId, Column::EvaluatedUntil])
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(connection)
            .await?;
        judged.extend(rows);
    }
    Ok(judged)
}

/// How many batches may be due while more enrollments are made due.
const WAITING: u64 = 5;

/// Whether so much is due already that what makes many more due at once should wait.
///
/// # Errors
/// When the database fails.
pub(crate) async fn is_crowded(connection: &impl ConnectionTrait, now: DateTime<Utc>, batch: u64) -> Result<bool> {
    let due = Entity::find().filter(Column::DueAt.lte(now)).limit(WAITING * batch);
    Ok(due.count(connection).await? >= WAITING * batch)
}
