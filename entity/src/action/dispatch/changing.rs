//! Taking forms back and moving them, with who and why.

use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use chrono_tz::Tz;
use rules::zone::{local_to_utc, utc_to_local};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::take_back;
use crate::{
    act::Act,
    action::answerable::{locked, must_be_open, must_go_on},
    dispatch::{ActiveModel, Column, DispatchStatus, Entity, Model},
    dispatch_change, enrollment,
    error::{Result, UserError},
    event::EventKind,
    input, reminder,
    seal::Sealed,
    store::Hint,
    viewer::Permission,
};

/// A form that is to be open at other times.
#[derive(Clone, Debug)]
pub struct Move {
    /// The dispatch.
    pub dispatch_id: Uuid,
    /// From when it can be answered; as before where absent, at once where that has passed.
    pub available_at: Option<DateTime<Utc>>,
    /// Until when.
    pub expires_at: Expiry,
    /// Why.
    pub reason: Option<String>,
}

/// Until when a form that is moved can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It moves with the beginning.
    Along,
    /// Until an instant.
    At(DateTime<Utc>),
    /// For ever.
    Never,
}

/// Takes a form back; gives the dispatch.
///
/// # Errors
/// When it is not there (`NOT_FOUND`), or not open any more (`ALREADY_ANSWERED`, `EXPIRED`, `CANCELLED`).
pub async fn cancel(act: &mut Act, dispatch_id: Uuid, reason: Option<&str>) -> Result<Uuid> {
    let reason = input::note(reason, "reason")?;
    let (enrollment, dispatch) = changeable(act, dispatch_id).await?;
    let reason = act.store.keyring().seal_option(reason.as_deref())?;
    note(act, &[cancelled(&dispatch)], reason).await?;
    take_back(act, &enrollment, &dispatch, DispatchStatus::Cancelled).await
}

/// Has a form be open at other times, and its reminders that have not left come as long after its beginning as before; gives
/// the dispatch. One that can be answered already can only be open longer or shorter.
///
/// # Errors
/// When it is not there (`NOT_FOUND`), or not open any more (`ALREADY_ANSWERED`, `EXPIRED`, `CANCELLED`); `ENDED` once the
/// enrollment has; `ALREADY_AVAILABLE` at `availableAt`; `BAD_PERIOD` at `expiresAt` where nobody could answer it; `TOO_FAR_AHEAD` at
/// either.
pub async fn reschedule(act: &mut Act, wanted: Move) -> Result<Uuid> {
    let reason = input::note(wanted.reason.as_deref(), "reason")?;
    let (enrollment, dispatch) = changeable(act, wanted.dispatch_id).await?;
    must_go_on(
        &enrollment,
        "This enrollment has ended: its forms cannot be moved any more.",
    )?;
    let is_scheduled = dispatch.status.0 == DispatchStatus::Scheduled;
    // Its instant may have come before anybody noted it.
    let is_to_come = is_scheduled && dispatch.available_at > act.now;
    let available_at = match wanted.available_at {
        None => dispatch.available_at,
        Some(at) if is_to_come => input::instant(at, act.now, "availableAt")?.max(act.at_once()),
        Some(_) => {
            let message = "This form can be answered already: only its end can be moved.";
            return Err(UserError::new("ALREADY_AVAILABLE", "availableAt", message).into());
        }
    };
    let shift = Shift::new(dispatch.available_at, available_at, enrollment.tz());
    let expires_at = match wanted.expires_at {
        Expiry::Along => dispatch.expires_at.map(|at| shift.of(at)),
        Expiry::At(at) => Some(input::instant(at, act.now, "expiresAt")?),
        Expiry::Never => None,
    };
    if expires_at.is_some_and(|until| until <= available_at.max(act.now)) {
        let message = "The form must be open for some time: choose a later end.";
        return Err(UserError::new("BAD_PERIOD", "expiresAt", message).into());
    }
    if (available_at, expires_at) == (dispatch.available_at, dispatch.expires_at) {
        return Ok(dispatch.id);
    }
    let due_at = match is_scheduled {
        true => Some(available_at),
        false => expires_at,
    };
    let set = ActiveModel {
        available_at: Set(available_at),
        expires_at: Set(expires_at),
        overdue_at: Set(dispatch.overdue_at.map(|at| shift.of(at))),
        due_at: Set(due_at),
        ..ActiveModel::default()
    };
    Entity::update_many()
        .set(set)
        .filter(Column::Id.eq(dispatch.id))
        .exec(&act.tx)
        .await?;
    remind_along(act, dispatch.id, shift).await?;
    let moved = Model {
        available_at,
        expires_at,
        ..dispatch
    };
    let reason = act.store.keyring().seal_option(reason.as_deref())?;
    note(act, std::slice::from_ref(&moved), reason).await?;
    let (kind, cause) = (EventKind::DispatchMoved, act.cause());
    act.happened(&enrollment, kind, cause, Some(moved.id), Some(&moved.form_key));
    act.hint(Hint::Due);
    Ok(moved.id)
}

