//! When jobs have something to do, asked of all of them at once.

use chrono::{DateTime, Utc};
use entity::{
    attachment, content_override, delivery, dispatch, enrollment, error::Result, evaluation, invitation, opening,
    reminder, rollout, store::Store, unit_message,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, SelectStatement, UnionType},
};

use super::Job;

/// The jobs that have something due after `after` and by `until`, each with the first instant of it. Those that nobody waits
/// for at an instant are not among them.
///
/// # Errors
/// When the database fails.
pub(crate) async fn between(
    store: &Store,
    after: Option<DateTime<Utc>>,
    until: DateTime<Utc>,
) -> Result<Vec<(Job, DateTime<Utc>)>> {
    let mut each = Job::ALL.into_iter().filter_map(|job| first(job, after, until));
    let Some(mut query) = each.next() else {
        return Ok(Vec::new());
    };
    for other in each {
        query.union(UnionType::All, other);
    }
    let rows = store.connection().query_all(&query).await?;
    let mut due = Vec::new();
    for row in rows {
        let name: String = row.try_get("", "job")?;
        let job = Job::ALL.into_iter().find(|job| job.name() == name);
        if let (Some(job), Some(at)) = (job, row.try_get("", "due_at")?) {
            due.push((job, at));
        }
    }
    Ok(due)
}

/// When what a job does is due first.
fn first(job: Job, after: Option<DateTime<Utc>>, until: DateTime<Utc>) -> Option<SelectStatement> {
    let within = |column: Expr| {
        let by = column.clone().lte(until);
        match after {
            Some(after) => by.and(column.gt(after)),
            None => by,
        }
    };
    macro_rules! first {
        ($table:ident, $column:ident) => {
            $table::Entity::find()
                .select_only()
                .expr_as(Expr::cust(format!("'{}'", job.name())), "job")
                .column_as($table::Column::$column.min(), "due_at")
                .filter(within($table::Column::$column.into_expr()))
        };
    }
    let select = match job {
        Job::Enrollments => first!(enrollment, DueAt).into_query(),
        Job::Content => first!(content_override, DueAt).into_query(),
        Job::Openings => first!(opening, DueAt).into_query(),
        Job::Dispatches => first!(dispatch, DueAt).into_query(),
        // On its way until it has reached everybody.
        Job::Rollouts => first!(rollout, CreatedAt)
            .filter(rollout::Column::FinishedAt.is_null())
            .into_query(),
        Job::UnitMessages => first!(unit_message, DueAt).into_query(),
        Job::Evaluations => first!(evaluation, DueAt).into_query(),
        Job::Reminders => first!(reminder, DueAt).into_query(),
        Job::Deliveries => first!(delivery, DueAt).into_query(),
        Job::Invitations => first!(invitation, DueAt).into_query(),
        Job::Attachments => first!(attachment, DueAt).into_query(),
        Job::Housekeeping => return None,
    };
    Some(select)
}
