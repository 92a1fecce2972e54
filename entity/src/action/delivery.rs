//! Making the deliveries of reminders that leave: to whom, on which channels, and from when.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::facts::{Audience, Channel};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::{
    act::{Act, BATCH},
    applies,
    assignment::{self, Role},
    citizen, contact_choice,
    delivery::{DeliveryStatus, Model},
    enrollment, enrollment_therapist,
    error::Result,
    quiet_hours::QuietHours,
    reminder, staff,
    stored::Stored,
};

/// Whom reminders may reach.
struct People {
    citizens: HashMap<Uuid, citizen::Model>,
    choices: HashMap<(Uuid, Channel), bool>,
    /// Those who treat, by enrollment.
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
        let mut asked: Vec<Channel> = serde_json::from_value(reminder.channels.clone()).unwrap_or_default();
        asked.sort_by_key(|channel| *channel as u8);
        asked.dedup();
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
                for staff in people.staff.get(&enrollment.id).into_iter().flatten() {
                    deliveries.extend(asked.iter().map(|channel| to_staff(act, reminder, staff, *channel)));
                }
            }
        }
    }
    Ok(made)
}

/// Without a wish the citizen finds the reminder in the service, and gets an e-mail where there is an address.
fn to_citizen(
    act: &Act,
    reminder: &reminder::Model,
    enrollment: &enrollment::Model,
    citizen: &citizen::Model,
    asked: &[Channel],
    choices: &HashMap<(Uuid, Channel), bool>,
) -> Vec<Model> {
    let refused = |channel| choices.get(&(citizen.id, channel)) == Some(&false);
    let mut channels = asked.to_vec();
    if asked.is_empty() {
        channels.push(Channel::Inbox);
        if citizen.email.is_some() && !refused(Channel::Email) {
            channels.push(Channel::Email);
        }
    }
    let quiet = QuietHours::of(citizen);
    let leave_at = match reminder.bypass_quiet_hours {
        true => act.at_once(),
        false => quiet.leave_at(act.at_once(), enrollment.tz()),
    };
    let deliver = |channel| {
        let mut row = new(act, reminder, channel);
        row.citizen_id = Some(citizen.id);
        let has_address = match channel {
            Channel::Email => citizen.email.is_some(),
            Channel::Sms => citizen.phone.is_some(),
            // Nobody can register a browser yet.
            Channel::WebPush => false,
            Channel::Inbox => true,
        };
        match channel {
            // It makes no sound: neither quiet hours nor choices hold it back.
            Channel::Inbox => arrive(&mut row, act.now),
            _ if refused(channel) => skip(&mut row, applies::OPTED_OUT),
            _ if !has_address => skip(&mut row, applies::NO_ADDRESS),
            _ => row.due_at = Some(leave_at),
        }
        row
    };
    channels.into_iter().map(deliver).collect()
}

fn to_staff(act: &Act, reminder: &reminder::Model, staff: &staff::Model, channel: Channel) -> Model {
    let mut row = new(act, reminder, channel);
    row.staff_id = Some(staff.id);
    match channel {
        Channel::Email if staff.email.is_some() => row.due_at = Some(act.at_once()),
        Channel::Inbox => arrive(&mut row, act.now),
        Channel::Email | Channel::Sms | Channel::WebPush => skip(&mut row, applies::NO_ADDRESS),
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

fn skip(row: &mut Model, reason: &str) {
    row.status = DeliveryStatus::Skipped.into();
    row.reason = Some(reason.to_owned());
}

async fn people(
    act: &Act,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
) -> Result<People> {
    let of = |audience| {
        let ids: HashSet<Uuid> = reminders
            .iter()
            .filter(|reminder| reminder.audience.0 == audience)
            .map(|reminder| reminder.enrollment_id)
            .collect();
        let found: Vec<&enrollment::Model> = ids.iter().filter_map(|id| enrollments.get(id)).collect();
        found
    };
    let citizens: HashSet<Uuid> = of(Audience::Citizen)
        .iter()
        .map(|enrollment| enrollment.citizen_id)
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
        staff: staff_of(act, &of(Audience::Staff)).await?,
    })
}

