//! Taking flags on and resolving them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{assigning, ending::ended, history::History};
use crate::{
    act::{Act, BATCH},
    action::escalation,
    assignment::Role,
    enrollment,
    error::{Error, Outcome, Result, UserError},
    event::EventKind,
    flag::{self, ActiveModel, Column, Entity, FlagStatus, Model},
    flag_cause, input,
};

/// How many flags can be taken care of at once.
pub const MOST: usize = 100;

/// A flag with its enrollment, which nobody else changes until the end.
pub(super) type Locked = (enrollment::Model, Model);

/// Takes a flag on; gives the flag. Taking on what one has taken on is as once; what somebody took on who does not treat there
/// any more is there to be taken on. A flag that nobody in particular was to see to is then theirs.
///
/// # Errors
/// When it is not there or not visible, at `flagId`; `ALREADY_ACKNOWLEDGED` by somebody else; `ALREADY_RESOLVED`.
pub async fn acknowledge(act: &mut Act, flag_id: Uuid, note: Option<&str>) -> Result<Uuid> {
    only(acknowledge_each(act, &[flag_id], note).await?)
}

/// As [`acknowledge`], several with the same note; each has its outcome.
///
/// # Errors
/// `TOO_MANY` at `flagIds`; what is wrong with the note. When the database fails.
pub async fn acknowledge_each(act: &mut Act, flags: &[Uuid], note: Option<&str>) -> Result<Vec<Outcome<Uuid>>> {
    let staff = act.viewer.staff();
    let set = |act: &Act| ActiveModel {
        status: Set(FlagStatus::Acknowledged.into()),
        acknowledged_at: Set(Some(act.now)),
        acknowledged_by: Set(staff),
        escalate_at: Set(None),
        ..ActiveModel::default()
    };
    let directory = act.store.directory();
    let still_has = |flag: &Model, unit| {
        let treats = |staff| directory.has_role(staff, unit, Role::Therapist);
        flag.acknowledged_by.is_none_or(treats)
    };
    let standing = |enrollment: &enrollment::Model, flag: &Model| match flag.status.0 {
        FlagStatus::Acknowledged if flag.acknowledged_by == staff => Ok(false),
        FlagStatus::Acknowledged if still_has(flag, enrollment.unit_id) => {
            let message = "Somebody else has taken this flag on already.";
            Err(UserError::new("ALREADY_ACKNOWLEDGED", "flagId", message))
        }
        _ => Ok(true),
    };
    let (outcomes, taken, mut history) = settle(act, flags, note, FlagStatus::Acknowledged, set, standing).await?;
    if let Some(staff) = staff {
        let mut nobodys = Vec::new();
        for (enrollment, flag) in taken.values() {
            if flag.assignee_at(&directory, enrollment.unit_id).is_none() {
                nobodys.push(flag);
            }
        }
        assigning::write(act, Some(staff), &nobodys, None, &mut history).await?;
    }
    Ok(outcomes)
}

/// Resolves a flag and ends its causes; gives the flag.
///
/// # Errors
/// When it is not there or not visible, at `flagId`; `ALREADY_RESOLVED`.
pub async fn resolve(act: &mut Act, flag_id: Uuid, note: Option<&str>) -> Result<Uuid> {
    only(resolve_each(act, &[flag_id], note).await?)
}

/// As [`resolve`], several with the same note; each has its outcome.
///
/// # Errors
/// `TOO_MANY` at `flagIds`; what is wrong with the note. When the database fails.
pub async fn resolve_each(act: &mut Act, flags: &[Uuid], note: Option<&str>) -> Result<Vec<Outcome<Uuid>>> {
    let set = |act: &Act| ActiveModel {
        status: Set(FlagStatus::Resolved.into()),
        resolved_at: Set(Some(act.now)),
        resolved_by: Set(act.viewer.staff()),
        escalate_at: Set(None),
        ..ActiveModel::default()
    };
    let (outcomes, resolved, _) = settle(act, flags, note, FlagStatus::Resolved, set, |_, _| Ok(true)).await?;
    for chunk in resolved.keys().copied().collect::<Vec<_>>().chunks(BATCH) {
        flag_cause::Entity::update_many()
            .set(ended(act))
            .filter(flag_cause::Column::FlagId.is_in(chunk.iter().copied()))
            .filter(flag_cause::Column::EndedAt.is_null())
            .exec(&act.tx)
            .await?;
    }
    Ok(outcomes)
}

