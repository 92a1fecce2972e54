//! Saying when a unit is open.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::escalation;
use crate::{
    act::Act,
    administration_log::{self, AdministrationAct, Entry},
    error::{Error, Result, UserError},
    input::Complaints,
    office_hours::OpenHours,
    store::Hint,
    unit,
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
pub async fn set(act: &mut Act, unit_id: Uuid, hours: &[OpenHours], closed_days: &[NaiveDate]) -> Result<Uuid> {
    let unit = unit::Entity::find_by_id(unit_id).one(&act.tx).await?;
    let unit = unit.filter(|unit| act.viewer.administers_unit(unit));
    let unit = unit.ok_or_else(|| UserError::not_found("unitId", "unit"))?;
    let mut complaints = Complaints::default();
    check(&mut complaints, hours, closed_days);
    complaints.refuse()?;
    let hours: BTreeSet<&OpenHours> = hours.iter().collect();
    let closed_days: BTreeSet<&NaiveDate> = closed_days.iter().collect();
    let written = |error: serde_json::Error| Error::Corrupt(format!("opening hours: {error}"));
    let hours = serde_json::to_value(hours).map_err(written)?;
    let closed_days = serde_json::to_value(closed_days).map_err(written)?;
    if hours == unit.office_hours && closed_days == unit.closed_days {
        return Ok(unit_id);
    }
    let details = vec![
        ("officeHours", Some(hours.to_string())),
        ("closedDays", Some(closed_days.to_string())),
    ];
    administration_log::write(
        act,
        Entry::of_unit(AdministrationAct::OfficeHoursChanged, &unit, details),
    )
    .await?;
    let mut unit = unit.into_active_model();
    unit.office_hours = Set(hours);
    unit.closed_days = Set(closed_days);
    unit.update(&act.tx).await?;
    escalation::look_again(act, unit_id).await?;
    act.hint(Hint::Directory);
    act.unit_changed(unit_id);
    Ok(unit_id)
}

/// Complains about what does not make sense.
pub(super) fn check(complaints: &mut Complaints, hours: &[OpenHours], closed_days: &[NaiveDate]) {
    for (field, given, most) in [
        ("officeHours", hours.len(), MOST_HOURS),
        ("closedDays", closed_days.len(), MOST_CLOSED_DAYS),
    ] {
        if given > most {
            complaints.add(UserError::new("TOO_MANY", field, format!("At most {most}, please.")));
        }
    }
    for (place, _) in hours.iter().enumerate().filter(|(_, opening)| !opening.is_forward()) {
        let message = "Opening hours end later the same day; 00:00 is the end of the day.";
        let path = format!("officeHours.{place}.until");
        complaints.add(UserError::new("BAD_INTERVAL", &path, message));
    }
}
