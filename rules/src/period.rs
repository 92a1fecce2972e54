//! Lengths of time and times of day as people write them.

use std::{fmt, str::FromStr};

use chrono::{Days, Duration, Months, NaiveDateTime, NaiveTime, Timelike};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    facts::Instant,
    zone::{earliest, latest, local_to_utc, utc_to_local},
};

/// An ISO 8601 duration, optionally negative (`-P3D`). Years, months, weeks and days are calendar time, counted in the
/// enrollment's zone; hours, minutes and seconds are elapsed time: `P3D` is three calendar days, `PT72H` seventy-two hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Period {
    /// Calendar months (a year is twelve).
    pub months: i32,
    /// Calendar days (a week is seven).
    pub days: i32,
    /// Elapsed seconds.
    pub seconds: i64,
}

/// A hundred years in each of the parts of a period.
const MAX_MONTHS: i64 = 1_200;
const MAX_DAYS: i64 = 36_525;
const MAX_SECONDS: i64 = MAX_DAYS * 86_400;

/// What is wrong with a written period or time of day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not an ISO 8601 duration.
    #[error(
        "“{0}” is not a duration: write for example P3D (three days), P2W (two weeks), P1M (a month) or PT72H (72 hours)"
    )]
    NotAPeriod(String),
    /// A fraction of a unit.
    #[error("“{0}” has a fraction: use whole numbers of a smaller unit, for example PT90M instead of PT1.5H")]
    Fraction(String),
    /// More than a hundred years.
    #[error("“{0}” is too long: at most a hundred years")]
    TooLong(String),
    /// Not a time of day.
    #[error("“{0}” is not a time of day: write for example 08:00 or 21:30:15")]
    NotATime(String),
}

impl Period {
    /// So many calendar days.
    pub const fn days(days: i32) -> Self {
        Self {
            months: 0,
            days,
            seconds: 0,
        }
    }

    /// So many elapsed seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self {
            months: 0,
            days: 0,
            seconds,
        }
    }

    /// True where it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.months == 0 && self.days == 0 && self.seconds == 0
    }

    /// True where it leads back in time. A written period has one sign for all of its parts.
    pub const fn is_negative(self) -> bool {
        self.months < 0 || self.days < 0 || self.seconds < 0
    }

    /// The instant this much after (or, where negative, before) another. Months and days are counted on the calendar of the
    /// zone, keeping the local time of day; then the seconds elapse. The 31st and a month is the last day of the next month.
    /// At the ends of time it stays there.
    pub fn add_to(self, instant: Instant, zone: Tz) -> Instant {
        let on_the_calendar = if self.months == 0 && self.days == 0 {
            instant
        } else {
            local_to_utc(zone, self.add_to_date(utc_to_local(zone, instant)))
        };
        on_the_calendar
            .checked_add_signed(Duration::try_seconds(self.seconds).unwrap_or_default())
            .unwrap_or(if self.is_negative() { earliest() } else { latest() })
            .clamp(earliest(), latest())
    }

    /// Adds the months and days, and not the seconds, to a local time.
    pub(crate) fn add_to_date(self, local: NaiveDateTime) -> NaiveDateTime {
        let by_months = Months::new(self.months.unsigned_abs());
        let by_days = Days::new(u64::from(self.days.unsigned_abs()));
        let moved = if self.months < 0 {
            local.checked_sub_months(by_months)
        } else {
            local.checked_add_months(by_months)
        }
        .and_then(|moved| {
            if self.days < 0 {
                moved.checked_sub_days(by_days)
            } else {
                moved.checked_add_days(by_days)
            }
        });
        let (first, last) = (earliest().naive_utc(), latest().naive_utc());
        moved
            .unwrap_or(if self.is_negative() { first } else { last })
            .clamp(first, last)
    }
}

impl FromStr for Period {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let no = || ParseError::NotAPeriod(shown(text));
        let too_long = || ParseError::TooLong(shown(text));
        if text.contains(['.', ',']) && text.starts_with(['P', '-', '+']) {
            return Err(ParseError::Fraction(shown(text)));
        }
        let (sign, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let body = unsigned.strip_prefix('P').ok_or_else(no)?;
        let (date, time) = match body.split_once('T') {
            Some((_, "")) => return Err(no()),
            Some((date, time)) => (date, time),
            None => (body, ""),
        };
        if date.is_empty() && time.is_empty() {
            return Err(no());
        }
        let [years, months, weeks, days] = amounts(date, ['Y', 'M', 'W', 'D']).ok_or_else(no)?;
        let [hours, minutes, seconds] = amounts(time, ['H', 'M', 'S']).ok_or_else(no)?;
        // Each amount has at most nine digits, so that none of these sums can overflow.
        let months = years * 12 + months;
        let days = weeks * 7 + days;
        let seconds = hours * 3_600 + minutes * 60 + seconds;
        if months > MAX_MONTHS || days > MAX_DAYS || seconds > MAX_SECONDS {
            return Err(too_long());
        }
        Ok(Self {
            months: i32::try_from(sign * months).map_err(|_| too_long())?,
            days: i32::try_from(sign * days).map_err(|_| too_long())?,
            seconds: sign * seconds,
        })
    }
}

/// Reads amounts such as `1Y2M`, each unit at most once and in the given order.
fn amounts<const N: usize>(text: &str, units: [char; N]) -> Option<[i64; N]> {
    let mut amounts = [0; N];
    let mut rest = text;
    for (amount, unit) in amounts.iter_mut().zip(units) {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        if let Some(after) = after.strip_prefix(unit) {
            if number.len() > 9 {
                // Longer than any bound; the sum says so.
                *amount = 999_999_999;
            } else {
                *amount = number.parse().ok()?;
            }
            rest = after;
        }
    }
    rest.is_empty().then_some(amounts)
}

/// As much of a text as a message should repeat.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("P0D");
        }
        if self.is_negative() {
            f.write_str("-")?;
        }
        f.write_str("P")?;
        let (months, days, seconds) = (
            self.months.unsigned_abs(),
            self.days.unsigned_abs(),
            self.seconds.unsigned_abs(),
        );
        let unit = |f: &mut fmt::Formatter<'_>, amount: u64, unit: char| {
            if amount > 0 {
                write!(f, "{amount}{unit}")
            } else {
                Ok(())
            }
        };
        unit(f, u64::from(months / 12), 'Y')?;
        unit(f, u64::from(months % 12), 'M')?;
        unit(f, u64::from(days), 'D')?;
        if seconds > 0 {
            f.write_str("T")?;
            unit(f, seconds / 3_600, 'H')?;
            unit(f, seconds % 3_600 / 60, 'M')?;
            unit(f, seconds % 60, 'S')?;
        }
        Ok(())
    }
}

/// A local time of day, `HH:MM` or `HH:MM:SS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(pub NaiveTime);

impl FromStr for LocalTime {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let written_in_full = matches!(text.len(), 5 | 8) && text.chars().all(|c| c.is_ascii_digit() || c == ':');
        let format = if text.len() == 5 { "%H:%M" } else { "%H:%M:%S" };
        NaiveTime::parse_from_str(text, format)
            .ok()
            // chrono reads a leap second, 23:59:60, as more than a thousand million nanoseconds.
            .filter(|time| written_in_full && time.nanosecond() == 0)
            .map(Self)
            .ok_or_else(|| ParseError::NotATime(shown(text)))
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = if self.0.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
        write!(f, "{}", self.0.format(format))
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for LocalTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LocalTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
