//! What rules watch besides forms, from outside: answers that were promised, and what citizens measure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use entity::{action, firing, flag, message, viewer::Viewer};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, refused, text},
    database::Kind,
    world::World,
};

/// A Monday, ten in Stockholm.
fn monday() -> DateTime<Utc> {
    at("2027-03-01T09:00:00Z")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A server of a program without rules, changed.
async fn started(kind: Kind, change: impl FnOnce(&mut Value)) -> TestApp {
    let world = World::without_program(kind, monday()).await;
    care::import_content(&world.store).await;
    care::import_changed(&world.store, change).await;
    TestApp::over(world).await
}

fn flagged(kind: &str) -> Value {
    json!([{ "raiseFlag": { "kind": kind, "severity": "WARNING", "title": "Look", "audience": "STAFF" } }])
}

fn rule(key: &str, trigger: Value, condition: Value) -> Value {
    json!({ "programSlug": care::PROGRAM, "key": key, "name": key, "trigger": trigger, "condition": condition,
        "actions": flagged(key) })
}

async fn save(app: &TestApp, rule: Value) -> Value {
    let fields = "rule { definition english: summary(locale: \"en\") swedish: summary(locale: \"sv\") }";
    app.client
        .mutate(&app.staff("designer"), "saveRule", rule, fields)
        .await
}

/// What was fired so far: the rule, the occurrence, and the instant.
async fn firings(app: &TestApp) -> Vec<(String, String, DateTime<Utc>)> {
    let rows = firing::Entity::find().order_by_asc(firing::Column::At);
    let rows = rows.all(app.store.connection()).await.unwrap();
    rows.into_iter()
        .map(|row| (row.rule_key, row.occurrence, row.at))
        .collect()
}

async fn flags(app: &TestApp) -> Vec<String> {
    let rows = flag::Entity::find().order_by_asc(flag::Column::RaisedAt);
    let rows = rows.all(app.store.connection()).await.unwrap();
    rows.into_iter().map(|row| row.kind).collect()
}

/// How many times a rule would have fired in March.
async fn simulated(app: &TestApp, rule: Value) -> Value {
    let query = "query($rule: SaveRuleInput!, $unitId: ID!, $from: DateTime!, $to: DateTime!) {
        simulateRule(rule: $rule, unitId: $unitId, from: $from, to: $to) { firingCount enrollmentsMatched } }";
    let variables =
        json!({ "rule": rule, "unitId": app.unit_id().await, "from": monday(), "to": at("2027-04-01T00:00:00Z") });
    app.client.query(&app.therapist(), query, variables).await.data()["simulateRule"].clone()
}

async fn say(app: &TestApp, token: &str, enrollment: &str) -> Value {
    let input = json!({ "enrollmentId": enrollment, "body": "Hej" });
    let said = app.client.mutate(token, "sendMessage", input, "message { id }").await;
    done(&said).clone()
}

/// Opens the unit on weekdays but for some, and has it promise an answer.
async fn promise(app: &TestApp, days: i32, closed: &[&str]) {
    let hours: Vec<Value> = ["MO", "TU", "WE", "TH", "FR"]
        .iter()
        .map(|day| json!({ "day": day, "from": "08:00", "until": "17:00" }))
        .collect();
    let hours: Vec<entity::office_hours::OpenHours> = serde_json::from_value(json!(hours)).unwrap();
    let closed: Vec<_> = closed.iter().map(|day| day.parse().unwrap()).collect();
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    action::office_hours::set(&mut act, app.care.unit, &hours, &closed)
        .await
        .unwrap();
    action::message::set_promise(&mut act, app.care.unit, Some(days))
        .await
        .unwrap();
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
}

