//! Answering forms.

use chrono::Duration;
use entity::{
    action,
    dispatch::{self, DispatchStatus},
    event::EventKind,
    response,
    viewer::{Viewer, Who},
};
use rules::answer::{Answer, Answers};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::world::{START, World, answers, at, codes, errors, period};

#[tokio::test]
async fn an_answer_is_scored_and_its_words_are_sealed() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let dispatch = world.send(&person, Some("P3D"), &[]).await;
    let mut given = answers("all", "some");
    given.insert("why".to_owned(), Answer::Text("Sover dåligt".to_owned()));

    let id = world.submit(&person.viewer, dispatch, &given).await.unwrap();

    let row = &response::find(&world.store, &world.staff, &[id]).await.unwrap()[&id];
    assert!(
        !row.answers.to_string().contains("Sover"),
        "free text must not be readable in the database"
    );
    assert_eq!(response::answers(&world.store, row).unwrap(), given);
    let scores = response::scores(row).unwrap();
    assert_eq!((scores[0].value, scores[0].band.as_deref()), (Some(4.0), Some("high")));

    let dispatch = world.dispatch(dispatch).await;
    assert_eq!(dispatch.status.0, DispatchStatus::Completed);
    assert_eq!(
        (dispatch.completed_at, dispatch.due_at, dispatch.draft),
        (Some(at(START)), None, None)
    );
    let completed = entity::event::Entity::find()
        .filter(entity::event::Column::EnrollmentId.eq(person.enrollment))
        .all(world.store.connection())
        .await
        .unwrap()
        .into_iter()
        .find(|event| event.kind.0 == EventKind::FormCompleted)
        .unwrap();
    assert_eq!(
        (completed.subject_id, completed.subject_key.as_deref()),
        (Some(id), Some("measure"))
    );
}

#[tokio::test]
async fn what_a_former_process_took_counts_as_answered_when_it_was_submitted() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let mut given = Vec::new();
    for _ in 0..3 {
        let dispatch = world.send(&person, None, &[]).await;
        given.push(
            world
                .submit(&person.viewer, dispatch, &answers("all", "some"))
                .await
                .unwrap(),
        );
        world.store.clock().advance(Duration::minutes(1));
    }
    // It does not know the columns that tell when and by whom.
    response::Entity::update_many()
        .col_expr(
            response::Column::AnsweredAt,
            Expr::value(None::<chrono::DateTime<chrono::Utc>>),
        )
        .col_expr(response::Column::AnsweredBy, Expr::value(None::<String>))
        .filter(response::Column::Id.eq(given[1]))
        .exec(world.store.connection())
        .await
        .unwrap();
    let filter = response::Filter::default();
    let mut found = response::last(&world.store, &world.staff, &[person.enrollment], &filter, 2)
        .await
        .unwrap();
    let rows = found.remove(&person.enrollment).unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), given[1..]);
    assert_eq!(
        (rows[0].answered_at(), rows[0].answered_by()),
        (rows[0].submitted_at, rows[0].actor.0)
    );
}

#[tokio::test]
async fn answers_to_hidden_items_are_not_kept() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let dispatch = world.send(&person, None, &[]).await;
    let mut given = answers("all", "some");
    given.insert("why".to_owned(), Answer::Text("Hemligt".to_owned()));
    let mut act = world.act(&person.viewer).await;
    action::dispatch::save_draft(&mut act, dispatch, &given).await.unwrap();
    act.commit().await.unwrap();

    // Changing the mind hides the words; what is sent with them is refused or left out, and never kept.
    given.insert("q2".to_owned(), Answer::Text("no".to_owned()));
    let kept = match world.submit(&person.viewer, dispatch, &given).await {
        Ok(id) => id,
        Err(error) => {
            assert_eq!(errors(error)[0].path, ["answers", "why"]);
            world
                .submit(&person.viewer, dispatch, &answers("all", "no"))
                .await
                .unwrap()
        }
    };
    let row = &response::find(&world.store, &person.viewer, &[kept]).await.unwrap()[&kept];
    assert_eq!(response::answers(&world.store, row).unwrap(), answers("all", "no"));
    assert_eq!(row.texts, None);
}

