//! The planning view of one enrollment in the making: what of it the viewer sees, and when.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rules::{
    definition::Action,
    facts::{Audience, Dated, Status},
};
use uuid::Uuid;

use super::{Certainty, Change, Entry, What};
use crate::{
    content::Content,
    dispatch::{self, DispatchStatus},
    enrollment::{self, StatusAt},
    flag, outlook,
    planned_activity::Occurrence,
    progress::Overlay,
    reminder,
    viewer::{Viewer, Who},
};

/// A span of time, and the present.
#[derive(Clone, Copy)]
pub struct Span {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub now: DateTime<Utc>,
}

impl Span {
    fn holds(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.to
    }

    /// What has happened by now, or is planned.
    fn certainty(&self, at: DateTime<Utc>) -> Certainty {
        match at <= self.now {
            true => Certainty::Happened,
            false => Certainty::Planned,
        }
    }
}

/// The planning view of one enrollment in the making.
pub struct View {
    pub row: enrollment::Model,
    content: Arc<Content>,
    pub overlay: Overlay,
    /// Whether it is for the citizen, or a guardian.
    is_citizens: bool,
    span: Span,
    pub entries: Vec<Entry>,
}

impl View {
    pub fn new(row: enrollment::Model, content: Arc<Content>, viewer: &Viewer, span: Span) -> Self {
        Self {
            row,
            content,
            overlay: Overlay::default(),
            is_citizens: matches!(viewer.who, Who::Citizen { .. } | Who::Guardian { .. }),
            span,
            entries: Vec::new(),
        }
    }

    /// Adds what lies within the span.
    pub fn add(&mut self, at: DateTime<Utc>, certainty: Certainty, what: What) {
        if self.span.holds(at) {
            self.entries.push(Entry { at, certainty, what });
        }
    }

    /// Adds what is planned, or has happened where its time has come.
    fn add_dated(&mut self, at: DateTime<Utc>, what: What) {
        self.add(at, self.span.certainty(at), what);
    }

    /// Adds what was planned and has not happened, also where it is late.
    fn add_planned(&mut self, at: DateTime<Utc>, what: What) {
        self.add(at, Certainty::Planned, what);
    }

    fn shows_module(&self, module: Uuid) -> bool {
        !self.is_citizens || self.overlay.module_visible(module, self.span.now)
    }

    fn shows_section(&self, section: Uuid) -> bool {
        let module = self.content.section(section).map(|(module, _)| module.row.id);
        module.is_some_and(|module| self.shows_module(module))
            && (!self.is_citizens || self.overlay.section_visible(section, self.span.now))
    }

    fn shows_step(&self, step: Uuid) -> bool {
        let section = self.content.step(step).map(|(_, section, _)| section.row.id);
        section.is_some_and(|section| self.shows_section(section))
    }

    pub fn statuses(&mut self, history: &[StatusAt]) {
        let mut before = None;
        for change in history {
            // Only the end of the pause was said anew.
            if change.status == Status::Paused && before == Some(Status::Paused) {
                continue;
            }
            let became = match change.status {
                Status::Planned => Change::Planned,
                Status::Active if before == Some(Status::Paused) => Change::Resumes,
                Status::Active => Change::Starts,
                Status::Paused => Change::Pauses,
                Status::Completed => Change::Completes,
                Status::Withdrawn => Change::Withdraws,
            };
            before = Some(change.status);
            self.add(change.at, Certainty::Happened, What::Status(became));
        }
        let status = self.row.status.0;
        if status == Status::Planned {
            self.add_planned(self.row.starts_at, What::Status(Change::Starts));
        }
        if let Some(at) = self.row.resumes_at.filter(|_| status == Status::Paused) {
            self.add_planned(at, What::Status(Change::Resumes));
        }
        if let Some(at) = self.row.ends_at.filter(|_| !self.row.has_ended()) {
            self.add_planned(at, What::Status(Change::Completes));
        }
    }

    /// When modules open, and those sections of which somebody said when.
    pub fn openings(&mut self) {
        let content = self.content.clone();
        for module in &content.modules {
            if !self.shows_module(module.row.id) {
                continue;
            }
            let id = module.row.id;
            let opens_at = self.overlay.module_opens_at(&content, &self.row, id, self.span.now);
            let openings = match self.row.started_at {
                Some(_) => self.overlay.module_openings(&content, &self.row, id),
                None => opens_at.into_iter().collect(),
            };
            for at in openings {
                if self.goes_on(at) {
                    self.add_dated(at, What::ModuleOpens(id));
                }
            }
            for section in &module.sections {
                let id = section.row.id;
                let said = self.overlay.section_opens_at(id).filter(|_| self.shows_section(id));
                let opening = said.zip(opens_at).map(|(said, module)| said.max(module));
                if let Some(at) = opening.filter(|at| self.goes_on(*at)) {
                    self.add_dated(at, What::SectionOpens(id));
                }
            }
        }
    }

    /// Which modules and sections were hidden, and shown again, or are to be. For staff: the citizen finds what is shown.
    pub fn showings(&mut self) {
        if self.is_citizens {
            return;
        }
        let content = self.content.clone();
        for module in &content.modules {
            let id = module.row.id;
            self.turns(self.overlay.module_visibility(id), |shown| {
                What::ModuleVisibility(id, shown)
            });
            for section in &module.sections {
                let id = section.row.id;
                self.turns(self.overlay.section_visibility(id), |shown| {
                    What::SectionVisibility(id, shown)
                });
            }
        }
    }

