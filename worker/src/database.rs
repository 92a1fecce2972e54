//! Opening the database at start.

use std::{path::Path, time::Duration};

use entity::{
    citizen,
    clock::Clock,
    delivery,
    error::Error,
    opening,
    seal::{SealError, Sealed},
    store::Store,
};
use sea_orm::{DatabaseConnection, DbErr, EntityTrait, Order, QueryOrder, QuerySelect, RuntimeErr, SqlxError};
use tokio::time::{Instant, sleep, sleep_until};

use crate::config::{Config, Database, keyring::KeyringError};

/// How long to wait before saying that one waits, and between attempts.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many of those who came first, and last, are looked at to see whether the keys are the right ones.
const LOOKED_AT: u64 = 2;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be reached.
    #[error("the database cannot be opened: {reason}. Check database.url, and that the database runs")]
    Away {
        /// What the driver says.
        reason: String,
    },
    /// The folder of an SQLite file is not there.
    #[error("the folder of the database is not there: make it, or name another file in database.url")]
    NoFolder,
    /// It is empty, or older than this Handrail.
    #[error("the database lacks tables that this Handrail needs: run `handrail migrate` first")]
    NotMigrated,
    /// None of the keys opens what it holds.
    #[error(
        "what the database holds was sealed with other keys: {0}. Configure keys.NAME and keys.current as they were when it was \
         written; where development made the key itself, that is handrail.key beside an SQLite file, else in the folder in which \
         it was started"
    )]
    OtherKeys(SealError),
    /// A key is broken, or cannot be made.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// It cannot be read.
    #[error(transparent)]
    Unread(#[from] Error),
}

/// Opens the database; one that is away is waited for as long as `connect_timeout` says.
///
/// # Errors
/// When it stays away, or refuses who signs in.
pub async fn open(database: &Database) -> Result<DatabaseConnection, DatabaseError> {
    let until = Instant::now() + database.connect_timeout;
    let attempt = async {
        loop {
            let url = database.url.expose();
            match entity::store::connect(url, database.connections, database.connect_timeout).await {
                Err(error) if !is_answer(&error) && Instant::now() + PATIENCE < until => sleep(PATIENCE).await,
                tried => return tried,
            }
        }
    };
    tokio::pin!(attempt);
    let patience = sleep_until(Instant::now() + PATIENCE);
    let opened = tokio::select! {
        opened = &mut attempt => opened,
        () = patience => {
            tracing::warn!(seconds = database.connect_timeout.as_secs(), "the database does not answer yet; waiting");
            attempt.await
        }
    };
    opened.map_err(|error| match has_folder(database) {
        false => DatabaseError::NoFolder,
        true => DatabaseError::Away {
            reason: reason(&error, database.connect_timeout),
        },
    })
}

/// Whether the folder of an SQLite file is there; true of PostgreSQL.
fn has_folder(database: &Database) -> bool {
    let folder = database.file().and_then(Path::parent);
    folder.is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir())
}

/// Why it could not be opened. The driver's words never hold the address.
fn reason(error: &Error, within: Duration) -> String {
    match error {
        Error::Database(DbErr::Conn(RuntimeErr::SqlxError(error))) => match &**error {
            SqlxError::PoolTimedOut => format!("nobody answered within {}", humantime::format_duration(within)),
            error => error.to_string(),
        },
        error => error.to_string(),
    }
}

/// Whether the database itself said no, which waiting does not change: a wrong password, a name that is not there.
fn is_answer(error: &Error) -> bool {
    match error {
        Error::Database(DbErr::Conn(RuntimeErr::SqlxError(error))) => error.as_database_error().is_some(),
        Error::Database(DbErr::Conn(_)) => false,
        _ => true,
    }
}

/// Checks that the tables are there.
///
/// # Errors
/// When they are not, or the database is away.
pub async fn check_migrated(connection: &DatabaseConnection) -> Result<(), DatabaseError> {
    // What the first and the last migration made.
    let deliveries = delivery::Entity::find().limit(1).all(connection).await.map(drop);
    let openings = opening::Entity::find().limit(1).all(connection).await.map(drop);
    if let Err(error) = deliveries.and(openings) {
        let error = Error::from(error);
        return Err(if error.is_transient() {
            DatabaseError::Away {
                reason: error.kind().to_owned(),
            }
        } else {
            DatabaseError::NotMigrated
        });
    }
    Ok(())
}

/// The record over an open, migrated database, with the configured keys.
///
/// # Errors
/// When a key is broken or cannot be made, the keys do not open what the database holds, or it is away.
pub async fn record(config: &Config, connection: DatabaseConnection, clock: Clock) -> Result<Store, DatabaseError> {
    let store = Store::new(connection, clock, config.keyring()?).await?;
    check_keys(&store).await?;
    Ok(store)
}

