//! Overriding a rule for a unit or for one enrollment, and giving its place back to it. Both are versions of a narrower rule of
//! the same key, with who and why.

use rules::{
    definition::RuleDefinition,
    overrides::{self, Leaf},
    validate::needs,
};
use uuid::Uuid;

use super::{
    Saved, change, changeable,
    family::{Family, Next, Scope, named, published},
    shape_of, unchanged, visible, written,
};
use crate::{
    act::Act,
    error::{Error, Result, UserError},
    feature::Features,
    input, rule,
    rule_version::Overrides,
    viewer::{Permission, Who},
};

/// How many values may be overridden.
const MOST: usize = 100;

/// What is to be different from a rule in a unit or in one enrollment. The narrowest of the two that is given is meant.
#[derive(Clone, Debug)]
pub struct OverrideRule {
    /// The rule, or one that overrides it.
    pub rule_id: Uuid,
    /// The unit.
    pub unit_id: Option<Uuid>,
    /// The enrollment.
    pub enrollment_id: Option<Uuid>,
    /// On or off; as the rule where absent.
    pub enabled: Option<bool>,
    /// The values that stand in place of those of the rule.
    pub values: Vec<Leaf>,
    /// Why.
    pub reason: String,
}

/// Overrides a rule; what was overridden there before is replaced. The id is that of the narrower rule.
///
/// # Errors
/// When the rule, the unit or the enrollment is not there for the viewer, there is a rule of its own in its place, or the values
/// make no sense: every problem with its path. `NOT_OFFERED` where the program lacks what the rule needs, unless it is switched off.
pub async fn override_rule(act: &mut Act, input: OverrideRule) -> Result<Saved> {
    let rule = visible(act, input.rule_id).await?;
    let (scope, version) = scope(act, &input, &rule).await?;
    let narrower = named(act, &scope, &rule.key).await?;
    let mut family = Family::lock(act, rule.program_id, &rule.key).await?;
    let own = family
        .newest(narrower)
        .is_some_and(|newest| !newest.withdrawn && newest.overrides.is_none());
    if own {
        let message = "There is a rule of its own with this key: save that one anew instead.";
        return Err(UserError::new("RULE_OF_ITS_OWN", "ruleId", message).into());
    }
    let wider = family.rule(narrower).and_then(|rule| family.wider(rule)).cloned();
    let wider = wider.ok_or_else(|| UserError::not_found("ruleId", "rule that holds more widely"))?;

    let mut complaints = input::Complaints::default();
    let reason = complaints.take(input::reason(&input.reason, "reason").map(Some));
    if input.enabled.is_none() && input.values.is_empty() {
        let message = "Say what is to be different: whether the rule is on, or some of its values.";
        complaints.add(UserError::new("REQUIRED", "values", message));
    }
    if input.values.len() > MOST {
        complaints.add(UserError::new(
            "TOO_MANY",
            "values",
            format!("At most {MOST} values, please."),
        ));
    }
    complaints.refuse()?;

    let content = act.store.library().content(&act.tx, version).await?;
    let definition = match wider.read() {
        Some(definition) => {
            let changed = overrides::apply(&definition, &input.values, &shape_of(&content)?);
            let changed = changed.map_err(|problems| Error::Refused(input::problems(problems, "values")))?;
            if input.enabled.unwrap_or(wider.enabled) {
                must_be_offered(&changed, content.version.features())?;
            }
            written(&changed)?
        }
        // It is off everywhere; here it can be said to be so.
        None if input.values.is_empty() => wider.definition.clone(),
        None => {
            let message = "What the rule says cannot be read: save it anew first.";
            return Err(UserError::new("UNREADABLE", "ruleId", message).into());
        }
    };
    let overrides = Overrides {
        enabled: input.enabled,
        values: input.values,
        stale: None,
    };
    let next = Next {
        enabled: overrides.enabled.unwrap_or(wider.enabled),
        definition,
        actor: act.viewer.actor(),
        overrides: Some(overrides.written()?),
        reason: act.store.keyring().seal_option(reason.as_deref())?,
        withdrawn: false,
        ..Next::from(wider)
    };
    change(act, &mut family, narrower, next).await
}

