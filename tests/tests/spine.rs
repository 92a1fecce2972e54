//! From end to end: a citizen's answer becomes a therapist's flag.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, text, weekly_measure},
    contract,
    database::Kind,
};

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// Starts the program for the nth citizen over the API; gives the enrollment.
async fn start(app: &TestApp, n: u32) -> String {
    let therapist = app.therapist();
    let me = app.client.ask(&therapist, "WhoAmI", json!({})).await;
    let citizen = json!({ "personalIdentityNumber": care::identity_number(n), "givenName": format!("Given{n}"),
        "familyName": format!("Family{n}"), "email": format!("citizen{n}@home.example"), "phone": "+46701740605" });
    let input = json!({ "programSlug": care::PROGRAM, "unitId": me["viewer"]["unit"]["id"], "citizen": citizen,
        "therapistIds": [me["viewer"]["staff"]["id"]], "timeZone": "Europe/Stockholm", "locale": "sv" });
    let data = app.client.input(&therapist, "StartEnrollment", input).await;
    let enrollment = &done(&data)["enrollment"];
    assert_eq!(enrollment["status"], "ACTIVE");
    text(&enrollment["id"])
}

/// The enrollments of the worklist in their order, each with the severities of its open flags.
async fn worklist(app: &TestApp, unit: &str) -> Vec<(String, Vec<Value>)> {
    let data = app
        .client
        .ask(&app.therapist(), "Worklist", json!({ "unitId": unit, "first": 50 }))
        .await;
    let enrollments = data["unit"]["enrollments"]["nodes"].as_array().unwrap();
    enrollments
        .iter()
        .map(|node| {
            let flags = node["flags"]["nodes"].as_array().unwrap();
            (
                text(&node["id"]),
                flags.iter().map(|flag| flag["severity"].clone()).collect(),
            )
        })
        .collect()
}

