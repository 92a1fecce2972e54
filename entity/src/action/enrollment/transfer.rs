//! Handing an enrollment over: to other therapists, and to another unit of the same provider.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{
    ColumnTrait, Condition, DatabaseBackend, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, LockType},
};
use uuid::Uuid;

use super::{
    PATH,
    start::{Obstacles, therapists, treat},
    under_way,
};
use crate::{
    act::{Act, TICK},
    action::{escalation, flag, rule, unit::held},
    citizen, enrollment, enrollment_therapist, enrollment_transfer,
    error::{Result, UserError},
    event::EventKind,
    input::{self, Complaints},
    unit,
};

/// An enrollment that is to go to another unit.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The unit that takes it over.
    pub unit_id: Uuid,
    /// Who treats there: staff with the role THERAPIST at that unit.
    pub therapist_ids: Vec<Uuid>,
    /// Why.
    pub reason: Option<String>,
}

/// Has others treat in an enrollment from now on; with nobody named, whoever treats at the unit does. Gives it. Who may: see
/// [`super::change_status`].
///
/// # Errors
/// `NOT_FOUND` and `ENDED` at `enrollmentId`; `NOT_FOUND` at `therapistIds.<place>` for who does not treat at the unit.
pub async fn set_therapists(act: &mut Act, id: Uuid, therapist_ids: &[Uuid]) -> Result<Uuid> {
    let row = under_way(act, id).await?;
    let mut complaints = Complaints::default();
    let wanted = therapists(act, therapist_ids, row.unit_id, &mut complaints);
    complaints.refuse()?;
    if hand_over(act, row.id, &wanted).await? {
        let cause = act.cause();
        act.happened(&row, EventKind::TherapistsChanged, cause, None, None);
    }
    Ok(row.id)
}

/// Transfers an enrollment that has not ended to another unit of the same provider, with everything in it. From then on that unit
/// alone sees it, its therapists treat, and its rules hold; the rules of the former unit hold no longer. Gives the unit. Who may:
/// see [`super::change_status`].
///
/// # Errors
/// `NOT_FOUND` and `ENDED` at `enrollmentId`; at `unitId` `NOT_FOUND`, `SAME_UNIT`, and where the citizen has blocked that unit or
/// takes part in the program there `ACCESS_BLOCKED` and `ALREADY_ENROLLED`; `NOT_FOUND` at `therapistIds.<place>`; `TOO_LONG` at
/// `reason`.
pub async fn transfer(act: &mut Act, transfer: &Transfer) -> Result<Uuid> {
    let row = under_way(act, transfer.enrollment_id).await?;
    let unit = other_unit(act, &row, transfer.unit_id).await?;
    let mut complaints = Complaints::default();
    let wanted = therapists(act, &transfer.therapist_ids, unit.id, &mut complaints);
    let reason = complaints.take(input::note(transfer.reason.as_deref(), "reason"));
    complaints.refuse()?;
    // Held as where a program is started, so that nobody starts it there meanwhile.
    let mut citizen = citizen::Entity::find_by_id(row.citizen_id);
    if act.store.backend() == DatabaseBackend::Postgres {
        citizen = citizen.lock(LockType::NoKeyUpdate);
    }
    citizen.one(&act.tx).await?;
    let mut obstacles = Obstacles::at(act, unit.id, row.program_id, &[row.citizen_id]).await?;
    if let Some(refused) = obstacles.of(row.citizen_id, "unitId") {
        return Err(refused.into());
    }

    let cause = act.cause();
    let history = enrollment_transfer::Model {
        enrollment_id: row.id,
        at: after_the_last(act, row.id).await?,
        from_unit_id: row.unit_id,
        to_unit_id: unit.id,
        reason: act.store.keyring().seal_option(reason.as_deref())?,
        actor: cause.actor.into(),
    };
    act.insert::<enrollment_transfer::Entity>(&[history]).await?;
    enrollment::Entity::update_many()
        .col_expr(enrollment::Column::UnitId, Expr::value(unit.id))
        .filter(enrollment::Column::Id.eq(row.id))
        .exec(&act.tx)
        .await?;
    hand_over(act, row.id, &wanted).await?;
    flag::release(act, row.id, unit.id).await?;
    rule::follow(act, row.id, unit.id).await?;
    // What waits for the former unit to open waits for this one.
    escalation::look_again(act, unit.id).await?;
    let here = row.clone();
    let there = enrollment::Model {
        unit_id: unit.id,
        ..row
    };
    act.happened(&there, EventKind::EnrollmentTransferred, cause, None, None);
    act.told(&here, EventKind::EnrollmentLeft, cause, None, None);
    Ok(unit.id)
}

/// The unit, where it is another one of the same provider.
async fn other_unit(act: &Act, row: &enrollment::Model, id: Uuid) -> Result<unit::Model> {
    let directory = act.store.directory();
    let here = directory.unit(row.unit_id);
    let here = here.ok_or_else(|| UserError::not_found(PATH, "enrollment"))?;
    let there = held(act, id).await?;
    let there = there.filter(|unit| unit.provider_id == here.provider_id);
    let there = there.ok_or_else(|| UserError::not_found("unitId", "unit of this provider"))?;
    if there.id == here.id {
        return Err(UserError::new("SAME_UNIT", "unitId", "The enrollment is at this unit already.").into());
    }
    there.must_be_connected("unitId")?;
    Ok(there)
}

/// Now, but later than the transfer before.
async fn after_the_last(act: &Act, id: Uuid) -> Result<chrono::DateTime<chrono::Utc>> {
    let former = enrollment_transfer::Entity::find()
        .filter(enrollment_transfer::Column::EnrollmentId.eq(id))
        .all(&act.tx)
        .await?;
    let last = former.iter().map(|row| row.at).max();
    Ok(last.map_or(act.now, |last| act.now.max(last + TICK)))
}

/// Has these treat from now on and nobody else; whether that changed anything.
async fn hand_over(act: &Act, enrollment: Uuid, wanted: &BTreeSet<Uuid>) -> Result<bool> {
    use enrollment_therapist::{Column, Entity};
    let open = Condition::any()
        .add(Column::ValidUntil.is_null())
        .add(Column::ValidUntil.gt(act.now));
    let treating = Entity::find()
        .filter(Column::EnrollmentId.eq(enrollment))
        .filter(open.clone())
        .all(&act.tx)
        .await?;
    let treating: BTreeSet<Uuid> = treating.into_iter().map(|row| row.staff_id).collect();
    let leaving: Vec<Uuid> = treating.difference(wanted).copied().collect();
    let coming: BTreeSet<Uuid> = wanted.difference(&treating).copied().collect();
    if leaving.is_empty() && coming.is_empty() {
        return Ok(false);
    }
    let of_leaving = Condition::all()
        .add(Column::EnrollmentId.eq(enrollment))
        .add(Column::StaffId.is_in(leaving));
    // Who was named at this very instant never treated.
    Entity::delete_many()
        .filter(of_leaving.clone())
        .filter(Column::ValidFrom.gte(act.now))
        .exec(&act.tx)
        .await?;
    Entity::update_many()
        .col_expr(Column::ValidUntil, Expr::value(act.now))
        .filter(of_leaving)
        .filter(open)
        .exec(&act.tx)
        .await?;
    treat(act, &HashMap::from([(enrollment, &coming)])).await?;
    Ok(true)
}
