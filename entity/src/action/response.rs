//! Submitting an answered form.

use rules::{
    answer::{self, Answers},
    form::ItemKind,
    score::score,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, SqlErr};
use uuid::Uuid;

use super::{
    answerable::{answerable, refused},
    dispatch::end,
};
use crate::{
    act::Act,
    dispatch::{self, DispatchStatus},
    enrollment,
    error::{Error, Result, UserError},
    event::EventKind,
    response::{Entity, Model},
};

/// Submits answers; gives the response. Answers to items that are hidden by the others are left out.
///
/// # Errors
/// When it cannot be answered (`ALREADY_ANSWERED`, `EXPIRED`, `CANCELLED`, `NOT_AVAILABLE`, `NOT_ACTIVE`), or an answer is
/// missing or wrong, at `answers.<item>`.
pub async fn submit(act: &mut Act, dispatch_id: Uuid, answers: &Answers) -> Result<Uuid> {
    let (enrollment, dispatch) = answerable(act, dispatch_id).await?;
    let form = act.store.library().form(&act.tx, dispatch.form_version_id).await?;
    let form = &form.form;
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
    let cause = act.cause();
    let response = Model {
        id: act.id(),
        dispatch_id,
        enrollment_id: enrollment.id,
        form_key: dispatch.form_key.clone(),
        form_version_id: dispatch.form_version_id,
        submitted_at: act.now,
        actor: cause.actor.into(),
        answers: serde_json::to_value(&others).map_err(unwritable)?,
        texts: act.store.keyring().seal_option(texts.as_deref())?,
        scores: serde_json::to_value(&scores).map_err(unwritable)?,
        supersedes_id: None,
        superseded_at: None,
    };
    let inserted = act.insert::<Entity>(std::slice::from_ref(&response)).await;
    inserted.map_err(|error| match error {
        Error::Database(failure) if matches!(failure.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            UserError::new("ALREADY_ANSWERED", "dispatchId", "This form is already answered.").into()
        }
        other => other,
    })?;

    end(act, &[dispatch_id], DispatchStatus::Completed).await?;
    dispatch::Entity::update_many()
        .set(dispatch::ActiveModel {
            started_at: Set(dispatch.started_at.or(Some(act.now))),
            completed_at: Set(Some(act.now)),
            ..dispatch::ActiveModel::default()
        })
        .filter(dispatch::Column::Id.eq(dispatch_id))
        .exec(&act.tx)
        .await?;
    enrollment::Entity::update_many()
        .set(enrollment::ActiveModel {
            last_activity_at: Set(Some(act.now)),
            ..enrollment::ActiveModel::default()
        })
        .filter(enrollment::Column::Id.eq(enrollment.id))
        .exec(&act.tx)
        .await?;
    act.happened(
        &enrollment,
        EventKind::FormCompleted,
        cause,
        Some(response.id),
        Some(&dispatch.form_key),
    );
    Ok(response.id)
}
