//! The order of the worklist, `NEEDS_ATTENTION`: highest open severity, oldest flag, unread messages.
//!
//! It is stored beside the enrollment as one text that sorts as it should, so that the list is a walk along an index.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use rules::facts::{Audience, Severity};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};
use uuid::Uuid;

use crate::{
    act::BATCH,
    enrollment,
    error::Result,
    flag::{self, FlagStatus},
    stored::Stored,
};

/// The key: those with flags first, the most severe first, then the oldest flag, then the most unread messages.
pub fn key(worst: Option<Severity>, oldest: Option<DateTime<Utc>>, unread: i32) -> String {
    let rank = match worst {
        Some(Severity::Urgent) => 0,
        Some(Severity::Warning) => 1,
        Some(Severity::Info) => 2,
        None => 3,
    };
    let oldest = oldest.map_or_else(|| "9".to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::Micros, true));
    format!("{rank} {oldest} {:05}", 99_999 - unread.clamp(0, 99_999))
}

/// Computes the keys of these enrollments anew from their open flags to staff and their unread messages.
///
/// # Errors
/// When the database fails.
pub async fn refresh(connection: &impl ConnectionTrait, enrollments: &BTreeSet<Uuid>) -> Result<()> {
    for chunk in enrollments.iter().copied().collect::<Vec<_>>().chunks(BATCH) {
        let rows: Vec<(Uuid, i32)> = enrollment::Entity::find()
            .select_only()
            .columns([enrollment::Column::Id, enrollment::Column::UnreadByStaff])
            .filter(enrollment::Column::Id.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(connection)
            .await?;
        let open: Vec<(Uuid, Stored<Severity>, DateTime<Utc>)> = flag::Entity::find()
            .select_only()
            .columns([
                flag::Column::EnrollmentId,
                flag::Column::Severity,
                flag::Column::RaisedAt,
            ])
            .filter(flag::Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(flag::Column::Status.eq(Stored(FlagStatus::Open)))
            .filter(flag::Column::Audience.eq(Stored(Audience::Staff)))
            .into_tuple()
            .all(connection)
            .await?;
        let mut by_key: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
        for (id, unread) in rows {
            let flags = || open.iter().filter(|(enrollment, ..)| *enrollment == id);
            let worst = flags().map(|(_, severity, _)| severity.0).max();
            let oldest = flags().map(|(.., raised_at)| *raised_at).min();
            by_key.entry(key(worst, oldest, unread)).or_default().push(id);
        }
        for (key, ids) in by_key {
            enrollment::Entity::update_many()
                .col_expr(enrollment::Column::Attention, Expr::value(key))
                .filter(enrollment::Column::Id.is_in(ids))
                .exec(connection)
                .await?;
        }
    }
    Ok(())
}
