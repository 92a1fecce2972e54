//! Citizens: registering them, and noting that they were here.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use rules::facts::Status;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseBackend, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType, OnConflict},
};
use uuid::Uuid;

use crate::{
    act::{Act, BATCH, Cause},
    citizen::{self, DEFAULT_LOCALE},
    enrollment,
    error::{Error, Outcome, Result, UserError},
    event::EventKind,
    identity::IdentityNumber,
    input::{self, Complaints},
    seal::Sealed,
    stored::Stored,
    viewer::{Actor, Permission, Who},
};

/// A citizen as somebody writes them down.
#[derive(Clone, Default)]
pub struct NewCitizen {
    /// The personal identity or co-ordination number.
    pub personal_identity_number: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// The phone number.
    pub phone: Option<String>,
    /// The language, a BCP 47 tag; `sv` where absent.
    pub locale: Option<String>,
    /// The `sub` of the sign-in tokens, where it is known beforehand. Only Handrail itself may give it.
    pub subject: Option<String>,
    /// Start of the quiet hours, local `HH:MM`.
    pub quiet_from: Option<String>,
    /// End of the quiet hours, local `HH:MM`.
    pub quiet_until: Option<String>,
}

/// After how long without a request the next one counts as signing in.
pub const IDLE: Duration = Duration::minutes(30);

/// Finds the citizen by identity number, or makes them. Of somebody who is known only what is missing is filled in: nobody
/// overwrites what another unit or the citizen wrote.
///
/// # Errors
/// When a field is refused, at its name below `path`; when the viewer may not administer.
pub async fn register(act: &mut Act, new: &NewCitizen, path: &str) -> Result<Uuid> {
    let checked = check(act, new, path)?.map_err(Error::Refused)?;
    let mut found = find_or_make(act, &[&checked]).await?;
    let known = found.pop().ok_or_else(missing)?;
    let id = known.id;
    fill_in(act, known, &checked).await?;
    Ok(id)
}

/// A citizen whose fields make sense, and who has not been looked for yet.
pub(super) struct Checked {
    number: IdentityNumber,
    /// The number's hash under every key; the first under the current one.
    hashes: Vec<Vec<u8>>,
    given_name: String,
    family_name: String,
    email: Option<String>,
    phone: Option<String>,
    locale: String,
    subject: Option<String>,
    quiet_from: Option<String>,
    quiet_until: Option<String>,
}

/// Checks the fields of a citizen, each refusal at its name below `path`.
///
/// # Errors
/// When a key is missing. What is refused stands in the outcome.
pub(super) fn check(act: &Act, new: &NewCitizen, path: &str) -> Result<Outcome<Checked>> {
    if !act.viewer.may(Permission::Administer) {
        return Ok(Err(vec![UserError::not_found(path, "citizen")]));
    }
    let at = |field: &str| {
        if path.is_empty() {
            field.to_owned()
        } else {
            format!("{path}.{field}")
        }
    };
    let mut complaints = Complaints::default();
    let number = identity_number(
        &mut complaints,
        &new.personal_identity_number,
        act.now,
        &at("personalIdentityNumber"),
    );
    let given_name = complaints.take(input::name(&new.given_name, &at("givenName")));
    let family_name = complaints.take(input::name(&new.family_name, &at("familyName")));
    let email = complaints.take(input::email(new.email.as_deref(), &at("email")));
    let phone = complaints.take(input::phone(new.phone.as_deref(), &at("phone")));
    let locale = complaints.take(input::locale(
        new.locale.as_deref().unwrap_or(DEFAULT_LOCALE),
        &at("locale"),
    ));
    let quiet_from = complaints.take(input::time_of_day(new.quiet_from.as_deref(), &at("quietFrom")));
    let quiet_until = complaints.take(input::time_of_day(new.quiet_until.as_deref(), &at("quietUntil")));
    if quiet_from.is_some() != quiet_until.is_some() {
        complaints.add(UserError::new(
            "REQUIRED",
            &at("quietUntil"),
            "Quiet hours need a start and an end.",
        ));
    }
    if let Err(Error::Refused(refused)) = complaints.refuse() {
        return Ok(Err(refused));
    }
    let Some(number) = number else {
        let refused = UserError::new("REQUIRED", &at("personalIdentityNumber"), "This must be filled in.");
        return Ok(Err(vec![refused]));
    };
    let keyring = act.store.keyring();
    let current = keyring.hash(keyring.current(), number.digits())?;
    let mut hashes = keyring.hashes(number.digits())?;
    hashes.retain(|hash| *hash != current);
    hashes.insert(0, current);
    Ok(Ok(Checked {
        hashes,
        number,
        given_name,
        family_name,
        email,
        phone,
        locale,
        subject: new.subject.clone().filter(|_| act.viewer.who == Who::System),
        quiet_from,
        quiet_until,
    }))
}

