//! Whether a reminder still applies: asked when it leaves, and again when each of its deliveries is handed over.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rules::facts::Status;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::{
    act::BATCH,
    dispatch::{self, DispatchStatus},
    enrollment,
    error::Result,
    firing, reminder,
    rule::RuleBook,
    stored::Stored,
};

/// The form is answered.
pub const ANSWERED: &str = "ANSWERED";
/// The form was taken back, or declined.
pub const CANCELLED: &str = "CANCELLED";
/// The form cannot be answered any more.
pub const EXPIRED: &str = "EXPIRED";
/// A later reminder of the same form is due, too.
pub const OVERTAKEN: &str = "OVERTAKEN";
/// The enrollment is not active.
pub const NOT_ACTIVE: &str = "NOT_ACTIVE";
/// The citizen does not want to be reached on the channel.
pub const OPTED_OUT: &str = "OPTED_OUT";
/// There is no address on the channel, or nobody to reach.
pub const NO_ADDRESS: &str = "NO_ADDRESS";
/// The rule that asked for it is switched off.
pub const RULE_OFF: &str = "RULE_OFF";

/// Why reminders do not apply any more, by reminder; those that do are absent.
///
/// # Errors
/// When the database fails.
pub(crate) async fn obstacles(
    connection: &impl ConnectionTrait,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, &'static str>> {
    let dispatches = dispatches(connection, reminders).await?;
    let switched_off = switched_off(connection, reminders, enrollments, now).await?;
    let obstacle = |reminder: &reminder::Model| {
        let over = |id| {
            dispatches
                .get(&id)
                .and_then(|(status, expires_at)| over(*status, *expires_at, now))
        };
        let is_or_was = |status| status == Status::Active || status == reminder.decided_in.0;
        if let Some(reason) = reminder.dispatch_id.and_then(over) {
            return Some(reason);
        }
        let enrollment = enrollments.get(&reminder.enrollment_id);
        if !enrollment.is_some_and(|enrollment| is_or_was(enrollment.status.0)) {
            return Some(NOT_ACTIVE);
        }
        switched_off.contains(&reminder.id).then_some(RULE_OFF)
    };
    Ok(reminders
        .iter()
        .filter_map(|reminder| Some((reminder.id, obstacle(reminder)?)))
        .collect())
}

/// Why a form in this state needs no reminder.
fn over(status: DispatchStatus, expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<&'static str> {
    match status {
        DispatchStatus::Completed => Some(ANSWERED),
        DispatchStatus::Cancelled | DispatchStatus::Declined => Some(CANCELLED),
        DispatchStatus::Expired => Some(EXPIRED),
        DispatchStatus::Scheduled | DispatchStatus::Available | DispatchStatus::Started => {
            expires_at.is_some_and(|until| until <= now).then_some(EXPIRED)
        }
    }
}

type DispatchState = (DispatchStatus, Option<DateTime<Utc>>);

async fn dispatches(
    connection: &impl ConnectionTrait,
    reminders: &[reminder::Model],
) -> Result<HashMap<Uuid, DispatchState>> {
    let ids: Vec<Uuid> = reminders.iter().filter_map(|reminder| reminder.dispatch_id).collect();
    let mut found = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows: Vec<(Uuid, Stored<DispatchStatus>, Option<DateTime<Utc>>)> = dispatch::Entity::find()
            .select_only()
            .columns([
                dispatch::Column::Id,
                dispatch::Column::Status,
                dispatch::Column::ExpiresAt,
            ])
            .filter(dispatch::Column::Id.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(connection)
            .await?;
        found.extend(
            rows.into_iter()
                .map(|(id, status, expires_at)| (id, (status.0, expires_at))),
        );
    }
    Ok(found)
}

/// The reminders whose rule is off now for their enrollment.
async fn switched_off(
    connection: &impl ConnectionTrait,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>> {
    let by_rule: Vec<(&reminder::Model, Uuid)> = reminders
        .iter()
        .filter_map(|reminder| Some((reminder, reminder.firing_id?)))
        .collect();
    if by_rule.is_empty() {
        return Ok(Vec::new());
    }
    let mut keys: HashMap<Uuid, String> = HashMap::new();
    for chunk in by_rule.chunks(BATCH) {
        let rows: Vec<(Uuid, String)> = firing::Entity::find()
            .select_only()
            .columns([firing::Column::Id, firing::Column::RuleKey])
            .filter(firing::Column::Id.is_in(chunk.iter().map(|(_, firing)| *firing)))
            .into_tuple()
            .all(connection)
            .await?;
        keys.extend(rows);
    }
    let concerned: Vec<enrollment::Model> = enrollments
        .values()
        .filter(|enrollment| {
            by_rule
                .iter()
                .any(|(reminder, _)| reminder.enrollment_id == enrollment.id)
        })
        .cloned()
        .collect();
    let book = RuleBook::read(connection, &concerned).await?;
    let rules: HashMap<Uuid, _> = concerned
        .iter()
        .map(|enrollment| (enrollment.id, book.of(enrollment)))
        .collect();
    let is_off = |reminder: &reminder::Model, firing: &Uuid| {
        let key = keys.get(firing)?;
        let is_on = rules.get(&reminder.enrollment_id)?.iter().any(|rule| {
            let holds = rule.effective_from <= now && rule.effective_until.is_none_or(|until| now < until);
            rule.key == *key && holds && rule.enabled
        });
        (!is_on).then_some(reminder.id)
    };
    Ok(by_rule
        .iter()
        .filter_map(|(reminder, firing)| is_off(reminder, firing))
        .collect())
}
