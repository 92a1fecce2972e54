//! Saying when a unit is open.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::escalation;
use crate::{
    act::Act,
    assignment::Role,
    error::{Error, Result, UserError},
    office_hours::Opening,
    store::Hint,
    unit,
    viewer::Who,
};

/// The most opening hours of a unit: three a day.
const MOST_HOURS: usize = 21;
/// The most closed days of a unit: those of a few years.
const MOST_CLOSED_DAYS: usize = 400;

/// Says when a unit is open; gives the unit. What waits for it to open is looked at again.
///
/// Administrators of the unit and of its provider may, and Handrail itself.
///
/// # Errors
/// When the unit is not there or not the viewer's, at `unitId`; `TOO_MANY`; `BAD_INTERVAL` at the hours that do not end after
/// they begin.
pub async fn set(act: &mut Act, unit_id: Uuid, hours: &[Opening], closed_days: &[NaiveDate]) -> Result<Uuid> {
    let unit = unit::Entity::find_by_id(unit_id).one(&act.tx).await?;
    let unit = unit.filter(|unit| may_set(act, unit));
    let unit = unit.ok_or_else(|| UserError::not_found("unitId", "unit"))?;
    let mut errors = Vec::new();
    for (field, given, most) in [
        ("officeHours", hours.len(), MOST_HOURS),
        ("closedDays", closed_days.len(), MOST_CLOSED_DAYS),
    ] {
        if given > most {
            errors.push(UserError::new("TOO_MANY", field, format!("At most {most}, please.")));
        }
    }
    for (place, _) in hours.iter().enumerate().filter(|(_, opening)| !opening.is_forward()) {
        let message = "Opening hours end later the same day; 00:00 is the end of the day.";
        errors.push(UserError::new(
            "BAD_INTERVAL",
            &format!("officeHours.{place}.until"),
            message,
        ));
    }
    if !errors.is_empty() {
        return Err(Error::Refused(errors));
    }
    let hours: BTreeSet<&Opening> = hours.iter().collect();
    let closed_days: BTreeSet<&NaiveDate> = closed_days.iter().collect();
    let written = |error: serde_json::Error| Error::Corrupt(format!("opening hours: {error}"));
    let mut unit = unit.into_active_model();
    unit.office_hours = Set(serde_json::to_value(hours).map_err(written)?);
    unit.closed_days = Set(serde_json::to_value(closed_days).map_err(written)?);
    unit.update(&act.tx).await?;
    escalation::look_again(act, unit_id).await?;
    act.hint(Hint::Directory);
    Ok(unit_id)
}

fn may_set(act: &Act, of: &unit::Model) -> bool {
    match &act.viewer.who {
        Who::System => true,
        Who::Staff {
            unit, provider, roles, ..
        } => {
            (*unit == of.id && roles.contains(&Role::UnitAdministrator))
                || (*provider == of.provider_id && roles.contains(&Role::ProviderAdministrator))
        }
        Who::Citizen { .. } | Who::Guardian { .. } => false,
    }
}
