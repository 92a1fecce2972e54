//! When a form that is sent can be answered, when its citizen is reminded, when it is overdue and when it expires.

use chrono_tz::Tz;

use crate::{facts::Instant, period::Period};

/// The instants of a form that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// From when it can be answered.
    pub available_at: Instant,
    /// When the citizen is reminded, in ascending order; never after its end.
    pub remind_at: Vec<Instant>,
    /// When it is overdue: at its first reminder, else in the middle of its window; never without either.
    pub overdue_at: Option<Instant>,
    /// Until when it can be answered; for ever where absent.
    pub expires_at: Option<Instant>,
}

impl Window {
    /// The window of a form that becomes available at an instant; periods are counted from then, in the enrollment's zone.
    pub fn new(available_at: Instant, expires_after: Option<Period>, remind_after: &[Period], zone: Tz) -> Self {
        let expires_at = expires_after.map(|after| after.add_to(available_at, zone));
        let mut remind_at: Vec<Instant> = remind_after
            .iter()
            .map(|after| after.add_to(available_at, zone))
            .filter(|at| expires_at.is_none_or(|until| *at < until))
            .collect();
        remind_at.sort_unstable();
        remind_at.dedup();
        let middle = expires_at.map(|until| available_at + (until - available_at) / 2);
        Self {
            available_at,
            overdue_at: remind_at.first().copied().or(middle),
            remind_at,
            expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = Tz::Europe__Stockholm;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn reminders_come_in_order_once_each_and_before_the_end() {
        let after: Vec<Period> = ["P2D", "P1D", "PT24H", "P3D"].map(|text| text.parse().unwrap()).into();
        // The clocks go forward in the night to 28 March: a calendar day is 23 hours.
        let window = Window::new(at("2027-03-27T08:00:00Z"), Some(Period::days(3)), &after, ZONE);
        assert_eq!(window.expires_at, Some(at("2027-03-30T07:00:00Z")));
        let reminders = [
            at("2027-03-28T07:00:00Z"),
            at("2027-03-28T08:00:00Z"),
            at("2027-03-29T07:00:00Z"),
        ];
        assert_eq!(window.remind_at, reminders);
        assert_eq!(window.overdue_at, Some(reminders[0]));
    }

    #[test]
    fn it_is_overdue_in_the_middle_of_its_window_or_never() {
        let open = at("2027-03-01T08:00:00Z");
        assert_eq!(Window::new(open, None, &[], ZONE).overdue_at, None);
        let days = Window::new(open, Some(Period::days(2)), &[], ZONE);
        assert_eq!(days.overdue_at, Some(at("2027-03-02T08:00:00Z")));
    }
}
