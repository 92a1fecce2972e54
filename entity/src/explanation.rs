//! Why rules fire for somebody at an instant of the past or present, or why they do not.
//!
//! What a rule remembered then (its episode, when it last fired, how often) is found by living through the history again with
//! the versions that were in force, and put right by what the record says of its firings.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rules::{
    evaluation::{RuleSet, State, evaluate},
    explanation::{Explanation, explain},
    facts::Facts,
    simulation::judge,
};
use uuid::Uuid;

use crate::{
    enrollment,
    error::{Result, UserError},
    facts::{self, Needs},
    rule::{RuleBook, recorded},
    simulation::{Past, fresh, origins},
    store::Store,
    viewer::{Permission, Viewer},
};

/// What a rule came to for an enrollment at an instant.
#[derive(Clone, Debug)]
pub struct RuleEvaluation {
    /// The rule.
    pub rule: Uuid,
    /// What it came to, and why.
    pub explanation: Explanation,
    /// Whether it was only tried.
    pub tried: bool,
    /// When it was or will be looked at next, if nothing else happens.
    pub next_evaluation_at: Option<DateTime<Utc>>,
    /// When it had fired last.
    pub last_fired_at: Option<DateTime<Utc>>,
    /// The enrollment's zone, in which instants are told.
    pub zone: Tz,
}

/// Whether rules can be explained at an instant.
///
/// # Errors
/// `IN_THE_FUTURE`, at `at`: nobody knows what will happen until then.
pub fn check_at(store: &Store, at: DateTime<Utc>) -> Result<(), UserError> {
    if at <= store.now() {
        return Ok(());
    }
    let message = "Rules can be explained up to now: what will happen until then is not known. Leave `at` out for now.";
    Err(UserError::new("IN_THE_FUTURE", "at", message))
}

/// What every rule in force came to for these enrollments at an instant, by enrollment; ordered by their keys. Those who treat
/// may ask; for everybody else there is nothing. A constant number of statements.
///
/// # Errors
/// As [`check_at`]; when the database fails.
pub async fn rule_evaluations(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
    at: DateTime<Utc>,
) -> Result<HashMap<Uuid, Vec<RuleEvaluation>>> {
    check_at(store, at)?;
    if !viewer.may(Permission::Treat) {
        return Ok(HashMap::new());
    }
    let found = enrollment::find(store, viewer, enrollments).await?;
    let rows: Vec<enrollment::Model> = found.into_values().filter(|row| row.created_at <= at).collect();
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let connection = store.connection();
    let book = RuleBook::read(connection, &rows, DateTime::UNIX_EPOCH).await?;
    let sets: Vec<_> = rows.iter().map(|row| book.with_trials(row)).collect();
    let versions = sets.iter().flat_map(|set| set.versions());
    let needs = Needs::of(versions.map(|version| version.definition.as_ref()));
    let facts = facts::load(store, connection, &rows, &needs, None).await?;
    let keys: BTreeSet<&str> = sets
        .iter()
        .flat_map(|set| set.versions())
        .map(|version| version.key.as_str())
        .collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    let past = Past::read(connection, &rows, &keys).await?;
    let origins = origins(connection, &book, &rows, &keys).await?;
    let mut evaluations: HashMap<Uuid, Vec<RuleEvaluation>> = HashMap::new();
    for (row, set) in rows.iter().zip(&sets) {
        let Some(facts) = facts.get(&row.id) else { continue };
        let own = evaluations.entry(row.id).or_default();
        for (key, rule) in by_key(set) {
            let Some(version) = rule.in_effect(key, at).map(|active| active.version) else {
                continue;
            };
            // A version that is only tried is off, and beside it is its trial: that is what is told.
            let tried = book.version(version).is_some_and(|(_, dry_run)| dry_run);
            let (name, trial) = recorded(key, "");
            let Some(origin) = origins.get(&version).filter(|_| tried != trial.is_empty()) else {
                continue;
            };
            if let Some((explanation, next_evaluation_at)) = explained(row, key, &rule, facts, &past, at) {
                own.push(RuleEvaluation {
                    rule: origin.rule,
                    explanation,
                    tried,
                    next_evaluation_at,
                    last_fired_at: past.last_fired_at(row.id, &name, &trial, at),
                    zone: facts.zone,
                });
            }
        }
    }
    Ok(evaluations)
}

/// Each rule of a set on its own.
fn by_key(set: &RuleSet) -> BTreeMap<&str, RuleSet> {
    let mut rules: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for version in set.versions() {
        rules.entry(&version.key).or_default().push(version.clone());
    }
    let rules = rules.into_iter();
    rules.map(|(key, versions)| (key, RuleSet::new(versions))).collect()
}

/// What one rule came to, and when it is looked at next.
fn explained(
    row: &enrollment::Model,
    key: &str,
    rule: &RuleSet,
    facts: &Facts,
    past: &Past,
    at: DateTime<Utc>,
) -> Option<(Explanation, Option<DateTime<Utc>>)> {
    let judged = judge(rule, facts, &fresh(row, facts, at), at);
    let mut state: State = judged.state.clone();
    past.correct(row.id, &mut state);
    let memory = state.rules.get(key).cloned().unwrap_or_default();
    let explanation = explain(rule, facts, &judged, &memory, at)?;
    Some((explanation, evaluate(rule, facts, &state, at).wake_at))
}
