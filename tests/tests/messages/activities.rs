//! The activity plan: made, and registered.

use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, refused},
    contract,
    database::Kind,
};

use super::{daily_walk, end, morning, plan, started};

const END: &str = "mutation($input: EndActivityInput!) { endActivity(input: $input) {
    activity { id endedAt } errors { code message path } } }";
const PLANNED: &str = "query($id: ID!, $from: DateTime!, $to: DateTime!) { enrollment(id: $id) {
    activityPlan { id title }
    activities(from: $from, to: $to) { id day startsAt endsAt done activity { id } entry { done note rating } } } }";

async fn staff_have_no_activity_of_their_own(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    let app = TestApp::start(kind, morning()).await;
    let mut socket = app.client.socket(&app.therapist()).await;
    socket
        .subscribe("1", "subscription { myActivity { __typename } }", &json!({}))
        .await;
    let refused = format!("{:?}", socket.receive().await);
    assert!(refused.contains("NOT_ALLOWED"), "{refused}");
    app.stop().await;
}

async fn a_plan_is_made_and_registered(kind: Kind) {
    let Some((app, id, enrollment)) = started(kind).await else {
        return;
    };
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let activity = daily_walk(&app, &enrollment).await;
    // What comes in the week is on the citizen's start page.
    let home = app.home(1).await["activities"].clone();
    let home = home.as_array().unwrap();
    assert_eq!(home.len(), 7);
    assert_eq!(
        (
            &home[0]["title"],
            &home[0]["startsAt"],
            &home[0]["endsAt"],
            &home[0]["done"]
        ),
        (
            &json!("Promenad"),
            &json!("2027-03-01T16:30:00+00:00"),
            &json!("2027-03-01T17:00:00+00:00"),
            &json!(false)
        )
    );
    assert_ne!(home[0]["id"], home[1]["id"], "each day has an id of its own");

    let register = async |token: &str, id: &Value, day: &str, done: bool| {
        let input = json!({ "activityId": id, "occurrence": day, "done": done, "note": "Skönt.", "rating": 7 });
        app.client.input(token, "RegisterActivity", input).await
    };
    let entry = done(&register(&citizen, &home[0]["id"], "2027-03-01", true).await)["entry"].clone();
    assert!(entry["registeredAt"].is_string());
    let corrected = register(&citizen, &json!(activity), "2027-03-01", true).await;
    assert_eq!(done(&corrected)["entry"], entry, "registering again corrects");
    let one = |code: &str, path: &str| vec![(code.to_owned(), path.to_owned())];
    assert_eq!(
        refused(&register(&citizen, &json!(activity), "2027-03-02", true).await),
        one("NOT_YET", "occurrence")
    );
    // The id of a day is of that day alone, whatever else is said beside it.
    for (day, of) in [("2027-03-01", 1), ("2027-03-02", 0)] {
        assert_eq!(
            refused(&register(&citizen, &home[of]["id"], day, true).await),
            one("ANOTHER_DAY", "occurrence"),
            "{day}"
        );
    }
    assert_eq!(
        refused(&register(&citizen, &json!(activity), "2027-02-28", true).await),
        one("NOT_PLANNED", "occurrence")
    );
    assert_eq!(
        refused(&register(&therapist, &json!(activity), "2027-03-01", true).await),
        one("NOT_ALLOWED", "")
    );
    assert_eq!(
        refused(&register(&citizen, &json!(enrollment), "2027-03-01", true).await),
        one("NOT_FOUND", "activityId")
    );

    // The therapist reads what was said.
    let span = json!({ "id": enrollment, "from": "2027-03-01T00:00:00Z", "to": "2027-03-03T00:00:00Z" });
    let planned = app.client.query(&therapist, PLANNED, span.clone()).await.data()["enrollment"].clone();
    let first = &planned["activities"][0];
    assert_eq!(first["entry"], json!({ "done": true, "note": "Skönt.", "rating": 7 }));
    assert_eq!(
        (&first["done"], &first["day"], &first["activity"]["id"]),
        (&json!(true), &json!("2027-03-01"), &json!(activity))
    );
    assert_eq!(
        planned["activityPlan"],
        json!([{ "id": activity, "title": "Promenad" }])
    );
    let node = "query($id: ID!) { node(id: $id) { __typename ... on ActivityOccurrence { day title } ... on PlannedActivity { title } ... on ActivityEntry { rating } } }";
    for (id, found) in [
        (
            &first["id"],
            json!({ "__typename": "ActivityOccurrence", "day": "2027-03-01", "title": "Promenad" }),
        ),
        (
            &json!(activity),
            json!({ "__typename": "PlannedActivity", "title": "Promenad" }),
        ),
        (&entry["id"], json!({ "__typename": "ActivityEntry", "rating": 7 })),
    ] {
        assert_eq!(
            app.client.query(&citizen, node, json!({ "id": id })).await.data()["node"],
            found
        );
        let other = app.staff(care::OTHER_THERAPIST);
        assert_eq!(
            app.client.query(&other, node, json!({ "id": id })).await.data()["node"],
            Value::Null
        );
    }

    // Only who treats plans and ends in this program; what has ended comes no more.
    let wrong = json!({ "enrollmentId": enrollment, "title": "Promenad", "startsOn": "2027-03-01", "repeat": "FREQ=SOMETIMES" });
    assert_eq!(
        refused(&plan(&app, &therapist, wrong.clone()).await),
        one("BAD_REPEAT", "repeat")
    );
    for (token, code, paths) in [
        (&citizen, "NOT_ALLOWED", ["", ""]),
        (
            &app.staff(care::OTHER_THERAPIST),
            "NOT_FOUND",
            ["enrollmentId", "activityId"],
        ),
    ] {
        assert_eq!(refused(&plan(&app, token, wrong.clone()).await), one(code, paths[0]));
        let ended = app
            .client
            .query(token, END, json!({ "input": { "activityId": activity } }))
            .await
            .data();
        assert_eq!(refused(&ended), one(code, paths[1]));
    }
    let ended = app
        .client
        .query(&therapist, END, json!({ "input": { "activityId": activity } }))
        .await
        .data();
    assert!(done(&ended)["activity"]["endedAt"].is_string());
    let planned = app.client.query(&citizen, PLANNED, span).await.data()["enrollment"].clone();
    assert_eq!(
        (&planned["activityPlan"], planned["activities"].as_array().map(Vec::len)),
        (&json!([]), Some(1))
    );
    end(&app, id).await;
    assert_eq!(
        refused(&register(&citizen, &json!(activity), "2027-03-01", true).await),
        one("ENDED", "")
    );
    let too_long = json!({ "id": enrollment, "from": "2027-03-01T00:00:00Z", "to": "2029-03-03T00:00:00Z" });
    let answer = app.client.query(&citizen, PLANNED, too_long).await;
    assert_eq!(answer.code(), "BAD_RANGE");
    app.stop().await;
}

both_databases!(staff_have_no_activity_of_their_own, a_plan_is_made_and_registered);
