//! Making the deliveries of reminders that leave: to whom, on which channels, and from when.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::{
    definition::Recipients,
    facts::{Audience, Channel},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType, Query, SelectStatement},
};
use uuid::Uuid;

use crate::{
    act::{Act, BATCH},
    applies::{Asked, SkipReason},
    assignment::{Posts, Role},
    citizen, contact_choice,
    delivery::{ActiveModel, Column, DeliveryStatus, Entity, Item, Model, is_one_of, role_of},
    enrollment, enrollment_therapist,
    error::Result,
    quiet_hours::QuietHours,
    reminder, reminder_staff, staff,
    stored::{self, Stored},
};

/// Whom reminders may reach.
struct People {
    citizens: HashMap<Uuid, citizen::Model>,
    choices: HashMap<(Uuid, Channel), bool>,
    /// Staff, by reminder.
    staff: HashMap<Uuid, Vec<staff::Model>>,
}

/// Makes the deliveries of reminders, by reminder; the caller inserts them. Those that reach nobody are made as skipped, so
/// that staff see why.
pub(super) async fn make(
    act: &Act,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
) -> Result<HashMap<Uuid, Vec<Model>>> {
    let people = people(act, reminders, enrollments).await?;
    let mut made: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for reminder in reminders {
        let deliveries = made.entry(reminder.id).or_default();
        let Some(enrollment) = enrollments.get(&reminder.enrollment_id) else {
            continue;
        };
        let mut asked = asked(reminder);
        match reminder.audience.0 {
            Audience::Citizen => {
                if let Some(citizen) = people.citizens.get(&enrollment.citizen_id) {
                    deliveries.extend(to_citizen(act, reminder, enrollment, citizen, &asked, &people.choices));
                }
            }
            Audience::Staff => {
                if asked.is_empty() {
                    asked.push(Channel::Email);
                }
                for staff in people.staff.get(&reminder.id).into_iter().flatten() {
                    deliveries.extend(asked.iter().map(|channel| to_staff(act, reminder, staff, *channel)));
                }
            }
        }
    }
    Ok(made)
}

/// On which channels something reaches a citizen, and where it cannot, why. Without a wish the citizen finds it in the service,
/// and gets an e-mail where there is an address.
pub(crate) fn channels_to_citizen(
    citizen: &citizen::Model,
    asked: &[Channel],
    choices: &HashMap<(Uuid, Channel), bool>,
) -> Vec<(Channel, Result<(), SkipReason>)> {
    let refused = |channel| choices.get(&(citizen.id, channel)) == Some(&false);
    let mut channels = asked.to_vec();
    if asked.is_empty() {
        channels.push(Channel::Inbox);
        if citizen.email.is_some() && !refused(Channel::Email) {
            channels.push(Channel::Email);
        }
    }
    let reached = |channel| {
        let has_address = match channel {
            Channel::Email => citizen.email.is_some(),
            Channel::Sms => citizen.phone.is_some(),
            // Nobody can register a browser yet.
            Channel::WebPush => false,
            Channel::Inbox => true,
        };
        match channel {
            // It makes no sound: choices do not hold it back.
            Channel::Inbox => Ok(()),
            _ if refused(channel) => Err(SkipReason::OptedOut),
            _ if !has_address => Err(SkipReason::NoAddress),
            _ => Ok(()),
        }
    };
    channels
        .into_iter()
        .map(|channel| (channel, reached(channel)))
        .collect()
}

fn to_citizen(
    act: &Act,
    reminder: &reminder::Model,
    enrollment: &enrollment::Model,
    citizen: &citizen::Model,
    asked: &[Channel],
    choices: &HashMap<(Uuid, Channel), bool>,
) -> Vec<Model> {
    let quiet = QuietHours::of(citizen);
    let leave_at = match reminder.bypass_quiet_hours {
        true => act.at_once(),
        false => quiet.leave_at(act.at_once(), enrollment.tz()),
    };
    let deliver = |(channel, reached): (Channel, Result<(), SkipReason>)| {
        let mut row = new(act, reminder, channel);
        row.citizen_id = Some(citizen.id);
        match (channel, reached) {
            // It makes no sound: quiet hours do not hold it back.
            (Channel::Inbox, _) => arrive(&mut row, act.now),
            (_, Err(reason)) => skip(&mut row, reason),
            (_, Ok(())) => row.due_at = Some(leave_at),
        }
        row
    };
    let channels = channels_to_citizen(citizen, asked, choices);
    channels.into_iter().map(deliver).collect()
}

