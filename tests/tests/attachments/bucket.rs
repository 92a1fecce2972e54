//! Attached files in a bucket of a server that speaks S3: all that a folder does, by several processes, and what happens while the
//! server is away.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use api::server::Server;
use chrono::TimeDelta;
use entity::{attachment, clock::Clock};
use reqwest::StatusCode;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases,
    client::{Client, done},
    database::Kind,
    house::{self, House},
    process,
    world::persist,
};

use super::{
    FILES, PNG, SEND, download, files, kept, morning, rows, s3::S3, send, started_over, upload, uploaded, why,
};

/// How long a test waits for what must come; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(60);

async fn a_file_goes_with_a_message(kind: Kind) {
    let s3 = S3::start().await;
    super::goes_with_a_message(s3.world(kind, morning()).await, &s3.folder()).await;
}

async fn what_may_not_be_sent_is_refused(kind: Kind) {
    let s3 = S3::start().await;
    super::is_refused(s3.world(kind, morning()).await).await;
}

async fn what_nobody_sends_is_thrown_away_after_a_day(kind: Kind) {
    let s3 = S3::start().await;
    super::is_thrown_away_after_a_day(s3.world(kind, morning()).await, &s3.folder()).await;
}

async fn while_the_server_is_away_files_wait_and_all_else_goes_on(kind: Kind) {
    let mut s3 = S3::start().await;
    let (app, _, enrollment) = started_over(s3.world(kind, morning()).await).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let sent = uploaded(&app, &citizen, "sent.png", PNG).await;
    done(&send(&app, &citizen, &enrollment, "Se", &[&sent]).await);
    let left = uploaded(&app, &citizen, "left.png", PNG).await;
    let (_, worker) = app.another_worker(2).await;

    s3.stop().await;
    let unavailable = (503, "UNAVAILABLE".to_owned());
    for _ in 0..2 {
        assert_eq!(why(upload(&app, &citizen, "more.png", PNG).await).await, unavailable);
    }
    let seen = files(&app, &therapist, &enrollment).await;
    assert_eq!(
        seen[0]["attachments"][0]["name"], "sent.png",
        "what is known of it is told"
    );
    assert_eq!(
        why(download(&app, &seen[0]["attachments"][0]["url"]).await).await,
        unavailable
    );
    done(&send(&app, &citizen, &enrollment, "Utan bild", &[]).await);
    let ready = app.client.http().get(app.client.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK, "the rest is served");
    // Nothing is forgotten that may be there, and it is tried again and again.
    for _ in 0..2 {
        assert!(worker.run_until_idle().await.unwrap_err().is_transient());
        assert_eq!(rows(&app).await, 4);
    }

    s3.restart().await;
    let seen = files(&app, &therapist, &enrollment).await;
    let with_files = seen
        .as_array()
        .unwrap()
        .iter()
        .find(|message| !message["attachments"][0].is_null());
    let response = download(&app, &with_files.unwrap()["attachments"][0]["url"]).await;
    assert_eq!(response.bytes().await.unwrap(), PNG);
    // What could not be kept is thrown away; what waits still does, and can be sent.
    persist(&worker).await;
    assert_eq!((rows(&app).await, kept(&s3.folder()).len()), (2, 2));
    done(&send(&app, &citizen, &enrollment, "Och", &[&left]).await);
    let late = uploaded(&app, &citizen, "late.png", PNG).await;

    // Away just when a file is to be thrown away: nobody can send it any more, and it goes when the server is back.
    app.clock.advance(TimeDelta::days(1));
    s3.stop().await;
    assert!(worker.run_until_idle().await.is_err());
    assert_eq!(rows(&app).await, 3);
    s3.restart().await;
    let refused = send(&app, &app.citizen(1), &enrollment, "Sent", &[&late]).await;
    assert_eq!(tests::client::refused(&refused)[0].0, "NOT_FOUND");
    persist(&worker).await;
    assert_eq!((rows(&app).await, kept(&s3.folder()).len()), (2, 2));
    app.stop().await;
}

async fn a_file_whose_answer_was_lost_is_not_left_behind(kind: Kind) {
    let s3 = S3::start().await;
    let (app, ..) = started_over(s3.world(kind, morning()).await).await;
    let citizen = app.citizen(1);
    s3.loses_answers.store(true, Ordering::SeqCst);
    let answer = why(upload(&app, &citizen, "a.png", PNG).await).await;
    assert_eq!(answer, (503, "UNAVAILABLE".to_owned()));
    assert_eq!(
        (rows(&app).await, kept(&s3.folder()).len()),
        (1, 1),
        "it came all the same"
    );
    s3.loses_answers.store(false, Ordering::SeqCst);
    app.work().await;
    assert_eq!((rows(&app).await, kept(&s3.folder()).len()), (0, 0));
    app.stop().await;
}

/// Why a server does not start over a world.
async fn refusal(app: &TestApp, change: impl FnOnce(&mut worker::config::Attachments)) -> String {
    let mut config = app.config.clone();
    config.worker.embedded = false;
    config.attachments.connect_timeout = Duration::from_millis(100);
    change(&mut config.attachments);
    let error = Server::start(config, Clock::System).await.err().unwrap();
    let error = format!("{error:#}");
    assert!(!error.contains(super::s3::SECRET), "{error}");
    error
}

