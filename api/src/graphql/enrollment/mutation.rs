//! Starting an enrollment, working through it, and changing what it shows.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    action::{self, citizen::NewCitizen, content_override},
    error::UserError as Refusal,
};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::Enrollment;
use crate::graphql::{
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{Done, mutate, only},
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

/// Shows, hides or opens a module or a section for one enrollment.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeVisibilityInput {
    /// The enrollment.
    enrollment_id: ID,
    /// The module, or else `sectionKey`.
    module_key: Option<String>,
    /// The section, or else `moduleKey`.
    section_key: Option<String>,
    /// Whether it is shown; as it was where absent.
    visible: Option<bool>,
    /// From when it is open; as it was where absent.
    opens_at: Option<DateTime<Utc>>,
    /// Why.
    reason: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of starting an enrollment.
#[derive(SimpleObject)]
pub struct StartEnrollmentPayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
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

/// What came of showing or hiding something.
#[derive(SimpleObject)]
pub struct ChangeVisibilityPayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What can be mended.
    errors: Vec<UserError>,
}

async fn changed(ctx: &Context<'_>, done: Done<Uuid>) -> Result<(Option<Enrollment>, Vec<UserError>)> {
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
    /// Starts a program for a citizen.
    async fn start_enrollment(&self, ctx: &Context<'_>, input: StartEnrollmentInput) -> Result<StartEnrollmentPayload> {
        let wanted = input.clone();
        let done = mutate(
            ctx,
            "startEnrollment",
            input.idempotency_key.as_deref(),
            &input,
            |act| {
                async move {
                    let therapists = wanted.therapist_ids.into_iter().flatten();
                    let start = action::enrollment::StartEnrollment {
                        program_slug: wanted.program_slug,
                        unit_id: id::input(Kind::Unit, &wanted.unit_id, "unitId")?,
                        citizen: NewCitizen {
                            personal_identity_number: wanted.citizen.personal_identity_number,
                            given_name: wanted.citizen.given_name,
                            family_name: wanted.citizen.family_name,
                            email: wanted.citizen.email,
                            phone: wanted.citizen.phone,
                            locale: wanted.locale.clone(),
                            ..NewCitizen::default()
                        },
                        starts_at: wanted.starts_at,
                        therapist_ids: therapists
                            .map(|id| id::input(Kind::Staff, &id, "therapistIds"))
                            .collect::<entity::error::Result<_>>()?,
                        zone: wanted.time_zone,
                        locale: wanted.locale,
                    };
                    action::enrollment::start(act, &start).await
                }
                .boxed()
            },
        );
        let (enrollment, errors) = changed(ctx, done.await?).await?;
        Ok(StartEnrollmentPayload { enrollment, errors })
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

    /// Shows, hides or opens a module or a section for one enrollment.
    async fn change_visibility(
        &self,
        ctx: &Context<'_>,
        input: ChangeVisibilityInput,
    ) -> Result<ChangeVisibilityPayload> {
        let wanted = input.clone();
        let done = mutate(
            ctx,
            "changeVisibility",
            input.idempotency_key.as_deref(),
            &input,
            |act| {
                async move {
                    let enrollment_id = id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?;
                    let target = match (wanted.module_key, wanted.section_key) {
                        (Some(module), None) => content_override::Target::Module(module),
                        (None, Some(section)) => content_override::Target::Section(section),
                        _ => {
                            let message = "Name either a module or a section.";
                            return Err(Refusal::new("REQUIRED", "moduleKey", message).into());
                        }
                    };
                    let change = content_override::Change {
                        enrollment_id,
                        target,
                        visible: wanted.visible,
                        opens_at: wanted.opens_at,
                        open: false,
                        reason: wanted.reason,
                        cause: act.cause(),
                    };
                    only(content_override::change(act, &[change]).await?)?;
                    Ok(enrollment_id)
                }
                .boxed()
            },
        );
        let (enrollment, errors) = changed(ctx, done.await?).await?;
        Ok(ChangeVisibilityPayload { enrollment, errors })
    }
}
