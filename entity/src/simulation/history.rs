//! What rules really did: read, and taken out of what is known.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::{
    evaluation::State,
    facts::{Audience, Facts},
    simulation::{Cause, Effects, Record},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationDef};
use uuid::Uuid;

use crate::{
    act::BATCH,
    dispatch, enrollment,
    error::Result,
    event, firing,
    firing::Outcome,
    flag, flag_cause, rule,
    rule::{RuleBook, recorded},
    rule_version,
    stored::Stored,
    viewer::Actor,
};

/// The rule that a version is one of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The rule.
    pub rule: Uuid,
    /// The unit where it holds, where it does not hold everywhere.
    pub unit: Option<Uuid>,
    /// The enrollment where it holds, where it holds in one alone.
    pub enrollment: Option<Uuid>,
}

/// The rules that the versions of these keys in some enrollments are of, by version; one statement for many.
///
/// # Errors
/// When the database fails.
pub(crate) async fn origins(
    connection: &impl ConnectionTrait,
    book: &RuleBook,
    enrollments: &[enrollment::Model],
    keys: &[&str],
) -> Result<HashMap<Uuid, Origin>> {
    let mut versions: HashSet<Uuid> = HashSet::new();
    for row in enrollments {
        let known = book.of(row);
        let of_keys = known.versions().filter(|version| keys.contains(&version.key.as_str()));
        versions.extend(of_keys.map(|version| version.version));
    }
    if versions.is_empty() {
        return Ok(HashMap::new());
    }
    let of_rule: RelationDef = rule_version::Entity::belongs_to(rule::Entity)
        .from(rule_version::Column::RuleId)
        .to(rule::Column::Id)
        .into();
    let versions: Vec<Uuid> = versions.into_iter().collect();
    let mut origins = HashMap::new();
    for chunk in versions.chunks(BATCH) {
        let rows: Vec<(Uuid, Uuid, Option<Uuid>, Option<Uuid>)> = rule_version::Entity::find()
            .select_only()
            .columns([rule_version::Column::Id, rule_version::Column::RuleId])
            .columns([rule::Column::UnitId, rule::Column::EnrollmentId])
            .join(JoinType::InnerJoin, of_rule.clone())
            .filter(rule_version::Column::Id.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(connection)
            .await?;
        let origin = |(version, rule, unit, enrollment)| (version, Origin { rule, unit, enrollment });
        origins.extend(rows.into_iter().map(origin));
    }
    Ok(origins)
}

/// What rules did in some enrollments.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// The firings of each enrollment, oldest first.
    firings: HashMap<Uuid, Vec<Firing>>,
    causes: HashMap<Uuid, Vec<Cause>>,
    /// What firings made, by firing.
    dispatches: HashMap<Uuid, HashSet<Uuid>>,
    events: HashMap<Uuid, HashSet<Uuid>>,
}

#[derive(Debug)]
struct Firing {
    id: Uuid,
    key: String,
    occurrence: String,
    at: DateTime<Utc>,
    outcome: Outcome,
}