/// Reads an identity number, adding what is wrong with it.
pub(super) fn identity_number(
    complaints: &mut Complaints,
    text: &str,
    now: DateTime<Utc>,
    path: &str,
) -> Option<IdentityNumber> {
    match IdentityNumber::input(text, now, path) {
        Ok(number) => Some(number),
        Err(error) => {
            complaints.add(error);
            None
        }
    }
}

/// The citizens in the order of `people`, made where they are not known, and held until the end so that nobody else starts
/// something for them meanwhile. As many statements for many as for one.
pub(super) async fn find_or_make(act: &Act, people: &[&Checked]) -> Result<Vec<citizen::Model>> {
    let known = known(act, people, None).await?;
    let mut unknown: Vec<&Checked> = people
        .iter()
        .copied()
        .filter(|person| person.among(&known).is_none())
        .collect();
    // In one order, so that two who register the same people never wait for each other.
    unknown.sort_by(|one, other| one.hashes.cmp(&other.hashes));
    unknown.dedup_by(|one, other| one.hashes == other.hashes);
    for chunk in unknown.chunks(BATCH) {
        let rows: Result<Vec<_>> = chunk.iter().map(|person| person.row(act)).collect();
        // Somebody else may be registering the same person at this moment: then theirs is taken.
        citizen::Entity::insert_many(rows?)
            .on_conflict(
                OnConflict::column(citizen::Column::IdentityHash)
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(&act.tx)
            .await?;
    }
    let held = self::known(act, people, Some(LockType::NoKeyUpdate)).await?;
    let found = people.iter().map(|person| person.among(&held).cloned());
    found.map(|found| found.ok_or_else(missing)).collect()
}

fn missing() -> Error {
    Error::Corrupt("a citizen who was just written is missing".into())
}

impl Checked {
    /// The one who is meant, of those who are known.
    fn among<'a>(&self, known: &'a HashMap<Vec<u8>, citizen::Model>) -> Option<&'a citizen::Model> {
        self.hashes.iter().find_map(|hash| known.get(hash))
    }

    fn row(&self, act: &Act) -> Result<citizen::ActiveModel> {
        let keyring = act.store.keyring();
        Ok(citizen::ActiveModel {
            id: Set(act.id()),
            subject: Set(self.subject.clone()),
            identity_hash: Set(self.hashes.first().cloned().ok_or_else(missing)?),
            identity_sealed: Set(keyring.seal(self.number.digits())?),
            identity_key: Set(keyring.current().to_owned()),
            birth_date: Set(self.number.birth_date()),
            sex: Set(Some(self.number.sex().into())),
            given_name: Set(keyring.seal(&self.given_name)?),
            family_name: Set(keyring.seal(&self.family_name)?),
            email: Set(keyring.seal_option(self.email.as_deref())?),
            phone: Set(keyring.seal_option(self.phone.as_deref())?),
            locale: Set(self.locale.clone()),
            quiet_from: Set(self.quiet_from.clone()),
            quiet_until: Set(self.quiet_until.clone()),
            last_seen_at: Set(None),
            created_at: Set(act.now),
            contact_set_at: Set(None),
            contact_set_by: Set(None),
        })
    }
}

/// Those of these people who are known, by the hash of their number.
async fn known(act: &Act, people: &[&Checked], lock: Option<LockType>) -> Result<HashMap<Vec<u8>, citizen::Model>> {
    let hashes: Vec<&Vec<u8>> = people.iter().flat_map(|person| &person.hashes).collect();
    let mut found = HashMap::new();
    for chunk in hashes.chunks(BATCH) {
        let mut select = citizen::Entity::find()
            .filter(citizen::Column::IdentityHash.is_in(chunk.iter().map(|hash| (*hash).clone())))
            .order_by_asc(citizen::Column::Id);
        if let Some(lock) = lock
            && act.store.backend() == DatabaseBackend::Postgres
        {
            select = select.lock(lock);
        }
        let rows = select.all(&act.tx).await?;
        found.extend(rows.into_iter().map(|row| (row.identity_hash.clone(), row)));
    }
    Ok(found)
}

