//! Asking for simulations, outlooks and explanations, as frontends do.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use entity::{access_log, applies::SkipReason, delivery, delivery::DeliveryStatus, enrollment::DEFAULT_ZONE, reminder};
use rules::zone::local_day;
use sea_orm::{ConnectionTrait, EntityTrait, Statement};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{Answer, document, done, text, weekly_measure},
    contract,
    database::Kind,
};

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A server with so many citizens who have just been enrolled and sent the first measure; none where there is no contract.
async fn started(kind: Kind, people: u32) -> Option<TestApp> {
    contract::operations()?;
    let app = TestApp::start(kind, morning()).await;
    for n in 1..=people {
        app.enroll(n).await;
    }
    app.work().await;
    Some(app)
}

/// Answers the measure that waits for a citizen, every item alike.
async fn answer(app: &TestApp, n: u32, option: &str) {
    let waiting = text(&app.home(n).await["dispatches"]["nodes"][0]["id"]);
    let input = json!({ "dispatchId": waiting, "answers": weekly_measure([option; 9]) });
    done(&app.client.input(&app.citizen(n), "SubmitResponse", input).await);
    app.work().await;
}

fn total_at_least(value: u32) -> Value {
    json!({ "compare": { "fact": { "score": { "form": "weekly-measure", "scale": "total" } }, "operator": "GTE", "value": value } })
}

/// Tells the citizen and the staff of a high score.
fn severe() -> Value {
    json!({ "programSlug": care::PROGRAM, "key": "severe", "name": "Severe",
        "trigger": { "event": { "formCompleted": { "form": "weekly-measure" } } }, "condition": total_at_least(20),
        "actions": [{ "raiseFlag": { "kind": "severe", "severity": "WARNING", "title": "Severe", "audience": "STAFF" } },
            { "remind": { "template": "come-back", "audience": "CITIZEN" } }] })
}

async fn window(app: &TestApp, rule: Value) -> Value {
    let (from, to) = (morning() - TimeDelta::days(1), morning() + TimeDelta::days(20));
    json!({ "rule": rule, "unitId": app.unit_id().await, "from": from, "to": to })
}

/// How many rows every table holds.
async fn rows(app: &TestApp) -> BTreeMap<String, i64> {
    let connection = app.store.connection();
    let backend = connection.get_database_backend();
    let tables = match backend {
        sea_orm::DatabaseBackend::Postgres => "select tablename from pg_tables where schemaname = 'public'",
        _ => "select name from sqlite_master where type = 'table'",
    };
    let mut counts = BTreeMap::new();
    for row in connection
        .query_all_raw(Statement::from_string(backend, tables))
        .await
        .unwrap()
    {
        let table: String = row.try_get_by_index(0).unwrap();
        let count = Statement::from_string(backend, format!("select count(*) from {table}"));
        let count = connection.query_one_raw(count).await.unwrap().unwrap();
        counts.insert(table, count.try_get_by_index(0).unwrap());
    }
    counts
}

