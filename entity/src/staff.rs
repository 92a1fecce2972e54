//! Somebody who works with programs (personal).

use crate::seal::Sealed;
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// Somebody who works with programs (personal).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "staff")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The care provider.
    pub provider_id: Uuid,
    /// The `sub` of its sign-in tokens.
    pub subject: String,
    /// What the person is called.
    pub display_name: String,
    /// What is read in lists.
    pub title: Option<String>,
    /// The e-mail address, sealed.
    pub email: Option<Sealed>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
