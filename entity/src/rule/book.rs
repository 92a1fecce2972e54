//! The rules that hold for some enrollments, and when.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, LazyLock},
};

use chrono::{DateTime, Utc};
use moka::future::Cache;
use rules::{
    definition::RuleDefinition,
    evaluation::{ActiveRule, RuleSet},
};
use sea_orm::{JoinType, QueryOrder, QuerySelect, entity::prelude::*};

use super::{Column, Entity, PROGRAM_SCOPE};
use crate::{act::BATCH, enrollment, error::Result, rule_version};

/// The rules that hold for some enrollments, each version with the times in which it does.
///
/// A narrower rule stands before the wider one of the same key from when it first took effect; while it is withdrawn, the
/// wider one holds. A version that cannot be read takes its time all the same: what it replaced is not what anybody wants any
/// more.
///
/// A version that is only tried is off, and beside it is what tries it: under a key, and so with a memory, of its own. So a
/// flag that the rule raised before the trial can still resolve itself, and what was only tried holds nothing back
/// afterwards. Promoted, it is a rule that is switched on: a condition that is true then begins an episode, and fires, although
/// it fired in the trial (a warning that was only tried has warned nobody); a cooldown or a cap counts no trial; times and
/// events that have passed are over, as they are for every new version.
#[derive(Debug, Default)]
pub struct RuleBook {
    /// By program, then by key: every scope.
    programs: HashMap<Uuid, BTreeMap<String, Vec<Scoped>>>,
    versions: HashMap<Uuid, Known>,
    sets: HashMap<Uuid, Sets>,
}

/// A rule in one scope over its versions, oldest first.
#[derive(Debug)]
struct Scoped {
    scope: String,
    versions: Vec<Version>,
}

#[derive(Clone, Copy, Debug)]
struct Version {
    id: Uuid,
    enabled: bool,
    dry_run: bool,
    withdrawn: bool,
    effective_at: DateTime<Utc>,
}

/// What a version says, and whether it is only tried.
#[derive(Debug)]
struct Known {
    definition: Arc<RuleDefinition>,
    dry_run: bool,
}

#[derive(Clone, Debug, Default)]
struct Sets {
    acting: Arc<RuleSet>,
    with_trials: Arc<RuleSet>,
}

/// A time: from an instant, up to another where it ends.
type Span = (DateTime<Utc>, Option<DateTime<Utc>>);

/// A version in a time in which it holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Piece {
    key: String,
    version: Uuid,
    enabled: bool,
    span: Span,
}

/// What the versions say that this process has read; nothing for one that cannot be read. A version never changes once it is
/// saved.
static DEFINITIONS: LazyLock<Cache<Uuid, Option<Arc<RuleDefinition>>>> = LazyLock::new(|| Cache::new(16_384));

/// The sets that this process has made: most enrollments share them.
static SETS: LazyLock<Cache<Vec<Piece>, Arc<RuleSet>>> = LazyLock::new(|| Cache::new(1_024));

