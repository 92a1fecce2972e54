//! Citizens: registering them, and noting that they were here.

use chrono::{DateTime, Duration, Utc};
use rules::facts::{Sex, Status};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::{
    act::{Act, Cause},
    citizen, enrollment,
    error::{Error, Result, UserError},
    event::EventKind,
    identity::IdentityNumber,
    input::{self, Complaints},
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

/// The language of those of whom nothing else is known.
pub const DEFAULT_LOCALE: &str = "sv";

/// After how long without a request the next one counts as signing in.
pub const IDLE: Duration = Duration::minutes(30);

/// Finds the citizen by identity number, or makes them. Of somebody who is known only what is missing is filled in: nobody
/// overwrites what another unit or the citizen wrote.
///
/// # Errors
/// When a field is refused, at its name below `path`; when the viewer may not administer.
pub async fn register(act: &mut Act, new: &NewCitizen, path: &str) -> Result<Uuid> {
    if !act.viewer.may(Permission::Administer) {
        return Err(UserError::not_found(path, "citizen").into());
    }
    let at = |field: &str| {
        if path.is_empty() {
            field.to_owned()
        } else {
            format!("{path}.{field}")
        }
    };
    let today = rules::zone::local_day(enrollment::DEFAULT_ZONE, act.now);
    let mut complaints = Complaints::default();
    let number = identity_number(
        &mut complaints,
        &new.personal_identity_number,
        today,
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
    complaints.refuse()?;
    let Some(number) = number else {
        return Err(UserError::new("REQUIRED", &at("personalIdentityNumber"), "This must be filled in.").into());
    };
    let subject = new.subject.clone().filter(|_| act.viewer.who == Who::System);

    let keyring = act.store.keyring();
    let email = keyring.seal_option(email.as_deref())?;
    let phone = keyring.seal_option(phone.as_deref())?;
    let hashes = keyring.hashes(number.digits())?;
    if let Some(known) = known(act, &hashes).await? {
        return fill_in(act, known, number.sex(), email, phone, subject).await;
    }
    let row = citizen::ActiveModel {
        id: Set(act.id()),
        subject: Set(subject.clone()),
        identity_hash: Set(keyring.hash(keyring.current(), number.digits())?),
        identity_sealed: Set(keyring.seal(number.digits())?),
        identity_key: Set(keyring.current().to_owned()),
        birth_date: Set(number.birth_date()),
        sex: Set(Some(number.sex().into())),
        given_name: Set(keyring.seal(&given_name)?),
        family_name: Set(keyring.seal(&family_name)?),
        email: Set(email.clone()),
        phone: Set(phone.clone()),
        locale: Set(locale),
        quiet_from: Set(quiet_from),
        quiet_until: Set(quiet_until),
        last_seen_at: Set(None),
        created_at: Set(act.now),
    };
    // Somebody else may be registering the same person at this moment: then theirs is taken.
    citizen::Entity::insert(row)
        .on_conflict(
            OnConflict::column(citizen::Column::IdentityHash)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&act.tx)
        .await?;
    let known = known(act, &hashes).await?;
    let known = known.ok_or_else(|| Error::Corrupt("a citizen who was just written is missing".into()))?;
    fill_in(act, known, number.sex(), email, phone, subject).await
}

/// Reads an identity number, adding what is wrong with it.
pub(super) fn identity_number(
    complaints: &mut Complaints,
    text: &str,
    today: chrono::NaiveDate,
    path: &str,
) -> Option<IdentityNumber> {
    match IdentityNumber::parse(text, today) {
        Ok(number) => Some(number),
        Err(error) => {
            complaints.add(UserError::new("BAD_IDENTITY_NUMBER", path, error.message));
            None
        }
    }
}

async fn known(act: &Act, hashes: &[Vec<u8>]) -> Result<Option<citizen::Model>> {
    let found = citizen::Entity::find().filter(citizen::Column::IdentityHash.is_in(hashes.iter().cloned()));
    Ok(found.one(&act.tx).await?)
}

async fn fill_in(
    act: &mut Act,
    known: citizen::Model,
    sex: Sex,
    email: Option<crate::seal::Sealed>,
    phone: Option<crate::seal::Sealed>,
    subject: Option<String>,
) -> Result<Uuid> {
    let id = known.id;
    act.changed(id);
    let (no_email, no_phone, no_subject) = (known.email.is_none(), known.phone.is_none(), known.subject.is_none());
    let no_sex = known.sex.is_none();
    let mut row = known.into_active_model();
    if no_sex {
        row.sex = Set(Some(sex.into()));
    }
    if no_email && email.is_some() {
        row.email = Set(email);
    }
    if no_phone && phone.is_some() {
        row.phone = Set(phone);
    }
    if no_subject && subject.is_some() {
        row.subject = Set(subject);
    }
    if row.is_changed() {
        row.update(&act.tx).await?;
    }
    Ok(id)
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