async fn a_rule_is_simulated_before_it_is_saved(kind: Kind) {
    let Some(app) = started(kind, 3).await else { return };
    answer(&app, 1, "all").await;
    answer(&app, 2, "some").await;
    app.advance(TimeDelta::days(7)).await;
    answer(&app, 1, "most").await;
    answer(&app, 2, "all").await;
    let therapist = app.therapist();
    let variables = window(&app, severe()).await;
    let before = rows(&app).await;
    let data = app.client.ask(&therapist, "SimulateRule", variables.clone()).await;
    let told = &data["simulateRule"];
    assert_eq!(
        (&told["enrollmentsConsidered"], &told["enrollmentsMatched"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(told["firingCount"], 2);
    assert_eq!(
        told["deliveriesByChannel"],
        json!([{ "channel": "EMAIL", "count": 2 }, { "channel": "INBOX", "count": 2 }])
    );
    let firings = told["firings"]["nodes"].as_array().unwrap();
    let who: Vec<&Value> = firings.iter().map(|firing| &firing["enrollment"]["id"]).collect();
    assert_eq!(
        who,
        [&json!(app.enrollment_of(1).await), &json!(app.enrollment_of(2).await)]
    );
    assert_eq!(firings[0]["actions"].as_array().unwrap().len(), 2);
    assert_eq!(
        firings[0]["trace"],
        json!([{ "text": "Poängen total i weekly-measure är 27, minst 20", "verdict": "TRUE" }])
    );

    // A page at a time.
    let query = "query($rule: SaveRuleInput!, $unitId: ID!, $from: DateTime!, $to: DateTime!, $after: String) {
        simulateRule(rule: $rule, unitId: $unitId, from: $from, to: $to) {
            firings(first: 1, after: $after) { nodes { at } pageInfo { hasNextPage endCursor } } } }";
    let mut variables = variables;
    let first = app.client.query(&therapist, query, variables.clone()).await.data();
    let page = &first["simulateRule"]["firings"];
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
    variables["after"] = page["pageInfo"]["endCursor"].clone();
    let second = app.client.query(&therapist, query, variables).await.data();
    let rest = &second["simulateRule"]["firings"];
    assert_eq!(rest["pageInfo"]["hasNextPage"], false);
    assert!(page["nodes"][0]["at"].as_str() < rest["nodes"][0]["at"].as_str());

    // Nothing was written; that it was read was.
    let mut after = rows(&app).await;
    let logged = after.remove("access_log").unwrap();
    assert!(logged > before["access_log"]);
    assert_eq!(after.insert("access_log".to_owned(), before["access_log"]), None);
    assert_eq!(after, before);
    let reads = access_log::Entity::find().all(app.store.connection()).await.unwrap();
    let of_simulation = reads.iter().filter(|read| read.operation == "SimulateRule");
    assert_eq!(of_simulation.count(), 3, "each whose history was read");

    // Saved, it does from then on what it was told to.
    let saved = app.client.input(&app.staff("designer"), "SaveRule", severe()).await;
    done(&saved);
    app.advance(TimeDelta::days(7)).await;
    answer(&app, 3, "all").await;
    let data = app
        .client
        .ask(&therapist, "SimulateRule", window(&app, severe()).await)
        .await;
    assert_eq!(
        data["simulateRule"]["firingCount"], 3,
        "the one that it really did among them"
    );
}

async fn numbers_are_for_the_unit_and_people_for_those_who_treat(kind: Kind) {
    let Some(app) = started(kind, 5).await else { return };
    // Fewer than five could be told apart.
    for n in 1..=4 {
        answer(&app, n, "all").await;
    }
    let variables = window(&app, severe()).await;
    let administrator = app.staff("unit-administrator");
    for (viewer, firings) in [(&administrator, 0), (&app.therapist(), 4)] {
        let told = app.client.ask(viewer, "SimulateRule", variables.clone()).await;
        let told = &told["simulateRule"];
        assert_eq!(told["enrollmentsConsidered"], 5);
        assert_eq!(
            (&told["enrollmentsMatched"], &told["firingCount"]),
            (&json!(firings), &json!(firings))
        );
        let is_told = told["deliveriesByChannel"]
            .as_array()
            .is_some_and(|counts| !counts.is_empty());
        assert_eq!(is_told, firings > 0);
    }
    answer(&app, 5, "all").await;
    let told = app.client.ask(&administrator, "SimulateRule", variables.clone()).await;
    assert_eq!(told["simulateRule"]["firingCount"], 5);
    assert_eq!(told["simulateRule"]["firings"]["nodes"], json!([]));
    let outlook = "query($unitId: ID!) { unit(id: $unitId) { outlook(days: 7) { deliveries { count } items { totalCount nodes { at } } } } }";
    let told = app
        .client
        .query(&app.staff("unit-administrator"), outlook, variables.clone())
        .await
        .data();
    assert!(told["unit"]["outlook"]["items"]["totalCount"].as_u64() > Some(0));
    assert_eq!(told["unit"]["outlook"]["items"]["nodes"], json!([]));
    for somebody in [
        app.citizen(1),
        app.staff("designer"),
        app.staff("publisher"),
        app.staff("citizen-administrator"),
        app.staff(care::OTHER_THERAPIST),
    ] {
        let refused = app
            .client
            .query(&somebody, document("SimulateRule"), variables.clone())
            .await;
        assert_eq!(refused.code(), "NOT_FOUND", "{}", refused.body);
    }
}

async fn what_cannot_be_simulated_is_said(kind: Kind) {
    let Some(app) = started(kind, 1).await else { return };
    let therapist = app.therapist();
    let ask = async |variables: Value| app.client.query(&therapist, document("SimulateRule"), variables).await;
    let mut rule = severe();
    rule["condition"] = json!({ "all": [total_at_least(20), total_at_least(400)] });
    rule["actions"][1]["remind"]["template"] = json!("no-such-template");
    let refused = ask(window(&app, rule).await).await;
    let extensions = &refused.body["errors"][0]["extensions"];
    assert_eq!(extensions["code"], extensions["errors"][0]["code"]);
    assert_eq!(extensions["argument"], extensions["errors"][0]["path"]);
    let paths = paths(&refused);
    assert!(
        paths.iter().any(|path| path.starts_with("rule.condition.all.1")),
        "{paths:?}"
    );
    assert!(
        paths.contains(&"rule.actions.1.remind.template".to_owned()),
        "{paths:?}"
    );
    for (field, value) in [
        ("key", json!("No key")),
        ("programSlug", json!("no-such-program")),
        ("unitId", json!("no-id")),
        ("enrollmentId", json!(app.unit_id().await)),
    ] {
        let mut rule = severe();
        rule[field] = value;
        let refused = ask(window(&app, rule).await).await;
        assert_eq!(self::paths(&refused), [format!("rule.{field}")], "{}", refused.body);
    }

    let mut variables = window(&app, severe()).await;
    variables["to"] = json!(morning() + TimeDelta::days(366));
    let refused = ask(variables.clone()).await;
    assert_eq!(
        (refused.code(), self::paths(&refused)),
        ("TOO_LONG", vec!["to".to_owned()])
    );
    variables["to"] = variables["from"].clone();
    assert_eq!(ask(variables.clone()).await.code(), "BAD_WINDOW");
    variables["unitId"] = json!("no-id");
    assert_eq!(self::paths(&ask(variables).await), ["unitId"]);
}

/// The places of what was refused, as people write them.
fn paths(refused: &Answer) -> Vec<String> {
    let errors = refused.body["errors"][0]["extensions"]["errors"].as_array().unwrap();
    let place = |error: &Value| {
        let parts = error["path"].as_array().unwrap().iter();
        parts.map(text).collect::<Vec<_>>().join(".")
    };
    errors.iter().map(place).collect()
}

async fn what_cannot_be_asked_for_fails_alone(kind: Kind) {
    let Some(app) = started(kind, 2).await else { return };
    let query = "query($first: ID!, $second: ID!, $unitId: ID!, $rule: SaveRuleInput!, $from: DateTime!, $to: DateTime!, $future: DateTime!) {
        first: enrollment(id: $first) { early: ruleEvaluations(at: $future) { verdict } now: ruleEvaluations { verdict } }
        second: enrollment(id: $second) { ruleEvaluations { verdict } }
        unit(id: $unitId) { far: outlook(days: 93) { deliveries { count } } near: outlook(days: 7) { deliveries { count } } }
        backwards: simulateRule(rule: $rule, unitId: $unitId, from: $to, to: $from) { firingCount }
        forwards: simulateRule(rule: $rule, unitId: $unitId, from: $from, to: $to) { firingCount } }";
    let mut variables = window(&app, severe()).await;
    variables["first"] = json!(app.enrollment_of(1).await);
    variables["second"] = json!(app.enrollment_of(2).await);
    variables["future"] = json!(app.clock.now() + TimeDelta::days(1));
    let answer = app.client.query(&app.therapist(), query, variables).await;
    let data = &answer.body["data"];
    assert_eq!(data["first"]["early"], Value::Null, "{}", answer.body);
    for told in [&data["first"]["now"], &data["second"]["ruleEvaluations"]] {
        assert!(
            told.as_array().is_some_and(|rules| !rules.is_empty()),
            "{}",
            answer.body
        );
    }
    assert_eq!((&data["unit"]["far"], &data["backwards"]), (&Value::Null, &Value::Null));
    assert!(data["unit"]["near"].is_object() && data["forwards"].is_object());
    let mut refused: Vec<(String, Value)> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (
                text(&error["extensions"]["code"]),
                error["extensions"]["argument"].clone(),
            )
        })
        .collect();
    refused.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [("BAD_DAYS", "days"), ("BAD_WINDOW", "to"), ("IN_THE_FUTURE", "at")];
    assert_eq!(
        refused,
        expected.map(|(code, argument)| (code.to_owned(), json!([argument])))
    );
}

