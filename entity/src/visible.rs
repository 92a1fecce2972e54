//! Rows that hang on an enrollment, read as far as the viewer may see it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rules::facts::Audience;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, JoinType, Order, QueryFilter,
    QueryResult, QuerySelect, QueryTrait, RelationDef, Select,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement, WindowStatement},
};
use uuid::Uuid;

use crate::{
    act::BATCH,
    enrollment,
    error::Result,
    page::{self, Page},
    store::Store,
    stored::Stored,
    viewer::{Viewer, Who},
};

/// A row and whose it is.
struct Seen<M> {
    row: M,
    citizen: Uuid,
}

impl<M> Seen<M> {
    /// The row; that the viewer saw something of the citizen is noted.
    fn noted(self, viewer: &Viewer) -> M {
        viewer.saw(self.citizen);
        self.row
    }
}

const CITIZEN: &str = "seen_citizen_id";

impl<M: FromQueryResult> FromQueryResult for Seen<M> {
    fn from_query_result(result: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            row: M::from_query_result(result, prefix)?,
            citizen: result.try_get(prefix, CITIZEN)?,
        })
    }
}

/// Reads rows whose `enrollment` column names an enrollment that the viewer may see, and notes whose they are. None for
/// staff who may not see health data.
pub(crate) async fn read<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    viewer: &Viewer,
    select: Select<E>,
    enrollment: E::Column,
) -> Result<Vec<E::Model>> {
    if !viewer.sees_health() {
        return Ok(Vec::new());
    }
    of_enrollments(connection, viewer, select, enrollment).await
}

/// As [`read`], each row once for each of those that a left join gives beside it, and once without where there is none.
pub(crate) async fn read_with<E: EntityTrait, F: EntityTrait>(
    connection: &impl ConnectionTrait,
    viewer: &Viewer,
    select: Select<E>,
    enrollment: E::Column,
    beside: F,
    by: RelationDef,
) -> Result<Vec<(E::Model, Option<F::Model>)>> {
    if !viewer.sees_health() {
        return Ok(Vec::new());
    }
    let select = with_citizen(viewer, select, enrollment)
        .join(JoinType::LeftJoin, by)
        .select_also(beside);
    let seen = select.into_model::<Seen<E::Model>, F::Model>().all(connection).await?;
    let rows = seen.into_iter().map(|(seen, beside)| (seen.noted(viewer), beside));
    Ok(rows.collect())
}

/// As [`read`], of what is no health data: also for staff who administer.
pub(crate) async fn of_enrollments<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    viewer: &Viewer,
    select: Select<E>,
    enrollment: E::Column,
) -> Result<Vec<E::Model>> {
    let select = with_citizen(viewer, select, enrollment);
    let seen: Vec<Seen<E::Model>> = select.into_model().all(connection).await?;
    Ok(seen.into_iter().map(|seen| seen.noted(viewer)).collect())
}

/// The rows of enrollments that the viewer may see, and whose they are.
fn with_citizen<E: EntityTrait>(viewer: &Viewer, select: Select<E>, enrollment: E::Column) -> Select<E> {
    let join = E::belongs_to(enrollment::Entity)
        .from(enrollment)
        .to(enrollment::Column::Id)
        .into();
    select
        .join(JoinType::InnerJoin, join)
        .filter(enrollment::visible_to(viewer))
        .column_as(enrollment::Column::CitizenId, CITIZEN)
}

/// What the viewer may see of what is addressed to the citizen or to staff, as `audience` says: citizens and guardians what is
/// for the citizen, everybody else all.
pub(crate) fn addressed(viewer: &Viewer, audience: impl ColumnTrait) -> Condition {
    match viewer.who {
        Who::Citizen { .. } | Who::Guardian { .. } => Condition::all().add(audience.eq(Stored(Audience::Citizen))),
        Who::Staff { .. } | Who::System => Condition::all(),
    }
}

/// Reads rows by id, as [`read`].
pub(crate) async fn by_id<E: EntityTrait>(
    store: &Store,
    viewer: &Viewer,
    ids: &[Uuid],
    id: E::Column,
    enrollment: E::Column,
    key: impl Fn(&E::Model) -> Uuid,
) -> Result<HashMap<Uuid, E::Model>> {
    by_id_if::<E>(store, viewer, ids, id, enrollment, key, Condition::all()).await
}

