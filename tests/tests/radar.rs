//! A study protocol that other people wrote, as rules of Handrail, replayed for a year over both clock changes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Instant;

use chrono::{DateTime, Days, LocalResult, Months, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Europe::Stockholm;
use entity::dispatch::{self, DispatchStatus};
use rules::form::Form;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Deserialize;
use serde_json::{Value, json};
use tests::{both_databases, care, data, database::Kind, world::World};

#[derive(Deserialize)]
struct Protocol {
    protocols: Vec<Entry>,
}

/// One questionnaire of the protocol and when it is asked.
#[derive(Deserialize)]
struct Entry {
    questionnaire: Questionnaire,
    protocol: Times,
}

#[derive(Deserialize)]
struct Questionnaire {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Times {
    repeat_protocol: Amount,
    repeat_questionnaire: Offsets,
    completion_window: Option<Amount>,
}

#[derive(Deserialize)]
struct Amount {
    unit: String,
    amount: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offsets {
    unit: String,
    units_from_zero: Vec<i64>,
}

/// Minutes in a unit of the protocol.
fn minutes(unit: &str) -> i64 {
    match unit {
        "min" => 1,
        "hour" => 60,
        "day" => 24 * 60,
        "week" => 7 * 24 * 60,
        other => panic!("the protocol has a unit that this test does not know: {other}"),
    }
}

impl Entry {
    /// The questionnaire's name as a key of Handrail, which knows no `_`.
    fn key(&self) -> String {
        self.questionnaire.name.to_lowercase().replace('_', "-")
    }

    /// Every how many days it is asked again; a thousand years mean once.
    fn every_days(&self) -> Option<i64> {
        let every = &self.protocol.repeat_protocol;
        if every.unit == "year" {
            assert!(every.amount >= 999);
            return None;
        }
        Some(minutes(&every.unit) * every.amount / minutes("day"))
    }

    /// Day and minute of the day of each question.
    fn slots(&self) -> Vec<(i64, i64)> {
        let unit = minutes(&self.protocol.repeat_questionnaire.unit);
        let day = minutes("day");
        self.protocol
            .repeat_questionnaire
            .units_from_zero
            .iter()
            .map(|n| (n * unit / day, n * unit % day))
            .collect()
    }

    /// The entry as a rule.
    fn rule(&self) -> Value {
        let slots: Vec<Value> = self
            .slots()
            .into_iter()
            .map(|(day, minute)| {
                let at = format!("{:02}:{:02}", minute / 60, minute % 60);
                json!({ "key": format!("day-{day}-{at}"), "offset": format!("P{day}D"), "at": at })
            })
            .collect();
        let mut schedule = json!({ "anchor": { "enrollmentStart": {} }, "slots": slots });
        let every = &self.protocol.repeat_protocol;
        match every.unit.as_str() {
            "day" => schedule["repeat"] = json!(format!("FREQ=DAILY;INTERVAL={}", every.amount)),
            "week" => schedule["repeat"] = json!(format!("FREQ=WEEKLY;INTERVAL={}", every.amount)),
            _ => assert!(self.every_days().is_none()),
        }
        let mut form = json!({ "form": self.key() });
        if let Some(window) = &self.protocol.completion_window {
            form["expiresAfter"] = json!(match window.unit.as_str() {
                "day" => format!("P{}D", window.amount),
                "min" => format!("PT{}M", window.amount),
                other => panic!("the protocol has a window that this test does not know: {other}"),
            });
        }
        json!({ "trigger": { "schedule": schedule }, "actions": [{ "dispatchForm": form }],
                "limits": { "catchUp": "ALL" } })
    }

    /// The timetable, computed here with nothing but the calendar: (when it can be answered, until when).
    fn timetable(&self, from: NaiveDate, until: NaiveDate) -> Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> {
        let mut found = Vec::new();
        let mut round = from;
        while round < until {
            for (day, minute) in self.slots() {
                let local = round.and_hms_opt(0, 0, 0).unwrap() + TimeDelta::days(day) + TimeDelta::minutes(minute);
                if local.date() < until {
                    let closes = self
                        .protocol
                        .completion_window
                        .as_ref()
                        .map(|window| match window.unit.as_str() {
                            // Calendar days, at the same local time.
                            "day" => instant(local + TimeDelta::days(window.amount)),
                            unit => instant(local) + TimeDelta::minutes(minutes(unit) * window.amount),
                        });
                    found.push((instant(local), closes));
                }
            }
            let Some(days) = self.every_days() else { break };
            round = round + Days::new(u64::try_from(days).unwrap());
        }
        found
    }
}

/// The instant of a local time in Stockholm: the first where there are two, the next that exists where there is none.
fn instant(local: NaiveDateTime) -> DateTime<Utc> {
    let mut local = local;
    loop {
        match Stockholm.from_local_datetime(&local) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => return time.to_utc(),
            LocalResult::None => local += TimeDelta::minutes(1),
        }
    }
}

fn form(key: &str) -> Form {
    let text = json!({ "en": key });
    let item = json!({ "key": "q", "kind": "BOOLEAN", "text": text });
    serde_json::from_value(json!({ "key": key, "title": text, "items": [item] })).unwrap()
}

fn program(forms: &[String]) -> Value {
    let text = json!({ "en": "A diary study" });
    let step = json!({ "key": "read", "title": text, "blocks": [{ "text": text }] });
    let section = json!({ "key": "about", "title": text, "steps": [step] });
    let module = json!({ "key": "welcome", "title": text, "opens": "START", "sections": [section] });
    json!({ "slug": care::PROGRAM, "kind": "SUPPORT", "version": "1.0", "title": text, "summary": text, "forms": forms,
            "modules": [module] })
}

async fn a_year_of_a_protocol_is_dispatched_to_the_minute(kind: Kind) {
    let Some(folder) = data::folder() else { return };
    let file = folder.join("radar/protocols/RADAR-MDD-KCL-s1.json");
    let protocol: Protocol = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();

    // The second diary week (day 84 on) has the clock change of 28 March 2027 in it, and so has a window of three days.
    let first = NaiveDate::from_ymd_opt(2027, 1, 1).unwrap();
    let last = first + Months::new(12);
    let start = instant(first.into());
    let world = World::without_program(kind, start).await;
    let names: Vec<String> = protocol.protocols.iter().map(Entry::key).collect();
    let forms: Vec<Form> = names.iter().map(|name| form(name)).collect();
    care::import(&world.store, program(&names), &forms).await;
    for entry in &protocol.protocols {
        care::save_rule(&world.store, &entry.key(), entry.rule()).await;
    }
    let enrollment = care::enroll(&world.store, world.care.unit, world.care.therapist, 1, None).await;

    let began = Instant::now();
    let end = instant(last.into());
    let instants = world.run_until(end - TimeDelta::microseconds(1)).await;

    let mut expected: Vec<(String, DateTime<Utc>, Option<DateTime<Utc>>)> = Vec::new();
    for entry in &protocol.protocols {
        let times = entry.timetable(first, last).into_iter();
        expected.extend(times.map(|(opens, closes)| (entry.key(), opens, closes)));
    }
    expected.sort();
    let rows = dispatch::Entity::find()
        .filter(dispatch::Column::EnrollmentId.eq(enrollment))
        .all(world.store.connection())
        .await
        .unwrap();
    let mut found: Vec<_> = rows
        .iter()
        .map(|row| (row.form_key.clone(), row.available_at, row.expires_at))
        .collect();
    found.sort();
    println!(
        "{} dispatches in a year, {instants} instants, {:?}",
        found.len(),
        began.elapsed()
    );
    assert!(expected.len() > 250, "the protocol asks often: {}", expected.len());
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected, found, "local: {}", found.1.with_timezone(&Stockholm));
    }
    assert_eq!(expected.len(), found.len(), "each once");

    let (mut winter, mut summer) = (0, 0);
    for row in &rows {
        // It was sent at that very minute, not later with an earlier date.
        let late = row.created_at - row.available_at;
        assert!(
            (TimeDelta::zero()..TimeDelta::seconds(1)).contains(&late),
            "{} {late}",
            row.form_key
        );
        match row.expires_at {
            Some(closes) if closes < end => {
                assert_eq!(
                    (row.status.0, row.ended_at),
                    (DispatchStatus::Expired, Some(closes)),
                    "{}",
                    row.form_key
                );
            }
            _ => assert_eq!(
                (row.status.0, row.ended_at),
                (DispatchStatus::Available, None),
                "{}",
                row.form_key
            ),
        }
        match (row.available_at.with_timezone(&Stockholm).naive_local() - row.available_at.naive_utc()).num_hours() {
            1 => winter += 1,
            2 => summer += 1,
            other => panic!("Stockholm is never {other} hours ahead"),
        }
    }
    assert!(
        winter > 50 && summer > 50,
        "both halves of the year are in it: {winter}, {summer}"
    );
}

both_databases!(a_year_of_a_protocol_is_dispatched_to_the_minute);
