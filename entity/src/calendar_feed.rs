//! The secret link under which a citizen's own calendar fetches the days of their activity plans. Handrail keeps no more of
//! the secret than lets it recognise it.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Days, Utc};
use rules::zone::local_day;
use sea_orm::{QueryOrder, entity::prelude::*};
use sha2::{Digest, Sha256};

use crate::{
    act::BATCH,
    enrollment,
    error::Result,
    planned_activity::{self, Occurrence},
    seal::Keyring,
    store::Store,
    viewer::{Viewer, Who},
};

/// The secret link of a citizen's calendar.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "calendar_feed")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The citizen.
    pub citizen_id: Uuid,
    /// SHA-256 of the secret.
    pub secret_hash: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it leads nowhere.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How many days back a calendar reaches.
const BACK: Days = Days::new(31);
/// How many days ahead a calendar reaches.
const AHEAD: Days = Days::new(366);

/// The secret of a link. It follows from the link's id and the key, so that asking again with the same idempotency key gives
/// the same link although nobody has kept it.
fn derived(keyring: &Keyring, id: Uuid) -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(keyring.sign_link(&format!("/calendar/{id}"))?))
}

/// What is kept of a secret. Nobody can guess its 256 bits, so that no salt is needed.
fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// What is kept of the secret of a new link.
pub(crate) fn secret_hash(keyring: &Keyring, id: Uuid) -> Result<Vec<u8>> {
    Ok(hash(&derived(keyring, id)?))
}

/// The secret of a link, for whoever has just made it; none where it leads nowhere, or the key has changed since.
///
/// # Errors
/// When the database fails.
pub async fn secret(store: &Store, viewer: &Viewer, id: Uuid) -> Result<Option<String>> {
    let row = Entity::find_by_id(id).one(store.connection()).await?;
    let stands = |row: &Model| viewer.who == Who::Citizen { id: row.citizen_id } && row.revoked_at.is_none();
    let Some(row) = row.filter(stands) else {
        return Ok(None);
    };
    let secret = derived(store.keyring(), id)?;
    Ok((hash(&secret) == row.secret_hash).then_some(secret))
}

/// The links that lead somewhere, by citizen: for citizens themselves.
///
/// # Errors
/// When the database fails.
pub async fn standing(store: &Store, viewer: &Viewer, citizens: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let mut found = HashMap::new();
    let own: Vec<Uuid> = citizens
        .iter()
        .copied()
        .filter(|id| viewer.who == Who::Citizen { id: *id })
        .collect();
    for chunk in own.chunks(BATCH) {
        let rows = Entity::find()
            .filter(Column::CitizenId.is_in(chunk.iter().copied()))
            .filter(Column::RevokedAt.is_null())
            .order_by_asc(Column::CreatedAt);
        for row in rows.all(store.connection()).await? {
            found.insert(row.citizen_id, row);
        }
    }
    Ok(found)
}

/// Whose calendar a secret opens; none where it opens none, or no more.
///
/// # Errors
/// When the database fails.
pub async fn citizen_of(store: &Store, secret: &str) -> Result<Option<Uuid>> {
    let found = Entity::find()
        .filter(Column::SecretHash.eq(hash(secret)))
        .filter(Column::RevokedAt.is_null());
    Ok(found.one(store.connection()).await?.map(|row| row.citizen_id))
}

/// The days of a citizen's activity plans from a month ago to a year ahead, in order, and of each enrollment none after its end.
///
/// # Errors
/// When the database fails, or a plan cannot be read.
pub async fn days(store: &Store, viewer: &Viewer, citizen: Uuid) -> Result<Vec<Occurrence>> {
    let rows = enrollment::Entity::find()
        .filter(enrollment::Column::CitizenId.eq(citizen))
        .filter(enrollment::visible_to(viewer))
        .all(store.connection())
        .await?;
    viewer.saw(citizen);
    let now = store.now();
    let (from, to) = (
        now.checked_sub_days(BACK).unwrap_or(now),
        now.checked_add_days(AHEAD).unwrap_or(now),
    );
    let zones = rows.iter().map(|row| (row.id, row.tz())).collect();
    let mut found = planned_activity::within(store, viewer, &zones, from, to).await?;
    let mut days: Vec<Occurrence> = Vec::new();
    for row in rows {
        let of_one = found.remove(&row.id).unwrap_or_default().into_iter();
        let end = row.ended_at.or(row.ends_at);
        let goes_on = |one: &Occurrence| end.is_none_or(|end| one.on <= local_day(row.tz(), end));
        days.extend(of_one.filter(goes_on));
    }
    days.sort_by_key(|one| (one.starts_at, one.activity.id, one.day));
    Ok(days)
}
