//! A role of a staff member at a unit, or at all units of a provider.

use crate::stored::Stored;
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
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