fn to_staff(act: &Act, reminder: &reminder::Model, staff: &staff::Model, channel: Channel) -> Model {
    let mut row = new(act, reminder, channel);
    row.staff_id = Some(staff.id);
    match channel {
        Channel::Email if staff.email.is_some() => row.due_at = Some(act.at_once()),
        Channel::Inbox => arrive(&mut row, act.now),
        Channel::Email | Channel::Sms | Channel::WebPush => skip(&mut row, SkipReason::NoAddress),
    }
    row
}

fn new(act: &Act, reminder: &reminder::Model, channel: Channel) -> Model {
    let id = act.id();
    Model {
        id,
        created_at: act.now,
        reminder_id: reminder.id,
        enrollment_id: reminder.enrollment_id,
        citizen_id: None,
        staff_id: None,
        channel: channel.into(),
        status: DeliveryStatus::Ready.into(),
        due_at: None,
        attempts: 0,
        lease: None,
        leased_until: None,
        sent_at: None,
        reason: None,
        message_id: format!("<{id}@handrail>"),
    }
}

fn arrive(row: &mut Model, now: DateTime<Utc>) {
    row.status = DeliveryStatus::Sent.into();
    row.sent_at = Some(now);
}

fn skip(row: &mut Model, reason: SkipReason) {
    row.status = DeliveryStatus::Skipped.into();
    row.reason = Some(stored::word(&reason));
}

/// The deliveries of a reminder that does not leave: to nobody in particular, on the channels that would have made a sound, so
/// that whoever looks for them sees why there is nothing.
pub(super) fn skipped(act: &Act, reminder: &reminder::Model, reason: SkipReason) -> Vec<Model> {
    let mut channels = asked(reminder);
    if channels.is_empty() {
        channels.push(Channel::Email);
    }
    let deliver = |channel| {
        let mut row = new(act, reminder, channel);
        skip(&mut row, reason);
        row
    };
    channels.into_iter().map(deliver).collect()
}

/// The channels that were asked for, each once.
fn asked(reminder: &reminder::Model) -> Vec<Channel> {
    let mut asked: Vec<Channel> = serde_json::from_value(reminder.channels.clone()).unwrap_or_default();
    asked.sort_by_key(|channel| *channel as u8);
    asked.dedup();
    asked
}

