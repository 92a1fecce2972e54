//! Swedish personal identity numbers (personnummer) and co-ordination numbers (samordningsnummer).
//!
//! Format and check digit: the Swedish Tax Agency's brochure SKV 704, and the Population Registration Act (1991:481) § 18.
//! A co-ordination number has 60 added to the day: SKV 707.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use rules::facts::Sex;

use crate::{enrollment::DEFAULT_ZONE, error::UserError};

/// A valid number, as twelve digits. It shows nothing of itself in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityNumber {
    digits: String,
    birth_date: NaiveDate,
}

impl fmt::Debug for IdentityNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IdentityNumber")
    }
}

/// What a co-ordination number adds to the day.
const COORDINATION: u32 = 60;

impl IdentityNumber {
    /// Reads `YYYYMMDDNNNN` or `YYMMDDNNNN`, with `-` or `+` before the last four digits or without. Ten digits mean the
    /// latest century that is not in the future, or with `+` the one before that: whoever turns 100 has a `+`.
    ///
    /// # Errors
    /// `BAD_IDENTITY_NUMBER`, without a path: not such a number, a date that does not exist or is to come, or a wrong check
    /// digit.
    pub fn parse(text: &str, today: NaiveDate) -> Result<Self, UserError> {
        let refused = |message: &str| UserError::new("BAD_IDENTITY_NUMBER", "", message);
        let shape = || refused("This is not a personal identity number: write it as YYYYMMDD-NNNN.");

        let text = text.trim();
        let mut digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let separator = match text.chars().rev().nth(4) {
            Some(separator @ ('-' | '+')) => Some(separator),
            _ => None,
        };
        if text.chars().count() != digits.len() + usize::from(separator.is_some()) {
            return Err(shape());
        }
        match digits.len() {
            12 => {}
            10 => digits.insert_str(0, &century(&digits, separator == Some('+'), today).ok_or_else(shape)?),
            _ => return Err(shape()),
        }

        let number = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u32>().ok());
        let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
        let birth_date = (|| date(year?, month?, day?))()
            .ok_or_else(|| refused("There is no such date of birth: check the first eight digits."))?;
        if birth_date > today {
            return Err(refused(
                "This date of birth is yet to come: check the first eight digits.",
            ));
        }
        if !digits.get(2..).is_some_and(luhn) {
            return Err(refused(
                "The check digit does not fit: check that every digit is right.",
            ));
        }
        Ok(Self { digits, birth_date })
    }

    /// As [`Self::parse`], for an input's field, on the local day of an instant.
    ///
    /// # Errors
    /// As [`Self::parse`], at `path`.
    pub fn input(text: &str, now: DateTime<Utc>, path: &str) -> Result<Self, UserError> {
        let today = rules::zone::local_day(DEFAULT_ZONE, now);
        Self::parse(text, today).map_err(|error| UserError::new("BAD_IDENTITY_NUMBER", path, error.message))
    }

    /// Date of birth.
    pub fn birth_date(&self) -> NaiveDate {
        self.birth_date
    }

    /// The legal sex, of the last digit but one: even for women, odd for men, also in co-ordination numbers.
    pub fn sex(&self) -> Sex {
        let odd = self.digits.as_bytes().get(10).is_some_and(|digit| digit % 2 == 1);
        if odd { Sex::Male } else { Sex::Female }
    }

    /// Whether it is a co-ordination number.
    pub fn is_coordination(&self) -> bool {
        self.digits.as_bytes().get(6).is_some_and(|digit| *digit >= b'6')
    }

    /// The twelve digits.
    pub fn digits(&self) -> &str {
        &self.digits
    }
}

/// The two digits before ten others: the latest century in which the date is not to come; for `+` the latest in which
/// whoever was born then has their hundredth year, or more, behind them.
fn century(ten: &str, plus: bool, today: NaiveDate) -> Option<String> {
    let number = |from: usize, to: usize| ten.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let (short, month, day) = (number(0, 2)?, number(2, 4)?, number(4, 6)?);
    // Whoever turns 100 this year has the + from the turn of the year on.
    let latest = if plus {
        NaiveDate::from_ymd_opt(today.year() - 100, 12, 31)?
    } else {
        today
    };
    let this = u32::try_from(today.year() / 100).ok()?;
    (0..3).filter_map(|back| this.checked_sub(back)).find_map(|century| {
        // A date that does not exist in this century may in another (29 February).
        let born = date(century * 100 + short, month, day)?;
        (born <= latest).then(|| format!("{century:02}"))
    })
}

