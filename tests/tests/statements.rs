//! How many SQL statements the reads of the contract take, of however many rows there are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    access_log,
    action::{
        self,
        activity::{Plan, Register},
        message::Send,
    },
    viewer::Viewer,
};
use rules::form::Form;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, text, weekly_measure},
    contract,
    database::Kind,
    world::World,
};
use uuid::Uuid;

/// A worklist of any length: its rows with citizens, therapists, progress, results and flags, and one access-log insert.
const WORKLIST: u64 = 9;
/// A citizen's start page of any number of enrollments, likewise, and two for the activity plans.
const CITIZEN_HOME: u64 = 9;
/// Any number of threads and activity plans: the list, messages and their enrollments, plans, days and what was registered of
/// them, and one access-log insert.
const TOGETHER: u64 = 7;

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

impl Counting<'_> {
    /// Sends an operation of the contract; gives its data and how many statements it took.
    async fn ask(&self, token: &str, operation: &str, variables: Value) -> (Value, u64) {
        let before = self.0.store.statements();
        let data = self.0.client.ask(token, operation, variables).await;
        let statements = self.0.store.statements() - before;
        println!("{operation}: {statements} statements");
        (data, statements)
    }
}

struct Counting<'a>(&'a TestApp);

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

/// Everybody has answered and has flags, some more than one.
async fn crowd(app: &TestApp, people: std::ops::Range<u32>) {
    for n in people.clone() {
        app.enroll(n).await;
    }
    app.work().await;
    for n in people {
        let dispatch = text(&app.home(n).await["dispatches"]["nodes"][0]["id"]);
        let options = if n % 3 == 0 { ["most"; 9] } else { ["some"; 9] };
        let input = json!({ "dispatchId": dispatch, "answers": weekly_measure(options) });
        done(&app.client.input(&app.citizen(n), "SubmitResponse", input).await);
    }
    app.work().await;
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

/// Ten programs, so that one citizen can take part in all of them.
async fn programs(world: &World) {
    let text = json!({ "sv": "Ett program" });
    let form: Form = care::measure("weekly-measure", 9);
    for n in 0..10 {
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
    programs(&world).await;
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

/// Something to do every day from today on.
async fn plan(app: &TestApp, enrollment_id: Uuid) -> Uuid {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let plan = Plan {
        enrollment_id,
        title: "Promenad".to_owned(),
        starts_on: app.clock.now().date_naive(),
        time: Some("17:30".parse().unwrap()),
        duration: None,
        repeat: Some("FREQ=DAILY".to_owned()),
    };
    let id = action::activity::plan(&mut act, &plan).await.unwrap();
    act.commit().await.unwrap();
    id
}

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
            let mut act = app.store.act(&Viewer::system()).await.unwrap();
            let register = Register {
                activity_id,
                occurrence: app.clock.now().date_naive(),
                done: true,
                note: Some("Skönt".to_owned()),
                rating: None,
            };
            action::activity::register(&mut act, &register).await.unwrap();
            let send = Send {
                enrollment_id,
                body: "Hej".to_owned(),
                firing_id: None,
                cause: act.cause(),
            };
            let sent = action::message::send(&mut act, &[send.clone(), send]).await.unwrap();
            assert!(sent.iter().all(Result::is_ok));
            act.commit().await.unwrap();
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

both_databases!(
    threads_and_plans_take_as_many_for_fifty_as_for_five,
    a_program_tree_is_read_once,
    a_worklist_takes_as_many_for_fifty_as_for_five,
    a_start_page_takes_as_many_for_ten_as_for_five,
);
