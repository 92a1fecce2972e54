//! Opening the database at start.

use std::{path::Path, time::Duration};

use entity::{delivery, error::Error, opening};
use sea_orm::{DatabaseConnection, DbErr, EntityTrait, QuerySelect, RuntimeErr, SqlxError};
use tokio::time::{Instant, sleep, sleep_until};

use crate::config::Database;

/// How long to wait before saying that one waits, and between attempts.
const PATIENCE: Duration = Duration::from_secs(2);

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

#[cfg(test)]
mod tests {
    use migration::MigratorTrait;

    use super::*;
    use crate::config::{Config, Secret};

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
}
