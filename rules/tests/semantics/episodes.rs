//! Rules triggered by their condition becoming true.

use chrono::Duration;
use rules::evaluation::{ActiveRule, RuleSet};
use serde_json::json;

use crate::common::*;

#[test]
fn no_sign_in_for_seven_days_over_a_clock_change() {
    let mut facts = started(STOCKHOLM, local("2027-03-20 09:00"));
    facts.sign_ins.push(local("2027-03-25 23:30"));
    let rules = [whenever(no_sign_in_for(7), json!({}), json!({}))];
    let before = at_once(&rules, &facts, local("2027-03-26 00:00"));
    assert_eq!(before.firings, []);
    // Seven calendar days after the 25th begin at midnight: one hour less than 168 are enough.
    assert_eq!(before.wake_at, Some(local("2027-04-01 00:00")));
    let told = evaluate(&rules, &facts, &before.state, local("2027-04-01 00:00"));
    assert_eq!(
        (fired(&told), told.firings[0].occurrence.as_str()),
        (vec!["2027-04-01 00:00".to_owned()], "episode-1")
    );
    // It fires once, and again after somebody was here.
    let silent = evaluate(&rules, &facts, &told.state, local("2027-05-01 00:00"));
    assert_eq!(silent.firings, []);
    facts.sign_ins.push(local("2027-05-02 08:00"));
    let back = evaluate(&rules, &facts, &silent.state, local("2027-05-02 08:00"));
    assert_eq!((back.ended.len(), back.ended[0].occurrence.as_str()), (1, "episode-1"));
    assert_eq!(back.wake_at, Some(local("2027-05-09 00:00")));
    let again = evaluate(&rules, &facts, &back.state, local("2027-05-09 00:00"));
    assert_eq!(again.firings[0].occurrence, "episode-2");
}

#[test]
fn an_episode_must_hold_and_may_be_released_lower() {
    let answers = |scores: &[f64]| {
        let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
        for (day, score) in scores.iter().enumerate() {
            let at = local("2027-01-05 10:00") + Duration::days(day as i64);
            submit(&mut facts, day as u128 + 1, "measure", at, &[("total", *score)], 0);
        }
        facts
    };
    let now = local("2027-01-31 00:00");
    let held = [whenever(score_at_least(15), json!({ "heldFor": "P2D" }), json!({}))];
    assert_eq!(fired(&at_once(&held, &answers(&[16.0]), now)), ["2027-01-07 10:00"]);
    assert_eq!(
        fired(&at_once(&held, &answers(&[16.0, 14.0, 16.0, 17.0]), now)),
        ["2027-01-09 10:00"]
    );
    let release = json!({ "compare": { "fact": { "score": { "form": "measure", "scale": "total" } }, "operator": "LT", "value": 10 } });
    let hysteresis = [whenever(score_at_least(15), json!({ "release": release }), json!({}))];
    let told = at_once(&hysteresis, &answers(&[16.0, 12.0, 16.0, 9.0, 15.0]), now);
    assert_eq!(fired(&told), ["2027-01-05 10:00", "2027-01-09 10:00"]);
    assert_eq!(
        told.ended.iter().map(|end| end.at).collect::<Vec<_>>(),
        [local("2027-01-08 10:00")]
    );
}

#[test]
fn a_missing_score_does_not_end_what_has_fired() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    submit(
        &mut facts,
        1,
        "measure",
        local("2027-01-05 10:00"),
        &[("total", 20.0)],
        0,
    );
    submit(&mut facts, 2, "measure", local("2027-01-06 10:00"), &[], 0);
    submit(
        &mut facts,
        3,
        "measure",
        local("2027-01-07 10:00"),
        &[("total", 20.0)],
        0,
    );
    let told = at_once(
        &[whenever(score_at_least(15), json!({}), json!({}))],
        &facts,
        local("2027-01-08 00:00"),
    );
    assert_eq!((told.firings.len(), told.ended.len()), (1, 0));
}

