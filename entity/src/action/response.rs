//! Submitting an answered form, by the citizen or in their place, and correcting what was submitted.
//!
//! Nothing that was answered is ever changed or deleted: an amendment takes the place of what it amends, and what is voided is
//! kept. Rules judge every instant by what counted then, so what they did stays done.

use rules::{
    answer::{self, Answers},
    form::{Form, ItemKind},
    score::score,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, SqlErr};
use uuid::Uuid;

use super::{
    answerable::{answerable, answerable_by_staff, must_treat, refused},
    dispatch::end,
};
use crate::{
    act::Act,
    dispatch::{self, DispatchStatus},
    enrollment,
    error::{Error, Result, UserError},
    event::EventKind,
    input,
    response::{ActiveModel, Column, Entity, Model},
    seal::Sealed,
    viewer::Actor,
};

/// Submits answers; gives the response. Answers to items that are hidden by the others are left out. The citizen may, and a
/// guardian of theirs.
///
/// # Errors
/// When it cannot be answered (`ALREADY_ANSWERED`, `EXPIRED`, `CANCELLED`, `NOT_AVAILABLE`, `NOT_ACTIVE`, `ENDED`), or an answer is
/// missing or wrong, at `answers.<item>`.
pub async fn submit(act: &mut Act, dispatch_id: Uuid, answers: &Answers) -> Result<Uuid> {
    let (enrollment, dispatch) = answerable(act, dispatch_id).await?;
    take(act, &enrollment, &dispatch, answers).await
}

/// Submits answers that staff who treat took down for the citizen; gives the response, which says so. It is no activity of the
/// citizen's.
///
/// # Errors
/// As [`submit`], and `NOT_ALLOWED` for everybody else.
pub async fn submit_on_behalf(act: &mut Act, dispatch_id: Uuid, answers: &Answers) -> Result<Uuid> {
    let (enrollment, dispatch) = answerable_by_staff(act, dispatch_id).await?;
    take(act, &enrollment, &dispatch, answers).await
}

/// Takes answers to a dispatch that can be answered.
async fn take(
    act: &mut Act,
    enrollment: &enrollment::Model,
    dispatch: &dispatch::Model,
    answers: &Answers,
) -> Result<Uuid> {
    let content = act.store.library().form(&act.tx, dispatch.form_version_id).await?;
    let given = Given::read(act, &content.form, answers)?;
    let cause = act.cause();
    let response = Model {
        id: act.id(),
        dispatch_id: dispatch.id,
        enrollment_id: enrollment.id,
        form_key: dispatch.form_key.clone(),
        form_version_id: dispatch.form_version_id,
        submitted_at: act.now,
        actor: cause.actor.into(),
        answers: given.answers,
        texts: given.texts,
        scores: given.scores,
        supersedes_id: None,
        superseded_at: None,
        answered_at: Some(act.now),
        answered_by: Some(cause.actor.into()),
        reason: None,
        voided_at: None,
        voided_by: None,
        void_reason: None,
    };
    let inserted = act.insert::<Entity>(std::slice::from_ref(&response)).await;
    inserted.map_err(|error| match error {
        Error::Database(failure) if matches!(failure.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            UserError::new("ALREADY_ANSWERED", "dispatchId", "This form is already answered.").into()
        }
        other => other,
    })?;

    end(act, &[dispatch.id], DispatchStatus::Completed).await?;
    dispatch::Entity::update_many()
        .set(dispatch::ActiveModel {
            started_at: Set(dispatch.started_at.or(Some(act.now))),
            completed_at: Set(Some(act.now)),
            ..dispatch::ActiveModel::default()
        })
        .filter(dispatch::Column::Id.eq(dispatch.id))
        .exec(&act.tx)
        .await?;
    if !matches!(cause.actor, Actor::Staff(_)) {
        enrollment::Entity::update_many()
            .set(enrollment::ActiveModel {
                last_activity_at: Set(Some(act.now)),
                ..enrollment::ActiveModel::default()
            })
            .filter(enrollment::Column::Id.eq(enrollment.id))
            .exec(&act.tx)
            .await?;
    }
    act.happened(
        enrollment,
        EventKind::FormCompleted,
        cause,
        Some(response.id),
        Some(&dispatch.form_key),
    );
    Ok(response.id)
}

