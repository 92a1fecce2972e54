//! A text of a program version in one language.

use sea_orm::entity::prelude::*;

/// A text of a program version in one language.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "content_text")]
pub struct Model {
    /// The program version.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version_id: Uuid,
    /// What it is about.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: Uuid,
    /// Which text of the subject.
    #[sea_orm(primary_key, auto_increment = false)]
    pub field: String,
    /// The language, a BCP 47 tag.
    #[sea_orm(primary_key, auto_increment = false)]
    pub locale: String,
    /// The text.
    pub text: String,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
