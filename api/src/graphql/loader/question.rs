//! Reads that ask something of several rows (a page, the last ones, a span of time), one query for all who ask the same.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::Arc,
};

use async_graphql::dataloader::Loader;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{
    accepted_terms,
    assignment::{self, AssignmentStatus},
    dispatch::{self, DispatchStatus},
    explanation::{self, RuleEvaluation},
    flag::{self, FlagStatus},
    flag_cause, message,
    page::Page,
    planned_activity::{self, Occurrence},
    reminder, response,
};
use uuid::Uuid;

use super::Loads;
use crate::graphql::{
    connection,
    error::{Failure, Result},
};

/// What a page holds.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PageOf<S> {
    /// Only those in one of these states; all where empty.
    pub statuses: Vec<S>,
    /// At most so many.
    pub first: u64,
    /// After this cursor.
    pub after: Option<String>,
}

impl<S> PageOf<S> {
    /// A page as a field of the API asks for it.
    pub fn new(statuses: impl IntoIterator<Item = impl Into<S>>, first: i32, after: Option<String>) -> Self {
        Self {
            statuses: statuses.into_iter().map(Into::into).collect(),
            first: connection::first(first),
            after,
        }
    }
}

/// Why a flag stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CausesOf {
    /// The flag.
    pub flag: Uuid,
    /// At most so many, the last ones.
    pub last: u64,
}

/// What the rules in force came to for an enrollment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RuleEvaluationsOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// At which instant; now where none is named, which is one instant for all of them.
    pub at: Option<DateTime<Utc>>,
}

/// The terms that were accepted last for a unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TermsOf {
    /// The unit.
    pub unit: Uuid,
    /// At most so many.
    pub last: u64,
}

/// What a staff member was given last.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AssignmentsOf {
    /// The staff member.
    pub staff: Uuid,
    /// Only those in one of these states; all where empty.
    pub statuses: Vec<AssignmentStatus>,
    /// At most so many.
    pub last: u64,
}

/// A page of the assignments at a unit.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AssignmentsAt {
    /// The unit.
    pub unit: Uuid,
    /// Which, and how many.
    pub page: PageOf<AssignmentStatus>,
}

/// A page of an enrollment's dispatches.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DispatchesOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// Which, and how many.
    pub page: PageOf<DispatchStatus>,
}

/// A page of an enrollment's flags.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FlagsOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// Which, and how many.
    pub page: PageOf<FlagStatus>,
}

/// A page of an enrollment's thread.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MessagesOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// At most so many.
    pub first: u64,
    /// After this cursor.
    pub after: Option<String>,
}

/// A page of an enrollment's reminders.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RemindersOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// At most so many.
    pub first: u64,
    /// After this cursor.
    pub after: Option<String>,
}

/// What comes of an enrollment's activity plan in a span of time.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OccurrencesOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// Its zone.
    pub zone: Tz,
    /// The beginning of the span.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
}

/// The last responses of an enrollment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResponsesOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// Which.
    pub filter: response::Filter,
    /// At most so many.
    pub last: u64,
}

/// All responses of an enrollment to a form that count.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SeriesOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// The form's key.
    pub form: String,
}

/// The keys by what they ask: whom it is asked of.
pub(in crate::graphql) fn grouped<'a, K, Q: Eq + Hash>(
    keys: &'a [K],
    question: impl Fn(&'a K) -> (Q, Uuid),
) -> HashMap<Q, Vec<Uuid>> {
    let mut groups: HashMap<Q, Vec<Uuid>> = HashMap::new();
    for key in keys {
        let (question, of) = question(key);
        groups.entry(question).or_default().push(of);
    }
    groups
}

/// Keys that ask something of one row: its id comes first, then what is asked; all who ask the same are read together.
macro_rules! by_question {
    ($($key:ident { $of:ident; $($asked:ident),+ } => $value:ty, |$store:ident, $viewer:ident, $ids:ident| $read:expr;)*) => {$(
        impl Loader<$key> for Loads {
            type Value = Arc<$value>;
            type Error = Failure;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, Self::Value>> {
                let ($store, $viewer) = (&self.store, &self.viewer);
                let mut loaded = HashMap::new();
                for (($($asked,)+), ids) in grouped(keys, |key| (($(&key.$asked,)+), key.$of)) {
                    let $ids: &[Uuid] = &ids;
                    for ($of, found) in $read.await? {
                        let key = $key { $of, $($asked: $asked.to_owned()),+ };
                        loaded.insert(key, Arc::new(found));
                    }
                }
                Ok(loaded)
            }
        }
    )*};
}
pub(in crate::graphql) use by_question;

