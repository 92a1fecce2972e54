//! Modules, sections and steps of a program version, as everybody reads them.

use std::sync::Arc;

use async_graphql::{ID, Object};
use entity::{
    content::{Content, SectionContent, StepContent},
    module, section, step,
};
use uuid::Uuid;

use super::{Block, BlockSource};
use crate::graphql::id::{self, Kind};

/// A module (modul) of a program version.
pub struct Module {
    content: Arc<Content>,
    at: usize,
    row: module::Model,
    locale: Arc<str>,
}

impl Module {
    pub(super) fn all(content: &Arc<Content>, locale: &Arc<str>) -> Vec<Self> {
        let modules = content.modules.iter().enumerate();
        modules
            .map(|(at, module)| Self {
                content: content.clone(),
                at,
                row: module.row.clone(),
                locale: locale.clone(),
            })
            .collect()
    }

    /// The module of this id.
    pub fn find(content: &Arc<Content>, locale: &Arc<str>, id: Uuid) -> Option<Self> {
        Self::all(content, locale)
            .into_iter()
            .find(|module| module.row.id == id)
    }

    fn all_sections(&self) -> Vec<Section> {
        let sections = self
            .content
            .modules
            .get(self.at)
            .map_or(&[][..], |module| &module.sections);
        let sections = sections.iter().enumerate();
        sections
            .map(|(at, section)| Section {
                content: self.content.clone(),
                at: (self.at, at),
                row: section.row.clone(),
                locale: self.locale.clone(),
            })
            .collect()
    }
}

/// A module (modul) of a program version.
#[Object]
impl Module {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Module, self.row.id)
    }

    /// Unique within the version, and the same in the next.
    async fn key(&self) -> &str {
        &self.row.key
    }

    /// What it is called.
    async fn title(&self) -> &str {
        self.content.text(self.row.id, "title", &self.locale)
    }

    /// The modules that must be completed before it opens, in order.
    #[graphql(complexity = "1 + 3 * child_complexity")]
    async fn prerequisites(&self) -> Vec<Module> {
        let own = self.content.module(self.row.id);
        let before = own.map_or(&[][..], |module| &module.prerequisites);
        let mut modules = Self::all(&self.content, &self.locale);
        modules.retain(|module| before.contains(&module.row.id));
        modules
    }

    /// Its sections, in order.
    #[graphql(complexity = "1 + 4 * child_complexity")]
    async fn sections(&self) -> Vec<Section> {
        self.all_sections()
    }
}

/// A section (avsnitt) of a module.
pub struct Section {
    content: Arc<Content>,
    at: (usize, usize),
    row: section::Model,
    locale: Arc<str>,
}

impl Section {
    /// The section of this id.
    pub fn find(content: &Arc<Content>, locale: &Arc<str>, id: Uuid) -> Option<Self> {
        let (module, _) = content.section(id)?;
        let module = Module::find(content, locale, module.row.id)?;
        module.all_sections().into_iter().find(|section| section.row.id == id)
    }

    fn all_steps(&self) -> Vec<Step> {
        let steps = found(&self.content, self.at).map_or(&[][..], |section| &section.steps);
        let steps = steps.iter().enumerate();
        steps
            .map(|(at, step)| Step {
                content: self.content.clone(),
                at: (self.at.0, self.at.1, at),
                row: step.row.clone(),
                locale: self.locale.clone(),
            })
            .collect()
    }
}

/// A section (avsnitt) of a module.
#[Object]
impl Section {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Section, self.row.id)
    }

    /// Unique within the version, and the same in the next.
    async fn key(&self) -> &str {
        &self.row.key
    }

    /// What it is called.
    async fn title(&self) -> &str {
        self.content.text(self.row.id, "title", &self.locale)
    }

    /// Its steps, in order.
    #[graphql(complexity = "1 + 4 * child_complexity")]
    async fn steps(&self) -> Vec<Step> {
        self.all_steps()
    }
}

fn found(content: &Content, at: (usize, usize)) -> Option<&SectionContent> {
    content.modules.get(at.0)?.sections.get(at.1)
}

/// A step (steg) of a section: what a citizen works through and completes.
pub struct Step {
    content: Arc<Content>,
    at: (usize, usize, usize),
    row: step::Model,
    locale: Arc<str>,
}

impl Step {
    /// The step of this id.
    pub fn find(content: &Arc<Content>, locale: &Arc<str>, id: Uuid) -> Option<Self> {
        let (_, section, _) = content.step(id)?;
        let section = Section::find(content, locale, section.row.id)?;
        section.all_steps().into_iter().find(|step| step.row.id == id)
    }
}

/// A step (steg) of a section: what a citizen works through and completes.
#[Object]
impl Step {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Step, self.row.id)
    }

    /// Unique within the version, and the same in the next.
    async fn key(&self) -> &str {
        &self.row.key
    }

    /// What it is called.
    async fn title(&self) -> &str {
        self.content.text(self.row.id, "title", &self.locale)
    }

    /// How long it takes.
    async fn estimated_minutes(&self) -> Option<i32> {
        self.row.estimated_minutes
    }

    /// What it shows, in order.
    #[graphql(complexity = "1 + 3 * child_complexity")]
    async fn blocks(&self) -> Vec<Block> {
        let step = found(&self.content, (self.at.0, self.at.1)).and_then(|section| section.steps.get(self.at.2));
        step.map(|step: &StepContent| Block::all(step, &self.content, &self.locale, None))
            .unwrap_or_default()
    }
}

impl BlockSource {
    /// The text of a block in the language of the reader.
    pub(super) fn text(&self, field: &str) -> &str {
        self.content.text(self.row.id, field, &self.locale)
    }
}
