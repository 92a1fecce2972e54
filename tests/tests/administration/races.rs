//! Several administrators at the same moment: the second is told what the first did, and never undoes it.

use std::{cell::Cell, time::Duration};

use chrono::TimeDelta;
use entity::{
    act::Act,
    action::{
        assignment::{self, ChangeAssignment, NewAssignment},
        invitation::{self, Invite},
        unit::{self, ConnectUnit, NewTerms},
        unit_contact::UnitContact,
    },
    assignment::{self as record, AssignmentStatus, Role},
    error::{Error, Result},
    staff, unit as place,
    viewer::Viewer,
};
use futures_util::future::join_all;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{one, refused},
    database::Kind,
};
use uuid::Uuid;

use crate::{BOSS, UNIT, connect, morning, new_unit, started, stranger, unit as unit_id};

/// How many come at the same moment over HTTP.
const CROWD: usize = 6;

/// One of the staff, as actions see them.
fn viewer(app: &TestApp, subject: &str) -> Viewer {
    let who = app.store.directory().sign_in(subject, None).unwrap();
    Viewer::new(who, "race")
}

/// The second begins when the first has done everything but commit, and goes on as far as it can; then the first commits. Gives
/// what came of both.
async fn in_turn(
    app: &TestApp,
    first: (&Viewer, impl AsyncFnOnce(&mut Act) -> Result<Uuid>),
    second: (&Viewer, impl AsyncFnOnce(&mut Act) -> Result<Uuid>),
) -> (Result<Uuid>, Result<Uuid>) {
    let mut act = app.store.act(first.0).await.unwrap();
    let done = first.1(&mut act).await;
    let second_is_done = Cell::new(false);
    let second = async {
        let mut act = app.store.act(second.0).await.unwrap();
        let done = second.1(&mut act).await;
        let done = act.finish(done).await;
        second_is_done.set(true);
        done
    };
    let first = async {
        while !second_is_done.get() && !somebody_waits(app).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        act.finish(done).await
    };
    let (second, first) = tokio::join!(second, first);
    app.store.refresh().await.unwrap();
    (first, second)
}

/// Whether somebody waits for what another holds. SQLite has one writer: whoever comes second waits to begin.
async fn somebody_waits(app: &TestApp) -> bool {
    if app.database.kind == Kind::Sqlite {
        return true;
    }
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let connection = app.store.connection();
    let waiting = Statement::from_string(connection.get_database_backend(), waiting);
    let row = connection.query_one_raw(waiting).await.unwrap().unwrap();
    row.try_get_by_index::<i64>(0).unwrap() > 0
}

/// What something was refused for.
fn refusal(done: Result<Uuid>) -> Vec<(String, String)> {
    match done {
        Err(Error::Refused(errors)) => {
            let told = errors.into_iter();
            told.map(|error| (error.code.into_owned(), error.path.join(".")))
                .collect()
        }
        other => panic!("it was not refused: {other:?}"),
    }
}

fn named(name: &str) -> ConnectUnit {
    ConnectUnit {
        name: name.to_owned(),
        zone: None,
        terms: NewTerms {
            version: "2027-1".to_owned(),
            signed_by: "Eva Ek".to_owned(),
            signer_title: None,
            signed_at: None,
        },
        contact: UnitContact::default(),
        office_hours: Vec::new(),
        closed_days: Vec::new(),
    }
}

/// The connected units that are called so, in whatever letters.
async fn called(app: &TestApp, name: &str) -> usize {
    let units = place::Entity::find()
        .filter(place::Column::DisconnectedAt.is_null())
        .all(app.store.connection())
        .await
        .unwrap();
    let so = units
        .iter()
        .filter(|unit| unit.name.to_lowercase() == name.to_lowercase());
    so.count()
}

/// A unit of the provider without anybody, by its name.
async fn empty_unit(app: &TestApp, name: &str) -> Uuid {
    connect(app, name).await;
    let directory = app.store.directory();
    let provider = directory.unit(app.care.unit).unwrap().provider_id;
    let unit = directory.units_of(provider).find(|unit| unit.name == name);
    unit.unwrap().id
}

