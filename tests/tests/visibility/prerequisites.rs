//! Modules that open once others are completed.

use api::graphql::{Kind as Of, id};
use chrono::TimeDelta;
use entity::{action, error::Error, program_file::ProgramFile, viewer::Viewer};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
    world::World,
};

use super::{at, change, complete, content, keys, module, monday, step};

/// The program of the tests, whose modules open in turn, and the last not before a week has passed.
fn in_turn() -> Value {
    let mut program = care::program();
    program["modules"][1]["opens"] = "START".into();
    program["modules"][1]["prerequisites"] = json!(["welcome"]);
    program["modules"][2]["prerequisites"] = json!(["activity"]);
    program
}

/// A server with one citizen in that program; the enrollment.
async fn started(kind: Kind) -> (TestApp, String) {
    let world = World::without_program(kind, monday()).await;
    let forms = [
        care::measure("weekly-measure", 9),
        care::measure("worry-measure", 7),
        care::diary(),
    ];
    care::import(&world.store, in_turn(), &forms).await;
    let app = TestApp::over(world).await;
    let row = app.enroll(1).await;
    app.work().await;
    (app, id(Of::Enrollment, row).to_string())
}

/// Whether a module is open for the citizen, why not, and what must be completed before.
async fn availability(app: &TestApp, enrollment: &str, key: &str) -> Value {
    let seen = content(app, &app.citizen(1), enrollment).await;
    module(&seen, key)["availability"].clone()
}

fn closed(reason: &str, prerequisites: &[&str]) -> Value {
    let keys: Vec<Value> = prerequisites.iter().map(|key| json!({ "key": key })).collect();
    json!({ "open": false, "opensAt": null, "reason": reason, "prerequisites": keys })
}

