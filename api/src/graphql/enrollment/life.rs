//! What staff do with the life of an enrollment: start what is planned, move it in time, pause, resume, complete, withdraw.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    act::Act,
    action::enrollment::{self as life, StatusChange},
};
use futures_util::{FutureExt, future::BoxFuture};
use rules::facts::Status;
use serde::Serialize;
use uuid::Uuid;

use super::{Enrollment, mutation::changed};
use crate::graphql::{
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{mutate, only},
};

/// Which enrollment is changed, and why.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedEnrollmentInput {
    /// The enrollment.
    enrollment_id: ID,
    /// Why. Staff read it, and the citizen what they wrote themselves.
    #[graphql(secret)]
    reason: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Starts a planned enrollment now.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivateEnrollmentInput {
    /// Which one, and why.
    #[graphql(flatten)]
    #[serde(flatten)]
    of: ChangedEnrollmentInput,
}

/// Pauses an enrollment.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PauseEnrollmentInput {
    /// Which one, and why.
    #[graphql(flatten)]
    #[serde(flatten)]
    of: ChangedEnrollmentInput,
    /// When it goes on by itself; when somebody resumes it, where absent.
    resumes_at: Option<DateTime<Utc>>,
}

/// Resumes a paused enrollment now.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResumeEnrollmentInput {
    /// Which one, and why.
    #[graphql(flatten)]
    #[serde(flatten)]
    of: ChangedEnrollmentInput,
}

/// Prolongs or shortens an enrollment.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProlongEnrollmentInput {
    /// Which one, and why.
    #[graphql(flatten)]
    #[serde(flatten)]
    of: ChangedEnrollmentInput,
    /// When it is to end: later than now.
    ends_at: DateTime<Utc>,
}

/// Completes an enrollment now.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompleteEnrollmentInput {
    /// Which one, and why.
    #[graphql(flatten)]
    #[serde(flatten)]
    of: ChangedEnrollmentInput,
}

/// Ends an enrollment before its time.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawEnrollmentInput {
    /// Which one, and why.
    #[graphql(flatten)]
    #[serde(flatten)]
    of: ChangedEnrollmentInput,
}

/// Moves the start of a planned enrollment.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RescheduleStartInput {
    /// Which one, and why.
    #[graphql(flatten)]
    #[serde(flatten)]
    of: ChangedEnrollmentInput,
    /// When it is to start: later than now.
    starts_at: DateTime<Utc>,
}

/// Payloads that are the enrollment and what can be mended.
macro_rules! payloads {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// The enrollment.
            enrollment: Option<Enrollment>,
            /// What can be mended.
            errors: Vec<UserError>,
        }
    )*};
}

payloads! {
    /// What came of starting a planned enrollment.
    ActivateEnrollmentPayload;
    /// What came of pausing an enrollment.
    PauseEnrollmentPayload;
    /// What came of resuming an enrollment.
    ResumeEnrollmentPayload;
    /// What came of moving an enrollment's end.
    ProlongEnrollmentPayload;
    /// What came of completing an enrollment.
    CompleteEnrollmentPayload;
    /// What came of withdrawing from an enrollment. No enrollment where its program lets citizens read nothing after the end.
    WithdrawEnrollmentPayload;
    /// What came of moving an enrollment's start.
    RescheduleStartPayload;
}

/// Changes one enrollment for a reason; gives it as the viewer sees it then.
async fn change<F>(
    ctx: &Context<'_>,
    operation: &str,
    input: &(impl Serialize + Sync),
    of: &ChangedEnrollmentInput,
    action: F,
) -> Result<(Option<Enrollment>, Vec<UserError>)>
where
    F: for<'a> FnOnce(&'a mut Act, Uuid, Option<String>) -> BoxFuture<'a, entity::error::Result<Uuid>> + Send + 'static,
{
    let (enrollment, reason) = (of.enrollment_id.clone(), of.reason.clone());
    let done = mutate(ctx, operation, of.idempotency_key.as_deref(), input, |act| {
        async move {
            let id = id::input(Kind::Enrollment, &enrollment, "enrollmentId")?;
            action(act, id, reason).await
        }
        .boxed()
    });
    changed(ctx, done.await?).await
}

/// Brings one enrollment into a state.
async fn become_(
    act: &mut Act,
    enrollment_id: Uuid,
    status: Status,
    resumes_at: Option<DateTime<Utc>>,
    reason: Option<String>,
) -> entity::error::Result<Uuid> {
    let change = StatusChange {
        enrollment_id,
        status,
        resumes_at,
        reason,
    };
    let cause = act.cause();
    only(life::change_status(act, &[change], cause).await?)
}

