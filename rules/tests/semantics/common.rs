//! Histories and rules to test with.

use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use proptest::prelude::ProptestConfig;
use rules::{
    definition::RuleDefinition,
    evaluation::{ActiveRule, Evaluation, State, evaluate},
    facts::{Dated, Event, EventKind, Facts, Instant, Response, Status},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// So many cases, or as many as `PROPTEST_CASES` says.
pub fn cases(number: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(number),
        max_shrink_iters: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub const STOCKHOLM: Tz = Tz::Europe__Stockholm;

/// An instant, as RFC 3339.
pub fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// An instant, as local time in Stockholm.
pub fn local(text: &str) -> Instant {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    STOCKHOLM.from_local_datetime(&local).earliest().unwrap().to_utc()
}

pub fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// An enrollment that became active at an instant, about which nothing else is known.
pub fn started(zone: Tz, at: Instant) -> Facts {
    Facts {
        enrollment: id(1),
        zone,
        started_at: Some(at),
        ends_at: None,
        ends_at_since: None,
        birth_date: None,
        statuses: vec![Dated {
            at,
            value: Status::Active,
        }],
        responses: Vec::new(),
        dispatches: Vec::new(),
        sign_ins: Vec::new(),
        activities: Vec::new(),
        modules: Vec::new(),
        flags: Vec::new(),
        events: Vec::new(),
    }
}

/// What is remembered before anything happened.
pub fn fresh(facts: &Facts) -> State {
    let start = facts
        .statuses
        .first()
        .map_or(DateTime::<Utc>::UNIX_EPOCH, |status| status.at);
    State {
        evaluated_until: start - Duration::microseconds(1),
        rules: Default::default(),
    }
}

pub fn definition(json: Value) -> RuleDefinition {
    rules::validate::parse(json).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// A rule that has always held.
pub fn rule(key: &str, json: Value) -> ActiveRule {
    ActiveRule {
        key: key.to_owned(),
        version: id(1000),
        definition: Arc::new(definition(json)),
        enabled: true,
        effective_from: DateTime::<Utc>::UNIX_EPOCH,
        effective_until: None,
    }
}

/// Submits a response, with its event.
pub fn submit(facts: &mut Facts, number: u128, form: &str, at: Instant, scores: &[(&str, f64)], depth: u32) {
    facts.responses.push(Response {
        id: id(number),
        form: form.to_owned(),
        at,
        answers: Vec::new(),
        scores: scores
            .iter()
            .map(|(scale, score)| ((*scale).to_owned(), *score))
            .collect(),
    });
    let kind = EventKind::FormCompleted {
        form: form.to_owned(),
        response: id(number),
    };
    facts.events.push(Event {
        id: id(100_000 + number),
        at,
        depth,
        kind,
    });
}

/// Changes the status, with its event.
pub fn change(facts: &mut Facts, number: u128, at: Instant, value: Status) {
    facts.statuses.push(Dated { at, value });
    facts.events.push(Event {
        id: id(200_000 + number),
        at,
        depth: 0,
        kind: EventKind::StatusChanged(value),
    });
}

pub fn score_at_least(value: u32) -> Value {
    json!({ "compare": { "fact": { "score": { "form": "measure", "scale": "total" } }, "operator": "GTE", "value": value } })
}

pub fn no_sign_in_for(days: u32) -> Value {
    json!({ "compare": { "fact": { "daysSince": { "event": "SIGN_IN" } }, "operator": "GTE", "value": days } })
}

pub fn on_answer(condition: Value, limits: Value) -> ActiveRule {
    rule(
        "on-answer",
        json!({ "trigger": { "event": { "formCompleted": { "form": "measure" } } }, "condition": condition, "actions": [], "limits": limits }),
    )
}

pub fn daily(limits: Value) -> ActiveRule {
    rule(
        "daily",
        json!({
            "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY", "slots": [{ "key": "morning", "at": "08:00" }] } },
            "actions": [], "limits": limits
        }),
    )
}

pub fn whenever(condition: Value, trigger: Value, limits: Value) -> ActiveRule {
    rule(
        "whenever",
        json!({ "trigger": { "whenever": trigger }, "condition": condition, "actions": [], "limits": limits }),
    )
}

pub fn at_once(rules: &[ActiveRule], facts: &Facts, now: Instant) -> Evaluation {
    evaluate(rules, facts, &fresh(facts), now)
}

/// The local times at which it fired.
pub fn fired(evaluation: &Evaluation) -> Vec<String> {
    let times = evaluation
        .firings
        .iter()
        .map(|firing| rules::zone::utc_to_local(STOCKHOLM, firing.at));
    times.map(|time| time.format("%Y-%m-%d %H:%M").to_string()).collect()
}
