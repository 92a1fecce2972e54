//! A rule of a program, by key and scope, over its versions.

use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, LazyLock},
};

use moka::future::Cache;
use rules::{definition::RuleDefinition, evaluation::ActiveRule};
use sea_orm::{Condition, JoinType, QueryOrder, QuerySelect, entity::prelude::*};

use crate::{
    enrollment,
    error::Result,
    firing, rule_version,
    store::Store,
    viewer::{Permission, Viewer, Who},
};

/// A rule of a program, by key and scope, over its versions.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rule")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The program.
    pub program_id: Uuid,
    /// The unit.
    pub unit_id: Option<Uuid>,
    /// The enrollment.
    pub enrollment_id: Option<Uuid>,
    /// `program`, or the id of the unit or enrollment.
    pub scope: String,
    /// Its key.
    pub key: String,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A rule with its newest version and what it has done.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The rule.
    pub rule: Model,
    /// Its newest version.
    pub version: rule_version::Model,
    /// How many times it has fired, in any version, in enrollments that the viewer may count.
    pub firings: u64,
    /// When it fired last in one of them.
    pub last_fired_at: Option<DateTime<Utc>>,
}

/// The rules of a program that hold everywhere, and those of a unit where one is named, by key. Only staff who may write
/// rules or treat see any, and only of the unit that they act at.
///
/// # Errors
/// When the database fails.
pub async fn of_program(store: &Store, viewer: &Viewer, program: Uuid, unit: Option<Uuid>) -> Result<Vec<Configured>> {
    if !viewer.may(Permission::WriteRules) {
        return Ok(Vec::new());
    }
    let mut scopes = vec![PROGRAM_SCOPE.to_owned()];
    if let Some(unit) = unit.filter(|unit| viewer.who == Who::System || viewer.unit() == Some(*unit)) {
        scopes.push(unit.to_string());
    }
    let rules = Entity::find()
        .filter(Column::ProgramId.eq(program))
        .filter(Column::Scope.is_in(scopes))
        .order_by_asc(Column::Key)
        .order_by_asc(Column::Scope)
        .all(store.connection())
        .await?;
    configured(store, viewer, rules).await
}

/// Rules by id that the viewer may see: those of whole programs, those of their unit, and those of the enrollments that they
/// treat.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Configured>> {
    if !viewer.may(Permission::WriteRules) {
        return Ok(HashMap::new());
    }
    let mut select = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
    if let Some(unit) = viewer.unit() {
        // Those of one enrollment carry its unit, too.
        let of_unit = Condition::all()
            .add(Column::UnitId.eq(unit))
            .add(Column::EnrollmentId.is_null());
        let mut seen = Condition::any().add(Column::Scope.eq(PROGRAM_SCOPE)).add(of_unit);
        if viewer.may(Permission::Treat) {
            seen = seen.add(Column::EnrollmentId.is_not_null());
        }
        select = select.filter(seen);
    }
    let mut rules = select.all(store.connection()).await?;
    let enrollments: Vec<Uuid> = rules.iter().filter_map(|rule| rule.enrollment_id).collect();
    let enrollments = enrollment::find(store, viewer, &enrollments).await?;
    rules.retain(|rule| rule.enrollment_id.is_none_or(|id| enrollments.contains_key(&id)));
    Ok(configured(store, viewer, rules)
        .await?
        .into_iter()
        .map(|row| (row.rule.id, row))
        .collect())
}

/// Whose firings the viewer may count: those of the enrollments that they may see. A number names nobody: who sees no citizen
/// counts those of their unit.
fn counted(viewer: &Viewer) -> Condition {
    match viewer.unit() {
        Some(unit) if !viewer.may(Permission::SeeCitizens) => Condition::all().add(enrollment::Column::UnitId.eq(unit)),
        _ => enrollment::visible_to(viewer),
    }
}

async fn configured(store: &Store, viewer: &Viewer, rules: Vec<Model>) -> Result<Vec<Configured>> {
    let ids: Vec<Uuid> = rules.iter().map(|rule| rule.id).collect();
    let versions = rule_version::Entity::find()
        .filter(rule_version::Column::RuleId.is_in(ids.iter().copied()))
        .order_by_asc(rule_version::Column::Number)
        .all(store.connection())
        .await?;
    let counts: Vec<(Uuid, i64, Option<DateTime<Utc>>)> = firing::Entity::find()
        .select_only()
        .column(firing::Column::RuleVersionId)
        .column_as(firing::Column::Id.count(), "count")
        .column_as(firing::Column::At.max(), "last")
        .join(
            JoinType::InnerJoin,
            firing::Entity::belongs_to(enrollment::Entity)
                .from(firing::Column::EnrollmentId)
                .to(enrollment::Column::Id)
                .into(),
        )
        .filter(counted(viewer))
        .filter(firing::Column::RuleVersionId.is_in(versions.iter().map(|version| version.id)))
        .group_by(firing::Column::RuleVersionId)
        .into_tuple()
        .all(store.connection())
        .await?;
    let counts: HashMap<Uuid, (i64, Option<DateTime<Utc>>)> = counts
        .into_iter()
        .map(|(version, count, last)| (version, (count, last)))
        .collect();

    let mut by_rule: HashMap<Uuid, Vec<rule_version::Model>> = HashMap::new();
    for version in versions {
        by_rule.entry(version.rule_id).or_default().push(version);
    }
    Ok(rules
        .into_iter()
        .filter_map(|rule| {
            let versions = by_rule.remove(&rule.id)?;
            let counted = || versions.iter().filter_map(|version| counts.get(&version.id));
            let firings = counted()
                .map(|(count, _)| u64::try_from(*count).unwrap_or_default())
                .sum();
            let last_fired_at = counted().filter_map(|(_, last)| *last).max();
            Some(Configured {
                firings,
                last_fired_at,
                version: versions.into_iter().next_back()?,
                rule,
            })
        })
        .collect())
}

