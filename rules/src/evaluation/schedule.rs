//! Rules triggered at planned local times.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Run, TOLERANCE, Version, Window, anchor::anchors, just_before};
use crate::{
    as_of::AsOf,
    definition::{CatchUp, Limits, Schedule, Trigger},
    facts::{Facts, Instant, Status},
};

/// A slot that has come due.
pub(super) struct Due {
    /// The instant at which it is judged: when it was due, or later where its anchor was not known yet or in a pause.
    at: Instant,
    due: Instant,
    /// Judged from here on it lapses: its anchor is none any more.
    lapses_at: Option<Instant>,
    /// The anchor and the slot.
    slot: String,
    day: NaiveDate,
    /// The depth of what the anchor is.
    depth: u32,
}

impl Due {
    fn occurrence(&self) -> String {
        format!("{}/{}", self.slot, self.day)
    }
}

impl Run<'_> {
    /// Whether slots of a version are to be judged.
    pub(super) fn comes(&self, version: &Version, evaluated_until: Instant) -> bool {
        let Trigger::Schedule(schedule) = &version.active.definition.trigger else {
            return false;
        };
        let window = self.owned(version, evaluated_until);
        !self.due(version, schedule, window, || false).is_empty()
    }

    /// The slots of the window that are to be judged, in the order of time. Where slots of a later version of the rule are,
    /// none of these is its latest.
    pub(super) fn due(
        &self,
        version: &Version,
        schedule: &Schedule,
        window: Window,
        is_edited: impl FnOnce() -> bool,
    ) -> Vec<Due> {
        let (rule, facts) = (&version.active, self.facts);
        // Off, its slots lapse.
        let Some(timetable) = version.timetable.as_ref().filter(|_| rule.enabled) else {
            return Vec::new();
        };
        let due_in = |window: Window| -> Vec<Due> {
            if window.after >= window.until {
                return Vec::new();
            }
            let mut due: Vec<Due> = Vec::new();
            for anchor in anchors(&schedule.anchor, facts) {
                let owned_from = just_before(anchor.owned_from.max(rule.effective_from));
                // What was due before the anchor was known comes late, all at once.
                let is_new = window.holds(anchor.known_at);
                let after = if is_new {
                    owned_from
                } else {
                    window.after.max(owned_from)
                };
                let comings = timetable.comings(anchor.at, facts.zone, after, window.until);
                let judged = comings.into_iter().map(|coming| Due {
                    at: coming.due.max(anchor.known_at),
                    due: coming.due,
                    lapses_at: anchor.owned_until,
                    slot: format!("{}/{}", anchor.name, coming.slot),
                    day: coming.day,
                    depth: self.depth_at(anchor.known_at),
                });
                due.extend(judged.filter(|due| window.holds(due.at) && !self.is_done(&due.slot, due.day.into())));
            }
            due
        };

        let limits = &rule.definition.limits;
        let in_status = due_in(window)
            .into_iter()
            .filter(|due| self.in_status(rule, &AsOf::new(facts, due.at)));
        let (mut due, late): (Vec<Due>, Vec<Due>) = in_status.partition(|due| due.at == due.due);
        // What is judged later than it was due, by when.
        let mut held: BTreeMap<Instant, Vec<Due>> = BTreeMap::new();
        for late in late {
            held.entry(late.at).or_default().push(late);
        }
        for pause in pauses(facts, &rule.definition.statuses).filter(|pause| window.holds(pause.ended)) {
            let after = just_before(pause.began);
            let until = just_before(pause.ended);
            let in_pause = due_in(Window { after, until }).into_iter();
            let in_pause = in_pause.map(|due| Due { at: pause.ended, ..due });
            held.entry(pause.ended).or_default().extend(in_pause);
        }
        let stands = |due: &Due| due.lapses_at.is_none_or(|end| due.at < end);
        due.retain(stands);
        for (at, mut held) in held {
            held.retain(stands);
            held.sort_by(|a, b| (a.due, &a.slot, a.day).cmp(&(b.due, &b.slot, b.day)));
            due.extend(caught_up(held, limits, at, facts, |due| due.due));
        }
        due.sort_by(|a, b| (a.at, a.due, &a.slot, a.day).cmp(&(b.at, b.due, &b.slot, b.day)));
        let mut due = caught_up(due, limits, self.now, facts, |due| due.at);
        let is_late = |due: &Due| self.now - due.at > TOLERANCE;
        if limits.catch_up == CatchUp::Once && due.iter().any(is_late) && is_edited() {
            due.retain(|due| !is_late(due));
        }
        due
    }

    /// Judges slots, and finds out when the next come.
    #[inline(never)]
    pub(super) fn schedule(&mut self, version: &Version, schedule: &Schedule, due: Vec<Due>) {
        let (rule, facts) = (&version.active, self.facts);
        // Off, its slots lapse.
        let Some(timetable) = version.timetable.as_ref().filter(|_| rule.enabled) else {
            return;
        };
        for due in due {
            if self.fire(rule, &AsOf::new(facts, due.at), due.at, due.occurrence(), due.depth) {
                self.mark_done(due.slot, due.day.into(), due.at);
            }
        }

        if self.is_over(version) || self.is_capped(rule) {
            return;
        }
        let present = AsOf::new(facts, self.now);
        if !self.in_status(rule, &present) {
            // Nothing can come before the status changes; then what came in between is judged.
            if let Some(change) = present.next_status_change() {
                self.wake(version, change);
            }
            return;
        }
        for anchor in anchors(&schedule.anchor, facts) {
            let owned_from = just_before(anchor.owned_from.max(rule.effective_from));
            let is_known = anchor.known_at <= self.now;
            let from = if is_known { self.now.max(owned_from) } else { owned_from };
            let coming = timetable.next(anchor.at, facts.zone, from);
            let looked_at = coming.map(|coming| coming.due.max(anchor.known_at));
            if let Some(at) = looked_at.filter(|at| anchor.owned_until.is_none_or(|end| *at < end)) {
                self.wake(version, at);
            }
        }
    }
}

