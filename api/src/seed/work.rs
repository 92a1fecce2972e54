//! The worker of the demo's past: the same as ever, but nothing that it sends leaves.

use anyhow::Result;
use chrono::{DateTime, Utc};
use entity::{delivery, dispatch, enrollment, evaluation, reminder, store::Store};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use worker::{Worker, channel::mail::Mailer, config::Config};

use super::told;

/// A clock to move and a worker to do what is due by it.
pub(super) struct Work<'a> {
    store: &'a Store,
    worker: Worker,
}

impl<'a> Work<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        let worker = Worker::new(store.clone(), &Config::default(), Mailer::nowhere());
        Self { store, worker }
    }

    /// Moves the clock on to `then`, stopping wherever something is due on the way.
    pub(super) async fn until(&self, then: DateTime<Utc>) -> Result<()> {
        while let Some(due) = self.next_due(then).await? {
            self.store.clock().set(due);
            self.now().await?;
        }
        self.store.clock().set(then);
        self.now().await
    }

    /// Does what is due now.
    pub(super) async fn now(&self) -> Result<()> {
        self.worker.run_until_idle().await.map_err(told)?;
        Ok(())
    }

    /// The next instant after now and before `then` at which the worker has something to do.
    async fn next_due(&self, then: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
        macro_rules! next {
            ($($table:ident),*) => {
                [$($table::Entity::find()
                    .select_only()
                    .column($table::Column::DueAt)
                    .filter($table::Column::DueAt.gt(self.store.now()))
                    .filter($table::Column::DueAt.lt(then))
                    .order_by_asc($table::Column::DueAt)
                    .limit(1)
                    .into_tuple::<DateTime<Utc>>()
                    .one(self.store.connection())
                    .await?),*]
            };
        }
        let next = next!(evaluation, dispatch, reminder, delivery, enrollment);
        Ok(next.into_iter().flatten().min())
    }
}