async fn what_will_go_out_is_what_goes_out(kind: Kind) {
    let Some(app) = started(kind, 3).await else { return };
    answer(&app, 1, "all").await;
    let at = |anchor: Value, slots: Value, actions: Value| json!({ "trigger": { "schedule": { "anchor": anchor, "slots": slots } }, "actions": actions });
    let start = json!({ "enrollmentStart": {} });
    let remind = json!([{ "remind": { "template": "come-back", "audience": "CITIZEN" } }]);
    // Twice in one night, of which the morning tells once by e-mail.
    let night = json!([{ "key": "a", "offset": "P4D", "at": "22:30" }, { "key": "b", "offset": "P4D", "at": "23:30" }]);
    care::save_rule(&app.store, "twice", at(start.clone(), night, remind.clone())).await;
    // About a module that is hidden when it would leave.
    let on_day = |day: u32| json!([{ "key": "a", "offset": format!("P{day}D"), "at": "12:00" }]);
    let module = json!({ "module": "activity" });
    let opens = at(start.clone(), on_day(3), json!([{ "openModule": module }]));
    care::save_rule(&app.store, "opens", opens).await;
    let hides = at(start, on_day(5), json!([{ "hideModule": module }]));
    care::save_rule(&app.store, "hides", hides).await;
    let about = at(json!({ "moduleOpened": module }), on_day(4), remind);
    care::save_rule(&app.store, "about", about).await;
    app.advance(TimeDelta::hours(30)).await;
    let query = "query($unitId: ID!, $days: Int!) { unit(id: $unitId) { outlook(days: $days) { deliveries { date channel count }
        items(first: 100) { totalCount nodes { at certainty actions enrollment { id } rule { key } } } } } }";
    let variables = json!({ "unitId": app.unit_id().await, "days": 14 });
    let before = rows(&app).await;
    let told = app
        .client
        .query(&app.therapist(), query, variables.clone())
        .await
        .data();
    let after = rows(&app).await;
    for (table, count) in &before {
        assert!(table == "access_log" || after[table] == *count, "{table} was written");
    }
    let outlook = &told["unit"]["outlook"];
    let mut predicted: BTreeMap<(NaiveDate, String), i64> = BTreeMap::new();
    for day in outlook["deliveries"].as_array().unwrap() {
        let date = text(&day["date"]).parse().unwrap();
        predicted.insert((date, text(&day["channel"])), day["count"].as_i64().unwrap());
    }
    let items = outlook["items"]["nodes"].as_array().unwrap();
    assert_eq!(outlook["items"]["totalCount"], items.len());
    let of = |certainty: &str| items.iter().filter(|item| item["certainty"] == certainty).count();
    assert!(of("PLANNED") > 0 && of("PREDICTED") > 0, "{items:?}");

    let now = app.clock.now();
    app.advance(TimeDelta::days(14)).await;
    let mut real: BTreeMap<(NaiveDate, String), i64> = BTreeMap::new();
    for row in delivery::Entity::find().all(app.store.connection()).await.unwrap() {
        let left = row
            .sent_at
            .filter(|at| *at > now && row.status.0 == DeliveryStatus::Sent);
        if let Some(at) = left {
            let channel = serde_json::to_value(row.channel.0).unwrap();
            *real.entry((local_day(DEFAULT_ZONE, at), text(&channel))).or_default() += 1;
        }
    }
    assert!(real.values().sum::<i64>() >= 20, "{real:?}");
    assert_eq!(predicted, real);
    let reminders = reminder::Entity::find().all(app.store.connection()).await.unwrap();
    let mut reasons = reminders.iter().filter_map(|row| row.skip_reason.as_ref());
    assert!(reasons.any(|reason| reason.0 == SkipReason::ContentHidden));
    let deliveries = delivery::Entity::find().all(app.store.connection()).await.unwrap();
    let superseded = deliveries
        .iter()
        .filter(|row| row.reason.as_deref() == Some("SUPERSEDED"));
    assert_eq!(superseded.count(), 3, "one each");

    let refused = app
        .client
        .query(
            &app.therapist(),
            query,
            json!({ "unitId": variables["unitId"], "days": 93 }),
        )
        .await;
    assert_eq!((refused.code(), paths(&refused)), ("BAD_DAYS", vec!["days".to_owned()]));
}

