//! The real binaries, as they run for real: everything in one process on a file, or the API and workers apart on PostgreSQL
//! with Redis and SMTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chrono::{TimeDelta, Timelike};
use entity::clock::Clock;
use serde_json::{Value, json};
use tests::{
    care,
    client::{Client, document, done, weekly_measure},
    contract,
    database::{self, Kind},
    house::{House, citizen, therapist},
    left_out,
    mail::{self, Mail},
    process::{self, Process},
    socket::{Received, Socket},
};

/// How long a test waits for what must come; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an urgent flag may take to be seen. It takes well under a second; a busy machine may need more.
const AT_ONCE: Duration = Duration::from_secs(5);
/// How long a process may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(15);

/// The server and who uses it.
struct Site {
    process: Process,
    client: Client,
    unit: Value,
    me: Value,
}

impl Site {
    async fn open(house: &House, binary: &Path, arguments: &[&str]) -> Self {
        let (process, client) = house.server(binary, arguments).await;
        let me = client.ask(&therapist(), "WhoAmI", json!({})).await;
        Self {
            process,
            client,
            unit: me["viewer"]["unit"]["id"].clone(),
            me,
        }
    }

    /// Starts the program for the nth citizen; gives the enrollment.
    async fn start(&self, n: u32) -> Value {
        let person = json!({ "personalIdentityNumber": care::identity_number(n), "givenName": format!("Given{n}"),
            "familyName": "Family", "email": address(n) });
        let input = json!({ "programSlug": care::PROGRAM, "unitId": self.unit, "citizen": person,
            "therapistIds": [self.me["viewer"]["staff"]["id"]], "timeZone": where_it_is_noon() });
        done(&self.client.input(&therapist(), "StartEnrollment", input).await)["enrollment"]["id"].clone()
    }

