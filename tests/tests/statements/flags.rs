//! Flags, reminders and the schedules of forms.

use entity::{action, viewer::Viewer};
use rules::facts::{Audience, Channel, Severity};
use serde_json::json;
use tests::{app::TestApp, both_databases, database::Kind};

use super::morning;

/// Any number of flags of a unit with all that belongs to them, counted.
const FLAGS: u64 = 14;
/// Any number of reminders that came to somebody of the staff, counted.
const INBOX: u64 = 8;
/// The schedules of the forms of any number of enrollments.
const SCHEDULES: u64 = 10;

async fn flags_and_reminders_take_as_many_for_fifty_as_for_five(kind: Kind) {
    const LISTS: [&str; 3] = [
        "query($id: ID!, $first: Int!) { unit(id: $id) { flags(first: $first) { totalCount nodes { title causeCount openings
            assignedTo { displayName } causes { note } history { note by { displayName } }
            enrollment { citizen { displayName } } } } } }",
        "query($first: Int!) { viewer { ... on StaffViewer { unreadReminderCount reminders(first: $first) { nodes {
            note readAt staff { displayName } enrollment { citizen { displayName } } } } } } }",
        "query($id: ID!, $first: Int!) { unit(id: $id) { enrollments(first: $first) { nodes {
            formSchedules { form { key } on nextAt reason } } } } }",
    ];
    let app = TestApp::start(kind, morning()).await;
    let therapist = app.therapist();
    let unit = api::graphql::id(api::graphql::Kind::Unit, app.care.unit);
    let acting = Viewer::new(app.store.directory().sign_in("therapist", None).unwrap(), "tests");
    let mut counts = Vec::new();
    for (people, shown) in [(0..5, 5), (5..60, 50)] {
        let mut enrollments = Vec::new();
        for n in people {
            enrollments.push(app.enroll(n).await);
        }
        app.work().await;
        for enrollment_id in enrollments {
            let mut act = app.store.act(&acting).await.unwrap();
            let raise = action::flag::Raise {
                enrollment_id,
                kind: "mood".to_owned(),
                severity: Severity::Warning,
                title: "Mood".to_owned(),
                note: Some("Se svar".to_owned()),
                audience: Audience::Staff,
                rule_key: None,
                occurrence: None,
                auto_resolve: false,
                cause: act.cause(),
            };
            let raised = action::flag::raise(&mut act, &[raise.clone(), raise]).await.unwrap();
            action::flag::acknowledge(&mut act, *raised[0].as_ref().unwrap(), Some("Ringer"))
                .await
                .unwrap();
            let remind = action::reminder::Plan {
                enrollment_id,
                template: "staff-attention".to_owned(),
                channels: vec![Channel::Inbox],
                audience: Audience::Staff,
                remind_at: None,
                dispatch_id: None,
                staff: vec![app.care.therapist],
                note: Some("Ring".to_owned()),
                firing_id: None,
                bypass_quiet_hours: true,
                cause: act.cause(),
            };
            action::reminder::plan(&mut act, &[remind])
                .await
                .unwrap()
                .remove(0)
                .unwrap();
            action::form_schedule::switch(&mut act, enrollment_id, "weekly-measure", false, "Resa")
                .await
                .unwrap();
            act.commit().await.unwrap();
        }
        let mut statements = Vec::new();
        for list in LISTS {
            let variables = json!({ "id": unit, "first": shown });
            // Content is read once per process.
            app.client.query(&therapist, list, variables.clone()).await.data();
            let before = app.store.statements();
            let data = app.client.query(&therapist, list, variables).await.data();
            statements.push(app.store.statements() - before);
            let lists = [
                &data["unit"]["flags"],
                &data["viewer"]["reminders"],
                &data["unit"]["enrollments"],
            ];
            let nodes = lists.iter().find_map(|list| list["nodes"].as_array()).unwrap();
            assert_eq!(nodes.len(), shown);
            assert!(nodes.iter().all(|node| {
                let has = |field: &str, many: usize| node[field].as_array().is_some_and(|rows| rows.len() == many);
                let is_flag = has("causes", 2) && has("history", 3) && node["causeCount"] == 2 && node["openings"] == 1;
                let is_schedule = has("formSchedules", 1) && node["formSchedules"][0]["reason"] == "Resa";
                is_flag || is_schedule || (has("staff", 1) && node["note"] == "Ring")
            }));
        }
        counts.push(statements);
    }
    assert_eq!(counts, [[FLAGS, INBOX, SCHEDULES], [FLAGS, INBOX, SCHEDULES]]);
    app.stop().await;
}

both_databases!(flags_and_reminders_take_as_many_for_fifty_as_for_five);
