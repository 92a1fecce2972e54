//! Submitted forms with their scores.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    content::FormContent,
    error::Error,
    response::{self, Model},
};

use super::{
    dispatch::GivenAnswer,
    enrollment::Enrollment,
    error::Result,
    form::{Band, Form, Scale},
    id::{self, Kind},
    loader::{EnrollmentKey, ResponseKey},
    request,
};

/// A submitted form with its scores.
pub struct FormResult {
    pub(super) row: Arc<Model>,
    pub(super) locale: Arc<str>,
}

impl FormResult {
    /// The result in the language of its enrollment, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Self>> {
        let loads = &request::of(ctx).loads;
        let Some(row) = loads.load_one(ResponseKey(id)).await? else {
            return Ok(None);
        };
        let enrollment = loads.load_one(EnrollmentKey(row.enrollment_id)).await?;
        Ok(enrollment.map(|enrollment| Self {
            row,
            locale: enrollment.locale.as_str().into(),
        }))
    }

    async fn content(&self, ctx: &Context<'_>) -> Result<Arc<FormContent>> {
        let store = &request::of(ctx).store;
        Ok(store
            .library()
            .form(store.connection(), self.row.form_version_id)
            .await?)
    }
}

/// A submitted form with its scores (resultat).
#[Object(name = "Result")]
impl FormResult {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Result, self.row.id)
    }

    /// When it was submitted.
    async fn completed_at(&self) -> DateTime<Utc> {
        self.row.submitted_at
    }

    /// The form, in the version that was answered.
    async fn form(&self, ctx: &Context<'_>) -> Result<Form> {
        Ok(Form {
            content: self.content(ctx).await?,
            locale: self.locale.clone(),
        })
    }

    /// What the answers add up to.
    async fn scores(&self, ctx: &Context<'_>) -> Result<Vec<Score>> {
        let content = self.content(ctx).await?;
        let scores = response::scores(&self.row)?.into_iter();
        Ok(scores
            .map(|score| Score {
                content: content.clone(),
                score,
                locale: self.locale.clone(),
            })
            .collect())
    }

    /// What was answered, in the order of the form.
    async fn answers(&self, ctx: &Context<'_>) -> Result<Vec<GivenAnswer>> {
        let answers = response::answers(&request::of(ctx).store, &self.row)?;
        Ok(GivenAnswer::all(&self.content(ctx).await?, answers, &self.locale))
    }

    /// The enrollment.
    async fn enrollment(&self, ctx: &Context<'_>) -> Option<Result<Enrollment>> {
        Enrollment::find(ctx, self.row.enrollment_id).await.transpose()
    }
}

/// What one scale came to.
pub struct Score {
    content: Arc<FormContent>,
    score: rules::score::Score,
    locale: Arc<str>,
}

/// What one scale came to.
#[Object]
impl Score {
    /// The scale.
    async fn scale(&self) -> Result<Scale<'_>> {
        let form = &self.content.form;
        let scale = form.scale(&self.score.scale);
        let scale = scale.ok_or_else(|| Error::Corrupt("a score names a scale that its form lacks".to_owned()))?;
        Ok(Scale {
            form,
            scale,
            locale: &self.locale,
        })
    }

    /// The score; none where too few items were answered.
    async fn value(&self) -> Option<f64> {
        self.score.value
    }

    /// The cut-off interval that it lies in.
    async fn band(&self) -> Option<Band<'_>> {
        band(
            &self.content,
            &self.score.scale,
            self.score.band.as_deref()?,
            &self.locale,
        )
    }

    /// Whether every item of the scale that was shown was answered.
    async fn complete(&self) -> bool {
        self.score.complete
    }
}

fn band<'a>(content: &'a FormContent, scale: &str, key: &str, locale: &'a str) -> Option<Band<'a>> {
    let band = content.form.scale(scale)?.bands.iter().find(|band| band.key == key)?;
    Some(Band { band, locale })
}

