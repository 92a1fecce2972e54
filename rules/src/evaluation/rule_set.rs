//! The rules of an enrollment, ready to be evaluated.

use std::sync::Arc;

use super::{ActiveRule, earlier, just_before};
use crate::{
    definition::{RuleDefinition, Trigger},
    facts::Instant,
    overrides::same_shape,
    recurrence::Timetable,
};

/// The rules of an enrollment, ready to be evaluated: made once from their versions, and shared by all enrollments that the
/// same versions concern.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// By key.
    rules: Vec<Compiled>,
}

/// One rule over its versions.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub key: String,
    /// In the order of their effect.
    pub versions: Vec<Version>,
}

/// One version of a rule.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub active: ActiveRule,
    /// The last instant before its effect.
    pub owned_after: Instant,
    /// Until when it owns what happens: the end of its effect, or its successor's beginning.
    pub owned_until: Option<Instant>,
    /// The last instant that it owns.
    pub owned_to: Option<Instant>,
    /// What the version said that this one took the place of; none where it took effect after a break, or first.
    pub former: Option<Arc<RuleDefinition>>,
    /// Whether its former said something else than other numbers and periods, so that its episodes are not this one's.
    pub is_another: bool,
    /// Of a schedule. None where its recurrence cannot be read: that is refused when it is saved, and never comes.
    pub timetable: Option<Timetable>,
}

impl Version {
    fn new(active: ActiveRule) -> Self {
        let timetable = match &active.definition.trigger {
            Trigger::Schedule(schedule) => Timetable::new(schedule).ok(),
            Trigger::Event(_) | Trigger::Whenever(_) => None,
        };
        let mut version = Self {
            owned_after: just_before(active.effective_from),
            owned_until: None,
            owned_to: None,
            former: None,
            is_another: false,
            timetable,
            active,
        };
        version.end(version.active.effective_until);
        version
    }

    /// It takes the place of a former version where that holds until then.
    fn follow(&mut self, former: &Self) {
        if former.owned_until.is_none_or(|end| end >= self.active.effective_from) {
            let said = &former.active.definition;
            self.is_another = !same_shape(said, &self.active.definition);
            self.former = Some(Arc::clone(said));
        }
    }

    /// It owns nothing from then on.
    fn end(&mut self, at: Option<Instant>) {
        self.owned_until = earlier(self.owned_until, at);
        self.owned_to = self.owned_until.map(just_before);
    }
}

impl RuleSet {
    /// Groups the versions of each rule by key in the order of their effect, and reads their recurrences. The order in which
    /// they are given does not matter.
    pub fn new(mut versions: Vec<ActiveRule>) -> Self {
        // By the id as well, so that versions of one instant have an order.
        versions.sort_by(|a, b| (&a.key, a.effective_from, a.version).cmp(&(&b.key, b.effective_from, b.version)));
        let mut rules: Vec<Compiled> = Vec::new();
        for active in versions {
            let mut version = Version::new(active);
            match rules.last_mut() {
                Some(rule) if rule.key == version.active.key => {
                    if let Some(before) = rule.versions.last_mut() {
                        version.follow(before);
                        before.end(Some(version.active.effective_from));
                    }
                    rule.versions.push(version);
                }
                _ => rules.push(Compiled {
                    key: version.active.key.clone(),
                    versions: vec![version],
                }),
            }
        }
        Self { rules }
    }

    /// Every version, by key and in the order of their effect.
    pub fn versions(&self) -> impl Iterator<Item = &ActiveRule> {
        let versions = self.rules.iter().flat_map(|rule| &rule.versions);
        versions.map(|version| &version.active)
    }

    /// The version of a rule that holds at an instant.
    pub fn in_effect(&self, key: &str, at: Instant) -> Option<&ActiveRule> {
        let place = self.rules.binary_search_by(|rule| rule.key.as_str().cmp(key)).ok()?;
        let mut versions = self.rules.get(place)?.versions.iter();
        let holds = |version: &&Version| {
            version.active.effective_from <= at && version.owned_until.is_none_or(|until| at < until)
        };
        versions.find(holds).map(|version| &version.active)
    }

    pub(super) fn rules(&self) -> &[Compiled] {
        &self.rules
    }
}

impl FromIterator<ActiveRule> for RuleSet {
    fn from_iter<I: IntoIterator<Item = ActiveRule>>(versions: I) -> Self {
        Self::new(versions.into_iter().collect())
    }
}
