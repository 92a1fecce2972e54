//! What must hold for any rule, history, zone, edit and way to cut the time.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use rules::{definition::*, evaluation::evaluate, facts::*, form::Operator};

use crate::{
    any_rule::compare,
    common::{self, cases, fresh, id},
    world::{Told, any_world},
};

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
    #![proptest_config(cases(1_000))]

    #[test]
    fn evaluation_is_pure(world in any_world()) {
        let look = || evaluate(&world.rules, &world.facts, &world.fresh(), world.end());
        prop_assert_eq!(look(), look());
    }

    #[test]
    fn no_occurrence_comes_twice(mut world in any_world()) {
        // An edit may move what has fired to later the same day; that the record knows, by the occurrence.
        world.rules.retain(|rule| rule.effective_from < world.begin);
        for rule in &mut world.rules {
            rule.effective_until = None;
        }
        let woken = world.when_woken();
        let occurrences: BTreeSet<(&str, &str)> =
            woken.firings.iter().map(|firing| (firing.rule.as_str(), firing.occurrence.as_str())).collect();
        prop_assert_eq!(occurrences.len(), woken.firings.len());
    }

    #[test]
    fn what_happens_later_changes_no_earlier_verdict(mut world in any_world()) {
        for rule in &mut world.rules {
            let mut definition = (*rule.definition).clone();
            (definition.limits.catch_up, definition.limits.grace) = (CatchUp::All, None);
            rule.definition = Arc::new(definition);
        }
        let woken = world.when_woken().in_order();
        let mut at_once = Told::new(world.fresh());
        world.look(&mut at_once, world.end());
        let at_once = at_once.in_order();
        prop_assert_eq!(woken.firings, at_once.firings);
        prop_assert_eq!(woken.ended, at_once.ended);
        prop_assert_eq!(woken.state.rules, at_once.state.rules);
    }

    #[test]
    fn unknown_never_fires(mut world in any_world()) {
        // Nothing is known of this person, and every comparison is of what is missing.
        world.facts = Facts { statuses: world.facts.statuses.clone(), started_at: world.facts.started_at, ..common::started(world.facts.zone, world.begin) };
        world.facts.events = world.deeds().into_iter().enumerate().map(|(number, at)| Event { id: id(number as u128), at, depth: 0, kind: EventKind::SignedIn }).collect();
        for rule in &mut world.rules {
            let missing = Fact::Score(ScoreFact { form: "measure".to_owned(), scale: "total".to_owned(), pick: Pick::Latest, last: None });
            let mut definition = (*rule.definition).clone();
            definition.condition = Some(Condition::Not(Box::new(compare(missing, Operator::Gte, 3.0))));
            rule.definition = Arc::new(definition);
        }
        prop_assert_eq!(world.when_woken().firings, Vec::new());
    }

    #[test]
    fn limits_are_kept(world in any_world()) {
        let woken = world.when_woken().in_order();
        for firing in &woken.firings {
            let version = world.rules.iter().find(|rule| rule.version == firing.version).unwrap();
            prop_assert!(version.enabled);
            prop_assert!(version.effective_from <= firing.at && version.effective_until.is_none_or(|until| firing.at < until));
            prop_assert_eq!(firing.refused, firing.depth > rules::evaluation::MAX_DEPTH);
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