#[tokio::test]
async fn a_form_is_answered_once_also_at_the_same_time() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let dispatch = world.send(&person, None, &[]).await;
    let given = answers("no", "no");
    let all = futures(&world, &person.viewer, dispatch, &given).await;
    let refused: Vec<_> = all.into_iter().filter_map(Result::err).map(codes).collect();
    assert_eq!(refused, vec![vec!["ALREADY_ANSWERED".to_owned()]; 3]);
    let again = world.submit(&person.viewer, dispatch, &given).await;
    assert_eq!(codes(again.unwrap_err()), ["ALREADY_ANSWERED"]);
    assert_eq!(
        response::Entity::find()
            .all(world.store.connection())
            .await
            .unwrap()
            .len(),
        1
    );
}

async fn futures(
    world: &World,
    viewer: &Viewer,
    dispatch: uuid::Uuid,
    given: &Answers,
) -> [Result<uuid::Uuid, entity::error::Error>; 4] {
    let submit = || world.submit(viewer, dispatch, given);
    let (a, b, c, d) = tokio::join!(submit(), submit(), submit(), submit());
    [a, b, c, d]
}

#[tokio::test]
async fn wrong_answers_are_named_and_change_nothing() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let dispatch = world.send(&person, None, &[]).await;
    let mut given = answers("always", "no");
    given.insert("nonsense".to_owned(), Answer::Boolean(true));
    let refused = errors(world.submit(&person.viewer, dispatch, &given).await.unwrap_err());
    let paths: Vec<_> = refused.iter().map(|error| error.path.join("/")).collect();
    assert_eq!(paths, ["answers/nonsense", "answers/q1"]);
    let missing = errors(
        world
            .submit(&person.viewer, dispatch, &Answers::new())
            .await
            .unwrap_err(),
    );
    assert_eq!(missing.len(), 2);
    assert_eq!(world.dispatch(dispatch).await.status.0, DispatchStatus::Available);
}

#[tokio::test]
async fn a_draft_is_sealed_and_read_again() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let id = world.send(&person, Some("P3D"), &[]).await;
    let draft = Answers::from([("q1".to_owned(), Answer::Text("most".to_owned()))]);
    let mut act = world.act(&person.viewer).await;
    action::dispatch::save_draft(&mut act, id, &draft).await.unwrap();
    act.commit().await.unwrap();

    let row = world.dispatch(id).await;
    assert_eq!(row.status.0, DispatchStatus::Started);
    assert_eq!((row.started_at, row.due_at), (Some(at(START)), row.expires_at));
    assert_eq!(dispatch::draft(&world.store, &row).unwrap(), Some(draft));

    let wrong = Answers::from([("q1".to_owned(), Answer::Boolean(true))]);
    let mut act = world.act(&person.viewer).await;
    assert!(action::dispatch::save_draft(&mut act, id, &wrong).await.is_err());
}

#[tokio::test]
async fn time_runs_out_before_the_worker_comes_and_after() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let dispatch = world.send(&person, Some("P1D"), &[]).await;
    world.store.clock().advance(Duration::days(1));
    let late = world.submit(&person.viewer, dispatch, &answers("no", "no")).await;
    assert_eq!(codes(late.unwrap_err()), ["EXPIRED"]);

    world.store.clock().advance(Duration::hours(2));
    world.work().await;
    let row = world.dispatch(dispatch).await;
    assert_eq!(row.status.0, DispatchStatus::Expired);
    assert_eq!((row.ended_at, row.due_at), (Some(at("2026-11-24T09:00:00Z")), None));
    let late = world.submit(&person.viewer, dispatch, &answers("no", "no")).await;
    assert_eq!(codes(late.unwrap_err()), ["EXPIRED"]);
}

#[tokio::test]
async fn a_form_sent_for_later_becomes_available_then() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let mut act = world.act(&world.staff).await;
    let send = action::dispatch::Send {
        enrollment_id: person.enrollment,
        form_key: "measure".to_owned(),
        at: Some(at("2026-11-25T07:00:00Z")),
        expires_after: Some(period("P2D")),
        remind_after: vec![],
        firing_id: None,
        cause: act.cause(),
    };
    let unknown = action::dispatch::Send {
        form_key: "nothing".to_owned(),
        ..send.clone()
    };
    let outcomes = action::dispatch::send(&mut act, &[send, unknown]).await.unwrap();
    act.commit().await.unwrap();
    assert_eq!(outcomes[1].as_ref().unwrap_err()[0].code, "NOT_FOUND");
    let id = *outcomes[0].as_ref().unwrap();
    assert_eq!(world.dispatch(id).await.overdue_at, Some(at("2026-11-26T07:00:00Z")));

    let early = world.submit(&person.viewer, id, &answers("no", "no")).await;
    assert_eq!(codes(early.unwrap_err()), ["NOT_AVAILABLE"]);
    world.store.clock().set(at("2026-11-25T07:00:00Z"));
    world.work().await;
    assert_eq!(world.dispatch(id).await.status.0, DispatchStatus::Available);
    world.submit(&person.viewer, id, &answers("no", "no")).await.unwrap();
}

