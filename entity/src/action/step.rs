//! Completing steps.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    answerable::{OVER, must_go_on},
    opening,
};
use crate::{
    act::Act,
    enrollment,
    error::{Result, UserError},
    event::EventKind,
    progress, step_progress,
    viewer::Who,
};

/// Completes a step that the citizen sees and may open; again is as once. Gives the enrollment. The citizen may, a guardian of
/// theirs and Handrail itself.
///
/// # Errors
/// When the step is not there or hidden (`NOT_FOUND`), or not open (`NOT_AVAILABLE`), at `stepId`; `ENDED`.
pub async fn complete(act: &mut Act, enrollment_id: Uuid, step_id: Uuid) -> Result<Uuid> {
    let row = act.enrollment(enrollment_id, "enrollmentId").await?;
    if matches!(act.viewer.who, Who::Staff { .. }) {
        return Err(UserError::not_allowed("Only the citizen completes steps.").into());
    }
    must_go_on(&row, OVER)?;
    let content = act.store.library().content(&act.tx, row.version_id).await?;
    let mut overlays = progress::load(&act.tx, &act.viewer, &[row.id]).await?;
    let mut overlay = overlays.remove(&row.id).unwrap_or_default();
    let found = content.step(step_id);
    let found = found.filter(|_| overlay.step_visible(&content, step_id, act.now));
    let (module, section, step) = found.ok_or_else(|| UserError::not_found("stepId", "step"))?;
    if overlay.completed_at(step_id).is_some() {
        return Ok(row.id);
    }
    let availability = overlay.section_availability(&content, &row, section.row.id, act.now);
    if let Some(reason) = availability.reason {
        return Err(UserError::new("NOT_AVAILABLE", "stepId", sentence(&reason)).into());
    }

    let completed = step_progress::ActiveModel {
        enrollment_id: Set(row.id),
        step_id: Set(step_id),
        completed_at: Set(act.now),
        actor: Set(act.viewer.actor().into()),
    };
    step_progress::Entity::insert(completed)
        .on_conflict(
            OnConflict::columns([step_progress::Column::EnrollmentId, step_progress::Column::StepId])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&act.tx)
        .await?;
    enrollment::Entity::update_many()
        .col_expr(enrollment::Column::LastActivityAt, Expr::value(act.now))
        .filter(enrollment::Column::Id.eq(row.id))
        .exec(&act.tx)
        .await?;
    let before = opening::open_by_themselves(act, &content, &row, &overlay);
    overlay.completed.insert(step_id, act.now);
    let cause = act.cause();
    act.happened(
        &row,
        EventKind::StepCompleted,
        cause,
        Some(step_id),
        Some(&step.row.key),
    );
    let progress = overlay.module_progress(&content, module.row.id, act.now);
    if progress.completed == progress.total {
        act.happened(
            &row,
            EventKind::ModuleCompleted,
            cause,
            Some(module.row.id),
            Some(&module.row.key),
        );
    }
    let open = opening::open_by_themselves(act, &content, &row, &overlay);
    opening::tell(act, &content, &row, open.difference(&before).copied(), cause);
    Ok(row.id)
}

fn sentence(reason: &str) -> &'static str {
    match reason {
        "NOT_STARTED" => "The program has not started yet.",
        "PAUSED" => "The program is paused: ask the unit to go on with it.",
        "NOT_YET" => "This part of the program has not opened yet.",
        "PREREQUISITE" => "This part of the program opens once those before it are completed.",
        _ => "This part of the program is not open.",
    }
}
