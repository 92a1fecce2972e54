//! What the tests of jobs start from: a unit with a therapist, a program with one form, and citizens who take part.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use chrono::{DateTime, Utc};
use entity::{
    act::Act,
    action::{
        self, assignment, care, citizen::NewCitizen, dispatch::Send, enrollment::StartEnrollment, reminder::Plan,
        rule::SaveRule,
    },
    assignment::Role,
    clock::Clock,
    seal::Keyring,
    store::{self, Store},
    viewer::{Viewer, Who},
};
use rules::{
    answer::{Answer, Answers},
    facts::{Audience, Channel},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Context;
use crate::{Worker, channel::mail::Mailer, config::Config};

/// A record of its own, with a clock that stands until it is moved, and a folder for its e-mail.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) config: Config,
    unit: Uuid,
    therapist: Uuid,
    folder: tempfile::TempDir,
}

/// Somebody who takes part.
pub(crate) struct Person {
    pub(crate) enrollment: Uuid,
    citizen: Uuid,
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl World {
    /// At ten in the morning in Stockholm, a Monday.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let connection = store::connect(&url, 4, Duration::from_secs(10)).await.unwrap();
        migration::migrate(&connection).await.unwrap();
        let keys = BTreeMap::from([(
            "test".to_owned(),
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
        )]);
        let clock = Clock::manual(at("2026-11-23T09:00:00Z"));
        let store = Store::new(connection, clock, Keyring::new("test", &keys).unwrap())
            .await
            .unwrap();

        let mut act = store.act(&Viewer::system()).await.unwrap();
        let provider_id = care::create_provider(&mut act, "Region Prov").await.unwrap();
        let unit = care::NewUnit {
            provider_id,
            name: "Solrosen".to_owned(),
            ..care::NewUnit::default()
        };
        let unit = care::create_unit(&mut act, unit).await.unwrap();
        let staff = care::NewStaff {
            provider_id,
            subject: "therapist".to_owned(),
            display_name: "Ingrid".to_owned(),
            title: None,
            email: Some("ingrid@care.example".to_owned()),
        };
        let therapist = care::create_staff(&mut act, staff).await.unwrap();
        let assignment = assignment::NewAssignment {
            staff_id: therapist,
            unit_id: Some(unit),
            role: Role::Therapist,
            valid_from: None,
            valid_until: None,
        };
        assignment::grant(&mut act, &assignment).await.unwrap();
        let (program, form) = program();
        let form = serde_json::from_value(form).unwrap();
        action::program::import(&mut act, &serde_json::from_value(program).unwrap(), &[form])
            .await
            .unwrap();
        act.commit().await.unwrap();
        store.refresh().await.unwrap();

        let mut config = Config::default();
        config.mail.folder = folder.path().join("mail");
        config.http.public_url = Some("https://handrail.example".to_owned());
        Self {
            store,
            config,
            unit,
            therapist,
            folder,
        }
    }

    pub(crate) fn context(&self) -> Context {
        Context::new(
            self.store.clone(),
            &self.config,
            Mailer::new(&self.config.mail).unwrap(),
        )
    }

    pub(crate) fn worker(&self) -> Worker {
        Worker::new(
            self.store.clone(),
            &self.config,
            Mailer::new(&self.config.mail).unwrap(),
        )
    }

    /// Lets a worker run until nothing is due.
    pub(crate) async fn work(&self) -> usize {
        self.worker().run_until_idle().await.unwrap()
    }

    pub(crate) fn set(&self, instant: &str) {
        self.store.clock().set(at(instant));
    }

    pub(crate) async fn act(&self) -> Act {
        self.store.act(&Viewer::system()).await.unwrap()
    }

    /// Starts the program for the nth citizen (from 0 to 9).
    pub(crate) async fn enroll(&self, n: u32) -> Person {
        self.enroll_at(n, None).await
    }

    pub(crate) async fn enroll_at(&self, n: u32, starts_at: Option<DateTime<Utc>>) -> Person {
        let start = StartEnrollment {
            program_slug: "mood".to_owned(),
            unit_id: self.unit,
            citizen: NewCitizen {
                personal_identity_number: identity_number(n),
                given_name: "Åsa".to_owned(),
                family_name: "Öberg".to_owned(),
                email: Some(format!("citizen{n}@home.example")),
                phone: Some("+46701740605".to_owned()),
                ..NewCitizen::default()
            },
            starts_at,
            therapist_ids: vec![self.therapist],
            ..StartEnrollment::default()
        };
        let mut act = self.act().await;
        let started = action::enrollment::start(&mut act, &start).await.unwrap();
        let enrollment = started.enrollment_id;
        let citizen = act.enrollment(enrollment, "").await.unwrap().citizen_id;
        act.commit().await.unwrap();
        Person { enrollment, citizen }
    }

