//! What a staff member was reminded of.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::{Column, Entity, Model, find};
use crate::{
    act::BATCH,
    enrollment,
    error::Result,
    page::{self, Page},
    reminder_staff,
    store::Store,
    viewer::Viewer,
};

/// What came to the staff member who asks about enrollments that they may see, the latest first; with `unread`, without what
/// they have read. Nothing for everybody else. Two statements.
///
/// # Errors
/// When the cursor is none of this list, or the database fails.
pub async fn inbox(
    store: &Store,
    viewer: &Viewer,
    unread: bool,
    first: u64,
    after: Option<&str>,
) -> Result<Page<(String, Model)>> {
    use reminder_staff::Column as Arrival;
    let first = page::clamp(first);
    let Some(mut select) = arrived(viewer, unread) else {
        return Ok(Page::default());
    };
    if let Some(after) = after {
        select = select.filter(page::after(after, Arrival::ArrivedAt.into_expr(), Arrival::ReminderId)?);
    }
    let rows = select
        .order_by_desc(Arrival::ArrivedAt)
        .order_by_desc(Arrival::ReminderId)
        .limit(first + 1)
        .all(store.connection())
        .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.reminder_id).collect();
    let mut reminders = find(store, viewer, &ids).await?;
    let listed = rows.into_iter().filter_map(|row| {
        let cursor = page::cursor_at(row.arrived_at?, row.reminder_id);
        Some((cursor, reminders.remove(&row.reminder_id)?))
    });
    Ok(Page::cut(listed.collect(), first))
}

/// How much of it they have not read.
///
/// # Errors
/// When the database fails.
pub async fn unread(store: &Store, viewer: &Viewer) -> Result<u64> {
    match arrived(viewer, true) {
        Some(select) => Ok(select.count(store.connection()).await?),
        None => Ok(0),
    }
}

/// The staff whom each of the reminders is for: named when it was planned, or found when it left.
///
/// # Errors
/// When the database fails.
pub async fn staff(
    store: &Store,
    viewer: &Viewer,
    reminders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<reminder_staff::Model>>> {
    let visible: Vec<Uuid> = find(store, viewer, reminders).await?.into_keys().collect();
    let mut found: HashMap<Uuid, Vec<reminder_staff::Model>> = HashMap::new();
    for chunk in visible.chunks(BATCH) {
        let rows = reminder_staff::Entity::find()
            .filter(reminder_staff::Column::ReminderId.is_in(chunk.iter().copied()))
            .order_by_asc(reminder_staff::Column::StaffId);
        for row in rows.all(store.connection()).await? {
            found.entry(row.reminder_id).or_default().push(row);
        }
    }
    Ok(found)
}

/// What came to the viewer about enrollments that they may see; none who is no staff, or does not treat.
fn arrived(viewer: &Viewer, unread: bool) -> Option<Select<reminder_staff::Entity>> {
    let staff = viewer.staff().filter(|_| viewer.sees_health())?;
    let of_enrollment = Entity::belongs_to(enrollment::Entity)
        .from(Column::EnrollmentId)
        .to(enrollment::Column::Id)
        .into();
    let visible = Entity::find()
        .select_only()
        .column(Column::Id)
        .join(JoinType::InnerJoin, of_enrollment)
        .filter(enrollment::visible_to(viewer));
    let mut select = reminder_staff::Entity::find()
        .filter(reminder_staff::Column::StaffId.eq(staff))
        .filter(reminder_staff::Column::ArrivedAt.is_not_null())
        .filter(reminder_staff::Column::ReminderId.in_subquery(visible.into_query()));
    if unread {
        select = select.filter(reminder_staff::Column::ReadAt.is_null());
    }
    Some(select)
}
