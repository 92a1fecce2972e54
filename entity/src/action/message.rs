//! Sending messages, and noting that they were read.
//!
//! An enrollment has one thread. What a rule sends, it sends for the unit.

use std::collections::{BTreeMap, HashMap};

use rules::facts::Audience;
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::{Condition, Expr, ExprTrait},
};
use uuid::Uuid;

use super::answerable::{has_ended, not_active};
use crate::{
    act::{Act, BATCH, Cause},
    enrollment,
    error::{Outcome, Result, UserError},
    event::EventKind,
    input,
    message::{Column, Entity, Model},
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
    /// The firing of a rule that sends it.
    pub firing_id: Option<Uuid>,
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
}

/// Sends messages; each gives the message. The citizen may, a guardian of theirs, staff of the unit who treat, and Handrail
/// itself.
///
/// # Errors
/// When the database fails. What one is refused for stands in its outcome: `NOT_FOUND`, `NOT_ACTIVE` in an enrollment that has
/// ended, `REQUIRED` or `TOO_LONG` at `body`.
pub async fn send(act: &mut Act, sends: &[Send]) -> Result<Vec<Outcome<Uuid>>> {
    if sends.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = sends.iter().map(|send| send.enrollment_id).collect();
    let enrollments = act.with_health(&ids).await?;
    let mut outcomes = Vec::with_capacity(sends.len());
    let mut rows = Vec::new();
    // A rule says the same to many: it is sealed once.
    let mut bodies: HashMap<&str, Sealed> = HashMap::new();
    for send in sends {
        let Some(enrollment) = enrollments.get(&send.enrollment_id) else {
            outcomes.push(Err(vec![UserError::not_found("enrollmentId", "enrollment")]));
            continue;
        };
        if has_ended(enrollment) {
            let message = "This enrollment has ended: nobody writes in it any more.";
            outcomes.push(Err(vec![not_active(message)]));
            continue;
        }
        let body = match input::plain_text(&send.body, "body") {
            Ok(body) => body,
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
        let row = new(act, send, sealed);
        let (kind, sender) = (EventKind::MessageReceived, stored::word(&row.sender.0));
        act.happened(enrollment, kind, send.cause, Some(row.id), Some(&sender));
        if row.sender.0 == Audience::Citizen {
            act.attention(enrollment.id);
        }
        outcomes.push(Ok(row.id));
        rows.push(row);
    }
    act.insert::<Entity>(&rows).await?;
    count_unread(act, &rows).await?;
    Ok(outcomes)
}

fn new(act: &Act, send: &Send, body: Sealed) -> Model {
    Model {
        id: act.id(),
        enrollment_id: send.enrollment_id,
        sender: send.sender().into(),
        staff_id: match send.cause.actor {
            Actor::Staff(id) => Some(id),
            _ => None,
        },
        firing_id: send.firing_id,
        body,
        sent_at: act.now,
        read_at: None,
        actor: send.cause.actor.into(),
    }
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
    act.changed(enrollment.citizen_id);
    act.attention(enrollment_id);
    Ok(enrollment_id)
}
