//! What changes while a worker holds a delivery.

use std::time::Duration;

use entity::delivery::{self, DeliveryStatus};
use rules::facts::Status;
use sea_orm::{EntityTrait, QuerySelect, TransactionTrait, sea_query::LockType};
use tests::{both_databases, care, database::Kind, world::World};

use super::{at, monday, nudge, statuses};

/// What a worker has taken is looked at again right before it hands it over; what another takes over from a dead one, too. What
/// had left before stays sent.
async fn what_changes_while_a_worker_holds_it_stops_it(kind: Kind) {
    let world = World::without_program(kind, monday()).await;
    care::import_content(&world.store).await;
    care::save_rule(&world.store, "nudge", nudge()).await;
    for n in 1..=3 {
        world.enroll(n).await;
    }
    world.run_until(at("2027-03-01T22:00:00Z")).await;
    world.clock.set(at("2027-03-02T06:00:00Z"));

    // One leaves before anything changes.
    let first = delivery::claim(&world.store, "first", 1, Duration::from_secs(60))
        .await
        .unwrap();
    let first = delivery::confirm(&world.store, &first, Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(first.len(), 1, "nothing has changed");
    assert!(
        delivery::finish(&world.store, &first[0], &delivery::Outcome::Sent)
            .await
            .unwrap()
    );

    // One is held by a worker that stands still, and one by a worker that dies at once.
    let held = delivery::claim(&world.store, "still", 1, Duration::from_secs(60))
        .await
        .unwrap();
    let dead = delivery::claim(&world.store, "dead", 1, Duration::ZERO).await.unwrap();
    assert_eq!((held.len(), dead.len()), (1, 1));
    let all = entity::enrollment::Entity::find()
        .all(world.store.connection())
        .await
        .unwrap();
    for enrollment in all {
        care::change_status(&world.store, enrollment.id, Status::Paused, None).await;
    }
    assert!(
        delivery::confirm(&world.store, &held, Duration::from_secs(60))
            .await
            .unwrap()
            .is_empty()
    );
    tokio::time::timeout(Duration::from_secs(20), async {
        while statuses(&world)
            .await
            .iter()
            .any(|(status, _)| *status == DeliveryStatus::Sending)
        {
            world.work().await;
        }
    })
    .await
    .unwrap();
    let mut found = statuses(&world).await;
    found.sort();
    let paused = || (DeliveryStatus::Skipped, Some("PAUSED".to_owned()));
    assert_eq!(found, [(DeliveryStatus::Sent, None), paused(), paused()]);
    assert_eq!(world.mail(), [], "the test sent the one by hand");
    // Whose lease is over holds nothing.
    assert!(
        delivery::confirm(&world.store, &dead, Duration::from_secs(60))
            .await
            .unwrap()
            .is_empty()
    );
}

/// Somebody else looks at what a worker holds, right when it is to leave: it leaves, and does not wait for the end of its lease.
async fn what_somebody_looks_at_meanwhile_leaves_all_the_same(kind: Kind) {
    let world = World::without_program(kind, monday()).await;
    care::import_content(&world.store).await;
    care::save_rule(&world.store, "nudge", nudge()).await;
    world.enroll(1).await;
    world.run_until(at("2027-03-02T05:59:00Z")).await;
    world.clock.set(at("2027-03-02T06:00:00Z"));
    let held = delivery::claim(&world.store, "held", 1, Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(held.len(), 1);
    let (other, _) = world.another_worker(2).await;
    let looks = other.connection().begin().await.unwrap();
    delivery::Entity::find()
        .lock(LockType::Update)
        .all(&looks)
        .await
        .unwrap();
    let (confirmed, ()) = tokio::join!(delivery::confirm(&world.store, &held, Duration::from_secs(60)), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        looks.rollback().await.unwrap();
    });
    assert_eq!(confirmed.unwrap().len(), 1);
}

both_databases!(
    what_changes_while_a_worker_holds_it_stops_it,
    what_somebody_looks_at_meanwhile_leaves_all_the_same,
);
