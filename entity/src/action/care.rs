//! Providers, units and staff.

use chrono_tz::Tz;
use rules::text::Text;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseBackend, EntityTrait, IntoActiveModel,
    QueryFilter, sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{
    act::Act,
    administration_log::{self, AdministrationAct, Entry},
    care_provider,
    enrollment::DEFAULT_ZONE,
    error::{Error, Result, UserError},
    input::{self, Complaints},
    staff,
    store::Hint,
    unit,
    viewer::Who,
};

/// A unit to be made.
#[derive(Clone, Debug, Default)]
pub struct NewUnit {
    /// The care provider.
    pub provider_id: Uuid,
    /// What it is called.
    pub name: String,
    /// The phone number.
    pub phone: Option<String>,
    /// Opening hours in words, by language.
    pub opening_hours: Text,
    /// The IANA time zone; `Europe/Stockholm` where absent.
    pub zone: Option<String>,
}

impl NewUnit {
    /// Its name, phone number and zone, with complaints about what does not make sense.
    pub(super) fn checked(&self, complaints: &mut Complaints) -> (String, Option<String>, Tz) {
        let name = complaints.take(input::name(&self.name, "name"));
        let phone = complaints.take(input::phone(self.phone.as_deref(), "phone"));
        let zone = match &self.zone {
            Some(zone) => complaints.take(input::zone(zone, "timeZone")),
            None => DEFAULT_ZONE,
        };
        (name, phone, zone)
    }
}

/// A staff member to be made.
#[derive(Clone, Debug, Default)]
pub struct NewStaff {
    /// The care provider.
    pub provider_id: Uuid,
    /// The `sub` of the sign-in tokens.
    pub subject: String,
    /// What the person is called.
    pub display_name: String,
    /// A title, e.g. "Psykolog".
    pub title: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}

/// Makes a care provider. Only Handrail itself may.
///
/// # Errors
/// When the name is refused, or taken (`TAKEN`), at `name`.
pub async fn create_provider(act: &mut Act, name: &str) -> Result<Uuid> {
    if act.viewer.who != Who::System {
        return Err(UserError::not_allowed("Care providers are made by whoever runs Handrail.").into());
    }
    let id = act.id();
    let name = input::name(name, "name")?;
    name_must_be_free(act, &name, None).await?;
    care_provider::ActiveModel {
        id: Set(id),
        name: Set(name.clone()),
        created_at: Set(act.now),
    }
    .insert(&act.tx)
    .await?;
    let entry = Entry::of_provider(AdministrationAct::ProviderConnected, id, vec![("name", Some(name))]);
    administration_log::write(act, entry).await?;
    Ok(id)
}

/// Gives a care provider another name; gives the provider. Its administrators may, and Handrail itself.
///
/// # Errors
/// `NOT_FOUND` at `providerId`; at `name` `TAKEN`, or as [`input::name`].
pub async fn rename_provider(act: &mut Act, id: Uuid, name: &str) -> Result<Uuid> {
    provider(act, id).await?;
    let name = input::name(name, "name")?;
    name_must_be_free(act, &name, Some(id)).await?;
    // Nobody else names it from here on.
    let provider = provider(act, id).await?;
    if name == provider.name {
        return Ok(id);
    }
    let details = vec![
        ("name", Some(name.clone())),
        ("nameBefore", Some(provider.name.clone())),
    ];
    let mut provider = provider.into_active_model();
    provider.name = Set(name);
    provider.update(&act.tx).await?;
    administration_log::write(act, Entry::of_provider(AdministrationAct::ProviderRenamed, id, details)).await?;
    Ok(id)
}

/// Refuses a name that another care provider has. Nobody else names one until the end of the unit of work.
async fn name_must_be_free(act: &Act, name: &str, except: Option<Uuid>) -> Result<()> {
    if act.store.backend() == DatabaseBackend::Postgres {
        let hold = "lock table care_provider in share row exclusive mode";
        act.tx.execute_unprepared(hold).await?;
    }
    let name = name.to_lowercase();
    let others = care_provider::Entity::find().all(&act.tx).await?;
    let mut others = others.iter().filter(|other| Some(other.id) != except);
    if others.any(|other| other.name.to_lowercase() == name) {
        let message = "There is a care provider of this name already.";
        return Err(UserError::new("TAKEN", "name", message).into());
    }
    Ok(())
}

