//! The binary `handrail-worker`: Handrail's worker as a process of its own. As many as wanted may run.

use std::{error::Error, process::ExitCode};

use clap::Parser;
use entity::clock::Clock;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio_util::sync::CancellationToken;
use worker::{
    Worker, bus,
    channel::mail::Mailer,
    config::{Config, Flags},
    database::{self, DatabaseError},
    files, log, stop,
};

/// Does everything in Handrail that happens without anybody asking: evaluates rules, sends reminders, ends what is over
#[derive(Parser)]
#[command(name = "handrail-worker", version)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse().flags).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("handrail-worker cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let config = Config::load(flags)?;
    log::start(&config.log);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let mailer = Mailer::new(&config.mail)?;
    if let Some(address) = config.worker.metrics_listen {
        PrometheusBuilder::new()
            .with_http_listener(address)
            .install()
            .map_err(|error| format!("Metrics cannot be served at worker.metrics_listen = {address}: {error}"))?;
    }

    // From here on the first signal stops it, also while it waits for the database.
    let stop = CancellationToken::new();
    tokio::spawn(stop::on_signal(stop.clone()));
    // Opening an SQLite database makes its file; an empty one is of no use here.
    if config.database.file().is_some_and(|file| !file.exists()) {
        return Err(DatabaseError::NotMigrated.into());
    }
    let connection = tokio::select! {
        opened = database::open(&config.database) => opened?,
        () = stop.cancelled() => return Ok(()),
    };
    database::check_migrated(&connection).await?;
    tokio::select! {
        checked = files::check(&config) => checked?,
        () = stop.cancelled() => return Ok(()),
    }
    let store = database::record(&config, connection, Clock::System).await?;

    tokio::spawn(store.clone().keep_fresh());
    let bus = tokio::spawn({
        let (store, stop) = (store.clone(), stop.clone());
        let redis = config.redis.clone();
        async move { bus::run(store, &redis, stop).await }
    });
    Worker::new(store, &config, mailer).run(stop).await?;
    bus.await?;
    Ok(())
}
