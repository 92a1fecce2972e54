//! What is wrong is said clearly, with a code, and nothing is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::{Duration, Instant};

use api::server::Server;
use chrono::{DateTime, TimeDelta, Utc};
use entity::{clock::Clock, dispatch, response, rule_version};
use reqwest::{StatusCode, header};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{Answer, document, done, refused, text, weekly_measure},
    contract,
    database::Kind,
    issuer, process,
};
use worker::config::{Config, Secret};

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A citizen who was sent a measure; gives its dispatch.
async fn started(kind: Kind) -> Option<(TestApp, String)> {
    contract::operations()?;
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    app.work().await;
    let dispatch = text(&app.home(1).await["dispatches"]["nodes"][0]["id"]);
    Some((app, dispatch))
}

async fn responses(app: &TestApp) -> u64 {
    response::Entity::find().count(app.store.connection()).await.unwrap()
}

async fn a_form_is_answered_once(kind: Kind) {
    let Some((app, dispatch)) = started(kind).await else {
        return;
    };
    let citizen = app.citizen(1);
    let submit = async |options| {
        let input = json!({ "dispatchId": dispatch, "answers": weekly_measure(options) });
        app.client.input(&citizen, "SubmitResponse", input).await
    };
    let first = done(&submit(["no"; 9]).await)["result"].clone();
    let again = submit(["all"; 9]).await;
    assert_eq!(
        refused(&again),
        [("ALREADY_ANSWERED".to_owned(), "dispatchId".to_owned())]
    );
    let draft = json!({ "dispatchId": dispatch, "answers": weekly_measure(["all"; 9]) });
    assert_eq!(
        refused(&app.client.input(&citizen, "SaveDraft", draft).await)[0].0,
        "ALREADY_ANSWERED"
    );
    assert_eq!(responses(&app).await, 1);
    assert_eq!(first["scores"][0]["value"], 0.0);
}

async fn two_at_once_answer_once(kind: Kind) {
    let Some((app, dispatch)) = started(kind).await else {
        return;
    };
    let citizen = app.citizen(1);
    let submit = async || {
        let input = json!({ "dispatchId": dispatch, "answers": weekly_measure(["some"; 9]) });
        app.client.input(&citizen, "SubmitResponse", input).await
    };
    let both = futures_util::future::join_all((0..5).map(|_| submit())).await;
    let accepted = both
        .iter()
        .filter(|data| data["submitResponse"]["errors"] == json!([]))
        .count();
    assert_eq!((accepted, responses(&app).await), (1, 1));
}

async fn an_expired_form_is_not_answered(kind: Kind) {
    let Some((app, dispatch)) = started(kind).await else {
        return;
    };
    // The worker has not come round yet: the clock alone decides.
    app.clock.advance(TimeDelta::days(3));
    let input = json!({ "dispatchId": dispatch, "answers": weekly_measure(["no"; 9]) });
    let late = app.client.input(&app.citizen(1), "SubmitResponse", input.clone()).await;
    assert_eq!(refused(&late), [("EXPIRED".to_owned(), "dispatchId".to_owned())]);
    app.work().await;
    let late = app.client.input(&app.citizen(1), "SubmitResponse", input).await;
    assert_eq!(refused(&late), [("EXPIRED".to_owned(), "dispatchId".to_owned())]);
    assert_eq!(responses(&app).await, 0);
}

