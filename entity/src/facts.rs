//! Reading what rules may know of enrollments: a handful of statements for any number of them.

mod activities;
mod measurements;
mod messages;
pub(crate) mod modules;
mod needs;

pub use needs::{Needs, Part};

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use rules::{
    answer::Answers,
    facts::{
        Audience, Dated, Dispatch, Event, EventKind as RuleEvent, Facts, Flag, FlagState, Response, Scored, Sex, Status,
    },
    form::Scale,
    score::{Score, fact_answers},
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{
    citizen, dispatch,
    dispatch::DispatchStatus,
    enrollment, enrollment_end, enrollment_status,
    error::{Error, Result},
    event::{self, EventKind},
    flag,
    flag::FlagStatus,
    flag_change, response,
    store::Store,
    stored::{self, Stored},
    viewer::Actor,
};

/// What the citizen does in a program, besides writing messages. What staff do in their place is not theirs.
const ACTIVITIES: [EventKind; 4] = [
    EventKind::StepCompleted,
    EventKind::FormCompleted,
    EventKind::ActivityRegistered,
    EventKind::MeasurementRegistered,
];

/// What schedules, and the time that a flag is left unhandled, count from: where a firing caused it, it carries that on.
const CAUSES: [EventKind; 5] = [
    EventKind::DispatchScheduled,
    EventKind::DispatchAvailable,
    EventKind::FlagRaised,
    EventKind::ContentChanged,
    EventKind::ModuleCompleted,
];

/// Reads the facts of enrollments that `needs` names, complete for judging instants after `since` (and, where it is none, any
/// instant). Statuses, sign-ins, what the citizen did, and events are always read.
///
/// # Errors
/// When the database fails, or something stored cannot be read.
pub async fn load(
    store: &Store,
    connection: &impl ConnectionTrait,
    enrollments: &[enrollment::Model],
    needs: &Needs,
    since: Option<DateTime<Utc>>,
) -> Result<HashMap<Uuid, Facts>> {
    let ids: Vec<Uuid> = enrollments.iter().map(|row| row.id).collect();
    let mut facts = HashMap::new();
    for row in enrollments {
        let zone = row
            .zone
            .parse()
            .map_err(|_| Error::Corrupt("an enrollment's time zone is not known".into()))?;
        facts.insert(
            row.id,
            Facts {
                enrollment: row.id,
                zone,
                started_at: row.started_at,
                started_known_at: row.started_at,
                ends: Vec::new(),
                birth_date: None,
                sex: None,
                statuses: Vec::new(),
                responses: Vec::new(),
                dispatches: Vec::new(),
                sign_ins: Vec::new(),
                activities: Vec::new(),
                messages: Vec::new(),
                measurements: Vec::new(),
                planned: Vec::new(),
                registrations: Vec::new(),
                modules: Vec::new(),
                flags: Vec::new(),
                events: Vec::new(),
            },
        );
    }
    statuses(connection, &ids, &mut facts).await?;
    events(connection, &ids, since, &mut facts).await?;
    if needs.has(Part::Person) {
        persons(connection, enrollments, &mut facts).await?;
    }
    if needs.has(Part::Ends) {
        ends(connection, &ids, &mut facts).await?;
    }
    if needs.has(Part::Responses) {
        responses(store, connection, &ids, &mut facts).await?;
    }
    if needs.has(Part::Dispatches) {
        dispatches(connection, &ids, &mut facts).await?;
    }
    if needs.has(Part::Flags) {
        flags(connection, &ids, &mut facts).await?;
    }
    if needs.has(Part::Messages) {
        messages::read(connection, &ids, &mut facts).await?;
    }
    if needs.has(Part::Measurements) {
        measurements::read(connection, &ids, &mut facts).await?;
    }
    if needs.has(Part::Activities) || needs.has(Part::Ratings) {
        activities::read(connection, &ids, needs, &mut facts).await?;
    }
    if needs.has(Part::Modules) {
        modules::read(store, connection, enrollments, &mut facts).await?;
    }
    Ok(facts)
}

async fn persons(
    connection: &impl ConnectionTrait,
    enrollments: &[enrollment::Model],
    facts: &mut HashMap<Uuid, Facts>,
) -> Result<()> {
    let citizens: BTreeSet<Uuid> = enrollments.iter().map(|row| row.citizen_id).collect();
    let rows: Vec<(Uuid, NaiveDate, Option<Stored<Sex>>)> = citizen::Entity::find()
        .select_only()
        .columns([citizen::Column::Id, citizen::Column::BirthDate, citizen::Column::Sex])
        .filter(citizen::Column::Id.is_in(citizens))
        .into_tuple()
        .all(connection)
        .await?;
    let persons: HashMap<Uuid, _> = rows.into_iter().map(|(id, born, sex)| (id, (born, sex))).collect();
    for row in enrollments {
        if let (Some(facts), Some((born, sex))) = (facts.get_mut(&row.id), persons.get(&row.citizen_id)) {
            facts.birth_date = Some(*born);
            facts.sex = sex.as_ref().map(|sex| sex.0);
        }
    }
    Ok(())
}

async fn ends(connection: &impl ConnectionTrait, ids: &[Uuid], facts: &mut HashMap<Uuid, Facts>) -> Result<()> {
    let rows = enrollment_end::Entity::find()
        .filter(enrollment_end::Column::EnrollmentId.is_in(ids.iter().copied()))
        .order_by_asc(enrollment_end::Column::At);
    for row in rows.all(connection).await? {
        if let Some(facts) = facts.get_mut(&row.enrollment_id) {
            let (at, value) = (row.at, row.ends_at);
            facts.ends.push(Dated { at, value });
        }
    }
    Ok(())
}

async fn statuses(connection: &impl ConnectionTrait, ids: &[Uuid], facts: &mut HashMap<Uuid, Facts>) -> Result<()> {
    let rows = enrollment_status::Entity::find()
        .filter(enrollment_status::Column::EnrollmentId.is_in(ids.iter().copied()))
        .order_by_asc(enrollment_status::Column::At)
        .all(connection)
        .await?;
    for row in rows {
        if let Some(facts) = facts.get_mut(&row.enrollment_id) {
            facts.statuses.push(Dated {
                at: row.at,
                value: row.status.0,
            });
        }
    }
    Ok(())
}

async fn responses(
    store: &Store,
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
    facts: &mut HashMap<Uuid, Facts>,
) -> Result<()> {
    let rows = response::Entity::find()
        .filter(response::Column::EnrollmentId.is_in(ids.iter().copied()))
        .order_by_asc(response::answered_at())
        .order_by_asc(response::Column::SubmittedAt)
        .order_by_asc(response::Column::Id)
        .all(connection)
        .await?;
    for row in rows {
        let form = store.library().form(connection, row.form_version_id).await?;
        let unread = |what: &str| Error::Corrupt(format!("the {what} of response {}", row.id));
        let answers: Answers = serde_json::from_value(row.answers.clone()).map_err(|_| unread("answers"))?;
        let scores: Vec<Score> = serde_json::from_value(row.scores.clone()).map_err(|_| unread("scores"))?;
        if let Some(facts) = facts.get_mut(&row.enrollment_id) {
            facts.responses.push(Response {
                id: row.id,
                at: row.submitted_at,
                answered_at: row.answered_at(),
                form: row.form_key,
                answers: fact_answers(&form.form, &answers),
                scores: scores
                    .into_iter()
                    .filter_map(|score| {
                        let scale = form.form.scale(&score.scale);
                        Some(Scored {
                            value: score.value?,
                            error_of_difference: scale.and_then(Scale::error_of_difference),
                            scale: score.scale,
                        })
                    })
                    .collect(),
                superseded_at: row.superseded_at,
            });
        }
    }
    Ok(())
}

async fn dispatches(connection: &impl ConnectionTrait, ids: &[Uuid], facts: &mut HashMap<Uuid, Facts>) -> Result<()> {
    let rows = dispatch::Entity::find()
        .filter(dispatch::Column::EnrollmentId.is_in(ids.iter().copied()))
        // A form inside a step was not sent to anybody: it cannot be missed or overdue.
        .filter(dispatch::Column::StepId.is_null())
        .order_by_asc(dispatch::Column::AvailableAt)
        .order_by_asc(dispatch::Column::Id)
        .all(connection)
        .await?;
    for row in rows {
        let taken_back = matches!(row.status.0, DispatchStatus::Cancelled | DispatchStatus::Declined);
        if let Some(facts) = facts.get_mut(&row.enrollment_id) {
            facts.dispatches.push(Dispatch {
                id: row.id,
                form: row.form_key,
                known_at: row.created_at,
                available_at: row.available_at,
                overdue_at: row.overdue_at,
                expires_at: row.expires_at,
                completed_at: row.completed_at,
                cancelled_at: row.ended_at.filter(|_| taken_back),
            });
        }
    }
    Ok(())
}

async fn flags(connection: &impl ConnectionTrait, ids: &[Uuid], facts: &mut HashMap<Uuid, Facts>) -> Result<()> {
    let rows = flag::Entity::find()
        .filter(flag::Column::EnrollmentId.is_in(ids.iter().copied()))
        .order_by_asc(flag::Column::RaisedAt)
        .order_by_asc(flag::Column::Id)
        .all(connection)
        .await?;
    let mut changes: HashMap<Uuid, Vec<Dated<FlagState>>> = HashMap::new();
    let of_flag = flag_change::Entity::belongs_to(flag::Entity)
        .from(flag_change::Column::FlagId)
        .to(flag::Column::Id)
        .into();
    let of_flags = flag_change::Entity::find()
        .join(JoinType::InnerJoin, of_flag)
        .filter(flag::Column::EnrollmentId.is_in(ids.iter().copied()))
        .order_by_asc(flag_change::Column::At)
        .order_by_asc(flag_change::Column::Id);
    for change in of_flags.all(connection).await? {
        let value = match change.status.0 {
            FlagStatus::Open => FlagState::Open,
            FlagStatus::Acknowledged => FlagState::Acknowledged,
            FlagStatus::Resolved | FlagStatus::AutoResolved => FlagState::Resolved,
        };
        let at = change.at;
        changes.entry(change.flag_id).or_default().push(Dated { at, value });
    }
    for row in rows {
        if let Some(facts) = facts.get_mut(&row.enrollment_id) {
            facts.flags.push(Flag {
                id: row.id,
                kind: row.kind,
                changes: changes.remove(&row.id).unwrap_or_default(),
            });
        }
    }
    Ok(())
}

async fn events(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
    since: Option<DateTime<Utc>>,
    facts: &mut HashMap<Uuid, Facts>,
) -> Result<()> {
    if let Some(since) = since {
        last_before(connection, ids, since, facts).await?;
    }
    let mut select = event::Entity::find().filter(event::Column::EnrollmentId.is_in(ids.iter().copied()));
    if let Some(since) = since {
        let caused = Condition::all()
            .add(event::Column::Depth.gt(0))
            .add(event::Column::Kind.is_in(CAUSES.map(Stored)));
        select = select.filter(Condition::any().add(event::Column::At.gt(since)).add(caused));
    }
    let rows = select
        .order_by_asc(event::Column::At)
        .order_by_asc(event::Column::Id)
        .all(connection)
        .await?;
    for row in rows {
        let Some(facts) = facts.get_mut(&row.enrollment_id) else {
            continue;
        };
        note(facts, &row);
        // Once it is judged, it is all the same since when the start has been known.
        let was_planned = facts
            .statuses
            .first()
            .is_some_and(|first| first.value == Status::Planned);
        if was_planned && row.kind.0 == EventKind::EnrollmentStarted {
            facts.started_known_at = Some(row.at);
        }
        if let Some(kind) = trigger(&row) {
            let depth = u32::try_from(row.depth).unwrap_or_default();
            facts.events.push(Event {
                id: row.id,
                at: row.at,
                depth,
                kind,
            });
        }
    }
    Ok(())
}

/// When the citizen signed in and did something last before the instants that are judged.
async fn last_before(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
    since: DateTime<Utc>,
    facts: &mut HashMap<Uuid, Facts>,
) -> Result<()> {
    let of_citizen = Condition::any()
        .add(event::Column::Kind.is_in(ACTIVITIES.into_iter().chain([EventKind::SignedIn]).map(Stored)))
        .add(
            Condition::all()
                .add(event::Column::Kind.eq(Stored(EventKind::MessageReceived)))
                .add(event::Column::SubjectKey.eq(stored::word(&Audience::Citizen))),
        );
    let mut rows: Vec<(Uuid, Stored<EventKind>, DateTime<Utc>)> = event::Entity::find()
        .select_only()
        .columns([event::Column::EnrollmentId, event::Column::Kind])
        .column_as(event::Column::At.max(), "last")
        .filter(event::Column::EnrollmentId.is_in(ids.iter().copied()))
        .filter(of_citizen)
        .filter(event::Column::Actor.not_like("STAFF:%"))
        .filter(event::Column::At.lte(since))
        .group_by(event::Column::EnrollmentId)
        .group_by(event::Column::Kind)
        .into_tuple()
        .all(connection)
        .await?;
    rows.sort_by_key(|(.., at)| *at);
    for (enrollment, kind, at) in rows {
        if let Some(facts) = facts.get_mut(&enrollment) {
            match kind.0 {
                EventKind::SignedIn => facts.sign_ins.push(at),
                _ => facts.activities.push(at),
            }
        }
    }
    Ok(())
}

/// Notes what the citizen did.
fn note(facts: &mut Facts, row: &event::Model) {
    let is_message = row.kind.0 == EventKind::MessageReceived;
    if row.kind.0 == EventKind::SignedIn {
        facts.sign_ins.push(row.at);
    } else if matches!(row.actor.0, Actor::Staff(_)) {
        // On behalf of the citizen, who did nothing.
    } else if ACTIVITIES.contains(&row.kind.0) || (is_message && sender(row) == Some(Audience::Citizen)) {
        facts.activities.push(row.at);
    }
}

/// Who sent the message that an event is about.
fn sender(row: &event::Model) -> Option<Audience> {
    stored::parse(row.subject_key.as_deref()?)
}

/// The event as rules see it. One that no rule is triggered by still carries the depth of its cause; a resumed enrollment is
/// not started again.
fn trigger(row: &event::Model) -> Option<RuleEvent> {
    let key = || row.subject_key.clone();
    Some(match row.kind.0 {
        EventKind::FormCompleted => RuleEvent::FormCompleted {
            form: key()?,
            response: row.subject_id?,
        },
        EventKind::ModuleCompleted => RuleEvent::ModuleCompleted { module: key()? },
        EventKind::StepCompleted => RuleEvent::StepCompleted { step: key()? },
        EventKind::FlagRaised => RuleEvent::FlagRaised { kind: key()? },
        EventKind::SignedIn => RuleEvent::SignedIn,
        EventKind::MessageReceived => RuleEvent::MessageReceived { from: sender(row)? },
        EventKind::ActivityRegistered => RuleEvent::ActivityRegistered {
            registration: row.subject_id?,
        },
        EventKind::MeasurementRegistered => RuleEvent::MeasurementRegistered {
            kind: key()?,
            measurement: row.subject_id?,
        },
        EventKind::EnrollmentStarted => RuleEvent::StatusChanged(Status::Active),
        EventKind::EnrollmentPaused => RuleEvent::StatusChanged(Status::Paused),
        EventKind::EnrollmentCompleted => RuleEvent::StatusChanged(Status::Completed),
        EventKind::EnrollmentWithdrawn => RuleEvent::StatusChanged(Status::Withdrawn),
        EventKind::EnrollmentResumed => return None,
        _ => RuleEvent::FactChanged,
    })
}
