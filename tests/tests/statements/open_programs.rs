//! The programs that citizens start by themselves, and the units to which an enrollment can go.

use entity::{
    action::{self, assignment::NewAssignment, care::NewUnit},
    assignment::Role,
    viewer::Viewer,
};
use serde_json::json;
use tests::{app::TestApp, both_databases, care, database::Kind, world::World};

use super::{enrollments::programs, morning};

/// Any number of programs that are open; what they hold is in memory.
const OPEN_PROGRAMS: u64 = 1;
/// Any number of units and those who treat there: all of it is in memory.
const SIBLINGS: u64 = 0;

async fn open_programs_take_as_many_for_fifty_as_for_five(kind: Kind) {
    const LIST: &str = "query($first: Int!) { openPrograms(first: $first) { nodes {
        openedAt program { slug title summary } unit { name phone } } } }";
    let world = World::without_program(kind, morning()).await;
    programs(&world, 0..50).await;
    let app = TestApp::over(world).await;
    care::enroll_in(&app.store, "program-0", app.care.unit, app.care.therapist, 1, None).await;
    let mut counts = Vec::new();
    for (opened, shown) in [(0..5, 5), (5..50, 50)] {
        let mut act = app.store.act(&Viewer::system()).await.unwrap();
        for n in opened {
            let program = format!("program-{n}");
            action::open_program::open(&mut act, &program, app.care.unit, false)
                .await
                .unwrap();
        }
        act.commit().await.unwrap();
        let variables = json!({ "first": shown });
        // Content is read once per process.
        app.client.query(&app.citizen(1), LIST, variables.clone()).await.data();
        let before = app.store.statements();
        let data = app.client.query(&app.citizen(1), LIST, variables).await.data();
        counts.push(app.store.statements() - before);
        let nodes = data["openPrograms"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), shown);
        assert!(nodes.iter().all(|node| node["program"]["title"] == "Ett program"));
    }
    assert_eq!(counts, [OPEN_PROGRAMS, OPEN_PROGRAMS]);
    app.stop().await;
}

/// Connects so many more units, at each of which somebody treats.
async fn connect(app: &TestApp, units: usize) {
    let provider_id = app.store.directory().unit(app.care.unit).unwrap().provider_id;
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    for n in 0..units {
        let unit = NewUnit {
            provider_id,
            name: format!("Mottagning {units}/{n}"),
            phone: None,
            opening_hours: serde_json::from_value(json!({ "sv": "Vardagar" })).unwrap(),
            zone: None,
        };
        let unit_id = Some(action::care::create_unit(&mut act, unit).await.unwrap());
        let assignment = NewAssignment {
            staff_id: app.care.other_therapist,
            unit_id,
            role: Role::Therapist,
            valid_from: None,
            valid_until: None,
        };
        action::assignment::grant(&mut act, &assignment).await.unwrap();
    }
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
}

async fn siblings_take_as_many_for_fifty_as_for_five(kind: Kind) {
    const LIST: &str =
        "{ viewer { ... on StaffViewer { unit { siblingUnits { name therapists { displayName } } } } } }";
    let app = TestApp::start(kind, morning()).await;
    let mut counts = Vec::new();
    // There is one already.
    for (more, shown) in [(4, 5), (45, 50)] {
        connect(&app, more).await;
        let before = app.store.statements();
        let data = app.client.query(&app.therapist(), LIST, json!({})).await.data();
        counts.push(app.store.statements() - before);
        let units = data["viewer"]["unit"]["siblingUnits"].as_array().unwrap();
        assert_eq!(units.len(), shown);
        let therapists = json!([{ "displayName": format!("Person {}", care::OTHER_THERAPIST) }]);
        assert!(units.iter().all(|unit| unit["therapists"] == therapists));
    }
    assert_eq!(counts, [SIBLINGS, SIBLINGS]);
    app.stop().await;
}

both_databases!(
    open_programs_take_as_many_for_fifty_as_for_five,
    siblings_take_as_many_for_fifty_as_for_five,
);
