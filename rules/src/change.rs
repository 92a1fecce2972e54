//! How one score differs from an earlier one: the difference, the percentage, and whether it is more than chance.

use serde::{Deserialize, Serialize};

use crate::form::{Direction, Scale};

/// The difference of two scores, without what binary fractions leave behind: 12.3 − 10.1 is 2.2.
pub fn difference(latest: f64, earlier: f64) -> f64 {
    tidy(latest - earlier)
}

/// The difference in percent of the earlier score; none where that is 0.
pub fn percent(latest: f64, earlier: f64) -> Option<f64> {
    (earlier != 0.0).then(|| tidy(100.0 * (latest - earlier) / earlier.abs()))
}

/// The reliable change index: the difference divided by the standard error of the difference of two scores of one person,
/// which is given in points of the scale (Jacobson & Truax 1991, <https://doi.org/10.1037/0022-006X.59.1.12>). See
/// [`Scale::error_of_difference`].
pub fn reliable_change_index(latest: f64, earlier: f64, error_of_difference: f64) -> Option<f64> {
    (error_of_difference > 0.0).then(|| tidy((latest - earlier) / error_of_difference))
}

/// Beyond this index, in either direction, a difference is larger than errors of measurement explain in 95 of 100 cases.
pub const RELIABLE: f64 = 1.96;

/// What the reliable change index of two scores says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliableChange {
    /// The index; its sign is that of the difference.
    pub index: f64,
    /// What it means for the person.
    pub verdict: ReliableChangeVerdict,
}

/// Whether a change is more than errors of measurement, and which way it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReliableChangeVerdict {
    /// Better, beyond errors of measurement.
    ReliableImprovement,
    /// Within what errors of measurement explain.
    NoReliableChange,
    /// Worse, beyond errors of measurement.
    ReliableDeterioration,
}

/// The reliable change between two scores of a scale; none where the scale gives no standard deviation and reliability.
pub fn reliable_change(scale: &Scale, latest: f64, earlier: f64) -> Option<ReliableChange> {
    let index = reliable_change_index(latest, earlier, scale.error_of_difference()?)?;
    let verdict = match (index.abs() > RELIABLE, index > 0.0, scale.direction) {
        (false, ..) => ReliableChangeVerdict::NoReliableChange,
        (true, true, Direction::HigherIsBetter) | (true, false, Direction::HigherIsWorse) => {
            ReliableChangeVerdict::ReliableImprovement
        }
        (true, true, Direction::HigherIsWorse) | (true, false, Direction::HigherIsBetter) => {
            ReliableChangeVerdict::ReliableDeterioration
        }
    };
    Some(ReliableChange { index, verdict })
}

/// Removes what binary fractions leave behind.
pub(crate) fn tidy(number: f64) -> f64 {
    let tidied = (number * 1e9).round() / 1e9;
    if tidied == 0.0 || !tidied.is_finite() {
        0.0
    } else {
        tidied
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// SD 7.5 and r 0.88 give an error of 7.5 · √(2 · 0.12) = 3.674…
    fn scale(direction: &str) -> Scale {
        serde_json::from_value(
            json!({ "key": "total", "label": { "en": "Total" }, "method": "SUM", "items": ["q"],
            "standardDeviation": 7.5, "reliability": 0.88, "direction": direction }),
        )
        .unwrap()
    }

    #[test]
    fn the_way_of_a_reliable_change_is_the_scales() {
        use ReliableChangeVerdict::{NoReliableChange, ReliableDeterioration, ReliableImprovement};
        for (direction, latest, verdict) in [
            ("HIGHER_IS_WORSE", 10.0, ReliableImprovement),
            ("HIGHER_IS_WORSE", 13.0, NoReliableChange),
            ("HIGHER_IS_WORSE", 27.0, NoReliableChange),
            ("HIGHER_IS_WORSE", 28.0, ReliableDeterioration),
            ("HIGHER_IS_BETTER", 10.0, ReliableDeterioration),
            ("HIGHER_IS_BETTER", 28.0, ReliableImprovement),
        ] {
            let change = reliable_change(&scale(direction), latest, 20.0).unwrap();
            assert_eq!(change.verdict, verdict, "{direction} {latest}: {}", change.index);
        }
        let change = reliable_change(&scale("HIGHER_IS_WORSE"), 10.0, 20.0).unwrap();
        assert!((change.index + 2.7217).abs() < 0.0001, "{}", change.index);
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(percent(3.0, 0.0), None);
        assert_eq!(percent(3.0, 4.0), Some(-25.0));
        assert_eq!(percent(-3.0, -4.0), Some(25.0));
        assert_eq!(reliable_change_index(3.0, 4.0, 0.0), None);
        assert_eq!(difference(12.3, 10.1), 2.2);
    }
}
