//! That something changed in how a unit or a citizen is reached. Such a change is of no enrollment; it is told among the events
//! of enrollments, and in one order with them: see [`crate::event`].

use chrono::{DateTime, Utc};
use sea_orm::{
    Condition, DatabaseBackend, QuerySelect, QueryTrait, Statement, entity::prelude::*, sea_query::SelectStatement,
};

use crate::{
    enrollment,
    error::{Error, Result},
    event::{EventKind, Scope},
    stored::Stored,
    viewer::{Actor, Viewer},
};

/// That something changed in how a unit or a citizen is reached.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "contact_event")]
pub struct Model {
    /// Grows in the order of commits, together with that of events.
    pub position: i64,
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Its kind.
    pub kind: Stored<EventKind>,
    /// The unit, where it is one that changed.
    pub unit_id: Option<Uuid>,
    /// The citizen, where it is one who changed something.
    pub citizen_id: Option<Uuid>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Who is reached otherwise from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reached {
    /// A unit.
    Unit(Uuid),
    /// A citizen.
    Citizen(Uuid),
}

/// A change, before its position is known.
pub(crate) fn new(id: Uuid, at: DateTime<Utc>, reached: Reached, actor: Actor) -> Model {
    let (kind, unit_id, citizen_id) = match reached {
        Reached::Unit(unit) => (EventKind::UnitChanged, Some(unit), None),
        Reached::Citizen(citizen) => (EventKind::CitizenChanged, None, Some(citizen)),
    };
    Model {
        position: 0,
        id,
        at,
        kind: kind.into(),
        unit_id,
        citizen_id,
        actor: actor.into(),
    }
}

/// What the viewer may see of a scope: of the unit and of citizens whose enrollments there they see, or of citizens and of the units
/// where they have an enrollment that they can read.
pub(crate) fn visible_to(viewer: &Viewer, scope: &Scope) -> Condition {
    let theirs = |column: enrollment::Column| -> SelectStatement {
        let seen = enrollment::Entity::find().select_only().column(column);
        seen.filter(enrollment::visible_to(viewer)).into_query()
    };
    match scope {
        Scope::Unit(unit) => Condition::any()
            .add(Column::UnitId.eq(*unit))
            .add(Column::CitizenId.in_subquery(theirs(enrollment::Column::CitizenId))),
        Scope::Citizens(citizens) => Condition::any()
            .add(Column::CitizenId.is_in(citizens.iter().copied()))
            .add(Column::UnitId.in_subquery(theirs(enrollment::Column::UnitId))),
    }
}

/// Gives changes of one unit of work their position.
///
/// # Errors
/// When the database fails.
pub(crate) async fn place(tx: &impl ConnectionTrait, rows: &mut [Model]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let backend = tx.get_database_backend();
    let sql = match backend {
        DatabaseBackend::Postgres => "select pg_current_xact_id()::text::bigint as position",
        // SQLite counts the rows of each table; these are counted with the events.
        _ => {
            let begin = "insert into sqlite_sequence (name, seq) select 'event', 0
                where not exists (select 1 from sqlite_sequence where name = 'event')";
            tx.execute_unprepared(begin).await?;
            "update sqlite_sequence set seq = seq + 1 where name = 'event' returning seq as position"
        }
    };
    let counted = tx.query_one_raw(Statement::from_string(backend, sql)).await?;
    let counted = counted.ok_or_else(|| Error::Corrupt("events are not counted".to_owned()))?;
    let position: i64 = counted.try_get("", "position")?;
    for row in rows {
        row.position = position;
    }
    Ok(())
}
