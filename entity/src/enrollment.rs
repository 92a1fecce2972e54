//! One citizen taking part in one program at one unit.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rules::facts::Status;
use sea_orm::{
    Condition, JoinType, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Func, Query, SimpleExpr},
};

use crate::{
    access_block,
    act::BATCH,
    enrollment_status, enrollment_therapist,
    error::{Result, UserError},
    page::{self, Page},
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Permission, Viewer, Who},
};

/// One citizen taking part in one program at one unit.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollment")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The citizen.
    pub citizen_id: Uuid,
    /// The unit.
    pub unit_id: Uuid,
    /// The program.
    pub program_id: Uuid,
    /// The program version.
    pub version_id: Uuid,
    /// Its state.
    pub status: Stored<Status>,
    /// The IANA time zone.
    pub zone: String,
    /// The language, a BCP 47 tag.
    pub locale: String,
    /// When it is planned to start.
    pub starts_at: DateTime<Utc>,
    /// When it was started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it is planned to end.
    pub ends_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When a pause ends by itself.
    pub resumes_at: Option<DateTime<Utc>>,
    /// When its status changes by itself next.
    pub due_at: Option<DateTime<Utc>>,
    /// When the citizen last did something.
    pub last_activity_at: Option<DateTime<Utc>>,
    /// Messages that the unit has not read.
    pub unread_by_staff: i32,
    /// Messages that the citizen has not read.
    pub unread_by_citizen: i32,
    /// Sorts by need of attention; see [`crate::attention`].
    pub attention: String,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What the viewer may see: a citizen their own, a guardian those of whom they act for, staff those of the unit that they
/// act at unless the citizen has blocked it, everybody else none.
pub fn visible_to(viewer: &Viewer) -> Condition {
    let nothing = || Condition::all().add(Expr::value(false));
    match &viewer.who {
        Who::System => Condition::all(),
        Who::Citizen { id } => Condition::all().add(Column::CitizenId.eq(*id)),
        Who::Guardian { citizens, .. } => Condition::all().add(Column::CitizenId.is_in(citizens.iter().copied())),
        Who::Staff { unit, .. } if viewer.may(Permission::SeeCitizens) => Condition::all()
            .add(Column::UnitId.eq(*unit))
            .add(not_blocked_at(*unit)),
        Who::Staff { .. } => nothing(),
    }
}

/// Those whose citizen has not blocked the unit.
pub(crate) fn not_blocked_at(unit: Uuid) -> SimpleExpr {
    Column::CitizenId.not_in_subquery(
        Query::select()
            .column(access_block::Column::CitizenId)
            .from(access_block::Entity)
            .and_where(access_block::Column::UnitId.eq(unit))
            .and_where(access_block::Column::LiftedAt.is_null())
            .to_owned(),
    )
}

/// The zone of an enrollment where nobody chose another.
pub const DEFAULT_ZONE: Tz = Tz::Europe__Stockholm;

impl Model {
    /// The zone that its days and times of day are counted in.
    pub fn tz(&self) -> Tz {
        self.zone.parse().unwrap_or(DEFAULT_ZONE)
    }
}

/// Which enrollments a list shows, of those that the viewer may see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Only those of this unit.
    pub unit: Option<Uuid>,
    /// Only those of this citizen.
    pub citizen: Option<Uuid>,
    /// Only those in one of these states; all where empty.
    pub statuses: Vec<Status>,
}

/// The order of a list of enrollments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Whoever needs somebody first; see [`crate::attention`].
    NeedsAttention,
    /// The newest first, by start (the planned one where it has not come).
    #[default]
    StartedAt,
}

/// A state that an enrollment came into.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusAt {
    /// When.
    pub at: DateTime<Utc>,
    /// The state.
    pub status: Status,
    /// Why.
    pub reason: Option<String>,
    /// Who did it.
    pub actor: Actor,
}

/// Those of the enrollments that the viewer may see.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows = Entity::find()
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .filter(visible_to(viewer));
        for row in rows.all(store.connection()).await? {
            viewer.saw(row.citizen_id);
            found.insert(row.id, row);
        }
    }
    Ok(found)
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
        .filter(matching(filter))
        .limit(first + 1);
    select = match order {
        Order::NeedsAttention => select.order_by_asc(Column::Attention).order_by_asc(Column::Id),
        Order::StartedAt => select.order_by(start(), sea_orm::Order::Desc).order_by_desc(Column::Id),
    };
    if let Some(after) = after {
        select = select.filter(beyond(order, after)?);
    }
    let rows = select.all(store.connection()).await?;
    let rows = rows.into_iter().map(|row| (row.cursor(order), row)).collect();
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
    let all = Entity::find().filter(visible_to(viewer)).filter(matching(filter));
    Ok(all.count(store.connection()).await?)
}

