//! Registering what was measured, correcting it and taking it back.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::action::measurement::{self, Correction, Measured};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::Measurement;
use crate::graphql::{
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{Done, mutate},
};

/// Registers what was measured.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterMeasurementInput {
    /// The enrollment.
    enrollment_id: ID,
    /// The key of what was measured; `Enrollment.measurementKinds` tells them.
    kind: String,
    /// The number, in the unit of its kind.
    #[graphql(secret)]
    value: f64,
    /// When it was measured, within the last year; now where left out.
    at: Option<DateTime<Utc>>,
    /// What there is to say about it.
    #[graphql(secret)]
    note: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Corrects what was registered.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CorrectMeasurementInput {
    /// The measurement.
    measurement_id: ID,
    /// The number, in the unit of its kind.
    #[graphql(secret)]
    value: f64,
    /// When it was measured; as it was where left out.
    at: Option<DateTime<Utc>>,
    /// What there is to say about it; nothing where left out.
    #[graphql(secret)]
    note: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Takes back what was registered.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VoidMeasurementInput {
    /// The measurement.
    measurement_id: ID,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of registering a measurement.
#[derive(SimpleObject)]
pub struct RegisterMeasurementPayload {
    /// The measurement.
    measurement: Option<Measurement>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of correcting a measurement.
#[derive(SimpleObject)]
pub struct CorrectMeasurementPayload {
    /// The measurement that counts now.
    measurement: Option<Measurement>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of taking a measurement back.
#[derive(SimpleObject)]
pub struct VoidMeasurementPayload {
    /// The measurement, which counts no more.
    measurement: Option<Measurement>,
    /// What can be mended.
    errors: Vec<UserError>,
}

async fn changed(ctx: &Context<'_>, done: Done<Uuid>) -> Result<(Option<Measurement>, Vec<UserError>)> {
    match done {
        Ok(id) => Ok((Measurement::find(ctx, id).await?, Vec::new())),
        Err(errors) => Ok((None, errors)),
    }
}

/// What citizens do with measurements.
#[derive(Default)]
pub struct MeasurementMutation;

#[Object]
impl MeasurementMutation {
    /// Registers what was measured.
    async fn register_measurement(
        &self,
        ctx: &Context<'_>,
        input: RegisterMeasurementInput,
    ) -> Result<RegisterMeasurementPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "registerMeasurement", key, &input, |act| {
            async move {
                let measured = Measured {
                    enrollment_id: id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?,
                    kind: wanted.kind,
                    value: wanted.value,
                    at: wanted.at,
                    note: wanted.note,
                };
                measurement::register(act, &measured).await
            }
            .boxed()
        });
        let (measurement, errors) = changed(ctx, done.await?).await?;
        Ok(RegisterMeasurementPayload { measurement, errors })
    }

    /// Corrects what one registered oneself: another measurement takes its place, and what was there is kept.
    async fn correct_measurement(
        &self,
        ctx: &Context<'_>,
        input: CorrectMeasurementInput,
    ) -> Result<CorrectMeasurementPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "correctMeasurement", key, &input, |act| {
            async move {
                let correction = Correction {
                    measurement_id: id::input(Kind::Measurement, &wanted.measurement_id, "measurementId")?,
                    value: wanted.value,
                    at: wanted.at,
                    note: wanted.note,
                };
                measurement::correct(act, &correction).await
            }
            .boxed()
        });
        let (measurement, errors) = changed(ctx, done.await?).await?;
        Ok(CorrectMeasurementPayload { measurement, errors })
    }

    /// Takes back what one registered oneself: it counts no more, and is kept.
    async fn void_measurement(&self, ctx: &Context<'_>, input: VoidMeasurementInput) -> Result<VoidMeasurementPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "voidMeasurement", key, &input, |act| {
            async move {
                let id = id::input(Kind::Measurement, &wanted.measurement_id, "measurementId")?;
                measurement::void(act, id).await
            }
            .boxed()
        });
        let (measurement, errors) = changed(ctx, done.await?).await?;
        Ok(VoidMeasurementPayload { measurement, errors })
    }
}