async fn answers_that_do_not_fit_are_named_and_the_draft_stays(kind: Kind) {
    let Some((app, dispatch)) = started(kind).await else {
        return;
    };
    let citizen = app.citizen(1);
    let draft = json!([{ "item": "q1", "value": "most" }]);
    done(
        &app.client
            .input(
                &citizen,
                "SaveDraft",
                json!({ "dispatchId": dispatch, "answers": draft }),
            )
            .await,
    );
    let submit = async |answers: Value| {
        let input = json!({ "dispatchId": dispatch, "answers": answers });
        refused(&app.client.input(&citizen, "SubmitResponse", input).await)
    };
    let missing = submit(json!([{ "item": "q1", "value": "no" }])).await;
    let paths: Vec<_> = missing.iter().map(|(_, path)| path.as_str()).collect();
    assert_eq!(
        paths,
        (2..=9).map(|n| format!("answers.q{n}")).collect::<Vec<_>>(),
        "{missing:?}"
    );
    assert!(missing.iter().all(|(code, _)| code == "REQUIRED"), "{missing:?}");

    let with = |item: &str, value: Value| {
        let mut answers = weekly_measure(["no"; 9]);
        let list = answers.as_array_mut().unwrap();
        list.retain(|answer| answer["item"] != item);
        list.push(json!({ "item": item, "value": value }));
        answers
    };
    for (item, value) in [
        ("q3", json!("maybe")),
        ("q3", json!(2)),
        ("q3", json!(true)),
        ("q3", json!(["no"])),
        ("q10", json!("no")),
    ] {
        let found = submit(with(item, value.clone())).await;
        assert_eq!(found.len(), 1, "{item} {value}: {found:?}");
        assert_eq!(found[0].1, format!("answers.{item}"), "{value}: {found:?}");
    }
    // Hidden by enableWhen, since q1 is not "all".
    assert_eq!(submit(with("note", json!("hidden"))).await[0].1, "answers.note");
    assert_eq!(responses(&app).await, 0);
    let kept = app
        .client
        .ask(&citizen, "FormToFill", json!({ "dispatchId": dispatch }))
        .await;
    assert_eq!(
        kept["dispatch"]["draft"]["answers"],
        json!([{ "item": { "key": "q1" }, "value": "most" }])
    );
}

async fn fields_and_types_that_do_not_exist_are_named(kind: Kind) {
    let Some((app, dispatch)) = started(kind).await else {
        return;
    };
    let citizen = app.citizen(1);
    let expect = async |query: &str, variables: Value, word: &str| {
        let answer = app.client.query(&citizen, query, variables).await;
        assert!(
            answer.status.is_client_error() || answer.status.is_success(),
            "{}",
            answer.status
        );
        assert!(!answer.code().is_empty());
        assert!(
            answer.body["errors"][0]["message"].as_str().unwrap().contains(word),
            "{word}: {}",
            answer.body
        );
        assert!(answer.body.get("data").is_none_or(Value::is_null), "{}", answer.body);
    };
    expect("{ viewer { nonsense } }", json!({}), "nonsense").await;
    expect("{ viewer {", json!({}), "").await;
    expect("{ dispatch(id: 5.5) { id } }", json!({}), "").await;
    let submit = document("SubmitResponse");
    let unknown = json!({ "input": { "dispatchId": dispatch, "answers": [], "colour": "red" } });
    expect(submit, unknown, "colour").await;
    expect(
        submit,
        json!({ "input": { "dispatchId": dispatch, "answers": "all" } }),
        "",
    )
    .await;
    expect(submit, json!({ "input": { "answers": [] } }), "dispatchId").await;
    expect(submit, json!({}), "input").await;
    // What the rest of the page asks for is answered all the same.
    let variables = json!({ "now": "yesterday", "until": "2027-03-01T00:00:00Z" });
    let page = app.client.query(&citizen, document("CitizenHome"), variables).await;
    assert!(!page.code().is_empty());
    // What is no id at all is nothing that is there.
    let nothing = app
        .client
        .ask(
            &citizen,
            "FormToFill",
            json!({ "dispatchId": "1; drop table dispatch" }),
        )
        .await;
    assert_eq!(nothing["dispatch"], Value::Null);
    let input = json!({ "dispatchId": app.enrollment_of(1).await, "answers": [] });
    assert_eq!(
        refused(&app.client.input(&citizen, "SubmitResponse", input).await)[0].0,
        "NOT_FOUND",
        "an id of something else"
    );
}

