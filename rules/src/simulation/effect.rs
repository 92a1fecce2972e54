//! What firings do to the facts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use uuid::Uuid;

use super::{
    Fired, Record,
    notice::{Notice, Subject, To},
};
use crate::{
    as_of::AsOf,
    definition::{Action, DispatchForm, Escalate, QuietHours, RaiseFlag, Recipients, Remind, RuleDefinition},
    evaluation::{EpisodeEnd, Evaluation, Firing, RuleSet, SAME_WORK},
    facts::{
        Audience, Dated, Dispatch, Event, EventKind, Facts, Flag, FlagState, Instant, Message, Module, Severity, Status,
    },
    window::Window,
};

/// The smallest step between two instants.
const TICK: Duration = Duration::microseconds(1);

/// Why a flag stands: what the facts do not tell of flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The flag.
    pub flag: Uuid,
    /// Whom the flag is for.
    pub audience: Audience,
    /// The key of the rule that raised it, and the occurrence for which; none by hand.
    pub firing: Option<(String, String)>,
    /// Whether it ends with the episode that raised it.
    pub auto_resolve: bool,
    /// From when it stands.
    pub at: Instant,
    /// When it ended.
    pub ended_at: Option<Instant>,
}

/// What one firing really did.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Forms that it sent.
    pub dispatches: Vec<Dispatch>,
    /// Flags that nothing else had raised.
    pub flags: Vec<Flag>,
    /// Why it raised them, or others.
    pub causes: Vec<Cause>,
    /// Messages that it sent.
    pub messages: Vec<Message>,
    /// What was written of all that.
    pub events: Vec<Event>,
}

/// The facts while firings are carried out.
pub(super) struct World {
    pub facts: Facts,
    causes: Vec<Cause>,
    done: BTreeMap<(String, String), Effects>,
    /// How many identities were made up.
    ids: u128,
    /// Answers that count for a form that the replay sent.
    claimed: BTreeSet<Uuid>,
    /// The ladders that were started, by rule, flag and its opening.
    escalated: BTreeSet<(String, Uuid, Instant)>,
}

/// One firing that is carried out.
struct Carried<'a> {
    firing: &'a Firing,
    definition: &'a RuleDefinition,
    /// What it really did, if it really fired.
    real: Option<Effects>,
    notices: Vec<Notice>,
}

