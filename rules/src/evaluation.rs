//! Deciding what fires: `evaluate(rules, facts, state, now) -> { firings, state, wake_at }`.
//!
//! What holds, and what the property tests pin down:
//!
//! - **Pure.** The same input gives the same output; all memory is in [`State`].
//! - **Judged instants.** A window `(evaluated_until, now]` is folded exactly: schedules at their due instants, events at
//!   theirs in the order of (instant, id), and `whenever` at every instant at which its condition could change. Each is
//!   judged against the facts *as of itself*. So it does not matter how the time is cut into windows, and looking only at
//!   the `wake_at`s and after each event gives the firings of looking every minute.
//! - **Consumed.** What was judged is over. Schedules and events that are held back (switched off, cooldown, cap, stop
//!   condition) lapse; an episode of a `whenever` waits until it may fire.
//! - **Edited.** A version owns what comes after it took effect. What a shorter time of an unhandled flag would have passed over
//!   is judged then; an episode ends then, where the new version looks at or does something else.
//! - **Statuses.** Outside its statuses a rule fires nothing, except a rule triggered by that very change. Events lapse,
//!   episodes wait, and schedules that came due during the pause are judged when it ends, as the catch-up policy says.
//!   What was due before the rule's statuses were reached for the first time lapses.
//! - **Catch-up** concerns schedules alone. Up to [`TOLERANCE`] nothing is late. Later ones lapse beyond the grace; then
//!   `SKIP` lets none fire without a grace (with one, all within it), `ONCE` only the latest of the rule, `ALL` all. Events
//!   are judged however late: no answer's flag is lost to downtime.
//! - **Late anchors.** A slot that was due before its anchor was known (a form sent, or a planned start made, after downtime is
//!   dated back) is judged when the anchor became known, as the catch-up policy says.
//! - **Unknown never fires**, and never ends an episode that has fired: a score that is missing does not resolve a flag.
//! - **Depth.** A firing is one deeper than what caused it; beyond [`MAX_DEPTH`] it is refused. The cause is the event, what began
//!   the episode, what a schedule counts from, or the opening of an unhandled flag. What time alone makes true has none. A
//!   refused firing counts neither for the cooldown nor for the cap.

mod anchor;
mod event;
mod rule_set;
mod schedule;
mod whenever;

use std::{borrow::Cow, collections::BTreeMap, fmt, mem};

use chrono::{Duration, NaiveDateTime};
use uuid::Uuid;

pub use rule_set::RuleSet;
use rule_set::Version;

use crate::{
    as_of::AsOf,
    condition,
    definition::{RuleDefinition, Trigger},
    facts::{Facts, Instant},
    trace::{Trace, Verdict},
};

/// How many firings may cause one another.
pub const MAX_DEPTH: u32 = 5;

/// How long after it was due a schedule still counts as on time: longer than any hold-up of a worker that is running.
pub const TOLERANCE: Duration = Duration::minutes(15);

/// How far apart events may be dated that were written together with the facts they tell of.
pub(crate) const SAME_WORK: Duration = Duration::milliseconds(1);

/// For how long it is remembered what has fired, in case that an edit lets it come once more. Later the record alone knows, and
/// drops what it has.
pub const REMEMBERED: Duration = Duration::days(31);

/// The precision of instants.
const TICK: Duration = Duration::microseconds(1);

/// A rule that concerns an enrollment, at one of its versions.
///
/// The [`RuleSet`] given to [`evaluate`] holds every version whose time of effect reaches into what is evaluated, so that an edit
/// owns only what comes after it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveRule {
    /// The rule's key within the program.
    pub key: String,
    /// The stored version.
    pub version: Uuid,
    /// What it says.
    pub definition: std::sync::Arc<RuleDefinition>,
    /// Off: schedules and events lapse, episodes end unreported unless they have fired. Switched on again, it fires for a
    /// condition that is true then.
    pub enabled: bool,
    /// From when this version (or override) holds.
    pub effective_from: Instant,
    /// Until when it holds: when its successor took effect.
    pub effective_until: Option<Instant>,
}

