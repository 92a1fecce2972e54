//! Citizen and staff working together: messages both ways, the activity plan, and the rules that look at them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    action::{self, enrollment::StatusChange},
    event::{self, EventKind},
    flag, message, reminder,
    viewer::Viewer,
};
use rules::facts::Status;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, refused, text},
    contract,
    database::Kind,
};
use uuid::Uuid;

const THREAD: &str = "query($id: ID!, $first: Int!, $after: String) { enrollment(id: $id) { unreadMessageCount
    messages(first: $first, after: $after) { nodes { id body from readAt staff { displayName } }
        pageInfo { hasNextPage endCursor } } } }";
const MARK_READ: &str = "mutation($input: MarkMessagesReadInput!) { markMessagesRead(input: $input) {
    enrollment { unreadMessageCount } errors { code message path } } }";
const PLAN: &str = "mutation($input: PlanActivityInput!) { planActivity(input: $input) {
    activity { id title startsOn time duration repeat endedAt } errors { code message path } } }";
const END: &str = "mutation($input: EndActivityInput!) { endActivity(input: $input) {
    activity { id endedAt } errors { code message path } } }";
const PLANNED: &str = "query($id: ID!, $from: DateTime!, $to: DateTime!) { enrollment(id: $id) {
    activityPlan { id title }
    activities(from: $from, to: $to) { id day startsAt endsAt done activity { id } entry { done note rating } } } }";

/// A Monday, ten in the morning in Stockholm.
fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A server with one citizen who has just been enrolled; none where there is no contract.
async fn started(kind: Kind) -> Option<(TestApp, Uuid, String)> {
    contract::operations()?;
    let app = TestApp::start(kind, morning()).await;
    let id = app.enroll(1).await;
    app.work().await;
    let enrollment = app.enrollment_of(1).await;
    Some((app, id, enrollment))
}

async fn say(app: &TestApp, token: &str, enrollment: &str, body: &str) -> Value {
    let input = json!({ "enrollmentId": enrollment, "body": body });
    app.client.input(token, "SendMessage", input).await
}

async fn thread(app: &TestApp, token: &str, enrollment: &str) -> Value {
    let variables = json!({ "id": enrollment, "first": 20 });
    let data = app.client.query(token, THREAD, variables).await.data();
    data["enrollment"].clone()
}

async fn plan(app: &TestApp, token: &str, input: Value) -> Value {
    let answer = app.client.query(token, PLAN, json!({ "input": input })).await;
    answer.data()
}

/// A walk every day at half past five in the afternoon.
async fn daily_walk(app: &TestApp, enrollment: &str) -> String {
    let walk = json!({ "enrollmentId": enrollment, "title": "Promenad", "startsOn": "2027-03-01", "time": "17:30",
        "duration": "PT30M", "repeat": "FREQ=DAILY" });
    text(&done(&plan(app, &app.therapist(), walk).await)["activity"]["id"])
}

async fn end(app: &TestApp, enrollment_id: Uuid) {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let change = StatusChange {
        enrollment_id,
        status: Status::Completed,
        resumes_at: None,
        reason: None,
    };
    let cause = act.cause();
    action::enrollment::change_status(&mut act, &[change], cause)
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    act.commit().await.unwrap();
}

