//! Showing and hiding for several enrollments, from a date, and who did it why.

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
use uuid::Uuid;

use super::{at, change, content, keys, module, monday};

const HISTORY: &str = "query($id: ID!, $last: Int! = 20) { enrollment(id: $id) {
    visibilityHistory(last: $last) { ...change }
    modules { key visibilityHistory(last: $last) { at } sections { key visibilityHistory { at } } } } }
    fragment change on VisibilityChange { at visible visibleFrom opensAt reason actor
        module { key } section { key } by { displayName } }";

/// A server with so many citizens in a program without rules; their enrollments.
async fn ward(kind: Kind, people: u32) -> (TestApp, Vec<String>) {
    let world = World::without_program(kind, monday()).await;
    care::import_content(&world.store).await;
    let app = TestApp::over(world).await;
    let mut enrollments = Vec::new();
    for n in 1..=people {
        enrollments.push(id(Of::Enrollment, app.enroll(n).await).to_string());
    }
    app.work().await;
    (app, enrollments)
}

async fn all(app: &TestApp, token: &str, enrollments: &[String], mut input: Value) -> Value {
    input["enrollmentIds"] = json!(enrollments);
    let outcomes = "outcomes { enrollmentId enrollment { id modules { key visible } } errors { code message path } }";
    app.client.mutate(token, "changeVisibilities", input, outcomes).await
}

async fn a_list_is_changed_row_by_row(kind: Kind) {
    let (app, mut enrollments) = ward(kind, 3).await;
    let elsewhere = care::enroll(&app.store, app.care.other_unit, app.care.other_therapist, 4, None).await;
    enrollments.push(id(Of::Enrollment, elsewhere).to_string());
    enrollments.push(id(Of::Enrollment, Uuid::nil()).to_string());
    enrollments.push("nonsense".to_owned());
    // Named twice it is changed once.
    enrollments.push(enrollments[0].clone());
    let hide = json!({ "moduleKey": "activity", "visible": false, "reason": "Passar inte nu", "idempotencyKey": "a" });
    let told = all(&app, &app.therapist(), &enrollments, hide.clone()).await;
    let outcomes = done(&told)["outcomes"].as_array().unwrap().clone();
    assert_eq!(outcomes.len(), enrollments.len());
    for (outcome, enrollment) in outcomes.iter().zip(&enrollments) {
        assert_eq!(outcome["enrollmentId"], *enrollment);
    }
    for place in [0, 1, 2, 6] {
        assert_eq!(outcomes[place]["errors"], json!([]));
        assert_eq!(module(&outcomes[place]["enrollment"], "activity")["visible"], false);
    }
    for place in [3, 4, 5] {
        assert_eq!(outcomes[place]["enrollment"], Value::Null);
        assert_eq!(
            refused(&json!({ "row": outcomes[place] })),
            one("NOT_FOUND", "enrollmentId")
        );
    }
    for n in 1..=3 {
        let seen = content(&app, &app.citizen(n), &enrollments[n as usize - 1]).await;
        assert_eq!(keys(&seen), ["welcome", "looking-back"]);
        assert_eq!(seen["progress"]["totalSteps"], 3);
    }
    // The same key gets the same answer and does nothing twice.
    let again = all(&app, &app.therapist(), &enrollments, hide).await;
    assert_eq!(done(&again)["outcomes"], json!(outcomes));
    let data = app
        .client
        .query(&app.therapist(), HISTORY, json!({ "id": enrollments[0] }))
        .await
        .data();
    assert_eq!(data["enrollment"]["visibilityHistory"].as_array().unwrap().len(), 1);
    app.stop().await;
}

async fn what_cannot_be_changed_is_refused(kind: Kind) {
    let (app, enrollments) = ward(kind, 1).await;
    let therapist = app.therapist();
    let many: Vec<String> = std::iter::repeat_n(enrollments[0].clone(), 101).collect();
    let hide = || json!({ "moduleKey": "activity", "visible": false });
    assert_eq!(
        refused(&all(&app, &therapist, &many, hide()).await),
        one("TOO_MANY", "enrollmentIds")
    );
    for (input, refusal) in [
        (json!({ "visible": false }), one("REQUIRED", "moduleKey")),
        (
            json!({ "moduleKey": "activity", "sectionKey": "doing", "visible": false }),
            one("REQUIRED", "moduleKey"),
        ),
    ] {
        assert_eq!(
            refused(&all(&app, &therapist, &enrollments, input.clone()).await),
            refusal
        );
        assert_eq!(refused(&change(&app, &enrollments[0], input).await), refusal);
    }
    let long: String = "x".repeat(10_001);
    for (input, refusal) in [
        (json!({ "moduleKey": "activity" }), one("REQUIRED", "visible")),
        (
            json!({ "moduleKey": "activity", "visibleFrom": "2027-03-08T09:00:00Z" }),
            one("REQUIRED", "visible"),
        ),
        (
            json!({ "moduleKey": "nothing", "visible": false }),
            one("NOT_FOUND", "moduleKey"),
        ),
        (
            json!({ "sectionKey": "nothing", "visible": false }),
            one("NOT_FOUND", "sectionKey"),
        ),
        (
            json!({ "moduleKey": "activity", "visible": false, "reason": long }),
            one("TOO_LONG", "reason"),
        ),
        (
            json!({ "moduleKey": "activity", "visible": false, "visibleFrom": "2047-03-08T09:00:00Z" }),
            one("TOO_FAR_AHEAD", "visibleFrom"),
        ),
        (
            json!({ "moduleKey": "activity", "opensAt": "2047-03-08T09:00:00Z" }),
            one("TOO_FAR_AHEAD", "opensAt"),
        ),
    ] {
        assert_eq!(refused(&change(&app, &enrollments[0], input.clone()).await), refusal);
        let told = all(&app, &therapist, &enrollments, input).await;
        assert_eq!(refused(&json!({ "row": done(&told)["outcomes"][0] })), refusal);
    }
    // Nobody but those who treat there.
    for token in [
        app.citizen(1),
        app.staff("citizen-administrator"),
        app.staff(care::OTHER_THERAPIST),
    ] {
        let told = all(&app, &token, &enrollments, hide()).await;
        assert_eq!(
            refused(&json!({ "row": done(&told)["outcomes"][0] })),
            one("NOT_FOUND", "enrollmentId")
        );
    }
    let seen = content(&app, &app.citizen(1), &enrollments[0]).await;
    assert_eq!(keys(&seen), ["welcome", "activity", "looking-back"]);
    app.stop().await;
}