/// The verdict, the first lines of the trace, and when it fired last and is looked at next, by rule.
async fn explained(app: &TestApp, n: u32, at: Option<DateTime<Utc>>) -> BTreeMap<String, Value> {
    let variables = json!({ "enrollmentId": app.enrollment_of(n).await, "at": at });
    let data = app.client.ask(&app.therapist(), "ExplainRules", variables).await;
    let evaluations = data["enrollment"]["ruleEvaluations"].as_array().unwrap().clone();
    evaluations
        .into_iter()
        .map(|evaluation| (text(&evaluation["rule"]["key"]), evaluation))
        .collect()
}

async fn why_and_why_not(kind: Kind) {
    let Some(app) = started(kind, 3).await else { return };
    let measured = json!({ "event": { "formCompleted": { "form": "weekly-measure" } } });
    let note = json!([{ "remind": { "template": "come-back", "audience": "CITIZEN", "channels": ["INBOX"] } }]);
    let limited = json!({ "trigger": measured, "condition": total_at_least(20), "actions": note, "limits": { "cooldown": "P7D" } });
    care::save_rule(&app.store, "limited", limited).await;
    let held =
        json!({ "trigger": { "whenever": { "heldFor": "P2D" } }, "condition": total_at_least(20), "actions": note });
    care::save_rule(&app.store, "held", held).await;
    care::switch_off(
        &app.store,
        "off",
        json!({ "trigger": measured, "condition": total_at_least(20), "actions": note }),
    )
    .await;
    app.advance(TimeDelta::hours(1)).await;
    let answered_at = app.clock.now();
    answer(&app, 1, "all").await;
    answer(&app, 2, "some").await;
    app.advance(TimeDelta::hours(1)).await;

    let verdicts = async |n: u32, at: Option<DateTime<Utc>>| -> BTreeMap<String, String> {
        let explained = explained(&app, n, at).await;
        explained
            .iter()
            .map(|(key, evaluation)| (key.clone(), text(&evaluation["verdict"])))
            .collect()
    };
    let is = |verdicts: &BTreeMap<String, String>, expected: &[(&str, &str)]| {
        for (key, verdict) in expected {
            assert_eq!(verdicts[*key], *verdict, "{key} of {verdicts:?}");
        }
    };
    is(
        &verdicts(1, None).await,
        &[
            ("high-score", "FIRES"),
            ("limited", "HOLDS_BACK"),
            ("held", "HOLDS_BACK"),
            ("inactive", "FALSE"),
            ("off", "OFF"),
        ],
    );
    is(
        &verdicts(2, None).await,
        &[("high-score", "FALSE"), ("limited", "FALSE"), ("off", "OFF")],
    );
    is(
        &verdicts(3, None).await,
        &[("high-score", "UNKNOWN"), ("limited", "UNKNOWN"), ("off", "OFF")],
    );

    let now = explained(&app, 1, None).await;
    let first = |key: &str| now[key]["trace"][0]["text"].as_str().unwrap().to_owned();
    assert_eq!(
        first("limited"),
        "Regeln löste ut 2027-03-01 11:00 och vilar till 2027-03-08 11:00"
    );
    assert_eq!(
        first("held"),
        "Så har det varit sedan 2027-03-01 11:00 och måste vara till 2027-03-03 11:00"
    );
    assert_eq!(first("off"), "Regeln är avstängd");
    let compared = &now["limited"]["trace"][1];
    assert_eq!(
        compared,
        &json!({ "text": "Poängen total i weekly-measure är 27, minst 20", "verdict": "TRUE",
            "fact": "poängen total i weekly-measure", "value": 27, "depth": 0 })
    );
    let instant = |value: &Value| value.as_str().map(|text| text.parse::<DateTime<Utc>>().unwrap());
    assert_eq!(instant(&now["limited"]["lastFiredAt"]), Some(answered_at));
    assert_eq!(
        instant(&now["held"]["nextEvaluationAt"]),
        Some(answered_at + TimeDelta::days(2))
    );
    assert_eq!(
        instant(&now["weekly-measure"]["nextEvaluationAt"]),
        Some("2027-03-08T07:00:00Z".parse().unwrap())
    );
    assert_eq!(
        now["high-score"]["nextEvaluationAt"],
        Value::Null,
        "only an answer can set it off"
    );

    // As it was: before the answer nothing was known, at it both fired, and before they were saved there were no such rules.
    is(
        &verdicts(1, Some(answered_at - TimeDelta::seconds(1))).await,
        &[("high-score", "UNKNOWN"), ("limited", "UNKNOWN")],
    );
    is(
        &verdicts(1, Some(answered_at)).await,
        &[("high-score", "FIRES"), ("limited", "FIRES")],
    );
    assert!(
        !verdicts(1, Some(morning() - TimeDelta::hours(1)))
            .await
            .contains_key("limited")
    );

    // An episode that has fired stands until it is over.
    app.advance(TimeDelta::days(3)).await;
    let later = explained(&app, 1, None).await;
    assert_eq!(later["held"]["verdict"], "FIRES");
    assert_eq!(
        instant(&later["held"]["lastFiredAt"]),
        Some(answered_at + TimeDelta::days(2))
    );
    // And it is told for then as it was then.
    is(
        &verdicts(1, Some(answered_at + TimeDelta::days(1))).await,
        &[("held", "HOLDS_BACK"), ("limited", "HOLDS_BACK")],
    );

    let enrollment = app.enrollment_of(1).await;
    let future = json!({ "enrollmentId": enrollment, "at": app.clock.now() + TimeDelta::days(1) });
    let refused = app
        .client
        .query(&app.therapist(), document("ExplainRules"), future)
        .await;
    assert_eq!(refused.code(), "IN_THE_FUTURE");
    let own = app
        .client
        .ask(&app.citizen(1), "ExplainRules", json!({ "enrollmentId": enrollment }))
        .await;
    assert_eq!(
        own["enrollment"]["ruleEvaluations"],
        json!([]),
        "nobody is told of the rules about themselves"
    );
    let other = app
        .client
        .ask(
            &app.staff(care::OTHER_THERAPIST),
            "ExplainRules",
            json!({ "enrollmentId": enrollment }),
        )
        .await;
    assert_eq!(other["enrollment"], Value::Null);
}

