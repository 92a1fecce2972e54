//! When units are open.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::NaiveDate;
use entity::{action, office_hours::OpenHours};
use futures_util::FutureExt;
use serde::Serialize;

use super::{
    care::Unit,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
    scalar::LocalTime,
};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "entity::office_hours::Day")]
#[serde(rename_all = "UPPERCASE")]
pub enum Weekday {
    /// Monday.
    Mo,
    /// Tuesday.
    Tu,
    /// Wednesday.
    We,
    /// Thursday.
    Th,
    /// Friday.
    Fr,
    /// Saturday.
    Sa,
    /// Sunday.
    Su,
}

/// Hours in which a unit is open, every week.
#[derive(SimpleObject)]
pub struct OfficeHours {
    /// The day of the week.
    day: Weekday,
    /// From when, local time.
    from: LocalTime,
    /// Until when, local time; `00:00` is the end of the day.
    until: LocalTime,
}

impl From<OpenHours> for OfficeHours {
    fn from(opening: OpenHours) -> Self {
        Self {
            day: opening.day.into(),
            from: LocalTime(opening.from),
            until: LocalTime(opening.until),
        }
    }
}

/// Hours in which a unit is open, every week.
#[derive(Clone, Debug, InputObject, Serialize)]
pub struct OfficeHoursInput {
    /// The day of the week.
    day: Weekday,
    /// From when, local time (`08:00`).
    from: LocalTime,
    /// Until when, local time; `00:00` is the end of the day.
    until: LocalTime,
}

impl From<&OfficeHoursInput> for OpenHours {
    fn from(input: &OfficeHoursInput) -> Self {
        Self {
            day: input.day.into(),
            from: input.from.0,
            until: input.until.0,
        }
    }
}

/// Says when a unit is open: what escalates in office hours waits for it to open.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetOfficeHoursInput {
    /// The unit.
    unit_id: ID,
    /// When it is open every week; always, where empty.
    office_hours: Vec<OfficeHoursInput>,
    /// The local dates on which it is closed all the same.
    #[graphql(default)]
    closed_days: Vec<NaiveDate>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of saying when a unit is open.
#[derive(SimpleObject)]
pub struct SetOfficeHoursPayload {
    /// The unit.
    unit: Option<Unit>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// Saying when units are open.
#[derive(Default)]
pub struct OfficeHoursMutation;

#[Object]
impl OfficeHoursMutation {
    /// Says when a unit is open. Administrators of the unit or its provider do.
    async fn set_office_hours(&self, ctx: &Context<'_>, input: SetOfficeHoursInput) -> Result<SetOfficeHoursPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "setOfficeHours", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let unit = id::input(Kind::Unit, &wanted.unit_id, "unitId")?;
                let hours: Vec<OpenHours> = wanted.office_hours.iter().map(Into::into).collect();
                action::office_hours::set(act, unit, &hours, &wanted.closed_days).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => SetOfficeHoursPayload {
                unit: Unit::anew(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SetOfficeHoursPayload { unit: None, errors },
        })
    }
}
