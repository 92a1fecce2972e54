//! Saving rules, and bringing them to the enrollments that they concern.

use std::collections::BTreeSet;

use rules::{definition::RuleDefinition, facts::Status, validate};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseBackend, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockBehavior, LockType, OnConflict},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    act::Act,
    assignment::Role,
    content::Content,
    enrollment,
    error::{Error, Result, UserError},
    evaluation, rollout, rule,
    rule::PROGRAM_SCOPE,
    rule_version,
    store::Hint,
    stored::Stored,
    viewer::{Permission, Who},
};

/// A rule as somebody wrote it. The narrowest of `enrollment` and `unit` that is given is its scope, else the program.
#[derive(Clone, Debug)]
pub struct SaveRule {
    /// The program's slug.
    pub program_slug: String,
    /// The unit where it holds.
    pub unit_id: Option<Uuid>,
    /// The enrollment where it holds.
    pub enrollment_id: Option<Uuid>,
    /// Names the rule within the program; the same key in a narrower scope overrides the wider rule.
    pub key: String,
    /// What it is called.
    pub name: String,
    /// Whether it is on.
    pub enabled: bool,
    /// Whether it is only tried: it evaluates and records, and does nothing.
    pub dry_run: bool,
    /// What it says: the JSON of [`RuleDefinition`].
    pub definition: Value,
}

/// Saves a rule as a new version, unless it says just what the newest one says; returns the rule's id. The enrollments that
/// it concerns are evaluated anew, in batches.
///
/// # Errors
/// When the viewer may not write rules there, or the rule makes no sense: every problem with its path.
pub async fn save(act: &mut Act, input: SaveRule) -> Result<Uuid> {
    let not_found = || UserError::not_found("programSlug", "program");
    let directory = act.store.directory();
    let published = directory.programs().get(&input.program_slug).ok_or_else(not_found)?;
    let (program, mut version) = (published.program.id, published.version);
    let mut unit_id = input.unit_id;
    if let Some(id) = input.enrollment_id {
        let enrollment = act.enrollment(id, "enrollmentId").await?;
        if enrollment.program_id != program {
            return Err(UserError::not_found("enrollmentId", "enrollment in this program").into());
        }
        (version, unit_id) = (enrollment.version_id, Some(enrollment.unit_id));
        act.changed(enrollment.citizen_id);
    }
    may_write(act, &input)?;

    let content = act.store.library().content(&act.tx, version).await?;
    let definition = check(&input, &content)?;
    let scope = input
        .enrollment_id
        .or(input.unit_id)
        .map_or_else(|| PROGRAM_SCOPE.to_owned(), |id| id.to_string());
    let rule_id = named(act, program, unit_id, &input, &scope).await?;
    let newest = rule_version::Entity::find()
        .filter(rule_version::Column::RuleId.eq(rule_id))
        .order_by_desc(rule_version::Column::Number)
        .one(&act.tx)
        .await?;
    let definition = serde_json::to_value(definition)
        .map_err(|error| Error::Corrupt(format!("a rule cannot be written: {error}")))?;
    let row = rule_version::Model {
        id: act.id(),
        rule_id,
        number: newest.as_ref().map_or(1, |version| version.number + 1),
        name: input.name.trim().to_owned(),
        enabled: input.enabled,
        dry_run: input.dry_run,
        definition,
        effective_at: act.now,
        actor: act.viewer.actor().into(),
    };
    let same = |old: &rule_version::Model| {
        (&old.name, old.enabled, old.dry_run, &old.definition) == (&row.name, row.enabled, row.dry_run, &row.definition)
    };
    if newest.as_ref().is_some_and(same) {
        return Ok(rule_id);
    }
    row.into_active_model().reset_all().insert(&act.tx).await?;
    let row = rollout::Model {
        id: act.id(),
        rule_id,
        after_id: None,
        created_at: act.now,
        finished_at: None,
    };
    row.into_active_model().reset_all().insert(&act.tx).await?;
    act.hint(Hint::Due);
    Ok(rule_id)
}

/// The rule of this key and scope, made where there is none. Nobody else saves a version of it until the end.
async fn named(act: &Act, program: Uuid, unit_id: Option<Uuid>, input: &SaveRule, scope: &str) -> Result<Uuid> {
    let row = rule::Model {
        id: act.id(),
        program_id: program,
        unit_id,
        enrollment_id: input.enrollment_id,
        scope: scope.to_owned(),
        key: input.key.clone(),
        created_at: act.now,
    };
    let there = [rule::Column::ProgramId, rule::Column::Key, rule::Column::Scope];
    rule::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::columns(there).do_nothing().to_owned())
        .exec_without_returning(&act.tx)
        .await?;
    let mut select = rule::Entity::find()
        .filter(rule::Column::ProgramId.eq(program))
        .filter(rule::Column::Key.eq(&input.key))
        .filter(rule::Column::Scope.eq(scope));
    if act.store.backend() == DatabaseBackend::Postgres {
        select = select.lock(LockType::Update);
    }
    let row = select.one(&act.tx).await?;
    row.map(|row| row.id)
        .ok_or_else(|| Error::Corrupt("a rule that was just saved is missing".into()))
}

