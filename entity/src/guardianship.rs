//! For whom a guardian acts, from when and until when.

use chrono::{DateTime, Utc};
use sea_orm::{Condition, entity::prelude::*};

/// For whom a guardian acts, from when and until when.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "guardianship")]
pub struct Model {
    /// The guardian.
    #[sea_orm(primary_key, auto_increment = false)]
    pub guardian_id: Uuid,
    /// The citizen.
    #[sea_orm(primary_key, auto_increment = false)]
    pub citizen_id: Uuid,
    /// From when it holds.
    #[sea_orm(primary_key, auto_increment = false)]
    pub valid_from: DateTime<Utc>,
    /// Until when it holds; open where absent.
    pub valid_until: Option<DateTime<Utc>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Those that hold at an instant.
pub fn holds(now: DateTime<Utc>) -> Condition {
    Condition::all().add(Column::ValidFrom.lte(now)).add(
        Condition::any()
            .add(Column::ValidUntil.is_null())
            .add(Column::ValidUntil.gt(now)),
    )
}
