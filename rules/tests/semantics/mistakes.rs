//! What rules are refused for, mistake by mistake.

mod actions;
mod conditions;
mod triggers;
mod whole;

use serde_json::Value;

use crate::validation::{found, problems};

/// A rule with what is wrong with it.
type Mistake = (Value, &'static [&'static str]);

fn mistakes() -> Vec<Mistake> {
    [
        triggers::mistakes(),
        conditions::mistakes(),
        actions::mistakes(),
        whole::mistakes(),
    ]
    .concat()
}

#[test]
fn each_mistake_is_named_with_its_place() {
    let differ = |(rule, expected): &(Value, &[&str])| problems(rule.clone()) != *expected;
    for (rule, expected) in mistakes().iter().filter(|case| differ(case)) {
        println!("{rule:#}: {:?} instead of {expected:?}", problems(rule.clone()));
    }
    assert!(!mistakes().iter().any(differ), "see above");
}

#[test]
fn each_place_is_one_in_the_rule() {
    let broken = mistakes().into_iter().map(|(rule, _)| rule);
    for rule in broken.chain(crate::contradictions::rules()) {
        for problem in found(rule.clone()) {
            let (last, way) = problem.path.split_last().unwrap();
            let mut place = &rule;
            for segment in way {
                let next = segment
                    .parse()
                    .map_or_else(|_| place.get(segment), |index: usize| place.get(index));
                place = next.unwrap_or_else(|| panic!("{:?} leads nowhere in {rule:#}", problem.path));
            }
            // The field itself may be what is missing.
            let is_there = match place {
                Value::Object(_) => last.parse::<usize>().is_err(),
                Value::Array(entries) => last.parse().is_ok_and(|index: usize| index < entries.len()),
                _ => false,
            };
            assert!(is_there, "{:?} leads nowhere in {rule:#}", problem.path);
            assert!(
                !problem.message.is_empty() && !problem.message.ends_with('.'),
                "{}",
                problem.message
            );
        }
    }
}
