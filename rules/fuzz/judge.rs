//! What must hold for anything that is given as a rule: it is read or refused with a place, never a panic; and what passes
//! validation can be told, stored, read again and evaluated. Shared by the fuzz target and the property tests.

use chrono::{DateTime, Duration, NaiveTime, Utc};
use chrono_tz::Tz;
use rules::{
    answer::Answer,
    definition::{RuleDefinition, Unit},
    evaluation::{ActiveRule, RuleSet, State, evaluate},
    facts::*,
    form::Form,
    summary::summary,
    validate::{self, ProgramShape},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// How far a rule got.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is not JSON.
    NotJson,
    /// It is not as the language has it.
    Unread,
    /// It makes no sense in the program, for these reasons.
    Refused(Vec<validate::Problem>),
    /// It was evaluated.
    Evaluated,
}

/// Judges bytes as they come over the wire.
pub fn bytes(bytes: &[u8]) -> Fate {
    serde_json::from_slice(bytes).map_or(Fate::NotJson, |json| rule(&json))
}

/// Judges what may be a rule.
pub fn rule(json: &Value) -> Fate {
    let definition = match validate::parse(json.clone()) {
        Ok(definition) => definition,
        Err(problems) => {
            assert_eq!(problems.len(), 1);
            for problem in &problems {
                // What is no object has no fields that could be named.
                assert!(!problem.path.is_empty() || !json.is_object(), "no place: {problem:?}");
                check(problem, json);
            }
            return Fate::Unread;
        }
    };
    // Whatever was read is written and read again as the same: that is how it is stored.
    let written = serde_json::to_value(&definition).expect("a rule can be written");
    let again: RuleDefinition = serde_json::from_value(written).expect("what was written can be read");
    assert_eq!(again, definition);
    for locale in ["en", "sv"] {
        assert!(!summary(&definition, locale).is_empty());
    }
    let form = form();
    let shape = ProgramShape {
        forms: vec![&form],
        modules: vec!["one", "two"],
        sections: vec!["first"],
        steps: vec!["step"],
        measurements: vec![validate::MeasurementShape {
            key: "weight".to_owned(),
            unit: Unit {
                en: "kg".to_owned(),
                sv: "kg".to_owned(),
            },
            min: 30.0,
            max: 300.0,
            decimals: 1,
        }],
        templates: vec!["reminder"],
        lacks: Vec::new(),
    };
    let problems = validate::rule(&definition, &shape);
    for problem in &problems {
        assert!(!problem.path.is_empty(), "no place: {problem:?}");
        check(problem, json);
    }
    if !problems.is_empty() {
        return Fate::Refused(problems);
    }
    live(definition);
    Fate::Evaluated
}

/// A problem says what to do, and its place is in the rule; the field itself may be what is missing.
fn check(problem: &validate::Problem, json: &Value) {
    assert!(!problem.message.is_empty() && !problem.code.is_empty() && problem.place().len() >= problem.path.len());
    let Some((last, way)) = problem.path.split_last() else {
        return;
    };
    let step = |place: &Value, segment: &str| match place {
        Value::Array(entries) => entries.get(segment.parse::<usize>().ok()?).cloned(),
        Value::Object(fields) => fields.get(segment).cloned(),
        _ => None,
    };
    let mut place = json.clone();
    for segment in way {
        place = step(&place, segment).unwrap_or_else(|| panic!("{problem:?} leads nowhere in {json}"));
    }
    let may_be_missing = place.is_object() || step(&place, last).is_some();
    // A variant that is written as a text has no place of its own.
    assert!(
        may_be_missing || place.is_string(),
        "{problem:?} leads nowhere in {json}"
    );
}

fn form() -> Form {
    let text = json!({ "en": "?" });
    let item = |key: &str, kind: &str| json!({ "key": key, "kind": kind, "text": text });
    let form = json!({
        "key": "measure", "title": text,
        "items": [item("item", "INTEGER"), item("yes", "BOOLEAN"), item("when", "TIME"), item("words", "TEXT")],
        "scales": [{ "key": "total", "label": text, "method": "SUM", "items": ["item"], "standardDeviation": 4, "reliability": 0.8 }]
    });
    serde_json::from_value(form).expect("the form can be read")
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_806_048_000, 0).expect("an instant")
}

