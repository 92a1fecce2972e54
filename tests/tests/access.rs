//! Who sees what, and what is written down about it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::{DateTime, Utc};
use entity::{access_log, access_log::AccessAction, action, viewer::Viewer};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, refused, text, weekly_measure},
    contract,
    database::Kind,
};

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// Two citizens at the unit, both sent the first measure; the first has a flag. Gives the enrollment of each.
async fn started(kind: Kind) -> Option<(TestApp, [String; 2])> {
    contract::operations()?;
    let app = TestApp::start(kind, morning()).await;
    for n in [1, 2] {
        app.enroll(n).await;
    }
    app.work().await;
    let ids = [app.enrollment_of(1).await, app.enrollment_of(2).await];
    Some((app, ids))
}

async fn flag(app: &TestApp, enrollment: &str) -> String {
    let input =
        json!({ "enrollmentId": enrollment, "kind": "call", "severity": "INFO", "title": "Call", "audience": "STAFF" });
    text(&done(&app.client.input(&app.therapist(), "RaiseFlag", input).await)["flag"]["id"])
}

async fn a_citizen_sees_nobody_else(kind: Kind) {
    let Some((app, [one, two])) = started(kind).await else {
        return;
    };
    let dispatch = text(&app.home(1).await["dispatches"]["nodes"][0]["id"]);
    let flag = flag(&app, &one).await;
    let other = app.citizen(2);
    assert_eq!(
        app.client.ask(&other, "TakePart", json!({ "enrollmentId": one })).await["enrollment"],
        Value::Null
    );
    assert_eq!(
        app.client
            .ask(&other, "FormToFill", json!({ "dispatchId": dispatch }))
            .await["dispatch"],
        Value::Null
    );
    let variables = json!({ "enrollmentId": one, "form": "weekly-measure", "scale": "total" });
    assert_eq!(
        app.client.ask(&other, "EnrollmentResults", variables).await["enrollment"],
        Value::Null
    );

    let answers = weekly_measure(["no"; 9]);
    let step = app.client.ask(&other, "TakePart", json!({ "enrollmentId": two })).await["enrollment"]["modules"][0]["sections"][0]["steps"][0]
        ["id"]
        .clone();
    for (operation, input, path) in [
        (
            "SubmitResponse",
            json!({ "dispatchId": dispatch, "answers": answers }),
            "dispatchId",
        ),
        (
            "SaveDraft",
            json!({ "dispatchId": dispatch, "answers": answers }),
            "dispatchId",
        ),
        ("CompleteStep", json!({ "enrollmentId": one, "stepId": step }), ""),
        (
            "OpenForm",
            json!({ "enrollmentId": one, "stepId": step, "formKey": "diary" }),
            "",
        ),
        ("AcknowledgeFlag", json!({ "flagId": flag, "note": null }), "flagId"),
        ("ResolveFlag", json!({ "flagId": flag, "note": null }), "flagId"),
        (
            "RemindCitizen",
            json!({ "enrollmentId": one, "template": "come-back", "channels": ["EMAIL"] }),
            "enrollmentId",
        ),
        (
            "ChangeVisibility",
            json!({ "enrollmentId": one, "moduleKey": "welcome", "visible": false }),
            "enrollmentId",
        ),
        (
            "DispatchForm",
            json!({ "enrollmentId": one, "formKey": "diary" }),
            "enrollmentId",
        ),
    ] {
        let refusals = refused(&app.client.input(&other, operation, input).await);
        assert_eq!(refusals[0].0, "NOT_FOUND", "{operation}");
        assert!(path.is_empty() || refusals[0].1 == path, "{operation}: {refusals:?}");
    }
    // And their own enrollment is not theirs to steer.
    let input = json!({ "enrollmentId": two, "kind": "x", "severity": "INFO", "title": "x", "audience": "STAFF" });
    assert!(!refused(&app.client.input(&other, "RaiseFlag", input).await).is_empty());
    assert_eq!(
        text(&app.home(1).await["dispatches"]["nodes"][0]["status"]),
        "AVAILABLE",
        "nothing was changed"
    );
}

async fn another_unit_sees_nothing(kind: Kind) {
    let Some((app, [one, _])) = started(kind).await else {
        return;
    };
    let unit = app.unit_id().await;
    let flag = flag(&app, &one).await;
    let other = app.staff(care::OTHER_THERAPIST);
    assert_eq!(
        app.client.ask(&other, "TakePart", json!({ "enrollmentId": one })).await["enrollment"],
        Value::Null
    );
    let worklist = app
        .client
        .ask(&other, "Worklist", json!({ "unitId": unit, "first": 10 }))
        .await;
    assert!(
        worklist["unit"].is_null() || worklist["unit"]["enrollments"]["nodes"] == json!([]),
        "{worklist}"
    );
    for (operation, input) in [
        ("ResolveFlag", json!({ "flagId": flag, "note": null })),
        (
            "RemindCitizen",
            json!({ "enrollmentId": one, "template": "come-back", "channels": ["EMAIL"] }),
        ),
        (
            "RaiseFlag",
            json!({ "enrollmentId": one, "kind": "x", "severity": "INFO", "title": "x", "audience": "STAFF" }),
        ),
    ] {
        assert_eq!(
            refused(&app.client.input(&other, operation, input).await)[0].0,
            "NOT_FOUND",
            "{operation}"
        );
    }
}

