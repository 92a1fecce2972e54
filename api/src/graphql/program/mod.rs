//! Programs and what they hold.

mod block;
mod content;
mod features;
mod query;

pub use block::{Block, BlockSource};
pub use content::{Module, Section, Step};
pub use features::ProgramFeatures;
pub use query::ProgramQuery;

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use entity::{content::Content, rule};
use uuid::Uuid;

use super::{
    connection,
    error::Result,
    id::{self, Kind},
    measurement::MeasurementKind,
    request,
    rule::Rule,
};

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::program::ProgramKind")]
pub enum ProgramKind {
    /// A support program (stödprogram).
    Support,
    /// A treatment program (behandlingsprogram).
    Treatment,
}

/// The life of a program version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::program_version::VersionStatus")]
pub enum VersionStatus {
    /// Being written.
    Draft,
    /// Being read by others.
    InReview,
    /// In use; it never changes again.
    Published,
    /// No longer started; those who take part go on.
    Retired,
}

/// A support or treatment program, in one language.
pub struct Program {
    pub(super) content: Arc<Content>,
    pub(super) locale: Arc<str>,
}

impl Program {
    /// A published program, in the language of the request; none where it is no longer published.
    pub async fn published(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        let request = request::of(ctx);
        let directory = request.store.directory();
        let mut programs = directory.programs().values();
        let Some(published) = programs.find(|published| published.program.id == id) else {
            return Ok(None);
        };
        let (library, connection) = (request.store.library(), request.store.connection());
        Ok(Some(Self {
            content: library.content(connection, published.version).await?,
            locale: request.language.as_str().into(),
        }))
    }
}

/// A support or treatment program (stödprogram, behandlingsprogram), in one language.
#[Object]
impl Program {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Program, self.content.program.id)
    }

    /// Its name in addresses.
    async fn slug(&self) -> &str {
        &self.content.program.slug
    }

    /// What it is for.
    async fn kind(&self) -> ProgramKind {
        self.content.program.kind.0.into()
    }

    /// What it is called.
    async fn title(&self) -> &str {
        self.content.text(self.content.version.id, "title", &self.locale)
    }

    /// What it is about.
    async fn summary(&self) -> &str {
        self.content.text(self.content.version.id, "summary", &self.locale)
    }

    /// The languages that it is written in (BCP 47).
    async fn locales(&self) -> Vec<&str> {
        self.content.locales()
    }

    /// The version that is started today.
    async fn published_version(&self, ctx: &Context<'_>) -> Option<Result<ProgramVersion>> {
        let request = request::of(ctx);
        let version = request
            .store
            .directory()
            .programs()
            .get(&self.content.program.slug)?
            .version;
        let content = request
            .store
            .library()
            .content(request.store.connection(), version)
            .await;
        Some(
            content
                .map(|content| ProgramVersion {
                    content,
                    locale: self.locale.clone(),
                })
                .map_err(Into::into),
        )
    }

    /// The rules of the program, and those of a unit and of an enrollment where they are named; without those that were
    /// withdrawn. Empty for those who may not see rules.
    #[graphql(complexity = "connection::STATEMENT + 20 * child_complexity")]
    async fn rules(&self, ctx: &Context<'_>, unit_id: Option<ID>, enrollment_id: Option<ID>) -> Result<Vec<Rule>> {
        let request = request::of(ctx);
        let unit = unit_id.and_then(|id| id::of(Kind::Unit, &id));
        let enrollment = enrollment_id.and_then(|id| id::of(Kind::Enrollment, &id));
        let program = self.content.program.id;
        let rules = rule::of_program(&request.store, &request.viewer, program, unit, enrollment).await?;
        Ok(rules.into_iter().map(|row| Rule(Arc::new(row))).collect())
    }
}

/// A version of a program with its content.
pub struct ProgramVersion {
    pub(super) content: Arc<Content>,
    pub(super) locale: Arc<str>,
}

/// A version of a program. What is published never changes.
#[Object]
impl ProgramVersion {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::ProgramVersion, self.content.version.id)
    }

    /// Major and minor: `1.0`.
    async fn number(&self) -> String {
        format!("{}.{}", self.content.version.major, self.content.version.minor)
    }

    /// Where it is in its life.
    async fn status(&self) -> VersionStatus {
        self.content.version.status.0.into()
    }

    /// How long an enrollment lasts, an ISO 8601 duration; without end where absent.
    async fn duration(&self) -> Option<&str> {
        self.content.version.duration.as_deref()
    }

    /// How long citizens can read an enrollment after its end, an ISO 8601 duration; without end where absent.
    async fn readable_for(&self) -> Option<&str> {
        self.content.version.readable_for.as_deref()
    }

    /// Within how many working days of the unit messages are answered: 0 is the same day. As the unit promises, where absent.
    async fn answer_within_days(&self) -> Option<i32> {
        self.content.version.answer_within
    }

    /// Which functions it offers.
    async fn features(&self) -> ProgramFeatures {
        self.content.version.features().into()
    }

    /// What can be measured and registered in it.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn measurement_kinds(&self) -> Result<Vec<MeasurementKind>> {
        let kinds = self.content.version.measurement_kinds()?;
        let kinds = kinds.iter().map(|kind| MeasurementKind::new(kind, &self.locale));
        Ok(kinds.collect())
    }

    /// When it was published.
    async fn published_at(&self) -> Option<DateTime<Utc>> {
        self.content.version.published_at
    }

    /// Its modules, in order.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn modules(&self) -> Vec<Module> {
        Module::all(&self.content, &self.locale)
    }
}
