//! A citizen takes part in a program, from its start to its end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use chrono::Duration;
use common::{ANNA, ERIK, World, apply, at, become_, change, events, on_both, one, refused};
use entity::{
    action::{
        self,
        content_override::{Change, Target},
        enrollment::StatusChange,
    },
    enrollment, enrollment_status, evaluation,
    event::EventKind,
    progress,
    viewer::Viewer,
};
use rules::facts::Status;
use sea_orm::{EntityTrait, QueryOrder};

on_both! {
    an_enrollment_starts_with_everything_that_follows,
    a_start_is_refused_where_it_makes_no_sense,
    steps_are_completed_once_and_in_the_open,
    staff_hide_show_and_open,
    the_life_of_an_enrollment_goes_by_itself,
    changes_at_one_instant_keep_their_order,
    signing_in_is_the_first_request_after_half_an_hour,
    of_two_starts_at_once_one_is_refused,
}

async fn an_enrollment_starts_with_everything_that_follows(world: World) {
    let (id, _) = world
        .start(&world.staff("marianne"), &world.start_of(ANNA))
        .await
        .unwrap();
    let row = enrollment::find(&world.store, &Viewer::system(), &[id])
        .await
        .unwrap()
        .remove(&id)
        .unwrap();
    let now = world.store.now();
    assert_eq!(
        (row.status.0, row.started_at, row.zone.as_str(), row.locale.as_str()),
        (Status::Active, Some(now), "Europe/Stockholm", "sv")
    );
    assert_eq!(row.ends_at, Some(now + Duration::days(42)));
    assert_eq!(row.due_at, row.ends_at);
    let evaluation = evaluation::Entity::find_by_id(id)
        .one(world.store.connection())
        .await
        .unwrap()
        .unwrap();
    assert!(evaluation.evaluated_until < now && evaluation.due_at == Some(now));
    assert_eq!(events(&world).await, [(EventKind::EnrollmentStarted, None)]);
    let therapists = enrollment::therapists(&world.store, &world.staff("ingrid"), &[id])
        .await
        .unwrap();
    assert_eq!(therapists[&id], [world.therapist]);
}

async fn a_start_is_refused_where_it_makes_no_sense(world: World) {
    let staff = world.staff("marianne");
    let good = world.start_of(ANNA);

    let mut other = good.clone();
    other.unit_id = world.other_unit;
    assert_eq!(refused(world.start(&staff, &other).await), one("NOT_FOUND", "unitId"));
    for who in ["oskar", "elin"] {
        assert_eq!(
            refused(world.start(&world.staff(who), &good).await),
            one("NOT_FOUND", "unitId"),
            "{who}"
        );
    }
    let mut unknown = good.clone();
    unknown.program_slug = "none".to_owned();
    assert_eq!(
        refused(world.start(&staff, &unknown).await),
        one("NOT_FOUND", "programSlug")
    );

    let mut wrong = good.clone();
    wrong.therapist_ids = vec![world.therapist, world.other_therapist, world.administrator];
    wrong.starts_at = Some(world.store.now() - Duration::days(1));
    wrong.zone = Some("Stockholm".to_owned());
    wrong.citizen.personal_identity_number = "19900101-2386".to_owned();
    wrong.citizen.email = Some("anna".to_owned());
    wrong.citizen.given_name = "Anna\r\nBcc: all@example.org".to_owned();
    let mut errors = refused(world.start(&staff, &wrong).await);
    errors.sort();
    let expected = [
        ("BAD_CHARACTER", "citizen.givenName"),
        ("BAD_EMAIL", "citizen.email"),
        ("BAD_IDENTITY_NUMBER", "citizen.personalIdentityNumber"),
        ("BAD_TIME_ZONE", "timeZone"),
        ("IN_THE_PAST", "startsAt"),
        ("NOT_FOUND", "therapistIds.1"),
        ("NOT_FOUND", "therapistIds.2"),
    ];
    assert_eq!(errors, expected.map(|(code, path)| (code.to_owned(), path.to_owned())));

    let (id, _) = world.start(&staff, &good).await.unwrap();
    assert_eq!(
        refused(world.start(&staff, &good).await),
        one("ALREADY_ENROLLED", "citizen")
    );
    become_(&world, &staff, id, Status::Withdrawn).await.unwrap();
    world.start(&staff, &good).await.unwrap();
}

