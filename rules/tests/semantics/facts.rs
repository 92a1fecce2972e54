//! What rules can know.

use chrono::{Duration, NaiveDate};
use rules::{
    answer::Answer,
    as_of::AsOf,
    definition::Fact,
    facts::{Audience, Dated, Dispatch, Facts, FlagState, Instant, Message, Module, Section, Sex},
};
use serde_json::{Value, json};

use crate::common::*;

/// What a fact is at an instant.
pub fn value(facts: &Facts, fact: Value, at: Instant) -> Option<Answer> {
    let fact: Fact = serde_json::from_value(fact).unwrap();
    AsOf::new(facts, at).value(&fact).map(Answer::from)
}

/// The number that a fact is at a local time in Stockholm.
pub fn number(facts: &Facts, fact: Value, at: &str) -> Option<f64> {
    value(facts, fact, local(at)).map(|value| match value {
        Answer::Number(number) => number,
        other => panic!("{other:?}"),
    })
}

fn scored(pick: &str, last: Option<u32>) -> Value {
    json!({ "score": { "form": "measure", "scale": "total", "pick": pick, "last": last } })
}

fn score_of(facts: &Facts, pick: &str, last: Option<u32>, at: &str) -> Option<f64> {
    let mut fact = scored(pick, last);
    if last.is_none() {
        fact["score"].as_object_mut().unwrap().remove("last");
    }
    number(facts, fact, at)
}

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
    let section = |key: &str, steps, completed| Section {
        key: key.to_owned(),
        visible: Vec::new(),
        steps,
        completed,
    };
    let module = |key: &str, sections| Module {
        key: key.to_owned(),
        opened: Vec::new(),
        visible: Vec::new(),
        sections,
    };
    let done = ["2027-02-21 09:00", "2027-02-22 09:00", "2027-02-23 09:00"].map(local);
    facts.modules = vec![
        module(
            "one",
            vec![
                section("part", 2, done[..2].to_vec()),
                section("rest", 1, done[2..].to_vec()),
            ],
        ),
        module("two", vec![section("more", 1, Vec::new())]),
    ];
    facts
        .flags
        .push(flag(1, "risk", &[(local("2027-02-24 09:00"), FlagState::Open)]));
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
    // Done steps do not count beyond the whole.
    let mut hidden = facts.clone();
    hidden.modules[0].sections[0].steps = 1;
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

/// Scores of one form on days from 5 January 2027 on, at 10:00.
fn measured(scores: &[Option<f64>]) -> Facts {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    for (day, score) in scores.iter().enumerate() {
        let at = local("2027-01-05 10:00") + Duration::days(day as i64);
        let scores: Vec<(&str, f64)> = score.iter().map(|score| ("total", *score)).collect();
        submit(&mut facts, day as u128 + 1, "measure", at, &scores, 0);
    }
    facts
}

#[test]
fn the_highest_and_the_lowest_of_the_last_ones() {
    let facts = measured(&[Some(9.0), Some(2.0), None, Some(4.0)]);
    let end = "2027-01-09 00:00";
    assert_eq!(score_of(&facts, "MAX", None, end), Some(9.0));
    assert_eq!(score_of(&facts, "MIN", None, end), Some(2.0));
    // A response without a score is none of the last two scores.
    assert_eq!(score_of(&facts, "MAX", Some(2), end), Some(4.0));
    assert_eq!(score_of(&facts, "MIN", Some(1), end), Some(4.0));
    assert_eq!(score_of(&facts, "MAX", Some(3), end), Some(9.0));
    // There are but three.
    for pick in ["MAX", "MIN", "MEAN"] {
        assert_eq!(score_of(&facts, pick, Some(4), end), None, "{pick}");
        assert_eq!(score_of(&facts, pick, None, "2027-01-05 09:59"), None, "{pick}");
    }
    assert_eq!(score_of(&facts, "MAX", Some(1), "2027-01-05 10:00"), Some(9.0));
}

