//! The heartbeat: wakes every job each tick, in UTC. It decides nothing; what is due stands in the database.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// A beating heart, until [`Heartbeat::stop`].
pub(crate) struct Heartbeat(JobScheduler);

impl Heartbeat {
    /// Wakes the signals every `tick`, which is whole seconds from 1 to 59. A signal that was not heeded yet is not doubled.
    ///
    /// # Errors
    /// When the scheduler cannot start.
    pub(crate) async fn start(tick: Duration, signals: Vec<Arc<Notify>>) -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        let every = format!("*/{} * * * * *", tick.as_secs());
        let beat = Job::new(every, move |_, _| signals.iter().for_each(|signal| signal.notify_one()))?;
        scheduler.add(beat).await?;
        scheduler.start().await?;
        Ok(Self(scheduler))
    }

    /// Stops it.
    pub(crate) async fn stop(mut self) {
        if self.0.shutdown().await.is_err() {
            tracing::warn!("the heartbeat did not stop by itself");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn beats_until_it_is_stopped() {
        let signal = Arc::new(Notify::new());
        let heartbeat = Heartbeat::start(Duration::from_secs(1), vec![signal.clone()])
            .await
            .unwrap();
        for _ in 0..2 {
            tokio::time::timeout(Duration::from_secs(10), signal.notified())
                .await
                .unwrap();
        }
        heartbeat.stop().await;
    }
}