impl RuleBook {
    /// Reads the rules of these enrollments as they hold after an instant: what ceased to hold until then is left out. One
    /// statement, and one more for versions that this process has not read yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(
        connection: &impl ConnectionTrait,
        enrollments: &[enrollment::Model],
        since: DateTime<Utc>,
    ) -> Result<Self> {
        let mut book = Self::default();
        book.read_versions(connection, enrollments, since).await?;
        book.read_definitions(connection).await?;
        let mut shared: HashMap<_, Sets> = HashMap::new();
        for row in enrollments {
            let own = row.id.to_string();
            let has_own = book.scoped(row.program_id).any(|(_, scoped)| scoped.scope == own);
            let scopes = (row.program_id, row.unit_id, has_own.then_some(row.id));
            let sets = match shared.get(&scopes) {
                Some(sets) => sets.clone(),
                None => book.made(row).await,
            };
            shared.insert(scopes, sets.clone());
            book.sets.insert(row.id, sets);
        }
        Ok(book)
    }

    /// The rules that act in one of the enrollments that the book was read for. A version that is only tried is off here.
    pub fn of(&self, enrollment: &enrollment::Model) -> Arc<RuleSet> {
        self.sets
            .get(&enrollment.id)
            .map(|sets| sets.acting.clone())
            .unwrap_or_default()
    }

    /// The same and, beside them, what is only tried; see [`recorded`].
    pub fn with_trials(&self, enrollment: &enrollment::Model) -> Arc<RuleSet> {
        self.sets
            .get(&enrollment.id)
            .map(|sets| sets.with_trials.clone())
            .unwrap_or_default()
    }

    /// The definition of a version, and whether it is only tried.
    pub fn version(&self, id: Uuid) -> Option<(&RuleDefinition, bool)> {
        let known = self.versions.get(&id)?;
        Some((&known.definition, known.dry_run))
    }

    /// What all of its versions say.
    pub fn definitions(&self) -> impl Iterator<Item = &RuleDefinition> {
        self.versions.values().map(|known| known.definition.as_ref())
    }

    async fn read_versions(
        &mut self,
        connection: &impl ConnectionTrait,
        enrollments: &[enrollment::Model],
        since: DateTime<Utc>,
    ) -> Result<()> {
        use rule_version::Column as V;
        type Row = (Uuid, String, String, Uuid, bool, bool, bool, DateTime<Utc>);
        let programs: BTreeSet<Uuid> = enrollments.iter().map(|row| row.program_id).collect();
        let scopes: BTreeSet<String> = enrollments
            .iter()
            .flat_map(|row| [row.id.to_string(), row.unit_id.to_string()])
            .chain([PROGRAM_SCOPE.to_owned()])
            .collect();
        for scopes in scopes.into_iter().collect::<Vec<_>>().chunks(2 * BATCH) {
            let rows: Vec<Row> = rule_version::Entity::find()
                .select_only()
                .columns([Column::ProgramId])
                .columns([Column::Key, Column::Scope])
                .columns([V::Id, V::Enabled, V::DryRun, V::Withdrawn, V::EffectiveAt])
                .join(
                    JoinType::InnerJoin,
                    rule_version::Entity::belongs_to(Entity)
                        .from(V::RuleId)
                        .to(Column::Id)
                        .into(),
                )
                .filter(Column::ProgramId.is_in(programs.iter().copied()))
                .filter(Column::Scope.is_in(scopes))
                .filter(rule_version::since(since))
                .order_by_asc(V::RuleId)
                .order_by_asc(V::Number)
                .into_tuple()
                .all(connection)
                .await?;
            for (program, key, scope, id, enabled, dry_run, withdrawn, effective_at) in rows {
                let version = Version {
                    id,
                    enabled,
                    dry_run,
                    withdrawn,
                    effective_at,
                };
                let scopes = self.programs.entry(program).or_default().entry(key).or_default();
                match scopes.iter_mut().find(|scoped| scoped.scope == scope) {
                    Some(scoped) => scoped.versions.push(version),
                    None => scopes.push(Scoped {
                        scope,
                        versions: vec![version],
                    }),
                }
            }
        }
        Ok(())
    }

    async fn read_definitions(&mut self, connection: &impl ConnectionTrait) -> Result<()> {
        let versions: Vec<Version> = self
            .programs
            .values()
            .flat_map(BTreeMap::values)
            .flatten()
            .flat_map(|scoped| scoped.versions.iter().copied())
            .collect();
        let mut definitions = HashMap::new();
        let mut unread = Vec::new();
        for version in &versions {
            match DEFINITIONS.get(&version.id).await {
                Some(definition) => _ = definitions.insert(version.id, definition),
                None => unread.push(version.id),
            }
        }
        for chunk in unread.chunks(BATCH) {
            let rows = rule_version::Entity::find().filter(rule_version::Column::Id.is_in(chunk.iter().copied()));
            for row in rows.all(connection).await? {
                let definition = row.read().map(Arc::new);
                if definition.is_none() {
                    tracing::error!(rule = %row.rule_id, version = row.number, "a stored rule cannot be read and is off");
                }
                DEFINITIONS.insert(row.id, definition.clone()).await;
                definitions.insert(row.id, definition);
            }
        }
        for version in versions {
            if let Some(definition) = definitions.get(&version.id).cloned().flatten() {
                let dry_run = version.dry_run;
                self.versions.insert(version.id, Known { definition, dry_run });
            }
        }
        Ok(())
    }

    fn scoped(&self, program: Uuid) -> impl Iterator<Item = (&String, &Scoped)> {
        let keys = self.programs.get(&program).into_iter().flatten();
        keys.flat_map(|(key, scopes)| scopes.iter().map(move |scoped| (key, scoped)))
    }

    async fn made(&self, enrollment: &enrollment::Model) -> Sets {
        let (acting, trials) = self.pieces(enrollment);
        let with_trials: Vec<Piece> = acting.iter().chain(&trials).cloned().collect();
        Sets {
            acting: self.set(acting).await,
            with_trials: self.set(with_trials).await,
        }
    }

    async fn set(&self, pieces: Vec<Piece>) -> Arc<RuleSet> {
        let active = pieces.iter().filter_map(|piece| {
            Some(ActiveRule {
                key: piece.key.clone(),
                version: piece.version,
                definition: self.versions.get(&piece.version)?.definition.clone(),
                enabled: piece.enabled,
                effective_from: piece.span.0,
                effective_until: piece.span.1,
            })
        });
        let active: Vec<ActiveRule> = active.collect();
        SETS.get_with(pieces, async { Arc::new(RuleSet::new(active)) }).await
    }

    /// What holds for an enrollment and when, and what is only tried.
    fn pieces(&self, enrollment: &enrollment::Model) -> (Vec<Piece>, Vec<Piece>) {
        let narrow_to_wide = [
            enrollment.id.to_string(),
            enrollment.unit_id.to_string(),
            PROGRAM_SCOPE.to_owned(),
        ];
        let (mut acting, mut trials) = (Vec::new(), Vec::new());
        for (key, scopes) in self.programs.get(&enrollment.program_id).into_iter().flatten() {
            // The times that no narrower rule has taken.
            let mut free: Vec<Span> = vec![(DateTime::<Utc>::MIN_UTC, None)];
            for scope in &narrow_to_wide {
                let Some(found) = scopes.iter().find(|scoped| scoped.scope == *scope) else {
                    continue;
                };
                for (span, version) in found.held() {
                    for span in free.iter().filter_map(|free| common(*free, span)) {
                        acting.push(Piece {
                            key: key.clone(),
                            version: version.id,
                            enabled: version.enabled && !version.dry_run,
                            span,
                        });
                        if version.dry_run {
                            trials.push(Piece {
                                key: trial_key(key, version.id),
                                version: version.id,
                                enabled: version.enabled,
                                span,
                            });
                        }
                    }
                }
                free = found
                    .left()
                    .into_iter()
                    .flat_map(|left| free.iter().filter_map(move |free| common(*free, left)))
                    .collect();
            }
        }
        (acting, trials)
    }
}