async fn only_those_who_treat_see_health(kind: Kind) {
    let Some((app, [one, _])) = started(kind).await else {
        return;
    };
    flag(&app, &one).await;
    let unit = app.unit_id().await;
    let variables = json!({ "unitId": unit, "first": 10 });
    // Who starts enrollments sees who takes part, and nothing of how they are.
    let nodes = app
        .client
        .ask(&app.staff("citizen-administrator"), "Worklist", variables.clone())
        .await["unit"]["enrollments"]["nodes"]
        .clone();
    assert_eq!(nodes.as_array().unwrap().len(), 2);
    for node in nodes.as_array().unwrap() {
        assert!(!node["citizen"]["displayName"].as_str().unwrap().is_empty());
        assert_eq!((&node["flags"]["nodes"], &node["results"]), (&json!([]), &json!([])));
    }
    // The others see no citizen at all.
    for subject in [
        "unit-administrator",
        "provider-administrator",
        "designer",
        "publisher",
        "auditor",
    ] {
        let answer = app.client.ask(&app.staff(subject), "Worklist", variables.clone()).await;
        let nodes = &answer["unit"]["enrollments"]["nodes"];
        assert!(nodes.is_null() || *nodes == json!([]), "{subject}: {answer}");
        assert_eq!(
            app.client
                .ask(&app.staff(subject), "TakePart", json!({ "enrollmentId": one }))
                .await["enrollment"],
            Value::Null
        );
    }
}

async fn reading_and_changing_is_written_down(kind: Kind) {
    let Some((app, [one, _])) = started(kind).await else {
        return;
    };
    let of = async |operation: &str| {
        let rows = access_log::Entity::find().filter(access_log::Column::Operation.eq(operation));
        rows.all(app.store.connection()).await.unwrap()
    };
    let unit = app.unit_id().await;
    app.client
        .ask(&app.therapist(), "Worklist", json!({ "unitId": unit, "first": 10 }))
        .await;
    let read = of("Worklist").await;
    assert_eq!(read.len(), 2, "{read:?}");
    for row in &read {
        assert_eq!(
            (row.unit_id, row.action.0, row.at),
            (Some(app.care.unit), AccessAction::Read, morning())
        );
        assert_eq!(row.viewer, format!("STAFF:{}", app.care.therapist));
    }
    assert_ne!(read[0].citizen_id, read[1].citizen_id);

    flag(&app, &one).await;
    let changed = of("RaiseFlag").await;
    assert!(
        changed.iter().any(|row| row.action.0 == AccessAction::Change),
        "{changed:?}"
    );
    assert!(
        changed.iter().all(|row| row.citizen_id == changed[0].citizen_id),
        "{changed:?}"
    );

    // Content is nobody's data.
    app.client
        .ask(&app.therapist(), "ProgramTree", json!({ "slug": care::PROGRAM }))
        .await;
    assert_eq!(of("ProgramTree").await, []);
}

async fn a_block_hides(kind: Kind) {
    let Some((app, [one, two])) = started(kind).await else {
        return;
    };
    let unit = app.unit_id().await;
    let citizen = entity::citizen::by_subject(&app.store, &care::citizen_subject(1))
        .await
        .unwrap()
        .unwrap();
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let block = action::access_block::set(&mut act, citizen, app.care.unit)
        .await
        .unwrap();
    act.commit().await.unwrap();

    let therapist = app.therapist();
    assert_eq!(
        app.client
            .ask(&therapist, "TakePart", json!({ "enrollmentId": one }))
            .await["enrollment"],
        Value::Null
    );
    let seen = async || {
        let data = app
            .client
            .ask(&therapist, "Worklist", json!({ "unitId": unit, "first": 10 }))
            .await;
        let nodes = data["unit"]["enrollments"]["nodes"].as_array().unwrap();
        nodes.iter().map(|node| text(&node["id"])).collect::<Vec<_>>()
    };
    assert_eq!(seen().await, [two]);
    assert_eq!(app.home(1).await["id"], one.as_str(), "the citizen goes on");

    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    action::access_block::lift(&mut act, block).await.unwrap();
    act.commit().await.unwrap();
    assert_eq!(seen().await.len(), 2);
}

async fn nobody_listens_to_another_unit(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let unit = app.unit_id().await;
    for token in [app.staff(care::OTHER_THERAPIST), app.staff("designer"), app.citizen(1)] {
        let mut socket = app.client.socket(&token).await;
        socket
            .subscribe("1", tests::client::document("UnitActivity"), &json!({ "unitId": unit }))
            .await;
        let received = socket.receive().await;
        let tests::socket::Received::Message(message) = received else {
            panic!("{received:?}")
        };
        let errors = if message["type"] == "error" {
            &message["payload"]
        } else {
            &message["payload"]["errors"]
        };
        assert_eq!(errors[0]["extensions"]["code"], "NOT_FOUND", "{message}");
    }
}

both_databases!(
    a_citizen_sees_nobody_else,
    another_unit_sees_nothing,
    only_those_who_treat_see_health,
    reading_and_changing_is_written_down,
    a_block_hides,
    nobody_listens_to_another_unit,
);
