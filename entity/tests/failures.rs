//! Which failures of the database pass by themselves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use std::{str::FromStr, time::Duration};

use common::{World, on_both};
use entity::error::Error;
use sea_orm::{
    ConnectionTrait, SqlxSqliteConnector,
    sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

on_both! {
    a_mistake_does_not_pass,
}

async fn a_mistake_does_not_pass(world: World) {
    let connection = world.store.connection();
    connection
        .execute_unprepared("create table connection (id integer primary key)")
        .await
        .unwrap();
    let insert = "insert into connection values (1)";
    connection.execute_unprepared(insert).await.unwrap();
    let twice = Error::from(connection.execute_unprepared(insert).await.unwrap_err());
    assert!(!twice.is_transient(), "{twice}");
}

#[tokio::test]
async fn on_postgres_the_state_decides_and_not_the_words() {
    let Some(world) = World::postgres().await else { return };
    let raised = async |state: &str| {
        let sql =
            format!("do $$ begin raise exception 'the connection was terminating' using errcode = '{state}'; end $$");
        Error::from(world.store.connection().execute_unprepared(&sql).await.unwrap_err())
    };
    for state in ["40001", "40P01", "08006", "53300", "57P03"] {
        assert!(raised(state).await.is_transient(), "{state}");
    }
    for state in ["P0001", "23505", "42601", "57014"] {
        assert!(!raised(state).await.is_transient(), "{state}");
    }
}

#[tokio::test]
async fn on_sqlite_a_busy_database_passes() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::from_str(&format!("sqlite:{}", folder.path().join("test.db").display()))
        .unwrap()
        .create_if_missing(true)
        .busy_timeout(Duration::ZERO);
    let connect = async || {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await;
        SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.unwrap())
    };
    let (one, two) = (connect().await, connect().await);
    one.execute_unprepared("create table thing (id integer primary key)")
        .await
        .unwrap();
    one.execute_unprepared("begin immediate").await.unwrap();
    let busy = Error::from(
        two.execute_unprepared("insert into thing values (1)")
            .await
            .unwrap_err(),
    );
    assert!(busy.is_transient(), "{busy}");
    one.execute_unprepared("commit").await.unwrap();
}