#[test]
fn cooldown_and_cap_let_events_lapse_and_episodes_wait() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    for (number, (time, score)) in [("10:00", 20.0), ("11:00", 5.0), ("12:00", 20.0)]
        .into_iter()
        .enumerate()
    {
        submit(
            &mut facts,
            number as u128 + 1,
            "measure",
            local(&format!("2027-01-05 {time}")),
            &[("total", score)],
            0,
        );
    }
    let now = local("2027-01-20 00:00");
    assert_eq!(
        fired(&at_once(
            &[on_answer(score_at_least(15), json!({ "cooldown": "P1D" }))],
            &facts,
            now
        )),
        ["2027-01-05 10:00"]
    );
    let waiting = [whenever(score_at_least(15), json!({}), json!({ "cooldown": "P1D" }))];
    let first = at_once(&waiting, &facts, local("2027-01-05 12:00"));
    assert_eq!(
        (fired(&first), first.wake_at),
        (vec!["2027-01-05 10:00".to_owned()], Some(local("2027-01-06 10:00")))
    );
    assert_eq!(
        fired(&at_once(&waiting, &facts, now)),
        ["2027-01-05 10:00", "2027-01-06 10:00"]
    );
    let capped = at_once(
        &[whenever(score_at_least(15), json!({}), json!({ "maxFirings": 1 }))],
        &facts,
        now,
    );
    assert_eq!((capped.firings.len(), capped.wake_at), (1, None));
    // A stop condition holds back while it is true.
    let stopped = json!({ "stopWhen": { "compare": { "fact": { "daysSince": { "event": "SIGN_IN" } }, "operator": "LT", "value": 3 } } });
    assert_eq!(
        fired(&at_once(
            &[whenever(score_at_least(15), json!({}), stopped)],
            &facts,
            now
        )),
        ["2027-01-07 00:00"]
    );
}

#[test]
fn a_rule_owns_only_what_comes_after_it_took_effect() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 07:00"));
    submit(
        &mut facts,
        1,
        "measure",
        local("2027-01-04 08:00"),
        &[("total", 20.0)],
        0,
    );
    let now = local("2027-01-08 12:00");
    let mut new = daily(json!({ "catchUp": "ALL" }));
    new.effective_from = local("2027-01-06 08:00");
    assert_eq!(
        fired(&at_once(&[new.clone()], &facts, now)),
        ["2027-01-06 08:00", "2027-01-07 08:00", "2027-01-08 08:00"]
    );
    let mut old = daily(json!({ "catchUp": "ALL" }));
    old.effective_until = Some(local("2027-01-06 08:00"));
    old.version = id(7);
    let told = at_once(&[new.clone(), old], &facts, now);
    assert_eq!(
        told.firings
            .iter()
            .map(|firing| firing.version == id(7))
            .collect::<Vec<_>>(),
        [true, true, false, false, false]
    );
    // A new rule begins with what is true when it takes effect; switched off, it fires nothing.
    let mut standing = whenever(score_at_least(15), json!({}), json!({}));
    standing.effective_from = local("2027-01-06 00:00");
    assert_eq!(fired(&at_once(&[standing.clone()], &facts, now)), ["2027-01-06 00:00"]);
    standing.enabled = false;
    let mut on_again = standing.clone();
    (on_again.enabled, on_again.effective_from) = (true, local("2027-01-07 00:00"));
    standing.effective_until = Some(on_again.effective_from);
    assert_eq!(
        fired(&at_once(&[standing, on_again], &facts, now)),
        ["2027-01-07 00:00"]
    );
    // What is to take effect later says when.
    new.effective_from = local("2027-02-01 00:00");
    assert_eq!(at_once(&[new], &facts, now).wake_at, Some(local("2027-02-01 00:00")));
}

#[test]
fn of_two_versions_of_one_instant_the_same_one_holds() {
    let at = local("2027-01-04 09:00");
    let version = |number| ActiveRule {
        version: id(number),
        effective_from: at,
        ..daily(json!({}))
    };
    for order in [[1, 2], [2, 1]] {
        let set = RuleSet::new(order.map(version).to_vec());
        assert_eq!(set.in_effect("daily", at).map(|rule| rule.version), Some(id(2)));
    }
}

#[test]
fn switched_off_an_episode_that_fired_still_ends() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 07:00"));
    submit(
        &mut facts,
        1,
        "measure",
        local("2027-01-04 08:00"),
        &[("total", 20.0)],
        0,
    );
    submit(
        &mut facts,
        2,
        "measure",
        local("2027-01-06 08:00"),
        &[("total", 2.0)],
        0,
    );
    let on = ActiveRule {
        effective_until: Some(local("2027-01-05 00:00")),
        ..whenever(score_at_least(15), json!({}), json!({}))
    };
    let off = ActiveRule {
        effective_from: local("2027-01-05 00:00"),
        effective_until: None,
        enabled: false,
        ..on.clone()
    };
    let told = at_once(&[on, off], &facts, local("2027-01-07 00:00"));
    assert_eq!((told.firings.len(), told.ended.len()), (1, 1));
    assert_eq!(told.ended[0].at, local("2027-01-06 08:00"));
}

