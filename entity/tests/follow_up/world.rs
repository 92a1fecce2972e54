//! A unit with a therapist and an administrator, a program with one form, and citizens who take part.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use entity::{
    act::{Act, Cause},
    action::{self, assignment, care, citizen::NewCitizen, dispatch::Send, enrollment::StartEnrollment},
    assignment::Role,
    clock::Clock,
    error::{Error, UserError},
    program_file::ProgramFile,
    seal::{Keyring, Sealed},
    store::{self, Store},
    viewer::{Viewer, Who},
};
use rules::{
    answer::{Answer, Answers},
    form::Form,
    period::Period,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use uuid::Uuid;

/// A record of its own, with a clock that stands until it is moved: on the PostgreSQL server that `HANDRAIL_TEST_POSTGRES`
/// names, else in an SQLite file.
pub struct World {
    pub store: Store,
    pub unit: Uuid,
    pub staff: Viewer,
    pub administrator: Viewer,
    pub other_unit: Viewer,
    _folder: tempfile::TempDir,
}

/// Somebody who takes part.
pub struct Person {
    pub enrollment: Uuid,
    pub citizen: Uuid,
    pub viewer: Viewer,
}

/// Ten in the morning in Stockholm, a Monday.
pub const START: &str = "2026-11-23T09:00:00Z";

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn period(text: &str) -> Period {
    text.parse().unwrap()
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match std::env::var("HANDRAIL_TEST_POSTGRES") {
            Ok(server) if !server.is_empty() => new_database(&server).await,
            _ => format!("sqlite:{}", folder.path().join("test.db").display()),
        };
        let connection = store::connect(&url, 4, std::time::Duration::from_secs(10))
            .await
            .unwrap();
        migration::migrate(&connection).await.unwrap();
        let key = BTreeMap::from([("test".to_owned(), STANDARD.encode([7; 32]))]);
        let keyring = Keyring::new("test", &key).unwrap();
        let store = Store::new(connection, Clock::manual(at(START)), keyring).await.unwrap();

        let mut act = store.act(&Viewer::system()).await.unwrap();
        let provider = care::create_provider(&mut act, "Region Prov").await.unwrap();
        let unit = new_unit(&mut act, provider, "Solrosen").await;
        let elsewhere = new_unit(&mut act, provider, "Ekhagen").await;
        let roles = [
            ("therapist", unit, Role::Therapist),
            ("administrator", unit, Role::CitizenAdministrator),
            ("elsewhere", elsewhere, Role::Therapist),
        ];
        let mut viewers = Vec::new();
        for (name, unit, role) in roles {
            viewers.push(staff(&mut act, provider, unit, name, role).await);
        }
        action::program::import(&mut act, &program(), &[measure()])
            .await
            .unwrap();
        act.commit().await.unwrap();
        store.refresh().await.unwrap();
        let [staff, administrator, other_unit] = viewers.try_into().unwrap();
        Self {
            store,
            unit,
            staff,
            administrator,
            other_unit,
            _folder: folder,
        }
    }

    /// Starts the program for the nth citizen (from 0 to 9).
    pub async fn enroll(&self, n: u32) -> Person {
        self.enroll_as(n, |_| {}).await
    }

    pub async fn enroll_as(&self, n: u32, change: impl FnOnce(&mut NewCitizen)) -> Person {
        let mut citizen = NewCitizen {
            personal_identity_number: identity_number(n),
            given_name: "Åsa".to_owned(),
            family_name: "Öberg".to_owned(),
            email: Some(format!("citizen{n}@home.example")),
            ..NewCitizen::default()
        };
        change(&mut citizen);
        let start = StartEnrollment {
            program_slug: "mood".to_owned(),
            unit_id: self.unit,
            citizen,
            therapist_ids: self.staff.staff().into_iter().collect(),
            ..StartEnrollment::default()
        };
        let mut act = self.store.act(&Viewer::system()).await.unwrap();
        let started = action::enrollment::start(&mut act, &start).await.unwrap();
        let enrollment = started.enrollment_id;
        let citizen = act.enrollment(enrollment, "").await.unwrap().citizen_id;
        act.commit().await.unwrap();
        let viewer = Viewer::new(Who::Citizen { id: citizen }, "test");
        Person {
            enrollment,
            citizen,
            viewer,
        }
    }

    pub async fn act(&self, viewer: &Viewer) -> Act {
        self.store.act(viewer).await.unwrap()
    }

    /// Sends the form, as a rule would.
    pub async fn send(&self, person: &Person, expires_after: Option<&str>, remind_after: &[&str]) -> Uuid {
        let mut act = self.act(&Viewer::system()).await;
        let send = Send {
            enrollment_id: person.enrollment,
            form_key: "measure".to_owned(),
            at: None,
            expires_after: expires_after.map(period),
            remind_after: remind_after.iter().map(|text| period(text)).collect(),
            firing_id: None,
            cause: act.cause(),
        };
        let outcomes = action::dispatch::send(&mut act, &[send]).await.unwrap();
        act.commit().await.unwrap();
        *outcomes[0].as_ref().unwrap()
    }

    pub async fn submit(&self, viewer: &Viewer, dispatch: Uuid, answers: &Answers) -> Result<Uuid, Error> {
        let mut act = self.act(viewer).await;
        let response = action::response::submit(&mut act, dispatch, answers).await;
        act.finish(response).await
    }

    /// Does what is due now, until nothing is.
    pub async fn work(&self) {
        loop {
            let mut done = 0;
            let mut act = self.act(&Viewer::system()).await;
            done += action::enrollment::due(&mut act, 100).await.unwrap();
            done += action::dispatch::due(&mut act, 100).await.unwrap();
            done += action::reminder::leave(&mut act, 100).await.unwrap();
            act.commit().await.unwrap();
            if done == 0 {
                return;
            }
        }
    }

    pub async fn dispatch(&self, id: Uuid) -> entity::dispatch::Model {
        let row = entity::dispatch::Entity::find_by_id(id)
            .one(self.store.connection())
            .await;
        row.unwrap().unwrap()
    }

    pub async fn flag(&self, id: Uuid) -> entity::flag::Model {
        let row = entity::flag::Entity::find_by_id(id).one(self.store.connection()).await;
        row.unwrap().unwrap()
    }

    pub fn open(&self, sealed: &Sealed) -> String {
        self.store.keyring().open(sealed).unwrap()
    }

    /// The reminders of an enrollment, in the order in which they are meant to leave.
    pub async fn reminders(&self, person: &Person) -> Vec<entity::reminder::Model> {
        entity::reminder::Entity::find()
            .filter(entity::reminder::Column::EnrollmentId.eq(person.enrollment))
            .order_by_asc(entity::reminder::Column::RemindAt)
            .all(self.store.connection())
            .await
            .unwrap()
    }

    pub async fn deliveries(&self, person: &Person) -> Vec<entity::delivery::Model> {
        entity::delivery::Entity::find()
            .filter(entity::delivery::Column::EnrollmentId.eq(person.enrollment))
            .order_by_asc(entity::delivery::Column::CreatedAt)
            .order_by_asc(entity::delivery::Column::Channel)
            .all(self.store.connection())
            .await
            .unwrap()
    }

    pub fn system_cause(&self) -> Cause {
        Cause {
            actor: Viewer::system().actor(),
            depth: 0,
        }
    }
}

