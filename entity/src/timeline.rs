//! The planning view (planeringsvy): what happened in an enrollment, what is planned, and what rules are predicted to do, in
//! order of time.
//!
//! Predictions live through the rules that act as [`crate::outlook`] does: forms stay unanswered and flags unhandled. Citizens
//! and guardians see what is theirs: nothing of what is for staff, nothing that is hidden from them, and of predictions only the
//! forms, openings, reminders and messages that would come to them.

mod view;

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use rules::definition::Action;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use self::view::{Span, View};
use crate::{
    dispatch, enrollment,
    error::{Result, UserError},
    flag, measurement, message, outlook,
    planned_activity::{self, Occurrence, sensible_span},
    progress, reminder,
    store::Store,
    viewer::{Viewer, Who},
    visible,
};

/// How far ahead rules are lived through.
const FORESIGHT: Duration = Duration::days(outlook::FURTHEST as i64);
/// How many entries a planning view may have.
const MOST: usize = 5_000;

/// Something that happened or will.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: DateTime<Utc>,
    /// How certain it is.
    pub certainty: Certainty,
    /// What.
    pub what: What,
}

/// How certain something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It happened.
    Happened,
    /// It is planned.
    Planned,
    /// A rule would do it, if nobody does anything.
    Predicted,
}

/// What happened or will.
#[derive(Clone, Debug)]
pub enum What {
    /// The enrollment came into a state, or will.
    Status(Change),
    /// A module opens.
    ModuleOpens(Uuid),
    /// A section opens.
    SectionOpens(Uuid),
    /// A module is shown, or hidden.
    ModuleVisibility(Uuid, bool),
    /// A section is shown, or hidden.
    SectionVisibility(Uuid, bool),
    /// The last step of a module that is shown was completed.
    ModuleCompleted(Uuid),
    /// A form can be answered.
    FormAvailable(Arc<dispatch::Model>),
    /// A form was answered.
    FormAnswered(Arc<dispatch::Model>),
    /// The time to answer a form is over.
    FormExpires(Arc<dispatch::Model>),
    /// A form was taken back, or declined.
    FormCancelled(Arc<dispatch::Model>),
    /// A day of a planned activity: registered, missed or still to come.
    Activity(Box<Occurrence>),
    /// Something was measured.
    Measured(Arc<measurement::Model>),
    /// Somebody is reminded.
    Reminder(Arc<reminder::Model>),
    /// A message was sent.
    Message(Arc<message::Model>),
    /// A flag was raised.
    FlagRaised(Arc<flag::Model>),
    /// A flag was resolved.
    FlagResolved(Arc<flag::Model>),
    /// A rule would do this.
    Action {
        /// The rule.
        rule: Uuid,
        /// What it would do.
        action: Action,
    },
}

/// A change of an enrollment's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was planned.
    Planned,
    /// It starts.
    Starts,
    /// It is paused.
    Pauses,
    /// It goes on.
    Resumes,
    /// It ends as planned.
    Completes,
    /// It ends before its time.
    Withdraws,
}

