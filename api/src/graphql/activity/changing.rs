//! Changing what is planned: an activity from a day on, or one of its days.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::NaiveDate;
use entity::action::activity::changing::{self, Change, Move};
use futures_util::FutureExt;
use serde::Serialize;

use super::{ActivityOccurrence, PlannedActivity, mutation::changed};
use crate::graphql::{
    error::{Result, UserError},
    id,
    mutation::mutate,
    scalar::{Duration, LocalTime},
};

/// Changes a planned activity from a day on. What is left out stays; null takes it away.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeActivityInput {
    /// The activity.
    activity_id: ID,
    /// From which day on, in the enrollment's zone; from today where left out.
    from: Option<NaiveDate>,
    /// What it is.
    #[graphql(secret)]
    title: Option<String>,
    /// At which local time; null for the whole day.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    time: MaybeUndefined<LocalTime>,
    /// How long it takes: from a minute to less than a day.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    duration: MaybeUndefined<Duration>,
    /// On which further days it comes: an RFC 5545 recurrence rule that begins on the first day; null for that day alone. Left
    /// out, its rhythm and count go on.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    repeat: MaybeUndefined<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Moves one day of a planned activity.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MoveOccurrenceInput {
    /// The activity, by its own id or by that of this day.
    activity_id: ID,
    /// The day as it was planned, in the enrollment's zone.
    occurrence: NaiveDate,
    /// The day on which it comes.
    to: NaiveDate,
    /// At which local time then; as planned where left out.
    time: Option<LocalTime>,
    /// Why.
    #[graphql(secret)]
    reason: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Cancels one day of a planned activity.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelOccurrenceInput {
    /// The activity, by its own id or by that of this day.
    activity_id: ID,
    /// The day as it was planned, in the enrollment's zone.
    occurrence: NaiveDate,
    /// Why.
    #[graphql(secret)]
    reason: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of changing an activity.
#[derive(SimpleObject)]
pub struct ChangeActivityPayload {
    /// The activity that takes its place; `replaces` names the one that was changed.
    activity: Option<PlannedActivity>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of moving a day of an activity.
#[derive(SimpleObject)]
pub struct MoveOccurrencePayload {
    /// The day where it is now.
    occurrence: Option<ActivityOccurrence>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of cancelling a day of an activity.
#[derive(SimpleObject)]
pub struct CancelOccurrencePayload {
    /// The activity.
    activity: Option<PlannedActivity>,
    /// What can be mended.
    errors: Vec<UserError>,
}

fn said<T: Copy>(value: &MaybeUndefined<T>) -> Option<Option<T>> {
    value.as_opt_ref().map(|value| value.copied())
}

/// What people change in the activity plan. Staff change anything in it, citizens what they planned themselves.
#[derive(Default)]
pub struct ActivityChangeMutation;

#[Object]
impl ActivityChangeMutation {
    /// Changes a planned activity from a day on: until then it stays as it was, with all that was registered, and from then on
    /// another takes its place.
    async fn change_activity(&self, ctx: &Context<'_>, input: ChangeActivityInput) -> Result<ChangeActivityPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "changeActivity", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let change = Change {
                    activity_id: id::input_activity(&wanted.activity_id, "activityId")?,
                    from: wanted.from,
                    title: wanted.title,
                    time: said(&wanted.time).map(|time| time.map(|time| time.0)),
                    duration: said(&wanted.duration).map(|duration| duration.map(|duration| duration.0)),
                    repeat: wanted.repeat.as_opt_ref().map(|repeat| repeat.cloned()),
                };
                changing::change(act, &change).await
            }
            .boxed()
        });
        let (activity, errors) = changed(ctx, done.await?).await?;
        Ok(ChangeActivityPayload { activity, errors })
    }

    /// Moves one day of a planned activity; one that was cancelled comes again. It is still registered by the day as it was planned.
    async fn move_occurrence(&self, ctx: &Context<'_>, input: MoveOccurrenceInput) -> Result<MoveOccurrencePayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "moveOccurrence", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let shift = Move {
                    activity_id: id::input_activity_on(&wanted.activity_id, wanted.occurrence)?,
                    occurrence: wanted.occurrence,
                    to: wanted.to,
                    time: wanted.time.map(|time| time.0),
                    reason: wanted.reason,
                };
                changing::shift(act, &shift).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => MoveOccurrencePayload {
                occurrence: ActivityOccurrence::find(ctx, id, input.occurrence).await?,
                errors: Vec::new(),
            },
            Err(errors) => MoveOccurrencePayload {
                occurrence: None,
                errors,
            },
        })
    }

    /// Cancels one day of a planned activity: it does not come, and is not missed.
    async fn cancel_occurrence(
        &self,
        ctx: &Context<'_>,
        input: CancelOccurrenceInput,
    ) -> Result<CancelOccurrencePayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "cancelOccurrence", key, &input, |act| {
            async move {
                let activity = id::input_activity_on(&wanted.activity_id, wanted.occurrence)?;
                changing::cancel(act, activity, wanted.occurrence, &wanted.reason).await
            }
            .boxed()
        });
        let (activity, errors) = changed(ctx, done.await?).await?;
        Ok(CancelOccurrencePayload { activity, errors })
    }
}
