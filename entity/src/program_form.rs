//! Which version of a form a program version uses under which key.

use sea_orm::entity::prelude::*;

/// Which version of a form a program version uses under which key.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "program_form")]
pub struct Model {
    /// The program version.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version_id: Uuid,
    /// Its key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// The version of the form.
    pub form_version_id: Uuid,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
