//! Opening flags again by hand.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{handling::locked_one, history::History, is_unresolved};
use crate::{
    act::Act,
    error::{Result, UserError},
    event::EventKind,
    flag::{ActiveModel, Column, Entity, FlagStatus},
    flag_cause, input,
    viewer::Permission,
};

/// What came of opening a flag again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reopened {
    /// The flag is open.
    Done(Uuid),
    /// It stays as it was, since another of its kind, which this is, stands already.
    Standing(Uuid),
}

/// Opens a flag again that somebody took on or that was resolved. Resolved, it then stands for their sake who opens it, and
/// ends with nothing by itself. It may be escalated anew, as any that is opened.
///
/// # Errors
/// When it is not there or not visible, at `flagId`; `ALREADY_OPEN`.
pub async fn reopen(act: &mut Act, flag_id: Uuid, note: Option<&str>) -> Result<Reopened> {
    if !act.viewer.may(Permission::Treat) {
        return Err(UserError::not_found("flagId", "flag").into());
    }
    let note = input::note(note, "note")?;
    let (enrollment, flag) = locked_one(act, flag_id).await?;
    if flag.status.0 == FlagStatus::Open {
        return Err(UserError::new("ALREADY_OPEN", "flagId", "This flag is open.").into());
    }
    let note = act.store.keyring().seal_option(note.as_deref())?;
    let cause = act.cause();
    if !flag.status.0.is_unresolved() {
        let other = Entity::find()
            .filter(Column::EnrollmentId.eq(flag.enrollment_id))
            .filter(Column::Kind.eq(flag.kind.as_str()))
            .filter(Column::Audience.eq(flag.audience))
            .filter(is_unresolved());
        if let Some(other) = other.one(&act.tx).await? {
            return Ok(Reopened::Standing(other.id));
        }
        let reason = flag_cause::Model {
            id: act.id(),
            flag_id,
            severity: flag.severity,
            title: flag.title.clone(),
            note: note.clone(),
            actor: cause.actor.into(),
            rule_key: None,
            occurrence: None,
            auto_resolve: false,
            raised_at: act.now,
            ended_at: None,
        };
        act.insert::<flag_cause::Entity>(&[reason]).await?;
    }
    let set = ActiveModel {
        status: Set(FlagStatus::Open.into()),
        acknowledged_at: Set(None),
        acknowledged_by: Set(None),
        resolved_at: Set(None),
        resolved_by: Set(None),
        ..ActiveModel::default()
    };
    Entity::update_many()
        .set(set)
        .filter(Column::Id.eq(flag_id))
        .exec(&act.tx)
        .await?;
    let mut history = History::read(act, [&enrollment.id], [&flag]).await?;
    history.add(act, &flag, FlagStatus::Open, note, cause);
    history.write(act).await?;
    let kind = EventKind::FlagRaised;
    act.happened(&enrollment, kind, cause, Some(flag_id), Some(&flag.kind));
    act.attention(enrollment.id);
    Ok(Reopened::Done(flag_id))
}
