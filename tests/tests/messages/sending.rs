//! Messages both ways, read on from a cursor, and the mail that says nothing of them.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, refused},
    database::Kind,
};

use super::{THREAD, end, say, started, thread};

const MARK_READ: &str = "mutation($input: MarkMessagesReadInput!) { markMessagesRead(input: $input) {
    enrollment { unreadMessageCount } errors { code message path } } }";

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
        assert_eq!(refused(&say(&app, token, &enrollment, "Tack").await), one("ENDED", ""));
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
    an_email_about_a_message_says_nothing_of_it,
    a_citizen_goes_on_after_a_cursor,
);
