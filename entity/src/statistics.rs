//! What can be told in numbers of a unit, or of all units of a care provider.
//!
//! Two kinds of numbers. Those of enrollments (states, completion, drop-out, outcomes) are of the enrollments that started, or
//! are to start, in the period, as they are now. Those of what happened (forms offered, flags raised, messages sent) are of what
//! happened in the period, whenever the enrollment started. An enrollment counts at the unit where it is now.
//!
//! Numbers of small groups are hidden ([`suppression`]), also from those who treat: statistics are shown around. That holds
//! within one answer and between those of a provider, its units and their programs over one period. Periods are whole months
//! ([`period`]); whoever compares some that differ by a month must mind what the difference tells.
//!
//! Nobody's data is handed out, so nothing goes to the access log. Citizens who have blocked the unit count all the same: to
//! count is not to read, and if they were left out, comparing the numbers from before and after the block would tell theirs.

pub mod period;
mod reading;
pub mod suppression;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use rules::{
    change::{self, ReliableChangeVerdict},
    facts::Status,
    zone,
};
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::{
    period::Period,
    reading::Lengths,
    suppression::{Cell, Counts, Figure, Parts, Share, Table},
};
use crate::{
    assignment::Role,
    enrollment::DEFAULT_ZONE,
    error::{Result, UserError},
    program,
    result_series::ScaleKey,
    store::Store,
    viewer::Viewer,
};

/// Where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// At a unit.
    Unit(Uuid),
    /// At all units of a care provider.
    Provider(Uuid),
}

/// What statistics are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Where.
    pub place: Place,
    /// When, by the calendar of the place; see [`today`].
    pub period: Period,
    /// Of the program with this slug alone.
    pub program: Option<String>,
}

/// In which module of which program somebody stopped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stop {
    /// The program.
    pub program_id: Uuid,
    /// The key of the module of the step that they completed last; none where they completed no step.
    pub module: Option<String>,
}

/// Whether a form that was offered was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answered {
    /// It was.
    Yes,
    /// It was not: it expired, was declined, or still waits.
    No,
}

/// What the reliable change index says of the last score beside the first (Jacobson & Truax 1991); see [`rules::change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judged {
    /// Better, beyond errors of measurement.
    Improved,
    /// Within what errors of measurement explain.
    Unchanged,
    /// Worse, beyond errors of measurement.
    Deteriorated,
    /// The scale gives no standard deviation and reliability.
    NotJudged,
}

impl From<ReliableChangeVerdict> for Judged {
    fn from(verdict: ReliableChangeVerdict) -> Self {
        match verdict {
            ReliableChangeVerdict::ReliableImprovement => Self::Improved,
            ReliableChangeVerdict::NoReliableChange => Self::Unchanged,
            ReliableChangeVerdict::ReliableDeterioration => Self::Deteriorated,
        }
    }
}

/// What is told.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// Enrollments by state.
    pub enrollments: Table<Status>,
    /// Withdrawn enrollments by where they stopped.
    pub stops: Table<Stop>,
    /// Forms that were offered, by whether they were answered.
    pub forms: Table<Answered>,
    /// How scores changed, by scale; those of which that is told.
    pub outcomes: BTreeMap<ScaleKey, Outcome>,
    /// How long flags waited until somebody took them on.
    pub acknowledged: Waiting,
    /// How long messages of citizens waited for an answer.
    pub answered: Waiting,
    /// The slugs of the programs that there are.
    pub programs: BTreeMap<Uuid, String>,
}

/// How the scores of a scale changed from the first to the last, of those who have at least two.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Enrollments by what the change means for the person.
    pub changes: Table<Judged>,
    /// The latest of the program versions that they are of.
    pub version: Option<Uuid>,
    means: Option<(f64, f64)>,
}

/// How long things waited.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// How many.
    pub cell: Cell,
    /// In order, in microseconds; none of parts, of which nobody is told them.
    lengths: Vec<i64>,
}

/// The figures of a unit and a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    unit_id: Uuid,
    program_id: Uuid,
}

/// By part, so that those of a unit stand together.
type ByPart = BTreeMap<Part, Counted>;

/// What was counted.
#[derive(Clone, Debug, Default)]
struct Counted {
    enrollments: Counts<Status>,
    stops: BTreeMap<Stop, Figure>,
    forms: Counts<Answered>,
    outcomes: BTreeMap<ScaleKey, Changes>,
    acknowledged: Figure,
    answered: Figure,
}

#[derive(Clone, Debug, Default)]
struct Changes {
    counts: Counts<Judged>,
    version: Option<Uuid>,
    first: f64,
    last: f64,
    scores: u64,
}

