//! The frozen history of the database schema, for PostgreSQL and SQLite.
//!
//! A migration that has been released is never edited. Migrations know nothing of the `entity` crate: the code moves on,
//! they do not.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{
    MigrationTrait,
    sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, Statement, TransactionTrait},
};

mod dialect;
mod m20261123_000001_spine;
mod m20261123_000002_rules;
mod m20261123_000003_participation;
mod m20261123_000004_openings;

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_spine::Migration),
            Box::new(m20261123_000002_rules::Migration),
            Box::new(m20261123_000003_participation::Migration),
            Box::new(m20261123_000004_openings::Migration),
        ]
    }
}

/// The key of the PostgreSQL advisory lock that keeps two migrators apart: "handrail" in ASCII.
const LOCK: i64 = 0x6861_6e64_7261_696c;

/// Brings the schema up to date; does nothing where it is. Any number of processes may call this at once.
///
/// # Errors
/// Whatever the database answers.
pub async fn migrate(connection: &DatabaseConnection) -> Result<(), DbErr> {
    if connection.get_database_backend() != DatabaseBackend::Postgres {
        // Each migration is one transaction, and a file has one writer: whoever comes second fails, and finds it done.
        let outcome = Migrator::up(connection, None).await;
        return if outcome.is_err() && pending(connection).await? == 0 {
            Ok(())
        } else {
            outcome
        };
    }
    // The lock belongs to this transaction, so it ends with it whatever happens; the migrations run on their own connection.
    let guard = connection.begin().await?;
    let lock = Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        "select pg_advisory_xact_lock($1)",
        [LOCK.into()],
    );
    guard.execute_raw(lock).await?;
    Migrator::up(connection, None).await?;
    guard.commit().await
}

/// How many migrations the database still lacks.
///
/// # Errors
/// Whatever the database answers.
pub async fn pending(connection: &DatabaseConnection) -> Result<usize, DbErr> {
    Ok(Migrator::get_pending_migrations(connection).await?.len())
}
