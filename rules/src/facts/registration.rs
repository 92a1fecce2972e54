//! What a citizen registered of planned activities.

use std::ops::RangeInclusive;

use uuid::Uuid;

use super::{Dated, Instant};
use crate::definition::RatingOf;

/// The worst and the best rating.
pub const RATING: RangeInclusive<i32> = 0..=10;

/// What a citizen registered of one day of a planned activity, and how they corrected it.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The registration.
    pub id: Uuid,
    /// When it was made.
    pub at: Instant,
    /// What it says from when on: first as it was made, then as it was corrected. What it said before the first of these, nobody
    /// knows any more.
    pub said: Vec<Dated<Ratings>>,
}

/// How it was, each of [`RATING`]; missing where the citizen did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ratings {
    /// Beforehand.
    pub before: Option<f64>,
    /// Afterwards.
    pub after: Option<f64>,
}

impl Registration {
    /// What it says at an instant; missing where it does not say that.
    pub fn rating(&self, of: RatingOf, at: Instant) -> Option<f64> {
        let Ratings { before, after } = Dated::latest(&self.said, at)?;
        match of {
            RatingOf::Before => *before,
            RatingOf::After => *after,
            RatingOf::Difference => Some((*after)? - (*before)?),
        }
    }
}