async fn steps_are_completed_once_and_in_the_open(world: World) {
    let staff = world.staff("ingrid");
    let (id, citizen) = world.start(&staff, &world.start_of(ANNA)).await.unwrap();
    let (_, other) = world.start(&staff, &world.start_of(ERIK)).await.unwrap();
    let own = world.citizen(citizen);
    assert_eq!(
        refused(world.complete(&staff, id, "read").await),
        one("NOT_ALLOWED", "")
    );
    assert_eq!(
        refused(world.complete(&world.citizen(other), id, "read").await),
        one("NOT_FOUND", "enrollmentId")
    );
    assert_eq!(
        refused(world.complete(&own, id, "last").await),
        one("NOT_AVAILABLE", "stepId")
    );

    let before = events(&world).await.len();
    for step in ["read", "read", "answer", "write"] {
        world.complete(&own, id, step).await.unwrap();
    }
    let expected = [
        (EventKind::StepCompleted, "read"),
        (EventKind::StepCompleted, "answer"),
        (EventKind::StepCompleted, "write"),
        (EventKind::ModuleCompleted, "first"),
    ];
    let expected = expected.map(|(kind, key)| (kind, Some(key.to_owned())));
    assert_eq!(events(&world).await[before..], expected);

    let content = world.content().await;
    let overlay = progress::overlays(&world.store, &own, &[id])
        .await
        .unwrap()
        .remove(&id)
        .unwrap();
    assert_eq!(
        overlay.progress(&content, world.store.now()),
        progress::Progress { completed: 3, total: 4 }
    );
    let row = enrollment::find(&world.store, &own, &[id])
        .await
        .unwrap()
        .remove(&id)
        .unwrap();
    assert_eq!(row.last_activity_at, Some(world.store.now()));
    assert_eq!(
        overlay.next_step(&content, &row, world.store.now()),
        None,
        "the second module is locked"
    );

    become_(&world, &staff, id, Status::Paused).await.unwrap();
    let step = world.complete(&own, id, "read").await;
    assert!(step.is_ok(), "it is done already");
    let opened = Change {
        open: true,
        ..change(id, Target::Module("second".to_owned()), &staff)
    };
    apply(&world, &staff, opened).await.unwrap();
    assert_eq!(
        refused(world.complete(&own, id, "last").await),
        one("NOT_AVAILABLE", "stepId"),
        "paused"
    );
    become_(&world, &staff, id, Status::Active).await.unwrap();
    world.complete(&own, id, "last").await.unwrap();
}

async fn staff_hide_show_and_open(world: World) {
    let staff = world.staff("ingrid");
    let (id, citizen) = world.start(&staff, &world.start_of(ANNA)).await.unwrap();
    let own = world.citizen(citizen);
    let module = |key: &str| Target::Module(key.to_owned());
    let content = world.content().await;
    let overlay = || async {
        progress::overlays(&world.store, &own, &[id])
            .await
            .unwrap()
            .remove(&id)
            .unwrap()
    };

    assert_eq!(
        apply(&world, &staff, change(id, module("first"), &staff)).await,
        Err(one("REQUIRED", "visible"))
    );
    let hide = |target| Change {
        visible: Some(false),
        ..change(id, target, &staff)
    };
    assert_eq!(
        apply(&world, &staff, hide(module("nothing"))).await,
        Err(one("NOT_FOUND", "moduleKey"))
    );
    let nothing = Target::Section("nothing".to_owned());
    assert_eq!(
        apply(&world, &staff, hide(nothing)).await,
        Err(one("NOT_FOUND", "sectionKey"))
    );
    for viewer in [
        &own,
        &world.staff("marianne"),
        &world.staff("elin"),
        &world.staff("oskar"),
    ] {
        assert_eq!(
            apply(&world, viewer, hide(module("first"))).await,
            Err(one("NOT_FOUND", "enrollmentId"))
        );
    }

    apply(&world, &staff, hide(Target::Section("two".to_owned())))
        .await
        .unwrap();
    assert_eq!(overlay().await.progress(&content, world.store.now()).total, 3);
    assert_eq!(
        refused(world.complete(&own, id, "write").await),
        one("NOT_FOUND", "stepId")
    );
    // At the same instant of the clock: the latest still wins.
    for visible in [true, false, true, false, true] {
        let change = Change {
            visible: Some(visible),
            ..change(id, Target::Section("two".to_owned()), &staff)
        };
        apply(&world, &staff, change).await.unwrap();
    }
    assert_eq!(overlay().await.progress(&content, world.store.now()).total, 4);

    let later = world.store.now() + Duration::days(1);
    let planned = Change {
        opens_at: Some(later),
        ..change(id, module("second"), &staff)
    };
    apply(&world, &staff, planned).await.unwrap();
    let second = content.module_by_key("second").unwrap().row.id;
    let row = enrollment::find(&world.store, &own, &[id])
        .await
        .unwrap()
        .remove(&id)
        .unwrap();
    let availability = overlay()
        .await
        .module_availability(&content, &row, second, world.store.now());
    assert_eq!(
        (availability.open, availability.opens_at, availability.reason.as_deref()),
        (false, Some(later), Some("NOT_YET"))
    );
    world.clock.set(later);
    assert!(
        overlay()
            .await
            .module_availability(&content, &row, second, world.store.now())
            .open
    );

    let before = events(&world).await.len();
    let open = Change {
        open: true,
        ..change(id, module("second"), &staff)
    };
    apply(&world, &staff, open).await.unwrap();
    assert_eq!(events(&world).await.len(), before, "it is open already");
    assert_eq!(overlay().await.module_openings(&content, &row, second), [later]);
}

