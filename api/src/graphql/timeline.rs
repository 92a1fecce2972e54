//! The planning view: what happened, what is planned, and what rules are predicted to do, in order of time.

mod title;

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Enum, Object, dataloader::Loader};
use chrono::{DateTime, Utc};
use entity::{
    error::UserError,
    timeline::{self as record, Change, Entry, What},
};
use rules::definition::Action;
use uuid::Uuid;

use super::{
    activity::ActivityOccurrence,
    dispatch::Dispatch,
    enrollment::Enrollment,
    error::{Failure, Result},
    flag::Flag,
    form::Form,
    loader::{Loads, grouped},
    measurement::Measurement,
    message::Message,
    node::Node,
    reminder::Reminder,
    request,
    rule::Rule,
};

/// How certain something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "record::Certainty")]
pub enum TimelineCertainty {
    /// It happened.
    Happened,
    /// It is planned.
    Planned,
    /// A rule would do it, if nobody does anything: forms left unanswered and flags unhandled.
    Predicted,
}

/// What happened or will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TimelineKind {
    /// The enrollment was planned.
    EnrollmentPlanned,
    /// The enrollment starts.
    EnrollmentStarts,
    /// The enrollment is paused.
    EnrollmentPauses,
    /// The enrollment goes on after a pause.
    EnrollmentResumes,
    /// The enrollment ends as planned.
    EnrollmentCompletes,
    /// The enrollment ends before its time.
    EnrollmentWithdraws,
    /// A module opens.
    ModuleOpens,
    /// A module is hidden. For staff.
    ModuleHidden,
    /// A module that was hidden is shown. For staff.
    ModuleShown,
    /// All steps of a module that are shown were completed.
    ModuleCompleted,
    /// A section opens.
    SectionOpens,
    /// A section is hidden. For staff.
    SectionHidden,
    /// A section that was hidden is shown. For staff.
    SectionShown,
    /// A form can be answered.
    FormAvailable,
    /// A form was answered.
    FormAnswered,
    /// The time to answer a form is over.
    FormExpires,
    /// A form was taken back, or declined.
    FormCancelled,
    /// A day of a planned activity is to come, or is today.
    Activity,
    /// A day of a planned activity was registered.
    ActivityRegistered,
    /// A day of a planned activity is over without a registration.
    ActivityMissed,
    /// Something was measured.
    Measurement,
    /// Somebody is reminded.
    Reminder,
    /// A message is sent.
    Message,
    /// A flag is raised.
    FlagRaised,
    /// A flag was resolved.
    FlagResolved,
    /// More and more of the staff are told of a flag.
    Escalation,
}

impl From<&What> for TimelineKind {
    fn from(what: &What) -> Self {
        match what {
            What::Status(Change::Planned) => Self::EnrollmentPlanned,
            What::Status(Change::Starts) => Self::EnrollmentStarts,
            What::Status(Change::Pauses) => Self::EnrollmentPauses,
            What::Status(Change::Resumes) => Self::EnrollmentResumes,
            What::Status(Change::Completes) => Self::EnrollmentCompletes,
            What::Status(Change::Withdraws) => Self::EnrollmentWithdraws,
            What::ModuleOpens(_) => Self::ModuleOpens,
            What::SectionOpens(_) => Self::SectionOpens,
            What::ModuleVisibility(_, true) => Self::ModuleShown,
            What::ModuleVisibility(_, false) => Self::ModuleHidden,
            What::SectionVisibility(_, true) => Self::SectionShown,
            What::SectionVisibility(_, false) => Self::SectionHidden,
            What::ModuleCompleted(_) => Self::ModuleCompleted,
            What::FormAvailable(_) => Self::FormAvailable,
            What::FormAnswered(_) => Self::FormAnswered,
            What::FormExpires(_) => Self::FormExpires,
            What::FormCancelled(_) => Self::FormCancelled,
            What::Activity(one) if one.entry.is_some() => Self::ActivityRegistered,
            What::Activity(one) if one.missed => Self::ActivityMissed,
            What::Activity(_) => Self::Activity,
            What::Measured(_) => Self::Measurement,
            What::Reminder(_) => Self::Reminder,
            What::Message(_) => Self::Message,
            What::FlagRaised(_) => Self::FlagRaised,
            What::FlagResolved(_) => Self::FlagResolved,
            What::Action { action, .. } => match action {
                Action::DispatchForm(_) => Self::FormAvailable,
                Action::RaiseFlag(_) => Self::FlagRaised,
                Action::Remind(_) => Self::Reminder,
                Action::OpenModule(_) => Self::ModuleOpens,
                Action::HideModule(_) => Self::ModuleHidden,
                Action::OpenSection(_) => Self::SectionOpens,
                Action::HideSection(_) => Self::SectionHidden,
                Action::SendMessage(_) => Self::Message,
                Action::Escalate(_) => Self::Escalation,
            },
        }
    }
}

/// A planning view, in a span of time.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimelineOf {
    /// The enrollment.
    pub enrollment: Uuid,
    /// The beginning of the span.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
}

impl Loader<TimelineOf> for Loads {
    /// The entries, or why this view alone cannot be told: it must not fail the others.
    type Value = std::result::Result<Arc<Vec<Entry>>, UserError>;
    type Error = Failure;

