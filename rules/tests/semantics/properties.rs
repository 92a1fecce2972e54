//! What must hold for any rule, history, zone, edit and way to cut the time.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use rules::{
    as_of::AsOf,
    condition,
    definition::*,
    evaluation::{ActiveRule, Firing, RuleSet, TOLERANCE},
    facts::*,
    form::Operator,
    trace::Verdict,
};
use serde_json::json;

use crate::{
    any_history::SPAN_MINUTES,
    any_rule::{any_condition, compare},
    common::{self, cases, evaluate, fresh, id, local, on_answer, score_at_least},
    known::known,
    world::{World, any_world},
};

/// The world with every rule changed.
fn with(mut world: World, change: impl Fn(&mut RuleDefinition)) -> World {
    for rule in &mut world.rules {
        let mut definition = (*rule.definition).clone();
        change(&mut definition);
        rule.definition = Arc::new(definition);
    }
    world
}

fn catch_up_all(definition: &mut RuleDefinition) {
    (definition.limits.catch_up, definition.limits.grace) = (CatchUp::All, None);
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn looking_when_woken_is_looking_every_minute(world in any_world()) {
        let (woken, minutes) = (world.when_woken().in_order(), world.every_minute().in_order());
        prop_assert_eq!(&woken.firings, &minutes.firings);
        prop_assert_eq!(&woken.ended, &minutes.ended);
        prop_assert_eq!(&woken.state.rules, &minutes.state.rules);
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn looking_when_woken_is_looking_every_minute_of_any_two_hours(world in any_world(), from in 0..SPAN_MINUTES - 120) {
        let (woken, minutes) = (world.when_woken().in_order(), world.every_minute_of_two_hours(from).in_order());
        prop_assert_eq!(&woken.firings, &minutes.firings);
        prop_assert_eq!(&woken.ended, &minutes.ended);
        prop_assert_eq!(&woken.state.rules, &minutes.state.rules);
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn evaluation_is_pure_and_knows_no_order_of_rules(world in any_world(), order in any::<u64>()) {
        let look = |rules: &[ActiveRule]| evaluate(rules, &world.facts, &world.fresh(), world.end());
        let told = look(&world.rules);
        prop_assert_eq!(&look(&world.rules), &told);
        let mut shuffled = world.rules.clone();
        shuffled.sort_by_key(|rule| (rule.version.as_u128() as u64 + 1).wrapping_mul(order | 1));
        prop_assert_eq!(&look(&shuffled), &told);
    }

    #[test]
    fn no_occurrence_comes_twice(world in any_world()) {
        let woken = world.when_woken();
        let mut occurrences: BTreeSet<(&str, &str)> = BTreeSet::new();
        for firing in &woken.firings {
            prop_assert!(occurrences.insert((&firing.rule, &firing.occurrence)), "{firing:?}");
        }
    }

    #[test]
    fn downtime_changes_nothing_where_all_is_caught_up(world in any_world(), mut cuts in prop::collection::vec(0..3 * 86_400_i64, 0..12)) {
        let world = with(world, catch_up_all);
        cuts.sort_unstable();
        let woken = world.when_woken().in_order();
        let cut = world.at(cuts.into_iter().map(|second| world.begin + Duration::seconds(second))).in_order();
        prop_assert_eq!(woken.firings, cut.firings);
        prop_assert_eq!(woken.ended, cut.ended);
        prop_assert_eq!(woken.state.rules, cut.state.rules);
    }

    #[test]
    fn a_short_delay_changes_nothing(world in any_world(), delays in prop::collection::vec(0..TOLERANCE.num_seconds(), 1..20)) {
        let mut delays = delays.into_iter().cycle();
        let woken = world.when_woken().in_order();
        let late = world.when_woken_but(|due| (due + Duration::seconds(delays.next().unwrap())).min(world.end())).in_order();
        prop_assert_eq!(woken.firings, late.firings);
        prop_assert_eq!(woken.ended, late.ended);
        prop_assert_eq!(woken.state.rules, late.state.rules);
    }

    #[test]
    fn downtime_is_caught_up_as_the_rule_says(world in any_world(), (from, to) in (0..3 * 86_400_i64, 0..3 * 86_400_i64)) {
        // Schedules that always fire, so that what was due can be told from what fires when nobody is late.
        let mut world = with(world, |definition| {
            definition.condition = None;
            (definition.limits.cooldown, definition.limits.max_firings, definition.limits.stop_when) = (None, None, None);
        });
        world.rules.retain(|rule| rule.effective_from < world.begin && matches!(rule.definition.trigger, Trigger::Schedule(_)));
        for rule in &mut world.rules {
            rule.effective_until = None;
        }
        let (down, up) = (world.begin + Duration::seconds(from.min(to)), (world.begin + Duration::seconds(from.max(to))).min(world.end()));
        let told = world.when_woken_but(|due| if down < due && due < up { up } else { due }).in_order();
        let mut expected: Vec<Firing> = Vec::new();
        for rule in &world.rules {
            let mut due: Vec<Firing> = world.when_woken().firings.into_iter().filter(|firing| firing.rule == rule.key).collect();
            let missed: Vec<Firing> = due.extract_if(.., |firing| down < firing.at && firing.at <= up).collect();
            let limits = &rule.definition.limits;
            let is_late = |firing: &Firing| up - firing.at > TOLERANCE;
            let allowed = missed.into_iter().filter(|firing| !is_late(firing) || match (limits.grace, limits.catch_up) {
                (Some(grace), _) => up <= grace.add_to(firing.at, world.facts.zone),
                (None, CatchUp::Skip) => false,
                (None, CatchUp::Once | CatchUp::All) => true,
            });
            let mut allowed: Vec<Firing> = allowed.collect();
            if limits.catch_up == CatchUp::Once && let Some(latest) = allowed.pop() {
                allowed.retain(|firing| !is_late(firing));
                allowed.push(latest);
            }
            expected.extend(due.into_iter().chain(allowed));
        }
        expected.sort_by(|a, b| (a.at, &a.rule, &a.occurrence).cmp(&(b.at, &b.rule, &b.occurrence)));
        prop_assert_eq!(told.firings, expected);
    }

    #[test]
    fn a_longer_history_changes_no_earlier_verdict(world in any_world(), second in 0..3 * 86_400_i64) {
        let now = world.begin + Duration::seconds(second);
        let with_future = evaluate(&world.rules, &world.facts, &world.fresh(), now);
        let without = evaluate(&world.rules, &known(&world.facts, now), &world.fresh(), now);
        prop_assert_eq!(with_future.firings, without.firings);
        prop_assert_eq!(with_future.ended, without.ended);
        prop_assert_eq!(with_future.state, without.state);
    }

    #[test]
    fn a_condition_changes_only_when_it_says_so(world in any_world(), condition in any_condition(), second in 0..3 * 86_400_i64, later in prop::collection::vec(0..86_400_i64, 1..8)) {
        let at = world.begin + Duration::seconds(second);
        let facts = &world.facts;
        let (now, change) = (condition::verdict(&condition, &AsOf::new(facts, at)), condition::next_change(&condition, &AsOf::new(facts, at)));
        prop_assert!(change.is_none_or(|change| change > at));
        for second in later {
            let later = at + Duration::seconds(second);
            if change.is_none_or(|change| later < change) {
                prop_assert_eq!(condition::verdict(&condition, &AsOf::new(facts, later)), now, "{}", later);
            }
        }
        prop_assert_eq!(condition::trace(&condition, &AsOf::new(facts, at)).0, now);
    }

    #[test]
    fn only_what_is_true_fires(world in any_world()) {
        for firing in world.when_woken().firings {
            let version = world.rules.iter().find(|rule| rule.version == firing.version).unwrap();
            match (&version.definition.condition, firing.trace.0.first()) {
                (Some(_), Some(line)) => prop_assert_eq!(line.verdict, Verdict::True),
                (None, None) => {}
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn unknown_never_fires(world in any_world(), value in 0..6) {
        // Nothing is known of this person, and every comparison is of what is missing.
        let statuses = world.facts.statuses.clone();
        let nothing = Facts { statuses, started_at: world.facts.started_at, started_known_at: world.facts.started_known_at, ..common::started(world.facts.zone, world.begin) };
        let events = world.deeds().into_iter().enumerate().map(|(number, at)| Event { id: id(number as u128), at, depth: 0, kind: EventKind::SignedIn }).collect();
        let world = with(World { facts: Facts { events, ..nothing }, ..world }, |definition| {
            let missing = || Fact::Score(ScoreFact { form: "measure".to_owned(), scale: "total".to_owned(), pick: Pick::Latest, last: None });
            let compared = |operator| compare(missing(), operator, f64::from(value));
            definition.condition = Some(Condition::Any(vec![Condition::Not(Box::new(compared(Operator::Gte))), compared(Operator::Ne)]));
        });
        prop_assert_eq!(world.when_woken().firings, Vec::new());
    }

    #[test]
    fn every_answer_is_judged_however_many_come_before_anybody_looks(answers in prop::collection::vec((0..600_i64, 0..30_u32), 0..8), threshold in 1..30_u32, looks in prop::collection::vec(0..700_i64, 0..4)) {
        let start = local("2027-03-28 01:00");
        let mut facts = common::started(common::STOCKHOLM, start);
        let mut answers = answers;
        answers.sort_by_key(|(minute, _)| *minute);
        for (number, (minute, score)) in answers.iter().enumerate() {
            common::submit(&mut facts, number as u128, "measure", start + Duration::minutes(*minute), &[("total", f64::from(*score))], 0);
        }
        let rules = [on_answer(score_at_least(threshold), json!({}))];
        let mut looks: Vec<Instant> = looks.into_iter().chain([700]).map(|minute| start + Duration::minutes(minute)).collect();
        looks.sort_unstable();
        let (mut state, mut fired) = (fresh(&facts), Vec::new());
        for now in looks {
            let told = evaluate(&rules, &known(&facts, now), &state, now);
            state = told.state;
            fired.extend(told.firings.into_iter().map(|firing| firing.occurrence));
        }
        let alarming = answers.iter().enumerate().filter(|(_, (_, score))| *score >= threshold);
        let expected: Vec<String> = alarming.map(|(number, _)| id(100_000 + number as u128).to_string()).collect();
        prop_assert_eq!(fired, expected);
    }

    #[test]
    fn limits_are_kept(world in any_world()) {
        let woken = world.when_woken().in_order();
        for firing in &woken.firings {
            let version = world.rules.iter().find(|rule| rule.version == firing.version).unwrap();
            prop_assert!(version.enabled);
            prop_assert!(version.effective_from <= firing.at && version.effective_until.is_none_or(|until| firing.at < until));
            prop_assert_eq!(firing.refused, firing.depth > rules::evaluation::MAX_DEPTH);
            let set: RuleSet = world.rules.iter().cloned().collect();
            prop_assert_eq!(set.in_effect(&firing.rule, firing.at).map(|rule| rule.version), Some(firing.version));
            let limits = &version.definition.limits;
            let mut before = woken.firings.iter().filter(|other| !other.refused && other.rule == firing.rule && other.at < firing.at);
            if let Some(most) = limits.max_firings {
                prop_assert!(before.clone().count() < most as usize);
            }
            if let (Some(cooldown), Some(last)) = (limits.cooldown, before.next_back()) {
                prop_assert!(cooldown.add_to(last.at, world.facts.zone) <= firing.at);
            }
        }
    }
}

#[test]
fn the_first_look_may_be_long_after_the_epoch() {
    let facts = common::started(Tz::UTC, DateTime::<Utc>::UNIX_EPOCH);
    assert_eq!(
        evaluate(&[], &facts, &fresh(&facts), DateTime::<Utc>::MAX_UTC).wake_at,
        None
    );
}
