//! The demo: a provider with two units, people in every role, two programs with their rules, and weeks of history.
//!
//! The history is not written into tables but lived: the same actions and the same worker as ever, under a clock that is
//! moved from one instant at which something happens to the next. Only messages do not leave.

mod content;
mod deed;
mod history;
mod people;
mod work;

use std::time::Duration;

use anyhow::{Context, Result};
use entity::{action, care_provider, clock::Clock, files::Files, seal::Keyring, store::Store, viewer::Viewer};
use include_dir::{Dir, include_dir};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, EntityTrait,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

pub use self::people::{Persona, personas};
use self::{content::Ids, history::History, people::People};

static DEMO: Dir = include_dir!("$CARGO_MANIFEST_DIR/demo");

/// The text of a file of the demo.
fn file(path: &str) -> Result<&'static str> {
    let file = DEMO.get_file(path).and_then(include_dir::File::contents_utf8);
    file.with_context(|| format!("the demo has no file {path}"))
}

/// What there is in a database that the demo is to fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nobody and nothing.
    Nothing,
    /// A seeding is under way, or did not come to its end.
    Unfinished,
    /// What was seeded, or made by people.
    Something,
}

/// Looks at what a migrated database holds.
///
/// # Errors
/// When the database fails.
pub async fn found(connection: &DatabaseConnection) -> Result<Found> {
    let providers = care_provider::Entity::find().all(connection).await;
    let providers = providers.context("the database could not be read")?;
    let unfinished = unfinished(&People::read()?);
    Ok(match providers.as_slice() {
        [] => Found::Nothing,
        [provider] if provider.name == unfinished => Found::Unfinished,
        _ => Found::Something,
    })
}

/// What the provider is called until the demo is whole: its own name is the last thing that seeding writes.
fn unfinished(people: &People) -> String {
    format!("{} (being seeded)", people.provider.name)
}

/// Opens an SQLite file without waiting for the disk at every commit, which a demo that can be made again need not.
///
/// # Errors
/// When it cannot be opened.
pub async fn connect(url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(4)
        .sqlx_logging(false)
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            let sqlite = sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Off)
                .statement_cache_capacity(1000);
            sqlite.foreign_keys(true).busy_timeout(Duration::from_secs(30))
        });
    Database::connect(options)
        .await
        .context("the database cannot be opened")
}

/// Fills an empty, migrated database with the demo as of the clock's instant, and `files` with what is attached to its messages.
/// `progress` is told how much of the whole is done, 0 to 1.
///
/// # Errors
/// When the demo's files are wrong, or the database fails.
pub async fn seed(
    connection: &DatabaseConnection,
    clock: &Clock,
    keyring: Keyring,
    files: &Files,
    progress: impl Fn(f64, &str),
) -> Result<()> {
    let people = People::read()?;
    let now = clock.now();
    let clock = Clock::manual(history::begin(&people, now)?);
    let store = Store::new(connection.clone(), clock, keyring).await?;
    progress(0.0, "people and programs");
    let ids = content::import(&store, &people).await?;
    let history = History::new(&store, files, &people, &ids, now)?;
    // Boxed: a deep type in whatever waits for it.
    Box::pin(history.live(progress)).await?;
    finish(&store, &people, &ids).await
}

/// Says that the demo is whole.
async fn finish(store: &Store, people: &People, ids: &Ids) -> Result<()> {
    let mut act = store.act(&Viewer::system()).await?;
    let renamed = action::care::rename_provider(&mut act, ids.provider, &people.provider.name).await;
    renamed.map_err(told)?;
    Ok(act.commit().await?)
}

/// An error with everything that it refuses, for whoever wrote the file that is refused.
pub(crate) fn told(error: entity::error::Error) -> anyhow::Error {
    let entity::error::Error::Refused(errors) = &error else {
        return error.into();
    };
    let lines = errors
        .iter()
        .map(|error| format!("\n  - {}: {} ({})", error.path.join("."), error.message, error.code));
    anyhow::anyhow!("refused:{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_demo_that_is_only_partly_there_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/demo.db?mode=rwc", folder.path().display());
        let connection = connect(&url).await.unwrap();
        migration::migrate(&connection).await.unwrap();
        assert_eq!(found(&connection).await.unwrap(), Found::Nothing);

        let people = People::read().unwrap();
        let mut config = worker::config::Config::default();
        config.database.url = worker::config::Secret::new(url);
        // Beside the database.
        let keyring = config.keyring().unwrap();
        let clock = Clock::manual(chrono::DateTime::UNIX_EPOCH + Duration::from_hours(500_000));
        let store = Store::new(connection.clone(), clock, keyring).await.unwrap();
        let ids = content::import(&store, &people).await.unwrap();
        assert_eq!(found(&connection).await.unwrap(), Found::Unfinished);

        finish(&store, &people, &ids).await.unwrap();
        assert_eq!(found(&connection).await.unwrap(), Found::Something);
    }
}
