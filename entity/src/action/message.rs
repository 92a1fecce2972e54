//! Sending messages, and noting that they were read or need no answer.
//!
//! An enrollment has one thread. What a rule sends, it sends for the unit; so does whoever sends to all.

mod draft;
mod handover;
mod promise;
mod template;
mod to_all;

pub use draft::{discard_draft, save_draft};
pub use handover::hand_over;
pub(super) use promise::bad_promise;
pub use promise::set_promise;
pub use template::{SaveTemplate, remove_template, save_template};
pub use to_all::{ToAll, pass_on, send_to_all};

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rules::{facts::Audience, validate::Function};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::{Condition, Expr, ExprTrait},
};
use uuid::Uuid;

use super::{answerable::must_go_on, attachment, offered::Missing};
use crate::{
    act::{Act, BATCH, Cause},
    enrollment,
    error::{Outcome, Result, UserError},
    event::EventKind,
    input,
    message::{Column, Entity, Model, unanswered},
    seal::Sealed,
    stored::{self, Stored},
    viewer::{Actor, Who},
};

/// A message to be sent.
#[derive(Clone)]
pub struct Send {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// What it says, plain text.
    pub body: String,
    /// The files that go with it, which its author uploaded; with them it may say nothing.
    pub attachments: Vec<Uuid>,
    /// The firing of a rule that sends it.
    pub firing_id: Option<Uuid>,
    /// The message of the unit to all that it is.
    pub unit_message_id: Option<Uuid>,
    /// Who: citizens and guardians write to the staff, everybody else writes for the staff.
    pub cause: Cause,
}

impl Send {
    fn sender(&self) -> Audience {
        match self.cause.actor {
            Actor::Citizen(_) | Actor::Guardian(_) => Audience::Citizen,
            Actor::Staff(_) | Actor::Rule(_) | Actor::System => Audience::Staff,
        }
    }

    /// Who of the staff writes it as themself.
    fn staff(&self) -> Option<Uuid> {
        match self.cause.actor {
            Actor::Staff(id) if self.unit_message_id.is_none() => Some(id),
            _ => None,
        }
    }
}

/// Sends messages; each gives the message. The citizen may, a guardian of theirs, staff of the unit who treat, and Handrail
/// itself.
///
/// # Errors
/// When the database fails. What one is refused for stands in its outcome: `NOT_FOUND`, also at `attachmentIds`, `ENDED` in an
/// enrollment that has ended, `NOT_OFFERED` where the program has no messages, `REQUIRED` or `TOO_LONG` at `body`, `TOO_MANY`.
pub async fn send(act: &mut Act, sends: &[Send]) -> Result<Vec<Outcome<Uuid>>> {
    if sends.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = sends.iter().map(|send| send.enrollment_id).collect();
    let enrollments = act.with_health(&ids).await?;
    let missing = Missing::read(act, Function::Messages, enrollments.values()).await?;
    let promises = promise::of_versions(act, enrollments.values()).await?;
    let mut uploads = attachment::unsent(act, sends.iter().flat_map(|send| &send.attachments)).await?;
    let mut outcomes = Vec::with_capacity(sends.len());
    let (mut rows, mut attached) = (Vec::new(), Vec::new());
    // A rule says the same to many: it is sealed once.
    let mut bodies: HashMap<&str, Sealed> = HashMap::new();
    for send in sends {
        let Some(enrollment) = enrollments.get(&send.enrollment_id) else {
            outcomes.push(Err(vec![UserError::not_found("enrollmentId", "enrollment")]));
            continue;
        };
        let checked = may_write(enrollment, &missing)
            .and_then(|()| body(send))
            .and_then(|body| Ok((body, attachment::take(&mut uploads, send)?)));
        let (body, files) = match checked {
            Ok(checked) => checked,
            Err(refused) => {
                outcomes.push(Err(vec![refused]));
                continue;
            }
        };
        let sealed = match bodies.get(send.body.as_str()) {
            Some(sealed) => sealed.clone(),
            None => act.store.keyring().seal(&body)?,
        };
        bodies.insert(&send.body, sealed.clone());
        let row = new(act, enrollment, send, sealed, &promises);
        let (kind, sender) = (EventKind::MessageReceived, stored::word(&row.sender.0));
        act.happened(enrollment, kind, send.cause, Some(row.id), Some(&sender));
        if row.sender.0 == Audience::Citizen {
            act.attention(enrollment.id);
        }
        outcomes.push(Ok(row.id));
        attached.extend((!files.is_empty()).then_some((row.clone(), files)));
        rows.push(row);
    }
    act.insert::<Entity>(&rows).await?;
    attachment::attach(act, &attached).await?;
    count_unread(act, &rows).await?;
    note_answered(act, &rows).await?;
    draft::sent(act, &rows).await?;
    Ok(outcomes)
}

/// Nobody writes in what has ended, or where the program has no messages.
fn may_write(enrollment: &enrollment::Model, messages: &Missing) -> Result<(), UserError> {
    must_go_on(enrollment, "This enrollment has ended: nobody writes in it any more.")?;
    messages.refuse(enrollment, "enrollmentId")
}

/// What a message says, which may be nothing beside files.
fn body(send: &Send) -> Result<String, UserError> {
    match send.body.trim().is_empty() && !send.attachments.is_empty() {
        true => Ok(String::new()),
        false => input::plain_text(&send.body, "body"),
    }
}

fn new(act: &Act, enrollment: &enrollment::Model, send: &Send, body: Sealed, promises: &HashMap<Uuid, i32>) -> Model {
    Model {
        id: act.id(),
        enrollment_id: send.enrollment_id,
        sender: send.sender().into(),
        staff_id: send.staff(),
        firing_id: send.firing_id,
        body,
        sent_at: act.now,
        read_at: None,
        actor: send.cause.actor.into(),
        read_by: None,
        unit_message_id: send.unit_message_id,
        answer_before: match send.sender() {
            Audience::Citizen => promise::answer_before(act, enrollment, promises),
            Audience::Staff => None,
        },
        answered_at: None,
    }
}

