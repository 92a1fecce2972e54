//! Planning reminders, and letting them leave when they are due and still apply.

mod changing;
mod inbox;

pub use changing::{cancel, reschedule};
pub use inbox::mark_read;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use rules::{
    definition::Recipients,
    facts::{Audience, Channel},
    validate::Function,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, Select,
    sea_query::{Expr, IntoCondition},
};
use uuid::Uuid;

use super::{
    answerable::{must_be_open, must_go_on},
    batches, delivery, escalation,
    offered::Missing,
};
use crate::{
    act::{Act, BATCH, Cause},
    applies::{self, SkipReason},
    assignment::Role,
    delivery::DeliveryStatus,
    dispatch, enrollment,
    error::{Error, Outcome, Result, UserError},
    event::EventKind,
    input,
    reminder::{ActiveModel, Column, Entity, Model},
    seal::Sealed,
    store::{Hint, Store},
    template::templates,
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
    /// The staff whom it is for, where it is for staff; those who treat in the enrollment where empty.
    pub staff: Vec<Uuid>,
    /// What is said to whom it is for, in the service alone.
    pub note: Option<String>,
    /// The firing of a rule that asks for it.
    pub firing_id: Option<Uuid>,
    /// Leaves whatever the hour.
    pub bypass_quiet_hours: bool,
    /// Who.
    pub cause: Cause,
}

impl Plan {
    fn is_by_hand(&self) -> bool {
        matches!(self.cause.actor, Actor::Staff(_))
    }
}

const ENDED: &str = "This enrollment has ended: nobody is reminded in it any more.";

/// How many staff can be named for one reminder.
const MOST_STAFF: usize = 50;

/// Plans reminders; each gives the reminder. One that is not in the future leaves at once.
///
/// # Errors
/// When the database fails. What one is refused for stands in its outcome: `NOT_FOUND`, `NOT_OFFERED`, `BAD_KEY`, `TOO_MANY`, `TOO_LONG`, and for
/// what somebody asks for by hand `ENDED` in an enrollment that has ended and, at `dispatchId`, why a form is not open any
/// more; `TOO_FAR_AHEAD` at `at`.
pub async fn plan(act: &mut Act, plans: &[Plan]) -> Result<Vec<Outcome<Uuid>>> {
    let ids: Vec<Uuid> = plans.iter().map(|plan| plan.enrollment_id).collect();
    let enrollments = act.treated(&ids).await?;
    let missing = Missing::read(act, Function::Reminders, enrollments.values()).await?;
    let dispatches = dispatches(act, plans).await?;
    let mut outcomes = Vec::with_capacity(plans.len());
    let (mut planned, mut named) = (Vec::new(), Vec::new());
    for plan in plans {
        let Some(enrollment) = enrollments.get(&plan.enrollment_id) else {
            outcomes.push(Err(vec![UserError::not_found("enrollmentId", "enrollment")]));
            continue;
        };
        let offered = missing.refuse(enrollment, "enrollmentId");
        let (remind_at, note) = match offered.and_then(|()| checked(act, enrollment, plan, &dispatches)) {
            Ok(checked) => checked,
            Err(refused) => {
                outcomes.push(Err(vec![refused]));
                continue;
            }
        };
        let row = new(
            act,
            enrollment,
            plan,
            remind_at,
            act.store.keyring().seal_option(note.as_deref())?,
        )?;
        outcomes.push(Ok(row.id));
        act.changed(enrollment.citizen_id);
        if plan.is_by_hand() && remind_at > act.now {
            let kind = EventKind::ReminderPlanned;
            act.told(enrollment, kind, plan.cause, Some(row.id), Some(&plan.template));
        }
        named.push((row.id, plan.staff.iter().copied().collect::<BTreeSet<Uuid>>()));
        planned.push((row, plan.cause));
    }
    let rows: Vec<Model> = planned.iter().map(|(row, _)| row.clone()).collect();
    act.insert::<Entity>(&rows).await?;
    inbox::name(act, named).await?;
    planned.retain(|(row, _)| row.remind_at <= act.now);
    go(act, &enrollments, planned).await?;
    act.hint(Hint::Due);
    Ok(outcomes)
}

