//! What a rule would have done: a draft replayed over the real history of a unit. Nothing is written.
//!
//! The draft counts as saved and switched on at the beginning of the window, in place of the rule of the same key and scope;
//! where an enrollment or unit has a narrower rule of its own, that one holds and the draft concerns nobody. What *other*
//! rules did is in the history already and stays as it was. What the rule of the same key really did within the window is
//! taken out, and put back where the draft fires for the same occurrence and does the same. How else people who could not know
//! of the draft are assumed to act is told in [`rules::simulation`]. Everybody is on their own version of the program, with its
//! content and functions.
//!
//! Counted are the messages that would have left within the window, on the channels that their recipients have chosen today,
//! outside their quiet hours, and where they still applied when they left: the form not answered, the flag not handled, the
//! enrollment not paused, what they are about not hidden, and no later one about the same waiting beside them. What cannot be
//! told of a rule that was never on is left out: that somebody would have switched it off before something left, or taken a
//! reminder back. Whether rules might send a form to one person is as it was. Addresses, roles and blocks count as they are today, and no worker is ever down.

mod draft;
mod history;
mod lacking;
mod life;
mod recipients;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use rules::{
    definition::RuleDefinition,
    facts::Channel,
    simulation::{Fired, Replay},
};
use sea_orm::{ColumnTrait, Condition};
use uuid::Uuid;

pub use draft::{Draft, draft};
pub(crate) use history::{Past, causes, origins};
pub(crate) use lacking::lacking;
pub(crate) use life::fresh;
pub(crate) use recipients::{Recipients, Told};

use crate::{
    assignment::Role,
    delivery::Item,
    enrollment,
    error::{Result, UserError},
    page::{self, Page},
    store::Store,
    viewer::{Permission, Viewer},
};

/// How many days a simulation may span.
pub const LONGEST: i64 = 366;

/// How many firings a simulation may find.
const MOST_FIRINGS: usize = 500_000;

/// In how few enrollments a rule may have fired so that those who do not treat are told of it: fewer single people out.
const FEWEST: usize = 5;

/// How many enrollments are looked at together: what is known of them is in memory at one time.
pub(crate) const CHUNK: u64 = 250;

/// What rules would have done.
#[derive(Clone, Debug)]
pub struct Simulation {
    drafts: Vec<Draft>,
    unit: Uuid,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// How many enrollments the rules concerned within the window.
    pub considered: usize,
    /// In how many of them a rule would have fired.
    pub matched: usize,
    /// How many messages would have left, by channel.
    pub deliveries: BTreeMap<Channel, usize>,
    /// Every firing, in order.
    found: Vec<Found>,
}

/// Where a firing stands among the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Found {
    at: DateTime<Utc>,
    enrollment: Uuid,
    key: String,
    occurrence: String,
}

/// A firing that would have been.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The enrollment.
    pub enrollment: enrollment::Model,
    /// What was decided, with the facts that it compared.
    pub fired: Fired,
    /// What the rule says.
    pub definition: Arc<RuleDefinition>,
}