#[tokio::test]
async fn who_may_answer_and_see() {
    let world = World::new().await;
    let (person, other) = (world.enroll(0).await, world.enroll(1).await);
    let dispatch = world.send(&person, None, &[]).await;
    let given = answers("no", "no");
    for (viewer, code) in [
        (&world.staff, "NOT_ALLOWED"),
        (&other.viewer, "NOT_FOUND"),
        (
            &Viewer::new(
                Who::Guardian {
                    id: other.citizen,
                    citizens: vec![],
                },
                "test",
            ),
            "NOT_FOUND",
        ),
    ] {
        assert_eq!(codes(world.submit(viewer, dispatch, &given).await.unwrap_err()), [code]);
    }
    for (viewer, sees) in [
        (&world.staff, true),
        (&world.administrator, false),
        (&world.other_unit, false),
        (&other.viewer, false),
        (&person.viewer, true),
    ] {
        let found = dispatch::find(&world.store, viewer, &[dispatch]).await.unwrap();
        assert_eq!(found.contains_key(&dispatch), sees, "{:?}", viewer.who);
    }
    let guardian = Viewer::new(
        Who::Guardian {
            id: other.citizen,
            citizens: vec![person.citizen],
        },
        "test",
    );
    let response = world.submit(&guardian, dispatch, &given).await.unwrap();
    let found = response::find(&world.store, &world.staff, &[response]).await.unwrap();
    assert_eq!(found[&response].actor.0, guardian.actor());
}

#[tokio::test]
async fn pages_hold_the_latest_of_each_enrollment() {
    let world = World::new().await;
    let (one, two) = (world.enroll(0).await, world.enroll(1).await);
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(world.send(&one, None, &[]).await);
        world.store.clock().advance(Duration::hours(1));
    }
    let only = world.send(&two, None, &[]).await;
    let both = [one.enrollment, two.enrollment];
    let before = world.store.statements();
    let pages = dispatch::page(&world.store, &world.staff, &both, &[DispatchStatus::Available], 2, None)
        .await
        .unwrap();
    assert_eq!(world.store.statements() - before, 1);
    let ids = |page: &entity::page::Page<(String, dispatch::Model)>| {
        page.rows.iter().map(|(_, row)| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&pages[&one.enrollment]), [sent[2], sent[1]]);
    assert!(pages[&one.enrollment].has_next);
    assert_eq!(ids(&pages[&two.enrollment]), [only]);
    let after = &pages[&one.enrollment].rows[1].0;
    let rest = dispatch::page(&world.store, &world.staff, &both, &[], 2, Some(after))
        .await
        .unwrap();
    assert_eq!(ids(&rest[&one.enrollment]), [sent[0]]);
    assert!(!rest[&one.enrollment].has_next);
    let bad = dispatch::page(&world.store, &world.staff, &both, &[], 2, Some("?")).await;
    assert_eq!(codes(bad.unwrap_err()), ["BAD_CURSOR"]);

    for (place, dispatch) in sent.into_iter().enumerate() {
        let answer = ["no", "some", "most"][place];
        world
            .submit(&one.viewer, dispatch, &answers(answer, "no"))
            .await
            .unwrap();
        world.store.clock().advance(Duration::hours(1));
    }
    let of_measure = response::Filter {
        form: Some("measure".to_owned()),
        ..response::Filter::default()
    };
    let last = response::last(&world.store, &world.staff, &both, &of_measure, 2)
        .await
        .unwrap();
    let scores: Vec<_> = last[&one.enrollment]
        .iter()
        .map(|row| response::scores(row).unwrap()[0].value)
        .collect();
    assert_eq!(scores, [Some(1.0), Some(2.0)]);
    assert!(!last.contains_key(&two.enrollment));
}