#[test]
fn changes_in_percent() {
    let facts = measured(&[Some(12.0), Some(9.0), Some(0.0), Some(3.0), None]);
    let change = |pick: &str, day: u32| score_of(&facts, pick, None, &format!("2027-01-{day:02} 12:00"));
    let (first, previous) = ("PERCENT_CHANGE_FROM_FIRST", "PERCENT_CHANGE_FROM_PREVIOUS");
    assert_eq!(
        [change(first, 5), change(previous, 5)],
        [None, None],
        "nothing to change from"
    );
    assert_eq!([change(first, 6), change(previous, 6)], [Some(-25.0), Some(-25.0)]);
    assert_eq!([change(first, 7), change(previous, 7)], [Some(-100.0), Some(-100.0)]);
    assert_eq!(
        [change(first, 8), change(previous, 8)],
        [Some(-75.0), None],
        "from 0 there is no percentage"
    );
    assert_eq!(
        [change(first, 9), change(previous, 9)],
        [None, None],
        "the latest has no score"
    );
    // Of a negative score the way up is a rise.
    let negative = measured(&[Some(-10.0), Some(-5.0)]);
    assert_eq!(score_of(&negative, first, None, "2027-01-07 00:00"), Some(50.0));
    let third = measured(&[Some(3.0), Some(4.0)]);
    assert_eq!(score_of(&third, first, None, "2027-01-07 00:00"), Some(33.333_333_333));
}

#[test]
fn the_reliable_change() {
    // Standard deviation 6.1 and reliability 0.84 (as of PHQ-9 in primary care): the error of a difference is 3.45.
    let scale: rules::form::Scale = serde_json::from_value(json!({
        "key": "total", "label": { "en": "Total" }, "method": "SUM", "items": ["q1"], "standardDeviation": 6.1, "reliability": 0.84
    }))
    .unwrap();
    let error = scale.error_of_difference().unwrap();
    assert!((error - 3.4507).abs() < 0.0001, "{error}");
    let mut facts = measured(&[Some(18.0), Some(11.0)]);
    let at = "2027-01-07 00:00";
    assert_eq!(
        score_of(&facts, "RELIABLE_CHANGE", None, at),
        None,
        "the scale tells no reliability"
    );
    for response in &mut facts.responses {
        response.scores[0].error_of_difference = Some(error);
    }
    let change = score_of(&facts, "RELIABLE_CHANGE", None, at).unwrap();
    assert!((change - -7.0 / error).abs() < 1e-6 && change < -1.96, "{change}");
    assert_eq!(
        score_of(&facts, "RELIABLE_CHANGE", None, "2027-01-05 12:00"),
        None,
        "one score has not changed"
    );
}

#[test]
fn an_amendment_takes_the_place_of_what_it_amends() {
    let mut facts = measured(&[Some(20.0), Some(10.0)]);
    // The first response is amended after the second, the second voided later still.
    submit(
        &mut facts,
        3,
        "measure",
        local("2027-01-08 10:00"),
        &[("total", 16.0)],
        0,
    );
    facts.responses[0].superseded_at = Some(local("2027-01-08 10:00"));
    facts.responses[1].superseded_at = Some(local("2027-01-09 10:00"));
    facts.responses[2].answered_at = facts.responses[0].at;
    facts
        .responses
        .sort_by_key(|response| (response.answered_at, response.at));
    let scores = |at: &str| ["FIRST", "LATEST", "CHANGE_FROM_FIRST"].map(|pick| score_of(&facts, pick, None, at));
    assert_eq!(scores("2027-01-05 12:00"), [Some(20.0), Some(20.0), None]);
    assert_eq!(scores("2027-01-08 09:59"), [Some(20.0), Some(10.0), Some(-10.0)]);
    assert_eq!(scores("2027-01-08 10:00"), [Some(16.0), Some(10.0), Some(-6.0)]);
    assert_eq!(scores("2027-01-09 10:00"), [Some(16.0), Some(16.0), None]);
    let since = json!({ "daysSince": { "event": "FORM_COMPLETED", "form": "measure" } });
    assert_eq!(number(&facts, since.clone(), "2027-01-08 12:00"), Some(2.0));
    assert_eq!(
        number(&facts, since, "2027-01-09 12:00"),
        Some(4.0),
        "answered on the 5th, though amended on the 8th"
    );

    // The events of all three are judged, each as of its own response.
    let exists = json!({ "compare": { "fact": scored("LATEST", None), "operator": "EXISTS", "value": true } });
    let mut exists = exists;
    exists["compare"]["fact"]["score"]
        .as_object_mut()
        .unwrap()
        .remove("last");
    let told = at_once(&[on_answer(exists, json!({}))], &facts, local("2027-02-01 00:00"));
    let latest = told.firings.iter().map(|firing| match &firing.trace.0[0].node {
        rules::trace::TraceNode::Compare { actual, .. } => actual.clone(),
        other => panic!("{other:?}"),
    });
    let expected = [20.0, 10.0, 16.0].map(|score| Some(Answer::Number(score)));
    assert_eq!(latest.collect::<Vec<_>>(), expected);
}