async fn many_take_as_many_statements_as_few(kind: Kind) {
    let mut counts = Vec::new();
    for people in [2, 6] {
        let Some(app) = started(kind, people).await else { return };
        for n in 1..=people {
            answer(&app, n, "all").await;
        }
        let variables = window(&app, severe()).await;
        // Content and rules are read once per process.
        app.client
            .ask(&app.therapist(), "SimulateRule", variables.clone())
            .await;
        let before = app.store.statements();
        app.client
            .ask(&app.therapist(), "SimulateRule", variables.clone())
            .await;
        let simulated = app.store.statements() - before;
        let query = "query($unitId: ID!) { unit(id: $unitId) { outlook(days: 7) { deliveries { count } }
            enrollments(first: 10) { nodes { ruleEvaluations { verdict trace { text } rule { name } } } } } }";
        app.client
            .query(&app.therapist(), query, variables.clone())
            .await
            .data();
        let before = app.store.statements();
        app.client.query(&app.therapist(), query, variables).await.data();
        counts.push((simulated, app.store.statements() - before));
    }
    assert_eq!(counts[0], counts[1]);
    println!(
        "a simulation takes {} statements, an outlook with explanations {}",
        counts[0].0, counts[0].1
    );
}

both_databases!(
    a_rule_is_simulated_before_it_is_saved,
    numbers_are_for_the_unit_and_people_for_those_who_treat,
    what_cannot_be_simulated_is_said,
    what_cannot_be_asked_for_fails_alone,
    what_will_go_out_is_what_goes_out,
    why_and_why_not,
    many_take_as_many_statements_as_few,
);
