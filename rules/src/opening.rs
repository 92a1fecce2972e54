//! When modules and sections are shown, and when modules open: by themselves, once others are completed, or because somebody
//! said so.
//!
//! A module may have prerequisites. It opens when its own time has come and each of them is completed, or has nothing to complete
//! because it is hidden: then what that one waits for takes its place. Completed once is completed, also where more of
//! a module is shown later. Whoever opens a module opens it whatever is completed.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use crate::facts::{Dated, Instant, Module};

/// What came of what was said of visibility, the latest first, each with the instant at which it was said: every change, the
/// oldest first. What was planned and had not come when somebody said something else never comes.
pub fn visibility(said: impl IntoIterator<Item = (Instant, Dated<bool>)>) -> Vec<Dated<bool>> {
    let mut changes = Vec::new();
    let mut until = None;
    for (at, change) in said {
        if until.is_none_or(|until| change.at < until) {
            changes.push(change);
        }
        until = Some(at);
    }
    changes.reverse();
    changes
}

/// The instants at which a module was opened or, as things stand, will be: of when it opens and closes without anybody's doing,
/// and of what was said of when it opens, both with the oldest first. What was said holds until something else is; opening what
/// is open already is no opening.
pub fn openings(by_itself: Vec<Dated<bool>>, said: &[Dated<Instant>]) -> Vec<Instant> {
    let first_said = said.first().map(|said| said.at);
    let mut openings = Vec::new();
    let mut was_open = false;
    for change in by_itself {
        if first_said.is_none_or(|said| change.at < said) {
            was_open = change.value;
            openings.extend(was_open.then_some(change.at));
        }
    }
    for (index, one) in said.iter().enumerate() {
        let until = said.get(index + 1).map(|next| next.at);
        let opening = one.value.max(one.at);
        let opens = until.is_none_or(|until| opening < until);
        if opens && !(was_open && opening == one.at) {
            openings.push(opening);
        }
        was_open = opens;
    }
    openings
}

/// When a module opened or, where it is not open at an instant, opens next, of when it opens and closes without anybody's doing.
pub fn opens_at(by_itself: &[Dated<bool>], at: Instant) -> Option<Instant> {
    let last = by_itself.iter().rfind(|change| change.at <= at);
    let open = last.filter(|change| change.value);
    let next = || by_itself.iter().find(|change| change.at > at && change.value);
    open.or_else(next).map(|change| change.at)
}

/// What a module waits for. `K` tells modules apart.
#[derive(Debug)]
pub struct Waiting<'a, K> {
    first: &'a [K],
    /// Whatever may have to be completed before it opens.
    before: BTreeMap<&'a K, Before<'a, K>>,
}

#[derive(Debug)]
struct Before<'a, K> {
    module: Cow<'a, Module>,
    completed_at: Option<Instant>,
    prerequisites: &'a [K],
}

impl<'a, K: Ord> Waiting<'a, K> {
    /// What a module with these prerequisites waits for; `find` gives a module, as it is over time, with its own prerequisites.
    pub fn new(prerequisites: &'a [K], find: impl Fn(&K) -> Option<(Cow<'a, Module>, &'a [K])>) -> Self {
        let mut before = BTreeMap::new();
        let mut left: Vec<&K> = prerequisites.iter().collect();
        while let Some(key) = left.pop() {
            if before.contains_key(key) {
                continue;
            }
            if let Some((module, prerequisites)) = find(key) {
                let completed_at = module.completed_at();
                before.insert(
                    key,
                    Before {
                        module,
                        completed_at,
                        prerequisites,
                    },
                );
                left.extend(prerequisites);
            }
        }
        Self {
            first: prerequisites,
            before,
        }
    }

    /// The modules that are to be completed at an instant.
    pub fn awaited(&self, at: Instant) -> BTreeSet<&'a K> {
        let (mut awaited, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut left: Vec<&K> = self.first.iter().collect();
        while let Some(key) = left.pop() {
            let Some(one) = self.before.get(key).filter(|_| seen.insert(key)) else {
                continue;
            };
            let (_, steps) = one.module.progress(at);
            if one.completed_at.is_some_and(|completed_at| completed_at <= at) {
                continue;
            } else if steps == 0 {
                left.extend(one.prerequisites);
            } else {
                awaited.insert(key);
            }
        }
        awaited
    }

    /// When the module opens and closes without anybody's doing, where its own time comes at `from`: the first change first; it
    /// is closed before.
    pub fn changes(&self, from: Instant) -> Vec<Dated<bool>> {
        let mut instants = BTreeSet::from([from]);
        instants.extend(self.instants().filter(|at| *at > from));
        let mut changes: Vec<Dated<bool>> = Vec::new();
        for at in instants {
            let value = self.awaited(at).is_empty();
            if changes.last().is_some_and(|last| last.value) != value {
                changes.push(Dated { at, value });
            }
        }
        changes
    }

    /// The instants at which what is to be completed could change.
    fn instants(&self) -> impl Iterator<Item = Instant> {
        self.before.values().flat_map(|one| {
            let sections = one.module.sections.iter().flat_map(|section| &section.visible);
            let shown = one.module.visible.iter().chain(sections).map(|change| change.at);
            shown.chain(one.completed_at)
        })
    }
}