async fn a_rule_that_makes_no_sense_is_refused_at_its_places(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let versions = async || {
        rule_version::Entity::find()
            .count(app.store.connection())
            .await
            .unwrap()
    };
    let before = versions().await;
    let save = async |trigger: Value, condition: Value, actions: Value| {
        let input = json!({ "programSlug": care::PROGRAM, "key": "new", "name": "New", "enabled": true, "trigger": trigger,
            "condition": condition, "actions": actions });
        app.client
            .query(&app.staff("designer"), document("SaveRule"), json!({ "input": input }))
            .await
    };
    let measured = json!({ "event": { "formCompleted": { "form": "weekly-measure" } } });
    let send = |form: &str| json!([{ "dispatchForm": { "form": form } }]);

    let errors = refused(&save(measured.clone(), Value::Null, send("no-such-form")).await.data());
    assert!(
        errors
            .iter()
            .any(|(code, path)| code == "UNKNOWN_FORM" && path.starts_with("actions.0")),
        "{errors:?}"
    );
    let unknown = json!({ "event": { "formCompleted": { "form": "no-such-form" } } });
    let errors = refused(&save(unknown, Value::Null, send("diary")).await.data());
    assert!(
        errors
            .iter()
            .any(|(code, path)| code == "UNKNOWN_FORM" && path.starts_with("trigger")),
        "{errors:?}"
    );
    let item = json!({ "compare": { "fact": { "answer": { "form": "weekly-measure", "item": "q99" } }, "operator": "GTE", "value": 2 } });
    let errors = refused(&save(measured.clone(), item, send("diary")).await.data());
    assert!(
        errors.iter().any(|(_, path)| path.starts_with("condition")),
        "{errors:?}"
    );
    let never = json!({ "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=SOMETIMES",
        "slots": [{ "key": "a", "offset": "P0D", "at": "09:30" }] } });
    let errors = refused(&save(never, Value::Null, send("diary")).await.data());
    assert!(
        errors
            .iter()
            .any(|(_, path)| path.starts_with("trigger.schedule.repeat")),
        "{errors:?}"
    );
    assert!(!refused(&save(measured.clone(), Value::Null, json!([])).await.data()).is_empty());
    // Two triggers at once are no trigger: the type says so.
    let two = json!({ "event": { "signedIn": {} }, "whenever": {} });
    assert!(!save(two, Value::Null, send("diary")).await.code().is_empty());
    assert_eq!(versions().await, before);
    // A therapist at another unit, a citizen: nobody of those writes the program's rules.
    let input = json!({ "programSlug": care::PROGRAM, "key": "new", "name": "New", "enabled": true, "trigger": measured,
        "actions": send("diary") });
    assert!(!refused(&app.client.input(&app.citizen(1), "SaveRule", input).await).is_empty());
    assert_eq!(versions().await, before);
}

async fn ids_of_another_unit_are_not_there(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let elsewhere = care::enroll(&app.store, app.care.other_unit, app.care.other_therapist, 2, None).await;
    app.work().await;
    let before = dispatch::Entity::find().count(app.store.connection()).await.unwrap();
    let foreign = app.enrollment_of(2).await;
    let input = json!({ "enrollmentId": foreign, "formKey": "worry-measure" });
    assert_eq!(
        refused(&app.client.input(&app.therapist(), "DispatchForm", input).await),
        [("NOT_FOUND".to_owned(), "enrollmentId".to_owned())]
    );
    assert_eq!(
        dispatch::Entity::find().count(app.store.connection()).await.unwrap(),
        before,
        "{elsewhere}"
    );
    // A unit of the same provider where the viewer has no role.
    let other = app
        .client
        .ask(&app.staff(care::OTHER_THERAPIST), "WhoAmI", json!({}))
        .await;
    let input = json!({ "programSlug": care::PROGRAM, "unitId": other["viewer"]["unit"]["id"], "therapistIds": [],
        "citizen": { "personalIdentityNumber": care::identity_number(3), "givenName": "A", "familyName": "B" } });
    assert_eq!(
        refused(&app.client.input(&app.therapist(), "StartEnrollment", input).await)[0].0,
        "NOT_FOUND"
    );
}

