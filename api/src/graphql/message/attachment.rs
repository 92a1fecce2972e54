//! Files that are attached to messages.

use async_graphql::{Context, ID, Object};
use entity::attachment;

use crate::{
    graphql::{
        error::Result,
        id::{self, Kind},
        request,
    },
    http::{attachment::address, download_link},
};

/// A file that is attached to a message.
pub struct Attachment(pub(super) attachment::Model);

/// A file that is attached to a message (bilaga).
#[Object]
impl Attachment {
    /// Identity.
    async fn id(&self) -> ID {
        id::id(Kind::Attachment, self.0.id)
    }

    /// What it is called; it ends as its type does.
    async fn name(&self, ctx: &Context<'_>) -> Result<String> {
        request::opened(ctx, &self.0.name)
    }

    /// Its media type, told by its content: `image/png`.
    async fn media_type(&self) -> &str {
        &self.0.media_type
    }

    /// How large it is, in bytes.
    async fn size(&self) -> i32 {
        self.0.size
    }

    /// Where to download it without a token, below the address of this API. It works for the viewer alone, and for five minutes.
    async fn url(&self, ctx: &Context<'_>) -> Result<String> {
        let request = request::of(ctx);
        let address = address(self.0.id);
        Ok(download_link::sign(&request.store, &request.viewer.who, &address)?)
    }
}
