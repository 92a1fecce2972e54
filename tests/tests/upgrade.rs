//! What migrations make of what an older Handrail left.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::opening;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, EntityTrait, Value,
    sea_query::{Alias, Query},
};
use tests::{
    both_databases,
    database::{Database, Kind},
};
use uuid::Uuid;

/// How many migrations there were before it was noted what has been told of openings.
const BEFORE_TOLD: u32 = 3;

fn at(hour: u32) -> DateTime<Utc> {
    format!("2027-03-01T{hour:02}:00:00Z").parse().unwrap()
}

/// Writes a row as an older Handrail did, whose tables the entities do not know.
async fn write<const N: usize>(connection: &DatabaseConnection, table: &str, row: [(&str, Value); N]) {
    let mut insert = Query::insert();
    let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    insert
        .into_table(Alias::new(table))
        .columns(columns.into_iter().map(Alias::new))
        .values_panic(values.into_iter().map(Into::into));
    connection.execute(&insert).await.unwrap();
}

async fn enrollment(connection: &DatabaseConnection, started: Option<u32>, ended: Option<u32>) -> Uuid {
    let (id, other) = (Uuid::new_v4(), Uuid::new_v4());
    let row = [
        ("id", id.into()),
        ("citizen_id", other.into()),
        ("unit_id", other.into()),
        ("program_id", other.into()),
        ("version_id", other.into()),
        ("status", "ACTIVE".into()),
        ("zone", "Europe/Stockholm".into()),
        ("locale", "sv".into()),
        ("starts_at", at(1).into()),
        ("started_at", started.map(at).into()),
        ("ended_at", ended.map(at).into()),
        ("unread_by_staff", 0.into()),
        ("unread_by_citizen", 0.into()),
        ("attention", "".into()),
        ("created_at", at(1).into()),
    ];
    write(connection, "enrollment", row).await;
    id
}

async fn event(connection: &DatabaseConnection, enrollment: Uuid, hour: u32) {
    let row = [
        ("at", at(hour).into()),
        ("id", Uuid::new_v4().into()),
        ("kind", "SIGNED_IN".into()),
        ("enrollment_id", enrollment.into()),
        ("unit_id", enrollment.into()),
        ("citizen_id", enrollment.into()),
        ("depth", 0.into()),
        ("actor", "SYSTEM".into()),
    ];
    write(connection, "event", row).await;
}

async fn what_opens_in_enrollments_that_run_is_told_from_then_on(kind: Kind) {
    let database = Database::bare(kind).await;
    let connection = database.connect(1).await;
    // What the rows belong to does not matter here.
    let unbound = match kind {
        Kind::Sqlite => "pragma foreign_keys = off",
        Kind::Postgres => "set session_replication_role = replica",
    };
    Migrator::up(&connection, Some(BEFORE_TOLD)).await.unwrap();
    connection.execute_unprepared(unbound).await.unwrap();

    let older = enrollment(&connection, Some(2), None).await;
    let (overdue, waiting, done) = (
        enrollment(&connection, Some(2), None).await,
        enrollment(&connection, Some(3), None).await,
        enrollment(&connection, Some(3), None).await,
    );
    for (id, due) in [(overdue, Some(at(4))), (waiting, Some(at(9))), (done, None)] {
        write(
            &connection,
            "opening",
            [("enrollment_id", id.into()), ("due_at", due.into())],
        )
        .await;
    }
    enrollment(&connection, None, None).await;
    enrollment(&connection, Some(2), Some(4)).await;
    event(&connection, older, 2).await;
    event(&connection, waiting, 5).await;
    let migrator = database.connect(2).await;
    migration::migrate(&migrator).await.unwrap();
    migrator.close().await.unwrap();

    let rows = opening::Entity::find().all(&connection).await.unwrap();
    let rows: HashMap<Uuid, _> = rows
        .into_iter()
        .map(|row| (row.enrollment_id, (row.told_before, row.due_at)))
        .collect();
    let expected = [
        (older, (at(5), Some(at(5)))),
        (overdue, (at(4), Some(at(4)))),
        (waiting, (at(9), Some(at(9)))),
        (done, (at(5), None)),
    ];
    assert_eq!(rows, HashMap::from(expected));
    connection.close().await.unwrap();
}

both_databases!(what_opens_in_enrollments_that_run_is_told_from_then_on);
