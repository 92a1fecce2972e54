//! Modules, sections and steps as one enrollment has them: what is shown, what is open, what is done.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use entity::{
    content::{Content, ModuleContent, SectionContent, StepContent},
    enrollment, module,
    progress::Overlay,
    section, step,
};
use uuid::Uuid;

use super::{Availability, Progress, visibility::VisibilityChange};
use crate::graphql::{
    connection,
    id::{self, Kind},
    program::Block,
};

/// Content with what differs for one enrollment.
pub struct Taken {
    pub(super) enrollment: Arc<enrollment::Model>,
    pub(super) content: Arc<Content>,
    pub(super) overlay: Arc<Overlay>,
    pub(super) locale: Arc<str>,
    pub(super) now: DateTime<Utc>,
    pub(super) shows_hidden: bool,
}

impl Taken {
    pub(super) fn modules(self: &Arc<Self>) -> Vec<EnrollmentModule> {
        let shown = self.content.modules.iter().filter(|module| self.shows_module(module));
        shown.map(|module| self.module(module)).collect()
    }

    pub(super) fn next_step(self: &Arc<Self>) -> Option<EnrollmentStep> {
        let (.., step) = self.overlay.next_step(&self.content, &self.enrollment, self.now)?;
        self.step_by_id(step)
    }

    /// A module that this viewer sees.
    pub(super) fn module_by_id(self: &Arc<Self>, id: Uuid) -> Option<EnrollmentModule> {
        let module = self.content.module(id).filter(|module| self.shows_module(module))?;
        Some(self.module(module))
    }

    /// A section that this viewer sees.
    pub(super) fn section_by_id(self: &Arc<Self>, id: Uuid) -> Option<EnrollmentSection> {
        let (module, section) = self.content.section(id)?;
        (self.shows_module(module) && self.shows_section(section)).then(|| self.section(section))
    }

    /// A step that this viewer sees.
    pub(super) fn step_by_id(self: &Arc<Self>, id: Uuid) -> Option<EnrollmentStep> {
        let (module, section, step) = self.content.step(id)?;
        (self.shows_module(module) && self.shows_section(section)).then(|| self.step(step, module.row.id))
    }

    fn shows_module(&self, module: &ModuleContent) -> bool {
        self.shows_hidden || self.overlay.module_visible(module.row.id, self.now)
    }

    fn shows_section(&self, section: &SectionContent) -> bool {
        self.shows_hidden || self.overlay.section_visible(section.row.id, self.now)
    }

    fn module(self: &Arc<Self>, module: &ModuleContent) -> EnrollmentModule {
        EnrollmentModule {
            taken: self.clone(),
            row: module.row.clone(),
        }
    }

    fn section(self: &Arc<Self>, section: &SectionContent) -> EnrollmentSection {
        EnrollmentSection {
            taken: self.clone(),
            row: section.row.clone(),
        }
    }

    fn step(self: &Arc<Self>, step: &StepContent, module: Uuid) -> EnrollmentStep {
        EnrollmentStep {
            taken: self.clone(),
            row: step.row.clone(),
            module,
        }
    }

    /// Whether the citizen may read what a section holds. Staff always may.
    fn opens(&self, section: Uuid) -> bool {
        self.shows_hidden || {
            let (content, enrollment) = (&self.content, &self.enrollment);
            self.overlay
                .section_availability(content, enrollment, section, self.now)
                .open
        }
    }

    fn text(&self, subject: Uuid) -> &str {
        self.content.text(subject, "title", &self.locale)
    }
}

/// A module as one enrollment has it.
pub struct EnrollmentModule {
    taken: Arc<Taken>,
    row: module::Model,
}

/// A module (modul) as one enrollment has it.
#[Object]
impl EnrollmentModule {
    /// Identity in this enrollment.
    pub async fn id(&self) -> ID {
        id::id_below(Kind::EnrollmentModule, self.taken.enrollment.id, self.row.id)
    }

    /// Unique within the version.
    async fn key(&self) -> &str {
        &self.row.key
    }

    /// What it is called.
    async fn title(&self) -> &str {
        self.taken.text(self.row.id)
    }

    /// Whether it is shown to the citizen.
    async fn visible(&self) -> bool {
        self.taken.overlay.module_visible(self.row.id, self.taken.now)
    }

    /// Whether it may be opened.
    async fn availability(&self) -> Availability {
        let taken = &self.taken;
        let (overlay, content, enrollment) = (&taken.overlay, &taken.content, &taken.enrollment);
        Availability {
            taken: taken.clone(),
            of: overlay.module_availability(content, enrollment, self.row.id, taken.now),
        }
    }

    /// How far the citizen has come in it.
    async fn progress(&self) -> Progress {
        self.taken
            .overlay
            .module_progress(&self.taken.content, self.row.id, self.taken.now)
            .into()
    }

