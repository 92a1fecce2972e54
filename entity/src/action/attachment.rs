//! Uploading files, and attaching them to what is sent.

use std::collections::{BTreeSet, HashMap};

use chrono::Duration;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseBackend, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, LockType},
};
use uuid::Uuid;

use super::message::Send;
use crate::{
    act::{Act, BATCH},
    attachment::{Column, Entity, Model},
    error::{Error, Result, UserError},
    files::Files,
    input,
    media_type::MediaType,
    message,
    store::Store,
    stored::Stored,
    viewer::{Permission, Viewer, Who},
};

/// How long an uploaded file waits to be sent.
const WAITS: Duration = Duration::days(1);
/// How many uploaded files of one person may wait.
const MOST_WAITING: u64 = 20;
/// How many files go with one message.
const MOST_OF_A_MESSAGE: usize = 10;

/// Keeps a file that the viewer means to send; gives its id. Citizens may, guardians and staff who treat.
///
/// # Errors
/// `NOT_ALLOWED`; `EMPTY`; `BAD_FILE_NAME`; `BAD_FILE_TYPE` where its content is of a type that is not sent, whatever it is called;
/// `TOO_MANY` where too many wait already. When the database or the place of files fails.
pub async fn upload(store: &Store, files: &Files, viewer: &Viewer, name: &str, content: &[u8]) -> Result<Uuid> {
    may_upload(viewer)?;
    let name = input::file_name(name, "name")?;
    if content.is_empty() {
        return Err(UserError::new("EMPTY", "", "There is nothing in this file: choose another.").into());
    }
    let kind = MediaType::of(content).ok_or_else(|| {
        let message = format!(
            "Files of this type cannot be sent, whatever they are called. These can: {}.",
            MediaType::NAMES
        );
        UserError::new("BAD_FILE_TYPE", "", message)
    })?;
    let act = store.act(viewer).await?;
    let waiting = Entity::find()
        .filter(Column::Actor.eq(Stored(viewer.actor())))
        .filter(Column::DueAt.gt(act.now));
    if waiting.count(&act.tx).await? >= MOST_WAITING {
        let message = format!("{MOST_WAITING} of your files wait to be sent: send them first, or wait a day.");
        return Err(UserError::new("TOO_MANY", "", message).into());
    }
    let row = Model {
        id: act.id(),
        message_id: None,
        enrollment_id: None,
        name: act.store.keyring().seal(&kind.named(&name))?,
        media_type: kind.name().to_owned(),
        size: i32::try_from(content.len()).map_err(|_| Error::Corrupt("a file is too large".to_owned()))?,
        uploaded_at: act.now,
        due_at: Some(act.now + WAITS),
        actor: viewer.actor().into(),
    };
    act.insert::<Entity>(std::slice::from_ref(&row)).await?;
    act.commit().await?;
    // The row comes first: a file that is not finished is thrown away with it, and nobody knows its id.
    if let Err(error) = files.put(store.keyring(), row.id, content).await {
        // It may be there all the same: its row stays until the worker has thrown it away. Where this fails, too, that is in a day.
        let gave_up = give_up(store.connection(), &[row.id]).await;
        if let Err(error) = gave_up {
            let reason = error.kind();
            tracing::warn!(file = %row.id, reason, "the row of a file that could not be kept waits for a day");
        }
        return Err(error);
    }
    Ok(row.id)
}

