//! Planning reminders, and letting them leave when they are due and still apply.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use rules::facts::{Audience, Channel};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{
    answerable::{has_ended, not_active},
    delivery,
};
use crate::{
    act::{Act, BATCH, Cause},
    applies,
    delivery::DeliveryStatus,
    dispatch, enrollment,
    error::{Error, Outcome, Result, UserError},
    event::EventKind,
    reminder::{ActiveModel, Column, Entity, Model},
    store::Hint,
    stored::Stored,
    viewer::Actor,
};

/// A reminder to be planned.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The key of the message template.
    pub template: String,
    /// On which channels; as the recipient chose where empty.
    pub channels: Vec<Channel>,
    /// Whom it is for.
    pub audience: Audience,
    /// When it leaves; now where absent.
    pub remind_at: Option<DateTime<Utc>>,
    /// The form that it is about: answered, it does not leave.
    pub dispatch_id: Option<Uuid>,
    /// The firing of a rule that asks for it.
    pub firing_id: Option<Uuid>,
    /// Leaves whatever the hour.
    pub bypass_quiet_hours: bool,
    /// Who.
    pub cause: Cause,
}

/// Plans reminders; each gives the reminder. One that is not in the future leaves at once.
///
/// # Errors
/// When the database fails. What one is refused for stands in its outcome: `NOT_FOUND`, `BAD_KEY`, and `NOT_ACTIVE` for what
/// somebody asks for by hand in an enrollment that has ended.
pub async fn plan(act: &mut Act, plans: &[Plan]) -> Result<Vec<Outcome<Uuid>>> {
    let ids: Vec<Uuid> = plans.iter().map(|plan| plan.enrollment_id).collect();
    let enrollments = act.treated(&ids).await?;
    let dispatches = dispatches(act, plans).await?;
    let mut outcomes = Vec::with_capacity(plans.len());
    let mut planned = Vec::new();
    for plan in plans {
        let Some(enrollment) = enrollments.get(&plan.enrollment_id) else {
            outcomes.push(Err(vec![UserError::not_found("enrollmentId", "enrollment")]));
            continue;
        };
        let of_another = |id: Uuid| dispatches.get(&id) != Some(&enrollment.id);
        let refusal = if !is_key(&plan.template) {
            let message = "A template is named by small letters, digits and hyphens.";
            Some(UserError::new("BAD_KEY", "template", message))
        } else if plan.dispatch_id.is_some_and(of_another) {
            Some(UserError::not_found("dispatchId", "form"))
        } else if has_ended(enrollment) && matches!(plan.cause.actor, Actor::Staff(_)) {
            Some(not_active(
                "This enrollment has ended: nobody is reminded in it any more.",
            ))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            outcomes.push(Err(vec![refusal]));
            continue;
        }
        let row = new(act, enrollment, plan)?;
        outcomes.push(Ok(row.id));
        act.changed(enrollment.citizen_id);
        planned.push((row, plan.cause));
    }
    let rows: Vec<Model> = planned.iter().map(|(row, _)| row.clone()).collect();
    act.insert::<Entity>(&rows).await?;
    planned.retain(|(row, _)| row.remind_at <= act.now);
    go(act, &enrollments, planned).await?;
    act.hint(Hint::Due);
    Ok(outcomes)
}

fn is_key(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

fn new(act: &Act, enrollment: &enrollment::Model, plan: &Plan) -> Result<Model> {
    let remind_at = plan.remind_at.unwrap_or(act.now);
    Ok(Model {
        id: act.id(),
        enrollment_id: enrollment.id,
        dispatch_id: plan.dispatch_id,
        firing_id: plan.firing_id,
        template: plan.template.clone(),
        audience: plan.audience.into(),
        channels: serde_json::to_value(&plan.channels).map_err(|error| Error::Corrupt(format!("channels: {error}")))?,
        decided_in: enrollment.status,
        bypass_quiet_hours: plan.bypass_quiet_hours,
        remind_at,
        due_at: Some(remind_at),
        sent_at: None,
        skipped_at: None,
        skip_reason: None,
        actor: plan.cause.actor.into(),
        created_at: act.now,
    })
}

/// The enrollments of the forms that reminders are about.
async fn dispatches(act: &Act, plans: &[Plan]) -> Result<HashMap<Uuid, Uuid>> {
    let ids: Vec<Uuid> = plans.iter().filter_map(|plan| plan.dispatch_id).collect();
    let mut found = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows: Vec<(Uuid, Uuid)> = dispatch::Entity::find()
            .select_only()
            .columns([dispatch::Column::Id, dispatch::Column::EnrollmentId])
            .filter(dispatch::Column::Id.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(&act.tx)
            .await?;
        found.extend(rows);
    }
    Ok(found)
}

/// Lets the reminders leave that are due and still apply. Gives how many were looked at, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn leave(act: &mut Act, limit: u64) -> Result<usize> {
    let limit = limit.min(BATCH as u64);
    let now = act.now;
    let due = || {
        Entity::find()
            .filter(Column::DueAt.lte(now))
            .order_by_asc(Column::DueAt)
            .limit(limit)
    };
    let ids: Vec<Uuid> = act
        .store
        .skip_locked(due())
        .select_only()
        .column(Column::EnrollmentId)
        .into_tuple()
        .all(&act.tx)
        .await?;
    let enrollments = act.free_enrollments(&ids).await?;
    // Read again under the locks: another worker, or an answer, may have been faster.
    let rows = due()
        .filter(Column::EnrollmentId.is_in(enrollments.keys().copied()))
        .all(&act.tx)
        .await?;
    let looked_at = rows.len();
    let cause = act.cause();
    go(act, &enrollments, rows.into_iter().map(|row| (row, cause)).collect()).await?;
    Ok(looked_at)
}