/// Statistics of a scope. Those of a unit are for those who treat there, its administrators, and the administrators of its
/// provider; those of a provider for its administrators.
///
/// # Errors
/// `NOT_FOUND` where the viewer may not read them, and at `programSlug` for a program that is not there. When the database
/// fails.
pub async fn read(store: &Store, viewer: &Viewer, scope: &Scope) -> Result<Statistics> {
    may_read(store, viewer, scope.place)?;
    let programs = program::Entity::find().all(store.connection()).await?;
    let programs: BTreeMap<Uuid, String> = programs.into_iter().map(|row| (row.id, row.slug)).collect();
    let program = scope.program.as_ref().map(|slug| {
        let named = programs.iter().find(|(_, known)| *known == slug);
        named
            .map(|(id, _)| *id)
            .ok_or_else(|| UserError::not_found("programSlug", "program"))
    });
    let program = program.transpose()?;
    let during = scope.period.instants(zone_of(store, scope.place));
    let (counted, lengths) = reading::count(store, scope.place, during, program).await?;
    let counted: Vec<(Part, Counted)> = counted.into_iter().collect();
    let parts: Vec<&(Part, Counted)> = counted.iter().collect();
    let mut statistics = match (scope.place, program) {
        (Place::Unit(_), None) => of_unit(&parts),
        (Place::Unit(_), Some(_)) => sum(&parts).told(&Parts::None),
        (Place::Provider(_), None) => sum(&parts).told(&Parts::Told(by_unit(&parts))),
        (Place::Provider(_), Some(_)) => sum(&parts).told(&Parts::Shared(each(&parts))),
    };
    // That there are scores of a scale tells of people as well.
    statistics
        .outcomes
        .retain(|_, outcome| !outcome.changes.total.is_hidden());
    statistics.programs = programs;
    statistics.waited(lengths);
    Ok(statistics)
}

/// Which day it is at a place.
pub fn today(store: &Store, place: Place) -> NaiveDate {
    zone::local_day(zone_of(store, place), store.now())
}

/// By which calendar it is counted: a unit's own; for a provider that of its units where they have the same, else Sweden's.
fn zone_of(store: &Store, place: Place) -> Tz {
    let directory = store.directory();
    let zones: BTreeSet<&str> = match place {
        Place::Unit(unit) => directory
            .unit(unit)
            .map(|unit| unit.zone.as_str())
            .into_iter()
            .collect(),
        Place::Provider(provider) => directory.units_of(provider).map(|unit| unit.zone.as_str()).collect(),
    };
    let only = zones.first().filter(|_| zones.len() == 1);
    only.and_then(|zone| zone.parse().ok()).unwrap_or(DEFAULT_ZONE)
}

/// What is told of a unit. The same reader may ask for each of its programs, and must not learn by subtraction of one that
/// is hidden.
fn of_unit(parts: &[&(Part, Counted)]) -> Statistics {
    sum(parts).told(&Parts::Told(each(parts)))
}

fn by_unit(parts: &[&(Part, Counted)]) -> Vec<Statistics> {
    let units = parts.chunk_by(|one, other| one.0.unit_id == other.0.unit_id);
    units.map(of_unit).collect()
}

fn each(parts: &[&(Part, Counted)]) -> Vec<Statistics> {
    parts.iter().map(|(_, counted)| counted.told(&Parts::None)).collect()
}

fn sum(parts: &[&(Part, Counted)]) -> Counted {
    let mut sum = Counted::default();
    parts.iter().for_each(|(_, counted)| sum.add(counted));
    sum
}

fn may_read(store: &Store, viewer: &Viewer, place: Place) -> Result<(), UserError> {
    let (may, what) = match place {
        Place::Provider(provider) => (viewer.administers_provider(provider), "care provider"),
        Place::Unit(id) => {
            let directory = store.directory();
            let administers = directory.unit(id).is_some_and(|unit| viewer.administers_unit(unit));
            let treats = viewer.unit() == Some(id) && viewer.has_role(Role::Therapist);
            (administers || treats, "unit")
        }
    };
    match may {
        true => Ok(()),
        false => Err(UserError::not_found("", what)),
    }
}

impl Counted {
    fn add(&mut self, other: &Self) {
        self.enrollments.add(&other.enrollments);
        for (stop, figure) in &other.stops {
            self.stops.entry(stop.clone()).or_default().add(figure);
        }
        self.forms.add(&other.forms);
        for (key, changes) in &other.outcomes {
            self.outcomes.entry(key.clone()).or_default().add(changes);
        }
        self.acknowledged.add(&other.acknowledged);
        self.answered.add(&other.answered);
    }