async fn messages_go_both_ways_as_they_are_sent(kind: Kind) {
    let Some((app, _, enrollment)) = started(kind).await else {
        return;
    };
    let (citizen, therapist, unit) = (app.citizen(1), app.therapist(), app.unit_id().await);
    let mut staff_side = app
        .subscribe(&therapist, "UnitActivity", json!({ "unitId": unit }))
        .await;
    let mut citizen_side = app.subscribe(&citizen, "MyActivity", json!({})).await;

    let asked = done(&say(&app, &citizen, &enrollment, "Hej!\nKan vi prata?").await)["message"].clone();
    assert_eq!(asked["body"], "Hej!\nKan vi prata?");
    let item = &staff_side.item().await["unitActivity"];
    assert_eq!(item["__typename"], "MessageReceived");
    assert_eq!(item["message"]["id"], asked["id"]);
    assert_eq!(item["message"]["enrollment"]["id"], enrollment.as_str());

    app.clock.advance(TimeDelta::minutes(1));
    let answered = done(&say(&app, &therapist, &enrollment, "Ja, i morgon.").await)["message"].clone();
    // Nobody is told of what they wrote themselves: the answer is the first that comes to the citizen.
    let item = &citizen_side.item().await["myActivity"];
    assert_eq!(item["__typename"], "MessageReceived");
    assert_eq!(
        (&item["message"]["id"], &item["message"]["body"]),
        (&answered["id"], &json!("Ja, i morgon."))
    );

    // Both sides see the thread, and what they have not read.
    let of_staff = thread(&app, &therapist, &enrollment).await;
    let nodes = of_staff["messages"]["nodes"].as_array().unwrap();
    assert_eq!((&nodes[0]["id"], &nodes[1]["id"]), (&answered["id"], &asked["id"]));
    assert_eq!(
        (&nodes[0]["from"], &nodes[0]["staff"]["displayName"]),
        (&json!("STAFF"), &json!("Person therapist"))
    );
    assert_eq!(
        (&nodes[1]["from"], &nodes[1]["staff"]),
        (&json!("CITIZEN"), &Value::Null)
    );
    assert_eq!(of_staff["unreadMessageCount"], 1);
    assert_eq!(app.home(1).await["unreadMessageCount"], 1);
    let worklist = app
        .client
        .ask(&therapist, "Worklist", json!({ "unitId": unit, "first": 5 }))
        .await;
    assert_eq!(worklist["unit"]["enrollments"]["nodes"][0]["unreadMessageCount"], 1);
    for token in [&therapist, &citizen] {
        let input = json!({ "input": { "enrollmentId": enrollment } });
        let data = app.client.query(token, MARK_READ, input).await.data();
        assert_eq!(done(&data)["enrollment"]["unreadMessageCount"], 0);
    }
    let read = thread(&app, &citizen, &enrollment).await;
    assert!(
        read["messages"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|node| node["readAt"].is_string())
    );

    // Page by page.
    let first = json!({ "id": enrollment, "first": 1 });
    let page = app.client.query(&citizen, THREAD, first).await.data()["enrollment"]["messages"].clone();
    assert_eq!(
        (&page["nodes"][0]["id"], &page["pageInfo"]["hasNextPage"]),
        (&answered["id"], &json!(true))
    );
    let rest = json!({ "id": enrollment, "first": 5, "after": page["pageInfo"]["endCursor"] });
    let rest = app.client.query(&citizen, THREAD, rest).await.data()["enrollment"]["messages"].clone();
    assert_eq!(
        (&rest["nodes"][0]["id"], &rest["pageInfo"]["hasNextPage"]),
        (&asked["id"], &json!(false))
    );

    // A message is a node, to those who may see it.
    let node = "query($id: ID!) { node(id: $id) { __typename ... on Message { body } } }";
    let found = app
        .client
        .query(&citizen, node, json!({ "id": asked["id"] }))
        .await
        .data();
    assert_eq!(
        found["node"],
        json!({ "__typename": "Message", "body": "Hej!\nKan vi prata?" })
    );
    let hidden = app
        .client
        .query(&app.staff(care::OTHER_THERAPIST), node, json!({ "id": asked["id"] }))
        .await
        .data();
    assert_eq!(hidden["node"], Value::Null);
    app.stop().await;
}

