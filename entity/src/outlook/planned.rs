//! What is planned already: forms and reminders that wait for their time, and messages that wait to leave.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rules::{
    content::{Piece, concerns},
    facts::Channel,
    simulation::Notice,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::{
    act::BATCH,
    applies::{self, Asked, SkipReason},
    delivery,
    delivery::DeliveryStatus,
    dispatch,
    dispatch::DispatchStatus,
    enrollment,
    error::Result,
    reminder, reminder_staff,
    simulation::Told,
    store::Store,
    stored::Stored,
};

/// What is planned already, by enrollment.
#[derive(Default)]
pub(super) struct Planned {
    /// Forms that are to be sent.
    pub dispatches: HashMap<Uuid, Vec<dispatch::Model>>,
    /// Reminders that are to leave.
    pub reminders: HashMap<Uuid, Vec<PlannedReminder>>,
    /// Messages that only wait for their time.
    pub deliveries: HashMap<Uuid, Vec<(Channel, DateTime<Utc>)>>,
}

/// A reminder that is planned.
pub(super) struct PlannedReminder {
    pub row: reminder::Model,
    /// What it tells of as one of several.
    item: Option<delivery::Item>,
    /// The staff whom it names.
    named: Vec<Uuid>,
    /// The content that it is about.
    pub about: Vec<Piece>,
    /// The key of the section that holds the form that it is about: while that is closed, it does not leave.
    pub section: Option<String>,
}

impl PlannedReminder {
    /// What is told with it.
    pub fn told<'a>(&'a self, notice: &'a Notice) -> Told<'a> {
        Told {
            notice,
            item: self.item.clone(),
            named: &self.named,
        }
    }
}

impl Planned {
    /// Reads what is planned until an instant, but what stands in the way of until somebody removes it; a constant number of
    /// statements.
    pub async fn read(store: &Store, rows: &[enrollment::Model], until: DateTime<Utc>) -> Result<Self> {
        let mut planned = Self::default();
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let dispatches = dispatch::Entity::find()
            .filter(dispatch::Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(dispatch::Column::Status.eq(Stored(DispatchStatus::Scheduled)))
            .filter(dispatch::Column::AvailableAt.lt(until));
        for row in dispatches.all(store.connection()).await? {
            planned.dispatches.entry(row.enrollment_id).or_default().push(row);
        }
        let reminders = reminder::Entity::find()
            .filter(reminder::Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(reminder::Column::DueAt.is_not_null())
            .filter(reminder::Column::RemindAt.lt(until));
        let reminders = reminders.all(store.connection()).await?;
        let enrollments: HashMap<Uuid, enrollment::Model> = rows.iter().map(|row| (row.id, row.clone())).collect();
        let steps = steps(store, &reminders).await?;
        let asked = Asked::read(store.connection(), &reminders, &enrollments, store.now()).await?;
        let now = store.now();
        let obstacles =
            applies::obstacles_of_asked(store, store.connection(), &reminders, &enrollments, &asked, now).await?;
        let is_stopped = |row: &reminder::Model| obstacles.get(&row.id).is_some_and(|reason| stays(*reason));
        let mut named = reminder_staff::named(
            store.connection(),
            reminders.iter().filter(|row| row.is_between_staff()),
        )
        .await?;
        for row in reminders.into_iter().filter(|row| !is_stopped(row)) {
            let Some(enrollment) = enrollments.get(&row.enrollment_id) else {
                continue;
            };
            let content = store
                .library()
                .content(store.connection(), enrollment.version_id)
                .await?;
            let step = row.dispatch_id.and_then(|dispatch| steps.get(&dispatch));
            let section = step.and_then(|step| content.step(*step));
            let section = section.map(|(_, section, _)| section.row.key.clone());
            let definition = asked.rule(&row).and_then(|(_, definition)| definition);
            let of_rule = definition.map(concerns).into_iter().flatten();
            let reminder = PlannedReminder {
                about: of_rule.chain(section.clone().map(Piece::Section)).collect(),
                section,
                item: delivery::Item::of_reminder(&row, &asked),
                named: named.remove(&row.id).unwrap_or_default(),
                row,
            };
            let of_enrollment = planned.reminders.entry(reminder.row.enrollment_id);
            of_enrollment.or_default().push(reminder);
        }
        let deliveries: Vec<(Uuid, Stored<Channel>, DateTime<Utc>)> = delivery::Entity::find()
            .select_only()
            .columns([
                delivery::Column::EnrollmentId,
                delivery::Column::Channel,
                delivery::Column::DueAt,
            ])
            .filter(delivery::Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(delivery::Column::Status.eq(Stored(DeliveryStatus::Ready)))
            .filter(delivery::Column::DueAt.lt(until))
            .into_tuple()
            .all(store.connection())
            .await?;
        for (enrollment, channel, at) in deliveries {
            planned.deliveries.entry(enrollment).or_default().push((channel.0, at));
        }
        Ok(planned)
    }

    /// Whether what of it leaves depends on what is shown.
    pub fn is_about_content(&self) -> bool {
        let mut reminders = self.reminders.values().flatten();
        reminders.any(|reminder| !reminder.about.is_empty())
    }
}

/// The steps that the forms of reminders belong to, by dispatch.
async fn steps(store: &Store, reminders: &[reminder::Model]) -> Result<HashMap<Uuid, Uuid>> {
    let ids: Vec<Uuid> = reminders.iter().filter_map(|row| row.dispatch_id).collect();
    let mut steps = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows: Vec<(Uuid, Uuid)> = dispatch::Entity::find()
            .select_only()
            .columns([dispatch::Column::Id, dispatch::Column::StepId])
            .filter(dispatch::Column::Id.is_in(chunk.iter().copied()))
            .filter(dispatch::Column::StepId.is_not_null())
            .into_tuple()
            .all(store.connection())
            .await?;
        steps.extend(rows);
    }
    Ok(steps)
}

/// Whether what stands in the way of a reminder now stays until somebody does something about it. The others are lived through.
fn stays(reason: SkipReason) -> bool {
    matches!(
        reason,
        SkipReason::RuleOff | SkipReason::RuleDryRun | SkipReason::ScheduleOff | SkipReason::AccessBlocked
    )
}
