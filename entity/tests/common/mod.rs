//! A record of its own for each test, with two units, their staff and a small published program.

#![allow(dead_code, reason = "each test uses what it needs")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::{collections::BTreeMap, io::Write, time::Duration};

use chrono::{DateTime, Utc};
use entity::{
    act::Cause,
    action::{
        self,
        assignment::NewAssignment,
        care::{NewStaff, NewUnit},
        citizen::NewCitizen,
        content_override::{Change, Target},
        enrollment::{StartEnrollment, StatusChange},
    },
    assignment::Role,
    clock::Clock,
    error::{Error, UserError},
    event::{self, EventKind},
    program_file::ProgramFile,
    seal::Keyring,
    store::{self, Store},
    viewer::{Viewer, Who},
};
use rules::{facts::Status, form::Form};
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder};
use uuid::Uuid;

/// Everything a test starts from.
pub struct World {
    pub store: Store,
    pub clock: Clock,
    pub unit: Uuid,
    pub other_unit: Uuid,
    pub therapist: Uuid,
    pub other_therapist: Uuid,
    pub administrator: Uuid,
    pub designer: Uuid,
    _folder: Option<tempfile::TempDir>,
}

const PATIENCE: Duration = Duration::from_secs(10);

pub const ANNA: &str = "199001012385";
pub const ERIK: &str = "196104172397";

const PROGRAM: &str = r#"
slug: small
kind: SUPPORT
version: "1.0"
duration: P6W
title: { sv: "Litet program", en: "Small program" }
summary: { sv: "Om det lilla.", en: "About small things." }
forms: [check, diary]
modules:
  - key: first
    title: { sv: "Först", en: "First" }
    opens: START
    sections:
      - key: one
        title: { sv: "Ett" }
        steps:
          - key: read
            title: { sv: "Läs" }
            minutes: 5
            blocks:
              - text: { sv: "<p>Hej<script>x()</script></p>" }
              - image: { url: "https://media.example.org/a.svg", alt: { sv: "En bild" } }
          - key: answer
            title: { sv: "Svara" }
            blocks:
              - form: check
      - key: two
        title: { sv: "Två" }
        steps:
          - key: write
            title: { sv: "Skriv" }
            blocks:
              - exercise: diary
  - key: second
    title: { sv: "Sedan" }
    opens: LOCKED
    sections:
      - key: three
        title: { sv: "Tre" }
        steps:
          - { key: last, title: { sv: "Sist" }, blocks: [] }
"#;

const CHECK: &str = r#"
key: check
title: { sv: "Avstämning" }
items:
  - { key: q1, kind: INTEGER, text: { sv: "Hur mycket?" }, min: 0, max: 10 }
scales:
  - { key: total, label: { sv: "Summa" }, method: SUM, items: [q1] }
"#;

const DIARY: &str = r#"
key: diary
title: { sv: "Dagbok" }
items:
  - { key: note, kind: TEXT, text: { sv: "Skriv" } }
"#;

pub fn program() -> (ProgramFile, Vec<Form>) {
    let forms = [CHECK, DIARY].map(|form| serde_saphyr::from_str(form).unwrap());
    (serde_saphyr::from_str(PROGRAM).unwrap(), forms.into())
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The codes and paths of a refusal.
pub fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<(String, String)> {
    match result.unwrap_err() {
        Error::Refused(errors) => told(errors),
        other => panic!("no refusal: {other}"),
    }
}

pub fn told(errors: Vec<UserError>) -> Vec<(String, String)> {
    errors
        .into_iter()
        .map(|error| (error.code.into_owned(), error.path.join(".")))
        .collect()
}

pub fn one(code: &str, path: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), path.to_owned())]
}