#[test]
fn progress_follows_what_is_shown() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    let shown = |changes: &[(&str, bool)]| {
        let changes = changes.iter().map(|(at, value)| Dated {
            at: local(at),
            value: *value,
        });
        changes.collect::<Vec<_>>()
    };
    facts.modules = vec![Module {
        key: "one".to_owned(),
        opened: Vec::new(),
        visible: shown(&[("2027-01-10 09:00", false), ("2027-01-11 09:00", true)]),
        sections: vec![
            Section {
                key: "part".to_owned(),
                visible: Vec::new(),
                steps: 2,
                completed: vec![local("2027-01-05 09:00")],
            },
            Section {
                key: "rest".to_owned(),
                visible: shown(&[("2027-01-06 09:00", false), ("2027-01-07 09:00", true)]),
                steps: 2,
                completed: Vec::new(),
            },
            Section {
                key: "empty".to_owned(),
                visible: Vec::new(),
                steps: 0,
                completed: Vec::new(),
            },
        ],
    }];
    let told = |fact: Value| {
        ["04", "05", "06", "07", "10", "11"].map(|day| number(&facts, fact.clone(), &format!("2027-01-{day} 10:00")))
    };
    let (none, quarter, half) = (Some(0.0), Some(25.0), Some(50.0));
    assert_eq!(
        told(json!({ "moduleProgress": { "module": "one" } })),
        [none, quarter, half, quarter, None, quarter]
    );
    assert_eq!(
        told(json!({ "programProgress": {} })),
        [none, quarter, half, quarter, None, quarter]
    );
    assert_eq!(
        told(json!({ "sectionProgress": { "section": "part" } })),
        [none, half, half, half, None, half]
    );
    assert_eq!(
        told(json!({ "sectionProgress": { "section": "rest" } })),
        [none, none, None, none, None, none]
    );
    assert_eq!(told(json!({ "sectionProgress": { "section": "empty" } })), [None; 6]);
    assert_eq!(
        told(json!({ "sectionProgress": { "section": "unheard-of" } })),
        [None; 6]
    );
}

#[test]
fn days_since_messages() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    let sent = [
        (Audience::Staff, "2027-01-03 12:00"),
        (Audience::Citizen, "2027-01-06 12:00"),
        (Audience::Staff, "2027-01-08 12:00"),
    ];
    let message = |(from, at)| Message {
        id: id(1),
        at: local(at),
        from,
        answer_before: None,
        answered_at: None,
    };
    facts.messages = sent.map(message).to_vec();
    let since = |event: &str, day: &str| {
        let fact = json!({ "daysSince": { "event": event } });
        number(&facts, fact, &format!("2027-01-{day} 23:00"))
    };
    let either = ["02", "03", "05", "06", "08", "09"].map(|day| since("MESSAGE", day));
    assert_eq!(either, [None, Some(0.0), Some(2.0), Some(0.0), Some(0.0), Some(1.0)]);
    let citizen = ["05", "06", "09"].map(|day| since("MESSAGE_FROM_CITIZEN", day));
    assert_eq!(citizen, [None, Some(0.0), Some(3.0)], "missing until there is one");
    let staff = ["05", "07", "08", "09"].map(|day| since("MESSAGE_FROM_STAFF", day));
    assert_eq!(staff, [Some(2.0), Some(4.0), Some(0.0), Some(1.0)]);
}

