//! What citizens read and do: their start page, their program and their forms.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{
    both_databases,
    client::{done, text, weekly_measure},
    database::Kind,
};

use super::{is_at, morning, started};

async fn citizen_home(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let home = app.home(1).await;
    assert_eq!(home["status"], "ACTIVE");
    assert!(is_at(&home["startedAt"], morning()));
    // Ten weeks later at the same local time: summer time has begun meanwhile.
    assert!(
        is_at(&home["endsAt"], "2027-05-10T08:00:00Z".parse().unwrap()),
        "{}",
        home["endsAt"]
    );
    assert_eq!(home["program"]["title"], "Vägar ur nedstämdhet");
    assert_eq!(
        home["progress"],
        json!({ "completedSteps": 0, "totalSteps": 4, "percent": 0 })
    );
    assert_eq!(home["nextStep"]["title"], "hello");
    assert_eq!(home["nextStep"]["module"]["title"], "Välkommen");
    assert_eq!(
        (&home["unreadMessageCount"], &home["activities"]),
        (&json!(0), &json!([]))
    );
    let dispatch = &home["dispatches"]["nodes"][0];
    assert_eq!(
        (&dispatch["status"], &dispatch["form"]["title"]),
        (&json!("AVAILABLE"), &json!("weekly-measure"))
    );
    assert!(
        is_at(&dispatch["availableAt"], morning()) && is_at(&dispatch["expiresAt"], morning() + TimeDelta::days(3))
    );
    let contact = &home["contact"];
    assert_eq!(contact["unit"]["name"], "Solrosens vårdcentral");
    assert_eq!(contact["unit"]["phone"], "+46846500410");
    assert_eq!(contact["unit"]["openingHours"], "Mån–fre 8–17");
    assert_eq!(contact["therapists"][0]["displayName"], "Person therapist");
    assert_eq!(contact["therapists"][0]["title"], "Psykolog");

    // A flag for the citizen is theirs to see, one for the staff is not.
    for (kind, audience) in [("praise", "CITIZEN"), ("call", "STAFF")] {
        let input = json!({ "enrollmentId": home["id"], "kind": kind, "severity": "INFO", "title": kind, "audience": audience });
        done(&app.client.input(&app.therapist(), "RaiseFlag", input).await);
    }
    let flags = app.home(1).await["flags"]["nodes"].clone();
    assert_eq!(
        flags
            .as_array()
            .unwrap()
            .iter()
            .map(|flag| text(&flag["title"]))
            .collect::<Vec<_>>(),
        ["praise"]
    );
}

async fn taking_part(kind: Kind) {
    let Some((app, enrollment)) = started(kind).await else {
        return;
    };
    let take_part = async |token: &str| {
        let data = app
            .client
            .ask(token, "TakePart", json!({ "enrollmentId": enrollment }))
            .await;
        data["enrollment"]["modules"].as_array().unwrap().clone()
    };
    let citizen = app.citizen(1);
    let modules = take_part(&citizen).await;
    assert_eq!(
        modules.iter().map(|module| text(&module["key"])).collect::<Vec<_>>(),
        ["welcome", "activity", "looking-back"]
    );
    assert_eq!(modules[0]["availability"]["open"], true);
    assert_eq!(modules[1]["availability"]["open"], false);
    assert_eq!(modules[2]["availability"]["open"], false);
    assert!(is_at(
        &modules[2]["availability"]["opensAt"],
        morning() + TimeDelta::days(7)
    ));
    let steps = &modules[0]["sections"][0]["steps"];
    assert_eq!(steps[0]["completedAt"], Value::Null);
    assert_eq!(steps[1]["blocks"][0]["dispatch"], Value::Null);

    // OpenForm gives the dispatch of a step's form, the same one each time.
    let input = json!({ "enrollmentId": enrollment, "stepId": steps[1]["id"], "formKey": "diary" });
    let opened = app.client.input(&citizen, "OpenForm", input.clone()).await;
    let dispatch = done(&opened)["dispatch"].clone();
    assert_eq!(dispatch["status"], "AVAILABLE");
    assert_eq!(
        done(&app.client.input(&citizen, "OpenForm", input).await)["dispatch"],
        dispatch
    );
    let shown = take_part(&citizen).await[0]["sections"][0]["steps"][1]["blocks"][0].clone();
    assert_eq!(
        (&shown["dispatch"]["id"], &shown["form"]["key"]),
        (&dispatch["id"], &json!("diary"))
    );
    let answers = json!([{ "item": "did", "value": "I walked." }]);
    let input = json!({ "dispatchId": dispatch["id"], "answers": answers });
    let submitted = app.client.input(&citizen, "SubmitResponse", input).await;
    assert_eq!(done(&submitted)["result"]["scores"], json!([]));

    // CompleteStep counts, and the rule opens the next module when the first is done.
    for (done_so_far, step) in steps.as_array().unwrap().iter().enumerate() {
        let input = json!({ "enrollmentId": enrollment, "stepId": step["id"] });
        let completed = app.client.input(&citizen, "CompleteStep", input).await;
        assert_eq!(
            done(&completed)["enrollment"]["progress"]["completedSteps"],
            done_so_far + 1
        );
    }
    // What happens at one instant is dated microseconds apart: a moment later all of it holds.
    app.advance(TimeDelta::seconds(1)).await;
    let modules = take_part(&citizen).await;
    assert_eq!(modules[0]["progress"], json!({ "completedSteps": 2, "totalSteps": 2 }));
    assert!(is_at(&modules[0]["sections"][0]["steps"][0]["completedAt"], morning()));
    assert_eq!(modules[1]["availability"]["open"], true);
    let home = app.home(1).await;
    assert_eq!(
        home["progress"],
        json!({ "completedSteps": 2, "totalSteps": 4, "percent": 50 })
    );
    assert_eq!(home["nextStep"]["title"], "plan");

    // ChangeVisibility: what is hidden the citizen does not see, and staff do.
    let therapist = app.therapist();
    let input =
        json!({ "enrollmentId": enrollment, "moduleKey": "looking-back", "visible": false, "reason": "Too much now" });
    let changed = app.client.input(&therapist, "ChangeVisibility", input).await;
    let expected = json!([{ "key": "welcome", "visible": true }, { "key": "activity", "visible": true },
        { "key": "looking-back", "visible": false }]);
    assert_eq!(done(&changed)["enrollment"]["modules"], expected);
    assert_eq!(take_part(&citizen).await.len(), 2);
    assert_eq!(take_part(&therapist).await.len(), 3);
    assert_eq!(app.home(1).await["progress"]["totalSteps"], 3);
}