/// Whether planning views can be told of a span of time.
///
/// # Errors
/// `BAD_RANGE`, at `to`, where it ends before it begins or is longer than a year.
pub fn check_span(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<(), UserError> {
    sensible_span(from, to)
}

/// The planning views of those of the enrollments that the viewer may see, from an instant and before another, in order of time;
/// for an enrollment in which more happened than can be told, `TOO_MANY` instead. A constant number of statements. Programs
/// without a planning view have none.
///
/// # Errors
/// As [`check_span`]; when the database fails.
pub async fn timelines(
    store: &Store,
    viewer: &Viewer,
    ids: &[Uuid],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<HashMap<Uuid, Result<Vec<Entry>, UserError>>> {
    check_span(from, to)?;
    let rows = enrollment::find(store, viewer, ids).await?;
    let now = store.now();
    let span = Span { from, to, now };
    let mut views = HashMap::new();
    for (id, row) in rows {
        let content = store.library().content(store.connection(), row.version_id).await?;
        if content.version.features().planning_view {
            views.insert(id, View::new(row, content, viewer, span));
        }
    }
    let mut timelines = Timelines {
        store,
        viewer,
        span,
        views,
    };
    timelines.read().await?;
    let in_order = |view: View| {
        let mut entries = view.entries;
        if entries.len() > MOST {
            let message = "More happened in this span than can be told at once: ask for a shorter one.";
            return Err(UserError::new("TOO_MANY", "to", message));
        }
        entries.sort_by_key(|entry| (entry.at, entry.certainty, entry.what.subject()));
        Ok(entries)
    };
    let views = timelines.views.into_iter();
    Ok(views.map(|(id, view)| (id, in_order(view))).collect())
}

impl What {
    /// Tells entries of one instant apart, so that their order is always the same.
    fn subject(&self) -> (u8, Uuid) {
        match self {
            Self::Status(change) => (*change as u8, Uuid::nil()),
            Self::ModuleOpens(id) => (10, *id),
            Self::SectionOpens(id) => (11, *id),
            Self::ModuleVisibility(id, _) => (12, *id),
            Self::SectionVisibility(id, _) => (13, *id),
            Self::ModuleCompleted(id) => (14, *id),
            Self::FormAvailable(row) => (15, row.id),
            Self::FormAnswered(row) => (16, row.id),
            Self::FormExpires(row) => (17, row.id),
            Self::FormCancelled(row) => (18, row.id),
            Self::Activity(one) => (19, one.activity.id),
            Self::Measured(row) => (20, row.id),
            Self::Reminder(row) => (21, row.id),
            Self::Message(row) => (22, row.id),
            Self::FlagRaised(row) => (23, row.id),
            Self::FlagResolved(row) => (24, row.id),
            Self::Action { rule, .. } => (25, *rule),
        }
    }
}

/// Planning views in the making.
struct Timelines<'a> {
    store: &'a Store,
    viewer: &'a Viewer,
    span: Span,
    views: HashMap<Uuid, View>,
}

impl Timelines<'_> {
    async fn read(&mut self) -> Result<()> {
        let ids: Vec<Uuid> = self.views.keys().copied().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let statuses = enrollment::statuses(self.store, self.viewer, &ids).await?;
        let mut overlays = progress::overlays(self.store, self.viewer, &ids).await?;
        for (id, view) in &mut self.views {
            view.overlay = overlays.remove(id).unwrap_or_default();
            view.statuses(statuses.get(id).map_or(&[], Vec::as_slice));
            view.openings();
        }
        if !self.viewer.sees_health() {
            return Ok(());
        }
        for view in self.views.values_mut() {
            view.showings();
            view.completions();
        }
        self.dispatches(&ids).await?;
        self.activities().await?;
        self.measurements(&ids).await?;
        self.reminders(&ids).await?;
        self.messages(&ids).await?;
        self.flags(&ids).await?;
        self.predictions().await
    }

    fn within<C: ColumnTrait>(&self, column: C) -> Condition {
        Condition::all()
            .add(column.gte(self.span.from))
            .add(column.lt(self.span.to))
    }

    /// How many rows are read of some enrollments: one more than can be told of each, so that it is noticed.
    fn limit(ids: &[Uuid]) -> u64 {
        (MOST as u64 + 1).saturating_mul(ids.len() as u64)
    }

    async fn dispatches(&mut self, ids: &[Uuid]) -> Result<()> {
        use dispatch::{Column, Entity};
        let some_time = Condition::any()
            .add(self.within(Column::AvailableAt))
            .add(self.within(Column::CompletedAt))
            .add(self.within(Column::ExpiresAt))
            .add(self.within(Column::EndedAt));
        let select = Entity::find()
            .filter(Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(some_time)
            .limit(Self::limit(ids));
        for row in visible::read(self.store.connection(), self.viewer, select, Column::EnrollmentId).await? {
            if let Some(view) = self.views.get_mut(&row.enrollment_id) {
                view.dispatch(row);
            }
        }
        Ok(())
    }

    async fn activities(&mut self) -> Result<()> {
        let zones: HashMap<Uuid, Tz> = self.views.iter().map(|(id, view)| (*id, view.row.tz())).collect();
        let (from, to) = (self.span.from, self.span.to);
        let found = planned_activity::within(self.store, self.viewer, &zones, from, to).await?;
        for (id, occurrences) in found {
            if let Some(view) = self.views.get_mut(&id) {
                occurrences.into_iter().for_each(|one| view.occurrence(one));
            }
        }
        Ok(())
    }

    async fn measurements(&mut self, ids: &[Uuid]) -> Result<()> {
        use measurement::{Column, Entity, counting};
        let select = Entity::find()
            .filter(Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(counting(self.span.from, self.span.to))
            .limit(Self::limit(ids));
        for row in visible::read(self.store.connection(), self.viewer, select, Column::EnrollmentId).await? {
            if let Some(view) = self.views.get_mut(&row.enrollment_id) {
                view.add(row.measured_at, Certainty::Happened, What::Measured(Arc::new(row)));
            }
        }
        Ok(())
    }

    async fn reminders(&mut self, ids: &[Uuid]) -> Result<()> {
        use reminder::{Column, Entity, visible_to};
        let to_come = Condition::all()
            .add(Column::DueAt.is_not_null())
            .add(Column::RemindAt.lt(self.span.to))
            .add(Column::SentAt.is_null());
        let select = Entity::find()
            .filter(Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(Condition::any().add(self.within(Column::SentAt)).add(to_come))
            .filter(visible_to(self.viewer))
            .limit(Self::limit(ids));
        let rows = visible::read(self.store.connection(), self.viewer, select, Column::EnrollmentId).await?;
        let hides = matches!(self.viewer.who, Who::Citizen { .. } | Who::Guardian { .. });
        let about = rows.iter().filter(|_| hides).filter_map(|row| row.dispatch_id);
        let about: Vec<Uuid> = about.collect();
        let forms = dispatch::find(self.store, self.viewer, &about).await?;
        for row in rows {
            // What is about something hidden is told only once it has left, and leads nowhere.
            let is_hidden = hides && row.dispatch_id.is_some_and(|id| !forms.contains_key(&id));
            if let Some(view) = self
                .views
                .get_mut(&row.enrollment_id)
                .filter(|_| row.sent_at.is_some() || !is_hidden)
            {
                view.reminder(row);
            }
        }
        Ok(())
    }

    async fn messages(&mut self, ids: &[Uuid]) -> Result<()> {
        use message::{Column, Entity};
        let select = Entity::find()
            .filter(Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(self.within(Column::SentAt))
            .limit(Self::limit(ids));
        for row in visible::read(self.store.connection(), self.viewer, select, Column::EnrollmentId).await? {
            if let Some(view) = self.views.get_mut(&row.enrollment_id) {
                view.add(row.sent_at, Certainty::Happened, What::Message(Arc::new(row)));
            }
        }
        Ok(())
    }

    async fn flags(&mut self, ids: &[Uuid]) -> Result<()> {
        use flag::{Column, Entity, visible_to};
        let some_time = Condition::any()
            .add(self.within(Column::RaisedAt))
            .add(self.within(Column::ResolvedAt));
        let select = Entity::find()
            .filter(Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(some_time)
            .filter(visible_to(self.viewer))
            .limit(Self::limit(ids));
        for row in visible::read(self.store.connection(), self.viewer, select, Column::EnrollmentId).await? {
            if let Some(view) = self.views.get_mut(&row.enrollment_id) {
                view.flag(row);
            }
        }
        Ok(())
    }

    async fn predictions(&mut self) -> Result<()> {
        let rows: Vec<enrollment::Model> = self.views.values().map(|view| view.row.clone()).collect();
        let until = self.span.to.min(self.span.now + FORESIGHT);
        for item in outlook::predicted(self.store, &rows, until).await? {
            if let Some(view) = self.views.get_mut(&item.enrollment) {
                view.prediction(&item);
            }
        }
        Ok(())
    }
}
