//! Rules, what they came to, and their simulation.

use chrono::TimeDelta;
use entity::{
    action::{self, rule::OverrideRule},
    rule,
    viewer::Viewer,
};
use rules::{answer::Answer, overrides::Leaf};
use sea_orm::{ColumnTrait, DatabaseBackend, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{app::TestApp, both_databases, care, client::done, contract, database::Kind, world::World};

use super::{Counting, crowd, morning};

/// The rules of a program that hold at a unit.
const RULES: u64 = 3;
/// The same, with what each overrides: what the narrower ones are, and the wider ones as those.
const OVERRIDDEN: u64 = 7;
/// What any number of rules came to for somebody.
const EXPLANATION: u64 = 14;
/// A rule that is saved anew, with what it overrides and is overridden by. PostgreSQL locks them by one more.
const SAVED_RULE: u64 = 10;
/// What a rule would have done with everybody at a unit.
const SIMULATION: u64 = 26;

fn high_score() -> Value {
    json!({ "trigger": { "event": { "formCompleted": { "form": "weekly-measure" } } },
        "condition": { "compare": { "fact": { "score": { "form": "weekly-measure", "scale": "total" } },
            "operator": "GTE", "value": 15 } },
        "actions": [{ "raiseFlag": { "kind": "high-score", "severity": "WARNING", "title": "High", "audience": "STAFF" } }] })
}

/// The same as the input of the contract.
fn high_score_input(key: &str, name: &str) -> Value {
    let mut input = high_score();
    input["programSlug"] = care::PROGRAM.into();
    input["key"] = key.into();
    input["name"] = name.into();
    input["enabled"] = true.into();
    input
}

/// Rules of the program, each with another threshold at the unit.
async fn overridden_rules(app: &TestApp, numbers: std::ops::Range<u32>) {
    for n in numbers {
        let key = format!("rule-{n}");
        care::save_rule(&app.store, &key, high_score()).await;
        let rules = rule::Entity::find().filter(rule::Column::Key.eq(key));
        let rule_id = rules.one(app.store.connection()).await.unwrap().unwrap().id;
        let lower = OverrideRule {
            rule_id,
            unit_id: Some(app.care.unit),
            enrollment_id: None,
            enabled: None,
            values: vec![Leaf {
                path: "condition.compare.value".to_owned(),
                value: Answer::Number(9.0),
            }],
            reason: "Äldre patienter".to_owned(),
        };
        let mut act = app.store.act(&Viewer::system()).await.unwrap();
        action::rule::override_rule(&mut act, lower).await.unwrap();
        act.commit().await.unwrap();
    }
}

async fn rules_take_as_many_for_fifty_as_for_five(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    const LIST: &str = "query($slug: String!, $unitId: ID!) { program(slug: $slug) { rules(unitId: $unitId) {
        scope overridden { id scope name } overriddenValues { path value wider } } } }";
    let world = World::without_program(kind, morning()).await;
    care::import_content(&world.store).await;
    let app = TestApp::over(world).await;
    app.enroll(1).await;
    let (therapist, unit, enrollment) = (app.therapist(), app.unit_id().await, app.enrollment_of(1).await);
    let mut counts = Vec::new();
    for (rules, there) in [(0..5, 5), (5..50, 50)] {
        overridden_rules(&app, rules).await;
        let counting = Counting(&app);
        let variables = json!({ "programSlug": care::PROGRAM, "unitId": unit });
        let (data, listed) = counting.ask(&therapist, "Rules", variables).await;
        assert_eq!(data["program"]["rules"].as_array().unwrap().len(), 2 * there);

        let before = app.store.statements();
        let variables = json!({ "slug": care::PROGRAM, "unitId": unit });
        let data = app.client.query(&therapist, LIST, variables).await.data();
        let overridden = app.store.statements() - before;
        let rules = data["program"]["rules"].as_array().unwrap();
        let of_unit: Vec<_> = rules.iter().filter(|rule| rule["scope"] == "UNIT").collect();
        assert_eq!((rules.len(), of_unit.len()), (2 * there, there));
        let value = json!([{ "path": "condition.compare.value", "value": 9, "wider": 15 }]);
        for rule in of_unit {
            assert_eq!(
                (&rule["overridden"]["scope"], &rule["overriddenValues"]),
                (&json!("PROGRAM"), &value)
            );
        }

        let variables = json!({ "enrollmentId": enrollment });
        let (data, explained) = counting.ask(&therapist, "ExplainRules", variables).await;
        assert_eq!(data["enrollment"]["ruleEvaluations"].as_array().unwrap().len(), there);

        let designer = app.staff("designer");
        let input = json!({ "input": high_score_input("rule-0", &format!("One of {there}")) });
        let (data, saved) = counting.ask(&designer, "SaveRule", input).await;
        done(&data);
        counts.push([listed, overridden, explained, saved]);
    }
    let saved = SAVED_RULE + u64::from(app.store.backend() == DatabaseBackend::Postgres);
    assert_eq!(counts, [[RULES, OVERRIDDEN, EXPLANATION, saved]; 2]);
}

async fn a_simulation_takes_as_many_for_fifty_as_for_five(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    let app = TestApp::start(kind, morning()).await;
    let (therapist, unit) = (app.therapist(), app.unit_id().await);
    let mut counts = Vec::new();
    for (people, there) in [(0..5, 5), (5..50, 50)] {
        crowd(&app, people).await;
        app.clock.advance(TimeDelta::minutes(1));
        let variables = json!({ "rule": high_score_input("simulated", "Simulated"), "unitId": unit,
            "from": morning(), "to": app.clock.now() });
        let (data, statements) = Counting(&app).ask(&therapist, "SimulateRule", variables).await;
        let simulated = &data["simulateRule"];
        assert_eq!(simulated["enrollmentsConsidered"], there);
        assert!(!simulated["firings"]["nodes"].as_array().unwrap().is_empty());
        counts.push(statements);
    }
    assert_eq!(counts, [SIMULATION, SIMULATION]);
}

both_databases!(
    rules_take_as_many_for_fifty_as_for_five,
    a_simulation_takes_as_many_for_fifty_as_for_five,
);