async fn an_answer_becomes_a_flag(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    let app = TestApp::start(kind, morning()).await;
    let therapist = app.therapist();
    let unit = app.unit_id().await;
    let (calm, worried, ill) = (start(&app, 1).await, start(&app, 2).await, start(&app, 3).await);
    // A rule sends the first measure.
    app.work().await;
    let home = app.home(3).await;
    assert_eq!(home["id"], ill.as_str());
    let waiting = &home["dispatches"]["nodes"];
    assert_eq!(
        (waiting.as_array().unwrap().len(), &waiting[0]["status"]),
        (1, &json!("AVAILABLE"))
    );
    assert_eq!(
        waiting[0]["availableAt"]
            .as_str()
            .unwrap()
            .parse::<DateTime<Utc>>()
            .unwrap(),
        morning()
    );
    let dispatch = text(&waiting[0]["id"]);

    // The citizen opens it, leaves, and comes back to what they wrote.
    let citizen = app.citizen(3);
    let form = app
        .client
        .ask(&citizen, "FormToFill", json!({ "dispatchId": dispatch }))
        .await;
    assert_eq!(form["dispatch"]["form"]["items"].as_array().unwrap().len(), 10);
    let draft = json!([{ "item": "q1", "value": "most" }, { "item": "q9", "value": "some" }]);
    let saved = app
        .client
        .input(
            &citizen,
            "SaveDraft",
            json!({ "dispatchId": dispatch, "answers": draft }),
        )
        .await;
    assert_eq!(done(&saved)["dispatch"]["status"], "STARTED");
    let form = app
        .client
        .ask(&citizen, "FormToFill", json!({ "dispatchId": dispatch }))
        .await;
    assert_eq!(
        form["dispatch"]["draft"]["answers"][1],
        json!({ "item": { "key": "q9" }, "value": "some" })
    );

    // The therapist watches.
    let mut activity = app
        .subscribe(&therapist, "UnitActivity", json!({ "unitId": unit }))
        .await;
    let answers = weekly_measure(["most", "most", "some", "some", "no", "some", "no", "no", "most"]);
    let submitted = app
        .client
        .input(
            &citizen,
            "SubmitResponse",
            json!({ "dispatchId": dispatch, "answers": answers }),
        )
        .await;
    let scores = &done(&submitted)["result"]["scores"];
    assert_eq!(
        (&scores[0]["scale"]["key"], scores[0]["value"].as_f64()),
        (&json!("total"), Some(9.0))
    );
    assert_eq!(
        (&scores[0]["band"]["key"], &scores[0]["complete"]),
        (&json!("mild"), &json!(true))
    );
    app.work().await;

    let answered = &activity.item().await["unitActivity"];
    assert_eq!(answered["__typename"], "ResponseSubmitted");
    assert_eq!(answered["result"]["enrollment"]["id"], ill.as_str());
    let raised = &activity.item().await["unitActivity"];
    assert_eq!(raised["__typename"], "FlagRaised");
    let flag = &raised["flag"];
    assert_eq!(
        (&flag["severity"], &flag["title"]),
        (&json!("URGENT"), &json!("Thoughts of self-harm"))
    );
    assert_eq!(
        flag["enrollment"],
        json!({ "id": ill, "citizen": { "displayName": "Given3 Family3" } })
    );

    // Why it was raised: what the rule compared, with the values that it saw.
    let why = "query($id: ID!) { node(id: $id) { ... on Flag { causes { firing { trace { text verdict } } } } } }";
    let causes = app
        .client
        .query(&therapist, why, json!({ "id": flag["id"] }))
        .await
        .data();
    let trace = &causes["node"]["causes"][0]["firing"]["trace"];
    assert!(
        trace[0]["text"].as_str().is_some_and(|text| text.contains('2')),
        "{causes}"
    );
    assert_eq!(trace[0]["verdict"], "TRUE", "{causes}");

    // The most urgent is first; a lesser flag raised by hand comes after it.
    let input = json!({ "enrollmentId": worried, "kind": "call", "severity": "WARNING", "title": "Call back", "audience": "STAFF" });
    done(&app.client.input(&therapist, "RaiseFlag", input).await);
    let expected = [
        (ill.clone(), vec![json!("URGENT")]),
        (worried.clone(), vec![json!("WARNING")]),
        (calm.clone(), vec![]),
    ];
    assert_eq!(worklist(&app, &unit).await, expected);

    let id = text(&flag["id"]);
    let acknowledged = app
        .client
        .input(
            &therapist,
            "AcknowledgeFlag",
            json!({ "flagId": id, "note": "I call." }),
        )
        .await;
    assert_eq!(done(&acknowledged)["flag"]["status"], "ACKNOWLEDGED");
    let resolved = app
        .client
        .input(&therapist, "ResolveFlag", json!({ "flagId": id, "note": "We talked." }))
        .await;
    assert_eq!(done(&resolved)["flag"]["status"], "RESOLVED");
    let expected = [(worried, vec![json!("WARNING")]), (ill, vec![]), (calm, vec![])];
    let found = worklist(&app, &unit).await;
    assert_eq!(found[0], expected[0]);
    assert!(found[1..].iter().all(|(_, flags)| flags.is_empty()), "{found:?}");
    app.stop().await;
}

/// Reminders stop on the answer, and say nothing of what they are about.
async fn only_who_has_not_answered_is_reminded(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    let app = TestApp::start(kind, morning()).await;
    for n in [1, 2] {
        start(&app, n).await;
    }
    app.work().await;
    let dispatch = text(&app.home(1).await["dispatches"]["nodes"][0]["id"]);
    let input = json!({ "dispatchId": dispatch, "answers": weekly_measure(["no"; 9]) });
    done(&app.client.input(&app.citizen(1), "SubmitResponse", input).await);

    app.advance(TimeDelta::days(1) - TimeDelta::seconds(1)).await;
    assert_eq!(app.mail(), []);
    app.advance(TimeDelta::seconds(1)).await;
    let mail = app.mail();
    assert_eq!(
        mail.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(),
        ["citizen2@home.example"]
    );
    let whole = mail[0].whole.to_lowercase();
    assert!(
        mail[0].text.contains("https://handrail.example"),
        "it says where to sign in: {}",
        mail[0].text
    );
    for said in [
        "given2",
        "family2",
        "nedstämdhet",
        "low-mood",
        "weekly",
        "measure",
        "mätning",
    ] {
        assert!(!whole.contains(said), "an e-mail must not say {said}: {whole}");
    }

    // The second reminder, then the form expires and nothing more comes.
    app.advance(TimeDelta::days(4)).await;
    assert_eq!(app.mail().len(), 2);
    let ids: Vec<_> = app.mail().into_iter().map(|mail| mail.id).collect();
    assert_ne!(ids[0], ids[1]);
    assert_eq!(app.home(2).await["dispatches"]["nodes"], json!([]));
    app.stop().await;
}

both_databases!(an_answer_becomes_a_flag, only_who_has_not_answered_is_reminded);
