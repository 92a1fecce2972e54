//! Sending forms, and everything that becomes of a form that was sent except its answer.

mod changing;

pub use changing::{Expiry, Move, cancel, reschedule};

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use rules::{
    answer::{self, Answers},
    facts::Audience,
    period::Period,
    validate::Function,
    window::Window,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use uuid::Uuid;

use super::{
    answerable::{answerable, has_ended, may_answer, must_be_active, must_go_on, refused},
    offered::Missing,
    reminder,
};
use crate::{
    act::{Act, BATCH, Cause},
    applies::SkipReason,
    content::Content,
    dispatch::{ActiveModel, Column, DispatchStatus, Entity, Model},
    enrollment,
    error::{Error, Outcome, Result, UserError},
    event::EventKind,
    form_schedule, progress,
    reminder::Model as Reminder,
    store::Hint,
    stored::Stored,
    template::FORM_WAITING,
    viewer::Who,
};

/// A form to be sent.
#[derive(Clone, Debug)]
pub struct Send {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The form's key within the program version.
    pub form_key: String,
    /// From when it can be answered; now where absent. Only Handrail itself reaches back in time: a rule's window counts from
    /// when the rule says, not from when a worker came to it.
    pub at: Option<DateTime<Utc>>,
    /// For how long it can be answered, counted in the enrollment's zone; without end where absent.
    pub expires_after: Option<Period>,
    /// How long after it can be answered the citizen is reminded. Those after its end are left out.
    pub remind_after: Vec<Period>,
    /// The firing of a rule that asks for it.
    pub firing_id: Option<Uuid>,
    /// Who.
    pub cause: Cause,
}

/// How many reminders a form may bring with it.
const MOST_REMINDERS: usize = 20;

/// Sends forms; each gives the dispatch.
///
/// # Errors
/// When the database fails. What one is refused for stands in its outcome: `NOT_FOUND`, `NOT_OFFERED`, `ENDED` once the enrollment has
/// ended, `BAD_PERIOD`, `TOO_MANY`, and for rules `SCHEDULE_OFF`.
pub async fn send(act: &mut Act, sends: &[Send]) -> Result<Vec<Outcome<Uuid>>> {
    let ids: Vec<Uuid> = sends.iter().map(|send| send.enrollment_id).collect();
    let enrollments = act.treated(&ids).await?;
    let contents = contents(act, &enrollments).await?;
    let forms = Missing::read(act, Function::Forms, enrollments.values()).await?;
    let reminders = Missing::read(act, Function::Reminders, enrollments.values()).await?;
    let by_rules = sends.iter().filter(|send| send.firing_id.is_some());
    let off = form_schedule::off(&act.tx, by_rules.map(|send| send.enrollment_id)).await?;
    let mut outcomes = Vec::with_capacity(sends.len());
    let (mut dispatches, mut planned) = (Vec::new(), Vec::new());
    for send in sends {
        let enrollment = enrollments.get(&send.enrollment_id);
        let content = enrollment.and_then(|enrollment| contents.get(&enrollment.version_id));
        let (Some(enrollment), Some(content)) = (enrollment, content) else {
            outcomes.push(Err(vec![UserError::not_found("enrollmentId", "enrollment")]));
            continue;
        };
        if send.firing_id.is_some() && off.contains(&(enrollment.id, send.form_key.clone())) {
            let message = "The schedule of this form is switched off in this enrollment.";
            outcomes.push(Err(vec![UserError::new("SCHEDULE_OFF", "formKey", message)]));
            continue;
        }
        let is_by_hand = send.firing_id.is_none() && !send.remind_after.is_empty();
        let offered = forms
            .refuse(enrollment, "enrollmentId")
            .and_then(|()| match is_by_hand {
                true => reminders.refuse(enrollment, "remindAfter"),
                false => Ok(()),
            });
        match offered.and_then(|()| decide(act, enrollment, content, send)) {
            Err(error) => outcomes.push(Err(vec![error])),
            Ok((dispatch, reminding)) => {
                outcomes.push(Ok(dispatch.id));
                sent(act, enrollment, &dispatch, send.cause);
                dispatches.push(dispatch);
                // What a rule sends comes without them where there are none.
                if !reminders.is_missed_by(enrollment) {
                    planned.extend(reminding);
                }
            }
        }
    }
    act.insert::<Entity>(&dispatches).await?;
    act.insert::<crate::reminder::Entity>(&planned).await?;
    Ok(outcomes)
}

async fn contents(act: &Act, enrollments: &BTreeMap<Uuid, enrollment::Model>) -> Result<HashMap<Uuid, Arc<Content>>> {
    let mut contents = HashMap::new();
    for enrollment in enrollments.values() {
        if let Entry::Vacant(place) = contents.entry(enrollment.version_id) {
            place.insert(act.store.library().content(&act.tx, enrollment.version_id).await?);
        }
    }
    Ok(contents)
}

fn decide(
    act: &Act,
    enrollment: &enrollment::Model,
    content: &Content,
    send: &Send,
) -> Result<(Model, Vec<Reminder>), UserError> {
    let form = content
        .forms
        .get(&send.form_key)
        .ok_or_else(|| UserError::not_found("formKey", "form in this program"))?;
    must_go_on(
        enrollment,
        "This enrollment has ended: nothing can be sent in it any more.",
    )?;
    if send.remind_after.len() > MOST_REMINDERS {
        let message = format!("At most {MOST_REMINDERS} reminders, please.");
        return Err(UserError::new("TOO_MANY", "remindAfter", message));
    }
    if send
        .expires_after
        .is_some_and(|after| after.is_zero() || after.is_negative())
    {
        let message = "The form must be open for some time: write for example P3D.";
        return Err(UserError::new("BAD_PERIOD", "expiresAfter", message));
    }
    if send.remind_after.iter().any(|after| after.is_negative()) {
        let message = "A reminder can only come after the form: write for example P1D.";
        return Err(UserError::new("BAD_PERIOD", "remindAfter", message));
    }

    let zone = enrollment.tz();
    let asked = send.at.unwrap_or(act.now);
    let available_at = if act.viewer.who == Who::System {
        asked
    } else {
        asked.max(act.now)
    };
    let window = Window::new(available_at, send.expires_after, &send.remind_after, zone);
    let mut dispatch = new(act, enrollment, &send.form_key, form.id, available_at, send.cause);
    dispatch.firing_id = send.firing_id;
    dispatch.expires_at = window.expires_at;
    dispatch.overdue_at = window.overdue_at;
    dispatch.due_at = if available_at > act.now {
        Some(available_at)
    } else {
        window.expires_at
    };
    let reminders = window
        .remind_at
        .into_iter()
        .map(|at| Reminder {
            id: act.id(),
            enrollment_id: enrollment.id,
            dispatch_id: Some(dispatch.id),
            firing_id: send.firing_id,
            template: FORM_WAITING.to_owned(),
            audience: Audience::Citizen.into(),
            channels: serde_json::json!([]),
            decided_in: enrollment.status,
            bypass_quiet_hours: false,
            remind_at: at,
            due_at: Some(at),
            sent_at: None,
            skipped_at: None,
            skip_reason: None,
            actor: send.cause.actor.into(),
            created_at: act.now,
            flag_id: None,
            opening: None,
            ladder: None,
            rung: None,
            recipients: None,
            office_hours: false,
            note: None,
        })
        .collect();
    Ok((dispatch, reminders))
}

fn new(
    act: &Act,
    enrollment: &enrollment::Model,
    form_key: &str,
    form_version_id: Uuid,
    available_at: DateTime<Utc>,
    cause: Cause,
) -> Model {
    let status = if available_at > act.now {
        DispatchStatus::Scheduled
    } else {
        DispatchStatus::Available
    };
    Model {
        id: act.id(),
        enrollment_id: enrollment.id,
        form_key: form_key.to_owned(),
        form_version_id,
        status: status.into(),
        step_id: None,
        firing_id: None,
        available_at,
        overdue_at: None,
        expires_at: None,
        started_at: None,
        completed_at: None,
        ended_at: None,
        due_at: None,
        draft: None,
        draft_saved_at: None,
        actor: cause.actor.into(),
        created_at: act.now,
    }
}

fn sent(act: &mut Act, enrollment: &enrollment::Model, dispatch: &Model, cause: Cause) {
    let kind = match dispatch.status.0 {
        DispatchStatus::Scheduled => EventKind::DispatchScheduled,
        _ => EventKind::DispatchAvailable,
    };
    act.happened(enrollment, kind, cause, Some(dispatch.id), Some(&dispatch.form_key));
    act.hint(Hint::Due);
}

/// The dispatch of a form inside a step: the one that can be answered, else a new one.
///
/// # Errors
/// When the step is not there, hidden or without such a form (`NOT_FOUND`), not open (`NOT_AVAILABLE`), or the enrollment
/// is not active (`NOT_ACTIVE`, `ENDED`).
pub async fn open_form(act: &mut Act, enrollment_id: Uuid, step_id: Uuid, form_key: &str) -> Result<Uuid> {
    may_answer(act)?;
    let enrollment = act.enrollment(enrollment_id, "stepId").await?;
    must_be_active(&enrollment)?;
    let content = act.store.library().content(&act.tx, enrollment.version_id).await?;
    let overlays = progress::load(&act.tx, &act.viewer, &[enrollment_id]).await?;
    let overlay = overlays.get(&enrollment_id).cloned().unwrap_or_default();
    let not_found = || UserError::not_found("stepId", "step");
    let found = content.step(step_id);
    let found = found.filter(|_| overlay.step_visible(&content, step_id, act.now));
    let (_, section, step) = found.ok_or_else(not_found)?;
    if !overlay
        .section_availability(&content, &enrollment, section.row.id, act.now)
        .open
    {
        let message = "This step is not open yet.";
        return Err(UserError::new("NOT_AVAILABLE", "stepId", message).into());
    }
    let in_step = step
        .blocks
        .iter()
        .any(|block| block.form_key.as_deref() == Some(form_key));
    let form = content.forms.get(form_key).filter(|_| in_step);
    let form = form.ok_or_else(|| UserError::not_found("formKey", "form in this step"))?;

    let open = Entity::find()
        .filter(Column::EnrollmentId.eq(enrollment_id))
        .filter(Column::StepId.eq(step_id))
        .filter(Column::FormKey.eq(form_key))
        .filter(Column::Status.is_in([DispatchStatus::Available, DispatchStatus::Started].map(Stored)))
        .one(&act.tx)
        .await?;
    if let Some(open) = open {
        return Ok(open.id);
    }
    let cause = act.cause();
    let mut dispatch = new(act, &enrollment, form_key, form.id, act.now, cause);
    dispatch.step_id = Some(step_id);
    act.insert::<Entity>(std::slice::from_ref(&dispatch)).await?;
    sent(act, &enrollment, &dispatch, cause);
    Ok(dispatch.id)
}

/// Saves answers without submitting them; gives the dispatch.
///
/// # Errors
/// When it cannot be answered (`ALREADY_ANSWERED`, `EXPIRED`, `CANCELLED`, `NOT_AVAILABLE`, `NOT_ACTIVE`, `ENDED`), or an
/// answer is of the wrong type, at `answers.<item>`.
pub async fn save_draft(act: &mut Act, dispatch_id: Uuid, answers: &Answers) -> Result<Uuid> {
    let (enrollment, dispatch) = answerable(act, dispatch_id).await?;
    let form = act.store.library().form(&act.tx, dispatch.form_version_id).await?;
    answer::check(&form.form, answers, false).map_err(refused)?;
    let text = serde_json::to_string(answers).map_err(|error| Error::Corrupt(format!("a draft: {error}")))?;
    let draft = act.store.keyring().seal(&text)?;
    Entity::update_many()
        .set(ActiveModel {
            status: Set(DispatchStatus::Started.into()),
            started_at: Set(dispatch.started_at.or(Some(act.now))),
            due_at: Set(dispatch.expires_at),
            draft: Set(Some(draft)),
            draft_saved_at: Set(Some(act.now)),
            ..ActiveModel::default()
        })
        .filter(Column::Id.eq(dispatch_id))
        .exec(&act.tx)
        .await?;
    act.changed(enrollment.citizen_id);
    Ok(dispatch_id)
}

/// The citizen would rather not answer; gives the dispatch.
///
/// # Errors
/// When it is not there, or cannot be answered, as [`save_draft`].
pub async fn decline(act: &mut Act, dispatch_id: Uuid) -> Result<Uuid> {
    let (enrollment, dispatch) = answerable(act, dispatch_id).await?;
    take_back(act, &enrollment, &dispatch, DispatchStatus::Declined).await
}

async fn take_back(
    act: &mut Act,
    enrollment: &enrollment::Model,
    dispatch: &Model,
    status: DispatchStatus,
) -> Result<Uuid> {
    let cause = act.cause();
    end(act, &[dispatch.id], status).await?;
    act.happened(
        enrollment,
        EventKind::DispatchCancelled,
        cause,
        Some(dispatch.id),
        Some(&dispatch.form_key),
    );
    Ok(dispatch.id)
}

/// Takes back all forms of enrollments that end. The caller has locked the enrollments.
///
/// # Errors
/// When the database fails.
pub(super) async fn cancel_all(act: &mut Act, enrollments: &[enrollment::Model], cause: Cause) -> Result<()> {
    for chunk in enrollments.chunks(BATCH) {
        let open = Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().map(|enrollment| enrollment.id)))
            .filter(Column::Status.is_in(OPEN.map(Stored)))
            .all(&act.tx)
            .await?;
        end_each(act, chunk.iter(), &open, DispatchStatus::Cancelled, cause).await?;
    }
    Ok(())
}

