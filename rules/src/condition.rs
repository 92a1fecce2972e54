//! Whether a condition holds: three-valued, so that a missing fact is *unknown*, neither false nor zero.

use std::cmp::Ordering;

use crate::{
    answer::Answer,
    as_of::{AsOf, Value},
    definition::{Compare, Condition},
    facts::Instant,
    form::Operator,
    period::LocalTime,
    trace::{Trace, TraceLine, TraceNode, Verdict},
};

/// What a condition comes to.
pub fn verdict(condition: &Condition, as_of: &AsOf<'_>) -> Verdict {
    judge(condition, as_of, 0, None)
}

/// What a condition comes to, with every fact that it compared.
pub fn trace(condition: &Condition, as_of: &AsOf<'_>) -> (Verdict, Trace) {
    let mut lines = Vec::new();
    let verdict = judge(condition, as_of, 0, Some(&mut lines));
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

/// Without lines to write, it stops at the first part that decides.
fn judge(condition: &Condition, as_of: &AsOf<'_>, depth: u32, mut lines: Option<&mut Vec<TraceLine>>) -> Verdict {
    let line = lines.as_deref_mut().map(|lines| {
        // The verdict is filled in once the parts below are known.
        lines.push(TraceLine {
            depth,
            node: node(condition),
            verdict: Verdict::Unknown,
        });
        lines.len() - 1
    });
    let verdict = match condition {
        Condition::All(parts) => joined(parts, Verdict::False, Verdict::True, as_of, depth, lines.as_deref_mut()),
        Condition::Any(parts) => joined(parts, Verdict::True, Verdict::False, as_of, depth, lines.as_deref_mut()),
        Condition::Not(part) => judge(part, as_of, depth + 1, lines.as_deref_mut()).contrary(),
        Condition::Compare(compare) => {
            let actual = as_of.value(&compare.fact);
            if let Some(last) = lines.as_deref_mut().and_then(|lines| lines.last_mut())
                && let TraceNode::Compare { actual: shown, .. } = &mut last.node
            {
                *shown = actual.map(Answer::from);
            }
            holds(compare, actual)
        }
    };
    if let Some(line) = lines.zip(line).and_then(|(lines, line)| lines.get_mut(line)) {
        line.verdict = verdict;
    }
    verdict
}

/// Parts of which one that is `deciding` decides; else unknown if one is unknown; else `otherwise`.
fn joined(
    parts: &[Condition],
    deciding: Verdict,
    otherwise: Verdict,
    as_of: &AsOf<'_>,
    depth: u32,
    mut lines: Option<&mut Vec<TraceLine>>,
) -> Verdict {
    let mut joined = otherwise;
    for part in parts {
        let verdict = judge(part, as_of, depth + 1, lines.as_deref_mut());
        if verdict == deciding {
            joined = deciding;
            if lines.is_none() {
                break;
            }
        } else if verdict == Verdict::Unknown && joined != deciding {
            joined = Verdict::Unknown;
        }
    }
    joined
}

fn node(condition: &Condition) -> TraceNode {
    match condition {
        Condition::All(_) => TraceNode::All,
        Condition::Any(_) => TraceNode::Any,
        Condition::Not(_) => TraceNode::Not,
        Condition::Compare(Compare { fact, operator, value }) => TraceNode::Compare {
            fact: fact.clone(),
            operator: *operator,
            value: value.clone(),
            actual: None,
        },
    }
}

fn holds(compare: &Compare, actual: Option<Value<'_>>) -> Verdict {
    if compare.operator == Operator::Exists {
        return match compare.value {
            Answer::Boolean(wanted) => decided(actual.is_some() == wanted),
            _ => Verdict::Unknown,
        };
    }
    actual.map_or(Verdict::Unknown, |actual| {
        compared(actual, compare.operator, (&compare.value).into()).map_or(Verdict::Unknown, decided)
    })
}

/// Compares two values; nothing where they cannot be compared. Chosen options are equal to one that is among them. Yes and
/// no count as 1 and 0 beside numbers. Times of day are the same with and without seconds (`08:30`, `08:30:00`); other texts
/// are ordered by their characters, which orders dates.
pub(crate) fn compared(actual: Value<'_>, operator: Operator, wanted: Value<'_>) -> Option<bool> {
    let as_number = |yes: bool| if yes { 1.0 } else { 0.0 };
    let ordering = match (actual, wanted) {
        (Value::Number(actual), Value::Number(wanted)) => actual.partial_cmp(&wanted)?,
        (Value::Boolean(actual), Value::Boolean(wanted)) => actual.cmp(&wanted),
        (Value::Boolean(actual), Value::Number(wanted)) => as_number(actual).partial_cmp(&wanted)?,
        (Value::Number(actual), Value::Boolean(wanted)) => actual.partial_cmp(&as_number(wanted))?,
        (Value::Text(actual), Value::Text(wanted)) => {
            match (actual.parse::<LocalTime>(), wanted.parse::<LocalTime>()) {
                (Ok(actual), Ok(wanted)) => actual.cmp(&wanted),
                _ => actual.cmp(wanted),
            }
        }
        (Value::Options(chosen), Value::Text(wanted)) => {
            return among(operator, chosen.iter().any(|option| option == wanted));
        }
        (Value::Options(chosen), Value::Options(wanted)) => {
            let same = chosen.len() == wanted.len() && wanted.iter().all(|option| chosen.contains(option));
            return among(operator, same);
        }
        _ => return None,
    };
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

fn among(operator: Operator, equal: bool) -> Option<bool> {
    match operator {
        Operator::Eq => Some(equal),
        Operator::Ne => Some(!equal),
        _ => None,
    }
}

fn decided(holds: bool) -> Verdict {
    if holds { Verdict::True } else { Verdict::False }
}