async fn a_name_is_given_once(kind: Kind) {
    let app = started(kind).await;
    let boss = viewer(&app, BOSS);
    let (first, second) = in_turn(
        &app,
        (&boss, async |act| unit::connect(act, named("Norra")).await),
        (&boss, async |act| unit::connect(act, named(" NORRA ")).await),
    )
    .await;
    let norra = first.unwrap();
    assert_eq!(refusal(second), one("TAKEN", "name"));

    let (first, second) = in_turn(
        &app,
        (&boss, async |act| unit::connect(act, named("Södra")).await),
        (&boss, async |act| unit::rename(act, norra, "södra").await),
    )
    .await;
    let south = first.unwrap();
    assert_eq!(refusal(second), one("TAKEN", "name"));

    let (first, second) = in_turn(
        &app,
        (&boss, async |act| unit::rename(act, norra, "Östra").await),
        (&boss, async |act| unit::rename(act, south, "Östra").await),
    )
    .await;
    first.unwrap();
    assert_eq!(refusal(second), one("TAKEN", "name"));

    let (first, second) = in_turn(
        &app,
        (&boss, async |act| unit::rename(act, norra, "Västra").await),
        (&boss, async |act| unit::connect(act, named("Västra")).await),
    )
    .await;
    first.unwrap();
    assert_eq!(refusal(second), one("TAKEN", "name"));

    // A disconnected one is connected again while another takes its name.
    let mut act = app.store.act(&boss).await.unwrap();
    unit::disconnect(&mut act, south, None).await.unwrap();
    act.commit().await.unwrap();
    let (first, second) = in_turn(
        &app,
        (&boss, async |act| unit::reconnect(act, south).await),
        (&boss, async |act| unit::connect(act, named("Södra")).await),
    )
    .await;
    first.unwrap();
    assert_eq!(refusal(second), one("TAKEN", "name"));
    for name in ["Södra", "Västra"] {
        assert_eq!(called(&app, name).await, 1, "{name}");
    }
    assert_eq!((called(&app, "Norra").await, called(&app, "Östra").await), (0, 0));
    app.stop().await;
}

async fn of_a_crowd_one_connects_a_unit_of_a_name(kind: Kind) {
    let app = started(kind).await;
    let boss = app.staff(BOSS);
    let connect = || {
        app.client
            .mutate(&boss, "connectUnit", new_unit("Norra"), "unit { id }")
    };
    let sent = (0..CROWD).map(|_| connect());
    assert_one_of("connectUnit", &join_all(sent).await, &one("TAKEN", "name"));
    assert_eq!(called(&app, "Norra").await, 1);
    app.stop().await;
}

/// One was done, and all the others were refused for this.
fn assert_one_of(mutation: &str, answers: &[Value], refusal: &[(String, String)]) {
    let (done, others): (Vec<&Value>, Vec<&Value>) =
        answers.iter().partition(|data| data[mutation]["errors"] == json!([]));
    assert_eq!(done.len(), 1, "{answers:?}");
    for data in others {
        assert_eq!(refused(data), refusal);
    }
}

/// Somebody new whom an administrator invites to a unit, or to the whole provider.
fn invite(role: Role, unit_id: Option<Uuid>) -> Invite {
    Invite {
        subject: "kim".to_owned(),
        display_name: "Kim Ek".to_owned(),
        title: None,
        email: "kim@care.example".to_owned(),
        assignments: vec![assigned(Uuid::nil(), role, unit_id)],
    }
}

fn assigned(staff_id: Uuid, role: Role, unit_id: Option<Uuid>) -> NewAssignment {
    NewAssignment {
        staff_id,
        unit_id,
        role,
        valid_from: None,
        valid_until: None,
    }
}

