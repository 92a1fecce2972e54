//! A role of a staff member at a unit, or at all units of a provider.

use std::collections::{HashMap, HashSet};

use crate::{
    act::BATCH,
    administration::Reach,
    directory::Directory,
    error::Result,
    page::{self, Page},
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer, Who},
    visible::latest_of_each,
};
use chrono::{DateTime, Utc};
use sea_orm::{Condition, QueryOrder, entity::prelude::*, sea_query::ExprTrait};
use serde::{Deserialize, Serialize};

/// A role of a staff member at a unit, or at all units of a provider.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "assignment")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The staff member.
    pub staff_id: Uuid,
    /// The care provider.
    pub provider_id: Uuid,
    /// The unit.
    pub unit_id: Option<Uuid>,
    /// The role.
    pub role: Stored<Role>,
    /// From when it holds.
    pub valid_from: DateTime<Utc>,
    /// Until when it holds; open where absent.
    pub valid_until: Option<DateTime<Utc>>,
    /// When it was given; not known of the oldest.
    pub granted_at: Option<DateTime<Utc>>,
    /// Who gave it.
    pub granted_by: Option<Stored<Actor>>,
    /// When it was last changed or taken back.
    pub changed_at: Option<DateTime<Utc>>,
    /// Who did that.
    pub changed_by: Option<Stored<Actor>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Treats: sees and does everything in the enrollments of the unit.
    Therapist,
    /// Starts and ends enrollments; sees who takes part, not what they answer.
    CitizenAdministrator,
    /// Looks after the unit and its rules; sees no citizen.
    UnitAdministrator,
    /// Looks after units and assignments; sees no citizen.
    ProviderAdministrator,
    /// Writes programs and their rules; sees no citizen.
    Designer,
    /// Publishes programs; sees no citizen.
    Publisher,
    /// Reads the access log.
    Auditor,
}

impl Role {
    /// Whether it is given at one unit only, so that nobody sees citizens everywhere for want of a field; its unit's administrators
    /// give it.
    pub fn is_of_a_unit(self) -> bool {
        matches!(
            self,
            Self::Therapist | Self::CitizenAdministrator | Self::UnitAdministrator
        )
    }
}

/// Whether an assignment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AssignmentStatus {
    /// It will hold later.
    Planned,
    /// It holds.
    Current,
    /// It holds no longer.
    Ended,
}

impl Model {
    /// Whether it holds at an instant.
    pub fn status(&self, at: DateTime<Utc>) -> AssignmentStatus {
        if self.valid_until.is_some_and(|until| until <= at) {
            AssignmentStatus::Ended
        } else if self.valid_from > at {
            AssignmentStatus::Planned
        } else {
            AssignmentStatus::Current
        }
    }
}

/// Those that are of one of these statuses at an instant.
pub(crate) fn is_one_of(statuses: &[AssignmentStatus], at: DateTime<Utc>) -> Condition {
    let not_over = Condition::any()
        .add(Column::ValidUntil.is_null())
        .add(Column::ValidUntil.gt(at));
    let mut any = Condition::any();
    for status in statuses {
        any = any.add(match status {
            AssignmentStatus::Planned => Condition::all().add(Column::ValidFrom.gt(at)).add(not_over.clone()),
            AssignmentStatus::Current => Condition::all().add(Column::ValidFrom.lte(at)).add(not_over.clone()),
            AssignmentStatus::Ended => Condition::all().add(Column::ValidUntil.lte(at)),
        });
    }
    any
}

/// The assignments that hold, will hold or held at some units, those for the whole provider among them, by unit, those given last
/// first, after the row with the cursor `after`; of all statuses where none is named. For those who administer the unit and its
/// auditors; none for everybody else. One statement.
///
/// # Errors
/// When the cursor is none of this list, or the database fails.
pub async fn page(
    store: &Store,
    viewer: &Viewer,
    units: &[Uuid],
    statuses: &[AssignmentStatus],
    first: u64,
    after: Option<&str>,
) -> Result<HashMap<Uuid, Page<(String, Model)>>> {
    let first = page::clamp(first);
    let mut wanted = of_status(statuses, store.now());
    if let Some(after) = after {
        let [id] = page::read_cursor(after)?;
        wanted = wanted.add(Column::Id.lt(Uuid::parse_str(&id).map_err(|_| page::bad_cursor())?));
    }
    let directory = store.directory();
    let units = units.iter().filter_map(|id| directory.unit(*id));
    let seen = units.filter(|unit| Reach::holds(&directory, viewer, unit));
    let seen: Vec<(Uuid, Uuid)> = seen.map(|unit| (unit.id, unit.provider_id)).collect();
    let latest = |of: Column, which: Condition| {
        let which = which.add(wanted.clone());
        latest_of_each::<Entity>(Column::Id, of, Column::Id.into_expr(), which, first + 1)
    };
    let mut pages = HashMap::new();
    for chunk in seen.chunks(BATCH) {
        let providers: HashSet<Uuid> = chunk.iter().map(|(_, provider)| *provider).collect();
        let here = Column::UnitId.is_in(chunk.iter().map(|(unit, _)| *unit));
        let everywhere = Column::UnitId.is_null().and(Column::ProviderId.is_in(providers));
        let here = latest(Column::UnitId, Condition::all().add(here));
        let everywhere = latest(Column::ProviderId, Condition::all().add(everywhere));
        let either = Condition::any()
            .add(Column::Id.in_subquery(here))
            .add(Column::Id.in_subquery(everywhere));
        let rows = Entity::find()
            .filter(either)
            .order_by_desc(Column::Id)
            .all(store.connection())
            .await?;
        for (unit, provider) in chunk {
            let of_unit = rows.iter().filter(|row| match row.unit_id {
                Some(at) => at == *unit,
                None => row.provider_id == *provider,
            });
            let with_cursor = |row: &Model| (page::cursor(&[&row.id.to_string()]), row.clone());
            let most = usize::try_from(first + 1).unwrap_or(usize::MAX);
            let rows = of_unit.take(most).map(with_cursor).collect();
            pages.insert(*unit, Page::cut(rows, first));
        }
    }
    Ok(pages)
}

