//! What the two sides wrote to each other, as rules know it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rules::facts::{Audience, Facts, Message};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{error::Result, message, stored::Stored};

/// Messages, in the order in which they were sent.
pub(super) async fn read(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
    facts: &mut HashMap<Uuid, Facts>,
) -> Result<()> {
    type Row = (
        Uuid,
        Uuid,
        Stored<Audience>,
        DateTime<Utc>,
        Option<DateTime<Utc>>,
        Option<DateTime<Utc>>,
    );
    let rows: Vec<Row> = message::Entity::find()
        .select_only()
        .columns([message::Column::EnrollmentId, message::Column::Id])
        .columns([message::Column::Sender, message::Column::SentAt])
        .columns([message::Column::AnswerBefore, message::Column::AnsweredAt])
        .filter(message::Column::EnrollmentId.is_in(ids.iter().copied()))
        .order_by_asc(message::Column::SentAt)
        .order_by_asc(message::Column::Id)
        .into_tuple()
        .all(connection)
        .await?;
    for (enrollment, id, sender, at, answer_before, answered_at) in rows {
        if let Some(facts) = facts.get_mut(&enrollment) {
            facts.messages.push(Message {
                id,
                at,
                from: sender.0,
                answer_before,
                answered_at,
            });
        }
    }
    Ok(())
}
