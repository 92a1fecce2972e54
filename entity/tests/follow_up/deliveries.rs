//! Claiming deliveries and writing down how they went.

use std::time::Duration;

use entity::{
    action::{self, reminder::Plan},
    applies::SkipReason,
    assignment,
    delivery::{Claimed, DeliveryStatus, MAX_ATTEMPTS, Outcome, RECORD_UNREADABLE, claim, confirm, finish},
    reminder,
    viewer::Viewer,
};
use rules::facts::{Audience, Channel, Status};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use super::world::{Person, World, answers, at};

const LEASE: Duration = Duration::from_secs(600);

impl World {
    async fn claim(&self, worker: &str, lease: Duration) -> Vec<Claimed> {
        claim(&self.store, worker, 10, lease).await.unwrap()
    }

    /// Leaves something in a reminder that nobody can read.
    async fn poison(&self, reminder: Uuid) {
        reminder::Entity::update_many()
            .col_expr(reminder::Column::Actor, Expr::value("nonsense"))
            .filter(reminder::Column::Id.eq(reminder))
            .exec(self.store.connection())
            .await
            .unwrap();
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
    assert_eq!(first[0].template, "come-back");
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
    for (person, reason) in [(&answering, "ANSWERED"), (&pausing, "PAUSED"), (&refusing, "OPTED_OUT")] {
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

#[tokio::test]
async fn staff_are_told_of_what_they_may_see_only() {
    let world = World::new().await;
    let (leaving, blocking, staying) = (world.enroll(0).await, world.enroll(1).await, world.enroll(2).await);
    let to_staff = |person: &Person| Plan {
        audience: Audience::Staff,
        ..world.reminder(person)
    };
    let plans = [&blocking, &staying].map(to_staff);
    world.plan(&Viewer::system(), &plans).await;
    let mut act = world.act(&blocking.viewer).await;
    action::access_block::set(&mut act, blocking.citizen, world.unit)
        .await
        .unwrap();
    act.commit().await.unwrap();
    let claimed = world.claim("one", LEASE).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].row.enrollment_id, staying.enrollment);
    assert_eq!(
        world.deliveries(&blocking).await[0].skip_reason(),
        Some(SkipReason::AccessBlocked)
    );
    assert!(finish(&world.store, &claimed[0], &Outcome::Sent).await.unwrap());

    // Whoever is named to treat and has left the unit is not told; where nobody else is left, nobody is.
    world.plan(&Viewer::system(), &[to_staff(&leaving)]).await;
    world.store.clock().advance(chrono::Duration::hours(1));
    assignment::Entity::update_many()
        .col_expr(assignment::Column::ValidUntil, Expr::value(world.store.now()))
        .filter(assignment::Column::StaffId.eq(world.staff.staff()))
        .exec(world.store.connection())
        .await
        .unwrap();
    assert!(world.claim("one", LEASE).await.is_empty());
    assert_eq!(
        world.deliveries(&leaving).await[0].skip_reason(),
        Some(SkipReason::NotAssigned)
    );
    world.plan(&Viewer::system(), &[to_staff(&staying)]).await;
    let reminders = world.reminders(&staying).await;
    let reasons: Vec<_> = reminders
        .iter()
        .map(|row| row.skip_reason.map(|reason| reason.0))
        .collect();
    assert_eq!(reasons, [None, Some(SkipReason::Nobody)]);
}

#[tokio::test]
async fn what_is_confirmed_is_held_as_long_as_what_is_claimed() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    world.plan(&world.staff, &[world.reminder(&person)]).await;
    let claimed = world.claim("one", LEASE).await;
    let before = world.mail(&person).await.leased_until.unwrap();
    assert_eq!(confirm(&world.store, &claimed, LEASE * 2).await.unwrap().len(), 1);
    let after = world.mail(&person).await.leased_until.unwrap();
    assert!(after >= before + chrono::Duration::seconds(600), "{before} {after}");
}

#[tokio::test]
async fn what_cannot_be_read_keeps_nothing_else_from_leaving() {
    let world = World::new().await;
    let people = [world.enroll(0).await, world.enroll(1).await, world.enroll(2).await];
    let later = world.store.now() + chrono::Duration::hours(1);
    let plans = people.each_ref().map(|person| Plan {
        remind_at: Some(later),
        ..world.reminder(person)
    });
    let ids = world.plan(&world.staff, &plans).await;
    let ids: Vec<Uuid> = ids.into_iter().map(Result::unwrap).collect();
    world.poison(ids[1]).await;
    world.store.clock().set(later);
    assert_eq!(action::reminder::run(&world.store, 10).await.unwrap(), 3);
    assert_eq!(action::reminder::run(&world.store, 10).await.unwrap(), 0);
    assert!(world.deliveries(&people[1]).await.is_empty());

    // Nor what cannot be read only when it is claimed, or confirmed.
    world.poison(ids[0]).await;
    let claimed = world.claim("one", LEASE).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].row.enrollment_id, people[2].enrollment);
    let given_up = |row: entity::delivery::Model| {
        assert_eq!(
            (row.status.0, row.reason.as_deref(), row.due_at),
            (DeliveryStatus::Failed, Some(RECORD_UNREADABLE), None)
        );
    };
    given_up(world.mail(&people[0]).await);
    world.poison(ids[2]).await;
    assert!(confirm(&world.store, &claimed, LEASE).await.unwrap().is_empty());
    given_up(world.mail(&people[2]).await);
}

#[tokio::test]
async fn what_is_asked_for_by_hand_or_may_not_wait_is_not_overtaken_at_night() {
    let world = World::new().await;
    let (by_hand, urgent) = (world.enroll(0).await, world.enroll(1).await);
    let (one_form, other_form) = (
        world.send(&by_hand, None, &[]).await,
        world.send(&urgent, None, &[]).await,
    );
    world.store.clock().set(at("2026-11-23T20:30:00Z"));
    let asked = Plan {
        dispatch_id: Some(one_form),
        cause: entity::act::Cause {
            actor: world.staff.actor(),
            depth: 0,
        },
        ..world.reminder(&by_hand)
    };
    let told = Plan {
        dispatch_id: Some(other_form),
        ..world.reminder(&urgent)
    };
    let at_once = Plan {
        bypass_quiet_hours: true,
        ..told.clone()
    };
    for plan in [asked.clone(), asked, at_once, told.clone(), told] {
        world.plan(&world.staff, &[plan]).await;
        world.store.clock().advance(chrono::Duration::minutes(1));
    }
    let mails = async |person: &Person| -> Vec<DeliveryStatus> {
        let rows = world.deliveries(person).await.into_iter();
        let mails = rows.filter(|row| row.channel.0 == Channel::Email);
        mails.map(|row| row.status.0).collect()
    };
    use DeliveryStatus::{Ready, Skipped};
    assert_eq!(mails(&by_hand).await, [Ready, Ready]);
    assert_eq!(mails(&urgent).await, [Ready, Skipped, Ready]);
}
