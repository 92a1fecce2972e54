//! Overriding rules for a unit or one enrollment, and promoting what was tried.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::action::rule::{self, OverrideRule};
use futures_util::FutureExt;
use rules::overrides::Leaf;
use serde::Serialize;

use super::{Rule, mutation::changed};
use crate::graphql::{
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
    scalar::AnswerValue,
};

/// A value that is to stand in place of that of a wider rule.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleValueInput {
    /// The way to it, one of the rule's overridable paths: condition.all.0.compare.value, limits.cooldown.
    path: String,
    /// What is to stand there. A duration and a time of day are strings: P3D, 08:30.
    value: AnswerValue,
}

/// Overrides a rule in a unit or in one enrollment: switches it on or off there, or gives it other values. What was overridden
/// there before is replaced.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OverrideRuleInput {
    /// The rule.
    rule_id: ID,
    /// The unit; the one that the viewer acts at.
    unit_id: Option<ID>,
    /// The enrollment; where it is given, it alone is meant.
    enrollment_id: Option<ID>,
    /// On or off; as the wider rule, also when that changes, where absent.
    enabled: Option<bool>,
    /// The values that are to be other than the wider rule's; everything else follows it, also when it is saved anew.
    #[graphql(default)]
    values: Vec<RuleValueInput>,
    /// Why; read by staff who may see the rule.
    #[graphql(secret)]
    reason: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Gives the place of a narrower rule back to the wider one of the same key.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveRuleOverrideInput {
    /// The narrower rule.
    rule_id: ID,
    /// Why; read by staff who may see the rule.
    #[graphql(secret)]
    reason: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Makes a rule that was only tried act.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PromoteRuleInput {
    /// The rule.
    rule_id: ID,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of overriding a rule.
#[derive(SimpleObject)]
pub struct OverrideRulePayload {
    /// The narrower rule that stands before the one that was overridden.
    rule: Option<Rule>,
    /// What no longer fits it although it was saved: narrower overrides, with the code OVERRIDE_STALE.
    warnings: Vec<UserError>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of giving back a place.
#[derive(SimpleObject)]
pub struct RemoveRuleOverridePayload {
    /// The narrower rule, which is withdrawn; what holds again is what it overrode.
    rule: Option<Rule>,
    /// What no longer fits although it was done: narrower overrides, with the code OVERRIDE_STALE.
    warnings: Vec<UserError>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of promoting a rule.
#[derive(SimpleObject)]
pub struct PromoteRulePayload {
    /// The rule.
    rule: Option<Rule>,
    /// What no longer fits it although it was promoted: overrides, with the code OVERRIDE_STALE.
    warnings: Vec<UserError>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What people do with rules that exist.
#[derive(Default)]
pub struct OverrideMutation;

#[Object]
impl OverrideMutation {
    /// Overrides a rule in a unit or in one enrollment. Whoever may write rules there may; the change takes effect at once, and
    /// owns only what comes after it.
    async fn override_rule(&self, ctx: &Context<'_>, input: OverrideRuleInput) -> Result<OverrideRulePayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "overrideRule", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let (unit, enrollment) = (&wanted.unit_id, &wanted.enrollment_id);
                let values = wanted.values.into_iter().map(|value| Leaf {
                    path: value.path,
                    value: value.value.0,
                });
                let wanted = OverrideRule {
                    rule_id: id::input(Kind::Rule, &wanted.rule_id, "ruleId")?,
                    unit_id: unit
                        .as_ref()
                        .map(|id| id::input(Kind::Unit, id, "unitId"))
                        .transpose()?,
                    enrollment_id: enrollment
                        .as_ref()
                        .map(|id| id::input(Kind::Enrollment, id, "enrollmentId"))
                        .transpose()?,
                    enabled: wanted.enabled,
                    values: values.collect(),
                    reason: wanted.reason,
                };
                rule::override_rule(act, wanted).await
            }
            .boxed()
        });
        let (rule, warnings, errors) = changed(ctx, done.await?).await?;
        Ok(OverrideRulePayload { rule, warnings, errors })
    }

    /// Gives the place of a narrower rule back to the wider one of the same key, from now on. What it said stays readable.
    async fn remove_rule_override(
        &self,
        ctx: &Context<'_>,
        input: RemoveRuleOverrideInput,
    ) -> Result<RemoveRuleOverridePayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "removeRuleOverride", key, &input, |act| {
            async move {
                let rule = id::input(Kind::Rule, &wanted.rule_id, "ruleId")?;
                rule::remove_override(act, rule, &wanted.reason).await
            }
            .boxed()
        });
        let (rule, warnings, errors) = changed(ctx, done.await?).await?;
        Ok(RemoveRuleOverridePayload { rule, warnings, errors })
    }

    /// Makes a rule that was only tried act, from now on. What it fired for in the trial counts for nothing: a condition that is
    /// true now fires, whether it fired in the trial or not, and neither cooldown nor cap counts a trial. Times and events that
    /// have passed are over, as they are for a rule that is saved for the first time; the rule's firings tell whom they
    /// concerned.
    async fn promote_rule(&self, ctx: &Context<'_>, input: PromoteRuleInput) -> Result<PromoteRulePayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "promoteRule", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let rule = id::input(Kind::Rule, &wanted.rule_id, "ruleId")?;
                rule::promote(act, rule).await
            }
            .boxed()
        });
        let (rule, warnings, errors) = changed(ctx, done.await?).await?;
        Ok(PromoteRulePayload { rule, warnings, errors })
    }
}
