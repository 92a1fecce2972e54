//! What a schedule counts from.

use chrono::DateTime;

use crate::{
    definition::Anchor,
    facts::{Facts, Instant},
    zone::start_of_day,
};

/// One anchor of a schedule.
pub(super) struct Anchored {
    /// Its name within the rule and enrollment: the first part of every occurrence that counts from it.
    pub id: String,
    /// What is counted from.
    pub at: Instant,
    /// What would have come before this lapses.
    pub owned_from: Instant,
    /// Since when it has been known: what was due before is judged then.
    pub known_at: Instant,
}

impl Anchored {
    fn happened(id: impl ToString, at: Instant) -> Self {
        Self {
            id: id.to_string(),
            at,
            owned_from: at,
            known_at: at,
        }
    }
}

/// The anchors that are known of.
pub(super) fn anchors(anchor: &Anchor, facts: &Facts) -> Vec<Anchored> {
    match anchor {
        Anchor::EnrollmentStart(_) => facts
            .started_at
            .map(|at| Anchored::happened("enrollmentStart", at))
            .into_iter()
            .collect(),
        Anchor::EnrollmentEnd(_) => {
            let since = facts.ends_at_since.unwrap_or(DateTime::<chrono::Utc>::MIN_UTC);
            let planned = facts.ends_at.map(|at| Anchored {
                id: "enrollmentEnd".to_owned(),
                at,
                owned_from: since,
                known_at: since,
            });
            planned.into_iter().collect()
        }
        Anchor::ModuleOpened(of) => {
            let modules = facts.modules.iter().filter(|module| module.key == of.module);
            let opened = modules.flat_map(|module| &module.opened);
            opened
                .map(|at| Anchored::happened(format!("opened-{}-{}", of.module, at.timestamp_micros()), *at))
                .collect()
        }
        Anchor::ModuleCompleted(of) => {
            let modules = facts.modules.iter().filter(|module| module.key == of.module);
            let completed = modules.filter_map(|module| {
                let last_step = usize::try_from(module.steps).ok()?.checked_sub(1)?;
                module.completed.get(last_step)
            });
            completed
                .map(|at| Anchored::happened(format!("completed-{}", of.module), *at))
                .collect()
        }
        Anchor::FormSent(of) => {
            let sent = facts.dispatches.iter().filter(|dispatch| {
                dispatch.form == of.form && dispatch.cancelled_at.is_none_or(|at| at > dispatch.available_at)
            });
            sent.map(|dispatch| Anchored {
                known_at: dispatch.known_at,
                ..Anchored::happened(dispatch.id, dispatch.available_at)
            })
            .collect()
        }
        Anchor::FormCompleted(of) => {
            let completed = facts.responses.iter().filter(|response| response.form == of.form);
            completed
                .map(|response| Anchored::happened(response.id, response.at))
                .collect()
        }
        Anchor::FlagRaised(of) => {
            let raised = facts.flags.iter().filter(|flag| flag.kind == of.kind);
            raised.map(|flag| Anchored::happened(flag.id, flag.raised_at)).collect()
        }
        Anchor::Date(of) => {
            let always = DateTime::<chrono::Utc>::MIN_UTC;
            vec![Anchored {
                id: of.date.to_string(),
                at: start_of_day(facts.zone, of.date),
                owned_from: always,
                known_at: always,
            }]
        }
    }
}