/// Checks that the keys open what was sealed: the identities of who came first and last. Where only some can be opened, a key of
/// former days is missing or a row is broken, and the others can be worked with.
async fn check_keys(store: &Store) -> Result<(), DatabaseError> {
    let mut sealed: Vec<Sealed> = Vec::new();
    for order in [Order::Asc, Order::Desc] {
        let some = citizen::Entity::find()
            .select_only()
            .column(citizen::Column::IdentitySealed)
            .order_by(citizen::Column::Id, order)
            .limit(LOOKED_AT);
        let some = some.into_tuple::<Sealed>().all(store.connection()).await;
        sealed.extend(some.map_err(Error::from)?);
    }
    let opened = sealed.iter().map(|sealed| store.keyring().open(sealed));
    let (opened, unopened): (Vec<_>, Vec<_>) = opened.partition(Result::is_ok);
    match unopened.into_iter().find_map(Result::err) {
        Some(error) if opened.is_empty() => Err(DatabaseError::OtherKeys(error)),
        Some(error) => {
            tracing::warn!(%error, "some of what the database holds cannot be read: is a former key missing?");
            Ok(())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use migration::MigratorTrait;

    use super::*;
    use crate::{config::Secret, jobs::world::World};

    fn at(url: String) -> Database {
        let mut database = Config::default().database;
        database.url = Secret::new(url);
        database
    }

    #[tokio::test]
    async fn an_empty_database_is_told_from_a_migrated_one() {
        let folder = tempfile::tempdir().unwrap();
        let database = at(format!("sqlite:{}/handrail.db", folder.path().display()));
        let connection = open(&database).await.unwrap();
        let lacking = || async { check_migrated(&connection).await.unwrap_err().to_string() };
        assert!(lacking().await.contains("handrail migrate"));
        // All but the last one.
        let missing = migration::pending(&connection).await.unwrap();
        let older = u32::try_from(missing - 1).unwrap();
        migration::Migrator::up(&connection, Some(older)).await.unwrap();
        assert!(lacking().await.contains("handrail migrate"));
        migration::migrate(&connection).await.unwrap();
        check_migrated(&connection).await.unwrap();
    }

    #[tokio::test]
    async fn a_database_that_says_no_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let open = async |place: &str| {
            let database = at(format!("sqlite:{}{place}", folder.path().display()));
            let refused = tokio::time::timeout(Duration::from_secs(10), open(&database));
            refused.await.unwrap().map(drop)
        };
        let refused = open("/absent/handrail.db").await;
        assert!(matches!(refused, Err(DatabaseError::NoFolder)), "{refused:?}");
        // A folder is no file.
        let refused = open("").await;
        assert!(matches!(refused, Err(DatabaseError::Away { .. })), "{refused:?}");
    }

    #[tokio::test]
    async fn a_database_that_stays_away_is_an_error_without_its_password() {
        // A port that was free a moment ago: nobody listens on it.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut database = at(format!("postgres://handrail:hunter2@127.0.0.1:{port}/handrail"));
        database.connect_timeout = Duration::from_millis(200);
        let error = open(&database).await.unwrap_err().to_string();
        assert!(
            error.contains("cannot be opened") && error.contains("database.url"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn keys_that_open_nothing_of_what_is_there_are_refused() {
        let world = World::new().await;
        let key = |byte: u8| {
            Secret::new(base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                [byte; 32],
            ))
        };
        let configured = |current: &str, keys: &[(&str, u8)]| {
            let mut config = Config::default();
            config.keys.current = Some(current.to_owned());
            config.keys.values = keys
                .iter()
                .map(|(name, byte)| ((*name).to_owned(), key(*byte)))
                .collect();
            config
        };
        let record = async |config: &Config| {
            let connection = world.store.connection().clone();
            record(config, connection, world.store.clock().clone()).await.map(drop)
        };
        // Nobody is there yet.
        record(&configured("other", &[("other", 1)])).await.unwrap();
        world.enroll(1).await;
        for (current, keys) in [("other", [("other", 1)]), ("test", [("test", 1)])] {
            let refused = record(&configured(current, &keys)).await.unwrap_err();
            assert!(matches!(refused, DatabaseError::OtherKeys(_)), "{refused}");
            assert!(refused.to_string().contains("keys.current"), "{refused}");
        }
        record(&configured("other", &[("other", 1), ("test", 0)]))
            .await
            .unwrap();
    }
}
