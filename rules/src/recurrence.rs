//! When the slots of a schedule come.
//!
//! The recurrence rule is expanded over plain dates, and every date is mapped to the enrollment's zone here: so a clock
//! change can neither drop nor double a day.

use std::collections::BTreeSet;

use chrono::{Datelike, Days, Duration, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use rrule::{Frequency, RRule, RRuleSet, Unvalidated};

use crate::{
    definition::{Schedule, Slot},
    facts::Instant,
    period::Period,
    zone::{local_to_utc, start_of_day, utc_to_local},
};

/// No recurrence is followed further than this from its anchor.
const HORIZON: Days = Days::new(36_525);

/// The most rounds that a recurrence may count.
pub const MAX_COUNT: u32 = 1_000;

/// One coming of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coming {
    /// The key of the slot.
    pub slot: String,
    /// The local day that it belongs to: that of the recurrence, and the offset's months and days later. It names the
    /// occurrence, so that neither a clock change nor another time of day makes a second one of it.
    pub day: NaiveDate,
    /// When it comes.
    pub due: Instant,
}

/// Why a recurrence rule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepeatError {
    /// Not RFC 5545.
    #[error("“{0}” is not a recurrence rule: write for example FREQ=DAILY;INTERVAL=14 or FREQ=WEEKLY;BYDAY=MO;COUNT=8")]
    Unreadable(String),
    /// Hours, minutes or seconds.
    #[error("A recurrence counts days or longer: leave out {0}, and say the times of day beside it")]
    SubDaily(&'static str),
    /// Not one of the weekdays of RFC 5545.
    #[error("“{0}” is not a weekday: write MO, or 1MO for the first and -1MO for the last Monday")]
    NoWeekday(String),
    /// More rounds than [`MAX_COUNT`].
    #[error("At most {MAX_COUNT} rounds can be counted")]
    TooMany,
    /// `INTERVAL` with filters that may never meet.
    #[error("{0}")]
    NeverMeets(&'static str),
}

/// A recurrence rule, read and checked.
#[derive(Clone, Debug)]
pub struct Repeat {
    rule: RRule<Unvalidated>,
    /// The last day, from `UNTIL`.
    until: Option<NaiveDate>,
    /// The first of `BYDAY` that is no weekday as RFC 5545 has it. The crate passes over what it cannot read before one: what
    /// was stored so is followed as ever, and refused when it is saved.
    misread: Option<String>,
}

impl std::str::FromStr for Repeat {
    type Err = RepeatError;

    fn from_str(text: &str) -> Result<Self, RepeatError> {
        let unreadable = || RepeatError::Unreadable(text.chars().take(80).collect());
        let text = text.trim();
        let text = text.strip_prefix("RRULE:").unwrap_or(text).to_ascii_uppercase();
        // The crate takes bytes for characters.
        if text.len() > 500 || !text.is_ascii() || text.contains(['\n', '\r', ':']) {
            return Err(unreadable());
        }
        // UNTIL is a local date to us, whatever the zone of its time; the crate would compare it as an instant.
        let mut until = None;
        let mut parts = Vec::new();
        for part in text.split(';').filter(|part| !part.is_empty()) {
            match part.strip_prefix("UNTIL=") {
                Some(date) if until.is_none() => until = Some(until_day(date).ok_or_else(unreadable)?),
                Some(_) => return Err(unreadable()),
                None => parts.push(part),
            }
        }
        let mut weekdays = parts
            .iter()
            .filter_map(|part| part.strip_prefix("BYDAY="))
            .flat_map(|days| days.split(','));
        let misread = weekdays.find(|day| !is_weekday(day)).map(|day| day.trim().to_owned());
        let rule: RRule<Unvalidated> = parts.join(";").parse().map_err(|_| unreadable())?;
        if matches!(
            rule.get_freq(),
            Frequency::Hourly | Frequency::Minutely | Frequency::Secondly
        ) {
            return Err(RepeatError::SubDaily("FREQ shorter than DAILY"));
        }
        if !(rule.get_by_hour().is_empty() && rule.get_by_minute().is_empty() && rule.get_by_second().is_empty()) {
            return Err(RepeatError::SubDaily("BYHOUR, BYMINUTE and BYSECOND"));
        }
        if rule.get_count().is_some_and(|count| count > MAX_COUNT) {
            return Err(RepeatError::TooMany);
        }
        if rule.get_count() == Some(0) || rule.get_interval() == 0 {
            return Err(unreadable());
        }
        let several = rule.get_interval() > 1;
        let by_date = !(rule.get_by_month().is_empty()
            && rule.get_by_month_day().is_empty()
            && rule.get_by_year_day().is_empty()
            && rule.get_by_week_no().is_empty());
        if several && rule.get_freq() == Frequency::Daily && (by_date || !rule.get_by_weekday().is_empty()) {
            return Err(RepeatError::NeverMeets(
                "FREQ=DAILY with an INTERVAL cannot be narrowed by BYDAY or a BYMONTH: use FREQ=WEEKLY or FREQ=MONTHLY",
            ));
        }
        if several && rule.get_freq() == Frequency::Weekly && by_date {
            return Err(RepeatError::NeverMeets(
                "FREQ=WEEKLY with an INTERVAL cannot be narrowed by months or days of the month: use FREQ=MONTHLY",
            ));
        }
        Ok(Self { rule, until, misread })
    }
}

/// Whether a text is a weekday that the crate reads as it is meant: the day alone, or which of its kind (`-1FR`). Which days there
/// are, and how many, is checked by the crate.
fn is_weekday(text: &str) -> bool {
    let ordinal = text.len().checked_sub(2).and_then(|length| text.get(..length));
    let ordinal = ordinal.unwrap_or_default().trim();
    ordinal.is_empty() || ordinal.parse::<i16>().is_ok_and(|ordinal| ordinal != 0)
}

/// The day of an `UNTIL`: `20271231` or `20271231T235959Z`.
fn until_day(text: &str) -> Option<NaiveDate> {
    let (date, time) = text.split_once('T').unwrap_or((text, "000000"));
    let time = time.strip_suffix('Z').unwrap_or(time);
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(date, 8) || !digits(time, 6) {
        return None;
    }
    NaiveDate::parse_from_str(date, "%Y%m%d").ok()
}

impl Repeat {
    /// Whether the rule can be followed at all. It is asked when a rule is saved: what passes always comes some day.
    ///
    /// # Errors
    /// When its parts contradict one another, or name days that never come.
    pub fn check(&self) -> Result<(), RepeatError> {
        if let Some(text) = &self.misread {
            return Err(RepeatError::NoWeekday(text.clone()));
        }
        // A leap year's first day, so that 29 February is found.
        let some_day = NaiveDate::from_ymd_opt(2028, 1, 1).unwrap_or_default();
        let unbounded = Self {
            until: None,
            ..self.clone()
        };
        if unbounded.expand(some_day).is_none() {
            return Err(RepeatError::NeverMeets(
                "The parts of this recurrence rule contradict one another",
            ));
        }
        if unbounded.days(some_day, some_day).next().is_none() {
            return Err(RepeatError::NeverMeets(
                "This recurrence rule names days that never come",
            ));
        }
        if self.rule.get_interval() > 1 && !unbounded.comes_in_every_round() {
            return Err(RepeatError::NeverMeets(
                "With an INTERVAL, name days that every month (FREQ=MONTHLY) or every year (FREQ=YEARLY) has: \
                 from some starts the others never come. The last day of a month is BYMONTHDAY=-1",
            ));
        }
        Ok(())
    }

    /// Whether the recurrence, were its interval 1, would come in every month or year, as its frequency has it. If so, it comes
    /// from any start, whatever the interval.
    fn comes_in_every_round(&self) -> bool {
        let months = match self.rule.get_freq() {
            Frequency::Monthly => 1,
            Frequency::Yearly => 12,
            _ => return true,
        };
        let every = Self {
            rule: self.rule.clone().interval(1).count(u32::MAX),
            until: None,
            misread: None,
        };
        // After 28 years leap years and weekdays begin anew.
        let (first, years) = (NaiveDate::from_ymd_opt(2001, 1, 1).unwrap_or_default(), 28);
        let days = every.days(first, first);
        let met: BTreeSet<u32> = days
            .filter_map(|day| Some(12 * day.years_since(first)? + day.month0()))
            .take_while(|month| *month < 12 * years)
            .map(|month| month / months)
            .collect();
        met.len() == (12 * years / months) as usize
    }

    /// The recurrence's days from `from` on, where it starts on `start`.
    pub(crate) fn days(&self, start: NaiveDate, from: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let last = start
            .checked_add_days(HORIZON)
            .unwrap_or(start)
            .min(self.until.unwrap_or(NaiveDate::MAX));
        let is_over = last < from;
        let days = (!is_over).then(|| self.expand(self.brought_forward(start, from)));
        days.flatten()
            .into_iter()
            .flatten()
            .skip_while(move |day| *day < from)
            .take_while(move |day| *day <= last)
    }

    /// A later start that gives the same days from `from` on, so that years of days need not be gone through each time.
    fn brought_forward(&self, start: NaiveDate, from: NaiveDate) -> NaiveDate {
        let round = match self.rule.get_freq() {
            Frequency::Daily => i64::from(self.rule.get_interval()),
            Frequency::Weekly => 7 * i64::from(self.rule.get_interval()),
            _ => return start,
        };
        // A week that is cut off at its beginning counts its BYSETPOS from there.
        if self.rule.get_count().is_some() || !self.rule.get_by_set_pos().is_empty() || from <= start {
            return start;
        }
        let rounds = (from - start).num_days() / round;
        start + Duration::days(rounds * round)
    }

    /// Every day from the start on; none where the crate refuses the rule.
    fn expand(&self, start: NaiveDate) -> Option<impl Iterator<Item = NaiveDate> + use<>> {
        let start = start.and_time(NaiveTime::MIN).and_utc().with_timezone(&rrule::Tz::UTC);
        let rule = self.rule.clone().validate(start).ok()?;
        Some(
            RRuleSet::new(start)
                .rrule(rule)
                .limit()
                .into_iter()
                .map(|day| day.date_naive()),
        )
    }
}

/// The times of a schedule, ready to be counted from anchors.
#[derive(Clone, Debug)]
pub struct Timetable {
    slots: Vec<Slot>,
    repeat: Option<Repeat>,
    until: Option<Period>,
    /// By how many days a slot can lie before (negative) or after the day of the recurrence.
    reach: (i64, i64),
}

impl Timetable {
    /// Reads the schedule's recurrence rule.
    pub fn new(schedule: &Schedule) -> Result<Self, RepeatError> {
        let repeat = schedule.repeat.as_deref().map(str::parse).transpose()?;
        let reach = |slot: &Slot| {
            let months = i64::from(slot.offset.months);
            let (least, most) = if months < 0 {
                (31 * months, 28 * months)
            } else {
                (28 * months, 31 * months)
            };
            let days = i64::from(slot.offset.days) + slot.offset.seconds.div_euclid(86_400);
            // A day to spare on each side for clock changes and the time of day.
            (least + days - 2, most + days + 3)
        };
        let reaches = schedule.slots.iter().map(reach);
        let reach = reaches.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default();
        Ok(Self {
            slots: schedule.slots.clone(),
            repeat,
            until: schedule.until,
            reach,
        })
    }

    /// What comes after `after` and up to `until`, inclusive, counted from an anchor; in the order of the due instants.
    pub fn comings(&self, anchor: Instant, zone: Tz, after: Instant, until: Instant) -> Vec<Coming> {
        let last = utc_to_local(zone, until)
            .date()
            .checked_add_signed(Duration::days(-self.reach.0));
        let mut comings: Vec<Coming> = self
            .days(anchor, zone, after)
            .take_while(|day| last.is_none_or(|last| *day <= last))
            .flat_map(|day| {
                self.slots
                    .iter()
                    .filter_map(move |slot| self.coming(slot, day, anchor, zone))
            })
            .filter(|coming| after < coming.due && coming.due <= until)
            .collect();
        comings.sort_by(|a, b| (a.due, &a.slot, a.day).cmp(&(b.due, &b.slot, b.day)));
        // A month after the 29th, 30th and 31st of January is one and the same day.
        comings.dedup();
        comings
    }

    /// The first that comes after `after`, counted from an anchor.
    pub fn next(&self, anchor: Instant, zone: Tz, after: Instant) -> Option<Coming> {
        let mut first: Option<Coming> = None;
        for day in self.days(anchor, zone, after) {
            let earliest = day.checked_add_signed(Duration::days(self.reach.0));
            if let (Some(first), Some(earliest)) = (&first, earliest)
                && start_of_day(zone, earliest) > first.due
            {
                break;
            }
            let comings = self
                .slots
                .iter()
                .filter_map(|slot| self.coming(slot, day, anchor, zone));
            first = comings
                .filter(|coming| coming.due > after)
                .chain(first)
                .min_by_key(|coming| coming.due);
        }
        first
    }

    /// The days of the recurrence of which a slot may come after `after`, before the schedule's end.
    fn days(&self, anchor: Instant, zone: Tz, after: Instant) -> impl Iterator<Item = NaiveDate> {
        let start = utc_to_local(zone, anchor).date();
        let from = utc_to_local(zone, after)
            .date()
            .checked_add_signed(Duration::days(-self.reach.1))
            .unwrap_or(start);
        let last = self.until.and_then(|until| {
            utc_to_local(zone, until.add_to(anchor, zone))
                .date()
                .checked_add_signed(Duration::days(-self.reach.0))
        });
        let is_over = last.is_some_and(|last| last < from);
        let once = self.repeat.is_none().then_some(start).filter(|day| *day >= from);
        let repeat = self.repeat.as_ref().filter(|_| !is_over);
        let repeated = repeat.map(|repeat| repeat.days(start, from));
        once.into_iter()
            .chain(repeated.into_iter().flatten())
            .take_while(move |day| last.is_none_or(|last| *day <= last))
    }

    /// A slot on a day of the recurrence, unless the schedule has ended by then.
    fn coming(&self, slot: &Slot, day: NaiveDate, anchor: Instant, zone: Tz) -> Option<Coming> {
        let anchor_local = utc_to_local(zone, anchor);
        let time = slot.at.map_or(anchor_local.time(), |at| at.0);
        let nominal = slot.offset.add_to_date(day.and_time(time));
        let on_the_clock = if slot.at.is_none() && nominal == anchor_local {
            // Exactly the anchor, also in the second of two hours of the same name.
            anchor
        } else {
            local_to_utc(zone, nominal)
        };
        let due = Period::seconds(slot.offset.seconds).add_to(on_the_clock, zone);
        let ended = self.until.is_some_and(|until| {
            if slot.at.is_some() && until.seconds == 0 {
                utc_to_local(zone, due).date() >= until.add_to_date(anchor_local).date()
            } else {
                due >= until.add_to(anchor, zone)
            }
        });
        (!ended && nominal.year() < 9_000).then(|| Coming {
            slot: slot.key.clone(),
            day: nominal.date(),
            due,
        })
    }
}