async fn filling_in(kind: Kind) {
    let Some((app, enrollment)) = started(kind).await else {
        return;
    };
    let citizen = app.citizen(1);
    let dispatch = app.home(1).await["dispatches"]["nodes"][0]["id"].clone();
    let form = async || {
        app.client
            .ask(&citizen, "FormToFill", json!({ "dispatchId": dispatch }))
            .await["dispatch"]
            .clone()
    };
    let asked = form().await;
    assert_eq!((&asked["status"], &asked["draft"]), (&json!("AVAILABLE"), &Value::Null));
    assert_eq!(asked["form"]["instructions"], "Answer.");
    let item = &asked["form"]["items"][0];
    assert_eq!(
        (&item["key"], &item["kind"], &item["required"]),
        (&json!("q1"), &json!("CHOICE"), &json!(true))
    );
    assert_eq!(
        item["options"][2],
        json!({ "key": "most", "label": "most", "value": 2.0 })
    );
    let note = &asked["form"]["items"][9];
    let expected = json!({ "behavior": "ANY", "conditions": [{ "item": "q1", "operator": "EQ", "answer": "all" }] });
    assert_eq!((&note["kind"], &note["enableWhen"]), (&json!("TEXT"), &expected));

    let draft = json!([{ "item": "q1", "value": "all" }, { "item": "note", "value": "Åäö" }]);
    let saved = app
        .client
        .input(
            &citizen,
            "SaveDraft",
            json!({ "dispatchId": dispatch, "answers": draft }),
        )
        .await;
    assert!(is_at(&done(&saved)["dispatch"]["draft"]["savedAt"], morning()));
    let answers = form().await["draft"]["answers"].clone();
    assert_eq!(
        answers,
        json!([{ "item": { "key": "q1" }, "value": "all" }, { "item": { "key": "note" }, "value": "Åäö" }])
    );

    let answers = weekly_measure(["all", "all", "all", "all", "some", "some", "no", "no", "no"]);
    let input = json!({ "dispatchId": dispatch, "answers": answers });
    let result = done(&app.client.input(&citizen, "SubmitResponse", input).await)["result"].clone();
    let expected = json!([{ "scale": { "key": "total", "label": "Total" }, "value": 14.0,
        "band": { "key": "moderate", "label": "moderate" }, "complete": true }]);
    assert_eq!(result["scores"], expected);
    assert!(is_at(&result["completedAt"], morning()));
    assert_eq!(form().await["status"], "COMPLETED");

    // EnrollmentResults: the second measure a week later shows the change.
    app.advance(TimeDelta::days(8)).await;
    let answers = weekly_measure(["no", "some", "no", "no", "no", "no", "no", "no", "no"]);
    app.answer(1, "weekly-measure", answers).await;
    let variables = json!({ "enrollmentId": enrollment, "form": "weekly-measure", "scale": "total" });
    let data = app.client.ask(&app.therapist(), "EnrollmentResults", variables).await;
    assert_eq!(data["enrollment"]["citizen"]["displayName"], "Given1 Family1");
    let series = &data["enrollment"]["resultSeries"];
    assert_eq!(
        (&series["scale"]["min"], &series["scale"]["max"]),
        (&json!(0.0), &json!(27.0))
    );
    assert_eq!(
        series["scale"]["bands"][1],
        json!({ "key": "mild", "label": "mild", "from": 5.0, "to": 9.0 })
    );
    let points: Vec<_> = series["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| (&point["value"], &point["band"]["key"]))
        .collect();
    assert_eq!(
        points,
        [(&json!(14.0), &json!("moderate")), (&json!(1.0), &json!("minimal"))]
    );
    assert_eq!(series["change"], json!({ "fromFirst": -13.0, "fromPrevious": -13.0 }));
    let results = data["enrollment"]["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(results[0]["id"], result["id"]);
    assert_eq!(
        results[0]["answers"][0],
        json!({ "item": { "key": "q1", "text": "q1" }, "value": "all", "label": "all" })
    );
}

both_databases!(citizen_home, taking_part, filling_in);
