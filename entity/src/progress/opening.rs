//! When modules and sections open in one enrollment, as [`rules::opening`] has it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use rules::{
    facts::{Dated, Status},
    opening::{self, Waiting},
    period::Period,
    simulation::{ModuleHistory, Said},
};
use uuid::Uuid;

use super::{Overlay, as_of};
use crate::{
    act::TICK,
    content::{Content, ModuleContent},
    content_override, enrollment,
    viewer::Actor,
};

/// Whether something may be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// True where it may be opened now.
    pub open: bool,
    /// Since when it is open, or when it will be, where that is known.
    pub opens_at: Option<DateTime<Utc>>,
    /// Why it is not open: `LOCKED`, `NOT_YET`, `PREREQUISITE`, `HIDDEN`, `NOT_STARTED`, `PAUSED`, `ENDED`.
    pub reason: Option<String>,
    /// The modules that must be completed before, in order, where that is why.
    pub awaits: Vec<Uuid>,
}

impl Overlay {
    /// Whether a module may be opened.
    pub fn module_availability(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        module: Uuid,
        now: DateTime<Utc>,
    ) -> Availability {
        let opens_at = self.module_opens_at(content, enrollment, module, now);
        let reason = unavailable(enrollment.status.0)
            .or_else(|| (!self.module_visible(module, now)).then_some("HIDDEN"))
            .or_else(|| not_open(opens_at, now));
        let awaits = match reason {
            Some("LOCKED") => self.awaited(content, module, now),
            _ => Vec::new(),
        };
        let reason = if awaits.is_empty() {
            reason
        } else {
            Some("PREREQUISITE")
        };
        Availability {
            open: reason.is_none(),
            opens_at,
            reason: reason.map(str::to_owned),
            awaits,
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
                awaits: Vec::new(),
            };
        };
        let module = self.module_availability(content, enrollment, module.row.id, now);
        let said = self.section_opens_at(section);
        // A section never opens before its module.
        let opens_at = module.opens_at.map(|at| said.map_or(at, |said| said.max(at)));
        let reason = module.reason.or_else(|| {
            let reason = (!self.section_visible(section, now)).then_some("HIDDEN");
            reason.or_else(|| not_open(opens_at, now)).map(str::to_owned)
        });
        Availability {
            open: reason.is_none(),
            opens_at,
            reason,
            awaits: module.awaits,
        }
    }

    /// The instants at which a module was opened or, as things stand, will be. Each override holds until the next one that
    /// says when the module opens; opening what is open already is no opening.
    pub fn module_openings(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        module: Uuid,
    ) -> Vec<DateTime<Utc>> {
        let mut said: Vec<Dated<DateTime<Utc>>> = self
            .of_module(module)
            .filter_map(|row| {
                let (at, value) = (row.at, row.opens_at?);
                Some(Dated { at, value })
            })
            .collect();
        said.reverse();
        let start = enrollment.started_at;
        let by_itself = start.map(|start| self.by_itself(content, enrollment, module, start));
        opening::openings(by_itself.unwrap_or_default(), &said)
    }

    /// When a module opened or, where it is not open now, opens next, in whatever state the enrollment is.
    pub(crate) fn module_opens_at(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        module: Uuid,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let said = self.of_module(module).find_map(|row| row.opens_at);
        said.or_else(|| {
            let start = enrollment.started_at.unwrap_or(enrollment.starts_at);
            opening::opens_at(&self.by_itself(content, enrollment, module, start), as_of(now))
        })
    }

    /// Whether a section is closed whatever the state of the enrollment: its time has not come, or that of its module.
    pub(crate) fn is_closed(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        section: Uuid,
        now: DateTime<Utc>,
    ) -> bool {
        let Some((module, _)) = content.section(section) else {
            return true;
        };
        let opens_at = self.module_opens_at(content, enrollment, module.row.id, now);
        let opens_at = opens_at.map(|at| self.section_opens_at(section).map_or(at, |said| said.max(at)));
        not_open(opens_at, now).is_some()
    }

    /// When a module opened that is open now, where nobody ever said when it opens.
    pub(crate) fn opened_by_itself(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        module: Uuid,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let was_said = self.of_module(module).any(|row| row.opens_at.is_some());
        let availability = self.module_availability(content, enrollment, module, now);
        availability.opens_at.filter(|_| availability.open && !was_said)
    }

    /// When a section opens, where that was said; else it opens with its module.
    pub(crate) fn section_opens_at(&self, section: Uuid) -> Option<DateTime<Utc>> {
        self.of_section(section).find_map(|row| row.opens_at)
    }

    /// The modules that must be completed before a module opens by itself, and are not now, in order.
    fn awaited(&self, content: &Content, module: Uuid, now: DateTime<Utc>) -> Vec<Uuid> {
        let Some(module) = content.module(module) else {
            return Vec::new();
        };
        let awaited = self.waiting(content, module).awaited(as_of(now));
        let in_order = content.modules.iter().map(|module| module.row.id);
        in_order.filter(|id| awaited.contains(id)).collect()
    }

    /// Whether a module still waited for others right before an instant.
    pub(crate) fn waited_until(&self, content: &Content, module: Uuid, at: DateTime<Utc>) -> bool {
        let module = content.module(module);
        module.is_some_and(|module| !self.waiting(content, module).awaited(at - TICK).is_empty())
    }

    /// When a module opens and closes without anybody's doing, in an enrollment that starts at `start`, the first change first; it
    /// is closed before.
    fn by_itself(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        module: Uuid,
        start: DateTime<Utc>,
    ) -> Vec<Dated<bool>> {
        let module = content.module(module);
        let Some((module, from)) = module.and_then(|module| Some((module, own_time(module, enrollment, start)?)))
        else {
            return Vec::new();
        };
        self.waiting(content, module).changes(from)
    }

    /// What a module waits for.
    fn waiting<'a>(&self, content: &'a Content, module: &'a ModuleContent) -> Waiting<'a, Uuid> {
        Waiting::new(&module.prerequisites, |id| {
            let module = content.module(*id)?;
            Some((Cow::Owned(self.over_time(module)), module.prerequisites.as_slice()))
        })
    }

    /// The modules of an enrollment's version, for rules that show, open and hide them.
    pub(crate) fn histories(&self, content: &Content, enrollment: &enrollment::Model) -> Vec<ModuleHistory> {
        let modules = content.modules.iter().map(|module| {
            let start = enrollment.started_at;
            let key = |id: &Uuid| content.module(*id).map(|module| module.row.key.clone());
            let sections = module.sections.iter().map(|section| {
                let said = self.of_section(section.row.id).map(said);
                (section.row.key.clone(), oldest_first(said))
            });
            ModuleHistory {
                key: module.row.key.clone(),
                opens_from: start.and_then(|start| own_time(module, enrollment, start)),
                prerequisites: module.prerequisites.iter().filter_map(key).collect(),
                said: oldest_first(self.of_module(module.row.id).map(said)),
                sections: sections.collect(),
            }
        });
        modules.collect()
    }
}

fn said(row: &content_override::Model) -> Said {
    Said {
        at: row.at,
        visible: row.visibility(),
        opens_at: row.opens_at,
        firing: match row.actor.0 {
            Actor::Rule(firing) => Some(firing),
            _ => None,
        },
    }
}

fn oldest_first(said: impl Iterator<Item = Said>) -> Vec<Said> {
    let mut said: Vec<Said> = said.collect();
    said.reverse();
    said
}

/// The modules of an enrollment that has started which may open without anybody's doing, each with the instant from which on it may.
pub(crate) fn own_times<'a>(
    content: &'a Content,
    enrollment: &enrollment::Model,
) -> impl Iterator<Item = (&'a ModuleContent, DateTime<Utc>)> {
    let start = enrollment.started_at;
    let modules = content.modules.iter();
    modules.filter_map(move |module| Some((module, own_time(module, enrollment, start?)?)))
}

/// From when a module may open without anybody's doing, in an enrollment that starts at `start`: from its start, a period after
/// it, or (`LOCKED`) never.
fn own_time(module: &ModuleContent, enrollment: &enrollment::Model, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
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
        Some(at) if as_of(now) < at => Some("NOT_YET"),
        Some(_) => None,
    }
}
