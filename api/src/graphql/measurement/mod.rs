//! What citizens measure and register as numbers.

mod mutation;

pub use mutation::MeasurementMutation;

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, ID, Object, SimpleObject, dataloader::Loader};
use chrono::{DateTime, Utc};
use entity::{error::Error, measurement as record, measurement_kind as configured};
use uuid::Uuid;

use super::{
    enrollment::Enrollment,
    error::{Failure, Result},
    id::{self, Kind},
    loader::{Loads, MeasurementKey, by_question, grouped},
    request,
};

/// What a number is counted in.
#[derive(Clone, SimpleObject)]
pub struct MeasurementUnit {
    /// The code of UCUM, for machines.
    code: String,
    /// As people read it.
    label: String,
}

/// Something that citizens measure and register as a number.
#[derive(Clone, SimpleObject)]
pub struct MeasurementKind {
    /// Unique among those of the program version: what `registerMeasurement` calls `kind`.
    key: String,
    /// What it is called.
    title: String,
    /// What it is counted in.
    unit: MeasurementUnit,
    /// The least that can be registered.
    min: f64,
    /// The most that can be registered.
    max: f64,
    /// How many decimals can be registered.
    decimals: u8,
}

impl MeasurementKind {
    /// It in a language.
    pub fn new(kind: &configured::MeasurementKind, locale: &str) -> Self {
        Self {
            key: kind.key.clone(),
            title: kind.title.get(locale).to_owned(),
            unit: MeasurementUnit {
                code: kind.unit.code.clone(),
                label: kind.unit.label.get(locale).to_owned(),
            },
            min: kind.min,
            max: kind.max,
            decimals: kind.decimals,
        }
    }
}

/// What was measured of a kind in an enrollment, from an instant and before another.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SeriesOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// The key of the kind.
    pub kind: String,
    /// The beginning of the span.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
}

by_question! {
    SeriesOf { enrollment; kind, from, to } => Vec<record::Model>,
        |store, viewer, ids| record::series(store, viewer, ids, kind, *from, *to);
}

/// What the complexity limit counts the measurements of a series for: as many as one a day gives in more than a year.
const POINTS: usize = 500;

/// What was measured of one kind over time.
#[derive(SimpleObject)]
pub struct MeasurementSeries {
    /// What was measured.
    kind: MeasurementKind,
    /// Each measurement that counts, oldest first: the last thousand of the span.
    #[graphql(complexity = "1 + POINTS * child_complexity")]
    points: Vec<Measurement>,
}

impl MeasurementSeries {
    /// A series, as far as the viewer may see it; none where the program has no such kind.
    pub async fn find(
        ctx: &Context<'_>,
        enrollment: &Enrollment,
        kind: String,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Option<Self>> {
        let kinds = enrollment.content(ctx).await?.version.measurement_kinds()?;
        let Some(measured) = kinds.iter().find(|known| known.key == kind) else {
            return Ok(None);
        };
        let measured = MeasurementKind::new(measured, &enrollment.locale);
        let enrollment = enrollment.row.id;
        let key = SeriesOf {
            enrollment,
            kind,
            from,
            to,
        };
        let rows = request::of(ctx).loads.load_one(key).await?.unwrap_or_default();
        let points = rows.iter().cloned().map(|row| Measurement(Arc::new(row)));
        Ok(Some(Self {
            kind: measured,
            points: points.collect(),
        }))
    }
}

/// What a citizen measured and registered.
pub struct Measurement(pub(super) Arc<record::Model>);

impl Measurement {
    /// The measurement, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        Ok(request::of(ctx).loads.load_one(MeasurementKey(id)).await?.map(Self))
    }
}

/// What a citizen measured and registered.
#[Object]
impl Measurement {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Measurement, self.0.id)
    }

    /// The key of its kind.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The number, in the unit of its kind.
    async fn value(&self) -> f64 {
        self.0.value
    }

    /// When it was measured.
    async fn at(&self) -> DateTime<Utc> {
        self.0.measured_at
    }

    /// What there is to say about it.
    async fn note(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.note.as_ref().map(|note| request::opened(ctx, note))
    }

    /// When it was registered.
    async fn registered_at(&self) -> DateTime<Utc> {
        self.0.registered_at
    }

    /// What it corrects.
    async fn corrects(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        Self::find(ctx, self.0.supersedes_id?).await.transpose()
    }

    /// Since when it does not count: it was corrected, or taken back.
    async fn superseded_at(&self) -> Option<DateTime<Utc>> {
        self.0.superseded_at
    }

    /// The enrollment.
    async fn enrollment(&self, ctx: &Context<'_>) -> Result<Enrollment> {
        let found = Enrollment::find(ctx, self.0.enrollment_id).await?;
        Ok(found.ok_or_else(|| Error::Corrupt("a measurement is of no enrollment".to_owned()))?)
    }
}
