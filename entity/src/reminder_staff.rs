//! A staff member whom a reminder is for: named when it was planned, or found when it left.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{QueryOrder, entity::prelude::*};

use crate::{act::BATCH, error::Result, reminder};

/// A staff member whom a reminder is for: named when it was planned, or found when it left.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "reminder_staff")]
pub struct Model {
    /// The reminder.
    #[sea_orm(primary_key, auto_increment = false)]
    pub reminder_id: Uuid,
    /// The staff member.
    #[sea_orm(primary_key, auto_increment = false)]
    pub staff_id: Uuid,
    /// When it came to them.
    pub arrived_at: Option<DateTime<Utc>>,
    /// When they marked it as read.
    pub read_at: Option<DateTime<Utc>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The staff whom reminders name, by reminder; those that are for a group are absent.
///
/// # Errors
/// When the database fails.
pub(crate) async fn named(
    connection: &impl ConnectionTrait,
    reminders: impl IntoIterator<Item = &reminder::Model>,
) -> Result<HashMap<Uuid, Vec<Uuid>>> {
    let ids: Vec<Uuid> = reminders.into_iter().map(|reminder| reminder.id).collect();
    let mut named: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows = Entity::find()
            .filter(Column::ReminderId.is_in(chunk.iter().copied()))
            .order_by_asc(Column::StaffId);
        for row in rows.all(connection).await? {
            named.entry(row.reminder_id).or_default().push(row.staff_id);
        }
    }
    Ok(named)
}
