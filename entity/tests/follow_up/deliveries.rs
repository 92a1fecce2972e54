//! Claiming deliveries and writing down how they went.

use std::time::Duration;

use entity::{
    action::reminder::Plan,
    delivery::{Claimed, DeliveryStatus, MAX_ATTEMPTS, Outcome, claim, finish},
};
use rules::facts::{Channel, Status};

use super::world::{Person, World, answers, at};

const LEASE: Duration = Duration::from_secs(600);

impl World {
    async fn claim(&self, worker: &str, lease: Duration) -> Vec<Claimed> {
        claim(&self.store, worker, 10, lease).await.unwrap()
    }

    async fn mail(&self, person: &Person) -> entity::delivery::Model {
        let rows = self.deliveries(person).await;
        rows.into_iter().find(|row| row.channel.0 == Channel::Email).unwrap()
    }
}

fn retry() -> Outcome {
    Outcome::Retry {
        reason: "The mail server is busy.".to_owned(),
    }
}

#[tokio::test]
async fn a_claimed_delivery_is_nobody_elses_until_its_lease_runs_out() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    world.plan(&world.staff, &[world.reminder(&person)]).await;
    let first = world.claim("one", LEASE).await;
    assert_eq!(first.len(), 1);
    assert_eq!(
        (first[0].address.as_str(), first[0].locale.as_str()),
        ("citizen0@home.example", "sv")
    );
    assert_eq!(first[0].template, "sign-in");
    assert!(world.claim("two", LEASE).await.is_empty());
    // However far the clock of the machine is moved: leases count on the database's.
    world.store.clock().advance(chrono::Duration::hours(5));
    assert!(world.claim("two", LEASE).await.is_empty());

    assert!(finish(&world.store, &first[0], &Outcome::GivenBack).await.unwrap());
    assert_eq!(world.mail(&person).await.attempts, 0);
    let stalled = world.claim("one", Duration::ZERO).await;
    tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let taken_over = world.claim("two", LEASE).await;
            if let Some(taken_over) = taken_over.first() {
                assert_eq!(taken_over.row.message_id, stalled[0].row.message_id);
                assert!(
                    !finish(&world.store, &stalled[0], &retry()).await.unwrap(),
                    "it is another's"
                );
                assert!(finish(&world.store, taken_over, &Outcome::Sent).await.unwrap());
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let row = world.mail(&person).await;
    assert_eq!(
        (row.status.0, row.attempts, row.due_at),
        (DeliveryStatus::Sent, 2, None)
    );
    assert!(world.claim("one", LEASE).await.is_empty());
}

#[tokio::test]
async fn what_fails_is_tried_again_later_and_given_up_at_last() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    world.plan(&world.staff, &[world.reminder(&person)]).await;
    for attempt in 1..=MAX_ATTEMPTS {
        let claimed = world.claim("one", LEASE).await;
        assert_eq!(claimed.len(), 1, "attempt {attempt}");
        assert!(finish(&world.store, &claimed[0], &retry()).await.unwrap());
        assert!(world.claim("one", LEASE).await.is_empty(), "it waits first");
        let waits = world.mail(&person).await.due_at.map(|due| due - world.store.now());
        assert_eq!(waits.is_some(), attempt < MAX_ATTEMPTS);
        world.store.clock().advance(waits.unwrap_or_default());
    }
    let row = world.mail(&person).await;
    assert_eq!(row.status.0, DeliveryStatus::Failed);
    assert_eq!(row.reason.as_deref(), Some("The mail server is busy."));
}

#[tokio::test]
async fn whether_it_still_applies_is_asked_again_at_the_last_moment() {
    let world = World::new().await;
    let (answering, pausing, refusing) = (world.enroll(0).await, world.enroll(1).await, world.enroll(2).await);
    let dispatch = world.send(&answering, None, &["PT11H"]).await;
    for person in [&pausing, &refusing] {
        world.send(person, None, &["PT11H"]).await;
    }
    // It is due at nine in the evening, when the quiet hours have begun.
    world.store.clock().set(at("2026-11-23T20:00:00Z"));
    world.work().await;
    assert!(world.claim("one", LEASE).await.is_empty());
    world
        .submit(&answering.viewer, dispatch, &answers("no", "no"))
        .await
        .unwrap();
    world.change_status(&pausing, Status::Paused).await;
    world.choose(&refusing, Channel::Email, false).await;
    world.store.clock().set(at("2026-11-24T06:00:00Z"));
    assert!(world.claim("one", LEASE).await.is_empty());
    for (person, reason) in [
        (&answering, "ANSWERED"),
        (&pausing, "NOT_ACTIVE"),
        (&refusing, "OPTED_OUT"),
    ] {
        let row = world.mail(person).await;
        assert_eq!(
            (row.status.0, row.reason.as_deref()),
            (DeliveryStatus::Skipped, Some(reason))
        );
    }
}

#[tokio::test]
async fn nobody_saying_whether_it_arrived_is_an_outcome_of_its_own() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    world.plan(&world.staff, &[world.reminder(&person)]).await;
    let claimed = world.claim("one", LEASE).await;
    let unknown = Outcome::Unknown {
        reason: "The connection broke.".to_owned(),
    };
    assert!(finish(&world.store, &claimed[0], &unknown).await.unwrap());
    assert_eq!(world.mail(&person).await.status.0, DeliveryStatus::Unknown);
    world.store.clock().advance(chrono::Duration::days(1));
    assert!(world.claim("one", LEASE).await.is_empty());
}

#[tokio::test]
async fn the_night_is_quiet_for_what_was_to_leave_before_it() {
    let world = World::new().await;
    let (usual, late_worker, retried) = (world.enroll(0).await, world.enroll(1).await, world.enroll(2).await);
    let urgent = Plan {
        bypass_quiet_hours: true,
        ..world.reminder(&usual)
    };
    world.store.clock().set(at("2026-11-23T19:55:00Z"));
    world
        .plan(&world.staff, &[world.reminder(&late_worker), world.reminder(&retried)])
        .await;
    let claimed = world.claim("one", LEASE).await;
    assert_eq!(claimed.len(), 2);
    let of = |person: &Person| {
        claimed
            .iter()
            .find(|one| one.row.citizen_id == Some(person.citizen))
            .unwrap()
    };
    assert!(
        finish(&world.store, of(&late_worker), &Outcome::GivenBack)
            .await
            .unwrap()
    );
    assert!(finish(&world.store, of(&retried), &retry()).await.unwrap());

    // Nobody worked until ten in the evening.
    world.store.clock().set(at("2026-11-23T21:00:00Z"));
    world.plan(&world.staff, &[urgent]).await;
    let claimed = world.claim("one", LEASE).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].row.citizen_id, Some(usual.citizen), "urgent");
    for person in [&late_worker, &retried] {
        let row = world.mail(person).await;
        let morning = at("2026-11-24T06:00:00Z");
        assert_eq!((row.status.0, row.due_at), (DeliveryStatus::Ready, Some(morning)));
    }
    world.store.clock().set(at("2026-11-24T06:00:00Z"));
    assert_eq!(world.claim("one", LEASE).await.len(), 2);
}
