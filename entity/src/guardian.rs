//! Somebody who acts for citizens (ombud).

use chrono::{DateTime, Utc};
use sea_orm::{QuerySelect, entity::prelude::*};

use crate::{error::Result, guardianship, seal::Sealed, store::Store};

/// Somebody who acts for citizens (ombud).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "guardian")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The `sub` of its sign-in tokens.
    pub subject: Option<String>,
    /// Keyed hash of the identity number, for look-up.
    pub identity_hash: Vec<u8>,
    /// The identity number, sealed.
    pub identity_sealed: Sealed,
    /// Which key hashed and sealed it.
    pub identity_key: String,
    /// Given name, sealed.
    pub given_name: Sealed,
    /// Family name, sealed.
    pub family_name: Sealed,
    /// The language, a BCP 47 tag.
    pub locale: String,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The guardian who signs in with this subject, and the citizens that they act for at an instant. For sign-in only.
///
/// # Errors
/// When the database fails.
pub async fn by_subject(store: &Store, subject: &str, now: DateTime<Utc>) -> Result<Option<(Uuid, Vec<Uuid>)>> {
    let guardian: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Subject.eq(subject))
        .into_tuple()
        .one(store.connection())
        .await?;
    let Some(guardian) = guardian else {
        return Ok(None);
    };
    Ok(Some((guardian, acts_for(store, guardian, now).await?)))
}

/// The citizens that a guardian acts for at an instant, by id.
///
/// # Errors
/// When the database fails.
pub async fn acts_for(store: &Store, guardian: Uuid, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    let mut citizens: Vec<Uuid> = guardianship::Entity::find()
        .select_only()
        .column(guardianship::Column::CitizenId)
        .filter(guardianship::Column::GuardianId.eq(guardian))
        .filter(guardianship::holds(now))
        .into_tuple()
        .all(store.connection())
        .await?;
    citizens.sort_unstable();
    citizens.dedup();
    Ok(citizens)
}