async fn a_promise_that_is_broken_sets_off_a_rule(kind: Kind) {
    let app = started(kind, |_| {}).await;
    // The first takes part in a version that leaves the promise to the unit, the second in one that promises itself.
    app.enroll(1).await;
    care::import(
        &app.store,
        {
            let mut program = care::program();
            (program["version"], program["answerWithin"]) = ("3.0".into(), 1.into());
            program
        },
        &[
            care::measure("weekly-measure", 9),
            care::measure("worry-measure", 7),
            care::diary(),
        ],
    )
    .await;
    app.enroll(2).await;
    promise(&app, 2, &["2027-03-02"]).await;
    let unanswered = rule(
        "unanswered",
        json!({ "event": { "messageUnanswered": {} } }),
        Value::Null,
    );
    let saved = save(&app, unanswered.clone()).await;
    assert_eq!(
        done(&saved)["rule"]["swedish"],
        "När ett meddelande från invånaren inte har besvarats som utlovat: höj en varningsflagga av typen unanswered till personalen (”Look”)."
    );
    app.work().await;
    let (first, second) = (app.enrollment_of(1).await, app.enrollment_of(2).await);
    for (n, enrollment) in [(1, &first), (2, &second), (2, &second)] {
        say(&app, &app.citizen(n), enrollment).await;
        app.advance(TimeDelta::minutes(1)).await;
    }
    // Whatever is promised from now on, this was promised: by Thursday, and by Wednesday; Tuesday is closed.
    promise(&app, 20, &["2027-03-02", "2027-03-03", "2027-03-04"]).await;
    let (thursday, wednesday) = (at("2027-03-04T16:00:00Z"), at("2027-03-03T16:00:00Z"));
    let outlook = "query($unitId: ID!) { unit(id: $unitId) { outlook(days: 7) { items(first: 10) { nodes { at rule { key } enrollment { id } } } } } }";
    let variables = json!({ "unitId": app.unit_id().await });
    let told = app.client.query(&app.therapist(), outlook, variables).await.data();
    let told: Vec<(DateTime<Utc>, String)> = told["unit"]["outlook"]["items"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (at(item["at"].as_str().unwrap()), text(&item["enrollment"]["id"])))
        .collect();
    assert_eq!(told, [(wednesday, second.clone()), (thursday, first.clone())]);

    app.run_until(wednesday - TimeDelta::minutes(1)).await;
    assert_eq!(firings(&app).await, []);
    app.run_until(wednesday + TimeDelta::minutes(1)).await;
    let rows = message::Entity::find().order_by_asc(message::Column::SentAt);
    let rows = rows.all(app.store.connection()).await.unwrap();
    let broken = ("unanswered".to_owned(), format!("unanswered/{}", rows[1].id), wednesday);
    assert_eq!(
        firings(&app).await,
        std::slice::from_ref(&broken),
        "the second of the two that wait is not told of again"
    );
    // The other is answered in time, and the one too late.
    say(&app, &app.therapist(), &first).await;
    app.run_until(at("2027-03-10T12:00:00Z")).await;
    assert_eq!(firings(&app).await, [broken]);
    assert_eq!(flags(&app).await, ["unanswered"]);
    let found = simulated(&app, unanswered).await;
    assert_eq!(found, json!({ "firingCount": 1, "enrollmentsMatched": 1 }));
    app.stop().await;
}

async fn settled_messages_and_programs_without_messages_break_no_promise(kind: Kind) {
    let app = started(kind, |_| {}).await;
    app.enroll(1).await;
    promise(&app, 0, &[]).await;
    let unanswered = rule(
        "unanswered",
        json!({ "event": { "messageUnanswered": {} } }),
        Value::Null,
    );
    done(&save(&app, unanswered.clone()).await);
    app.work().await;
    let enrollment = app.enrollment_of(1).await;
    say(&app, &app.citizen(1), &enrollment).await;
    app.advance(TimeDelta::hours(1)).await;
    let settle = json!({ "enrollmentId": enrollment });
    let settled = app
        .client
        .mutate(&app.therapist(), "settleMessages", settle, "enrollment { id }")
        .await;
    done(&settled);
    app.advance(TimeDelta::days(3)).await;
    assert_eq!(firings(&app).await, []);
    // A rule that can never come is refused.
    let mut program = care::program();
    (program["version"], program["features"]) = ("3.0".into(), json!({ "messages": false }));
    let off = json!({ "programSlug": care::PROGRAM, "key": "unanswered", "name": "unanswered", "enabled": false,
        "trigger": unanswered["trigger"], "actions": unanswered["actions"] });
    done(&save(&app, off).await);
    let forms = [
        care::measure("weekly-measure", 9),
        care::measure("worry-measure", 7),
        care::diary(),
    ];
    care::import(&app.store, program, &forms).await;
    let saved = save(&app, rule("again", unanswered["trigger"].clone(), Value::Null)).await;
    assert_eq!(
        refused(&saved),
        [("NOT_OFFERED".to_owned(), "trigger.event.messageUnanswered".to_owned())]
    );
    app.stop().await;
}