/// A person to whom everything happens once.
fn facts() -> Facts {
    let at = |hours: i64| start() + Duration::hours(hours);
    let id = Uuid::from_u128;
    let dated = |hours: i64| Dated {
        at: at(hours),
        value: true,
    };
    let section = Section {
        key: "first".to_owned(),
        visible: vec![dated(30)],
        steps: 2,
        completed: vec![at(20), at(40)],
    };
    let module = |key: &str, sections| Module {
        key: key.to_owned(),
        opened: vec![at(1)],
        visible: Vec::new(),
        sections,
    };
    let status = |hours: i64, value| Dated { at: at(hours), value };
    let response = |number: u128, hours: i64, score: f64| Response {
        id: id(number),
        form: "measure".to_owned(),
        at: at(hours),
        answered_at: at(hours),
        answers: vec![
            ("item".to_owned(), Answer::Number(score)),
            ("yes".to_owned(), Answer::Boolean(true)),
            ("when".to_owned(), Answer::Text("23:15".to_owned())),
        ],
        scores: vec![Scored {
            scale: "total".to_owned(),
            value: score,
            error_of_difference: Some(2.5),
        }],
        superseded_at: None,
    };
    let kinds = [
        EventKind::StatusChanged(Status::Active),
        EventKind::SignedIn,
        EventKind::FormCompleted {
            form: "measure".to_owned(),
            response: id(1),
        },
        EventKind::StepCompleted {
            step: "step".to_owned(),
        },
        EventKind::FormCompleted {
            form: "measure".to_owned(),
            response: id(2),
        },
        EventKind::MessageReceived {
            from: Audience::Citizen,
        },
        EventKind::MeasurementRegistered {
            kind: "weight".to_owned(),
            measurement: id(8),
        },
        EventKind::ModuleCompleted {
            module: "one".to_owned(),
        },
        EventKind::FlagRaised {
            kind: "risk".to_owned(),
        },
        EventKind::ActivityRegistered { registration: id(9) },
        EventKind::StatusChanged(Status::Paused),
    ];
    let hours = [0, 2, 10, 20, 30, 35, 36, 40, 50, 60, 24 * 200];
    let events = kinds.into_iter().zip(hours).enumerate();
    Facts {
        enrollment: id(1),
        zone: Tz::Europe__Stockholm,
        started_at: Some(start()),
        started_known_at: Some(start()),
        ends: vec![Dated {
            at: start(),
            value: Some(at(24 * 90)),
        }],
        birth_date: start().date_naive().checked_sub_months(chrono::Months::new(12 * 40)),
        sex: Some(Sex::Female),
        statuses: vec![
            status(0, Status::Active),
            status(24 * 200, Status::Paused),
            status(24 * 210, Status::Active),
        ],
        responses: vec![response(1, 10, 12.0), response(2, 30, 3.0)],
        dispatches: vec![Dispatch {
            id: id(3),
            form: "measure".to_owned(),
            known_at: at(3),
            available_at: at(5),
            overdue_at: Some(at(20)),
            expires_at: Some(at(30)),
            completed_at: None,
            cancelled_at: None,
        }],
        sign_ins: vec![at(2)],
        activities: vec![at(2), at(10), at(20), at(30), at(35), at(40), at(60)],
        messages: vec![Message {
            id: id(6),
            at: at(35),
            from: Audience::Citizen,
            answer_before: Some(at(72)),
            answered_at: Some(at(90)),
        }],
        measurements: [(7, 12, 80.0), (8, 36, 90.5)]
            .map(|(number, hours, value)| Measurement {
                id: id(number),
                kind: "weight".to_owned(),
                at: at(hours),
                measured_at: at(hours - 1),
                value,
                superseded_at: None,
            })
            .to_vec(),
        planned: vec![PlannedActivity {
            id: id(4),
            known_at: at(1),
            ended_at: Some(at(24 * 30)),
            starts_on: start().date_naive(),
            repeat: "FREQ=DAILY".parse().ok(),
            entries: vec![Dated {
                at: at(60),
                value: at(48).date_naive(),
            }],
            exceptions: Vec::new(),
        }],
        registrations: vec![Registration {
            id: id(9),
            at: at(60),
            said: [(60, 2.0), (70, 5.0)]
                .map(|(hours, after)| Dated {
                    at: at(hours),
                    value: Ratings {
                        before: Some(3.0),
                        after: Some(after),
                    },
                })
                .to_vec(),
        }],
        modules: vec![module("one", vec![section]), module("two", Vec::new())],
        flags: vec![Flag {
            id: id(5),
            kind: "risk".to_owned(),
            changes: vec![Dated {
                at: at(50),
                value: FlagState::Open,
            }],
        }],
        events: events
            .map(|(number, (kind, hours))| Event {
                id: id(100 + number as u128),
                at: at(hours),
                depth: 0,
                kind,
            })
            .collect(),
    }
}

/// Evaluates a rule when it asks for it, and at last a year later.
fn live(definition: RuleDefinition) {
    let rules = RuleSet::new(vec![ActiveRule {
        key: "rule".to_owned(),
        version: Uuid::nil(),
        definition: definition.into(),
        enabled: true,
        effective_from: DateTime::<Utc>::UNIX_EPOCH,
        effective_until: None,
    }]);
    let facts = facts();
    let last = start() + Duration::days(366);
    let mut state = State {
        evaluated_until: start() - Duration::microseconds(1),
        rules: Default::default(),
    };
    let mut occurrences = std::collections::BTreeSet::new();
    let mut now = start();
    // As often as that; then all at once.
    for look in 0..50 {
        let told = evaluate(&rules, &facts, &state, now);
        assert!(told.wake_at.is_none_or(|wake_at| wake_at > now));
        for firing in told.firings {
            assert!(state.evaluated_until < firing.at && firing.at <= now);
            assert!(occurrences.insert(firing.occurrence), "an occurrence came twice");
        }
        state = told.state;
        match told.wake_at {
            Some(wake_at) if look < 48 && wake_at < last => now = wake_at,
            _ if now < last => now = last,
            _ => break,
        }
    }
    // Nothing depends on the time of day being sensible at the ends of time.
    for instant in [
        DateTime::<Utc>::MIN_UTC,
        start().date_naive().and_time(NaiveTime::MIN).and_utc(),
    ] {
        let _ = evaluate(&rules, &facts, &state, instant);
    }
}
