//! How it was before and after planned activities.

use super::{AsOf, pick};
use crate::{
    definition::RatingFact,
    facts::{Dated, Instant},
};

impl AsOf<'_> {
    /// What is picked of the ratings that were registered, in the order in which they were; a registration that does not say is
    /// one nevertheless.
    pub(super) fn rated(&self, fact: &RatingFact) -> Option<f64> {
        let known = self
            .registrations
            .iter()
            .filter(|registration| self.past(registration.at));
        let ratings = known.map(|registration| registration.rating(fact.of, self.at));
        pick::pick(ratings, fact.pick, fact.last)
    }

    /// When an activity is registered next, or what was registered is corrected.
    pub(super) fn next_registration(&self) -> Option<Instant> {
        let registrations = self.facts.registrations.iter();
        self.first_future(
            registrations.flat_map(|registration| [Some(registration.at), Dated::next(&registration.said, self.at)]),
        )
    }
}