async fn a_module_opens_when_the_one_before_is_completed(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    // A rule that counts from the opening, and one that looks at the progress of what is still closed.
    app.run_until(at("2027-03-01T09:05:00Z")).await;
    let opened = json!({ "schedule": { "anchor": { "moduleOpened": { "module": "activity" } },
        "slots": [{ "key": "a", "offset": "PT2H" }] } });
    let flag =
        |kind: &str| json!([{ "raiseFlag": { "kind": kind, "severity": "INFO", "title": kind, "audience": "STAFF" } }]);
    care::save_rule(
        &app.store,
        "opened",
        json!({ "trigger": opened, "actions": flag("opened") }),
    )
    .await;
    let progress =
        json!({ "compare": { "fact": { "moduleProgress": { "module": "activity" } }, "operator": "EQ", "value": 0 } });
    let waits = json!({ "trigger": { "whenever": {} }, "condition": progress, "actions": flag("waits") });
    care::save_rule(&app.store, "waits", waits).await;
    app.run_until(at("2027-03-01T09:10:00Z")).await;
    let flags = async || {
        let query = "query($id: ID!) { enrollment(id: $id) { flags(first: 5) { nodes { kind raisedAt } } } }";
        let data = app
            .client
            .query(&app.therapist(), query, json!({ "id": enrollment }))
            .await
            .data();
        let nodes = data["enrollment"]["flags"]["nodes"].as_array().unwrap().clone();
        nodes
            .iter()
            .map(|flag| (text(&flag["kind"]), text(&flag["raisedAt"])[..16].to_owned()))
            .collect::<Vec<_>>()
    };

    let before = content(&app, &app.citizen(1), &enrollment).await;
    assert_eq!(keys(&before), ["welcome", "activity", "looking-back"]);
    assert_eq!(
        before["progress"]["totalSteps"], 4,
        "what is closed is shown, and counts"
    );
    assert_eq!(
        module(&before, "activity")["availability"],
        closed("PREREQUISITE", &["welcome"])
    );
    assert_eq!(
        module(&before, "looking-back")["availability"],
        closed("PREREQUISITE", &["activity"])
    );
    let section = &module(&before, "activity")["sections"][0];
    assert_eq!(
        section["availability"],
        json!({ "open": false, "reason": "PREREQUISITE" })
    );
    assert_eq!(section["steps"][0]["blocks"], json!([]));
    assert_eq!(
        refused(&complete(&app, 1, &enrollment, "plan").await),
        one("NOT_AVAILABLE", "stepId")
    );
    assert_eq!(
        flags().await[0].0,
        "waits",
        "what is closed has progress, and none is made"
    );

    done(&complete(&app, 1, &enrollment, "hello").await);
    assert_eq!(
        availability(&app, &enrollment, "activity").await["reason"],
        "PREREQUISITE"
    );
    app.clock.set(at("2027-03-02T18:00:00Z"));
    done(&complete(&app, 1, &enrollment, "write").await);
    // At once, before any worker has looked.
    let seen = content(&app, &app.citizen(1), &enrollment).await;
    let now_open = json!({ "open": true, "opensAt": "2027-03-02T18:00:00+00:00", "reason": null, "prerequisites": [] });
    assert_eq!(module(&seen, "activity")["availability"], now_open);
    assert_eq!(seen["nextStep"]["key"], "plan");
    assert_ne!(
        module(&seen, "activity")["sections"][0]["steps"][0]["blocks"],
        json!([])
    );
    app.run_until(at("2027-03-02T19:59:59Z")).await;
    assert_eq!(flags().await.len(), 1);
    app.run_until(at("2027-03-02T20:00:00Z")).await;
    assert_eq!(flags().await[0], ("opened".to_owned(), "2027-03-02T20:00".to_owned()));
    // The planning view tells when it opened.
    let timeline = "query($id: ID!, $from: DateTime!, $to: DateTime!) { enrollment(id: $id) {
        timeline(from: $from, to: $to) { at certainty title kind } } }";
    let variables = json!({ "id": enrollment, "from": monday(), "to": monday() + TimeDelta::days(20) });
    let data = app.client.query(&app.citizen(1), timeline, variables).await.data();
    let openings: Vec<String> = data["enrollment"]["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["kind"] == "MODULE_OPENS")
        .map(|entry| text(&entry["at"])[..16].to_owned())
        .collect();
    assert_eq!(openings, ["2027-03-01T09:00", "2027-03-02T18:00"]);

    // Completed in turn, the last waits for its own day alone.
    done(&complete(&app, 1, &enrollment, "plan").await);
    let last = availability(&app, &enrollment, "looking-back").await;
    assert_eq!(
        (&last["reason"], &last["opensAt"]),
        (&json!("NOT_YET"), &json!("2027-03-08T09:00:00+00:00"))
    );
    app.run_until(at("2027-03-08T09:00:00Z")).await;
    assert_eq!(availability(&app, &enrollment, "looking-back").await["open"], true);
    app.stop().await;
}

async fn staff_open_a_module_whatever_is_completed(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    let later = json!({ "moduleKey": "activity", "opensAt": "2027-03-03T09:00:00Z" });
    done(&change(&app, &enrollment, later).await);
    let seen = availability(&app, &enrollment, "activity").await;
    assert_eq!(
        (&seen["reason"], &seen["prerequisites"]),
        (&json!("NOT_YET"), &json!([]))
    );
    app.run_until(at("2027-03-03T09:00:00Z")).await;
    assert_eq!(availability(&app, &enrollment, "activity").await["open"], true);
    done(&complete(&app, 1, &enrollment, "plan").await);
    // So does a rule.
    let (app, enrollment) = started(kind).await;
    let rule = json!({ "trigger": { "event": { "stepCompleted": { "step": "hello" } } },
        "actions": [{ "openModule": { "module": "activity" } }] });
    care::save_rule(&app.store, "open", rule).await;
    app.run_until(at("2027-03-01T09:10:00Z")).await;
    done(&complete(&app, 1, &enrollment, "hello").await);
    app.work().await;
    assert_eq!(availability(&app, &enrollment, "activity").await["open"], true);
    app.stop().await;
}

