//! Something that somebody should look at (flagga).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rules::facts::{Audience, Severity};
use sea_orm::{
    Condition, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Func, Query},
};
use serde::{Deserialize, Serialize};

use crate::{
    act::BATCH,
    error::Result,
    flag_cause, flag_change,
    page::Page,
    reminder,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Viewer, Who},
    visible::{self, Listed},
};

/// Something that somebody should look at (flagga).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "flag")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// Its kind.
    pub kind: String,
    /// Whom it is for.
    pub audience: Stored<Audience>,
    /// How serious.
    pub severity: Stored<Severity>,
    /// Its state.
    pub status: Stored<FlagStatus>,
    /// What is read in lists, sealed text.
    pub title: Sealed,
    /// When it was raised.
    pub raised_at: DateTime<Utc>,
    /// When somebody took it on.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Who took it on.
    pub acknowledged_by: Option<Uuid>,
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Who resolved it.
    pub resolved_by: Option<Uuid>,
    /// When the next rung of an escalation is due, unless somebody takes it on.
    pub escalate_at: Option<DateTime<Utc>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The life of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FlagStatus {
    /// Nobody has taken it on.
    Open,
    /// Somebody has taken it on.
    Acknowledged,
    /// Somebody has resolved it.
    Resolved,
    /// Its last cause has ended.
    AutoResolved,
}

impl FlagStatus {
    /// Whether it still stands.
    pub fn is_unresolved(self) -> bool {
        matches!(self, Self::Open | Self::Acknowledged)
    }
}

const LISTED: Listed<Entity> = Listed {
    id: Column::Id,
    enrollment: Column::EnrollmentId,
    at: Column::RaisedAt,
    key: |row| (row.id, row.enrollment_id, row.raised_at),
};

/// What the viewer may see of the flags of enrollments that are visible to them: citizens and guardians those to the
/// citizen, everybody else all.
pub fn visible_to(viewer: &Viewer) -> Condition {
    match viewer.who {
        Who::Citizen { .. } | Who::Guardian { .. } => {
            Condition::all().add(Column::Audience.eq(Stored(Audience::Citizen)))
        }
        Who::Staff { .. } | Who::System => Condition::all(),
    }
}

/// Flags by id.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let select = Entity::find()
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .filter(visible_to(viewer));
        let rows = visible::read(store.connection(), viewer, select, Column::EnrollmentId).await?;
        found.extend(rows.into_iter().map(|row| (row.id, row)));
    }
    Ok(found)
}

/// The flags of each enrollment in one of the states (any where none is named), those raised last first, `first` of each,
/// after the row with the cursor `after`.
///
/// # Errors
/// When the cursor is none of this list, or the database fails.
pub async fn page(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
    statuses: &[FlagStatus],
    first: u64,
    after: Option<&str>,
) -> Result<HashMap<Uuid, Page<(String, Model)>>> {
    let mut filter = visible_to(viewer);
    if !statuses.is_empty() {
        filter = filter.add(Column::Status.is_in(statuses.iter().map(|status| Stored(*status))));
    }
    LISTED.page(store, viewer, enrollments, filter, first, after).await
}

/// Why each of the flags stands or stood, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn causes(store: &Store, viewer: &Viewer, flags: &[Uuid]) -> Result<HashMap<Uuid, Vec<flag_cause::Model>>> {
    let mut causes: HashMap<Uuid, Vec<flag_cause::Model>> = HashMap::new();
    for chunk in visible_ids(store, viewer, flags).await?.chunks(BATCH) {
        let rows = flag_cause::Entity::find()
            .filter(flag_cause::Column::FlagId.is_in(chunk.iter().copied()))
            .order_by_asc(flag_cause::Column::RaisedAt)
            .order_by_asc(flag_cause::Column::Id);
        for row in rows.all(store.connection()).await? {
            causes.entry(row.flag_id).or_default().push(row);
        }
    }
    Ok(causes)
}

/// The history of each of the flags, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn changes(store: &Store, viewer: &Viewer, flags: &[Uuid]) -> Result<HashMap<Uuid, Vec<flag_change::Model>>> {
    let mut changes: HashMap<Uuid, Vec<flag_change::Model>> = HashMap::new();
    for chunk in visible_ids(store, viewer, flags).await?.chunks(BATCH) {
        let rows = flag_change::Entity::find()
            .filter(flag_change::Column::FlagId.is_in(chunk.iter().copied()))
            .order_by_asc(flag_change::Column::At)
            .order_by_asc(flag_change::Column::Id);
        for row in rows.all(store.connection()).await? {
            changes.entry(row.flag_id).or_default().push(row);
        }
    }
    Ok(changes)
}

/// How many times each of these flags was opened: raised, and opened again.
///
/// # Errors
/// When the database fails.
pub(crate) async fn openings(connection: &impl ConnectionTrait, flags: &[Uuid]) -> Result<HashMap<Uuid, i32>> {
    let mut found = HashMap::new();
    for chunk in flags.chunks(BATCH) {
        let rows: Vec<(Uuid, i64)> = flag_change::Entity::find()
            .select_only()
            .column(flag_change::Column::FlagId)
            .column_as(flag_change::Column::Id.count(), "count")
            .filter(flag_change::Column::FlagId.is_in(chunk.iter().copied()))
            .filter(flag_change::Column::Status.eq(Stored(FlagStatus::Open)))
            .group_by(flag_change::Column::FlagId)
            .into_tuple()
            .all(connection)
            .await?;
        found.extend(
            rows.into_iter()
                .map(|(flag, count)| (flag, i32::try_from(count).unwrap_or(i32::MAX))),
        );
    }
    Ok(found)
}

/// Notes at flags when the next rung of their escalations is due.
///
/// # Errors
/// When the database fails.
pub(crate) async fn note_next_rung(connection: &impl ConnectionTrait, flags: &[Uuid]) -> Result<()> {
    let due = Expr::col((reminder::Entity, reminder::Column::DueAt));
    let next = Query::select()
        .expr(Func::min(due))
        .from(reminder::Entity)
        .and_where(Expr::col((reminder::Entity, reminder::Column::FlagId)).equals((Entity, Column::Id)))
        .to_owned();
    for chunk in flags.chunks(BATCH) {
        Entity::update_many()
            .col_expr(Column::EscalateAt, Expr::SubQuery(None, Box::new(next.clone().into())))
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .exec(connection)
            .await?;
    }
    Ok(())
}

async fn visible_ids(store: &Store, viewer: &Viewer, flags: &[Uuid]) -> Result<Vec<Uuid>> {
    Ok(find(store, viewer, flags).await?.into_keys().collect())
}
