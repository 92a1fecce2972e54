//! One citizen taking part in one program at one unit.

mod list;

pub use list::{Filter, Order, count, page};

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rules::{facts::Status, period::Period};
use sea_orm::{
    Condition, JoinType, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, Query, SimpleExpr},
};

use crate::{
    access_block,
    act::BATCH,
    assignment::Role,
    dated_history, enrollment_status, enrollment_therapist,
    error::Result,
    program_version,
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
    /// Since when the citizen cannot read it any more, some time after its end.
    pub closed_at: Option<DateTime<Utc>>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What the viewer may see: a citizen their own, a guardian those of whom they act for, both as long as the program lets them
/// read it after its end; staff those of the unit that they act at unless the citizen has blocked it; everybody else none.
pub fn visible_to(viewer: &Viewer) -> Condition {
    let nothing = || Condition::all().add(Expr::value(false));
    let readable = || Condition::all().add(Column::ClosedAt.is_null());
    match &viewer.who {
        Who::System => Condition::all(),
        Who::Citizen { id } => readable().add(Column::CitizenId.eq(*id)),
        Who::Guardian { citizens, .. } => readable().add(Column::CitizenId.is_in(citizens.iter().copied())),
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

    /// Whether it is completed or withdrawn.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.0, Status::Completed | Status::Withdrawn)
    }

    /// Messages that the side of the viewer has not read; none for staff who do not treat.
    pub fn unread(&self, viewer: &Viewer) -> i32 {
        match viewer.who {
            Who::Staff { .. } | Who::System if viewer.may(Permission::Treat) => self.unread_by_staff,
            Who::Staff { .. } | Who::System => 0,
            Who::Citizen { .. } | Who::Guardian { .. } => self.unread_by_citizen,
        }
    }

    /// Until when the citizen can read it after its end, where its program says so; none before the end.
    pub fn readable_until(&self, version: &program_version::Model) -> Option<DateTime<Utc>> {
        let period: Period = version.readable_for.as_deref()?.parse().ok()?;
        Some(period.add_to(self.ended_at?, self.tz()))
    }
}

/// A state that an enrollment came into.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusAt {
    /// When.
    pub at: DateTime<Utc>,
    /// The state.
    pub status: Status,
    /// Why. What staff write they write for one another: citizens read what they said themselves.
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

/// Who treats in them now: ids of staff who treat at the unit, those who came first at the front.
///
/// # Errors
/// When the database fails.
pub async fn therapists(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Uuid>>> {
    use enrollment_therapist::{Column as Therapist, Entity as Therapists};
    let (now, directory) = (store.now(), store.directory());
    let mut found: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows: Vec<(Uuid, Uuid, Uuid, Uuid)> = Therapists::find()
            .select_only()
            .columns([Therapist::EnrollmentId, Therapist::StaffId])
            .columns([Column::CitizenId, Column::UnitId])
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
        for (enrollment, staff, citizen, unit) in rows {
            viewer.saw(citizen);
            // Whoever lost the role, or whose time there is over, is named still.
            if directory.has_role(staff, unit, Role::Therapist) {
                found.entry(enrollment).or_default().push(staff);
            }
        }
    }
    Ok(found)
}

/// The history of their states, oldest first. One statement.
///
/// # Errors
/// When the database fails or a reason cannot be opened.
pub async fn statuses(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<StatusAt>>> {
    use enrollment_status::{Column as History, Entity as Statuses};
    let columns = (History::EnrollmentId, History::At);
    let found = dated_history::of_enrollments::<Statuses>(store, viewer, ids, columns, |row| {
        (row.enrollment_id, row.actor.0, &mut row.reason)
    });
    let opened = |row: enrollment_status::Model| {
        Ok(StatusAt {
            at: row.at,
            status: row.status.0,
            reason: store.keyring().open_option(row.reason.as_ref())?,
            actor: row.actor.0,
        })
    };
    let found = found.await?.into_iter();
    found
        .map(|(id, rows)| Ok((id, rows.into_iter().map(opened).collect::<Result<_>>()?)))
        .collect()
}
