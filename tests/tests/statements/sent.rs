//! What was sent and changed in enrollments: reminders with what left of them, rungs of escalations, and the histories of forms and
//! of their schedules.

use chrono::TimeDelta;
use entity::{
    action::{self, reminder::Plan},
    viewer::Viewer,
};
use rules::facts::{Audience, Channel};
use serde_json::{Value, json};
use tests::{app::TestApp, both_databases, care, client::done, database::Kind, world::World};
use uuid::Uuid;

use super::morning;

/// A list of the enrollments of a unit.
struct List {
    /// What is asked of each.
    fields: &'static str,
    /// Whether an enrollment tells all that belongs to it.
    is_whole: fn(&Value) -> bool,
}

const LISTS: [List; 4] = [
    List {
        fields: "reminders(first: 6) { nodes { note by { displayName } deliveries { status staff { displayName } } } }",
        is_whole: |row| {
            let reminders = row["reminders"]["nodes"].as_array().unwrap();
            let left = |reminder: &&Value| {
                let channels = reminder["deliveries"].as_array().unwrap();
                channels.iter().filter(|delivery| delivery["status"] == "SENT").count() == 2
            };
            reminders.iter().filter(left).count() == 2
        },
    },
    List {
        fields: "flags(first: 2) { nodes { escalations { rung sentAt deliveries { status staff { displayName } } } } }",
        is_whole: |row| {
            let rungs = row["flags"]["nodes"][0]["escalations"].as_array().unwrap();
            rungs.len() == 2 && rungs[0]["deliveries"][0]["status"] == "SENT" && rungs[1]["deliveries"] == json!([])
        },
    },
    List {
        fields: "dispatches(first: 5, status: [CANCELLED]) { nodes { changes { at status reason by { displayName } } } }",
        is_whole: |row| {
            let changes = row["dispatches"]["nodes"][0]["changes"].as_array().unwrap();
            reasons(changes) == ["Behövs inte", "Längre tid"]
        },
    },
    List {
        fields: "formSchedules { form { key } changes { on reason by { displayName } } rules { key scope } }",
        is_whole: |row| {
            let schedule = &row["formSchedules"][0];
            let rules = schedule["rules"].as_array().unwrap();
            reasons(schedule["changes"].as_array().unwrap()) == ["Hemma igen", "Resa"] && rules.len() == 2
        },
    },
];

/// Why somebody changed something, by the alphabet: they do it at one instant here.
fn reasons(changes: &[Value]) -> Vec<&str> {
    let mut reasons: Vec<&str> = changes.iter().filter_map(|change| change["reason"].as_str()).collect();
    reasons.sort_unstable();
    reasons
}

/// The program, with a flag at the start of which one after the other is told.
async fn escalating(kind: Kind) -> TestApp {
    let world = World::new(kind, morning()).await;
    let rung = |key: &str, after: &str, to: &str| json!({ "key": key, "after": after, "to": to, "template": "staff-escalation" });
    let flag = json!({ "kind": "new", "severity": "URGENT", "title": "Ring", "audience": "STAFF" });
    let rungs = [
        rung("therapists", "PT0S", "THERAPISTS"),
        rung("unit", "PT30M", "UNIT_STAFF"),
    ];
    let rule = json!({ "trigger": { "event": { "enrollmentStarted": {} } },
        "actions": [{ "raiseFlag": flag }, { "escalate": { "kind": "new", "rungs": rungs } }] });
    care::save_rule(&world.store, "call-the-new", rule).await;
    TestApp::over(world).await
}

/// The therapist reminds the citizen twice, moves a form and takes it back, and switches the schedule of another off and on.
async fn handle(app: &TestApp, therapist: &Viewer, enrollment_id: Uuid) {
    let dispatch_id = care::dispatch(&app.store, enrollment_id, "worry-measure").await;
    let mut act = app.store.act(therapist).await.unwrap();
    let remind = Plan {
        enrollment_id,
        template: "general".to_owned(),
        channels: vec![Channel::Inbox, Channel::Email],
        audience: Audience::Citizen,
        remind_at: None,
        dispatch_id: None,
        staff: Vec::new(),
        note: Some("Ta med dagboken".to_owned()),
        firing_id: None,
        bypass_quiet_hours: false,
        cause: act.cause(),
    };
    for outcome in action::reminder::plan(&mut act, &[remind.clone(), remind])
        .await
        .unwrap()
    {
        outcome.unwrap();
    }
    for (on, reason) in [(false, "Resa"), (true, "Hemma igen")] {
        action::form_schedule::switch(&mut act, enrollment_id, "weekly-measure", on, reason)
            .await
            .unwrap();
    }
    act.commit().await.unwrap();

    let dispatch = api::graphql::id(api::graphql::Kind::Dispatch, dispatch_id).to_string();
    let longer = app.clock.now() + TimeDelta::days(9);
    let input = json!({ "dispatchId": dispatch, "expiresAt": longer, "reason": "Längre tid" });
    let token = app.therapist();
    done(
        &app.client
            .mutate(&token, "moveDispatch", input, "dispatch { id }")
            .await,
    );
    let input = json!({ "dispatchId": dispatch, "reason": "Behövs inte" });
    done(
        &app.client
            .mutate(&token, "cancelDispatch", input, "dispatch { id }")
            .await,
    );
}

async fn what_was_sent_and_changed_takes_as_many_for_fifty_as_for_five(kind: Kind) {
    let app = escalating(kind).await;
    let (therapist, unit) = (app.therapist(), app.unit_id().await);
    let acting = Viewer::new(app.store.directory().sign_in("therapist", None).unwrap(), "tests");
    let mut counts = Vec::new();
    for (people, shown) in [(0..5, 5), (5..50, 50)] {
        let mut enrollments = Vec::new();
        for n in people {
            enrollments.push(app.enroll(n).await);
        }
        app.work().await;
        for enrollment in enrollments {
            handle(&app, &acting, enrollment).await;
        }
        app.work().await;
        let mut statements = Vec::new();
        for list in &LISTS {
            let query = format!(
                "query($id: ID!, $first: Int!) {{ unit(id: $id) {{ enrollments(first: $first) {{ nodes {{ {} }} }} }} }}",
                list.fields
            );
            let variables = json!({ "id": unit, "first": shown });
            // Content is read once per process.
            app.client.query(&therapist, &query, variables.clone()).await.data();
            let before = app.store.statements();
            let data = app.client.query(&therapist, &query, variables).await.data();
            statements.push(app.store.statements() - before);
            let nodes = data["unit"]["enrollments"]["nodes"].as_array().unwrap();
            assert_eq!(nodes.len(), shown);
            assert!(nodes.iter().all(list.is_whole), "{}", nodes[0]);
        }
        counts.push(statements);
    }
    assert_eq!(counts[0], counts[1]);
    println!("what was sent and changed: {counts:?} statements");
    app.stop().await;
}

both_databases!(what_was_sent_and_changed_takes_as_many_for_fifty_as_for_five);