impl Scoped {
    /// Each version with the time until the next.
    fn spans(&self) -> impl Iterator<Item = (Span, Version)> {
        let next = self.versions.iter().skip(1).map(|next| Some(next.effective_at));
        let spans = self.versions.iter().zip(next.chain([None]));
        spans.map(|(version, until)| ((version.effective_at, until), *version))
    }

    /// The times in which the rule holds.
    fn held(&self) -> impl Iterator<Item = (Span, Version)> {
        self.spans().filter(|(_, version)| !version.withdrawn)
    }

    /// The times that are left to the wider rule: before the first version, and while it is withdrawn. Before a withdrawal
    /// there was something to withdraw, although it is not read any more.
    fn left(&self) -> Vec<Span> {
        let first = self.versions.first().filter(|first| !first.withdrawn);
        let before = first.map(|first| (DateTime::<Utc>::MIN_UTC, Some(first.effective_at)));
        let withdrawn = self.spans().filter(|(_, version)| version.withdrawn);
        before.into_iter().chain(withdrawn.map(|(span, _)| span)).collect()
    }
}

/// What two times have in common, if anything.
fn common(one: Span, other: Span) -> Option<Span> {
    let from = one.0.max(other.0);
    let until = one.1.into_iter().chain(other.1).min();
    until.is_none_or(|until| from < until).then_some((from, until))
}

