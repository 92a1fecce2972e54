//! Study protocols that other people wrote, as rules of Handrail: a year of each, over both clock changes, against a timetable
//! that is computed here without them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod protocol;
mod timetable;
mod translation;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Instant,
};

use chrono::{DateTime, Months, NaiveDate, SubsecRound, TimeDelta, Utc};
use chrono_tz::Europe::Stockholm;
use entity::{
    dispatch::{self, DispatchStatus},
    enrollment, firing, reminder,
};
use rules::{facts::Status, form::Form};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{app::TestApp, both_databases, care, data, database::Kind, world::World};
use uuid::Uuid;

use crate::{
    protocol::Protocol,
    timetable::{Question, timetable},
    translation::{Translation, UNSAID},
};

/// A protocol, and who takes part in it.
struct Study {
    /// The name of the protocol's file.
    name: &'static str,
    /// The days on which people begin, each for a year.
    starts: &'static [(i32, u32, u32)],
    /// How many questions each of them is asked at least.
    least: usize,
}

/// Two weeks later the clocks are put back, and after 24 weeks forward: then the second or third diary week has begun.
const AUTUMN: (i32, u32, u32) = (2026, 10, 10);
/// Two weeks later the clocks are put forward.
const SPRING: (i32, u32, u32) = (2027, 3, 13);

const PMDD: Study = Study {
    name: "PMDD-KCL",
    starts: &[AUTUMN],
    least: 400,
};
const ART: Study = Study {
    name: "RADAR-ART-KCL-s1",
    starts: &[AUTUMN, SPRING],
    least: 24,
};
const MDD: Study = Study {
    name: "RADAR-MDD-KCL-s1",
    starts: &[AUTUMN],
    least: 250,
};
const MS: Study = Study {
    name: "RADAR-MSDep-OSR-s1",
    starts: &[AUTUMN, SPRING],
    least: 30,
};

impl Study {
    /// Its protocol, where there is the folder of data.
    fn protocol(&self) -> Option<Protocol> {
        let file = data::folder()?.join(format!("radar/protocols/{}.json", self.name));
        Some(Protocol::read(&file))
    }
}

fn form(key: &str) -> Form {
    let text = json!({ "en": key });
    let item = json!({ "key": "q", "kind": "BOOLEAN", "text": text });
    serde_json::from_value(json!({ "key": key, "title": text, "items": [item] })).unwrap()
}

/// A program that asks nothing by itself, and ends after a year.
fn program(forms: &[String]) -> Value {
    let text = json!({ "en": "A diary study" });
    let step = json!({ "key": "read", "title": text, "blocks": [{ "text": text }] });
    let section = json!({ "key": "about", "title": text, "steps": [step] });
    let module = json!({ "key": "welcome", "title": text, "opens": "START", "sections": [section] });
    json!({ "slug": care::PROGRAM, "kind": "SUPPORT", "version": "1.0", "duration": "P1Y", "title": text, "summary": text,
            "forms": forms, "modules": [module] })
}

/// Saves a rule as a designer does.
async fn save(app: &TestApp, key: &str, name: &str, rule: &Value) {
    let mutation = "mutation($input: SaveRuleInput!) { saveRule(input: $input) {
        rule { key enabled summary } errors { code message path } } }";
    let mut input = json!({ "programSlug": care::PROGRAM, "key": key, "name": name });
    input.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
    let designer = app.staff("designer");
    let answer = app.client.query(&designer, mutation, json!({ "input": input })).await;
    let saved = &answer.data()["saveRule"];
    assert_eq!(saved["errors"], json!([]), "{key}");
    assert_eq!(
        (&saved["rule"]["key"], &saved["rule"]["enabled"]),
        (&json!(key), &json!(true))
    );
    assert!(saved["rule"]["summary"].as_str().unwrap().len() > 20, "{saved}");
}

/// A person in the study and the days between which they are asked.
struct Person {
    enrollment: Uuid,
    first: NaiveDate,
    last: NaiveDate,
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    timetable::instant(day.into()).and_utc()
}

async fn a_year_of(kind: Kind, study: &Study) {
    let Some(protocol) = study.protocol() else { return };
    let translation = Translation::new(&protocol);
    let starts: Vec<NaiveDate> = study
        .starts
        .iter()
        .map(|(year, month, day)| NaiveDate::from_ymd_opt(*year, *month, *day).unwrap())
        .collect();
    let app = TestApp::over(World::without_program(kind, midnight(starts[0])).await).await;
    let names: Vec<String> = translation.rules.keys().cloned().collect();
    let forms: Vec<Form> = names.iter().map(|name| form(name)).collect();
    care::import(&app.store, program(&names), &forms).await;
    for (key, (name, rule)) in &translation.rules {
        save(&app, key, name, rule).await;
    }

    let began = Instant::now();
    let mut instants = 0;
    let mut people = Vec::new();
    for (n, first) in (0..).zip(starts) {
        instants += app.run_until(midnight(first)).await;
        people.push(Person {
            enrollment: app.enroll(n).await,
            first,
            last: first + Months::new(12),
        });
    }
    let end = people.iter().map(|person| midnight(person.last)).max().unwrap();
    instants += app.run_until(end + TimeDelta::days(30)).await;
    println!("{}: {instants} instants, {:?}", study.name, began.elapsed());
    for person in &people {
        let expected = timetable(&protocol, person.first, person.last);
        assert!(expected.len() >= study.least, "it asks often: {}", expected.len());
        assert_year(&app, person, &expected).await;
    }
}

