//! Escalation: until somebody takes a flag on, one group of staff after the other is reminded of it.
//!
//! A ladder belongs to one opening of a flag and to the rule that asks for it; its rungs are reminders. Taken on or resolved, the
//! flag's remaining rungs are skipped; opened again, it may be escalated anew. A flag waits for somebody whatever becomes of
//! the enrollment, so that rungs leave also while it is paused and after it has ended.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::{definition::Rung, facts::Audience, validate::Function};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockType, Query},
};
use uuid::Uuid;

use super::{delivery, offered::Missing, reminder as reminding};
use crate::{
    act::{Act, BATCH, Cause},
    applies::SkipReason,
    enrollment,
    error::{Error, Outcome, Result, UserError},
    flag::{self, FlagStatus},
    flag_change,
    office_hours::OfficeHours,
    reminder::{self, Column, Entity, Model},
    store::Hint,
    stored::Stored,
};

/// A ladder to be started.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The kind of the open flag to staff.
    pub kind: String,
    /// The rungs.
    pub rungs: Vec<Rung>,
    /// Whether a rung waits while the unit is closed.
    pub office_hours: bool,
    /// The key of the rule that escalates.
    pub rule_key: String,
    /// Its firing.
    pub firing_id: Uuid,
    /// The instant that it fired for.
    pub at: DateTime<Utc>,
    /// Who.
    pub cause: Cause,
}

/// An open flag, and which time of its being opened it is.
struct Open {
    flag: Uuid,
    opening: i32,
    since: DateTime<Utc>,
}

/// Starts ladders; each gives the flag. Started before for the same rule and the same opening of the flag, it is as once.
///
/// The rungs are counted from the firing, or from when the flag was opened where that was later, as after hours in which nobody
/// evaluated: nobody could have taken it on before.
///
/// # Errors
/// When the database fails. `NOT_FOUND` stands in the outcome where there is no open flag to staff of the kind, `NOT_OFFERED` where
/// the program has no reminders.
pub async fn escalate(act: &mut Act, ladders: &[Ladder]) -> Result<Vec<Outcome<Uuid>>> {
    if ladders.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ladders.iter().map(|ladder| ladder.enrollment_id).collect();
    let enrollments = act.treated(&ids).await?;
    let missing = Missing::read(act, Function::Reminders, enrollments.values()).await?;
    let flags = open_flags(act, &enrollments).await?;
    let mut started = started(act, &flags).await?;
    let units = enrollments.values().map(|enrollment| enrollment.unit_id);
    let hours = OfficeHours::of_units(&act.tx, units).await?;
    let mut outcomes = Vec::with_capacity(ladders.len());
    let mut planned = Vec::new();
    for ladder in ladders {
        let found = enrollments.get(&ladder.enrollment_id);
        let found = found.zip(flags.get(&(ladder.enrollment_id, ladder.kind.clone())));
        let Some((enrollment, open)) = found else {
            outcomes.push(Err(vec![UserError::not_found("kind", "open flag")]));
            continue;
        };
        if let Err(refused) = missing.refuse(enrollment, "enrollmentId") {
            outcomes.push(Err(vec![refused]));
            continue;
        }
        outcomes.push(Ok(open.flag));
        if started.insert((open.flag, open.opening, ladder.rule_key.clone())) {
            let hours = hours.get(&enrollment.unit_id).filter(|_| ladder.office_hours);
            for rung in &ladder.rungs {
                planned.push((new(act, enrollment, open, ladder, rung, hours)?, ladder.cause));
            }
            act.changed(enrollment.citizen_id);
        }
    }
    let rows: Vec<Model> = planned.iter().map(|(row, _)| row.clone()).collect();
    act.insert::<Entity>(&rows).await?;
    note_next(act, &rows).await?;
    planned.retain(|(row, _)| row.due_at <= Some(act.now));
    reminding::go(act, &enrollments, planned).await?;
    act.hint(Hint::Due);
    Ok(outcomes)
}

