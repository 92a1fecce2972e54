//! Saving rules. The narrower rules that override one are carried over to what it says then.

mod family;
mod following;
mod needing;
mod overriding;
mod rollout;

pub(super) use following::follow;
pub(super) use needing::needing;
pub use overriding::{OverrideRule, override_rule, remove_override};
pub use rollout::roll_out;

use rules::{definition::RuleDefinition, units, validate};
use sea_orm::{EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use self::family::{Family, Next, Scope};
use crate::{
    act::Act,
    assignment::Role,
    content::Content,
    error::{Error, Result, UserError},
    measurement_kind::MeasurementKind,
    rule,
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

/// What came of changing a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The rule.
    pub rule_id: Uuid,
    /// What somebody should look at although the rule was changed: overrides that no longer fit it (`OVERRIDE_STALE`).
    pub warnings: Vec<UserError>,
}

/// Saves a rule as a new version, unless it says just what the newest one says. Overrides of it are carried over to it in the
/// same unit of work; one that no longer fits keeps its definition, and the answer warns of it. The enrollments that the rule
/// concerns are evaluated anew, in batches.
///
/// # Errors
/// When the viewer may not write rules there, or the rule makes no sense: every problem with its path.
pub async fn save(act: &mut Act, input: SaveRule) -> Result<Saved> {
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
    let scope = Scope {
        program_id: program,
        unit_id,
        enrollment_id: input.enrollment_id,
    };
    let rule = family::named(act, &scope, &input.key).await?;
    let mut family = Family::lock(act, program, &input.key).await?;
    let next = Next {
        name: input.name.trim().to_owned(),
        enabled: input.enabled,
        dry_run: input.dry_run,
        definition: written(&definition)?,
        actor: act.viewer.actor(),
        overrides: None,
        reason: None,
        withdrawn: false,
    };
    if family.says(rule, &next) {
        return Ok(unchanged(rule));
    }
    change(act, &mut family, rule, next).await
}

fn unchanged(rule_id: Uuid) -> Saved {
    let warnings = Vec::new();
    Saved { rule_id, warnings }
}

/// Makes a rule that was only tried act: a new version that says the same. Whatever it fired for in the trial counts for
/// nothing: it is as if it were saved now for the first time; see [`rule::RuleBook`]. Changes nothing where it acts already.
///
/// # Errors
/// When the rule is not there, the viewer may not write it, or it is tried because the rule is that it overrides.
pub async fn promote(act: &mut Act, rule_id: Uuid) -> Result<Saved> {
    let rule = changeable(act, rule_id).await?;
    let mut family = Family::lock(act, rule.program_id, &rule.key).await?;
    let newest = family.newest(rule.id).cloned();
    let newest = newest.ok_or_else(|| Error::Corrupt("a rule has no version".to_owned()))?;
    if newest.withdrawn || !newest.dry_run {
        return Ok(unchanged(rule.id));
    }
    if newest.overrides.is_some() {
        let message = "This overrides a rule that is only tried: promote that one, and this acts with it.";
        return Err(UserError::new("OVERRIDES_A_TRIAL", "ruleId", message).into());
    }
    let next = Next {
        dry_run: false,
        actor: act.viewer.actor(),
        ..Next::from(newest)
    };
    change(act, &mut family, rule.id, next).await
}

/// Writes the next version of a rule, and whatever follows from it.
async fn change(act: &mut Act, family: &mut Family, rule_id: Uuid, next: Next) -> Result<Saved> {
    family.write(act, rule_id, next).await?;
    let warnings = family.carry_over(act).await?;
    rollout::begin(act, rule_id).await?;
    Ok(Saved { rule_id, warnings })
}

/// A rule by its id, if the viewer may see and change it. That of an enrollment is kept from changing with the enrollment.
async fn changeable(act: &mut Act, rule_id: Uuid) -> Result<rule::Model> {
    let rule = visible(act, rule_id).await?;
    if let Some(id) = rule.enrollment_id {
        let enrollment = act.enrollment(id, "ruleId").await?;
        act.changed(enrollment.citizen_id);
    } else if rule.unit_id.is_none() && !act.viewer.has_role(Role::Designer) {
        return Err(UserError::new("FORBIDDEN", "ruleId", DESIGNERS_ALONE).into());
    }
    Ok(rule)
}

/// A rule by its id, if the viewer may see it. Whoever sees a rule of a unit or an enrollment may write it.
async fn visible(act: &Act, rule_id: Uuid) -> Result<rule::Model> {
    let found = rule::Entity::find_by_id(rule_id)
        .filter(rule::visible_to(&act.viewer))
        .one(&act.tx)
        .await?;
    found.ok_or_else(|| UserError::not_found("ruleId", "rule").into())
}

const DESIGNERS_ALONE: &str =
    "Only a designer may write a rule of a whole program. Name your unit in unitId to write one for it.";

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
        None => refused(DESIGNERS_ALONE),
    }
}

/// Checks a rule against the content of a program.
///
/// # Errors
/// Everything that is wrong with it, each with its path.
pub(crate) fn check(input: &SaveRule, content: &Content) -> Result<RuleDefinition> {
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
        Ok(mut definition) => {
            let shape = shape_of(content)?;
            // Units first: whoever saves what was read back, is told the same of it.
            units::note(&mut definition, &shape);
            errors.extend(problems(validate::rule(&definition, &shape)));
            if errors.is_empty() {
                return Ok(definition);
            }
        }
    }
    Err(Error::Refused(errors))
}

/// What a rule of the program may name.
fn shape_of(content: &Content) -> Result<validate::ProgramShape<'_>> {
    let sections = content.modules.iter().flat_map(|module| &module.sections);
    let measured = content.version.measurement_kinds()?;
    Ok(validate::ProgramShape {
        forms: content.forms.values().map(|form| &form.form).collect(),
        modules: content.modules.iter().map(|module| module.row.key.as_str()).collect(),
        sections: sections.map(|section| section.row.key.as_str()).collect(),
        steps: content.steps().map(|(.., step)| step.row.key.as_str()).collect(),
        measurements: measured.iter().map(MeasurementKind::shape).collect(),
        templates: crate::template::templates(None).map(|template| template.key).collect(),
        lacks: content.version.features().lacking(),
    })
}

fn written(definition: &RuleDefinition) -> Result<Value> {
    serde_json::to_value(definition).map_err(|error| Error::Corrupt(format!("a rule cannot be written: {error}")))
}
