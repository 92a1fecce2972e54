//! Messages and activities on the side of the child.

use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::{
    both_databases,
    client::{done, one, refused, text},
    database::Kind,
};

use crate::family;

async fn messages_are_written_and_read_for_the_child(kind: Kind) {
    let family = family(kind).await;
    let (app, guardian, child) = (&family.app, family.token(), family.app.citizen(1));
    let therapist = app.therapist();
    // What each of them began to write is their own.
    for (token, body) in [(&guardian, "Vi undrar"), (&child, "Mamma vet inte")] {
        let input = json!({ "enrollmentId": family.enrollment, "body": body });
        done(&family.send(token, "saveMessageDraft", "enrollment { id }", input).await);
    }
    for (token, expected) in [
        (&guardian, json!({ "body": "Vi undrar" })),
        (&child, json!({ "body": "Mamma vet inte" })),
        (&therapist, Value::Null),
    ] {
        let seen = family.seen(token, &family.enrollment, "messageDraft { body }").await;
        assert_eq!(seen["messageDraft"], expected);
    }

    let request = app.client.http().post(app.client.url("/attachments"));
    let request = request.bearer_auth(&guardian).header("X-File-Name", "intyg.txt");
    let response = request.body("Frisk igen".as_bytes().to_vec()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let file = response.json::<Value>().await.unwrap()["id"].clone();
    let message = |enrollment: &str, files: Value| json!({ "enrollmentId": enrollment, "body": "Vi undrar en sak.", "attachmentIds": files });
    let answer = family
        .send(
            &guardian,
            "sendMessage",
            "message { id }",
            message(&family.others, json!([])),
        )
        .await;
    assert_eq!(refused(&answer), one("NOT_FOUND", "enrollmentId"));
    // The child does not send what the guardian uploaded.
    let answer = family
        .send(
            &child,
            "sendMessage",
            "message { id }",
            message(&family.enrollment, json!([file])),
        )
        .await;
    assert_eq!(refused(&answer)[0].0, "NOT_FOUND");
    let answer = family
        .send(
            &guardian,
            "sendMessage",
            "message { id }",
            message(&family.enrollment, json!([file])),
        )
        .await;
    let sent = done(&answer)["message"]["id"].clone();

    let fields =
        "unreadMessageCount messages { nodes { id body from actor readAt staff { id } attachments { name url } } }";
    let mut links = Vec::new();
    for (token, unread) in [(&therapist, 1), (&child, 0), (&guardian, 0)] {
        let seen = family.seen(token, &family.enrollment, fields).await;
        let nodes = &seen["messages"]["nodes"];
        assert_eq!(nodes.as_array().unwrap().len(), 1);
        assert_eq!(
            (
                &nodes[0]["id"],
                &nodes[0]["from"],
                &nodes[0]["actor"],
                &nodes[0]["staff"],
                &seen["unreadMessageCount"]
            ),
            (
                &sent,
                &json!("CITIZEN"),
                &json!("GUARDIAN"),
                &Value::Null,
                &json!(unread)
            )
        );
        links.push(nodes[0]["attachments"][0]["url"].clone());
    }
    let draft = family
        .seen(&guardian, &family.enrollment, "messageDraft { body }")
        .await;
    assert_eq!(draft["messageDraft"], Value::Null, "what was sent is no draft");
    let draft = family.seen(&child, &family.enrollment, "messageDraft { body }").await;
    assert_eq!(draft["messageDraft"]["body"], "Mamma vet inte");

    // The answer is read for the child.
    let reply = json!({ "enrollmentId": family.enrollment, "body": "Så här är det." });
    app.clock.advance(TimeDelta::seconds(1));
    done(&family.send(&therapist, "sendMessage", "message { id }", reply).await);
    let read = |enrollment: &str| json!({ "enrollmentId": enrollment });
    let answer = family
        .send(&guardian, "markMessagesRead", "enrollment { id }", read(&family.others))
        .await;
    assert_eq!(refused(&answer), one("NOT_FOUND", "enrollmentId"));
    for (token, unread) in [(&child, 1), (&guardian, 1)] {
        let seen = family.seen(token, &family.enrollment, "unreadMessageCount").await;
        assert_eq!(seen["unreadMessageCount"], unread);
    }
    let fields = "enrollment { unreadMessageCount }";
    let answer = family
        .send(&guardian, "markMessagesRead", fields, read(&family.enrollment))
        .await;
    assert_eq!(done(&answer)["enrollment"]["unreadMessageCount"], 0);
    let seen = family
        .seen(
            &therapist,
            &family.enrollment,
            "messages(first: 1) { nodes { body actor readAt } }",
        )
        .await;
    let latest = &seen["messages"]["nodes"][0];
    assert_eq!(
        (&latest["body"], &latest["actor"]),
        (&json!("Så här är det."), &json!("STAFF"))
    );
    assert!(latest["readAt"].is_string(), "{latest}");

    // Their link is theirs alone, and ends with what they are to the child; the child's goes on.
    for link in &links {
        let response = family.download(link).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.bytes().await.unwrap(), "Frisk igen".as_bytes());
    }
    assert_eq!(family.logged("downloadAttachment").await, [family.child]);
    let forged = json!(text(&links[2]).replace("for=GUARDIAN", "for=CITIZEN"));
    assert_eq!(family.download(&forged).await.status(), StatusCode::FORBIDDEN);
    family.release().await;
    let after: Vec<StatusCode> = vec![
        family.download(&links[1]).await.status(),
        family.download(&links[2]).await.status(),
    ];
    assert_eq!(after, [StatusCode::OK, StatusCode::NOT_FOUND]);
    let answer = family
        .send(
            &guardian,
            "sendMessage",
            "message { id }",
            message(&family.enrollment, json!([])),
        )
        .await;
    assert_eq!(refused(&answer), one("NOT_FOUND", "enrollmentId"));
}

