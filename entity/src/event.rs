//! Something that happened in an enrollment.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use rules::facts::Audience;
use sea_orm::{
    Condition, DatabaseBackend, FromQueryResult, JoinType, QueryOrder, QuerySelect, QueryTrait, Statement,
    entity::prelude::*,
    sea_query::{Asterisk, Expr, ExprTrait, Order, Query, SelectStatement, UnionType},
};
use serde::{Deserialize, Serialize};

use crate::{
    act::BATCH,
    contact_event::{self, Column as Contact},
    enrollment,
    error::{Result, UserError},
    flag, page, reminder,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer, Who},
};

/// Something that happened in an enrollment.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// Grows in the order of commits; see [`crate::event`].
    pub position: i64,
    /// When.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: DateTime<Utc>,
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Its kind.
    pub kind: Stored<EventKind>,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The unit.
    pub unit_id: Uuid,
    /// The citizen.
    pub citizen_id: Uuid,
    /// What it is about.
    pub subject_id: Option<Uuid>,
    /// The key of what it is about, e.g. of a form.
    pub subject_key: Option<String>,
    /// How many firings caused one another before it.
    pub depth: i32,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventKind {
    /// An enrollment was made.
    EnrollmentPlanned,
    /// It became active for the first time.
    EnrollmentStarted,
    /// It was paused.
    EnrollmentPaused,
    /// It became active again.
    EnrollmentResumed,
    /// It ended as planned.
    EnrollmentCompleted,
    /// It ended before its time.
    EnrollmentWithdrawn,
    /// Its planned start or end, or the end of its pause, was moved.
    EnrollmentRescheduled,
    /// It went to another unit, where this is read.
    EnrollmentTransferred,
    /// It went from this unit to another.
    EnrollmentLeft,
    /// Others treat in it from now on.
    TherapistsChanged,
    /// The citizen signed in.
    SignedIn,
    /// A step was completed; the key is the step's.
    StepCompleted,
    /// The last visible step of a module was completed; the key is the module's.
    ModuleCompleted,
    /// A module or section was shown, hidden or opened; the key is its own.
    ContentChanged,
    /// What was said of a module or section from an instant on has come; the key is its own.
    ContentTookEffect,
    /// A module opened by itself; the key is its own.
    ContentOpened,
    /// A form will be sent; the key is the form's.
    DispatchScheduled,
    /// A form can be answered; the key is the form's.
    DispatchAvailable,
    /// A form was not answered in time; the key is the form's.
    DispatchExpired,
    /// A form was taken back; the key is the form's.
    DispatchCancelled,
    /// A form can be answered at other times than before; the key is the form's.
    DispatchMoved,
    /// Rules may send a form, or may not any more; the key is the form's.
    FormScheduleSwitched,
    /// A form was answered; the subject is the response, the key the form's.
    FormCompleted,
    /// An answer was amended; the subject is the response that takes the place of the other, the key the form's.
    ResponseAmended,
    /// An answer was voided; the subject is the response, the key the form's.
    ResponseVoided,
    /// A flag was raised, or raised again; the key is its kind.
    FlagRaised,
    /// A flag was taken on.
    FlagAcknowledged,
    /// A flag was resolved.
    FlagResolved,
    /// A flag was given to somebody, or taken from them.
    FlagAssigned,
    /// Somebody planned a reminder; the subject is the reminder.
    ReminderPlanned,
    /// Somebody let a reminder leave at another time; the subject is the reminder.
    ReminderMoved,
    /// Somebody took a reminder back; the subject is the reminder.
    ReminderCancelled,
    /// A reminder left; the subject is the reminder.
    ReminderSent,
    /// A message was sent; the subject is the message, the key its sender: `CITIZEN` or `STAFF`.
    MessageReceived,
    /// One side, whose the actor is, read what the other wrote.
    MessagesRead,
    /// What the citizen wrote needs no answer any more.
    MessagesSettled,
    /// A thread was handed over; the subject is the hand-over.
    MessagesHandedOver,
    /// An activity was planned; the subject is the activity.
    ActivityPlanned,
    /// An activity was changed, or one of its days moved or cancelled; the subject is the activity.
    ActivityChanged,
    /// An activity is not planned any more; the subject is the activity.
    ActivityEnded,
    /// The citizen registered a day of a planned activity for the first time; the subject is the registration.
    ActivityRegistered,
    /// A registration of a day was corrected; the subject is the registration.
    ActivityCorrected,
    /// The citizen registered what they measured; the subject is the measurement, the key its kind.
    MeasurementRegistered,
    /// A measurement was corrected or voided; the subject is the one that counts now, or counted last, the key its kind.
    MeasurementChanged,
    /// It changed how a unit is reached; of no enrollment.
    UnitChanged,
    /// It changed how a citizen is reached; of no enrollment.
    CitizenChanged,
}

