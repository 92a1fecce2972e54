//! A piece of a step: text, image, video, audio, file, form or exercise.

use crate::stored::Stored;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A piece of a step: text, image, video, audio, file, form or exercise.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "block")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The program version.
    pub version_id: Uuid,
    /// The step.
    pub step_id: Uuid,
    /// Its place among its siblings, from 0.
    pub position: i32,
    /// Its kind.
    pub kind: Stored<BlockKind>,
    /// The form's key within the program version.
    pub form_key: Option<String>,
    /// Where the media is.
    pub url: Option<String>,
    /// Length in seconds.
    pub duration_seconds: Option<i32>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a block shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BlockKind {
    /// Formatted text.
    Text,
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A recording.
    Audio,
    /// Something to download.
    File,
    /// A form.
    Form,
    /// A form without scales.
    Exercise,
}
