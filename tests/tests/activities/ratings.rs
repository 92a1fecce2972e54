//! How it was before and after activities: what a registration said before it was corrected, and rules that watch it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
    world::World,
};

use super::{morning, started, walking};

/// Registers, or corrects, how it was before and after the walk of a day.
async fn rate(app: &TestApp, walk_id: &str, day: &str, before: Option<u8>, after: Option<u8>) {
    let input = json!({ "activityId": walk_id, "occurrence": day, "done": true, "note": format!("Efteråt: {after:?}"),
        "ratingBefore": before, "rating": after });
    done(
        &app.client
            .mutate(&app.citizen(1), "registerActivity", input, "entry { id }")
            .await,
    );
}

fn rating(of: &str, operator: &str, value: i32) -> Value {
    json!({ "compare": { "fact": { "rating": { "of": of } }, "operator": operator, "value": value } })
}

fn rule(key: &str, trigger: Value, condition: Value) -> Value {
    json!({ "programSlug": care::PROGRAM, "key": key, "name": key, "trigger": trigger, "condition": condition,
        "actions": [{ "raiseFlag": { "kind": key, "severity": "WARNING", "title": "Look", "audience": "STAFF" } }] })
}

fn on_registration() -> Value {
    json!({ "event": { "activityRegistered": {} } })
}

async fn save(app: &TestApp, rule: Value) -> Value {
    let fields = "rule { english: summary(locale: \"en\") swedish: summary(locale: \"sv\") }";
    app.client
        .mutate(&app.staff("designer"), "saveRule", rule, fields)
        .await
}

const RULES: [&str; 3] = ["low", "became-low", "worse"];

/// When the rules fired, and what they tell of why.
async fn fired(app: &TestApp, enrollment: &str) -> Vec<(String, DateTime<Utc>, String)> {
    let query = "query($id: ID!) { enrollment(id: $id) { flags(first: 20) { nodes {
        causes(last: 20) { firing { rule { key } at trace { text } } } } } } }";
    let data = app
        .client
        .query(&app.therapist(), query, json!({ "id": enrollment }))
        .await
        .data();
    let flags = data["enrollment"]["flags"]["nodes"].as_array().unwrap().clone();
    let causes = flags.iter().flat_map(|flag| flag["causes"].as_array().unwrap());
    let firings = causes.map(|cause| &cause["firing"]);
    let ours = firings.filter(|firing| RULES.iter().any(|key| firing["rule"]["key"] == *key));
    let mut fired: Vec<_> = ours
        .map(|firing| {
            let at = text(&firing["at"]).parse().unwrap();
            (text(&firing["rule"]["key"]), at, text(&firing["trace"][0]["text"]))
        })
        .collect();
    fired.sort_by_key(|(key, at, _)| (*at, key.clone()));
    fired
}