/// Something that happened, as it is told: in an enrollment, or of no enrollment to a unit or a citizen.
#[derive(Clone, Debug, PartialEq, FromQueryResult)]
pub struct Told {
    position: i64,
    /// When.
    pub at: DateTime<Utc>,
    id: Uuid,
    /// Its kind.
    pub kind: Stored<EventKind>,
    /// The enrollment.
    pub enrollment_id: Option<Uuid>,
    /// The unit.
    pub unit_id: Option<Uuid>,
    /// The citizen.
    pub citizen_id: Option<Uuid>,
    /// What it is about.
    pub subject_id: Option<Uuid>,
    /// The key of what it is about, e.g. of a form.
    pub subject_key: Option<String>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// After which event a reader goes on. Its text says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    position: i64,
    id: Uuid,
}

/// Whose events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of a unit.
    Unit(Uuid),
    /// Those of some citizens.
    Citizens(Vec<Uuid>),
}

impl Model {
    /// The cursor of the event itself.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            position: self.position,
            id: self.id,
        }
    }
}

impl Told {
    /// The cursor of the event itself.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            position: self.position,
            id: self.id,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&page::cursor(&[&self.position.to_string(), &self.id.to_string()]))
    }
}

impl FromStr for Cursor {
    type Err = UserError;

    fn from_str(text: &str) -> Result<Self, UserError> {
        let [position, id] = page::read_cursor(text)?;
        match (position.parse(), Uuid::parse_str(&id)) {
            (Ok(position), Ok(id)) => Ok(Self { position, id }),
            _ => Err(page::bad_cursor()),
        }
    }
}

/// What happened in a scope after a cursor, at most `limit`, of some kinds (all where none is named), in the order in which
/// readers may go on after it. One statement.
///
/// An event is given once everything that was written before it is settled: on PostgreSQL an event's position is the id of
/// its transaction, and only those older than every running transaction are given, so that none comes to light behind a
/// cursor. Staff read only the unit that they act at, citizens and guardians only the citizen and no flags of staff.
///
/// # Errors
/// When the database fails.
pub async fn after(
    store: &Store,
    viewer: &Viewer,
    scope: &Scope,
    cursor: Option<Cursor>,
    kinds: &[EventKind],
    limit: u64,
) -> Result<Vec<Told>> {
    if !viewer.sees_health() {
        return Ok(Vec::new());
    }
    let limit = Ord::min(limit, BATCH as u64);
    let backend = store.backend();
    let in_enrollments = Entity::find()
        .select_only()
        .columns([Column::Position, Column::At, Column::Id, Column::Kind])
        .columns([Column::EnrollmentId, Column::UnitId, Column::CitizenId])
        .columns([Column::SubjectId, Column::SubjectKey, Column::Actor])
        .join(
            JoinType::InnerJoin,
            Entity::belongs_to(enrollment::Entity)
                .from(Column::EnrollmentId)
                .to(enrollment::Column::Id)
                .into(),
        )
        .filter(Condition::any().add(enrollment::visible_to(viewer)).add(left(viewer)))
        .filter(match scope {
            Scope::Unit(unit) => Column::UnitId.eq(*unit),
            Scope::Citizens(citizens) => Column::CitizenId.is_in(citizens.iter().copied()),
        })
        .filter(visible_to(viewer))
        .filter(to_be_read(
            [Column::Position, Column::Id, Column::Kind],
            backend,
            cursor,
            kinds,
        ))
        .order_by_asc(Column::Position)
        .order_by_asc(Column::Id)
        .limit(limit);
    let of_none = contact_event::Entity::find()
        .select_only()
        .columns([Contact::Position, Contact::At, Contact::Id, Contact::Kind])
        .expr_as(Expr::cust("cast(null as uuid)"), "enrollment_id")
        .columns([Contact::UnitId, Contact::CitizenId])
        .expr_as(Expr::cust("cast(null as uuid)"), "subject_id")
        .expr_as(Expr::cust("cast(null as text)"), "subject_key")
        .column(Contact::Actor)
        .filter(contact_event::visible_to(viewer, scope))
        .filter(to_be_read(
            [Contact::Position, Contact::Id, Contact::Kind],
            backend,
            cursor,
            kinds,
        ))
        .order_by_asc(Contact::Position)
        .order_by_asc(Contact::Id)
        .limit(limit);
    // Each is sorted and cut by itself, which an index does, and then both together.
    let all_of = |part: SelectStatement| Query::select().column(Asterisk).from_subquery(part, "part").to_owned();
    let both = all_of(in_enrollments.into_query())
        .union(UnionType::All, all_of(of_none.into_query()))
        .order_by("position", Order::Asc)
        .order_by("id", Order::Asc)
        .limit(limit)
        .to_owned();
    let rows = store.connection().query_all(&both).await?;
    let told = rows.iter().map(|row| Told::from_query_result(row, ""));
    let told: Vec<Told> = told.collect::<Result<_, _>>()?;
    let seen = told.iter().filter(|told| told.kind.0 != EventKind::EnrollmentLeft);
    for citizen in seen.filter_map(|told| told.citizen_id) {
        viewer.saw(citizen);
    }
    Ok(told)
}

