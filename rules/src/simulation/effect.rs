//! What firings do to the facts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use uuid::Uuid;

use super::{
    Fired, Record,
    content::{ModuleHistory, Said, settle},
    flag::Cause,
    lacking::Lacking,
    notice::Notice,
};
use crate::{
    content::Piece,
    definition::{EventTrigger, RuleDefinition, Trigger},
    evaluation::{Evaluation, Firing, RuleSet, SAME_WORK},
    facts::{Dated, Dispatch, Event, EventKind, Facts, Flag, Instant, Message},
};

/// The smallest step between two instants.
const TICK: Duration = Duration::microseconds(1);

/// What one firing really did.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// The instant that the firing judged.
    pub at: Instant,
    /// The last instant at which something was done for it.
    pub done_at: Instant,
    /// Forms that it sent.
    pub dispatches: Vec<Dispatch>,
    /// Flags that nothing else had raised.
    pub flags: Vec<Flag>,
    /// Why it raised them, or others.
    pub causes: Vec<Cause>,
    /// Messages that it sent.
    pub messages: Vec<Message>,
    /// What it said of content.
    pub said: Vec<(Piece, Said)>,
    /// What was written of all that.
    pub events: Vec<Event>,
}

/// The facts while firings are carried out.
pub(super) struct World {
    pub facts: Facts,
    pub modules: Vec<ModuleHistory>,
    pub(super) causes: Vec<Cause>,
    done: BTreeMap<(String, String), Effects>,
    pub(super) switches: BTreeMap<String, Vec<Dated<bool>>>,
    pub(super) lacking: Lacking,
    /// How many identities were made up.
    ids: u128,
    /// Answers that count for a form that the replay sent.
    pub(super) claimed: BTreeSet<Uuid>,
    /// The ladders that were started, by rule, flag and its opening.
    pub(super) escalated: BTreeSet<(String, Uuid, Instant)>,
}

/// One firing that is carried out.
pub(super) struct Carried<'a> {
    pub firing: &'a Firing,
    pub definition: &'a RuleDefinition,
    /// What it really did, if it really fired.
    pub real: Option<Effects>,
    pub notices: Vec<Notice>,
}

impl World {
    pub fn new(mut record: Record) -> Self {
        // Of what the firings that are taken out did with content, the facts know still.
        settle(&mut record.facts, &record.modules);
        Self {
            facts: record.facts,
            modules: record.modules,
            causes: record.causes,
            done: record.done,
            switches: record.switches,
            lacking: record.lacking,
            ids: 0,
            claimed: BTreeSet::new(),
            escalated: BTreeSet::new(),
        }
    }

    /// Carries out what was decided, and notes it. Gives the last of the events that were written, if any was.
    pub fn carry_out(&mut self, rules: &RuleSet, look: &mut Evaluation, fired: &mut Vec<Fired>) -> Option<Instant> {
        if look.firings.is_empty() && look.ended.is_empty() {
            return None;
        }
        let firings = std::mem::take(&mut look.firings);
        let mut carried: Vec<Carried<'_>> = Vec::new();
        for firing in &firings {
            let version = rules.in_effect(&firing.rule, firing.at);
            if let Some(rule) = version.filter(|_| !firing.refused) {
                carried.push(Carried {
                    firing,
                    definition: &rule.definition,
                    real: self.really_done(firing, &rule.definition.trigger),
                    notices: Vec::new(),
                });
            }
        }
        // Schedules count from what is made here: dated with what was judged already, it would look judged itself.
        let mut pen = Pen::new(look.state.evaluated_until + TICK);
        for one in &mut carried {
            self.put_back(one, &mut pen);
        }
        // Each kind of action of all firings, as the record does.
        for kind in [
            Self::form,
            Self::remind,
            Self::flag,
            Self::escalation,
            Self::content,
            Self::message,
        ] {
            for one in &mut carried {
                for action in &one.definition.actions {
                    if self.lacking.allows(action) {
                        kind(self, one, action, &mut pen);
                    }
                }
            }
        }
        for end in std::mem::take(&mut look.ended) {
            self.end_causes(&end, &mut pen);
        }
        let mut carried = carried.into_iter().peekable();
        let notices: Vec<Vec<Notice>> = firings
            .iter()
            .map(|firing| {
                let own = carried.next_if(|one| std::ptr::eq(one.firing, firing));
                own.map(|one| one.notices).unwrap_or_default()
            })
            .collect();
        fired.extend(
            firings
                .into_iter()
                .zip(notices)
                .map(|(firing, notices)| Fired { firing, notices }),
        );
        pen.last
    }