async fn rules_watch_what_is_rated_and_keep_their_verdict_when_it_is_corrected(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    for (condition, expected) in [
        (
            rating("AFTER", "GT", 10),
            one("OUT_OF_REACH", "condition.compare.value"),
        ),
        (
            rating("DIFFERENCE", "LT", -10),
            one("OUT_OF_REACH", "condition.compare.value"),
        ),
        (
            json!({ "all": [rating("AFTER", "LTE", 3), rating("AFTER", "GTE", 7)] }),
            one("NEVER_TRUE", "condition.all.1.compare"),
        ),
    ] {
        assert_eq!(
            refused(&save(&app, rule("low", on_registration(), condition)).await),
            expected
        );
    }
    let low = rule("low", on_registration(), rating("AFTER", "LTE", 3));
    let told = save(&app, low.clone()).await;
    assert_eq!(
        done(&told)["rule"],
        json!({
            "english": "When the citizen registers an activity, if the latest rating after an activity is at most 3: raise a warning flag of the kind low to staff (“Look”).",
            "swedish": "När invånaren registrerar en aktivitet, om den senaste skattningen efter en aktivitet är högst 3: höj en varningsflagga av typen low till personalen (”Look”).",
        })
    );
    done(
        &save(
            &app,
            rule("became-low", json!({ "whenever": {} }), rating("AFTER", "LTE", 3)),
        )
        .await,
    );
    done(&save(&app, rule("worse", on_registration(), rating("DIFFERENCE", "LT", 0))).await);
    let walk_id = walking(&app, &enrollment).await;
    app.work().await;
    app.advance(TimeDelta::hours(9)).await;

    // Registered as low, and corrected before the worker looks.
    let registered = app.clock.now();
    rate(&app, &walk_id, "2027-03-01", Some(5), Some(2)).await;
    app.clock.advance(TimeDelta::minutes(10));
    let corrected = app.clock.now();
    rate(&app, &walk_id, "2027-03-01", Some(5), Some(8)).await;
    app.clock.advance(TimeDelta::minutes(10));
    app.work().await;
    let first = [
        ("became-low", "Den senaste skattningen efter en aktivitet är 2, högst 3"),
        ("low", "Den senaste skattningen efter en aktivitet är 2, högst 3"),
        (
            "worse",
            "Den senaste skillnaden i skattning från före till efter en aktivitet är -3, under 0",
        ),
    ]
    .map(|(key, text)| (key.to_owned(), registered, text.to_owned()));
    assert_eq!(fired(&app, &enrollment).await, first);

    // And the other way about.
    app.advance(TimeDelta::days(3)).await;
    rate(&app, &walk_id, "2027-03-04", None, Some(9)).await;
    app.clock.advance(TimeDelta::minutes(10));
    let lowered = app.clock.now();
    rate(&app, &walk_id, "2027-03-04", None, Some(1)).await;
    app.clock.advance(TimeDelta::minutes(10));
    app.work().await;
    let second = (
        "became-low".to_owned(),
        lowered,
        "Den senaste skattningen efter en aktivitet är 1, högst 3".to_owned(),
    );
    assert_eq!(fired(&app, &enrollment).await, [&first[..], &[second]].concat());

    // Whoever asks later gets the answer of then.
    let explained = async |when: DateTime<Utc>| -> String {
        let query = "query($id: ID!, $at: DateTime) { enrollment(id: $id) { ruleEvaluations(at: $at) {
            rule { key } trace { text } } } }";
        let variables = json!({ "id": enrollment, "at": when });
        let data = app.client.query(&app.therapist(), query, variables).await.data();
        let all = data["enrollment"]["ruleEvaluations"].as_array().unwrap().clone();
        let of_rule = all.iter().find(|one| one["rule"]["key"] == "became-low").unwrap();
        // Before what is compared may stand what holds the rule back.
        text(&of_rule["trace"].as_array().unwrap().last().unwrap()["text"])
    };
    for (when, told) in [
        (registered, "är 2, högst 3"),
        (corrected - TimeDelta::microseconds(1), "är 2, högst 3"),
        (corrected, "är 8, inte högst 3"),
        (lowered, "är 1, högst 3"),
    ] {
        let expected = format!("Den senaste skattningen efter en aktivitet {told}");
        assert_eq!(explained(when).await, expected);
    }
    let query = "query($rule: SaveRuleInput!, $unitId: ID!, $from: DateTime!, $to: DateTime!) {
        simulateRule(rule: $rule, unitId: $unitId, from: $from, to: $to) { firingCount } }";
    for (rule, firings) in [
        (low, 1),
        (rule("lately", json!({ "whenever": {} }), rating("AFTER", "LTE", 3)), 2),
    ] {
        let variables =
            json!({ "rule": rule, "unitId": app.unit_id().await, "from": morning(), "to": app.clock.now() });
        let replayed = app.client.query(&app.therapist(), query, variables).await.data();
        assert_eq!(replayed["simulateRule"], json!({ "firingCount": firings }));
    }
}

