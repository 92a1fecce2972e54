//! Handing a thread over to a colleague.

use rules::{
    facts::{Audience, Channel},
    validate::Function,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::{
    act::{Act, TICK},
    action::{
        answerable::must_go_on,
        offered::Missing,
        reminder::{self, Plan},
    },
    assignment::Role,
    error::{Error, Result, UserError},
    event::EventKind,
    input,
    message_handover::{Column, Entity, Model},
    template::STAFF_ATTENTION,
};

/// Hands the thread of an enrollment over to a colleague who treats at its unit, or to nobody in particular: then all who treat in
/// it look after it. Whom it goes to is told in their inbox. Gives the enrollment. For those who treat.
///
/// # Errors
/// When the enrollment is not there or not visible, at `enrollmentId`, or the colleague does not treat there, at `staffId`;
/// `ENDED` when it has ended; `NOT_OFFERED`; `TOO_LONG` or `BAD_CHARACTER` at `note`.
pub async fn hand_over(act: &mut Act, enrollment_id: Uuid, staff_id: Option<Uuid>, note: Option<&str>) -> Result<Uuid> {
    let mut enrollments = act.treated(&[enrollment_id]).await?;
    let enrollment = enrollments.remove(&enrollment_id);
    let enrollment = enrollment.ok_or_else(|| UserError::not_found("enrollmentId", "enrollment"))?;
    must_go_on(&enrollment, "This enrollment has ended: its messages can only be read.")?;
    let messages = Missing::read(act, Function::Messages, [&enrollment]).await?;
    messages.refuse(&enrollment, "enrollmentId")?;
    let directory = act.store.directory();
    if staff_id.is_some_and(|staff| !directory.has_role(staff, enrollment.unit_id, Role::Therapist)) {
        let message = "Nobody of this name treats at the unit: choose one of its therapists.";
        return Err(UserError::new("NOT_FOUND", "staffId", message).into());
    }
    let note = input::note(note, "note")?;
    let last = Entity::find()
        .filter(Column::EnrollmentId.eq(enrollment_id))
        .order_by_desc(Column::At)
        .one(&act.tx)
        .await?;
    let row = Model {
        id: act.id(),
        enrollment_id,
        staff_id,
        note: act.store.keyring().seal_option(note.as_deref())?,
        // Each is later than the one before it, so that the last is the last.
        at: last.map_or(act.now, |last| act.now.max(last.at + TICK)),
        actor: act.viewer.actor().into(),
    };
    act.insert::<Entity>(std::slice::from_ref(&row)).await?;
    let cause = act.cause();
    act.happened(&enrollment, EventKind::MessagesHandedOver, cause, Some(row.id), None);
    // Where the program has no reminders, whom it goes to sees it in the thread.
    let reminders = Missing::read(act, Function::Reminders, [&enrollment]).await?;
    let told = staff_id.filter(|staff| act.viewer.staff() != Some(*staff) && !reminders.is_missed_by(&enrollment));
    if let Some(staff) = told {
        let plan = Plan {
            enrollment_id,
            template: STAFF_ATTENTION.to_owned(),
            channels: vec![Channel::Inbox],
            audience: Audience::Staff,
            remind_at: None,
            dispatch_id: None,
            firing_id: None,
            bypass_quiet_hours: false,
            staff: vec![staff],
            note,
            cause,
        };
        for outcome in reminder::plan(act, &[plan]).await? {
            outcome.map_err(Error::Refused)?;
        }
    }
    Ok(enrollment_id)
}
