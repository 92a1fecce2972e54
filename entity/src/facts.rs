//! Reading what rules may know of enrollments: a handful of statements for any number of them.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use rules::{
    answer::Answers,
    facts::{Dated, Dispatch, Event, EventKind as RuleEvent, Facts, Flag, Module, Response, Status},
    score::{Score, fact_answers},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{
    citizen, dispatch,
    dispatch::DispatchStatus,
    enrollment, enrollment_status,
    error::{Error, Result},
    event::{self, EventKind},
    flag, progress, response,
    store::Store,
    stored::Stored,
    viewer::Viewer,
};

/// What the citizen does in a program.
const ACTIVITIES: [EventKind; 2] = [EventKind::StepCompleted, EventKind::FormCompleted];

/// Reads the facts of enrollments, complete for judging instants after `since` (and, where it is none, any instant).
///
/// # Errors
/// When the database fails, or something stored cannot be read.
pub async fn load(
    store: &Store,
    connection: &impl ConnectionTrait,
    enrollments: &[enrollment::Model],
    since: Option<DateTime<Utc>>,
) -> Result<HashMap<Uuid, Facts>> {
    let ids: Vec<Uuid> = enrollments.iter().map(|row| row.id).collect();
    let mut facts = HashMap::new();
    let births = birth_dates(connection, enrollments).await?;
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
                ends_at: row.ends_at,
                ends_at_since: row.started_at,
                birth_date: births.get(&row.citizen_id).copied(),
                statuses: Vec::new(),
                responses: Vec::new(),
                dispatches: Vec::new(),
                sign_ins: Vec::new(),
                activities: Vec::new(),
                modules: Vec::new(),
                flags: Vec::new(),
                events: Vec::new(),
            },
        );
    }
    statuses(connection, &ids, &mut facts).await?;
    responses(store, connection, &ids, &mut facts).await?;
    dispatches(connection, &ids, &mut facts).await?;
    flags(connection, &ids, &mut facts).await?;
    events(connection, &ids, since, &mut facts).await?;
    modules(store, connection, enrollments, &mut facts).await?;
    Ok(facts)
}

async fn birth_dates(
    connection: &impl ConnectionTrait,
    enrollments: &[enrollment::Model],
) -> Result<HashMap<Uuid, NaiveDate>> {
    let citizens: BTreeSet<Uuid> = enrollments.iter().map(|row| row.citizen_id).collect();
    let rows: Vec<(Uuid, NaiveDate)> = citizen::Entity::find()
        .select_only()
        .columns([citizen::Column::Id, citizen::Column::BirthDate])
        .filter(citizen::Column::Id.is_in(citizens))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows.into_iter().collect())
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
        .filter(response::Column::SupersededAt.is_null())
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
                form: row.form_key,
                at: row.submitted_at,
                answers: fact_answers(&form.form, &answers),
                scores: scores
                    .into_iter()
                    .filter_map(|score| Some((score.scale, score.value?)))
                    .collect(),
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
        .all(connection)
        .await?;
    for row in rows {
        if let Some(facts) = facts.get_mut(&row.enrollment_id) {
            facts.flags.push(Flag {
                id: row.id,
                kind: row.kind,
                raised_at: row.raised_at,
                resolved_at: row.resolved_at,
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
        select = select.filter(event::Column::At.gt(since));
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
        noted(facts, row.kind.0, row.at);
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
    let kinds = ACTIVITIES.into_iter().chain([EventKind::SignedIn]).map(Stored);
    let mut rows: Vec<(Uuid, Stored<EventKind>, DateTime<Utc>)> = event::Entity::find()
        .select_only()
        .columns([event::Column::EnrollmentId, event::Column::Kind])
        .column_as(event::Column::At.max(), "last")
        .filter(event::Column::EnrollmentId.is_in(ids.iter().copied()))
        .filter(event::Column::Kind.is_in(kinds))
        .filter(event::Column::At.lte(since))
        .group_by(event::Column::EnrollmentId)
        .group_by(event::Column::Kind)
        .into_tuple()
        .all(connection)
        .await?;
    rows.sort_by_key(|(.., at)| *at);
    for (enrollment, kind, at) in rows {
        if let Some(facts) = facts.get_mut(&enrollment) {
            noted(facts, kind.0, at);
        }
    }
    Ok(())
}

fn noted(facts: &mut Facts, kind: EventKind, at: DateTime<Utc>) {
    if kind == EventKind::SignedIn {
        facts.sign_ins.push(at);
    } else if ACTIVITIES.contains(&kind) {
        facts.activities.push(at);
    }
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
        EventKind::EnrollmentStarted => RuleEvent::StatusChanged(Status::Active),
        EventKind::EnrollmentPaused => RuleEvent::StatusChanged(Status::Paused),
        EventKind::EnrollmentCompleted => RuleEvent::StatusChanged(Status::Completed),
        EventKind::EnrollmentWithdrawn => RuleEvent::StatusChanged(Status::Withdrawn),
        EventKind::EnrollmentResumed => return None,
        _ => RuleEvent::FactChanged,
    })
}

async fn modules(
    store: &Store,
    connection: &impl ConnectionTrait,
    enrollments: &[enrollment::Model],
    facts: &mut HashMap<Uuid, Facts>,
) -> Result<()> {
    let ids: Vec<Uuid> = enrollments.iter().map(|row| row.id).collect();
    let overlays = progress::load(connection, &Viewer::system(), &ids).await?;
    let nothing = progress::Overlay::default();
    for row in enrollments {
        let content = store.library().content(connection, row.version_id).await?;
        let overlay = overlays.get(&row.id).unwrap_or(&nothing);
        let Some(facts) = facts.get_mut(&row.id) else { continue };
        for module in &content.modules {
            let mut completed: Vec<DateTime<Utc>> = Vec::new();
            let mut steps = 0;
            for section in module
                .sections
                .iter()
                .filter(|section| overlay.section_visible(section.row.id))
            {
                steps += u32::try_from(section.steps.len()).unwrap_or(u32::MAX);
                completed.extend(
                    section
                        .steps
                        .iter()
                        .filter_map(|step| overlay.completed_at(step.row.id)),
                );
            }
            completed.sort_unstable();
            let visible = overlay.module_visible(module.row.id);
            facts.modules.push(Module {
                key: module.row.key.clone(),
                opened: overlay.module_openings(&content, row, module.row.id),
                steps: if visible { steps } else { 0 },
                completed: if visible { completed } else { Vec::new() },
            });
        }
    }
    Ok(())
}