async fn what_cannot_be_sent_is_refused(kind: Kind) {
    let Some((app, id, enrollment)) = started(kind).await else {
        return;
    };
    app.enroll(2).await;
    let one = |code: &str, path: &str| vec![(code.to_owned(), path.to_owned())];
    for token in [
        app.staff(care::OTHER_THERAPIST),
        app.staff("citizen-administrator"),
        app.staff("auditor"),
        app.citizen(2),
    ] {
        let data = say(&app, &token, &enrollment, "Hej").await;
        assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"));
    }
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    for (body, code) in [
        ("", "REQUIRED"),
        (" \n ", "REQUIRED"),
        (&"ö".repeat(10_001), "TOO_LONG"),
    ] {
        assert_eq!(
            refused(&say(&app, &citizen, &enrollment, body).await),
            one(code, "body")
        );
    }
    let again = json!({ "enrollmentId": enrollment, "body": "En gång", "idempotencyKey": "k1" });
    let first = app.client.input(&citizen, "SendMessage", again.clone()).await;
    let second = app.client.input(&citizen, "SendMessage", again).await;
    assert_eq!(done(&first)["message"]["id"], done(&second)["message"]["id"]);

    end(&app, id).await;
    for token in [&citizen, &therapist] {
        assert_eq!(
            refused(&say(&app, token, &enrollment, "Tack").await),
            one("NOT_ACTIVE", "")
        );
        let nodes = thread(&app, token, &enrollment).await["messages"]["nodes"].clone();
        assert_eq!(nodes.as_array().map(Vec::len), Some(1), "it can still be read");
    }
    // Who may not see messages sees that there is an enrollment, and none of them.
    let administrator = app.staff("citizen-administrator");
    let seen = thread(&app, &administrator, &enrollment).await;
    assert_eq!(
        (&seen["messages"]["nodes"], &seen["unreadMessageCount"]),
        (&json!([]), &json!(0))
    );
    app.stop().await;
}

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

    // Only who treats plans and ends; what has ended comes no more.
    let wrong = json!({ "enrollmentId": enrollment, "title": "Promenad", "startsOn": "2027-03-01", "repeat": "FREQ=SOMETIMES" });
    assert_eq!(
        refused(&plan(&app, &therapist, wrong.clone()).await),
        one("BAD_REPEAT", "repeat")
    );
    for token in [&citizen, &app.staff(care::OTHER_THERAPIST)] {
        assert_eq!(
            refused(&plan(&app, token, wrong.clone()).await),
            one("NOT_FOUND", "enrollmentId")
        );
        let ended = app
            .client
            .query(token, END, json!({ "input": { "activityId": activity } }))
            .await
            .data();
        assert_eq!(refused(&ended), one("NOT_FOUND", "activityId"));
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
        one("NOT_ACTIVE", "")
    );
    let too_long = json!({ "id": enrollment, "from": "2027-03-01T00:00:00Z", "to": "2029-03-03T00:00:00Z" });
    let answer = app.client.query(&citizen, PLANNED, too_long).await;
    assert_eq!(answer.code(), "BAD_RANGE");
    app.stop().await;
}

