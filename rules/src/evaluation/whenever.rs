//! Rules triggered by their condition becoming true.
//!
//! A condition that becomes true begins an episode, which fires once: as soon as it has held for long enough and nothing
//! holds it back. An episode that has fired ends when the condition is false or, where there is one, when the release is
//! true; one that has not ends as soon as the condition is not true, or the release is. An edit that makes another rule of it
//! ends either.

use super::{ActiveRule, Run, Version, Window, just_after};
use crate::{
    as_of::AsOf,
    condition::{next_change, verdict},
    definition::{Condition, Whenever},
    facts::Instant,
    trace::Verdict,
};

impl Run<'_> {
    /// Judges the condition at every instant of the window at which it could change, and at the window's first: what was
    /// true before the rule took effect begins then.
    #[inline(never)]
    pub(super) fn whenever(&mut self, version: &Version, whenever: &Whenever, window: Window) {
        let rule = &version.active;
        // Without a condition it is refused when it is saved, and never fires.
        let Some(condition) = &rule.definition.condition else {
            return;
        };
        let mut at = just_after(window.after);
        if window.holds(at) {
            if version.is_another && at == rule.effective_from {
                self.close_episode(at);
            }
            loop {
                self.judge(rule, whenever, condition, at);
                match self.next_instant(rule, whenever, condition, at) {
                    Some(next) if window.holds(next) => at = next,
                    _ => break,
                }
            }
        }
        if self.is_over(version) {
            return;
        }
        let present = AsOf::new(self.facts, self.now);
        if self.memory.episode_fired {
            // Its end may resolve what it raised, and arms the rule again.
        } else if self.is_capped(rule) || !rule.enabled {
            return;
        } else if !self.in_status(rule, &present) {
            if let Some(change) = present.next_status_change() {
                self.wake(version, change);
            }
            return;
        }
        if let Some(next) = self.next_instant(rule, whenever, condition, self.now) {
            self.wake(version, next);
        }
    }

    fn judge(&mut self, rule: &ActiveRule, whenever: &Whenever, condition: &Condition, at: Instant) {
        let as_of = AsOf::new(self.facts, at);
        let holds = verdict(condition, &as_of);
        let released = whenever
            .release
            .as_ref()
            .is_some_and(|release| verdict(release, &as_of) == Verdict::True);
        let over = match (self.memory.episode_fired, &whenever.release) {
            (false, _) => holds != Verdict::True || released || !rule.enabled,
            (true, None) => holds == Verdict::False,
            (true, Some(_)) => released,
        };
        if over {
            self.close_episode(at);
        }
        if self.memory.episode_since.is_none() && rule.enabled && holds == Verdict::True && !released {
            let depth = self.depth_at(at);
            let memory = self.memory.to_mut();
            memory.episode = memory.episode.saturating_add(1);
            memory.episode_since = Some(at);
            memory.episode_depth = depth;
        }
        let held = self.held_at(whenever).is_some_and(|held| held <= at);
        if held && !self.memory.episode_fired && self.in_status(rule, &as_of) {
            // What began the episode caused it, also where it had to hold or to wait first.
            let (occurrence, depth) = (self.episode(), self.depth_at(at).max(self.memory.episode_depth));
            if self.fire(rule, &as_of, at, occurrence, depth) {
                self.memory.to_mut().episode_fired = true;
            }
        }
    }

    /// When the open episode has held for long enough.
    fn held_at(&self, whenever: &Whenever) -> Option<Instant> {
        let since = self.memory.episode_since?;
        Some(
            whenever
                .held_for
                .map_or(since, |held_for| held_for.add_to(since, self.facts.zone)),
        )
    }

    /// The first instant after another at which anything could change, if nothing else happens.
    fn next_instant(
        &self,
        rule: &ActiveRule,
        whenever: &Whenever,
        condition: &Condition,
        at: Instant,
    ) -> Option<Instant> {
        let as_of = AsOf::new(self.facts, at);
        let changes = |condition: Option<&Condition>| condition.and_then(|condition| next_change(condition, &as_of));
        let looks = [changes(Some(condition)), changes(whenever.release.as_ref())];
        // What an open episode waits for.
        let waits = if self.memory.episode_since.is_some() && !self.memory.episode_fired {
            [
                self.held_at(whenever),
                self.cooled_at(rule),
                as_of.next_status_change(),
                changes(rule.definition.limits.stop_when.as_ref()),
            ]
        } else {
            [None; 4]
        };
        let instants = looks.into_iter().chain(waits).flatten();
        instants.filter(|instant| *instant > at).min()
    }
}
