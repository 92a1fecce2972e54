//! What rules really did: read, and taken out of what is known.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::{
    evaluation::State,
    facts::Audience,
    simulation::{self, Cause, Effects, Record},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationDef};
use uuid::Uuid;

use crate::{
    act::{BATCH, TICK},
    dispatch, enrollment,
    error::Result,
    event, firing,
    firing::Outcome,
    flag, flag_cause, message, rule,
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
    messages: HashMap<Uuid, HashSet<Uuid>>,
}

#[derive(Debug)]
struct Firing {
    id: Uuid,
    key: String,
    occurrence: String,
    version: Uuid,
    at: DateTime<Utc>,
    fired_at: DateTime<Utc>,
    outcome: Outcome,
}

impl Past {
    /// Reads what the rules of these keys did in these enrollments; at most five statements.
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
        type Row = (
            Uuid,
            Uuid,
            String,
            String,
            Uuid,
            DateTime<Utc>,
            DateTime<Utc>,
            Stored<Outcome>,
        );
        let rows: Vec<Row> = firing::Entity::find()
            .select_only()
            .columns([firing::Column::Id, firing::Column::EnrollmentId])
            .columns([firing::Column::RuleKey, firing::Column::Occurrence])
            .columns([firing::Column::RuleVersionId, firing::Column::At])
            .columns([firing::Column::FiredAt, firing::Column::Outcome])
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
        for (id, enrollment, key, occurrence, version, at, fired_at, outcome) in rows {
            past.firings.entry(enrollment).or_default().push(Firing {
                id,
                key,
                occurrence,
                version,
                at,
                fired_at,
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
        let messages: Vec<(Uuid, Uuid)> = message::Entity::find()
            .select_only()
            .columns([message::Column::FiringId, message::Column::Id])
            .filter(message::Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(message::Column::FiringId.is_not_null())
            .into_tuple()
            .all(connection)
            .await?;
        for (firing, message) in messages {
            past.messages.entry(firing).or_default().insert(message);
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

    /// Takes what the rules did from an instant on out of the record of an enrollment, and keeps it by occurrence where
    /// `does_the_same` says that the rule of a key does now what a version of it did. A flag that others raised too stays.
    pub fn take_out(&mut self, record: &mut Record, from: DateTime<Utc>, does_the_same: impl Fn(&str, Uuid) -> bool) {
        let Record { facts, modules, .. } = record;
        let enrollment = facts.enrollment;
        let mut causes = self.causes.remove(&enrollment).unwrap_or_default();
        let firings = self.firings.remove(&enrollment).unwrap_or_default();
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
            let mut effects = Effects {
                at: firing.at,
                done_at: firing.fired_at + TICK,
                ..Effects::default()
            };
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
            let last = effects.events.last().map(|event| event.at);
            effects.done_at = effects.done_at.max(last.unwrap_or(firing.at));
            let said = self.messages.get(&firing.id).unwrap_or(&nothing);
            effects.messages = facts
                .messages
                .extract_if(.., |message| said.contains(&message.id))
                .collect();
            effects.said = simulation::take_out(modules, |said| said == firing.id);
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
            if does_the_same(&firing.key, firing.version) {
                done.insert((firing.key.clone(), firing.occurrence.clone()), effects);
            }
        }
        record.causes = left;
        record.done = done;
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

#[cfg(test)]
mod tests {
    use rules::facts::{Event, EventKind, Facts, Message};

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn nothing() -> Facts {
        Facts {
            enrollment: Uuid::from_u128(1),
            zone: enrollment::DEFAULT_ZONE,
            started_at: Some(at(0)),
            started_known_at: Some(at(0)),
            ends: Vec::new(),
            birth_date: None,
            sex: None,
            statuses: Vec::new(),
            responses: Vec::new(),
            dispatches: Vec::new(),
            sign_ins: Vec::new(),
            activities: Vec::new(),
            messages: Vec::new(),
            measurements: Vec::new(),
            planned: Vec::new(),
            registrations: Vec::new(),
            modules: Vec::new(),
            flags: Vec::new(),
            events: Vec::new(),
        }
    }

    #[test]
    fn only_its_own_messages_are_taken_out_whatever_else_was_written_at_the_same_instant() {
        let id = Uuid::from_u128;
        let message = |number, second, from| Message {
            id: id(number),
            at: at(second),
            from,
            answer_before: None,
            answered_at: None,
        };
        // At the fifth second the rule raised a flag, and somebody wrote by hand; its own message was dated a second later.
        let mut facts = nothing();
        let event = Event {
            id: id(7),
            at: at(5),
            depth: 1,
            kind: EventKind::FactChanged,
        };
        facts.events = vec![event.clone()];
        facts.messages = vec![
            message(11, 5, Audience::Citizen),
            message(12, 5, Audience::Staff),
            message(13, 6, Audience::Staff),
            message(14, 6, Audience::Staff),
        ];
        let firing = || Firing {
            id: id(3),
            key: "greets".to_owned(),
            occurrence: "episode-1".to_owned(),
            version: id(9),
            at: at(4),
            fired_at: at(4),
            outcome: Outcome::Done,
        };
        let past = || Past {
            firings: HashMap::from([(id(1), vec![firing()])]),
            events: HashMap::from([(id(3), HashSet::from([id(7)]))]),
            messages: HashMap::from([(id(3), HashSet::from([id(13)]))]),
            ..Past::default()
        };
        let mut others = Record::from(facts.clone());
        past().take_out(&mut others, at(0), |_, _| false);
        assert!(others.done.is_empty(), "it does something else now");
        let does_the_same = |key: &str, version| key == "greets" && version == id(9);
        let mut record = Record::from(facts);
        past().take_out(&mut record, at(0), does_the_same);
        let left = [
            message(11, 5, Audience::Citizen),
            message(12, 5, Audience::Staff),
            message(14, 6, Audience::Staff),
        ];
        assert_eq!(others.facts.messages, left);
        assert_eq!(record.facts.messages, left);
        let [((key, occurrence), effects)] = Vec::from_iter(record.done).try_into().unwrap();
        assert_eq!((key.as_str(), occurrence.as_str()), ("greets", "episode-1"));
        assert_eq!((effects.at, effects.done_at), (at(4), at(5)));
        assert_eq!(effects.messages, [message(13, 6, Audience::Staff)]);
        assert_eq!(effects.events, [event]);
    }
}
