//! The worker as a whole: woken by hints, untroubled by jobs that fail, stopping when asked.

use entity::dispatch::DispatchStatus;
use rules::facts::Channel;
use sea_orm::ConnectionTrait;

use super::*;
use crate::jobs::world::World;

/// Long enough for a slow machine; no test waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so.
async fn until(so: impl AsyncFn() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !so().await {
            sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("it never was");
}

/// Runs a worker until `work` is done; then it must stop.
async fn run_during(world: &World, work: impl Future<Output = ()>) {
    let stop = CancellationToken::new();
    let running = tokio::spawn(world.worker().run(stop.clone()));
    work.await;
    stop.cancel();
    timeout(PATIENCE, running)
        .await
        .expect("it does not stop")
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_wakes_it_at_once() {
    let mut world = World::new().await;
    // The heartbeat comes too late to help.
    world.config.worker.tick = Duration::from_secs(59);
    world.save_flagging_rule().await;
    let person = world.enroll(0).await;
    let form = world.send(&person, "P3D", &[]).await;
    world.work().await;
    run_during(&world, async {
        world.remind(&person, "come-back", &[Channel::Email]).await;
        until(async || world.mails().len() == 1).await;
        world.answer(&person, form, "all").await;
        until(async || !world.flags(&person).await.is_empty()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heartbeat_finds_what_nobody_hinted() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let form = world.send(&person, "P1D", &[]).await;
    world.work().await;
    run_during(&world, async {
        world.set("2026-11-24T09:00:00Z");
        until(async || world.dispatch(form).await.status.0 == DispatchStatus::Expired).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_stops_no_other() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    world.remind(&person, "come-back", &[Channel::Email]).await;
    world
        .store
        .connection()
        .execute_unprepared("drop table rollout")
        .await
        .unwrap();
    assert!(world.worker().run_until_idle().await.is_err());
    run_during(&world, until(async || world.mails().len() == 1)).await;
}

#[test]
fn waits_grow_and_end_somewhere() {
    assert!(wait(1) <= Duration::from_millis(200));
    assert!(wait(5) > wait(1));
    assert!(wait(1000) <= LONGEST_WAIT);
}