/// Makes a unit.
///
/// # Errors
/// When the provider is not there or not the viewer's, or a field is refused.
pub async fn create_unit(act: &mut Act, unit: NewUnit) -> Result<Uuid> {
    provider(act, unit.provider_id).await?;
    let mut complaints = Complaints::default();
    let (name, phone, zone) = unit.checked(&mut complaints);
    complaints.refuse()?;

    let id = act.id();
    let opening_hours = serde_json::to_value(&unit.opening_hours).map_err(|error| Error::Corrupt(error.to_string()))?;
    unit::ActiveModel {
        id: Set(id),
        provider_id: Set(unit.provider_id),
        name: Set(name.clone()),
        phone: Set(phone),
        opening_hours: Set(opening_hours),
        zone: Set(zone.name().to_owned()),
        office_hours: Set(serde_json::json!([])),
        closed_days: Set(serde_json::json!([])),
        phones: Set(serde_json::json!([])),
        emergency: Set(serde_json::json!({})),
        answer_within: Set(None),
        disconnected_at: Set(None),
        created_at: Set(act.now),
    }
    .insert(&act.tx)
    .await?;
    let entry = Entry {
        unit: Some(id),
        ..Entry::of_provider(
            AdministrationAct::UnitConnected,
            unit.provider_id,
            vec![("name", Some(name))],
        )
    };
    administration_log::write(act, entry).await?;
    act.hint(Hint::Directory);
    Ok(id)
}

/// Makes a staff member.
///
/// # Errors
/// When the provider is not there or not the viewer's, a field is refused, or the subject is taken (`TAKEN`).
pub async fn create_staff(act: &mut Act, staff: NewStaff) -> Result<Uuid> {
    provider(act, staff.provider_id).await?;
    add_staff(act, staff).await
}

/// As [`create_staff`], of a provider at which the viewer may invite.
pub(super) async fn add_staff(act: &mut Act, staff: NewStaff) -> Result<Uuid> {
    let mut complaints = Complaints::default();
    let subject = complaints.take(input::name(&staff.subject, "subject"));
    let display_name = complaints.take(input::name(&staff.display_name, "displayName"));
    let title = staff
        .title
        .as_deref()
        .map(|title| complaints.take(input::name(title, "title")));
    let email = complaints.take(input::email(staff.email.as_deref(), "email"));
    complaints.note(subject_must_be_free(act, &subject, staff.provider_id).await)?;
    complaints.refuse()?;

    let id = act.id();
    let row = staff::ActiveModel {
        id: Set(id),
        provider_id: Set(staff.provider_id),
        subject: Set(subject.clone()),
        display_name: Set(display_name),
        title: Set(title),
        email: Set(act.store.keyring().seal_option(email.as_deref())?),
        created_at: Set(act.now),
        locale: Set(None),
    };
    // Somebody may be adding them at this moment.
    let added = staff::Entity::insert(row)
        .on_conflict(OnConflict::column(staff::Column::Subject).do_nothing().to_owned())
        .exec_without_returning(&act.tx)
        .await?;
    if added == 0 {
        subject_must_be_free(act, &subject, staff.provider_id).await?;
        return Err(Error::Corrupt("a subject is taken and by nobody".to_owned()));
    }
    let details = vec![("subject", Some(subject))];
    let entry = Entry::of_staff(AdministrationAct::StaffAdded, staff.provider_id, id, details);
    administration_log::write(act, entry).await?;
    act.hint(Hint::Directory);
    Ok(id)
}

/// Refuses a subject that somebody else signs in with.
async fn subject_must_be_free(act: &Act, subject: &str, provider: Uuid) -> Result<()> {
    let same = staff::Entity::find().filter(staff::Column::Subject.eq(subject));
    let Some(other) = same.one(&act.tx).await? else {
        return Ok(());
    };
    let is_known = act.viewer.who == Who::System || other.provider_id == provider;
    Err(Error::from(match is_known {
        true => UserError::new("TAKEN", "subject", "Somebody else signs in with this subject."),
        // Who works for another care provider is told to nobody.
        false => {
            let message = "Nobody can be added with this subject: ask whoever runs Handrail.";
            UserError::new("NOT_ALLOWED", "subject", message)
        }
    }))
}

/// The care provider, where the viewer looks after it.
async fn provider(act: &Act, id: Uuid) -> Result<care_provider::Model> {
    let found = care_provider::Entity::find_by_id(id).one(&act.tx).await?;
    let found = found.filter(|_| act.viewer.administers_provider(id));
    Ok(found.ok_or_else(|| UserError::not_found("providerId", "care provider"))?)
}
