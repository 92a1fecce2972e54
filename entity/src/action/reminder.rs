//! Planning reminders, and letting them leave when they are due and still apply.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Duration, Utc};
use rules::{
    definition::Recipients,
    facts::{Audience, Channel},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, IntoCondition},
};
use uuid::Uuid;

use super::{
    answerable::{has_ended, not_active},
    delivery, escalation,
};
use crate::{
    act::{Act, BATCH, Cause},
    applies::{self, SkipReason},
    delivery::DeliveryStatus,
    dispatch, enrollment,
    error::{Error, Outcome, Result, UserError},
    event::EventKind,
    halves::Halves,
    reminder::{ActiveModel, Column, Entity, Model},
    store::{Hint, Store},
    viewer::{Actor, Viewer},
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
        flag_id: None,
        opening: None,
        ladder: None,
        rung: None,
        recipients: None,
        office_hours: false,
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

/// How long a reminder is set aside that cannot be read.
const PAUSE: Duration = Duration::minutes(10);

/// As [`leave`], in a unit of work of its own. A batch that fails is halved until the reminder that it fails for is alone; that
/// one is set aside for a while and logged, and the others go on.
///
/// # Errors
/// When the database is away or busy: then the same batch is tried again later.
pub async fn run(store: &Store, limit: u64) -> Result<usize> {
    match batch(store, limit, None).await {
        Err(error) if !error.is_transient() => {}
        done => return done,
    }
    let ids: Vec<Uuid> = due(store.now(), limit, None)
        .select_only()
        .column(Column::Id)
        .into_tuple()
        .all(store.connection())
        .await?;
    let mut done = 0;
    let mut halves = Halves::of(ids);
    while let Some(part) = halves.next_part() {
        match batch(store, limit, Some(&part)).await {
            Ok(count) => done += count,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                if let Some(id) = halves.split(part) {
                    set_aside(store, id, &error).await?;
                    done += 1;
                }
            }
        }
    }
    Ok(done)
}

async fn set_aside(store: &Store, id: Uuid, error: &Error) -> Result<()> {
    tracing::error!(reminder = %id, reason = error.kind(), "a reminder cannot leave and is set aside");
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(store.now() + PAUSE))
        .filter(Column::Id.eq(id))
        .filter(Column::DueAt.lte(store.now()))
        .exec(store.connection())
        .await?;
    Ok(())
}

async fn batch(store: &Store, limit: u64, of: Option<&[Uuid]>) -> Result<usize> {
    let mut act = store.act(&Viewer::system()).await?;
    match leave_some(&mut act, limit, of).await {
        Ok(done) => {
            act.commit().await?;
            Ok(done)
        }
        Err(error) => {
            // What it holds is free again before anybody looks for it in smaller parts.
            act.undo().await;
            Err(error)
        }
    }
}

/// The reminders that are due, or those of them that are given, longest due first.
fn due(now: DateTime<Utc>, limit: u64, of: Option<&[Uuid]>) -> Select<Entity> {
    let due = Entity::find()
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::DueAt)
        .limit(limit.min(BATCH as u64));
    match of {
        Some(ids) => due.filter(Column::Id.is_in(ids.iter().copied())),
        None => due,
    }
}

/// Lets the reminders leave that are due and still apply. Gives how many were looked at, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn leave(act: &mut Act, limit: u64) -> Result<usize> {
    leave_some(act, limit, None).await
}

