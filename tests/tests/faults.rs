//! What breaks in the middle: nothing is lost, nothing happens twice, and nobody else waits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    action, clock::Clock, delivery, delivery::DeliveryStatus, dispatch, enrollment, evaluation, firing, flag, form,
    form_version, reminder, response, rule_state, store::Store, viewer::Viewer,
};
use rules::{answer::Answer, facts::Status};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseBackend, EntityTrait, PaginatorTrait, QueryFilter, Statement, sea_query::Expr,
};
use serde_json::{Value, json};
use tests::{both_databases, care, database::Kind, world::World};

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// Runs a future until it has waited so many times, then drops it, as a process that dies there would.
struct DiesAfter<F> {
    future: F,
    waits: usize,
}

impl<F: Future + Unpin> Future for DiesAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match Pin::new(&mut self.future).poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.waits == 0 => Poll::Ready(None),
            Poll::Pending => {
                self.waits -= 1;
                Poll::Pending
            }
        }
    }
}

async fn a_worker_that_dies_anywhere_leaves_all_or_nothing(kind: Kind) {
    let world = World::new(kind, morning()).await;
    for n in 0..3 {
        world.enroll(n).await;
    }
    let connection = world.store.connection();
    // All three in one statement: what died while it committed may come to light at any moment.
    let counted = async || {
        let sql =
            "select (select count(*) from firing), (select count(*) from dispatch), (select count(*) from reminder)";
        let row = connection
            .query_one_raw(Statement::from_string(world.store.backend(), sql))
            .await;
        let row = row.unwrap().unwrap();
        let count = |place| row.try_get_by_index::<i64>(place).unwrap();
        (count(0), count(1), count(2))
    };
    // Once for certain: somebody holds what it needs in the middle of its work, and it dies waiting.
    let holder = world.store.begin_write().await.unwrap();
    if world.store.backend() == DatabaseBackend::Postgres {
        holder
            .execute_unprepared("lock table firing in exclusive mode")
            .await
            .unwrap();
    }
    let stuck = tokio::time::timeout(Duration::from_millis(300), action::evaluation::run(&world.store, 100)).await;
    assert!(stuck.is_err(), "it has somewhere to die: {stuck:?}");
    holder.rollback().await.unwrap();
    assert_eq!(counted().await, (0, 0, 0));

    // Then wherever it waits, the first time, the second …
    let mut deaths = 0;
    let until_done = async {
        loop {
            let dying = DiesAfter {
                future: pin!(action::evaluation::run(&world.store, 100)),
                waits: deaths,
            };
            let finished = dying.await;
            let found = counted().await;
            // The first measure with its two reminders for each of the three, or nothing.
            assert!(
                found == (0, 0, 0) || found == (3, 3, 6),
                "{found:?} after {deaths} deaths"
            );
            if found.0 > 0 {
                break;
            }
            match finished {
                None => deaths += 1,
                // What the last one held is skipped until the database has noticed its death.
                Some(Ok(0)) => tokio::time::sleep(Duration::from_millis(5)).await,
                Some(done) => panic!("{done:?} without a trace"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), until_done)
        .await
        .expect("it comes to an end");
    // How often it waits, and so dies, depends on how soon the database answers.
    println!("died {deaths} times");
    world.work().await;
    assert_eq!(firing::Entity::find().count(connection).await.unwrap(), 3);
}

async fn a_poisoned_enrollment_is_set_aside_and_the_others_go_on(kind: Kind) {
    let world = World::new(kind, morning()).await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(world.enroll(n).await);
    }
    let poisoned = ids[3];
    let in_zone = async |zone: &str| {
        enrollment::Entity::update_many()
            .col_expr(enrollment::Column::Zone, Expr::value(zone))
            .filter(enrollment::Column::Id.eq(poisoned))
            .exec(world.store.connection())
            .await
            .unwrap();
    };
    in_zone("Europe/Atlantis").await;
    world.work().await;

    let sent_to = async || {
        let rows = dispatch::Entity::find().all(world.store.connection()).await.unwrap();
        let mut ids: Vec<_> = rows.into_iter().map(|row| row.enrollment_id).collect();
        ids.sort();
        ids
    };
    let mut healthy = ids.clone();
    healthy.retain(|id| *id != poisoned);
    healthy.sort();
    assert_eq!(sent_to().await, healthy);
    assert_eq!(
        action::evaluation::set_aside_count(&world.store).await.unwrap(),
        (1, Some(morning()))
    );
    let row = async || {
        evaluation::Entity::find_by_id(poisoned)
            .one(world.store.connection())
            .await
            .unwrap()
            .unwrap()
    };
    assert_eq!(
        (row().await.failures, row().await.due_at),
        (1, Some(morning() + TimeDelta::minutes(1)))
    );

    // It is tried again, later and later.
    world.advance(TimeDelta::minutes(1)).await;
    assert_eq!(
        (row().await.failures, row().await.due_at),
        (2, Some(morning() + TimeDelta::minutes(3)))
    );

    in_zone("Europe/Stockholm").await;
    world.advance(TimeDelta::minutes(2)).await;
    ids.sort();
    assert_eq!(sent_to().await, ids);
    assert_eq!(row().await.failures, 0);
    assert_eq!(
        action::evaluation::set_aside_count(&world.store).await.unwrap(),
        (0, None)
    );
}

async fn who_lost_the_lease_of_a_delivery_has_no_say(kind: Kind) {
    let world = World::new(kind, morning()).await;
    world.enroll(1).await;
    world.work().await;
    // The first reminder leaves a day after the form; until then there is nothing to deliver.
    world.clock.set(morning() + TimeDelta::days(1));
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    assert_eq!(action::reminder::leave(&mut act, 100).await.unwrap(), 1);
    act.commit().await.unwrap();

    let lease = Duration::from_millis(1);
    let slow = delivery::claim(&world.store, "slow", 8, lease).await.unwrap();
    assert!(!slow.is_empty());
    // The lease counts on the database's own clock, which no test can move.
    tokio::time::sleep(lease * 50).await;
    let quick = delivery::claim(&world.store, "quick", 8, Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(quick.len(), slow.len(), "what nobody finished is taken over");
    assert!(
        delivery::claim(&world.store, "third", 8, lease)
            .await
            .unwrap()
            .is_empty(),
        "a lease that holds is respected"
    );
    for (slow, quick) in slow.iter().zip(&quick) {
        assert_eq!(
            slow.row.message_id, quick.row.message_id,
            "the receiver can tell that it is the same message"
        );
        let failed = delivery::Outcome::Failed {
            reason: "BROKEN: too late".to_owned(),
        };
        assert!(
            !delivery::finish(&world.store, slow, &failed).await.unwrap(),
            "the slow one is not heard"
        );
        assert!(
            delivery::finish(&world.store, quick, &delivery::Outcome::Sent)
                .await
                .unwrap()
        );
    }
    let rows = delivery::Entity::find().all(world.store.connection()).await.unwrap();
    assert!(rows.iter().all(|row| row.status.0 == DeliveryStatus::Sent), "{rows:?}");
}

async fn a_worker_that_is_told_twice_does_it_once(kind: Kind) {
    let world = World::new(kind, morning()).await;
    let id = world.enroll(1).await;
    world.advance(TimeDelta::days(8)).await;
    let counts = async || {
        let connection = world.store.connection();
        [
            firing::Entity::find().count(connection).await.unwrap(),
            dispatch::Entity::find().count(connection).await.unwrap(),
            flag::Entity::find().count(connection).await.unwrap(),
            reminder::Entity::find().count(connection).await.unwrap(),
            delivery::Entity::find().count(connection).await.unwrap(),
        ]
    };
    let before = counts().await;
    // As after a restore, or a hint that came twice: everything is looked at again from the same state.
    evaluation::Entity::update_many()
        .col_expr(evaluation::Column::DueAt, Expr::value(world.clock.now()))
        .filter(evaluation::Column::EnrollmentId.eq(id))
        .exec(world.store.connection())
        .await
        .unwrap();
    world.work().await;
    assert_eq!(counts().await, before);
    // And from the first state: what fired once does not fire again.
    rule_state::Entity::delete_many()
        .exec(world.store.connection())
        .await
        .unwrap();
    evaluation::Entity::update_many()
        .col_expr(evaluation::Column::DueAt, Expr::value(world.clock.now()))
        .col_expr(
            evaluation::Column::EvaluatedUntil,
            Expr::value(morning() - TimeDelta::microseconds(1)),
        )
        .filter(evaluation::Column::EnrollmentId.eq(id))
        .exec(world.store.connection())
        .await
        .unwrap();
    world.work().await;
    assert_eq!(counts().await, before);
}

/// An enrollment that cannot be started, since the content of its program cannot be read, keeps no other from starting.
async fn a_program_that_cannot_be_read_keeps_no_other_from_starting(kind: Kind) {
    let world = World::new(kind, morning()).await;
    let text = json!({ "sv": "Ett program" });
    let step = json!({ "key": "read", "title": text, "blocks": [{ "text": text }] });
    let section = json!({ "key": "about", "title": text, "steps": [step] });
    let module = json!({ "key": "welcome", "title": text, "opens": "START", "sections": [section] });
    let other = json!({ "slug": "other", "kind": "SUPPORT", "version": "1.0", "title": text, "summary": text,
        "forms": ["other-measure"], "modules": [module] });
    care::import(&world.store, other, &[care::measure("other-measure", 6)]).await;
    let begin = morning() + TimeDelta::hours(1);
    let mut ids = Vec::new();
    for n in 0..7 {
        let program = if n == 3 { "other" } else { care::PROGRAM };
        let (unit, therapist) = (world.care.unit, world.care.therapist);
        ids.push(care::enroll_in(&world.store, program, unit, therapist, n, Some(begin)).await);
    }
    let forms = form::Entity::find().filter(form::Column::Key.eq("other-measure"));
    let form = forms.one(world.store.connection()).await.unwrap().unwrap();
    let versions = || form_version::Entity::find().filter(form_version::Column::FormId.eq(form.id));
    let readable = versions()
        .one(world.store.connection())
        .await
        .unwrap()
        .unwrap()
        .definition;
    let say = async |definition: Value| {
        form_version::Entity::update_many()
            .col_expr(form_version::Column::Definition, Expr::value(definition))
            .filter(form_version::Column::FormId.eq(form.id))
            .exec(world.store.connection())
            .await
            .unwrap();
    };
    say(json!({ "key": 1 })).await;

    // Another process, which has not read it yet.
    let (_store, worker) = world.another_worker(3).await;
    world.clock.set(begin);
    worker.run_until_idle().await.unwrap();
    let statuses = async || {
        let mut found = Vec::new();
        for id in &ids {
            let row = enrollment::Entity::find_by_id(*id).one(world.store.connection()).await;
            let row = row.unwrap().unwrap();
            found.push((row.status.0, row.started_at));
        }
        found
    };
    let active = (Status::Active, Some(begin));
    let mut expected = vec![active; 7];
    expected[3] = (Status::Planned, None);
    assert_eq!(statuses().await, expected);

    // It is tried again, and has then begun when it was meant to.
    say(readable).await;
    world.clock.set(begin + TimeDelta::minutes(10));
    worker.run_until_idle().await.unwrap();
    assert_eq!(statuses().await, [active; 7]);
}

/// A machine whose clock is an hour behind writes what rules count from: it comes after what was judged already, so that
/// nothing that counts from it is over before it begins.
async fn what_a_machine_whose_clock_is_behind_writes_is_not_over_already(kind: Kind) {
    let world = World::without_program(kind, morning()).await;
    care::import_content(&world.store).await;
    let rule = json!({
        "trigger": { "schedule": { "anchor": { "formCompleted": { "form": "weekly-measure" } },
            "slots": [{ "key": "later", "offset": "PT30M" }] } },
        "actions": [{ "raiseFlag": { "kind": "later", "severity": "INFO", "title": "Later", "audience": "STAFF" } }],
    });
    care::save_rule(&world.store, "later", rule).await;
    let enrollment_id = world.enroll(1).await;
    let form = care::dispatch(&world.store, enrollment_id, "weekly-measure").await;
    world.advance(TimeDelta::hours(2)).await;
    // Something happens, so that everything up to now is judged.
    care::dispatch(&world.store, enrollment_id, "worry-measure").await;
    world.work().await;
    let now = world.clock.now();
    let judged = evaluation::Entity::find_by_id(enrollment_id)
        .one(world.store.connection())
        .await;
    let judged = judged.unwrap().unwrap().evaluated_until;
    assert!(judged >= now);

    let clock = Clock::manual(now - TimeDelta::hours(1));
    let connection = world.database.connect(2).await;
    let behind = Store::new(connection, clock, world.config.keyring().unwrap())
        .await
        .unwrap();
    let mut act = behind.act(&Viewer::system()).await.unwrap();
    let answers = (1..=9).map(|n| (format!("q{n}"), Answer::Text("no".to_owned())));
    let response = action::response::submit(&mut act, form, &answers.collect())
        .await
        .unwrap();
    act.commit().await.unwrap();
    let row = response::Entity::find_by_id(response)
        .one(world.store.connection())
        .await;
    assert!(row.unwrap().unwrap().submitted_at > judged);

    world.work().await;
    let flags = async || flag::Entity::find().count(world.store.connection()).await.unwrap();
    assert_eq!(flags().await, 0, "in half an hour");
    world.advance(TimeDelta::minutes(31)).await;
    assert_eq!(flags().await, 1);
}

both_databases!(
    a_program_that_cannot_be_read_keeps_no_other_from_starting,
    what_a_machine_whose_clock_is_behind_writes_is_not_over_already,
    a_worker_that_dies_anywhere_leaves_all_or_nothing,
    a_poisoned_enrollment_is_set_aside_and_the_others_go_on,
    who_lost_the_lease_of_a_delivery_has_no_say,
    a_worker_that_is_told_twice_does_it_once,
);