impl Past {
    /// Reads what the rules of these keys did in these enrollments; at most four statements.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(
        connection: &impl ConnectionTrait,
        enrollments: &[enrollment::Model],
        keys: &[&str],
    ) -> Result<Self> {
        let ids: Vec<Uuid> = enrollments.iter().map(|row| row.id).collect();
        let mut past = Self {
            causes: causes(connection, &ids).await?,
            ..Self::default()
        };
        type Row = (Uuid, Uuid, String, String, DateTime<Utc>, Stored<Outcome>);
        let rows: Vec<Row> = firing::Entity::find()
            .select_only()
            .columns([firing::Column::Id, firing::Column::EnrollmentId])
            .columns([firing::Column::RuleKey, firing::Column::Occurrence])
            .columns([firing::Column::At, firing::Column::Outcome])
            .filter(firing::Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(firing::Column::RuleKey.is_in(keys.iter().copied()))
            .order_by_asc(firing::Column::At)
            .order_by_asc(firing::Column::Id)
            .into_tuple()
            .all(connection)
            .await?;
        if rows.is_empty() {
            return Ok(past);
        }
        for (id, enrollment, key, occurrence, at, outcome) in rows {
            past.firings.entry(enrollment).or_default().push(Firing {
                id,
                key,
                occurrence,
                at,
                outcome: outcome.0,
            });
        }
        let sent: Vec<(Uuid, Uuid)> = dispatch::Entity::find()
            .select_only()
            .columns([dispatch::Column::FiringId, dispatch::Column::Id])
            .filter(dispatch::Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(dispatch::Column::FiringId.is_not_null())
            .into_tuple()
            .all(connection)
            .await?;
        for (firing, dispatch) in sent {
            past.dispatches.entry(firing).or_default().insert(dispatch);
        }
        let written: Vec<(Uuid, Stored<Actor>)> = event::Entity::find()
            .select_only()
            .columns([event::Column::Id, event::Column::Actor])
            .filter(event::Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(event::Column::Actor.starts_with("RULE:"))
            .into_tuple()
            .all(connection)
            .await?;
        for (event, actor) in written {
            if let Actor::Rule(firing) = actor.0 {
                past.events.entry(firing).or_default().insert(event);
            }
        }
        Ok(past)
    }

    /// Takes what the rules did from an instant on out of what is known of an enrollment, and keeps it by occurrence. A flag
    /// that others raised too stays.
    pub fn take_out(&mut self, row: &enrollment::Model, facts: &mut Facts, from: DateTime<Utc>) -> Record {
        let mut causes = self.causes.remove(&row.id).unwrap_or_default();
        let firings = self.firings.remove(&row.id).unwrap_or_default();
        let mut done: BTreeMap<(String, String), Effects> = BTreeMap::new();
        let nothing = HashSet::new();
        let in_window: Vec<Firing> = firings
            .into_iter()
            .filter(|firing| firing.at >= from && firing.counts())
            .collect();
        let own: HashSet<(&str, &str)> = in_window
            .iter()
            .map(|firing| (firing.key.as_str(), firing.occurrence.as_str()))
            .collect();
        let is_own = |cause: &Cause| {
            let firing = cause.firing.as_ref();
            firing.is_some_and(|(key, occurrence)| own.contains(&(key.as_str(), occurrence.as_str())))
        };
        let others: HashSet<Uuid> = causes
            .iter()
            .filter(|cause| !is_own(cause))
            .map(|cause| cause.flag)
            .collect();
        let (taken, left): (Vec<Cause>, Vec<Cause>) = causes.drain(..).partition(|cause| is_own(cause));
        for firing in &in_window {
            let mut effects = Effects::default();
            let sent = self.dispatches.get(&firing.id).unwrap_or(&nothing);
            effects.dispatches = facts
                .dispatches
                .extract_if(.., |dispatch| sent.contains(&dispatch.id))
                .collect();
            let written = self.events.get(&firing.id).unwrap_or(&nothing);
            effects.events = facts
                .events
                .extract_if(.., |event| written.contains(&event.id))
                .collect();
            effects.messages = facts
                .messages
                .extract_if(.., |message| {
                    let is_event = |event: &rules::facts::Event| event.at == message.at;
                    message.from == Audience::Staff && effects.events.iter().any(is_event)
                })
                .collect();
            let is_of_this = |cause: &&Cause| {
                let of = cause.firing.as_ref();
                of.is_some_and(|(key, occurrence)| *key == firing.key && *occurrence == firing.occurrence)
            };
            effects.causes = taken.iter().filter(is_of_this).cloned().collect();
            let raised: HashSet<Uuid> = effects.causes.iter().map(|cause| cause.flag).collect();
            effects.flags = facts
                .flags
                .extract_if(.., |flag| raised.contains(&flag.id) && !others.contains(&flag.id))
                .collect();
            done.insert((firing.key.clone(), firing.occurrence.clone()), effects);
        }
        let mut record = Record::from(facts.clone());
        record.causes = left;
        record.done = done;
        record
    }

    /// Puts right what is remembered of rules at an instant by what they really did: how often and when they fired.
    pub fn correct(&self, enrollment: Uuid, state: &mut State) {
        let until = state.evaluated_until;
        let fired = self.firings.get(&enrollment).into_iter().flatten();
        let mut real: BTreeMap<&str, (u32, DateTime<Utc>)> = BTreeMap::new();
        for firing in fired.filter(|firing| firing.at <= until && firing.counts()) {
            let (count, last) = real.entry(&firing.key).or_insert((0, firing.at));
            *count += 1;
            *last = firing.at.max(*last);
        }
        for (key, memory) in &mut state.rules {
            // A trial has a memory of its own.
            if recorded(key, "").1.is_empty() {
                (memory.firings, memory.last_fired_at) = (0, None);
            }
        }
        for (key, (count, last)) in real {
            let memory = state.rules.entry(key.to_owned()).or_default();
            (memory.firings, memory.last_fired_at) = (count, Some(last));
        }
    }

    /// When the rule of a key fired last, up to an instant; in a trial, where the beginning of its occurrences is given.
    pub fn last_fired_at(
        &self,
        enrollment: Uuid,
        key: &str,
        trial: &str,
        until: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let fired = self.firings.get(&enrollment).into_iter().flatten();
        let counted = fired.filter(|firing| match trial {
            "" => firing.counts(),
            trial => firing.outcome == Outcome::DryRun && firing.occurrence.starts_with(trial),
        });
        let of_rule = counted.filter(|firing| firing.key == key && firing.at <= until);
        of_rule.map(|firing| firing.at).max()
    }
}

impl Firing {
    /// Whether it counts for cooldowns and caps: what was refused or only tried does not.
    fn counts(&self) -> bool {
        matches!(self.outcome, Outcome::Done | Outcome::Undone)
    }
}

/// Why the flags of enrollments stand or stood, oldest first, by enrollment; one statement.
///
/// # Errors
/// When the database fails.
pub(crate) async fn causes(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Cause>>> {
    use flag_cause::Column;
    type Row = (
        Uuid,
        Stored<Audience>,
        Uuid,
        Option<String>,
        Option<String>,
        bool,
        DateTime<Utc>,
        Option<DateTime<Utc>>,
    );
    let of_flag = flag_cause::Entity::belongs_to(flag::Entity)
        .from(Column::FlagId)
        .to(flag::Column::Id)
        .into();
    let rows: Vec<Row> = flag_cause::Entity::find()
        .select_only()
        .columns([flag::Column::EnrollmentId, flag::Column::Audience])
        .columns([Column::FlagId, Column::RuleKey, Column::Occurrence])
        .columns([Column::AutoResolve, Column::RaisedAt, Column::EndedAt])
        .join(JoinType::InnerJoin, of_flag)
        .filter(flag::Column::EnrollmentId.is_in(ids.iter().copied()))
        .order_by_asc(Column::RaisedAt)
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(connection)
        .await?;
    let mut causes: HashMap<Uuid, Vec<Cause>> = HashMap::new();
    for (enrollment, audience, flag, rule, occurrence, auto_resolve, at, ended_at) in rows {
        causes.entry(enrollment).or_default().push(Cause {
            flag,
            audience: audience.0,
            firing: rule.zip(occurrence),
            auto_resolve,
            at,
            ended_at,
        });
    }
    Ok(causes)
}
