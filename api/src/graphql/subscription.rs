//! What happens, as it happens.

use std::time::Duration;

use async_graphql::{Context, ID, Interface, SimpleObject, Subscription};
use chrono::{DateTime, Utc};
use entity::{
    error::UserError,
    event::{self, Cursor, EventKind, Scope},
    flag, response,
    store::Store,
    viewer::{Permission, Viewer},
};
use futures_util::Stream;
use std::sync::Arc;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::{
    enrollment::Enrollment,
    error::Result,
    flag::Flag,
    id::{self, Kind},
    request,
    result::FormResult,
};

/// How long nobody looks where no hint comes: what a lost hint costs.
const POLL: Duration = Duration::from_millis(500);

/// When to look again after a hint that showed nothing: what it tells of is not given while an older transaction is open.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
];

/// How long to wait after the database failed: doubled each time, up to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How many events are read at once.
const BATCH: u64 = 100;

/// Something that happened. A client goes on `after` the last cursor that it has seen.
#[derive(Interface)]
#[graphql(
    field(name = "cursor", ty = "&String", desc = "Where to go on after it."),
    field(name = "at", ty = "&DateTime<Utc>", desc = "When it happened.")
)]
pub enum Activity {
    FlagRaised(FlagRaised),
    ResponseSubmitted(ResponseSubmitted),
    MessageReceived(MessageReceived),
}

/// A flag was raised, or raised again.
#[derive(SimpleObject)]
pub struct FlagRaised {
    /// Where to go on after it.
    cursor: String,
    /// When it happened.
    at: DateTime<Utc>,
    /// The flag as it is now.
    flag: Flag,
}

/// A form was submitted.
#[derive(SimpleObject)]
pub struct ResponseSubmitted {
    /// Where to go on after it.
    cursor: String,
    /// When it happened.
    at: DateTime<Utc>,
    /// The result.
    result: FormResult,
}

/// A message came.
#[derive(SimpleObject)]
pub struct MessageReceived {
    /// Where to go on after it.
    cursor: String,
    /// When it happened.
    at: DateTime<Utc>,
    /// The message.
    message: Message,
}

/// A message between citizen and staff (meddelande).
#[derive(SimpleObject)]
pub struct Message {
    /// Identity.
    id: ID,
    /// When it was sent.
    sent_at: DateTime<Utc>,
    /// What it says.
    body: String,
    /// The enrollment.
    enrollment: Enrollment,
}

/// What happens, as it happens.
#[derive(Default)]
pub struct SubscriptionRoot;

#[Subscription(name = "Subscription")]
impl SubscriptionRoot {
    /// What happens at the unit that the viewer acts at: from now on, or after the cursor of an item seen before.
    async fn unit_activity(
        &self,
        ctx: &Context<'_>,
        unit_id: ID,
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Activity>> + 'static> {
        let request = request::of(ctx);
        let (store, viewer) = (request.store.clone(), request.viewer.clone());
        let unit =
            id::of(Kind::Unit, &unit_id).filter(|unit| viewer.unit() == Some(*unit) && viewer.may(Permission::Treat));
        let unit = unit.ok_or_else(|| UserError::not_found("unitId", "unit"))?;
        // Hints are listened to before the first look, so that nothing falls between the two.
        let mut hints = store.hints();
        let mut cursor = match after {
            Some(after) => after.parse()?,
            None => event::now_cursor(&store).await?,
        };
        Ok(async_stream::stream! {
            let mut again = [].iter();
            let mut pause = PAUSE;
            loop {
                match read(&store, &viewer, unit, cursor).await {
                    Ok(Read { activities, last, more }) => {
                        pause = PAUSE;
                        for activity in activities {
                            yield Ok(activity);
                        }
                        if last != cursor {
                            again = [].iter();
                        }
                        cursor = last;
                        if more {
                            continue;
                        }
                    }
                    // The cursor stands where it stood: nothing is lost, and the client need not know.
                    Err(error) if error.is_transient() => {
                        tracing::warn!(error = error.kind(), "a subscription waits for the database");
                        sleep(pause).await;
                        pause = LONGEST_PAUSE.min(pause * 2);
                        continue;
                    }
                    Err(error) => {
                        yield Err(error.into());
                        return;
                    }
                }
                match timeout(again.next().copied().unwrap_or(POLL), hints.recv()).await {
                    // The bus says that something happened, or that so much did that hints were lost.
                    Ok(Ok(_) | Err(RecvError::Lagged(_))) => again = AGAIN.iter(),
                    // Nothing for a while.
                    Err(_) => {}
                    Ok(Err(RecvError::Closed)) => return,
                }
            }
        })
    }
}

struct Read {
    activities: Vec<Activity>,
    last: Cursor,
    more: bool,
}

/// Reads what came after a cursor. What the viewer may not see, or is gone by now, is left out.
async fn read(store: &Store, viewer: &Viewer, unit: Uuid, cursor: Cursor) -> entity::error::Result<Read> {
    const KINDS: &[EventKind] = &[EventKind::FlagRaised, EventKind::FormCompleted];
    let events = event::after(store, viewer, Scope::Unit(unit), Some(cursor), KINDS, BATCH).await?;
    let subjects = |kind: EventKind| -> Vec<Uuid> {
        events
            .iter()
            .filter(|event| event.kind.0 == kind)
            .filter_map(|event| event.subject_id)
            .collect()
    };
    let raised = subjects(EventKind::FlagRaised);
    let flags = if raised.is_empty() {
        Default::default()
    } else {
        flag::find(store, viewer, &raised).await?
    };
    let submitted = subjects(EventKind::FormCompleted);
    let responses = if submitted.is_empty() {
        Default::default()
    } else {
        response::find(store, viewer, &submitted).await?
    };
    let enrollments: Vec<Uuid> = responses.values().map(|row| row.enrollment_id).collect();
    let enrollments = if enrollments.is_empty() {
        Default::default()
    } else {
        entity::enrollment::find(store, viewer, &enrollments).await?
    };

    let activities = events.iter().filter_map(|event| {
        let (cursor, at, subject) = (event.cursor().to_string(), event.at, event.subject_id?);
        match event.kind.0 {
            EventKind::FlagRaised => {
                let flag = Flag(Arc::new(flags.get(&subject)?.clone()));
                Some(Activity::FlagRaised(FlagRaised { cursor, at, flag }))
            }
            EventKind::FormCompleted => {
                let row = Arc::new(responses.get(&subject)?.clone());
                let locale = enrollments.get(&row.enrollment_id)?.locale.as_str().into();
                let result = FormResult { row, locale };
                Some(Activity::ResponseSubmitted(ResponseSubmitted { cursor, at, result }))
            }
            _ => None,
        }
    });
    Ok(Read {
        activities: activities.collect(),
        last: events.last().map_or(cursor, event::Model::cursor),
        more: u64::try_from(events.len()).is_ok_and(|read| read >= BATCH),
    })
}
