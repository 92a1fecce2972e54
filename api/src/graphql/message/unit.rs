//! What a unit writes with: templates, messages to all, and what it promises.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use entity::{message_template, unit_message, viewer::Actor};
use uuid::Uuid;

use crate::graphql::{
    care::Staff,
    connection::{self, Connection, connection},
    enrollment::EnrollmentStatus,
    error::Result,
    id::{self, Kind},
    program::Program,
    request,
};

/// A text that the staff of a unit write messages from.
pub struct MessageTemplate(message_template::Model);

/// A text that the staff of a unit write messages from. It is put into a message as it is.
#[Object]
impl MessageTemplate {
    /// Identity.
    async fn id(&self) -> ID {
        id::id(Kind::MessageTemplate, self.0.id)
    }

    /// What staff find it by.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// What it says: plain text.
    async fn body(&self) -> &str {
        &self.0.body
    }

    /// The language (BCP 47).
    async fn locale(&self) -> &str {
        &self.0.locale
    }

    /// When it was last changed.
    async fn changed_at(&self) -> DateTime<Utc> {
        self.0.changed_at
    }
}

impl MessageTemplate {
    /// The template, for those who write for its unit.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        let request = request::of(ctx);
        let found = message_template::find(request.store.connection(), &request.viewer, id).await?;
        Ok(found.map(Self))
    }

    /// Those of a unit, by title.
    pub async fn of_unit(ctx: &Context<'_>, unit: Uuid, locale: Option<&str>) -> Result<Vec<Self>> {
        let request = request::of(ctx);
        let found = message_template::of_unit(&request.store, &request.viewer, unit, locale).await?;
        Ok(found.into_iter().map(Self).collect())
    }
}

/// A message of a unit to all its citizens.
pub struct UnitMessage(unit_message::Model);

/// A message of a unit to all its citizens, or those in a program or some states: each gets it in their thread, by and by.
#[Object]
impl UnitMessage {
    /// Identity.
    async fn id(&self) -> ID {
        id::id(Kind::UnitMessage, self.0.id)
    }

    /// When it was sent.
    async fn sent_at(&self) -> DateTime<Utc> {
        self.0.sent_at
    }

    /// What it says: plain text.
    async fn body(&self, ctx: &Context<'_>) -> Result<String> {
        request::opened(ctx, &self.0.body)
    }

    /// How many threads it is for.
    async fn recipient_count(&self) -> i32 {
        self.0.recipients
    }

    /// How many have it by now; in the end fewer than it is for where somebody ended meanwhile.
    async fn sent_count(&self) -> i32 {
        self.0.sent
    }

    /// When it had reached everybody.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }

    /// The program whose enrollments alone it is for; none where it is for those of any, or of one that is no longer published.
    async fn program(&self, ctx: &Context<'_>) -> Option<Result<Program>> {
        Program::published(ctx, self.0.program_id?).await.transpose()
    }

    /// The states of the enrollments that it is for.
    async fn statuses(&self) -> Vec<EnrollmentStatus> {
        self.0.states().into_iter().map(Into::into).collect()
    }

    /// Who sent it.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        match self.0.actor.0 {
            Actor::Staff(id) => Staff::all(ctx, [id]).pop(),
            _ => None,
        }
    }
}

impl UnitMessage {
    /// The message to all, for those who write for its unit.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        let request = request::of(ctx);
        let found = unit_message::find(&request.store, &request.viewer, id).await?;
        Ok(found.map(Self))
    }

    /// Those of a unit, the latest first.
    pub async fn page(ctx: &Context<'_>, unit: Uuid, first: i32, after: Option<String>) -> Result<Connection<Self>> {
        let request = request::of(ctx);
        let first = connection::first(first);
        let page = unit_message::page(&request.store, &request.viewer, unit, first, after.as_deref()).await?;
        Ok(connection(page, after.is_some(), Default::default(), Self))
    }
}
