//! What one citizen may see and open of a program's content, and how far they have come.
//!
//! The content is shared (see [`crate::content`]); the overlay is what differs from enrollment to enrollment. Reading it takes
//! two statements for any number of enrollments; everything else is computed.

mod effect;
mod opening;

pub use opening::Availability;
pub(crate) use opening::own_times;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use rules::facts::{Dated, Module, Section};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationDef};
use uuid::Uuid;

use crate::{
    act::{BATCH, NUMBERED},
    content::{Content, ModuleContent, SectionContent, StepContent},
    content_override, enrollment,
    error::Result,
    step_progress,
    store::Store,
    viewer::Viewer,
};

/// What differs for one enrollment: what was shown, hidden or opened, and what was completed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    /// Who changed what, oldest first.
    pub overrides: Vec<content_override::Model>,
    /// When which step was completed.
    pub completed: HashMap<Uuid, DateTime<Utc>>,
}

/// How far somebody has come, counted in steps that are shown to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Steps completed.
    pub completed: u32,
    /// Steps in all.
    pub total: u32,
}

impl Progress {
    /// In whole percent, rounded down so that only who is done has 100; 0 where there is nothing to do.
    pub fn percent(self) -> u32 {
        (self.completed * 100).checked_div(self.total).unwrap_or_default()
    }
}

/// The overlays of those of the enrollments that the viewer may see; two statements.
///
/// # Errors
/// When the database fails.
pub async fn overlays(store: &Store, viewer: &Viewer, enrollments: &[Uuid]) -> Result<HashMap<Uuid, Overlay>> {
    load(store.connection(), viewer, enrollments).await
}

/// As [`overlays`], on any connection: also inside a unit of work.
///
/// # Errors
/// When the database fails.
pub async fn load(
    connection: &impl ConnectionTrait,
    viewer: &Viewer,
    enrollments: &[Uuid],
) -> Result<HashMap<Uuid, Overlay>> {
    type Row = (Uuid, Uuid, Option<Uuid>, Option<DateTime<Utc>>);
    let mut overlays: HashMap<Uuid, Overlay> = HashMap::new();
    for chunk in enrollments.chunks(BATCH) {
        let completed: Vec<Row> = enrollment::Entity::find()
            .select_only()
            .columns([enrollment::Column::Id, enrollment::Column::CitizenId])
            .column(step_progress::Column::StepId)
            .column(step_progress::Column::CompletedAt)
            .join(
                JoinType::LeftJoin,
                enrollment::Entity::belongs_to(step_progress::Entity)
                    .from(enrollment::Column::Id)
                    .to(step_progress::Column::EnrollmentId)
                    .into(),
            )
            .filter(enrollment::Column::Id.is_in(chunk.iter().copied()))
            .filter(enrollment::visible_to(viewer))
            .into_tuple()
            .all(connection)
            .await?;
        let mut visible = BTreeSet::new();
        for (enrollment, citizen, step, at) in completed {
            if visible.insert(enrollment) {
                viewer.saw(citizen);
            }
            let overlay = overlays.entry(enrollment).or_default();
            if let (Some(step), Some(at)) = (step, at) {
                overlay.completed.insert(step, at);
            }
        }
        if visible.is_empty() {
            continue;
        }
        let overrides = content_override::Entity::find()
            .filter(content_override::Column::EnrollmentId.is_in(visible))
            .order_by_asc(content_override::Column::At)
            .order_by_asc(content_override::Column::Id);
        for row in overrides.all(connection).await? {
            overlays.entry(row.enrollment_id).or_default().overrides.push(row);
        }
    }
    Ok(overlays)
}

/// Those of the enrollments that the viewer may see, with overlays that tell what is shown, and nothing of what was completed;
/// one statement.
///
/// # Errors
/// When the database fails.
pub(crate) async fn visibility(
    connection: &impl ConnectionTrait,
    viewer: &Viewer,
    enrollments: &[Uuid],
) -> Result<Vec<(enrollment::Model, Overlay)>> {
    let of_enrollment: RelationDef = enrollment::Entity::belongs_to(content_override::Entity)
        .from(enrollment::Column::Id)
        .to(content_override::Column::EnrollmentId)
        .into();
    let rows = enrollment::Entity::find()
        .join(JoinType::LeftJoin, of_enrollment)
        .filter(enrollment::Column::Id.is_in(enrollments.iter().copied()))
        .filter(enrollment::visible_to(viewer))
        .order_by_asc(enrollment::Column::Id)
        .order_by_asc(content_override::Column::At)
        .order_by_asc(content_override::Column::Id)
        .select_also(content_override::Entity);
    let mut found: Vec<(enrollment::Model, Overlay)> = Vec::new();
    for (enrollment, change) in rows.all(connection).await? {
        if found.last().is_none_or(|(last, _)| last.id != enrollment.id) {
            viewer.saw(enrollment.citizen_id);
            found.push((enrollment, Overlay::default()));
        }
        if let (Some((_, overlay)), Some(change)) = (found.last_mut(), change) {
            overlay.overrides.push(change);
        }
    }
    Ok(found)
}

impl Overlay {
    /// Whether a module is shown at an instant.
    pub fn module_visible(&self, module: Uuid, at: DateTime<Utc>) -> bool {
        is_shown(&self.module_visibility(module), as_of(at))
    }

