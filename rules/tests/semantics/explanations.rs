//! What is told of a rule at an instant.

use rules::{
    evaluation::{ActiveRule, RuleSet},
    explanation::{Explanation, Standing, explain},
    facts::{Facts, Instant},
    simulation::judge,
};
use serde_json::json;

use crate::common::{STOCKHOLM, fresh, local, score_at_least, started, submit, whenever};

fn told(rule: &ActiveRule, facts: &Facts, at: Instant) -> Explanation {
    let set = RuleSet::new(vec![rule.clone()]);
    let judged = judge(&set, facts, &fresh(facts), at);
    let memory = judged.state.rules.get(&rule.key).cloned().unwrap_or_default();
    explain(&set, facts, &judged, &memory, at).unwrap()
}

fn first_line(explanation: &Explanation, locale: &str) -> String {
    explanation.render(locale, STOCKHOLM)[0].text.clone()
}

#[test]
fn an_episode_that_was_refused_did_not_fire() {
    let rule = whenever(score_at_least(15), json!({}), json!({}));
    let (answered, later) = (local("2027-03-02 10:00"), local("2027-03-03 10:00"));
    for (depth, standing, line) in [
        (
            4,
            Standing::Fires,
            "The rule has fired for this, which began 2027-03-02 10:00 and is not over",
        ),
        (
            5,
            Standing::HoldsBack,
            "The rule was refused for this, as more than 5 rules had set one another off",
        ),
    ] {
        let mut facts = started(STOCKHOLM, local("2027-03-01 09:00"));
        submit(&mut facts, 1, "measure", answered, &[("total", 20.0)], depth);
        let explanation = told(&rule, &facts, later);
        assert_eq!(explanation.standing, standing);
        assert_eq!(first_line(&explanation, "en"), line);
    }
}

#[test]
fn a_new_episode_is_told_for_itself() {
    let rule = whenever(score_at_least(15), json!({}), json!({}));
    let mut facts = started(STOCKHOLM, local("2027-03-01 09:00"));
    submit(
        &mut facts,
        1,
        "measure",
        local("2027-03-02 10:00"),
        &[("total", 20.0)],
        5,
    );
    submit(
        &mut facts,
        2,
        "measure",
        local("2027-03-03 10:00"),
        &[("total", 1.0)],
        0,
    );
    submit(
        &mut facts,
        3,
        "measure",
        local("2027-03-04 10:00"),
        &[("total", 21.0)],
        0,
    );
    let explanation = told(&rule, &facts, local("2027-03-05 10:00"));
    assert_eq!(explanation.standing, Standing::Fires);
    assert_eq!(
        first_line(&explanation, "sv"),
        "Regeln har löst ut för detta, som började 2027-03-04 10:00 och inte är över"
    );
}
