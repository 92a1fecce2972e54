//! Whom of the staff reminders are for, and what they have read.

use std::collections::BTreeSet;

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    act::Act,
    delivery::{self, DeliveryStatus},
    error::{Result, UserError},
    reminder_staff::{ActiveModel, Column, Entity, Model},
};

/// Notes the staff whom a reminder is for, before it leaves.
pub(super) async fn name(act: &Act, named: Vec<(Uuid, BTreeSet<Uuid>)>) -> Result<()> {
    let row = |reminder_id, staff_id| Model {
        reminder_id,
        staff_id,
        arrived_at: None,
        read_at: None,
    };
    let rows = named
        .into_iter()
        .flat_map(|(reminder, staff)| staff.into_iter().map(move |staff| row(reminder, staff)));
    act.insert::<Entity>(&rows.collect::<Vec<_>>()).await
}

/// Notes which staff reminders have come to with these deliveries.
pub(super) async fn arrived(act: &Act, made: &[delivery::Model]) -> Result<()> {
    let reached = made.iter().filter(|row| row.status.0 != DeliveryStatus::Skipped);
    let reached: BTreeSet<(Uuid, Uuid)> = reached
        .filter_map(|row| Some((row.reminder_id, row.staff_id?)))
        .collect();
    let rows: Vec<Model> = reached
        .into_iter()
        .map(|(reminder_id, staff_id)| Model {
            reminder_id,
            staff_id,
            arrived_at: Some(act.now),
            read_at: None,
        })
        .collect();
    let key = [Column::ReminderId, Column::StaffId];
    act.upsert::<Entity>(&rows, &key, &[Column::ArrivedAt]).await
}

/// The staff member has read a reminder that came to them; gives the reminder. Read again, it is as once.
///
/// # Errors
/// When none of this id has come to them, at `reminderId`.
pub async fn mark_read(act: &mut Act, reminder_id: Uuid) -> Result<Uuid> {
    let not_found = || UserError::not_found("reminderId", "reminder that came to you");
    super::locked(act, reminder_id).await?;
    let staff = act.viewer.staff().ok_or_else(not_found)?;
    let find = Entity::find_by_id((reminder_id, staff)).filter(Column::ArrivedAt.is_not_null());
    let row = find.one(&act.tx).await?.ok_or_else(not_found)?;
    if row.read_at.is_none() {
        let read = ActiveModel {
            read_at: Set(Some(act.now)),
            ..<ActiveModel as Default>::default()
        };
        Entity::update_many()
            .set(read)
            .filter(Column::ReminderId.eq(reminder_id))
            .filter(Column::StaffId.eq(staff))
            .exec(&act.tx)
            .await?;
    }
    Ok(reminder_id)
}
