//! Rows that hang on an enrollment, read as far as the viewer may see it.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, JoinType, Order, QueryFilter,
    QueryResult, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement, WindowStatement},
};
use uuid::Uuid;

use crate::{
    act::BATCH,
    enrollment,
    error::{Result, UserError},
    page::{self, Page},
    store::Store,
    viewer::Viewer,
};

/// A row and whose it is.
struct Seen<M> {
    row: M,
    citizen: Uuid,
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
    let join = E::belongs_to(enrollment::Entity)
        .from(enrollment)
        .to(enrollment::Column::Id)
        .into();
    let seen: Vec<Seen<E::Model>> = select
        .join(JoinType::InnerJoin, join)
        .filter(enrollment::visible_to(viewer))
        .column_as(enrollment::Column::CitizenId, CITIZEN)
        .into_model()
        .all(connection)
        .await?;
    Ok(seen
        .into_iter()
        .map(|seen| {
            viewer.saw(seen.citizen);
            seen.row
        })
        .collect())
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
    let mut found = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let select = E::find().filter(id.is_in(chunk.iter().copied()));
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
    /// The instant that they are sorted by.
    pub at: E::Column,
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
            let (at, id) = read_cursor(cursor)?;
            filter = filter.add(
                Condition::any()
                    .add(self.at.lt(at))
                    .add(Condition::all().add(self.at.eq(at)).add(self.id.lt(id))),
            );
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
            let select = E::find().filter(self.id.in_subquery(self.first_ids(of_these, n)));
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

    /// The ids of the latest `n` rows of each enrollment.
    fn first_ids(&self, filter: Condition, n: u64) -> SelectStatement {
        let latest_first = WindowStatement::partition_by(self.enrollment.as_column_ref())
            .order_by(self.at.as_column_ref(), Order::Desc)
            .order_by(self.id.as_column_ref(), Order::Desc)
            .to_owned();
        let ranked = E::find()
            .select_only()
            .column_as(self.id.into_expr(), "ranked_id")
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

    fn cursor(&self, row: &E::Model) -> String {
        let (id, _, at) = (self.key)(row);
        page::cursor(&[&at.to_rfc3339_opts(SecondsFormat::Micros, true), &id.to_string()])
    }
}

fn read_cursor(cursor: &str) -> Result<(DateTime<Utc>, Uuid), UserError> {
    let [at, id] = page::read_cursor(cursor)?;
    match (DateTime::parse_from_rfc3339(&at), Uuid::parse_str(&id)) {
        (Ok(at), Ok(id)) => Ok((at.to_utc(), id)),
        _ => Err(page::bad_cursor()),
    }
}
