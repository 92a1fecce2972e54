//! What a step shows: texts, media and forms.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object};
use entity::{
    block::{self, BlockKind},
    content::{Content, StepContent},
    error::Error,
};
use uuid::Uuid;

use crate::graphql::{
    dispatch::Dispatch,
    error::Result,
    form::Form,
    id::{self, Kind},
    loader::StepDispatchesOf,
    request,
};

/// A piece of a step.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "Identity; below an enrollment, an identity of its own."
))]
pub enum Block {
    /// Formatted text.
    Text(TextBlock),
    /// A picture.
    Image(ImageBlock),
    /// A film.
    Video(VideoBlock),
    /// A recording.
    Audio(AudioBlock),
    /// Something to download.
    File(FileBlock),
    /// A form to answer, or an exercise.
    Form(FormBlock),
}

/// A block and where it is read.
pub struct BlockSource {
    pub(super) content: Arc<Content>,
    pub(super) row: block::Model,
    pub(super) locale: Arc<str>,
    /// The enrollment that it is read in, with who may see its dispatches.
    enrollment: Option<Uuid>,
}

impl Block {
    /// The blocks of a step, as read in an enrollment or by everybody.
    pub fn all(step: &StepContent, content: &Arc<Content>, locale: &Arc<str>, enrollment: Option<Uuid>) -> Vec<Self> {
        let blocks = step.blocks.iter().map(|row| {
            let source = BlockSource {
                content: content.clone(),
                row: row.clone(),
                locale: locale.clone(),
                enrollment,
            };
            match row.kind.0 {
                BlockKind::Text => Self::Text(TextBlock(source)),
                BlockKind::Image => Self::Image(ImageBlock(source)),
                BlockKind::Video => Self::Video(VideoBlock(source)),
                BlockKind::Audio => Self::Audio(AudioBlock(source)),
                BlockKind::File => Self::File(FileBlock(source)),
                BlockKind::Form | BlockKind::Exercise => Self::Form(FormBlock(source)),
            }
        });
        blocks.collect()
    }
}

impl BlockSource {
    fn id(&self) -> ID {
        match self.enrollment {
            Some(enrollment) => id::id_below(Kind::EnrollmentBlock, enrollment, self.row.id),
            None => id::id(Kind::Block, self.row.id),
        }
    }

    fn url(&self) -> &str {
        self.row.url.as_deref().unwrap_or_default()
    }

    /// A text that need not be there.
    fn optional(&self, field: &str) -> Option<&str> {
        Some(self.text(field)).filter(|text| !text.is_empty())
    }

    fn form(&self) -> Result<Form> {
        let form = self.row.form_key.as_ref().and_then(|key| self.content.forms.get(key));
        let form = form.ok_or_else(|| Error::Corrupt("a block names a form that its version lacks".to_owned()))?;
        Ok(Form {
            content: form.clone(),
            locale: self.locale.clone(),
        })
    }

    async fn dispatch(&self, ctx: &Context<'_>) -> Result<Option<Dispatch>> {
        let (Some(enrollment), Some(form)) = (self.enrollment, self.row.form_key.clone()) else {
            return Ok(None);
        };
        let found = request::of(ctx).loads.load_one(StepDispatchesOf(enrollment)).await?;
        let row = found.and_then(|rows| rows.get(&(self.row.step_id, form)).cloned());
        Ok(row.map(|row| Dispatch {
            row,
            locale: self.locale.clone(),
        }))
    }
}

/// Formatted text.
pub struct TextBlock(BlockSource);

/// Formatted text.
#[Object]
impl TextBlock {
    /// Identity.
    async fn id(&self) -> ID {
        self.0.id()
    }

    /// Sanitised HTML.
    async fn html(&self) -> &str {
        self.0.text("html")
    }
}

/// A picture.
pub struct ImageBlock(BlockSource);

/// A picture.
#[Object]
impl ImageBlock {
    /// Identity.
    async fn id(&self) -> ID {
        self.0.id()
    }

    /// Where it is.
    async fn url(&self) -> &str {
        self.0.url()
    }

    /// What it shows, for those who do not see it.
    async fn alt_text(&self) -> &str {
        self.0.text("altText")
    }
}

/// A film.
pub struct VideoBlock(BlockSource);

/// A film.
#[Object]
impl VideoBlock {
    /// Identity.
    async fn id(&self) -> ID {
        self.0.id()
    }

    /// Where it is.
    async fn url(&self) -> &str {
        self.0.url()
    }

    /// How long it is.
    async fn duration_seconds(&self) -> Option<i32> {
        self.0.row.duration_seconds
    }

    /// Where its captions are (WebVTT).
    async fn captions_url(&self) -> Option<&str> {
        self.0.optional("captionsUrl")
    }
}

/// A recording.
pub struct AudioBlock(BlockSource);

/// A recording.
#[Object]
impl AudioBlock {
    /// Identity.
    async fn id(&self) -> ID {
        self.0.id()
    }

    /// Where it is.
    async fn url(&self) -> &str {
        self.0.url()
    }

    /// How long it is.
    async fn duration_seconds(&self) -> Option<i32> {
        self.0.row.duration_seconds
    }

    /// What is said in it.
    async fn transcript(&self) -> Option<&str> {
        self.0.optional("transcript")
    }
}

/// Something to download.
pub struct FileBlock(BlockSource);

/// Something to download.
#[Object]
impl FileBlock {
    /// Identity.
    async fn id(&self) -> ID {
        self.0.id()
    }

    /// Where it is.
    async fn url(&self) -> &str {
        self.0.url()
    }

    /// What it is called.
    async fn title(&self) -> &str {
        self.0.text("title")
    }
}

/// A form to answer; an exercise is a form without scales.
pub struct FormBlock(BlockSource);

/// A form to answer; an exercise is a form without scales.
#[Object]
impl FormBlock {
    /// Identity.
    async fn id(&self) -> ID {
        self.0.id()
    }

    /// Whether it is an exercise.
    async fn exercise(&self) -> bool {
        self.0.row.kind.0 == BlockKind::Exercise
    }

    /// The form.
    async fn form(&self) -> Result<Form> {
        self.0.form()
    }

    /// Below an enrollment, the dispatch that it is answered in, once it was opened.
    async fn dispatch(&self, ctx: &Context<'_>) -> Option<Result<Dispatch>> {
        self.0.dispatch(ctx).await.transpose()
    }
}
