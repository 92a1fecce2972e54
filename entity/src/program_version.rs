//! One version of a program; immutable once published.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    feature::Features,
    measurement_kind::MeasurementKind,
    stored::Stored,
};

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
    /// Which functions the version offers; see [`Model::features`].
    pub features: Json,
    /// What citizens measure; see [`Model::measurement_kinds`].
    pub measurements: Json,
    /// How long an enrollment lasts, an ISO 8601 duration; without end where absent.
    pub duration: Option<String>,
    /// How long citizens can read an enrollment after its end, an ISO 8601 duration; without end where absent.
    pub readable_for: Option<String>,
    /// Within how many working days of the unit messages are answered; as the unit promises where absent.
    pub answer_within: Option<i32>,
    /// When it was published.
    pub published_at: Option<DateTime<Utc>>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Which functions the version offers. What was written by another Handrail and cannot be read is as if nothing was said.
    pub fn features(&self) -> Features {
        serde_json::from_value(self.features.clone()).unwrap_or_default()
    }

    /// What citizens measure, in the order of the program's file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn measurement_kinds(&self) -> Result<Vec<MeasurementKind>> {
        serde_json::from_value(self.measurements.clone())
            .map_err(|error| Error::Corrupt(format!("what is measured in version {}: {error}", self.id)))
    }
}

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

/// The versions that have no messages.
///
/// # Errors
/// When the database fails.
pub(crate) async fn without_messages(connection: &impl ConnectionTrait) -> Result<Vec<Uuid>> {
    let versions = Entity::find().all(connection).await?;
    let without = versions.iter().filter(|version| !version.features().messages);
    Ok(without.map(|version| version.id).collect())
}
