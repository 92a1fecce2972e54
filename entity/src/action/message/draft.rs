//! Keeping what somebody has begun to write.

use std::collections::BTreeMap;

use rules::validate::Function;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::OnConflict};
use uuid::Uuid;

use super::may_write;
use crate::{
    act::{Act, BATCH},
    action::offered::Missing,
    error::{Result, UserError},
    input, message,
    message_draft::{Column, Entity, Model},
    stored::Stored,
    viewer::Actor,
};

/// Keeps what the viewer has begun to write in a thread, in place of what they had. Gives the enrollment.
///
/// # Errors
/// As sending it would be refused, but for files.
pub async fn save_draft(act: &mut Act, enrollment_id: Uuid, body: &str) -> Result<Uuid> {
    let mut enrollments = act.with_health(&[enrollment_id]).await?;
    let enrollment = enrollments.remove(&enrollment_id);
    let enrollment = enrollment.ok_or_else(|| UserError::not_found("enrollmentId", "enrollment"))?;
    let missing = Missing::read(act, Function::Messages, [&enrollment]).await?;
    may_write(&enrollment, &missing)?;
    let body = input::plain_text(body, "body")?;
    let row = Model {
        enrollment_id,
        author: act.viewer.actor().into(),
        body: act.store.keyring().seal(&body)?,
        saved_at: act.now,
    };
    let again = OnConflict::columns([Column::EnrollmentId, Column::Author])
        .update_columns([Column::Body, Column::SavedAt])
        .to_owned();
    Entity::insert(row.into_active_model().reset_all())
        .on_conflict(again)
        .exec_without_returning(&act.tx)
        .await?;
    act.changed(enrollment.citizen_id);
    Ok(enrollment_id)
}

/// Forgets what the viewer has begun to write in a thread; nothing happens where there is nothing. Gives the enrollment. Also
/// after its end.
///
/// # Errors
/// When the enrollment is not there or not visible, at `enrollmentId`.
pub async fn discard_draft(act: &mut Act, enrollment_id: Uuid) -> Result<Uuid> {
    let mut enrollments = act.with_health(&[enrollment_id]).await?;
    let enrollment = enrollments.remove(&enrollment_id);
    let enrollment = enrollment.ok_or_else(|| UserError::not_found("enrollmentId", "enrollment"))?;
    forget(act, act.viewer.actor(), &[enrollment_id]).await?;
    act.changed(enrollment.citizen_id);
    Ok(enrollment_id)
}

/// Forgets the drafts of what people have sent now.
pub(super) async fn sent(act: &Act, sent: &[message::Model]) -> Result<()> {
    let mut by_author: BTreeMap<String, (Actor, Vec<Uuid>)> = BTreeMap::new();
    for row in sent.iter().filter(|row| row.unit_message_id.is_none()) {
        let author = row.actor.0;
        if matches!(author, Actor::Citizen(_) | Actor::Guardian(_) | Actor::Staff(_)) {
            let of_author = by_author.entry(author.to_string());
            of_author
                .or_insert_with(|| (author, Vec::new()))
                .1
                .push(row.enrollment_id);
        }
    }
    for (author, enrollments) in by_author.into_values() {
        forget(act, author, &enrollments).await?;
    }
    Ok(())
}

async fn forget(act: &Act, author: Actor, enrollments: &[Uuid]) -> Result<()> {
    for chunk in enrollments.chunks(BATCH) {
        Entity::delete_many()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(Column::Author.eq(Stored(author)))
            .exec(&act.tx)
            .await?;
    }
    Ok(())
}
