//! Messages between citizen and staff.

mod attachment;
mod mutation;
mod thread;
mod unit;
mod unit_mutation;

pub use attachment::Attachment;
pub use mutation::MessageMutation;
pub use thread::{MessageDraft, MessageHandOver};
pub use unit::{MessageTemplate, UnitMessage};
pub use unit_mutation::UnitMessageMutation;

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use entity::{error::Error, message, viewer::Who};

use super::{
    actor::ActorKind,
    care::Staff,
    enrollment::Enrollment,
    error::Result,
    flag::Audience,
    id::{self, Kind},
    loader::{AttachmentsOf, MessageKey},
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

    /// Who wrote it: the citizen or a guardian for them; staff, or a rule for them.
    async fn actor(&self) -> ActorKind {
        self.0.actor.0.into()
    }

    /// Who of the staff wrote it; none where the citizen did, or a rule for the unit.
    async fn staff(&self, ctx: &Context<'_>) -> Option<Staff> {
        Staff::all(ctx, self.0.staff_id).pop()
    }

    /// When the other side read it.
    async fn read_at(&self) -> Option<DateTime<Utc>> {
        self.0.read_at
    }

    /// Who of the staff read it, where the citizen wrote it. For staff.
    async fn read_by(&self, ctx: &Context<'_>) -> Option<Staff> {
        match request::of(ctx).viewer.who {
            Who::Staff { .. } | Who::System => Staff::all(ctx, self.0.read_by).pop(),
            Who::Citizen { .. } | Who::Guardian { .. } => None,
        }
    }

    /// Whether the unit sent it to all its citizens.
    async fn to_all(&self) -> bool {
        self.0.unit_message_id.is_some()
    }

    /// Until when the unit promised to answer it, where the citizen wrote it.
    async fn answer_before(&self) -> Option<DateTime<Utc>> {
        self.0.answer_before
    }

    /// When somebody of the staff answered it, or found that it needs no answer.
    async fn answered_at(&self) -> Option<DateTime<Utc>> {
        self.0.answered_at
    }

    /// The files that go with it.
    #[graphql(complexity = "1 + 3 * child_complexity")]
    async fn attachments(&self, ctx: &Context<'_>) -> Result<Vec<Attachment>> {
        let files = request::of(ctx).loads.load_one(AttachmentsOf(self.0.id)).await?;
        Ok(files.unwrap_or_default().iter().cloned().map(Attachment).collect())
    }

    /// The enrollment in whose thread it is.
    async fn enrollment(&self, ctx: &Context<'_>) -> Result<Enrollment> {
        let found = Enrollment::find(ctx, self.0.enrollment_id).await?;
        Ok(found.ok_or_else(|| Error::Corrupt("a message is of no enrollment".to_owned()))?)
    }
}