    /// Whether a section is shown at an instant, where its module is.
    pub fn section_visible(&self, section: Uuid, at: DateTime<Utc>) -> bool {
        is_shown(&self.section_visibility(section), as_of(at))
    }

    /// Whether a step is shown at an instant, with its section and its module. What the version does not have is not.
    pub fn step_visible(&self, content: &Content, step: Uuid, at: DateTime<Utc>) -> bool {
        content.step(step).is_some_and(|(module, section, _)| {
            self.module_visible(module.row.id, at) && self.section_visible(section.row.id, at)
        })
    }

    /// How far the citizen has come in all, of what is shown now.
    pub fn progress(&self, content: &Content, now: DateTime<Utc>) -> Progress {
        self.counted(content.modules.iter(), now)
    }

    /// How far the citizen has come in a module, of what is shown now.
    pub fn module_progress(&self, content: &Content, module: Uuid, now: DateTime<Utc>) -> Progress {
        self.counted(content.module(module).into_iter(), now)
    }

    /// The first step that is shown, open and not completed: module, section, step.
    pub fn next_step(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        now: DateTime<Utc>,
    ) -> Option<(Uuid, Uuid, Uuid)> {
        let open = content
            .modules
            .iter()
            .filter(|module| self.module_availability(content, enrollment, module.row.id, now).open);
        let mut todo = self
            .shown(open, now)
            .filter(|(.., step)| self.completed_at(step.row.id).is_none());
        let (module, section, step) =
            todo.find(|(_, section, _)| self.section_availability(content, enrollment, section.row.id, now).open)?;
        Some((module.row.id, section.row.id, step.row.id))
    }

    /// When a step was completed.
    pub fn completed_at(&self, step: Uuid) -> Option<DateTime<Utc>> {
        self.completed.get(&step).copied()
    }

    /// A module as rules know it, but for when it opened.
    pub(crate) fn over_time(&self, module: &ModuleContent) -> Module {
        let sections = module.sections.iter().map(|section| {
            let steps = section.steps.iter();
            let mut completed: Vec<_> = steps.filter_map(|step| self.completed_at(step.row.id)).collect();
            completed.sort_unstable();
            Section {
                key: section.row.key.clone(),
                visible: self.section_visibility(section.row.id),
                steps: u32::try_from(section.steps.len()).unwrap_or(u32::MAX),
                completed,
            }
        });
        Module {
            key: module.row.key.clone(),
            opened: Vec::new(),
            visible: self.module_visibility(module.row.id),
            sections: sections.collect(),
        }
    }

    /// Every change of whether a module is shown, past and planned, the oldest first.
    pub fn module_visibility(&self, module: Uuid) -> Vec<Dated<bool>> {
        changes(self.of_module(module))
    }

    /// Every change of whether a section is shown where its module is, past and planned, the oldest first.
    pub fn section_visibility(&self, section: Uuid) -> Vec<Dated<bool>> {
        changes(self.of_section(section))
    }

    /// From when a module or a section is shown or hidden as was said last; none where it is already, or nothing was said.
    pub fn changes_at(&self, piece: Uuid, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let said = self.of_module(piece).chain(self.of_section(piece));
        let last = said
            .filter_map(content_override::Model::visibility)
            .map(|change| change.at)
            .next();
        last.filter(|at| *at > as_of(now))
    }

    /// What was said of a module, the latest first.
    fn of_module(&self, module: Uuid) -> impl Iterator<Item = &content_override::Model> {
        self.overrides
            .iter()
            .rev()
            .filter(move |row| row.module_id == Some(module))
    }

    /// What was said of a section, the latest first.
    fn of_section(&self, section: Uuid) -> impl Iterator<Item = &content_override::Model> {
        self.overrides
            .iter()
            .rev()
            .filter(move |row| row.section_id == Some(section))
    }

    /// The steps of these modules that are shown at an instant, in order.
    fn shown<'a>(
        &'a self,
        modules: impl Iterator<Item = &'a ModuleContent> + 'a,
        at: DateTime<Utc>,
    ) -> impl Iterator<Item = (&'a ModuleContent, &'a SectionContent, &'a StepContent)> + 'a {
        modules
            .filter(move |module| self.module_visible(module.row.id, at))
            .flat_map(|module| module.sections.iter().map(move |section| (module, section)))
            .filter(move |(_, section)| self.section_visible(section.row.id, at))
            .flat_map(|(module, section)| section.steps.iter().map(move |step| (module, section, step)))
    }

    fn counted<'a>(&'a self, modules: impl Iterator<Item = &'a ModuleContent> + 'a, at: DateTime<Utc>) -> Progress {
        let mut progress = Progress::default();
        for (.., step) in self.shown(modules, at) {
            progress.total += 1;
            progress.completed += u32::from(self.completed.contains_key(&step.row.id));
        }
        progress
    }
}

/// What came of what was said of visibility, the latest first.
fn changes<'a>(said: impl Iterator<Item = &'a content_override::Model>) -> Vec<Dated<bool>> {
    rules::opening::visibility(said.filter_map(|row| Some((row.at, row.visibility()?))))
}

/// The instant as of which is told what stands: what was said several times at once is dated microseconds ahead.
fn as_of(now: DateTime<Utc>) -> DateTime<Utc> {
    now + NUMBERED
}

/// Shown before the first change.
fn is_shown(changes: &[Dated<bool>], at: DateTime<Utc>) -> bool {
    Dated::latest(changes, at).copied().unwrap_or(true)
}

#[cfg(test)]
mod tests;
