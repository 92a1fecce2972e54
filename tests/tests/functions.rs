//! The functions that a version of a program offers: what is off is not there, and no rule needs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use entity::{action, error::Error, program_file::ProgramFile, viewer::Viewer};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
    world::World,
};

const SAVE: &str =
    "mutation($input: SaveRuleInput!) { saveRule(input: $input) { rule { id } errors { code message path } } }";
const FEATURES: &str = "query($id: ID!) { enrollment(id: $id) {
    features { messages activityPlan forms flags reminders planningView }
    dispatches(first: 5) { nodes { id } } flags(first: 5) { nodes { id } } reminders(first: 5) { nodes { id } }
    messages(first: 5) { nodes { id } } activityPlan { id } formSchedules { form { key } } results { id } } }";
const OUTCOMES: &str = "query($slug: String!) { program(slug: $slug) { rules { key firings(first: 10) { nodes {
    outcome enrollment { id } } } } } }";

/// A Monday, ten in Stockholm.
fn monday() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A program file whose features are these, without forms where those are off.
fn program(version: &str, features: Value) -> Value {
    let mut program = care::program();
    program["version"] = version.into();
    if features["forms"] == false {
        program["forms"] = json!([]);
        let steps = &mut program["modules"][0]["sections"][0]["steps"];
        steps[1]["blocks"] = json!([{ "text": { "sv": "<p>Skriv</p>" } }]);
    }
    program["features"] = features;
    program
}

fn forms() -> [rules::form::Form; 3] {
    [
        care::measure("weekly-measure", 9),
        care::measure("worry-measure", 7),
        care::diary(),
    ]
}

async fn import(app: &World, program: Value) {
    care::import(&app.store, program, &forms()).await;
}

