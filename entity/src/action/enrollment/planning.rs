//! Moving an enrollment's planned start and end. What counts from them follows.

use chrono::{DateTime, Duration, SubsecRound, Utc};
use rules::facts::Status;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::{due_at, end, ends_at, has_chosen_end, latest_statuses, start::not_too_far, under_way, write};
use crate::{
    act::{Act, TICK},
    enrollment, enrollment_end, enrollment_status,
    error::{Result, UserError},
    evaluation,
    event::EventKind,
    input,
};

/// How far ahead an end may be planned.
const FURTHEST_END: Duration = Duration::days(10 * 366);

/// Prolongs or shortens an enrollment that has not ended. Rules that count from its end count from the new one. Gives it; nothing
/// happens where it ends then already. Who may: see [`super::change_status`].
///
/// # Errors
/// `NOT_FOUND` and `ENDED` at `enrollmentId`; at `endsAt` `IN_THE_PAST`, `BAD_INTERVAL` where it would end before it starts, and
/// `TOO_FAR_AHEAD`; `TOO_LONG` at `reason`.
pub async fn set_end(act: &mut Act, id: Uuid, at: DateTime<Utc>, reason: Option<&str>) -> Result<Uuid> {
    let mut row = under_way(act, id).await?;
    let at = at.trunc_subsecs(6);
    let reason = input::note(reason, "reason")?;
    let refuse = |code, message: &str| Err(UserError::new(code, "endsAt", message).into());
    if at <= act.now {
        return refuse("IN_THE_PAST", "The end is to come: to end it now, complete it.");
    }
    if row.status.0 == Status::Planned && at <= row.starts_at {
        return refuse("BAD_INTERVAL", "A program ends after it starts.");
    }
    if at > act.now + FURTHEST_END {
        return refuse("TOO_FAR_AHEAD", "A program can end ten years ahead at most.");
    }
    if row.ends_at == Some(at) {
        return Ok(id);
    }
    row.ends_at = Some(at);
    reschedule(act, row, true, reason.as_deref()).await
}

/// Moves the start of a planned enrollment, and its end with it unless somebody chose that. Gives it; nothing happens where it
/// starts then already. Who may: see [`super::change_status`].
///
/// # Errors
/// `NOT_FOUND`, `ENDED`, and `BAD_TRANSITION` where it has started, at `enrollmentId`; at `startsAt` `IN_THE_PAST`,
/// `BAD_INTERVAL` where it would end before it starts, and `TOO_FAR_AHEAD`; `TOO_LONG` at `reason`.
pub async fn set_start(act: &mut Act, id: Uuid, at: DateTime<Utc>, reason: Option<&str>) -> Result<Uuid> {
    let mut row = under_way(act, id).await?;
    if row.status.0 != Status::Planned {
        let message = "This enrollment has started already.";
        return Err(UserError::new("BAD_TRANSITION", super::PATH, message).into());
    }
    let at = at.trunc_subsecs(6);
    let reason = input::note(reason, "reason")?;
    if at <= act.now {
        let message = "The start is to come: to start it now, activate it.";
        return Err(UserError::new("IN_THE_PAST", "startsAt", message).into());
    }
    not_too_far(act, at)?;
    if row.starts_at == at {
        return Ok(id);
    }
    let content = act.store.library().content(&act.tx, row.version_id).await?;
    let has_chosen_end = has_chosen_end(&row, &content.version);
    row.starts_at = at;
    if !has_chosen_end {
        row.ends_at = ends_at(&content.version, at, row.tz());
    } else if row.ends_at.is_some_and(|end| end <= at) {
        let message = "It would end before it starts: move its end first.";
        return Err(UserError::new("BAD_INTERVAL", "startsAt", message).into());
    }
    // Being planned anew is a state that it comes into, so that its history says when and why.
    let ids = [(row.id, row.clone())].into();
    let latest = latest_statuses(act, &ids).await?;
    let history = enrollment_status::Model {
        enrollment_id: id,
        at: latest.get(&id).map_or(act.now, |before| act.now.max(*before + TICK)),
        status: row.status,
        reason: act.store.keyring().seal_option(reason.as_deref())?,
        actor: act.cause().actor.into(),
    };
    act.insert::<enrollment_status::Entity>(&[history]).await?;
    reschedule(act, row, !has_chosen_end, None).await
}

/// Writes a row whose start or end was moved, and where its end was, the decision.
async fn reschedule(act: &mut Act, mut row: enrollment::Model, end_moved: bool, reason: Option<&str>) -> Result<Uuid> {
    let content = act.store.library().content(&act.tx, row.version_id).await?;
    row.due_at = due_at(&row, &content.version);
    let cause = act.cause();
    if end_moved {
        let at = after_all(act, row.id).await?;
        let reason = act.store.keyring().seal_option(reason)?;
        act.insert::<enrollment_end::Entity>(&[end(&row, at, reason, cause)])
            .await?;
    }
    write(act, std::slice::from_ref(&row)).await?;
    act.happened(&row, EventKind::EnrollmentRescheduled, cause, None, None);
    Ok(row.id)
}

/// Now, but later than the decision before and than what has been judged: what is due at once by the new end is still to be.
async fn after_all(act: &Act, id: Uuid) -> Result<DateTime<Utc>> {
    let decided: Option<Option<DateTime<Utc>>> = enrollment_end::Entity::find()
        .select_only()
        .column_as(enrollment_end::Column::At.max(), "at")
        .filter(enrollment_end::Column::EnrollmentId.eq(id))
        .into_tuple()
        .one(&act.tx)
        .await?;
    let judged = evaluation::judged_until(&act.tx, &[id]).await?;
    let latest = decided.flatten().into_iter().chain(judged.get(&id).copied()).max();
    Ok(latest.map_or(act.now, |latest| act.now.max(latest + TICK)))
}
