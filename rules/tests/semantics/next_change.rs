//! A comparison says exactly when to look at it again.

use chrono::Duration;
use proptest::prelude::*;
use rules::{
    answer::Answer,
    as_of::AsOf,
    condition::{next_change, verdict},
    definition::{Compare, Condition, Fact},
    facts::Instant,
    form::Operator,
};
use serde_json::json;

use crate::{
    any_history::{SPAN_MINUTES, any_history},
    common::cases,
};

/// Any fact, each of its kinds and picks as likely as the others.
fn any_fact() -> impl Strategy<Value = Fact> {
    let mut facts = vec![
        json!({ "answer": { "form": "measure", "item": "item" } }),
        json!({ "overdueDispatches": {} }),
        json!({ "overdueDispatches": { "form": "diary" } }),
        json!({ "missedDispatches": {} }),
        json!({ "missedDispatches": { "form": "measure" } }),
        json!({ "moduleProgress": { "module": "one" } }),
        json!({ "sectionProgress": { "section": "first" } }),
        json!({ "programProgress": {} }),
        json!({ "missedActivities": { "days": 1 } }),
        json!({ "missedActivities": { "days": 2 } }),
        json!({ "programWeek": {} }),
        json!({ "status": {} }),
        json!({ "age": {} }),
        json!({ "sex": {} }),
        json!({ "openFlag": { "kind": "risk" } }),
        json!({ "daysSince": { "event": "FORM_COMPLETED", "form": "measure" } }),
    ];
    for event in [
        "SIGN_IN",
        "ACTIVITY",
        "FORM_COMPLETED",
        "MESSAGE",
        "MESSAGE_FROM_CITIZEN",
        "MESSAGE_FROM_STAFF",
        "UNANSWERED_MESSAGE",
        "MEASUREMENT",
    ] {
        facts.push(json!({ "daysSince": { "event": event } }));
    }
    for pick in [
        "LATEST",
        "FIRST",
        "PREVIOUS",
        "CHANGE_FROM_FIRST",
        "CHANGE_FROM_PREVIOUS",
        "MEAN",
        "MAX",
        "MIN",
        "PERCENT_CHANGE_FROM_FIRST",
        "PERCENT_CHANGE_FROM_PREVIOUS",
        "RELIABLE_CHANGE",
    ] {
        facts.push(json!({ "score": { "form": "measure", "scale": "total", "pick": pick } }));
        facts.push(json!({ "measurement": { "kind": "weight", "pick": pick } }));
        for of in ["AFTER", "BEFORE", "DIFFERENCE"] {
            facts.push(json!({ "rating": { "of": of, "pick": pick } }));
        }
    }
    facts.push(json!({ "score": { "form": "measure", "scale": "total", "pick": "MAX", "last": 2 } }));
    facts.push(json!({ "measurement": { "kind": "pulse", "pick": "MEAN", "last": 2 } }));
    facts.push(json!({ "daysSince": { "event": "MEASUREMENT", "kind": "pulse" } }));
    facts.push(json!({ "rating": { "of": "AFTER", "pick": "MEAN", "last": 2 } }));
    let facts: Vec<Fact> = facts
        .into_iter()
        .map(|fact| serde_json::from_value(fact).unwrap())
        .collect();
    prop::sample::select(facts)
}

fn any_value(fact: &Fact) -> BoxedStrategy<Answer> {
    let numbers = |numbers: &[f64]| prop::sample::select(numbers.to_vec()).prop_map(Answer::Number).boxed();
    match fact {
        Fact::Status(_) => Just(Answer::Text("ACTIVE".to_owned())).boxed(),
        Fact::Sex(_) => Just(Answer::Text("FEMALE".to_owned())).boxed(),
        Fact::OpenFlag(_) => any::<bool>().prop_map(Answer::Boolean).boxed(),
        Fact::Age(_) => numbers(&[29.0, 30.0, 30.5]),
        Fact::ModuleProgress(_) | Fact::SectionProgress(_) | Fact::ProgramProgress(_) => {
            numbers(&[0.0, 50.0, 66.0, 100.0])
        }
        _ => numbers(&[-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]),
    }
}

fn any_comparison() -> impl Strategy<Value = Compare> {
    let operator = prop::sample::select(vec![
        Operator::Eq,
        Operator::Ne,
        Operator::Gt,
        Operator::Gte,
        Operator::Lt,
        Operator::Lte,
        Operator::Exists,
    ]);
    (any_fact(), operator)
        .prop_flat_map(|(fact, operator)| {
            let value = match operator {
                Operator::Exists => any::<bool>().prop_map(Answer::Boolean).boxed(),
                _ => any_value(&fact),
            };
            (Just(fact), Just(operator), value)
        })
        .prop_map(|(fact, operator, value)| Compare { fact, operator, value })
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn a_comparison_keeps_its_verdict_until_it_says_to_look_again((begin, facts) in any_history(), compare in any_comparison()) {
        let condition = Condition::Compare(compare);
        let judge = |at: Instant| {
            let as_of = AsOf::new(&facts, at);
            (verdict(&condition, &as_of), next_change(&condition, &as_of))
        };
        let (mut held, mut next) = judge(begin);
        for minute in 1..SPAN_MINUTES {
            let now = begin + Duration::minutes(minute);
            while let Some(change) = next.filter(|change| *change <= now) {
                prop_assert_eq!(judge(change - Duration::microseconds(1)).0, held, "just before {}", change);
                let (verdict, then) = judge(change);
                prop_assert!(then.is_none_or(|then| then > change), "{:?} is not after {}", then, change);
                (held, next) = (verdict, then);
            }
            prop_assert_eq!(judge(now).0, held, "at {}, to be looked at again at {:?}", now, next);
        }
    }
}
