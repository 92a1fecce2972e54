//! Local times and the instants that they mean.
//!
//! A local time that does not exist (clocks go forward) means the first that does; one that comes twice (clocks go back)
//! means the first of the two.

use chrono::{DateTime, Days, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use crate::facts::Instant;

/// The instant that a local time means in a zone.
pub fn local_to_utc(zone: Tz, local: NaiveDateTime) -> Instant {
    let local = local.clamp(earliest().naive_utc(), latest().naive_utc());
    match zone.from_local_datetime(&local) {
        LocalResult::Single(one) => one.to_utc(),
        LocalResult::Ambiguous(first, second) => first.min(second).to_utc(),
        LocalResult::None => end_of_gap(zone, local),
    }
}

/// The instant at which a gap ends in which this local time would lie: the first whose local time is not before it. Clocks
/// change on whole seconds.
fn end_of_gap(zone: Tz, local: NaiveDateTime) -> Instant {
    let reached = |seconds: i64| {
        let instant = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH);
        zone.from_utc_datetime(&instant.naive_utc()).naive_local() >= local
    };
    // No zone is further from UTC than this, so the end lies between.
    let a_day_and_more = 26 * 3_600;
    let (mut before, mut after) = (
        local.and_utc().timestamp() - a_day_and_more,
        local.and_utc().timestamp() + a_day_and_more,
    );
    while after - before > 1 {
        let middle = before.midpoint(after);
        if reached(middle) {
            after = middle;
        } else {
            before = middle;
        }
    }
    DateTime::from_timestamp(after, 0).unwrap_or(DateTime::UNIX_EPOCH)
}

/// The local time of an instant.
pub fn utc_to_local(zone: Tz, instant: Instant) -> NaiveDateTime {
    // chrono's `naive_local` panics beyond its range, which only its outermost instants reach.
    let clamped = instant.clamp(earliest(), latest());
    clamped.with_timezone(&zone).naive_local()
}

/// The instant at which a local day begins.
pub fn start_of_day(zone: Tz, day: NaiveDate) -> Instant {
    local_to_utc(zone, day.and_time(NaiveTime::MIN))
}

/// The local day of an instant: the last one that has begun. Unlike the date on the calendar it never goes back, also where
/// clocks are put back across midnight.
pub fn local_day(zone: Tz, instant: Instant) -> NaiveDate {
    let day = utc_to_local(zone, instant).date();
    match day.checked_add_days(Days::new(1)) {
        Some(next) if start_of_day(zone, next) <= instant => next,
        _ => day,
    }
}

/// The first instant that this crate counts with; earlier ones are taken for it.
pub(crate) fn earliest() -> Instant {
    DateTime::<Utc>::UNIX_EPOCH - Duration::days(365 * 1_900)
}

/// The last instant that this crate counts with; later ones are taken for it.
pub(crate) fn latest() -> Instant {
    DateTime::<Utc>::UNIX_EPOCH + Duration::days(365 * 8_000)
}
