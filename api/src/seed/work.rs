//! The worker of the demo's past: the same as ever, but nothing that it sends leaves.

use anyhow::Result;
use chrono::{DateTime, Utc};
use entity::store::Store;
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

    /// Moves the clock on to `then`, stopping wherever something is due on the way. What is due is done.
    pub(super) async fn until(&self, then: DateTime<Utc>) -> Result<()> {
        while let Some(due) = self.worker.next_due(then).await.map_err(told)? {
            self.store.clock().set(due);
            self.now().await?;
        }
        self.store.clock().set(then);
        Ok(())
    }

    /// Does what is due now.
    pub(super) async fn now(&self) -> Result<()> {
        self.worker.run_due().await.map_err(told)?;
        Ok(())
    }
}