    /// What a firing really did, if the same really fired. Which episode it was, or which opening of a flag, is only counted: an
    /// edited rule may have had others before. There the instant tells.
    fn really_done(&mut self, firing: &Firing, trigger: &Trigger) -> Option<Effects> {
        let is_counted = matches!(
            trigger,
            Trigger::Whenever(_) | Trigger::Event(EventTrigger::FlagUnhandled(_))
        );
        if !is_counted {
            return self.done.remove(&(firing.rule.clone(), firing.occurrence.clone()));
        }
        fn uncounted(occurrence: &str) -> Option<&str> {
            occurrence.rsplit_once('/').map(|(line, _)| line)
        }
        let of_rule = self.done.range((firing.rule.clone(), String::new())..);
        let mut of_rule = of_rule.take_while(|((rule, _), _)| *rule == firing.rule);
        let same = of_rule.find(|((_, occurrence), real)| {
            real.at == firing.at && uncounted(occurrence) == uncounted(&firing.occurrence)
        });
        let name = same.map(|(name, _)| name.clone())?;
        self.done.remove(&name)
    }

    pub(super) fn id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    pub(super) fn write(&mut self, pen: &mut Pen, depth: u32, kind: EventKind) {
        let (id, at) = (self.id(), pen.next());
        self.add_event(Event { id, at, depth, kind });
    }

    fn add_event(&mut self, event: Event) {
        let place = self
            .facts
            .events
            .partition_point(|other| (other.at, other.id) <= (event.at, event.id));
        self.facts.events.insert(place, event);
    }

    pub(super) fn add_dispatch(&mut self, dispatch: Dispatch) {
        let earlier = |other: &Dispatch| other.available_at <= dispatch.available_at;
        let place = self.facts.dispatches.partition_point(earlier);
        self.facts.dispatches.insert(place, dispatch);
    }

    pub(super) fn add_flag(&mut self, flag: Flag) {
        let raised = |flag: &Flag| flag.changes.first().map(|change| change.at);
        let place = self.facts.flags.partition_point(|other| raised(other) <= raised(&flag));
        self.facts.flags.insert(place, flag);
    }

    pub(super) fn add_message(&mut self, message: Message) {
        let place = self.facts.messages.partition_point(|other| other.at <= message.at);
        self.facts.messages.insert(place, message);
    }

    /// What the firing really did is known again.
    fn put_back(&mut self, one: &mut Carried<'_>, pen: &mut Pen) {
        let Some(real) = &one.real else { return };
        for dispatch in &real.dispatches {
            self.add_dispatch(dispatch.clone());
        }
        for flag in &real.flags {
            self.add_flag(flag.clone());
        }
        for message in &real.messages {
            self.add_message(message.clone());
        }
        for (piece, said) in &real.said {
            self.say(piece, said.clone());
        }
        if !real.said.is_empty() {
            settle(&mut self.facts, &self.modules);
        }
        for event in &real.events {
            // What was done late, after downtime, is met in its time.
            if event.at - pen.now <= SAME_WORK {
                pen.last = pen.last.max(Some(event.at));
            }
            self.add_event(event.clone());
        }
        // Under the name that the firing has here: by it the end of the episode finds them.
        let name = (one.firing.rule.clone(), one.firing.occurrence.clone());
        self.causes.extend(real.causes.iter().map(|cause| Cause {
            firing: Some(name.clone()),
            ..cause.clone()
        }));
    }
}

/// Dates what is written: all of one unit of work at one instant, its events after one another.
pub(super) struct Pen {
    pub now: Instant,
    last: Option<Instant>,
}

impl Pen {
    fn new(now: Instant) -> Self {
        Self { now, last: None }
    }

    fn next(&mut self) -> Instant {
        let next = self.last.map_or(self.now, |last| self.now.max(last + TICK));
        self.last = Some(next);
        next
    }
}