async fn people_are_checked(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let me = app.client.ask(&app.therapist(), "WhoAmI", json!({})).await;
    let begin = async |changes: Value| {
        let mut citizen =
            json!({ "personalIdentityNumber": care::identity_number(9), "givenName": "A", "familyName": "B" });
        let mut input =
            json!({ "programSlug": care::PROGRAM, "unitId": me["viewer"]["unit"]["id"], "therapistIds": [] });
        for (key, value) in changes.as_object().unwrap() {
            if input.get(key).is_some() || key == "timeZone" {
                input[key] = value.clone();
            } else {
                citizen[key] = value.clone();
            }
        }
        input["citizen"] = citizen;
        refused(&app.client.input(&app.therapist(), "StartEnrollment", input).await)
    };
    for (changes, path) in [
        (
            json!({ "personalIdentityNumber": "19900101-0001" }),
            "citizen.personalIdentityNumber",
        ),
        (
            json!({ "personalIdentityNumber": "hello" }),
            "citizen.personalIdentityNumber",
        ),
        (json!({ "givenName": "" }), "citizen.givenName"),
        (json!({ "email": "nobody" }), "citizen.email"),
        (json!({ "timeZone": "Europe/Atlantis" }), "timeZone"),
        (json!({ "programSlug": "no-such-program" }), "programSlug"),
    ] {
        let errors = begin(changes).await;
        assert_eq!((errors.len(), errors[0].1.as_str()), (1, path), "{errors:?}");
    }
    // Somebody who takes part already does not begin twice.
    let errors = begin(json!({ "personalIdentityNumber": care::identity_number(1) })).await;
    assert_eq!(errors[0].0, "ALREADY_ENROLLED");
}

async fn the_same_key_with_another_input_is_refused(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let enrollment = app.enrollment_of(1).await;
    let raise = async |title: &str| {
        let input = json!({ "enrollmentId": enrollment, "kind": "call", "severity": "INFO", "title": title, "audience": "STAFF",
            "idempotencyKey": "k1" });
        app.client.input(&app.therapist(), "RaiseFlag", input).await
    };
    let first = raise("Call").await;
    assert_eq!(raise("Call").await, first);
    assert_eq!(refused(&raise("Something else").await)[0].1, "idempotencyKey");
}

async fn a_refusal_is_given_again_for_the_same_key(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let tomorrow = app.clock.now() + TimeDelta::days(1);
    let input = json!({ "enrollmentId": app.enrollment_of(1).await, "formKey": "weekly-measure", "at": tomorrow });
    let sent = app.client.input(&app.therapist(), "DispatchForm", input).await;
    let dispatch = text(&done(&sent)["dispatches"][0]["id"]);
    let citizen = app.citizen(1);
    let submit = async |option: &str, key: &str| {
        let input = json!({ "dispatchId": dispatch, "answers": weekly_measure([option; 9]), "idempotencyKey": key });
        app.client.input(&citizen, "SubmitResponse", input).await
    };
    let first = submit("no", "k1").await;
    assert_eq!(refused(&first)[0].0, "NOT_AVAILABLE");
    app.clock.set(tomorrow);
    app.work().await;
    // It could be done by now: the key stands for what was answered first, and for nothing else.
    assert_eq!(submit("no", "k1").await, first);
    assert_eq!(refused(&submit("all", "k1").await)[0].0, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(responses(&app).await, 0);
    let answered = submit("no", "k2").await;
    done(&answered);
    assert_eq!(submit("no", "k2").await, answered);
    assert_eq!(responses(&app).await, 1);
}

async fn whoever_is_not_signed_in_is_told_so(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let good = issuer::claims("therapist", "staff", app.clock.now());
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        issuer::sign(&claims)
    };
    let mut without = good.clone();
    without.as_object_mut().unwrap().remove("aud");
    let now = app.clock.now().timestamp();
    for (what, token) in [
        ("nothing", String::new()),
        ("no token", "hello".to_owned()),
        ("another issuer", with("iss", json!("https://elsewhere.example"))),
        ("another audience", with("aud", json!("somebody-else"))),
        ("no audience", issuer::sign(&without)),
        ("expired", with("exp", json!(now - 3600))),
        ("not yet", with("nbf", json!(now + 3600))),
        ("altered", format!("{}x", app.therapist())),
    ] {
        let answer = app.client.query(&token, "{ viewer { __typename } }", json!({})).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}: {}", answer.body);
        assert!(!answer.code().is_empty());
        assert!(token.is_empty() || !answer.body.to_string().contains(&token), "{what}");
    }
    let stranger = with("sub", json!("stranger"));
    let answer = app
        .client
        .query(&stranger, "{ viewer { __typename } }", json!({}))
        .await;
    assert!(answer.status.is_client_error(), "{} {}", answer.status, answer.body);
    let response = app
        .client
        .http()
        .post(app.client.url("/graphql"))
        .json(&json!({ "query": "{ viewer { __typename } }" }))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
}

