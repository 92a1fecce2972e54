//! The rules of one key of a program in all their scopes, and how a change of one reaches those that override it.

use std::collections::{BTreeMap, HashMap};

use rules::overrides;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseBackend, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    prelude::Json,
    sea_query::{LockType, OnConflict},
};
use uuid::Uuid;

use super::{shape_of, written};
use crate::{
    act::{Act, BATCH},
    content::Content,
    enrollment,
    error::{Error, Result, UserError},
    rule::{self, PROGRAM_SCOPE},
    rule_version::{self, Overrides},
    seal::Sealed,
    viewer::Actor,
};

/// Where a rule holds: in an enrollment (with its unit), in a unit, or in the whole program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub program_id: Uuid,
    pub unit_id: Option<Uuid>,
    pub enrollment_id: Option<Uuid>,
}

/// What a version is to say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Next {
    pub name: String,
    pub enabled: bool,
    pub dry_run: bool,
    pub definition: Json,
    pub actor: Actor,
    pub overrides: Option<Json>,
    pub reason: Option<Sealed>,
    pub withdrawn: bool,
}

impl From<rule_version::Model> for Next {
    fn from(version: rule_version::Model) -> Self {
        Self {
            name: version.name,
            enabled: version.enabled,
            dry_run: version.dry_run,
            definition: version.definition,
            actor: version.actor.0,
            overrides: version.overrides,
            reason: version.reason,
            withdrawn: version.withdrawn,
        }
    }
}

impl Next {
    /// Whether a version says it already, whoever said it and why.
    fn is_said_by(&self, version: &rule_version::Model) -> bool {
        (&self.name, self.enabled, self.dry_run, &self.definition)
            == (&version.name, version.enabled, version.dry_run, &version.definition)
            && (&self.overrides, self.withdrawn) == (&version.overrides, version.withdrawn)
    }
}

/// The rule of this key and scope, made where there is none; its id.
pub(super) async fn named(act: &Act, scope: &Scope, key: &str) -> Result<Uuid> {
    let name = scope.enrollment_id.or(scope.unit_id);
    let name = name.map_or_else(|| PROGRAM_SCOPE.to_owned(), |id| id.to_string());
    let row = rule::Model {
        id: act.id(),
        program_id: scope.program_id,
        unit_id: scope.unit_id,
        enrollment_id: scope.enrollment_id,
        scope: name.clone(),
        key: key.to_owned(),
        created_at: act.now,
    };
    let there = [rule::Column::ProgramId, rule::Column::Key, rule::Column::Scope];
    rule::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::columns(there).do_nothing().to_owned())
        .exec_without_returning(&act.tx)
        .await?;
    let found: Option<Uuid> = rule::Entity::find()
        .select_only()
        .column(rule::Column::Id)
        .filter(rule::Column::ProgramId.eq(scope.program_id))
        .filter(rule::Column::Key.eq(key))
        .filter(rule::Column::Scope.eq(name))
        .into_tuple()
        .one(&act.tx)
        .await?;
    found.ok_or_else(|| Error::Corrupt("a rule that was just saved is missing".to_owned()))
}

/// The rules of one key of a program in all their scopes, each with its newest version. Nobody else changes one of them until
/// the end.
#[derive(Debug)]
pub(super) struct Family {
    /// The program's own, then those of units, then those of enrollments.
    rules: Vec<rule::Model>,
    newest: HashMap<Uuid, rule_version::Model>,
}

