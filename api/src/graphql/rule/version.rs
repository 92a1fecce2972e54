//! What a rule said, from when, and who said so.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    error::Error,
    rule_version,
    viewer::{Actor, Permission},
};
use rules::{overrides::Leaf, summary::summary};

use crate::graphql::{
    care::Staff,
    error::Result,
    request,
    scalar::{AnswerValue, RuleDefinition},
};

/// A value of a rule.
#[derive(SimpleObject)]
pub struct RuleValue {
    /// The way to it: condition.all.0.compare.value, limits.cooldown.
    path: String,
    /// What stands there. A duration and a time of day are strings.
    value: AnswerValue,
}

impl From<Leaf> for RuleValue {
    fn from(leaf: Leaf) -> Self {
        Self {
            path: leaf.path,
            value: AnswerValue(leaf.value),
        }
    }
}

/// A value that stands in place of that of a wider rule.
#[derive(SimpleObject)]
pub struct OverriddenValue {
    /// The way to it: condition.all.0.compare.value, limits.cooldown.
    path: String,
    /// What stands here.
    value: AnswerValue,
    /// What stands in the wider rule; nothing where it no longer has the place.
    wider: Option<AnswerValue>,
}

impl OverriddenValue {
    /// Each of the values beside that of the wider rule.
    pub(super) fn all(values: Vec<Leaf>, wider: &[Leaf]) -> Vec<Self> {
        let of_wider = |path: &str| wider.iter().find(|leaf| leaf.path == path);
        let values = values.into_iter();
        values
            .map(|leaf| Self {
                wider: of_wider(&leaf.path).map(|wider| AnswerValue(wider.value.clone())),
                path: leaf.path,
                value: AnswerValue(leaf.value),
            })
            .collect()
    }
}

/// A version of a rule.
pub struct RuleVersion(pub(super) rule_version::Model);

/// A version of a rule. It never changes, and can be read for ever.
#[Object]
impl RuleVersion {
    /// Counts from 1.
    async fn number(&self) -> i32 {
        self.0.number
    }

    /// What the rule was called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// From when it holds.
    async fn effective_at(&self) -> DateTime<Utc> {
        self.0.effective_at
    }

    /// Who saved it. What overrides a wider rule and was carried over to what that says anew is still theirs who overrode. None
    /// where it was no person.
    async fn actor(&self, ctx: &Context<'_>) -> Option<Staff> {
        match self.0.actor.0 {
            Actor::Staff(id) => Staff::all(ctx, [id]).pop(),
            _ => None,
        }
    }

    /// Why the wider rule is overridden, or no longer is. For staff alone.
    async fn reason(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let request = request::of(ctx);
        let reason = self
            .0
            .reason
            .as_ref()
            .filter(|_| request.viewer.may(Permission::WriteRules))?;
        let opened = request.store.keyring().open(reason);
        Some(opened.map_err(|error| Error::from(error).into()))
    }

    /// Whether it was on.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// Whether it was only tried.
    async fn dry_run(&self) -> bool {
        self.0.dry_run
    }

    /// Whether the rule held no longer with it, and gave its place back to the wider one.
    async fn withdrawn(&self) -> bool {
        self.0.withdrawn
    }

    /// The values of the wider rule that it overrides.
    async fn overridden_values(&self) -> Vec<RuleValue> {
        let overrides = self.0.overriding().unwrap_or_default();
        overrides.values.into_iter().map(Into::into).collect()
    }

    /// Why what it overrides no longer fitted the wider rule; none where it did.
    async fn stale(&self) -> Option<String> {
        self.0.overriding()?.stale
    }

    /// What it says, in JSON of the input's shape; as it was saved, where this Handrail cannot read it any more.
    async fn definition(&self) -> RuleDefinition {
        RuleDefinition::from(&self.0)
    }

    /// What it does, in one sentence; none where what it says cannot be read any more.
    async fn summary(&self, ctx: &Context<'_>, locale: Option<String>) -> Option<String> {
        let locale = locale.as_ref().unwrap_or(&request::of(ctx).language);
        Some(summary(&self.0.read()?, locale))
    }
}
