//! What rules can know.

use chrono::{Duration, NaiveDate};
use rules::{
    answer::Answer,
    facts::{Dispatch, Flag},
};
use serde_json::{Value, json};

use crate::common::*;

#[test]
fn dispatches_overdue_and_missed() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 00:00"));
    for day in 0..4 {
        let available_at = local("2027-01-05 08:00") + Duration::days(day);
        facts.dispatches.push(Dispatch {
            id: id(day as u128 + 1),
            form: "measure".to_owned(),
            known_at: available_at,
            available_at,
            overdue_at: Some(available_at + Duration::hours(6)),
            expires_at: Some(available_at + Duration::hours(12)),
            completed_at: (day == 0).then_some(available_at + Duration::hours(7)),
            cancelled_at: None,
        });
    }
    let compare = |fact: Value, value: u32| json!({ "compare": { "fact": fact, "operator": "GTE", "value": value } });
    let missed = whenever(
        compare(json!({ "missedDispatches": { "form": "measure" } }), 2),
        json!({}),
        json!({}),
    );
    let first = at_once(std::slice::from_ref(&missed), &facts, local("2027-01-04 00:00"));
    assert_eq!(first.wake_at, Some(local("2027-01-05 08:00")));
    assert_eq!(
        fired(&at_once(&[missed], &facts, local("2027-01-31 00:00"))),
        ["2027-01-07 20:00"]
    );
    let overdue = whenever(compare(json!({ "overdueDispatches": {} }), 1), json!({}), json!({}));
    let told = at_once(&[overdue], &facts, local("2027-01-07 00:00"));
    assert_eq!(fired(&told), ["2027-01-05 14:00", "2027-01-06 14:00"]);
    assert_eq!(
        told.ended.iter().map(|end| end.at).collect::<Vec<_>>(),
        [local("2027-01-05 15:00"), local("2027-01-06 20:00")]
    );
}

#[test]
fn a_dispatch_that_was_dated_back_counts_from_when_it_was_made() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 00:00"));
    facts.dispatches.push(Dispatch {
        id: id(1),
        form: "measure".to_owned(),
        known_at: local("2027-01-05 12:00"),
        available_at: local("2027-01-05 08:00"),
        overdue_at: Some(local("2027-01-05 10:00")),
        expires_at: Some(local("2027-01-05 11:00")),
        completed_at: None,
        cancelled_at: None,
    });
    let missed = json!({ "compare": { "fact": { "missedDispatches": {} }, "operator": "GTE", "value": 1 } });
    let told = at_once(
        &[whenever(missed, json!({}), json!({}))],
        &facts,
        local("2027-01-06 00:00"),
    );
    assert_eq!(fired(&told), ["2027-01-05 12:00"]);
}

#[test]
fn ages_weeks_progress_and_flags() {
    let mut facts = started(STOCKHOLM, local("2027-02-20 09:00"));
    facts.birth_date = NaiveDate::from_ymd_opt(2009, 2, 28);
    facts.modules = vec![
        rules::facts::Module {
            key: "one".to_owned(),
            opened: Vec::new(),
            steps: 3,
            completed: vec![
                local("2027-02-21 09:00"),
                local("2027-02-22 09:00"),
                local("2027-02-23 09:00"),
            ],
        },
        rules::facts::Module {
            key: "two".to_owned(),
            opened: Vec::new(),
            steps: 1,
            completed: Vec::new(),
        },
    ];
    facts.flags.push(Flag {
        id: id(1),
        kind: "risk".to_owned(),
        raised_at: local("2027-02-24 09:00"),
        resolved_at: None,
    });
    let fires = |fact: Value, value: Value| {
        let compare = json!({ "compare": { "fact": fact, "operator": if value.is_number() { "GTE" } else { "EQ" }, "value": value } });
        fired(&at_once(
            &[whenever(compare, json!({}), json!({}))],
            &facts,
            local("2027-04-01 00:00"),
        ))
    };
    assert_eq!(fires(json!({ "age": {} }), json!(18)), ["2027-02-28 00:00"]);
    assert_eq!(fires(json!({ "programWeek": {} }), json!(3)), ["2027-03-06 00:00"]);
    assert_eq!(
        fires(json!({ "moduleProgress": { "module": "one" } }), json!(60)),
        ["2027-02-22 09:00"]
    );
    assert_eq!(
        fires(json!({ "moduleProgress": { "module": "one" } }), json!(100)),
        ["2027-02-23 09:00"]
    );
    assert_eq!(fires(json!({ "programProgress": {} }), json!(75)), ["2027-02-23 09:00"]);
    assert_eq!(
        fires(json!({ "openFlag": { "kind": "risk" } }), json!(true)),
        ["2027-02-24 09:00"]
    );
    // Steps that were hidden after they were done do not count beyond the whole.
    let mut hidden = facts.clone();
    hidden.modules[0].steps = 2;
    let above =
        json!({ "compare": { "fact": { "moduleProgress": { "module": "one" } }, "operator": "GT", "value": 100 } });
    assert_eq!(
        at_once(
            &[whenever(above, json!({}), json!({}))],
            &hidden,
            local("2027-04-01 00:00")
        )
        .firings,
        []
    );
    assert_eq!(fires(json!({ "status": {} }), json!("ACTIVE")), ["2027-02-20 09:00"]);
    let opening = rule(
        "next",
        json!({
            "trigger": { "schedule": { "anchor": { "moduleCompleted": { "module": "one" } }, "slots": [{ "key": "now" }] } }, "actions": []
        }),
    );
    assert_eq!(
        fired(&at_once(&[opening], &facts, local("2027-02-23 09:00"))),
        ["2027-02-23 09:00"]
    );
}

#[test]
fn changes_means_and_the_previous() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    for (day, score) in [12.3, 10.1, 15.1].into_iter().enumerate() {
        submit(
            &mut facts,
            day as u128 + 1,
            "measure",
            local("2027-01-05 10:00") + Duration::days(day as i64),
            &[("total", score)],
            0,
        );
    }
    let value = |pick: &str, last: Value| {
        let fact = json!({ "score": { "form": "measure", "scale": "total", "pick": pick, "last": last } });
        let exists = json!({ "compare": { "fact": fact, "operator": "EXISTS", "value": true } });
        let told = at_once(&[on_answer(exists, json!({}))], &facts, local("2027-02-01 00:00"));
        let values = told.firings.iter().map(|firing| match &firing.trace.0[0].node {
            rules::trace::TraceNode::Compare {
                actual: Some(Answer::Number(number)),
                ..
            } => *number,
            other => panic!("{other:?}"),
        });
        values.collect::<Vec<_>>()
    };
    assert_eq!(value("LATEST", json!(null)), [12.3, 10.1, 15.1]);
    assert_eq!(value("FIRST", json!(null)), [12.3, 12.3, 12.3]);
    assert_eq!(value("PREVIOUS", json!(null)), [12.3, 10.1]);
    // The first answer has changed from nothing.
    assert_eq!(value("CHANGE_FROM_FIRST", json!(null)), [-2.2, 2.8]);
    assert_eq!(value("CHANGE_FROM_PREVIOUS", json!(null)), [-2.2, 5.0]);
    assert_eq!(value("MEAN", json!(2)), [11.2, 12.6]);
    assert_eq!(value("MEAN", json!(null)), [12.3, 11.2, 12.5]);
}
