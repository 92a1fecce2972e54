//! Whole months, so that nobody compares periods that differ by the few people of an hour.

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use rules::zone;
use serde::{Deserialize, Serialize};

use crate::error::UserError;

/// How many months a period has at most.
const MOST: i32 = 60;
/// How many it has where nobody said since when.
const USUAL: Months = Months::new(12);
/// What can be asked for.
const YEARS: std::ops::Range<i32> = 1900..3000;

/// Whole calendar months.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Period {
    /// The first day.
    pub from: NaiveDate,
    /// The day after the last.
    pub to: NaiveDate,
}

impl Period {
    /// From a first of a month, twelve months before the end where absent, until before another, that of the next month where
    /// absent.
    ///
    /// # Errors
    /// `BAD_PERIOD` at `from` or `to`.
    pub fn of(from: Option<NaiveDate>, to: Option<NaiveDate>, today: NaiveDate) -> Result<Self, UserError> {
        let bad = |path: &str, message: &str| UserError::new("BAD_PERIOD", path, message);
        for (path, day) in [("from", from), ("to", to)] {
            let Some(day) = day else { continue };
            if day.day() != 1 {
                let message = "Statistics are of whole months: give the first day of a month, for example 2027-01-01.";
                return Err(bad(path, message));
            }
            if !YEARS.contains(&day.year()) {
                return Err(bad(path, "The period lies too far away."));
            }
        }
        let next = today.with_day(1).and_then(|day| day.checked_add_months(Months::new(1)));
        let to = to.or(next);
        let to = to.ok_or_else(|| bad("to", "The period lies too far away."))?;
        let from = from.or_else(|| to.checked_sub_months(USUAL));
        let from = from.ok_or_else(|| bad("from", "The period lies too far away."))?;
        let month = |day: NaiveDate| day.year() * 12 + day.month0().cast_signed();
        match month(to) - month(from) {
            ..=0 => Err(bad(
                "to",
                "The period must end after it begins; the day at `to` is not in it.",
            )),
            1..=MOST => Ok(Self { from, to }),
            _ => Err(bad("from", "The period may be of at most 60 months.")),
        }
    }

    /// From when, and until before when.
    pub(super) fn instants(self, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
        (zone::start_of_day(zone, self.from), zone::start_of_day(zone, self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn of(from: Option<&str>, to: Option<&str>) -> Result<(NaiveDate, NaiveDate), (String, String)> {
        let period = Period::of(from.map(day), to.map(day), day("2027-01-31"));
        period
            .map(|period| (period.from, period.to))
            .map_err(|error| (error.code.to_string(), error.path.join(".")))
    }

    #[test]
    fn it_is_of_whole_months() {
        for (from, to, expected) in [
            (None, None, ("2026-02-01", "2027-02-01")),
            (Some("2027-01-01"), None, ("2027-01-01", "2027-02-01")),
            (None, Some("2024-03-01"), ("2023-03-01", "2024-03-01")),
            (Some("2022-02-01"), Some("2027-02-01"), ("2022-02-01", "2027-02-01")),
        ] {
            assert_eq!(of(from, to), Ok((day(expected.0), day(expected.1))), "{from:?} {to:?}");
        }
        for (from, to, path) in [
            (Some("2027-01-02"), None, "from"),
            (None, Some("2027-01-31"), "to"),
            (Some("2027-01-01"), Some("2027-01-01"), "to"),
            (Some("2027-02-01"), None, "to"),
            (Some("2022-01-01"), Some("2027-02-01"), "from"),
            (Some("0001-01-01"), None, "from"),
            (None, Some("9999-01-01"), "to"),
        ] {
            assert_eq!(of(from, to), Err(("BAD_PERIOD".into(), path.into())), "{from:?} {to:?}");
        }
    }

    #[test]
    fn a_month_begins_where_it_is_counted() {
        let period = Period::of(Some(day("2027-03-01")), Some(day("2027-04-01")), day("2027-01-31")).unwrap();
        let (from, to) = period.instants(Tz::Europe__Stockholm);
        assert_eq!(from.to_rfc3339(), "2027-02-28T23:00:00+00:00");
        assert_eq!(to.to_rfc3339(), "2027-03-31T22:00:00+00:00");
    }
}