/// As [`by_id`], those that pass the filter.
pub(crate) async fn by_id_if<E: EntityTrait>(
    store: &Store,
    viewer: &Viewer,
    ids: &[Uuid],
    id: E::Column,
    enrollment: E::Column,
    key: impl Fn(&E::Model) -> Uuid,
    filter: Condition,
) -> Result<HashMap<Uuid, E::Model>> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let select = E::find().filter(id.is_in(chunk.iter().copied())).filter(filter.clone());
        for row in read(store.connection(), viewer, select, enrollment).await? {
            found.insert(key(&row), row);
        }
    }
    Ok(found)
}

/// How the rows of an enrollment are listed: the latest first.
pub(crate) struct Listed<E: EntityTrait> {
    /// The row's identity.
    pub id: E::Column,
    /// The column that names the enrollment.
    pub enrollment: E::Column,
    /// The instant that they are sorted by, in SQL.
    pub at: fn() -> Expr,
    /// Identity, enrollment and instant of a row.
    pub key: fn(&E::Model) -> Key,
}

type Key = (Uuid, Uuid, DateTime<Utc>);

impl<E: EntityTrait> Listed<E> {
    /// The latest `first` rows of each of the enrollments that pass the filter and come after a cursor, in one statement.
    pub(crate) async fn page(
        &self,
        store: &Store,
        viewer: &Viewer,
        enrollments: &[Uuid],
        filter: Condition,
        first: u64,
        after: Option<&str>,
    ) -> Result<HashMap<Uuid, Page<(String, E::Model)>>> {
        let first = page::clamp(first);
        let mut filter = filter;
        if let Some(cursor) = after {
            filter = filter.add(page::after(cursor, (self.at)(), self.id)?);
        }
        let latest = self.latest(store, viewer, enrollments, filter, first + 1).await?;
        Ok(latest
            .into_iter()
            .map(|(enrollment, rows)| {
                let rows = rows.into_iter().map(|row| (self.cursor(&row), row)).collect();
                (enrollment, Page::cut(rows, first))
            })
            .collect())
    }

    /// The latest `n` rows of each of the enrollments that pass the filter, the latest first, in one statement.
    pub(crate) async fn latest(
        &self,
        store: &Store,
        viewer: &Viewer,
        enrollments: &[Uuid],
        filter: Condition,
        n: u64,
    ) -> Result<HashMap<Uuid, Vec<E::Model>>> {
        let mut found: HashMap<Uuid, Vec<E::Model>> = HashMap::new();
        for chunk in enrollments.chunks(BATCH) {
            let of_these = Condition::all()
                .add(self.enrollment.is_in(chunk.iter().copied()))
                .add(filter.clone());
            let latest = latest_of_each::<E>(self.id, self.enrollment, (self.at)(), of_these, n);
            let select = E::find().filter(self.id.in_subquery(latest));
            let mut rows = read(store.connection(), viewer, select, self.enrollment).await?;
            rows.sort_by_key(|row| {
                let (id, _, at) = (self.key)(row);
                std::cmp::Reverse((at, id))
            });
            for row in rows {
                found.entry((self.key)(&row).1).or_default().push(row);
            }
        }
        Ok(found)
    }

    fn cursor(&self, row: &E::Model) -> String {
        let (id, _, at) = (self.key)(row);
        page::cursor_at(at, id)
    }
}

/// The ids of the latest `n` rows, by `at`, for each value of a column.
pub(crate) fn latest_of_each<E: EntityTrait>(
    id: E::Column,
    of: E::Column,
    at: Expr,
    filter: Condition,
    n: u64,
) -> SelectStatement {
    let latest_first = WindowStatement::partition_by(of.as_column_ref())
        .order_by_expr(at, Order::Desc)
        .order_by(id.as_column_ref(), Order::Desc)
        .to_owned();
    let ranked = E::find()
        .select_only()
        .column_as(id.into_expr(), "ranked_id")
        .filter(filter)
        .into_query()
        .expr_window_as(Func::cust("row_number"), latest_first, "place")
        .to_owned();
    Query::select()
        .column("ranked_id")
        .from_subquery(ranked, "ranked")
        .and_where(Expr::col("place").lte(n))
        .to_owned()
}
