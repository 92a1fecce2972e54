//! What a schedule counts from.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::{
    definition::Anchor,
    facts::{Facts, Instant, Module, Response},
    zone::start_of_day,
};

/// One anchor of a schedule.
pub(super) struct Anchored<'a> {
    /// The first part of every occurrence that counts from it.
    pub name: Name<'a>,
    /// What is counted from.
    pub at: Instant,
    /// What would have come before this lapses.
    pub owned_from: Instant,
    /// What would be judged from here on lapses: something else took its place.
    pub owned_until: Option<Instant>,
    /// Since when it has been known: what was due before is judged then. What happened at that instant caused it.
    pub known_at: Instant,
}

/// An anchor's name within the rule and enrollment.
pub(super) enum Name<'a> {
    Start,
    End,
    Opened(&'a str, Instant),
    Completed(&'a str),
    Of(Uuid),
    Date(NaiveDate),
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("enrollmentStart"),
            Self::End => f.write_str("enrollmentEnd"),
            Self::Opened(module, at) => write!(f, "opened-{module}-{}", at.timestamp_micros()),
            Self::Completed(module) => write!(f, "completed-{module}"),
            Self::Of(id) => id.fmt(f),
            Self::Date(date) => date.fmt(f),
        }
    }
}

impl<'a> Anchored<'a> {
    fn happened(name: Name<'a>, at: Instant) -> Self {
        Self {
            name,
            at,
            owned_from: at,
            owned_until: None,
            known_at: at,
        }
    }

    /// What happened at the start or after it: nobody knew of it before they knew of the start.
    fn since_start(name: Name<'a>, at: Instant, facts: &Facts) -> Self {
        let is_since = facts.started_at.is_some_and(|start| start <= at);
        let start_known_at = facts.started_known_at.filter(|_| is_since);
        Self {
            known_at: start_known_at.map_or(at, |known_at| known_at.max(at)),
            ..Self::happened(name, at)
        }
    }
}

/// The anchors that are known of.
pub(super) fn anchors<'a>(anchor: &'a Anchor, facts: &'a Facts) -> Vec<Anchored<'a>> {
    match anchor {
        Anchor::EnrollmentStart(_) => {
            let started = facts.started_at.into_iter();
            started
                .map(|at| Anchored::since_start(Name::Start, at, facts))
                .collect()
        }
        Anchor::EnrollmentEnd(_) => {
            let decisions = facts.ends.iter().enumerate();
            let planned = decisions.filter_map(|(index, decision)| {
                Some(Anchored {
                    name: Name::End,
                    at: decision.value?,
                    owned_from: decision.at,
                    owned_until: facts.ends.get(index + 1).map(|next| next.at),
                    known_at: decision.at,
                })
            });
            planned.collect()
        }
        Anchor::ModuleOpened(of) => {
            let modules = facts.modules.iter().filter(|module| module.key == of.module);
            let opened = modules.flat_map(|module| &module.opened);
            opened
                .map(|at| Anchored::since_start(Name::Opened(&of.module, *at), *at, facts))
                .collect()
        }
        Anchor::ModuleCompleted(of) => {
            let modules = facts.modules.iter().filter(|module| module.key == of.module);
            modules
                .filter_map(Module::completed_at)
                .map(|at| Anchored::happened(Name::Completed(&of.module), at))
                .collect()
        }
        Anchor::FormSent(of) => {
            let sent = facts.dispatches.iter().filter(|dispatch| dispatch.form == of.form);
            sent.map(|dispatch| Anchored {
                known_at: dispatch.known_at,
                // What was taken back before it could be answered was not sent.
                owned_until: dispatch.cancelled_at.filter(|at| *at <= dispatch.available_at),
                ..Anchored::happened(Name::Of(dispatch.id), dispatch.available_at)
            })
            .collect()
        }
        Anchor::FormCompleted(of) => {
            let of_form = facts.responses.iter().filter(|response| response.form == of.form);
            let responses: Vec<&Response> = of_form.collect();
            // A response with its amendments is one: only what is void altogether is counted from no longer.
            let amends = |former: &&Response, later: &&Response| {
                later.at != later.answered_at && later.answered_at == former.answered_at
            };
            let completed = responses.chunk_by(amends).filter_map(|one| one.first().zip(one.last()));
            completed
                .map(|(first, last)| Anchored {
                    owned_until: last.superseded_at,
                    ..Anchored::happened(Name::Of(first.id), first.at)
                })
                .collect()
        }
        Anchor::FlagRaised(of) => {
            let raised = facts.flags.iter().filter(|flag| flag.kind == of.kind);
            let first = raised.filter_map(|flag| Some((flag, flag.changes.first()?.at)));
            first
                .map(|(flag, at)| Anchored::happened(Name::Of(flag.id), at))
                .collect()
        }
        Anchor::Date(of) => {
            let always = DateTime::<Utc>::MIN_UTC;
            vec![Anchored {
                owned_from: always,
                known_at: always,
                ..Anchored::happened(Name::Date(of.date), start_of_day(facts.zone, of.date))
            }]
        }
    }
}