async fn what_is_hidden_from_a_date_is_hidden_on_it(kind: Kind) {
    let (app, enrollments) = ward(kind, 2).await;
    let citizen = app.citizen(1);
    // A rule hears of it on the day, without anybody's doing.
    let progress =
        json!({ "fact": { "moduleProgress": { "module": "looking-back" } }, "operator": "EXISTS", "value": false });
    let rule = json!({ "trigger": { "whenever": {} }, "condition": { "compare": progress },
        "actions": [{ "raiseFlag": { "kind": "hidden", "severity": "INFO", "title": "Hidden", "audience": "STAFF" } }] });
    care::save_rule(&app.store, "hidden", rule).await;
    app.work().await;
    let hide = json!({ "moduleKey": "looking-back", "visible": false, "visibleFrom": "2027-03-10T09:00:00Z" });
    done(&all(&app, &app.therapist(), &enrollments, hide).await);
    // Said otherwise before, it never comes.
    done(
        &change(
            &app,
            &enrollments[1],
            json!({ "moduleKey": "looking-back", "visible": true }),
        )
        .await,
    );
    let flags = "query($id: ID!) { enrollment(id: $id) { flags(first: 5) { nodes { raisedAt } } } }";
    let raised = async |n: usize| {
        let variables = json!({ "id": enrollments[n] });
        app.client.query(&app.therapist(), flags, variables).await.data()["enrollment"]["flags"]["nodes"].clone()
    };
    app.run_until(at("2027-03-10T08:59:59Z")).await;
    let seen = content(&app, &citizen, &enrollments[0]).await;
    assert_eq!((keys(&seen).len(), &seen["progress"]["totalSteps"]), (3, &json!(4)));
    assert_eq!(module(&seen, "looking-back")["availability"]["open"], true);
    assert_eq!(raised(0).await, json!([]));
    app.run_until(at("2027-03-10T10:00:00Z")).await;
    let seen = content(&app, &citizen, &enrollments[0]).await;
    assert_eq!(keys(&seen), ["welcome", "activity"]);
    assert_eq!(seen["progress"]["totalSteps"], 3);
    let told = content(&app, &app.therapist(), &enrollments[0]).await;
    assert_eq!(module(&told, "looking-back")["availability"]["reason"], "HIDDEN");
    let first = raised(0).await;
    assert_eq!(first.as_array().unwrap().len(), 1);
    assert!(
        text(&first[0]["raisedAt"]).starts_with("2027-03-10T09:00:00"),
        "{first}"
    );
    assert_eq!(keys(&content(&app, &app.citizen(2), &enrollments[1]).await).len(), 3);
    assert_eq!(raised(1).await, json!([]));
    // Shown again from a date.
    let show = json!({ "moduleKey": "looking-back", "visible": true, "visibleFrom": "2027-03-12T09:00:00Z" });
    done(&change(&app, &enrollments[0], show).await);
    assert_eq!(keys(&content(&app, &citizen, &enrollments[0]).await).len(), 2);
    app.run_until(at("2027-03-12T09:00:00Z")).await;
    assert_eq!(keys(&content(&app, &citizen, &enrollments[0]).await).len(), 3);
    // What was then is told as it was then.
    let evaluations = "query($id: ID!, $at: DateTime!) { enrollment(id: $id) { ruleEvaluations(at: $at) {
        verdict rule { key } } } }";
    for (when, verdict) in [
        ("2027-03-09T09:00:00Z", "FALSE"),
        ("2027-03-11T09:00:00Z", "FIRES"),
        ("2027-03-12T09:00:00Z", "FALSE"),
    ] {
        let variables = json!({ "id": enrollments[0], "at": when });
        let data = app.client.query(&app.therapist(), evaluations, variables).await.data();
        assert_eq!(data["enrollment"]["ruleEvaluations"][0]["verdict"], verdict, "{when}");
    }
    app.stop().await;
}