#[test]
fn days_since_the_oldest_message_without_an_answer() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    let sent = [
        (Audience::Citizen, "2027-01-05 12:00", Some("2027-01-08 12:00")),
        // A rule writes this: no answer.
        (Audience::Staff, "2027-01-05 12:01", None),
        (Audience::Citizen, "2027-01-07 12:00", Some("2027-01-08 12:00")),
        (Audience::Citizen, "2027-01-10 12:00", None),
        (Audience::Citizen, "2027-01-11 12:00", Some("2027-01-12 12:00")),
    ];
    let message = |(from, at, answered_at): (Audience, &str, Option<&str>)| Message {
        id: id(1),
        at: local(at),
        from,
        answer_before: None,
        answered_at: answered_at.map(local),
    };
    facts.messages = sent.map(message).to_vec();
    let days = ["04", "05", "06", "07", "08", "09", "10", "11", "12"].map(|day| {
        let fact = json!({ "daysSince": { "event": "UNANSWERED_MESSAGE" } });
        number(&facts, fact, &format!("2027-01-{day} 23:00"))
    });
    let expected = [
        None,
        Some(0.0),
        Some(1.0),
        Some(2.0),
        None,
        None,
        Some(0.0),
        Some(1.0),
        Some(2.0),
    ];
    assert_eq!(
        days, expected,
        "one that is newer and answered does not count for the oldest"
    );
}

#[test]
fn a_flag_is_open_until_it_is_resolved_and_again_when_it_is_reopened() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    facts.flags.push(flag(
        1,
        "risk",
        &[
            (local("2027-01-05 09:00"), FlagState::Open),
            (local("2027-01-06 09:00"), FlagState::Acknowledged),
            (local("2027-01-07 09:00"), FlagState::Resolved),
            (local("2027-01-08 09:00"), FlagState::Open),
            (local("2027-01-09 09:00"), FlagState::Resolved),
        ],
    ));
    facts
        .flags
        .push(flag(2, "risk", &[(local("2027-01-11 09:00"), FlagState::Open)]));
    facts
        .flags
        .push(flag(3, "other", &[(local("2027-01-04 10:00"), FlagState::Open)]));
    let open = ["04", "05", "06", "07", "08", "09", "10", "11"].map(|day| {
        let at = local(&format!("2027-01-{day} 12:00"));
        value(&facts, json!({ "openFlag": { "kind": "risk" } }), at) == Some(Answer::Boolean(true))
    });
    assert_eq!(open, [false, true, true, false, true, false, false, true]);
}

#[test]
fn what_is_not_known_is_missing_and_what_has_not_happened_is_none() {
    let facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    let at = local("2027-01-05 12:00");
    for missing in [
        json!({ "score": { "form": "measure", "scale": "total" } }),
        json!({ "answer": { "form": "measure", "item": "q1" } }),
        json!({ "daysSince": { "event": "FORM_COMPLETED" } }),
        json!({ "daysSince": { "event": "MESSAGE" } }),
        json!({ "daysSince": { "event": "MESSAGE_FROM_CITIZEN" } }),
        json!({ "daysSince": { "event": "MESSAGE_FROM_STAFF" } }),
        json!({ "daysSince": { "event": "UNANSWERED_MESSAGE" } }),
        json!({ "daysSince": { "event": "MEASUREMENT" } }),
        json!({ "measurement": { "kind": "weight" } }),
        json!({ "rating": {} }),
        json!({ "moduleProgress": { "module": "one" } }),
        json!({ "sectionProgress": { "section": "part" } }),
        json!({ "programProgress": {} }),
        json!({ "age": {} }),
        json!({ "sex": {} }),
    ] {
        assert_eq!(value(&facts, missing.clone(), at), None, "{missing}");
    }
    for none in [
        json!({ "overdueDispatches": {} }),
        json!({ "missedDispatches": {} }),
        json!({ "missedActivities": { "days": 7 } }),
    ] {
        assert_eq!(value(&facts, none.clone(), at), Some(Answer::Number(0.0)), "{none}");
    }
    assert_eq!(
        value(&facts, json!({ "openFlag": { "kind": "risk" } }), at),
        Some(Answer::Boolean(false))
    );
    // Before the start nothing counts.
    for event in ["SIGN_IN", "ACTIVITY"] {
        let since = json!({ "daysSince": { "event": event } });
        assert_eq!(value(&facts, since.clone(), at), Some(Answer::Number(1.0)), "{event}");
        assert_eq!(value(&facts, since, local("2027-01-04 08:59")), None, "{event}");
    }
    assert_eq!(
        value(&facts, json!({ "programWeek": {} }), local("2027-01-04 08:59")),
        None
    );
    assert_eq!(value(&facts, json!({ "status": {} }), local("2027-01-04 08:59")), None);
    let mut told = facts.clone();
    told.sex = Some(Sex::Female);
    assert_eq!(
        value(&told, json!({ "sex": {} }), at),
        Some(Answer::Text("FEMALE".to_owned()))
    );
}