async fn what_is_hidden_is_not_waited_for(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    app.run_until(at("2027-03-08T09:00:00Z")).await;
    done(&change(&app, &enrollment, json!({ "moduleKey": "activity", "visible": false })).await);
    // What the hidden one waits for takes its place.
    assert_eq!(
        availability(&app, &enrollment, "looking-back").await,
        closed("PREREQUISITE", &["welcome"])
    );
    done(&complete(&app, 1, &enrollment, "hello").await);
    done(&complete(&app, 1, &enrollment, "write").await);
    assert_eq!(availability(&app, &enrollment, "looking-back").await["open"], true);
    // Shown again, it is waited for again.
    done(&change(&app, &enrollment, json!({ "moduleKey": "activity", "visible": true })).await);
    assert_eq!(
        availability(&app, &enrollment, "looking-back").await,
        closed("PREREQUISITE", &["activity"])
    );
    let opened = json!({ "moduleKey": "looking-back", "opensAt": "2027-03-08T09:00:00Z" });
    done(&change(&app, &enrollment, opened).await);
    assert_eq!(availability(&app, &enrollment, "looking-back").await["open"], true);
    app.stop().await;
}

async fn everybody_reads_what_a_module_waits_for(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    let query =
        "query($slug: String!) { program(slug: $slug) { publishedVersion { modules { key prerequisites { key } } } } }";
    let data = app
        .client
        .query(&app.citizen(1), query, json!({ "slug": care::PROGRAM }))
        .await
        .data();
    assert_eq!(
        data["program"]["publishedVersion"]["modules"],
        json!([
            { "key": "welcome", "prerequisites": [] },
            { "key": "activity", "prerequisites": [{ "key": "welcome" }] },
            { "key": "looking-back", "prerequisites": [{ "key": "activity" }] },
        ])
    );
    // A step of a closed module has no form to be opened.
    let seen = content(&app, &app.citizen(1), &enrollment).await;
    let input = json!({ "enrollmentId": enrollment, "stepId": step(&seen, "plan"), "formKey": "diary" });
    let told = app
        .client
        .mutate(&app.citizen(1), "openForm", input, "__typename")
        .await;
    assert_eq!(refused(&told), one("NOT_AVAILABLE", "stepId"));
    app.stop().await;
}

async fn modules_that_could_never_open_are_refused(kind: Kind) {
    let world = World::without_program(kind, monday()).await;
    let refusal = async |change: &dyn Fn(&mut Value)| {
        let mut program = care::program();
        change(&mut program);
        let file: ProgramFile = serde_json::from_value(program).unwrap();
        let forms = [
            care::measure("weekly-measure", 9),
            care::measure("worry-measure", 7),
            care::diary(),
        ];
        let mut act = world.store.act(&Viewer::system()).await.unwrap();
        match action::program::import(&mut act, &file, &forms).await {
            Err(Error::Refused(errors)) => errors
                .into_iter()
                .map(|error| format!("{} {}", error.code, error.path.join(".")))
                .collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        refusal(&|program| program["modules"][0]["prerequisites"] = json!(["nothing", "welcome"])).await,
        [
            "NO_SUCH_MODULE modules.0.prerequisites.0",
            "CYCLE modules.0.prerequisites.1"
        ]
    );
    assert_eq!(
        refusal(&|program| {
            program["modules"][0]["prerequisites"] = json!(["looking-back"]);
            program["modules"][2]["prerequisites"] = json!(["welcome"]);
        })
        .await,
        ["CYCLE modules.0.prerequisites.0", "CYCLE modules.2.prerequisites.0"]
    );
    assert_eq!(
        refusal(&|program| program["modules"][1]["prerequisites"] = json!(["welcome"])).await,
        ["CONTRADICTION modules.1.prerequisites"]
    );
}

both_databases!(
    a_module_opens_when_the_one_before_is_completed,
    staff_open_a_module_whatever_is_completed,
    what_is_hidden_is_not_waited_for,
    everybody_reads_what_a_module_waits_for,
    modules_that_could_never_open_are_refused,
);