fn measuring(program: &mut Value) {
    let text = |sv: &str, en: &str| json!({ "sv": sv, "en": en });
    program["measurements"] = json!([
        { "key": "weight", "title": text("Vikt", "Weight"), "unit": { "code": "kg", "label": text("kilo", "kilos") },
            "min": 20, "max": 300, "decimals": 1 },
    ]);
}

fn weight(pick: &str, operator: &str, value: f64) -> Value {
    let fact = json!({ "measurement": { "kind": "weight", "pick": pick } });
    json!({ "compare": { "fact": fact, "operator": operator, "value": value } })
}

async fn what_is_measured_sets_off_rules(kind: Kind) {
    let app = started(kind, measuring).await;
    app.enroll(1).await;
    let on = |kind: &str| json!({ "event": { "measurementRegistered": { "kind": kind } } });
    for (trigger, condition, expected) in [
        (
            on("steps"),
            Value::Null,
            ("UNKNOWN_MEASUREMENT", "trigger.event.measurementRegistered.kind"),
        ),
        (
            on("weight"),
            weight("LATEST", "GT", 400.0),
            ("OUT_OF_REACH", "condition.compare.value"),
        ),
        (
            on("weight"),
            weight("RELIABLE_CHANGE", "GT", 2.0),
            ("UNKNOWN_RELIABILITY", "condition.compare.fact.measurement.pick"),
        ),
    ] {
        let (code, path) = expected;
        let saved = save(&app, rule("heavier", trigger, condition)).await;
        assert_eq!(refused(&saved), [(code.to_owned(), path.to_owned())]);
    }
    // A unit that somebody gives, as what was read back has it, makes no other fact of it.
    let mut with_unit = weight("LATEST", "GT", 90.0);
    with_unit["compare"]["fact"]["measurement"]["unit"] = json!({ "en": "kilos", "sv": "kilo" });
    let never = json!({ "all": [with_unit, weight("LATEST", "LT", 80.0)] });
    let saved = save(&app, rule("heavier", on("weight"), never)).await;
    assert_eq!(
        refused(&saved),
        [("NEVER_TRUE".to_owned(), "condition.all.1.compare".to_owned())]
    );
    let heavier = rule("heavier", on("weight"), weight("CHANGE_FROM_FIRST", "GTE", 3.0));
    let saved = save(&app, heavier.clone()).await;
    let told = &done(&saved)["rule"];
    assert_eq!(
        told["english"],
        "When the citizen registers a measurement of weight, if the change of weight since the first time is at least 3 kilos: raise a warning flag of the kind heavier to staff (“Look”)."
    );
    assert!(
        told["swedish"]
            .as_str()
            .unwrap()
            .contains("sedan första gången är minst 3 kilo:")
    );
    let fact = &told["definition"]["condition"]["compare"]["fact"]["measurement"];
    assert_eq!(
        fact["unit"],
        json!({ "en": "kilos", "sv": "kilo" }),
        "noted as the program has it"
    );
    let fact = json!({ "daysSince": { "event": "MEASUREMENT", "kind": "weight" } });
    let condition = json!({ "compare": { "fact": fact, "operator": "GTE", "value": 5 } });
    done(&save(&app, rule("silent", json!({ "whenever": {} }), condition)).await);
    let mean = rule("mean", json!({ "whenever": {} }), weight("MEAN", "GTE", 90.0));
    done(&save(&app, mean).await);
    app.work().await;

    let enrollment = app.enrollment_of(1).await;
    let citizen = app.citizen(1);
    let register = async |value: f64, measured: Option<&str>| -> String {
        let input = json!({ "enrollmentId": enrollment, "kind": "weight", "value": value, "at": measured });
        let done_ = app
            .client
            .mutate(&citizen, "registerMeasurement", input, "measurement { id }")
            .await;
        app.work().await;
        text(&done(&done_)["measurement"]["id"])
    };
    let first = register(80.0, None).await;
    app.advance(TimeDelta::hours(1)).await;
    register(82.0, None).await;
    app.advance(TimeDelta::hours(1)).await;
    // What was measured before and is registered late is judged as itself.
    let late = app.clock.now();
    register(85.0, Some("2027-03-01T09:30:00Z")).await;
    let fired = |firings: &[(String, String, DateTime<Utc>)]| -> Vec<(String, DateTime<Utc>)> {
        firings.iter().map(|(rule, _, at)| (rule.clone(), *at)).collect()
    };
    assert_eq!(fired(&firings(&app).await), [("heavier".to_owned(), late)]);

    // A correction counts from when it is made, and sets off no event.
    app.advance(TimeDelta::hours(1)).await;
    let corrected = app.clock.now();
    let input = json!({ "measurementId": first, "value": 70 });
    done(
        &app.client
            .mutate(&citizen, "correctMeasurement", input, "measurement { id }")
            .await,
    );
    app.work().await;
    assert_eq!(firings(&app).await.len(), 1);
    let explained = async |when: DateTime<Utc>| -> String {
        let query = "query($id: ID!, $at: DateTime) { enrollment(id: $id) { ruleEvaluations(at: $at) { rule { key } trace { text } } } }";
        let variables = json!({ "id": enrollment, "at": when });
        let data = app.client.query(&app.therapist(), query, variables).await.data();
        let all = data["enrollment"]["ruleEvaluations"].as_array().unwrap().clone();
        let mean = all.iter().find(|one| one["rule"]["key"] == "mean").unwrap();
        text(&mean["trace"][0]["text"])
    };
    assert_eq!(
        explained(corrected - TimeDelta::minutes(1)).await,
        "Medelvärdet av alla mätningar av weight är 82,33 kilo, inte minst 90 kilo"
    );
    assert_eq!(
        explained(corrected).await,
        "Medelvärdet av alla mätningar av weight är 79 kilo, inte minst 90 kilo"
    );

    // Then nothing is measured any more.
    let told = "query($unitId: ID!) { unit(id: $unitId) { outlook(days: 9) { items(first: 10) { nodes { at rule { key } } } } } }";
    let variables = json!({ "unitId": app.unit_id().await });
    let outlook = app.client.query(&app.therapist(), told, variables).await.data();
    let saturday = at("2027-03-05T23:00:00Z");
    let items = outlook["unit"]["outlook"]["items"]["nodes"].as_array().unwrap().clone();
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!(
        (items[0]["rule"]["key"].as_str(), at(items[0]["at"].as_str().unwrap())),
        (Some("silent"), saturday)
    );
    app.advance(TimeDelta::days(9)).await;
    assert_eq!(
        fired(&firings(&app).await),
        [("heavier".to_owned(), late), ("silent".to_owned(), saturday)]
    );
    assert_eq!(flags(&app).await, ["heavier", "silent"]);
    let found = simulated(&app, heavier).await;
    assert_eq!(found, json!({ "firingCount": 1, "enrollmentsMatched": 1 }));
    app.stop().await;
}

both_databases!(
    a_promise_that_is_broken_sets_off_a_rule,
    settled_messages_and_programs_without_messages_break_no_promise,
    what_is_measured_sets_off_rules,
);