fn only(outcomes: Vec<Outcome<Uuid>>) -> Result<Uuid> {
    let outcome = outcomes.into_iter().next().unwrap_or_else(|| Err(vec![not_found()]));
    outcome.map_err(Error::Refused)
}

fn not_found() -> UserError {
    UserError::not_found("flagId", "flag")
}

/// Those of the flags that the viewer may see. Whom a flag is for may take care of it.
pub(super) async fn locked(act: &mut Act, flags: &[Uuid]) -> Result<HashMap<Uuid, Locked>> {
    let mut found = HashMap::new();
    if !act.viewer.sees_health() {
        return Ok(found);
    }
    let visible = flag::visible_to(&act.viewer);
    let ids: BTreeSet<Uuid> = flags.iter().copied().collect();
    for chunk in ids.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        let find = || {
            Entity::find()
                .filter(Column::Id.is_in(chunk.iter().copied()))
                .filter(visible.clone())
        };
        let rows = find().all(&act.tx).await?;
        let enrollments: Vec<Uuid> = rows.iter().map(|row| row.enrollment_id).collect();
        let enrollments = act.enrollments(&enrollments).await?;
        // Read again under the locks.
        for flag in find().all(&act.tx).await? {
            if let Some(enrollment) = enrollments.get(&flag.enrollment_id) {
                found.insert(flag.id, (enrollment.clone(), flag));
            }
        }
    }
    Ok(found)
}

/// The one flag that the viewer may see.
///
/// # Errors
/// When it is not there, at `flagId`.
pub(super) async fn locked_one(act: &mut Act, flag_id: Uuid) -> Result<Locked> {
    let found = locked(act, &[flag_id]).await?.remove(&flag_id);
    found.ok_or_else(|| not_found().into())
}

/// The refusal of a flag that does not stand any more.
pub(super) fn must_stand(flag: &Model) -> Result<(), UserError> {
    match flag.status.0.is_unresolved() {
        true => Ok(()),
        false => {
            let message = "This flag is resolved already.";
            Err(UserError::new("ALREADY_RESOLVED", "flagId", message))
        }
    }
}

/// Brings flags into a state; gives what came of each, those that were changed as they were before, and their history.
/// `changes` says whether one that stands is changed at all, or why it cannot be.
async fn settle(
    act: &mut Act,
    flags: &[Uuid],
    note: Option<&str>,
    status: FlagStatus,
    set: impl Fn(&Act) -> ActiveModel,
    changes: impl Fn(&enrollment::Model, &Model) -> Result<bool, UserError>,
) -> Result<(Vec<Outcome<Uuid>>, BTreeMap<Uuid, Locked>, History)> {
    if flags.len() > MOST {
        let message = format!("At most {MOST} flags at once, please.");
        return Err(UserError::new("TOO_MANY", "flagIds", message).into());
    }
    let note = input::note(note, "note")?;
    let note = act.store.keyring().seal_option(note.as_deref())?;
    let found = locked(act, flags).await?;
    let mut outcomes = Vec::with_capacity(flags.len());
    let mut settled: BTreeMap<Uuid, Locked> = BTreeMap::new();
    for id in flags {
        let outcome = match found.get(id) {
            None => Err(not_found()),
            Some((enrollment, flag)) => must_stand(flag)
                .and_then(|()| changes(enrollment, flag))
                .map(|is_changed| {
                    if is_changed {
                        settled.insert(*id, (enrollment.clone(), flag.clone()));
                    }
                    *id
                }),
        };
        outcomes.push(outcome.map_err(|error| vec![error]));
    }
    let ids: Vec<Uuid> = settled.keys().copied().collect();
    for chunk in ids.chunks(BATCH) {
        Entity::update_many()
            .set(set(act))
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .exec(&act.tx)
            .await?;
    }
    escalation::stop(act, &ids).await?;
    let cause = act.cause();
    let of = settled.values().map(|(enrollment, _)| &enrollment.id);
    let mut history = History::read(act, of, settled.values().map(|(_, flag)| flag)).await?;
    for (_, flag) in settled.values() {
        history.add(act, flag, status, note.clone(), cause);
    }
    history.write(act).await?;
    let kind = match status {
        FlagStatus::Acknowledged => EventKind::FlagAcknowledged,
        _ => EventKind::FlagResolved,
    };
    for (enrollment, flag) in settled.values() {
        act.happened(enrollment, kind, cause, Some(flag.id), Some(&flag.kind));
        act.attention(enrollment.id);
    }
    Ok((outcomes, settled, history))
}
