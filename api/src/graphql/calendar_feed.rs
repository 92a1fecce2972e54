//! The secret link under which a citizen's own calendar fetches the days of their activity plans.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{action, calendar_feed as record};
use futures_util::FutureExt;
use serde::Serialize;

use super::{
    citizen::Citizen,
    error::{Result, UserError},
    mutation::mutate,
    request,
};

/// The address of this server, as calendars reach it.
pub struct PublicUrl(pub String);

/// That a citizen has a link for their calendar; the link itself is told once, when it is made.
#[derive(SimpleObject)]
pub struct CalendarFeed {
    /// When it was made.
    created_at: DateTime<Utc>,
}

impl From<&record::Model> for CalendarFeed {
    fn from(row: &record::Model) -> Self {
        Self {
            created_at: row.created_at,
        }
    }
}

/// Makes a link for one's own calendar.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateCalendarFeedInput {
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Takes back the link for one's own calendar.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokeCalendarFeedInput {
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of making a link.
#[derive(SimpleObject)]
pub struct CreateCalendarFeedPayload {
    /// Where the calendar is (iCalendar, RFC 5545). Whoever has the link sees when something is planned, and not what. It is told
    /// now and never again; none where it leads nowhere any more.
    url: Option<String>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of taking back a link.
#[derive(SimpleObject)]
pub struct RevokeCalendarFeedPayload {
    /// The citizen.
    citizen: Option<Citizen>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What citizens do with the link for their calendar.
#[derive(Default)]
pub struct CalendarFeedMutation;

#[Object]
impl CalendarFeedMutation {
    /// Makes a link under which one's own calendar fetches when something is planned: of the last month and the next year, and
    /// without saying what. The link before leads nowhere from now on.
    async fn create_calendar_feed(
        &self,
        ctx: &Context<'_>,
        input: CreateCalendarFeedInput,
    ) -> Result<CreateCalendarFeedPayload> {
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "createCalendarFeed", key, &input, |act| {
            action::calendar_feed::create(act).boxed()
        });
        let id = match done.await? {
            Ok(id) => id,
            Err(errors) => return Ok(CreateCalendarFeedPayload { url: None, errors }),
        };
        let request = request::of(ctx);
        let secret = record::secret(&request.store, &request.viewer, id).await?;
        let PublicUrl(server) = ctx.data_unchecked::<PublicUrl>();
        Ok(CreateCalendarFeedPayload {
            url: secret.map(|secret| format!("{server}/calendar/{secret}.ics")),
            errors: Vec::new(),
        })
    }

    /// Takes back the link for one's own calendar: it leads nowhere from now on.
    async fn revoke_calendar_feed(
        &self,
        ctx: &Context<'_>,
        input: RevokeCalendarFeedInput,
    ) -> Result<RevokeCalendarFeedPayload> {
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "revokeCalendarFeed", key, &input, |act| {
            action::calendar_feed::revoke(act).boxed()
        });
        Ok(match done.await? {
            Ok(id) => RevokeCalendarFeedPayload {
                citizen: Some(Citizen(id)),
                errors: Vec::new(),
            },
            Err(errors) => RevokeCalendarFeedPayload { citizen: None, errors },
        })
    }
}