/// Those of some kinds, all where none is named, that come after a cursor and are settled; the columns are position, identity and
/// kind.
fn to_be_read<C: ColumnTrait>(
    [position, id, kind]: [C; 3],
    backend: DatabaseBackend,
    cursor: Option<Cursor>,
    kinds: &[EventKind],
) -> Condition {
    let column = |column: C| Expr::col(column.as_column_ref());
    let mut condition = Condition::all();
    if let Some(cursor) = cursor {
        let here = Expr::tuple([column(position), column(id)]);
        let there = Expr::tuple([Expr::value(cursor.position), Expr::value(cursor.id)]);
        condition = condition.add(here.gt(there));
    }
    if !kinds.is_empty() {
        condition = condition.add(kind.is_in(kinds.iter().map(|kind| Stored(*kind))));
    }
    if backend == DatabaseBackend::Postgres {
        let settled = Expr::cust("pg_snapshot_xmin(pg_current_snapshot())::text::bigint");
        condition = condition.add(column(position).lt(settled));
    }
    condition
}

/// That an enrollment which staff see no more went from the unit that they act at, unless its citizen has blocked that: nothing
/// but its id is told of it.
fn left(viewer: &Viewer) -> Condition {
    let left = Condition::all().add(Column::Kind.eq(Stored(EventKind::EnrollmentLeft)));
    match viewer.unit() {
        Some(unit) => left.add(Column::UnitId.eq(unit)).add(enrollment::not_blocked_at(unit)),
        None => left.add(Expr::value(false)),
    }
}

/// What the viewer may see of the events of enrollments that are visible to them: citizens and guardians nothing of flags and
/// reminders that are for staff, everybody else all.
fn visible_to(viewer: &Viewer) -> Condition {
    if matches!(viewer.who, Who::Staff { .. } | Who::System) {
        return Condition::all();
    }
    let addressed = [
        EventKind::FlagRaised,
        EventKind::FlagAcknowledged,
        EventKind::FlagResolved,
        EventKind::FlagAssigned,
        EventKind::ReminderPlanned,
        EventKind::ReminderMoved,
        EventKind::ReminderCancelled,
        EventKind::ReminderSent,
    ];
    let subject = Column::SubjectId.as_column_ref();
    let flag = flag::Entity::find()
        .select_only()
        .column(flag::Column::Id)
        .filter(flag::Column::Id.into_expr().equals(subject.clone()))
        .filter(flag::Column::Audience.eq(Stored(Audience::Citizen)))
        .into_query();
    let reminder = reminder::Entity::find()
        .select_only()
        .column(reminder::Column::Id)
        .filter(reminder::Column::Id.into_expr().equals(subject))
        .filter(reminder::Column::Audience.eq(Stored(Audience::Citizen)))
        .into_query();
    Condition::any()
        .add(Column::Kind.is_not_in(addressed.map(Stored)))
        .add(Expr::exists(flag))
        .add(Expr::exists(reminder))
}

/// The cursor after which everything comes that is committed from now on. What was committed just before may come, too.
///
/// # Errors
/// When the database fails.
pub async fn now_cursor(store: &Store) -> Result<Cursor> {
    let sql = match store.backend() {
        DatabaseBackend::Postgres => "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 as position",
        // Counts what is no event, too: see [`contact_event::place`].
        _ => "select coalesce(max(seq), 0) as position from sqlite_sequence where name = 'event'",
    };
    let statement = Statement::from_string(store.backend(), sql);
    let row = store.connection().query_one_raw(statement).await?;
    let position = row
        .map(|row| row.try_get("", "position"))
        .transpose()?
        .unwrap_or_default();
    Ok(Cursor {
        position,
        id: Uuid::max(),
    })
}
