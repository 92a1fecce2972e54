//! Living through time as a worker does that is always on: rules are looked at whenever something happens and whenever they
//! asked to be woken, and what they do becomes part of what is known before they are looked at again.
//!
//! [`judge`] only decides: for a history that holds already what the rules did. [`replay`] also carries out, so that rules that
//! feed one another do so as they would: what a firing makes is dated just after what was judged, in the order in which the
//! record carries actions out (forms, reminders, flags, escalations, content, messages, ended episodes), each event a
//! microsecond after the one before it.
//!
//! What is assumed of the people who cannot know what the replay decided:
//!
//! - **Forms.** A form that the replay sends counts as answered when the citizen next answered a form of that key within its
//!   window; each answer counts for one such form.
//! - **Flags.** Nobody takes on or resolves a flag that only the replay raised; it ends by itself or stands.
//! - **Downtime.** There is none.
//!
//! Where the history holds what a firing of the same occurrence really did (see [`Record::done`]), that is taken instead of
//! these assumptions.

mod effect;
mod notice;

use std::collections::BTreeMap;

pub use effect::{Cause, Effects};
pub use notice::{Notice, Subject, To};

use crate::{
    evaluation::{Evaluation, Firing, RuleSet, SAME_WORK, State, evaluate},
    facts::{Facts, Instant},
};

/// A history to live through.
#[derive(Clone, Debug)]
pub struct Record {
    /// What is known, of the future too: each instant is judged as of itself.
    pub facts: Facts,
    /// Why flags stand, oldest first.
    pub causes: Vec<Cause>,
    /// What firings really did that are taken out of the facts, by rule key and occurrence: put back where the same fires.
    pub done: BTreeMap<(String, String), Effects>,
}

impl From<Facts> for Record {
    fn from(facts: Facts) -> Self {
        Self {
            facts,
            causes: Vec::new(),
            done: BTreeMap::new(),
        }
    }
}

/// A firing of a replay, with what it would send.
#[derive(Clone, Debug)]
pub struct Fired {
    /// What was decided.
    pub firing: Firing,
    /// What it would send, whether or not it still applies when its time comes; see [`Notice::applies`].
    pub notices: Vec<Notice>,
}

/// What came of a replay.
#[derive(Clone, Debug)]
pub struct Replay {
    /// In the order in which they were decided.
    pub fired: Vec<Fired>,
    /// The history with what the firings made.
    pub facts: Facts,
    /// What is remembered at the end.
    pub state: State,
    /// When there is something to look at next.
    pub wake_at: Option<Instant>,
}

/// Lives through the time after `state.evaluated_until` and up to `until`, carrying out what fires.
pub fn replay(rules: &RuleSet, record: Record, state: State, until: Instant) -> Replay {
    let mut world = effect::World::new(record);
    let mut fired = Vec::new();
    let mut look = evaluate(rules, &world.facts, &state, state.evaluated_until);
    // What firings made is looked at next, at once.
    let mut made = None;
    while let Some(next) = made.or(look.wake_at).filter(|next| *next <= until) {
        look = evaluate(
            rules,
            &world.facts,
            &look.state,
            until.min(together(&world.facts, next)),
        );
        made = world.carry_out(rules, &mut look, &mut fired);
    }
    look = evaluate(rules, &world.facts, &look.state, until);
    world.carry_out(rules, &mut look, &mut fired);
    Replay {
        fired,
        facts: world.facts,
        state: look.state,
        wake_at: look.wake_at,
    }
}

/// Lives through the time after `state.evaluated_until` and up to `until`, deciding only.
pub fn judge(rules: &RuleSet, facts: &Facts, state: &State, until: Instant) -> Evaluation {
    let mut look = evaluate(rules, facts, state, state.evaluated_until);
    let (mut firings, mut ended) = (Vec::new(), Vec::new());
    loop {
        let next = look.wake_at.filter(|next| *next < until);
        let now = next.map_or(until, |next| until.min(together(facts, next)));
        look = evaluate(rules, facts, &look.state, now);
        firings.append(&mut look.firings);
        ended.append(&mut look.ended);
        if next.is_none() {
            return Evaluation { firings, ended, ..look };
        }
    }
}

/// The last of the events that were written together with what happened at an instant.
fn together(facts: &Facts, at: Instant) -> Instant {
    let first = facts.events.partition_point(|event| event.at < at);
    let mut last = at;
    for event in facts.events.iter().skip(first) {
        if event.at - last > SAME_WORK || event.at - at > SAME_WORK {
            break;
        }
        last = event.at;
    }
    last
}
