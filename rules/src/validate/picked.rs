//! Whether what is picked of numbers in time makes sense, and what it can be compared with.

use super::{
    Function, ProgramShape, Report,
    condition::{Comparable, Range, known_form, known_measurement},
    function::offered,
};
use crate::{
    definition::{MeasurementFact, Pick, RatingFact, RatingOf, ScoreFact},
    facts::RATING,
    score,
};

const MAX_MEAN: u32 = 100;

/// Checks which score of a form is meant, and finds what it can be compared with.
pub(super) fn check_score<'a>(
    report: &mut Report,
    fact: &ScoreFact,
    shape: &ProgramShape<'a>,
) -> Option<Comparable<'a>> {
    check_last(report, fact.pick, fact.last);
    let form = known_form(report, &fact.form, shape)?;
    let Some(scale) = form.scale(&fact.scale) else {
        report.add_at(
            "scale",
            "UNKNOWN_SCALE",
            format!("“{}” has no scale “{}”", form.key, fact.scale),
        );
        return None;
    };
    if fact.pick == Pick::ReliableChange && scale.error_of_difference().is_none() {
        report.add_at(
            "pick",
            "UNKNOWN_RELIABILITY",
            format!("“{}” gives no standard deviation and reliability", scale.key),
        );
        return None;
    }
    let reach = score::reach(form, scale);
    Some(comparable_pick(
        fact.pick,
        reach,
        scale.decimals,
        scale.error_of_difference(),
    ))
}

/// Only some picks are of the last ones, and of at least one.
fn check_last(report: &mut Report, pick: Pick, last: Option<u32>) {
    let Some(last) = last else { return };
    if !matches!(pick, Pick::Mean | Pick::Max | Pick::Min) {
        report.add_at(
            "last",
            "CONTRADICTION",
            "Only MEAN, MAX and MIN are taken of the last ones",
        );
    } else if !(1..=MAX_MEAN).contains(&last) {
        report.add_at("last", "OUT_OF_RANGE", format!("From 1 to {MAX_MEAN}"));
    }
}

/// Checks which measurement is meant, and finds what it can be compared with.
pub(super) fn check_measured<'a>(
    report: &mut Report,
    fact: &MeasurementFact,
    shape: &ProgramShape<'_>,
) -> Option<Comparable<'a>> {
    check_last(report, fact.pick, fact.last);
    if fact.pick == Pick::ReliableChange {
        add_unreliable(report, "a measurement");
        return None;
    }
    let kind = known_measurement(report, &fact.kind, shape)?;
    Some(comparable_pick(
        fact.pick,
        Some((kind.min, kind.max)),
        kind.decimals,
        None,
    ))
}

/// Checks which rating is meant, and finds what it can be compared with.
pub(super) fn check_rating<'a>(
    report: &mut Report,
    fact: &RatingFact,
    shape: &ProgramShape<'_>,
) -> Option<Comparable<'a>> {
    offered(report, Function::ActivityPlan, shape);
    check_last(report, fact.pick, fact.last);
    if fact.pick == Pick::ReliableChange {
        add_unreliable(report, "a rating");
        return None;
    }
    let (worst, best) = (f64::from(*RATING.start()), f64::from(*RATING.end()));
    let reach = match fact.of {
        RatingOf::After | RatingOf::Before => (worst, best),
        RatingOf::Difference => (worst - best, best - worst),
    };
    Some(comparable_pick(fact.pick, Some(reach), 0, None))
}

fn add_unreliable(report: &mut Report, what: &str) {
    report.add_at(
        "pick",
        "UNKNOWN_RELIABILITY",
        format!("Nobody knows how reliable {what} is: take CHANGE_FROM_FIRST"),
    );
}

/// What a pick can be compared with of numbers that reach from one to another and have so many decimals.
fn comparable_pick<'a>(
    pick: Pick,
    reach: Option<(f64, f64)>,
    decimals: u32,
    error_of_difference: Option<f64>,
) -> Comparable<'a> {
    let is_derived = matches!(
        pick,
        Pick::Mean | Pick::PercentChangeFromFirst | Pick::PercentChangeFromPrevious | Pick::ReliableChange
    );
    let reach = reach.and_then(|(low, high)| match pick {
        Pick::Latest | Pick::First | Pick::Previous | Pick::Mean | Pick::Max | Pick::Min => Some((low, high)),
        Pick::ChangeFromFirst | Pick::ChangeFromPrevious => Some((low - high, high - low)),
        Pick::ReliableChange => error_of_difference.map(|error| ((low - high) / error, (high - low) / error)),
        // From a small number to a large one it can be any percentage.
        Pick::PercentChangeFromFirst | Pick::PercentChangeFromPrevious => None,
    });
    Comparable::Number(Range {
        reach,
        decimals: (!is_derived).then_some(decimals),
    })
}
