//! Registering what was measured, correcting it and taking it back.

use chrono::{DateTime, Duration, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use super::activity::{must_be_taking_part, was_active};
use crate::{
    act::Act,
    enrollment,
    error::{Result, UserError},
    event::EventKind,
    input::{self, Complaints},
    measurement::{Column, Entity, Model},
    measurement_kind::MeasurementKind,
    viewer::Who,
};

/// What a citizen measured.
#[derive(Clone)]
pub struct Measured {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The key of its kind within the program version.
    pub kind: String,
    /// The number, in the unit of its kind.
    pub value: f64,
    /// When it was measured; now where absent.
    pub at: Option<DateTime<Utc>>,
    /// What there is to say about it.
    pub note: Option<String>,
}

/// What was right of a measurement.
#[derive(Clone)]
pub struct Correction {
    /// The measurement.
    pub measurement_id: Uuid,
    /// The number.
    pub value: f64,
    /// When it was measured; as it was where absent.
    pub at: Option<DateTime<Utc>>,
    /// What there is to say about it.
    pub note: Option<String>,
}

/// How long ago something may have been measured.
const LONGEST_AGO: Duration = Duration::days(366);

/// Registers a measurement; gives it. The citizen may, a guardian of theirs, and Handrail itself.
///
/// # Errors
/// `NOT_FOUND`, `NOT_ALLOWED`, `NOT_ACTIVE`, `ENDED`; `NO_SUCH_KIND` at `kind`; `OUT_OF_RANGE` or `TOO_PRECISE` at `value`; `NOT_YET` or
/// `TOO_LONG_AGO` at `at`; `TOO_LONG` at `note`.
pub async fn register(act: &mut Act, measured: &Measured) -> Result<Uuid> {
    only_citizens(act)?;
    let enrollment = act.enrollment(measured.enrollment_id, "enrollmentId").await?;
    must_be_taking_part(&enrollment)?;
    let content = act.store.library().content(&act.tx, enrollment.version_id).await?;
    let mut complaints = Complaints::default();
    let kinds = content.version.measurement_kinds()?;
    match kinds.iter().find(|kind| kind.key == measured.kind) {
        Some(kind) => complaints.extend(bad_value(kind, measured.value)),
        None => {
            let known: Vec<&str> = kinds.iter().map(|kind| kind.key.as_str()).collect();
            let message = match known.is_empty() {
                true => "Nothing is measured in this program.".to_owned(),
                false => format!(
                    "This is not measured in this program: take one of {}.",
                    known.join(", ")
                ),
            };
            complaints.add(UserError::new("NO_SUCH_KIND", "kind", message));
        }
    }
    let note = complaints.take(input::note(measured.note.as_deref(), "note"));
    complaints.extend(bad_time(act, measured.at));
    complaints.refuse()?;
    was_active(act, enrollment.id).await?;
    let row = Model {
        id: act.id(),
        enrollment_id: enrollment.id,
        kind: measured.kind.clone(),
        value: measured.value,
        measured_at: measured.at.unwrap_or(act.now),
        note: act.store.keyring().seal_option(note.as_deref())?,
        registered_at: act.now,
        supersedes_id: None,
        superseded_at: None,
        actor: act.viewer.actor().into(),
    };
    act.insert::<Entity>(std::slice::from_ref(&row)).await?;
    let cause = act.cause();
    let kind = Some(row.kind.as_str());
    act.happened(&enrollment, EventKind::MeasurementRegistered, cause, Some(row.id), kind);
    Ok(row.id)
}

/// Corrects a measurement: another takes its place, which is given; what was registered before is kept. Who registered it may.
///
/// # Errors
/// `NOT_FOUND` at `measurementId`, also where another has taken its place; otherwise as [`register`].
pub async fn correct(act: &mut Act, correction: &Correction) -> Result<Uuid> {
    let (enrollment, known) = own(act, correction.measurement_id).await?;
    let content = act.store.library().content(&act.tx, enrollment.version_id).await?;
    let kinds = content.version.measurement_kinds()?;
    let mut complaints = Complaints::default();
    if let Some(kind) = kinds.iter().find(|kind| kind.key == known.kind) {
        complaints.extend(bad_value(kind, correction.value));
    }
    let note = complaints.take(input::note(correction.note.as_deref(), "note"));
    complaints.extend(bad_time(act, correction.at));
    complaints.refuse()?;
    let row = Model {
        id: act.id(),
        value: correction.value,
        measured_at: correction.at.unwrap_or(known.measured_at),
        note: act.store.keyring().seal_option(note.as_deref())?,
        registered_at: act.now,
        supersedes_id: Some(known.id),
        ..known.clone()
    };
    supersede(act, &enrollment, &known, row.id).await?;
    act.insert::<Entity>(std::slice::from_ref(&row)).await?;
    Ok(row.id)
}

/// Takes a measurement back: it counts no more, and is kept; gives it. Who registered it may.
///
/// # Errors
/// `NOT_FOUND` at `measurementId`, also where it counts no more; `NOT_ALLOWED`, `NOT_ACTIVE`, `ENDED`.
pub async fn void(act: &mut Act, measurement_id: Uuid) -> Result<Uuid> {
    let (enrollment, known) = own(act, measurement_id).await?;
    supersede(act, &enrollment, &known, known.id).await?;
    Ok(measurement_id)
}

fn only_citizens(act: &Act) -> Result<(), UserError> {
    match act.viewer.who {
        Who::Staff { .. } => Err(UserError::not_allowed("Only the citizen registers what they measured.")),
        Who::Citizen { .. } | Who::Guardian { .. } | Who::System => Ok(()),
    }
}

/// A measurement that counts and that the viewer registered, with its enrollment, which nobody else changes until the end.
async fn own(act: &mut Act, id: Uuid) -> Result<(enrollment::Model, Model)> {
    only_citizens(act)?;
    let not_found = || UserError::not_found("measurementId", "measurement that counts");
    let enrollment_id = Entity::find_by_id(id)
        .one(&act.tx)
        .await?
        .ok_or_else(not_found)?
        .enrollment_id;
    let mut enrollments = act.enrollments(&[enrollment_id]).await?;
    let enrollment = enrollments.remove(&enrollment_id).ok_or_else(not_found)?;
    // Read again under the lock: somebody else may have corrected it.
    let row = Entity::find_by_id(id).one(&act.tx).await?;
    let row = row.filter(|row| row.superseded_at.is_none()).ok_or_else(not_found)?;
    if row.actor.0 != act.viewer.actor() {
        return Err(UserError::not_allowed("Only who registered it corrects it or takes it back.").into());
    }
    must_be_taking_part(&enrollment)?;
    Ok((enrollment, row))
}

async fn supersede(act: &mut Act, enrollment: &enrollment::Model, row: &Model, subject: Uuid) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::SupersededAt, Expr::value(act.now))
        .filter(Column::Id.eq(row.id))
        .exec(&act.tx)
        .await?;
    let cause = act.cause();
    act.happened(
        enrollment,
        EventKind::MeasurementChanged,
        cause,
        Some(subject),
        Some(&row.kind),
    );
    Ok(())
}

fn bad_value(kind: &MeasurementKind, value: f64) -> Option<UserError> {
    let (min, max, decimals) = (kind.min, kind.max, kind.decimals);
    if !(min..=max).contains(&value) {
        let message = format!("This must be from {min} to {max}.");
        return Some(UserError::new("OUT_OF_RANGE", "value", message));
    }
    if !kind.is_exact(value) {
        let message = match decimals {
            0 => "This must be a whole number.".to_owned(),
            _ => format!("At most {decimals} decimals, please."),
        };
        return Some(UserError::new("TOO_PRECISE", "value", message));
    }
    None
}

fn bad_time(act: &Act, at: Option<DateTime<Utc>>) -> Option<UserError> {
    let at = at?;
    if at > act.now {
        return Some(UserError::new(
            "NOT_YET",
            "at",
            "This is to come: register it when it was measured.",
        ));
    }
    if at < act.now - LONGEST_AGO {
        return Some(UserError::new(
            "TOO_LONG_AGO",
            "at",
            "Register what was measured within the last year.",
        ));
    }
    None
}
