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
//!   window; each answer counts for one such form, and an amendment for none.
//! - **Flags.** Nobody takes on or resolves a flag that only the replay raised; it ends by itself or stands.
//! - **Downtime.** There is none.
//!
//! What waits for content that rules show, open or hide opens and closes as [`crate::opening`] has it. What the citizen completed, and
//! the events of it, stay as they were. What a person's version of the program does not offer is not done.
//!
//! Where the history holds what the same firing really did (see [`Record::done`]), that is taken instead of these assumptions. The
//! same is what has the same occurrence; of an episode and of a flag left unhandled, what judged the same instant.

mod content;
mod effect;
mod flag;
mod lacking;
mod notice;
mod sending;

use std::collections::BTreeMap;

pub use content::{ModuleHistory, Said, take_out};
pub use effect::Effects;
pub use flag::Cause;
pub use lacking::Lacking;
pub use notice::{Notice, Subject, To};

use crate::{
    content::Piece,
    evaluation::{Evaluation, Firing, RuleSet, SAME_WORK, State, evaluate},
    facts::{Dated, Facts, Instant},
};

/// A history to live through.
#[derive(Clone, Debug)]
pub struct Record {
    /// What is known, of the future too: each instant is judged as of itself.
    pub facts: Facts,
    /// Why flags stand, oldest first.
    pub causes: Vec<Cause>,
    /// What firings really did that are taken out of the facts, by rule key and occurrence: put back where the same fires, as told
    /// above. Only of those that did what the rule says now.
    pub done: BTreeMap<(String, String), Effects>,
    /// Whether rules may send a form, by its key: every change, oldest first. They may before the first.
    pub switches: BTreeMap<String, Vec<Dated<bool>>>,
    /// The modules of the person's version that rules may show, open and hide. What is shown and opened of them is worked out
    /// from these; the facts tell only what was completed.
    pub modules: Vec<ModuleHistory>,
    /// What the person's version does not offer.
    pub lacking: Lacking,
}

impl From<Facts> for Record {
    fn from(facts: Facts) -> Self {
        Self {
            facts,
            causes: Vec::new(),
            done: BTreeMap::new(),
            switches: BTreeMap::new(),
            modules: Vec::new(),
            lacking: Lacking::default(),
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
    /// What was said of content, with what the firings said.
    pub modules: Vec<ModuleHistory>,
    /// What is remembered at the end.
    pub state: State,
}

impl Replay {
    /// Whether the time of a section has come at an instant, and that of its module; whether they are shown, the facts tell. What
    /// nothing is known of is not closed.
    pub fn is_open(&self, section: &str, at: Instant) -> bool {
        content::is_open(&self.facts, &self.modules, &Piece::Section(section.to_owned()), at)
    }
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
        modules: world.modules,
        state: look.state,
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
