//! What is read of programs and of lists of enrollments.

use chrono::TimeDelta;
use entity::access_log;
use rules::form::Form;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;
use tests::{app::TestApp, both_databases, care, contract, database::Kind, world::World};

use super::{Counting, crowd, morning, plan};

/// A worklist of any length: its rows with citizens, therapists, progress, results and flags, and one access-log insert.
const WORKLIST: u64 = 9;
/// A citizen's start page of any number of enrollments, likewise, and two for the activity plans.
const CITIZEN_HOME: u64 = 9;

async fn a_program_tree_is_read_once(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    let app = TestApp::start(kind, morning()).await;
    let therapist = app.therapist();
    let variables = json!({ "slug": care::PROGRAM, "locale": "sv" });
    let (first, _) = Counting(&app).ask(&therapist, "ProgramTree", variables.clone()).await;
    for locale in ["sv", "en"] {
        let variables = json!({ "slug": care::PROGRAM, "locale": locale });
        let (again, statements) = Counting(&app).ask(&therapist, "ProgramTree", variables).await;
        assert_eq!((&again["program"]["id"], statements), (&first["program"]["id"], 0));
    }
}

async fn a_worklist_takes_as_many_for_fifty_as_for_five(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    let app = TestApp::start(kind, morning()).await;
    let therapist = app.therapist();
    let unit = app.unit_id().await;
    let mut counts = Vec::new();
    for (people, shown) in [(0..5, 5), (5..60, 50)] {
        crowd(&app, people).await;
        // Content is read once per process.
        app.client
            .ask(&therapist, "Worklist", json!({ "unitId": unit, "first": 1 }))
            .await;
        let logged = access_log::Entity::find().count(app.store.connection()).await.unwrap();
        let (data, statements) = Counting(&app)
            .ask(&therapist, "Worklist", json!({ "unitId": unit, "first": shown }))
            .await;
        let nodes = data["unit"]["enrollments"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), shown);
        assert!(nodes.iter().all(|node| node["results"].as_array().unwrap().len() == 1));
        assert!(
            nodes
                .iter()
                .any(|node| node["flags"]["nodes"].as_array().unwrap().len() == 2)
        );
        let seen = access_log::Entity::find().count(app.store.connection()).await.unwrap() - logged;
        assert_eq!(seen, shown as u64, "each citizen who was shown is in the access log");
        counts.push(statements);
    }
    assert_eq!(counts, [WORKLIST, WORKLIST]);
}

/// Programs, so that one citizen can take part in several.
pub async fn programs(world: &World, numbers: std::ops::Range<u32>) {
    let text = json!({ "sv": "Ett program" });
    let form: Form = care::measure("weekly-measure", 9);
    for n in numbers {
        let step = json!({ "key": "read", "title": text, "blocks": [{ "text": text }, { "form": "weekly-measure" }] });
        let section = json!({ "key": "about", "title": text, "steps": [step] });
        let module = json!({ "key": "welcome", "title": text, "opens": "START", "sections": [section] });
        let program = json!({ "slug": format!("program-{n}"), "kind": "SUPPORT", "version": "1.0", "title": text,
            "summary": text, "forms": ["weekly-measure"], "modules": [module] });
        care::import(&world.store, program, std::slice::from_ref(&form)).await;
    }
}

async fn a_start_page_takes_as_many_for_ten_as_for_five(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    let world = World::without_program(kind, morning()).await;
    programs(&world, 0..10).await;
    let app = TestApp::over(world).await;
    let mut counts = Vec::new();
    for (programs, enrolled) in [(0..5, 5), (5..10, 10)] {
        for n in programs {
            let program = format!("program-{n}");
            let care = &app.care;
            let enrollment = care::enroll_in(&app.store, &program, care.unit, care.therapist, 1, None).await;
            care::dispatch(&app.store, enrollment, "weekly-measure").await;
            plan(&app, enrollment).await;
        }
        let now = app.clock.now();
        let variables = json!({ "now": now, "until": now + TimeDelta::days(7) });
        // Content is read once per process, and being here is noted once.
        app.client.ask(&app.citizen(1), "CitizenHome", variables.clone()).await;
        let (data, statements) = Counting(&app).ask(&app.citizen(1), "CitizenHome", variables).await;
        let nodes = data["viewer"]["citizen"]["enrollments"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), enrolled);
        assert!(
            nodes
                .iter()
                .all(|node| node["dispatches"]["nodes"].as_array().unwrap().len() == 1
                    && node["activities"].as_array().unwrap().len() == 7)
        );
        counts.push(statements);
    }
    assert_eq!(counts, [CITIZEN_HOME, CITIZEN_HOME]);
}
/// The histories of any number of enrollments: the list, states, ends and transfers, and one access-log insert.
const HISTORIES: u64 = 5;

async fn histories_take_as_many_for_fifty_as_for_five(kind: Kind) {
    const LIST: &str = "query($first: Int!) { viewer { ... on StaffViewer { unit { enrollments(first: $first) { nodes {
        resumesAt readableUntil statusHistory { at status reason actor by { displayName } }
        endHistory { endsAt reason by { displayName } } transfers { at } } } } } } }";
    let app = TestApp::start(kind, morning()).await;
    let therapist = app.therapist();
    let mut counts = Vec::new();
    for (people, shown) in [(0..5, 5), (5..60, 50)] {
        for n in people {
            let enrollment = app.enroll(n).await;
            care::change_status(&app.store, enrollment, rules::facts::Status::Paused, None).await;
        }
        // Content is read once per process.
        app.client.query(&therapist, LIST, json!({ "first": 1 })).await.data();
        let before = app.store.statements();
        let data = app
            .client
            .query(&therapist, LIST, json!({ "first": shown }))
            .await
            .data();
        counts.push(app.store.statements() - before);
        let nodes = data["viewer"]["unit"]["enrollments"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), shown);
        assert!(
            nodes
                .iter()
                .all(|node| node["statusHistory"].as_array().unwrap().len() == 2
                    && node["endHistory"].as_array().unwrap().len() == 1)
        );
    }
    assert_eq!(counts, [HISTORIES, HISTORIES]);
}

both_databases!(
    histories_take_as_many_for_fifty_as_for_five,
    a_program_tree_is_read_once,
    a_worklist_takes_as_many_for_fifty_as_for_five,
    a_start_page_takes_as_many_for_ten_as_for_five,
);
