//! The demo seeded at other instants than that of the run: on another weekday, before and after an evening.

use api::{
    seed::{self, personas},
    server::Server,
};
use chrono::TimeDelta;
use entity::clock::Clock;
use tests::{client::Client, contract};
use worker::config::{Config, Secret};

use crate::{ALONE, look::Look};

/// In UTC; the demo's people live in Stockholm.
const INSTANTS: [&str; 2] = [
    // A Saturday in summer, before anybody is up.
    "2027-07-03T03:10:00Z",
    // The last evening of a year, after everybody has answered.
    "2026-12-31T22:58:00Z",
];

#[tokio::test(flavor = "multi_thread")]
async fn there_is_something_to_see_whenever_it_is_started() {
    if contract::operations().is_none() {
        return;
    }
    let _alone = ALONE.lock().await;
    let looks = INSTANTS.map(|instant| tokio::spawn(look_at(instant)));
    for look in looks {
        look.await.unwrap();
    }
}

/// Seeds the demo as of an instant, and looks at it.
async fn look_at(instant: &str) {
    println!("at {instant}");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/handrail.db?mode=rwc", folder.path().display());
    let mut config = Config::default();
    config.database.url = Secret::new(url.as_str());
    config.attachments.folder = folder.path().join("attachments");
    config.mail.folder = folder.path().join("mail");
    config.http.listen = ([127, 0, 0, 1], 0).into();
    config.worker.embedded = false;
    let clock = Clock::manual(instant.parse().unwrap());
    let connection = seed::connect(&url).await.unwrap();
    migration::migrate(&connection).await.unwrap();
    let keyring = config.keyring().unwrap();
    seed::seed(&connection, &clock, keyring, &config.files(), |_, _| {})
        .await
        .unwrap();
    connection.close().await.unwrap();

    let server = Server::start(config, clock.clone()).await.unwrap();
    let tokens = personas().unwrap().into_iter().map(|persona| {
        let token = server.app().token(&persona.key, TimeDelta::hours(12)).unwrap();
        (persona.key, token)
    });
    let look = Look {
        client: &Client::new(&server.address().to_string()),
        tokens: &tokens.collect(),
        now: clock.now(),
    };
    look.at_everything().await;
    server.stop().await.unwrap();
}
