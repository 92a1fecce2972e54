//! Telling that what was said of a module or section from an instant on has come.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Select, sea_query::Expr};
use uuid::Uuid;

use crate::{
    act::Act,
    action::{batches, opening},
    content::Content,
    content_override::{Column, Entity, Model},
    error::{Error, Result},
    event::EventKind,
    progress,
    store::Store,
};

/// Tells of what is due, in a unit of work of its own: modules and sections that are shown, hidden or open from now on. Gives how
/// many were looked at, at most `limit`; of those that changed nothing for the citizen nothing is told. A batch that fails is
/// halved until what it fails for is alone; that is given up and logged, and the others go on.
///
/// # Errors
/// When the database is away or busy: then the same batch is tried again later.
pub async fn run(store: &Store, limit: u64) -> Result<usize> {
    batches::run(
        store,
        those_due(store.now(), limit, None).select_only().column(Column::Id),
        |act, of| due(act, limit, of).boxed(),
        |store, id, error| give_up(store, id, error).boxed(),
    )
    .await
}

async fn due(act: &mut Act, limit: u64, of: Option<&[Uuid]>) -> Result<usize> {
    let now = act.now;
    let (enrollments, mut rows) = act.claim(|| those_due(now, limit, of), Column::EnrollmentId).await?;
    let ids: Vec<Uuid> = enrollments.keys().copied().collect();
    let overlays = progress::load(&act.tx, &act.viewer, &ids).await?;
    let cause = act.cause();
    // Of what several changes open together is told once.
    let mut opened = BTreeSet::new();
    for row in &mut rows {
        let Some(since) = row.due_at else { continue };
        if let (Some(enrollment), Some(overlay)) =
            (enrollments.get(&row.enrollment_id), overlays.get(&row.enrollment_id))
        {
            let content = act.store.library().content(&act.tx, enrollment.version_id).await?;
            if overlay.took_effect(&content, enrollment, row, since, now) {
                let (piece, key) = (row.module_id.or(row.section_id), key(&content, row));
                act.told(enrollment, EventKind::ContentTookEffect, cause, piece, key);
                let with_it = overlay.opened_with(&content, enrollment, row, now).into_iter();
                let with_it = with_it.filter(|module| opened.insert((enrollment.id, *module)));
                opening::tell(act, &content, enrollment, with_it, cause);
            }
        }
        row.due_at = row.comes_after(now);
    }
    act.upsert::<Entity>(&rows, &[Column::Id], &[Column::DueAt]).await?;
    Ok(rows.len())
}

fn those_due(now: DateTime<Utc>, limit: u64, of: Option<&[Uuid]>) -> Select<Entity> {
    batches::those_due([Column::Id, Column::DueAt], now, limit, of)
}

/// The key of the module or section that something was said of.
fn key<'a>(content: &'a Content, said: &Model) -> Option<&'a str> {
    let module = said.module_id.and_then(|id| content.module(id));
    let section = said.section_id.and_then(|id| content.section(id));
    let module = module.map(|module| module.row.key.as_str());
    module.or_else(|| section.map(|(_, section)| section.row.key.as_str()))
}

/// What cannot be told is shown, hidden or open all the same: whoever asks sees it. It is logged, and not due any more.
async fn give_up(store: &Store, id: Uuid, error: &Error) -> Result<()> {
    tracing::error!(change = %id, reason = error.kind(), "nobody is told that a change of content has come");
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(None::<DateTime<Utc>>))
        .filter(Column::Id.eq(id))
        .exec(store.connection())
        .await?;
    Ok(())
}
