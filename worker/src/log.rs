//! The log of both binaries. No personal data, tokens or SQL is ever handed to it.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

/// Begins to log to standard error, so that standard output stays for what a command prints. A second call does nothing.
pub fn start(log: &Log) {
    // The level was checked with the rest of the configuration. What libraries say of themselves comes only when asked for.
    let wanted = format!(
        "tokio_cron_scheduler=warn,sea_orm_migration=warn,poem=warn,{}",
        log.level
    );
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _already_started = match log.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Pretty => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}