/// Those who treat in each enrollment; where nobody is named, every therapist of its unit: somebody must get to know.
async fn staff_of(act: &Act, enrollments: &[&enrollment::Model]) -> Result<HashMap<Uuid, Vec<staff::Model>>> {
    if enrollments.is_empty() {
        return Ok(HashMap::new());
    }
    let mut of: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for chunk in enrollments.chunks(BATCH) {
        let rows = enrollment_therapist::Entity::find()
            .filter(enrollment_therapist::Column::EnrollmentId.is_in(chunk.iter().map(|enrollment| enrollment.id)))
            .filter(enrollment_therapist::Column::ValidFrom.lte(act.now))
            .filter(
                Condition::any()
                    .add(enrollment_therapist::Column::ValidUntil.is_null())
                    .add(enrollment_therapist::Column::ValidUntil.gt(act.now)),
            )
            .order_by_asc(enrollment_therapist::Column::StaffId);
        for row in rows.all(&act.tx).await? {
            of.entry(row.enrollment_id).or_default().push(row.staff_id);
        }
    }
    let untreated: Vec<&&enrollment::Model> = enrollments.iter().filter(|row| !of.contains_key(&row.id)).collect();
    if !untreated.is_empty() {
        let directory = act.store.directory();
        let provider = |unit| directory.unit(unit).map(|unit| unit.provider_id);
        let units: HashSet<Uuid> = untreated.iter().map(|enrollment| enrollment.unit_id).collect();
        let providers: HashSet<Uuid> = units.iter().filter_map(|unit| provider(*unit)).collect();
        let therapists = therapists(act, &units, &providers).await?;
        for enrollment in untreated {
            let at_provider = provider(enrollment.unit_id);
            let here = |row: &&assignment::Model| match row.unit_id {
                Some(unit) => unit == enrollment.unit_id,
                None => Some(row.provider_id) == at_provider,
            };
            let found: HashSet<Uuid> = therapists.iter().filter(here).map(|row| row.staff_id).collect();
            of.insert(enrollment.id, found.into_iter().collect());
        }
    }
    let ids: HashSet<Uuid> = of.values().flatten().copied().collect();
    let mut rows: HashMap<Uuid, staff::Model> = HashMap::new();
    for chunk in ids.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        let found = staff::Entity::find().filter(staff::Column::Id.is_in(chunk.iter().copied()));
        rows.extend(found.all(&act.tx).await?.into_iter().map(|row| (row.id, row)));
    }
    let people = |ids: Vec<Uuid>| ids.iter().filter_map(|id| rows.get(id).cloned()).collect();
    Ok(of
        .into_iter()
        .map(|(enrollment, ids)| (enrollment, people(ids)))
        .collect())
}

/// Today's therapists of these units, and of these providers as a whole.
async fn therapists(act: &Act, units: &HashSet<Uuid>, providers: &HashSet<Uuid>) -> Result<Vec<assignment::Model>> {
    let anywhere = Condition::all()
        .add(assignment::Column::UnitId.is_null())
        .add(assignment::Column::ProviderId.is_in(providers.iter().copied()));
    Ok(assignment::Entity::find()
        .filter(assignment::Column::Role.eq(Stored(Role::Therapist)))
        .filter(
            Condition::any()
                .add(assignment::Column::UnitId.is_in(units.iter().copied()))
                .add(anywhere),
        )
        .filter(assignment::Column::ValidFrom.lte(act.now))
        .filter(
            Condition::any()
                .add(assignment::Column::ValidUntil.is_null())
                .add(assignment::Column::ValidUntil.gt(act.now)),
        )
        .all(&act.tx)
        .await?)
}
