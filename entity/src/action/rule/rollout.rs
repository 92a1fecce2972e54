//! Bringing changed rules to the enrollments that they concern, some at a time.

use std::collections::BTreeSet;

use rules::facts::Status;
use sea_orm::{
    ColumnTrait, DatabaseBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockBehavior, LockType},
};
use uuid::Uuid;

use crate::{
    act::Act, enrollment, error::Result, evaluation, rollout, rule, rule_version, store::Hint, stored::Stored,
};

/// Notes that a rule was changed.
pub(super) async fn begin(act: &mut Act, rule_id: Uuid) -> Result<()> {
    let row = rollout::Model {
        id: act.id(),
        rule_id,
        after_id: None,
        created_at: act.now,
        finished_at: None,
    };
    act.insert::<rollout::Entity>(&[row]).await?;
    act.hint(Hint::Due);
    Ok(())
}

/// Makes the next enrollments that a changed rule concerns due for evaluation, at most `limit`; returns how many rows it
/// touched, 0 where no rule is on its way. While a few batches are due already, it waits: what somebody answers meanwhile
/// stands in line behind those, not behind everybody.
///
/// # Errors
/// When the database fails.
pub async fn roll_out(act: &mut Act, limit: u64) -> Result<usize> {
    let open = rollout::Entity::find()
        .filter(rollout::Column::FinishedAt.is_null())
        .order_by_asc(rollout::Column::CreatedAt)
        .order_by_asc(rollout::Column::Id);
    let open = if act.store.backend() == DatabaseBackend::Postgres {
        open.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
    } else {
        open
    };
    let Some(row) = open.one(&act.tx).await? else {
        return Ok(0);
    };
    let Some(rule) = rule::Entity::find_by_id(row.rule_id).one(&act.tx).await? else {
        return Ok(0);
    };
    if evaluation::is_crowded(&act.tx, act.now, limit).await? {
        return Ok(0);
    }

    let statuses = concerned(act, rule.id).await?;
    let mut select = enrollment::Entity::find()
        .select_only()
        .column(enrollment::Column::Id)
        .filter(enrollment::Column::ProgramId.eq(rule.program_id))
        .filter(enrollment::Column::Status.is_in(statuses));
    if let Some(id) = rule.enrollment_id {
        select = select.filter(enrollment::Column::Id.eq(id));
    } else if let Some(unit) = rule.unit_id {
        select = select.filter(enrollment::Column::UnitId.eq(unit));
    }
    if let Some(after) = row.after_id {
        select = select.filter(enrollment::Column::Id.gt(after));
    }
    let next: Vec<Uuid> = select
        .order_by_asc(enrollment::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(&act.tx)
        .await?;
    evaluation::make_due(&act.tx, &next.iter().copied().collect::<BTreeSet<_>>(), act.now).await?;

    let done = rollout::Entity::update_many().filter(rollout::Column::Id.eq(row.id));
    match next.last() {
        Some(last) => done.col_expr(rollout::Column::AfterId, Expr::value(*last)),
        None => done.col_expr(rollout::Column::FinishedAt, Expr::value(act.now)),
    }
    .exec(&act.tx)
    .await?;
    act.hint(Hint::Due);
    Ok(next.len().max(1))
}

/// The statuses in which a changed rule can change anything: its own, and those of enrollments that are under way, where what
/// it said before may still be waiting.
async fn concerned(act: &Act, rule: Uuid) -> Result<Vec<Stored<Status>>> {
    let newest = rule_version::Entity::find()
        .filter(rule_version::Column::RuleId.eq(rule))
        .filter(rule_version::newest())
        .one(&act.tx)
        .await?;
    let definition = newest.and_then(|version| version.read());
    let mut statuses = vec![Status::Planned, Status::Active, Status::Paused];
    statuses.extend(definition.into_iter().flat_map(|definition| definition.statuses));
    Ok(statuses.into_iter().map(Stored).collect())
}
