//! Lists of enrollments: which ones, and in which order.

use chrono::{DateTime, Utc};
use rules::facts::Status;
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, Func, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::{Column, Entity, Model, visible_to};
use crate::{
    assignee::Assignee,
    citizen, enrollment_therapist,
    error::Result,
    identity::IdentityNumber,
    message, message_handover,
    page::{self, Page},
    program,
    store::Store,
    stored::Stored,
    viewer::{Permission, Viewer, Who},
    visible::latest_of_each,
};

/// Which enrollments a list shows, of those that the viewer may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this unit.
    pub unit: Option<Uuid>,
    /// Only those of this citizen.
    pub citizen: Option<Uuid>,
    /// Only those of whoever has this identity number.
    pub identity: Option<IdentityNumber>,
    /// Only those in one of these states; all where empty.
    pub statuses: Vec<Status>,
    /// Only those of the program with this slug.
    pub program: Option<String>,
    /// Only those of the unit in which somebody, or nobody in particular, treats now.
    pub therapist: Option<Assignee>,
    /// Only those with messages that the side of the viewer has not read, or only those without.
    pub unread: Option<bool>,
    /// Only those of the unit whose messages somebody, or nobody in particular, looks after.
    pub messages_handled_by: Option<Assignee>,
}

/// The order of a list of enrollments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Whoever needs somebody first; see [`crate::attention`].
    NeedsAttention,
    /// The newest first, by start (the planned one where it has not come).
    #[default]
    StartedAt,
    /// Whoever is to be answered first; then those to whom no answer is promised.
    AnswerBefore,
}

/// A page of those that the viewer may see, each with its cursor. One statement.
///
/// # Errors
/// When `after` is not a cursor of this list, or the database fails.
pub async fn page(
    store: &Store,
    viewer: &Viewer,
    filter: &Filter,
    order: Order,
    first: u64,
    after: Option<&str>,
) -> Result<Page<(String, Model)>> {
    let first = page::clamp(first);
    let mut select = Entity::find()
        .filter(visible_to(viewer))
        .filter(matching(store, viewer, filter)?)
        .limit(first + 1);
    if let Some(after) = after {
        select = select.filter(beyond(viewer, order, after)?);
    }
    let connection = store.connection();
    let rows: Vec<(String, Model)> = match order {
        Order::NeedsAttention => {
            let select = select.order_by_asc(Column::Attention).order_by_asc(Column::Id);
            let rows = select.all(connection).await?.into_iter();
            rows.map(|row| (row.cursor(&row.attention), row)).collect()
        }
        Order::StartedAt => {
            let select = select.order_by_desc(start()).order_by_desc(Column::Id);
            let rows = select.all(connection).await?.into_iter();
            let start = |row: &Model| row.started_at.unwrap_or(row.starts_at);
            rows.map(|row| (row.cursor_at(start(&row)), row)).collect()
        }
        Order::AnswerBefore => {
            let promised = promised(viewer);
            let select = select.order_by_asc(promised.clone()).order_by_asc(Column::Id);
            let rows: Vec<Promised> = select
                .column_as(promised, PROMISED)
                .into_model()
                .all(connection)
                .await?;
            let rows = rows.into_iter();
            rows.map(|Promised { row, at }| (row.cursor_at(at), row)).collect()
        }
    };
    let page = Page::cut(rows, first);
    for (_, row) in &page.rows {
        viewer.saw(row.citizen_id);
    }
    Ok(page)
}

/// How many there are of those that the viewer may see.
///
/// # Errors
/// When the database fails.
pub async fn count(store: &Store, viewer: &Viewer, filter: &Filter) -> Result<u64> {
    let all = Entity::find()
        .filter(visible_to(viewer))
        .filter(matching(store, viewer, filter)?);
    Ok(all.count(store.connection()).await?)
}

impl Model {
    /// Where a list goes on after this row, by what it is sorted by.
    fn cursor(&self, key: &str) -> String {
        page::cursor(&[key, &self.id.to_string()])
    }

    fn cursor_at(&self, at: DateTime<Utc>) -> String {
        self.cursor(&at.timestamp_micros().to_string())
    }
}

/// A row, and until when an answer is promised.
struct Promised {
    row: Model,
    at: DateTime<Utc>,
}

const PROMISED: &str = "promised_at";

impl FromQueryResult for Promised {
    fn from_query_result(result: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            row: Model::from_query_result(result, prefix)?,
            at: result.try_get(prefix, PROMISED)?,
        })
    }
}

