//! Switching the schedule of a form off and on for one enrollment.

use rules::validate::Function;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{answerable::must_go_on, offered::Missing};
use crate::{
    act::{Act, TICK},
    error::{Result, UserError},
    event::EventKind,
    form_schedule::{Column, Entity, Model},
    input,
};

/// Says whether rules may send a form in an enrollment; gives the enrollment. Off, what rules have sent can still be answered, but
/// they remind of it no more. What is so already stays so.
///
/// # Errors
/// When the enrollment, or a form of this key in its program, is not there (`NOT_FOUND`); `NOT_OFFERED`; `REQUIRED` at `reason`; `ENDED`.
pub async fn switch(act: &mut Act, enrollment_id: Uuid, form_key: &str, enabled: bool, reason: &str) -> Result<Uuid> {
    let not_found = || UserError::not_found("enrollmentId", "enrollment");
    let mut found = act.treated(&[enrollment_id]).await?;
    let enrollment = found.remove(&enrollment_id).ok_or_else(not_found)?;
    let forms = Missing::read(act, Function::Forms, [&enrollment]).await?;
    forms.refuse(&enrollment, "enrollmentId")?;
    let content = act.store.library().content(&act.tx, enrollment.version_id).await?;
    if !content.forms.contains_key(form_key) {
        return Err(UserError::not_found("formKey", "form in this program").into());
    }
    must_go_on(
        &enrollment,
        "This enrollment has ended: no form is sent in it any more.",
    )?;
    let reason = input::reason(reason, "reason")?;
    let last = Entity::find()
        .filter(Column::EnrollmentId.eq(enrollment_id))
        .filter(Column::FormKey.eq(form_key))
        .order_by_desc(Column::At)
        .one(&act.tx)
        .await?;
    if last.as_ref().is_none_or(|last| last.enabled) == enabled {
        return Ok(enrollment_id);
    }
    let reason = act.store.keyring().seal_option(Some(&reason))?;
    let change = Model {
        id: act.id(),
        enrollment_id,
        form_key: form_key.to_owned(),
        // Each is later than the one before it, so that the last is the last.
        at: last.map_or(act.now, |last| act.now.max(last.at + TICK)),
        enabled,
        reason,
        actor: act.viewer.actor().into(),
    };
    act.insert::<Entity>(&[change]).await?;
    let cause = act.cause();
    act.happened(
        &enrollment,
        EventKind::FormScheduleSwitched,
        cause,
        None,
        Some(form_key),
    );
    Ok(enrollment_id)
}