    /// What changes whether something is shown; what is opened is said to be shown, too.
    fn turns(&mut self, changes: Vec<Dated<bool>>, what: impl Fn(bool) -> What) {
        let mut is_shown = true;
        for change in changes {
            if change.value != is_shown && self.goes_on(change.at) {
                self.add_dated(change.at, what(change.value));
            }
            is_shown = change.value;
        }
    }

    /// Which modules were completed.
    pub fn completions(&mut self) {
        let content = self.content.clone();
        for module in &content.modules {
            let id = module.row.id;
            // What is planned to be hidden may complete it some day.
            let completed_at = self.overlay.over_time(module).completed_at();
            if let Some(at) = completed_at.filter(|at| *at <= self.span.now && self.shows_module(id)) {
                self.add(at, Certainty::Happened, What::ModuleCompleted(id));
            }
        }
    }

    /// Whether the enrollment has not ended by an instant, and is not to end.
    fn goes_on(&self, at: DateTime<Utc>) -> bool {
        self.row.ended_at.or(self.row.ends_at).is_none_or(|end| at < end)
    }

    pub fn dispatch(&mut self, row: dispatch::Model) {
        if row.step_id.is_some_and(|step| !self.shows_step(step)) {
            return;
        }
        let row = Arc::new(row);
        let taken_back = matches!(row.status.0, DispatchStatus::Cancelled | DispatchStatus::Declined);
        let never_came = taken_back && row.ended_at.is_some_and(|ended| ended <= row.available_at);
        match row.status.0 {
            DispatchStatus::Scheduled => self.add_planned(row.available_at, What::FormAvailable(row.clone())),
            _ if never_came => {}
            _ => self.add(row.available_at, Certainty::Happened, What::FormAvailable(row.clone())),
        }
        match row.status.0 {
            DispatchStatus::Completed => {
                if let Some(at) = row.completed_at {
                    self.add(at, Certainty::Happened, What::FormAnswered(row));
                }
            }
            DispatchStatus::Expired => {
                if let Some(at) = row.expires_at.or(row.ended_at) {
                    self.add(at, Certainty::Happened, What::FormExpires(row));
                }
            }
            DispatchStatus::Cancelled | DispatchStatus::Declined => {
                if let Some(at) = row.ended_at {
                    self.add(at, Certainty::Happened, What::FormCancelled(row));
                }
            }
            DispatchStatus::Scheduled | DispatchStatus::Available | DispatchStatus::Started => {
                if let Some(at) = row.expires_at {
                    self.add_planned(at, What::FormExpires(row));
                }
            }
        }
    }

    pub fn occurrence(&mut self, one: Occurrence) {
        let registered = one.entry.as_ref().map(|entry| entry.registered_at);
        let (at, certainty) = match registered {
            // It can be registered on its day before its time has come.
            Some(at) => (one.starts_at.min(at), Certainty::Happened),
            None if one.missed => (one.starts_at, Certainty::Happened),
            // It ended on that day: nothing came of it, and nothing will.
            None if one.activity.has_ended(self.span.now) => return,
            None => (one.starts_at, Certainty::Planned),
        };
        if registered.is_some() || self.goes_on(at) {
            self.add(at, certainty, What::Activity(Box::new(one)));
        }
    }

    pub fn reminder(&mut self, row: reminder::Model) {
        match (row.sent_at, row.due_at) {
            (Some(at), _) => self.add(at, Certainty::Happened, What::Reminder(Arc::new(row))),
            // It may wait for the unit to open.
            (None, Some(due)) => self.add_planned(row.remind_at.max(due), What::Reminder(Arc::new(row))),
            (None, None) => {}
        }
    }

    pub fn flag(&mut self, row: flag::Model) {
        let row = Arc::new(row);
        self.add(row.raised_at, Certainty::Happened, What::FlagRaised(row.clone()));
        if let Some(at) = row.resolved_at {
            self.add(at, Certainty::Happened, What::FlagResolved(row));
        }
    }

    pub fn prediction(&mut self, item: &outlook::Item) {
        let Some(rule) = item.rule else { return };
        for action in item.actions.iter() {
            if self.shows(action) {
                let action = action.clone();
                self.add(item.at, Certainty::Predicted, What::Action { rule, action });
            }
        }
    }

    /// Whether a predicted action is for the viewer's eyes.
    fn shows(&self, action: &Action) -> bool {
        if !self.is_citizens {
            return true;
        }
        match action {
            Action::DispatchForm(_) | Action::SendMessage(_) => true,
            Action::Remind(remind) => remind.audience == Audience::Citizen,
            Action::OpenModule(open) => {
                let module = self.content.module_by_key(&open.module);
                module.is_some_and(|module| self.shows_module(module.row.id))
            }
            Action::OpenSection(open) => {
                let section = self.content.section_by_key(&open.section);
                section.is_some_and(|section| self.shows_section(section.row.id))
            }
            Action::RaiseFlag(_) | Action::Escalate(_) | Action::HideModule(_) | Action::HideSection(_) => false,
        }
    }
}