/// Exactly what was expected was asked, told and closed, each at its minute.
async fn assert_year(world: &World, person: &Person, expected: &[Question]) {
    let connection = world.store.connection();
    let end = midnight(person.last);
    let enrollments = enrollment::Entity::find_by_id(person.enrollment);
    let enrollment = enrollments.one(connection).await.unwrap().unwrap();
    assert_eq!(
        (enrollment.status.0, enrollment.ended_at),
        (Status::Completed, Some(end))
    );

    let dispatches = dispatch::Entity::find().filter(dispatch::Column::EnrollmentId.eq(person.enrollment));
    let dispatches = dispatches.all(connection).await.unwrap();
    let reminders = reminder::Entity::find().filter(reminder::Column::EnrollmentId.eq(person.enrollment));
    let mut told: HashMap<Uuid, Vec<reminder::Model>> = HashMap::new();
    for row in reminders.all(connection).await.unwrap() {
        told.entry(row.firing_id.unwrap()).or_default().push(row);
    }
    let mut found: Vec<Question> = dispatches
        .iter()
        .map(|row| {
            let told = told.get(&row.firing_id.unwrap()).into_iter().flatten();
            // What a rule does is dated a microsecond after what it judged.
            let mut told: Vec<DateTime<Utc>> = told.map(|row| row.remind_at.trunc_subsecs(3)).collect();
            told.sort();
            Question {
                form: row.form_key.clone(),
                opens: row.available_at,
                closes: row.expires_at,
                told,
            }
        })
        .collect();
    found.sort();
    for (expected, found) in expected.iter().zip(&found) {
        let (opens, form) = (found.opens.with_timezone(&Stockholm), &found.form);
        assert_eq!(expected, found, "{form} at {opens}");
    }
    assert_eq!(expected.len(), found.len(), "each once");

    let at_once =
        |due: DateTime<Utc>, done: DateTime<Utc>| (TimeDelta::zero()..TimeDelta::seconds(1)).contains(&(done - due));
    for row in &dispatches {
        assert!(
            at_once(row.available_at, row.created_at),
            "not later with an earlier date: {row:?}"
        );
        // What is still open when the year ends is taken back.
        let ending = match row.expires_at {
            Some(closes) if closes < end => (DispatchStatus::Expired, Some(closes)),
            _ => (DispatchStatus::Cancelled, Some(end)),
        };
        assert_eq!((row.status.0, row.ended_at), ending, "{row:?}");
    }
    for row in told.values().flatten() {
        assert!(row.sent_at.is_some_and(|sent| at_once(row.remind_at, sent)), "{row:?}");
    }
    let firings = firing::Entity::find().filter(firing::Column::EnrollmentId.eq(person.enrollment));
    let firings = firings.all(connection).await.unwrap();
    assert_eq!(firings.len(), expected.len(), "nothing was decided and not done");
    assert!(firings.iter().all(|row| row.outcome.0 == firing::Outcome::Done));

    let mut seasons: BTreeMap<i64, usize> = BTreeMap::new();
    for row in &dispatches {
        let local = row.available_at.with_timezone(&Stockholm).naive_local();
        *seasons
            .entry((local - row.available_at.naive_utc()).num_hours())
            .or_default() += 1;
    }
    println!(
        "{} questions from {}: by hours ahead of UTC {seasons:?}",
        dispatches.len(),
        person.first
    );
    assert_eq!(
        seasons.keys().copied().collect::<Vec<_>>(),
        [1, 2],
        "both halves of the year are in it"
    );
}

async fn the_depression_study(kind: Kind) {
    a_year_of(kind, &MDD).await;
}

async fn the_adhd_study(kind: Kind) {
    a_year_of(kind, &ART).await;
}

both_databases!(the_depression_study, the_adhd_study);

// A year takes its time: one database is enough for the other two.
#[tokio::test(flavor = "multi_thread")]
async fn the_cycle_study() {
    a_year_of(Kind::Sqlite, &PMDD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_multiple_sclerosis_study() {
    a_year_of(Kind::Sqlite, &MS).await;
}

#[test]
fn what_no_rule_says_is_named_and_nothing_else() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for study in [PMDD, ART, MDD, MS] {
        let Some(protocol) = study.protocol() else { return };
        for (path, forms) in Translation::new(&protocol).unsaid {
            println!("{}: no rule says {path} of {}", study.name, forms.join(", "));
            found.entry(path).or_default().insert(study.name.to_owned());
        }
    }
    let known: Vec<&str> = BTreeSet::from(UNSAID.map(|(path, _)| path)).into_iter().collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), known);
    let of_few = |path: &str| found[path].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of_few("protocol.healthkitQuery"), [PMDD.name]);
    assert_eq!(of_few("protocol.notification"), [ART.name, MDD.name]);
}
