//! Any history, and ways to live through it.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{Duration, NaiveDate, TimeZone};
use chrono_tz::Tz;
use proptest::prelude::*;
use rules::{
    evaluation::{ActiveRule, EpisodeEnd, Firing, State, evaluate},
    facts::*,
};

use crate::{
    any_rule::{any_form, any_rule},
    common::{self, id},
};

/// How much of history the tests live through.
pub const SPAN_MINUTES: i64 = 3 * 24 * 60;

#[derive(Clone, Debug)]
enum Deed {
    SignIn,
    Submit {
        form: String,
        score: Option<u8>,
    },
    Complete,
    Flag {
        open_minutes: i64,
    },
    Status(Status),
    Dispatch {
        form: String,
        made: Option<i64>,
        overdue: Option<i64>,
        window: Option<i64>,
        answered: Option<i64>,
        cancelled: Option<i64>,
    },
    OpenModule,
    SetEnd {
        after_minutes: i64,
    },
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let minutes = || prop::option::of(1..2_000_i64);
    prop_oneof![
        2 => Just(Deed::SignIn),
        4 => (any_form(), prop::option::of(0..7_u8)).prop_map(|(form, score)| Deed::Submit { form, score }),
        2 => Just(Deed::Complete),
        1 => (1..3_000_i64).prop_map(|open_minutes| Deed::Flag { open_minutes }),
        2 => prop::sample::select(vec![Status::Active, Status::Paused, Status::Active, Status::Completed]).prop_map(Deed::Status),
        3 => (any_form(), prop::option::of(-600..600_i64), minutes(), minutes(), minutes(), prop::option::weighted(0.1, 1..2_000_i64)).prop_map(
            |(form, made, overdue, window, answered, cancelled)| Deed::Dispatch { form, made, overdue, window, answered, cancelled }
        ),
        1 => Just(Deed::OpenModule),
        1 => (1..6_000_i64).prop_map(|after_minutes| Deed::SetEnd { after_minutes }),
    ]
}

#[derive(Clone, Debug)]
pub struct World {
    pub begin: Instant,
    pub facts: Facts,
    pub rules: Vec<ActiveRule>,
}

