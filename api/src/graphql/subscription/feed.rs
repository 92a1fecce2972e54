//! Which events a subscription tells of, and what they are about.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use entity::{
    activity_entry, dispatch, enrollment,
    error::Result,
    event::{self, Cursor, EventKind, Scope},
    flag, measurement, message, message_handover, planned_activity, reminder, reminder_staff, response,
    store::Store,
    unit,
    viewer::Viewer,
};
use rules::facts::Audience;
use uuid::Uuid;

use super::item::{
    Activity, ActivityPlanChanged, ActivityRegistered, CitizenChanged, DispatchAvailable, DispatchChanged,
    DispatchEvent, EnrollmentChanged, EnrollmentEvent, EnrollmentLeft, FlagChanged, FlagRaised, FormScheduleSwitched,
    MeasurementRegistered, MessageReceived, MessageSent, MessagesHandedOver, MessagesRead, MessagesSettled,
    ProgressMade, ReminderArrived, ReminderChanged, ReminderEvent, ReminderSent, ResponseSubmitted, ResultCorrected,
    UnitChanged, VisibilityChanged, VisibilityEvent,
};
use crate::graphql::{
    activity::{ActivityEntry, PlannedActivity},
    care::Unit,
    citizen::Citizen,
    dispatch::Dispatch,
    enrollment::Enrollment,
    flag::Flag,
    id::{self, Kind},
    measurement::Measurement,
    message::{Message, MessageHandOver},
    reminder::Reminder,
    result::FormResult,
};

/// How many events are read at once.
const BATCH: u64 = 100;

/// What staff are told of.
const TO_STAFF: &[EventKind] = &[
    EventKind::EnrollmentPlanned,
    EventKind::EnrollmentStarted,
    EventKind::EnrollmentPaused,
    EventKind::EnrollmentResumed,
    EventKind::EnrollmentCompleted,
    EventKind::EnrollmentWithdrawn,
    EventKind::EnrollmentRescheduled,
    EventKind::EnrollmentTransferred,
    EventKind::EnrollmentLeft,
    EventKind::TherapistsChanged,
    EventKind::StepCompleted,
    EventKind::ModuleCompleted,
    EventKind::ContentChanged,
    EventKind::ContentTookEffect,
    EventKind::ContentOpened,
    EventKind::DispatchScheduled,
    EventKind::DispatchAvailable,
    EventKind::DispatchExpired,
    EventKind::DispatchCancelled,
    EventKind::DispatchMoved,
    EventKind::FormScheduleSwitched,
    EventKind::FormCompleted,
    EventKind::ResponseAmended,
    EventKind::ResponseVoided,
    EventKind::FlagRaised,
    EventKind::FlagAcknowledged,
    EventKind::FlagResolved,
    EventKind::FlagAssigned,
    EventKind::ReminderPlanned,
    EventKind::ReminderMoved,
    EventKind::ReminderCancelled,
    EventKind::ReminderSent,
    EventKind::MessageReceived,
    EventKind::MessagesRead,
    EventKind::MessagesSettled,
    EventKind::MessagesHandedOver,
    EventKind::ActivityPlanned,
    EventKind::ActivityChanged,
    EventKind::ActivityEnded,
    EventKind::ActivityRegistered,
    EventKind::ActivityCorrected,
    EventKind::MeasurementRegistered,
    EventKind::MeasurementChanged,
    EventKind::UnitChanged,
    EventKind::CitizenChanged,
];

/// What is among the staff: the rest of what they are told of citizens and guardians are, too.
const AMONG_STAFF: &[EventKind] = &[
    EventKind::EnrollmentLeft,
    EventKind::FormScheduleSwitched,
    EventKind::FlagAssigned,
    EventKind::MessagesSettled,
    EventKind::MessagesHandedOver,
];

