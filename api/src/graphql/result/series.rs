//! How scores have changed over time, and where they are to be had as pictures and tables.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    content::Content,
    enrollment,
    error::UserError,
    result_series::{self, Point, ScaleKey},
};
use rules::change;

use super::request;
use crate::{
    graphql::{
        enrollment::Enrollment,
        error::Result,
        form::{Band, Form, Scale},
        id::{self, Kind},
        loader::SeriesOf,
    },
    http::results::{self, ChartOf, ResultsOf},
    result,
};

/// What the complexity limit counts the scores of a series for: as many as daily forms give in more than a year.
const POINTS: usize = 500;

/// A scale of a form.
#[derive(Clone, Debug, InputObject)]
pub struct ScaleInput {
    /// The form's key.
    form: String,
    /// The scale's key.
    scale: String,
}

impl From<ScaleInput> for ScaleKey {
    fn from(input: ScaleInput) -> Self {
        Self {
            form: input.form,
            scale: input.scale,
        }
    }
}

/// Whether a change is more than errors of measurement, and which way it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "change::ReliableChangeVerdict")]
pub enum ReliableChangeVerdict {
    /// Better, beyond errors of measurement.
    ReliableImprovement,
    /// Within what errors of measurement explain.
    NoReliableChange,
    /// Worse, beyond errors of measurement.
    ReliableDeterioration,
}

/// The difference from the first score, measured by the errors of measurement (Jacobson & Truax 1991).
#[derive(SimpleObject)]
pub struct ReliableChange {
    /// The reliable change index: (latest − first) ÷ (SD · √2 · √(1 − reliability)). Beyond ±1.96 the change is reliable.
    index: f64,
    /// What it means for the person.
    verdict: ReliableChangeVerdict,
}

/// How the latest score differs from others. Nothing of it is there with fewer than two scores.
#[derive(SimpleObject)]
pub struct Change {
    /// From the first.
    from_first: Option<f64>,
    /// From the one before.
    from_previous: Option<f64>,
    /// From the first, in percent of it; none where that is 0.
    percent_from_first: Option<f64>,
    /// Whether the difference from the first is more than errors of measurement; none where the scale gives no standard deviation
    /// and reliability.
    reliable: Option<ReliableChange>,
}

/// How a score has changed over time.
pub struct ResultSeries {
    series: result_series::ResultSeries,
    key: ScaleKey,
    enrollment: Arc<enrollment::Model>,
    locale: Arc<str>,
}

impl ResultSeries {
    /// The series of some scales, in their order, without those that the program does not have.
    pub async fn find(
        ctx: &Context<'_>,
        enrollment: &Enrollment,
        content: &Content,
        keys: Vec<ScaleKey>,
    ) -> Result<Vec<Self>> {
        let of = |key: &ScaleKey| SeriesOf {
            enrollment: enrollment.row.id,
            form: key.form.clone(),
        };
        let found = request::of(ctx).loads.load_many(keys.iter().map(of)).await?;
        let mut all = Vec::with_capacity(keys.len());
        for key in keys {
            let rows = found.get(&of(&key)).map(|rows| rows.as_slice()).unwrap_or_default();
            if let Some(series) = result_series::ResultSeries::of(content, &key, rows)? {
                all.push(Self {
                    series,
                    key,
                    enrollment: enrollment.row.clone(),
                    locale: enrollment.locale.clone(),
                });
            }
        }
        Ok(all)
    }

    fn locale(&self, asked: Option<String>) -> String {
        asked.unwrap_or_else(|| self.locale.to_string())
    }
}

/// How a score has changed over time.
#[Object]
impl ResultSeries {
    /// The form, as the enrollment's version of the program has it.
    async fn form(&self) -> Form {
        Form {
            content: self.series.content.clone(),
            locale: self.locale.clone(),
        }
    }

    /// The scale, as the enrollment's version of the program has it.
    async fn scale(&self) -> Result<Scale<'_>> {
        Ok(Scale {
            form: &self.series.content.form,
            scale: self.series.scale()?,
            locale: &self.locale,
        })
    }

    /// The scores that there are, in the order in which the form was answered; of very many the last 5,000.
    #[graphql(complexity = "1 + POINTS * child_complexity")]
    async fn points(&self) -> Vec<SeriesPoint<'_>> {
        let points = self.series.points.iter();
        points.map(|point| SeriesPoint { series: self, point }).collect()
    }

    /// The first score, which the latest is compared with.
    async fn baseline(&self) -> Option<SeriesPoint<'_>> {
        let point = self.series.baseline()?;
        Some(SeriesPoint { series: self, point })
    }

    /// How the latest score differs from others.
    async fn change(&self) -> Result<Change> {
        let change = self.series.change()?;
        Ok(Change {
            from_first: change.from_first,
            from_previous: change.from_previous,
            percent_from_first: change.percent_from_first,
            reliable: change.reliable.map(|reliable| ReliableChange {
                index: reliable.index,
                verdict: reliable.verdict.into(),
            }),
        })
    }

    /// Where a picture of it is (SVG): an address of this server that works for the viewer for some minutes, without a token,
    /// so that it can stand in an `img`. In the language of the enrollment, or in another that is asked for: `sv` or `en`.
    async fn chart_url(&self, ctx: &Context<'_>, locale: Option<String>) -> Option<Result<String>> {
        let scales = vec![self.key.clone()];
        chart_url(ctx, &self.enrollment, scales, self.locale(locale))
    }

    /// What the picture shows, in words: for its `alt`.
    async fn chart_description(&self, locale: Option<String>) -> Result<String> {
        let series = std::slice::from_ref(&self.series);
        Ok(result::description(series, self.enrollment.tz(), &self.locale(locale))?)
    }
}

