//! Histories and rules to test with.

use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use proptest::prelude::ProptestConfig;
use rules::{
    definition::RuleDefinition,
    evaluation::{ActiveRule, Evaluation, RuleSet, State},
    facts::{Dated, Event, EventKind, Facts, Flag, FlagState, Instant, Response, Scored, Status},
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
        started_known_at: Some(at),
        ends: Vec::new(),
        birth_date: None,
        sex: None,
        statuses: vec![Dated {
            at,
            value: Status::Active,
        }],
        responses: Vec::new(),
        dispatches: Vec::new(),
        sign_ins: Vec::new(),
        activities: Vec::new(),
        messages: Vec::new(),
        measurements: Vec::new(),
        planned: Vec::new(),
        registrations: Vec::new(),
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
        answered_at: at,
        answers: Vec::new(),
        scores: scores
            .iter()
            .map(|(scale, score)| Scored {
                scale: (*scale).to_owned(),
                value: *score,
                error_of_difference: None,
            })
            .collect(),
        superseded_at: None,
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

/// A flag that is opened, and each change of it.
pub fn flag(number: u128, kind: &str, changes: &[(Instant, FlagState)]) -> Flag {
    let changes = changes.iter().map(|(at, value)| Dated { at: *at, value: *value });
    Flag {
        id: id(number),
        kind: kind.to_owned(),
        changes: changes.collect(),
    }
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

pub fn evaluate(rules: &[ActiveRule], facts: &Facts, state: &State, now: Instant) -> Evaluation {
    rules::evaluation::evaluate(&RuleSet::new(rules.to_vec()), facts, state, now)
}

/// The local times at which it fired.
pub fn fired(evaluation: &Evaluation) -> Vec<String> {
    let times = evaluation
        .firings
        .iter()
        .map(|firing| rules::zone::utc_to_local(STOCKHOLM, firing.at));
    times.map(|time| time.format("%Y-%m-%d %H:%M").to_string()).collect()
}
