//! Sending a message of the unit to all its citizens, some at a time.

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use rules::facts::Status;
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{Send, send};
use crate::{
    access_log::{self, AccessAction, Trace},
    act::{Act, Cause},
    action::batches,
    enrollment,
    error::{Error, Result, UserError},
    evaluation, input,
    message_template::writes_for,
    store::{Hint, Store},
    unit_message::{Column, Entity, Model},
};

/// A message of a unit to all its citizens.
#[derive(Clone, Debug)]
pub struct ToAll {
    /// The unit.
    pub unit_id: Uuid,
    /// Only to those who take part in this program.
    pub program_slug: Option<String>,
    /// Only to enrollments in one of these states; those that are active where empty.
    pub statuses: Vec<Status>,
    /// What it says, plain text.
    pub body: String,
}

/// Sends a message to all citizens of a unit, or those in a program or some states: one in each thread, by and by. Gives the
/// message to all. For those who treat at the unit and its administrators.
///
/// # Errors
/// When the unit is not the viewer's, at `unitId`, or there is no such program, at `programSlug`; `ENDED` at `statuses` for
/// those that have ended; `NOBODY` where nobody would get it; what is wrong at `body`.
pub async fn send_to_all(act: &mut Act, to_all: &ToAll) -> Result<Uuid> {
    if !writes_for(&act.viewer, to_all.unit_id) {
        return Err(UserError::not_found("unitId", "unit").into());
    }
    let directory = act.store.directory();
    let program = to_all.program_slug.as_ref().map(|slug| {
        let published = directory.programs().get(slug);
        published.ok_or_else(|| UserError::not_found("programSlug", "program"))
    });
    let program = program.transpose()?.map(|published| published.program.id);
    let ended = |status: &Status| matches!(status, Status::Completed | Status::Withdrawn);
    if to_all.statuses.iter().any(ended) {
        let message = "Nobody can answer in what has ended: send to those who take part.";
        return Err(UserError::new("ENDED", "statuses", message).into());
    }
    let statuses = match to_all.statuses.as_slice() {
        [] => &[Status::Active],
        given => given,
    };
    let body = input::plain_text(&to_all.body, "body")?;
    let mut row = Model {
        id: act.id(),
        unit_id: to_all.unit_id,
        program_id: program,
        statuses: serde_json::to_value(statuses).map_err(|error| Error::Corrupt(format!("statuses: {error}")))?,
        body: act.store.keyring().seal(&body)?,
        sent_at: act.now,
        recipients: 0,
        sent: 0,
        after_id: None,
        finished_at: None,
        due_at: Some(act.at_once()),
        actor: act.viewer.actor().into(),
    };
    let recipients = enrollment::Entity::find().filter(row.recipients(&act.tx).await?);
    row.recipients = i32::try_from(recipients.count(&act.tx).await?).unwrap_or(i32::MAX);
    if row.recipients == 0 {
        let message = "Nobody at the unit would get this: choose another program, or other states.";
        return Err(UserError::new("NOBODY", "", message).into());
    }
    act.insert::<Entity>(std::slice::from_ref(&row)).await?;
    act.hint(Hint::Due);
    Ok(row.id)
}

/// Puts a message to all that is on its way into the next threads, at most `limit`, in a unit of work of its own; gives how many
/// rows it touched. One that fails is set aside for a while and logged, and the others go on.
///
/// # Errors
/// When the database is away or busy: then it is tried again later.
pub async fn pass_on(store: &Store, limit: u64) -> Result<usize> {
    batches::run(
        store,
        due(store.now(), None).select_only().column(Column::Id),
        |act, of| pass_on_some(act, limit, of).boxed(),
        |store, id, error| set_aside(store, id, error).boxed(),
    )
    .await
}

async fn set_aside(store: &Store, id: Uuid, error: &Error) -> Result<()> {
    tracing::error!(message = %id, reason = error.kind(), "a message to all cannot be passed on and is set aside");
    batches::set_aside::<Entity>(store, (Column::Id, id), Column::DueAt).await
}

/// The messages to all that are on their way, or those of them that are given, the oldest first.
fn due(now: DateTime<Utc>, of: Option<&[Uuid]>) -> Select<Entity> {
    let due = Entity::find()
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::SentAt)
        .order_by_asc(Column::Id);
    match of {
        Some(ids) => due.filter(Column::Id.is_in(ids.iter().copied())),
        None => due,
    }
}

/// Puts the oldest message to all that is on its way into the next threads, at most `limit`; gives how many rows it touched, 0 where
/// none is on its way. While a few batches are due for evaluation already, it waits: what somebody answers meanwhile stands in line
/// behind those, not behind everybody.
///
/// # Errors
/// When the database fails.
async fn pass_on_some(act: &mut Act, limit: u64, of: Option<&[Uuid]>) -> Result<usize> {
    let due = act.store.skip_locked(due(act.now, of));
    let Some(row) = due.one(&act.tx).await? else {
        return Ok(0);
    };
    if evaluation::is_crowded(&act.tx, act.now, limit).await? {
        return Ok(0);
    }
    let mut select = enrollment::Entity::find()
        .select_only()
        .columns([enrollment::Column::Id, enrollment::Column::CitizenId])
        .filter(row.recipients(&act.tx).await?);
    if let Some(after) = row.after_id {
        select = select.filter(enrollment::Column::Id.gt(after));
    }
    let next: Vec<(Uuid, Uuid)> = select
        .order_by_asc(enrollment::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(&act.tx)
        .await?;
    let cause = Cause {
        actor: row.actor.0,
        depth: 0,
    };
    let body = act.store.keyring().open(&row.body)?;
    let sends: Vec<Send> = next
        .iter()
        .map(|(enrollment, _)| Send {
            enrollment_id: *enrollment,
            body: body.clone(),
            attachments: Vec::new(),
            firing_id: None,
            unit_message_id: Some(row.id),
            cause,
        })
        .collect();
    let outcomes = send(act, &sends).await?;
    let reached = next.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
    let reached: Vec<Uuid> = reached.map(|((_, citizen), _)| *citizen).collect();
    let sent = i32::try_from(reached.len()).unwrap_or(i32::MAX);
    let trace = Trace {
        actor: row.actor.0,
        unit: Some(row.unit_id),
        operation: "sendMessageToAll",
        action: AccessAction::Change,
    };
    access_log::write_for(&act.tx, &trace, &reached.into_iter().collect(), act.now).await?;
    let done = Entity::update_many().filter(Column::Id.eq(row.id));
    match next.last() {
        Some((last, _)) => done
            .col_expr(Column::AfterId, Expr::value(*last))
            .col_expr(Column::Sent, Column::Sent.into_expr().add(sent)),
        None => done
            .col_expr(Column::FinishedAt, Expr::value(act.now))
            .col_expr(Column::DueAt, Expr::value(None::<DateTime<Utc>>)),
    }
    .exec(&act.tx)
    .await?;
    act.hint(Hint::Due);
    Ok(next.len().max(1))
}