async fn staff_see_who_did_it_and_why(kind: Kind) {
    let (app, enrollments) = ward(kind, 1).await;
    let rule = json!({ "trigger": { "event": { "stepCompleted": {} } }, "actions": [{ "hideSection": { "section": "seeing" } }] });
    care::save_rule(&app.store, "hide", rule).await;
    let enrollment = enrollments[0].as_str();
    let open = json!({ "moduleKey": "activity", "opensAt": "2027-03-05T09:00:00Z", "reason": "Efter samtalet" });
    done(&change(&app, enrollment, open).await);
    app.clock.advance(TimeDelta::hours(1));
    let hide = json!({ "sectionKey": "doing", "visible": false, "visibleFrom": "2027-03-08T09:00:00Z" });
    done(&change(&app, enrollment, hide).await);
    app.clock.advance(TimeDelta::hours(1));
    done(&super::complete(&app, 1, enrollment, "hello").await);
    app.work().await;
    let history = async |token: &str, last: i32| {
        let variables = json!({ "id": enrollment, "last": last });
        app.client.query(token, HISTORY, variables).await.data()["enrollment"].clone()
    };
    let told = history(&app.therapist(), 20).await;
    let changes = told["visibilityHistory"].as_array().unwrap();
    let without = |change: &Value| {
        let mut change = change.clone();
        change.as_object_mut().unwrap().remove("at");
        change
    };
    let changes: Vec<Value> = changes.iter().map(without).collect();
    let by = json!({ "displayName": "Person therapist" });
    assert_eq!(changes[0]["section"], json!({ "key": "seeing" }));
    assert_eq!(
        (&changes[0]["actor"], &changes[0]["by"], &changes[0]["visible"]),
        (&json!("RULE"), &Value::Null, &json!(false))
    );
    assert_eq!(
        changes[1..],
        [
            json!({ "visible": false, "visibleFrom": "2027-03-08T09:00:00+00:00", "opensAt": null, "reason": null,
                "actor": "STAFF", "module": null, "section": { "key": "doing" }, "by": by }),
            json!({ "visible": null, "visibleFrom": null, "opensAt": "2027-03-05T09:00:00+00:00",
                "reason": "Efter samtalet", "actor": "STAFF", "module": { "key": "activity" }, "section": null, "by": by }),
        ]
    );
    assert_eq!(told["visibilityHistory"][2]["at"], "2027-03-01T09:00:00+00:00");
    let activity = module(&told, "activity");
    assert_eq!(activity["visibilityHistory"].as_array().unwrap().len(), 1);
    assert_eq!(
        activity["sections"][0]["visibilityHistory"].as_array().unwrap().len(),
        1
    );
    assert_eq!(module(&told, "welcome")["visibilityHistory"], json!([]));
    assert_eq!(
        history(&app.therapist(), 1).await["visibilityHistory"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // It is nobody else's affair.
    for token in [app.citizen(1), app.staff("citizen-administrator")] {
        assert_eq!(history(&token, 20).await["visibilityHistory"], json!([]));
    }
    app.stop().await;
}

async fn a_list_takes_the_same_however_long(kind: Kind) {
    let (app, enrollments) = ward(kind, 50).await;
    let therapist = app.therapist();
    // What is kept from the first look.
    content(&app, &therapist, &enrollments[0]).await;
    let mut took = Vec::new();
    for (rows, visible) in [(5, false), (50, true), (5, false), (50, false)] {
        let before = app.store.statements();
        let input = json!({ "moduleKey": "activity", "visible": visible, "reason": "Alla" });
        let told = all(&app, &therapist, &enrollments[..rows], input).await;
        assert_eq!(done(&told)["outcomes"].as_array().unwrap().len(), rows);
        took.push(app.store.statements() - before);
    }
    println!("changeVisibilities: {took:?} statements");
    assert_eq!(took, vec![took[0]; 4]);
    // Histories come with what is read of an enrollment anyway.
    let list = "query($unit: ID!, $first: Int!) { unit(id: $unit) { enrollments(first: $first) { nodes {
        visibilityHistory(last: 2) { at reason by { displayName } } modules { key availability { prerequisites { key } } } } } } }";
    let unit = app.unit_id().await;
    let mut took = Vec::new();
    for first in [5, 50] {
        let before = app.store.statements();
        let variables = json!({ "unit": unit, "first": first });
        let data = app.client.query(&therapist, list, variables).await.data();
        assert_eq!(data["unit"]["enrollments"]["nodes"].as_array().unwrap().len(), first);
        took.push(app.store.statements() - before);
    }
    println!("visibilityHistory: {took:?} statements");
    assert_eq!(took[0], took[1]);
    app.stop().await;
}

both_databases!(
    a_list_is_changed_row_by_row,
    what_cannot_be_changed_is_refused,
    what_is_hidden_from_a_date_is_hidden_on_it,
    staff_see_who_did_it_and_why,
    a_list_takes_the_same_however_long,
);