/// What of somebody who is known is not as it was written down now, and stays as it is known: a warning each (`KEPT`), at its name
/// below `path`. It says nothing of what is known.
pub(super) fn kept(act: &Act, known: &citizen::Model, new: &Checked, path: &str) -> Result<Vec<UserError>> {
    let keyring = act.store.keyring();
    let is_other = |known: &Sealed, new: &str| -> Result<bool> {
        let known = keyring.open(known)?;
        Ok(known.to_lowercase() != new.to_lowercase())
    };
    let stays = |address: Option<&Sealed>, new: Option<&str>| match (address, new) {
        (_, None) => Ok(false),
        (Some(address), Some(new)) => is_other(address, new),
        (None, Some(_)) => Ok(!is_fillable(known)),
    };
    let name = "Whoever has this number is known by another name, which stays: check that it is the right person.";
    let address = "Another address of this citizen is known, or they want none, and that stays: ask them, and where it is wrong put it right \
                   with correctContactDetails.";
    let fields = [
        ("givenName", is_other(&known.given_name, &new.given_name)?, name),
        ("familyName", is_other(&known.family_name, &new.family_name)?, name),
        ("email", stays(known.email.as_ref(), new.email.as_deref())?, address),
        ("phone", stays(known.phone.as_ref(), new.phone.as_deref())?, address),
    ];
    let kept = fields.into_iter().filter(|(_, stays, _)| *stays);
    Ok(kept
        .map(|(field, _, message)| UserError::new("KEPT", &format!("{path}.{field}"), message))
        .collect())
}

/// Whether addresses that are not known of somebody may be filled in: not once they were said, since one may have been taken away.
fn is_fillable(known: &citizen::Model) -> bool {
    known.contact_set_at.is_none()
}

/// Fills in what was not known of somebody; what is known stays, see [`kept`].
pub(super) async fn fill_in(act: &mut Act, known: citizen::Model, new: &Checked) -> Result<()> {
    act.changed(known.id);
    let keyring = act.store.keyring();
    let no_email = is_fillable(&known) && known.email.is_none();
    let no_phone = is_fillable(&known) && known.phone.is_none();
    let no_subject = known.subject.is_none();
    let no_sex = known.sex.is_none();
    let mut row = known.into_active_model();
    if no_sex {
        row.sex = Set(Some(new.number.sex().into()));
    }
    if no_email && new.email.is_some() {
        row.email = Set(keyring.seal_option(new.email.as_deref())?);
    }
    if no_phone && new.phone.is_some() {
        row.phone = Set(keyring.seal_option(new.phone.as_deref())?);
    }
    if no_subject && new.subject.is_some() {
        row.subject = Set(new.subject.clone());
    }
    if row.is_changed() {
        let is_reached_otherwise = row.email.is_set() || row.phone.is_set();
        let id = row.update(&act.tx).await?.id;
        if is_reached_otherwise {
            act.citizen_changed(id);
        }
    }
    Ok(())
}

/// Notes a request of a citizen. The first after half an hour without one counts as signing in, which happens once in each of
/// their active and paused enrollments; then it gives true.
///
/// # Errors
/// When the database fails.
pub async fn signed_in(act: &mut Act, citizen: Uuid, now: DateTime<Utc>) -> Result<bool> {
    let seen: Option<Option<DateTime<Utc>>> = citizen::Entity::find_by_id(citizen)
        .select_only()
        .column(citizen::Column::LastSeenAt)
        .into_tuple()
        .one(&act.tx)
        .await?;
    let Some(seen) = seen else {
        return Ok(false);
    };
    if seen.is_some_and(|seen| now < seen + IDLE) {
        note(act, citizen, now, now).await?;
        return Ok(false);
    }
    let ids: Vec<Uuid> = enrollment::Entity::find()
        .select_only()
        .column(enrollment::Column::Id)
        .filter(enrollment::Column::CitizenId.eq(citizen))
        .filter(enrollment::Column::Status.is_in([Stored(Status::Active), Stored(Status::Paused)]))
        .into_tuple()
        .all(&act.tx)
        .await?;
    let enrollments = act.enrollments(&ids).await?;
    // Of two requests at once only one is the first.
    if !note(act, citizen, now, now - IDLE).await? {
        return Ok(false);
    }
    let cause = Cause {
        actor: Actor::Citizen(citizen),
        depth: 0,
    };
    for row in enrollments.values() {
        act.happened(row, EventKind::SignedIn, cause, None, None);
    }
    Ok(true)
}

/// Notes that the citizen was here, where they were last seen before or at `not_since`; whether that was so.
async fn note(act: &Act, citizen: Uuid, now: DateTime<Utc>, not_since: DateTime<Utc>) -> Result<bool> {
    let earlier = Condition::any()
        .add(citizen::Column::LastSeenAt.is_null())
        .add(citizen::Column::LastSeenAt.lte(not_since));
    let noted = citizen::Entity::update_many()
        .col_expr(citizen::Column::LastSeenAt, Expr::value(now))
        .filter(citizen::Column::Id.eq(citizen))
        .filter(earlier)
        .exec(&act.tx)
        .await?;
    Ok(noted.rows_affected > 0)
}
