//! The items of subscriptions.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_graphql::{Interface, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    dispatch, enrollment,
    error::Result,
    event::{self, Cursor, EventKind, Scope},
    flag, message, reminder, response,
    store::Store,
    viewer::Viewer,
};
use rules::facts::Audience;
use uuid::Uuid;

use crate::graphql::{dispatch::Dispatch, flag::Flag, message::Message, reminder::Reminder, result::FormResult};

/// How many events are read at once.
const BATCH: u64 = 100;

/// Something that happened. A client goes on `after` the last cursor that it has seen.
#[derive(Interface)]
#[graphql(
    field(name = "cursor", ty = "&String", desc = "Where to go on after it."),
    field(name = "at", ty = "&DateTime<Utc>", desc = "When it happened.")
)]
pub enum Activity {
    DispatchAvailable(DispatchAvailable),
    FlagRaised(FlagRaised),
    MessageReceived(MessageReceived),
    ReminderArrived(ReminderArrived),
    ResponseSubmitted(ResponseSubmitted),
}

/// A form can be answered.
#[derive(SimpleObject)]
pub struct DispatchAvailable {
    /// Where to go on after it.
    cursor: String,
    /// When it happened.
    at: DateTime<Utc>,
    /// The dispatch as it is now.
    dispatch: Dispatch,
}

/// A flag was raised, or raised again.
#[derive(SimpleObject)]
pub struct FlagRaised {
    /// Where to go on after it.
    cursor: String,
    /// When it happened.
    at: DateTime<Utc>,
    /// The flag as it is now.
    flag: Flag,
}

/// A message came from the other side.
#[derive(SimpleObject)]
pub struct MessageReceived {
    /// Where to go on after it.
    cursor: String,
    /// When it happened.
    at: DateTime<Utc>,
    /// The message.
    message: Message,
}

/// A reminder came.
#[derive(SimpleObject)]
pub struct ReminderArrived {
    /// Where to go on after it.
    cursor: String,
    /// When it happened.
    at: DateTime<Utc>,
    /// The reminder.
    reminder: Reminder,
}

/// A form was submitted.
#[derive(SimpleObject)]
pub struct ResponseSubmitted {
    /// Where to go on after it.
    cursor: String,
    /// When it happened.
    at: DateTime<Utc>,
    /// The result.
    result: FormResult,
}

/// Which events a subscription tells of.
pub(super) struct Feed {
    scope: Scope,
    kinds: &'static [EventKind],
    /// From whom messages come.
    from: Audience,
}

/// What was read after a cursor.
pub(super) struct Read {
    pub activities: Vec<Activity>,
    /// Where to go on.
    pub last: Cursor,
    /// Whether there may be more already.
    pub more: bool,
}

impl Feed {
    /// What concerns the staff of a unit.
    pub(super) fn of_unit(unit: Uuid) -> Self {
        Self {
            scope: Scope::Unit(unit),
            kinds: &[
                EventKind::FlagRaised,
                EventKind::FormCompleted,
                EventKind::MessageReceived,
            ],
            from: Audience::Citizen,
        }
    }

    /// What concerns citizens themselves.
    pub(super) fn of_citizens(citizens: Vec<Uuid>) -> Self {
        Self {
            scope: Scope::Citizens(citizens),
            kinds: &[
                EventKind::DispatchAvailable,
                EventKind::MessageReceived,
                EventKind::ReminderSent,
            ],
            from: Audience::Staff,
        }
    }

    /// Reads what came after a cursor. What the viewer may not see, or is gone by now, is left out.
    pub(super) async fn read(&self, store: &Store, viewer: &Viewer, cursor: Cursor) -> Result<Read> {
        let events = event::after(store, viewer, &self.scope, Some(cursor), self.kinds, BATCH).await?;
        let subjects = Subjects::read(store, viewer, &events).await?;
        Ok(Read {
            activities: events
                .iter()
                .filter_map(|event| self.activity(event, &subjects))
                .collect(),
            last: events.last().map_or(cursor, event::Model::cursor),
            more: u64::try_from(events.len()).is_ok_and(|read| read >= BATCH),
        })
    }

    fn activity(&self, event: &event::Model, subjects: &Subjects) -> Option<Activity> {
        let (cursor, at, subject) = (event.cursor().to_string(), event.at, event.subject_id?);
        match event.kind.0 {
            EventKind::DispatchAvailable => {
                let row = Arc::new(subjects.dispatches.get(&subject)?.clone());
                let locale = subjects.locale(row.enrollment_id)?;
                let dispatch = Dispatch { row, locale };
                Some(Activity::DispatchAvailable(DispatchAvailable { cursor, at, dispatch }))
            }
            EventKind::FlagRaised => {
                let flag = Flag(Arc::new(subjects.flags.get(&subject)?.clone()));
                Some(Activity::FlagRaised(FlagRaised { cursor, at, flag }))
            }
            EventKind::FormCompleted => {
                let row = Arc::new(subjects.responses.get(&subject)?.clone());
                let locale = subjects.locale(row.enrollment_id)?;
                let result = FormResult { row, locale };
                Some(Activity::ResponseSubmitted(ResponseSubmitted { cursor, at, result }))
            }
            EventKind::MessageReceived => {
                let row = subjects.messages.get(&subject)?;
                let message = (row.sender.0 == self.from).then(|| Message(Arc::new(row.clone())))?;
                Some(Activity::MessageReceived(MessageReceived { cursor, at, message }))
            }
            EventKind::ReminderSent => {
                let reminder = Reminder(Arc::new(subjects.reminders.get(&subject)?.clone()));
                Some(Activity::ReminderArrived(ReminderArrived { cursor, at, reminder }))
            }
            _ => None,
        }
    }
}

/// What events are about, by id.
struct Subjects {
    dispatches: HashMap<Uuid, dispatch::Model>,
    flags: HashMap<Uuid, flag::Model>,
    messages: HashMap<Uuid, message::Model>,
    reminders: HashMap<Uuid, reminder::Model>,
    responses: HashMap<Uuid, response::Model>,
    enrollments: HashMap<Uuid, enrollment::Model>,
}

impl Subjects {
    async fn read(store: &Store, viewer: &Viewer, events: &[event::Model]) -> Result<Self> {
        let of = |kind: EventKind| -> Vec<Uuid> {
            let events = events.iter().filter(|event| event.kind.0 == kind);
            events.filter_map(|event| event.subject_id).collect()
        };
        // Without ids these ask nothing of the database.
        let dispatches = dispatch::find(store, viewer, &of(EventKind::DispatchAvailable)).await?;
        let responses = response::find(store, viewer, &of(EventKind::FormCompleted)).await?;
        let in_languages: HashSet<Uuid> = (dispatches.values().map(|row| row.enrollment_id))
            .chain(responses.values().map(|row| row.enrollment_id))
            .collect();
        let in_languages: Vec<Uuid> = in_languages.into_iter().collect();
        Ok(Self {
            dispatches,
            flags: flag::find(store, viewer, &of(EventKind::FlagRaised)).await?,
            messages: message::find(store, viewer, &of(EventKind::MessageReceived)).await?,
            reminders: reminder::find(store, viewer, &of(EventKind::ReminderSent)).await?,
            responses,
            enrollments: enrollment::find(store, viewer, &in_languages).await?,
        })
    }

    fn locale(&self, enrollment: Uuid) -> Option<Arc<str>> {
        Some(self.enrollments.get(&enrollment)?.locale.as_str().into())
    }
}