async fn a_subject_is_invited_once(kind: Kind) {
    let app = started(kind).await;
    let boss = viewer(&app, BOSS);
    let here = Some(app.care.unit);
    // Whoever works for another care provider is told to nobody.
    stranger(&app, "stranger").await;
    let other = viewer(&app, "stranger");
    let (first, second) = in_turn(
        &app,
        (&boss, async |act| {
            invitation::invite(act, invite(Role::Therapist, here)).await
        }),
        (&other, async |act| {
            invitation::invite(act, invite(Role::Auditor, None)).await
        }),
    )
    .await;
    first.unwrap();
    assert_eq!(refusal(second), one("NOT_ALLOWED", "subject"));

    let lee = |role, unit| Invite {
        subject: "lee".to_owned(),
        ..invite(role, unit)
    };
    let (first, second) = in_turn(
        &app,
        (&boss, async |act| {
            invitation::invite(act, lee(Role::Therapist, here)).await
        }),
        (&boss, async |act| {
            invitation::invite(act, lee(Role::Auditor, None)).await
        }),
    )
    .await;
    first.unwrap();
    assert_eq!(refusal(second), one("TAKEN", "subject"));

    let unit = unit_id(&app, UNIT).await;
    let token = app.staff(BOSS);
    let sent = (0..CROWD).map(|n| {
        let input = json!({ "subject": "sam", "displayName": format!("Sam {n}"), "email": "sam@care.example",
            "assignments": [{ "role": "THERAPIST", "unitId": unit }] });
        app.client.mutate(&token, "inviteStaff", input, "staff { id }")
    });
    assert_one_of("inviteStaff", &join_all(sent).await, &one("TAKEN", "subject"));
    for subject in ["kim", "lee", "sam"] {
        let rows = staff::Entity::find()
            .filter(staff::Column::Subject.eq(subject))
            .all(app.store.connection())
            .await
            .unwrap();
        assert_eq!(rows.len(), 1, "{subject}");
    }
    app.work().await;
    assert_eq!(app.mail().len(), 3, "one letter each");
    app.stop().await;
}

/// The assignments at a unit that are not over.
async fn standing(app: &TestApp, unit: Uuid) -> usize {
    let rows = record::Entity::find()
        .filter(record::Column::UnitId.eq(unit))
        .all(app.store.connection())
        .await
        .unwrap();
    let now = app.store.now();
    rows.iter()
        .filter(|row| row.status(now) != AssignmentStatus::Ended)
        .count()
}

async fn nobody_is_given_a_role_at_a_unit_that_is_disconnected(kind: Kind) {
    let app = started(kind).await;
    let boss = viewer(&app, BOSS);
    let staff = app.care.other_therapist;
    let norra = empty_unit(&app, "Norra").await;
    let (first, second) = in_turn(
        &app,
        (&boss, async |act| unit::disconnect(act, norra, None).await),
        (&boss, async |act| {
            assignment::grant(act, &assigned(staff, Role::Therapist, Some(norra))).await
        }),
    )
    .await;
    first.unwrap();
    assert_eq!(refusal(second), one("UNIT_DISCONNECTED", "unitId"));
    assert_eq!(standing(&app, norra).await, 0);
    // Nor is anybody invited there, or given a role later on.
    let mut act = app.store.act(&boss).await.unwrap();
    let invited = invitation::invite(&mut act, invite(Role::Therapist, Some(norra))).await;
    assert_eq!(refusal(invited), one("UNIT_DISCONNECTED", "assignments.0.unitId"));
    act.undo().await;
    let mut act = app.store.act(&boss).await.unwrap();
    let later = NewAssignment {
        valid_from: Some(morning() + TimeDelta::days(1)),
        ..assigned(staff, Role::Therapist, Some(norra))
    };
    assert_eq!(
        refusal(assignment::grant(&mut act, &later).await),
        one("UNIT_DISCONNECTED", "unitId")
    );
    act.undo().await;

    // The other way round both are done: who has a role reads on.
    let south = empty_unit(&app, "Södra").await;
    let (first, second) = in_turn(
        &app,
        (&boss, async |act| {
            assignment::grant(act, &assigned(staff, Role::Therapist, Some(south))).await
        }),
        (&boss, async |act| unit::disconnect(act, south, None).await),
    )
    .await;
    let granted = first.unwrap();
    second.unwrap();
    assert_eq!(standing(&app, south).await, 1);

    // A role that is taken back while its unit is connected again, and disconnected.
    let (first, second) = in_turn(
        &app,
        (&boss, async |act| unit::reconnect(act, south).await),
        (&boss, async |act| assignment::revoke(act, granted).await),
    )
    .await;
    first.unwrap();
    second.unwrap();
    assert_eq!(standing(&app, south).await, 0);
    let mut act = app.store.act(&boss).await.unwrap();
    let again = assignment::grant(&mut act, &assigned(staff, Role::CitizenAdministrator, Some(south))).await;
    let again = again.unwrap();
    act.commit().await.unwrap();
    let (first, second) = in_turn(
        &app,
        (&boss, async |act| assignment::revoke(act, again).await),
        (&boss, async |act| unit::disconnect(act, south, None).await),
    )
    .await;
    first.unwrap();
    second.unwrap();
    assert_eq!(standing(&app, south).await, 0);
    assert!(app.store.directory().unit(south).unwrap().disconnected_at.is_some());
    app.stop().await;
}