impl Family {
    /// Reads them, after whoever is changing one of them now.
    pub(super) async fn lock(act: &Act, program: Uuid, key: &str) -> Result<Self> {
        let all = rule::Entity::find()
            .filter(rule::Column::ProgramId.eq(program))
            .filter(rule::Column::Key.eq(key));
        if act.store.backend() == DatabaseBackend::Postgres {
            let locked = all.clone().order_by_asc(rule::Column::Id).lock(LockType::Update);
            locked.all(&act.tx).await?;
        }
        // Read anew: whoever was waited for may have made others.
        let mut rules = all.clone().order_by_asc(rule::Column::Id).all(&act.tx).await?;
        rules.sort_by_key(|rule| (rule.enrollment_id.is_some(), rule.unit_id.is_some()));
        let ids = all.select_only().column(rule::Column::Id);
        let newest = rule_version::Entity::find()
            .filter(rule_version::Column::RuleId.in_subquery(sea_orm::QueryTrait::into_query(ids)))
            .filter(rule_version::newest())
            .all(&act.tx)
            .await?;
        Ok(Self {
            rules,
            newest: newest.into_iter().map(|version| (version.rule_id, version)).collect(),
        })
    }

    /// The newest version of one of the rules; none for one that was just made.
    pub(super) fn newest(&self, rule: Uuid) -> Option<&rule_version::Model> {
        self.newest.get(&rule)
    }

    /// The rule with this id.
    pub(super) fn rule(&self, id: Uuid) -> Option<&rule::Model> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// What the next wider rule says that holds.
    pub(super) fn wider(&self, rule: &rule::Model) -> Option<&rule_version::Model> {
        let scopes = rule.wider_scopes();
        let at = |scope: &String| self.rules.iter().find(|rule| rule.scope == *scope);
        let holding = |rule: &rule::Model| self.newest(rule.id).filter(|version| !version.withdrawn);
        scopes.iter().filter_map(at).find_map(holding)
    }

    /// Whether the newest version of a rule says this already.
    pub(super) fn says(&self, rule_id: Uuid, next: &Next) -> bool {
        self.newest(rule_id).is_some_and(|newest| next.is_said_by(newest))
    }

    /// Writes the next version of a rule.
    pub(super) async fn write(&mut self, act: &Act, rule_id: Uuid, next: Next) -> Result<()> {
        let row = self.successor(act, rule_id, next);
        act.insert::<rule_version::Entity>(std::slice::from_ref(&row)).await?;
        self.newest.insert(rule_id, row);
        Ok(())
    }

    fn successor(&self, act: &Act, rule_id: Uuid, next: Next) -> rule_version::Model {
        let newest = self.newest(rule_id);
        rule_version::Model {
            id: act.id(),
            rule_id,
            number: newest.map_or(1, |newest| newest.number.saturating_add(1)),
            name: next.name,
            enabled: next.enabled,
            dry_run: next.dry_run,
            definition: next.definition,
            // Versions take effect in the order of their numbers, whatever the clocks of several machines say.
            effective_at: newest.map_or(act.now, |newest| newest.effective_at.max(act.now)),
            actor: next.actor.into(),
            overrides: next.overrides,
            reason: next.reason,
            withdrawn: next.withdrawn,
        }
    }

    /// Carries the overrides over to what the wider rules say now, each with who overrode and why. One that no longer fits
    /// keeps its definition, and is told of.
    pub(super) async fn carry_over(&mut self, act: &Act) -> Result<Vec<UserError>> {
        let overriding: Vec<(rule::Model, Overrides)> = self
            .rules
            .iter()
            .filter_map(|rule| Some((rule.clone(), self.newest(rule.id)?.overriding()?)))
            .collect();
        if overriding.is_empty() {
            return Ok(Vec::new());
        }
        let versions = program_versions(act, &overriding).await?;
        let mut rows = Vec::new();
        let mut stale = Stale::default();
        // Units come first: their enrollments override what comes of them.
        for (rule, mut overrides) in overriding {
            let (Some(newest), Some(wider)) = (self.newest(rule.id), self.wider(&rule)) else {
                continue;
            };
            let content = match versions.get(&rule.id) {
                Some(version) => act.store.library().content(&act.tx, *version).await?,
                None => continue,
            };
            let mut next = Next {
                name: wider.name.clone(),
                enabled: overrides.enabled.unwrap_or(wider.enabled),
                dry_run: wider.dry_run,
                ..Next::from(newest.clone())
            };
            overrides.stale = match carried(newest, wider, &overrides, &content) {
                Ok(definition) => {
                    next.definition = written(&definition)?;
                    None
                }
                Err(why) => {
                    stale.add(&rule, why.clone());
                    Some(why)
                }
            };
            next.overrides = Some(overrides.written()?);
            if !next.is_said_by(newest) {
                let row = self.successor(act, rule.id, next);
                rows.push(row.clone());
                self.newest.insert(rule.id, row);
            }
        }
        act.insert::<rule_version::Entity>(&rows).await?;
        Ok(stale.warnings(act))
    }
}

