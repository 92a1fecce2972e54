//! Providers, units, staff and their assignments.

use chrono::{DateTime, Utc};
use rules::text::Text;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
};
use uuid::Uuid;

use crate::{
    act::Act,
    assignment::{self, Role},
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

/// An assignment to be made.
#[derive(Clone, Debug)]
pub struct NewAssignment {
    /// The staff member.
    pub staff_id: Uuid,
    /// The unit; every unit of the staff member's provider where absent.
    pub unit_id: Option<Uuid>,
    /// The role.
    pub role: Role,
    /// From when; now where absent.
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when; open where absent.
    pub valid_until: Option<DateTime<Utc>>,
}

/// Makes a care provider. Only Handrail itself may.
///
/// # Errors
/// When the name is refused, at `name`.
pub async fn create_provider(act: &mut Act, name: &str) -> Result<Uuid> {
    if act.viewer.who != Who::System {
        return Err(UserError::not_allowed("Care providers are made by whoever runs Handrail.").into());
    }
    let id = act.id();
    care_provider::ActiveModel {
        id: Set(id),
        name: Set(input::name(name, "name")?),
        created_at: Set(act.now),
    }
    .insert(&act.tx)
    .await?;
    Ok(id)
}

/// Gives a care provider another name. Only Handrail itself may.
///
/// # Errors
/// When the provider is not there, or the name is refused, at `name`.
pub async fn rename_provider(act: &mut Act, id: Uuid, name: &str) -> Result<()> {
    if act.viewer.who != Who::System {
        return Err(UserError::not_allowed("Care providers are renamed by whoever runs Handrail.").into());
    }
    let provider = care_provider::Entity::find_by_id(id).one(&act.tx).await?;
    let provider = provider.ok_or_else(|| UserError::not_found("providerId", "care provider"))?;
    let mut provider = provider.into_active_model();
    provider.name = Set(input::name(name, "name")?);
    provider.update(&act.tx).await?;
    Ok(())
}

/// Makes a unit.
///
/// # Errors
/// When the provider is not there or not the viewer's, or a field is refused.
pub async fn create_unit(act: &mut Act, unit: NewUnit) -> Result<Uuid> {
    provider(act, unit.provider_id).await?;
    let mut complaints = Complaints::default();
    let name = complaints.take(input::name(&unit.name, "name"));
    let phone = complaints.take(input::phone(unit.phone.as_deref(), "phone"));
    let zone = match &unit.zone {
        Some(zone) => complaints.take(input::zone(zone, "zone")),
        None => DEFAULT_ZONE,
    };
    complaints.refuse()?;

    let id = act.id();
    let opening_hours = serde_json::to_value(&unit.opening_hours).map_err(|error| Error::Corrupt(error.to_string()))?;
    unit::ActiveModel {
        id: Set(id),
        provider_id: Set(unit.provider_id),
        name: Set(name),
        phone: Set(phone),
        opening_hours: Set(opening_hours),
        zone: Set(zone.name().to_owned()),
        office_hours: Set(serde_json::json!([])),
        closed_days: Set(serde_json::json!([])),
        created_at: Set(act.now),
    }
    .insert(&act.tx)
    .await?;
    act.hint(Hint::Directory);
    Ok(id)
}

/// Makes a staff member.
///
/// # Errors
/// When the provider is not there or not the viewer's, a field is refused, or the subject is taken (`TAKEN`).
pub async fn create_staff(act: &mut Act, staff: NewStaff) -> Result<Uuid> {
    provider(act, staff.provider_id).await?;
    let mut complaints = Complaints::default();
    let subject = complaints.take(input::name(&staff.subject, "subject"));
    let display_name = complaints.take(input::name(&staff.display_name, "displayName"));
    let title = staff
        .title
        .as_deref()
        .map(|title| complaints.take(input::name(title, "title")));
    let email = complaints.take(input::email(staff.email.as_deref(), "email"));
    let taken = staff::Entity::find().filter(staff::Column::Subject.eq(subject.as_str()));
    if taken.count(&act.tx).await? > 0 {
        complaints.add(UserError::new(
            "TAKEN",
            "subject",
            "Somebody else signs in with this subject.",
        ));
    }
    complaints.refuse()?;

    let id = act.id();
    staff::ActiveModel {
        id: Set(id),
        provider_id: Set(staff.provider_id),
        subject: Set(subject),
        display_name: Set(display_name),
        title: Set(title),
        email: Set(act.store.keyring().seal_option(email.as_deref())?),
        created_at: Set(act.now),
    }
    .insert(&act.tx)
    .await?;
    act.hint(Hint::Directory);
    Ok(id)
}

/// Gives a staff member a role.
///
/// # Errors
/// When the staff member or the unit is not there or not of the viewer's provider, or the times are the wrong way round.
pub async fn assign(act: &mut Act, assignment: NewAssignment) -> Result<Uuid> {
    let member = staff::Entity::find_by_id(assignment.staff_id).one(&act.tx).await?;
    let member = member.filter(|member| may_administer(act, member.provider_id));
    let member = member.ok_or_else(|| UserError::not_found("staffId", "staff member"))?;
    if let Some(unit) = assignment.unit_id {
        let unit = unit::Entity::find_by_id(unit).one(&act.tx).await?;
        if unit.is_none_or(|unit| unit.provider_id != member.provider_id) {
            return Err(UserError::not_found("unitId", "unit").into());
        }
    }
    let valid_from = assignment.valid_from.unwrap_or(act.now);
    if assignment.valid_until.is_some_and(|until| until <= valid_from) {
        return Err(UserError::new("BAD_INTERVAL", "validUntil", "An assignment must end after it begins.").into());
    }
    let id = act.id();
    assignment::ActiveModel {
        id: Set(id),
        staff_id: Set(member.id),
        provider_id: Set(member.provider_id),
        unit_id: Set(assignment.unit_id),
        role: Set(assignment.role.into()),
        valid_from: Set(valid_from),
        valid_until: Set(assignment.valid_until),
    }
    .insert(&act.tx)
    .await?;
    act.hint(Hint::Directory);
    Ok(id)
}

/// Handrail itself and the administrators of the provider.
fn may_administer(act: &Act, provider: Uuid) -> bool {
    match &act.viewer.who {
        Who::System => true,
        Who::Staff {
            provider: own, roles, ..
        } => *own == provider && roles.contains(&Role::ProviderAdministrator),
        _ => false,
    }
}

async fn provider(act: &Act, id: Uuid) -> Result<()> {
    let found = care_provider::Entity::find_by_id(id).one(&act.tx).await?;
    match found {
        Some(_) if may_administer(act, id) => Ok(()),
        _ => Err(UserError::not_found("providerId", "care provider").into()),
    }
}
