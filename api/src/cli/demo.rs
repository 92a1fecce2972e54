//! The demo of a first start: made once and whole. What was interrupted is made anew.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use entity::clock::Clock;
use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::DatabaseConnection;
use worker::config::Config;

use super::commands::migrated;
use crate::seed::{self, Found};

/// Fills an empty, migrated database with the demo; says whether it was empty.
pub(super) async fn fill(config: &Config, connection: DatabaseConnection) -> Result<bool> {
    let found = seed::found(&connection).await?;
    if found == Found::Something {
        connection.close().await?;
        return Ok(false);
    }
    let Some(file) = config.database.file() else {
        if found == Found::Unfinished {
            bail!(
                "the demo is only partly there: another process is seeding it, wait for that one; or a seeding was interrupted: \
                 drop the database and make it anew, and start again"
            );
        }
        make(config, &connection).await?;
        connection.close().await?;
        return Ok(true);
    };

    connection.close().await?;
    let lock = Lock::take(file)?;
    // Whoever held the lock before may have come to its end since, or begun the file anew.
    let connection = migrated(config).await?;
    let found = seed::found(&connection).await?;
    connection.close().await?;
    match found {
        Found::Something => {
            lock.release()?;
            return Ok(false);
        }
        Found::Nothing => {}
        Found::Unfinished => {
            tracing::warn!(
                "an earlier seeding of the demo was interrupted: it begins anew, and what was there is kept beside it, as .interrupted"
            );
            put_aside(file)?;
            migrated(config).await?.close().await?;
        }
    }
    let connection = seed::connect(config.database.url.expose()).await?;
    make(config, &connection).await?;
    connection.close().await?;
    // Nothing was waited for until now.
    let written = File::open(file).and_then(|file| file.sync_all());
    written.context("the database cannot be written to the disk")?;
    lock.release()?;
    Ok(true)
}

/// Lives the demo's weeks, and shows how far it is.
async fn make(config: &Config, connection: &DatabaseConnection) -> Result<()> {
    worker::files::check(config).await?;
    tracing::info!("seeding the demo: its people live through ten weeks, once");
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("Seeding the demo {bar:30} {percent:>3} % {msg}") {
        bar.set_style(style);
    }
    let show = |part: f64, what: &str| {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of a thousand"
        )]
        bar.set_position((part.clamp(0.0, 1.0) * 1000.0) as u64);
        bar.set_message(what.to_owned());
    };
    let made = seed::seed(connection, &Clock::System, config.keyring()?, &config.files(), show).await;
    bar.finish_and_clear();
    made.context("the demo could not be seeded")
}

/// A file beside a database's.
fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Keeps other processes from seeding the same file, until it is released or this process ends.
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(database: &Path) -> Result<Self> {
        let path = beside(database, ".seeding");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _file: file }),
            Err(TryLockError::WouldBlock) => {
                bail!("another process is seeding the demo: wait until it is done, and start again")
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }

    fn release(self) -> Result<()> {
        unless_gone(fs::remove_file(&self.path)).with_context(|| format!("{} cannot be removed", self.path.display()))
    }
}

/// Puts aside a database whose seeding was interrupted: whoever worked with it all the same finds it there. The files that its
/// people had attached stay where they are.
fn put_aside(database: &Path) -> Result<()> {
    let aside = beside(database, ".interrupted");
    for ending in ["", "-wal", "-shm"] {
        let (from, to) = (beside(database, ending), beside(&aside, ending));
        unless_gone(fs::rename(&from, &to))
            .with_context(|| format!("{} cannot be renamed to {}", from.display(), to.display()))?;
    }
    Ok(())
}

/// What is not there need not be moved or removed.
fn unless_gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
