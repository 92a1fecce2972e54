//! The operations that frontends send, verbatim, each answered with the right values.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use entity::dispatch;
use rules::definition::Condition;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{document, done, text, weekly_measure},
    contract,
    database::Kind,
};

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// The same instant, however it is written.
fn is_at(value: &Value, at: DateTime<Utc>) -> bool {
    value.as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok()) == Some(at)
}

/// A server with one citizen who has just been enrolled and sent the first measure; none where there is no contract.
async fn started(kind: Kind) -> Option<(TestApp, String)> {
    contract::operations()?;
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    app.work().await;
    let enrollment = app.enrollment_of(1).await;
    Some((app, enrollment))
}

/// Answers the measure that waits for the first citizen.
async fn answer(app: &TestApp, options: [&str; 9]) -> Value {
    let dispatch = text(&app.home(1).await["dispatches"]["nodes"][0]["id"]);
    let input = json!({ "dispatchId": dispatch, "answers": weekly_measure(options) });
    let data = app.client.input(&app.citizen(1), "SubmitResponse", input).await;
    done(&data)["result"].clone()
}

async fn who_am_i(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let citizen = app.client.ask(&app.citizen(1), "WhoAmI", json!({})).await;
    assert_eq!(citizen["viewer"]["__typename"], "CitizenViewer");
    assert_eq!(citizen["viewer"]["citizen"]["displayName"], "Given1 Family1");
    for (subject, role) in care::STAFF {
        let staff = app.client.ask(&app.staff(subject), "WhoAmI", json!({})).await;
        let viewer = &staff["viewer"];
        assert_eq!(viewer["__typename"], "StaffViewer");
        assert_eq!(viewer["staff"]["displayName"], format!("Person {subject}"));
        assert_eq!(viewer["roles"], json!([role]), "{subject}");
        assert!(!viewer["unit"]["name"].as_str().unwrap().is_empty());
    }
}

