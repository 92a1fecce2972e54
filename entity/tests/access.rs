//! Everybody sees what is theirs to see.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use chrono::Duration;
use common::{ANNA, ERIK, World, apply, at, become_, change, on_both, one, refused};
use entity::{
    access_block,
    action::{
        self,
        assignment::{self, NewAssignment},
        content_override::{Change, Target},
        guardian::NewGuardian,
    },
    assignment::Role,
    citizen,
    enrollment::{self, Filter, Order},
    guardian, progress,
    viewer::{Viewer, Who},
};
use rules::facts::Status;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, SqlErr};
use uuid::Uuid;

on_both! {
    everybody_sees_what_is_theirs,
    a_block_hides_from_the_unit_and_nobody_else,
    staff_act_where_they_have_worked_longest_and_still_do,
    a_known_citizen_keeps_what_is_known,
    pages_go_on_where_they_stopped,
    reading_takes_the_same_statements_for_one_and_for_many,
}

async fn everybody_sees_what_is_theirs(world: World) {
    let (id, citizen) = world
        .start(&world.staff("ingrid"), &world.start_of(ANNA))
        .await
        .unwrap();
    let (_, other) = world
        .start(&world.staff("ingrid"), &world.start_of(ERIK))
        .await
        .unwrap();

    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let parent = NewGuardian {
        personal_identity_number: "8112289874".to_owned(),
        given_name: "Karin".to_owned(),
        family_name: "Lindvall".to_owned(),
        subject: Some("karin".to_owned()),
        ..NewGuardian::default()
    };
    let parent = action::guardian::register(&mut act, &parent).await.unwrap();
    action::guardian::entrust(&mut act, parent, citizen, Some(at("2026-12-01T00:00:00Z")))
        .await
        .unwrap();
    act.commit().await.unwrap();
    let guardian = |now| {
        let store = world.store.clone();
        async move {
            let (id, citizens) = guardian::by_subject(&store, "karin", now).await.unwrap().unwrap();
            Viewer::new(Who::Guardian { id, citizens }, "Test")
        }
    };

    let cases = [
        ("the citizen", world.citizen(citizen), true),
        ("another citizen", world.citizen(other), false),
        ("the therapist", world.staff("ingrid"), true),
        ("the administrator", world.staff("marianne"), true),
        ("staff of another unit", world.staff("elin"), false),
        ("the designer", world.staff("oskar"), false),
        ("the guardian", guardian(world.store.now()).await, true),
        (
            "the guardian when it is over",
            guardian(at("2026-12-01T00:00:00Z")).await,
            false,
        ),
    ];
    for (name, viewer, sees) in cases {
        let ids = [id];
        let found = enrollment::find(&world.store, &viewer, &ids).await.unwrap();
        assert_eq!(found.contains_key(&id), sees, "enrollment, {name}");
        assert_eq!(viewer.take_trail().contains(&citizen), sees, "trail, {name}");
        assert_eq!(
            citizen::find(&world.store, &viewer, &[citizen]).await.unwrap().len(),
            usize::from(sees),
            "citizen, {name}"
        );
        assert_eq!(
            progress::overlays(&world.store, &viewer, &ids).await.unwrap().len(),
            usize::from(sees),
            "overlay, {name}"
        );
        assert_eq!(
            enrollment::therapists(&world.store, &viewer, &ids).await.unwrap().len(),
            usize::from(sees),
            "therapists, {name}"
        );
        assert_eq!(
            enrollment::statuses(&world.store, &viewer, &ids).await.unwrap().len(),
            usize::from(sees),
            "statuses, {name}"
        );
        let filter = Filter {
            citizen: Some(citizen),
            ..Filter::default()
        };
        assert_eq!(
            enrollment::count(&world.store, &viewer, &filter).await.unwrap(),
            u64::from(sees),
            "count, {name}"
        );
        let page = enrollment::page(&world.store, &viewer, &filter, Order::NeedsAttention, 10, None)
            .await
            .unwrap();
        assert_eq!(page.rows.len(), usize::from(sees), "page, {name}");
    }
}

async fn staff_act_where_they_have_worked_longest_and_still_do(world: World) {
    let now = world.store.now();
    for (from, until) in [(-30, -20), (-10, 1)] {
        let (from, until) = (now + Duration::days(from), now + Duration::days(until));
        world.clock.set(from);
        let elsewhere = NewAssignment {
            staff_id: world.therapist,
            unit_id: Some(world.other_unit),
            role: Role::Therapist,
            valid_from: None,
            valid_until: Some(until),
        };
        let mut act = world.store.act(&Viewer::system()).await.unwrap();
        assignment::grant(&mut act, &elsewhere).await.unwrap();
        act.commit().await.unwrap();
    }
    world.clock.set(now);
    world.store.refresh().await.unwrap();
    assert_eq!(world.staff("ingrid").unit(), Some(world.other_unit));
    world.clock.advance(Duration::days(1));
    world.store.refresh().await.unwrap();
    assert_eq!(world.staff("ingrid").unit(), Some(world.unit));
    let there = world.store.directory().sign_in("ingrid", Some(world.other_unit));
    assert!(there.is_none());
}

