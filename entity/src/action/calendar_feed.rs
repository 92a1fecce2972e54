//! Making the secret link of a citizen's calendar, and taking it back.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use super::contact::held;
use crate::{
    act::Act,
    calendar_feed::{Column, Entity, Model, secret_hash},
    error::{Result, UserError},
    viewer::Who,
};

/// Makes a link, whose secret [`crate::calendar_feed::secret`] tells; gives it. The one before leads nowhere from now on.
///
/// # Errors
/// `NOT_ALLOWED` for everybody but citizens.
pub async fn create(act: &mut Act) -> Result<Uuid> {
    let citizen_id = own(act).await?;
    revoke_standing(act, citizen_id).await?;
    let id = act.id();
    let row = Model {
        id,
        citizen_id,
        secret_hash: secret_hash(act.store.keyring(), id)?,
        created_at: act.now,
        revoked_at: None,
    };
    act.insert::<Entity>(std::slice::from_ref(&row)).await?;
    act.changed(citizen_id);
    Ok(id)
}

/// Takes the link back, where there is one; gives the citizen.
///
/// # Errors
/// `NOT_ALLOWED` for everybody but citizens.
pub async fn revoke(act: &mut Act) -> Result<Uuid> {
    let citizen_id = own(act).await?;
    revoke_standing(act, citizen_id).await?;
    act.changed(citizen_id);
    Ok(citizen_id)
}

/// The citizen who asks, whom nobody else changes until the end. Not a guardian: the link would outlive what they are to the child.
async fn own(act: &Act) -> Result<Uuid> {
    let Who::Citizen { id } = act.viewer.who else {
        return Err(UserError::not_allowed("Citizens make the link of their own calendar; nobody else does.").into());
    };
    Ok(held(act, id).await?.id)
}

async fn revoke_standing(act: &Act, citizen_id: Uuid) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(act.now))
        .filter(Column::CitizenId.eq(citizen_id))
        .filter(Column::RevokedAt.is_null())
        .exec(&act.tx)
        .await?;
    Ok(())
}