async fn activities_are_planned_and_registered_for_the_child(kind: Kind) {
    let family = family(kind).await;
    let (app, guardian, therapist) = (&family.app, family.token(), family.app.therapist());
    let walk = |enrollment: &str| json!({ "enrollmentId": enrollment, "title": "Promenad", "startsOn": "2027-03-01", "time": "17:30", "repeat": "FREQ=DAILY" });
    let plan = async |token: &str, enrollment: &str| {
        let fields = "activity { id plannedByCitizen }";
        family.send(token, "planActivity", fields, walk(enrollment)).await
    };
    assert_eq!(
        refused(&plan(&guardian, &family.others).await),
        one("NOT_FOUND", "enrollmentId")
    );
    let planned = done(&plan(&guardian, &family.enrollment).await)["activity"].clone();
    assert_eq!(planned["plannedByCitizen"], true);
    let by_staff = done(&plan(&therapist, &family.enrollment).await)["activity"]["id"].clone();
    let others = done(&plan(&therapist, &family.others).await)["activity"]["id"].clone();

    // They end what was planned on the child's side, and leave what staff planned.
    let end = async |activity: &Value| {
        let input = json!({ "activityId": activity, "occurrence": "2027-03-02", "reason": "Resa" });
        family
            .send(&guardian, "cancelOccurrence", "activity { id }", input)
            .await
    };
    done(&end(&planned["id"]).await);
    assert_eq!(refused(&end(&by_staff).await), one("NOT_ALLOWED", ""));
    assert_eq!(refused(&end(&others).await), one("NOT_FOUND", "activityId"));

    let register = async |activity: &Value| {
        let input = json!({ "activityId": activity, "occurrence": "2027-03-01", "done": true, "note": "Hela vägen.", "rating": 8 });
        let fields = "entry { done note rating }";
        family.send(&guardian, "registerActivity", fields, input).await
    };
    assert_eq!(refused(&register(&others).await), one("NOT_FOUND", "activityId"));
    let entry = done(&register(&by_staff).await)["entry"].clone();
    assert_eq!(entry, json!({ "done": true, "note": "Hela vägen.", "rating": 8 }));
    let fields =
        "activities(from: \"2027-03-01T00:00:00Z\", to: \"2027-03-03T00:00:00Z\") { id day entry { done note rating } }
        activityPlan { id exceptions { occurrence reason actor by { displayName } } }";
    let seen = family.seen(&therapist, &family.enrollment, fields).await;
    let days = seen["activities"].as_array().unwrap().iter();
    let entries: Vec<Value> = days
        .map(|day| day["entry"].clone())
        .filter(|entry| !entry.is_null())
        .collect();
    assert_eq!(entries, [entry]);
    let plans = seen["activityPlan"].as_array().unwrap();
    let changed = plans.iter().find(|plan| plan["id"] == planned["id"]).unwrap();
    assert_eq!(
        changed["exceptions"],
        json!([{ "occurrence": "2027-03-02", "reason": "Resa", "actor": "GUARDIAN", "by": null }])
    );
    assert_eq!(family.seen(&app.citizen(1), &family.enrollment, fields).await, seen);
}

both_databases!(
    messages_are_written_and_read_for_the_child,
    activities_are_planned_and_registered_for_the_child,
);