fn date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    let day = if day > COORDINATION { day - COORDINATION } else { day };
    let born = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    // The first numbers were given in 1947, to people of at most a hundred years or so.
    (born.year() >= 1830).then_some(born)
}

/// Whether the last of the digits makes their sum, every second doubled from the first on, a multiple of ten (ISO/IEC 7812-1).
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .enumerate()
        .map(|(index, digit)| {
            let value = u32::from(digit - b'0') * if index % 2 == 0 { 2 } else { 1 };
            value / 10 + value % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 23).unwrap()
    }

    fn parse(text: &str) -> Result<IdentityNumber, UserError> {
        IdentityNumber::parse(text, today())
    }

    /// Adds the check digit to nine digits.
    fn ten(nine: &str) -> String {
        (0..10)
            .map(|check| format!("{nine}{check}"))
            .find(|ten| luhn(ten))
            .unwrap()
    }

    #[test]
    fn reads_every_way_of_writing() {
        // 811228-9874 is the example of SKV 704's calculation.
        for text in [
            "8112289874",
            "811228-9874",
            "19811228-9874",
            "198112289874",
            " 811228-9874 ",
        ] {
            let number = parse(text).unwrap();
            assert_eq!(number.digits(), "198112289874", "{text}");
            assert_eq!(number.birth_date(), NaiveDate::from_ymd_opt(1981, 12, 28).unwrap());
            assert_eq!(number.sex(), Sex::Male);
            assert!(!number.is_coordination());
        }
    }

    #[test]
    fn refuses_a_wrong_check_digit_and_what_is_no_number() {
        for text in [
            "811228-9873",
            "",
            "Anna",
            "811228–9874",
            "8112-289874",
            "811228--9874",
            "81122898745",
            "8112289874x",
            "٨١١٢٢٨٩٨٧٤",
        ] {
            assert_eq!(parse(text).unwrap_err().code, "BAD_IDENTITY_NUMBER", "{text}");
        }
    }

    #[test]
    fn a_date_must_exist_and_have_come() {
        assert!(parse(&ten("811328987")).is_err(), "month 13");
        assert!(parse(&ten("810230987")).is_err(), "30 February");
        assert!(parse(&ten("810000987")).is_err(), "day 0");
        assert!(parse(&format!("20{}", ten("270101238"))).is_err(), "next year");
    }

    #[test]
    fn leap_days_choose_the_century_that_has_them() {
        assert_eq!(
            parse(&ten("000229238")).unwrap().birth_date(),
            NaiveDate::from_ymd_opt(2000, 2, 29).unwrap()
        );
        // 1900 was no leap year.
        assert!(parse(&format!("19{}", ten("000229238"))).is_err());
        assert!(parse(&ten("010229238")).is_err());
    }

    #[test]
    fn a_coordination_number_has_sixty_added_to_the_day() {
        let number = parse(&ten("701063239")).unwrap();
        assert!(number.is_coordination());
        assert_eq!(number.birth_date(), NaiveDate::from_ymd_opt(1970, 10, 3).unwrap());
        assert_eq!(number.digits().get(..8), Some("19701063"));
        assert!(parse(&ten("701060239")).is_err(), "day 0 of a co-ordination number");
        assert!(parse(&ten("701092239")).is_err(), "day 32");
    }

    #[test]
    fn the_century_follows_the_sign_and_today() {
        let year = |text: &str, today: &str| {
            IdentityNumber::parse(text, today.parse().unwrap())
                .unwrap()
                .birth_date()
                .year()
        };
        let (early, late) = (ten("260315238"), ten("271201238"));
        assert_eq!(year(&early, "2026-11-23"), 2026);
        assert_eq!(year(&early, "2026-03-14"), 1926, "not born yet in 2026");
        assert_eq!(year(&late, "2026-11-23"), 1927);
        let plus = |ten: &str| format!("{}+{}", &ten[..6], &ten[6..]);
        assert_eq!(year(&plus(&early), "2026-11-23"), 1926);
        assert_eq!(year(&plus(&early), "2026-01-01"), 1926, "turns 100 this year");
        assert!(parse(&plus(&late)).is_err(), "nobody of 1827 has a number");
    }

    #[test]
    fn shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", parse("811228-9874").unwrap()), "IdentityNumber");
    }
}
