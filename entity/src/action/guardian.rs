//! Guardians (ombud) and for whom they act.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, sea_query::Expr,
};
use uuid::Uuid;

use super::citizen::identity_number;
use crate::{
    act::Act,
    citizen::{self, DEFAULT_LOCALE},
    error::{Result, UserError},
    guardian, guardianship,
    input::{self, Complaints},
    viewer::Who,
};

/// A guardian as somebody writes them down.
#[derive(Clone, Default)]
pub struct NewGuardian {
    /// The personal identity or co-ordination number.
    pub personal_identity_number: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The language, a BCP 47 tag; `sv` where absent.
    pub locale: Option<String>,
    /// The `sub` of the sign-in tokens, where it is known beforehand.
    pub subject: Option<String>,
}

/// Finds the guardian by identity number, or makes them. Only Handrail itself may.
///
/// # Errors
/// When a field is refused.
pub async fn register(act: &mut Act, new: &NewGuardian) -> Result<Uuid> {
    only_handrail(act)?;
    let mut complaints = Complaints::default();
    let number = identity_number(
        &mut complaints,
        &new.personal_identity_number,
        act.now,
        "personalIdentityNumber",
    );
    let given_name = complaints.take(input::name(&new.given_name, "givenName"));
    let family_name = complaints.take(input::name(&new.family_name, "familyName"));
    let locale = complaints.take(input::locale(new.locale.as_deref().unwrap_or(DEFAULT_LOCALE), "locale"));
    complaints.refuse()?;
    let Some(number) = number else {
        return Err(UserError::new("REQUIRED", "personalIdentityNumber", "This must be filled in.").into());
    };

    let keyring = act.store.keyring();
    let hashes = keyring.hashes(number.digits())?;
    let known = guardian::Entity::find().filter(guardian::Column::IdentityHash.is_in(hashes));
    if let Some(known) = known.one(&act.tx).await? {
        return Ok(known.id);
    }
    let id = act.id();
    guardian::ActiveModel {
        id: Set(id),
        subject: Set(new.subject.clone()),
        identity_hash: Set(keyring.hash(keyring.current(), number.digits())?),
        identity_sealed: Set(keyring.seal(number.digits())?),
        identity_key: Set(keyring.current().to_owned()),
        given_name: Set(keyring.seal(&given_name)?),
        family_name: Set(keyring.seal(&family_name)?),
        locale: Set(locale),
        created_at: Set(act.now),
    }
    .insert(&act.tx)
    .await?;
    Ok(id)
}

/// Lets a guardian act for a citizen from now on, until an instant where one is given; nothing happens where they do already.
/// Only Handrail itself may.
///
/// # Errors
/// When one of them is not there.
pub async fn entrust(act: &mut Act, guardian: Uuid, citizen: Uuid, until: Option<DateTime<Utc>>) -> Result<()> {
    only_handrail(act)?;
    if guardian::Entity::find_by_id(guardian).count(&act.tx).await? == 0 {
        return Err(UserError::not_found("guardianId", "guardian").into());
    }
    if citizen::Entity::find_by_id(citizen).count(&act.tx).await? == 0 {
        return Err(UserError::not_found("citizenId", "citizen").into());
    }
    let now = guardianship::Entity::find()
        .filter(guardianship::Column::GuardianId.eq(guardian))
        .filter(guardianship::Column::CitizenId.eq(citizen))
        .filter(guardianship::holds(act.now));
    if now.count(&act.tx).await? > 0 {
        return Ok(());
    }
    act.changed(citizen);
    guardianship::ActiveModel {
        guardian_id: Set(guardian),
        citizen_id: Set(citizen),
        valid_from: Set(act.now),
        valid_until: Set(until),
    }
    .insert(&act.tx)
    .await?;
    Ok(())
}

/// Ends it now. Only Handrail itself may.
///
/// # Errors
/// When the database fails.
pub async fn release(act: &mut Act, guardian: Uuid, citizen: Uuid) -> Result<()> {
    only_handrail(act)?;
    act.changed(citizen);
    guardianship::Entity::update_many()
        .col_expr(guardianship::Column::ValidUntil, Expr::value(act.now))
        .filter(guardianship::Column::GuardianId.eq(guardian))
        .filter(guardianship::Column::CitizenId.eq(citizen))
        .filter(guardianship::holds(act.now))
        .exec(&act.tx)
        .await?;
    Ok(())
}

fn only_handrail(act: &Act) -> Result<()> {
    if act.viewer.who == Who::System {
        return Ok(());
    }
    Err(UserError::not_allowed("Guardians are registered by whoever runs Handrail.").into())
}