/// What the evaluation remembers of one enrollment.
///
/// It begins with an instant *before* anything happened in the enrollment, and no rules: what is dated at
/// `evaluated_until` or before is over. Whoever writes an event, or a fact that schedules count from, must therefore date it
/// after `evaluated_until`.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Everything up to this instant, inclusive, has been judged.
    pub evaluated_until: Instant,
    /// By rule key; rules about which there is nothing to remember are absent.
    pub rules: BTreeMap<String, RuleState>,
}

/// What the evaluation remembers of one rule in one enrollment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleState {
    /// The ordinal of the latest episode of a `whenever` rule; 0 before the first.
    pub episode: u32,
    /// Since when that episode's condition has been true; none between episodes.
    pub episode_since: Option<Instant>,
    /// Whether that episode has fired.
    pub episode_fired: bool,
    /// The depth of what began that episode; 0 between episodes.
    pub episode_depth: u32,
    /// When the rule fired last.
    pub last_fired_at: Option<Instant>,
    /// How many times it has fired.
    pub firings: u32,
    /// What a schedule or an unhandled flag fired last: by anchor and slot (`enrollmentStart/morning`) the local day, by flag
    /// (`unhandled/<flag id>`) when it was opened. Occurrences up to it are done, also after an edit that moves them. What is
    /// older than [`REMEMBERED`] is forgotten.
    pub done: BTreeMap<String, NaiveDateTime>,
}

/// What is remembered of a rule of which there is nothing to remember.
static BLANK: RuleState = RuleState {
    episode: 0,
    episode_since: None,
    episode_fired: false,
    episode_depth: 0,
    last_fired_at: None,
    firings: 0,
    done: BTreeMap::new(),
};

/// A decision that a rule fires.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// The rule's key.
    pub rule: String,
    /// The version that decided.
    pub version: Uuid,
    /// Unique by rule key and enrollment: for a schedule the anchor, the slot and the local day (`enrollmentStart/morning/2027-03-28`),
    /// for an event its id, for an unhandled flag the flag and the ordinal of its opening (`unhandled/<flag id>/1`), for a
    /// message that was not answered as promised the message (`unanswered/<message id>`), for a `whenever` the ordinal of the
    /// episode (`episode-2`).
    pub occurrence: String,
    /// The instant that was judged: when the event happened, the slot came or the condition had held for long enough.
    pub at: Instant,
    /// The depth that events of this firing carry: that of its cause + 1.
    pub depth: u32,
    /// True where the depth is beyond [`MAX_DEPTH`]: recorded and shown, not acted on.
    pub refused: bool,
    /// Every fact that was compared, and the verdicts.
    pub trace: Trace,
}

/// The end of an episode whose firing may have raised a flag that resolves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpisodeEnd {
    /// The rule's key.
    pub rule: String,
    /// The occurrence that the episode fired as.
    pub occurrence: String,
    /// When the episode ended.
    pub at: Instant,
    /// The depth that events of this end carry: that of its cause + 1. So rules that resolve and raise one another's flags in
    /// turn come to an end.
    pub depth: u32,
}

/// What [`evaluate`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// In order of their instants, then of the rules.
    pub firings: Vec<Firing>,
    /// Fired episodes that ended.
    pub ended: Vec<EpisodeEnd>,
    /// What to remember.
    pub state: State,
    /// The earliest instant after `now` at which any verdict could change if nothing else happens.
    pub wake_at: Option<Instant>,
}

