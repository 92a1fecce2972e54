//! Planning activities, ending them, and registering what was done.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::NaiveDate;
use entity::action::activity::{self, Plan, Register};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::{ActivityEntry, PlannedActivity};
use crate::graphql::{
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{Done, mutate},
    scalar::{Duration, LocalTime},
};

/// Plans something for a citizen to do, once or again and again.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanActivityInput {
    /// The enrollment.
    enrollment_id: ID,
    /// What it is.
    #[graphql(secret)]
    title: String,
    /// Its first day, in the enrollment's zone.
    starts_on: NaiveDate,
    /// At which local time; the whole day where absent.
    time: Option<LocalTime>,
    /// How long it takes: from a minute to less than a day.
    duration: Option<Duration>,
    /// On which further days it comes: an RFC 5545 recurrence rule that begins on the first day, e.g. FREQ=WEEKLY;BYDAY=MO,TH.
    repeat: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Ends a planned activity.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndActivityInput {
    /// The activity, by its own id or by that of one of its days: all of it ends.
    activity_id: ID,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Registers one day of a planned activity.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterActivityInput {
    /// The activity, by its own id or by that of one of its days.
    activity_id: ID,
    /// The day, in the enrollment's zone; that of the id, where that is the id of a day.
    occurrence: NaiveDate,
    /// Whether it was done.
    done: bool,
    /// What there is to say about it.
    #[graphql(secret)]
    note: Option<String>,
    /// How it was afterwards, 0 to 10.
    rating: Option<i32>,
    /// How it was beforehand, 0 to 10.
    rating_before: Option<i32>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of planning an activity.
#[derive(SimpleObject)]
pub struct PlanActivityPayload {
    /// The activity.
    activity: Option<PlannedActivity>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of ending an activity.
#[derive(SimpleObject)]
pub struct EndActivityPayload {
    /// The activity.
    activity: Option<PlannedActivity>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of registering an activity.
#[derive(SimpleObject)]
pub struct RegisterActivityPayload {
    /// The registration.
    entry: Option<ActivityEntry>,
    /// What can be mended.
    errors: Vec<UserError>,
}

pub(super) async fn changed(ctx: &Context<'_>, done: Done<Uuid>) -> Result<(Option<PlannedActivity>, Vec<UserError>)> {
    match done {
        Ok(id) => Ok((PlannedActivity::find(ctx, id).await?, Vec::new())),
        Err(errors) => Ok((None, errors)),
    }
}

/// What people do with the activity plan.
#[derive(Default)]
pub struct ActivityMutation;

#[Object]
impl ActivityMutation {
    /// Plans something for a citizen to do, once or again and again. Staff do, and citizens where the program lets them.
    async fn plan_activity(&self, ctx: &Context<'_>, input: PlanActivityInput) -> Result<PlanActivityPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "planActivity", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let plan = Plan {
                    enrollment_id: id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?,
                    title: wanted.title,
                    starts_on: wanted.starts_on,
                    time: wanted.time.map(|time| time.0),
                    duration: wanted.duration.map(|duration| duration.0),
                    repeat: wanted.repeat,
                };
                activity::plan(act, &plan).await
            }
            .boxed()
        });
        let (activity, errors) = changed(ctx, done.await?).await?;
        Ok(PlanActivityPayload { activity, errors })
    }

    /// Ends a planned activity: it comes no more, and what was registered stays. Staff end any, citizens what they planned.
    async fn end_activity(&self, ctx: &Context<'_>, input: EndActivityInput) -> Result<EndActivityPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "endActivity", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let id = id::input_activity(&wanted.activity_id, "activityId")?;
                activity::end(act, id).await
            }
            .boxed()
        });
        let (activity, errors) = changed(ctx, done.await?).await?;
        Ok(EndActivityPayload { activity, errors })
    }

    /// Registers one day of a planned activity, on that day or later. Registering it again corrects it.
    async fn register_activity(
        &self,
        ctx: &Context<'_>,
        input: RegisterActivityInput,
    ) -> Result<RegisterActivityPayload> {
        let wanted = input.clone();
        let done = mutate(
            ctx,
            "registerActivity",
            input.idempotency_key.as_deref(),
            &input,
            |act| {
                async move {
                    let register = Register {
                        activity_id: id::input_activity_on(&wanted.activity_id, wanted.occurrence)?,
                        occurrence: wanted.occurrence,
                        done: wanted.done,
                        note: wanted.note,
                        rating: wanted.rating,
                        rating_before: wanted.rating_before,
                    };
                    activity::register(act, &register).await
                }
                .boxed()
            },
        );
        Ok(match done.await? {
            Ok(id) => RegisterActivityPayload {
                entry: ActivityEntry::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => RegisterActivityPayload { entry: None, errors },
        })
    }
}