/// Who treats in them now: ids of staff, those who came first at the front.
///
/// # Errors
/// When the database fails.
pub async fn therapists(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Uuid>>> {
    use enrollment_therapist::{Column as Therapist, Entity as Therapists};
    let now = store.now();
    let mut found: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows: Vec<(Uuid, Uuid, Uuid)> = Therapists::find()
            .select_only()
            .columns([Therapist::EnrollmentId, Therapist::StaffId])
            .column(Column::CitizenId)
            .join(
                JoinType::InnerJoin,
                Therapists::belongs_to(Entity)
                    .from(Therapist::EnrollmentId)
                    .to(Column::Id)
                    .into(),
            )
            .filter(Therapist::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(visible_to(viewer))
            .filter(Therapist::ValidFrom.lte(now))
            .filter(
                Condition::any()
                    .add(Therapist::ValidUntil.is_null())
                    .add(Therapist::ValidUntil.gt(now)),
            )
            .order_by_asc(Therapist::ValidFrom)
            .order_by_asc(Therapist::StaffId)
            .into_tuple()
            .all(store.connection())
            .await?;
        for (enrollment, staff, citizen) in rows {
            viewer.saw(citizen);
            found.entry(enrollment).or_default().push(staff);
        }
    }
    Ok(found)
}

/// The history of their states, oldest first.
///
/// # Errors
/// When the database fails or a reason cannot be opened.
pub async fn statuses(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<StatusAt>>> {
    use enrollment_status::{Column as History, Entity as Statuses};
    type Row = (Uuid, DateTime<Utc>, Stored<Status>, Option<Sealed>, Stored<Actor>, Uuid);
    let mut found: HashMap<Uuid, Vec<StatusAt>> = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows: Vec<Row> = Statuses::find()
            .select_only()
            .columns([
                History::EnrollmentId,
                History::At,
                History::Status,
                History::Reason,
                History::Actor,
            ])
            .column(Column::CitizenId)
            .join(
                JoinType::InnerJoin,
                Statuses::belongs_to(Entity)
                    .from(History::EnrollmentId)
                    .to(Column::Id)
                    .into(),
            )
            .filter(History::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(visible_to(viewer))
            .order_by_asc(History::At)
            .into_tuple()
            .all(store.connection())
            .await?;
        for (enrollment, at, status, reason, actor, citizen) in rows {
            viewer.saw(citizen);
            found.entry(enrollment).or_default().push(StatusAt {
                at,
                status: status.0,
                reason: store.keyring().open_option(reason.as_ref())?,
                actor: actor.0,
            });
        }
    }
    Ok(found)
}

impl Model {
    /// Where a list of this order goes on after this row.
    fn cursor(&self, order: Order) -> String {
        let key = match order {
            Order::NeedsAttention => self.attention.clone(),
            Order::StartedAt => self.started_at.unwrap_or(self.starts_at).timestamp_micros().to_string(),
        };
        page::cursor(&[&key, &self.id.to_string()])
    }
}

fn matching(filter: &Filter) -> Condition {
    let statuses = filter.statuses.iter().map(|status| Stored(*status));
    Condition::all()
        .add_option(filter.unit.map(|unit| Column::UnitId.eq(unit)))
        .add_option(filter.citizen.map(|citizen| Column::CitizenId.eq(citizen)))
        .add_option((!filter.statuses.is_empty()).then(|| Column::Status.is_in(statuses)))
}

/// The rows that come after a cursor.
fn beyond(order: Order, after: &str) -> Result<Condition> {
    let [key, id] = page::read_cursor(after)?;
    let bad = || {
        UserError::new(
            "BAD_CURSOR",
            "after",
            "This is not a cursor of this list: take one that a page gave.",
        )
    };
    let id = Uuid::parse_str(&id).map_err(|_| bad())?;
    Ok(match order {
        // The first part says nothing new, but lets the database walk along the index.
        Order::NeedsAttention => Condition::all().add(Column::Attention.gte(key.as_str())).add(
            Condition::any()
                .add(Column::Attention.gt(key.as_str()))
                .add(Column::Id.gt(id)),
        ),
        Order::StartedAt => {
            let micros = key.parse().map_err(|_| bad())?;
            let at = DateTime::<Utc>::from_timestamp_micros(micros).ok_or_else(bad)?;
            Condition::any()
                .add(start().lt(at))
                .add(start().eq(at).and(Column::Id.lt(id)))
        }
    })
}

/// When it started, or is to start: what `StartedAt` sorts by.
fn start() -> SimpleExpr {
    Func::coalesce([Column::StartedAt.into_expr(), Column::StartsAt.into_expr()]).into()
}
