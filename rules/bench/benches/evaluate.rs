//! A rule of three comparisons on what is known of one person: by `rules`, by ZEN (JSON rules) and by CEL, in one run.
//!
//! Everything that can be prepared is prepared once: rules are compiled, and the input lies ready in the form that each
//! engine takes. The first two comparisons are true and the last is not, so that each engine makes all three and nothing
//! fires.

use std::{collections::HashMap, hint::black_box, sync::Arc};

use cel::{Context, Program};
use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use criterion::{Criterion, criterion_group, criterion_main};
use futures_executor::block_on;
use rules::{
    answer::Answer,
    as_of::AsOf,
    condition,
    evaluation::{ActiveRule, RuleSet, State, evaluate},
    facts::*,
    trace::Verdict,
    validate::parse,
};
use serde_json::{Value, json};
use uuid::Uuid;
use zen_engine::{DecisionEngine, model::DecisionContent};
use zen_expression::{Isolate, variable::Variable};

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_806_048_000, 0).expect("an instant")
}

fn at(hours: i64) -> DateTime<Utc> {
    start() + Duration::hours(hours)
}

/// Eight weeks of a person in a program: weekly measures, a sign-in every other day, three modules of four sections.
fn facts() -> Facts {
    let weeks: Vec<i64> = (0..8).map(|week| week * 7 * 24).collect();
    let id = |number: i64| Uuid::from_u128(number as u128);
    let response = |hours: &i64| Response {
        id: id(*hours),
        form: "measure".to_owned(),
        at: at(*hours),
        answered_at: at(*hours),
        answers: (1..10).map(|item| (format!("q{item}"), Answer::Number(2.0))).collect(),
        scores: vec![Scored {
            scale: "total".to_owned(),
            value: 18.0,
            error_of_difference: None,
        }],
        superseded_at: None,
    };
    let dispatch = |hours: &i64| Dispatch {
        id: id(*hours),
        form: "measure".to_owned(),
        known_at: at(hours - 5),
        available_at: at(hours - 5),
        overdue_at: None,
        expires_at: None,
        completed_at: Some(at(*hours)),
        cancelled_at: None,
    };
    let answered = |hours: &i64| Event {
        id: id(*hours),
        at: at(*hours),
        depth: 0,
        kind: EventKind::FormCompleted {
            form: "measure".to_owned(),
            response: id(*hours),
        },
    };
    let section = |number: usize| Section {
        key: format!("section-{number}"),
        visible: Vec::new(),
        steps: 3,
        completed: vec![at(1), at(2)],
    };
    let module = |key: &str| Module {
        key: key.to_owned(),
        opened: vec![start()],
        visible: Vec::new(),
        sections: (0..4).map(section).collect(),
    };
    Facts {
        enrollment: id(1),
        zone: Tz::Europe__Stockholm,
        started_at: Some(start()),
        started_known_at: Some(start()),
        ends: Vec::new(),
        birth_date: None,
        sex: None,
        statuses: vec![Dated {
            at: start(),
            value: Status::Active,
        }],
        responses: weeks.iter().map(response).collect(),
        dispatches: weeks.iter().map(dispatch).collect(),
        sign_ins: (0..28).map(|day| at(day * 48)).collect(),
        activities: (0..28).map(|day| at(day * 48)).collect(),
        messages: Vec::new(),
        measurements: Vec::new(),
        planned: Vec::new(),
        registrations: Vec::new(),
        modules: ["one", "two", "three"].map(module).to_vec(),
        flags: vec![Flag {
            id: id(1),
            kind: "silence".to_owned(),
            changes: vec![Dated {
                at: at(100),
                value: FlagState::Resolved,
            }],
        }],
        events: weeks.iter().map(answered).collect(),
    }
}

fn three_comparisons() -> Value {
    let compare = |fact: Value, operator: &str, value: Value| json!({ "compare": { "fact": fact, "operator": operator, "value": value } });
    json!({ "all": [
        compare(json!({ "score": { "form": "measure", "scale": "total" } }), "GTE", json!(15)),
        compare(json!({ "answer": { "form": "measure", "item": "q9" } }), "GTE", json!(2)),
        compare(json!({ "openFlag": { "kind": "risk" } }), "EQ", json!(true)),
    ] })
}

fn rule(trigger: Value, condition: Value) -> ActiveRule {
    let definition = json!({ "trigger": trigger, "condition": condition, "actions": [] });
    ActiveRule {
        key: "risk".to_owned(),
        version: Uuid::nil(),
        definition: Arc::new(parse(definition).expect("a rule")),
        enabled: true,
        effective_from: start(),
        effective_until: None,
    }
}