async fn what_http_does_not_allow(kind: Kind) {
    let Some((app, dispatch)) = started(kind).await else {
        return;
    };
    let token = app.citizen(1);
    let send = async |request: reqwest::RequestBuilder| {
        let response = request.bearer_auth(&token).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        Answer {
            status,
            body: serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} is no JSON: {text}")),
        }
    };
    let url = app.client.url("/graphql");
    let mutation = r#"mutation { completeStep(input: { enrollmentId: "a", stepId: "b" }) { errors { code } } }"#;
    let got = send(app.client.http().get(&url).query(&[("query", mutation)])).await;
    assert_eq!(got.status, StatusCode::METHOD_NOT_ALLOWED, "{}", got.body);
    let got = send(
        app.client
            .http()
            .get(&url)
            .query(&[("query", "{ viewer { __typename } }")]),
    )
    .await;
    assert_eq!(got.data()["viewer"]["__typename"], "CitizenViewer");
    let batch = send(
        app.client
            .http()
            .post(&url)
            .json(&json!([{ "query": "{ viewer { __typename } }" }])),
    )
    .await;
    assert_eq!(batch.status, StatusCode::BAD_REQUEST);
    let form = send(app.client.http().post(&url).body("query={viewer{__typename}}")).await;
    assert_eq!(form.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let broken = send(
        app.client
            .http()
            .post(&url)
            .header("content-type", "application/json")
            .body("{\"query\": "),
    )
    .await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    let large = json!({ "dispatchId": dispatch, "answers": [{ "item": "q1", "value": "x".repeat(2_000_000) }] });
    let large = json!({ "query": document("SaveDraft"), "variables": { "input": large } });
    let answer = send(app.client.http().post(&url).json(&large)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    for answer in [batch, form, broken, answer] {
        assert!(!answer.code().is_empty());
    }
    assert_eq!(
        app.client
            .http()
            .get(app.client.url("/nowhere"))
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::NOT_FOUND
    );
}

async fn what_asks_too_much_is_refused_quickly(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let token = app.therapist();
    let unit = app.unit_id().await;
    // Each fragment spreads the next one twice: a kilobyte that means a million fields.
    let mut fragments = "query { viewer { ...F0 } }".to_owned();
    for n in 0..20 {
        fragments.push_str(&format!(
            " fragment F{n} on StaffViewer {{ a: __typename ...F{} ...F{} }}",
            n + 1,
            n + 1
        ));
    }
    fragments.push_str(" fragment F20 on StaffViewer { b: __typename }");
    let circle = "query { viewer { ...A } } fragment A on StaffViewer { ...B } fragment B on StaffViewer { ...A }";
    let deep = format!(
        "{{ viewer {{ ... on StaffViewer {{ unit {}{} }} }} }}",
        "{ enrollments(first: 1) { nodes { citizen { enrollments(first: 1) { nodes { unit ".repeat(8),
        "{ id }".to_owned() + &"} } } } } }".repeat(8)
    );
    let aliases: String = (0..200).map(|n| format!("a{n}: viewer {{ __typename }} ")).collect();
    let wide = "{ unit(id: \"U\") { enrollments(first: 100) { nodes { citizen { enrollments(first: 100) { nodes { results(last: 100) { \
                answers { value } scores { value } } dispatches(first: 100) { nodes { id } } } } } } } } }"
        .replace('U', &unit);
    for (what, query) in [
        ("fragments", fragments),
        ("a circle", circle.to_owned()),
        ("depth", deep),
        ("aliases", format!("{{ {aliases} }}")),
        ("complexity", wide),
    ] {
        let began = Instant::now();
        let answer = app.client.query(&token, &query, json!({})).await;
        let took = began.elapsed();
        println!("{what}: {} after {took:?}", answer.code());
        assert!(took < Duration::from_secs(2), "{what} took {took:?}");
        assert!(answer.body.get("data").is_none_or(Value::is_null));
    }
    // And the server still answers.
    app.client.ask(&token, "WhoAmI", json!({})).await;
}

both_databases!(
    a_form_is_answered_once,
    two_at_once_answer_once,
    an_expired_form_is_not_answered,
    answers_that_do_not_fit_are_named_and_the_draft_stays,
    a_refusal_is_given_again_for_the_same_key,
    a_rule_that_makes_no_sense_is_refused_at_its_places,
    ids_of_another_unit_are_not_there,
    people_are_checked,
    the_same_key_with_another_input_is_refused,
    what_asks_too_much_is_refused_quickly,
);

#[tokio::test(flavor = "multi_thread")]
async fn fields_and_types() {
    fields_and_types_that_do_not_exist_are_named(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in() {
    whoever_is_not_signed_in_is_told_so(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http() {
    what_http_does_not_allow(Kind::Sqlite).await;
}

/// The database goes away while the server runs: an error with a code, nothing of the database in it, and all is well when
/// it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away() {
    if tests::database::postgres().is_none() {
        return;
    }
    let Some((app, dispatch)) = started(Kind::Postgres).await else {
        return;
    };
    let citizen = app.citizen(1);
    let input = json!({ "input": { "dispatchId": dispatch, "answers": weekly_measure(["some"; 9]) } });
    app.database.shut().await;
    let away = app
        .client
        .query(&citizen, document("SubmitResponse"), input.clone())
        .await;
    assert!(!away.code().is_empty());
    let said = away.body.to_string().to_lowercase();
    for word in ["sql", "postgres", "relation", "handrail_test", "connection refused"] {
        assert!(!said.contains(word), "{said}");
    }
    let ready = app.client.http().get(app.client.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        app.client
            .http()
            .get(app.client.url("/healthz"))
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
    app.database.open().await;
    assert_eq!(
        app.client
            .http()
            .get(app.client.url("/readyz"))
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
    let back = app
        .client
        .query(&citizen, document("SubmitResponse"), input)
        .await
        .data();
    assert_eq!(done(&back)["result"]["scores"][0]["value"], 9.0);
    assert_eq!(responses(&app).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_at_the_start() {
    let mut config = Config::default();
    // Nobody listens on port 1.
    config.database.url = Secret::new("postgres://handrail:hunter2@127.0.0.1:1/handrail");
    config.database.connect_timeout = Duration::from_millis(300);
    let error = format!("{:#}", Server::start(config, Clock::System).await.err().unwrap());
    assert!(error.contains("database.url") && !error.contains("hunter2"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_configuration_is_explained_by_both_binaries() {
    for name in ["handrail", "handrail-worker"] {
        let Some(binary) = process::binary(name) else { return };
        let folder = tempfile::tempdir().unwrap();
        let environment = [
            ("HANDRAIL_DATABASE__URL", "mysql://root:hunter2@localhost/x"),
            ("HANDRAIL_HTTP__LISTEN", "nowhere"),
            ("HANDRAIL_MAIL__HOTS", "smtp.example"),
            ("HANDRAIL_WORKER__TICK", "5"),
        ];
        let output = process::command(&binary, folder.path(), &environment)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{name}");
        for key in ["database.url", "http.listen", "mail.hots", "worker.tick"] {
            assert!(
                said.contains(key),
                "{name} names every problem at once, and not {key}:\n{said}"
            );
        }
        assert!(!said.contains("hunter2") && !said.contains("panicked"), "{said}");
    }
}