async fn a_block_hides_from_the_unit_and_nobody_else(world: World) {
    let staff = world.staff("ingrid");
    let (id, citizen) = world.start(&staff, &world.start_of(ANNA)).await.unwrap();
    let own = world.citizen(citizen);

    let mut act = world.store.act(&staff).await.unwrap();
    assert_eq!(
        refused(action::access_block::set(&mut act, citizen, world.unit).await),
        one("NOT_FOUND", "citizenId")
    );
    drop(act);
    let mut act = world.store.act(&own).await.unwrap();
    let block = action::access_block::set(&mut act, citizen, world.unit).await.unwrap();
    assert_eq!(
        action::access_block::set(&mut act, citizen, world.unit).await.unwrap(),
        block
    );
    act.commit().await.unwrap();

    // Two who set it at once find one: the database keeps a second from standing.
    let rows = access_block::Entity::find()
        .all(world.store.connection())
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    let twice = access_block::Model {
        id: world.store.id(),
        ..rows[0].clone()
    };
    let twice = twice
        .into_active_model()
        .reset_all()
        .insert(world.store.connection())
        .await;
    assert!(matches!(
        twice.unwrap_err().sql_err(),
        Some(SqlErr::UniqueConstraintViolation(_))
    ));

    assert!(enrollment::find(&world.store, &staff, &[id]).await.unwrap().is_empty());
    assert!(
        citizen::find(&world.store, &staff, &[citizen])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(enrollment::find(&world.store, &own, &[id]).await.unwrap().len(), 1);
    let opened = Change {
        open: true,
        ..change(id, Target::Module("second".to_owned()), &staff)
    };
    assert_eq!(
        apply(&world, &staff, opened).await,
        Err(one("NOT_FOUND", "enrollmentId"))
    );
    assert_eq!(
        become_(&world, &staff, id, Status::Paused).await,
        Err(one("NOT_FOUND", "enrollmentId"))
    );
    assert_eq!(
        refused(world.start(&staff, &world.start_of(ANNA)).await),
        one("ACCESS_BLOCKED", "citizen")
    );

    let mut act = world.store.act(&own).await.unwrap();
    action::access_block::lift(&mut act, block).await.unwrap();
    act.commit().await.unwrap();
    assert_eq!(enrollment::find(&world.store, &staff, &[id]).await.unwrap().len(), 1);
}

async fn a_known_citizen_keeps_what_is_known(world: World) {
    let (_, citizen) = world
        .start(&world.staff("ingrid"), &world.start_of(ANNA))
        .await
        .unwrap();
    let mut again = world.start_of("900101-2385");
    again.unit_id = world.other_unit;
    again.therapist_ids.clear();
    again.citizen.given_name = "Somebody".to_owned();
    again.citizen.email = Some("else@example.org".to_owned());
    again.citizen.phone = Some("070-174 06 05".to_owned());
    let (_, same) = world.start(&world.staff("elin"), &again).await.unwrap();
    assert_eq!(same, citizen);
    let person = citizen::find(&world.store, &world.citizen(citizen), &[citizen])
        .await
        .unwrap()
        .remove(&citizen)
        .unwrap();
    assert_eq!(person.display_name(), "Anna Lindvall");
    assert_eq!(person.email.as_deref(), Some("anna@example.org"));
    assert_eq!(person.phone.as_deref(), Some("+46701740605"), "it was missing");
    assert_eq!(person.age(world.store.now(), enrollment::DEFAULT_ZONE), 36);
}

async fn pages_go_on_where_they_stopped(world: World) {
    let staff = world.staff("ingrid");
    let numbers = [ANNA, ERIK, "198509232388", "8112289874", "811218-9876"];
    let mut started = Vec::new();
    for number in numbers {
        started.push(world.start(&staff, &world.start_of(number)).await.unwrap().0);
        world.clock.advance(Duration::minutes(1));
    }
    let filter = Filter {
        unit: Some(world.unit),
        statuses: vec![Status::Active],
        ..Filter::default()
    };
    assert_eq!(enrollment::count(&world.store, &staff, &filter).await.unwrap(), 5);
    let newest: Vec<Uuid> = started.iter().rev().copied().collect();
    let mut by_id = started.clone();
    by_id.sort_unstable();
    for (order, expected) in [(Order::StartedAt, newest), (Order::NeedsAttention, by_id)] {
        let (mut seen, mut after, mut more) = (Vec::new(), None::<String>, true);
        while more {
            let page = enrollment::page(&world.store, &staff, &filter, order, 2, after.as_deref())
                .await
                .unwrap();
            assert!(page.rows.len() <= 2);
            more = page.has_next;
            after = page.rows.last().map(|(cursor, _)| cursor.clone());
            seen.extend(page.rows.into_iter().map(|(_, row)| row.id));
        }
        assert_eq!(seen, expected, "{order:?}");
    }
    let bad = enrollment::page(&world.store, &staff, &filter, Order::StartedAt, 2, Some("nonsense")).await;
    assert_eq!(refused(bad), one("BAD_CURSOR", "after"));
}

async fn reading_takes_the_same_statements_for_one_and_for_many(world: World) {
    let staff = world.staff("ingrid");
    let (one, _) = world.start(&staff, &world.start_of(ANNA)).await.unwrap();
    let (two, citizen) = world.start(&staff, &world.start_of(ERIK)).await.unwrap();
    world.complete(&world.citizen(citizen), two, "read").await.unwrap();
    let counted = |ids: Vec<Uuid>| {
        let (store, staff) = (world.store.clone(), staff.clone());
        async move {
            let before = store.statements();
            progress::overlays(&store, &staff, &ids).await.unwrap();
            enrollment::therapists(&store, &staff, &ids).await.unwrap();
            enrollment::page(&store, &staff, &Filter::default(), Order::NeedsAttention, 50, None)
                .await
                .unwrap();
            store.statements() - before
        }
    };
    assert_eq!(counted(vec![one]).await, 4);
    assert_eq!(counted(vec![one, two]).await, 4);
}
