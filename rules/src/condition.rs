//! Whether a condition holds: three-valued, so that a missing fact is *unknown*, neither false nor zero.

use std::{cmp::Ordering, slice};

use crate::{
    answer::Answer,
    as_of::{AsOf, Value},
    definition::{Compare, Condition},
    facts::Instant,
    form::Operator,
    period::LocalTime,
    trace::{Trace, TraceLine, TraceNode, Verdict},
};

/// What a condition comes to. The first part that decides is the last that is looked at.
// Inlined where the parts are gone through: most of them are comparisons, which then cost one call each.
#[inline(always)]
pub fn verdict(condition: &Condition, as_of: &AsOf<'_>) -> Verdict {
    match condition {
        Condition::All(parts) => of_parts(parts, Verdict::False, as_of),
        Condition::Any(parts) => of_parts(parts, Verdict::True, as_of),
        Condition::Not(part) => of_parts(slice::from_ref(part), Verdict::False, as_of).contrary(),
        Condition::Compare(compare) => of_comparison(compare, as_of),
    }
}

#[inline(never)]
fn of_parts(parts: &[Condition], deciding: Verdict, as_of: &AsOf<'_>) -> Verdict {
    joined(parts.iter().map(|part| verdict(part, as_of)), deciding)
}

#[inline(never)]
fn of_comparison(compare: &Compare, as_of: &AsOf<'_>) -> Verdict {
    holds(compare, as_of.value(&compare.fact))
}

/// What a condition comes to, with every fact that it compares.
pub fn trace(condition: &Condition, as_of: &AsOf<'_>) -> (Verdict, Trace) {
    let mut lines = Vec::new();
    let verdict = write(condition, as_of, 0, &mut lines);
    (verdict, Trace(lines))
}

/// The first instant after this one at which the condition could come to something else, if nothing else happens.
pub fn next_change(condition: &Condition, as_of: &AsOf<'_>) -> Option<Instant> {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().filter_map(|part| next_change(part, as_of)).min(),
        Condition::Not(part) => next_change(part, as_of),
        Condition::Compare(compare) => as_of.next_change(&compare.fact, &compare.value),
    }
}

/// Writes the lines of a condition and of all its parts, and tells what it comes to.
fn write(condition: &Condition, as_of: &AsOf<'_>, depth: u32, lines: &mut Vec<TraceLine>) -> Verdict {
    let place = lines.len();
    // The verdict is filled in once the parts below are known.
    lines.push(TraceLine {
        depth,
        node: node(condition, as_of),
        verdict: Verdict::Unknown,
    });
    let mut of = |part| write(part, as_of, depth + 1, lines);
    let verdict = match condition {
        Condition::All(parts) => joined(parts.iter().map(of).collect::<Vec<_>>(), Verdict::False),
        Condition::Any(parts) => joined(parts.iter().map(of).collect::<Vec<_>>(), Verdict::True),
        Condition::Not(part) => of(part).contrary(),
        Condition::Compare(compare) => of_comparison(compare, as_of),
    };
    if let Some(line) = lines.get_mut(place) {
        line.verdict = verdict;
    }
    verdict
}

/// What parts come to together: one that is `deciding` decides; else it is unknown if one is unknown; else the contrary.
fn joined(parts: impl IntoIterator<Item = Verdict>, deciding: Verdict) -> Verdict {
    let mut joined = deciding.contrary();
    for verdict in parts {
        if verdict == deciding {
            return deciding;
        }
        if verdict == Verdict::Unknown {
            joined = Verdict::Unknown;
        }
    }
    joined
}

fn node(condition: &Condition, as_of: &AsOf<'_>) -> TraceNode {
    match condition {
        Condition::All(_) => TraceNode::All,
        Condition::Any(_) => TraceNode::Any,
        Condition::Not(_) => TraceNode::Not,
        Condition::Compare(Compare { fact, operator, value }) => TraceNode::Compare {
            fact: fact.clone(),
            operator: *operator,
            value: value.clone(),
            actual: as_of.value(fact).map(Answer::from),
        },
    }
}

fn holds(compare: &Compare, actual: Option<Value<'_>>) -> Verdict {
    let holds = match (compare.operator, actual, &compare.value) {
        (Operator::Exists, actual, Answer::Boolean(wanted)) => Some(actual.is_some() == *wanted),
        (operator, Some(Value::Number(actual)), Answer::Number(wanted)) => actual
            .partial_cmp(wanted)
            .and_then(|ordering| is_meant(ordering, operator)),
        (operator, Some(actual), wanted) => compared(actual, operator, wanted.into()),
        (_, None, _) => None,
    };
    match holds {
        Some(true) => Verdict::True,
        Some(false) => Verdict::False,
        None => Verdict::Unknown,
    }
}

/// Compares two values; nothing where they cannot be compared. Chosen options are equal to one that is among them. Yes and
/// no count as 1 and 0 beside numbers. Times of day are the same with and without seconds (`08:30`, `08:30:00`); other texts
/// are ordered by their characters, which orders dates.
// Not inlined: most comparisons are of numbers, and need none of it.
#[inline(never)]
pub(crate) fn compared(actual: Value<'_>, operator: Operator, wanted: Value<'_>) -> Option<bool> {
    let ordering = match (actual, wanted) {
        (Value::Text(actual), Value::Text(wanted)) => in_order(actual, wanted),
        (Value::Options(chosen), wanted) => return among(operator, is_chosen(chosen, wanted)?),
        (actual, wanted) => as_number(actual)?.partial_cmp(&as_number(wanted)?)?,
    };
    is_meant(ordering, operator)
}

/// Whether an operator means two values that are in this order.
#[inline]
fn is_meant(ordering: Ordering, operator: Operator) -> Option<bool> {
    Some(match operator {
        Operator::Eq => ordering == Ordering::Equal,
        Operator::Ne => ordering != Ordering::Equal,
        Operator::Gt => ordering == Ordering::Greater,
        Operator::Gte => ordering != Ordering::Less,
        Operator::Lt => ordering == Ordering::Less,
        Operator::Lte => ordering != Ordering::Greater,
        Operator::Exists => return None,
    })
}

fn as_number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(number),
        Value::Boolean(yes) => Some(f64::from(u8::from(yes))),
        Value::Text(_) | Value::Options(_) => None,
    }
}

fn in_order(actual: &str, wanted: &str) -> Ordering {
    match (actual.parse::<LocalTime>(), wanted.parse::<LocalTime>()) {
        (Ok(actual), Ok(wanted)) => actual.cmp(&wanted),
        _ => actual.cmp(wanted),
    }
}

fn is_chosen(chosen: &[String], wanted: Value<'_>) -> Option<bool> {
    match wanted {
        Value::Text(wanted) => Some(chosen.iter().any(|option| option == wanted)),
        Value::Options(wanted) => {
            Some(chosen.len() == wanted.len() && wanted.iter().all(|option| chosen.contains(option)))
        }
        Value::Number(_) | Value::Boolean(_) => None,
    }
}

fn among(operator: Operator, equal: bool) -> Option<bool> {
    match operator {
        Operator::Eq => Some(equal),
        Operator::Ne => Some(!equal),
        _ => None,
    }
}