async fn program_tree(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let ask = async |locale: Option<&str>| {
        let variables = json!({ "slug": care::PROGRAM, "locale": locale });
        app.client.ask(&app.citizen(1), "ProgramTree", variables).await["program"].clone()
    };
    let program = ask(Some("sv")).await;
    assert_eq!(
        (&program["slug"], &program["kind"]),
        (&json!(care::PROGRAM), &json!("TREATMENT"))
    );
    assert_eq!(program["title"], "Vägar ur nedstämdhet");
    let version = &program["publishedVersion"];
    assert_eq!(version["number"], "1.0");
    assert!(is_at(&version["publishedAt"], morning()));
    let modules = version["modules"].as_array().unwrap();
    let keys: Vec<_> = modules.iter().map(|module| module["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["welcome", "activity", "looking-back"]);
    let steps = &modules[0]["sections"][0]["steps"];
    assert_eq!(
        (&steps[0]["key"], &steps[0]["estimatedMinutes"]),
        (&json!("hello"), &json!(5))
    );
    let blocks = &steps[0]["blocks"];
    assert_eq!(
        blocks[0],
        json!({ "__typename": "TextBlock", "html": "<p>Hej <strong>du</strong></p>" })
    );
    assert_eq!(
        blocks[1],
        json!({ "__typename": "ImageBlock", "url": "https://media.example.org/a.svg", "altText": "En bild" })
    );
    let form = &steps[1]["blocks"][0]["form"];
    assert_eq!((&form["key"], &form["title"]), (&json!("diary"), &json!("Diary")));

    assert_eq!(ask(Some("en")).await["title"], "Vägar ur nedstämdhet (en)");
    let nothing = app
        .client
        .ask(&app.citizen(1), "ProgramTree", json!({ "slug": "no-such-program" }))
        .await;
    assert_eq!(nothing["program"], Value::Null);
}

async fn catalogue(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let all = app
        .client
        .ask(&app.citizen(1), "Catalogue", json!({ "first": 10 }))
        .await;
    assert_eq!(all["programs"]["totalCount"], 1);
    let program = &all["programs"]["nodes"][0];
    assert_eq!(
        (&program["slug"], &program["kind"]),
        (&json!(care::PROGRAM), &json!("TREATMENT"))
    );
    let mut locales: Vec<_> = program["locales"].as_array().unwrap().iter().map(text).collect();
    locales.sort();
    assert_eq!(locales, ["en", "sv"]);
    assert_eq!(all["programs"]["pageInfo"]["hasNextPage"], false);
    let after = &all["programs"]["pageInfo"]["endCursor"];
    let rest = app
        .client
        .ask(&app.citizen(1), "Catalogue", json!({ "first": 10, "after": after }))
        .await;
    assert_eq!(rest["programs"]["nodes"], json!([]));
    let support = app
        .client
        .ask(&app.citizen(1), "Catalogue", json!({ "first": 10, "kind": "SUPPORT" }))
        .await;
    assert_eq!(
        (&support["programs"]["totalCount"], &support["programs"]["nodes"]),
        (&json!(0), &json!([]))
    );
}

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

    let result = answer(&app, ["all", "all", "all", "all", "some", "some", "no", "no", "no"]).await;
    let expected = json!([{ "scale": { "key": "total", "label": "Total" }, "value": 14.0,
        "band": { "key": "moderate", "label": "moderate" }, "complete": true }]);
    assert_eq!(result["scores"], expected);
    assert!(is_at(&result["completedAt"], morning()));
    assert_eq!(form().await["status"], "COMPLETED");

    // EnrollmentResults: the second measure a week later shows the change.
    app.advance(TimeDelta::days(8)).await;
    answer(&app, ["no", "some", "no", "no", "no", "no", "no", "no", "no"]).await;
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

async fn the_worklist_and_flags(kind: Kind) {
    let Some((app, enrollment)) = started(kind).await else {
        return;
    };
    let therapist = app.therapist();
    answer(&app, ["all", "all", "all", "all", "all", "all", "no", "no", "most"]).await;
    app.work().await;
    let unit = app.unit_id().await;
    let data = app
        .client
        .ask(&therapist, "Worklist", json!({ "unitId": unit, "first": 10 }))
        .await;
    assert_eq!(
        (&data["unit"]["id"], &data["unit"]["enrollments"]["totalCount"]),
        (&json!(unit), &json!(1))
    );
    let node = &data["unit"]["enrollments"]["nodes"][0];
    assert_eq!((&node["id"], &node["status"]), (&json!(enrollment), &json!("ACTIVE")));
    assert_eq!(
        (&node["citizen"]["displayName"], &node["citizen"]["age"]),
        (&json!("Given1 Family1"), &json!(47))
    );
    assert!(is_at(&node["lastActivityAt"], morning()));
    assert_eq!(node["therapists"][0]["displayName"], "Person therapist");
    assert_eq!(node["progress"]["percent"], 0);
    assert_eq!(node["results"][0]["form"]["title"], "weekly-measure");
    assert_eq!(node["results"][0]["scores"][0]["value"], 20.0);
    let flags = node["flags"]["nodes"].as_array().unwrap();
    let mut kinds: Vec<_> = flags
        .iter()
        .map(|flag| (text(&flag["kind"]), text(&flag["severity"])))
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            ("high-score".to_owned(), "WARNING".to_owned()),
            ("risk".to_owned(), "URGENT".to_owned())
        ]
    );

    let input = json!({ "enrollmentId": enrollment, "kind": "call", "severity": "INFO", "title": "Call", "note": "Today", "audience": "STAFF" });
    let raised = app.client.input(&therapist, "RaiseFlag", input).await;
    let flag = &done(&raised)["flag"];
    assert_eq!((&flag["status"], &flag["severity"]), (&json!("OPEN"), &json!("INFO")));
    let acknowledged = app
        .client
        .input(
            &therapist,
            "AcknowledgeFlag",
            json!({ "flagId": flag["id"], "note": "Calling" }),
        )
        .await;
    let me = app.client.ask(&therapist, "WhoAmI", json!({})).await;
    assert_eq!(done(&acknowledged)["flag"]["status"], "ACKNOWLEDGED");
    assert_eq!(
        done(&acknowledged)["flag"]["acknowledgedBy"]["id"],
        me["viewer"]["staff"]["id"]
    );
    let resolved = app
        .client
        .input(
            &therapist,
            "ResolveFlag",
            json!({ "flagId": flag["id"], "note": "Called" }),
        )
        .await;
    assert_eq!(done(&resolved)["flag"]["status"], "RESOLVED");
    assert!(is_at(&done(&resolved)["flag"]["resolvedAt"], morning()));
}

