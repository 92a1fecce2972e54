//! Who treats in an enrollment, from when and until when.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// Who treats in an enrollment, from when and until when.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollment_therapist")]
pub struct Model {
    /// The enrollment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: Uuid,
    /// The staff member.
    #[sea_orm(primary_key, auto_increment = false)]
    pub staff_id: Uuid,
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