/// What the import of a program is refused for: codes, paths and messages.
async fn refusal(world: &World, program: Value) -> Vec<(String, String, String)> {
    let file: ProgramFile = serde_json::from_value(program).unwrap();
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    match action::program::import(&mut act, &file, &forms()).await {
        Err(Error::Refused(errors)) => errors
            .into_iter()
            .map(|error| (error.code.into_owned(), error.path.join("."), error.message))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn everything_off() -> Value {
    json!({ "messages": false, "activityPlan": false, "forms": false, "flags": false, "reminders": false })
}

/// A server with one citizen in a program whose every function is off.
async fn bare(kind: Kind) -> (TestApp, String) {
    let world = World::without_program(kind, monday()).await;
    import(&world, program("1.0", everything_off())).await;
    let app = TestApp::over(world).await;
    app.enroll(1).await;
    app.work().await;
    let enrollment = app.enrollment_of(1).await;
    (app, enrollment)
}

async fn what_is_off_is_not_there(kind: Kind) {
    let (app, enrollment) = bare(kind).await;
    let therapist = app.therapist();
    for (mutation, path, input) in [
        (
            "raiseFlag",
            "enrollmentId",
            json!({ "kind": "risk", "severity": "INFO", "title": "Risk", "audience": "STAFF" }),
        ),
        ("remindCitizen", "enrollmentId", json!({ "template": "come-back" })),
        ("remindStaff", "enrollmentId", json!({ "note": "Ring" })),
        ("dispatchForm", "enrollmentId", json!({ "formKey": "weekly-measure" })),
        (
            "switchFormSchedule",
            "enrollmentId",
            json!({ "formKey": "weekly-measure", "on": false, "reason": "Paus" }),
        ),
        ("sendMessage", "enrollmentId", json!({ "body": "Hej" })),
        ("saveMessageDraft", "enrollmentId", json!({ "body": "Hej" })),
        ("handOverMessages", "enrollmentId", json!({})),
        (
            "planActivity",
            "",
            json!({ "title": "Promenad", "startsOn": "2027-03-02" }),
        ),
    ] {
        let mut input = input;
        input["enrollmentId"] = enrollment.as_str().into();
        let told = app.client.mutate(&therapist, mutation, input, "__typename").await;
        assert_eq!(refused(&told), one("NOT_OFFERED", path), "{mutation}");
    }
    app.work().await;
    for token in [therapist, app.citizen(1)] {
        let data = app
            .client
            .query(&token, FEATURES, json!({ "id": enrollment }))
            .await
            .data();
        let seen = &data["enrollment"];
        let offered = json!({ "messages": false, "activityPlan": false, "forms": false, "flags": false,
            "reminders": false, "planningView": true });
        assert_eq!(seen["features"], offered);
        for list in ["dispatches", "flags", "reminders", "messages"] {
            assert_eq!(seen[list]["nodes"], json!([]), "{list}");
        }
        for list in ["activityPlan", "formSchedules", "results"] {
            assert_eq!(seen[list], json!([]), "{list}");
        }
    }
    // The rest is: the citizen works through the program.
    let home = "query($id: ID!) { enrollment(id: $id) { nextStep { id } } }";
    let data = app
        .client
        .query(&app.citizen(1), home, json!({ "id": enrollment }))
        .await
        .data();
    let input = json!({ "enrollmentId": enrollment, "stepId": data["enrollment"]["nextStep"]["id"] });
    done(
        &app.client
            .mutate(&app.citizen(1), "completeStep", input, "__typename")
            .await,
    );
    app.stop().await;
}

async fn no_rule_needs_what_is_off(kind: Kind) {
    let (app, enrollment) = bare(kind).await;
    let therapist = app.therapist();
    let unit = app.unit_id().await;
    let rule = |key: &str, trigger: Value, condition: Value, action: Value| {
        json!({ "programSlug": care::PROGRAM, "unitId": unit, "key": key, "name": key, "trigger": trigger,
            "condition": condition, "actions": [action] })
    };
    let signed_in = || json!({ "event": { "signedIn": {} } });
    let open = || json!({ "openModule": { "module": "activity" } });
    let compare = |fact: Value, value: Value| json!({ "compare": { "fact": fact, "operator": "EQ", "value": value } });
    let count = || json!(1);
    let fact = |fact: Value| rule("fact", signed_in(), compare(fact, count()), open());
    let trigger = |trigger: Value| rule("trigger", json!({ "event": trigger }), Value::Null, open());
    let action = |action: Value| rule("action", signed_in(), Value::Null, action);
    let anchor = |anchor: Value| {
        let schedule = json!({ "schedule": { "anchor": anchor, "slots": [{ "key": "a", "offset": "P1D" }] } });
        rule("anchor", schedule, Value::Null, open())
    };
    let rung = json!({ "key": "a", "after": "PT1H", "to": "THERAPISTS", "template": "staff-attention" });
    let mut wanted = vec![
        (
            trigger(json!({ "messageReceived": {} })),
            vec!["trigger.event.messageReceived"],
        ),
        (
            trigger(json!({ "activityRegistered": {} })),
            vec!["trigger.event.activityRegistered"],
        ),
        (
            trigger(json!({ "formCompleted": { "form": "weekly-measure" } })),
            vec!["trigger.event.formCompleted.form"],
        ),
        (
            trigger(json!({ "flagRaised": { "kind": "risk" } })),
            vec!["trigger.event.flagRaised"],
        ),
        (
            trigger(json!({ "flagUnhandled": { "kind": "risk", "after": "P1D" } })),
            vec!["trigger.event.flagUnhandled"],
        ),
        (
            anchor(json!({ "formSent": { "form": "weekly-measure" } })),
            vec!["trigger.schedule.anchor.formSent.form"],
        ),
        (
            anchor(json!({ "formCompleted": { "form": "x" } })),
            vec!["trigger.schedule.anchor.formCompleted.form"],
        ),
        (
            anchor(json!({ "flagRaised": { "kind": "risk" } })),
            vec!["trigger.schedule.anchor.flagRaised"],
        ),
        (
            fact(json!({ "missedActivities": { "days": 7 } })),
            vec!["condition.compare.fact.missedActivities"],
        ),
        (
            fact(json!({ "overdueDispatches": {} })),
            vec!["condition.compare.fact.overdueDispatches"],
        ),
        (
            fact(json!({ "missedDispatches": {} })),
            vec!["condition.compare.fact.missedDispatches"],
        ),
        (
            fact(json!({ "daysSince": { "event": "MESSAGE" } })),
            vec!["condition.compare.fact.daysSince.event"],
        ),
        (
            fact(json!({ "daysSince": { "event": "FORM_COMPLETED" } })),
            vec!["condition.compare.fact.daysSince.event"],
        ),
        (
            fact(json!({ "score": { "form": "x", "scale": "total" } })),
            vec!["condition.compare.fact.score.form"],
        ),
        (
            fact(json!({ "answer": { "form": "x", "item": "q1" } })),
            vec!["condition.compare.fact.answer.form"],
        ),
        (
            action(json!({ "dispatchForm": { "form": "weekly-measure", "remindAfter": ["P1D"] } })),
            vec!["actions.0.dispatchForm.form", "actions.0.dispatchForm.remindAfter"],
        ),
        (
            action(
                json!({ "raiseFlag": { "kind": "risk", "severity": "INFO", "title": "Risk", "audience": "STAFF" } }),
            ),
            vec!["actions.0.raiseFlag"],
        ),
        (
            action(json!({ "remind": { "template": "come-back", "audience": "CITIZEN" } })),
            vec!["actions.0.remind"],
        ),
        (
            action(json!({ "sendMessage": { "body": "Hej" } })),
            vec!["actions.0.sendMessage"],
        ),
        (
            action(json!({ "escalate": { "kind": "risk", "rungs": [rung] } })),
            vec!["actions.0.escalate", "actions.0.escalate"],
        ),
    ];
    wanted.push((
        rule(
            "flag",
            signed_in(),
            compare(json!({ "openFlag": { "kind": "risk" } }), json!(true)),
            open(),
        ),
        vec!["condition.compare.fact.openFlag"],
    ));
    let simulate = "query($rule: SaveRuleInput!, $unitId: ID!, $from: DateTime!, $to: DateTime!) {
        simulateRule(rule: $rule, unitId: $unitId, from: $from, to: $to) { firingCount } }";
    for (input, paths) in wanted {
        let told = app
            .client
            .query(&therapist, SAVE, json!({ "input": input }))
            .await
            .data();
        let expected: Vec<_> = paths
            .iter()
            .map(|path| ("NOT_OFFERED".to_owned(), (*path).to_owned()))
            .collect();
        assert_eq!(refused(&told), expected, "{input}");
        // Of one enrollment, and when it is only tried out.
        let mut own = input.clone();
        own["unitId"] = Value::Null;
        own["enrollmentId"] = enrollment.as_str().into();
        let told = app.client.query(&therapist, SAVE, json!({ "input": own })).await.data();
        assert_eq!(refused(&told), expected, "{own}");
        let (from, to) = (monday() - TimeDelta::days(1), monday());
        let variables = json!({ "rule": input, "unitId": unit, "from": from, "to": to });
        let told = app.client.query(&therapist, simulate, variables).await.body;
        let within: Vec<_> = expected
            .into_iter()
            .map(|(code, path)| (code, format!("rule.{path}")))
            .collect();
        let errors = told["errors"][0]["extensions"]["errors"].as_array().unwrap();
        let errors = errors.iter().map(|error| {
            let path: Vec<String> = error["path"].as_array().unwrap().iter().map(text).collect();
            (text(&error["code"]), path.join("."))
        });
        assert_eq!(errors.collect::<Vec<_>>(), within);
    }
    // What needs none of it is saved.
    let told = app
        .client
        .query(&therapist, SAVE, json!({ "input": action(open()) }))
        .await
        .data();
    done(&told);
    app.stop().await;
}

async fn a_version_keeps_the_rules_that_are_on(kind: Kind) {
    let world = World::new(kind, monday()).await;
    let told = refusal(
        &world,
        program("2.0", json!({ "flags": false, "messages": false, "reminders": false })),
    )
    .await;
    let places: Vec<(&str, &str)> = told
        .iter()
        .map(|(code, path, _)| (code.as_str(), path.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            ("RULE_NEEDS_FUNCTION", "features.reminders"),
            ("RULE_NEEDS_FUNCTION", "features.flags"),
            ("RULE_NEEDS_FUNCTION", "features.flags"),
            ("RULE_NEEDS_FUNCTION", "features.reminders"),
            ("RULE_NEEDS_FUNCTION", "features.flags"),
            ("RULE_NEEDS_FUNCTION", "features.reminders"),
        ]
    );
    let named: Vec<&str> = [
        "first-measure",
        "high-score",
        "inactive",
        "inactive",
        "risk-item",
        "weekly-measure",
    ]
    .into();
    for ((.., message), key) in told.iter().zip(named) {
        assert!(message.contains(&format!("“{key}”")), "{message}");
    }
    // Nobody needs messages.
    import(&world, program("2.0", json!({ "messages": false }))).await;
    // Switched off, rules are in nobody's way.
    let off =
        json!({ "trigger": { "event": { "signedIn": {} } }, "actions": [{ "openModule": { "module": "activity" } }] });
    for key in ["first-measure", "high-score", "inactive", "risk-item", "weekly-measure"] {
        care::switch_off(&world.store, key, off.clone()).await;
    }
    // Nor are those of one unit: what they ask for does not come where it is off.
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let of_unit = action::rule::SaveRule {
        program_slug: care::PROGRAM.to_owned(),
        unit_id: Some(world.care.unit),
        enrollment_id: None,
        key: "of-unit".to_owned(),
        name: "Of the unit".to_owned(),
        enabled: true,
        dry_run: false,
        definition: json!({ "trigger": { "event": { "signedIn": {} } },
            "actions": [{ "remind": { "template": "come-back", "audience": "CITIZEN" } }] }),
    };
    action::rule::save(&mut act, of_unit).await.unwrap();
    act.commit().await.unwrap();
    import(&world, program("3.0", everything_off())).await;
    // A form, or a block with one, has no place in a version without forms.
    let mut odd = care::program();
    odd["version"] = "4.0".into();
    odd["features"] = json!({ "forms": false });
    let told = refusal(&world, odd).await;
    let places: Vec<(&str, &str)> = told
        .iter()
        .map(|(code, path, _)| (code.as_str(), path.as_str()))
        .collect();
    assert_eq!(places, [("NOT_OFFERED", "forms")]);
}

async fn an_enrollment_in_a_version_without_a_function_gets_nothing_of_it(kind: Kind) {
    let world = World::without_program(kind, monday()).await;
    import(&world, program("1.0", everything_off())).await;
    world.enroll(1).await;
    import(&world, program("1.1", json!({ "reminders": false }))).await;
    world.enroll(2).await;
    import(&world, program("2.0", json!({}))).await;
    world.enroll(3).await;
    let each = [
        (
            "form",
            json!({ "dispatchForm": { "form": "weekly-measure", "remindAfter": ["P1D"] } }),
        ),
        (
            "flag",
            json!({ "raiseFlag": { "kind": "risk", "severity": "INFO", "title": "Risk", "audience": "STAFF" } }),
        ),
        (
            "reminder",
            json!({ "remind": { "template": "come-back", "audience": "CITIZEN" } }),
        ),
        ("message", json!({ "sendMessage": { "body": "Hej" } })),
    ];
    for (key, action) in each {
        let slots = json!([{ "key": "a", "offset": "P1D", "at": "12:00" }]);
        let schedule = json!({ "schedule": { "anchor": { "enrollmentStart": {} }, "slots": slots } });
        care::save_rule(&world.store, key, json!({ "trigger": schedule, "actions": [action] })).await;
    }
    let app = TestApp::over(world).await;
    app.work().await;
    // Each is told what it is in, whatever is published since.
    let taken = "query($id: ID!) { enrollment(id: $id) { unit { id }
        programVersion { number features { reminders } } program { publishedVersion { number features { reminders } } } } }";
    let version = |number: &str, reminders: bool| json!({ "number": number, "features": { "reminders": reminders } });
    for (n, number, reminders) in [(1, "1.0", false), (2, "1.1", false), (3, "2.0", true)] {
        let variables = json!({ "id": app.enrollment_of(n).await });
        let data = app.client.query(&app.citizen(n), taken, variables).await.data();
        let told = json!({ "unit": { "id": app.unit_id().await }, "programVersion": version(number, reminders),
            "program": { "publishedVersion": version("2.0", true) } });
        assert_eq!(data["enrollment"], told);
    }
    let timeline = "query($id: ID!, $from: DateTime!, $to: DateTime!) { enrollment(id: $id) {
        timeline(from: $from, to: $to) { certainty } } }";
    let predicted = async |n: u32| {
        let (from, to) = (monday(), monday() + TimeDelta::days(3));
        let variables = json!({ "id": app.enrollment_of(n).await, "from": from, "to": to });
        let data = app.client.query(&app.therapist(), timeline, variables).await.data();
        let entries = data["enrollment"]["timeline"].as_array().unwrap().clone();
        entries.iter().filter(|entry| entry["certainty"] == "PREDICTED").count()
    };
    assert_eq!((predicted(1).await, predicted(2).await, predicted(3).await), (0, 3, 4));

    app.advance(TimeDelta::days(3)).await;
    for (n, expected) in [(1, [0, 0, 0, 0]), (2, [1, 1, 0, 1]), (3, [1, 1, 2, 1])] {
        let variables = json!({ "id": app.enrollment_of(n).await });
        let data = app.client.query(&app.therapist(), FEATURES, variables).await.data();
        let count = |list: &str| data["enrollment"][list]["nodes"].as_array().unwrap().len();
        assert_eq!(
            ["dispatches", "flags", "reminders", "messages"].map(count),
            expected,
            "{n}"
        );
    }
    // The record says that it was not done.
    let data = app
        .client
        .query(&app.therapist(), OUTCOMES, json!({ "slug": care::PROGRAM }))
        .await
        .data();
    let first = json!(app.enrollment_of(1).await);
    for rule in data["program"]["rules"].as_array().unwrap() {
        let firings = rule["firings"]["nodes"].as_array().unwrap();
        let of_first = firings
            .iter()
            .find(|firing| firing["enrollment"]["id"] == first)
            .unwrap();
        assert_eq!(of_first["outcome"], "UNDONE", "{rule}");
    }
    // By hand a form is sent without reminders, or not at all.
    let input =
        json!({ "enrollmentId": app.enrollment_of(2).await, "formKey": "worry-measure", "remindAfter": ["P1D"] });
    let told = app
        .client
        .mutate(&app.therapist(), "dispatchForm", input, "__typename")
        .await;
    assert_eq!(refused(&told), one("NOT_OFFERED", "remindAfter"));
    app.stop().await;
}

