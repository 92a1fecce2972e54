//! What belongs to threads, and messages to all.

use entity::{
    action::{
        self,
        message::{SaveTemplate, Send, ToAll},
    },
    viewer::{Viewer, Who},
};
use sea_orm::EntityTrait;
use serde_json::json;
use tests::{app::TestApp, both_databases, contract, database::Kind};

use super::morning;

/// Everything around threads, as staff see it: the list, messages, their files and enrollments, drafts, hand-overs, promises, and
/// one access-log insert.
const THREADS: u64 = 7;
/// What a unit wrote to all, and its templates: one statement each.
const UNIT_MESSAGES: u64 = 2;

async fn threads_take_as_many_for_fifty_as_for_five(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    const LIST: &str = "query($unitId: ID!, $first: Int!) { unit(id: $unitId) { enrollments(first: $first) { nodes {
        answerBefore messageDraft { body } messagesHandledBy { displayName } messageHandOvers { note by { displayName } }
        messages(first: 5) { nodes { body readBy { displayName } toAll answerBefore attachments { name url } } } } } } }";
    let app = TestApp::start(kind, morning()).await;
    let (therapist, unit) = (app.therapist(), app.unit_id().await);
    let treating = Viewer::new(app.store.directory().sign_in("therapist", None).unwrap(), "test");
    let files = app.config.files();
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    action::message::set_promise(&mut act, app.care.unit, Some(2))
        .await
        .unwrap();
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
    let mut counts = Vec::new();
    for (people, shown) in [(0..5, 5), (5..60, 50)] {
        for n in people {
            let enrollment_id = app.enroll(n).await;
            let file = action::attachment::upload(&app.store, &files, &treating, "a.txt", b"Hej")
                .await
                .unwrap();
            let citizen = entity::enrollment::Entity::find_by_id(enrollment_id);
            let citizen = citizen.one(app.store.connection()).await.unwrap().unwrap().citizen_id;
            let citizen = Viewer::new(Who::Citizen { id: citizen }, "test");
            for (viewer, attachments) in [(&treating, vec![file]), (&citizen, Vec::new())] {
                let mut act = app.store.act(viewer).await.unwrap();
                let send = Send {
                    enrollment_id,
                    body: "Hej".to_owned(),
                    attachments,
                    firing_id: None,
                    unit_message_id: None,
                    cause: act.cause(),
                };
                action::message::send(&mut act, &[send])
                    .await
                    .unwrap()
                    .remove(0)
                    .unwrap();
                act.commit().await.unwrap();
            }
            let mut act = app.store.act(&treating).await.unwrap();
            action::message::save_draft(&mut act, enrollment_id, "Jag")
                .await
                .unwrap();
            let to = Some(app.care.therapist);
            action::message::hand_over(&mut act, enrollment_id, to, Some("Mina"))
                .await
                .unwrap();
            act.commit().await.unwrap();
        }
        let before = app.store.statements();
        let variables = json!({ "unitId": unit, "first": shown });
        let data = app.client.query(&therapist, LIST, variables).await.data();
        counts.push(app.store.statements() - before);
        let nodes = data["unit"]["enrollments"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), shown);
        for node in nodes {
            assert!(node["answerBefore"].is_string() && node["messageDraft"]["body"] == "Jag");
            assert_eq!(node["messagesHandledBy"]["displayName"], "Person therapist");
            let mut messages = node["messages"]["nodes"].as_array().unwrap().iter();
            assert!(messages.any(|message| message["attachments"][0]["name"] == "a.txt"));
        }
    }
    assert_eq!(counts, [THREADS, THREADS]);
    app.stop().await;
}

async fn messages_to_all_take_as_many_for_fifty_as_for_five(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    const LIST: &str =
        "query($id: ID!) { unit(id: $id) { messagesToAll(first: 50) { nodes { body by { displayName } } }
        messageTemplates { title } } }";
    let app = TestApp::start(kind, morning()).await;
    let (therapist, unit) = (app.therapist(), app.unit_id().await);
    app.enroll(1).await;
    let mut counts = Vec::new();
    for (more, shown) in [(5, 5), (45, 50)] {
        let mut act = app.store.act(&Viewer::system()).await.unwrap();
        for n in 0..more {
            let to_all = ToAll {
                unit_id: app.care.unit,
                program_slug: None,
                statuses: Vec::new(),
                body: "Hej".to_owned(),
            };
            action::message::send_to_all(&mut act, &to_all).await.unwrap();
            let template = SaveTemplate {
                unit_id: app.care.unit,
                template_id: None,
                title: n.to_string(),
                body: "Hej".to_owned(),
                locale: "sv".to_owned(),
            };
            action::message::save_template(&mut act, &template).await.unwrap();
        }
        act.commit().await.unwrap();
        let before = app.store.statements();
        let data = app.client.query(&therapist, LIST, json!({ "id": unit })).await.data();
        counts.push(app.store.statements() - before);
        assert_eq!(data["unit"]["messagesToAll"]["nodes"].as_array().unwrap().len(), shown);
        assert_eq!(data["unit"]["messageTemplates"].as_array().unwrap().len(), shown);
    }
    assert_eq!(counts, [UNIT_MESSAGES, UNIT_MESSAGES]);
    app.stop().await;
}

both_databases!(
    threads_take_as_many_for_fifty_as_for_five,
    messages_to_all_take_as_many_for_fifty_as_for_five,
);
