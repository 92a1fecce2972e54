//! Statistics of units and care providers.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use chrono::NaiveDate;
use entity::{
    content::Content,
    error::Error,
    result_series::ScaleKey,
    statistics::{
        self as record, Judged, Place, Scope,
        period::Period,
        suppression::{self, Cell},
    },
};
use rules::facts::Status;
use uuid::Uuid;

use super::{enrollment::EnrollmentStatus, error::Result, request};
use crate::http;

/// What the complexity limit counts for counting many histories.
pub const COUNTING: usize = 10_000;

/// Statistics of a unit or a care provider.
pub struct Statistics {
    scope: Scope,
    told: record::Statistics,
}

impl Statistics {
    /// Those of a place, in a period and of a program where they are named.
    pub async fn of(
        ctx: &Context<'_>,
        place: Place,
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
        program: Option<String>,
    ) -> Result<Self> {
        let request = request::of(ctx);
        let period = Period::of(from, to, record::today(&request.store, place))?;
        let scope = Scope { place, period, program };
        let told = record::read(&request.store, &request.viewer, &scope).await?;
        Ok(Self { scope, told })
    }
}

/// Numbers of a unit, or of all units of a care provider.
///
/// Two kinds of them. Enrollments, completion, drop-out and outcomes are of the enrollments that started, or are to start, in the
/// period, as they are now. Adherence is of the forms that could be answered from an instant of the period on, flag
/// acknowledgement of the flags that were raised in it, message answers of the messages that citizens sent in it. An enrollment
/// counts at the unit where it is now, also where the citizen has blocked the unit: counting is not reading.
///
/// The period is one of whole months, at most 60: both `from` and `to` are the first of a month (`BAD_PERIOD` otherwise) in the
/// unit's time zone; for a provider in that of its units where they have the same, else in Europe/Stockholm. Periods that could
/// be chosen freely would tell of single people, by two that differ by an hour.
///
/// What tells of fewer than five people is not told but for nobody at all: then `suppressed` is true, and there is no number
/// instead of a 0. As totals would give it away by subtraction, the next smallest number is suppressed with it; likewise what
/// is told of a whole unit or provider never gives away what is suppressed of one program or unit in the same period. Where a
/// total is suppressed so is everything that it is broken down into.
#[Object]
impl Statistics {
    /// The first day of the period; where nobody named it, twelve months before `to`.
    async fn from(&self) -> NaiveDate {
        self.scope.period.from
    }

    /// The day after the last of the period; where nobody named it, the first of next month.
    async fn to(&self) -> NaiveDate {
        self.scope.period.to
    }

    /// The program that they are of; all, where absent.
    async fn program_slug(&self) -> Option<&str> {
        self.scope.program.as_deref()
    }

    /// How many enrollments started, or are to start, in the period.
    async fn enrollments(&self) -> StatisticCount {
        (&self.told.enrollments.total).into()
    }

    /// The same by state, each of them.
    async fn enrollments_by_status(&self) -> Vec<StatusCount> {
        let each = Status::ALL.into_iter().map(|status| StatusCount {
            status: status.into(),
            enrollments: self.told.enrollments.cell(&status).into(),
        });
        each.collect()
    }

    /// Of those enrollments that have ended, how many were completed and not withdrawn.
    async fn completion(&self) -> StatisticShare {
        self.told.completion().into()
    }

    /// Of those enrollments, how many were withdrawn, and in which module.
    async fn drop_out(&self) -> DropOut<'_> {
        DropOut(&self.told)
    }

    /// Of the forms that could be answered from an instant in the period on, how many were. Those that still wait count as
    /// not answered; those that were taken back, by somebody or as the enrollment ended, do not count.
    async fn adherence(&self) -> StatisticShare {
        self.told.adherence().into()
    }

    /// How scores changed from the first to the last, of those enrollments that have at least two, by form and scale. Those of
    /// which the number of enrollments is suppressed are left out.
    #[graphql(complexity = "1 + 20 * child_complexity")]
    async fn outcomes(&self) -> Vec<ScaleOutcome<'_>> {
        let outcomes = self.told.outcomes.iter();
        outcomes.map(|(key, outcome)| ScaleOutcome { key, outcome }).collect()
    }

    /// How long flags for staff that were raised in the period waited until somebody took them on or resolved them for the
    /// first time. Those that still wait do not count.
    async fn flag_acknowledgement(&self) -> WaitingTime<'_> {
        WaitingTime(&self.told.acknowledged)
    }

    /// How long messages that citizens sent in the period waited until staff answered them, or found that they need no answer.
    /// Those that still wait do not count.
    async fn message_answers(&self) -> WaitingTime<'_> {
        WaitingTime(&self.told.answered)
    }

    /// Where the same numbers are to be had as a table (CSV), for some minutes and for the viewer alone.
    async fn table_url(&self, ctx: &Context<'_>) -> Result<String> {
        let request = request::of(ctx);
        Ok(http::statistics::link(
            &request.store,
            &request.viewer.who,
            &self.scope,
        )?)
    }
}

