//! The flags of a whole unit, in the order in which they need somebody.

use chrono::{DateTime, SecondsFormat, Utc};
use rules::facts::{Audience, Severity};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{CaseStatement, ExprTrait, SimpleExpr},
};
use uuid::Uuid;

use super::{Column, Entity, FlagStatus, Model, visible_to};
use crate::{
    assignee::Assignee,
    enrollment,
    error::{Result, UserError},
    page::{self, Page},
    store::Store,
    stored::Stored,
    viewer::{Permission, Viewer},
    visible,
};

/// Which flags of a unit a list shows, of those that the viewer may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The unit.
    pub unit: Uuid,
    /// Only those in one of these states; all where empty.
    pub statuses: Vec<FlagStatus>,
    /// Only those that are so serious; all where empty.
    pub severities: Vec<Severity>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those that are for these.
    pub audience: Option<Audience>,
    /// Only those that somebody, or nobody, is to see to.
    pub assignee: Option<Assignee>,
    /// Only those of this enrollment.
    pub enrollment: Option<Uuid>,
}

/// The order of a list of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The most serious first, of those the one that was raised first.
    #[default]
    Need,
    /// The one that was raised last first.
    RaisedAt,
}

/// A page of the flags of a unit, each with its cursor. One statement.
///
/// # Errors
/// When `after` is not a cursor of this list, or the database fails.
pub async fn worklist(
    store: &Store,
    viewer: &Viewer,
    filter: &Filter,
    order: Order,
    first: u64,
    after: Option<&str>,
) -> Result<Page<(String, Model)>> {
    let first = page::clamp(first);
    let mut select = matching(store, viewer, filter).limit(first + 1);
    select = match order {
        Order::Need => select
            .order_by(rank(), sea_orm::Order::Asc)
            .order_by_asc(Column::RaisedAt)
            .order_by_asc(Column::Id),
        Order::RaisedAt => select.order_by_desc(Column::RaisedAt).order_by_desc(Column::Id),
    };
    if let Some(after) = after {
        select = select.filter(beyond(order, after)?);
    }
    let rows = visible::read(store.connection(), viewer, select, Column::EnrollmentId).await?;
    Ok(Page::cut(
        rows.into_iter().map(|row| (cursor(&row), row)).collect(),
        first,
    ))
}

/// How many there are of those that the viewer may see.
///
/// # Errors
/// When the database fails.
pub async fn count(store: &Store, viewer: &Viewer, filter: &Filter) -> Result<u64> {
    if !viewer.sees_health() {
        return Ok(0);
    }
    let join = Entity::belongs_to(enrollment::Entity)
        .from(Column::EnrollmentId)
        .to(enrollment::Column::Id)
        .into();
    let all = matching(store, viewer, filter)
        .join(JoinType::InnerJoin, join)
        .filter(enrollment::visible_to(viewer));
    Ok(all.count(store.connection()).await?)
}

/// Those that pass the filter, to be joined with their enrollments.
fn matching(store: &Store, viewer: &Viewer, filter: &Filter) -> Select<Entity> {
    let statuses = filter.statuses.iter().map(|status| Stored(*status));
    let severities = filter.severities.iter().map(|severity| Stored(*severity));
    let assignee = filter.assignee.map(|assignee| {
        // Who is to see to a flag is shown to nobody else.
        let unit = Some(filter.unit).filter(|_| viewer.may(Permission::Treat));
        assignee.holds(&store.directory(), unit, |staff| {
            Column::AssignedTo.is_not_null().and(Column::AssignedTo.is_in(staff))
        })
    });
    let condition = Condition::all()
        .add(enrollment::Column::UnitId.eq(filter.unit))
        .add_option((!filter.statuses.is_empty()).then(|| Column::Status.is_in(statuses)))
        .add_option((!filter.severities.is_empty()).then(|| Column::Severity.is_in(severities)))
        .add_option(filter.kind.as_deref().map(|kind| Column::Kind.eq(kind)))
        .add_option(filter.audience.map(|audience| Column::Audience.eq(Stored(audience))))
        .add_option(assignee)
        .add_option(filter.enrollment.map(|enrollment| Column::EnrollmentId.eq(enrollment)));
    Entity::find().filter(condition).filter(visible_to(viewer))
}

/// The place of a severity: the most serious has the least.
fn place(severity: Severity) -> i32 {
    match severity {
        Severity::Urgent => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    }
}

fn rank() -> SimpleExpr {
    let of = |severity| Column::Severity.eq(Stored(severity));
    CaseStatement::new()
        .case(of(Severity::Urgent), place(Severity::Urgent))
        .case(of(Severity::Warning), place(Severity::Warning))
        .finally(place(Severity::Info))
        .into()
}

/// The same in every order: a list is known by what is compared with it.
fn cursor(row: &Model) -> String {
    let at = row.raised_at.to_rfc3339_opts(SecondsFormat::Micros, true);
    page::cursor(&[&place(row.severity.0).to_string(), &at, &row.id.to_string()])
}

/// The rows that come after a cursor.
fn beyond(order: Order, after: &str) -> Result<Condition, UserError> {
    let [rank_text, at, id] = page::read_cursor(after)?;
    let at: DateTime<Utc> = at.parse().map_err(|_| page::bad_cursor())?;
    let id = Uuid::parse_str(&id).map_err(|_| page::bad_cursor())?;
    let of_rank: i32 = rank_text.parse().map_err(|_| page::bad_cursor())?;
    Ok(match order {
        Order::Need => {
            let later = Condition::any()
                .add(Column::RaisedAt.gt(at))
                .add(Condition::all().add(Column::RaisedAt.eq(at)).add(Column::Id.gt(id)));
            let alike = Condition::all().add(rank().eq(of_rank)).add(later);
            Condition::any().add(rank().gt(of_rank)).add(alike)
        }
        Order::RaisedAt => Condition::any()
            .add(Column::RaisedAt.lt(at))
            .add(Condition::all().add(Column::RaisedAt.eq(at)).add(Column::Id.lt(id))),
    })
}
