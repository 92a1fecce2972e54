//! The worker: runs every job, woken by hints at once and by the heartbeat anyway. Any number may run, in any processes.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use entity::{
    error::Result,
    store::{Hint, Store},
};
use futures_util::FutureExt;
use tokio::{
    sync::{Notify, broadcast::error::RecvError},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_cron_scheduler::JobSchedulerError;
use tokio_util::sync::CancellationToken;

use crate::{
    channel::mail::Mailer,
    config::Config,
    heartbeat::Heartbeat,
    jobs::{Context, Job, due},
};

/// The longest wait after a job failed again and again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Everything that happens without anybody asking.
#[derive(Debug)]
pub struct Worker {
    context: Context,
    tick: Duration,
    stop_within: Duration,
}

impl Worker {
    /// A worker over the record. Does nothing until it runs.
    pub fn new(store: Store, config: &Config, mailer: Mailer) -> Self {
        Self {
            tick: config.worker.tick,
            stop_within: config.worker.stop_within,
            context: Context::new(store, config, mailer),
        }
    }

    /// Runs until `stop`, then finishes what is under way and gives back what was only claimed.
    ///
    /// # Errors
    /// When the heartbeat cannot start.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), JobSchedulerError> {
        self.context.stop = stop.clone();
        let context = Arc::new(self.context);
        let mut hints = context.store.hints();
        let signals = Job::ALL.map(|job| (job, Arc::new(Notify::new())));
        let all = signals.iter().map(|(_, signal)| Arc::clone(signal)).collect();
        let heartbeat = Heartbeat::start(self.tick, all).await?;

        let mut jobs = JoinSet::new();
        for (job, signal) in &signals {
            // What was due before anybody hinted.
            signal.notify_one();
            jobs.spawn(keep_running(*job, Arc::clone(&context), Arc::clone(signal)));
        }
        tracing::info!(worker = context.name, "the worker runs");

        let wake = |hint: Option<Hint>| {
            for (job, signal) in &signals {
                if hint.is_none_or(|hint| job.is_woken_by(hint)) {
                    signal.notify_one();
                }
            }
        };
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                hint = hints.recv() => match hint {
                    Ok(hint) => wake(Some(hint)),
                    Err(RecvError::Lagged(_)) => wake(None),
                    Err(RecvError::Closed) => break,
                },
            }
        }

        heartbeat.stop().await;
        let finished = timeout(self.stop_within, async { while jobs.join_next().await.is_some() {} });
        if finished.await.is_err() {
            tracing::warn!("work under way was broken off: it is undone, or taken over when its lease runs out");
            jobs.shutdown().await;
        }
        tracing::info!(worker = context.name, "the worker stopped");
        Ok(())
    }

    /// Runs every job, one after the other, until nothing is due at the clock's instant. Gives how much was done.
    ///
    /// # Errors
    /// The first that a job meets.
    pub async fn run_until_idle(&self) -> Result<usize> {
        let mut total = 0;
        loop {
            let mut done = 0;
            for job in Job::ALL {
                done += drain(job, &self.context).await?;
            }
            if done == 0 {
                return Ok(total);
            }
            total += done;
        }
    }

    /// As [`Worker::run_until_idle`], but only the jobs that have something due are run: for whoever moves a clock through weeks.
    ///
    /// # Errors
    /// As [`Worker::run_until_idle`].
    pub async fn run_due(&self) -> Result<usize> {
        let store = &self.context.store;
        let mut total = 0;
        let mut due = due::between(store, None, store.now()).await?;
        loop {
            let mut done = 0;
            for job in Job::ALL {
                if due.iter().any(|(due, _)| *due == job) {
                    done += drain(job, &self.context).await?;
                    due = due::between(store, None, store.now()).await?;
                }
            }
            if done == 0 {
                return Ok(total);
            }
            total += done;
        }
    }

    /// The next instant after the clock's and by `until` at which something is due.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_due(&self, until: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
        let store = &self.context.store;
        let due = due::between(store, Some(store.now()), until).await?;
        Ok(due.into_iter().map(|(_, at)| at).min())
    }
}

/// Runs one job whenever it is signalled. Being one task, it never overlaps itself; whatever happens in it, it goes on.
async fn keep_running(job: Job, context: Arc<Context>, signal: Arc<Notify>) {
    let mut failures = 0_u32;
    loop {
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = signal.notified() => {}
        }
        let problem = match AssertUnwindSafe(drain(job, &context)).catch_unwind().await {
            Ok(Ok(_)) => {
                failures = 0;
                continue;
            }
            Ok(Err(error)) => error.kind(),
            Err(_) => "it panicked",
        };
        failures += 1;
        metrics::counter!("handrail_job_failures_total", "job" => job.name()).increment(1);
        tracing::warn!(
            job = job.name(),
            problem,
            failures,
            "a job failed and will be tried again"
        );
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = sleep(wait(failures)) => signal.notify_one(),
        }
    }
}

/// Runs a job until nothing is due, or the worker is to stop.
async fn drain(job: Job, context: &Context) -> Result<usize> {
    let mut total = 0;
    while !context.stop.is_cancelled() {
        let started = Instant::now();
        let done = job.run(context).await?;
        if done == 0 {
            break;
        }
        total += done;
        metrics::counter!("handrail_job_rows_total", "job" => job.name())
            .increment(u64::try_from(done).unwrap_or(u64::MAX));
        metrics::histogram!("handrail_job_seconds", "job" => job.name()).record(started.elapsed().as_secs_f64());
    }
    Ok(total)
}

/// How long to wait after so many failures in a row: doubled each time, with jitter so that workers part.
fn wait(failures: u32) -> Duration {
    let doubled = Duration::from_millis(100).saturating_mul(2_u32.saturating_pow(failures.min(16)));
    doubled.min(LONGEST_WAIT).mul_f64(0.5 + rand::random::<f64>() / 2.0)
}

#[cfg(test)]
mod tests;
