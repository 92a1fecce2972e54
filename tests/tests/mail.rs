//! E-mail over SMTP that does not go well at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    action::{self, citizen::NewCitizen, enrollment::StartEnrollment, reminder::Plan},
    delivery::{self, DeliveryStatus, MAX_ATTEMPTS},
    viewer::Viewer,
};
use rules::facts::{Audience, Channel};
use sea_orm::EntityTrait;
use tests::{care, database::Kind, left_out, mail, world::World};
use uuid::Uuid;
use worker::config::{Config, MailMode, Secret};

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// The configuration of the sink and the folder of what it got; none where there is no sink.
fn sink() -> Option<(impl FnOnce(&mut Config), String)> {
    let Ok(smtp) = std::env::var("HANDRAIL_TEST_SMTP") else {
        left_out("a test of SMTP, since HANDRAIL_TEST_SMTP is not set (see ./tests/run)");
        return None;
    };
    let (host, port) = smtp.rsplit_once(':').unwrap();
    let (host, port) = (host.to_owned(), port.parse().unwrap());
    let configure = move |config: &mut Config| {
        config.mail.mode = MailMode::Smtp;
        config.mail.host = Some(host);
        config.mail.port = Some(port);
        config.mail.username = Some("handrail".to_owned());
        config.mail.password = Some(Secret::new("correct horse"));
        config.mail.ca_file = std::env::var_os("HANDRAIL_TEST_SMTP_CERTIFICATE").map(Into::into);
    };
    Some((configure, std::env::var("HANDRAIL_TEST_SMTP_FOLDER").unwrap()))
}

/// Reminds a new citizen with this address.
async fn remind(world: &World, n: u32, address: &str) -> Uuid {
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let citizen = NewCitizen {
        email: Some(address.to_owned()),
        ..care::citizen(n)
    };
    let start = StartEnrollment {
        program_slug: care::PROGRAM.to_owned(),
        unit_id: world.care.unit,
        citizen,
        ..StartEnrollment::default()
    };
    let enrollment_id = action::enrollment::start(&mut act, &start).await.unwrap().enrollment_id;
    let plan = Plan {
        enrollment_id,
        template: "come-back".to_owned(),
        channels: vec![Channel::Email],
        audience: Audience::Citizen,
        remind_at: None,
        dispatch_id: None,
        staff: Vec::new(),
        note: None,
        firing_id: None,
        bypass_quiet_hours: false,
        cause: act.cause(),
    };
    action::reminder::plan(&mut act, &[plan])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    act.commit().await.unwrap();
    enrollment_id
}

async fn delivery(world: &World, enrollment: Uuid) -> delivery::Model {
    let rows = delivery::Entity::find().all(world.store.connection()).await.unwrap();
    rows.into_iter().find(|row| row.enrollment_id == enrollment).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deferred_comes_later_and_what_is_refused_is_shown() {
    let Some((configure, folder)) = sink() else { return };
    let world = World::configured(Kind::Sqlite, morning(), configure).await;
    care::import_content(&world.store).await;
    let run = std::process::id();
    let (transient, refused) = (
        format!("transient-{run}@home.example"),
        format!("refused-{run}@home.example"),
    );
    let (later, never) = (remind(&world, 1, &transient).await, remind(&world, 2, &refused).await);
    world.work().await;

    let row = delivery(&world, later).await;
    assert_eq!(
        (row.status.0, row.attempts, row.lease),
        (DeliveryStatus::Ready, 1, None)
    );
    let row = delivery(&world, never).await;
    assert_eq!((row.status.0, row.due_at), (DeliveryStatus::Failed, None));
    let reason = row.reason.unwrap();
    assert!(reason.starts_with("REFUSED") && !reason.contains("@"), "{reason}");

    world.advance(TimeDelta::minutes(2)).await;
    let row = delivery(&world, later).await;
    assert_eq!((row.status.0, row.attempts), (DeliveryStatus::Sent, 2));
    let got: Vec<_> = mail::in_folder(Path::new(&folder))
        .into_iter()
        .filter(|mail| mail.to == transient)
        .collect();
    assert_eq!(got.len(), 1);
    assert_eq!(
        got[0].id.trim_matches(['<', '>']),
        row.message_id.trim_matches(['<', '>'])
    );
    assert_eq!(got[0].from, "no-reply@handrail.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_tried_for_a_while() {
    let away = |config: &mut Config| {
        config.mail.mode = MailMode::Smtp;
        config.mail.host = Some("127.0.0.1".to_owned());
        // Nobody listens on port 1.
        config.mail.port = Some(1);
    };
    let world = World::configured(Kind::Sqlite, morning(), away).await;
    care::import_content(&world.store).await;
    let enrollment = remind(&world, 1, "citizen@home.example").await;
    world.work().await;
    let row = delivery(&world, enrollment).await;
    assert_eq!((row.status.0, row.attempts), (DeliveryStatus::Ready, 1));
    let wait = row.due_at.unwrap() - morning();
    assert!(
        (TimeDelta::seconds(30)..TimeDelta::minutes(2)).contains(&wait),
        "{wait}"
    );
    world.advance(TimeDelta::days(1)).await;
    let row = delivery(&world, enrollment).await;
    assert_eq!(
        (row.status.0, row.attempts, row.due_at),
        (DeliveryStatus::Failed, MAX_ATTEMPTS, None)
    );
    assert!(row.reason.unwrap().starts_with("UNREACHABLE"));
}