prop_compose! {
    pub fn any_world()(
        (zone, day) in prop::sample::select(vec![
            (Tz::Europe__Stockholm, "2027-03-27"),
            (Tz::Europe__Stockholm, "2027-10-30"),
            (Tz::Australia__Lord_Howe, "2027-04-03"),
            (Tz::Australia__Lord_Howe, "2027-10-02"),
            (Tz::UTC, "2027-02-27"),
        ]),
        start_minute in prop::option::weighted(0.95, 0..1_500_i64),
        planned in any::<bool>(),
        mut deeds in prop::collection::vec((0..SPAN_MINUTES * 60, any_deed()), 0..14),
        born in prop::option::of(-2..3_i64),
        rules in prop::collection::vec(any_rule(), 1..4),
    ) -> World {
        let day: NaiveDate = day.parse().unwrap();
        let begin = zone.from_local_datetime(&day.and_hms_opt(0, 0, 0).unwrap()).unwrap().to_utc();
        let minute = |minutes: i64| begin + Duration::minutes(minutes);
        let mut facts = common::started(zone, begin);
        facts.statuses.clear();
        facts.started_at = start_minute.map(minute);
        facts.birth_date = born.map(|days| day - chrono::Months::new(12 * 30) + Duration::days(days));
        facts.modules = vec![Module { key: "one".to_owned(), opened: Vec::new(), steps: 3, completed: Vec::new() }];
        if planned {
            facts.statuses.push(Dated { at: begin, value: Status::Planned });
        }
        if let Some(start) = facts.started_at {
            common::change(&mut facts, 0, start, Status::Active);
        }
        deeds.sort_by_key(|(second, _)| *second);
        for (number, (second, deed)) in deeds.into_iter().enumerate() {
            let at = begin + Duration::seconds(second);
            let number = number as u128 + 1;
            let event = |kind| Event { id: id(300_000 + number), at, depth: (number % 8) as u32, kind };
            match deed {
                Deed::SignIn => {
                    facts.sign_ins.push(at);
                    facts.activities.push(at);
                    facts.events.push(event(EventKind::SignedIn));
                }
                Deed::Submit { form, score } => {
                    let score = score.map(f64::from);
                    let scores: Vec<(&str, f64)> = score.iter().map(|score| ("total", *score)).collect();
                    common::submit(&mut facts, number, &form, at, &scores, 0);
                    facts.activities.push(at);
                }
                Deed::Complete => {
                    facts.modules[0].completed.push(at);
                    facts.activities.push(at);
                }
                Deed::OpenModule => facts.modules[0].opened.push(at),
                Deed::Flag { open_minutes } => {
                    let resolved_at = Some(at + Duration::minutes(open_minutes));
                    facts.flags.push(Flag { id: id(number), kind: "risk".to_owned(), raised_at: at, resolved_at });
                    facts.events.push(event(EventKind::FlagRaised { kind: "risk".to_owned() }));
                }
                Deed::Status(status) => {
                    if facts.started_at.is_some_and(|start| start < at) {
                        common::change(&mut facts, number, at, status);
                    }
                }
                Deed::Dispatch { form, made, overdue, window, answered, cancelled } => {
                    let after = |minutes: Option<i64>| minutes.map(|minutes| at + Duration::minutes(minutes));
                    // Planned from the beginning, made some time ahead, or dated back.
                    let known_at = after(made).unwrap_or(begin).max(begin);
                    let done = |minutes: Option<i64>| after(minutes).map(|done| done.max(known_at));
                    let expires_at = after(window);
                    facts.dispatches.push(Dispatch {
                        id: id(number),
                        form,
                        known_at,
                        available_at: at,
                        overdue_at: after(overdue),
                        expires_at,
                        completed_at: done(answered).filter(|answered| expires_at.is_none_or(|end| *answered < end)),
                        cancelled_at: done(cancelled),
                    });
                }
                Deed::SetEnd { after_minutes } => {
                    // It is planned once: moving it again would need a history of the plan.
                    if facts.ends_at.is_none() {
                        facts.ends_at = Some(at + Duration::minutes(after_minutes));
                        facts.ends_at_since = Some(at);
                    }
                }
            }
        }
        facts.events.sort_by_key(|event| (event.at, event.id));
        let mut active = Vec::new();
        for (number, versions) in rules.into_iter().enumerate() {
            let ends: Vec<Option<i64>> = versions.iter().skip(1).map(|version| Some(version.0)).chain([None]).collect();
            for ((from, enabled, definition), until) in versions.into_iter().zip(ends) {
                active.push(ActiveRule {
                    key: format!("rule{number}"),
                    version: id(active.len() as u128),
                    definition: Arc::new(definition),
                    enabled,
                    effective_from: minute(from),
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

    /// What can be known at an instant.
    pub fn known(&self, now: Instant) -> (Vec<ActiveRule>, Facts) {
        let mut facts = self.facts.clone();
        facts.started_at = facts.started_at.filter(|at| *at <= now);
        if facts.ends_at_since.is_some_and(|since| since > now) {
            (facts.ends_at, facts.ends_at_since) = (None, None);
        }
        facts.statuses.retain(|status| status.at <= now);
        facts.responses.retain(|response| response.at <= now);
        facts.events.retain(|event| event.at <= now);
        facts.sign_ins.retain(|at| *at <= now);
        facts.activities.retain(|at| *at <= now);
        facts.flags.retain(|flag| flag.raised_at <= now);
        for flag in &mut facts.flags {
            flag.resolved_at = flag.resolved_at.filter(|at| *at <= now);
        }
        for module in &mut facts.modules {
            module.opened.retain(|at| *at <= now);
            module.completed.retain(|at| *at <= now);
        }
        facts.dispatches.retain(|dispatch| dispatch.known_at <= now);
        // When a dispatch opens and closes is planned ahead; what people do with it is not.
        for dispatch in &mut facts.dispatches {
            dispatch.completed_at = dispatch.completed_at.filter(|at| *at <= now);
            dispatch.cancelled_at = dispatch.cancelled_at.filter(|at| *at <= now);
        }
        let mut rules: Vec<ActiveRule> = self
            .rules
            .iter()
            .filter(|rule| rule.effective_from <= now)
            .cloned()
            .collect();
        for rule in &mut rules {
            rule.effective_until = rule.effective_until.filter(|at| *at <= now);
        }
        (rules, facts)
    }

    /// Every instant at which somebody does something, after which the enrollment is looked at.
    pub fn deeds(&self) -> BTreeSet<Instant> {
        let facts = &self.facts;
        let mut deeds: BTreeSet<Instant> = facts.statuses.iter().map(|status| status.at).collect();
        deeds.extend(facts.ends_at_since);
        deeds.extend(facts.responses.iter().map(|response| response.at));
        deeds.extend(facts.events.iter().map(|event| event.at));
        deeds.extend(facts.sign_ins.iter().chain(&facts.activities));
        deeds.extend(
            facts
                .modules
                .iter()
                .flat_map(|module| module.opened.iter().chain(&module.completed)),
        );
        deeds.extend(
            facts
                .flags
                .iter()
                .flat_map(|flag| [Some(flag.raised_at), flag.resolved_at])
                .flatten(),
        );
        let dispatches = facts.dispatches.iter();
        deeds.extend(
            dispatches
                .flat_map(|dispatch| [Some(dispatch.known_at), dispatch.completed_at, dispatch.cancelled_at])
                .flatten(),
        );
        deeds.extend(self.rules.iter().map(|rule| rule.effective_from));
        deeds
            .into_iter()
            .filter(|deed| self.begin <= *deed && *deed <= self.end())
            .collect()
    }

    /// Looks every minute.
    pub fn every_minute(&self) -> Told {
        let mut told = Told::new(self.fresh());
        let mut now = self.begin + Duration::seconds(30);
        while now <= self.end() {
            self.look(&mut told, now);
            now += Duration::minutes(1);
        }
        self.look(&mut told, self.end());
        told
    }

    /// Looks after each deed and whenever the evaluation asked to be woken.
    pub fn when_woken(&self) -> Told {
        let mut told = Told::new(self.fresh());
        let mut deeds = self.deeds();
        let mut wake_at = Some(self.begin);
        loop {
            let next = deeds
                .first()
                .copied()
                .into_iter()
                .chain(wake_at)
                .min()
                .filter(|next| *next <= self.end());
            let Some(now) = next else { break };
            deeds.remove(&now);
            wake_at = self.look(&mut told, now);
            assert!(wake_at.is_none_or(|wake_at| wake_at > now), "a wake-up in the past");
            told.looks += 1;
            assert!(told.looks < 2_000, "woken without end");
        }
        self.look(&mut told, self.end());
        told
    }

    pub fn look(&self, told: &mut Told, now: Instant) -> Option<Instant> {
        let (rules, facts) = self.known(now);
        let evaluation = evaluate(&rules, &facts, &told.state, now);
        assert_eq!(evaluation.state.evaluated_until, now);
        told.state = evaluation.state;
        told.firings.extend(evaluation.firings);
        told.ended.extend(evaluation.ended);
        evaluation.wake_at
    }
}

#[derive(Debug)]
pub struct Told {
    pub state: State,
    pub firings: Vec<Firing>,
    pub ended: Vec<EpisodeEnd>,
    pub looks: usize,
}

impl Told {
    pub fn new(state: State) -> Self {
        Self {
            state,
            firings: Vec::new(),
            ended: Vec::new(),
            looks: 0,
        }
    }

    /// Looks a minute apart see firings of one minute in another order across rules only.
    pub fn in_order(mut self) -> Self {
        self.firings
            .sort_by(|a, b| (a.at, &a.rule, &a.occurrence).cmp(&(b.at, &b.rule, &b.occurrence)));
        self.ended.sort_by(|a, b| (a.at, &a.rule).cmp(&(b.at, &b.rule)));
        self
    }
}
