//! Starting a program for many citizens at once.

use std::collections::HashMap;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{action::enrollment as life, error::Outcome};
use futures_util::FutureExt;
use serde::Serialize;

use super::{Enrollment, hand_over::staff, mutation::CitizenInput};
use crate::graphql::{
    error::{Result, UserError},
    id::{self, Kind},
    loader::EnrollmentKey,
    mutation::mutate,
    request,
};

/// Starts a program for many citizens.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartEnrollmentsInput {
    /// The program's slug.
    program_slug: String,
    /// The unit that the viewer acts at.
    unit_id: ID,
    /// Who takes part, at most 200; made known to Handrail where they are not.
    citizens: Vec<CitizenInput>,
    /// When it starts; now where absent.
    starts_at: Option<DateTime<Utc>>,
    /// Who treats.
    therapist_ids: Option<Vec<ID>>,
    /// The IANA time zone; the unit's where absent.
    time_zone: Option<String>,
    /// The language (BCP 47); that of each citizen where absent.
    locale: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of starting a program for one of many.
#[derive(SimpleObject)]
pub struct StartEnrollmentOutcome {
    /// The place among the citizens of the input, counted from 0.
    index: usize,
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What somebody should look at although it was started, as `StartEnrollmentPayload.warnings` says it.
    warnings: Vec<UserError>,
    /// What can be mended, with its way from the input: `["citizens", "0", "email"]`.
    errors: Vec<UserError>,
}

/// What came of starting a program for many.
#[derive(SimpleObject)]
pub struct StartEnrollmentsPayload {
    /// One for each citizen of the input, in its order. None where nobody was started.
    outcomes: Vec<StartEnrollmentOutcome>,
    /// What can be mended for all of them.
    errors: Vec<UserError>,
}

/// Starting a program for many.
#[derive(Default)]
pub struct GroupMutation;

#[Object]
impl GroupMutation {
    /// Starts a program for many citizens, at most 200. One who is refused does not stop the others. Somebody who takes part already
    /// is refused, so that a list can be sent again.
    #[graphql(complexity = "1 + input.citizens.len().max(1) * child_complexity")]
    async fn start_enrollments(
        &self,
        ctx: &Context<'_>,
        input: StartEnrollmentsInput,
    ) -> Result<StartEnrollmentsPayload> {
        let wanted = input.clone();
        let done = mutate(
            ctx,
            "startEnrollments",
            input.idempotency_key.as_deref(),
            &input,
            |act| {
                async move {
                    let start = life::StartEnrollment {
                        program_slug: wanted.program_slug,
                        unit_id: id::input(Kind::Unit, &wanted.unit_id, "unitId")?,
                        starts_at: wanted.starts_at,
                        therapist_ids: staff(&wanted.therapist_ids.unwrap_or_default())?,
                        zone: wanted.time_zone,
                        locale: wanted.locale.clone(),
                        ..life::StartEnrollment::default()
                    };
                    let citizens = wanted.citizens.into_iter();
                    let citizens: Vec<_> = citizens
                        .map(|citizen| citizen.into_new_citizen(wanted.locale.clone()))
                        .collect();
                    life::start_all(act, &start, &citizens).await
                }
                .boxed()
            },
        );
        Ok(match done.await? {
            Ok(outcomes) => StartEnrollmentsPayload {
                outcomes: told(ctx, outcomes).await?,
                errors: Vec::new(),
            },
            Err(errors) => StartEnrollmentsPayload {
                outcomes: Vec::new(),
                errors,
            },
        })
    }
}

async fn told(ctx: &Context<'_>, outcomes: Vec<Outcome<life::Started>>) -> Result<Vec<StartEnrollmentOutcome>> {
    let started = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok());
    let started = started.map(|started| EnrollmentKey(started.enrollment_id));
    let mut enrollments: HashMap<_, _> = request::of(ctx).loads.load_many(started).await?;
    let outcomes = outcomes.into_iter().enumerate();
    Ok(outcomes
        .map(|(index, outcome)| match outcome {
            Ok(started) => StartEnrollmentOutcome {
                index,
                enrollment: enrollments
                    .remove(&EnrollmentKey(started.enrollment_id))
                    .map(Enrollment::new),
                warnings: started.warnings.into_iter().map(Into::into).collect(),
                errors: Vec::new(),
            },
            Err(refused) => StartEnrollmentOutcome {
                index,
                enrollment: None,
                warnings: Vec::new(),
                errors: refused.into_iter().map(Into::into).collect(),
            },
        })
        .collect())
}