fn new(
    act: &Act,
    enrollment: &enrollment::Model,
    open: &Open,
    ladder: &Ladder,
    rung: &Rung,
    hours: Option<&OfficeHours>,
) -> Result<Model> {
    let remind_at = rung.after.add_to(Ord::max(ladder.at, open.since), enrollment.tz());
    Ok(Model {
        id: act.id(),
        enrollment_id: enrollment.id,
        dispatch_id: None,
        firing_id: Some(ladder.firing_id),
        template: rung.template.clone(),
        audience: Audience::Staff.into(),
        channels: serde_json::to_value(&rung.channels).map_err(|error| Error::Corrupt(format!("channels: {error}")))?,
        decided_in: enrollment.status,
        // They are the citizen's.
        bypass_quiet_hours: true,
        remind_at,
        due_at: Some(hours.map_or(remind_at, |hours| hours.next(remind_at))),
        sent_at: None,
        skipped_at: None,
        skip_reason: None,
        actor: ladder.cause.actor.into(),
        created_at: act.now,
        flag_id: Some(open.flag),
        opening: Some(open.opening),
        ladder: Some(ladder.rule_key.clone()),
        rung: Some(rung.key.clone()),
        recipients: Some(rung.to.into()),
        office_hours: ladder.office_hours,
        note: None,
    })
}

