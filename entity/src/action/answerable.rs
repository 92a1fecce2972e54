//! Whether a form can be answered, by whom, and what is said where not.

use chrono::{DateTime, Utc};
use rules::{answer::AnswerError, facts::Status};
use sea_orm::{EntityTrait, QuerySelect};
use uuid::Uuid;

use crate::{
    act::Act,
    dispatch::{self, Column, DispatchStatus, Entity, Model},
    enrollment,
    error::{Error, Result, UserError},
    viewer::{Permission, Who},
};

/// A dispatch that the viewer may see, with its enrollment, which nobody else changes until the end.
pub(super) async fn locked(act: &mut Act, dispatch_id: Uuid) -> Result<(enrollment::Model, Model)> {
    let not_found = || UserError::not_found("dispatchId", "form");
    let enrollment: Option<Uuid> = Entity::find_by_id(dispatch_id)
        .select_only()
        .column(Column::EnrollmentId)
        .into_tuple()
        .one(&act.tx)
        .await?;
    let enrollment = act.enrollment(enrollment.ok_or_else(not_found)?, "dispatchId").await;
    let enrollment = enrollment.map_err(|error| match error {
        Error::Refused(_) => not_found().into(),
        other => other,
    })?;
    let dispatch = Entity::find_by_id(dispatch_id).one(&act.tx).await?;
    Ok((enrollment, dispatch.ok_or_else(not_found)?))
}

/// A dispatch that the viewer may answer now, as [`locked`].
pub(super) async fn answerable(act: &mut Act, dispatch_id: Uuid) -> Result<(enrollment::Model, Model)> {
    may_answer(act)?;
    open_now(act, dispatch_id).await
}

/// A dispatch that staff who treat may answer now in the citizen's place, as [`locked`].
pub(super) async fn answerable_by_staff(act: &mut Act, dispatch_id: Uuid) -> Result<(enrollment::Model, Model)> {
    must_treat(act)?;
    open_now(act, dispatch_id).await
}

/// Staff who treat change what was answered; nobody else.
pub(super) fn must_treat(act: &Act) -> Result<(), UserError> {
    match act.viewer.may(Permission::Treat) {
        true => Ok(()),
        false => Err(UserError::not_allowed(
            "Only staff who treat may do this: ask a therapist of the program.",
        )),
    }
}

/// A dispatch that can be answered at this instant, as [`locked`].
async fn open_now(act: &mut Act, dispatch_id: Uuid) -> Result<(enrollment::Model, Model)> {
    let (enrollment, dispatch) = locked(act, dispatch_id).await?;
    let hidden = dispatch::hidden(&act.store, &act.tx, &act.viewer, std::iter::once(&dispatch), act.now).await?;
    if hidden.contains(&dispatch.id) {
        return Err(UserError::not_found("dispatchId", "form").into());
    }
    must_go_on(&enrollment, OVER)?;
    must_be_open(&dispatch, act.now)?;
    if dispatch.available_at > act.now {
        let message = "This form cannot be answered yet.";
        return Err(UserError::new("NOT_AVAILABLE", "dispatchId", message).into());
    }
    must_be_active(&enrollment)?;
    Ok((enrollment, dispatch))
}

/// Citizens answer, and guardians for them; nobody answers in their place.
pub(super) fn may_answer(act: &Act) -> Result<(), UserError> {
    match act.viewer.who {
        Who::Citizen { .. } | Who::Guardian { .. } | Who::System => Ok(()),
        Who::Staff { .. } => Err(UserError::not_allowed(
            "Only the citizen, or a guardian of theirs, answers a form: use answerOnBehalf to answer in their place.",
        )),
    }
}

pub(super) fn must_be_open(dispatch: &Model, now: DateTime<Utc>) -> Result<(), UserError> {
    let refuse = |code, message: &str| Err(UserError::new(code, "dispatchId", message));
    match dispatch.status.0 {
        DispatchStatus::Completed => refuse("ALREADY_ANSWERED", "This form is already answered."),
        DispatchStatus::Cancelled => refuse("CANCELLED", "This form was taken back."),
        DispatchStatus::Declined => refuse("CANCELLED", "This form was declined."),
        DispatchStatus::Expired => refuse("EXPIRED", "The time to answer this form is over."),
        _ if dispatch.expires_at.is_some_and(|until| until <= now) => {
            refuse("EXPIRED", "The time to answer this form is over.")
        }
        _ => Ok(()),
    }
}

/// Refuses what nobody does any more in an enrollment that has ended.
pub(super) fn must_go_on(enrollment: &enrollment::Model, message: &str) -> Result<(), UserError> {
    match enrollment.has_ended() {
        true => Err(UserError::new("ENDED", "", message)),
        false => Ok(()),
    }
}

/// What is said to those who would go on in a program that has ended.
pub(super) const OVER: &str = "The program has ended.";

pub(super) fn must_be_active(enrollment: &enrollment::Model) -> Result<(), UserError> {
    match enrollment.status.0 {
        Status::Active => Ok(()),
        Status::Planned => Err(not_active("The program has not started yet.")),
        Status::Paused => Err(not_active(
            "The program is paused: forms can be answered when it goes on.",
        )),
        Status::Completed | Status::Withdrawn => must_go_on(enrollment, OVER),
    }
}

pub(super) fn not_active(message: &str) -> UserError {
    UserError::new("NOT_ACTIVE", "", message)
}

pub(super) fn has_ended(enrollment: &enrollment::Model) -> bool {
    enrollment.has_ended()
}

/// What is wrong with answers, each at its item. Keys of items may hold points, so the path is not written as one text.
pub(super) fn refused(errors: Vec<AnswerError>) -> Error {
    Error::Refused(
        errors
            .into_iter()
            .map(|error| UserError {
                code: error.code.into(),
                message: error.message,
                path: vec!["answers".to_owned(), error.item],
            })
            .collect(),
    )
}