/// Which events a subscription tells of.
pub(super) struct Feed {
    scope: Scope,
    kinds: Vec<EventKind>,
    /// On which side it is listened to.
    side: Audience,
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
            kinds: TO_STAFF.to_vec(),
            side: Audience::Staff,
        }
    }

    /// What concerns citizens themselves.
    pub(super) fn of_citizens(citizens: Vec<Uuid>) -> Self {
        let kinds = TO_STAFF.iter().filter(|kind| !AMONG_STAFF.contains(kind));
        Self {
            scope: Scope::Citizens(citizens),
            kinds: kinds.copied().collect(),
            side: Audience::Citizen,
        }
    }

    /// Reads what came after a cursor. What the viewer may not see, or is gone by now, is left out.
    pub(super) async fn read(&self, store: &Store, viewer: &Viewer, cursor: Cursor) -> Result<Read> {
        let events = event::after(store, viewer, &self.scope, Some(cursor), &self.kinds, BATCH).await?;
        let subjects = Subjects::read(store, viewer, &events).await?;
        Ok(Read {
            activities: events
                .iter()
                .filter_map(|event| self.activity(event, viewer, &subjects))
                .collect(),
            last: events.last().map_or(cursor, event::Told::cursor),
            more: u64::try_from(events.len()).is_ok_and(|read| read >= BATCH),
        })
    }

    fn activity(&self, event: &event::Told, viewer: &Viewer, subjects: &Subjects) -> Option<Activity> {
        let (cursor, at) = (event.cursor().to_string(), event.at);
        let enrollment = || subjects.enrollment(event);
        Some(match event.kind.0 {
            EventKind::EnrollmentPlanned
            | EventKind::EnrollmentStarted
            | EventKind::EnrollmentPaused
            | EventKind::EnrollmentResumed
            | EventKind::EnrollmentCompleted
            | EventKind::EnrollmentWithdrawn
            | EventKind::EnrollmentRescheduled
            | EventKind::EnrollmentTransferred
            | EventKind::TherapistsChanged => Activity::EnrollmentChanged(EnrollmentChanged {
                cursor,
                at,
                enrollment_event: of_enrollment(event.kind.0)?,
                enrollment: enrollment()?,
            }),
            EventKind::EnrollmentLeft => Activity::EnrollmentLeft(EnrollmentLeft {
                cursor,
                at,
                enrollment_id: id::id(Kind::Enrollment, event.enrollment_id?),
            }),
            EventKind::StepCompleted | EventKind::ModuleCompleted => Activity::ProgressMade(ProgressMade {
                cursor,
                at,
                enrollment: enrollment()?,
                content: event.subject_id?,
            }),
            EventKind::ContentChanged | EventKind::ContentTookEffect | EventKind::ContentOpened => {
                Activity::VisibilityChanged(VisibilityChanged {
                    cursor,
                    at,
                    visibility_event: of_content(event.kind.0)?,
                    enrollment: enrollment()?,
                    content: event.subject_id?,
                })
            }
            EventKind::DispatchAvailable => Activity::DispatchAvailable(DispatchAvailable {
                cursor,
                at,
                dispatch: subjects.dispatch(event)?,
            }),
            EventKind::DispatchScheduled
            | EventKind::DispatchExpired
            | EventKind::DispatchCancelled
            | EventKind::DispatchMoved => Activity::DispatchChanged(DispatchChanged {
                cursor,
                at,
                dispatch_event: of_dispatch(event.kind.0)?,
                dispatch: subjects.dispatch(event)?,
            }),
            EventKind::FormScheduleSwitched => Activity::FormScheduleSwitched(FormScheduleSwitched {
                cursor,
                at,
                enrollment: enrollment()?,
                form_key: event.subject_key.clone()?,
            }),
            EventKind::FormCompleted => Activity::ResponseSubmitted(ResponseSubmitted {
                cursor,
                at,
                result: subjects.result(event)?,
            }),
            EventKind::ResponseAmended | EventKind::ResponseVoided => Activity::ResultCorrected(ResultCorrected {
                cursor,
                at,
                enrollment: enrollment()?,
                corrected: subjects.result(event),
            }),
            EventKind::FlagRaised => Activity::FlagRaised(FlagRaised {
                cursor,
                at,
                flag: Flag(of(&subjects.flags, event)?),
            }),
            EventKind::FlagAcknowledged | EventKind::FlagResolved | EventKind::FlagAssigned => {
                Activity::FlagChanged(FlagChanged {
                    cursor,
                    at,
                    flag: Flag(of(&subjects.flags, event)?),
                })
            }
            EventKind::ReminderPlanned | EventKind::ReminderMoved | EventKind::ReminderCancelled => {
                Activity::ReminderChanged(ReminderChanged {
                    cursor,
                    at,
                    reminder_event: of_reminder(event.kind.0)?,
                    reminder: Reminder(of(&subjects.reminders, event)?),
                })
            }
            EventKind::ReminderSent => self.reminder(event, viewer, subjects)?,
            EventKind::MessageReceived => self.message(event, viewer, &subjects.messages)?,
            EventKind::MessagesRead => Activity::MessagesRead(MessagesRead {
                cursor,
                at,
                actor: event.actor.0.into(),
                enrollment: enrollment()?,
            }),
            EventKind::MessagesSettled => Activity::MessagesSettled(MessagesSettled {
                cursor,
                at,
                enrollment: enrollment()?,
            }),
            EventKind::MessagesHandedOver => Activity::MessagesHandedOver(MessagesHandedOver {
                cursor,
                at,
                hand_over: MessageHandOver(subjects.hand_overs.get(&event.subject_id?)?.clone()),
                enrollment: enrollment()?,
            }),
            EventKind::ActivityPlanned | EventKind::ActivityChanged | EventKind::ActivityEnded => {
                Activity::ActivityPlanChanged(ActivityPlanChanged {
                    cursor,
                    at,
                    activity: PlannedActivity(of(&subjects.activities, event)?),
                })
            }
            EventKind::ActivityRegistered | EventKind::ActivityCorrected => {
                Activity::ActivityRegistered(ActivityRegistered {
                    cursor,
                    at,
                    entry: ActivityEntry(of(&subjects.entries, event)?),
                })
            }
            EventKind::MeasurementRegistered | EventKind::MeasurementChanged => {
                Activity::MeasurementRegistered(MeasurementRegistered {
                    cursor,
                    at,
                    measurement: Measurement(of(&subjects.measurements, event)?),
                })
            }
            EventKind::UnitChanged => Activity::UnitChanged(UnitChanged {
                cursor,
                at,
                unit: Unit(subjects.units.get(&event.unit_id?)?.clone()),
            }),
            EventKind::CitizenChanged => Activity::CitizenChanged(CitizenChanged {
                cursor,
                at,
                citizen: Citizen(event.citizen_id?),
            }),
            EventKind::SignedIn => return None,
        })
    }

    /// Nobody is told of what they wrote themselves, nor, thread by thread, of what their unit wrote to all its citizens.
    fn message(
        &self,
        event: &event::Told,
        viewer: &Viewer,
        messages: &HashMap<Uuid, message::Model>,
    ) -> Option<Activity> {
        let (cursor, at) = (event.cursor().to_string(), event.at);
        let row = of(messages, event)?;
        let is_own = row.sender.0 == self.side;
        let is_heard = event.actor.0 != viewer.actor() && row.unit_message_id.is_none();
        let message = Message(row);
        if !is_own {
            return Some(Activity::MessageReceived(MessageReceived { cursor, at, message }));
        }
        is_heard.then_some(Activity::MessageSent(MessageSent { cursor, at, message }))
    }

    /// Of those to staff that left, nobody hears what came to others alone.
    fn reminder(&self, event: &event::Told, viewer: &Viewer, subjects: &Subjects) -> Option<Activity> {
        let (cursor, at) = (event.cursor().to_string(), event.at);
        let row = of(&subjects.reminders, event)?;
        if let (Audience::Staff, Some(listener)) = (row.audience.0, viewer.staff()) {
            let mut reached = subjects.reached.get(&row.id)?.iter();
            reached.find(|row| row.staff_id == listener && row.arrived_at.is_some())?;
        }
        let has_arrived = row.audience.0 == self.side;
        let reminder = Reminder(row);
        Some(match has_arrived {
            true => Activity::ReminderArrived(ReminderArrived { cursor, at, reminder }),
            false => Activity::ReminderSent(ReminderSent { cursor, at, reminder }),
        })
    }
}