    fn told<'a>(&'a self, parts: &'a Parts<Statistics>) -> Statistics {
        let mut enrollments = Table::new(&self.enrollments, &parts.map(|part| &part.enrollments));
        let withdrawn = Status::Withdrawn;
        let stops = Counts {
            total: self.enrollments.cells.get(&withdrawn).cloned().unwrap_or_default(),
            cells: self.stops.clone(),
        };
        let mut stops = Table::new(&stops, &parts.map(|part| &part.stops));
        // They add up to those who withdrew: either both numbers of them are told, or none.
        if stops.total.is_hidden() {
            enrollments.hide_one(&withdrawn);
        }
        if enrollments.cell(&withdrawn).is_hidden() {
            stops.hide();
        }
        let nothing = Table::default();
        let outcomes = self.outcomes.iter().map(|(key, changes)| {
            let of = |part: &'a Statistics| part.outcomes.get(key).map_or(&nothing, |outcome| &outcome.changes);
            let outcome = changes.told(&parts.map(of));
            (key.clone(), outcome)
        });
        Statistics {
            enrollments,
            stops,
            forms: Table::new(&self.forms, &parts.map(|part| &part.forms)),
            outcomes: outcomes.collect(),
            acknowledged: Waiting::new(&self.acknowledged, &parts.map(|part| &part.acknowledged.cell)),
            answered: Waiting::new(&self.answered, &parts.map(|part| &part.answered.cell)),
            programs: BTreeMap::new(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
impl Changes {
    fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.version = self.version.max(other.version);
        self.first += other.first;
        self.last += other.last;
        self.scores += other.scores;
    }

    /// An enrollment of a citizen with its first and last score.
    fn count(&mut self, judged: Judged, citizen: Uuid, first: f64, last: f64) {
        self.counts.count(judged, citizen, 1);
        self.first += first;
        self.last += last;
        self.scores += 1;
    }

    fn told(&self, parts: &Parts<&Table<Judged>>) -> Outcome {
        let changes = Table::new(&self.counts, parts);
        let n = self.scores as f64;
        let is_told = !changes.total.is_hidden() && self.scores > 0;
        Outcome {
            means: is_told.then(|| (self.first / n, self.last / n)),
            version: self.version,
            changes,
        }
    }
}

impl Statistics {
    fn waited(&mut self, mut lengths: Lengths) {
        lengths.acknowledged.sort_unstable();
        lengths.answered.sort_unstable();
        self.acknowledged.lengths = lengths.acknowledged;
        self.answered.lengths = lengths.answered;
    }

    /// How many of those that have ended were completed, not withdrawn; none where that is not told.
    pub fn completion(&self) -> Option<Share> {
        let completed = self.enrollments.cell(&Status::Completed).count()?;
        let withdrawn = self.enrollments.cell(&Status::Withdrawn).count()?;
        Some(Share {
            count: completed,
            of: completed + withdrawn,
        })
    }

    /// How many of the forms that were offered were answered; none where that is not told.
    pub fn adherence(&self) -> Option<Share> {
        Some(Share {
            count: self.forms.cell(&Answered::Yes).count()?,
            of: self.forms.total.count()?,
        })
    }
}

impl Outcome {
    /// The mean of the first scores and that of the last ones; none where they are not told.
    pub fn means(&self) -> Option<(f64, f64)> {
        self.means
    }

    /// The mean of the changes; none where it is not told.
    pub fn mean_change(&self) -> Option<f64> {
        self.means.map(|(first, last)| change::difference(last, first))
    }

    /// Whether it is known of any change if it is reliable: the scale gives a standard deviation and a reliability.
    pub fn is_judged(&self) -> bool {
        self.changes.keys().any(|judged| *judged != Judged::NotJudged)
    }

    /// How many of those of whom it is known changed so; none where that is not told.
    pub fn share(&self, judged: Judged) -> Option<Share> {
        let not_judged = self.changes.cell(&Judged::NotJudged).count()?;
        Some(Share {
            count: self.changes.cell(&judged).count()?,
            of: self.changes.total.count()?.saturating_sub(not_judged),
        })
    }
}

impl Waiting {
    fn new(figure: &Figure, parts: &Parts<&Cell>) -> Self {
        Self {
            cell: Cell::new(figure.clone(), parts),
            lengths: Vec::new(),
        }
    }

    /// A percentile, of 0 to 1, between the two nearest ones where it lies between them (as SQL's `percentile_cont`); none where
    /// it is not told, or nothing was waited for.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "places in a list, and microseconds of less than a hundred years"
    )]
    pub fn percentile(&self, part: f64) -> Option<TimeDelta> {
        self.cell.count()?;
        let place = part.clamp(0.0, 1.0) * self.lengths.len().checked_sub(1)? as f64;
        let lower = *self.lengths.get(place.floor() as usize)?;
        let upper = *self.lengths.get(place.ceil() as usize)?;
        let between = (upper - lower) as f64 * place.fract();
        Some(TimeDelta::microseconds(lower + between.round() as i64))
    }
}