/// How many there are of something.
#[derive(SimpleObject)]
pub struct StatisticCount {
    /// How many; none where that is suppressed.
    count: Option<u64>,
    /// Whether it is not told, since it tells of too few people, or would give away what does.
    suppressed: bool,
}

impl From<&Cell> for StatisticCount {
    fn from(cell: &Cell) -> Self {
        Self {
            count: cell.count(),
            suppressed: cell.is_hidden(),
        }
    }
}

/// A part of a whole.
#[derive(SimpleObject)]
pub struct StatisticShare {
    /// From 0 to 1; none where it is suppressed, or the whole is nothing.
    share: Option<f64>,
    /// How many of the whole; none where it is suppressed.
    count: Option<u64>,
    /// How many the whole is; none where it is suppressed.
    of: Option<u64>,
    /// Whether it is not told, since it tells of too few people, or would give away what does.
    suppressed: bool,
}

impl From<Option<suppression::Share>> for StatisticShare {
    fn from(share: Option<suppression::Share>) -> Self {
        Self {
            share: share.and_then(|share| share.share()),
            count: share.map(|share| share.count),
            of: share.map(|share| share.of),
            suppressed: share.is_none(),
        }
    }
}

/// How many enrollments are in a state.
#[derive(SimpleObject)]
pub struct StatusCount {
    /// The state.
    status: EnrollmentStatus,
    /// How many.
    enrollments: StatisticCount,
}

/// Enrollments that were withdrawn.
pub struct DropOut<'a>(&'a record::Statistics);

/// Enrollments that were withdrawn.
#[Object]
impl DropOut<'_> {
    /// How many.
    async fn enrollments(&self) -> StatisticCount {
        (&self.0.stops.total).into()
    }

    /// How many stopped in which module: that of the step that they completed last. Modules in which nobody stopped are left out,
    /// and so are those of which the number is suppressed, since to name them would tell where the few stopped.
    #[graphql(complexity = "1 + 20 * child_complexity")]
    async fn by_module(&self) -> Vec<ModuleDropOut<'_>> {
        let each = self.0.stops.told().map(|(stop, cell)| ModuleDropOut {
            stop,
            cell,
            program: self.0.programs.get(&stop.program_id).map_or("", String::as_str),
        });
        each.collect()
    }
}

/// How many stopped in a module.
pub struct ModuleDropOut<'a> {
    stop: &'a record::Stop,
    cell: &'a Cell,
    program: &'a str,
}

/// How many stopped in a module.
#[Object]
impl ModuleDropOut<'_> {
    /// The program.
    async fn program_slug(&self) -> &str {
        self.program
    }

    /// The module's key; none for those who completed no step at all.
    async fn module_key(&self) -> Option<&str> {
        self.stop.module.as_deref()
    }

    /// What the module is called in the version of the program that is published today; none where that does not have it.
    async fn module_title(&self, ctx: &Context<'_>, locale: Option<String>) -> Option<Result<String>> {
        let key = self.stop.module.as_deref()?;
        let version = request::of(ctx).store.directory().programs().get(self.program)?.version;
        let content = match content(ctx, version).await {
            Ok(content) => content,
            Err(error) => return Some(Err(error)),
        };
        let module = content.module_by_key(key)?;
        let title = content.text(module.row.id, "title", language(ctx, locale.as_ref()));
        Some(Ok(title.to_owned()))
    }

    /// How many.
    async fn enrollments(&self) -> StatisticCount {
        self.cell.into()
    }
}

/// How the scores of a scale changed.
pub struct ScaleOutcome<'a> {
    key: &'a ScaleKey,
    outcome: &'a record::Outcome,
}

