//! Who works where, and which version of a program is published: what nearly every request needs and what seldom changes.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::{
    assignment::{self, Role},
    error::Result,
    program,
    program_version::{self, VersionStatus},
    staff,
    stored::Stored,
    unit,
    viewer::{Actor, Viewer, Who},
};

/// A picture of one instant. Held by the process, at most a second old.
#[derive(Debug, Default)]
pub struct Directory {
    units: HashMap<Uuid, unit::Model>,
    staff: HashMap<Uuid, staff::Model>,
    subjects: HashMap<String, Uuid>,
    assignments: HashMap<Uuid, Vec<assignment::Model>>,
    programs: BTreeMap<String, Published>,
}

/// A program and the version that is started today.
#[derive(Clone, Debug)]
pub struct Published {
    /// The program.
    pub program: program::Model,
    /// Its newest published version.
    pub version: Uuid,
}

impl Directory {
    /// Reads it as of an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Self> {
        let units = unit::Entity::find().all(connection).await?;
        let staff = staff::Entity::find().all(connection).await?;
        let assigned = assignment::Entity::find()
            .filter(assignment::Column::ValidFrom.lte(now))
            .filter(
                Condition::any()
                    .add(assignment::Column::ValidUntil.is_null())
                    .add(assignment::Column::ValidUntil.gt(now)),
            )
            .order_by_asc(assignment::Column::ValidFrom)
            .order_by_asc(assignment::Column::Id)
            .all(connection)
            .await?;
        let programs = program::Entity::find().all(connection).await?;
        let versions = program_version::Entity::find()
            .filter(program_version::Column::Status.eq(Stored(VersionStatus::Published)))
            .order_by_asc(program_version::Column::Major)
            .order_by_asc(program_version::Column::Minor)
            .all(connection)
            .await?;