/// Of those that wait to tell the same person of the same on the same channel, in the quiet hours or after an attempt that
/// failed, lets only the last leave: nobody is told twice in a morning.
pub(super) async fn collapse(act: &Act, made: &[Model], enrollments: &HashMap<Uuid, enrollment::Model>) -> Result<()> {
    let concerned: HashSet<Uuid> = made
        .iter()
        .filter(|row| row.status.0 == DeliveryStatus::Ready)
        .map(|row| row.enrollment_id)
        .collect();
    let mut waiting: HashMap<_, Vec<Model>> = HashMap::new();
    for chunk in concerned.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        let rows = Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(Column::Status.eq(Stored(DeliveryStatus::Ready)))
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id);
        for row in rows.all(&act.tx).await? {
            let whom = (row.enrollment_id, row.citizen_id, row.staff_id, row.channel);
            waiting.entry(whom).or_default().push(row);
        }
    }
    waiting.retain(|_, rows| rows.len() > 1);
    let ids: HashSet<Uuid> = waiting.values().flatten().map(|row| row.reminder_id).collect();
    let mut reminders = Vec::new();
    for chunk in ids.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        let found = reminder::Entity::find().filter(reminder::Column::Id.is_in(chunk.iter().copied()));
        reminders.extend(found.all(&act.tx).await?);
    }
    let asked = Asked::read(&act.tx, &reminders, enrollments, act.now).await?;
    // Of rungs each that has left its ladder is told.
    let items: HashMap<Uuid, (Item, bool)> = (reminders.iter().filter(|reminder| reminder.flag_id.is_none()))
        .filter_map(|reminder| {
            let item = Item::of_reminder(reminder, &asked)?;
            Some((reminder.id, (item, reminder.bypass_quiet_hours)))
        })
        .collect();
    let mut superseded = Vec::new();
    for rows in waiting.into_values() {
        // Each with when the last of it leaves.
        let mut told: HashMap<&Item, Option<DateTime<Utc>>> = HashMap::new();
        for row in rows.into_iter().rev() {
            let Some((item, is_urgent)) = items.get(&row.reminder_id) else {
                continue;
            };
            match told.get(item) {
                // What may not wait for the morning does not wait for a later one that does.
                Some(leaves) if *is_urgent && row.due_at < *leaves => {}
                Some(_) => superseded.push((row.created_at, row.id)),
                None => drop(told.insert(item, row.due_at)),
            }
        }
    }
    for chunk in superseded.chunks(BATCH) {
        // A worker may have taken it by now: what it holds is neither changed nor waited for.
        let still_wait = Entity::find()
            .filter(is_one_of(chunk))
            .filter(Column::Status.eq(Stored(DeliveryStatus::Ready)));
        let still_wait: Vec<(DateTime<Utc>, Uuid)> = act
            .store
            .skip_locked(still_wait)
            .select_only()
            .columns([Column::CreatedAt, Column::Id])
            .into_tuple()
            .all(&act.tx)
            .await?;
        let change = ActiveModel {
            status: Set(DeliveryStatus::Skipped.into()),
            reason: Set(Some(stored::word(&SkipReason::Superseded))),
            due_at: Set(None),
            ..<ActiveModel as Default>::default()
        };
        Entity::update_many()
            .set(change)
            .filter(is_one_of(&still_wait))
            .exec(&act.tx)
            .await?;
    }
    Ok(())
}

/// Has the deliveries of rungs that wait for the unit of these enrollments to open due when it does now.
pub(super) async fn look_again(act: &Act, enrollments: SelectStatement, opens: DateTime<Utc>) -> Result<()> {
    let in_hours = Query::select()
        .column(reminder::Column::Id)
        .from(reminder::Entity)
        .and_where(reminder::Column::OfficeHours.eq(true))
        .and_where(reminder::Column::EnrollmentId.in_subquery(enrollments))
        .to_owned();
    // Locked in the order of their ids, so that no two who do this wait for each other.
    let rows: Vec<(DateTime<Utc>, Uuid)> = Entity::find()
        .select_only()
        .columns([Column::CreatedAt, Column::Id])
        .filter(Column::Status.eq(Stored(DeliveryStatus::Ready)))
        .filter(Column::DueAt.is_not_null())
        .filter(Column::ReminderId.in_subquery(in_hours))
        .order_by_asc(Column::Id)
        .lock(LockType::Update)
        .into_tuple()
        .all(&act.tx)
        .await?;
    for chunk in rows.chunks(BATCH) {
        Entity::update_many()
            .col_expr(Column::DueAt, Expr::value(opens))
            .filter(is_one_of(chunk))
            .exec(&act.tx)
            .await?;
    }
    Ok(())
}

async fn people(
    act: &Act,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
) -> Result<People> {
    let citizens: HashSet<Uuid> = reminders
        .iter()
        .filter(|reminder| reminder.audience.0 == Audience::Citizen)
        .filter_map(|reminder| Some(enrollments.get(&reminder.enrollment_id)?.citizen_id))
        .collect();
    let citizens: Vec<Uuid> = citizens.into_iter().collect();
    let mut rows = HashMap::new();
    for chunk in citizens.chunks(BATCH) {
        let found = citizen::Entity::find()
            .filter(citizen::Column::Id.is_in(chunk.iter().copied()))
            .all(&act.tx)
            .await?;
        rows.extend(found.into_iter().map(|row| (row.id, row)));
    }
    Ok(People {
        citizens: rows,
        choices: contact_choice::choices(&act.tx, &citizens, act.now).await?,
        staff: staff_of(act, reminders, enrollments).await?,
    })
}