fn of_enrollment(kind: EventKind) -> Option<EnrollmentEvent> {
    Some(match kind {
        EventKind::EnrollmentPlanned => EnrollmentEvent::Planned,
        EventKind::EnrollmentStarted => EnrollmentEvent::Started,
        EventKind::EnrollmentPaused => EnrollmentEvent::Paused,
        EventKind::EnrollmentResumed => EnrollmentEvent::Resumed,
        EventKind::EnrollmentCompleted => EnrollmentEvent::Completed,
        EventKind::EnrollmentWithdrawn => EnrollmentEvent::Withdrawn,
        EventKind::EnrollmentRescheduled => EnrollmentEvent::Rescheduled,
        EventKind::EnrollmentTransferred => EnrollmentEvent::Transferred,
        EventKind::TherapistsChanged => EnrollmentEvent::TherapistsChanged,
        _ => return None,
    })
}

fn of_content(kind: EventKind) -> Option<VisibilityEvent> {
    Some(match kind {
        EventKind::ContentChanged => VisibilityEvent::Said,
        EventKind::ContentTookEffect => VisibilityEvent::TookEffect,
        EventKind::ContentOpened => VisibilityEvent::Opened,
        _ => return None,
    })
}

fn of_dispatch(kind: EventKind) -> Option<DispatchEvent> {
    Some(match kind {
        EventKind::DispatchScheduled => DispatchEvent::Scheduled,
        EventKind::DispatchExpired => DispatchEvent::Expired,
        EventKind::DispatchCancelled => DispatchEvent::Cancelled,
        EventKind::DispatchMoved => DispatchEvent::Moved,
        _ => return None,
    })
}

