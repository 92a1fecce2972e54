//! What is hidden is not counted, reminded of or linked to.

use api::graphql::{Kind as Of, id};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
    world::World,
};

use super::{at, change, complete, content, module, monday, step};

/// A server with one citizen in a program without rules; the enrollment.
async fn started(kind: Kind) -> (TestApp, String) {
    let world = World::without_program(kind, monday()).await;
    care::import_content(&world.store).await;
    let app = TestApp::over(world).await;
    let row = app.enroll(1).await;
    app.work().await;
    (app, id(Of::Enrollment, row).to_string())
}

/// The citizen opens the exercise in the first module; its dispatch.
async fn open_exercise(app: &TestApp, enrollment: &str) -> String {
    let citizen = app.citizen(1);
    let step = step(&content(app, &citizen, enrollment).await, "write");
    let input = json!({ "enrollmentId": enrollment, "stepId": step, "formKey": "diary" });
    let told = app.client.mutate(&citizen, "openForm", input, "dispatch { id }").await;
    text(&done(&told)["dispatch"]["id"])
}

async fn show(app: &TestApp, enrollment: &str, visible: bool) {
    done(&change(app, enrollment, json!({ "moduleKey": "welcome", "visible": visible })).await);
}

const LINKS: &str = "query($id: ID!, $dispatch: ID!, $from: DateTime!, $to: DateTime!) {
    dispatch(id: $dispatch) { id } node(id: $dispatch) { id }
    enrollment(id: $id) {
        dispatches(first: 10) { nodes { id } } reminders(first: 10) { nodes { dispatch { id } } }
        timeline(from: $from, to: $to) { kind subject { id } } } }";