/// What staff do with the life of an enrollment.
#[derive(Default)]
pub struct LifeMutation;

#[Object]
impl LifeMutation {
    /// Starts a planned enrollment now. It lasts as long as its program says, unless somebody chose another end.
    async fn activate_enrollment(
        &self,
        ctx: &Context<'_>,
        input: ActivateEnrollmentInput,
    ) -> Result<ActivateEnrollmentPayload> {
        let changed = change(ctx, "activateEnrollment", &input, &input.of, |act, id, reason| {
            life::activate(act, id, reason).boxed()
        });
        let (enrollment, errors) = changed.await?;
        Ok(ActivateEnrollmentPayload { enrollment, errors })
    }

    /// Pauses an enrollment: nothing is open to the citizen, and its rules rest. Of one that is paused, it says anew when that
    /// ends: by hand alone where `resumesAt` is left out.
    async fn pause_enrollment(&self, ctx: &Context<'_>, input: PauseEnrollmentInput) -> Result<PauseEnrollmentPayload> {
        let resumes_at = input.resumes_at;
        let changed = change(ctx, "pauseEnrollment", &input, &input.of, move |act, id, reason| {
            become_(act, id, Status::Paused, resumes_at, reason).boxed()
        });
        let (enrollment, errors) = changed.await?;
        Ok(PauseEnrollmentPayload { enrollment, errors })
    }

    /// Resumes a paused enrollment now.
    async fn resume_enrollment(
        &self,
        ctx: &Context<'_>,
        input: ResumeEnrollmentInput,
    ) -> Result<ResumeEnrollmentPayload> {
        let changed = change(ctx, "resumeEnrollment", &input, &input.of, |act, id, reason| {
            life::resume(act, id, reason).boxed()
        });
        let (enrollment, errors) = changed.await?;
        Ok(ResumeEnrollmentPayload { enrollment, errors })
    }

    /// Prolongs or shortens an enrollment. Rules that count from its end count from the new one.
    async fn prolong_enrollment(
        &self,
        ctx: &Context<'_>,
        input: ProlongEnrollmentInput,
    ) -> Result<ProlongEnrollmentPayload> {
        let ends_at = input.ends_at;
        let changed = change(ctx, "prolongEnrollment", &input, &input.of, move |act, id, reason| {
            async move { life::set_end(act, id, ends_at, reason.as_deref()).await }.boxed()
        });
        let (enrollment, errors) = changed.await?;
        Ok(ProlongEnrollmentPayload { enrollment, errors })
    }

    /// Completes an enrollment now. What is still to be answered is taken back; the citizen can read on for as long as the program
    /// says.
    async fn complete_enrollment(
        &self,
        ctx: &Context<'_>,
        input: CompleteEnrollmentInput,
    ) -> Result<CompleteEnrollmentPayload> {
        let changed = change(ctx, "completeEnrollment", &input, &input.of, |act, id, reason| {
            become_(act, id, Status::Completed, None, reason).boxed()
        });
        let (enrollment, errors) = changed.await?;
        Ok(CompleteEnrollmentPayload { enrollment, errors })
    }

    /// Ends an enrollment before its time, also one that is planned. A citizen withdraws from what they started by themselves; from
    /// the rest staff withdraw them.
    async fn withdraw_enrollment(
        &self,
        ctx: &Context<'_>,
        input: WithdrawEnrollmentInput,
    ) -> Result<WithdrawEnrollmentPayload> {
        let changed = change(ctx, "withdrawEnrollment", &input, &input.of, |act, id, reason| {
            become_(act, id, Status::Withdrawn, None, reason).boxed()
        });
        let (enrollment, errors) = changed.await?;
        Ok(WithdrawEnrollmentPayload { enrollment, errors })
    }

    /// Moves the start of a planned enrollment, and its end with it unless somebody chose that.
    async fn reschedule_start(&self, ctx: &Context<'_>, input: RescheduleStartInput) -> Result<RescheduleStartPayload> {
        let starts_at = input.starts_at;
        let changed = change(ctx, "rescheduleStart", &input, &input.of, move |act, id, reason| {
            async move { life::set_start(act, id, starts_at, reason.as_deref()).await }.boxed()
        });
        let (enrollment, errors) = changed.await?;
        Ok(RescheduleStartPayload { enrollment, errors })
    }
}
