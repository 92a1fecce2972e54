//! Starting an enrollment, and working through it.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::action::{self, citizen::NewCitizen};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::{Enrollment, hand_over::staff};
use crate::graphql::{
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{Done, mutate},
};

/// Starts a program for a citizen.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartEnrollmentInput {
    /// The program's slug.
    program_slug: String,
    /// The unit that the viewer acts at.
    unit_id: ID,
    /// Who takes part; made known to Handrail where they are not.
    citizen: CitizenInput,
    /// When it starts; now where absent.
    starts_at: Option<DateTime<Utc>>,
    /// Who treats.
    therapist_ids: Option<Vec<ID>>,
    /// The IANA time zone; the unit's where absent.
    time_zone: Option<String>,
    /// The language (BCP 47); the citizen's where absent.
    locale: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// A citizen, by identity number.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CitizenInput {
    /// A Swedish personal identity number or co-ordination number.
    #[graphql(secret)]
    personal_identity_number: String,
    /// Given name.
    #[graphql(secret)]
    given_name: String,
    /// Family name.
    #[graphql(secret)]
    family_name: String,
    /// The e-mail address.
    #[graphql(secret)]
    email: Option<String>,
    /// The phone number.
    #[graphql(secret)]
    phone: Option<String>,
}

impl CitizenInput {
    /// The citizen as the record takes them; those who are not known get the language.
    pub(super) fn into_new_citizen(self, locale: Option<String>) -> NewCitizen {
        NewCitizen {
            personal_identity_number: self.personal_identity_number,
            given_name: self.given_name,
            family_name: self.family_name,
            email: self.email,
            phone: self.phone,
            locale,
            ..NewCitizen::default()
        }
    }
}

impl std::fmt::Debug for CitizenInput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CitizenInput")
    }
}

/// Completes a step.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompleteStepInput {
    /// The enrollment.
    enrollment_id: ID,
    /// The step, by its own id or by that in the enrollment.
    step_id: ID,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of starting an enrollment.
#[derive(SimpleObject)]
pub struct StartEnrollmentPayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What somebody should look at although it was started: an address or a name that is known otherwise and stays as it is known,
    /// with the code KEPT.
    warnings: Vec<UserError>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of completing a step.
#[derive(SimpleObject)]
pub struct CompleteStepPayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What can be mended.
    errors: Vec<UserError>,
}

pub(super) async fn changed(ctx: &Context<'_>, done: Done<Uuid>) -> Result<(Option<Enrollment>, Vec<UserError>)> {
    match done {
        Ok(id) => Ok((Enrollment::find(ctx, id).await?, Vec::new())),
        Err(errors) => Ok((None, errors)),
    }
}

/// What people do with enrollments.
#[derive(Default)]
pub struct EnrollmentMutation;

#[Object]
impl EnrollmentMutation {
    /// Starts a program for a citizen. Nothing that is known of them is overwritten: where the input differs, `warnings` says so.
    async fn start_enrollment(&self, ctx: &Context<'_>, input: StartEnrollmentInput) -> Result<StartEnrollmentPayload> {
        let wanted = input.clone();
        let done = mutate(
            ctx,
            "startEnrollment",
            input.idempotency_key.as_deref(),
            &input,
            |act| {
                async move {
                    let start = action::enrollment::StartEnrollment {
                        program_slug: wanted.program_slug,
                        unit_id: id::input(Kind::Unit, &wanted.unit_id, "unitId")?,
                        citizen: wanted.citizen.into_new_citizen(wanted.locale.clone()),
                        starts_at: wanted.starts_at,
                        therapist_ids: staff(&wanted.therapist_ids.unwrap_or_default())?,
                        zone: wanted.time_zone,
                        locale: wanted.locale,
                    };
                    action::enrollment::start(act, &start).await
                }
                .boxed()
            },
        );
        Ok(match done.await? {
            Ok(started) => StartEnrollmentPayload {
                enrollment: Enrollment::find(ctx, started.enrollment_id).await?,
                warnings: started.warnings.into_iter().map(Into::into).collect(),
                errors: Vec::new(),
            },
            Err(errors) => StartEnrollmentPayload {
                enrollment: None,
                warnings: Vec::new(),
                errors,
            },
        })
    }

    /// Completes a step.
    async fn complete_step(&self, ctx: &Context<'_>, input: CompleteStepInput) -> Result<CompleteStepPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "completeStep", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let enrollment = id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?;
                let step = id::input_step(&wanted.step_id, enrollment, "stepId")?;
                action::step::complete(act, enrollment, step).await?;
                Ok(enrollment)
            }
            .boxed()
        });
        let (enrollment, errors) = changed(ctx, done.await?).await?;
        Ok(CompleteStepPayload { enrollment, errors })
    }
}
