//! What one citizen may see and open of a program's content, and how far they have come.
//!
//! The content is shared (see [`crate::content`]); the overlay is what differs from enrollment to enrollment. Reading it takes
//! two statements for any number of enrollments; everything else is computed.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use rules::{
    facts::{Dated, Status},
    period::Period,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{
    act::BATCH,
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

/// Whether something may be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// True where it may be opened now.
    pub open: bool,
    /// Since when it is open, or when it will be, where that is known.
    pub opens_at: Option<DateTime<Utc>>,
    /// Why it is not open: `LOCKED`, `NOT_YET`, `HIDDEN`, `NOT_STARTED`, `PAUSED`, `ENDED`.
    pub reason: Option<String>,
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

impl Overlay {
    /// Whether a module is shown.
    pub fn module_visible(&self, module: Uuid) -> bool {
        self.of_module(module).find_map(|row| row.visible).unwrap_or(true)
    }

    /// Whether a section is shown, where its module is.
    pub fn section_visible(&self, section: Uuid) -> bool {
        self.of_section(section).find_map(|row| row.visible).unwrap_or(true)
    }

    /// Whether a module may be opened.
    pub fn module_availability(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        module: Uuid,
        now: DateTime<Utc>,
    ) -> Availability {
        let opens_at = self.module_opens_at(content, enrollment, module);
        let reason = unavailable(enrollment.status.0)
            .or_else(|| (!self.module_visible(module)).then_some("HIDDEN"))
            .or_else(|| not_open(opens_at, now));
        Availability {
            open: reason.is_none(),
            opens_at,
            reason: reason.map(str::to_owned),
        }
    }

    /// Whether a section may be opened: with its module, or later where an override says so.
    pub fn section_availability(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        section: Uuid,
        now: DateTime<Utc>,
    ) -> Availability {
        let Some((module, _)) = content.section(section) else {
            return Availability {
                open: false,
                opens_at: None,
                reason: Some("HIDDEN".to_owned()),
            };
        };
        let module = self.module_availability(content, enrollment, module.row.id, now);
        let said = self.section_opens_at(section);
        // A section never opens before its module.
        let opens_at = module.opens_at.map(|at| said.map_or(at, |said| said.max(at)));
        let reason = module.reason.or_else(|| {
            let reason = (!self.section_visible(section)).then_some("HIDDEN");
            reason.or_else(|| not_open(opens_at, now)).map(str::to_owned)
        });
        Availability {
            open: reason.is_none(),
            opens_at,
            reason,
        }
    }

    /// How far the citizen has come in all.
    pub fn progress(&self, content: &Content) -> Progress {
        self.counted(content.modules.iter())
    }

    /// How far the citizen has come in a module.
    pub fn module_progress(&self, content: &Content, module: Uuid) -> Progress {
        self.counted(content.module(module).into_iter())
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
            .shown(open)
            .filter(|(.., step)| self.completed_at(step.row.id).is_none());
        let (module, section, step) =
            todo.find(|(_, section, _)| self.section_availability(content, enrollment, section.row.id, now).open)?;
        Some((module.row.id, section.row.id, step.row.id))
    }

    /// When a step was completed.
    pub fn completed_at(&self, step: Uuid) -> Option<DateTime<Utc>> {
        self.completed.get(&step).copied()
    }

    /// The instants at which a module was opened or, as things stand, will be. Each override holds until the next one that
    /// says when the module opens; opening what is open already is no opening.
    pub fn module_openings(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        module: Uuid,
    ) -> Vec<DateTime<Utc>> {
        let by_itself = content
            .module(module)
            .zip(enrollment.started_at)
            .and_then(|(module, started_at)| opens_by_itself(module, enrollment, started_at));
        let mut said: Vec<_> = self
            .of_module(module)
            .filter_map(|row| Some((row.at, row.opens_at?)))
            .collect();
        said.reverse();
        let since: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> =
            std::iter::once((enrollment.started_at.unwrap_or(enrollment.created_at), by_itself))
                .chain(said.into_iter().map(|(at, opens_at)| (at, Some(opens_at))))
                .collect();

        let mut openings = Vec::new();
        let mut was_open = false;
        for (index, (from, opens_at)) in since.iter().enumerate() {
            let until = since.get(index + 1).map(|(next, _)| *next);
            let opening = opens_at.map(|at| at.max(*from));
            let opened = opening.filter(|opening| until.is_none_or(|until| *opening < until));
            if let Some(opening) = opened
                && !(was_open && opening == *from)
            {
                openings.push(opening);
            }
            was_open = opened.is_some();
        }
        openings
    }

    /// When a module opens or opened, in whatever state the enrollment is.
    pub(crate) fn module_opens_at(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        module: Uuid,
    ) -> Option<DateTime<Utc>> {
        let said = self.of_module(module).find_map(|row| row.opens_at);
        said.or_else(|| {
            let start = enrollment.started_at.unwrap_or(enrollment.starts_at);
            opens_by_itself(content.module(module)?, enrollment, start)
        })
    }

    /// When a section opens, where that was said; else it opens with its module.
    pub(crate) fn section_opens_at(&self, section: Uuid) -> Option<DateTime<Utc>> {
        self.of_section(section).find_map(|row| row.opens_at)
    }

    /// Every change of whether a module is shown, the oldest first.
    pub fn module_visibility(&self, module: Uuid) -> Vec<Dated<bool>> {
        changes(self.of_module(module))
    }

    /// Every change of whether a section is shown where its module is, the oldest first.
    pub fn section_visibility(&self, section: Uuid) -> Vec<Dated<bool>> {
        changes(self.of_section(section))
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

    /// The steps of these modules that are shown, in order.
    fn shown<'a>(
        &'a self,
        modules: impl Iterator<Item = &'a ModuleContent> + 'a,
    ) -> impl Iterator<Item = (&'a ModuleContent, &'a SectionContent, &'a StepContent)> + 'a {
        modules
            .filter(|module| self.module_visible(module.row.id))
            .flat_map(|module| module.sections.iter().map(move |section| (module, section)))
            .filter(|(_, section)| self.section_visible(section.row.id))
            .flat_map(|(module, section)| section.steps.iter().map(move |step| (module, section, step)))
    }

    fn counted<'a>(&'a self, modules: impl Iterator<Item = &'a ModuleContent> + 'a) -> Progress {
        let mut progress = Progress::default();
        for (.., step) in self.shown(modules) {
            progress.total += 1;
            progress.completed += u32::from(self.completed.contains_key(&step.row.id));
        }
        progress
    }
}

/// What was said of visibility, oldest first, of what was said, latest first.
fn changes<'a>(said: impl Iterator<Item = &'a content_override::Model>) -> Vec<Dated<bool>> {
    let mut changes: Vec<_> = said
        .filter_map(|row| {
            Some(Dated {
                at: row.at,
                value: row.visible?,
            })
        })
        .collect();
    changes.reverse();
    changes
}

/// When a module opens without anybody's doing, in an enrollment that starts at `start`: at its start, a period after it, or
/// (`LOCKED`) never.
fn opens_by_itself(
    module: &ModuleContent,
    enrollment: &enrollment::Model,
    start: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    match module.row.opens.as_str() {
        "START" => Some(start),
        "LOCKED" => None,
        period => Some(period.parse::<Period>().ok()?.add_to(start, enrollment.tz())),
    }
}

/// Why nothing is open in an enrollment of this state.
fn unavailable(status: Status) -> Option<&'static str> {
    match status {
        Status::Planned => Some("NOT_STARTED"),
        Status::Active => None,
        Status::Paused => Some("PAUSED"),
        Status::Completed | Status::Withdrawn => Some("ENDED"),
    }
}

fn not_open(opens_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<&'static str> {
    match opens_at {
        None => Some("LOCKED"),
        Some(at) if now < at => Some("NOT_YET"),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
