//! What is written in pictures of results, and how dates and numbers are, in Swedish and in English.

use chrono::{Datelike, NaiveDate};
use rules::change::ReliableChangeVerdict;

/// The words of one language.
#[derive(Debug)]
pub struct Words {
    /// The BCP 47 tag.
    pub locale: &'static str,
    months: [&'static str; 12],
    decimal_point: char,
    /// What stands beside the line of the first score.
    pub baseline: &'static str,
    /// What is said of a scale without scores.
    pub no_results: &'static str,
    /// One result.
    pub result: &'static str,
    /// Several results.
    pub results: &'static str,
    /// Between the first and the last date.
    pub until: &'static str,
    /// Before the first score.
    pub first: &'static str,
    /// Before the latest score.
    pub latest: &'static str,
    /// Before the difference.
    pub change: &'static str,
    /// Of a score of which items are missing.
    pub incomplete: &'static str,
    /// Before the last ones of many, of which there are so many as follow.
    pub the_last: &'static str,
    improvement: &'static str,
    no_change: &'static str,
    deterioration: &'static str,
}

const SWEDISH: Words = Words {
    locale: "sv",
    months: [
        "januari",
        "februari",
        "mars",
        "april",
        "maj",
        "juni",
        "juli",
        "augusti",
        "september",
        "oktober",
        "november",
        "december",
    ],
    decimal_point: ',',
    baseline: "Första",
    no_results: "inga resultat",
    result: "resultat",
    results: "resultat",
    until: "till",
    first: "Första",
    latest: "senaste",
    change: "förändring",
    incomplete: "ofullständigt besvarat",
    the_last: "De senaste",
    improvement: "säkerställd förbättring",
    no_change: "ingen säkerställd förändring",
    deterioration: "säkerställd försämring",
};

const ENGLISH: Words = Words {
    locale: "en",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    decimal_point: '.',
    baseline: "First",
    no_results: "no results",
    result: "result",
    results: "results",
    until: "to",
    first: "First",
    latest: "latest",
    change: "change",
    incomplete: "not completely answered",
    the_last: "The last",
    improvement: "reliable improvement",
    no_change: "no reliable change",
    deterioration: "reliable deterioration",
};

impl Words {
    /// The words of a language: English for `en`, Swedish for every other.
    pub fn of(locale: &str) -> &'static Self {
        match locale.split(['-', '_']).next() {
            Some("en") => &ENGLISH,
            _ => &SWEDISH,
        }
    }

    /// A date in full: `1 mars 2027`.
    pub fn date(&self, day: NaiveDate) -> String {
        format!("{} {} {}", day.day(), self.month(day), day.year())
    }

    /// A date as it stands at an axis: `1 mar`, with the year where it is asked for.
    pub fn short_date(&self, day: NaiveDate, with_year: bool) -> String {
        let month: String = self.month(day).chars().take(3).collect();
        match with_year {
            true => format!("{} {month} {}", day.day(), day.year()),
            false => format!("{} {month}", day.day()),
        }
    }

    fn month(&self, day: NaiveDate) -> &'static str {
        let month = usize::try_from(day.month0()).unwrap_or_default();
        self.months.get(month).copied().unwrap_or_default()
    }

    /// A number to so many decimals, with a real minus sign.
    pub fn number(&self, number: f64, decimals: u32) -> String {
        let decimals = usize::try_from(decimals).unwrap_or_default();
        let digits = format!("{:.decimals$}", number.abs()).replace('.', &self.decimal_point.to_string());
        let is_zero = digits.chars().all(|sign| !sign.is_ascii_digit() || sign == '0');
        match number < 0.0 && !is_zero {
            true => format!("−{digits}"),
            false => digits,
        }
    }

    /// A difference, as [`Words::number`] with a plus sign where it is positive.
    pub fn difference(&self, number: f64, decimals: u32) -> String {
        let plus = if number > 0.0 { "+" } else { "" };
        format!("{plus}{}", self.number(number, decimals))
    }

    /// What a reliable change says.
    pub fn verdict(&self, verdict: ReliableChangeVerdict) -> &'static str {
        match verdict {
            ReliableChangeVerdict::ReliableImprovement => self.improvement,
            ReliableChangeVerdict::NoReliableChange => self.no_change,
            ReliableChangeVerdict::ReliableDeterioration => self.deterioration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_are_written_as_people_of_the_language_write_them() {
        let day: NaiveDate = "2027-03-01".parse().unwrap();
        let (sv, en) = (Words::of("sv-FI"), Words::of("en-GB"));
        assert_eq!(
            (sv.date(day), en.date(day)),
            ("1 mars 2027".into(), "1 March 2027".into())
        );
        assert_eq!(en.short_date(day, true), "1 Mar 2027");
        assert_eq!(
            (sv.number(-3.25, 2), en.number(-3.25, 2)),
            ("−3,25".into(), "−3.25".into())
        );
        assert_eq!(
            (sv.number(-0.04, 1), sv.difference(4.0, 0)),
            ("0,0".into(), "+4".into())
        );
    }
}
