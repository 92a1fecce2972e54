//! Evaluating the rules of the enrollments that are due, in one transaction per batch: claim, load, decide, write.
//!
//! A crash anywhere undoes the whole batch: nothing is lost and nothing is done twice. There is no network inside.

use std::{collections::HashMap, panic::AssertUnwindSafe};

use chrono::{DateTime, Duration, Utc};
use futures_util::FutureExt;
use rules::{
    evaluation::{Evaluation, RuleSet, State, evaluate},
    facts::Facts,
};
use sea_orm::{
    ColumnTrait, DatabaseBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    batches, firing,
    flag::{self, Ended},
};
use crate::{
    act::{AHEAD, Act},
    enrollment,
    error::{Error, Result},
    evaluation,
    facts::{self, Needs},
    rule::RuleBook,
    rule_state,
    store::{Hint, Store},
};

/// How many enrollments a batch takes at most on SQLite.
const SQLITE_BATCH: u64 = 100;

/// Evaluates up to `limit` enrollments that are due; returns how many. A batch that fails is halved until the enrollment
/// that it fails for is alone; that one is set aside for a while, counted and logged, and the others go on.
///
/// # Errors
/// When the database is away or busy: then nothing was changed, and the same batch is tried again later.
pub async fn run(store: &Store, limit: u64) -> Result<usize> {
    // SQLite has one writer: whoever evaluates keeps everybody else waiting.
    let limit = if store.backend() == DatabaseBackend::Postgres {
        limit
    } else {
        limit.min(SQLITE_BATCH)
    };
    batches::run(
        store,
        due(store.now(), limit, None)
            .select_only()
            .column(evaluation::Column::EnrollmentId),
        |act, of| evaluate_claimed(act, limit, of).boxed(),
        |store, id, error| set_aside(store, id, error).boxed(),
    )
    .await
}

/// The enrollments that are due, or those of them that are given, longest due first.
fn due(now: DateTime<Utc>, limit: u64, of: Option<&[Uuid]>) -> Select<evaluation::Entity> {
    let due = evaluation::Entity::find()
        .filter(evaluation::Column::DueAt.lte(now))
        .order_by_asc(evaluation::Column::DueAt)
        .limit(limit);
    match of {
        Some(ids) => due.filter(evaluation::Column::EnrollmentId.is_in(ids.iter().copied())),
        None => due,
    }
}

/// How long an enrollment is set aside after it failed for the nth time in a row: 1, 2, 4 … minutes, an hour at most.
fn pause(failures: i32) -> Duration {
    Duration::minutes(1_i64 << failures.clamp(0, 6)).min(Duration::hours(1))
}

async fn set_aside(store: &Store, id: Uuid, error: &Error) -> Result<()> {
    let now = store.now();
    let Some(row) = evaluation::Entity::find_by_id(id).one(store.connection()).await? else {
        return Ok(());
    };
    let detail = if let Error::Corrupt(what) = error {
        what.as_str()
    } else {
        ""
    };
    tracing::error!(enrollment = %id, failures = row.failures + 1, reason = error.kind(), detail, "an enrollment cannot be evaluated and is set aside");
    evaluation::Entity::update_many()
        .col_expr(evaluation::Column::Failures, Expr::value(row.failures + 1))
        .col_expr(evaluation::Column::FailedAt, Expr::value(row.failed_at.unwrap_or(now)))
        .col_expr(evaluation::Column::DueAt, Expr::value(now + pause(row.failures)))
        .filter(evaluation::Column::EnrollmentId.eq(id))
        .exec(store.connection())
        .await?;
    Ok(())
}

async fn evaluate_claimed(act: &mut Act, limit: u64, of: Option<&[Uuid]>) -> Result<usize> {
    let claimed = claim(act, limit, of).await?;
    if claimed.is_empty() {
        return Ok(0);
    }
    let enrollments: Vec<enrollment::Model> = claimed.iter().map(|(_, enrollment)| enrollment.clone()).collect();
    let since = claimed.iter().map(|(evaluation, _)| evaluation.evaluated_until).min();
    let oldest = since.unwrap_or(act.now);
    let book = RuleBook::read(&act.tx, &enrollments, oldest).await?;
    let needs = Needs::of(book.definitions());
    let mut facts = facts::load(&act.store, &act.tx, &enrollments, &needs, since).await?;
    let ids: Vec<Uuid> = enrollments.iter().map(|row| row.id).collect();
    let mut states = rule_state::remembered(&act.tx, &ids).await?;

    let mut decided = Vec::new();
    for (evaluation, enrollment) in &claimed {
        let Some(facts) = facts.remove(&enrollment.id) else {
            continue;
        };
        let state = State {
            evaluated_until: evaluation.evaluated_until,
            rules: states.remove(&enrollment.id).unwrap_or_default(),
        };
        let ahead = facts
            .events
            .iter()
            .map(|event| event.at)
            .filter(|at| *at <= act.now + AHEAD)
            .max();
        let until = ahead.map_or(act.now, |at| at.max(act.now));
        let evaluation = judged(&book.with_trials(enrollment), &facts, &state, until)?;
        decided.push(Decided {
            enrollment: enrollment.clone(),
            facts,
            before: state,
            evaluation,
        });
    }
    write_states(act, &decided).await?;
    let firings = firing::write(act, &book, &decided).await?;
    let judged = decided.iter().map(|one| one.evaluation.state.evaluated_until).max();
    act.now = judged.map_or(act.now, |judged| judged.max(act.now));
    firing::carry_out(act, &firings).await?;
    end_episodes(act, &decided).await?;
    if u64::try_from(claimed.len()).is_ok_and(|claimed| claimed >= limit) {
        // A changed rule on its way may be waiting until fewer are due.
        act.hint(Hint::Due);
    }
    Ok(claimed.len())
}

