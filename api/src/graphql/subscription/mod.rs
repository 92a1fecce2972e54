//! What happens, as it happens.

mod feed;
mod item;
mod together;

pub use item::Activity;

use std::time::Duration;

use async_graphql::{Context, ID, Subscription};
use entity::{
    error::UserError,
    event,
    viewer::{Permission, Who},
};
use futures_util::Stream;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{sleep, timeout},
};

use self::{
    feed::{Feed, Read},
    together::Together,
};
use super::{
    error::Result,
    id::{self, Kind},
    request::{self, Request},
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
    ) -> Result<impl Stream<Item = Result<Together>> + 'static> {
        let request = request::of(ctx);
        let viewer = &request.viewer;
        let unit =
            id::of(Kind::Unit, &unit_id).filter(|unit| viewer.unit() == Some(*unit) && viewer.may(Permission::Treat));
        let unit = unit.ok_or_else(|| UserError::not_found("unitId", "unit"))?;
        follow(request, Feed::of_unit(unit), after).await
    }

    /// What comes to the citizen who asks, or to those a guardian acts for: from now on, or after the cursor of an item seen
    /// before.
    async fn my_activity(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Together>> + 'static> {
        let request = request::of(ctx);
        let citizens = match &request.viewer.who {
            Who::Citizen { id } => vec![*id],
            Who::Guardian { citizens, .. } => citizens.clone(),
            Who::Staff { .. } | Who::System => {
                return Err(UserError::not_allowed("Only citizens and guardians have activity of their own.").into());
            }
        };
        follow(request, Feed::of_citizens(citizens), after).await
    }
}

/// What comes of a feed: from now on, or after a cursor.
async fn follow(
    request: &Request,
    feed: Feed,
    after: Option<String>,
) -> Result<impl Stream<Item = Result<Together>> + use<>> {
    let (store, viewer) = (request.store.clone(), request.viewer.clone());
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
            match feed.read(&store, &viewer, cursor).await {
                Ok(Read { activities, last, more }) => {
                    pause = PAUSE;
                    for activity in Together::all(activities) {
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
