//! Activity plans, what was registered and measured, and planning views.

use chrono::TimeDelta;
use entity::{
    action::{self, activity::changing::Move},
    viewer::Viewer,
};
use serde_json::json;
use tests::{app::TestApp, both_databases, care, contract, database::Kind, world::World};
use uuid::Uuid;

use super::{measure, morning, plan, register, write};

/// Any number of threads and activity plans: the list, messages and their enrollments, plans, days and what was registered of
/// them, and one access-log insert.
const TOGETHER: u64 = 7;
/// Any number of exceptions from activity plans, and of measurements: the list, plans, exceptions, series, and one access-log
/// insert.
const EXCEPTIONS_AND_SERIES: u64 = 5;
/// A planning view of however much.
const TIMELINE: u64 = 43;

async fn threads_and_plans_take_as_many_for_fifty_as_for_five(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    const LIST: &str = "query($unitId: ID!, $first: Int!, $from: DateTime!, $to: DateTime!) { unit(id: $unitId) {
        enrollments(first: $first) { nodes {
            messages(first: 5) { nodes { body from staff { displayName } enrollment { id } } }
            activityPlan { title }
            activities(from: $from, to: $to) { title activity { title } entry { note } } } } } }";
    let app = TestApp::start(kind, morning()).await;
    let (therapist, unit) = (app.therapist(), app.unit_id().await);
    let mut counts = Vec::new();
    for (people, shown) in [(0..5, 5), (5..60, 50)] {
        for n in people {
            let enrollment_id = app.enroll(n).await;
            let activity_id = plan(&app, enrollment_id).await;
            register(&app, activity_id, 0..1).await;
            write(&app, enrollment_id, 2).await;
        }
        let now = app.clock.now();
        let variables = json!({ "unitId": unit, "first": shown, "from": now, "to": now + TimeDelta::days(2) });
        let before = app.store.statements();
        let data = app.client.query(&therapist, LIST, variables).await.data();
        counts.push(app.store.statements() - before);
        let nodes = data["unit"]["enrollments"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), shown);
        for node in nodes {
            assert_eq!(node["messages"]["nodes"].as_array().unwrap().len(), 2);
            assert_eq!(node["activities"].as_array().unwrap().len(), 2);
            assert_eq!(node["activities"][0]["entry"]["note"], "Skönt");
        }
    }
    assert_eq!(counts, [TOGETHER, TOGETHER]);
}

/// Moves the day of an activity that is today to tomorrow.
async fn shift(app: &TestApp, activity_id: Uuid) {
    let today = app.clock.now().date_naive();
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let shift = Move {
        activity_id,
        occurrence: today,
        to: today.succ_opt().unwrap(),
        time: None,
        reason: None,
    };
    action::activity::changing::shift(&mut act, &shift).await.unwrap();
    act.commit().await.unwrap();
}

/// A program in which weights are measured.
async fn measuring(kind: Kind) -> TestApp {
    let world = World::new(kind, morning()).await;
    care::import_changed(&world.store, |program| {
        program["measurements"] = json!([{ "key": "weight", "title": { "sv": "Vikt" },
            "unit": { "code": "kg", "label": { "sv": "kg" } }, "min": 20, "max": 300, "decimals": 1 }]);
    })
    .await;
    TestApp::over(world).await
}

async fn exceptions_and_measurements_take_as_many_for_fifty_as_for_five(kind: Kind) {
    const LIST: &str = "query($unitId: ID!, $first: Int!, $from: DateTime!, $to: DateTime!) { unit(id: $unitId) {
        enrollments(first: $first) { nodes {
            activityPlan { exceptions { movedTo } }
            measurementSeries(kind: \"weight\", from: $from, to: $to) { points { value } } } } } }";
    let app = measuring(kind).await;
    let (therapist, unit) = (app.therapist(), app.unit_id().await);
    let mut counts = Vec::new();
    for (people, shown) in [(0..5, 5), (5..60, 50)] {
        for n in people {
            let enrollment_id = app.enroll(n).await;
            let activity_id = plan(&app, enrollment_id).await;
            shift(&app, activity_id).await;
            measure(&app, enrollment_id, 2).await;
        }
        let now = app.clock.now();
        let variables =
            json!({ "unitId": unit, "first": shown, "from": now - TimeDelta::days(2), "to": now + TimeDelta::days(2) });
        let before = app.store.statements();
        let data = app.client.query(&therapist, LIST, variables).await.data();
        counts.push(app.store.statements() - before);
        let nodes = data["unit"]["enrollments"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), shown);
        for node in nodes {
            assert_eq!(node["activityPlan"][0]["exceptions"].as_array().unwrap().len(), 1);
            assert_eq!(node["measurementSeries"]["points"].as_array().unwrap().len(), 2);
        }
    }
    assert_eq!(counts, [EXCEPTIONS_AND_SERIES, EXCEPTIONS_AND_SERIES]);
}

async fn a_planning_view_takes_as_many_for_fifty_entries_as_for_five(kind: Kind) {
    const VIEW: &str = "query($unitId: ID!, $first: Int!, $from: DateTime!, $to: DateTime!) { unit(id: $unitId) {
        enrollments(first: $first) { nodes {
            timeline(from: $from, to: $to) { kind title subject { __typename ... on Node { id } } } } } } }";
    let app = measuring(kind).await;
    let (therapist, unit) = (app.therapist(), app.unit_id().await);
    let mut counts = Vec::new();
    for (entries, people) in [(5, 0..1), (50, 1..3)] {
        for n in people {
            let enrollment_id = app.enroll(n).await;
            plan(&app, enrollment_id).await;
            write(&app, enrollment_id, entries).await;
            measure(&app, enrollment_id, i64::try_from(entries).unwrap()).await;
        }
        app.work().await;
        let now = app.clock.now();
        let variables =
            json!({ "unitId": unit, "first": 3, "from": now - TimeDelta::days(2), "to": now + TimeDelta::days(20) });
        // Content is read once per process.
        app.client.query(&therapist, VIEW, variables.clone()).await.data();
        let before = app.store.statements();
        let data = app.client.query(&therapist, VIEW, variables).await.data();
        counts.push(app.store.statements() - before);
        let nodes = data["unit"]["enrollments"]["nodes"].as_array().unwrap();
        assert!(
            nodes
                .iter()
                .any(|node| node["timeline"].as_array().unwrap().len() > 2 * entries)
        );
    }
    assert_eq!(counts, [TIMELINE, TIMELINE]);
}

both_databases!(
    threads_and_plans_take_as_many_for_fifty_as_for_five,
    exceptions_and_measurements_take_as_many_for_fifty_as_for_five,
    a_planning_view_takes_as_many_for_fifty_entries_as_for_five,
);