fn matching(store: &Store, viewer: &Viewer, filter: &Filter) -> Result<Condition> {
    let directory = store.directory();
    let statuses = filter.statuses.iter().map(|status| Stored(*status));
    let of_program = filter.program.as_deref().map(|slug| {
        let named = program::Entity::find().filter(program::Column::Slug.eq(slug));
        Column::ProgramId.in_subquery(named.select_only().column(program::Column::Id).into_query())
    });
    let of_person = match &filter.identity {
        Some(number) => {
            let named = citizen::Entity::find().filter(citizen::has_identity(store, number)?);
            let named = named.select_only().column(citizen::Column::Id).into_query();
            Some(Column::CitizenId.in_subquery(named))
        }
        None => None,
    };
    let treated = filter.therapist.map(|therapist| {
        therapist.holds(&directory, filter.unit, |staff| {
            Column::Id.in_subquery(treated_by(staff, store.now()))
        })
    });
    let handled = filter.messages_handled_by.map(|handler| {
        // Who looks after the messages is shown to nobody else.
        let unit = filter.unit.filter(|_| viewer.may(Permission::Treat));
        handler.holds(&directory, unit, |staff| {
            Column::Id.in_subquery(handled_by(unit, staff))
        })
    });
    Ok(Condition::all()
        .add_option(filter.unit.map(|unit| Column::UnitId.eq(unit)))
        .add_option(filter.citizen.map(|citizen| Column::CitizenId.eq(citizen)))
        .add_option(of_person)
        .add_option((!filter.statuses.is_empty()).then(|| Column::Status.is_in(statuses)))
        .add_option(of_program)
        .add_option(treated)
        .add_option(filter.unread.map(|unread| is_unread(viewer, unread)))
        .add_option(handled))
}

/// Whether there are messages that the side of the viewer has not read, as [`Model::unread`] counts them.
fn is_unread(viewer: &Viewer, unread: bool) -> SimpleExpr {
    let of_side = match viewer.who {
        Who::Staff { .. } | Who::System if viewer.may(Permission::Treat) => Column::UnreadByStaff,
        Who::Staff { .. } | Who::System => return Expr::value(!unread),
        Who::Citizen { .. } | Who::Guardian { .. } => Column::UnreadByCitizen,
    };
    match unread {
        true => of_side.gt(0),
        false => of_side.eq(0),
    }
}

/// The enrollments in which one of these treats now.
fn treated_by(staff: Vec<Uuid>, now: DateTime<Utc>) -> SelectStatement {
    use enrollment_therapist::Column as Therapist;
    let until = Condition::any()
        .add(Therapist::ValidUntil.is_null())
        .add(Therapist::ValidUntil.gt(now));
    enrollment_therapist::Entity::find()
        .select_only()
        .column(Therapist::EnrollmentId)
        .filter(Therapist::StaffId.is_in(staff))
        .filter(Therapist::ValidFrom.lte(now))
        .filter(until)
        .into_query()
}

/// The enrollments at a unit whose messages one of these looks after: the last hand-over holds.
fn handled_by(unit: Option<Uuid>, staff: Vec<Uuid>) -> SelectStatement {
    use message_handover::{Column as HandOver, Entity as HandOvers};
    let at_unit = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::UnitId.eq(unit));
    let at_unit = Condition::all().add(HandOver::EnrollmentId.in_subquery(at_unit.into_query()));
    let at = HandOver::At.into_expr();
    let last = latest_of_each::<HandOvers>(HandOver::Id, HandOver::EnrollmentId, at, at_unit, 1);
    HandOvers::find()
        .select_only()
        .column(HandOver::EnrollmentId)
        .filter(HandOver::Id.in_subquery(last))
        .filter(HandOver::StaffId.is_in(staff))
        .into_query()
}

/// The rows that come after a cursor.
fn beyond(viewer: &Viewer, order: Order, after: &str) -> Result<Condition> {
    let [key, id] = page::read_cursor(after)?;
    let id = Uuid::parse_str(&id).map_err(|_| page::bad_cursor())?;
    let instant = || {
        let at = key.parse().ok().and_then(DateTime::<Utc>::from_timestamp_micros);
        at.ok_or_else(page::bad_cursor)
    };
    Ok(match order {
        // The first part says nothing new, but lets the database walk along the index.
        Order::NeedsAttention => Condition::all().add(Column::Attention.gte(key.as_str())).add(
            Condition::any()
                .add(Column::Attention.gt(key.as_str()))
                .add(Column::Id.gt(id)),
        ),
        Order::StartedAt => {
            let at = instant()?;
            Condition::any()
                .add(start().lt(at))
                .add(start().eq(at).and(Column::Id.lt(id)))
        }
        Order::AnswerBefore => {
            let (at, promised) = (instant()?, promised(viewer));
            Condition::any()
                .add(promised.clone().gt(at))
                .add(promised.eq(at).and(Column::Id.gt(id)))
        }
    })
}

/// When it started, or is to start: what `StartedAt` sorts by.
fn start() -> SimpleExpr {
    Func::coalesce([Column::StartedAt.into_expr(), Column::StartsAt.into_expr()]).into()
}

/// After every promise: the last day of the year 9999.
const NEVER: DateTime<Utc> = match DateTime::from_timestamp(253_402_214_400, 0) {
    Some(at) => at,
    None => DateTime::UNIX_EPOCH,
};

/// Until when an answer is promised, as [`message::answer_before`] tells it to the viewer: what `AnswerBefore` sorts by.
fn promised(viewer: &Viewer) -> SimpleExpr {
    if !viewer.sees_health() {
        return Expr::value(NEVER);
    }
    let oldest = message::Entity::find()
        .select_only()
        .column(message::Column::AnswerBefore)
        .filter(Expr::col((message::Entity, message::Column::EnrollmentId)).equals((Entity, Column::Id)))
        .filter(Column::EndedAt.is_null())
        .filter(message::unanswered())
        .order_by_asc(message::Column::SentAt)
        .order_by_asc(message::Column::Id)
        .limit(1)
        .into_query();
    Func::coalesce([Expr::SubQuery(None, Box::new(oldest.into())), Expr::value(NEVER)]).into()
}