async fn leave_some(act: &mut Act, limit: u64, of: Option<&[Uuid]>) -> Result<usize> {
    let now = act.now;
    let due = || due(now, limit, of);
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

/// Lets reminders go, each with who is behind it: those that do not apply any more, or reach nobody, are skipped; those of a
/// unit that is closed wait until it opens.
pub(super) async fn go(
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
    // Those about the same that are due but not in hand may overtake what is.
    let mut all = rows.clone();
    all.extend(about_the_same(act, &rows).await?);
    let mut obstacles = applies::obstacles(&act.store, &act.tx, &all, &by_id, act.now).await?;
    let applying: Vec<&Model> = all.iter().filter(|row| !obstacles.contains_key(&row.id)).collect();
    let waiting = escalation::waiting(act, &applying, &by_id).await?;
    let going = applying.into_iter().filter(|row| !waiting.contains_key(&row.id));
    let going: Vec<Model> = going.cloned().collect();
    let mut deliveries = delivery::make(act, &going, &by_id).await?;
    let leaving = going
        .iter()
        .filter(|row| deliveries.get(&row.id).is_some_and(|made| reaches(made)));
    for reminder in superseded(leaving) {
        obstacles.insert(reminder, SkipReason::Superseded);
        deliveries.remove(&reminder);
    }
    let in_hand = |id: &Uuid| rows.iter().any(|row| row.id == *id);
    postpone(act, waiting.into_iter().filter(|(id, _)| in_hand(id))).await?;

    let (mut left, mut made) = (Vec::new(), Vec::new());
    let mut reached_nobody = Vec::new();
    for (row, cause) in &reminders {
        let Some(deliveries) = deliveries.remove(&row.id) else {
            continue;
        };
        if reaches(&deliveries) {
            left.push(row.id);
            if let Some(enrollment) = enrollments.get(&row.enrollment_id) {
                let kind = EventKind::ReminderSent;
                act.happened(enrollment, kind, *cause, Some(row.id), Some(&row.template));
            }
            made.extend(deliveries);
        } else {
            obstacles.insert(row.id, why_nobody(&deliveries));
            reached_nobody.push(row.clone());
        }
    }
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
    act.insert::<crate::delivery::Entity>(&made).await?;
    delivery::collapse(act, &made, &by_id).await?;
    let skipped = rows
        .iter()
        .filter_map(|row| Some((row.clone(), *obstacles.get(&row.id)?)))
        .collect();
    skip(act, skipped).await?;
    escalation::hurry(act, &reached_nobody).await?;
    escalation::note_next(act, &rows).await?;
    act.hint(Hint::Due);
    Ok(())
}

/// Whether any of the deliveries of a reminder reaches somebody.
fn reaches(deliveries: &[crate::delivery::Model]) -> bool {
    deliveries
        .iter()
        .any(|delivery| delivery.status.0 != DeliveryStatus::Skipped)
}

/// Why a reminder reaches nobody.
fn why_nobody(deliveries: &[crate::delivery::Model]) -> SkipReason {
    let mut reasons = deliveries.iter().filter_map(crate::delivery::Model::skip_reason);
    match (
        deliveries.is_empty(),
        reasons.any(|reason| reason == SkipReason::OptedOut),
    ) {
        (true, _) => SkipReason::Nobody,
        (false, true) => SkipReason::OptedOut,
        (false, false) => SkipReason::NoAddress,
    }
}

/// Lets reminders wait, each until its instant.
pub(super) async fn postpone(act: &Act, waiting: impl Iterator<Item = (Uuid, DateTime<Utc>)>) -> Result<()> {
    let mut by_instant: BTreeMap<DateTime<Utc>, Vec<Uuid>> = BTreeMap::new();
    for (row, until) in waiting {
        by_instant.entry(until).or_default().push(row);
    }
    for (until, ids) in by_instant {
        for chunk in ids.chunks(BATCH) {
            Entity::update_many()
                .col_expr(Column::DueAt, Expr::value(until))
                .filter(Column::Id.is_in(chunk.iter().copied()))
                .exec(&act.tx)
                .await?;
        }
    }
    Ok(())
}

/// What several reminders may be about, for the same people: a form, or a flag. Each ladder of a flag stands for itself: one may
/// wait for office hours, or be switched off, while the other must not.
type About = (
    Option<Uuid>,
    Option<(Uuid, Option<i32>, Option<String>)>,
    Audience,
    Option<Recipients>,
);

fn about(row: &Model) -> Option<About> {
    let flag = row.flag_id.map(|flag| (flag, row.opening, row.ladder.clone()));
    let recipients = row.recipients.map(|recipients| recipients.0);
    (row.dispatch_id.is_some() || flag.is_some()).then_some((row.dispatch_id, flag, row.audience.0, recipients))
}

/// The other reminders of the same forms, or flags, that are due.
async fn about_the_same(act: &Act, reminders: &[Model]) -> Result<Vec<Model>> {
    let mut others = HashMap::new();
    let concerned: Vec<&Model> = reminders.iter().filter(|row| about(row).is_some()).collect();
    for chunk in concerned.chunks(BATCH) {
        let same = Condition::any()
            .add(Column::DispatchId.is_in(chunk.iter().filter_map(|row| row.dispatch_id)))
            .add(Column::FlagId.is_in(chunk.iter().filter_map(|row| row.flag_id)));
        let due = Entity::find().filter(same).filter(Column::DueAt.lte(act.now));
        others.extend(due.all(&act.tx).await?.into_iter().map(|row| (row.id, row)));
    }
    for row in reminders {
        others.remove(&row.id);
    }
    Ok(others.into_values().collect())
}

/// Those of the reminders that leave now which a later one for the same people overtakes: after hours in which nobody worked,
/// they are not all told at once.
fn superseded<'a>(leaving: impl Iterator<Item = &'a Model>) -> Vec<Uuid> {
    let mut latest: HashMap<About, (DateTime<Utc>, Uuid)> = HashMap::new();
    let mut overtaken = Vec::new();
    for row in leaving {
        let Some(about) = about(row) else { continue };
        let this = (row.remind_at, row.id);
        let place = latest.entry(about).or_insert(this);
        if this != *place {
            overtaken.push(this.min(*place).1);
            *place = this.max(*place);
        }
    }
    overtaken
}

/// Stops the reminders of forms that have not left yet.
pub(super) async fn stop(act: &Act, dispatches: &[Uuid], reason: SkipReason) -> Result<()> {
    for chunk in dispatches.chunks(BATCH) {
        stop_those(act, Column::DispatchId.is_in(chunk.iter().copied()), reason).await?;
    }
    Ok(())
}

/// Stops those of the reminders that have not left yet.
pub(super) async fn stop_those(act: &Act, which: impl IntoCondition, reason: SkipReason) -> Result<()> {
    let rows = Entity::find()
        .filter(which.into_condition())
        .filter(Column::DueAt.is_not_null())
        .all(&act.tx)
        .await?;
    skip(act, rows.into_iter().map(|row| (row, reason)).collect()).await
}

/// Notes that reminders do not leave, and why: each has deliveries that say so, too.
async fn skip(act: &Act, reminders: Vec<(Model, SkipReason)>) -> Result<()> {
    let deliveries: Vec<_> = reminders
        .iter()
        .flat_map(|(row, reason)| delivery::skipped(act, row, *reason))
        .collect();
    let mut by_reason: BTreeMap<SkipReason, Vec<Uuid>> = BTreeMap::new();
    for (row, reason) in reminders {
        by_reason.entry(reason).or_default().push(row.id);
    }
    for (reason, ids) in by_reason {
        for chunk in ids.chunks(BATCH) {
            let set = ActiveModel {
                due_at: Set(None),
                skipped_at: Set(Some(act.now)),
                skip_reason: Set(Some(reason.into())),
                ..ActiveModel::default()
            };
            Entity::update_many()
                .set(set)
                .filter(Column::Id.is_in(chunk.iter().copied()))
                .exec(&act.tx)
                .await?;
        }
    }
    act.insert::<crate::delivery::Entity>(&deliveries).await
}