/// Does what is due: scheduled forms become available, unanswered ones expire. Gives how many were done, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn due(act: &mut Act, limit: u64) -> Result<usize> {
    let limit = limit.min(BATCH as u64);
    let now = act.now;
    let due = || {
        Entity::find()
            .filter(Column::DueAt.lte(now))
            .filter(Column::Status.is_in(OPEN.map(Stored)))
            .order_by_asc(Column::DueAt)
            .limit(limit)
    };
    let (enrollments, rows) = act.claim(due, Column::EnrollmentId).await?;
    let handled = rows.len();
    let cause = act.cause();
    let (mut opened, mut expired, mut cancelled) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let ended = enrollments.get(&row.enrollment_id).is_some_and(has_ended);
        let over = row.expires_at.is_some_and(|until| until <= act.now);
        match row.status.0 {
            _ if ended => cancelled.push(row),
            _ if over => expired.push(row),
            _ => opened.push(row),
        }
    }
    if !opened.is_empty() {
        Entity::update_many()
            .set(ActiveModel {
                status: Set(DispatchStatus::Available.into()),
                ..ActiveModel::default()
            })
            .col_expr(Column::DueAt, Expr::col(Column::ExpiresAt))
            .filter(Column::Id.is_in(opened.iter().map(|row| row.id)))
            .exec(&act.tx)
            .await?;
    }
    for row in &opened {
        if let Some(enrollment) = enrollments.get(&row.enrollment_id) {
            let kind = EventKind::DispatchAvailable;
            act.happened(enrollment, kind, cause, Some(row.id), Some(&row.form_key));
        }
    }
    end_each(act, enrollments.values(), &expired, DispatchStatus::Expired, cause).await?;
    end_each(act, enrollments.values(), &cancelled, DispatchStatus::Cancelled, cause).await?;
    Ok(handled)
}

