//! Something that somebody should look at (flagga).

mod history;
mod worklist;

pub use history::{Change, What, history};
pub use worklist::{Filter, Order, count, worklist};

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
    assignment::Role,
    directory::Directory,
    error::Result,
    flag_cause, flag_change,
    page::{self, Page},
    reminder,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Permission, Viewer},
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
    /// To whom it was given last; see [`Model::assignee`].
    pub assigned_to: Option<Uuid>,
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

impl Model {
    /// Who is to see to it at its unit: nobody in particular once they do not treat there any more.
    pub(crate) fn assignee_at(&self, directory: &Directory, unit: Uuid) -> Option<Uuid> {
        let treats = |staff: &Uuid| directory.has_role(*staff, unit, Role::Therapist);
        self.assigned_to.filter(treats)
    }

    /// As [`Self::assignee_at`], for those who treat at that unit; nobody for everybody else.
    pub fn assignee(&self, store: &Store, viewer: &Viewer) -> Option<Uuid> {
        let unit = viewer.unit().filter(|_| viewer.may(Permission::Treat))?;
        self.assignee_at(&store.directory(), unit)
    }
}

const LISTED: Listed<Entity> = Listed {
    id: Column::Id,
    enrollment: Column::EnrollmentId,
    at: || Column::RaisedAt.into_expr(),
    key: |row| (row.id, row.enrollment_id, row.raised_at),
};

/// What the viewer may see of the flags of enrollments that are visible to them.
pub fn visible_to(viewer: &Viewer) -> Condition {
    visible::addressed(viewer, Column::Audience)
}

/// Flags by id.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let (id, of) = (Column::Id, Column::EnrollmentId);
    visible::by_id_if::<Entity>(store, viewer, ids, id, of, |row| row.id, visible_to(viewer)).await
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

/// Why each of the flags stands or stood, oldest first: the last `n` causes of each, at most a hundred.
///
/// # Errors
/// When the database fails.
pub async fn causes(
    store: &Store,
    viewer: &Viewer,
    flags: &[Uuid],
    n: u64,
) -> Result<HashMap<Uuid, Vec<flag_cause::Model>>> {
    use flag_cause::{Column, Entity};
    let mut causes: HashMap<Uuid, Vec<flag_cause::Model>> = HashMap::new();
    for chunk in visible_ids(store, viewer, flags).await?.chunks(BATCH) {
        let of_these = Condition::all().add(Column::FlagId.is_in(chunk.iter().copied()));
        let raised_at = Column::RaisedAt.into_expr();
        let last = visible::latest_of_each::<Entity>(Column::Id, Column::FlagId, raised_at, of_these, page::clamp(n));
        let rows = Entity::find()
            .filter(Column::Id.in_subquery(last))
            .order_by_asc(Column::RaisedAt)
            .order_by_asc(Column::Id);
        for row in rows.all(store.connection()).await? {
            causes.entry(row.flag_id).or_default().push(row);
        }
    }
    Ok(causes)
}

/// How many times each of the flags was raised.
///
/// # Errors
/// When the database fails.
pub async fn cause_counts(store: &Store, viewer: &Viewer, flags: &[Uuid]) -> Result<HashMap<Uuid, i32>> {
    let mut counts = HashMap::new();
    for chunk in visible_ids(store, viewer, flags).await?.chunks(BATCH) {
        let rows: Vec<(Uuid, i64)> = flag_cause::Entity::find()
            .select_only()
            .column(flag_cause::Column::FlagId)
            .column_as(flag_cause::Column::Id.count(), "count")
            .filter(flag_cause::Column::FlagId.is_in(chunk.iter().copied()))
            .group_by(flag_cause::Column::FlagId)
            .into_tuple()
            .all(store.connection())
            .await?;
        counts.extend(rows.into_iter().map(|(flag, count)| (flag, number(count))));
    }
    Ok(counts)
}

/// How many times each of the flags was opened, as far as the viewer may see them: raised, and opened again.
///
/// # Errors
/// When the database fails.
pub async fn opened(store: &Store, viewer: &Viewer, flags: &[Uuid]) -> Result<HashMap<Uuid, i32>> {
    let visible = visible_ids(store, viewer, flags).await?;
    openings(store.connection(), &visible).await
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
        found.extend(rows.into_iter().map(|(flag, count)| (flag, number(count))));
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

fn number(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
