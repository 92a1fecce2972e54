//! A database of its own for each test: a copy of one that was migrated once.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use entity::store;
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, Statement};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Sqlite,
    /// The server that `HANDRAIL_TEST_POSTGRES` names.
    Postgres,
}

/// A database that is gone when this is dropped.
#[derive(Debug)]
pub struct Database {
    /// Its address as in the configuration.
    pub url: String,
    /// Which one it is.
    pub kind: Kind,
    /// A folder for the test's files.
    pub folder: TempDir,
    server: Option<(String, String)>,
}

/// The lock of PostgreSQL that keeps two processes from making the template at once: "template" in ASCII.
const LOCK: i64 = 0x7465_6d70_6c61_7465;
const PATIENCE: Duration = Duration::from_secs(30);
/// The name of an SQLite file in its folder.
const FILE: &str = "handrail.db";

/// The PostgreSQL server of the tests, where there is one; says what is left out where not.
pub fn postgres() -> Option<String> {
    let url = std::env::var("HANDRAIL_TEST_POSTGRES")
        .ok()
        .filter(|url| !url.is_empty());
    if url.is_none() {
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        crate::left_out(&format!(
            "{name}, since HANDRAIL_TEST_POSTGRES is not set (see ./tests/run)"
        ));
    }
    url
}

impl Database {
    /// A new one, migrated and empty.
    ///
    /// # Panics
    /// When it cannot be made, or is PostgreSQL and `HANDRAIL_TEST_POSTGRES` is not set.
    pub async fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => {
                let made = Self::file();
                let file = made.folder.path().join(FILE);
                std::fs::write(&file, &sqlite_template().await.0).unwrap();
                made
            }
            Kind::Postgres => {
                let server = server();
                let template = postgres_template(&server).await;
                Self::at(server, &format!(" template {template}")).await
            }
        }
    }

    /// A new one without tables.
    ///
    /// # Panics
    /// As [`Database::new`].
    pub async fn bare(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::file(),
            Kind::Postgres => Self::at(server(), "").await,
        }
    }

    fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            url: format!("sqlite:{}", folder.path().join(FILE).display()),
            kind: Kind::Sqlite,
            folder,
            server: None,
        }
    }

    async fn at(server: String, how: &str) -> Self {
        let name = format!("handrail_test_{}", Uuid::new_v4().simple());
        run(&server, &format!("create database {name}{how}")).await;
        Self {
            url: of_server(&server, &name),
            kind: Kind::Postgres,
            folder: tempfile::tempdir().unwrap(),
            server: Some((server, name)),
        }
    }

    /// Shuts a database of PostgreSQL: every connection ends, and nobody gets a new one.
    ///
    /// # Panics
    /// When it is a file.
    pub async fn shut(&self) {
        let (server, name) = self.server.as_ref().expect("a database of PostgreSQL");
        run(server, &format!("alter database {name} with allow_connections false")).await;
        run(
            server,
            &format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"),
        )
        .await;
    }

    /// Opens it again.
    ///
    /// # Panics
    /// When it is a file.
    pub async fn open(&self) {
        let (server, name) = self.server.as_ref().expect("a database of PostgreSQL");
        run(server, &format!("alter database {name} with allow_connections true")).await;
    }

    /// Opens a pool.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn connect(&self, connections: u32) -> DatabaseConnection {
        store::connect(&self.url, connections, PATIENCE).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some((server, name)) = self.server.take() else {
            return;
        };
        // Nothing can be awaited here, and the runtime may be ending.
        let drop = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(run(&server, &format!("drop database if exists {name} with (force)")));
        });
        let _ = drop.join();
    }
}

/// The server on which databases are made.
fn server() -> String {
    std::env::var("HANDRAIL_TEST_POSTGRES").expect("HANDRAIL_TEST_POSTGRES names a server")
}

/// The address of another database of the same server.
fn of_server(server: &str, name: &str) -> String {
    let (base, _) = server
        .rsplit_once('/')
        .expect("HANDRAIL_TEST_POSTGRES ends with the name of a database");
    format!("{base}/{name}")
}

async fn run(server: &str, sql: &str) {
    let connection = store::connect(server, 1, PATIENCE).await.unwrap();
    connection.execute_unprepared(sql).await.unwrap();
    connection.close().await.unwrap();
}

/// A migrated file, and a fingerprint of its tables.
async fn sqlite_template() -> &'static (Vec<u8>, u64) {
    static TEMPLATE: OnceCell<(Vec<u8>, u64)> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(async || {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("template.db");
            let connection = store::connect(&format!("sqlite:{}", file.display()), 1, PATIENCE)
                .await
                .unwrap();
            migration::migrate(&connection).await.unwrap();
            let tables = Statement::from_string(DatabaseBackend::Sqlite, "select group_concat(sql) from sqlite_master");
            let row = connection.query_one_raw(tables).await.unwrap().unwrap();
            let mut fingerprint = DefaultHasher::new();
            row.try_get_by_index::<String>(0).unwrap().hash(&mut fingerprint);
            connection.close().await.unwrap();
            (std::fs::read(file).unwrap(), fingerprint.finish())
        })
        .await
}

/// The name of the template, made once per process and by one process at a time. It is named after its tables, so that one
/// that stayed from older code is not used.
async fn postgres_template(server: &str) -> &'static str {
    static MADE: OnceCell<String> = OnceCell::const_new();
    MADE.get_or_init(async || {
        let (_, fingerprint) = sqlite_template().await;
        let name = format!("handrail_template_{fingerprint:016x}");
        // One connection, so that the lock is taken and released by the same.
        let guard = store::connect(server, 1, PATIENCE).await.unwrap();
        guard
            .execute_unprepared(&format!("select pg_advisory_lock({LOCK})"))
            .await
            .unwrap();
        let created = guard.execute_unprepared(&format!("create database {name}")).await;
        if let Err(error) = created {
            assert!(error.to_string().contains("already exists"), "{error}");
        }
        let template = store::connect(&of_server(server, &name), 2, PATIENCE).await.unwrap();
        migration::migrate(&template).await.unwrap();
        template.close().await.unwrap();
        guard
            .execute_unprepared(&format!("select pg_advisory_unlock({LOCK})"))
            .await
            .unwrap();
        guard.close().await.unwrap();
        name
    })
    .await
}

/// Makes of `async fn NAME(kind: Kind)` one test on each database.
#[macro_export]
macro_rules! both_databases {
    ($($(#[$attribute:meta])* $name:ident),+ $(,)?) => {
        mod sqlite {
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::database::Kind::Sqlite).await;
            })+
        }
        mod postgres {
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if $crate::database::postgres().is_some() {
                    super::$name($crate::database::Kind::Postgres).await;
                }
            })+
        }
    };
}
