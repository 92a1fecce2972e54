//! Which of several numbers in time is meant.

use crate::{
    change::{self, tidy},
    definition::Pick,
};

/// What is picked of numbers in their order; each is none where what was to give it gave none. The reliable change is none: it
/// needs to know more than numbers.
// Not inlined: the latest score, which is meant most often, needs none of it.
#[inline(never)]
pub(super) fn pick(
    mut numbers: impl DoubleEndedIterator<Item = Option<f64>>,
    pick: Pick,
    last: Option<u32>,
) -> Option<f64> {
    match pick {
        Pick::Latest => numbers.next_back()?,
        Pick::First => numbers.next()?,
        Pick::Previous => numbers.nth_back(1)?,
        Pick::ChangeFromFirst => {
            let latest = numbers.next_back()??;
            Some(change::difference(latest, numbers.next()??))
        }
        Pick::ChangeFromPrevious => {
            let latest = numbers.next_back()??;
            Some(change::difference(latest, numbers.next_back()??))
        }
        Pick::PercentChangeFromFirst => {
            let latest = numbers.next_back()??;
            change::percent(latest, numbers.next()??)
        }
        Pick::PercentChangeFromPrevious => {
            let latest = numbers.next_back()??;
            change::percent(latest, numbers.next_back()??)
        }
        Pick::Mean => {
            let (sum, count) = last_ones(numbers.flatten(), last, |sum, number| sum + number)?;
            Some(tidy(sum / count as f64))
        }
        Pick::Max => last_ones(numbers.flatten(), last, f64::max).map(|(most, _)| most),
        Pick::Min => last_ones(numbers.flatten(), last, f64::min).map(|(least, _)| least),
        Pick::ReliableChange => None,
    }
}

/// Joins the last so many numbers, and counts them; nothing where there are fewer, or none.
fn last_ones(
    numbers: impl DoubleEndedIterator<Item = f64>,
    last: Option<u32>,
    join: fn(f64, f64) -> f64,
) -> Option<(f64, usize)> {
    let wanted = last.map(|last| last as usize);
    let mut numbers = numbers.rev().take(wanted.unwrap_or(usize::MAX));
    let first = numbers.next()?;
    let (joined, count) = numbers.fold((first, 1), |(joined, count), number| (join(joined, number), count + 1));
    wanted.is_none_or(|wanted| count == wanted).then_some((joined, count))
}