    /// Sends the form, as a rule would.
    pub(crate) async fn send(&self, person: &Person, expires_after: &str, remind_after: &[&str]) -> Uuid {
        let mut act = self.act().await;
        let send = Send {
            enrollment_id: person.enrollment,
            form_key: "measure".to_owned(),
            at: None,
            expires_after: Some(expires_after.parse().unwrap()),
            remind_after: remind_after.iter().map(|text| text.parse().unwrap()).collect(),
            firing_id: None,
            cause: act.cause(),
        };
        let outcomes = action::dispatch::send(&mut act, &[send]).await.unwrap();
        act.commit().await.unwrap();
        *outcomes[0].as_ref().unwrap()
    }

    /// The citizen answers the form's one question.
    pub(crate) async fn answer(&self, person: &Person, dispatch: Uuid, answer: &str) {
        let viewer = Viewer::new(Who::Citizen { id: person.citizen }, "test");
        let answers = Answers::from([("q1".to_owned(), Answer::Text(answer.to_owned()))]);
        let mut act = self.store.act(&viewer).await.unwrap();
        action::response::submit(&mut act, dispatch, &answers).await.unwrap();
        act.commit().await.unwrap();
    }

    /// Reminds the citizen on channels, at once.
    pub(crate) async fn remind(&self, person: &Person, template: &str, channels: &[Channel]) {
        let mut act = self.act().await;
        let plan = Plan {
            enrollment_id: person.enrollment,
            template: template.to_owned(),
            channels: channels.to_vec(),
            audience: Audience::Citizen,
            remind_at: None,
            dispatch_id: None,
            staff: Vec::new(),
            note: None,
            firing_id: None,
            bypass_quiet_hours: false,
            cause: act.cause(),
        };
        action::reminder::plan(&mut act, &[plan]).await.unwrap()[0]
            .as_ref()
            .unwrap();
        act.commit().await.unwrap();
    }

    /// Saves a rule of the program and switches it on.
    pub(crate) async fn save_rule(&self, key: &str, definition: Value) {
        let mut act = self.act().await;
        let rule = SaveRule {
            program_slug: "mood".to_owned(),
            unit_id: None,
            enrollment_id: None,
            key: key.to_owned(),
            name: key.to_owned(),
            enabled: true,
            dry_run: false,
            definition,
        };
        action::rule::save(&mut act, rule).await.unwrap();
        act.commit().await.unwrap();
    }

    /// Saves the rule that flags whoever answers "all".
    pub(crate) async fn save_flagging_rule(&self) {
        let definition = json!({
            "trigger": { "event": { "formCompleted": { "form": "measure" } } },
            "condition": { "compare": {
                "fact": { "answer": { "form": "measure", "item": "q1" } }, "operator": "GTE", "value": 3,
            } },
            "actions": [{ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "Risk", "audience": "STAFF" } }],
        });
        self.save_rule("risk", definition).await;
    }

    pub(crate) async fn enrollment(&self, person: &Person) -> entity::enrollment::Model {
        let found = entity::enrollment::Entity::find_by_id(person.enrollment);
        found.one(self.store.connection()).await.unwrap().unwrap()
    }

    pub(crate) async fn dispatch(&self, id: Uuid) -> entity::dispatch::Model {
        let found = entity::dispatch::Entity::find_by_id(id);
        found.one(self.store.connection()).await.unwrap().unwrap()
    }

    pub(crate) async fn flags(&self, person: &Person) -> Vec<entity::flag::Model> {
        entity::flag::Entity::find()
            .filter(entity::flag::Column::EnrollmentId.eq(person.enrollment))
            .all(self.store.connection())
            .await
            .unwrap()
    }

    /// The deliveries of an enrollment, the oldest first.
    pub(crate) async fn deliveries(&self, person: &Person) -> Vec<entity::delivery::Model> {
        entity::delivery::Entity::find()
            .filter(entity::delivery::Column::EnrollmentId.eq(person.enrollment))
            .order_by_asc(entity::delivery::Column::CreatedAt)
            .order_by_asc(entity::delivery::Column::Channel)
            .all(self.store.connection())
            .await
            .unwrap()
    }

    /// The e-mails that were written.
    pub(crate) fn mails(&self) -> Vec<String> {
        let folder = self.folder.path().join("mail");
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect()
    }
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

/// A program of four weeks with one question from 0 to 3.
fn program() -> (Value, Value) {
    let text = |text: &str| json!({ "sv": text });
    let options: Vec<_> = ["no", "some", "most", "all"]
        .iter()
        .enumerate()
        .map(|(value, key)| json!({ "key": key, "label": text(key), "value": value }))
        .collect();
    let form = json!({
        "key": "measure", "title": text("Mätning"),
        "items": [{ "key": "q1", "kind": "CHOICE", "text": text("Hur ofta?"), "required": true, "options": options }],
    });
    let program = json!({
        "slug": "mood", "kind": "TREATMENT", "version": "1.0", "duration": "P4W",
        "title": text("Må bättre"), "summary": text("Ett program."),
        "forms": ["measure"],
        "modules": [{
            "key": "m1", "title": text("Start"), "opens": "START",
            "sections": [{ "key": "s1", "title": text("Först"), "steps": [
                { "key": "words", "title": text("Läs"), "blocks": [{ "text": text("<p>Hej</p>") }] },
            ] }],
        }],
    });
    (program, form)
}