/// What keeps the memory of a trial apart from the rule's; no key of a rule has it.
const TRIAL: char = '/';

fn trial_key(key: &str, version: Uuid) -> String {
    format!("{key}{TRIAL}{version}")
}

/// The rule key and the occurrence that a firing is recorded under. What a version only tried stands beside what the rule did,
/// and is none of its occurrences.
pub fn recorded(rule: &str, occurrence: &str) -> (String, String) {
    match rule.split_once(TRIAL) {
        Some((key, version)) => (key.to_owned(), format!("trial/{version}/{occurrence}")),
        None => (rule.to_owned(), occurrence.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32) -> DateTime<Utc> {
        DateTime::from_timestamp(i64::from(day) * 86_400, 0).unwrap()
    }

    fn version(number: u128, day: u32, withdrawn: bool) -> Version {
        Version {
            id: Uuid::from_u128(number),
            enabled: true,
            dry_run: false,
            withdrawn,
            effective_at: at(day),
        }
    }

    fn held(narrow: Vec<Version>, wide: Vec<Version>) -> Vec<(u128, Option<u32>, Option<u32>)> {
        let unit = Uuid::from_u128(99);
        let scoped = |scope: String, versions| Scoped { scope, versions };
        let scopes = vec![scoped(unit.to_string(), narrow), scoped(PROGRAM_SCOPE.to_owned(), wide)];
        let program = Uuid::from_u128(98);
        let book = RuleBook {
            programs: HashMap::from([(program, BTreeMap::from([("a".to_owned(), scopes)]))]),
            ..RuleBook::default()
        };
        let day = |at: DateTime<Utc>| u32::try_from(at.timestamp() / 86_400).ok();
        let (acting, _) = book.pieces(&enrollment::Model {
            program_id: program,
            unit_id: unit,
            ..enrollment_of_nobody()
        });
        let mut pieces: Vec<_> = acting
            .into_iter()
            .map(|piece| (piece.version.as_u128(), day(piece.span.0), piece.span.1.and_then(day)))
            .collect();
        pieces.sort_by_key(|(_, from, _)| *from);
        pieces
    }

    fn enrollment_of_nobody() -> enrollment::Model {
        let nobody = Uuid::nil();
        enrollment::Model {
            id: nobody,
            citizen_id: nobody,
            unit_id: nobody,
            program_id: nobody,
            version_id: nobody,
            status: rules::facts::Status::Active.into(),
            zone: "UTC".to_owned(),
            locale: "sv".to_owned(),
            starts_at: at(0),
            started_at: None,
            ends_at: None,
            ended_at: None,
            resumes_at: None,
            due_at: None,
            last_activity_at: None,
            unread_by_staff: 0,
            unread_by_citizen: 0,
            attention: String::new(),
            closed_at: None,
            created_at: at(0),
        }
    }

    #[test]
    fn a_narrower_rule_takes_time_and_gives_it_back() {
        let wide = || vec![version(1, 10, false), version(2, 40, false)];
        let narrow = vec![
            version(3, 20, false),
            version(4, 30, true),
            version(5, 50, false),
            version(6, 60, true),
        ];
        assert_eq!(
            held(narrow, wide()),
            [
                (1, Some(10), Some(20)),
                (3, Some(20), Some(30)),
                (1, Some(30), Some(40)),
                (2, Some(40), Some(50)),
                (5, Some(50), Some(60)),
                (2, Some(60), None),
            ]
        );
        // Read later, the withdrawal alone is known.
        assert_eq!(
            held(vec![version(4, 30, true)], wide()),
            [(1, Some(30), Some(40)), (2, Some(40), None),]
        );
        // Two versions of one instant: the later one holds.
        assert_eq!(
            held(
                vec![version(3, 20, false), version(4, 20, true)],
                vec![version(1, 10, false)]
            ),
            [(1, Some(10), Some(20)), (1, Some(20), None)]
        );
    }
}