/// What the citizen wrote is answered when somebody of the staff writes: not by what a rule sends, or the unit to all.
async fn note_answered(act: &Act, sent: &[Model]) -> Result<()> {
    let answers = sent.iter().filter(|row| row.staff_id.is_some());
    let answered: BTreeSet<Uuid> = answers.map(|row| row.enrollment_id).collect();
    for chunk in answered.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        Entity::update_many()
            .col_expr(Column::AnsweredAt, Expr::value(act.now))
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(unanswered())
            .exec(&act.tx)
            .await?;
    }
    Ok(())
}

/// Notes that nothing that the citizen has written so far needs an answer, or none any more. Gives the enrollment. For those who
/// treat, also after its end.
///
/// # Errors
/// When the enrollment is not there or not visible, at `enrollmentId`.
pub async fn settle(act: &mut Act, enrollment_id: Uuid) -> Result<Uuid> {
    let mut enrollments = act.treated(&[enrollment_id]).await?;
    let enrollment = enrollments.remove(&enrollment_id);
    let enrollment = enrollment.ok_or_else(|| UserError::not_found("enrollmentId", "enrollment"))?;
    let settled = Entity::update_many()
        .col_expr(Column::AnsweredAt, Expr::value(act.now))
        .filter(Column::EnrollmentId.eq(enrollment_id))
        .filter(unanswered())
        .exec(&act.tx)
        .await?;
    if settled.rows_affected > 0 {
        let cause = act.cause();
        act.happened(&enrollment, EventKind::MessagesSettled, cause, None, None);
    }
    Ok(enrollment_id)
}

/// The column that counts what the other side has not read, of what a side sent.
fn unread_by_other(sender: Audience) -> enrollment::Column {
    match sender {
        Audience::Citizen => enrollment::Column::UnreadByStaff,
        Audience::Staff => enrollment::Column::UnreadByCitizen,
    }
}

/// Counts what the other side has not read, and notes what citizens did: one statement for those who got as many.
async fn count_unread(act: &Act, sent: &[Model]) -> Result<()> {
    let mut counts: BTreeMap<(Uuid, Audience), i32> = BTreeMap::new();
    for row in sent {
        *counts.entry((row.enrollment_id, row.sender.0)).or_default() += 1;
    }
    let mut alike: BTreeMap<(Audience, i32), Vec<Uuid>> = BTreeMap::new();
    for ((enrollment, sender), count) in counts {
        alike.entry((sender, count)).or_default().push(enrollment);
    }
    for ((sender, count), enrollments) in alike {
        let unread = unread_by_other(sender);
        for chunk in enrollments.chunks(BATCH) {
            let mut update = enrollment::Entity::update_many()
                .col_expr(unread, unread.into_expr().add(count))
                .filter(enrollment::Column::Id.is_in(chunk.iter().copied()));
            if sender == Audience::Citizen {
                update = update.col_expr(enrollment::Column::LastActivityAt, Expr::value(act.now));
            }
            update.exec(&act.tx).await?;
        }
    }
    Ok(())
}

/// Notes that the viewer's side has read what the other side wrote: everything, or up to and including the message `until`.
/// Gives the enrollment. Also after its end.
///
/// # Errors
/// When the enrollment is not there or not visible, at `enrollmentId`, or the message not in it, at `until`.
pub async fn mark_read(act: &mut Act, enrollment_id: Uuid, until: Option<Uuid>) -> Result<Uuid> {
    let not_found = || UserError::not_found("enrollmentId", "enrollment");
    let mut enrollments = act.with_health(&[enrollment_id]).await?;
    let enrollment = enrollments.remove(&enrollment_id).ok_or_else(not_found)?;
    let other = match act.viewer.who {
        Who::Citizen { .. } | Who::Guardian { .. } => Audience::Staff,
        Who::Staff { .. } | Who::System => Audience::Citizen,
    };
    let unread = Condition::all()
        .add(Column::EnrollmentId.eq(enrollment_id))
        .add(Column::Sender.eq(Stored(other)))
        .add(Column::ReadAt.is_null());
    let mut these = unread.clone();
    if let Some(until) = until {
        let last = Entity::find_by_id(until)
            .filter(Column::EnrollmentId.eq(enrollment_id))
            .one(&act.tx)
            .await?;
        let last = last.ok_or_else(|| UserError::not_found("until", "message"))?;
        let before = Condition::all()
            .add(Column::SentAt.eq(last.sent_at))
            .add(Column::Id.lte(last.id));
        these = these.add(Condition::any().add(Column::SentAt.lt(last.sent_at)).add(before));
    }
    let marked = Entity::update_many()
        .col_expr(Column::ReadAt, Expr::value(act.now))
        .col_expr(Column::ReadBy, Expr::value(act.viewer.staff()))
        .filter(these)
        .exec(&act.tx)
        .await?;
    if marked.rows_affected == 0 {
        return Ok(enrollment_id);
    }
    let left = Entity::find().filter(unread).count(&act.tx).await?;
    enrollment::Entity::update_many()
        .col_expr(
            unread_by_other(other),
            Expr::value(i32::try_from(left).unwrap_or(i32::MAX)),
        )
        .filter(enrollment::Column::Id.eq(enrollment_id))
        .exec(&act.tx)
        .await?;
    let cause = act.cause();
    act.told(&enrollment, EventKind::MessagesRead, cause, None, None);
    act.attention(enrollment_id);
    Ok(enrollment_id)
}