/// A time between two in which the rule may fire.
struct Pause {
    began: Instant,
    ended: Instant,
}

/// The pauses that have ended, or are known to end. The time before the first of the rule's statuses is none.
fn pauses<'a>(facts: &'a Facts, statuses: &'a [Status]) -> impl Iterator<Item = Pause> + 'a {
    let mut reached = false;
    let mut began = None;
    facts.statuses.iter().enumerate().filter_map(move |(index, status)| {
        let replaced_at_once = facts.statuses.get(index + 1).is_some_and(|next| next.at == status.at);
        if replaced_at_once {
            return None;
        }
        if !statuses.contains(&status.value) {
            began = began.or(reached.then_some(status.at));
            return None;
        }
        reached = true;
        began.take().map(|began| Pause {
            began,
            ended: status.at,
        })
    })
}

/// What still fires of slots that are looked at only `now`, by the instant from which each is `late`.
fn caught_up(mut due: Vec<Due>, limits: &Limits, now: Instant, facts: &Facts, late: fn(&Due) -> Instant) -> Vec<Due> {
    let is_late = |due: &Due| now - late(due) > TOLERANCE;
    due.retain(|one| match (limits.grace, limits.catch_up) {
        (Some(grace), _) => !is_late(one) || now <= grace.add_to(late(one), facts.zone),
        (None, CatchUp::Skip) => !is_late(one),
        (None, CatchUp::Once | CatchUp::All) => true,
    });
    if limits.catch_up == CatchUp::Once {
        let last = due.len().saturating_sub(1);
        let mut index = 0;
        due.retain(|one| {
            index += 1;
            index > last || !is_late(one)
        });
    }
    due
}
