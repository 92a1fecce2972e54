//! What was measured.

use super::{AsOf, pick};
use crate::{
    definition::MeasurementFact,
    facts::{Instant, Measurement},
};

impl<'a> AsOf<'a> {
    /// The measurements of a kind, or of any, that count, in the order in which they were made.
    pub(super) fn measurements<'f>(
        &self,
        kind: Option<&'f str>,
    ) -> impl DoubleEndedIterator<Item = &'a Measurement> + use<'a, 'f> {
        let at = self.at;
        self.measurements
            .iter()
            .filter(move |measurement| is_of(measurement, kind) && measurement.counts(at))
    }

    /// What is picked of the measurements of a kind.
    pub(super) fn measured(&self, fact: &MeasurementFact) -> Option<f64> {
        let numbers = self.measurements(Some(&fact.kind));
        pick::pick(numbers.map(|measurement| Some(measurement.value)), fact.pick, fact.last)
    }

    /// When a measurement of a kind, or of any, is registered next, corrected or taken back.
    pub(super) fn next_measurement(&self, kind: Option<&str>) -> Option<Instant> {
        let of_kind = self
            .facts
            .measurements
            .iter()
            .filter(|measurement| is_of(measurement, kind));
        self.first_future(of_kind.flat_map(|measurement| [Some(measurement.at), measurement.superseded_at]))
    }
}

fn is_of(measurement: &Measurement, kind: Option<&str>) -> bool {
    kind.is_none_or(|kind| measurement.kind == kind)
}