    /// The last times that somebody showed, hid or opened it, the latest first. For staff who treat; nothing for everybody else.
    #[graphql(complexity = "connection::cost(last, child_complexity)")]
    async fn visibility_history(&self, ctx: &Context<'_>, #[graphql(default = 20)] last: i32) -> Vec<VisibilityChange> {
        VisibilityChange::last(ctx, &self.taken, last, |row| row.module_id == Some(self.row.id))
    }

    /// Its sections, in order.
    #[graphql(complexity = "1 + 4 * child_complexity")]
    async fn sections(&self) -> Vec<EnrollmentSection> {
        let sections = self
            .taken
            .content
            .module(self.row.id)
            .into_iter()
            .flat_map(|module| &module.sections);
        let shown = sections.filter(|section| self.taken.shows_section(section));
        shown.map(|section| self.taken.section(section)).collect()
    }
}

/// A section as one enrollment has it.
pub struct EnrollmentSection {
    taken: Arc<Taken>,
    row: section::Model,
}

/// A section (avsnitt) as one enrollment has it.
#[Object]
impl EnrollmentSection {
    /// Identity in this enrollment.
    pub async fn id(&self) -> ID {
        id::id_below(Kind::EnrollmentSection, self.taken.enrollment.id, self.row.id)
    }

    /// Unique within the version.
    async fn key(&self) -> &str {
        &self.row.key
    }

    /// What it is called.
    async fn title(&self) -> &str {
        self.taken.text(self.row.id)
    }

    /// Whether it is shown to the citizen, where its module is.
    async fn visible(&self) -> bool {
        self.taken.overlay.section_visible(self.row.id, self.taken.now)
    }

    /// Whether it may be opened.
    async fn availability(&self) -> Availability {
        let taken = &self.taken;
        let (overlay, content, enrollment) = (&taken.overlay, &taken.content, &taken.enrollment);
        Availability {
            taken: taken.clone(),
            of: overlay.section_availability(content, enrollment, self.row.id, taken.now),
        }
    }

    /// The last times that somebody showed, hid or opened it, the latest first. For staff who treat; nothing for everybody else.
    #[graphql(complexity = "connection::cost(last, child_complexity)")]
    async fn visibility_history(&self, ctx: &Context<'_>, #[graphql(default = 20)] last: i32) -> Vec<VisibilityChange> {
        VisibilityChange::last(ctx, &self.taken, last, |row| row.section_id == Some(self.row.id))
    }

    /// The module that it is part of.
    async fn module(&self) -> Option<EnrollmentModule> {
        self.taken.module_by_id(self.row.module_id)
    }

    /// Its steps, in order.
    #[graphql(complexity = "1 + 4 * child_complexity")]
    async fn steps(&self) -> Vec<EnrollmentStep> {
        let section = self.taken.content.section(self.row.id);
        let steps = section
            .into_iter()
            .flat_map(|(module, section)| section.steps.iter().map(move |step| (module.row.id, step)));
        steps.map(|(module, step)| self.taken.step(step, module)).collect()
    }
}

/// A step as one enrollment has it.
pub struct EnrollmentStep {
    taken: Arc<Taken>,
    row: step::Model,
    module: Uuid,
}

/// A step (steg) as one enrollment has it.
#[Object]
impl EnrollmentStep {
    /// Identity in this enrollment.
    pub async fn id(&self) -> ID {
        id::id_below(Kind::EnrollmentStep, self.taken.enrollment.id, self.row.id)
    }

    /// Unique within the version.
    async fn key(&self) -> &str {
        &self.row.key
    }

    /// What it is called.
    async fn title(&self) -> &str {
        self.taken.text(self.row.id)
    }

    /// How long it takes.
    async fn estimated_minutes(&self) -> Option<i32> {
        self.row.estimated_minutes
    }

    /// When the citizen completed it.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.taken.overlay.completed_at(self.row.id)
    }

    /// The module that it is part of.
    async fn module(&self) -> Option<EnrollmentModule> {
        self.taken.module_by_id(self.module)
    }

    /// The section that it is part of.
    async fn section(&self) -> Option<EnrollmentSection> {
        self.taken.section_by_id(self.row.section_id)
    }

    /// What it shows, in order; nothing to the citizen before it is open.
    #[graphql(complexity = "1 + 3 * child_complexity")]
    async fn blocks(&self) -> Vec<Block> {
        if !self.taken.opens(self.row.section_id) {
            return Vec::new();
        }
        let (taken, step) = (&self.taken, self.taken.content.step(self.row.id));
        step.map(|(.., step)| Block::all(step, &taken.content, &taken.locale, Some(taken.enrollment.id)))
            .unwrap_or_default()
    }
}
