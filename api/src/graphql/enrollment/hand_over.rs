//! Handing an enrollment over: to other therapists, and to another unit.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::action::enrollment::{self as life, Transfer};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::Enrollment;
use crate::graphql::{
    care::Unit,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
    request,
};

/// Has others treat in an enrollment.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetTherapistsInput {
    /// The enrollment.
    enrollment_id: ID,
    /// Who treats from now on: therapists of its unit. Whoever treats at the unit, where empty.
    therapist_ids: Vec<ID>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Transfers an enrollment to another unit of the same provider.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferEnrollmentInput {
    /// The enrollment.
    enrollment_id: ID,
    /// The unit that takes it over.
    unit_id: ID,
    /// Who treats there: therapists of that unit. Whoever treats there, where empty.
    therapist_ids: Vec<ID>,
    /// Why. Staff read it.
    #[graphql(secret)]
    reason: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of naming who treats.
#[derive(SimpleObject)]
pub struct SetTherapistsPayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of a transfer.
#[derive(SimpleObject)]
pub struct TransferEnrollmentPayload {
    /// The unit that has taken the enrollment over. The former unit sees the enrollment itself no longer.
    unit: Option<Unit>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// Ids of staff, each refused at its place.
pub(super) fn staff(ids: &[ID]) -> entity::error::Result<Vec<Uuid>> {
    let ids = ids.iter().enumerate();
    ids.map(|(place, staff)| id::input(Kind::Staff, staff, &format!("therapistIds.{place}")))
        .collect()
}

/// Handing enrollments over.
#[derive(Default)]
pub struct HandOverMutation;

#[Object]
impl HandOverMutation {
    /// Has others treat in an enrollment from now on.
    async fn set_therapists(&self, ctx: &Context<'_>, input: SetTherapistsInput) -> Result<SetTherapistsPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "setTherapists", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let id = id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?;
                life::set_therapists(act, id, &staff(&wanted.therapist_ids)?).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => SetTherapistsPayload {
                enrollment: Enrollment::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SetTherapistsPayload {
                enrollment: None,
                errors,
            },
        })
    }

    /// Transfers an enrollment to another unit of the same provider, with everything in it. From then on that unit alone sees it,
    /// and its rules hold.
    async fn transfer_enrollment(
        &self,
        ctx: &Context<'_>,
        input: TransferEnrollmentInput,
    ) -> Result<TransferEnrollmentPayload> {
        let wanted = input.clone();
        let done = mutate(
            ctx,
            "transferEnrollment",
            input.idempotency_key.as_deref(),
            &input,
            |act| {
                async move {
                    let transfer = Transfer {
                        enrollment_id: id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?,
                        unit_id: id::input(Kind::Unit, &wanted.unit_id, "unitId")?,
                        therapist_ids: staff(&wanted.therapist_ids)?,
                        reason: wanted.reason,
                    };
                    life::transfer(act, &transfer).await
                }
                .boxed()
            },
        );
        Ok(match done.await? {
            Ok(unit) => TransferEnrollmentPayload {
                unit: request::of(ctx).store.directory().unit(unit).cloned().map(Unit),
                errors: Vec::new(),
            },
            Err(errors) => TransferEnrollmentPayload { unit: None, errors },
        })
    }
}
