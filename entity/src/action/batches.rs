//! Doing what is due in batches, and going on without what a batch fails for.

use chrono::{DateTime, Duration, Utc};
use futures_util::future::BoxFuture;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr};
use uuid::Uuid;

use crate::{
    act::{Act, BATCH},
    error::{Error, Result},
    halves::Halves,
    store::Store,
    viewer::Viewer,
};

/// Does one batch of what is due in a unit of work of its own; gives how many were done. A batch that fails is halved until what
/// it fails for is alone; that is set aside, and the others go on.
///
/// `due` selects the ids of what is due, `work` does it, or of it only what is named, and `set_aside` sees to it that what cannot
/// be done is not due for a while.
///
/// # Errors
/// When the database is away or busy: then nothing was changed by what failed, and it is tried again later.
pub(super) async fn run<E: EntityTrait>(
    store: &Store,
    due: Select<E>,
    work: impl for<'a> Fn(&'a mut Act, Option<&'a [Uuid]>) -> BoxFuture<'a, Result<usize>> + Sync,
    set_aside: impl for<'a> Fn(&'a Store, Uuid, &'a Error) -> BoxFuture<'a, Result<()>>,
) -> Result<usize> {
    match batch(store, &work, None).await {
        Err(error) if !error.is_transient() => {}
        done => return done,
    }
    // Whatever is due now, in halves. Another worker may take some of it meanwhile, which is as well.
    let mut halves = Halves::of(due.into_tuple().all(store.connection()).await?);
    let mut done = 0;
    while let Some(part) = halves.next_part() {
        match batch(store, &work, Some(&part)).await {
            Ok(count) => done += count,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                if let Some(id) = halves.split(part) {
                    set_aside(store, id, &error).await?;
                    done += 1;
                }
            }
        }
    }
    Ok(done)
}

async fn batch(
    store: &Store,
    work: &impl for<'a> Fn(&'a mut Act, Option<&'a [Uuid]>) -> BoxFuture<'a, Result<usize>>,
    of: Option<&[Uuid]>,
) -> Result<usize> {
    let mut act = store.act(&Viewer::system()).await?;
    let done = work(&mut act, of).await;
    act.finish(done).await
}

/// What is due, or what of it is named, longest due first; the columns are its identity and when it is due.
pub(super) fn those_due<E: EntityTrait>(
    [id, due_at]: [E::Column; 2],
    now: DateTime<Utc>,
    limit: u64,
    of: Option<&[Uuid]>,
) -> Select<E> {
    let due = E::find()
        .filter(due_at.lte(now))
        .order_by_asc(due_at)
        .limit(limit.min(BATCH as u64));
    match of {
        Some(ids) => due.filter(id.is_in(ids.iter().copied())),
        None => due,
    }
}

/// How long what cannot be done is set aside.
const PAUSE: Duration = Duration::minutes(10);

/// Sets the row with this id aside for a while, unless it is not due any more.
pub(super) async fn set_aside<E: EntityTrait>(
    store: &Store,
    (column, id): (E::Column, Uuid),
    due_at: E::Column,
) -> Result<()> {
    E::update_many()
        .col_expr(due_at, Expr::value(store.now() + PAUSE))
        .filter(column.eq(id))
        .filter(due_at.lte(store.now()))
        .exec(store.connection())
        .await?;
    Ok(())
}
