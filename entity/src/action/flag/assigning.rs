//! Giving flags to somebody who sees to them.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{
    handling::{locked_one, must_stand},
    history::History,
};
use crate::{
    act::{Act, BATCH},
    assignment::Role,
    error::{Result, UserError},
    event::EventKind,
    flag::{ActiveModel, Column, Entity, Model},
    flag_assignment, input,
    seal::Sealed,
    viewer::Permission,
};

/// Gives a flag to somebody who treats at the unit, or to nobody in particular; gives the flag. What is theirs already stays
/// so. Whether anybody has taken it on is another matter: it goes on being escalated until somebody does.
///
/// # Errors
/// When it is not there or not visible, at `flagId`; when nobody of this id treats at the unit, at `staffId`;
/// `ALREADY_RESOLVED`.
pub async fn assign(act: &mut Act, flag_id: Uuid, staff_id: Option<Uuid>, note: Option<&str>) -> Result<Uuid> {
    if !act.viewer.may(Permission::Treat) {
        return Err(UserError::not_found("flagId", "flag").into());
    }
    let note = input::note(note, "note")?;
    let (enrollment, flag) = locked_one(act, flag_id).await?;
    must_stand(&flag)?;
    let directory = act.store.directory();
    if staff_id.is_some_and(|staff| !directory.has_role(staff, enrollment.unit_id, Role::Therapist)) {
        let what = "staff member who treats at this unit";
        return Err(UserError::not_found("staffId", what).into());
    }
    if flag.assigned_to == staff_id {
        return Ok(flag_id);
    }
    let note = act.store.keyring().seal_option(note.as_deref())?;
    let mut history = History::read(act, [&enrollment.id], [&flag]).await?;
    write(act, staff_id, &[&flag], note, &mut history).await?;
    let (kind, cause) = (EventKind::FlagAssigned, act.cause());
    act.happened(&enrollment, kind, cause, Some(flag_id), Some(&flag.kind));
    Ok(flag_id)
}

/// Notes who is to see to flags from now on.
pub(super) async fn write(
    act: &Act,
    staff_id: Option<Uuid>,
    flags: &[&Model],
    note: Option<Sealed>,
    history: &mut History,
) -> Result<()> {
    let set = ActiveModel {
        assigned_to: Set(staff_id),
        ..ActiveModel::default()
    };
    for chunk in flags.chunks(BATCH) {
        Entity::update_many()
            .set(set.clone())
            .filter(Column::Id.is_in(chunk.iter().map(|flag| flag.id)))
            .exec(&act.tx)
            .await?;
    }
    let mut assignment = |flag: &&Model| flag_assignment::Model {
        id: act.id(),
        flag_id: flag.id,
        at: history.next(act, flag),
        staff_id,
        note: note.clone(),
        actor: act.viewer.actor().into(),
    };
    let rows: Vec<flag_assignment::Model> = flags.iter().map(&mut assignment).collect();
    act.insert::<flag_assignment::Entity>(&rows).await
}

/// Takes the unresolved flags of an enrollment that went to another unit from those who do not treat there.
pub(in crate::action) async fn release(act: &Act, enrollment: Uuid, unit: Uuid) -> Result<()> {
    let assigned = Entity::find()
        .filter(Column::EnrollmentId.eq(enrollment))
        .filter(Column::AssignedTo.is_not_null())
        .filter(Column::ResolvedAt.is_null())
        .all(&act.tx)
        .await?;
    let directory = act.store.directory();
    let treats = |staff| directory.has_role(staff, unit, Role::Therapist);
    let strangers = assigned.iter().filter(|flag| !flag.assigned_to.is_some_and(treats));
    let theirs: Vec<&Model> = strangers.collect();
    if theirs.is_empty() {
        return Ok(());
    }
    let mut history = History::read(act, [&enrollment], theirs.iter().copied()).await?;
    write(act, None, &theirs, None, &mut history).await
}