impl World {
    /// On an SQLite file.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        Self::on(&url, Some(folder)).await
    }

    /// On a new database of the PostgreSQL server that `HANDRAIL_TEST_POSTGRES` names; none where it names none, and says so.
    pub async fn postgres() -> Option<Self> {
        let Some(server) = std::env::var("HANDRAIL_TEST_POSTGRES")
            .ok()
            .filter(|server| !server.is_empty())
        else {
            let test = std::thread::current().name().unwrap_or_default().to_owned();
            // Not `eprintln!`, which is heard only when the test fails.
            let _ = writeln!(
                std::io::stderr(),
                "left out: {test}, since HANDRAIL_TEST_POSTGRES is not set (see ./tests/run)"
            );
            return None;
        };
        // The server of the tests goes away with all of its databases.
        let name = format!("handrail_entity_{}", Clock::System.id().simple());
        let connection = store::connect(&server, 1, PATIENCE).await.unwrap();
        connection
            .execute_unprepared(&format!("create database {name}"))
            .await
            .unwrap();
        connection.close().await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        Some(Self::on(&format!("{base}/{name}"), None).await)
    }

    /// At 09:00 on 2 November 2026 in Stockholm.
    async fn on(url: &str, folder: Option<tempfile::TempDir>) -> Self {
        let connection = store::connect(url, 4, PATIENCE).await.unwrap();
        migration::migrate(&connection).await.unwrap();
        let keys = BTreeMap::from([(
            "test".to_owned(),
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
        )]);
        let clock = Clock::manual(at("2026-11-02T08:00:00Z"));
        let store = Store::new(connection, clock.clone(), Keyring::new("test", &keys).unwrap())
            .await
            .unwrap();

        let mut act = store.act(&Viewer::system()).await.unwrap();
        let provider = action::care::create_provider(&mut act, "Region Test").await.unwrap();
        let mut units = Vec::new();
        for name in ["Solen", "Månen"] {
            let unit = NewUnit {
                provider_id: provider,
                name: name.to_owned(),
                ..NewUnit::default()
            };
            units.push(action::care::create_unit(&mut act, unit).await.unwrap());
        }
        let mut staff = Vec::new();
        for (name, unit, role) in [
            ("Ingrid", units[0], Role::Therapist),
            ("Elin", units[1], Role::Therapist),
            ("Marianne", units[0], Role::CitizenAdministrator),
            ("Oskar", units[0], Role::Designer),
        ] {
            let member = NewStaff {
                provider_id: provider,
                subject: name.to_lowercase(),
                display_name: name.to_owned(),
                ..NewStaff::default()
            };
            let id = action::care::create_staff(&mut act, member).await.unwrap();
            let assignment = NewAssignment {
                staff_id: id,
                unit_id: Some(unit),
                role,
                valid_from: None,
                valid_until: None,
            };
            action::assignment::grant(&mut act, &assignment).await.unwrap();
            staff.push(id);
        }
        let (file, forms) = program();
        action::program::import(&mut act, &file, &forms).await.unwrap();
        act.commit().await.unwrap();
        store.refresh().await.unwrap();
        Self {
            store,
            clock,
            unit: units[0],
            other_unit: units[1],
            therapist: staff[0],
            other_therapist: staff[1],
            administrator: staff[2],
            designer: staff[3],
            _folder: folder,
        }
    }

    /// Somebody of the staff, where they work.
    pub fn staff(&self, subject: &str) -> Viewer {
        Viewer::new(self.store.directory().sign_in(subject, None).unwrap(), "Test")
    }

    pub fn citizen(&self, id: Uuid) -> Viewer {
        Viewer::new(Who::Citizen { id }, "Test")
    }

    pub fn start_of(&self, number: &str) -> StartEnrollment {
        StartEnrollment {
            program_slug: "small".to_owned(),
            unit_id: self.unit,
            citizen: NewCitizen {
                personal_identity_number: number.to_owned(),
                given_name: "Anna".to_owned(),
                family_name: "Lindvall".to_owned(),
                email: Some("anna@example.org".to_owned()),
                ..NewCitizen::default()
            },
            therapist_ids: vec![self.therapist],
            ..StartEnrollment::default()
        }
    }

    /// Starts the program; gives the enrollment and the citizen.
    pub async fn start(&self, viewer: &Viewer, start: &StartEnrollment) -> Result<(Uuid, Uuid), Error> {
        let mut act = self.store.act(viewer).await?;
        let started = action::enrollment::start(&mut act, start).await;
        let id = act.finish(started).await?.enrollment_id;
        let found = entity::enrollment::find(&self.store, &Viewer::system(), &[id]).await?;
        Ok((id, found[&id].citizen_id))
    }

    /// Completes a step by its key.
    pub async fn complete(&self, viewer: &Viewer, enrollment: Uuid, step: &str) -> Result<Uuid, Error> {
        let step = self
            .content()
            .await
            .steps()
            .find(|(.., found)| found.row.key == step)
            .unwrap()
            .2
            .row
            .id;
        let mut act = self.store.act(viewer).await?;
        let id = action::step::complete(&mut act, enrollment, step).await;
        act.finish(id).await
    }

    pub async fn content(&self) -> std::sync::Arc<entity::content::Content> {
        let version = self.store.directory().programs()["small"].version;
        self.store
            .library()
            .content(self.store.connection(), version)
            .await
            .unwrap()
    }
}

/// Runs each of the tests on SQLite, and on PostgreSQL where there is a server.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::common::World::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                if let Some(world) = $crate::common::World::postgres().await {
                    super::$test(world).await;
                }
            })*
        }
    };
}

pub(crate) use on_both;

pub async fn events(world: &World) -> Vec<(EventKind, Option<String>)> {
    let rows = event::Entity::find().order_by_asc(event::Column::Position);
    let rows = rows.all(world.store.connection()).await.unwrap();
    rows.into_iter().map(|row| (row.kind.0, row.subject_key)).collect()
}

pub fn change(enrollment_id: Uuid, target: Target, viewer: &Viewer) -> Change {
    Change {
        enrollment_id,
        target,
        visible: None,
        visible_from: None,
        opens_at: None,
        open: false,
        reason: Some("Enligt överenskommelse".to_owned()),
        cause: Cause {
            actor: viewer.actor(),
            depth: 0,
        },
    }
}

pub async fn apply(world: &World, viewer: &Viewer, change: Change) -> Result<Uuid, Vec<(String, String)>> {
    let mut act = world.store.act(viewer).await.unwrap();
    let outcome = action::content_override::change(&mut act, &[change])
        .await
        .unwrap()
        .remove(0);
    act.commit().await.unwrap();
    outcome.map_err(told)
}

pub async fn become_(world: &World, viewer: &Viewer, id: Uuid, status: Status) -> Result<Uuid, Vec<(String, String)>> {
    let change = StatusChange {
        enrollment_id: id,
        status,
        resumes_at: None,
        reason: Some("Sjuk".to_owned()),
    };
    let mut act = world.store.act(viewer).await.unwrap();
    let cause = act.cause();
    let outcome = action::enrollment::change_status(&mut act, &[change], cause)
        .await
        .unwrap()
        .remove(0);
    act.commit().await.unwrap();
    outcome.map_err(told)
}