async fn the_life_of_an_enrollment_goes_by_itself(world: World) {
    let staff = world.staff("ingrid");
    let mut planned = world.start_of(ANNA);
    let start = world.store.now() + Duration::days(3);
    planned.starts_at = Some(start);
    let (id, _) = world.start(&staff, &planned).await.unwrap();
    let row = || async {
        enrollment::find(&world.store, &Viewer::system(), &[id])
            .await
            .unwrap()
            .remove(&id)
            .unwrap()
    };
    let due = || async {
        let mut act = world.store.act(&Viewer::system()).await.unwrap();
        let done = action::enrollment::due(&mut act, 100).await.unwrap();
        act.commit().await.unwrap();
        done
    };
    assert_eq!((row().await.status.0, row().await.started_at), (Status::Planned, None));
    assert_eq!(due().await, 0);
    // The worker came a little late: it still counts from what was planned.
    world.clock.set(start + Duration::minutes(5));
    assert_eq!(due().await, 1);
    assert_eq!(
        (row().await.status.0, row().await.started_at),
        (Status::Active, Some(start))
    );

    let pause = StatusChange {
        enrollment_id: id,
        status: Status::Paused,
        resumes_at: Some(start + Duration::days(2)),
        reason: Some("Semester".to_owned()),
    };
    let mut act = world.store.act(&staff).await.unwrap();
    let cause = act.cause();
    assert!(
        action::enrollment::change_status(&mut act, &[pause], cause)
            .await
            .unwrap()[0]
            .is_ok()
    );
    act.commit().await.unwrap();
    world.clock.set(start + Duration::days(2));
    assert_eq!(due().await, 1);
    assert_eq!((row().await.status.0, row().await.resumes_at), (Status::Active, None));

    world.clock.set(row().await.ends_at.unwrap());
    assert_eq!(due().await, 1);
    assert_eq!((row().await.status.0, row().await.due_at), (Status::Completed, None));
    assert_eq!(due().await, 0);
    assert_eq!(
        become_(&world, &staff, id, Status::Active).await,
        Err(one("ENDED", "enrollmentId"))
    );

    let statuses = enrollment::statuses(&world.store, &staff, &[id])
        .await
        .unwrap()
        .remove(&id)
        .unwrap();
    let seen: Vec<_> = statuses
        .iter()
        .map(|status| (status.status, status.reason.as_deref()))
        .collect();
    let expected = [
        (Status::Planned, None),
        (Status::Active, None),
        (Status::Paused, Some("Semester")),
        (Status::Active, None),
        (Status::Completed, None),
    ];
    assert_eq!(seen, expected);
    let kinds: Vec<_> = events(&world).await.into_iter().map(|(kind, _)| kind).collect();
    let expected = [
        EventKind::EnrollmentPlanned,
        EventKind::EnrollmentStarted,
        EventKind::EnrollmentPaused,
        EventKind::EnrollmentResumed,
        EventKind::EnrollmentCompleted,
    ];
    assert_eq!(kinds, expected);
}

async fn changes_at_one_instant_keep_their_order(world: World) {
    let staff = world.staff("ingrid");
    let (id, _) = world.start(&staff, &world.start_of(ANNA)).await.unwrap();
    for status in [Status::Paused, Status::Active, Status::Paused] {
        become_(&world, &staff, id, status).await.unwrap();
    }
    let rows = enrollment_status::Entity::find().order_by_asc(enrollment_status::Column::At);
    let rows = rows.all(world.store.connection()).await.unwrap();
    let statuses: Vec<Status> = rows.iter().map(|row| row.status.0).collect();
    assert_eq!(
        statuses,
        [Status::Active, Status::Paused, Status::Active, Status::Paused]
    );
}

async fn signing_in_is_the_first_request_after_half_an_hour(world: World) {
    let (_, citizen) = world
        .start(&world.staff("ingrid"), &world.start_of(ANNA))
        .await
        .unwrap();
    let request = |minutes| {
        let (store, now) = (
            world.store.clone(),
            at("2026-11-02T08:00:00Z") + Duration::minutes(minutes),
        );
        world.clock.set(now);
        async move {
            let mut act = store.act(&Viewer::system()).await.unwrap();
            let first = action::citizen::signed_in(&mut act, citizen, now).await.unwrap();
            act.commit().await.unwrap();
            first
        }
    };
    let mut firsts = Vec::new();
    for minutes in [0, 1, 29, 58, 88, 90] {
        firsts.push(request(minutes).await);
    }
    assert_eq!(firsts, [true, false, false, false, true, false]);
    let signed_in = events(&world)
        .await
        .into_iter()
        .filter(|(kind, _)| *kind == EventKind::SignedIn);
    assert_eq!(signed_in.count(), 2);
}

async fn of_two_starts_at_once_one_is_refused(world: World) {
    let (staff, start) = (world.staff("ingrid"), world.start_of(ANNA));
    let (first, second) = tokio::join!(world.start(&staff, &start), world.start(&staff, &start));
    let refusal = match (first, second) {
        (Ok(_), refusal) | (refusal, Ok(_)) => refusal,
        (first, second) => panic!("{first:?} {second:?}"),
    };
    assert_eq!(refused(refusal), one("ALREADY_ENROLLED", "citizen"));
    assert_eq!(events(&world).await.len(), 1);
}