/// Those of these statuses at an instant; all where none is named.
fn of_status(statuses: &[AssignmentStatus], at: DateTime<Utc>) -> Condition {
    match statuses {
        [] => Condition::all(),
        statuses => Condition::all().add(is_one_of(statuses, at)),
    }
}

/// What these staff were given last, at most `last` of each, by staff member, the oldest first, as far as the viewer may see it:
/// administrators and auditors of their provider all of it, those of a unit what holds there; of all statuses where none is named.
/// One statement.
///
/// # Errors
/// When the database fails.
pub async fn of_staff(
    store: &Store,
    viewer: &Viewer,
    staff: &[Uuid],
    statuses: &[AssignmentStatus],
    last: u64,
) -> Result<HashMap<Uuid, Vec<Model>>> {
    let Some(seen) = seen_by(store, viewer) else {
        return Ok(HashMap::new());
    };
    let mut found: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for chunk in staff.chunks(BATCH) {
        let of_these = Condition::all()
            .add(Column::StaffId.is_in(chunk.iter().copied()))
            .add(of_status(statuses, store.now()))
            .add(seen.clone());
        let id = Column::Id.into_expr();
        let last = latest_of_each::<Entity>(Column::Id, Column::StaffId, id, of_these, page::clamp(last));
        let rows = Entity::find()
            .filter(Column::Id.in_subquery(last))
            .order_by_asc(Column::Id)
            .all(store.connection())
            .await?;
        for row in rows {
            found.entry(row.staff_id).or_default().push(row);
        }
    }
    Ok(found)
}

/// An assignment, for those who may see it.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, id: Uuid) -> Result<Option<Model>> {
    let Some(seen) = seen_by(store, viewer) else {
        return Ok(None);
    };
    Ok(Entity::find_by_id(id).filter(seen).one(store.connection()).await?)
}

/// The assignments that a viewer may see; none where absent.
fn seen_by(store: &Store, viewer: &Viewer) -> Option<Condition> {
    let (unit, provider) = match viewer.who {
        Who::System => return Some(Condition::all()),
        Who::Staff { unit, provider, .. } => (unit, provider),
        Who::Citizen { .. } | Who::Guardian { .. } => return None,
    };
    match Reach::of(&store.directory(), viewer, provider) {
        Reach::Provider => Some(Condition::all().add(Column::ProviderId.eq(provider))),
        Reach::Unit(unit) => Some(at(provider, unit)),
        Reach::Nothing => viewer.administers_at(provider).then(|| at(provider, unit)),
    }
}

/// Those that hold at a unit of a provider: those given there, and those for every unit.
pub(crate) fn at(provider: Uuid, unit: Uuid) -> Condition {
    let here = Condition::any()
        .add(Column::UnitId.is_null())
        .add(Column::UnitId.eq(unit));
    Condition::all().add(Column::ProviderId.eq(provider)).add(here)
}

/// Who has which role at some units at an instant.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    staff: HashMap<(Uuid, Role), HashSet<Uuid>>,
}

impl Posts {
    /// Reads who has one of the roles at these units, or at every unit of their provider.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(
        connection: &impl ConnectionTrait,
        directory: &Directory,
        units: &HashSet<Uuid>,
        roles: &[Role],
        at: DateTime<Utc>,
    ) -> Result<Self> {
        let provider = |unit: &Uuid| directory.unit(*unit).map(|unit| unit.provider_id);
        let mut posts = Self::default();
        for chunk in units.iter().copied().collect::<Vec<_>>().chunks(BATCH) {
            let providers: HashSet<Uuid> = chunk.iter().filter_map(provider).collect();
            let anywhere = Condition::all()
                .add(Column::UnitId.is_null())
                .add(Column::ProviderId.is_in(providers));
            let at_one = Column::UnitId.is_in(chunk.iter().copied());
            let rows = Entity::find()
                .filter(Column::Role.is_in(roles.iter().map(|role| Stored(*role))))
                .filter(Condition::any().add(at_one).add(anywhere))
                .filter(Column::ValidFrom.lte(at))
                .filter(
                    Condition::any()
                        .add(Column::ValidUntil.is_null())
                        .add(Column::ValidUntil.gt(at)),
                )
                .all(connection)
                .await?;
            for unit in chunk {
                let here = |row: &&Model| match row.unit_id {
                    Some(at) => at == *unit,
                    None => provider(unit) == Some(row.provider_id),
                };
                for row in rows.iter().filter(here) {
                    posts.staff.entry((*unit, row.role.0)).or_default().insert(row.staff_id);
                }
            }
        }
        Ok(posts)
    }

    /// Those who have a role at a unit, by id.
    pub fn of(&self, unit: Uuid, role: Role) -> Vec<Uuid> {
        let mut staff: Vec<Uuid> = self.staff.get(&(unit, role)).into_iter().flatten().copied().collect();
        staff.sort_unstable();
        staff
    }

    /// Whether somebody has a role at a unit.
    pub fn has(&self, staff: Uuid, unit: Uuid, role: Role) -> bool {
        self.staff.get(&(unit, role)).is_some_and(|all| all.contains(&staff))
    }
}