fn of_reminder(kind: EventKind) -> Option<ReminderEvent> {
    Some(match kind {
        EventKind::ReminderPlanned => ReminderEvent::Planned,
        EventKind::ReminderMoved => ReminderEvent::Moved,
        EventKind::ReminderCancelled => ReminderEvent::Cancelled,
        _ => return None,
    })
}

/// What an event is about, of rows by id.
fn of<M: Clone>(rows: &HashMap<Uuid, M>, event: &event::Told) -> Option<Arc<M>> {
    Some(Arc::new(rows.get(&event.subject_id?)?.clone()))
}

/// What events are about, by id.
struct Subjects {
    activities: HashMap<Uuid, planned_activity::Model>,
    entries: HashMap<Uuid, activity_entry::Model>,
    measurements: HashMap<Uuid, measurement::Model>,
    dispatches: HashMap<Uuid, dispatch::Model>,
    flags: HashMap<Uuid, flag::Model>,
    messages: HashMap<Uuid, message::Model>,
    hand_overs: HashMap<Uuid, message_handover::Model>,
    reminders: HashMap<Uuid, reminder::Model>,
    /// The staff whom reminders that left came to.
    reached: HashMap<Uuid, Vec<reminder_staff::Model>>,
    responses: HashMap<Uuid, response::Model>,
    /// Those of the events that tell of the enrollment itself, or in its language.
    enrollments: HashMap<Uuid, enrollment::Model>,
    units: HashMap<Uuid, unit::Model>,
}