/// A rule answers what the citizen registers, and flags what they write.
async fn rules_are_triggered_by_what_people_do(kind: Kind) {
    let Some((app, id, enrollment)) = started(kind).await else {
        return;
    };
    let wrote = json!({ "trigger": { "event": { "messageReceived": { "from": "CITIZEN" } } },
        "actions": [{ "raiseFlag": { "kind": "wrote", "severity": "INFO", "title": "Wrote", "audience": "STAFF" } }] });
    let registered = json!({ "trigger": { "event": { "activityRegistered": {} } },
        "actions": [{ "sendMessage": { "body": "Bra gjort!" } }] });
    care::save_rule(&app.store, "wrote", wrote).await;
    care::save_rule(&app.store, "praise", registered).await;
    app.advance(TimeDelta::seconds(1)).await;
    let citizen = app.citizen(1);
    let mut mine = app.subscribe(&citizen, "MyActivity", json!({})).await;

    done(&say(&app, &app.therapist(), &enrollment, "Välkommen").await);
    app.work().await;
    let flags = flag::Entity::find().all(app.store.connection()).await.unwrap();
    assert!(flags.is_empty(), "the staff wrote that");
    done(&say(&app, &citizen, &enrollment, "Tack").await);
    let activity = daily_walk(&app, &enrollment).await;
    let input = json!({ "activityId": activity, "occurrence": "2027-03-01", "done": true });
    done(&app.client.input(&citizen, "RegisterActivity", input).await);
    app.work().await;
    app.advance(TimeDelta::hours(1)).await;

    let flags = flag::Entity::find().all(app.store.connection()).await.unwrap();
    assert_eq!(
        flags.iter().map(|flag| flag.kind.as_str()).collect::<Vec<_>>(),
        ["wrote"]
    );
    assert_eq!(mine.item().await["myActivity"]["message"]["body"], "Välkommen");
    assert_eq!(mine.item().await["myActivity"]["message"]["body"], "Bra gjort!");
    let sent = message::Entity::find()
        .order_by_asc(message::Column::SentAt)
        .all(app.store.connection())
        .await
        .unwrap();
    let by_rule: Vec<_> = sent.iter().filter(|row| row.firing_id.is_some()).collect();
    assert_eq!((sent.len(), by_rule.len(), by_rule[0].staff_id), (3, 1, None));
    let written = thread(&app, &citizen, &enrollment).await["messages"]["nodes"][0].clone();
    assert_eq!((&written["from"], &written["staff"]), (&json!("STAFF"), &Value::Null));
    assert_eq!(app.home(1).await["unreadMessageCount"], 2);
    // What a rule wrote carries how deep it is.
    let events = event::Entity::find().order_by_asc(event::Column::At);
    let events = events.all(app.store.connection()).await.unwrap();
    let depths: Vec<i32> = events
        .iter()
        .filter(|event| event.kind.0 == EventKind::MessageReceived && event.enrollment_id == id)
        .map(|event| event.depth)
        .collect();
    assert_eq!(depths, [0, 0, 1]);
    app.stop().await;
}

/// Time alone makes these true: nobody writes for three days, three days with an activity pass without a word.
async fn silence_is_noticed(kind: Kind) {
    let Some((app, _, enrollment)) = started(kind).await else {
        return;
    };
    let silent = json!({ "trigger": { "whenever": {} },
        "condition": { "compare": { "fact": { "daysSince": { "event": "MESSAGE_FROM_STAFF" } }, "operator": "GTE", "value": 3 } },
        "actions": [{ "raiseFlag": { "kind": "silent", "severity": "INFO", "title": "Silent", "audience": "STAFF", "autoResolve": true } }] });
    let missed = json!({ "trigger": { "whenever": {} },
        "condition": { "compare": { "fact": { "missedActivities": { "days": 7 } }, "operator": "GTE", "value": 3 } },
        "actions": [{ "remind": { "template": "general", "audience": "CITIZEN" } }] });
    care::save_rule(&app.store, "silent", silent).await;
    care::save_rule(&app.store, "missed", missed).await;
    app.advance(TimeDelta::seconds(1)).await;
    let activity = daily_walk(&app, &enrollment).await;
    done(&say(&app, &app.therapist(), &enrollment, "Hej").await);
    let input = json!({ "activityId": activity, "occurrence": "2027-03-01", "done": false });
    done(&app.client.input(&app.citizen(1), "RegisterActivity", input).await);

    let flags = async || flag::Entity::find().all(app.store.connection()).await.unwrap();
    let reminders = async || {
        let all = reminder::Entity::find().all(app.store.connection()).await.unwrap();
        all.into_iter()
            .filter(|row| row.template == "general")
            .collect::<Vec<_>>()
    };
    app.run_until("2027-03-03T22:59:59Z".parse().unwrap()).await;
    assert_eq!((flags().await.len(), reminders().await.len()), (0, 0));
    // Three days after the message begin at midnight in Stockholm.
    app.run_until("2027-03-03T23:00:00Z".parse().unwrap()).await;
    assert_eq!(
        flags().await.iter().map(|flag| flag.kind.as_str()).collect::<Vec<_>>(),
        ["silent"]
    );
    assert!(
        reminders().await.is_empty(),
        "the first day was registered, the second and third were not"
    );
    app.run_until("2027-03-04T23:00:00Z".parse().unwrap()).await;
    assert_eq!(reminders().await.len(), 1, "three days in a row");
    // A message ends the silence, and its flag.
    done(&say(&app, &app.therapist(), &enrollment, "Hur går det?").await);
    app.advance(TimeDelta::seconds(1)).await;
    assert!(flags().await[0].resolved_at.is_some());
    app.stop().await;
}