async fn a_role_is_given_once_and_what_is_taken_back_stays_so(kind: Kind) {
    let app = started(kind).await;
    let boss = viewer(&app, BOSS);
    let (staff, here) = (app.care.other_therapist, Some(app.care.unit));
    let therapist = assigned(staff, Role::Therapist, here);
    let (first, second) = in_turn(
        &app,
        (&boss, async |act| assignment::grant(act, &therapist).await),
        (&boss, async |act| assignment::grant(act, &therapist).await),
    )
    .await;
    let granted = first.unwrap();
    assert_eq!(refusal(second), one("OVERLAP", "validFrom"));

    app.clock.advance(TimeDelta::hours(1));
    let change = ChangeAssignment {
        assignment_id: granted,
        valid_from: None,
        valid_until: Some(Some(morning() + TimeDelta::days(30))),
    };
    let (first, second) = in_turn(
        &app,
        (&boss, async |act| assignment::revoke(act, granted).await),
        (&boss, async |act| assignment::change(act, &change).await),
    )
    .await;
    first.unwrap();
    assert_eq!(refusal(second), one("ENDED", "assignmentId"));
    let row = record::Entity::find_by_id(granted).one(app.store.connection()).await;
    let row = row.unwrap().unwrap();
    assert_eq!(row.valid_until, Some(morning() + TimeDelta::hours(1)));
    app.stop().await;
}

async fn two_administrators_do_not_take_the_role_of_each_other(kind: Kind) {
    let app = started(kind).await;
    let boss = viewer(&app, BOSS);
    let mut act = app.store.act(&boss).await.unwrap();
    let second = assigned(app.care.other_therapist, Role::ProviderAdministrator, None);
    assignment::grant(&mut act, &second).await.unwrap();
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
    let rows = record::Entity::find()
        .filter(record::Column::UnitId.is_null())
        .all(app.store.connection())
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
    let of = |staff: Uuid| rows.iter().find(|row| row.staff_id == staff).unwrap().id;
    let other = viewer(&app, care::OTHER_THERAPIST);
    let (boss_id, other_id) = (boss.staff().unwrap(), other.staff().unwrap());
    app.clock.advance(TimeDelta::hours(1));
    let (first, second) = in_turn(
        &app,
        (&boss, async |act| assignment::revoke(act, of(other_id)).await),
        (&other, async |act| assignment::revoke(act, of(boss_id)).await),
    )
    .await;
    first.unwrap();
    assert_eq!(refusal(second), one("LAST_ADMINISTRATOR", "assignmentId"));
    app.stop().await;
}

both_databases!(
    a_name_is_given_once,
    of_a_crowd_one_connects_a_unit_of_a_name,
    a_subject_is_invited_once,
    nobody_is_given_a_role_at_a_unit_that_is_disconnected,
    a_role_is_given_once_and_what_is_taken_back_stays_so,
    two_administrators_do_not_take_the_role_of_each_other,
);
