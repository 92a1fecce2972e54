//! Any history with any rules, and ways to live through it.

use std::{collections::BTreeSet, sync::Arc};

use chrono::Duration;
use proptest::prelude::*;
use rules::{
    evaluation::{ActiveRule, EpisodeEnd, Firing, RuleSet, State, evaluate},
    facts::*,
};

use crate::{
    any_history::{SPAN_MINUTES, any_history},
    any_rule::any_rule,
    common::id,
    known::{deeds, known},
};

#[derive(Clone, Debug)]
pub struct World {
    pub begin: Instant,
    pub facts: Facts,
    pub rules: Vec<ActiveRule>,
}

prop_compose! {
    pub fn any_world()(
        (begin, facts) in any_history(),
        rules in prop::collection::vec(any_rule(), 1..4),
    ) -> World {
        let minute = |minutes: i64| begin + Duration::minutes(minutes);
        let mut active = Vec::new();
        for (number, versions) in rules.into_iter().enumerate() {
            let ends: Vec<Option<i64>> = versions.iter().skip(1).map(|version| Some(version.from)).chain([None]).collect();
            for (version, until) in versions.into_iter().zip(ends) {
                active.push(ActiveRule {
                    key: format!("rule{number}"),
                    version: id(active.len() as u128),
                    definition: Arc::new(version.definition),
                    enabled: version.enabled,
                    effective_from: minute(version.from),
                    effective_until: until.map(minute),
                });
            }
        }
        World { begin, facts, rules: active }
    }
}

impl World {
    pub fn end(&self) -> Instant {
        self.begin + Duration::minutes(SPAN_MINUTES)
    }

    pub fn fresh(&self) -> State {
        State {
            evaluated_until: self.begin - Duration::microseconds(1),
            rules: Default::default(),
        }
    }

    /// The rules, as they are known at an instant.
    fn rules(&self, now: Instant) -> RuleSet {
        let known = self.rules.iter().filter(|rule| rule.effective_from <= now).cloned();
        let so_far = |rule: ActiveRule| ActiveRule {
            effective_until: rule.effective_until.filter(|at| *at <= now),
            ..rule
        };
        known.map(so_far).collect()
    }

    /// Every instant at which somebody does something, after which the enrollment is looked at.
    pub fn deeds(&self) -> BTreeSet<Instant> {
        let edits = self.rules.iter().map(|rule| rule.effective_from);
        let deeds = deeds(&self.facts).into_iter().chain(edits);
        deeds
            .filter(|deed| self.begin <= *deed && *deed <= self.end())
            .collect()
    }

    /// Looks every minute.
    pub fn every_minute(&self) -> Told {
        let minutes = (0..SPAN_MINUTES).map(|minute| self.begin + Duration::minutes(minute) + Duration::seconds(30));
        self.at(minutes)
    }

    /// Looks every minute of two hours, and often enough for nothing to be late in the others: a tenth of the work.
    pub fn every_minute_of_two_hours(&self, from: i64) -> Told {
        let minutes = (0..SPAN_MINUTES).filter(|minute| minute % 14 == 0 || (from..from + 120).contains(minute));
        self.at(minutes.map(|minute| self.begin + Duration::minutes(minute) + Duration::seconds(30)))
    }

    /// Looks at these instants, in order, and at the end.
    pub fn at(&self, instants: impl IntoIterator<Item = Instant>) -> Told {
        let mut life = Life::new(self);
        for now in instants {
            life.look(now);
        }
        life.look(self.end());
        life.told
    }

    /// Looks after each deed and whenever the evaluation asked to be woken, and so finds everything when it is due.
    pub fn when_woken(&self) -> Told {
        let told = self.when_woken_but(|now| now);
        assert_eq!(told.latest, Duration::zero(), "found too late");
        told
    }

    /// Looks when woken, or later: the instant that `look` makes of it.
    pub fn when_woken_but(&self, mut look: impl FnMut(Instant) -> Instant) -> Told {
        let mut life = Life::new(self);
        let mut deeds = self.deeds();
        let mut wake_at = Some(self.begin);
        loop {
            let next = deeds.first().copied().into_iter().chain(wake_at).min();
            let Some(now) = next.filter(|now| *now <= self.end()).map(&mut look) else {
                break;
            };
            deeds = deeds.split_off(&(now + Duration::microseconds(1)));
            wake_at = life.look(now);
            assert!(life.told.looks < 2_000, "woken without end");
        }
        life.look(self.end());
        life.told
    }
}

/// A world being lived through.
pub struct Life<'a> {
    world: &'a World,
    /// What was known at the last look, and until when nobody does anything.
    known: Option<(RuleSet, Facts, Option<Instant>)>,
    pub told: Told,
}

impl<'a> Life<'a> {
    pub fn new(world: &'a World) -> Self {
        Self {
            world,
            known: None,
            told: Told {
                state: world.fresh(),
                firings: Vec::new(),
                ended: Vec::new(),
                looks: 0,
                latest: Duration::zero(),
            },
        }
    }

    pub fn look(&mut self, now: Instant) -> Option<Instant> {
        let world = self.world;
        if self
            .known
            .as_ref()
            .is_none_or(|(.., until)| until.is_some_and(|until| until <= now))
        {
            let next = world.deeds().range(now + Duration::microseconds(1)..).next().copied();
            self.known = Some((world.rules(now), known(&world.facts, now), next));
        }
        let (rules, facts, _) = self.known.as_ref().unwrap();
        let evaluation = evaluate(rules, facts, &self.told.state, now);
        assert_eq!(evaluation.state.evaluated_until, now);
        assert!(
            evaluation.wake_at.is_none_or(|wake_at| wake_at > now),
            "a wake-up in the past"
        );
        let found = evaluation.firings.iter().map(|firing| firing.at);
        let found = found.chain(evaluation.ended.iter().map(|end| end.at));
        self.told.latest = found.map(|at| now - at).fold(self.told.latest, Duration::max);
        self.told.state = evaluation.state;
        self.told.firings.extend(evaluation.firings);
        self.told.ended.extend(evaluation.ended);
        self.told.looks += 1;
        evaluation.wake_at
    }
}

#[derive(Debug)]
pub struct Told {
    pub state: State,
    pub firings: Vec<Firing>,
    pub ended: Vec<EpisodeEnd>,
    pub looks: usize,
    /// How long after its instant anything was found at most.
    pub latest: Duration,
}

impl Told {
    /// Looks a minute apart see firings of one minute in another order across rules only.
    pub fn in_order(mut self) -> Self {
        self.firings
            .sort_by(|a, b| (a.at, &a.rule, &a.occurrence).cmp(&(b.at, &b.rule, &b.occurrence)));
        self.ended.sort_by(|a, b| (a.at, &a.rule).cmp(&(b.at, &b.rule)));
        self
    }
}