async fn an_override_does_not_bring_back_what_is_off(kind: Kind) {
    let world = World::without_program(kind, monday()).await;
    care::import_content(&world.store).await;
    let remind = json!([{ "remind": { "template": "come-back", "audience": "CITIZEN" } }]);
    let away = json!({ "compare": { "fact": { "daysSince": { "event": "SIGN_IN" } }, "operator": "GTE", "value": 7 } });
    let rule = json!({ "trigger": { "whenever": {} }, "condition": away, "actions": remind });
    care::switch_off(&world.store, "away", rule).await;
    import(&world, program("2.0", json!({ "reminders": false }))).await;
    let app = TestApp::over(world).await;
    app.enroll(1).await;
    app.work().await;
    let rules = "query($slug: String!) { program(slug: $slug) { rules { id key } } }";
    let data = app
        .client
        .query(&app.therapist(), rules, json!({ "slug": care::PROGRAM }))
        .await
        .data();
    let id = &data["program"]["rules"][0]["id"];
    let places = [
        ("unitId", app.unit_id().await),
        ("enrollmentId", app.enrollment_of(1).await),
    ];
    for (place, where_to) in places {
        let mut input = json!({ "ruleId": id, "enabled": true, "reason": "Behövs här" });
        input[place] = where_to.into();
        let told = app
            .client
            .mutate(&app.therapist(), "overrideRule", input, "__typename")
            .await;
        let (code, path) = &refused(&told)[0];
        assert_eq!((code.as_str(), path.as_str()), ("NOT_OFFERED", "ruleId"), "{place}");
    }
    app.stop().await;
}

both_databases!(
    what_is_off_is_not_there,
    no_rule_needs_what_is_off,
    a_version_keeps_the_rules_that_are_on,
    an_enrollment_in_a_version_without_a_function_gets_nothing_of_it,
    an_override_does_not_bring_back_what_is_off,
);