/// The ids of dispatches that anything leads to.
async fn links(app: &TestApp, token: &str, enrollment: &str, dispatch: &str) -> Vec<Value> {
    let variables =
        json!({ "id": enrollment, "dispatch": dispatch, "from": monday(), "to": monday() + TimeDelta::days(9) });
    let data = app.client.query(token, LINKS, variables).await.data();
    let seen = &data["enrollment"];
    let mut found = vec![data["dispatch"]["id"].clone(), data["node"]["id"].clone()];
    found.extend(
        seen["dispatches"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["id"].clone()),
    );
    found.extend(
        seen["reminders"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["dispatch"]["id"].clone()),
    );
    found.extend(
        seen["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["subject"]["id"].clone()),
    );
    found.retain(|id| *id == dispatch);
    found
}

async fn nothing_leads_to_a_form_in_a_hidden_step(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let form = open_exercise(&app, &enrollment).await;
    // One reminder of it has left, and one is to come.
    for at in [Value::Null, json!("2027-03-03T09:00:00Z")] {
        let input = json!({ "enrollmentId": enrollment, "dispatchId": form, "template": "form-waiting", "at": at });
        done(
            &app.client
                .mutate(&therapist, "remindCitizen", input, "reminder { id }")
                .await,
        );
    }
    app.work().await;
    let by_citizen = links(&app, &citizen, &enrollment, &form).await.len();
    let by_staff = links(&app, &therapist, &enrollment, &form).await.len();
    assert!(by_citizen >= 5 && by_staff >= 5, "{by_citizen} {by_staff}");

    show(&app, &enrollment, false).await;
    assert_eq!(links(&app, &citizen, &enrollment, &form).await, Vec::<Value>::new());
    assert_eq!(links(&app, &therapist, &enrollment, &form).await.len(), by_staff);
    let answers = json!([{ "item": "did", "value": "Gick ut" }]);
    for mutation in ["saveDraft", "submitResponse"] {
        let input = json!({ "dispatchId": form, "answers": answers });
        let told = app.client.mutate(&citizen, mutation, input, "__typename").await;
        assert_eq!(refused(&told), one("NOT_FOUND", "dispatchId"), "{mutation}");
    }
    app.run_until(at("2027-03-04T09:00:00Z")).await;
    let skipped = "query($id: ID!) { enrollment(id: $id) { reminders(first: 10) { nodes { skipReason } } } }";
    let data = app
        .client
        .query(&therapist, skipped, json!({ "id": enrollment }))
        .await
        .data();
    assert_eq!(
        data["enrollment"]["reminders"]["nodes"],
        json!([{ "skipReason": "CONTENT_HIDDEN" }, { "skipReason": null }])
    );

    // Shown again it waits as before; and what was answered remains.
    show(&app, &enrollment, true).await;
    assert!(links(&app, &citizen, &enrollment, &form).await.len() >= 4);
    let input = json!({ "dispatchId": form, "answers": answers });
    done(&app.client.mutate(&citizen, "submitResponse", input, "__typename").await);
    show(&app, &enrollment, false).await;
    let results =
        "query($id: ID!) { enrollment(id: $id) { results { id } dispatches(first: 5) { nodes { status } } } }";
    let data = app
        .client
        .query(&citizen, results, json!({ "id": enrollment }))
        .await
        .data();
    assert_eq!(data["enrollment"]["results"].as_array().unwrap().len(), 1);
    assert_eq!(
        data["enrollment"]["dispatches"]["nodes"],
        json!([{ "status": "COMPLETED" }])
    );
    app.stop().await;
}

async fn a_form_in_a_closed_step_is_not_reminded_of(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    let form = open_exercise(&app, &enrollment).await;
    let input = json!({ "enrollmentId": enrollment, "dispatchId": form, "template": "form-waiting", "at": "2027-03-03T09:00:00Z" });
    done(
        &app.client
            .mutate(&app.therapist(), "remindCitizen", input, "reminder { id }")
            .await,
    );
    done(
        &change(
            &app,
            &enrollment,
            json!({ "moduleKey": "welcome", "opensAt": "2027-03-20T09:00:00Z" }),
        )
        .await,
    );
    app.run_until(at("2027-03-04T09:00:00Z")).await;
    let skipped = "query($id: ID!) { enrollment(id: $id) { reminders(first: 10) { nodes { skipReason } } } }";
    let data = app
        .client
        .query(&app.therapist(), skipped, json!({ "id": enrollment }))
        .await
        .data();
    assert_eq!(
        data["enrollment"]["reminders"]["nodes"],
        json!([{ "skipReason": "CONTENT_HIDDEN" }])
    );
    app.stop().await;
}

async fn what_is_hidden_is_not_counted(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    let citizen = app.citizen(1);
    done(&complete(&app, 1, &enrollment, "hello").await);
    let progress = async || content(&app, &citizen, &enrollment).await["progress"].clone();
    assert_eq!(
        progress().await,
        json!({ "completedSteps": 1, "totalSteps": 4, "percent": 25 })
    );
    done(&change(&app, &enrollment, json!({ "sectionKey": "seeing", "visible": false })).await);
    assert_eq!(
        progress().await,
        json!({ "completedSteps": 1, "totalSteps": 3, "percent": 33 })
    );
    let seen = content(&app, &citizen, &enrollment).await;
    assert_eq!(
        module(&seen, "looking-back")["progress"],
        json!({ "percent": 0, "totalSteps": 0 })
    );
    assert_eq!(module(&seen, "looking-back")["sections"], json!([]));
    done(&change(&app, &enrollment, json!({ "moduleKey": "welcome", "visible": false })).await);
    assert_eq!(
        progress().await,
        json!({ "completedSteps": 0, "totalSteps": 1, "percent": 0 })
    );
    // Nobody finds it by its id either, or completes it.
    let hidden = content(&app, &app.therapist(), &enrollment).await;
    let node = "query($id: ID!) { node(id: $id) { id } }";
    let welcome = module(&hidden, "welcome");
    for id in [&welcome["id"], &welcome["sections"][0]["id"], &step(&hidden, "write")] {
        let data = app.client.query(&citizen, node, json!({ "id": id })).await.data();
        assert_eq!(data["node"], Value::Null);
    }
    assert_eq!(
        refused(&complete(&app, 1, &enrollment, "write").await),
        one("NOT_FOUND", "stepId")
    );
    app.stop().await;
}

async fn a_page_is_full_where_the_latest_is_hidden(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let send = json!({ "enrollmentId": enrollment, "formKey": "weekly-measure" });
    let sent = app
        .client
        .mutate(&therapist, "dispatchForm", send, "dispatches { id }")
        .await;
    let measure = text(&done(&sent)["dispatches"][0]["id"]);
    app.advance(TimeDelta::hours(1)).await;
    let exercise = open_exercise(&app, &enrollment).await;
    for form in [&measure, &exercise] {
        let input = json!({ "dispatchId": form, "answers": [] });
        done(&app.client.mutate(&citizen, "saveDraft", input, "__typename").await);
    }
    let page = "query($id: ID!) { enrollment(id: $id) { dispatches(first: 1, status: [STARTED]) {
        nodes { id } pageInfo { hasNextPage } } } }";
    let first = async |token: &str| {
        let data = app.client.query(token, page, json!({ "id": enrollment })).await.data();
        let page = &data["enrollment"]["dispatches"];
        (page["nodes"][0]["id"].clone(), page["pageInfo"]["hasNextPage"].clone())
    };
    assert_eq!(first(&citizen).await, (json!(exercise), json!(true)));
    show(&app, &enrollment, false).await;
    assert_eq!(first(&citizen).await, (json!(measure), json!(false)));
    assert_eq!(first(&therapist).await, (json!(exercise), json!(true)));
    app.stop().await;
}

both_databases!(
    a_page_is_full_where_the_latest_is_hidden,
    nothing_leads_to_a_form_in_a_hidden_step,
    a_form_in_a_closed_step_is_not_reminded_of,
    what_is_hidden_is_not_counted,
);