/// The open flags to staff of these enrollments, by kind.
async fn open_flags(
    act: &Act,
    enrollments: &BTreeMap<Uuid, enrollment::Model>,
) -> Result<HashMap<(Uuid, String), Open>> {
    let ids: Vec<Uuid> = enrollments.keys().copied().collect();
    let mut rows = Vec::new();
    for chunk in ids.chunks(BATCH) {
        let open = flag::Entity::find()
            .filter(flag::Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(flag::Column::Audience.eq(Stored(Audience::Staff)))
            .filter(flag::Column::Status.eq(Stored(FlagStatus::Open)));
        rows.extend(open.all(&act.tx).await?);
    }
    let flags: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let openings = flag::openings(&act.tx, &flags).await?;
    let mut since: HashMap<Uuid, DateTime<Utc>> = HashMap::new();
    for chunk in flags.chunks(BATCH) {
        let opened: Vec<(Uuid, DateTime<Utc>)> = flag_change::Entity::find()
            .select_only()
            .column(flag_change::Column::FlagId)
            .column_as(flag_change::Column::At.max(), "at")
            .filter(flag_change::Column::FlagId.is_in(chunk.iter().copied()))
            .filter(flag_change::Column::Status.eq(Stored(FlagStatus::Open)))
            .group_by(flag_change::Column::FlagId)
            .into_tuple()
            .all(&act.tx)
            .await?;
        since.extend(opened);
    }
    let open = |row: flag::Model| {
        let open = Open {
            flag: row.id,
            opening: openings.get(&row.id).copied().unwrap_or(1),
            // A change may be dated microseconds ahead of the clock, after what was judged.
            since: since
                .get(&row.id)
                .map_or(row.raised_at, |at| Ord::min(*at, act.at_once())),
        };
        ((row.enrollment_id, row.kind), open)
    };
    Ok(rows.into_iter().map(open).collect())
}

/// The ladders that these flags have already: flag, opening and rule.
async fn started(act: &Act, flags: &HashMap<(Uuid, String), Open>) -> Result<HashSet<(Uuid, i32, String)>> {
    let ids: Vec<Uuid> = flags.values().map(|open| open.flag).collect();
    let mut started = HashSet::new();
    for chunk in ids.chunks(BATCH) {
        let rows: Vec<(Uuid, i32, String)> = Entity::find()
            .select_only()
            .columns([Column::FlagId, Column::Opening, Column::Ladder])
            .distinct()
            .filter(Column::FlagId.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(&act.tx)
            .await?;
        started.extend(rows);
    }
    Ok(started)
}

/// Stops what is left of the ladders of flags.
pub(super) async fn stop(act: &Act, flags: &[Uuid]) -> Result<()> {
    for chunk in flags.chunks(BATCH) {
        let of_flags = Column::FlagId.is_in(chunk.iter().copied());
        reminding::stop_those(act, of_flags, SkipReason::FlagHandled).await?;
    }
    Ok(())
}

/// Until when rungs that are due wait, since their units are closed; those that leave now are absent.
pub(super) async fn waiting(
    act: &Act,
    reminders: &[&Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
) -> Result<HashMap<Uuid, DateTime<Utc>>> {
    let unit = |rung: &Model| {
        enrollments
            .get(&rung.enrollment_id)
            .map(|enrollment| enrollment.unit_id)
    };
    let in_hours = || reminders.iter().filter(|reminder| reminder.office_hours);
    let hours = OfficeHours::of_units(&act.tx, in_hours().filter_map(|rung| unit(rung))).await?;
    let leaves = |rung: &Model| Some(hours.get(&unit(rung)?)?.next(Ord::max(rung.remind_at, act.now)));
    Ok(in_hours()
        .filter_map(|rung| Some((rung.id, leaves(rung)?)))
        .filter(|(_, leaves)| *leaves > act.now)
        .collect())
}

/// Where a rung reached nobody, the next one of its ladder is due at once: somebody must get to know.
pub(super) async fn hurry(act: &Act, rungs: &[Model]) -> Result<()> {
    for rung in rungs.iter().filter(|rung| rung.flag_id.is_some()) {
        reminder::hurry(&act.tx, rung, act.at_once()).await?;
    }
    Ok(())
}

/// Notes at the flags of these rungs when the next one is due.
pub(super) async fn note_next(act: &Act, rungs: &[Model]) -> Result<()> {
    let flags: HashSet<Uuid> = rungs.iter().filter_map(|rung| rung.flag_id).collect();
    let flags: Vec<Uuid> = flags.into_iter().collect();
    flag::note_next_rung(&act.tx, &flags).await
}

/// Has what waits for a unit to open wait for its new hours: rungs, each no earlier than it was meant to be, and their
/// deliveries.
pub(super) async fn look_again(act: &mut Act, unit: Uuid) -> Result<()> {
    let of_unit = Query::select()
        .column(enrollment::Column::Id)
        .from(enrollment::Entity)
        .and_where(enrollment::Column::UnitId.eq(unit))
        .to_owned();
    let rungs: Vec<(Uuid, Uuid, DateTime<Utc>)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::FlagId, Column::RemindAt])
        .filter(Column::OfficeHours.eq(true))
        .filter(Column::FlagId.is_not_null())
        .filter(Column::DueAt.is_not_null())
        .filter(Column::EnrollmentId.in_subquery(of_unit.clone()))
        // Locked in the order of their ids, so that no two who do this wait for each other.
        .order_by_asc(Column::Id)
        .lock(LockType::Update)
        .into_tuple()
        .all(&act.tx)
        .await?;
    let hours = OfficeHours::of_units(&act.tx, [unit]).await?;
    let at_once = act.at_once();
    let opens = |at: DateTime<Utc>| hours.get(&unit).map_or(at, |hours| hours.next(at));
    let waiting = rungs
        .iter()
        .map(|(id, _, remind_at)| (*id, opens(at_once.max(*remind_at))));
    reminding::postpone(act, waiting).await?;
    let flags: BTreeSet<Uuid> = rungs.iter().map(|(_, flag, _)| *flag).collect();
    flag::note_next_rung(&act.tx, &flags.into_iter().collect::<Vec<_>>()).await?;
    delivery::look_again(act, of_unit, opens(at_once)).await?;
    act.hint(Hint::Due);
    Ok(())
}