/// Judges everything that came up after `state.evaluated_until` and up to `now`, inclusive. An earlier `now` judges nothing.
pub fn evaluate(rules: &RuleSet, facts: &Facts, state: &State, now: Instant) -> Evaluation {
    let mut evaluation = Evaluation {
        firings: Vec::new(),
        ended: Vec::new(),
        state: State {
            evaluated_until: now.max(state.evaluated_until),
            rules: state.rules.clone(),
        },
        wake_at: None,
    };
    for rule in rules.rules() {
        let mut run = Run {
            facts,
            key: &rule.key,
            memory: Cow::Borrowed(state.rules.get(&rule.key).unwrap_or(&BLANK)),
            now: evaluation.state.evaluated_until,
            firings: &mut evaluation.firings,
            ended: &mut evaluation.ended,
            wake_at: &mut evaluation.wake_at,
        };
        let mut left = rule.versions.as_slice();
        while let [version, later @ ..] = left {
            left = later;
            // What ended before was judged before.
            if version.owned_until.is_none_or(|end| end > state.evaluated_until) {
                run.version(version, later, state.evaluated_until);
            }
        }
        if let Cow::Owned(memory) = run.memory {
            evaluation.state.rules.insert(rule.key.clone(), memory);
        }
    }
    // Both sorts are stable: at one instant the order of the rules is kept.
    evaluation.firings.sort_by_key(|firing| firing.at);
    evaluation.ended.sort_by_key(|end| end.at);
    evaluation
}

/// The last instant before another.
fn just_before(instant: Instant) -> Instant {
    instant.checked_sub_signed(TICK).unwrap_or(instant)
}

/// The first instant after another.
fn just_after(instant: Instant) -> Instant {
    instant.checked_add_signed(TICK).unwrap_or(instant)
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Instants after `after` and up to `until`, inclusive.
#[derive(Clone, Copy, Debug)]
struct Window {
    after: Instant,
    until: Instant,
}

impl Window {
    fn holds(self, instant: Instant) -> bool {
        self.after < instant && instant <= self.until
    }
}

/// An episode, by its ordinal.
struct Episode(u32);

impl fmt::Display for Episode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "episode-{}", self.0)
    }
}

/// One rule being judged for one enrollment.
struct Run<'a> {
    facts: &'a Facts,
    key: &'a str,
    /// What was remembered, and what is to be once that is something else.
    memory: Cow<'a, RuleState>,
    now: Instant,
    /// What was found so far, of all rules.
    firings: &'a mut Vec<Firing>,
    ended: &'a mut Vec<EpisodeEnd>,
    wake_at: &'a mut Option<Instant>,
}

