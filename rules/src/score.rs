//! Scores: what the answers of a form add up to.

use serde::{Deserialize, Serialize};

use crate::{
    answer::{Answer, Answers, is_blank, visible_items},
    form::{Form, Item, ItemKind, Method, MissingPolicy, Scale},
};

/// What one scale came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Score {
    /// The key of the scale.
    pub scale: String,
    /// The rounded score; none where too few items are answered.
    pub value: Option<f64>,
    /// The key of the band that the score lies in.
    pub band: Option<String>,
    /// Whether every shown item of the scale has a value.
    pub complete: bool,
}

/// Scores the answers by every scale of the form. Answers to items that are not shown do not count.
pub fn score(form: &Form, answers: &Answers) -> Vec<Score> {
    let shown = visible_items(form, answers);
    let mut given = answers.iter().filter(|(key, _)| shown.contains(key.as_str()));
    let any_answered = given.any(|(_, answer)| !is_blank(answer));
    form.scales
        .iter()
        .map(|scale| {
            let mut values = Vec::new();
            let (mut missing, mut hidden) = (0, 0);
            for key in &scale.items {
                let Some(item) = form.item(key).filter(|item| shown.contains(item.key.as_str())) else {
                    hidden += 1;
                    continue;
                };
                match answers.get(key).and_then(|answer| counted(scale, item, answer)) {
                    Some(value) => values.push(value),
                    None => missing += 1,
                }
            }
            let value = join(scale, &values, missing, hidden)
                .filter(|_| any_answered)
                .map(|value| round(value, scale.decimals));
            let band = value.and_then(|value| band_of(scale, value));
            Score {
                scale: scale.key.clone(),
                value,
                band,
                complete: missing == 0,
            }
        })
        .collect()
}

