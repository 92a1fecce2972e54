//! The connection, the clock, the keys and the process's caches: what every query and every action works with.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectOptions, Database, DatabaseBackend, DatabaseConnection, DatabaseTransaction, EntityTrait, QuerySelect,
    Select, SqliteTransactionMode, TransactionOptions, TransactionTrait,
    sea_query::{Expr, LockBehavior, LockType, SimpleExpr},
};
use tokio::sync::{Mutex, broadcast};
use uuid::Uuid;

use crate::{
    act::Act,
    clock::Clock,
    content::Library,
    directory::Directory,
    error::{Error, Result},
    seal::Keyring,
    viewer::Viewer,
};

/// That something was committed which somebody may be waiting for. Hints travel over the bus, truth never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hint {
    /// Events were written and enrollments are due for evaluation.
    Events,
    /// Something else is due: a delivery, a dispatch, a rollout.
    Due,
    /// Assignments or published versions changed.
    Directory,
}

/// The record: shared by everything in the process, cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    connection: DatabaseConnection,
    /// The same pool, not counted: what the process does for itself.
    uncounted: DatabaseConnection,
    clock: Clock,
    keyring: Keyring,
    library: Library,
    directory: RwLock<Arc<Directory>>,
    refreshing: Mutex<()>,
    hints: broadcast::Sender<Hint>,
    committed: broadcast::Sender<Hint>,
    statements: Arc<AtomicU64>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Store")
    }
}

/// How long a statement waits for another writer on SQLite.
const BUSY: Duration = Duration::from_secs(30);

/// Opens a database: `sqlite:handrail.db` (made where absent) or `postgres://user:password@host/name`.
///
/// # Errors
/// When the address is not understood or the server does not answer within `timeout`.
pub async fn connect(url: &str, connections: u32, timeout: Duration) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .connect_timeout(timeout)
        .acquire_timeout(timeout)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // An acknowledged answer survives a power cut.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(BUSY)
                .foreign_keys(true)
        });
    Ok(Database::connect(options).await?)
}

impl Store {
    /// A record over an open, migrated database.
    ///
    /// # Errors
    /// When the assignments and published versions cannot be read.
    pub async fn new(mut connection: DatabaseConnection, clock: Clock, keyring: Keyring) -> Result<Self> {
        let uncounted = connection.clone();
        let statements = Arc::new(AtomicU64::new(0));
        let counter = statements.clone();
        connection.set_metric_callback(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let directory = Directory::read(&uncounted, clock.now()).await?;
        Ok(Self(Arc::new(Inner {
            connection,
            uncounted,
            clock,
            keyring,
            library: Library::default(),
            directory: RwLock::new(Arc::new(directory)),
            refreshing: Mutex::new(()),
            hints: broadcast::channel(1024).0,
            committed: broadcast::channel(1024).0,
            statements,
        })))
    }

    /// For reading outside a transaction.
    pub fn connection(&self) -> &DatabaseConnection {
        &self.0.connection
    }

    /// Which database it is.
    pub fn backend(&self) -> DatabaseBackend {
        self.0.connection.get_database_backend()
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    /// A new identity.
    pub fn id(&self) -> Uuid {
        self.0.clock.id()
    }

    /// The keys.
    pub fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// Published content, read once.
    pub fn library(&self) -> &Library {
        &self.0.library
    }

    /// Assignments and published versions, at most a second old where [`Store::keep_fresh`] runs.
    pub fn directory(&self) -> Arc<Directory> {
        self.0.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads assignments and published versions anew.
    ///
    /// # Errors
    /// When the database fails; the directory stays as it was.
    pub async fn refresh(&self) -> Result<()> {
        self.refresh_where(|_| true).await
    }

    /// As [`Store::refresh`], where the directory is found to be older than something that was read; it may have been read anew
    /// meanwhile.
    pub(crate) async fn refresh_where(&self, is_older: impl Fn(&Directory) -> bool) -> Result<()> {
        // One after the other: what was read earlier never takes the place of what was read later.
        let _one = self.0.refreshing.lock().await;
        if !is_older(&self.directory()) {
            return Ok(());
        }
        let fresh = Arc::new(Directory::read(&self.0.uncounted, self.now()).await?);
        *self.0.directory.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Refreshes the directory every second until it is dropped.
    pub async fn keep_fresh(self) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = self.refresh().await {
                tracing::warn!(error = %error.kind(), "assignments and published versions could not be refreshed; the last ones stay");
            }
        }
    }

    /// How many SQL statements were sent on behalf of requests and jobs since the start.
    pub fn statements(&self) -> u64 {
        self.0.statements.load(Ordering::Relaxed)
    }

    /// Hints of what was committed, here or in another process.
    pub fn hints(&self) -> broadcast::Receiver<Hint> {
        self.0.hints.subscribe()
    }

    /// Hints of what this process alone committed: what the bus passes on to others.
    pub fn committed(&self) -> broadcast::Receiver<Hint> {
        self.0.committed.subscribe()
    }

    /// Tells whoever waits, here and over the bus. Nobody waiting is not an error.
    pub fn hint(&self, hint: Hint) {
        let _ = self.0.committed.send(hint);
        self.hint_here(hint);
    }

    /// Tells whoever waits in this process of what another one committed.
    pub fn hint_here(&self, hint: Hint) {
        let _ = self.0.hints.send(hint);
    }

    /// Begins a transaction that writes. On SQLite it takes the write lock at once, since one that reads first and writes
    /// later fails when somebody else wrote in between.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin_write(&self) -> Result<DatabaseTransaction> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.0.connection.begin_with_options(options).await?)
    }

    /// Takes the rows that are read, without those that another worker holds, so that several share what is due. SQLite has
    /// one writer, which holds everything.
    pub(crate) fn skip_locked<E: EntityTrait>(&self, select: Select<E>) -> Select<E> {
        match self.backend() {
            DatabaseBackend::Postgres => select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked),
            _ => select,
        }
    }

    /// The database's clock, some time from now, as instants are stored: leases are taken on it, since the clocks of those who
    /// take them may differ.
    pub(crate) fn database_now(&self, plus: Duration) -> SimpleExpr {
        let seconds = plus.as_secs_f64();
        Expr::cust(match self.backend() {
            DatabaseBackend::Postgres => format!("now() + interval '{seconds:.3} seconds'"),
            _ => format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+{seconds:.3} seconds')"),
        })
    }

    /// Begins a unit of work on behalf of a viewer.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn act(&self, viewer: &Viewer) -> Result<Act> {
        Ok(Act::new(self.clone(), viewer.clone(), self.begin_write().await?))
    }
}

impl Error {
    /// What failed, in a few words without any content: safe for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Database(sea_orm::DbErr::ConnectionAcquire(_) | sea_orm::DbErr::Conn(_)) => "the database is away",
            Self::Database(_) => "the database failed",
            Self::Seal(_) => "a sealed value cannot be opened",
            Self::File(_) => "a file cannot be read or written",
            Self::Corrupt(_) => "what is stored cannot be read",
        }
    }
}