async fn what_is_wrong_is_told_at_the_start(kind: Kind) {
    let mut s3 = S3::start().await;
    let app = TestApp::over(s3.world(kind, morning()).await).await;
    let secret = refusal(&app, |attachments| {
        attachments.secret_access_key = Some(worker::config::Secret::new("wrong"));
    });
    let secret = secret.await;
    assert!(secret.contains("SignatureDoesNotMatch"), "{secret}");
    let bucket = refusal(&app, |attachments| attachments.bucket = Some("s3://another".to_owned())).await;
    assert!(
        bucket.contains("NoSuchBucket") && bucket.contains("attachments.bucket"),
        "{bucket}"
    );
    let folder = refusal(&app, |attachments| {
        attachments.bucket = None;
        attachments.folder = app.database.folder.path().join("file/attachments");
        std::fs::write(app.database.folder.path().join("file"), "").unwrap();
    });
    let folder = folder.await;
    assert!(
        folder.contains("not a directory") && folder.contains("attachments.folder"),
        "{folder}"
    );
    s3.stop().await;
    let away = refusal(&app, |_| {}).await;
    assert!(
        away.contains("cannot be reached") && away.contains("attachments.endpoint"),
        "{away}"
    );

    // One that comes a little later is waited for.
    let mut config = app.config.clone();
    config.worker.embedded = false;
    let come = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        s3.restart().await;
    };
    let (server, ()) = tokio::join!(Server::start(config, Clock::System), come);
    server.unwrap().stop().await.unwrap();
    // Nothing of the attempts stays.
    assert!(!s3.folder().exists() || kept(&s3.folder()).is_empty());
    app.stop().await;
}

/// Uploads a file over a client; gives the answer.
async fn upload_over(client: &Client, name: &str) -> reqwest::Response {
    let request = client.http().post(client.url("/attachments"));
    let request = request.bearer_auth(house::citizen(1)).header("X-File-Name", name);
    request.body(PNG).send().await.unwrap()
}

async fn processes_share_a_bucket(kind: Kind) {
    let (Some(binary), Some(worker)) = (process::binary("handrail"), process::binary("handrail-worker")) else {
        return;
    };
    let mut s3 = S3::start().await;
    let mut house = House::new(kind).await;
    house.world.enroll(1).await;
    for (key, value) in s3.settings() {
        house.set(key, value);
    }
    house.set("ATTACHMENTS__CONNECT_TIMEOUT", "100ms");
    let arguments = ["serve", "--no-worker", "--no-demo"];
    let (mut one, first) = house.server(&binary, &arguments).await;
    let (mut other, second) = house.server(&binary, &arguments).await;

    // Uploaded here, sent there, downloaded here.
    let enrollments = "{ viewer { ... on CitizenViewer { citizen { enrollments(first: 1) { nodes { id } } } } } }";
    let data = first.query(&house::citizen(1), enrollments, json!({})).await.data();
    let enrollment = &data["viewer"]["citizen"]["enrollments"]["nodes"][0]["id"];
    let file: Value = upload_over(&first, "a.png").await.json().await.unwrap();
    let input = json!({ "enrollmentId": enrollment, "body": "Se", "attachmentIds": [file["id"]] });
    done(
        &second
            .query(&house::citizen(1), SEND, json!({ "input": input }))
            .await
            .data(),
    );
    let data = first
        .query(&house::therapist(), FILES, json!({ "id": enrollment }))
        .await
        .data();
    let url = data["enrollment"]["messages"]["nodes"][0]["attachments"][0]["url"]
        .as_str()
        .unwrap();
    for client in [&first, &second] {
        let response = client.http().get(client.url(url)).send().await.unwrap();
        assert_eq!(response.bytes().await.unwrap(), PNG);
    }

    s3.stop().await;
    for client in [&first, &second] {
        let unavailable = (503, "UNAVAILABLE".to_owned());
        assert_eq!(why(upload_over(client, "b.png").await).await, unavailable);
        let response = client.http().get(client.url(url)).send().await.unwrap();
        assert_eq!(why(response).await, unavailable);
    }
    let mut refused = house.start("the worker", &worker, &[]);
    assert!(!refused.ended().await.success());
    let said = refused.output();
    assert!(
        said.contains("handrail-worker cannot run: attached files cannot be kept (the server cannot be reached)"),
        "{said}"
    );

    // Back again: what could not be kept is thrown away by a worker, and what was kept is there.
    s3.restart().await;
    let mut worker = house.worker("the worker", &worker).await;
    let began = Instant::now();
    let count = || attachment::Entity::find().count(house.world.store.connection());
    while count().await.unwrap() > 1 {
        assert!(began.elapsed() < PATIENCE, "it is not thrown away\n{}", worker.output());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let response = second.http().get(second.url(url)).send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), PNG);
    assert_eq!(kept(&s3.folder()).len(), 1);
    assert!(
        !house.world.database.folder.path().join("attachments").exists(),
        "nothing goes to the folder"
    );
    for process in [&mut one, &mut other, &mut worker] {
        process.terminate().await;
        assert!(process.ended().await.success(), "{}", process.output());
        let said = process.output();
        assert!(
            !said.contains(super::s3::SECRET) && !said.contains("panicked"),
            "{said}"
        );
    }
}

both_databases!(
    a_file_goes_with_a_message,
    what_may_not_be_sent_is_refused,
    what_nobody_sends_is_thrown_away_after_a_day,
    while_the_server_is_away_files_wait_and_all_else_goes_on,
    a_file_whose_answer_was_lost_is_not_left_behind,
    what_is_wrong_is_told_at_the_start,
    processes_share_a_bucket,
);