/// A rule of a whole program is its designers' affair; one of a unit or an enrollment, of those who work there.
fn may_write(act: &Act, input: &SaveRule) -> Result<()> {
    let refused = |message: &str| Err(UserError::new("FORBIDDEN", "", message).into());
    let Who::Staff { unit, roles, .. } = &act.viewer.who else {
        return match act.viewer.who {
            Who::System => Ok(()),
            _ => refused("Only staff may write rules."),
        };
    };
    if input.enrollment_id.is_some() {
        return if act.viewer.may(Permission::Treat) {
            Ok(())
        } else {
            refused("Only those who treat may write rules of one enrollment.")
        };
    }
    match input.unit_id {
        Some(id) if id != *unit => Err(UserError::not_found("unitId", "unit").into()),
        Some(_) if act.viewer.may(Permission::WriteRules) => Ok(()),
        Some(_) => refused("Your roles at this unit do not include writing rules."),
        None if roles.contains(&Role::Designer) => Ok(()),
        None => refused(
            "Only a designer may write a rule of a whole program. Name your unit in unitId to write one for it.",
        ),
    }
}

fn check(input: &SaveRule, content: &Content) -> Result<RuleDefinition> {
    let mut errors = Vec::new();
    let well_formed = |key: &str| {
        !key.is_empty()
            && key.len() <= 64
            && key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if !well_formed(&input.key) {
        errors.push(UserError::new(
            "INVALID",
            "key",
            "A key has 1 to 64 lower-case letters, digits and hyphens.",
        ));
    }
    if input.name.trim().is_empty() || input.name.chars().count() > 200 {
        errors.push(UserError::new("INVALID", "name", "A name has 1 to 200 characters."));
    }
    let problems = |problems: Vec<validate::Problem>| {
        problems.into_iter().map(|problem| UserError {
            code: problem.code.into(),
            message: problem.message,
            path: problem.path,
        })
    };
    match validate::parse(input.definition.clone()) {
        Err(found) => errors.extend(problems(found)),
        Ok(definition) => {
            let shape = validate::ProgramShape {
                forms: content.forms.values().map(|form| &form.form).collect(),
                modules: content.modules.iter().map(|module| module.row.key.as_str()).collect(),
                sections: content
                    .modules
                    .iter()
                    .flat_map(|module| &module.sections)
                    .map(|section| section.row.key.as_str())
                    .collect(),
                steps: content.steps().map(|(.., step)| step.row.key.as_str()).collect(),
            };
            errors.extend(problems(validate::rule(&definition, &shape)));
            if errors.is_empty() {
                return Ok(definition);
            }
        }
    }
    Err(Error::Refused(errors))
}

/// Makes the next enrollments that a saved rule concerns due for evaluation, at most `limit`; returns how many rows it
/// touched, 0 where no rule is on its way.
///
/// # Errors
/// When the database fails.
pub async fn roll_out(act: &mut Act, limit: u64) -> Result<usize> {
    let open = rollout::Entity::find()
        .filter(rollout::Column::FinishedAt.is_null())
        .order_by_asc(rollout::Column::CreatedAt)
        .order_by_asc(rollout::Column::Id);
    let open = if act.store.backend() == DatabaseBackend::Postgres {
        open.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
    } else {
        open
    };
    let Some(row) = open.one(&act.tx).await? else {
        return Ok(0);
    };
    let Some(rule) = rule::Entity::find_by_id(row.rule_id).one(&act.tx).await? else {
        return Ok(0);
    };

    let statuses = concerned(act, rule.id).await?;
    let mut select = enrollment::Entity::find()
        .select_only()
        .column(enrollment::Column::Id)
        .filter(enrollment::Column::ProgramId.eq(rule.program_id))
        .filter(enrollment::Column::Status.is_in(statuses));
    if let Some(id) = rule.enrollment_id {
        select = select.filter(enrollment::Column::Id.eq(id));
    } else if let Some(unit) = rule.unit_id {
        select = select.filter(enrollment::Column::UnitId.eq(unit));
    }
    if let Some(after) = row.after_id {
        select = select.filter(enrollment::Column::Id.gt(after));
    }
    let next: Vec<Uuid> = select
        .order_by_asc(enrollment::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(&act.tx)
        .await?;
    evaluation::make_due(&act.tx, &next.iter().copied().collect::<BTreeSet<_>>(), act.now).await?;

    let done = rollout::Entity::update_many().filter(rollout::Column::Id.eq(row.id));
    match next.last() {
        Some(last) => done.col_expr(rollout::Column::AfterId, Expr::value(*last)),
        None => done.col_expr(rollout::Column::FinishedAt, Expr::value(act.now)),
    }
    .exec(&act.tx)
    .await?;
    act.hint(Hint::Due);
    Ok(next.len().max(1))
}

/// The statuses in which a saved rule can change anything: its own, and those of enrollments that are under way, where what
/// it said before may still be waiting.
async fn concerned(act: &Act, rule: Uuid) -> Result<Vec<Stored<Status>>> {
    let newest = rule_version::Entity::find()
        .filter(rule_version::Column::RuleId.eq(rule))
        .order_by_desc(rule_version::Column::Number)
        .one(&act.tx)
        .await?;
    let definition = newest.and_then(|version| serde_json::from_value::<RuleDefinition>(version.definition).ok());
    let mut statuses = vec![Status::Planned, Status::Active, Status::Paused];
    statuses.extend(definition.into_iter().flat_map(|definition| definition.statuses));
    Ok(statuses.into_iter().map(Stored).collect())
}
