//! What belongs to the thread of an enrollment beside its messages: drafts and who looks after it.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use entity::{assignment::Role, enrollment, message_draft, message_handover, viewer::Actor};
use uuid::Uuid;

use crate::graphql::{
    care::Staff,
    error::Result,
    id::{self, Kind},
    loader::{DraftOf, HandOversOf},
    request,
};

/// What the viewer has begun to write in a thread.
pub struct MessageDraft(message_draft::Model);

/// What the viewer has begun to write in a thread and not sent; nobody else sees it.
#[Object]
impl MessageDraft {
    /// What it says so far.
    async fn body(&self, ctx: &Context<'_>) -> Result<String> {
        request::opened(ctx, &self.0.body)
    }

    /// When it was last saved.
    async fn saved_at(&self) -> DateTime<Utc> {
        self.0.saved_at
    }
}

impl MessageDraft {
    /// The viewer's draft in an enrollment's thread.
    pub async fn of(ctx: &Context<'_>, enrollment: Uuid) -> Result<Option<Self>> {
        let draft = request::of(ctx).loads.load_one(DraftOf(enrollment)).await?;
        Ok(draft.map(|draft| Self((*draft).clone())))
    }
}

/// That a thread was handed over.
pub struct MessageHandOver(pub(in crate::graphql) message_handover::Model);

/// That a thread was handed over.
#[Object]
impl MessageHandOver {
    /// Identity.
    async fn id(&self) -> ID {
        id::id(Kind::MessageHandOver, self.0.id)
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// Who looks after it from then on; all who treat where nobody is named.
    async fn to(&self, ctx: &Context<'_>) -> Option<Staff> {
        Staff::all(ctx, self.0.staff_id).pop()
    }

    /// What the receiver should know.
    async fn note(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.note.as_ref().map(|note| request::opened(ctx, note))
    }

    /// Who handed it over.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        match self.0.actor.0 {
            Actor::Staff(id) => Staff::all(ctx, [id]).pop(),
            _ => None,
        }
    }
}

impl MessageHandOver {
    /// The hand-overs of an enrollment's thread, the latest first.
    pub async fn history(ctx: &Context<'_>, enrollment: Uuid) -> Result<Vec<Self>> {
        let history = request::of(ctx).loads.load_one(HandOversOf(enrollment)).await?;
        Ok(history.unwrap_or_default().iter().cloned().map(Self).collect())
    }

    /// Who looks after an enrollment's thread: nobody in particular once they do not treat at its unit any more.
    pub async fn responsible(ctx: &Context<'_>, enrollment: &enrollment::Model) -> Result<Option<Staff>> {
        let history = request::of(ctx).loads.load_one(HandOversOf(enrollment.id)).await?;
        let history = history.unwrap_or_default();
        let directory = request::of(ctx).store.directory();
        let named = history.first().and_then(|last| last.staff_id);
        let there = named.filter(|staff| directory.has_role(*staff, enrollment.unit_id, Role::Therapist));
        Ok(Staff::all(ctx, there).pop())
    }
}