/// Evaluates one enrollment. A panic is a bug, and must stop this enrollment alone.
fn judged(rules: &RuleSet, facts: &Facts, state: &State, until: DateTime<Utc>) -> Result<Evaluation> {
    std::panic::catch_unwind(AssertUnwindSafe(|| evaluate(rules, facts, state, until)))
        .map_err(|_| Error::Corrupt(format!("the rules of enrollment {} cannot be judged", facts.enrollment)))
}

/// What was decided about one enrollment.
pub(super) struct Decided {
    pub(super) enrollment: enrollment::Model,
    pub(super) facts: Facts,
    before: State,
    pub(super) evaluation: Evaluation,
}

/// Takes rows that are due together with their enrollments. Rows that somebody else holds are skipped, never waited for, so
/// that no two units of work can wait for each other.
async fn claim(act: &Act, limit: u64, of: Option<&[Uuid]>) -> Result<Vec<(evaluation::Model, enrollment::Model)>> {
    let due = act.store.skip_locked(due(act.now, limit, of)).all(&act.tx).await?;
    let enrollments = enrollment::Entity::find()
        .filter(enrollment::Column::Id.is_in(due.iter().map(|row| row.enrollment_id)))
        .order_by_asc(enrollment::Column::Id);
    let enrollments = act.store.skip_locked(enrollments).all(&act.tx).await?;
    let mut due: HashMap<Uuid, evaluation::Model> = due.into_iter().map(|row| (row.enrollment_id, row)).collect();
    Ok(enrollments
        .into_iter()
        .filter_map(|row| Some((due.remove(&row.id)?, row)))
        .collect())
}

/// Writes what is to be remembered, and when to look again.
async fn write_states(act: &Act, decided: &[Decided]) -> Result<()> {
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let mut rows = Vec::new();
    for one in decided {
        for (key, state) in &one.evaluation.state.rules {
            if one.before.rules.get(key) == Some(state) {
                continue;
            }
            let row = rule_state::Model {
                enrollment_id: one.enrollment.id,
                rule_key: key.clone(),
                episode: number(state.episode),
                episode_since: state.episode_since,
                episode_fired: state.episode_fired,
                episode_depth: number(state.episode_depth),
                last_fired_at: state.last_fired_at,
                firings: number(state.firings),
                done: serde_json::to_value(&state.done)
                    .map_err(|error| Error::Corrupt(format!("what a rule has done cannot be written: {error}")))?,
            };
            rows.push(row);
        }
    }
    use rule_state::Column as S;
    let columns = [
        S::Episode,
        S::EpisodeSince,
        S::EpisodeFired,
        S::EpisodeDepth,
        S::LastFiredAt,
        S::Firings,
        S::Done,
    ];
    act.upsert::<rule_state::Entity>(&rows, &[S::EnrollmentId, S::RuleKey], &columns)
        .await?;

    let rows = decided.iter().map(|one| evaluation::Model {
        enrollment_id: one.enrollment.id,
        due_at: one.evaluation.wake_at,
        evaluated_until: one.evaluation.state.evaluated_until,
        failures: 0,
        failed_at: None,
    });
    use evaluation::Column as E;
    let columns = [E::DueAt, E::EvaluatedUntil, E::Failures, E::FailedAt];
    act.upsert::<evaluation::Entity>(&rows.collect::<Vec<_>>(), &[E::EnrollmentId], &columns)
        .await
}

async fn end_episodes(act: &mut Act, decided: &[Decided]) -> Result<()> {
    let mut ended = Vec::new();
    for one in decided {
        ended.extend(one.evaluation.ended.iter().map(|end| Ended {
            enrollment_id: one.enrollment.id,
            rule_key: end.rule.clone(),
            occurrence: end.occurrence.clone(),
            depth: end.depth,
        }));
    }
    flag::end_causes(act, &ended).await
}

/// How many enrollments are set aside because they cannot be evaluated, and since when the oldest of them.
///
/// # Errors
/// When the database fails.
pub async fn set_aside_count(store: &Store) -> Result<(u64, Option<DateTime<Utc>>)> {
    let row: Option<(i64, Option<DateTime<Utc>>)> = evaluation::Entity::find()
        .select_only()
        .column_as(evaluation::Column::EnrollmentId.count(), "count")
        .column_as(evaluation::Column::FailedAt.min(), "oldest")
        .filter(evaluation::Column::FailedAt.is_not_null())
        .into_tuple()
        .one(store.connection())
        .await?;
    let (count, oldest) = row.unwrap_or_default();
    Ok((u64::try_from(count).unwrap_or_default(), oldest))
}
