//! Connecting units of a care provider: with accepted terms, under a name, until they are disconnected.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use rules::{facts::Status, text::Text};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseBackend, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QuerySelect, sea_query::LockType,
};
use uuid::Uuid;

use super::{
    care::{self, NewUnit},
    office_hours, open_program,
    unit_contact::{self, UnitContact},
};
use crate::{
    accepted_terms,
    act::Act,
    administration_log::{self, AdministrationAct, Entry},
    care_provider, enrollment,
    error::{Error, Result, UserError},
    input::{self, Complaints},
    office_hours::OpenHours,
    store::Hint,
    stored::Stored,
    unit,
    viewer::Who,
};

/// Terms that were accepted, and by whom.
#[derive(Clone, Debug)]
pub struct NewTerms {
    /// Which version, as whoever runs Handrail calls it.
    pub version: String,
    /// The name of who signed.
    pub signed_by: String,
    /// The title of who signed.
    pub signer_title: Option<String>,
    /// When they signed; now where absent.
    pub signed_at: Option<DateTime<Utc>>,
}

/// A unit to be connected.
#[derive(Clone, Debug)]
pub struct ConnectUnit {
    /// What it is called.
    pub name: String,
    /// The IANA time zone; `Europe/Stockholm` where absent.
    pub zone: Option<String>,
    /// The terms that were accepted for it.
    pub terms: NewTerms,
    /// How it is reached; its unit is the new one.
    pub contact: UnitContact,
    /// When it is open every week; always, where empty.
    pub office_hours: Vec<OpenHours>,
    /// The local dates on which it is closed all the same.
    pub closed_days: Vec<NaiveDate>,
}

/// Connects a unit of the viewer's care provider; gives it. Administrators of the provider may.
///
/// # Errors
/// `NOT_ALLOWED` for everybody else; at `name` `TAKEN` where a connected unit of the provider is called so, or as
/// [`input::name`]; `BAD_TIME_ZONE` at `timeZone`; as [`accept_terms`] below `terms`, as [`unit_contact::set`] and [`office_hours::set`].
pub async fn connect(act: &mut Act, wanted: ConnectUnit) -> Result<Uuid> {
    let Who::Staff { provider, .. } = act.viewer.who else {
        return Err(not_administrator());
    };
    if !act.viewer.administers_provider(provider) {
        return Err(not_administrator());
    }
    hold_provider(act, provider).await?;
    let new = NewUnit {
        provider_id: provider,
        name: wanted.name,
        phone: None,
        opening_hours: Text::default(),
        zone: wanted.zone,
    };
    // All that is wrong is told at once, before anything is made.
    let mut complaints = Complaints::default();
    complaints.note(must_be_free(act, provider, &new.name, "name", None).await)?;
    new.checked(&mut complaints);
    let mut of_terms = Complaints::default();
    wanted.terms.checked(&mut of_terms, act.now);
    complaints.note(of_terms.refuse().map_err(|error| error.within("terms")))?;
    wanted.contact.checked(&mut complaints);
    office_hours::check(&mut complaints, &wanted.office_hours, &wanted.closed_days);
    complaints.refuse()?;
    let id = care::create_unit(act, new).await?;
    accept_terms(act, id, &wanted.terms).await?;
    let contact = UnitContact {
        unit_id: id,
        ..wanted.contact
    };
    unit_contact::set(act, &contact).await?;
    office_hours::set(act, id, &wanted.office_hours, &wanted.closed_days).await?;
    Ok(id)
}

/// Terms that make sense.
struct Signed {
    version: String,
    signed_by: String,
    signer_title: Option<String>,
    signed_at: DateTime<Utc>,
}

impl NewTerms {
    fn checked(&self, complaints: &mut Complaints, now: DateTime<Utc>) -> Signed {
        let signed_at = self.signed_at.unwrap_or(now).trunc_subsecs(6);
        if signed_at > now {
            let message = "This is when the terms were signed: it cannot be later than now.";
            complaints.add(UserError::new("IN_THE_FUTURE", "signedAt", message));
        }
        let signer_title = self.signer_title.as_deref();
        Signed {
            version: complaints.take(input::name(&self.version, "version")),
            signed_by: complaints.take(input::name(&self.signed_by, "signedBy")),
            signer_title: signer_title.map(|title| complaints.take(input::name(title, "signerTitle"))),
            signed_at,
        }
    }
}