/// What stands in `scope` for a rule of the whole program.
pub const PROGRAM_SCOPE: &str = "program";

/// The versions of rules of some programs that may concern an enrollment, read once for many.
#[derive(Debug, Default)]
pub struct RuleBook {
    /// By program, then by key: every scope with its versions, oldest first.
    programs: HashMap<Uuid, BTreeMap<String, Vec<Scoped>>>,
}

#[derive(Debug)]
struct Scoped {
    rule: Model,
    versions: Vec<Version>,
}

#[derive(Clone, Debug)]
struct Version {
    id: Uuid,
    enabled: bool,
    dry_run: bool,
    effective_at: DateTime<Utc>,
    /// Absent where it cannot be read.
    definition: Option<Arc<RuleDefinition>>,
}

/// The definitions that this process has read. A version never changes once it is saved.
static DEFINITIONS: LazyLock<Cache<Uuid, Arc<RuleDefinition>>> = LazyLock::new(|| Cache::new(16_384));

/// What a version says; logged and absent where it cannot be read.
async fn definition(version: rule_version::Model) -> Option<Arc<RuleDefinition>> {
    if let Some(definition) = DEFINITIONS.get(&version.id).await {
        return Some(definition);
    }
    let Ok(definition) = serde_json::from_value::<RuleDefinition>(version.definition) else {
        tracing::error!(rule = %version.rule_id, version = version.number, "a stored rule cannot be read and is off");
        return None;
    };
    let definition = Arc::new(definition);
    DEFINITIONS.insert(version.id, definition.clone()).await;
    Some(definition)
}

impl RuleBook {
    /// Reads the rules that hold for these enrollments. A stored version that cannot be read is logged and must not stop the
    /// others: while it would hold, the rule is off, since what it replaced is not what anybody wants any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(connection: &impl ConnectionTrait, enrollments: &[enrollment::Model]) -> Result<Self> {
        let programs: BTreeSet<Uuid> = enrollments.iter().map(|row| row.program_id).collect();
        let scopes: BTreeSet<String> = enrollments
            .iter()
            .flat_map(|row| [row.id.to_string(), row.unit_id.to_string()])
            .chain([PROGRAM_SCOPE.to_owned()])
            .collect();
        let rules = Entity::find()
            .filter(Column::ProgramId.is_in(programs))
            .filter(Column::Scope.is_in(scopes))
            .order_by_asc(Column::Key)
            .all(connection)
            .await?;
        let versions = rule_version::Entity::find()
            .filter(rule_version::Column::RuleId.is_in(rules.iter().map(|rule| rule.id)))
            .order_by_asc(rule_version::Column::Number)
            .all(connection)
            .await?;
        let mut by_rule: HashMap<Uuid, Vec<Version>> = HashMap::new();
        for version in versions {
            by_rule.entry(version.rule_id).or_default().push(Version {
                id: version.id,
                enabled: version.enabled,
                dry_run: version.dry_run,
                effective_at: version.effective_at,
                definition: definition(version).await,
            });
        }
        let mut book = Self::default();
        for rule in rules {
            let versions = by_rule.remove(&rule.id).unwrap_or_default();
            let keys = book.programs.entry(rule.program_id).or_default();
            keys.entry(rule.key.clone())
                .or_default()
                .push(Scoped { rule, versions });
        }
        Ok(book)
    }

    /// The rules of one enrollment, each version with the time in which it holds. From when a narrower rule first took
    /// effect, the wider one of the same key no longer does.
    pub fn of(&self, enrollment: &enrollment::Model) -> Vec<ActiveRule> {
        let mut active = Vec::new();
        for (key, scoped) in self.programs.get(&enrollment.program_id).into_iter().flatten() {
            let mut narrower_from: Option<DateTime<Utc>> = None;
            let narrow_to_wide = [
                enrollment.id.to_string(),
                enrollment.unit_id.to_string(),
                PROGRAM_SCOPE.to_owned(),
            ];
            for scope in narrow_to_wide {
                let Some(found) = scoped.iter().find(|scoped| scoped.rule.scope == scope) else {
                    continue;
                };
                for (place, version) in found.versions.iter().enumerate() {
                    let next = found.versions.get(place + 1).map(|next| next.effective_at);
                    let until = [next, narrower_from].into_iter().flatten().min();
                    let Some(definition) = &version.definition else {
                        continue;
                    };
                    if until.is_some_and(|until| until <= version.effective_at) {
                        continue;
                    }
                    active.push(ActiveRule {
                        key: key.clone(),
                        version: version.id,
                        definition: definition.clone(),
                        enabled: version.enabled,
                        effective_from: version.effective_at,
                        effective_until: until,
                    });
                }
                let first = found.versions.first().map(|version| version.effective_at);
                narrower_from = [first, narrower_from].into_iter().flatten().min();
            }
        }
        active
    }

    /// The definition of a version, and whether it is only tried.
    pub fn version(&self, id: Uuid) -> Option<(&RuleDefinition, bool)> {
        self.programs
            .values()
            .flat_map(BTreeMap::values)
            .flatten()
            .flat_map(|scoped| &scoped.versions)
            .find(|version| version.id == id)
            .and_then(|version| Some((version.definition.as_deref()?, version.dry_run)))
    }
}