impl World {
    pub fn new(record: Record) -> Self {
        Self {
            facts: record.facts,
            causes: record.causes,
            done: record.done,
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
                    real: self.done.remove(&(firing.rule.clone(), firing.occurrence.clone())),
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
                    kind(self, one, action, &mut pen);
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

    fn id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    fn write(&mut self, pen: &mut Pen, depth: u32, kind: EventKind) {
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

    fn add_dispatch(&mut self, dispatch: Dispatch) {
        let earlier = |other: &Dispatch| other.available_at <= dispatch.available_at;
        let place = self.facts.dispatches.partition_point(earlier);
        self.facts.dispatches.insert(place, dispatch);
    }

    fn add_flag(&mut self, flag: Flag) {
        let raised = |flag: &Flag| flag.changes.first().map(|change| change.at);
        let place = self.facts.flags.partition_point(|other| raised(other) <= raised(&flag));
        self.facts.flags.insert(place, flag);
    }

    fn add_message(&mut self, message: Message) {
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
        for event in &real.events {
            // What was done late, after downtime, is met in its time.
            if event.at - pen.now <= SAME_WORK {
                pen.last = pen.last.max(Some(event.at));
            }
            self.add_event(event.clone());
        }
        self.causes.extend(real.causes.iter().cloned());
    }

    /// Sends a form.
    fn form(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
        let Action::DispatchForm(form) = action else { return };
        let zone = self.facts.zone;
        let sent = match &one.real {
            Some(real) => real
                .dispatches
                .iter()
                .find(|dispatch| dispatch.form == form.form)
                .cloned(),
            None => self.send(one.firing, form, pen),
        };
        let Some(sent) = sent else { return };
        let window = Window::new(sent.available_at, form.expires_after, &form.remind_after, zone);
        let decided_in = AsOf::new(&self.facts, pen.now).status();
        one.notices.extend(window.remind_at.into_iter().map(|at| Notice {
            at,
            to: To::Citizen,
            channels: Vec::new(),
            subject: Subject::Form(sent.id),
            decided_in,
            bypass_quiet_hours: false,
            office_hours: false,
        }));
    }

    /// Sends a form that nobody sent, unless the enrollment has ended or the form's time is over.
    fn send(&mut self, firing: &Firing, form: &DispatchForm, pen: &mut Pen) -> Option<Dispatch> {
        if self.has_ended(pen.now) {
            return None;
        }
        let window = Window::new(firing.at, form.expires_after, &form.remind_after, self.facts.zone);
        if window.expires_at.is_some_and(|until| until <= pen.now) {
            return None;
        }
        let answers = self.facts.responses.iter().filter(|response| {
            response.form == form.form
                && response.at > pen.now
                && window.expires_at.is_none_or(|until| response.at < until)
        });
        let answer = answers.clone().find(|response| !self.claimed.contains(&response.id));
        let (answer, completed_at) = (answer.map(|response| response.id), answer.map(|response| response.at));
        self.claimed.extend(answer);
        let sent = Dispatch {
            id: self.id(),
            form: form.form.clone(),
            known_at: pen.now,
            available_at: window.available_at,
            overdue_at: window.overdue_at,
            expires_at: window.expires_at,
            completed_at,
            cancelled_at: None,
        };
        self.add_dispatch(sent.clone());
        self.write(pen, firing.depth, EventKind::FactChanged);
        Some(sent)
    }

    fn remind(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
        let Action::Remind(Remind { channels, audience, .. }) = action else {
            return;
        };
        one.notices.push(Notice {
            at: pen.now,
            to: match audience {
                Audience::Citizen => To::Citizen,
                Audience::Staff => To::Staff(Recipients::Therapists),
            },
            channels: channels.clone(),
            subject: Subject::Nothing,
            decided_in: AsOf::new(&self.facts, pen.now).status(),
            bypass_quiet_hours: one.definition.limits.quiet_hours == QuietHours::Bypass,
            office_hours: false,
        });
        if one.real.is_none() {
            self.write(pen, one.firing.depth, EventKind::FactChanged);
        }
    }

    /// Raises a flag, or adds a cause to the unresolved one of its kind; an urgent one opens that again.
    fn flag(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
        let Action::RaiseFlag(raise) = action else { return };
        if one.real.is_some() {
            return;
        }
        let is_urgent = raise.severity == Severity::Urgent;
        let (flag, is_opened) = match self.unresolved(&raise.kind, raise.audience, pen.now) {
            Some(place) => {
                let flag = self.facts.flags.get_mut(place);
                let acknowledged =
                    flag.filter(|flag| is_urgent && flag.state(pen.now) == Some(FlagState::Acknowledged));
                let is_opened = acknowledged.is_some();
                if let Some(flag) = acknowledged {
                    change(&mut flag.changes, pen.now, FlagState::Open);
                }
                (self.facts.flags.get(place).map(|flag| flag.id), is_opened)
            }
            None => (Some(self.raise(raise, pen.now)), true),
        };
        let Some(flag) = flag else { return };
        self.causes.push(Cause {
            flag,
            audience: raise.audience,
            firing: Some((one.firing.rule.clone(), one.firing.occurrence.clone())),
            auto_resolve: raise.auto_resolve,
            at: pen.now,
            ended_at: None,
        });
        if is_opened || is_urgent {
            let kind = raise.kind.clone();
            self.write(pen, one.firing.depth, EventKind::FlagRaised { kind });
        }
    }

    fn raise(&mut self, raise: &RaiseFlag, at: Instant) -> Uuid {
        let id = self.id();
        let changes = vec![Dated {
            at,
            value: FlagState::Open,
        }];
        self.add_flag(Flag {
            id,
            kind: raise.kind.clone(),
            changes,
        });
        id
    }

    /// Where the unresolved flag of a kind stands among the flags.
    fn unresolved(&self, kind: &str, audience: Audience, at: Instant) -> Option<usize> {
        self.facts.flags.iter().position(|flag| {
            let stands = matches!(flag.state(at), Some(FlagState::Open | FlagState::Acknowledged));
            let is_for = |cause: &Cause| cause.flag == flag.id && cause.audience == audience;
            flag.kind == kind && stands && self.causes.iter().any(is_for)
        })
    }

    /// Shows or hides a module or a section; what is shown is also opened.
    fn content(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
        if one.real.is_some() {
            return;
        }
        let modules = &mut self.facts.modules;
        let changed = match action {
            Action::OpenModule(of) => modules.iter_mut().find(|module| module.key == of.module).map(|module| {
                open(module, pen.now);
                change(&mut module.visible, pen.now, true);
            }),
            Action::HideModule(of) => {
                let mut modules = modules.iter_mut();
                modules
                    .find(|module| module.key == of.module)
                    .map(|module| change(&mut module.visible, pen.now, false))
            }
            Action::OpenSection(of) | Action::HideSection(of) => {
                let is_open = matches!(action, Action::OpenSection(_));
                let mut sections = modules.iter_mut().flat_map(|module| &mut module.sections);
                sections
                    .find(|section| section.key == of.section)
                    .map(|section| change(&mut section.visible, pen.now, is_open))
            }
            _ => None,
        };
        if changed.is_some() {
            self.write(pen, one.firing.depth, EventKind::FactChanged);
        }
    }

    fn message(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
        let Action::SendMessage(_) = action else { return };
        if one.real.is_none() && !self.has_ended(pen.now) {
            let from = Audience::Staff;
            self.add_message(Message { at: pen.now, from });
            self.write(pen, one.firing.depth, EventKind::MessageReceived { from });
        }
    }

    /// Plans the rungs of a ladder for the flag that is open: once for each rule and opening.
    fn escalation(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
        let Action::Escalate(Escalate {
            kind,
            rungs,
            office_hours,
        }) = action
        else {
            return;
        };
        let place = self.unresolved(kind, Audience::Staff, pen.now);
        let flag = place.and_then(|place| self.facts.flags.get(place));
        let opened = flag.and_then(|flag| {
            let is_open = flag.state(pen.now) == Some(FlagState::Open);
            let mut opened = flag
                .changes
                .iter()
                .filter(|change| change.value == FlagState::Open && change.at <= pen.now);
            let since = opened.next_back()?.at;
            is_open.then_some((flag.id, since))
        });
        let Some((flag, since)) = opened else { return };
        if !self.escalated.insert((one.firing.rule.clone(), flag, since)) {
            return;
        }
        let from = one.firing.at.max(since);
        let decided_in = AsOf::new(&self.facts, pen.now).status();
        one.notices.extend(rungs.iter().map(|rung| Notice {
            at: rung.after.add_to(from, self.facts.zone),
            to: To::Staff(rung.to),
            channels: rung.channels.clone(),
            subject: Subject::Flag(flag),
            decided_in,
            bypass_quiet_hours: true,
            office_hours: *office_hours,
        }));
    }

    fn has_ended(&self, at: Instant) -> bool {
        let status = AsOf::new(&self.facts, at).status();
        matches!(status, None | Some(Status::Completed | Status::Withdrawn))
    }

    /// Ends the causes of an episode that end with it; a flag that nothing else stands for is resolved.
    fn end_causes(&mut self, end: &EpisodeEnd, pen: &mut Pen) {
        let now = pen.now;
        let stands = |cause: &Cause| cause.at <= now && cause.ended_at.is_none_or(|ended| ended > now);
        let is_of = |cause: &Cause| {
            let firing = cause.firing.as_ref();
            firing.is_some_and(|(rule, occurrence)| *rule == end.rule && *occurrence == end.occurrence)
        };
        let mut ended: BTreeSet<Uuid> = BTreeSet::new();
        for cause in self
            .causes
            .iter_mut()
            .filter(|cause| stands(cause) && cause.auto_resolve && is_of(cause))
        {
            cause.ended_at = Some(now);
            ended.insert(cause.flag);
        }
        for cause in self.causes.iter().filter(|cause| stands(cause)) {
            ended.remove(&cause.flag);
        }
        for id in ended {
            let flag = self.facts.flags.iter_mut().find(|flag| flag.id == id);
            let unresolved = |flag: &&mut Flag| !matches!(flag.state(now), None | Some(FlagState::Resolved));
            if let Some(flag) = flag.filter(unresolved) {
                // What people did with it later they would not have done.
                flag.changes.retain(|change| change.at <= now);
                change(&mut flag.changes, now, FlagState::Resolved);
                self.write(pen, end.depth, EventKind::FactChanged);
            }
        }
    }
}

/// Opens a module, unless it is open. Then it does not open by itself any more.
fn open(module: &mut Module, at: Instant) {
    if !module.opened.iter().any(|opened| *opened <= at) {
        module.opened = vec![at];
    }
}

/// Notes a change where it belongs.
fn change<T>(changes: &mut Vec<Dated<T>>, at: Instant, value: T) {
    let place = changes.partition_point(|change| change.at <= at);
    changes.insert(place, Dated { at, value });
}

/// Dates what is written: all of one unit of work at one instant, its events after one another.
struct Pen {
    now: Instant,
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
