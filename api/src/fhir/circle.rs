//! Items that are shown because of one another's answers, in a circle.

use std::collections::{BTreeSet, HashMap};

use rules::form::Item;

/// Drops the condition of an item of every circle, the first in order; the indexes of those items.
pub fn break_all(items: &mut [Item]) -> Vec<usize> {
    let mut broken = Vec::new();
    while let Some(index) =
        (0..items.len()).find(|index| is_conditional(items, *index) && reaches_itself(items, *index))
    {
        if let Some(item) = items.get_mut(index) {
            item.enable_when = None;
        }
        broken.push(index);
    }
    broken
}

fn is_conditional(items: &[Item], index: usize) -> bool {
    items.get(index).is_some_and(|item| item.enable_when.is_some())
}

/// Whether showing the item depends on the item itself, by way of conditions and of groups.
fn reaches_itself(items: &[Item], start: usize) -> bool {
    let places: HashMap<&str, usize> = items
        .iter()
        .enumerate()
        .map(|(index, item)| (item.key.as_str(), index))
        .collect();
    let depends_on = |index: usize| {
        let item = items.get(index);
        let when = item.and_then(|item| item.enable_when.as_ref());
        let asked = when
            .into_iter()
            .flat_map(|when| &when.conditions)
            .map(|condition| condition.item.as_str());
        let group = item.and_then(|item| item.group.as_deref());
        asked
            .chain(group)
            .filter_map(|key| places.get(key).copied())
            .collect::<Vec<_>>()
    };
    let mut seen = BTreeSet::new();
    let mut ahead = depends_on(start);
    while let Some(index) = ahead.pop() {
        if index == start {
            return true;
        }
        if seen.insert(index) {
            ahead.extend(depends_on(index));
        }
    }
    false
}
