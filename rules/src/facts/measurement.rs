//! What a citizen measured and registered.

use uuid::Uuid;

use super::Instant;

/// What a citizen measured and registered as a number. A correction is another one, from when it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The measurement.
    pub id: Uuid,
    /// The key of its kind.
    pub kind: String,
    /// When it was registered: nobody knew of it before.
    pub at: Instant,
    /// When it was measured, which is not later.
    pub measured_at: Instant,
    /// The number, in the unit of its kind.
    pub value: f64,
    /// When another took its place (a correction), or it was taken back.
    pub superseded_at: Option<Instant>,
}

impl Measurement {
    /// Whether it counts at an instant: it has been registered, and nothing has taken its place.
    pub fn counts(&self, at: Instant) -> bool {
        self.at <= at && self.superseded_at.is_none_or(|superseded| at < superseded)
    }
}