async fn what_a_registration_said_before_is_kept(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let walk_id = walking(&app, &enrollment).await;
    let registered = app.clock.now();
    rate(&app, &walk_id, "2027-03-01", Some(2), Some(3)).await;
    app.clock.advance(TimeDelta::hours(1));
    let corrected = app.clock.now();
    rate(&app, &walk_id, "2027-03-01", None, Some(4)).await;
    // At the same instant again.
    rate(&app, &walk_id, "2027-03-01", Some(1), None).await;
    let last = corrected + TimeDelta::microseconds(1);
    let query = "query($id: ID!) { enrollment(id: $id) {
        activities(from: \"2027-03-01T00:00:00Z\", to: \"2027-03-02T00:00:00Z\") { entry {
            rating ratingBefore note registeredAt correctedAt
            history { done rating ratingBefore note saidAt correctedAt } } } } }";
    let seen = async |token: &str| -> Value {
        let data = app.client.query(token, query, json!({ "id": enrollment })).await.data();
        data["enrollment"]["activities"].clone()
    };
    let at = |instant: DateTime<Utc>| serde_json::to_value(instant).unwrap();
    let instants = |value: &Value| text(value).parse::<DateTime<Utc>>().unwrap();
    for token in [app.therapist(), app.citizen(1)] {
        let mut seen = seen(&token).await;
        let entry = &mut seen[0]["entry"];
        for place in [
            "/registeredAt",
            "/correctedAt",
            "/history/0/saidAt",
            "/history/0/correctedAt",
            "/history/1/saidAt",
            "/history/1/correctedAt",
        ] {
            let place = entry.pointer_mut(place).unwrap();
            *place = at(instants(place));
        }
        assert_eq!(
            *entry,
            json!({ "rating": null, "ratingBefore": 1, "note": "Efteråt: None", "registeredAt": at(registered), "correctedAt": at(last),
                "history": [
                    { "done": true, "rating": 3, "ratingBefore": 2, "note": "Efteråt: Some(3)", "saidAt": at(registered), "correctedAt": at(corrected) },
                    { "done": true, "rating": 4, "ratingBefore": null, "note": "Efteråt: Some(4)", "saidAt": at(corrected), "correctedAt": at(last) },
                ] })
        );
    }
    // Health data, as the registration itself.
    assert_eq!(seen(&app.staff("citizen-administrator")).await, json!([]));
}

async fn histories_take_as_many_statements_for_fifty_as_for_five(kind: Kind) {
    use entity::{
        action::activity::{self, Plan, Register},
        viewer::Viewer,
    };
    const LIST: &str = "query($unitId: ID!, $first: Int!, $from: DateTime!, $to: DateTime!) { unit(id: $unitId) {
        enrollments(first: $first) { nodes { activities(from: $from, to: $to) { entry { rating history { rating } } } } } } }";
    let app = TestApp::over(World::new(kind, morning()).await).await;
    let (unit, today) = (app.unit_id().await, morning().date_naive());
    let variables = |shown: usize| {
        let from = morning() - TimeDelta::days(1);
        json!({ "unitId": unit, "first": shown, "from": from, "to": from + TimeDelta::days(2) })
    };
    let mut counts = Vec::new();
    for (people, shown) in [(0..5, 5), (5..50, 50)] {
        for n in people {
            let enrollment_id = app.enroll(n).await;
            let mut act = app.store.act(&Viewer::system()).await.unwrap();
            let plan = Plan {
                enrollment_id,
                title: "Promenad".to_owned(),
                starts_on: today,
                time: None,
                duration: None,
                repeat: None,
            };
            let activity_id = activity::plan(&mut act, &plan).await.unwrap();
            for rating in [2, 5, 7] {
                let register = Register {
                    activity_id,
                    occurrence: today,
                    done: true,
                    note: None,
                    rating: Some(rating),
                    rating_before: None,
                };
                activity::register(&mut act, &register).await.unwrap();
            }
            act.commit().await.unwrap();
        }
        let before = app.store.statements();
        let data = app.client.query(&app.therapist(), LIST, variables(shown)).await.data();
        counts.push(app.store.statements() - before);
        let nodes = data["unit"]["enrollments"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), shown);
        for node in nodes {
            let entry = json!({ "rating": 7, "history": [{ "rating": 2 }, { "rating": 5 }] });
            assert_eq!(node["activities"], json!([{ "entry": entry }]));
        }
    }
    assert_eq!(counts[0], counts[1]);
}

both_databases!(
    rules_watch_what_is_rated_and_keep_their_verdict_when_it_is_corrected,
    what_a_registration_said_before_is_kept,
    histories_take_as_many_statements_for_fifty_as_for_five,
);