/// A dispatch that is open now or later, which those who treat may change, with its enrollment.
async fn changeable(act: &mut Act, dispatch_id: Uuid) -> Result<(enrollment::Model, Model)> {
    if !act.viewer.may(Permission::Treat) {
        return Err(UserError::not_found("dispatchId", "form").into());
    }
    let (enrollment, dispatch) = locked(act, dispatch_id).await?;
    must_be_open(&dispatch, act.now)?;
    Ok((enrollment, dispatch))
}

fn cancelled(dispatch: &Model) -> Model {
    Model {
        status: DispatchStatus::Cancelled.into(),
        ..dispatch.clone()
    }
}

/// Notes what dispatches are from now on, and why.
async fn note(act: &Act, dispatches: &[Model], reason: Option<Sealed>) -> Result<()> {
    let change = |dispatch: &Model| dispatch_change::Model {
        id: act.id(),
        dispatch_id: dispatch.id,
        at: act.now,
        status: dispatch.status,
        available_at: dispatch.available_at,
        expires_at: dispatch.expires_at,
        reason: reason.clone(),
        actor: act.viewer.actor().into(),
    };
    let changes: Vec<dispatch_change::Model> = dispatches.iter().map(change).collect();
    act.insert::<dispatch_change::Entity>(&changes).await
}

/// The reminders of a form that have not left move with it.
async fn remind_along(act: &Act, dispatch: Uuid, shift: Shift) -> Result<()> {
    let waiting = reminder::Entity::find()
        .filter(reminder::Column::DispatchId.eq(dispatch))
        .filter(reminder::Column::DueAt.is_not_null());
    for row in waiting.all(&act.tx).await? {
        let at = shift.of(row.remind_at);
        let set = reminder::ActiveModel {
            remind_at: Set(at),
            due_at: Set(Some(at)),
            ..<reminder::ActiveModel as Default>::default()
        };
        reminder::Entity::update_many()
            .set(set)
            .filter(reminder::Column::Id.eq(row.id))
            .exec(&act.tx)
            .await?;
    }
    Ok(())
}

/// How far something moves on the local clock: what came in the morning still does where the clocks changed between.
#[derive(Clone, Copy)]
struct Shift {
    by: Duration,
    zone: Tz,
}

impl Shift {
    fn new(from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> Self {
        let by = utc_to_local(zone, to) - utc_to_local(zone, from);
        Self { by, zone }
    }

    fn of(self, at: DateTime<Utc>) -> DateTime<Utc> {
        if self.by.is_zero() {
            return at;
        }
        let local = utc_to_local(self.zone, at).checked_add_signed(self.by);
        local_to_utc(self.zone, local.unwrap_or(NaiveDateTime::MAX))
    }
}