/// How a score has changed over time.
pub struct ResultSeries {
    content: Arc<FormContent>,
    scale: String,
    points: Vec<Point>,
    locale: Arc<str>,
}

struct Point {
    at: DateTime<Utc>,
    value: f64,
    band: Option<String>,
    result: uuid::Uuid,
}

/// How the latest score differs from others.
#[derive(SimpleObject)]
pub struct Change {
    /// From the first; none where there are fewer than two.
    from_first: Option<f64>,
    /// From the one before; none where there are fewer than two.
    from_previous: Option<f64>,
}

impl ResultSeries {
    /// How many points a series holds at most: the latest.
    pub const MOST: u64 = 1_000;

    /// The series of one scale. Responses without that score are left out.
    ///
    /// # Errors
    /// When stored scores cannot be read.
    pub fn new(content: Arc<FormContent>, scale: &str, rows: &[Model], locale: Arc<str>) -> Result<Self> {
        let mut points = Vec::new();
        for row in rows {
            let score = response::scores(row)?.into_iter().find(|score| score.scale == scale);
            if let Some(score) = score
                && let Some(value) = score.value
            {
                points.push(Point {
                    at: row.submitted_at,
                    value,
                    band: score.band,
                    result: row.id,
                });
            }
        }
        Ok(Self {
            content,
            scale: scale.to_owned(),
            points,
            locale,
        })
    }

    /// The difference of two scores, to as many decimals as they have.
    fn difference(&self, latest: f64, earlier: f64) -> f64 {
        let decimals = self.content.form.scale(&self.scale).map_or(0, |scale| scale.decimals);
        let factor = 10_f64.powi(i32::try_from(decimals).unwrap_or_default());
        ((latest - earlier) * factor).round() / factor
    }
}

/// How a score has changed over time.
#[Object]
impl ResultSeries {
    /// The scale, as the enrollment's version of the program has it.
    async fn scale(&self) -> Result<Scale<'_>> {
        let form = &self.content.form;
        let scale = form.scale(&self.scale);
        let scale = scale.ok_or_else(|| Error::Corrupt("a series names a scale that its form lacks".to_owned()))?;
        Ok(Scale {
            form,
            scale,
            locale: &self.locale,
        })
    }

    /// The scores that there are, oldest first.
    async fn points(&self) -> Vec<SeriesPoint<'_>> {
        self.points
            .iter()
            .map(|point| SeriesPoint { series: self, point })
            .collect()
    }

    /// How the latest score differs from others.
    async fn change(&self) -> Change {
        let mut values = self.points.iter().map(|point| point.value);
        let Some(latest) = values.next_back() else {
            return Change {
                from_first: None,
                from_previous: None,
            };
        };
        Change {
            from_previous: values
                .clone()
                .next_back()
                .map(|previous| self.difference(latest, previous)),
            from_first: values.next().map(|first| self.difference(latest, first)),
        }
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
    /// When the form was submitted.
    async fn at(&self) -> DateTime<Utc> {
        self.point.at
    }

    /// The score.
    async fn value(&self) -> f64 {
        self.point.value
    }

    /// The cut-off interval that it lies in.
    async fn band(&self) -> Option<Band<'_>> {
        let series = self.series;
        band(
            &series.content,
            &series.scale,
            self.point.band.as_deref()?,
            &series.locale,
        )
    }

    /// The result that it is of.
    async fn result_id(&self) -> ID {
        id::id(Kind::Result, self.point.result)
    }
}

/// Asking for results.
#[derive(Default)]
pub struct ResultQuery;

#[Object]
impl ResultQuery {
    /// A result that the viewer may see.
    async fn result(&self, ctx: &Context<'_>, id: ID) -> Option<Result<FormResult>> {
        FormResult::find(ctx, id::of(Kind::Result, &id)?).await.transpose()
    }
}
