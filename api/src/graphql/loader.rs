//! Reads by key, each gathered into one query of the record for all who ask at the same time.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::Arc,
};

use async_graphql::dataloader::Loader;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{
    activity_entry,
    citizen::{self, Person},
    delivery,
    dispatch::{self, DispatchStatus},
    enrollment,
    explanation::{self, RuleEvaluation},
    firing,
    flag::{self, FlagStatus},
    flag_cause, message,
    page::Page,
    planned_activity::{self, Occurrence},
    progress::{self, Overlay},
    reminder, response,
    rule::{self, Configured},
    store::Store,
    viewer::Viewer,
};
use uuid::Uuid;

use super::error::{Failure, Result};

/// Reads on behalf of one viewer.
pub struct Loads {
    pub(super) store: Store,
    pub(super) viewer: Viewer,
}

/// A citizen.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CitizenKey(pub Uuid);
/// An enrollment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnrollmentKey(pub Uuid);
/// Who treats in an enrollment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TherapistsOf(pub Uuid);
/// Visibility and progress of an enrollment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OverlayOf(pub Uuid);
/// A dispatch.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DispatchKey(pub Uuid);
/// The dispatches of an enrollment's steps.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepDispatchesOf(pub Uuid);
/// A response.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResponseKey(pub Uuid);
/// A flag.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlagKey(pub Uuid);
/// Why a flag stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CausesOf(pub Uuid);
/// The rungs of a flag's escalations.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RungsOf(pub Uuid);
/// A firing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FiringKey(pub Uuid);
/// What left because of a reminder.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveriesOf(pub Uuid);
/// A rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RuleKey(pub Uuid);
/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageKey(pub Uuid);
/// A planned activity.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActivityKey(pub Uuid);
/// What is planned in an enrollment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanOf(pub Uuid);
/// What was registered of a planned activity on a day.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryKey(pub Uuid);

/// What the rules in force came to for an enrollment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RuleEvaluationsOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// At which instant; now where none is named, which is one instant for all of them.
    pub at: Option<DateTime<Utc>>,
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

/// The last responses of an enrollment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResponsesOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// To this form alone.
    pub form: Option<String>,
    /// At most so many.
    pub last: u64,
}

/// Keys that name one row by its id.
macro_rules! by_id {
    ($($key:ident => $value:ty, $find:path;)*) => {$(
        impl Loader<$key> for Loads {
            type Value = $value;
            type Error = Failure;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, $value>> {
                let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
                let found = $find(&self.store, &self.viewer, &ids).await?;
                Ok(found.into_iter().map(|(id, value)| ($key(id), value.into())).collect())
            }
        }
    )*};
}

by_id! {
    CitizenKey => Arc<Person>, citizen::find;
    EnrollmentKey => Arc<enrollment::Model>, enrollment::find;
    TherapistsOf => Vec<Uuid>, enrollment::therapists;
    OverlayOf => Arc<Overlay>, progress::overlays;
    DispatchKey => Arc<dispatch::Model>, dispatch::find;
    ResponseKey => Arc<response::Model>, response::find;
    FlagKey => Arc<flag::Model>, flag::find;
    CausesOf => Arc<Vec<flag_cause::Model>>, flag::causes;
    RungsOf => Arc<Vec<reminder::Model>>, reminder::rungs;
    FiringKey => Arc<firing::Fired>, firing::find;
    DeliveriesOf => Arc<Vec<delivery::Model>>, reminder::deliveries;
    RuleKey => Arc<Configured>, rule::find;
    MessageKey => Arc<message::Model>, message::find;
    ActivityKey => Arc<planned_activity::Model>, planned_activity::find;
    PlanOf => Arc<Vec<planned_activity::Model>>, planned_activity::plans;
    EntryKey => Arc<activity_entry::Model>, activity_entry::find;
}

/// Keys that ask the same of several enrollments, by what they ask.
fn grouped<K, Q: Eq + Hash>(keys: &[K], question: impl Fn(&K) -> (Q, Uuid)) -> HashMap<Q, Vec<Uuid>> {
    let mut groups: HashMap<Q, Vec<Uuid>> = HashMap::new();
    for key in keys {
        let (question, enrollment) = question(key);
        groups.entry(question).or_default().push(enrollment);
    }
    groups
}

impl Loader<DispatchesOf> for Loads {
    type Value = Arc<Page<(String, dispatch::Model)>>;
    type Error = Failure;

    async fn load(&self, keys: &[DispatchesOf]) -> Result<HashMap<DispatchesOf, Self::Value>> {
        let mut loaded = HashMap::new();
        for (page, enrollments) in grouped(keys, |key| (key.page.clone(), key.enrollment)) {
            let (statuses, after) = (&page.statuses, page.after.as_deref());
            let found = dispatch::page(&self.store, &self.viewer, &enrollments, statuses, page.first, after).await?;
            for (enrollment, rows) in found {
                loaded.insert(
                    DispatchesOf {
                        enrollment,
                        page: page.clone(),
                    },
                    Arc::new(rows),
                );
            }
        }
        Ok(loaded)
    }
}

