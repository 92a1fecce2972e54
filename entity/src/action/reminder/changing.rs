//! Taking reminders back that have not left, and letting them leave at another time.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{ENDED, locked, skip};
use crate::{
    act::Act,
    action::answerable::must_go_on,
    applies::SkipReason,
    delivery::{self, DeliveryStatus},
    dispatch, enrollment,
    error::{Result, UserError},
    event::EventKind,
    input,
    reminder::{ActiveModel, Column, Entity, Model},
    reminder_staff,
    store::Hint,
    stored::{self, Stored},
};

/// Takes a reminder back, or what of it still waits to be sent; then staff who have not read it do not find it in their inbox
/// any more. Gives the reminder.
///
/// # Errors
/// When it is not there or not visible, at `reminderId`; `ALREADY_SENT`; `ALREADY_SKIPPED`; `ESCALATION`.
pub async fn cancel(act: &mut Act, reminder_id: Uuid) -> Result<Uuid> {
    let (enrollment, reminder) = locked(act, reminder_id).await?;
    must_be_own(&reminder)?;
    tell(act, &enrollment, EventKind::ReminderCancelled, &reminder);
    if reminder.due_at.is_some() {
        skip(act, vec![(reminder, SkipReason::TakenBack)]).await?;
        return Ok(reminder_id);
    }
    let taken_back = delivery::ActiveModel {
        status: Set(DeliveryStatus::Skipped.into()),
        reason: Set(Some(stored::word(&SkipReason::TakenBack))),
        due_at: Set(None),
        ..<delivery::ActiveModel as Default>::default()
    };
    let waiting = delivery::Entity::update_many()
        .set(taken_back)
        .filter(delivery::Column::ReminderId.eq(reminder_id))
        .filter(delivery::Column::Status.eq(Stored(DeliveryStatus::Ready)))
        .exec(&act.tx)
        .await?;
    if waiting.rows_affected == 0 {
        must_wait(&reminder)?;
    }
    reminder_staff::Entity::update_many()
        .set(reminder_staff::ActiveModel {
            arrived_at: Set(None),
            ..<reminder_staff::ActiveModel as Default>::default()
        })
        .filter(reminder_staff::Column::ReminderId.eq(reminder_id))
        .filter(reminder_staff::Column::ReadAt.is_null())
        .exec(&act.tx)
        .await?;
    Ok(reminder_id)
}

/// Lets a reminder leave at another time; at once where that has passed. Gives the reminder.
///
/// # Errors
/// When it is not there or not visible, at `reminderId`; `ALREADY_SENT`; `ALREADY_SKIPPED`; `ESCALATION`; `ENDED` once the
/// enrollment has; at `at` `TOO_FAR_AHEAD`, and `AFTER_EXPIRY` where the form that it is about cannot be answered by then.
pub async fn reschedule(act: &mut Act, reminder_id: Uuid, at: DateTime<Utc>) -> Result<Uuid> {
    let (enrollment, reminder) = locked(act, reminder_id).await?;
    must_be_own(&reminder)?;
    must_wait(&reminder)?;
    must_go_on(&enrollment, ENDED)?;
    let at = input::instant(at, act.now, "at")?.max(act.at_once());
    if let Some(id) = reminder.dispatch_id {
        let form = dispatch::Entity::find_by_id(id).one(&act.tx).await?;
        let expires_at = form.and_then(|form| form.expires_at);
        if expires_at.is_some_and(|until| until <= at) {
            let message = "The form that it is about cannot be answered any more by then: choose an earlier time.";
            return Err(UserError::new("AFTER_EXPIRY", "at", message).into());
        }
    }
    let set = ActiveModel {
        remind_at: Set(at),
        due_at: Set(Some(at)),
        ..ActiveModel::default()
    };
    Entity::update_many()
        .set(set)
        .filter(Column::Id.eq(reminder_id))
        .exec(&act.tx)
        .await?;
    tell(act, &enrollment, EventKind::ReminderMoved, &reminder);
    act.hint(Hint::Due);
    Ok(reminder_id)
}

fn tell(act: &mut Act, enrollment: &enrollment::Model, kind: EventKind, reminder: &Model) {
    let cause = act.cause();
    act.told(enrollment, kind, cause, Some(reminder.id), Some(&reminder.template));
}

/// A rung belongs to its flag.
fn must_be_own(reminder: &Model) -> Result<(), UserError> {
    match reminder.flag_id {
        None => Ok(()),
        Some(_) => {
            let message = "This belongs to the escalation of a flag: take the flag on, and it stops.";
            Err(UserError::new("ESCALATION", "reminderId", message))
        }
    }
}

fn must_wait(reminder: &Model) -> Result<(), UserError> {
    let refuse = |code, message: &str| Err(UserError::new(code, "reminderId", message));
    match (reminder.due_at, reminder.skipped_at) {
        (Some(_), _) => Ok(()),
        (None, Some(_)) => refuse(
            "ALREADY_SKIPPED",
            "It has been decided that this reminder does not leave.",
        ),
        (None, None) => refuse("ALREADY_SENT", "This reminder has left already."),
    }
}