        let newest: HashMap<Uuid, Uuid> = versions
            .into_iter()
            .map(|version| (version.program_id, version.id))
            .collect();
        let mut assignments: HashMap<Uuid, Vec<assignment::Model>> = HashMap::new();
        for row in assigned {
            assignments.entry(row.staff_id).or_default().push(row);
        }
        Ok(Self {
            subjects: staff.iter().map(|row| (row.subject.clone(), row.id)).collect(),
            staff: staff.into_iter().map(|row| (row.id, row)).collect(),
            units: units.into_iter().map(|row| (row.id, row)).collect(),
            assignments,
            programs: programs
                .into_iter()
                .filter_map(|program| {
                    let version = *newest.get(&program.id)?;
                    Some((program.slug.clone(), Published { program, version }))
                })
                .collect(),
        })
    }

    /// A unit.
    pub fn unit(&self, id: Uuid) -> Option<&unit::Model> {
        self.units.get(&id)
    }

    /// A staff member.
    pub fn staff(&self, id: Uuid) -> Option<&staff::Model> {
        self.staff.get(&id)
    }

    /// Programs that have a published version, by slug.
    pub fn programs(&self) -> &BTreeMap<String, Published> {
        &self.programs
    }

    /// Whether a staff member has the role at the unit.
    pub fn has_role(&self, staff: Uuid, unit: Uuid, role: Role) -> bool {
        self.roles(staff, unit).contains(&role)
    }

    /// Whether a staff member has the role at every unit of the provider.
    pub fn has_role_everywhere(&self, staff: Uuid, provider: Uuid, role: Role) -> bool {
        let assignments = self.assignments.get(&staff).into_iter().flatten();
        let mut everywhere = assignments.filter(|row| row.unit_id.is_none() && row.provider_id == provider);
        everywhere.any(|row| row.role.0 == role)
    }

    /// Those who have the role at the unit today, by id.
    pub fn staff_of(&self, unit: Uuid, role: Role) -> Vec<Uuid> {
        let staff = self.assignments.keys().copied();
        let mut staff: Vec<Uuid> = staff.filter(|staff| self.has_role(*staff, unit, role)).collect();
        staff.sort_unstable();
        staff
    }

    /// Which of the staff an actor is, for those who act at a unit where that one does today; none for everybody else. Others
    /// would learn from it where a citizen is treated besides.
    pub fn colleague_at_the_unit(&self, viewer: &Viewer, actor: Actor) -> Option<Uuid> {
        let unit = viewer.unit()?;
        viewer
            .colleague(actor)
            .filter(|staff| !self.roles(*staff, unit).is_empty())
    }

    /// The units of a care provider, in no order; also those that are disconnected.
    pub fn units_of(&self, provider: Uuid) -> impl Iterator<Item = &unit::Model> {
        self.units.values().filter(move |unit| unit.provider_id == provider)
    }

    /// The staff of a care provider, in no order; also those who have no role any more.
    pub fn members_of(&self, provider: Uuid) -> impl Iterator<Item = &staff::Model> {
        self.staff.values().filter(move |staff| staff.provider_id == provider)
    }

    /// The units at which a staff member may act today, by name, with their roles there.
    pub fn acts_at(&self, staff: Uuid) -> Vec<(&unit::Model, Vec<Role>)> {
        let mut units: BTreeMap<(&str, Uuid), &unit::Model> = BTreeMap::new();
        for row in self.assignments.get(&staff).into_iter().flatten() {
            let here = row.unit_id.and_then(|id| self.unit(id));
            let everywhere = self.units_of(row.provider_id).filter(|_| row.unit_id.is_none());
            for unit in here.into_iter().chain(everywhere) {
                units.insert((&unit.name, unit.id), unit);
            }
        }
        let with_roles = units.into_values().map(|unit| (unit, self.roles(staff, unit.id)));
        with_roles.collect()
    }

    /// The other connected units of a unit's provider, by name.
    pub fn siblings(&self, unit: &unit::Model) -> impl Iterator<Item = &unit::Model> {
        let mut siblings: Vec<&unit::Model> = self
            .units_of(unit.provider_id)
            .filter(|other| other.disconnected_at.is_none() && other.id != unit.id)
            .collect();
        siblings.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        siblings.into_iter()
    }

    /// Those who treat at a unit, for their colleagues at the same provider; none for everybody else.
    pub fn therapists(&self, viewer: &Viewer, unit: Uuid) -> Vec<Uuid> {
        let provider = self.units.get(&unit).map(|unit| unit.provider_id);
        match viewer.who {
            Who::Staff { provider: own, .. } if provider == Some(own) => self.staff_of(unit, Role::Therapist),
            Who::System => self.staff_of(unit, Role::Therapist),
            _ => Vec::new(),
        }
    }

    /// The staff member who signs in with this subject, acting at `unit`, or where none is named at the unit of their first
    /// assignment. None where they are not known or have no role there.
    pub fn sign_in(&self, subject: &str, unit: Option<Uuid>) -> Option<Who> {
        let id = *self.subjects.get(subject)?;
        let unit = unit.or_else(|| {
            let assignments = self.assignments.get(&id)?;
            assignments
                .iter()
                .find_map(|row| row.unit_id.or_else(|| self.first_unit(row.provider_id)))
        })?;
        let roles = self.roles(id, unit);
        if roles.is_empty() {
            return None;
        }
        Some(Who::Staff {
            id,
            unit,
            provider: self.units.get(&unit)?.provider_id,
            roles,
        })
    }

    /// Today's roles at a unit: those given there and those given for the whole provider.
    fn roles(&self, staff: Uuid, unit: Uuid) -> Vec<Role> {
        let Some(at) = self.units.get(&unit) else {
            return Vec::new();
        };
        let mut roles: Vec<Role> = self
            .assignments
            .get(&staff)
            .into_iter()
            .flatten()
            .filter(|row| row.unit_id == Some(unit) || (row.unit_id.is_none() && row.provider_id == at.provider_id))
            .map(|row| row.role.0)
            .collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    /// The oldest unit of a provider, one that is connected where there is any.
    fn first_unit(&self, provider: Uuid) -> Option<Uuid> {
        let units = self.units_of(provider);
        let (_, first) = units.map(|unit| (unit.disconnected_at.is_some(), unit.id)).min()?;
        Some(first)
    }
}