impl ScaleOutcome<'_> {
    async fn content(&self, ctx: &Context<'_>) -> Result<Arc<Content>> {
        let version = self.outcome.version;
        let version = version.ok_or_else(|| Error::Corrupt("an outcome is of no program version".to_owned()))?;
        content(ctx, version).await
    }

    fn share(&self, judged: Judged) -> Option<StatisticShare> {
        self.outcome.is_judged().then(|| self.outcome.share(judged).into())
    }
}

/// How the scores of a scale changed from the first to the last, of enrollments that have at least two. Responses that were
/// voided, and what amendments took the place of, do not count.
#[Object]
impl ScaleOutcome<'_> {
    /// The form's key.
    async fn form_key(&self) -> &str {
        &self.key.form
    }

    /// What the form is called.
    async fn form_title(&self, ctx: &Context<'_>, locale: Option<String>) -> Result<String> {
        let content = self.content(ctx).await?;
        let form = content.forms.get(&self.key.form).map(|content| &content.form);
        let title = form.map(|form| form.title.get(language(ctx, locale.as_ref())));
        Ok(title.unwrap_or_default().to_owned())
    }

    /// The scale's key.
    async fn scale_key(&self) -> &str {
        &self.key.scale
    }

    /// What the score is called.
    async fn scale_label(&self, ctx: &Context<'_>, locale: Option<String>) -> Result<String> {
        let content = self.content(ctx).await?;
        let scales = content
            .forms
            .get(&self.key.form)
            .map(|content| content.form.scales.iter());
        let scale = scales.into_iter().flatten().find(|scale| scale.key == self.key.scale);
        let label = scale.map(|scale| scale.label.get(language(ctx, locale.as_ref())));
        Ok(label.unwrap_or_default().to_owned())
    }

    /// How many enrollments.
    async fn enrollments(&self) -> StatisticCount {
        (&self.outcome.changes.total).into()
    }

    /// The mean of the first scores.
    async fn mean_first(&self) -> Option<f64> {
        self.outcome.means().map(|(first, _)| first)
    }

    /// The mean of the last scores.
    async fn mean_last(&self) -> Option<f64> {
        self.outcome.means().map(|(_, last)| last)
    }

    /// The mean of the changes, last less first.
    async fn mean_change(&self) -> Option<f64> {
        self.outcome.mean_change()
    }

    /// How many changed for the better beyond errors of measurement (the reliable change index, Jacobson & Truax 1991), as the
    /// scale of their version of the program says; none where the scale gives no standard deviation and reliability.
    async fn reliably_improved(&self) -> Option<StatisticShare> {
        self.share(Judged::Improved)
    }

    /// How many changed no more than errors of measurement explain; none as in `reliablyImproved`.
    async fn not_reliably_changed(&self) -> Option<StatisticShare> {
        self.share(Judged::Unchanged)
    }

    /// How many changed for the worse beyond errors of measurement; none as in `reliablyImproved`.
    async fn reliably_deteriorated(&self) -> Option<StatisticShare> {
        self.share(Judged::Deteriorated)
    }
}

/// How long things waited.
pub struct WaitingTime<'a>(&'a record::Waiting);

impl WaitingTime<'_> {
    fn seconds(&self, part: f64) -> Option<i64> {
        self.0.percentile(part).map(|length| length.num_seconds())
    }
}

/// How long things waited, by the clock, nights and closed days among it.
#[Object]
impl WaitingTime<'_> {
    /// How many waited, and wait no more.
    async fn waited(&self) -> StatisticCount {
        (&self.0.cell).into()
    }

    /// Half of them waited no longer, in whole seconds; none where their number is suppressed or 0.
    async fn median_seconds(&self) -> Option<i64> {
        self.seconds(0.5)
    }

    /// Nine of ten waited no longer, in whole seconds; none where their number is suppressed or 0.
    async fn ninetieth_percentile_seconds(&self) -> Option<i64> {
        self.seconds(0.9)
    }
}

async fn content(ctx: &Context<'_>, version: Uuid) -> Result<Arc<Content>> {
    let store = &request::of(ctx).store;
    Ok(store.library().content(store.connection(), version).await?)
}

fn language<'a>(ctx: &Context<'a>, locale: Option<&'a String>) -> &'a str {
    locale.unwrap_or(&request::of(ctx).language)
}
