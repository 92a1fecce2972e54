//! Firings of rules: what was decided, why, and what came of it.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{error::Error, firing, viewer::Permission};
use rules::{
    summary,
    trace::{RenderedLine, Trace},
};

use crate::graphql::{enrollment::Enrollment, error::Result, loader::EnrollmentKey, request, scalar::AnswerValue};

/// A rule that fired.
pub struct Firing(pub Arc<firing::Fired>);

/// What came of a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "firing::Outcome")]
pub enum FiringOutcome {
    /// Its actions were carried out.
    Done,
    /// Recorded only: the rule is being tried.
    DryRun,
    /// Not carried out: too many firings had caused one another.
    Refused,
    /// Not carried out, or not all of it: what it asks for is not possible, or its time was over.
    Undone,
}

impl Firing {
    /// The language that it is told in: that of the enrollment, where the viewer may see it.
    async fn locale(&self, ctx: &Context<'_>) -> Result<String> {
        let request = request::of(ctx);
        let enrollment = request.loads.load_one(EnrollmentKey(self.0.row.enrollment_id)).await?;
        Ok(enrollment.map_or_else(|| request.language.clone(), |row| row.locale.clone()))
    }
}

/// A rule that fired.
#[Object]
impl Firing {
    /// The rule, as it was then.
    async fn rule(&self) -> FiredRule<'_> {
        FiredRule {
            key: &self.0.row.rule_key,
            name: &self.0.version.name,
            version: self.0.version.number,
        }
    }

    /// The instant that it fired for.
    async fn at(&self) -> DateTime<Utc> {
        self.0.row.at
    }

    /// Every fact that it compared, in reading order.
    async fn trace(&self, ctx: &Context<'_>) -> Result<Vec<TraceLine>> {
        let trace: Trace = serde_json::from_value(self.0.row.trace.clone())
            .map_err(|error| Error::Corrupt(format!("a trace cannot be read: {error}")))?;
        let locale = self.locale(ctx).await?;
        Ok(trace.render(&locale).into_iter().map(Into::into).collect())
    }

    /// When it was decided: later than the instant that it fired for where nobody was looking.
    async fn decided_at(&self) -> DateTime<Utc> {
        self.0.row.fired_at
    }

    /// In which enrollment.
    async fn enrollment(&self, ctx: &Context<'_>) -> Result<Enrollment> {
        let found = Enrollment::find(ctx, self.0.row.enrollment_id).await?;
        Ok(found.ok_or_else(|| Error::Corrupt("a firing is of no enrollment".to_owned()))?)
    }

    /// What came of it.
    async fn outcome(&self) -> FiringOutcome {
        self.0.row.outcome.0.into()
    }

    /// What it fired for: unique by the rule's key and the enrollment.
    async fn occurrence(&self) -> &str {
        &self.0.row.occurrence
    }

    /// What it did, or would have done where the rule was only tried, action by action, in words. Empty for those who may not
    /// see rules.
    async fn actions(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        if !request::of(ctx).viewer.may(Permission::WriteRules) {
            return Ok(Vec::new());
        }
        let locale = self.locale(ctx).await?;
        let definition = self.0.version.read();
        Ok(definition
            .map(|definition| summary::actions(&definition, &locale))
            .unwrap_or_default())
    }
}

/// A rule as it was when it fired.
#[derive(SimpleObject)]
pub struct FiredRule<'a> {
    /// Its key.
    key: &'a str,
    /// What it was called.
    name: &'a str,
    /// The version that fired.
    version: i32,
}

/// What came of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::trace::Verdict")]
pub enum TraceVerdict {
    /// It held.
    True,
    /// It did not.
    False,
    /// A fact was missing.
    Unknown,
}

/// One part of a condition and what came of it.
#[derive(SimpleObject)]
pub struct TraceLine {
    /// What was compared and what came of it, in words.
    text: String,
    /// What came of it.
    verdict: TraceVerdict,
    /// The fact that was compared, in words.
    fact: Option<String>,
    /// The value that the fact had.
    value: Option<AnswerValue>,
    /// How deep it stands; the outermost is 0.
    depth: u32,
}

impl From<RenderedLine> for TraceLine {
    fn from(line: RenderedLine) -> Self {
        Self {
            text: line.text,
            verdict: line.verdict.into(),
            fact: line.fact,
            value: line.value.map(AnswerValue),
            depth: line.depth,
        }
    }
}