/// Lets reminders go, each with who is behind it: those that do not apply any more, or reach nobody, are skipped.
async fn go(
    act: &mut Act,
    enrollments: &BTreeMap<Uuid, enrollment::Model>,
    reminders: Vec<(Model, Cause)>,
) -> Result<()> {
    if reminders.is_empty() {
        return Ok(());
    }
    let by_id: HashMap<Uuid, enrollment::Model> = enrollments
        .iter()
        .map(|(id, enrollment)| (*id, enrollment.clone()))
        .collect();
    let rows: Vec<Model> = reminders.iter().map(|(row, _)| row.clone()).collect();
    let mut obstacles = applies::obstacles(&act.tx, &rows, &by_id, act.now).await?;
    for reminder in overtaken(act, &rows).await? {
        obstacles.entry(reminder).or_insert(applies::OVERTAKEN);
    }
    let going: Vec<Model> = rows
        .into_iter()
        .filter(|row| !obstacles.contains_key(&row.id))
        .collect();
    let mut deliveries = delivery::make(act, &going, &by_id).await?;

    let mut skipped: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
    for (reminder, reason) in obstacles {
        skipped.entry(reason).or_default().push(reminder);
    }
    let (mut left, mut made) = (Vec::new(), Vec::new());
    for (row, cause) in &reminders {
        let Some(deliveries) = deliveries.remove(&row.id) else {
            continue;
        };
        let reaches = deliveries
            .iter()
            .any(|delivery| delivery.status.0 != DeliveryStatus::Skipped);
        if reaches {
            left.push(row.id);
            if let Some(enrollment) = enrollments.get(&row.enrollment_id) {
                let kind = EventKind::ReminderSent;
                act.happened(enrollment, kind, *cause, Some(row.id), Some(&row.template));
            }
        } else {
            let opted_out = deliveries
                .iter()
                .any(|delivery| delivery.reason.as_deref() == Some(applies::OPTED_OUT));
            let reason = if opted_out {
                applies::OPTED_OUT
            } else {
                applies::NO_ADDRESS
            };
            skipped.entry(reason).or_default().push(row.id);
        }
        made.extend(deliveries);
    }
    act.insert::<crate::delivery::Entity>(&made).await?;
    for chunk in left.chunks(BATCH) {
        Entity::update_many()
            .set(ActiveModel {
                due_at: Set(None),
                sent_at: Set(Some(act.now)),
                ..ActiveModel::default()
            })
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .exec(&act.tx)
            .await?;
    }
    for (reason, ids) in skipped {
        for chunk in ids.chunks(BATCH) {
            Entity::update_many()
                .set(skip(act, reason))
                .filter(Column::Id.is_in(chunk.iter().copied()))
                .exec(&act.tx)
                .await?;
        }
    }
    act.hint(Hint::Due);
    Ok(())
}

/// Those of the reminders of a form that a later one for the same people has overtaken: after hours in which nobody worked,
/// they are not all told at once.
async fn overtaken(act: &Act, reminders: &[Model]) -> Result<Vec<Uuid>> {
    let forms: BTreeSet<Uuid> = reminders.iter().filter_map(|row| row.dispatch_id).collect();
    let mut latest: HashMap<(Uuid, Audience), DateTime<Utc>> = HashMap::new();
    for chunk in forms.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        let due: Vec<(Uuid, Stored<Audience>, DateTime<Utc>)> = Entity::find()
            .select_only()
            .columns([Column::DispatchId, Column::Audience])
            .column_as(Column::RemindAt.max(), "latest")
            .filter(Column::DispatchId.is_in(chunk.iter().copied()))
            .filter(Column::DueAt.lte(act.now))
            .group_by(Column::DispatchId)
            .group_by(Column::Audience)
            .into_tuple()
            .all(&act.tx)
            .await?;
        latest.extend(due.into_iter().map(|(form, audience, at)| ((form, audience.0), at)));
    }
    let is_overtaken = |row: &&Model| {
        let latest = row.dispatch_id.and_then(|form| latest.get(&(form, row.audience.0)));
        latest.is_some_and(|latest| row.remind_at < *latest)
    };
    Ok(reminders.iter().filter(is_overtaken).map(|row| row.id).collect())
}

/// Stops the reminders of forms that have not left yet.
pub(super) async fn stop(act: &Act, dispatches: &[Uuid], reason: &str) -> Result<()> {
    for chunk in dispatches.chunks(BATCH) {
        Entity::update_many()
            .set(skip(act, reason))
            .filter(Column::DispatchId.is_in(chunk.iter().copied()))
            .filter(Column::DueAt.is_not_null())
            .exec(&act.tx)
            .await?;
    }
    Ok(())
}

fn skip(act: &Act, reason: &str) -> ActiveModel {
    ActiveModel {
        due_at: Set(None),
        skipped_at: Set(Some(act.now)),
        skip_reason: Set(Some(reason.to_owned())),
        ..ActiveModel::default()
    }
}