/// What an override comes to on top of what the wider rule says by now; else why it no longer fits.
fn carried(
    newest: &rule_version::Model,
    wider: &rule_version::Model,
    overrides: &Overrides,
    content: &Content,
) -> Result<rules::definition::RuleDefinition, String> {
    let unreadable = || "It was saved by another Handrail, and cannot be read".to_owned();
    let former = newest.read().ok_or_else(unreadable)?;
    let wider = wider.read().ok_or_else(unreadable)?;
    let shape = shape_of(content).map_err(|_| "What the program measures cannot be read".to_owned())?;
    overrides::carry_over(&former, &wider, &overrides.values, &shape).map_err(|problems| {
        let problems: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
        problems.join("; ")
    })
}

/// The version of the program that each rule is checked against: that of its enrollment, or the one that is published.
async fn program_versions(act: &Act, overriding: &[(rule::Model, Overrides)]) -> Result<HashMap<Uuid, Uuid>> {
    let mut by_enrollment: HashMap<Uuid, Uuid> = HashMap::new();
    let ids: Vec<Uuid> = overriding.iter().filter_map(|(rule, _)| rule.enrollment_id).collect();
    for chunk in ids.chunks(BATCH) {
        let rows: Vec<(Uuid, Uuid)> = enrollment::Entity::find()
            .select_only()
            .columns([enrollment::Column::Id, enrollment::Column::VersionId])
            .filter(enrollment::Column::Id.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(&act.tx)
            .await?;
        by_enrollment.extend(rows);
    }
    let version = |rule: &rule::Model| match rule.enrollment_id {
        Some(id) => by_enrollment.get(&id).copied(),
        None => published(act, rule.program_id),
    };
    let versions = overriding.iter();
    Ok(versions
        .filter_map(|(rule, _)| Some((rule.id, version(rule)?)))
        .collect())
}

/// The version of a program that is started today.
pub(super) fn published(act: &Act, program: Uuid) -> Option<Uuid> {
    let directory = act.store.directory();
    let mut programs = directory.programs().values();
    Some(programs.find(|published| published.program.id == program)?.version)
}

/// Overrides that no longer fit, by unit. Whose enrollments are meant is nobody's business who does not treat in them.
#[derive(Default)]
struct Stale(BTreeMap<(Option<Uuid>, String), (usize, usize)>);

impl Stale {
    fn add(&mut self, rule: &rule::Model, why: String) {
        let (units, enrollments) = self.0.entry((rule.unit_id, why)).or_default();
        *(if rule.enrollment_id.is_some() {
            enrollments
        } else {
            units
        }) += 1;
    }

    fn warnings(self, act: &Act) -> Vec<UserError> {
        let directory = act.store.directory();
        let mut warnings = Vec::new();
        for ((unit, why), (units, enrollments)) in self.0 {
            let unit = unit.and_then(|id| directory.unit(id)).map_or("", |unit| &unit.name);
            let who = match (units, enrollments) {
                (0, 1) => format!("The override for an enrollment at {unit}"),
                (0, count) => format!("Each of the overrides for {count} enrollments at {unit}"),
                (_, 0) => format!("The override of {unit}"),
                (_, count) => format!("The override of {unit} and those for {count} of its enrollments"),
            };
            let message = format!(
                "{who} no longer fits, and goes on saying what it said. {why}. Make it anew or remove it there, or give \
                 the rule back what it overrides."
            );
            warnings.push(UserError::new(overrides::STALE, "", message));
        }
        warnings
    }
}
