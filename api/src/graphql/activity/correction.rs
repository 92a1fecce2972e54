//! What a registration said until it was corrected.

use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};
use entity::activity_correction;

use crate::graphql::{error::Result, request};

/// What a registration said until it was corrected.
pub struct ActivityCorrection(pub(super) activity_correction::Model);

/// What a registration said until it was corrected.
#[Object]
impl ActivityCorrection {
    /// Whether it was done.
    async fn done(&self) -> bool {
        self.0.done
    }

    /// What the citizen said about it.
    async fn note(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.note.as_ref().map(|note| request::opened(ctx, note))
    }

    /// How it was afterwards, 0 to 10.
    async fn rating(&self) -> Option<i32> {
        self.0.rating
    }

    /// How it was beforehand, 0 to 10.
    async fn rating_before(&self) -> Option<i32> {
        self.0.rating_before
    }

    /// Since when it said so: when it was registered, or corrected to that.
    async fn said_at(&self) -> DateTime<Utc> {
        self.0.said_at
    }

    /// When it was corrected to something else.
    async fn corrected_at(&self) -> DateTime<Utc> {
        self.0.corrected_at
    }
}
