//! Many workers over the same due enrollments: every effect exactly once, whoever dies.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{clock::Clock, store::Store};
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use serde_json::json;
use tests::{
    care,
    database::{self, Kind},
    process::{self, Process},
    world::{self, World, persist},
};

/// How many enrollments are due at once.
const CROWD: i64 = 5_000;

/// A world on PostgreSQL where everybody has just been enrolled and nothing has been done about it.
async fn crowd(now: DateTime<Utc>) -> World {
    let world = World::without_program(Kind::Postgres, now).await;
    care::import_content(&world.store).await;
    let actions = json!([
        { "dispatchForm": { "form": "weekly-measure", "expiresAfter": "P3D", "remindAfter": ["P1D"] } },
        { "raiseFlag": { "kind": "new", "severity": "INFO", "title": "New", "audience": "STAFF" } },
    ]);
    let started = json!({ "trigger": { "event": { "enrollmentStarted": {} } }, "actions": actions });
    care::save_rule(&world.store, "started", started).await;
    // Fired by the flag of the other rule: the workers also race for what they caused one another.
    let actions = json!([{ "dispatchForm": { "form": "worry-measure", "expiresAfter": "P3D" } }]);
    let flagged = json!({ "trigger": { "event": { "flagRaised": { "kind": "new" } } }, "actions": actions });
    care::save_rule(&world.store, "flagged", flagged).await;

    let first = world.enroll(0).await;
    let connection = world.store.connection();
    for statement in [
        // Tables whose rows are copied for each of the others, with what differs.
        format!(
            "create table copies as select gen_random_uuid() as citizen, gen_random_uuid() as enrollment from generate_series(2, {CROWD})"
        ),
        copy(
            "citizen",
            "'id', copy.citizen, 'subject', null, 'identity_hash', '\\x' || replace(copy.citizen::text, '-', '')",
        ),
        copy("enrollment", "'id', copy.enrollment, 'citizen_id', copy.citizen"),
        copy("enrollment_status", "'enrollment_id', copy.enrollment"),
        copy("enrollment_therapist", "'enrollment_id', copy.enrollment"),
        copy(
            "event",
            "'id', gen_random_uuid(), 'enrollment_id', copy.enrollment, 'citizen_id', copy.citizen",
        ),
        copy("evaluation", "'enrollment_id', copy.enrollment"),
        "drop table copies".to_owned(),
    ] {
        connection.execute_unprepared(&statement).await.unwrap();
    }
    assert_eq!(
        count(&world.store, "evaluation where due_at is not null").await,
        CROWD,
        "of {first}"
    );
    world
}

fn copy(table: &str, differs: &str) -> String {
    format!(
        "insert into {table} select (jsonb_populate_record(null::{table}, to_jsonb(first) || jsonb_build_object({differs}))).* \
         from {table} first, copies copy"
    )
}

async fn count(store: &Store, from: &str) -> i64 {
    let statement = Statement::from_string(DatabaseBackend::Postgres, format!("select count(*) from {from}"));
    store
        .connection()
        .query_one_raw(statement)
        .await
        .unwrap()
        .unwrap()
        .try_get_by_index(0)
        .unwrap()
}

/// Every effect is there for everybody, and no effect twice for anybody.
async fn assert_exactly_once(world: &World) {
    let store = &world.store;
    for (effect, from) in [
        ("firings of started", "firing where rule_key = 'started'"),
        ("firings of flagged", "firing where rule_key = 'flagged'"),
        ("weekly measures", "dispatch where form_key = 'weekly-measure'"),
        ("worry measures", "dispatch where form_key = 'worry-measure'"),
        ("reminders", "reminder where template = 'form-waiting'"),
        ("flags", "flag where kind = 'new'"),
        (
            "causes of flags",
            "flag_cause cause join flag on flag.id = cause.flag_id",
        ),
    ] {
        let people = format!("(select distinct enrollment_id from {from}) people");
        assert_eq!(
            (count(store, from).await, count(store, &people).await),
            (CROWD, CROWD),
            "{effect}"
        );
    }
    assert_eq!(count(store, "dispatch").await, 2 * CROWD, "no other dispatch");
    let left = format!(
        "evaluation where due_at <= '{}' or failures > 0",
        store.now().to_rfc3339()
    );
    assert_eq!(count(store, &left).await, 0, "nothing is left or set aside");
}

/// Lets this many workers loose; the last of them dies in the middle where `deadly`.
async fn race(workers: usize, deadly: bool) {
    let began = Instant::now();
    let world = crowd("2027-03-01T09:00:00Z".parse().unwrap()).await;
    println!("{CROWD} enrollments are due after {:?}", began.elapsed());
    let began = Instant::now();
    let mut running = Vec::new();
    for _ in 0..workers {
        let (_, worker) = world.another_worker(3).await;
        running.push(tokio::spawn(async move { persist(&worker).await }));
    }
    if deadly {
        let victim = running.pop().unwrap();
        while count(&world.store, "firing").await < CROWD / 5 {
            assert!(!victim.is_finished(), "it dies at work");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!victim.is_finished(), "it dies at work");
        victim.abort();
        assert!(victim.await.unwrap_err().is_cancelled());
    }
    for worker in running {
        worker.await.unwrap();
    }
    println!("{workers} workers took {:?}", began.elapsed());
    // Whatever the dead one held is free again.
    world.work().await;
    assert_exactly_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers() {
    if database::postgres().is_some() {
        race(2, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_workers_and_one_dies() {
    if database::postgres().is_some() {
        race(10, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_and_one_is_killed() {
    if database::postgres().is_none() {
        return;
    }
    let Some(binary) = process::binary("handrail-worker") else {
        return;
    };
    // The processes read the machine's clock: for them everything has been due for a while.
    let world = crowd(Clock::System.now() - TimeDelta::minutes(5)).await;
    let folder = world.database.folder.path();
    let key = world::key();
    let environment = [
        ("HANDRAIL_DATABASE__URL", world.database.url.as_str()),
        ("HANDRAIL_DATABASE__CONNECTIONS", "4"),
        ("HANDRAIL_KEYS__CURRENT", "test"),
        ("HANDRAIL_KEYS__VALUES__test", key.as_str()),
    ];
    let start = |name: &str| Process::start(name, &mut process::command(&binary, folder, &environment));
    let began = Instant::now();
    // The victim begins alone, so that it is known to work when it dies.
    let mut victim = start("the victim");
    while count(&world.store, "firing").await == 0 {
        assert!(victim.runs(), "{}", victim.output());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut first = start("the first worker");
    while count(&world.store, "firing").await < CROWD / 5 {
        assert!(first.runs() && victim.runs(), "{}\n{}", first.output(), victim.output());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    victim.kill().await;
    let mut third = start("its successor");
    // What they do makes more due: the clock goes on.
    let due = async || {
        world.clock.set(Clock::System.now());
        count(
            &world.store,
            &format!("evaluation where due_at <= '{}'", world.clock.now().to_rfc3339()),
        )
        .await
    };
    while due().await > 0 {
        assert!(first.runs() && third.runs(), "{}\n{}", first.output(), third.output());
        assert!(began.elapsed() < Duration::from_secs(300), "it does not come to an end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("two processes and a killed one took {:?}", began.elapsed());
    for mut process in [first, third] {
        process.terminate().await;
        let status = process.ended().await;
        assert!(status.success(), "{status}\n{}", process.output());
    }
    assert_exactly_once(&world).await;
}
