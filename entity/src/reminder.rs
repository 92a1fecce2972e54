//! Something that somebody is to be reminded of (påminnelse).

mod inbox;

pub use inbox::{inbox, staff, unread};

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rules::{
    definition::Recipients,
    facts::{Audience, Status},
};
use sea_orm::{ActiveValue::Set, Condition, QueryOrder, entity::prelude::*};

use crate::{
    act::BATCH,
    applies::SkipReason,
    delivery,
    error::Result,
    page::Page,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer, Who},
    visible::{self, Listed},
};

/// Something that somebody is to be reminded of (påminnelse).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "reminder")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The dispatch.
    pub dispatch_id: Option<Uuid>,
    /// The firing of a rule that made it, if one did.
    pub firing_id: Option<Uuid>,
    /// The key of the message template.
    pub template: String,
    /// Whom it is for.
    pub audience: Stored<Audience>,
    /// The channels asked for; as the recipient chose where empty.
    pub channels: Json,
    /// The state of the enrollment when it was decided: it leaves in this one and while the enrollment is active.
    pub decided_in: Stored<Status>,
    /// Leaves at once, whatever the hour.
    pub bypass_quiet_hours: bool,
    /// When it is meant to leave.
    pub remind_at: DateTime<Utc>,
    /// When the worker must act next; never where absent.
    pub due_at: Option<DateTime<Utc>>,
    /// When it left.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it was decided that it does not leave.
    pub skipped_at: Option<DateTime<Utc>>,
    /// Why it does not leave.
    pub skip_reason: Option<Stored<SkipReason>>,
    /// Who did it.
    pub actor: Stored<Actor>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// The flag that it is a rung of an escalation of: taken on or resolved, it does not leave.
    pub flag_id: Option<Uuid>,
    /// Which time of the flag's being opened it belongs to, counted from 1.
    pub opening: Option<i32>,
    /// The key of the rule that escalates.
    pub ladder: Option<String>,
    /// The key of the rung.
    pub rung: Option<String>,
    /// Which staff are reminded; those who treat in the enrollment where absent.
    pub recipients: Option<Stored<Recipients>>,
    /// Leaves only while the unit is open.
    pub office_hours: bool,
    /// What was said to whom it is for, sealed text. It is read in the service alone.
    pub note: Option<Sealed>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Whether somebody of the staff asked for it by hand, and for staff.
    pub(crate) fn is_between_staff(&self) -> bool {
        self.audience.0 == Audience::Staff && matches!(self.actor.0, Actor::Staff(_))
    }
}

const LISTED: Listed<Entity> = Listed {
    id: Column::Id,
    enrollment: Column::EnrollmentId,
    at: || Column::RemindAt.into_expr(),
    key: |row| (row.id, row.enrollment_id, row.remind_at),
};

/// What the viewer may see of the reminders of enrollments that are visible to them.
pub(crate) fn visible_to(viewer: &Viewer) -> Condition {
    visible::addressed(viewer, Column::Audience)
}

/// Reminders by id.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let (id, of) = (Column::Id, Column::EnrollmentId);
    visible::by_id_if::<Entity>(store, viewer, ids, id, of, |row| row.id, visible_to(viewer)).await
}

/// The reminders of each enrollment, past and planned, the latest first, `first` of each, after the row with the cursor
/// `after`.
///
/// # Errors
/// When the cursor is none of this list, or the database fails.
pub async fn page(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
    first: u64,
    after: Option<&str>,
) -> Result<HashMap<Uuid, Page<(String, Model)>>> {
    LISTED
        .page(store, viewer, enrollments, visible_to(viewer), first, after)
        .await
}

/// The escalations of each of the flags: their rungs, those that are planned first at the front.
///
/// # Errors
/// When the database fails.
pub async fn rungs(store: &Store, viewer: &Viewer, flags: &[Uuid]) -> Result<HashMap<Uuid, Vec<Model>>> {
    let mut found: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for chunk in flags.chunks(BATCH) {
        let select = Entity::find()
            .filter(Column::FlagId.is_in(chunk.iter().copied()))
            .filter(visible_to(viewer))
            .order_by_asc(Column::RemindAt)
            .order_by_asc(Column::Id);
        for row in visible::read(store.connection(), viewer, select, Column::EnrollmentId).await? {
            if let Some(flag) = row.flag_id {
                found.entry(flag).or_default().push(row);
            }
        }
    }
    Ok(found)
}

/// The deliveries of each of the reminders, oldest first. Citizens and guardians see only those to the citizen.
///
/// # Errors
/// When the database fails.
pub async fn deliveries(
    store: &Store,
    viewer: &Viewer,
    reminders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<delivery::Model>>> {
    let mut found: HashMap<Uuid, Vec<delivery::Model>> = HashMap::new();
    for chunk in reminders.chunks(BATCH) {
        let mut select = delivery::Entity::find()
            .filter(delivery::Column::ReminderId.is_in(chunk.iter().copied()))
            .order_by_asc(delivery::Column::CreatedAt)
            .order_by_asc(delivery::Column::Id);
        if matches!(viewer.who, Who::Citizen { .. } | Who::Guardian { .. }) {
            select = select.filter(delivery::Column::StaffId.is_null());
        }
        for row in visible::read(store.connection(), viewer, select, delivery::Column::EnrollmentId).await? {
            found.entry(row.reminder_id).or_default().push(row);
        }
    }
    Ok(found)
}

/// Makes the next rung of the same ladder due at once, where one is left.
///
/// # Errors
/// When the database fails.
pub(crate) async fn hurry(connection: &impl ConnectionTrait, rung: &Model, now: DateTime<Utc>) -> Result<()> {
    let next = Entity::find()
        .filter(Column::FlagId.eq(rung.flag_id))
        .filter(Column::Opening.eq(rung.opening))
        .filter(Column::Ladder.eq(rung.ladder.as_deref()))
        .filter(Column::DueAt.is_not_null())
        .order_by_asc(Column::RemindAt)
        .order_by_asc(Column::Id)
        .one(connection)
        .await?;
    let Some(next) = next.filter(|next| next.remind_at > now) else {
        return Ok(());
    };
    let set = ActiveModel {
        remind_at: Set(now),
        due_at: Set(Some(now)),
        ..<ActiveModel as Default>::default()
    };
    Entity::update_many()
        .set(set)
        .filter(Column::Id.eq(next.id))
        // It may have left, or been stopped, since.
        .filter(Column::DueAt.is_not_null())
        .exec(connection)
        .await?;
    Ok(())
}