    /// The form that a rule sends to the nth citizen, once it is there.
    async fn waiting(&self, n: u32) -> Value {
        let began = Instant::now();
        loop {
            let now = Clock::System.now();
            let variables = json!({ "now": now, "until": now + TimeDelta::days(1) });
            let home = self.client.ask(&citizen(n), "CitizenHome", variables).await;
            let dispatches = &home["viewer"]["citizen"]["enrollments"]["nodes"][0]["dispatches"]["nodes"];
            if let Some(dispatch) = dispatches.get(0) {
                return dispatch["id"].clone();
            }
            assert!(
                began.elapsed() < PATIENCE,
                "no form came: {home}\n{}",
                self.process.output()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Listens to what happens at the unit. Nothing in the protocol tells when a subscription begins, so flags are raised in
    /// `enrollment` until one of them comes.
    async fn listen(&self, enrollment: &Value) -> Socket {
        let mut socket = self.client.socket(&therapist()).await;
        socket
            .subscribe("1", document("UnitActivity"), &json!({ "unitId": self.unit }))
            .await;
        let began = Instant::now();
        for n in 0.. {
            let input = json!({ "enrollmentId": enrollment, "kind": format!("probe-{n}"), "severity": "INFO", "title": "Probe",
                "audience": "STAFF" });
            done(&self.client.input(&therapist(), "RaiseFlag", input).await);
            if tokio::time::timeout(Duration::from_secs(2), socket.item())
                .await
                .is_ok()
            {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "nothing came");
        }
        socket
    }

    /// The nth citizen answers what waits for them with the risk item at 2; gives how long the urgent flag took from then.
    async fn flag(&self, n: u32, socket: &mut Socket) -> Duration {
        let dispatch = self.waiting(n).await;
        let answers = weekly_measure(["no", "no", "no", "no", "no", "no", "no", "no", "most"]);
        let began = Instant::now();
        let input = json!({ "dispatchId": dispatch, "answers": answers });
        done(&self.client.input(&citizen(n), "SubmitResponse", input).await);
        loop {
            let item = socket.item().await["unitActivity"].clone();
            if item["flag"]["severity"] == "URGENT" {
                assert_eq!(
                    item["flag"]["enrollment"]["citizen"]["displayName"],
                    format!("Given{n} Family")
                );
                return began.elapsed();
            }
        }
    }

    async fn remind(&self, enrollment: &Value) {
        let input = json!({ "enrollmentId": enrollment, "template": "come-back", "channels": ["EMAIL"] });
        let reminded = self.client.input(&therapist(), "RemindCitizen", input).await;
        assert_eq!(done(&reminded)["reminder"]["deliveries"][0]["channel"], "EMAIL");
    }
}

/// Where the nth citizen of this run gets mail: the sink is shared with others.
fn address(n: u32) -> String {
    format!("citizen{n}-{}@home.example", std::process::id())
}

/// A zone whose people are awake whenever this test runs: at night their e-mail would wait.
fn where_it_is_noon() -> String {
    let hours = 12 - i64::from(Clock::System.now().hour());
    // These names count from the other side: Etc/GMT-3 is three hours ahead.
    if hours > 0 {
        format!("Etc/GMT-{hours}")
    } else {
        format!("Etc/GMT+{}", -hours)
    }
}

/// The mail to an address, once it is there.
async fn mail_to(address: &str, folder: &Path) -> Mail {
    let began = Instant::now();
    loop {
        if let Some(mail) = mail::in_folder(folder).into_iter().find(|mail| mail.to == address) {
            return mail;
        }
        assert!(began.elapsed() < PATIENCE, "no mail came to {address}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks a process to end, and sees that it does so in time and with success.
async fn end(mut process: Process) {
    let began = Instant::now();
    process.terminate().await;
    let status = process.ended().await;
    assert!(status.success(), "{status}\n{}", process.output());
    assert!(began.elapsed() < FAREWELL, "it took {:?}", began.elapsed());
    assert!(!process.output().contains("panicked"), "{}", process.output());
}

fn binaries() -> Option<(PathBuf, PathBuf)> {
    contract::operations()?;
    Some((process::binary("handrail")?, process::binary("handrail-worker")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_on_a_file() {
    let Some((server, _)) = binaries() else { return };
    let house = House::new(Kind::Sqlite).await;
    let site = Site::open(&house, &server, &["serve", "--no-demo"]).await;
    let enrollment = site.start(1).await;
    let mut socket = site.listen(&enrollment).await;
    let took = site.flag(1, &mut socket).await;
    println!("SQLite, one process: the urgent flag was seen {took:?} after the answer");
    assert!(took < AT_ONCE, "{took:?}");
    site.remind(&enrollment).await;
    let mail = mail_to(&address(1), &house.world.database.folder.path().join("mail")).await;
    assert!(mail.text.contains("https://handrail.example"), "{}", mail.text);
    let Site { process, .. } = site;
    let (closed, ()) = tokio::join!(
        async {
            loop {
                if let Received::Closed(code) = socket.receive().await {
                    break code;
                }
            }
        },
        end(process)
    );
    assert_eq!(closed, 1001, "going away");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_apart_on_postgresql_redis_and_smtp() {
    let (Some((server, worker)), Some(_)) = (binaries(), database::postgres()) else {
        return;
    };
    let (Ok(smtp), Ok(folder)) = (
        std::env::var("HANDRAIL_TEST_SMTP"),
        std::env::var("HANDRAIL_TEST_SMTP_FOLDER"),
    ) else {
        left_out("processes on PostgreSQL, Redis and SMTP, since HANDRAIL_TEST_SMTP is not set (see ./tests/run)");
        return;
    };
    let mut house = House::new(Kind::Postgres).await;
    let (host, port) = smtp.rsplit_once(':').unwrap();
    house.set("MAIL__MODE", "smtp");
    house.set("MAIL__HOST", host);
    house.set("MAIL__PORT", port);
    house.set("MAIL__SECURITY", "starttls");
    house.set("MAIL__USERNAME", "handrail");
    house.set("MAIL__PASSWORD", "correct horse");
    house.set(
        "MAIL__CA_FILE",
        std::env::var("HANDRAIL_TEST_SMTP_CERTIFICATE").unwrap(),
    );
    // A Redis of our own, since it is to die.
    let mut redis = house.redis().await;

    let site = Site::open(&house, &server, &["serve", "--no-worker", "--no-demo"]).await;
    let mut first = house.worker("the first worker", &worker).await;
    let second = house.worker("the second worker", &worker).await;
    let enrollment = site.start(1).await;
    let mut socket = site.listen(&enrollment).await;
    let took = site.flag(1, &mut socket).await;
    println!("PostgreSQL and Redis, processes apart: the urgent flag was seen {took:?} after the answer");
    assert!(took < AT_ONCE, "{took:?}");
    site.remind(&enrollment).await;
    let mail = mail_to(&address(1), Path::new(&folder)).await;
    assert!(mail.text.contains("https://handrail.example"), "{}", mail.text);
    assert!(!mail.whole.contains("Given1"), "it names nobody: {}", mail.whole);

    // One worker dies on the spot: the other goes on.
    first.kill().await;
    let enrollment = site.start(2).await;
    println!("one worker killed: {:?}", site.flag(2, &mut socket).await);
    site.remind(&enrollment).await;
    mail_to(&address(2), Path::new(&folder)).await;

    // Redis dies: everything is found at the next tick.
    redis.kill().await;
    site.start(3).await;
    let took = site.flag(3, &mut socket).await;
    println!("Redis away: {took:?}");
    assert!(took < PATIENCE, "{took:?}");

    end(second).await;
    let Site { process, .. } = site;
    end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_waits_for_no_database_that_lacks_its_tables() {
    let Some(worker) = process::binary("handrail-worker") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let environment = [("HANDRAIL_DATABASE__URL", "sqlite:absent.db")];
    let output = process::command(&worker, folder.path(), &environment)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("handrail migrate"), "{said}");
    assert!(!folder.path().join("absent.db").exists());
}