/// Replays drafts over the history of a unit, from an instant and before another; together, so that they feed one another.
///
/// Those who treat at the unit and its administrators may; who does not treat sees numbers alone (see [`Simulation::page`]),
/// and those as 0 where a rule would have fired in fewer than five enrollments: they would tell about people.
/// That the histories were read stands in the access log either way.
///
/// # Errors
/// `NOT_FOUND` for a unit where the viewer does not act in such a role; `BAD_WINDOW` and `TOO_LONG` for what is no window;
/// `TOO_MANY` firings.
pub async fn simulate(
    store: &Store,
    viewer: &Viewer,
    drafts: &[Draft],
    unit: Uuid,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Simulation> {
    may_look(viewer, unit, "unitId")?;
    check_window(from, to)?;
    let mut simulation = Simulation {
        drafts: drafts.to_vec(),
        unit,
        from,
        to,
        considered: 0,
        matched: 0,
        deliveries: BTreeMap::new(),
        found: Vec::new(),
    };
    let mut after = None;
    loop {
        let rows = simulation.chunk(store, viewer, after).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        let recipients = Recipients::read(store, &rows).await?;
        for (row, replay) in simulation.replay(store, viewer, rows).await? {
            simulation.count(&row, &replay, &recipients);
            if simulation.found.len() > MOST_FIRINGS {
                let message = "The rule would have fired too many times to tell them all: choose a shorter window.";
                return Err(UserError::new("TOO_MANY", "to", message).into());
            }
        }
    }
    if !viewer.may(Permission::Treat) && simulation.matched < FEWEST {
        simulation.matched = 0;
        simulation.deliveries.clear();
        simulation.found.clear();
    }
    simulation.found.sort_unstable();
    Ok(simulation)
}

fn check_window(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<(), UserError> {
    if to <= from {
        let message = "The window must end after it begins: choose a later end.";
        return Err(UserError::new("BAD_WINDOW", "to", message));
    }
    if to - from > Duration::days(LONGEST) {
        let message = format!("At most {LONGEST} days at a time, please.");
        return Err(UserError::new("TOO_LONG", "to", message));
    }
    Ok(())
}

/// Whether the viewer may look into what rules do at a unit: who treats there, and its administrators.
pub(crate) fn may_look(viewer: &Viewer, unit: Uuid, path: &str) -> Result<(), UserError> {
    let at_unit = viewer.unit().is_none_or(|own| own == unit);
    if at_unit && (viewer.may(Permission::Treat) || viewer.has_role(Role::UnitAdministrator)) {
        Ok(())
    } else {
        Err(UserError::not_found(path, "unit"))
    }
}

/// The enrollments of a unit into which the viewer may look: those whose citizen has not blocked it.
pub(crate) fn concerned(viewer: &Viewer, unit: Uuid) -> Condition {
    let of_unit = Condition::all().add(enrollment::Column::UnitId.eq(unit));
    match viewer.unit() {
        Some(unit) => of_unit.add(enrollment::not_blocked_at(unit)),
        None => of_unit,
    }
}

impl Simulation {
    /// How many times a rule would have fired.
    pub fn firings(&self) -> usize {
        self.found.len()
    }

    /// The firings after the one with the cursor `after`, in the order of time, `first` of them. Their facts are read again:
    /// so many histories are never in memory at once. None for those who do not treat.
    ///
    /// # Errors
    /// When the cursor is none of this list, or the database fails.
    pub async fn page(
        &self,
        store: &Store,
        viewer: &Viewer,
        first: u64,
        after: Option<&str>,
    ) -> Result<Page<(String, Simulated)>> {
        if !viewer.may(Permission::Treat) {
            return Ok(Page::default());
        }
        let first = usize::try_from(page::clamp(first)).unwrap_or(usize::MAX);
        let begin = match after {
            None => 0,
            Some(cursor) => {
                let known = Found::read(cursor)?;
                self.found.partition_point(|found| *found <= known)
            }
        };
        let wanted: Vec<&Found> = self.found.iter().skip(begin).take(first).collect();
        let ids: BTreeSet<Uuid> = wanted.iter().map(|found| found.enrollment).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let rows: Vec<enrollment::Model> = enrollment::find(store, viewer, &ids).await?.into_values().collect();
        let mut fired: HashMap<Found, Simulated> = HashMap::new();
        for (row, replay) in self.replay(store, viewer, rows).await? {
            for one in replay.fired {
                let definition = self.drafts.iter().find(|draft| draft.key == one.firing.rule);
                if let Some(draft) = definition {
                    let simulated = Simulated {
                        enrollment: row.clone(),
                        fired: one,
                        definition: draft.definition.clone(),
                    };
                    fired.insert(Found::of(row.id, &simulated.fired), simulated);
                }
            }
        }
        let rows = wanted
            .into_iter()
            .filter_map(|found| Some((found.cursor(), fired.remove(found)?)))
            .collect();
        Ok(Page {
            rows,
            has_next: begin + first < self.found.len(),
        })
    }

    /// Every firing as enrollment, key, occurrence and instant, in the order of time.
    pub fn occurrences(&self) -> impl Iterator<Item = (Uuid, &str, &str, DateTime<Utc>)> {
        self.found.iter().map(|found| {
            (
                found.enrollment,
                found.key.as_str(),
                found.occurrence.as_str(),
                found.at,
            )
        })
    }

    fn count(&mut self, row: &enrollment::Model, replay: &Replay, recipients: &Recipients) {
        self.considered += 1;
        self.matched += usize::from(!replay.fired.is_empty());
        let mut notices = Vec::new();
        for one in &replay.fired {
            self.found.push(Found::of(row.id, one));
            let draft = self.drafts.iter().find(|draft| draft.key == one.firing.rule);
            notices.extend(one.notices.iter().map(|notice| Told {
                notice,
                item: draft.and_then(|draft| Item::of_notice(notice, &draft.key, &draft.definition)),
                named: &[],
            }));
        }
        for (channel, at) in recipients.deliveries(row, notices, &replay.facts) {
            if at < self.to {
                *self.deliveries.entry(channel).or_default() += 1;
            }
        }
    }
}

impl Found {
    fn of(enrollment: Uuid, one: &Fired) -> Self {
        Self {
            at: one.firing.at,
            enrollment,
            key: one.firing.rule.clone(),
            occurrence: one.firing.occurrence.clone(),
        }
    }

    fn cursor(&self) -> String {
        let at = self.at.to_rfc3339_opts(SecondsFormat::Micros, true);
        page::cursor(&[&at, &self.enrollment.to_string(), &self.key, &self.occurrence])
    }

    fn read(cursor: &str) -> Result<Self, UserError> {
        let [at, enrollment, key, occurrence] = page::read_cursor(cursor)?;
        match (DateTime::parse_from_rfc3339(&at), Uuid::parse_str(&enrollment)) {
            (Ok(at), Ok(enrollment)) => Ok(Self {
                at: at.to_utc(),
                enrollment,
                key,
                occurrence,
            }),
            _ => Err(page::bad_cursor()),
        }
    }
}