async fn starting_sending_and_reminding(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let administrator = app.staff("citizen-administrator");
    let me = app.client.ask(&app.therapist(), "WhoAmI", json!({})).await;
    let citizen = json!({ "personalIdentityNumber": care::identity_number(2), "givenName": "Åsa", "familyName": "Öberg",
        "email": "asa@home.example", "phone": "+46701740605" });
    let input = json!({ "programSlug": care::PROGRAM, "unitId": me["viewer"]["unit"]["id"], "citizen": citizen,
        "startsAt": morning() + TimeDelta::days(1), "therapistIds": [me["viewer"]["staff"]["id"]],
        "timeZone": "Europe/Stockholm", "locale": "sv", "idempotencyKey": "once" });
    let begun = app.client.input(&administrator, "StartEnrollment", input.clone()).await;
    assert_eq!(done(&begun)["enrollment"]["status"], "PLANNED");
    assert_eq!(
        app.client.input(&administrator, "StartEnrollment", input).await,
        begun,
        "the same key gives the first answer"
    );
    app.advance(TimeDelta::days(1)).await;
    let therapist = app.therapist();
    let unit = app.unit_id().await;
    let data = app
        .client
        .ask(&therapist, "Worklist", json!({ "unitId": unit, "first": 10 }))
        .await;
    assert_eq!(data["unit"]["enrollments"]["totalCount"], 2, "it has started by itself");

    let enrollment = &done(&begun)["enrollment"]["id"];
    let now = app.clock.now();
    let input = json!({ "enrollmentId": enrollment, "formKey": "worry-measure", "at": now + TimeDelta::hours(1),
        "expiresAfter": "P2D", "remindAfter": ["P1D"] });
    let sent = app.client.input(&therapist, "DispatchForm", input).await;
    let dispatch = &done(&sent)["dispatches"][0];
    assert_eq!(dispatch["status"], "SCHEDULED");
    assert!(is_at(&dispatch["availableAt"], now + TimeDelta::hours(1)));
    assert!(is_at(&dispatch["expiresAt"], now + TimeDelta::hours(49)));

    let mails = app.mail().len();
    let input = json!({ "enrollmentId": enrollment, "template": "come-back", "channels": ["EMAIL"] });
    let reminded = app.client.input(&therapist, "RemindCitizen", input).await;
    let deliveries = &done(&reminded)["reminder"]["deliveries"];
    assert_eq!(deliveries, &json!([{ "channel": "EMAIL", "status": "READY" }]));
    app.work().await;
    assert_eq!(app.mail().len(), mails + 1);
    assert!(app.mail().iter().any(|mail| mail.to == "asa@home.example"));
}

/// DispatchForm with `repeat` becomes a rule of the enrollment.
async fn sending_again_and_again(kind: Kind) {
    let Some((app, enrollment)) = started(kind).await else {
        return;
    };
    let input = json!({ "enrollmentId": enrollment, "formKey": "worry-measure", "at": "2027-03-02T08:00:00+01:00",
        "expiresAfter": "P2D", "repeat": "FREQ=WEEKLY;COUNT=6" });
    let sent = app.client.input(&app.therapist(), "DispatchForm", input).await;
    let expected = [
        "2027-03-02T07:00:00Z",
        "2027-03-09T07:00:00Z",
        "2027-03-16T07:00:00Z",
        "2027-03-23T07:00:00Z",
        "2027-03-30T06:00:00Z",
    ];
    let shown = done(&sent)["dispatches"].as_array().unwrap().clone();
    let shown: Vec<_> = shown
        .iter()
        .map(|dispatch| text(&dispatch["availableAt"]).parse::<DateTime<Utc>>().unwrap())
        .collect();
    let expected: Vec<DateTime<Utc>> = expected.iter().map(|at| at.parse().unwrap()).collect();
    assert_eq!(shown, expected, "the next thirty days");
    app.advance(TimeDelta::days(30)).await;
    let rows = dispatch::Entity::find().all(app.store.connection()).await.unwrap();
    let mut sent: Vec<_> = rows
        .into_iter()
        .filter(|row| row.form_key == "worry-measure")
        .map(|row| row.available_at)
        .collect();
    sent.sort();
    assert_eq!(sent, expected);
}