/// Refuses to have a rule on that needs what the program does not offer there.
fn must_be_offered(definition: &RuleDefinition, features: Features) -> Result<(), UserError> {
    match needs(definition)
        .into_iter()
        .find(|function| !features.offers(*function))
    {
        Some(function) => {
            let message = format!(
                "This rule needs the program's {0}, and it has no {0} here: the rule can only be switched off.",
                function.name()
            );
            Err(UserError::new("NOT_OFFERED", "ruleId", message))
        }
        None => Ok(()),
    }
}

/// Withdraws a narrower rule, so that the wider one of the same key holds again. Changes nothing where it was withdrawn
/// already.
///
/// # Errors
/// When the rule is not there for the viewer, or stands before no other.
pub async fn remove_override(act: &mut Act, rule_id: Uuid, reason: &str) -> Result<Saved> {
    let rule = changeable_override(act, rule_id).await?;
    let mut family = Family::lock(act, rule.program_id, &rule.key).await?;
    let (Some(_), Some(newest)) = (family.wider(&rule), family.newest(rule.id).cloned()) else {
        let message = "This rule stands before no other. To stop it, switch it off.";
        return Err(UserError::new("NOT_AN_OVERRIDE", "ruleId", message).into());
    };
    let reason = input::reason(reason, "reason")?;
    if newest.withdrawn {
        return Ok(unchanged(rule.id));
    }
    let next = Next {
        enabled: false,
        actor: act.viewer.actor(),
        reason: act.store.keyring().seal_option(Some(&reason))?,
        withdrawn: true,
        ..Next::from(newest)
    };
    change(act, &mut family, rule.id, next).await
}

/// A narrower rule by its id. That of a whole program stands before no other, whoever asks.
async fn changeable_override(act: &mut Act, rule_id: Uuid) -> Result<rule::Model> {
    let rule = visible(act, rule_id).await?;
    if rule.unit_id.is_none() {
        let message = "This is the rule of the whole program: name the one that overrides it.";
        return Err(UserError::new("NOT_AN_OVERRIDE", "ruleId", message).into());
    }
    changeable(act, rule_id).await
}

/// Where the rule is overridden, and the version of the program that is taken part in there. What the viewer may not change
/// is not there.
async fn scope(act: &mut Act, input: &OverrideRule, rule: &rule::Model) -> Result<(Scope, Uuid)> {
    let program_id = rule.program_id;
    if let Some(id) = input.enrollment_id {
        let not_found = || UserError::not_found("enrollmentId", "enrollment in this program");
        if !act.viewer.may(Permission::Treat) {
            return Err(not_found().into());
        }
        let enrollment = act.enrollment(id, "enrollmentId").await?;
        if enrollment.program_id != program_id {
            return Err(not_found().into());
        }
        act.changed(enrollment.citizen_id);
        let scope = Scope {
            program_id,
            unit_id: Some(enrollment.unit_id),
            enrollment_id: Some(id),
        };
        return Ok((scope, enrollment.version_id));
    }
    let Some(id) = input.unit_id else {
        let message = "Say where: name your unit in unitId, or an enrollment in enrollmentId.";
        return Err(UserError::new("REQUIRED", "unitId", message).into());
    };
    let is_there = match act.viewer.who {
        Who::System => act.store.directory().unit(id).is_some(),
        _ => act.viewer.unit() == Some(id),
    };
    if !is_there {
        return Err(UserError::not_found("unitId", "unit").into());
    }
    let version = published(act, program_id);
    let version = version.ok_or_else(|| UserError::not_found("ruleId", "rule of a published program"))?;
    let scope = Scope {
        program_id,
        unit_id: Some(id),
        enrollment_id: None,
    };
    Ok((scope, version))
}