fn ours(c: &mut Criterion) {
    let facts = facts();
    let now = at(8 * 7 * 24);
    // The latest answer is what has come up since.
    let state = State {
        evaluated_until: at(7 * 7 * 24 - 1),
        rules: Default::default(),
    };
    let mut group = c.benchmark_group("rules");
    let on_answer = json!({ "event": { "formCompleted": { "form": "measure" } } });
    for (name, trigger) in [
        ("evaluate (an answer)", on_answer),
        ("evaluate (whenever)", json!({ "whenever": {} })),
    ] {
        let rule = rule(trigger, three_comparisons());
        let condition = rule.definition.condition.clone().expect("a condition");
        assert_eq!(condition::verdict(&condition, &AsOf::new(&facts, now)), Verdict::False);
        let rules = RuleSet::new(vec![rule]);
        assert!(evaluate(&rules, &facts, &state, now).firings.is_empty());
        group.bench_function(name, |b| {
            b.iter(|| evaluate(black_box(&rules), black_box(&facts), black_box(&state), now))
        });
    }
    let condition = rule(json!({ "whenever": {} }), three_comparisons())
        .definition
        .condition
        .clone();
    let condition = condition.expect("a condition");
    group.bench_function("the condition alone", |b| {
        b.iter(|| condition::verdict(black_box(&condition), &AsOf::new(black_box(&facts), now)));
    });
    // Counting days asks for the calendar of the zone.
    let days = json!({ "compare": { "fact": { "daysSince": { "event": "SIGN_IN" } }, "operator": "GTE", "value": 7 } });
    let days = rule(json!({ "whenever": {} }), days)
        .definition
        .condition
        .clone()
        .expect("a condition");
    group.bench_function("days since the last sign-in alone", |b| {
        b.iter(|| condition::verdict(black_box(&days), &AsOf::new(black_box(&facts), now)));
    });
    let mut schedule = rule(
        json!({ "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;INTERVAL=14", "slots": [{ "key": "a", "at": "08:00" }] } }),
        three_comparisons(),
    );
    schedule.key = "schedule".to_owned();
    let rules = RuleSet::new(vec![schedule]);
    group.bench_function("evaluate (a schedule, when next)", |b| {
        b.iter(|| evaluate(black_box(&rules), black_box(&facts), black_box(&state), now));
    });
    group.finish();
}

/// What the other engines are given: the same facts, looked up beforehand.
fn input() -> Value {
    json!({ "scores": { "measure": { "total": 18 } }, "answers": { "measure": { "q9": 2 } }, "flags": { "risk": false } })
}

fn zen(c: &mut Criterion) {
    let expression = "scores.measure.total >= 15 and answers.measure.q9 >= 2 and flags.risk == true";
    let node = |id: &str, kind: &str, content: Value| json!({ "id": id, "name": id, "type": kind, "position": { "x": 0, "y": 0 }, "content": content });
    let expressions = json!([{ "id": "e", "key": "fires", "value": expression }]);
    let content = json!({ "expressions": expressions, "passThrough": false, "inputField": null, "outputPath": null, "executionMode": "single" });
    let edge = |id: &str, from: &str, to: &str| json!({ "id": id, "sourceId": from, "targetId": to, "type": "edge" });
    let graph = json!({
        "nodes": [node("in", "inputNode", json!({})), node("rule", "expressionNode", content), node("out", "outputNode", json!({}))],
        "edges": [edge("1", "in", "rule"), edge("2", "rule", "out")]
    });
    let content: DecisionContent = serde_json::from_value(graph).expect("a decision");
    let engine = DecisionEngine::default();
    let mut decision = engine.create_decision(Arc::new(content)).expect("a decision");
    decision.compile();
    let input: Variable = input().into();
    let result = block_on(decision.evaluate(input.clone())).expect("a result");
    assert_eq!(result.result.to_value(), json!({ "fires": false }));
    let mut group = c.benchmark_group("zen");
    group.bench_function("engine", |b| {
        b.iter(|| block_on(decision.evaluate(black_box(input.clone()))).map(|done| done.result))
    });
    let mut isolate = Isolate::with_environment(input);
    assert_eq!(
        isolate.run_standard(expression).map(|value| value.to_value()).ok(),
        Some(json!(false))
    );
    group.bench_function("expression alone, read each time", |b| {
        b.iter(|| isolate.run_standard(black_box(expression)))
    });
    group.finish();
}

fn cel(c: &mut Criterion) {
    let program = Program::compile("scores.measure.total >= 15.0 && answers.measure.q9 >= 2.0 && flags.risk == true")
        .expect("a program");
    let map = |name: &'static str, value: cel::Value| HashMap::from([(name, value)]);
    let mut context = Context::default();
    let total = map("total", 18.0.into());
    context.add_variable_from_value("scores", map("measure", total.into()));
    let item = map("q9", 2.0.into());
    context.add_variable_from_value("answers", map("measure", item.into()));
    context.add_variable_from_value("flags", map("risk", false.into()));
    assert_eq!(program.execute(&context), Ok(false.into()));
    let mut group = c.benchmark_group("cel");
    group.bench_function("nested input", |b| b.iter(|| program.execute(black_box(&context))));
    let program = Program::compile("total >= 15.0 && q9 >= 2.0 && risk == true").expect("a program");
    let mut context = Context::default();
    context.add_variable_from_value("total", 18.0);
    context.add_variable_from_value("q9", 2.0);
    context.add_variable_from_value("risk", false);
    assert_eq!(program.execute(&context), Ok(false.into()));
    group.bench_function("flat input", |b| b.iter(|| program.execute(black_box(&context))));
    group.finish();
}

criterion_group!(benches, ours, zen, cel);
criterion_main!(benches);