/// What leaves the house says that there is a message, and nothing of it.
async fn an_email_about_a_message_says_nothing_of_it(kind: Kind) {
    let Some((app, _, enrollment)) = started(kind).await else {
        return;
    };
    let told = json!({ "trigger": { "event": { "messageReceived": { "from": "STAFF" } } },
        "actions": [{ "remind": { "template": "message-waiting", "channels": ["EMAIL", "INBOX"], "audience": "CITIZEN" } }] });
    care::save_rule(&app.store, "told", told).await;
    app.advance(TimeDelta::seconds(1)).await;
    let mut mine = app.subscribe(&app.citizen(1), "MyActivity", json!({})).await;
    done(&say(&app, &app.therapist(), &enrollment, "Provsvaret är hemligt").await);
    app.work().await;
    let mail = app.mail();
    assert_eq!(
        mail.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(),
        ["citizen1@home.example"]
    );
    let whole = mail[0].whole.to_lowercase();
    for said in [
        "provsvaret",
        "hemligt",
        "therapist",
        "solrosen",
        "nedstämdhet",
        "given1",
        "family1",
    ] {
        assert!(!whole.contains(said), "an e-mail must not say {said}: {whole}");
    }
    // In the house both arrive.
    assert_eq!(mine.item().await["myActivity"]["__typename"], "MessageReceived");
    let arrived = &mine.item().await["myActivity"];
    assert_eq!(
        (&arrived["__typename"], &arrived["reminder"]["title"]),
        (&json!("ReminderArrived"), &json!("Du har ett nytt meddelande"))
    );
    app.stop().await;
}

/// A citizen who was away reads on where they were, and hears of forms.
async fn a_citizen_goes_on_after_a_cursor(kind: Kind) {
    let Some((app, id, enrollment)) = started(kind).await else {
        return;
    };
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let mut socket = app.subscribe(&citizen, "MyActivity", json!({})).await;
    done(&say(&app, &therapist, &enrollment, "Ett").await);
    let seen = socket.item().await["myActivity"].clone();
    drop(socket);
    done(&say(&app, &therapist, &enrollment, "Två").await);
    care::dispatch(&app.store, id, "worry-measure").await;
    let mut socket = app
        .subscribe(&citizen, "MyActivity", json!({ "after": seen["cursor"] }))
        .await;
    assert_eq!(socket.item().await["myActivity"]["message"]["body"], "Två");
    let form = &socket.item().await["myActivity"];
    assert_eq!(
        (&form["__typename"], &form["dispatch"]["form"]["title"]),
        (&json!("DispatchAvailable"), &json!("worry-measure"))
    );
    app.stop().await;
}

both_databases!(
    messages_go_both_ways_as_they_are_sent,
    what_cannot_be_sent_is_refused,
    staff_have_no_activity_of_their_own,
    a_plan_is_made_and_registered,
    rules_are_triggered_by_what_people_do,
    silence_is_noticed,
    an_email_about_a_message_says_nothing_of_it,
    a_citizen_goes_on_after_a_cursor,
);