/// Whom reminders to staff reach, by reminder, by the roles that they have now.
async fn staff_of(
    act: &Act,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
) -> Result<HashMap<Uuid, Vec<staff::Model>>> {
    let to_staff: Vec<(&reminder::Model, &enrollment::Model)> = reminders
        .iter()
        .filter(|reminder| reminder.audience.0 == Audience::Staff)
        .filter_map(|reminder| Some((reminder, enrollments.get(&reminder.enrollment_id)?)))
        .collect();
    if to_staff.is_empty() {
        return Ok(HashMap::new());
    }
    let units: HashSet<Uuid> = to_staff.iter().map(|(_, enrollment)| enrollment.unit_id).collect();
    let roles = [Role::Therapist, Role::UnitAdministrator];
    let posts = Posts::read(&act.tx, &act.store.directory(), &units, &roles, act.now).await?;
    let named = therapists(act, &to_staff).await?;
    let meant = reminder_staff::named(&act.tx, to_staff.iter().map(|(reminder, _)| *reminder)).await?;
    let recipients = |(reminder, enrollment): &(&reminder::Model, &enrollment::Model)| {
        let unit = enrollment.unit_id;
        if let Some(meant) = meant.get(&reminder.id) {
            // Nobody else is told where they do not treat there any more.
            let still_there = meant.iter().filter(|staff| posts.has(**staff, unit, Role::Therapist));
            return (reminder.id, still_there.copied().collect());
        }
        let named = named.get(&enrollment.id).into_iter().flatten().copied();
        let mut staff: Vec<Uuid> = match reminder.recipients.map(|recipients| recipients.0) {
            Some(Recipients::Therapists) | None => {
                named.filter(|staff| posts.has(*staff, unit, Role::Therapist)).collect()
            }
            Some(Recipients::UnitStaff | Recipients::UnitAdministrators) => Vec::new(),
        };
        if staff.is_empty() {
            // Where nobody is named who still treats there, everybody: somebody must get to know.
            staff = posts.of(unit, role_of(reminder));
        }
        (reminder.id, staff)
    };
    let of: HashMap<Uuid, Vec<Uuid>> = to_staff.iter().map(recipients).collect();
    let ids: HashSet<Uuid> = of.values().flatten().copied().collect();
    let mut rows: HashMap<Uuid, staff::Model> = HashMap::new();
    for chunk in ids.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        let found = staff::Entity::find().filter(staff::Column::Id.is_in(chunk.iter().copied()));
        rows.extend(found.all(&act.tx).await?.into_iter().map(|row| (row.id, row)));
    }
    let people = |ids: Vec<Uuid>| ids.iter().filter_map(|id| rows.get(id).cloned()).collect();
    Ok(of.into_iter().map(|(reminder, ids)| (reminder, people(ids))).collect())
}

/// Those who are named to treat in the enrollments of reminders, by enrollment.
async fn therapists(
    act: &Act,
    reminders: &[(&reminder::Model, &enrollment::Model)],
) -> Result<HashMap<Uuid, Vec<Uuid>>> {
    use enrollment_therapist::Column;
    let mut named: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    let enrollments: HashSet<Uuid> = reminders.iter().map(|(_, enrollment)| enrollment.id).collect();
    for chunk in enrollments.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        let is_on = Condition::any()
            .add(Column::ValidUntil.is_null())
            .add(Column::ValidUntil.gt(act.now));
        let rows = enrollment_therapist::Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(Column::ValidFrom.lte(act.now))
            .filter(is_on)
            .order_by_asc(Column::StaffId);
        for row in rows.all(&act.tx).await? {
            named.entry(row.enrollment_id).or_default().push(row.staff_id);
        }
    }
    Ok(named)
}