async fn rules_are_read_and_saved(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let designer = app.staff("designer");
    let rules = async || {
        let data = app
            .client
            .ask(&designer, "Rules", json!({ "programSlug": care::PROGRAM }))
            .await;
        data["program"]["rules"].as_array().unwrap().clone()
    };
    let find = |rules: &[Value], key: &str| rules.iter().find(|rule| rule["key"] == key).cloned();
    let before = rules().await;
    let first = find(&before, "first-measure").unwrap();
    assert_eq!(
        (&first["enabled"], &first["version"], &first["firingCount"]),
        (&json!(true), &json!(1), &json!(1))
    );
    assert_eq!(first["scope"], "PROGRAM");
    assert!(is_at(&first["lastFiredAt"], morning()));
    assert!(!first["summary"].as_str().unwrap().is_empty());
    assert_eq!(
        first["definition"]["trigger"],
        json!({ "event": { "enrollmentStarted": {} } })
    );

    // The example of the contract, nearly word for word.
    let compare = |fact: Value, operator: &str, value: Value| json!({ "compare": { "fact": fact, "operator": operator, "value": value } });
    let score = json!({ "score": { "form": "weekly-measure", "scale": "total", "pick": "LATEST" } });
    let condition = json!({ "any": [
        compare(json!({ "answer": { "form": "weekly-measure", "item": "q9" } }), "GTE", json!(2)),
        { "all": [compare(score, "GTE", json!(20)),
            { "not": compare(json!({ "openFlag": { "kind": "risk" } }), "EQ", json!(true)) }] },
    ] });
    let input = json!({
        "programSlug": care::PROGRAM, "key": "risk-item", "name": "Thoughts of self-harm", "enabled": true,
        "trigger": { "event": { "formCompleted": { "form": "weekly-measure" } } }, "condition": condition,
        "actions": [{ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "Thoughts of self-harm", "audience": "STAFF" } }],
        "limits": { "cooldown": "P1D", "maxFirings": null, "quietHours": "BYPASS", "catchUp": "ALL", "grace": "P7D" },
    });
    let saved = app.client.input(&designer, "SaveRule", input).await;
    let rule = &done(&saved)["rule"];
    assert_eq!((&rule["version"], &rule["enabled"]), (&json!(2), &json!(true)));
    let now = find(&rules().await, "risk-item").unwrap();
    // Numbers come back as numbers, if not digit by digit.
    let means = |condition: &Value| serde_json::from_value::<Condition>(condition.clone()).unwrap();
    assert_eq!(now["version"], 2);
    assert_eq!(means(&now["definition"]["condition"]), means(&condition));

    // The contract's schedule and state, word for word.
    let send = json!([{ "dispatchForm": { "form": "worry-measure", "expiresAfter": "P1D" } }]);
    let schedule = json!({ "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;INTERVAL=14",
        "slots": [{ "key": "morning", "offset": "P0D", "at": "09:30" }], "until": "P12W" } });
    let state = json!({ "whenever": { "heldFor": "PT0S" } });
    let silent = compare(json!({ "daysSince": { "event": "SIGN_IN" } }), "GTE", json!(7));
    for (key, trigger, condition) in [("schedule", schedule, Value::Null), ("state", state, silent)] {
        let input = json!({ "programSlug": care::PROGRAM, "key": key, "name": key, "enabled": true, "trigger": trigger,
            "condition": condition, "actions": send });
        assert_eq!(
            done(&app.client.input(&designer, "SaveRule", input).await)["rule"]["version"],
            1
        );
    }
    assert_eq!(rules().await.len(), before.len() + 2);
}

async fn unit_activity(kind: Kind) {
    let Some((app, enrollment)) = started(kind).await else {
        return;
    };
    let therapist = app.therapist();
    let unit = app.unit_id().await;
    let mut socket = app
        .subscribe(&therapist, "UnitActivity", json!({ "unitId": unit }))
        .await;
    let raise = async |kind: &str| {
        let input = json!({ "enrollmentId": enrollment, "kind": kind, "severity": "WARNING", "title": kind, "audience": "STAFF" });
        done(&app.client.input(&therapist, "RaiseFlag", input).await)["flag"]["id"].clone()
    };
    let first = raise("one").await;
    let item = socket.item().await["unitActivity"].clone();
    assert_eq!(
        (&item["__typename"], &item["flag"]["id"]),
        (&json!("FlagRaised"), &first)
    );
    assert!(item["at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap() - morning() < TimeDelta::seconds(1));
    drop(socket);

    // Whoever comes back resumes after the last thing they saw.
    let (second, third) = (raise("two").await, raise("three").await);
    let mut socket = app.client.socket(&therapist).await;
    socket
        .subscribe(
            "2",
            document("UnitActivity"),
            &json!({ "unitId": unit, "after": item["cursor"] }),
        )
        .await;
    for expected in [second, third] {
        assert_eq!(socket.item().await["unitActivity"]["flag"]["id"], expected);
    }
}

both_databases!(
    who_am_i,
    program_tree,
    catalogue,
    citizen_home,
    taking_part,
    filling_in,
    the_worklist_and_flags,
    starting_sending_and_reminding,
    sending_again_and_again,
    rules_are_read_and_saved,
    unit_activity,
);