/// What one answer counts for: the value of the chosen option or the sum of those of several, the number itself, 1 for yes
/// and 0 for no. None for an option without a value, an answer of another type, and the kinds that cannot be counted.
pub fn answer_number(item: &Item, answer: &Answer) -> Option<f64> {
    let option_value = |key: &String| item.options.iter().find(|option| option.key == *key)?.value;
    let number = match (item.kind, answer) {
        (ItemKind::Boolean, Answer::Boolean(yes)) => Some(f64::from(u8::from(*yes))),
        (ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale, Answer::Number(number)) => Some(*number),
        (ItemKind::Choice, Answer::Text(key)) => option_value(key),
        (ItemKind::MultipleChoice, Answer::Options(keys)) if !keys.is_empty() => keys.iter().map(option_value).sum(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// The answers as rules look at them ([`crate::facts::Response::answers`]): a choice is its option's value where it has one,
/// else the option's key. Answers to items that are not shown, and blank ones, are left out.
pub fn fact_answers(form: &Form, answers: &Answers) -> Vec<(String, Answer)> {
    let shown = visible_items(form, answers);
    let items = form.items.iter().filter(|item| shown.contains(item.key.as_str()));
    items
        .filter_map(|item| {
            let answer = answers.get(&item.key).filter(|answer| !is_blank(answer))?;
            let fact = match item.kind {
                ItemKind::Choice => answer_number(item, answer).map_or_else(|| answer.clone(), Answer::Number),
                _ => answer.clone(),
            };
            Some((item.key.clone(), fact))
        })
        .collect()
}

/// The lowest and the highest score that the scale can give, where its items are bounded.
pub fn reach(form: &Form, scale: &Scale) -> Option<(f64, f64)> {
    let ranges: Option<Vec<(f64, f64)>> = scale.items.iter().map(|key| range(form.item(key)?)).collect();
    let ranges = ranges.filter(|ranges| !ranges.is_empty())?;
    // A hidden item counts as zero or nothing, whatever its own values.
    let any_hidden = scale
        .items
        .iter()
        .any(|key| form.item(key).is_some_and(|item| may_be_hidden(form, item)));
    let left_out = any_hidden || scale.missing == MissingPolicy::Ignore;
    let with_zero = |(low, high): (f64, f64)| {
        if left_out {
            (low.min(0.0), high.max(0.0))
        } else {
            (low, high)
        }
    };
    let joined = |ranges: Vec<(f64, f64)>| ranges.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let (low, high) = match scale.method {
        Method::Sum if scale.missing == MissingPolicy::Prorate => {
            // Any one answer may stand for all the others.
            let items = ranges.len() as f64;
            let (low, high) = joined(ranges)?;
            with_zero((items * low, items * high))
        }
        Method::Sum => ranges
            .into_iter()
            .map(with_zero)
            .fold((0.0, 0.0), |sum, range| (sum.0 + range.0, sum.1 + range.1)),
        Method::Mean => {
            let joined = joined(ranges)?;
            if any_hidden { with_zero(joined) } else { joined }
        }
        Method::Count => (0.0, scale.items.len() as f64),
    };
    Some((round(low, scale.decimals), round(high, scale.decimals)))
}

/// Whether the item, or a group around it, is shown only at times.
fn may_be_hidden(form: &Form, item: &Item) -> bool {
    let group_of = |item: &&Item| form.item(item.group.as_deref()?);
    // No more steps than there are items, should groups ever lie within one another in a circle.
    std::iter::successors(Some(item), group_of)
        .take(form.items.len())
        .any(|item| item.enable_when.is_some())
}

/// The lowest and the highest number that an item's answer can count for.
pub(crate) fn range(item: &Item) -> Option<(f64, f64)> {
    let values = || item.options.iter().filter_map(|option| option.value);
    let (low, high) = match item.kind {
        ItemKind::Boolean => (0.0, 1.0),
        ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale => (item.min?, item.max?),
        ItemKind::Choice => (values().reduce(f64::min)?, values().reduce(f64::max)?),
        ItemKind::MultipleChoice => {
            // The least that can be chosen is one option.
            let (positive, negative) = (
                values().filter(|value| *value > 0.0),
                values().filter(|value| *value < 0.0),
            );
            let (most, least): (f64, f64) = (positive.sum(), negative.sum());
            let (lowest, highest) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
            (
                if least < 0.0 { least } else { lowest },
                if most > 0.0 { most } else { highest },
            )
        }
        ItemKind::Group | ItemKind::Display | ItemKind::Text | ItemKind::Date | ItemKind::Time => return None,
    };
    Some((low, high))
}

/// What an answer counts for in a scale, reversed if it is.
fn counted(scale: &Scale, item: &Item, answer: &Answer) -> Option<f64> {
    let value = answer_number(item, answer)?;
    if scale.reversed.contains(&item.key) {
        let (low, high) = range(item)?;
        Some(low + high - value)
    } else {
        Some(value)
    }
}

/// Joins the values of the answered items, of which so many are shown but missing and so many hidden.
fn join(scale: &Scale, values: &[f64], missing: usize, hidden: usize) -> Option<f64> {
    let answered = values.len();
    let least = scale.minimum_answered.unwrap_or(1).max(1);
    let sum: f64 = values.iter().sum();
    let positive = values.iter().filter(|value| **value > 0.0).count();
    let (sum, positive, counted) = match scale.missing {
        MissingPolicy::Refuse => {
            // What the form's own logic hides, given an answer, counts as zero; of no answer at all nothing is scored.
            if missing > 0 || answered < scale.minimum_answered.unwrap_or(0) {
                return None;
            }
            (sum, positive, answered + hidden)
        }
        MissingPolicy::Ignore | MissingPolicy::Prorate if answered < least => {
            return None;
        }
        MissingPolicy::Ignore => (sum, positive, answered),
        MissingPolicy::Prorate => {
            let mean = sum / answered as f64;
            let imputed = if mean > 0.0 { missing } else { 0 };
            (sum + mean * missing as f64, positive + imputed, answered + missing)
        }
    };
    match scale.method {
        Method::Sum => Some(sum),
        Method::Mean => (counted > 0).then(|| sum / counted as f64),
        Method::Count => Some(positive as f64),
    }
}

/// Rounds half away from zero. A half that binary fractions cannot hold (2.675) is taken for the half that was meant.
pub(crate) fn round(value: f64, decimals: u32) -> f64 {
    let unit = 10_f64.powi(i32::try_from(decimals).unwrap_or(0).min(9));
    let scaled = value * unit;
    let nudge = f64::EPSILON * 8.0 * scaled.abs().max(1.0);
    let rounded = (scaled.abs() + nudge).round().copysign(scaled) / unit;
    // No negative zero.
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// The band that a score lies in.
fn band_of(scale: &Scale, value: f64) -> Option<String> {
    scale
        .bands
        .iter()
        .find(|band| band.from <= value && value <= band.to)
        .map(|band| band.key.clone())
}