by_question! {
    CausesOf { flag; last } => Vec<flag_cause::Model>,
        |store, viewer, flags| flag::causes(store, viewer, flags, *last);
    TermsOf { unit; last } => Vec<accepted_terms::Model>,
        |store, viewer, units| accepted_terms::of_units(store, viewer, units, *last);
    AssignmentsOf { staff; statuses, last } => Vec<assignment::Model>,
        |store, viewer, staff| assignment::of_staff(store, viewer, staff, statuses, *last);
    AssignmentsAt { unit; page } => Page<(String, assignment::Model)>,
        |store, viewer, units| assignment::page(store, viewer, units, &page.statuses, page.first, page.after.as_deref());
    DispatchesOf { enrollment; page } => Page<(String, dispatch::Model)>,
        |store, viewer, ids| dispatch::page(store, viewer, ids, &page.statuses, page.first, page.after.as_deref());
    FlagsOf { enrollment; page } => Page<(String, flag::Model)>,
        |store, viewer, ids| flag::page(store, viewer, ids, &page.statuses, page.first, page.after.as_deref());
    MessagesOf { enrollment; first, after } => Page<(String, message::Model)>,
        |store, viewer, ids| message::page(store, viewer, ids, *first, after.as_deref());
    RemindersOf { enrollment; first, after } => Page<(String, reminder::Model)>,
        |store, viewer, ids| reminder::page(store, viewer, ids, *first, after.as_deref());
    ResponsesOf { enrollment; filter, last } => Vec<response::Model>,
        |store, viewer, ids| response::last(store, viewer, ids, filter, *last);
    RuleEvaluationsOf { enrollment; at } => Vec<RuleEvaluation>,
        |store, viewer, ids| explanation::rule_evaluations(store, viewer, ids, at.unwrap_or_else(|| store.now()));
}

impl Loader<OccurrencesOf> for Loads {
    type Value = Arc<Vec<Occurrence>>;
    type Error = Failure;

    async fn load(&self, keys: &[OccurrencesOf]) -> Result<HashMap<OccurrencesOf, Self::Value>> {
        let zones: HashMap<Uuid, Tz> = keys.iter().map(|key| (key.enrollment, key.zone)).collect();
        let mut loaded = HashMap::new();
        for ((from, to), enrollments) in grouped(keys, |key| ((key.from, key.to), key.enrollment)) {
            let zoned = enrollments.iter().filter_map(|id| Some((*id, *zones.get(id)?)));
            let found = planned_activity::occurring(&self.store, &self.viewer, &zoned.collect(), from, to).await?;
            for (enrollment, days) in found {
                let Some(zone) = zones.get(&enrollment).copied() else {
                    continue;
                };
                loaded.insert(
                    OccurrencesOf {
                        enrollment,
                        zone,
                        from,
                        to,
                    },
                    Arc::new(days),
                );
            }
        }
        Ok(loaded)
    }
}

impl Loader<SeriesOf> for Loads {
    type Value = Arc<Vec<response::Model>>;
    type Error = Failure;

    async fn load(&self, keys: &[SeriesOf]) -> Result<HashMap<SeriesOf, Self::Value>> {
        let enrollments: HashSet<Uuid> = keys.iter().map(|key| key.enrollment).collect();
        let enrollments: Vec<Uuid> = enrollments.into_iter().collect();
        let forms = keys.iter().map(|key| key.form.as_str()).collect();
        let found = response::of_forms(&self.store, &self.viewer, &enrollments, &forms).await?;
        let keyed = found
            .into_iter()
            .map(|((enrollment, form), rows)| (SeriesOf { enrollment, form }, Arc::new(rows)));
        Ok(keyed.collect())
    }
}