#[tokio::test]
async fn a_form_in_a_step_has_one_open_dispatch() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let mut act = world.act(&person.viewer).await;
    let enrollment = act.enrollment(person.enrollment, "").await.unwrap();
    let content = act
        .store
        .library()
        .content(&act.tx, enrollment.version_id)
        .await
        .unwrap();
    let step = |key: &str| content.steps().find(|(.., step)| step.row.key == key).unwrap().2.row.id;
    let first = action::dispatch::open_form(&mut act, enrollment.id, step("exercise"), "measure")
        .await
        .unwrap();
    let second = action::dispatch::open_form(&mut act, enrollment.id, step("exercise"), "measure")
        .await
        .unwrap();
    assert_eq!(first, second);
    let locked = action::dispatch::open_form(&mut act, enrollment.id, step("later"), "measure").await;
    assert_eq!(codes(locked.unwrap_err()), ["NOT_AVAILABLE"]);
    let none = action::dispatch::open_form(&mut act, enrollment.id, step("words"), "measure").await;
    assert_eq!(codes(none.unwrap_err()), ["NOT_FOUND"]);
    act.commit().await.unwrap();

    world.submit(&person.viewer, first, &answers("no", "no")).await.unwrap();
    world.store.clock().advance(Duration::minutes(1));
    let mut act = world.act(&person.viewer).await;
    let third = action::dispatch::open_form(&mut act, enrollment.id, step("exercise"), "measure")
        .await
        .unwrap();
    act.commit().await.unwrap();
    assert_ne!(first, third);
    let of_steps = dispatch::of_steps(&world.store, &person.viewer, &[enrollment.id])
        .await
        .unwrap();
    assert_eq!(
        of_steps[&(enrollment.id, step("exercise"), "measure".to_owned())].id,
        third
    );
}

#[tokio::test]
async fn what_was_taken_back_or_declined_is_over() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let (first, second, third) = (
        world.send(&person, Some("P3D"), &["P1D"]).await,
        world.send(&person, None, &[]).await,
        world.send(&person, None, &[]).await,
    );
    let mut act = world.act(&person.viewer).await;
    let not_theirs = action::dispatch::cancel(&mut act, first, None).await;
    assert_eq!(codes(not_theirs.unwrap_err()), ["NOT_FOUND"]);
    action::dispatch::decline(&mut act, second).await.unwrap();
    act.commit().await.unwrap();
    let mut act = world.act(&world.staff).await;
    action::dispatch::cancel(&mut act, first, None).await.unwrap();
    act.commit().await.unwrap();
    for dispatch in [first, second] {
        let refused = world.submit(&person.viewer, dispatch, &answers("no", "no")).await;
        assert_eq!(codes(refused.unwrap_err()), ["CANCELLED"]);
    }
    assert_eq!(
        world.reminders(&person).await[0].skip_reason,
        Some(entity::applies::SkipReason::Cancelled.into())
    );

    // Who withdraws has nothing left to answer.
    let mut act = world.act(&Viewer::system()).await;
    let withdrawn = action::enrollment::StatusChange {
        enrollment_id: person.enrollment,
        status: rules::facts::Status::Withdrawn,
        resumes_at: None,
        reason: None,
    };
    let cause = act.cause();
    action::enrollment::change_status(&mut act, &[withdrawn], cause)
        .await
        .unwrap();
    act.commit().await.unwrap();
    assert_eq!(world.dispatch(third).await.status.0, DispatchStatus::Cancelled);
}

#[tokio::test]
async fn workers_who_come_at_once_do_everything_once() {
    let world = World::new().await;
    let mut sent = Vec::new();
    for n in 0..10 {
        let person = world.enroll(n).await;
        sent.push((world.send(&person, Some("P1D"), &["PT2H"]).await, person));
    }
    world.store.clock().advance(Duration::hours(2));
    tokio::join!(world.work(), world.work(), world.work());
    world.store.clock().advance(Duration::days(1));
    tokio::join!(world.work(), world.work(), world.work());
    world.work().await;
    for (dispatch, person) in sent {
        assert_eq!(world.dispatch(dispatch).await.status.0, DispatchStatus::Expired);
        assert_eq!(world.deliveries(&person).await.len(), 2);
        let events = entity::event::Entity::find()
            .filter(entity::event::Column::EnrollmentId.eq(person.enrollment))
            .all(world.store.connection())
            .await
            .unwrap();
        let count = |kind| events.iter().filter(|event| event.kind.0 == kind).count();
        assert_eq!(
            (count(EventKind::ReminderSent), count(EventKind::DispatchExpired)),
            (1, 1)
        );
    }
}
