//! Somebody who takes part in programs (invånare). Names, contacts and the identity number are sealed.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use rules::facts::Sex;
use sea_orm::{
    Condition, QuerySelect,
    entity::prelude::*,
    sea_query::{Query, SimpleExpr},
};

use crate::{
    act::BATCH,
    enrollment,
    error::Result,
    identity::IdentityNumber,
    quiet_hours::QuietHours,
    seal::{Keyring, Sealed},
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer, Who},
};

/// Somebody who takes part in programs (invånare). Names, contacts and the identity number are sealed.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "citizen")]
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
    /// Date of birth.
    pub birth_date: NaiveDate,
    /// The sex that the identity number tells; absent for whoever was registered before it was kept.
    pub sex: Option<Stored<Sex>>,
    /// Given name, sealed.
    pub given_name: Sealed,
    /// Family name, sealed.
    pub family_name: Sealed,
    /// The e-mail address, sealed.
    pub email: Option<Sealed>,
    /// The phone number.
    pub phone: Option<Sealed>,
    /// The language, a BCP 47 tag.
    pub locale: String,
    /// Start of the quiet hours, local `HH:MM`.
    pub quiet_from: Option<String>,
    /// End of the quiet hours, local `HH:MM`.
    pub quiet_until: Option<String>,
    /// The last request that was noted.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// When somebody last said their addresses; absent where they are as they were written down at a start.
    pub contact_set_at: Option<DateTime<Utc>>,
    /// Who said them: the citizen, a guardian of theirs, or staff who put them right.
    pub contact_set_by: Option<Stored<Actor>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The language of those of whom nothing else is known.
pub const DEFAULT_LOCALE: &str = "sv";

/// A citizen, opened for somebody who may see them.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// The citizen.
    pub id: Uuid,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Date of birth.
    pub birth_date: NaiveDate,
    /// The e-mail address.
    pub email: Option<String>,
    /// The phone number, `+46…`.
    pub phone: Option<String>,
    /// When and by whom they were last said; absent where they are as they were written down at a start.
    pub contact_set: Option<(DateTime<Utc>, Actor)>,
    /// The language, a BCP 47 tag.
    pub locale: String,
    /// Start of the quiet hours, local `HH:MM`.
    pub quiet_from: Option<String>,
    /// End of the quiet hours, local `HH:MM`.
    pub quiet_until: Option<String>,
}

impl Person {
    /// When nothing that makes a sound leaves.
    pub fn quiet_hours(&self) -> QuietHours {
        QuietHours::chosen(self.quiet_from.as_deref(), self.quiet_until.as_deref())
    }

    /// Given and family name.
    pub fn display_name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }

    /// Whole years on the local day of an instant.
    pub fn age(&self, now: DateTime<Utc>, zone: Tz) -> u32 {
        let today = rules::zone::local_day(zone, now);
        today.years_since(self.birth_date).unwrap_or_default()
    }
}

/// Those of the citizens that the viewer may see: themself, those a guardian acts for, and for staff whoever has an enrollment
/// that they see. One statement.
///
/// # Errors
/// When the database fails or a name cannot be opened.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Person>> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows = Entity::find()
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .filter(visible_to(viewer));
        for row in rows.all(store.connection()).await? {
            viewer.saw(row.id);
            found.insert(row.id, open(store.keyring(), row)?);
        }
    }
    Ok(found)
}

/// The citizen who signs in with this subject. For sign-in only.
///
/// # Errors
/// When the database fails.
pub async fn by_subject(store: &Store, subject: &str) -> Result<Option<Uuid>> {
    let found = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Subject.eq(subject));
    Ok(found.into_tuple().one(store.connection()).await?)
}

/// The citizen with this identity number. For sign-in only.
///
/// # Errors
/// When the database fails.
pub async fn by_identity(store: &Store, number: &IdentityNumber) -> Result<Option<Uuid>> {
    let found = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(has_identity(store, number)?);
    Ok(found.into_tuple().one(store.connection()).await?)
}

/// Whose identity number this is.
///
/// # Errors
/// When a key is missing.
pub(crate) fn has_identity(store: &Store, number: &IdentityNumber) -> Result<SimpleExpr> {
    Ok(Column::IdentityHash.is_in(store.keyring().hashes(number.digits())?))
}

/// Whom the viewer may see; see [`find`].
pub fn visible_to(viewer: &Viewer) -> Condition {
    let condition = Condition::all();
    match &viewer.who {
        Who::System => condition,
        Who::Citizen { id } => condition.add(Column::Id.eq(*id)),
        Who::Guardian { citizens, .. } => condition.add(Column::Id.is_in(citizens.iter().copied())),
        Who::Staff { .. } => condition.add(
            Column::Id.in_subquery(
                Query::select()
                    .column(enrollment::Column::CitizenId)
                    .from(enrollment::Entity)
                    .cond_where(enrollment::visible_to(viewer))
                    .to_owned(),
            ),
        ),
    }
}

fn open(keyring: &Keyring, row: Model) -> Result<Person> {
    Ok(Person {
        id: row.id,
        given_name: keyring.open(&row.given_name)?,
        family_name: keyring.open(&row.family_name)?,
        birth_date: row.birth_date,
        email: keyring.open_option(row.email.as_ref())?,
        phone: keyring.open_option(row.phone.as_ref())?,
        contact_set: row.contact_set_at.zip(row.contact_set_by.map(|by| by.0)),
        locale: row.locale,
        quiet_from: row.quiet_from,
        quiet_until: row.quiet_until,
    })
}