/// When a reminder that can be planned leaves, and its note.
fn checked(
    act: &Act,
    enrollment: &enrollment::Model,
    plan: &Plan,
    dispatches: &HashMap<Uuid, dispatch::Model>,
) -> Result<(DateTime<Utc>, Option<String>), UserError> {
    let is_by_hand = plan.is_by_hand();
    if !is_key(&plan.template) {
        let message = "A template is named by small letters, digits and hyphens.";
        return Err(UserError::new("BAD_KEY", "template", message));
    }
    if is_by_hand {
        must_be_written_to(plan.audience, &plan.template)?;
    }
    if let Some(id) = plan.dispatch_id {
        let dispatch = dispatches.get(&id).filter(|row| row.enrollment_id == enrollment.id);
        let dispatch = dispatch.ok_or_else(|| UserError::not_found("dispatchId", "form"))?;
        if is_by_hand {
            must_be_open(dispatch, act.now)?;
        }
    }
    if is_by_hand {
        must_go_on(enrollment, ENDED)?;
    }
    if plan.staff.len() > MOST_STAFF {
        let message = format!("At most {MOST_STAFF} colleagues, please.");
        return Err(UserError::new("TOO_MANY", "staffIds", message));
    }
    let directory = act.store.directory();
    let treats = |staff: &Uuid| directory.has_role(*staff, enrollment.unit_id, Role::Therapist);
    if let Some(place) = plan.staff.iter().position(|staff| !treats(staff)) {
        let what = "staff member who treats at this unit";
        return Err(UserError::not_found(&format!("staffIds.{place}"), what));
    }
    let remind_at = match plan.remind_at {
        Some(at) if is_by_hand => input::instant(at, act.now, "at")?.max(act.at_once()),
        Some(at) => at,
        None => act.now,
    };
    Ok((remind_at, input::note(plan.note.as_deref(), "note")?))
}

/// A reminder with its enrollment, which nobody else changes until the end. Those who treat may change it.
async fn locked(act: &mut Act, reminder_id: Uuid) -> Result<(enrollment::Model, Model)> {
    let not_found = || UserError::not_found("reminderId", "reminder");
    let find = || Entity::find_by_id(reminder_id);
    let reminder = find().one(&act.tx).await?.ok_or_else(not_found)?;
    let mut enrollments = act.treated(&[reminder.enrollment_id]).await?;
    let enrollment = enrollments.remove(&reminder.enrollment_id).ok_or_else(not_found)?;
    // Read again under the lock.
    let reminder = find().one(&act.tx).await?.ok_or_else(not_found)?;
    Ok((enrollment, reminder))
}

/// Refuses a template that is not written to an audience: staff do not get what is for citizens, nor citizens what is for staff.
fn must_be_written_to(audience: Audience, template: &str) -> Result<(), UserError> {
    let known: Vec<&str> = templates(Some(audience)).map(|known| known.key).collect();
    match known.contains(&template) {
        true => Ok(()),
        false => {
            let message = format!("There is no such template for them. These are: {}.", known.join(", "));
            Err(UserError::new("NOT_FOUND", "template", message))
        }
    }
}

fn is_key(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

fn new(
    act: &Act,
    enrollment: &enrollment::Model,
    plan: &Plan,
    remind_at: DateTime<Utc>,
    note: Option<Sealed>,
) -> Result<Model> {
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
        note,
    })
}

/// The forms that reminders are about.
async fn dispatches(act: &Act, plans: &[Plan]) -> Result<HashMap<Uuid, dispatch::Model>> {
    let ids: Vec<Uuid> = plans.iter().filter_map(|plan| plan.dispatch_id).collect();
    let mut found = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows = dispatch::Entity::find().filter(dispatch::Column::Id.is_in(chunk.iter().copied()));
        found.extend(rows.all(&act.tx).await?.into_iter().map(|row| (row.id, row)));
    }
    Ok(found)
}

/// As [`leave`], in a unit of work of its own. A batch that fails is halved until the reminder that it fails for is alone; that
/// one is set aside for a while and logged, and the others go on.
///
/// # Errors
/// When the database is away or busy: then the same batch is tried again later.
pub async fn run(store: &Store, limit: u64) -> Result<usize> {
    batches::run(
        store,
        due(store.now(), limit, None).select_only().column(Column::Id),
        |act, of| leave_some(act, limit, of).boxed(),
        |store, id, error| set_aside(store, id, error).boxed(),
    )
    .await
}

async fn set_aside(store: &Store, id: Uuid, error: &Error) -> Result<()> {
    tracing::error!(reminder = %id, reason = error.kind(), "a reminder cannot leave and is set aside");
    batches::set_aside::<Entity>(store, (Column::Id, id), Column::DueAt).await
}

fn due(now: DateTime<Utc>, limit: u64, of: Option<&[Uuid]>) -> Select<Entity> {
    batches::those_due([Column::Id, Column::DueAt], now, limit, of)
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
    let (enrollments, rows) = act.claim(|| due(now, limit, of), Column::EnrollmentId).await?;
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
    inbox::arrived(act, &made).await?;
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
    if row.note.is_some() {
        // What somebody wrote is to be read.
        return None;
    }
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