impl Loader<FlagsOf> for Loads {
    type Value = Arc<Page<(String, flag::Model)>>;
    type Error = Failure;

    async fn load(&self, keys: &[FlagsOf]) -> Result<HashMap<FlagsOf, Self::Value>> {
        let mut loaded = HashMap::new();
        for (page, enrollments) in grouped(keys, |key| (key.page.clone(), key.enrollment)) {
            let (statuses, after) = (&page.statuses, page.after.as_deref());
            let found = flag::page(&self.store, &self.viewer, &enrollments, statuses, page.first, after).await?;
            for (enrollment, rows) in found {
                loaded.insert(
                    FlagsOf {
                        enrollment,
                        page: page.clone(),
                    },
                    Arc::new(rows),
                );
            }
        }
        Ok(loaded)
    }
}

impl Loader<MessagesOf> for Loads {
    type Value = Arc<Page<(String, message::Model)>>;
    type Error = Failure;

    async fn load(&self, keys: &[MessagesOf]) -> Result<HashMap<MessagesOf, Self::Value>> {
        let mut loaded = HashMap::new();
        for ((first, after), enrollments) in grouped(keys, |key| ((key.first, key.after.clone()), key.enrollment)) {
            let found = message::page(&self.store, &self.viewer, &enrollments, first, after.as_deref()).await?;
            for (enrollment, rows) in found {
                let after = after.clone();
                loaded.insert(
                    MessagesOf {
                        enrollment,
                        first,
                        after,
                    },
                    Arc::new(rows),
                );
            }
        }
        Ok(loaded)
    }
}

impl Loader<RemindersOf> for Loads {
    type Value = Arc<Page<(String, reminder::Model)>>;
    type Error = Failure;

    async fn load(&self, keys: &[RemindersOf]) -> Result<HashMap<RemindersOf, Self::Value>> {
        let mut loaded = HashMap::new();
        for ((first, after), enrollments) in grouped(keys, |key| ((key.first, key.after.clone()), key.enrollment)) {
            let found = reminder::page(&self.store, &self.viewer, &enrollments, first, after.as_deref()).await?;
            for (enrollment, rows) in found {
                let after = after.clone();
                loaded.insert(
                    RemindersOf {
                        enrollment,
                        first,
                        after,
                    },
                    Arc::new(rows),
                );
            }
        }
        Ok(loaded)
    }
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

impl Loader<ResponsesOf> for Loads {
    type Value = Arc<Vec<response::Model>>;
    type Error = Failure;

    async fn load(&self, keys: &[ResponsesOf]) -> Result<HashMap<ResponsesOf, Self::Value>> {
        let mut loaded = HashMap::new();
        for ((form, last), enrollments) in grouped(keys, |key| ((key.form.clone(), key.last), key.enrollment)) {
            let found = response::last(&self.store, &self.viewer, &enrollments, form.as_deref(), last).await?;
            for (enrollment, rows) in found {
                loaded.insert(
                    ResponsesOf {
                        enrollment,
                        form: form.clone(),
                        last,
                    },
                    Arc::new(rows),
                );
            }
        }
        Ok(loaded)
    }
}

impl Loader<RuleEvaluationsOf> for Loads {
    type Value = Arc<Vec<RuleEvaluation>>;
    type Error = Failure;

    async fn load(&self, keys: &[RuleEvaluationsOf]) -> Result<HashMap<RuleEvaluationsOf, Self::Value>> {
        let mut loaded = HashMap::new();
        for (at, enrollments) in grouped(keys, |key| (key.at, key.enrollment)) {
            let instant = at.unwrap_or_else(|| self.store.now());
            let found = explanation::rule_evaluations(&self.store, &self.viewer, &enrollments, instant).await?;
            for (enrollment, evaluations) in found {
                loaded.insert(RuleEvaluationsOf { enrollment, at }, Arc::new(evaluations));
            }
        }
        Ok(loaded)
    }
}

impl Loader<StepDispatchesOf> for Loads {
    type Value = Arc<HashMap<(Uuid, String), Arc<dispatch::Model>>>;
    type Error = Failure;

    async fn load(&self, keys: &[StepDispatchesOf]) -> Result<HashMap<StepDispatchesOf, Self::Value>> {
        let enrollments: HashSet<Uuid> = keys.iter().map(|key| key.0).collect();
        let enrollments: Vec<Uuid> = enrollments.into_iter().collect();
        let mut by_enrollment: HashMap<Uuid, HashMap<(Uuid, String), Arc<dispatch::Model>>> = HashMap::new();
        for ((enrollment, step, form), row) in dispatch::of_steps(&self.store, &self.viewer, &enrollments).await? {
            by_enrollment
                .entry(enrollment)
                .or_default()
                .insert((step, form), Arc::new(row));
        }
        Ok(by_enrollment
            .into_iter()
            .map(|(enrollment, rows)| (StepDispatchesOf(enrollment), Arc::new(rows)))
            .collect())
    }
}
