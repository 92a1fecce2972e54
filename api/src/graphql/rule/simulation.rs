//! What rules would have done, and what they will do.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, NaiveDate, Utc};
use entity::{outlook as foresight, simulation as record, simulation::Simulated};
use rules::{facts, summary};

use super::{Rule, TraceLine, mutation::SaveRuleInput};
use crate::graphql::{
    connection::{self, Connection, Counted, connection},
    enrollment::Enrollment,
    error::Result,
    id::{self, Kind},
    reminder::Channel,
    request,
};

/// What the complexity limit counts for living through many histories.
const REPLAY: usize = 10_000;

/// What a rule would have done.
pub struct RuleSimulation(record::Simulation);

/// How many messages leave on a channel.
#[derive(SimpleObject)]
pub struct ChannelCount {
    /// The channel.
    channel: Channel,
    /// How many.
    count: usize,
}

impl ChannelCount {
    fn of((channel, count): (facts::Channel, usize)) -> Self {
        Self {
            channel: channel.into(),
            count,
        }
    }
}

/// What a rule would have done, from an instant and before another. Nothing was written.
#[Object]
impl RuleSimulation {
    /// How many enrollments the rule concerned.
    async fn enrollments_considered(&self) -> usize {
        self.0.considered
    }

    /// In how many of them it would have fired. To those who do not treat, fewer than five are told as none, in every number
    /// below too: they would tell about people.
    async fn enrollments_matched(&self) -> usize {
        self.0.matched
    }

    /// How many times it would have fired.
    async fn firing_count(&self) -> usize {
        self.0.firings()
    }

    /// How many messages would have left within the window, by channel, reminders of forms among them: to the addresses and on
    /// the channels that their recipients have chosen today, where they still applied when they left.
    async fn deliveries_by_channel(&self) -> Vec<ChannelCount> {
        let counts = self.0.deliveries.iter().map(|(channel, count)| (*channel, *count));
        counts.map(ChannelCount::of).collect()
    }

    /// Each time that it would have fired, in the order of time. None for those who do not treat.
    #[graphql(complexity = "connection::STATEMENT + connection::cost(first, child_complexity)")]
    async fn firings(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<SimulatedFiring>> {
        let request = request::of(ctx);
        let (store, viewer) = (&request.store, &request.viewer);
        let page = self
            .0
            .page(store, viewer, connection::first(first), after.as_deref())
            .await?;
        Ok(connection(page, after.is_some(), Default::default(), SimulatedFiring))
    }
}

/// A time that a rule would have fired.
pub struct SimulatedFiring(Simulated);

/// A time that a rule would have fired.
#[Object]
impl SimulatedFiring {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.fired.firing.at
    }

    /// In which enrollment.
    async fn enrollment(&self) -> Enrollment {
        Enrollment::new(Arc::new(self.0.enrollment.clone()))
    }

    /// What it would have done, in words; nothing where it would have been refused.
    async fn actions(&self) -> Vec<String> {
        if self.0.fired.firing.refused {
            return Vec::new();
        }
        summary::actions(&self.0.definition, &self.0.enrollment.locale)
    }

    /// Every fact that it compared, in reading order.
    async fn trace(&self) -> Vec<TraceLine> {
        let trace = self.0.fired.firing.trace.render(&self.0.enrollment.locale);
        trace.into_iter().map(Into::into).collect()
    }

    /// Whether it would have been refused, because too many rules had set one another off.
    async fn refused(&self) -> bool {
        self.0.fired.firing.refused
    }
}

/// Asking what rules would do.
#[derive(Default)]
pub struct RuleQuery;

