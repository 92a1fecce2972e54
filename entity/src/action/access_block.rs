//! Blocks (spärr): a citizen hides their enrollments at a unit from everybody who works there.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{
    access_block,
    act::Act,
    citizen,
    error::{Error, Result, UserError},
    unit,
    viewer::Who,
};

/// Sets a block; where there is one already, gives that. The citizen, a guardian of theirs or Handrail itself may.
///
/// # Errors
/// When the citizen or the unit is not there or not visible, at `citizenId` or `unitId`.
pub async fn set(act: &mut Act, citizen: Uuid, unit: Uuid) -> Result<Uuid> {
    if !may_decide(act, citizen) || citizen::Entity::find_by_id(citizen).count(&act.tx).await? == 0 {
        return Err(UserError::not_found("citizenId", "citizen").into());
    }
    if unit::Entity::find_by_id(unit).count(&act.tx).await? == 0 {
        return Err(UserError::not_found("unitId", "unit").into());
    }
    let row = access_block::Model {
        id: act.id(),
        citizen_id: citizen,
        unit_id: unit,
        blocked_at: act.now,
        lifted_at: None,
        actor: act.viewer.actor().into(),
    };
    // Somebody may be setting the same one at this moment.
    let made = access_block::Entity::insert(row.clone().into_active_model().reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(&act.tx)
        .await?;
    if made > 0 {
        act.changed(citizen);
        return Ok(row.id);
    }
    let standing = standing(act, citizen, unit).await?;
    standing
        .map(|row| row.id)
        .ok_or_else(|| Error::Corrupt("a block stands and is not there".to_owned()))
}

/// Lifts a block; nothing happens where it is lifted.
///
/// # Errors
/// When it is not there or not the viewer's, at `blockId`.
pub async fn lift(act: &mut Act, block: Uuid) -> Result<()> {
    let row = access_block::Entity::find_by_id(block).one(&act.tx).await?;
    let row = row.filter(|row| may_decide(act, row.citizen_id));
    let row = row.ok_or_else(|| UserError::not_found("blockId", "block"))?;
    if row.lifted_at.is_some() {
        return Ok(());
    }
    act.changed(row.citizen_id);
    let mut row = row.into_active_model();
    row.lifted_at = Set(Some(act.now));
    row.update(&act.tx).await?;
    Ok(())
}

/// The block that a citizen has at a unit now.
pub(super) async fn standing(act: &Act, citizen: Uuid, unit: Uuid) -> Result<Option<access_block::Model>> {
    let found = access_block::Entity::find()
        .filter(access_block::Column::CitizenId.eq(citizen))
        .filter(access_block::Column::UnitId.eq(unit))
        .filter(access_block::Column::LiftedAt.is_null());
    Ok(found.one(&act.tx).await?)
}

fn may_decide(act: &Act, citizen: Uuid) -> bool {
    match &act.viewer.who {
        Who::System => true,
        Who::Citizen { id } => *id == citizen,
        Who::Guardian { citizens, .. } => citizens.contains(&citizen),
        Who::Staff { .. } => false,
    }
}
