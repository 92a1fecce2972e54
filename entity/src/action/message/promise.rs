//! Promising to answer messages within some working days.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use crate::{
    act::Act,
    administration_log::{self, AdministrationAct, Entry},
    enrollment,
    error::{Result, UserError},
    office_hours::OfficeHours,
    store::Hint,
    unit,
};

/// The longest promise, in working days.
const LONGEST: i32 = 30;

/// Says within how many working days a unit promises to answer what citizens write, or that it promises nothing. Gives the unit.
/// What was promised before stays promised.
///
/// Administrators of the unit and of its provider may, and Handrail itself.
///
/// # Errors
/// When the unit is not there or not the viewer's, at `unitId`; `OUT_OF_RANGE` at `workingDays`.
pub async fn set_promise(act: &mut Act, unit_id: Uuid, working_days: Option<i32>) -> Result<Uuid> {
    let unit = unit::Entity::find_by_id(unit_id).one(&act.tx).await?;
    let unit = unit.filter(|unit| act.viewer.administers_unit(unit));
    let unit = unit.ok_or_else(|| UserError::not_found("unitId", "unit"))?;
    if let Some(refused) = working_days.and_then(|days| bad_promise(days, "workingDays")) {
        return Err(refused.into());
    }
    if working_days == unit.answer_within {
        return Ok(unit_id);
    }
    let details = vec![("workingDays", working_days.map(|days| days.to_string()))];
    administration_log::write(
        act,
        Entry::of_unit(AdministrationAct::AnswerPromiseChanged, &unit, details),
    )
    .await?;
    let mut unit = unit.into_active_model();
    unit.answer_within = Set(working_days);
    unit.update(&act.tx).await?;
    act.hint(Hint::Directory);
    act.unit_changed(unit_id);
    Ok(unit_id)
}

/// What is wrong with a promise, at `path`.
pub(in crate::action) fn bad_promise(working_days: i32, path: &str) -> Option<UserError> {
    let message = || format!("Promise an answer within 0 (the same day) to {LONGEST} working days.");
    let is_possible = (0..=LONGEST).contains(&working_days);
    (!is_possible).then(|| UserError::new("OUT_OF_RANGE", path, message()))
}

/// Within how many working days the versions of some enrollments promise an answer; those that leave it to the unit are absent.
pub(super) async fn of_versions(
    act: &Act,
    enrollments: impl IntoIterator<Item = &enrollment::Model>,
) -> Result<HashMap<Uuid, i32>> {
    let versions: BTreeSet<Uuid> = enrollments.into_iter().map(|row| row.version_id).collect();
    let mut promises = HashMap::new();
    for version in versions {
        let content = act.store.library().content(&act.tx, version).await?;
        promises.extend(content.version.answer_within.map(|days| (version, days)));
    }
    Ok(promises)
}

/// Until when what arrives now is to be answered: in the hours of the unit, within the working days that the version promises,
/// else those that the unit does.
pub(super) fn answer_before(
    act: &Act,
    enrollment: &enrollment::Model,
    of_version: &HashMap<Uuid, i32>,
) -> Option<DateTime<Utc>> {
    let directory = act.store.directory();
    let unit = directory.unit(enrollment.unit_id)?;
    let days = of_version.get(&enrollment.version_id).copied().or(unit.answer_within)?;
    OfficeHours::of(unit).end_of_working_day(act.now, usize::try_from(days).ok()?)
}