/// Several scores over time, to be shown together.
pub struct ResultChart(Vec<ResultSeries>, Arc<enrollment::Model>);

impl ResultChart {
    /// The series of some scales.
    pub async fn find(ctx: &Context<'_>, enrollment: &Enrollment, scales: Vec<ScaleInput>) -> Result<Self> {
        if scales.len() > result::MOST_SCALES {
            let message = format!("At most {} scales in one picture.", result::MOST_SCALES);
            return Err(UserError::new("TOO_MANY", "scales", message).into());
        }
        let keys = scales.into_iter().map(Into::into).collect();
        let content = enrollment.content(ctx).await?;
        let series = ResultSeries::find(ctx, enrollment, &content, keys).await?;
        Ok(Self(series, enrollment.row.clone()))
    }
}

/// Several scores over time, to be shown together.
#[Object]
impl ResultChart {
    /// Each of them, in the order asked for.
    async fn series(&self) -> &[ResultSeries] {
        &self.0
    }

    /// Where a picture of all of them is, as `ResultSeries.chartUrl`.
    async fn chart_url(&self, ctx: &Context<'_>, locale: Option<String>) -> Option<Result<String>> {
        let scales = self.0.iter().map(|series| series.key.clone()).collect();
        let locale = locale.unwrap_or_else(|| self.1.locale.clone());
        chart_url(ctx, &self.1, scales, locale)
    }

    /// What the picture shows, in words: for its `alt`.
    async fn chart_description(&self, locale: Option<String>) -> Result<String> {
        let series: Vec<_> = self.0.iter().map(|one| one.series.clone()).collect();
        let locale = locale.as_ref().unwrap_or(&self.1.locale);
        Ok(result::description(&series, self.1.tz(), locale)?)
    }
}

/// A score at an instant.
pub struct SeriesPoint<'a> {
    series: &'a ResultSeries,
    point: &'a Point,
}

/// A score at an instant.
#[Object]
impl SeriesPoint<'_> {
    /// When the form was answered.
    async fn at(&self) -> DateTime<Utc> {
        self.point.at
    }

    /// The score.
    async fn value(&self) -> f64 {
        self.point.value
    }

    /// The cut-off interval that it lies in.
    async fn band(&self) -> Option<Band<'_>> {
        let band = self.series.series.band(self.point)?;
        Some(Band {
            band,
            locale: &self.series.locale,
        })
    }

    /// Whether every item of the scale that was shown was answered.
    async fn complete(&self) -> bool {
        self.point.complete
    }

    /// The result that it is of.
    async fn result_id(&self) -> ID {
        id::id(Kind::Result, self.point.response)
    }
}

fn chart_url(
    ctx: &Context<'_>,
    enrollment: &enrollment::Model,
    scales: Vec<ScaleKey>,
    locale: String,
) -> Option<Result<String>> {
    let request = request::of(ctx);
    let viewer = Some(&request.viewer).filter(|viewer| viewer.sees_health())?;
    let of = ChartOf { scales, locale };
    Some(results::chart_link(&request.store, &viewer.who, enrollment.id, &of).map_err(Into::into))
}

/// Where results are as a table.
pub fn table_url(ctx: &Context<'_>, enrollment: &Enrollment, form: Option<String>) -> Option<Result<String>> {
    let request = request::of(ctx);
    let viewer = Some(&request.viewer).filter(|viewer| viewer.sees_health())?;
    let of = ResultsOf {
        form,
        locale: enrollment.locale.to_string(),
    };
    Some(results::table_link(&request.store, &viewer.who, enrollment.row.id, &of).map_err(Into::into))
}

/// Where results are as FHIR resources.
pub fn bundle_url(
    ctx: &Context<'_>,
    enrollment: &Enrollment,
    form: Option<String>,
    locale: Option<String>,
) -> Option<Result<String>> {
    let request = request::of(ctx);
    let viewer = Some(&request.viewer).filter(|viewer| viewer.sees_health())?;
    let of = ResultsOf {
        form,
        locale: locale.unwrap_or_else(|| enrollment.locale.to_string()),
    };
    Some(results::bundle_link(&request.store, &viewer.who, enrollment.row.id, &of).map_err(Into::into))
}
