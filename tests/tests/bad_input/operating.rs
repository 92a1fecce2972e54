//! A database that is away, and a broken configuration.

use std::time::Duration;

use api::server::Server;
use entity::clock::Clock;
use reqwest::StatusCode;
use serde_json::json;
use tests::{
    client::{document, done, weekly_measure},
    database::Kind,
    process,
};
use worker::config::{Config, Secret};

use super::{responses, started};

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
