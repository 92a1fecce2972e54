//! Flags that resolve themselves: their causes end with the episodes of the rules that raised them.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{history::History, is_unresolved, write};
use crate::{
    act::{Act, BATCH, Cause},
    action::escalation,
    enrollment,
    error::Result,
    event::EventKind,
    flag::{ActiveModel, Column, Entity, FlagStatus, Model},
    flag_cause,
};

/// An episode of a rule that has ended, and with it the causes that it raised.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The key of the rule.
    pub rule_key: String,
    /// The occurrence that the episode fired as.
    pub occurrence: String,
    /// The depth that what follows carries, so that rules which resolve one another's flags come to an end.
    pub depth: u32,
}

/// Ends the causes that rules raised in these episodes, where they end by themselves. A flag
/// whose last cause that was is resolved; one that others still stand for is as serious as they are.
///
/// # Errors
/// When the database fails.
pub async fn end_causes(act: &mut Act, episodes: &[Ended]) -> Result<()> {
    if episodes.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = episodes.iter().map(|episode| episode.enrollment_id).collect();
    let enrollments = act.enrollments(&ids).await?;
    let flags = unresolved_of(act, &enrollments).await?;
    let mut standing = standing(act, &flags).await?;

    let depths: HashMap<(Uuid, &str, &str), u32> = episodes
        .iter()
        .map(|one| {
            (
                (one.enrollment_id, one.rule_key.as_str(), one.occurrence.as_str()),
                one.depth,
            )
        })
        .collect();
    let mut ends = Vec::new();
    let (mut resolved, mut changed) = (Vec::new(), Vec::new());
    for mut flag in flags {
        let causes = standing.remove(&flag.id).unwrap_or_default();
        let depth_of = |cause: &flag_cause::Model| {
            let (rule, occurrence) = cause.rule_key.as_deref().zip(cause.occurrence.as_deref())?;
            let depth = depths.get(&(flag.enrollment_id, rule, occurrence)).copied();
            depth.filter(|_| cause.auto_resolve)
        };
        let Some(depth) = causes.iter().filter_map(depth_of).max() else {
            continue;
        };
        let (ended, left): (Vec<_>, Vec<_>) = causes.into_iter().partition(|cause| depth_of(cause).is_some());
        ends.extend(ended.into_iter().map(|cause| cause.id));
        // The first of the most serious gives the title.
        match left.into_iter().reduce(|worst, cause| {
            if cause.severity.0 > worst.severity.0 {
                cause
            } else {
                worst
            }
        }) {
            None => resolved.push((flag, depth)),
            Some(worst) if worst.severity != flag.severity => {
                flag.severity = worst.severity;
                flag.title = worst.title;
                changed.push(flag);
            }
            Some(_) => {}
        }
    }
    for chunk in ends.chunks(BATCH) {
        flag_cause::Entity::update_many()
            .set(ended(act))
            .filter(flag_cause::Column::Id.is_in(chunk.iter().copied()))
            .exec(&act.tx)
            .await?;
    }
    for flag in &changed {
        act.attention(flag.enrollment_id);
    }
    write(act, changed.into_iter()).await?;
    auto_resolve(act, &enrollments, &resolved).await
}

async fn unresolved_of(act: &Act, enrollments: &BTreeMap<Uuid, enrollment::Model>) -> Result<Vec<Model>> {
    let ids: Vec<Uuid> = enrollments.keys().copied().collect();
    let mut flags = Vec::new();
    for chunk in ids.chunks(BATCH) {
        let rows = Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(is_unresolved());
        flags.extend(rows.all(&act.tx).await?);
    }
    Ok(flags)
}

/// The causes for which flags stand, oldest first.
async fn standing(act: &Act, flags: &[Model]) -> Result<HashMap<Uuid, Vec<flag_cause::Model>>> {
    let mut standing: HashMap<Uuid, Vec<flag_cause::Model>> = HashMap::new();
    for chunk in flags.chunks(BATCH) {
        let rows = flag_cause::Entity::find()
            .filter(flag_cause::Column::FlagId.is_in(chunk.iter().map(|flag| flag.id)))
            .filter(flag_cause::Column::EndedAt.is_null())
            .order_by_asc(flag_cause::Column::RaisedAt)
            .order_by_asc(flag_cause::Column::Id);
        for row in rows.all(&act.tx).await? {
            standing.entry(row.flag_id).or_default().push(row);
        }
    }
    Ok(standing)
}

async fn auto_resolve(
    act: &mut Act,
    enrollments: &BTreeMap<Uuid, enrollment::Model>,
    flags: &[(Model, u32)],
) -> Result<()> {
    let caused = act.cause();
    for chunk in flags.chunks(BATCH) {
        Entity::update_many()
            .set(ActiveModel {
                status: Set(FlagStatus::AutoResolved.into()),
                resolved_at: Set(Some(act.now)),
                escalate_at: Set(None),
                ..ActiveModel::default()
            })
            .filter(Column::Id.is_in(chunk.iter().map(|(flag, _)| flag.id)))
            .exec(&act.tx)
            .await?;
    }
    let ids: Vec<Uuid> = flags.iter().map(|(flag, _)| flag.id).collect();
    escalation::stop(act, &ids).await?;
    let mut history = History::read(act, enrollments.keys(), flags.iter().map(|(flag, _)| flag)).await?;
    for (flag, _) in flags {
        history.add(act, flag, FlagStatus::AutoResolved, None, caused);
    }
    history.write(act).await?;
    for (flag, depth) in flags {
        if let Some(enrollment) = enrollments.get(&flag.enrollment_id) {
            let kind = EventKind::FlagResolved;
            let cause = Cause {
                depth: *depth,
                ..caused
            };
            act.happened(enrollment, kind, cause, Some(flag.id), Some(&flag.kind));
            act.attention(enrollment.id);
        }
    }
    Ok(())
}

pub(super) fn ended(act: &Act) -> flag_cause::ActiveModel {
    flag_cause::ActiveModel {
        ended_at: Set(Some(act.now)),
        ..flag_cause::ActiveModel::default()
    }
}
