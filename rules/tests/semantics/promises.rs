//! Answers that were promised and did not come.

use rules::facts::{Audience, Dated, Facts, Message, Status};
use serde_json::{Value, json};

use crate::common::*;

fn unanswered(change: impl FnOnce(&mut Value)) -> rules::evaluation::ActiveRule {
    let mut json = json!({ "trigger": { "event": { "messageUnanswered": {} } }, "actions": [] });
    change(&mut json);
    rule("promise", json)
}

/// Messages of the citizen: when each was sent, until when an answer was promised, and when it came.
fn written(messages: &[(&str, Option<&str>, Option<&str>)]) -> Facts {
    let mut facts = started(STOCKHOLM, local("2027-03-01 09:00"));
    for (number, (sent, promised, answered)) in (1..).zip(messages) {
        facts.messages.push(Message {
            id: id(number),
            at: local(sent),
            from: Audience::Citizen,
            answer_before: promised.map(local),
            answered_at: answered.map(local),
        });
    }
    facts
}

/// When it fires and for which message, as far as is known at the end of the month.
fn told(facts: &Facts) -> Vec<(String, String)> {
    let told = at_once(&[unanswered(|_| {})], facts, local("2027-03-31 12:00"));
    let which = told.firings.iter().map(|firing| firing.occurrence.clone());
    fired(&told).into_iter().zip(which).collect()
}

fn occurrence(number: u128) -> String {
    format!("unanswered/{}", id(number))
}

#[test]
fn a_broken_promise_fires_when_it_is_broken() {
    let by = Some("2027-03-04 17:00");
    let is = |answered: Option<&str>| told(&written(&[("2027-03-02 10:00", by, answered)]));
    let broken = vec![("2027-03-04 17:00".to_owned(), occurrence(1))];
    assert_eq!(is(None), broken);
    assert_eq!(is(Some("2027-03-05 09:00")), broken, "answered too late");
    assert_eq!(is(Some("2027-03-04 16:59")), []);
    assert_eq!(is(Some("2027-03-04 17:00")), [], "answered in time");
    assert_eq!(
        told(&written(&[("2027-03-02 10:00", None, None)])),
        [],
        "nothing was promised"
    );
}

#[test]
fn of_messages_that_wait_together_one_is_told_of() {
    // The second is sent while the first waits; the answer comes to both. Then somebody waits anew.
    let answered = Some("2027-03-05 10:00");
    let thread = [
        ("2027-03-02 10:00", Some("2027-03-03 17:00"), answered),
        ("2027-03-03 10:00", Some("2027-03-04 17:00"), answered),
        ("2027-03-08 10:00", Some("2027-03-09 17:00"), None),
    ];
    let both = [
        ("2027-03-03 17:00".to_owned(), occurrence(1)),
        ("2027-03-09 17:00".to_owned(), occurrence(3)),
    ];
    assert_eq!(told(&written(&thread)), both);
    // The unit has promised to be quicker since the first: that promise is broken before the other, and tells of both.
    let quicker = [
        ("2027-03-02 10:00", Some("2027-03-10 17:00"), None),
        ("2027-03-03 10:00", Some("2027-03-03 17:00"), None),
    ];
    assert_eq!(
        told(&written(&quicker)),
        [("2027-03-03 17:00".to_owned(), occurrence(2))]
    );
    // What was promised nothing for does not stand in the way of what was.
    let since = [
        ("2027-03-02 10:00", None, None),
        ("2027-03-03 10:00", Some("2027-03-03 17:00"), None),
    ];
    assert_eq!(told(&written(&since)), [("2027-03-03 17:00".to_owned(), occurrence(2))]);
}

#[test]
fn it_is_looked_at_when_the_promise_ends() {
    let facts = written(&[("2027-03-02 10:00", Some("2027-03-04 17:00"), None)]);
    let look = |facts: &Facts, at: &str| at_once(&[unanswered(|_| {})], facts, local(at)).wake_at;
    assert_eq!(look(&facts, "2027-03-03 10:00"), Some(local("2027-03-04 17:00")));
    assert_eq!(look(&facts, "2027-03-04 17:00"), None);
    let answered = written(&[("2027-03-02 10:00", Some("2027-03-04 17:00"), Some("2027-03-02 11:00"))]);
    assert_eq!(look(&answered, "2027-03-03 10:00"), None);
}

#[test]
fn a_new_rule_looks_at_no_older_promise_and_a_pause_lets_it_lapse() {
    let facts = written(&[("2027-03-02 10:00", Some("2027-03-04 17:00"), None)]);
    let saved = |at: &str| rules::evaluation::ActiveRule {
        effective_from: local(at),
        ..unanswered(|_| {})
    };
    let count = |rule, facts: &Facts| at_once(&[rule], facts, local("2027-03-31 12:00")).firings.len();
    assert_eq!(count(saved("2027-03-04 17:01"), &facts), 0);
    assert_eq!(count(saved("2027-03-04 16:00"), &facts), 1);
    let mut paused = facts;
    for (at, value) in [
        ("2027-03-03 09:00", Status::Paused),
        ("2027-03-08 09:00", Status::Active),
    ] {
        paused.statuses.push(Dated { at: local(at), value });
    }
    assert_eq!(count(unanswered(|_| {}), &paused), 0);
    let in_pause = unanswered(|rule| rule["statuses"] = json!(["ACTIVE", "PAUSED"]));
    assert_eq!(count(in_pause, &paused), 1);
}

#[test]
fn a_promise_that_lapsed_stands_in_the_way_of_none() {
    let mut facts = written(&[
        ("2027-03-02 10:00", Some("2027-03-04 17:00"), None),
        ("2027-03-09 10:00", Some("2027-03-11 17:00"), None),
        ("2027-03-10 10:00", Some("2027-03-12 17:00"), None),
    ]);
    let second = [("2027-03-11 17:00".to_owned(), occurrence(2))];
    let told_by = |rule: rules::evaluation::ActiveRule, facts: &Facts| {
        let told = at_once(std::slice::from_ref(&rule), facts, local("2027-03-31 12:00"));
        let which: Vec<String> = told.firings.iter().map(|firing| firing.occurrence.clone()).collect();
        fired(&told).into_iter().zip(which).collect::<Vec<_>>()
    };
    let late = rules::evaluation::ActiveRule {
        effective_from: local("2027-03-05 09:00"),
        ..unanswered(|_| {})
    };
    assert_eq!(told_by(late.clone(), &facts), second, "broken before the rule");
    let look = |rule, at| at_once(&[rule], &facts, local(at)).wake_at;
    assert_eq!(look(late, "2027-03-10 12:00"), Some(local("2027-03-11 17:00")));
    for (at, value) in [
        ("2027-03-03 09:00", Status::Paused),
        ("2027-03-08 09:00", Status::Active),
    ] {
        facts.statuses.push(Dated { at: local(at), value });
    }
    assert_eq!(told_by(unanswered(|_| {}), &facts), second, "broken during a pause");
}