/// Makes files due from when they were uploaded: nobody can send them any more, by whatever clock, and they do not count among those
/// that wait.
async fn give_up(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<()> {
    for chunk in ids.chunks(BATCH) {
        Entity::update_many()
            .col_expr(Column::DueAt, Expr::col(Column::UploadedAt))
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .exec(connection)
            .await?;
    }
    Ok(())
}

/// Whether the viewer may upload files at all.
///
/// # Errors
/// `NOT_ALLOWED`.
pub fn may_upload(viewer: &Viewer) -> Result<(), UserError> {
    match viewer.who {
        Who::Citizen { .. } | Who::Guardian { .. } => Ok(()),
        Who::Staff { .. } if viewer.may(Permission::Treat) => Ok(()),
        Who::Staff { .. } | Who::System => Err(UserError::not_allowed(
            "Only citizens, guardians and staff who treat send files.",
        )),
    }
}

/// How many files may fail to be removed before the rest waits for the next round.
const MOST_FAILURES: usize = 3;

/// Throws away the files that nobody sent in time or that could not be kept, at most `limit`; gives how many.
///
/// # Errors
/// When the database or the place of files fails. What was not finished stays due.
pub async fn throw_away(store: &Store, files: &Files, limit: u64) -> Result<usize> {
    let act = store.act(&Viewer::system()).await?;
    let due = store.skip_locked(crate::attachment::due(act.now, limit));
    let due: Vec<Uuid> = due.into_tuple().all(&act.tx).await?;
    if due.is_empty() {
        return Ok(0);
    }
    give_up(&act.tx, &due).await?;
    act.commit().await?;
    // Nothing is held meanwhile: a server of files that is away takes its time.
    let (mut gone, mut failures) = (Vec::new(), Vec::new());
    for id in due {
        match files.remove(id).await {
            Ok(()) => gone.push(id),
            Err(failure) => failures.push(failure),
        }
        // One that cannot be removed keeps none of the others; where nothing can be, the place is away.
        if failures.len() >= MOST_FAILURES {
            break;
        }
    }
    // Only then the rows: a file without a row would never be found again.
    let act = store.act(&Viewer::system()).await?;
    for chunk in gone.chunks(BATCH) {
        Entity::delete_many()
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .exec(&act.tx)
            .await?;
    }
    act.commit().await?;
    match failures.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(gone.len()),
    }
}

/// Those of the files that wait to be sent, kept from being sent twice.
pub(super) async fn unsent(act: &Act, ids: impl Iterator<Item = &Uuid>) -> Result<HashMap<Uuid, Model>> {
    let ids: BTreeSet<Uuid> = ids.copied().collect();
    let mut found = HashMap::new();
    for chunk in ids.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        let mut select = Entity::find()
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .filter(Column::MessageId.is_null())
            .filter(Column::DueAt.gt(act.now));
        if act.store.backend() == DatabaseBackend::Postgres {
            select = select.lock(LockType::Update);
        }
        found.extend(select.all(&act.tx).await?.into_iter().map(|row| (row.id, row)));
    }
    Ok(found)
}

/// Takes the files of a message out of those that wait; only what its author uploaded.
pub(super) fn take(waiting: &mut HashMap<Uuid, Model>, send: &Send) -> Result<Vec<Uuid>, UserError> {
    let wanted: BTreeSet<Uuid> = send.attachments.iter().copied().collect();
    if wanted.len() > MOST_OF_A_MESSAGE {
        let message = format!("At most {MOST_OF_A_MESSAGE} files go with a message.");
        return Err(UserError::new("TOO_MANY", "attachmentIds", message));
    }
    let own = |id: &Uuid| {
        let file = waiting.get(id);
        file.is_some_and(|file| file.actor.0 == send.cause.actor)
    };
    if !wanted.iter().all(own) {
        let message = "A file is not there, was sent already, or is not yours: upload it once more.";
        return Err(UserError::new("NOT_FOUND", "attachmentIds", message));
    }
    waiting.retain(|id, _| !wanted.contains(id));
    Ok(wanted.into_iter().collect())
}

/// Attaches files to messages, which are in the database.
pub(super) async fn attach(act: &Act, sent: &[(message::Model, Vec<Uuid>)]) -> Result<()> {
    for (message, files) in sent.iter().filter(|(_, files)| !files.is_empty()) {
        Entity::update_many()
            .col_expr(Column::MessageId, Expr::value(message.id))
            .col_expr(Column::EnrollmentId, Expr::value(message.enrollment_id))
            .col_expr(Column::DueAt, Expr::value(None::<chrono::DateTime<chrono::Utc>>))
            .filter(Column::Id.is_in(files.iter().copied()))
            .exec(&act.tx)
            .await?;
    }
    Ok(())
}
