//! How a score of one enrollment has changed over time.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use rules::{
    change::{self, ReliableChange},
    form::{Band, Scale},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    content::{Content, FormContent},
    enrollment,
    error::{Error, Result},
    response::{self, Model},
    store::Store,
    viewer::Viewer,
};

/// A scale of a form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScaleKey {
    /// The form's key within the program version.
    pub form: String,
    /// The scale's key within the form.
    pub scale: String,
}

/// The scores of one scale over time.
#[derive(Clone, Debug)]
pub struct ResultSeries {
    /// The form, as the enrollment's version of the program has it.
    pub content: Arc<FormContent>,
    /// The scores, in the order in which the form was answered. Responses without this score are left out.
    pub points: Vec<Point>,
    /// Where the scale stands in the form.
    scale: usize,
}

/// A score at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// When the form was answered.
    pub at: DateTime<Utc>,
    /// The score.
    pub value: f64,
    /// The key of the band that it lies in.
    pub band: Option<String>,
    /// Whether every item of the scale that was shown was answered.
    pub complete: bool,
    /// The response that it is of.
    pub response: Uuid,
}

/// How the latest score differs from others. None of it is there with fewer than two scores.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Change {
    /// The difference from the first score.
    pub from_first: Option<f64>,
    /// The difference from the score before.
    pub from_previous: Option<f64>,
    /// The difference from the first score, in percent of it; none where that is 0.
    pub percent_from_first: Option<f64>,
    /// Whether the difference from the first score is more than errors of measurement; none where the scale gives no standard
    /// deviation and reliability.
    pub reliable: Option<ReliableChange>,
}

impl ResultSeries {
    /// The series of a scale of a program version out of the responses to its form; none where there is no such scale.
    ///
    /// # Errors
    /// When stored scores cannot be read.
    pub fn of(content: &Content, key: &ScaleKey, rows: &[Model]) -> Result<Option<Self>> {
        let Some(content) = content.forms.get(&key.form) else {
            return Ok(None);
        };
        let Some(scale) = content.form.scales.iter().position(|scale| scale.key == key.scale) else {
            return Ok(None);
        };
        let mut points = Vec::with_capacity(rows.len());
        for row in rows {
            let score = response::scores(row)?
                .into_iter()
                .find(|score| score.scale == key.scale);
            points.extend(score.and_then(|score| {
                Some(Point {
                    at: row.answered_at(),
                    value: score.value?,
                    band: score.band,
                    complete: score.complete,
                    response: row.id,
                })
            }));
        }
        Ok(Some(Self {
            content: content.clone(),
            points,
            scale,
        }))
    }

    /// The scale.
    ///
    /// # Errors
    /// Never: a series is made of a scale of its form.
    pub fn scale(&self) -> Result<&Scale> {
        let scale = self.content.form.scales.get(self.scale);
        scale.ok_or_else(|| Error::Corrupt("a series is of a scale that its form lacks".to_owned()))
    }

    /// The cut-off interval of a point.
    pub fn band(&self, point: &Point) -> Option<&Band> {
        let key = point.band.as_deref()?;
        self.scale().ok()?.bands.iter().find(|band| band.key == key)
    }

    /// The first score, which later ones are compared with.
    pub fn baseline(&self) -> Option<&Point> {
        self.points.first()
    }

    /// How the latest score differs from others.
    ///
    /// # Errors
    /// As [`ResultSeries::scale`].
    pub fn change(&self) -> Result<Change> {
        let [first, .., latest] = self.points.as_slice() else {
            return Ok(Change::default());
        };
        let previous = self.points.iter().rev().nth(1);
        Ok(Change {
            from_first: Some(change::difference(latest.value, first.value)),
            from_previous: previous.map(|previous| change::difference(latest.value, previous.value)),
            percent_from_first: change::percent(latest.value, first.value),
            reliable: change::reliable_change(self.scale()?, latest.value, first.value),
        })
    }
}

/// The series of some scales of an enrollment, in the order of `keys`, without those that its program does not have. One
/// statement.
///
/// # Errors
/// When the database fails, or stored scores cannot be read.
pub async fn of_enrollment(
    store: &Store,
    viewer: &Viewer,
    enrollment: &enrollment::Model,
    keys: &[ScaleKey],
) -> Result<Vec<ResultSeries>> {
    let content = store
        .library()
        .content(store.connection(), enrollment.version_id)
        .await?;
    let forms: BTreeSet<&str> = keys.iter().map(|key| key.form.as_str()).collect();
    let mut found = response::of_forms(store, viewer, &[enrollment.id], &forms).await?;
    let rows: HashMap<String, Vec<Model>> = found.drain().map(|((_, form), rows)| (form, rows)).collect();
    let mut series = Vec::with_capacity(keys.len());
    for key in keys {
        let rows = rows.get(&key.form).map(Vec::as_slice).unwrap_or_default();
        series.extend(ResultSeries::of(&content, key, rows)?);
    }
    Ok(series)
}