/// A database of the test's own on a server that is thrown away when the tests are over.
async fn new_database(server: &str) -> String {
    let name = format!("entity_{}", Clock::System.id().simple());
    let connection = store::connect(server, 1, std::time::Duration::from_secs(10))
        .await
        .unwrap();
    connection
        .execute_unprepared(&format!("create database {name}"))
        .await
        .unwrap();
    connection.close().await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

pub fn codes(error: Error) -> Vec<String> {
    match error {
        Error::Refused(errors) => errors.into_iter().map(|error| error.code.into_owned()).collect(),
        other => panic!("not refused but failed: {other}"),
    }
}

pub fn errors(error: Error) -> Vec<UserError> {
    match error {
        Error::Refused(errors) => errors,
        other => panic!("not refused but failed: {other}"),
    }
}

/// Both questions at this value, without words.
pub fn answers(first: &str, second: &str) -> Answers {
    let text = |text: &str| Answer::Text(text.to_owned());
    Answers::from([("q1".to_owned(), text(first)), ("q2".to_owned(), text(second))])
}

async fn new_unit(act: &mut Act, provider_id: Uuid, name: &str) -> Uuid {
    let unit = care::NewUnit {
        provider_id,
        name: name.to_owned(),
        ..care::NewUnit::default()
    };
    care::create_unit(act, unit).await.unwrap()
}

async fn staff(act: &mut Act, provider: Uuid, unit: Uuid, name: &str, role: Role) -> Viewer {
    let new = care::NewStaff {
        provider_id: provider,
        subject: name.to_owned(),
        display_name: name.to_owned(),
        title: None,
        email: Some(format!("{name}@care.example")),
    };
    let id = care::create_staff(act, new).await.unwrap();
    let assignment = assignment::NewAssignment {
        staff_id: id,
        unit_id: Some(unit),
        role,
        valid_from: None,
        valid_until: None,
    };
    assignment::grant(act, &assignment).await.unwrap();
    Viewer::new(
        Who::Staff {
            id,
            unit,
            provider,
            roles: vec![role],
        },
        "test",
    )
}

/// From the numbers that the tax agency sets aside for tests.
fn identity_number(n: u32) -> String {
    let digits = format!("19800101{}", 980 + n);
    let sum: u32 = digits
        .chars()
        .skip(2)
        .zip([2, 1].into_iter().cycle())
        .map(|(digit, weight)| digit.to_digit(10).unwrap() * weight)
        .map(|product| product / 10 + product % 10)
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn program() -> ProgramFile {
    let text = |text: &str| json!({ "sv": text });
    serde_json::from_value(json!({
        "slug": "mood", "kind": "TREATMENT", "version": "1.0",
        "title": text("Må bättre"), "summary": text("Ett program."),
        "forms": ["measure"],
        "modules": [{
            "key": "m1", "title": text("Start"), "opens": "START",
            "sections": [{ "key": "s1", "title": text("Först"), "steps": [
                { "key": "words", "title": text("Läs"), "blocks": [{ "text": text("<p>Hej</p>") }] },
                { "key": "exercise", "title": text("Öva"), "blocks": [{ "form": "measure" }] },
            ] }],
        }, {
            "key": "m2", "title": text("Sedan"), "opens": "LOCKED",
            "sections": [{ "key": "s2", "title": text("Mer"), "steps": [
                { "key": "later", "title": text("Öva mer"), "blocks": [{ "form": "measure" }] },
            ] }],
        }],
    }))
    .unwrap()
}

/// Two questions from 0 to 3; who answers the second with more than `no` is asked for words.
fn measure() -> Form {
    let text = |text: &str| json!({ "sv": text });
    let options: Vec<_> = ["no", "some", "most", "all"]
        .iter()
        .enumerate()
        .map(|(value, key)| json!({ "key": key, "label": text(key), "value": value }))
        .collect();
    let question = |key: &str| json!({ "key": key, "kind": "CHOICE", "text": text("Hur ofta?"), "required": true, "options": options });
    serde_json::from_value(json!({
        "key": "measure", "title": text("Mätning"),
        "items": [
            question("q1"),
            question("q2"),
            { "key": "why", "kind": "TEXT", "text": text("Berätta"),
              "enableWhen": { "conditions": [{ "item": "q2", "operator": "NE", "answer": "no" }] } },
        ],
        "scales": [{
            "key": "total", "label": text("Summa"), "method": "SUM", "items": ["q1", "q2"],
            "bands": [{ "key": "low", "label": text("Lågt"), "from": 0, "to": 3 },
                      { "key": "high", "label": text("Högt"), "from": 4, "to": 6 }],
        }],
    }))
    .unwrap()
}