    async fn load(&self, keys: &[TimelineOf]) -> Result<HashMap<TimelineOf, Self::Value>> {
        let mut loaded = HashMap::new();
        for ((from, to), enrollments) in grouped(keys, |key| ((key.from, key.to), key.enrollment)) {
            let found = record::timelines(&self.store, &self.viewer, &enrollments, from, to).await?;
            loaded.extend(found.into_iter().map(|(enrollment, entries)| {
                let key = TimelineOf { enrollment, from, to };
                (key, entries.map(Arc::new))
            }));
        }
        Ok(loaded)
    }
}

/// Something that happened or will.
pub struct TimelineEntry {
    entry: Entry,
    enrollment: Arc<Enrollment>,
}

impl TimelineEntry {
    /// The entries of an enrollment's planning view; none where its program has no such view.
    pub async fn all(
        ctx: &Context<'_>,
        enrollment: Enrollment,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Option<Vec<Self>>> {
        // Before it is asked for together with others: one span that is none must not fail theirs.
        record::check_span(from, to)?;
        let key = TimelineOf {
            enrollment: enrollment.row.id,
            from,
            to,
        };
        let Some(entries) = request::of(ctx).loads.load_one(key).await?.transpose()? else {
            return Ok(None);
        };
        let enrollment = Arc::new(enrollment);
        let entries = entries.iter().cloned();
        let entries = entries.map(|entry| Self {
            entry,
            enrollment: enrollment.clone(),
        });
        Ok(Some(entries.collect()))
    }

    fn enrollment(&self) -> Node {
        Node::Enrollment(Enrollment::new(self.enrollment.row.clone()))
    }

    async fn form(&self, ctx: &Context<'_>, key: &str) -> Result<Option<Node>> {
        let content = self.enrollment.content(ctx).await?;
        let locale = self.enrollment.locale.clone();
        let form = content.forms.get(key).cloned();
        Ok(form.map(|content| Node::Form(Form { content, locale })))
    }

    /// What a predicted action is about.
    async fn target(&self, ctx: &Context<'_>, action: &Action) -> Result<Option<Node>> {
        let content = self.enrollment.content(ctx).await?;
        let module = |key: &str| content.module_by_key(key).map(|module| module.row.id);
        let section = |key: &str| content.section_by_key(key).map(|section| section.row.id);
        match action {
            Action::DispatchForm(send) => self.form(ctx, &send.form).await,
            Action::OpenModule(content) | Action::HideModule(content) => match module(&content.module) {
                Some(id) => Ok(self.enrollment.module(ctx, id).await?.map(Node::EnrollmentModule)),
                None => Ok(None),
            },
            Action::OpenSection(content) | Action::HideSection(content) => match section(&content.section) {
                Some(id) => Ok(self.enrollment.section(ctx, id).await?.map(Node::EnrollmentSection)),
                None => Ok(None),
            },
            Action::RaiseFlag(_) | Action::Remind(_) | Action::SendMessage(_) | Action::Escalate(_) => {
                Ok(Some(self.enrollment()))
            }
        }
    }

    async fn found(&self, ctx: &Context<'_>) -> Result<Option<Node>> {
        let dispatch = |row: &Arc<entity::dispatch::Model>| {
            Node::Dispatch(Dispatch {
                row: row.clone(),
                locale: self.enrollment.locale.clone(),
            })
        };
        Ok(Some(match &self.entry.what {
            What::Status(_) => self.enrollment(),
            What::ModuleOpens(id) | What::ModuleVisibility(id, _) | What::ModuleCompleted(id) => {
                return Ok(self.enrollment.module(ctx, *id).await?.map(Node::EnrollmentModule));
            }
            What::SectionOpens(id) | What::SectionVisibility(id, _) => {
                return Ok(self.enrollment.section(ctx, *id).await?.map(Node::EnrollmentSection));
            }
            What::FormAvailable(row) | What::FormAnswered(row) | What::FormExpires(row) | What::FormCancelled(row) => {
                dispatch(row)
            }
            What::Activity(one) => Node::ActivityOccurrence(ActivityOccurrence((**one).clone())),
            What::Measured(row) => Node::Measurement(Measurement(row.clone())),
            What::Reminder(row) => Node::Reminder(Reminder(row.clone())),
            What::Message(row) => Node::Message(Message(row.clone())),
            What::FlagRaised(row) | What::FlagResolved(row) => Node::Flag(Flag(row.clone())),
            What::Action { action, .. } => return self.target(ctx, action).await,
        }))
    }
}

/// Something that happened or will.
#[Object]
impl TimelineEntry {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.entry.at
    }

    /// What kind of thing it is.
    async fn kind(&self) -> TimelineKind {
        (&self.entry.what).into()
    }

    /// What is read in lists, in the enrollment's language.
    async fn title(&self, ctx: &Context<'_>) -> Result<String> {
        title::of(ctx, &self.entry, &self.enrollment).await
    }

    /// How certain it is.
    async fn certainty(&self) -> TimelineCertainty {
        self.entry.certainty.into()
    }

    /// What it is about; of a prediction the form, module or section that it is about, else the enrollment.
    async fn subject(&self, ctx: &Context<'_>) -> Option<Result<Node>> {
        self.found(ctx).await.transpose()
    }

    /// The rule that would do it. For staff.
    async fn rule(&self, ctx: &Context<'_>) -> Option<Result<Rule>> {
        let What::Action { rule, .. } = &self.entry.what else {
            return None;
        };
        Rule::find(ctx, *rule).await.transpose()
    }
}