#[test]
fn an_end_is_one_deeper_than_its_cause() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 07:00"));
    for (number, score, depth) in [(1, 20.0, 1), (2, 2.0, 4)] {
        let at = local("2027-01-04 08:00") + Duration::hours(number);
        submit(&mut facts, number as u128, "measure", at, &[("total", score)], depth);
    }
    let rules = [whenever(score_at_least(15), json!({}), json!({}))];
    let told = at_once(&rules, &facts, local("2027-01-05 00:00"));
    assert_eq!((told.firings[0].depth, told.ended[0].depth), (2, 5));
}

#[test]
fn what_had_to_hold_carries_the_depth_of_what_began_it() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 07:00"));
    submit(
        &mut facts,
        1,
        "measure",
        local("2027-01-04 08:00"),
        &[("total", 20.0)],
        3,
    );
    let held = [whenever(score_at_least(15), json!({ "heldFor": "P3D" }), json!({}))];
    // However the time is cut.
    let before = at_once(&held, &facts, local("2027-01-05 00:00"));
    assert_eq!(before.state.rules["whenever"].episode_depth, 3);
    let told = evaluate(&held, &facts, &before.state, local("2027-01-08 00:00"));
    assert_eq!(told.firings.iter().map(|firing| firing.depth).collect::<Vec<_>>(), [4]);
    assert_eq!(at_once(&held, &facts, local("2027-01-08 00:00")).firings, told.firings);
    // What time alone makes true nobody caused.
    let alone = [whenever(no_sign_in_for(2), json!({}), json!({}))];
    assert_eq!(at_once(&alone, &facts, local("2027-01-08 00:00")).firings[0].depth, 1);
}

#[test]
fn an_edit_that_makes_another_rule_of_it_begins_anew() {
    let mut facts = started(STOCKHOLM, local("2027-01-04 09:00"));
    submit(
        &mut facts,
        1,
        "measure",
        local("2027-01-05 10:00"),
        &[("total", 20.0)],
        0,
    );
    let raise = |severity: &str, title: &str| json!([{ "raiseFlag": { "kind": "high", "severity": severity, "title": title, "audience": "STAFF", "autoResolve": true } }]);
    let flag = |title: &str| raise("INFO", title);
    let says = |condition: serde_json::Value, trigger: serde_json::Value, actions: serde_json::Value| {
        let definition = json!({ "trigger": { "whenever": trigger }, "condition": condition, "actions": actions });
        rule("whenever", definition)
    };
    let edit = local("2027-01-20 12:00");
    let told = |new: ActiveRule| {
        let old = ActiveRule {
            effective_until: Some(edit),
            ..says(score_at_least(15), json!({}), flag("High"))
        };
        let new = ActiveRule {
            effective_from: edit,
            ..new
        };
        let (rules, end) = ([old, new], local("2027-01-31 00:00"));
        let all = at_once(&rules, &facts, end);
        // However the time is cut.
        for cut in ["2027-01-19 00:00", "2027-01-20 12:00"] {
            let before = at_once(&rules, &facts, local(cut));
            let after = evaluate(&rules, &facts, &before.state, end);
            assert_eq!([before.firings, after.firings].concat(), all.firings, "{cut}");
            assert_eq!([before.ended, after.ended].concat(), all.ended, "{cut}");
        }
        let ended: Vec<_> = all.ended.iter().map(|end| (end.occurrence.clone(), end.at)).collect();
        (fired(&all), ended)
    };
    let first = "2027-01-05 10:00".to_owned();
    let ended = vec![("episode-1".to_owned(), edit)];
    // Another condition, which is true as well, or other actions.
    let anew = (vec![first.clone(), "2027-01-20 12:00".to_owned()], ended.clone());
    assert_eq!(told(says(no_sign_in_for(7), json!({}), flag("High"))), anew);
    assert_eq!(told(says(score_at_least(15), json!({}), raise("URGENT", "High"))), anew);
    let missed = json!({ "compare": { "fact": { "score": { "form": "measure", "scale": "total", "pick": "MAX", "last": 1 } }, "operator": "GTE", "value": 15 } });
    assert_eq!(told(says(missed, json!({}), flag("High"))), anew);
    // One that is not true.
    assert_eq!(
        told(says(no_sign_in_for(90), json!({}), flag("High"))),
        (vec![first.clone()], ended)
    );
    // Another threshold, another time, and other words.
    let same = (vec![first], Vec::new());
    assert_eq!(told(says(score_at_least(15), json!({}), flag("Higher"))), same);
    assert_eq!(told(says(score_at_least(18), json!({}), flag("High"))), same);
    assert_eq!(
        told(says(score_at_least(15), json!({ "heldFor": "P1D" }), flag("High"))),
        same
    );
}