const OPEN: [DispatchStatus; 3] = [
    DispatchStatus::Scheduled,
    DispatchStatus::Available,
    DispatchStatus::Started,
];

/// Ends dispatches and says so.
async fn end_each(
    act: &mut Act,
    enrollments: impl Iterator<Item = &enrollment::Model>,
    rows: &[Model],
    status: DispatchStatus,
    cause: Cause,
) -> Result<()> {
    let enrollments: HashMap<Uuid, &enrollment::Model> = enrollments.map(|row| (row.id, row)).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    end(act, &ids, status).await?;
    let kind = match status {
        DispatchStatus::Expired => EventKind::DispatchExpired,
        _ => EventKind::DispatchCancelled,
    };
    for row in rows {
        if let Some(enrollment) = enrollments.get(&row.enrollment_id) {
            act.happened(enrollment, kind, cause, Some(row.id), Some(&row.form_key));
        }
    }
    Ok(())
}

/// Ends dispatches: they have nothing due, no draft and no reminders any more. One that expired ended when its time was up,
/// not when a worker came to it.
pub(super) async fn end(act: &Act, ids: &[Uuid], status: DispatchStatus) -> Result<()> {
    let (ended_at, reason) = match status {
        DispatchStatus::Expired => (Expr::col(Column::ExpiresAt), SkipReason::Expired),
        DispatchStatus::Completed => (Expr::value(act.now), SkipReason::Answered),
        _ => (Expr::value(act.now), SkipReason::Cancelled),
    };
    for chunk in ids.chunks(BATCH) {
        Entity::update_many()
            .set(ActiveModel {
                status: Set(status.into()),
                due_at: Set(None),
                draft: Set(None),
                draft_saved_at: Set(None),
                ..ActiveModel::default()
            })
            .col_expr(Column::EndedAt, ended_at.clone())
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .exec(&act.tx)
            .await?;
    }
    reminder::stop(act, ids, reason).await
}
