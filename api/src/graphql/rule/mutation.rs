//! Saving rules.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::{
    action::rule::{SaveRule, Saved},
    error::Error,
};
use futures_util::FutureExt;
use serde::Serialize;

use super::{
    Rule,
    input::{ActionInput, ConditionInput, DefinitionInput, LimitsInput, TriggerInput},
};
use crate::graphql::{
    enrollment::EnrollmentStatus,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{Done, mutate},
};

/// Saves a rule as a new version. The narrowest of program, unit and enrollment that is given is its scope.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveRuleInput {
    /// The program's slug.
    program_slug: String,
    /// The unit where it holds.
    unit_id: Option<ID>,
    /// The enrollment where it holds.
    enrollment_id: Option<ID>,
    /// Names the rule within the program; in a narrower scope it overrides the wider rule of the same key.
    key: String,
    /// What it is called.
    name: String,
    /// Whether it is on.
    #[graphql(default = true)]
    enabled: bool,
    /// Whether it is only tried: it evaluates and records, and does nothing.
    #[graphql(default)]
    dry_run: bool,
    /// The statuses of the enrollment in which it may fire; `ACTIVE` where absent.
    statuses: Option<Vec<EnrollmentStatus>>,
    /// When it is looked at.
    trigger: TriggerInput,
    /// If it then fires; always, where absent.
    condition: Option<ConditionInput>,
    /// What it does.
    actions: Vec<ActionInput>,
    /// How often, and what about downtime.
    limits: Option<LimitsInput>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

impl SaveRuleInput {
    /// The JSON of what it says.
    pub(super) fn definition(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(DefinitionInput {
            statuses: self.statuses.as_deref(),
            trigger: &self.trigger,
            condition: self.condition.as_ref(),
            actions: &self.actions,
            limits: self.limits.as_ref(),
        })
    }

    /// What the record is asked to save.
    pub(super) fn wanted(self) -> entity::error::Result<SaveRule> {
        let definition = self.definition();
        let (unit, enrollment) = (self.unit_id.as_ref(), self.enrollment_id.as_ref());
        Ok(SaveRule {
            definition: definition.map_err(|error| Error::Corrupt(format!("a rule cannot be written: {error}")))?,
            unit_id: unit.map(|id| id::input(Kind::Unit, id, "unitId")).transpose()?,
            enrollment_id: enrollment
                .map(|id| id::input(Kind::Enrollment, id, "enrollmentId"))
                .transpose()?,
            program_slug: self.program_slug,
            key: self.key,
            name: self.name,
            enabled: self.enabled,
            dry_run: self.dry_run,
        })
    }
}

/// What came of saving a rule.
#[derive(SimpleObject)]
pub struct SaveRulePayload {
    /// The rule.
    rule: Option<Rule>,
    /// What no longer fits the rule although it was saved: overrides, with the code OVERRIDE_STALE. Each goes on saying what it
    /// said until it is made anew or removed, and says why in its own field stale.
    warnings: Vec<UserError>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What people do with rules.
#[derive(Default)]
pub struct RuleMutation;

#[Object]
impl RuleMutation {
    /// Saves a rule as a new version, unless it says just what the newest one says. What units and enrollments override of it
    /// is carried over to what it says now.
    async fn save_rule(&self, ctx: &Context<'_>, input: SaveRuleInput) -> Result<SaveRulePayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "saveRule", input.idempotency_key.as_deref(), &input, |act| {
            async move { entity::action::rule::save(act, wanted.wanted()?).await }.boxed()
        });
        let (rule, warnings, errors) = changed(ctx, done.await?).await?;
        Ok(SaveRulePayload { rule, warnings, errors })
    }
}

/// A changed rule, what somebody should look at although it was changed, and what can be mended.
type Changed = (Option<Rule>, Vec<UserError>, Vec<UserError>);

/// What came of changing a rule.
pub(super) async fn changed(ctx: &Context<'_>, done: Done<Saved>) -> Result<Changed> {
    Ok(match done {
        Ok(saved) => {
            let warnings = saved.warnings.into_iter().map(Into::into).collect();
            (Rule::find(ctx, saved.rule_id).await?, warnings, Vec::new())
        }
        Err(errors) => (None, Vec::new(), errors),
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::{InputType, Value};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_trigger_is_one_thing_only() {
        let both = json!({ "programSlug": "a", "key": "a", "name": "A", "actions": [], "trigger": {
            "whenever": {}, "event": { "signedIn": {} },
        } });
        assert!(SaveRuleInput::parse(Some(Value::from_json(both).unwrap())).is_err());
    }
}