impl Subjects {
    async fn read(store: &Store, viewer: &Viewer, events: &[event::Told]) -> Result<Self> {
        let of = |kinds: &[EventKind]| -> Vec<Uuid> {
            let events = events.iter().filter(|event| kinds.contains(&event.kind.0));
            let ids: HashSet<Uuid> = events.filter_map(|event| event.subject_id).collect();
            ids.into_iter().collect()
        };
        let flags = of(&[
            EventKind::FlagRaised,
            EventKind::FlagAcknowledged,
            EventKind::FlagResolved,
            EventKind::FlagAssigned,
        ]);
        let activities = of(&[
            EventKind::ActivityPlanned,
            EventKind::ActivityChanged,
            EventKind::ActivityEnded,
        ]);
        let dispatches = of(&[
            EventKind::DispatchScheduled,
            EventKind::DispatchAvailable,
            EventKind::DispatchExpired,
            EventKind::DispatchCancelled,
            EventKind::DispatchMoved,
        ]);
        let responses = of(&[
            EventKind::FormCompleted,
            EventKind::ResponseAmended,
            EventKind::ResponseVoided,
        ]);
        let measurements = of(&[EventKind::MeasurementRegistered, EventKind::MeasurementChanged]);
        let entries = of(&[EventKind::ActivityRegistered, EventKind::ActivityCorrected]);
        let left = of(&[EventKind::ReminderSent]);
        let reminders = of(&[
            EventKind::ReminderPlanned,
            EventKind::ReminderMoved,
            EventKind::ReminderCancelled,
            EventKind::ReminderSent,
        ]);
        let own: HashSet<Uuid> = events
            .iter()
            .filter(|event| !has_subject_alone(event.kind.0))
            .filter_map(|event| event.enrollment_id)
            .collect();
        let changed = events.iter().filter(|event| event.kind.0 == EventKind::UnitChanged);
        let changed: HashSet<Uuid> = changed.filter_map(|event| event.unit_id).collect();
        let own: Vec<Uuid> = own.into_iter().collect();
        // Without ids these ask nothing of the database.
        Ok(Self {
            activities: planned_activity::find(store, viewer, &activities).await?,
            entries: activity_entry::find(store, viewer, &entries).await?,
            measurements: measurement::find(store, viewer, &measurements).await?,
            dispatches: dispatch::find(store, viewer, &dispatches).await?,
            flags: flag::find(store, viewer, &flags).await?,
            hand_overs: message_handover::find(store, viewer, &of(&[EventKind::MessagesHandedOver])).await?,
            messages: message::find(store, viewer, &of(&[EventKind::MessageReceived])).await?,
            reminders: reminder::find(store, viewer, &reminders).await?,
            reached: match viewer.staff() {
                Some(_) => reminder::staff(store, viewer, &left).await?,
                None => HashMap::new(),
            },
            responses: response::find(store, viewer, &responses).await?,
            enrollments: enrollment::find(store, viewer, &own).await?,
            units: unit::anew(store, &changed).await?,
        })
    }

    fn enrollment(&self, event: &event::Told) -> Option<Enrollment> {
        let row = self.enrollments.get(&event.enrollment_id?)?;
        Some(Enrollment::new(Arc::new(row.clone())))
    }

    fn dispatch(&self, event: &event::Told) -> Option<Dispatch> {
        let row = of(&self.dispatches, event)?;
        let locale = self.locale(event)?;
        Some(Dispatch { row, locale })
    }

    fn result(&self, event: &event::Told) -> Option<FormResult> {
        let row = of(&self.responses, event)?;
        let locale = self.locale(event)?;
        Some(FormResult { row, locale })
    }

    fn locale(&self, event: &event::Told) -> Option<Arc<str>> {
        Some(self.enrollments.get(&event.enrollment_id?)?.locale.as_str().into())
    }
}

/// Whether an item needs nothing but what its event is about.
fn has_subject_alone(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::EnrollmentLeft
            | EventKind::FlagRaised
            | EventKind::FlagAcknowledged
            | EventKind::FlagResolved
            | EventKind::FlagAssigned
            | EventKind::ReminderPlanned
            | EventKind::ReminderMoved
            | EventKind::ReminderCancelled
            | EventKind::ReminderSent
            | EventKind::MessageReceived
            | EventKind::ActivityPlanned
            | EventKind::ActivityChanged
            | EventKind::ActivityEnded
            | EventKind::ActivityRegistered
            | EventKind::ActivityCorrected
            | EventKind::MeasurementRegistered
            | EventKind::MeasurementChanged
    )
}
