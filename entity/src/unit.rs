//! Where care is given (enhet).

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// Where care is given (enhet).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "unit")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The care provider.
    pub provider_id: Uuid,
    /// What it is called.
    pub name: String,
    /// The phone number.
    pub phone: Option<String>,
    /// Opening hours in words, by language.
    pub opening_hours: Json,
    /// The IANA time zone.
    pub zone: String,
    /// When it is open, as times: JSON of [`crate::office_hours::Opening`]s; always, where empty.
    pub office_hours: Json,
    /// The local dates on which it is closed all the same, as JSON.
    pub closed_days: Json,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
