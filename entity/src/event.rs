//! Something that happened in an enrollment.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use rules::facts::Audience;
use sea_orm::{
    Condition, DatabaseBackend, QueryOrder, QuerySelect, QueryTrait, Statement,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};
use serde::{Deserialize, Serialize};

use crate::{
    act::BATCH,
    error::{Result, UserError},
    flag, page, reminder,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer, Who},
    visible,
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
    /// The citizen signed in.
    SignedIn,
    /// A step was completed; the key is the step's.
    StepCompleted,
    /// The last visible step of a module was completed; the key is the module's.
    ModuleCompleted,
    /// A module or section was shown, hidden or opened; the key is its own.
    ContentChanged,
    /// A form will be sent; the key is the form's.
    DispatchScheduled,
    /// A form can be answered; the key is the form's.
    DispatchAvailable,
    /// A form was not answered in time; the key is the form's.
    DispatchExpired,
    /// A form was taken back; the key is the form's.
    DispatchCancelled,
    /// A form was answered; the subject is the response, the key the form's.
    FormCompleted,
    /// A flag was raised, or raised again; the key is its kind.
    FlagRaised,
    /// A flag was taken on.
    FlagAcknowledged,
    /// A flag was resolved.
    FlagResolved,
    /// A reminder left; the subject is the reminder.
    ReminderSent,
    /// A message was sent; the subject is the message, the key its sender: `CITIZEN` or `STAFF`.
    MessageReceived,
    /// An activity was planned; the subject is the activity.
    ActivityPlanned,
    /// An activity is not planned any more; the subject is the activity.
    ActivityEnded,
    /// The citizen registered a day of a planned activity for the first time; the subject is the registration.
    ActivityRegistered,
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

/// The events of a scope after a cursor, at most `limit`, of some kinds (all where none is named), in the order in which
/// readers may go on after them.
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
) -> Result<Vec<Model>> {
    let mut select = Entity::find()
        .filter(match scope {
            Scope::Unit(unit) => Column::UnitId.eq(*unit),
            Scope::Citizens(citizens) => Column::CitizenId.is_in(citizens.iter().copied()),
        })
        .filter(visible_to(viewer))
        .order_by_asc(Column::Position)
        .order_by_asc(Column::Id)
        .limit(Ord::min(limit, BATCH as u64));
    if let Some(cursor) = cursor {
        let here = Expr::tuple([
            Expr::col(Column::Position.as_column_ref()),
            Expr::col(Column::Id.as_column_ref()),
        ]);
        let there = Expr::tuple([Expr::value(cursor.position), Expr::value(cursor.id)]);
        select = select.filter(here.gt(there));
    }
    if !kinds.is_empty() {
        select = select.filter(Column::Kind.is_in(kinds.iter().map(|kind| Stored(*kind))));
    }
    if store.backend() == DatabaseBackend::Postgres {
        let settled = Expr::cust("pg_snapshot_xmin(pg_current_snapshot())::text::bigint");
        select = select.filter(Expr::col(Column::Position.as_column_ref()).lt(settled));
    }
    visible::read(store.connection(), viewer, select, Column::EnrollmentId).await
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
        _ => "select coalesce(max(position), 0) as position from event",
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