#[Object]
impl RuleQuery {
    /// What a rule, saved or not, would have done at a unit from an instant and before another, at most 366 days later, as if
    /// it had been saved and switched on when that time began. Nothing is written; that the histories were read stands in the
    /// access log.
    ///
    /// What other rules did stays as it was. Forms that only the simulation sends count as answered when the citizen next
    /// answered that form; nobody handles flags that only the simulation raises. For those who treat at the unit and its
    /// administrators, who see the numbers alone.
    ///
    /// What saving the rule would be refused for is an error here: extensions.code and extensions.argument tell the first
    /// problem, and extensions.errors all of them, each with code, message and path, which begins with the argument: rule.
    #[graphql(complexity = "REPLAY + child_complexity")]
    async fn simulate_rule(
        &self,
        ctx: &Context<'_>,
        rule: SaveRuleInput,
        unit_id: ID,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Option<Result<RuleSimulation>> {
        Some(simulated(ctx, rule, &unit_id, from, to).await)
    }
}

async fn simulated(
    ctx: &Context<'_>,
    rule: SaveRuleInput,
    unit: &ID,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<RuleSimulation> {
    let request = request::of(ctx);
    let (store, viewer) = (&request.store, &request.viewer);
    let unit = id::input(Kind::Unit, unit, "unitId")?;
    let rule = rule.wanted().map_err(|error| error.within("rule"))?;
    let draft = record::draft(store, viewer, unit, &rule).await?;
    let simulation = record::simulate(store, viewer, &[draft], unit, from, to).await?;
    Ok(RuleSimulation(simulation))
}

/// What will go out at a unit in the coming days.
pub struct Outlook(foresight::Outlook);

impl Outlook {
    /// What will go out at a unit within so many days.
    pub async fn of(ctx: &Context<'_>, unit: uuid::Uuid, days: u32) -> Result<Self> {
        let request = request::of(ctx);
        let outlook = foresight::outlook(&request.store, &request.viewer, unit, days).await?;
        Ok(Self(outlook))
    }
}

/// How many messages leave on a day.
#[derive(SimpleObject)]
pub struct DayCount {
    /// The local day of the unit.
    date: NaiveDate,
    /// The channel.
    channel: Channel,
    /// How many.
    count: usize,
}

/// What will go out at a unit in the coming days if nobody does anything: what is planned already, and what the rules that are
/// on would do, forms left unanswered and flags unhandled. Nothing is written.
#[Object]
impl Outlook {
    /// How many messages leave, by day and channel.
    async fn deliveries(&self) -> Vec<DayCount> {
        let counts = self.0.deliveries.iter();
        let counts = counts.map(|((date, channel), count)| DayCount {
            date: *date,
            channel: (*channel).into(),
            count: *count,
        });
        counts.collect()
    }

    /// What will be done, in the order of time. Nothing for those who do not treat.
    #[graphql(complexity = "connection::cost(first, child_complexity)")]
    async fn items(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<OutlookItem, Counted>> {
        let viewer = &request::of(ctx).viewer;
        let page = self.0.page(viewer, connection::first(first), after.as_deref())?;
        let counted = Counted(self.0.count());
        Ok(connection(page, after.is_some(), counted, OutlookItem))
    }
}

/// How certain something is that has not happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum OutlookCertainty {
    /// It is planned.
    Planned,
    /// A rule would do it.
    Predicted,
}

/// Something that will be done.
pub struct OutlookItem(foresight::Item);

/// Something that will be done.
#[Object]
impl OutlookItem {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// In which enrollment.
    async fn enrollment(&self, ctx: &Context<'_>) -> Option<Result<Enrollment>> {
        Enrollment::find(ctx, self.0.enrollment).await.transpose()
    }

    /// Whether it is planned, or only what a rule would do.
    async fn certainty(&self) -> OutlookCertainty {
        match self.0.rule {
            Some(_) => OutlookCertainty::Predicted,
            None => OutlookCertainty::Planned,
        }
    }

    /// The rule that would do it.
    async fn rule(&self, ctx: &Context<'_>) -> Option<Result<Rule>> {
        Rule::find(ctx, self.0.rule?).await.transpose()
    }

    /// What is done, in words.
    async fn actions(&self, ctx: &Context<'_>, locale: Option<String>) -> Vec<String> {
        let locale = locale.as_ref().unwrap_or(&request::of(ctx).language);
        let actions = self.0.actions.iter();
        actions.map(|action| summary::action_told(action, locale)).collect()
    }
}