/// Puts other answers in the place of those of a response; gives the response that has them, with scores of its own. It counts
/// as answered when the first was, by whom that was. Staff who treat may, also after the end: a record is corrected whenever an
/// error is found.
///
/// # Errors
/// `NOT_ALLOWED`, `NOT_FOUND` or `NOT_CURRENT` (amended or voided by now) at `resultId`, `REQUIRED` or `TOO_LONG` at `reason`,
/// or what is wrong with an answer, at `answers.<item>`.
pub async fn amend(act: &mut Act, response_id: Uuid, answers: &Answers, reason: &str) -> Result<Uuid> {
    let (enrollment, former) = correctable(act, response_id).await?;
    let reason = why(act, reason)?;
    let content = act.store.library().form(&act.tx, former.form_version_id).await?;
    let given = Given::read(act, &content.form, answers)?;
    let cause = act.cause();
    let amendment = Model {
        id: act.id(),
        submitted_at: act.now,
        actor: cause.actor.into(),
        answers: given.answers,
        texts: given.texts,
        scores: given.scores,
        supersedes_id: Some(former.id),
        answered_at: Some(former.answered_at()),
        answered_by: Some(former.answered_by().into()),
        reason: Some(reason),
        ..former.clone()
    };
    change(
        act,
        former.id,
        ActiveModel {
            superseded_at: Set(Some(act.now)),
            ..ActiveModel::default()
        },
    )
    .await?;
    act.insert::<Entity>(std::slice::from_ref(&amendment)).await?;
    act.happened(
        &enrollment,
        EventKind::ResponseAmended,
        cause,
        Some(amendment.id),
        Some(&amendment.form_key),
    );
    Ok(amendment.id)
}

/// Voids a response: from now on it counts nowhere. Its dispatch stays answered, since the citizen did what was asked of them and
/// is not to be reminded again; whoever needs new answers sends the form anew. Gives the response. Staff who treat may, also
/// after the end.
///
/// # Errors
/// `NOT_ALLOWED`, `NOT_FOUND` or `NOT_CURRENT` (amended or voided by now) at `resultId`, `REQUIRED` or `TOO_LONG` at `reason`.
pub async fn void(act: &mut Act, response_id: Uuid, reason: &str) -> Result<Uuid> {
    let (enrollment, response) = correctable(act, response_id).await?;
    let reason = why(act, reason)?;
    let cause = act.cause();
    change(
        act,
        response.id,
        ActiveModel {
            superseded_at: Set(Some(act.now)),
            voided_at: Set(Some(act.now)),
            voided_by: Set(Some(cause.actor.into())),
            void_reason: Set(Some(reason)),
            ..ActiveModel::default()
        },
    )
    .await?;
    act.happened(
        &enrollment,
        EventKind::ResponseVoided,
        cause,
        Some(response.id),
        Some(&response.form_key),
    );
    Ok(response.id)
}

/// A response that the viewer may correct, with its enrollment, which nobody else changes until the end.
async fn correctable(act: &mut Act, response_id: Uuid) -> Result<(enrollment::Model, Model)> {
    must_treat(act)?;
    let not_found = || UserError::not_found("resultId", "result");
    let enrollment: Option<Uuid> = Entity::find_by_id(response_id)
        .select_only()
        .column(Column::EnrollmentId)
        .into_tuple()
        .one(&act.tx)
        .await?;
    let enrollment = enrollment.ok_or_else(not_found)?;
    let enrollment = act.treated(&[enrollment]).await?.remove(&enrollment);
    let enrollment = enrollment.ok_or_else(not_found)?;
    let response = Entity::find_by_id(response_id).one(&act.tx).await?;
    let response = response.ok_or_else(not_found)?;
    if response.superseded_at.is_some() {
        let message = match response.voided_at {
            Some(_) => "This result is voided already.",
            None => "This result was amended since: correct the one that took its place.",
        };
        return Err(UserError::new("NOT_CURRENT", "resultId", message).into());
    }
    Ok((enrollment, response))
}

async fn change(act: &Act, response: Uuid, columns: ActiveModel) -> Result<()> {
    Entity::update_many()
        .set(columns)
        .filter(Column::Id.eq(response))
        .exec(&act.tx)
        .await?;
    Ok(())
}

/// The reason of a correction, which must be given.
fn why(act: &Act, reason: &str) -> Result<Sealed> {
    let reason = input::note(Some(reason), "reason")?;
    let required = || UserError::new("REQUIRED", "reason", "Say why, for those who read the record later.");
    Ok(act.store.keyring().seal(&reason.ok_or_else(required)?)?)
}

/// Answers as they are stored.
struct Given {
    answers: serde_json::Value,
    texts: Option<Sealed>,
    scores: serde_json::Value,
}

impl Given {
    /// Checks and scores answers; those to hidden items are left out.
    fn read(act: &Act, form: &Form, answers: &Answers) -> Result<Self> {
        answer::check(form, answers, true).map_err(refused)?;
        let shown = answer::visible_answers(form, answers);
        let scores = score(form, &shown);
        let is_text = |item: &str| form.item(item).is_some_and(|item| item.kind == ItemKind::Text);
        let (texts, others): (Answers, Answers) = shown.into_iter().partition(|(item, _)| is_text(item));
        let unwritable = |error| Error::Corrupt(format!("answers: {error}"));
        let texts = match texts.is_empty() {
            true => None,
            false => Some(serde_json::to_string(&texts).map_err(unwritable)?),
        };
        Ok(Self {
            answers: serde_json::to_value(&others).map_err(unwritable)?,
            texts: act.store.keyring().seal_option(texts.as_deref())?,
            scores: serde_json::to_value(&scores).map_err(unwritable)?,
        })
    }
}