/// Writes down that a version of the terms was accepted for a unit; gives the unit. What was accepted before stays written down.
/// Administrators of the provider may, and Handrail itself.
///
/// # Errors
/// `NOT_FOUND` at `unitId`; `ALREADY_ACCEPTED` at `version`; `IN_THE_FUTURE` at `signedAt`; `REQUIRED` or `TOO_LONG` at `version`,
/// `signedBy` or `signerTitle`.
pub async fn accept_terms(act: &mut Act, unit_id: Uuid, terms: &NewTerms) -> Result<Uuid> {
    let unit = administered(act, unit_id).await?;
    let mut complaints = Complaints::default();
    let Signed {
        version,
        signed_by,
        signer_title,
        signed_at,
    } = terms.checked(&mut complaints, act.now);
    let known = accepted_terms::Entity::find()
        .filter(accepted_terms::Column::UnitId.eq(unit_id))
        .filter(accepted_terms::Column::Version.eq(version.as_str()));
    if known.count(&act.tx).await? > 0 {
        let message = "This version was accepted for the unit before.";
        complaints.add(UserError::new("ALREADY_ACCEPTED", "version", message));
    }
    complaints.refuse()?;
    let row = accepted_terms::Model {
        id: act.id(),
        unit_id,
        version: version.clone(),
        signed_by: act.store.keyring().seal(&signed_by)?,
        signer_title: act.store.keyring().seal_option(signer_title.as_deref())?,
        signed_at,
        accepted_at: act.now,
        actor: act.viewer.actor().into(),
    };
    act.insert::<accepted_terms::Entity>(&[row]).await?;
    let details = vec![
        ("version", Some(version)),
        ("signedBy", Some(signed_by)),
        ("signerTitle", signer_title),
        ("signedAt", Some(administration_log::instant(signed_at))),
    ];
    log(act, &unit, AdministrationAct::TermsAccepted, details).await?;
    Ok(unit_id)
}

/// Gives a unit another name; gives the unit. Administrators of the provider may, and Handrail itself.
///
/// # Errors
/// `NOT_FOUND` at `unitId`; at `name` as [`connect`].
pub async fn rename(act: &mut Act, unit_id: Uuid, name: &str) -> Result<Uuid> {
    let unit = administered(act, unit_id).await?;
    let name = input::name(name, "name")?;
    if name == unit.name {
        return Ok(unit_id);
    }
    must_be_free(act, unit.provider_id, &name, "name", Some(unit_id)).await?;
    let details = vec![("name", Some(name.clone())), ("nameBefore", Some(unit.name.clone()))];
    log(act, &unit, AdministrationAct::UnitRenamed, details).await?;
    let mut row = unit.into_active_model();
    row.name = Set(name);
    row.update(&act.tx).await?;
    act.hint(Hint::Directory);
    act.unit_changed(unit_id);
    Ok(unit_id)
}

/// Disconnects a unit where no enrollment is running; gives it. Nobody can be enrolled there any more, by staff, by themselves or
/// by transfer, and its open programs are closed. What is there stays: its staff read it until their assignments end.
/// Administrators of the provider may, and Handrail itself.
///
/// Whoever enrolls somebody holds the unit ([`held`]), so that none is running, or begun at this moment, when it is disconnected.
///
/// # Errors
/// At `unitId` `NOT_FOUND`, `UNIT_DISCONNECTED` where it is already, and `ENROLLMENTS_RUNNING`; as [`input::note`] at `reason`.
pub async fn disconnect(act: &mut Act, unit_id: Uuid, reason: Option<&str>) -> Result<Uuid> {
    let unit = administered(act, unit_id).await?;
    unit.must_be_connected("unitId")?;
    let reason = input::note(reason, "reason")?;
    lock(act, unit_id, LockType::Update).await?;
    let over = [Status::Completed, Status::Withdrawn].map(Stored);
    let running = enrollment::Entity::find()
        .filter(enrollment::Column::UnitId.eq(unit_id))
        .filter(enrollment::Column::Status.is_not_in(over));
    if running.count(&act.tx).await? > 0 {
        let message = "There are enrollments at this unit that have not ended: end or transfer them first.";
        return Err(UserError::new("ENROLLMENTS_RUNNING", "unitId", message).into());
    }
    open_program::close_all(act, &unit).await?;
    log(
        act,
        &unit,
        AdministrationAct::UnitDisconnected,
        vec![("reason", reason)],
    )
    .await?;
    let mut row = unit.into_active_model();
    row.disconnected_at = Set(Some(act.now));
    row.update(&act.tx).await?;
    act.hint(Hint::Directory);
    Ok(unit_id)
}

