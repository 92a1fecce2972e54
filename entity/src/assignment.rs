//! A role of a staff member at a unit, or at all units of a provider.

use std::collections::{HashMap, HashSet};

use crate::{act::BATCH, directory::Directory, error::Result, stored::Stored};
use chrono::{DateTime, Utc};
use sea_orm::{Condition, entity::prelude::*};
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
