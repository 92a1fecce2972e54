//! Requests without a sign-in, against what HTTP allows, cut off, or asking too much.

use std::time::{Duration, Instant};

use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases,
    client::{Answer, document},
    database::Kind,
    issuer,
    world::World,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{morning, started};

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
    // The rest of a body that is cut off is not read: the server says that it closes the connection, so that no client asks for
    // something else on it.
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

/// What the server answers to these bytes before it closes the connection, while no more comes.
async fn cut_off(app: &TestApp, sent: &str) -> String {
    let url = app.client.url("");
    let mut socket = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    socket.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), socket.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection stays open");
    String::from_utf8(answer).unwrap().to_lowercase()
}

/// The rest of a body that is cut off would be taken for the next request: nothing more can be asked on that connection.
async fn a_request_that_is_cut_off_is_the_last_of_its_connection(kind: Kind) {
    let world = World::configured(kind, morning(), |config| {
        config.http.timeout = Duration::from_millis(300);
        config.http.max_body_bytes = 1000;
    })
    .await;
    let app = TestApp::over(world).await;
    let token = app.therapist();
    for (length, body, status) in [
        (100, "{".to_owned(), "http/1.1 408 "),
        (5000, "x".repeat(2000), "http/1.1 413 "),
    ] {
        let head = format!(
            "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let answer = cut_off(&app, &head).await;
        assert!(answer.starts_with(status), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn signing_in() {
    whoever_is_not_signed_in_is_told_so(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http() {
    what_http_does_not_allow(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cutting_off() {
    a_request_that_is_cut_off_is_the_last_of_its_connection(Kind::Sqlite).await;
}

both_databases!(what_asks_too_much_is_refused_quickly);
