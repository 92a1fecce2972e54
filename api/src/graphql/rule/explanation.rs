//! Why rules fire for somebody, or why they do not.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object};
use chrono::{DateTime, Utc};
use entity::{error::Error, explanation as record};

use super::{Rule, TraceLine};
use crate::graphql::{error::Result, loader::RuleEvaluationsOf, request};

/// What a rule came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::explanation::Standing")]
pub enum RuleVerdict {
    /// It fired at that instant, what it fired for still holds, or it would fire if its trigger came then.
    Fires,
    /// Its condition holds, but something holds it back: the first lines of the trace tell what.
    HoldsBack,
    /// Its condition does not hold.
    False,
    /// Whether its condition holds cannot be told: a fact is missing. Unknown never fires.
    Unknown,
    /// It is switched off.
    Off,
}

/// What a rule came to for an enrollment at an instant.
pub struct RuleEvaluation {
    found: record::RuleEvaluation,
    locale: Arc<str>,
}

impl RuleEvaluation {
    /// What the rules in force come to for an enrollment, told in the language of a locale.
    pub async fn all(
        ctx: &Context<'_>,
        enrollment: uuid::Uuid,
        at: Option<DateTime<Utc>>,
        locale: Arc<str>,
    ) -> Result<Vec<Self>> {
        let request = request::of(ctx);
        // Before it is asked for together with others: one instant that is none must not fail theirs.
        if let Some(at) = at {
            record::check_at(&request.store, at)?;
        }
        let found = request.loads.load_one(RuleEvaluationsOf { enrollment, at }).await?;
        let evaluations = found.iter().flat_map(|found| found.iter().cloned());
        Ok(evaluations
            .map(|found| Self {
                found,
                locale: locale.clone(),
            })
            .collect())
    }
}

/// What a rule came to for an enrollment at an instant.
#[Object]
impl RuleEvaluation {
    /// The rule, as it is today.
    async fn rule(&self, ctx: &Context<'_>) -> Result<Rule> {
        let rule = Rule::find(ctx, self.found.rule).await?;
        Ok(rule.ok_or_else(|| Error::Corrupt("a rule that was evaluated is missing".to_owned()))?)
    }

    /// What it came to.
    async fn verdict(&self) -> RuleVerdict {
        self.found.explanation.standing.into()
    }

    /// Whether it was only tried then: what it fires for is recorded, and nothing is done.
    async fn dry_run(&self) -> bool {
        self.found.tried
    }

    /// When it is looked at next if nothing else happens; for an instant of the past, when it was next. None where only
    /// something that happens can set it off.
    async fn next_evaluation_at(&self) -> Option<DateTime<Utc>> {
        self.found.next_evaluation_at
    }

    /// When it had fired last.
    async fn last_fired_at(&self) -> Option<DateTime<Utc>> {
        self.found.last_fired_at
    }

    /// What holds it back or keeps it going, then every fact that it compared, in reading order.
    async fn trace(&self) -> Vec<TraceLine> {
        let lines = self.found.explanation.render(&self.locale, self.found.zone);
        lines.into_iter().map(Into::into).collect()
    }
}
