//! How deliveries are judged, against a small server that misbehaves as told.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{
    channel::mail::{Email, Mailer},
    config::{Config, MailMode, Secret},
};

/// What the server does differently from accepting everything.
#[derive(Clone, Copy, PartialEq)]
enum Quirk {
    None,
    /// Answers a command of this name with this line.
    Answers(&'static str, &'static str),
    /// Hangs up on a command of this name.
    HangsUp(&'static str),
    /// Never answers a command of this name.
    Silent(&'static str),
}

/// The name under which the end of a message counts as a command.
const END: &str = ".";

struct Server {
    port: u16,
    /// Everything that clients said.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(quirk: Quirk) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::default();
        let said = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, quirk, Arc::clone(&said)));
            }
        });
        Self { port, heard }
    }

    fn count(&self, command: &str) -> usize {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|line| line.starts_with(command)).count()
    }
}

async fn converse(stream: TcpStream, quirk: Quirk, heard: Arc<Mutex<Vec<String>>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut in_data = false;
    if write.write_all(b"220 here\r\n").await.is_err() {
        return;
    }
    while let Ok(Some(line)) = lines.next_line().await {
        heard.lock().unwrap().push(line.clone());
        if in_data && line != END {
            continue;
        }
        let command = line.split(' ').next().unwrap().to_uppercase();
        let answer = match quirk {
            Quirk::Answers(name, answer) if name == command => answer,
            Quirk::HangsUp(name) if name == command => return,
            Quirk::Silent(name) if name == command => continue,
            _ => match command.as_str() {
                "EHLO" => "250-here\r\n250 AUTH PLAIN LOGIN",
                "AUTH" => "235 welcome",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 ok",
            },
        };
        in_data = command == "DATA" && answer.starts_with("354");
        if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

fn mailer(port: u16, change: impl FnOnce(&mut Mail)) -> Mailer {
    let mut mail = Config::default().mail;
    mail.mode = MailMode::Smtp;
    mail.host = Some("127.0.0.1".to_owned());
    mail.port = Some(port);
    mail.security = MailSecurity::None;
    mail.timeout = Duration::from_millis(500);
    change(&mut mail);
    Mailer::new(&mail).unwrap()
}

async fn send(mailer: &Mailer) -> Outcome {
    let email = Email {
        to: "asa@example.com",
        subject: "Något väntar på dig".to_owned(),
        text: "Logga in.\n.\nEn rad efter en punkt.\n".to_owned(),
        message_id: "one@handrail.example",
        at: chrono::DateTime::UNIX_EPOCH,
    };
    mailer.send(&email).await
}

/// The first word of the outcome and of its reason.
fn word(outcome: &Outcome) -> String {
    let (word, reason) = match outcome {
        Outcome::Sent => return "sent".to_owned(),
        Outcome::Retry { reason } => ("retry", reason),
        Outcome::Failed { reason } => ("failed", reason),
        Outcome::Unknown { reason } => ("unknown", reason),
        Outcome::GivenBack => return "given back".to_owned(),
    };
    assert!(!reason.contains("asa"), "{reason}");
    format!("{word} {}", reason.split(':').next().unwrap())
}

#[tokio::test]
async fn each_way_to_go_wrong_has_its_outcome() {
    for (quirk, expected) in [
        (Quirk::None, "sent"),
        (
            Quirk::Answers("RCPT", "550 no such user asa@example.com"),
            "failed REFUSED",
        ),
        (Quirk::Answers("RCPT", "451 greylisted"), "retry DEFERRED"),
        (Quirk::Answers("MAIL", "421 closing"), "retry DEFERRED"),
        (Quirk::Answers("MAIL", "530 sign in first"), "retry SIGN_IN"),
        (Quirk::Answers("DATA", "452 full"), "retry DEFERRED"),
        (Quirk::Answers(END, "554 looks like spam"), "failed REFUSED"),
        (Quirk::Answers(END, "451 try later"), "retry DEFERRED"),
        (Quirk::Answers("EHLO", "550 not you"), "retry UNREACHABLE"),
        (Quirk::HangsUp("EHLO"), "retry UNREACHABLE"),
        (Quirk::HangsUp("RCPT"), "retry CONNECTION"),
        (Quirk::HangsUp("DATA"), "retry CONNECTION"),
        (Quirk::HangsUp(END), "unknown NO_ANSWER"),
        (Quirk::Silent("RCPT"), "retry TIMEOUT"),
        (Quirk::Silent(END), "unknown NO_ANSWER"),
    ] {
        let server = Server::start(quirk).await;
        let outcome = send(&mailer(server.port, |_| {})).await;
        assert_eq!(word(&outcome), expected);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    assert_eq!(word(&send(&mailer(port, |_| {})).await), "retry UNREACHABLE");
}

#[tokio::test]
async fn one_connection_serves_several_messages_and_a_dead_one_is_replaced() {
    let server = Server::start(Quirk::None).await;
    let mailer_of_two = mailer(server.port, |_| {});
    for _ in 0..2 {
        assert_eq!(send(&mailer_of_two).await, Outcome::Sent);
    }
    assert_eq!(server.count("EHLO"), 1);
    assert_eq!(server.count("En rad efter en punkt."), 2);

    let server = Server::start(Quirk::HangsUp("NOOP")).await;
    let mailer = mailer(server.port, |_| {});
    for _ in 0..2 {
        assert_eq!(send(&mailer).await, Outcome::Sent);
    }
    assert_eq!(server.count("EHLO"), 2);
}

#[tokio::test]
async fn signs_in_and_waits_where_that_is_refused() {
    let with_password = |mail: &mut Mail| {
        mail.username = Some("handrail".to_owned());
        mail.password = Some(Secret::new("hunter2"));
    };
    let server = Server::start(Quirk::None).await;
    assert_eq!(send(&mailer(server.port, with_password)).await, Outcome::Sent);
    assert_eq!(server.count("AUTH PLAIN"), 1);

    let server = Server::start(Quirk::Answers("AUTH", "535 wrong")).await;
    assert_eq!(word(&send(&mailer(server.port, with_password)).await), "retry SIGN_IN");
    assert_eq!(server.count("MAIL"), 0);
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_where_encryption_is_asked_for() {
    let server = Server::start(Quirk::None).await;
    let mailer = mailer(server.port, |mail| mail.security = MailSecurity::StartTls);
    assert_eq!(word(&send(&mailer).await), "retry UNREACHABLE");
    assert_eq!(server.count("MAIL"), 0);
}

/// The server that the whole run of tests brings with it: it demands STARTTLS and a sign-in, with a certificate of its own.
fn test_server() -> Option<impl FnOnce(&mut Mail)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let found = variable("HANDRAIL_TEST_SMTP").zip(variable("HANDRAIL_TEST_SMTP_CERTIFICATE"));
    let Some((server, certificate)) = found else {
        // Not `eprintln!`, which is heard only when the test fails.
        let _ = writeln!(
            std::io::stderr(),
            "left out: encrypted SMTP, since HANDRAIL_TEST_SMTP is not set (see ./tests/run)"
        );
        return None;
    };
    let (host, port) = server.rsplit_once(':').unwrap();
    let (host, port) = (host.to_owned(), port.parse().unwrap());
    Some(move |mail: &mut Mail| {
        mail.host = Some(host);
        mail.port = Some(port);
        mail.security = MailSecurity::StartTls;
        mail.ca_file = Some(certificate.into());
        mail.username = Some("handrail".to_owned());
        mail.password = Some(Secret::new("correct horse"));
        mail.timeout = Duration::from_secs(10);
    })
}

#[tokio::test]
async fn encrypts_and_signs_in() {
    let Some(settings) = test_server() else { return };
    assert_eq!(send(&mailer(0, settings)).await, Outcome::Sent);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_trusted() {
    let Some(settings) = test_server() else { return };
    let mailer = mailer(0, |mail| {
        settings(mail);
        mail.ca_file = None;
    });
    assert_eq!(word(&send(&mailer).await), "retry UNREACHABLE");
}
