//! One version of a program; immutable once published.

use crate::stored::Stored;
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// One version of a program; immutable once published.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "program_version")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The program.
    pub program_id: Uuid,
    /// Counts changes that matter.
    pub major: i32,
    /// Counts small changes.
    pub minor: i32,
    /// Its state.
    pub status: Stored<VersionStatus>,
    /// Which functions the version offers.
    pub features: Json,
    /// How long an enrollment lasts, an ISO 8601 duration; without end where absent.
    pub duration: Option<String>,
    /// When it was published.
    pub published_at: Option<DateTime<Utc>>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The life of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VersionStatus {
    /// Being written.
    Draft,
    /// Being read by others.
    InReview,
    /// In use; immutable.
    Published,
    /// No longer started; those who take part go on.
    Retired,
}
