//! The hours in which nobody wants to hear from us.

use chrono::{DateTime, Days, NaiveTime, Utc};
use chrono_tz::Tz;
use rules::{
    period::LocalTime,
    zone::{local_to_utc, utc_to_local},
};

use crate::citizen;

/// Local times between which nothing that makes a sound leaves. They may span midnight; equal ones mean no quiet at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// From when, local time.
    pub from: NaiveTime,
    /// Until when, local time.
    pub until: NaiveTime,
}

impl QuietHours {
    /// Those of a citizen.
    pub fn of(citizen: &citizen::Model) -> Self {
        Self::chosen(citizen.quiet_from.as_deref(), citizen.quiet_until.as_deref())
    }

    /// Those that a citizen chose (`HH:MM`), else from 21:00 until 07:00.
    pub fn chosen(from: Option<&str>, until: Option<&str>) -> Self {
        let time = |text: Option<&str>| text.and_then(|text| text.parse().ok()).map(|LocalTime(time)| time);
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
        match (time(from), time(until)) {
            (Some(from), Some(until)) => Self { from, until },
            _ => Self {
                from: hour(21),
                until: hour(7),
            },
        }
    }

    /// When something that is ready at `at` may leave: then, or when the quiet hours end.
    pub fn leave_at(self, at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        let local = utc_to_local(zone, at);
        let (date, time) = (local.date(), local.time());
        let end = if self.from <= self.until {
            (self.from <= time && time < self.until).then_some(date)
        } else if time >= self.from {
            date.checked_add_days(Days::new(1))
        } else {
            (time < self.until).then_some(date)
        };
        end.map_or(at, |day| local_to_utc(zone, day.and_time(self.until)).max(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOCKHOLM: Tz = Tz::Europe__Stockholm;

    fn leaves(from: Option<&str>, until: Option<&str>, at: &str) -> String {
        let at: DateTime<Utc> = at.parse().unwrap();
        QuietHours::chosen(from, until).leave_at(at, STOCKHOLM).to_rfc3339()
    }

    #[test]
    fn without_a_choice_the_night_is_quiet() {
        // Stockholm is an hour ahead in November.
        assert_eq!(leaves(None, None, "2026-11-23T19:59:00Z"), "2026-11-23T19:59:00+00:00");
        assert_eq!(leaves(None, None, "2026-11-23T20:00:00Z"), "2026-11-24T06:00:00+00:00");
        assert_eq!(leaves(None, None, "2026-11-24T05:59:00Z"), "2026-11-24T06:00:00+00:00");
        assert_eq!(leaves(None, None, "2026-11-24T06:00:00Z"), "2026-11-24T06:00:00+00:00");
    }

    #[test]
    fn a_choice_within_a_day_and_none_at_all() {
        let nap = (Some("13:00"), Some("14:30"));
        assert_eq!(
            leaves(nap.0, nap.1, "2026-11-23T12:30:00Z"),
            "2026-11-23T13:30:00+00:00"
        );
        assert_eq!(
            leaves(nap.0, nap.1, "2026-11-23T22:30:00Z"),
            "2026-11-23T22:30:00+00:00"
        );
        assert_eq!(
            leaves(Some("00:00"), Some("00:00"), "2026-11-23T01:00:00Z"),
            "2026-11-23T01:00:00+00:00"
        );
    }

    #[test]
    fn the_end_is_local_across_a_clock_change() {
        // The clocks go back in the night to 25 October: 07:00 is 06:00 UTC on the Sunday.
        assert_eq!(leaves(None, None, "2026-10-24T20:00:00Z"), "2026-10-25T06:00:00+00:00");
        // An end that the change skips moves to the first time that exists.
        assert_eq!(
            leaves(Some("22:00"), Some("02:30"), "2026-03-28T22:00:00Z"),
            "2026-03-29T01:00:00+00:00"
        );
    }
}