impl Run<'_> {
    /// Judges what one version of the rule owns of the time since `evaluated_until`, and finds out when to look again.
    fn version(&mut self, version: &Version, later: &[Version], evaluated_until: Instant) {
        let rule = &version.active;
        if self.now < rule.effective_from {
            if version.owned_until.is_none_or(|end| rule.effective_from < end) {
                self.wake(version, rule.effective_from);
            }
            return;
        }
        let window = self.owned(version, evaluated_until);
        // Each kind is judged by a function that is not inlined: no rule pays for the room that the other kinds need.
        match &rule.definition.trigger {
            Trigger::Schedule(schedule) => {
                self.end_episode(&window);
                let is_edited = || later.iter().any(|later| self.comes(later, evaluated_until));
                let due = self.due(version, schedule, window, is_edited);
                self.schedule(version, schedule, due);
            }
            Trigger::Event(trigger) => {
                self.end_episode(&window);
                self.events(version, trigger, window);
            }
            Trigger::Whenever(whenever) => self.whenever(version, whenever, window),
        }
    }

    /// What a version owns of the time since `evaluated_until`.
    fn owned(&self, version: &Version, evaluated_until: Instant) -> Window {
        Window {
            after: evaluated_until.max(version.owned_after),
            until: version.owned_to.map_or(self.now, |last| self.now.min(last)),
        }
    }

    /// Ends what a former version left open, where this one knows no episodes.
    fn end_episode(&mut self, window: &Window) {
        if self.memory.episode_since.is_some() && window.after < window.until {
            self.close_episode(just_after(window.after));
        }
    }

    fn close_episode(&mut self, at: Instant) {
        if self.memory.episode_since.is_none() {
            return;
        }
        let memory = self.memory.to_mut();
        memory.episode_depth = 0;
        memory.episode_since = None;
        if mem::take(&mut memory.episode_fired) {
            let end = EpisodeEnd {
                rule: self.key.to_owned(),
                occurrence: self.episode().to_string(),
                at,
                depth: self.depth_at(at).saturating_add(1),
            };
            self.ended.push(end);
        }
    }

    /// The occurrence of the latest episode.
    fn episode(&self) -> Episode {
        Episode(self.memory.episode)
    }

    /// Notes an instant at which to look again, if it is to come and this version owns it.
    fn wake(&mut self, version: &Version, at: Instant) {
        if at > self.now && version.owned_until.is_none_or(|end| at < end) {
            *self.wake_at = earlier(*self.wake_at, Some(at));
        }
    }

    /// Whether a version owns nothing of what is to come.
    fn is_over(&self, version: &Version) -> bool {
        version.owned_until.is_some_and(|end| end <= self.now)
    }

    /// Whether the enrollment's status is one of the rule's.
    fn in_status(&self, rule: &ActiveRule, as_of: &AsOf<'_>) -> bool {
        as_of
            .status()
            .is_some_and(|status| rule.definition.statuses.contains(&status))
    }

    /// Whether an occurrence has fired, before an edit moved it to later.
    fn is_done(&self, line: &str, place: NaiveDateTime) -> bool {
        self.memory.done.get(line).is_some_and(|last| place <= *last)
    }

    /// Remembers what has fired, and forgets what is too old to come again.
    fn mark_done(&mut self, line: String, place: NaiveDateTime, at: Instant) {
        let done = &mut self.memory.to_mut().done;
        done.retain(|_, last| at.naive_utc() - *last <= REMEMBERED);
        done.insert(line, place);
    }

    /// Whether the rule has fired as often as it may.
    fn is_capped(&self, rule: &ActiveRule) -> bool {
        rule.definition
            .limits
            .max_firings
            .is_some_and(|most| self.memory.firings >= most)
    }

    /// When the cooldown after the last firing ends.
    fn cooled_at(&self, rule: &ActiveRule) -> Option<Instant> {
        Some(
            rule.definition
                .limits
                .cooldown?
                .add_to(self.memory.last_fired_at?, self.facts.zone),
        )
    }

    /// The depth of what happened at an instant, at present or in the past: the events of one unit of work are microseconds apart.
    fn depth_at(&self, at: Instant) -> u32 {
        let events = &self.facts.events;
        let first = events.partition_point(|event| event.at < at && at - event.at > SAME_WORK);
        let last = at
            .checked_add_signed(SAME_WORK)
            .map_or(self.now, |last| last.min(self.now));
        events
            .iter()
            .skip(first)
            .take_while(|event| event.at <= last)
            .map(|event| event.depth)
            .max()
            .unwrap_or(0)
    }

    /// Fires, unless the rule is off, held back or its condition is not true. Tells whether it fired, refused or not.
    fn fire(
        &mut self,
        rule: &ActiveRule,
        as_of: &AsOf<'_>,
        at: Instant,
        occurrence: impl fmt::Display,
        depth_of_cause: u32,
    ) -> bool {
        let definition = &rule.definition;
        let held_back = !rule.enabled
            || self.is_capped(rule)
            || self.cooled_at(rule).is_some_and(|cooled| at < cooled)
            || definition
                .limits
                .stop_when
                .as_ref()
                .is_some_and(|stop| condition::verdict(stop, as_of) == Verdict::True);
        if held_back {
            return false;
        }
        // Most conditions are not true most of the time: the trace is made only for those that are.
        if let Some(condition) = &definition.condition
            && condition::verdict(condition, as_of) != Verdict::True
        {
            return false;
        }
        let trace = definition
            .condition
            .as_ref()
            .map(|condition| condition::trace(condition, as_of).1)
            .unwrap_or_default();
        let depth = depth_of_cause.saturating_add(1);
        let refused = depth > MAX_DEPTH;
        if !refused {
            let memory = self.memory.to_mut();
            memory.last_fired_at = Some(at);
            memory.firings = memory.firings.saturating_add(1);
        }
        self.firings.push(Firing {
            rule: self.key.to_owned(),
            version: rule.version,
            occurrence: occurrence.to_string(),
            at,
            depth,
            refused,
            trace,
        });
        true
    }
}
