//! What firings do with flags: they raise them, start ladders for them, and resolve what they raised.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    effect::{Carried, Pen, World},
    notice::{Notice, Subject, To},
};
use crate::{
    as_of::AsOf,
    definition::{Action, Escalate, RaiseFlag},
    evaluation::EpisodeEnd,
    facts::{Audience, Dated, EventKind, Flag, FlagState, Instant, Severity},
};

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

impl World {
    /// Raises a flag, or adds a cause to the unresolved one of its kind; an urgent one opens that again.
    pub(super) fn flag(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
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

    /// Plans the rungs of a ladder for the flag that is open: once for each rule and opening.
    pub(super) fn escalation(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
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
            about: Vec::new(),
            switches: Vec::new(),
            decided_in,
            between_staff: false,
            bypass_quiet_hours: true,
            office_hours: *office_hours,
        }));
    }

    /// Ends the causes of an episode that end with it; a flag that nothing else stands for is resolved.
    pub(super) fn end_causes(&mut self, end: &EpisodeEnd, pen: &mut Pen) {
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

/// Notes a change where it belongs.
fn change<T>(changes: &mut Vec<Dated<T>>, at: Instant, value: T) {
    let place = changes.partition_point(|change| change.at <= at);
    changes.insert(place, Dated { at, value });
}