/// Connects a disconnected unit again; gives it. Its programs are not opened again by that. Who may: see [`disconnect`].
///
/// # Errors
/// At `unitId` `NOT_FOUND`, `UNIT_CONNECTED` where it is connected, and `TAKEN` where another unit is called so by now.
pub async fn reconnect(act: &mut Act, unit_id: Uuid) -> Result<Uuid> {
    let unit = administered(act, unit_id).await?;
    if unit.disconnected_at.is_none() {
        return Err(UserError::new("UNIT_CONNECTED", "unitId", "This unit is connected.").into());
    }
    must_be_free(act, unit.provider_id, &unit.name, "unitId", Some(unit_id)).await?;
    log(act, &unit, AdministrationAct::UnitReconnected, Vec::new()).await?;
    let mut row = unit.into_active_model();
    row.disconnected_at = Set(None);
    row.update(&act.tx).await?;
    act.hint(Hint::Directory);
    Ok(unit_id)
}

fn not_administrator() -> Error {
    UserError::not_allowed("Administrators of the care provider connect units.").into()
}

/// The unit, where the viewer looks after its provider. Nobody else administers the provider meanwhile.
async fn administered(act: &Act, id: Uuid) -> Result<unit::Model> {
    let find = || unit::Entity::find_by_id(id).one(&act.tx);
    let not_found = || UserError::not_found("unitId", "unit");
    let seen = find()
        .await?
        .filter(|unit| act.viewer.administers_provider(unit.provider_id));
    hold_provider(act, seen.ok_or_else(not_found)?.provider_id).await?;
    Ok(find().await?.ok_or_else(not_found)?)
}

/// Keeps others from administering a provider until the end of the unit of work, so that what is checked stays so.
pub(super) async fn hold_provider(act: &Act, provider: Uuid) -> Result<()> {
    if act.store.backend() == DatabaseBackend::Postgres {
        let held = care_provider::Entity::find_by_id(provider).lock(LockType::NoKeyUpdate);
        held.one(&act.tx).await?;
    }
    Ok(())
}

/// A unit as it is now: it is not disconnected before the end of the unit of work.
pub(super) async fn held(act: &Act, id: Uuid) -> Result<Option<unit::Model>> {
    lock(act, id, LockType::KeyShare).await
}

async fn lock(act: &Act, id: Uuid, how: LockType) -> Result<Option<unit::Model>> {
    let mut unit = unit::Entity::find_by_id(id);
    if act.store.backend() == DatabaseBackend::Postgres {
        unit = unit.lock(how);
    }
    Ok(unit.one(&act.tx).await?)
}

/// Refuses a name that another connected unit of the provider has.
async fn must_be_free(act: &Act, provider: Uuid, name: &str, path: &str, except: Option<Uuid>) -> Result<()> {
    let units = unit::Entity::find()
        .filter(unit::Column::ProviderId.eq(provider))
        .filter(unit::Column::DisconnectedAt.is_null());
    let name = name.trim().to_lowercase();
    let units = units.all(&act.tx).await?;
    let mut others = units.iter().filter(|unit| Some(unit.id) != except);
    if others.any(|unit| unit.name.to_lowercase() == name) {
        let message = "Another unit of the care provider is called so: people must tell them apart.";
        return Err(UserError::new("TAKEN", path, message).into());
    }
    Ok(())
}

async fn log(
    act: &Act,
    unit: &unit::Model,
    what: AdministrationAct,
    details: Vec<(&'static str, Option<String>)>,
) -> Result<()> {
    administration_log::write(act, Entry::of_unit(what, unit, details)).await
}
