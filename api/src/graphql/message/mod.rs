//! Messages between citizen and staff.

mod mutation;

pub use mutation::MessageMutation;

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use entity::{error::Error, message};

use super::{
    care::Staff,
    enrollment::Enrollment,
    error::Result,
    flag::Audience,
    id::{self, Kind},
    loader::MessageKey,
    request,
};

/// A message between citizen and staff.
pub struct Message(pub(super) Arc<message::Model>);

impl Message {
    /// The message, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Self>> {
        Ok(request::of(ctx).loads.load_one(MessageKey(id)).await?.map(Self))
    }
}

/// A message between citizen and staff (meddelande).
#[Object]
impl Message {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Message, self.0.id)
    }

    /// When it was sent.
    async fn sent_at(&self) -> DateTime<Utc> {
        self.0.sent_at
    }

    /// What it says: plain text, in which line breaks count.
    async fn body(&self, ctx: &Context<'_>) -> Result<String> {
        request::opened(ctx, &self.0.body)
    }

    /// Which side wrote it: the citizen, or a guardian for them; or the staff, or a rule for them.
    async fn from(&self) -> Audience {
        self.0.sender.0.into()
    }

    /// Who of the staff wrote it; none where the citizen did, or a rule for the unit.
    async fn staff(&self, ctx: &Context<'_>) -> Option<Staff> {
        Staff::all(ctx, self.0.staff_id).pop()
    }

    /// When the other side read it.
    async fn read_at(&self) -> Option<DateTime<Utc>> {
        self.0.read_at
    }

    /// The enrollment in whose thread it is.
    async fn enrollment(&self, ctx: &Context<'_>) -> Result<Enrollment> {
        let found = Enrollment::find(ctx, self.0.enrollment_id).await?;
        Ok(found.ok_or_else(|| Error::Corrupt("a message is of no enrollment".to_owned()))?)
    }
}
