//! The dated history of flags, as it is written.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::{
    act::{Act, BATCH, Cause, TICK},
    error::Result,
    evaluation,
    flag::{FlagStatus, Model},
    flag_assignment, flag_change,
    seal::Sealed,
};

/// Changes of flags to be written. Each is later than the one before it, so that the latest is the latest, and later than what
/// was judged of its enrollment, so that no instant that was judged looks different afterwards.
pub(super) struct History {
    /// By enrollment: the last instant that was judged.
    judged: HashMap<Uuid, DateTime<Utc>>,
    /// By flag: its last change.
    changed: HashMap<Uuid, DateTime<Utc>>,
    changes: Vec<flag_change::Model>,
}

impl History {
    /// Begins with what is there of these enrollments and flags.
    pub async fn read<'a>(
        act: &Act,
        enrollments: impl IntoIterator<Item = &'a Uuid>,
        flags: impl IntoIterator<Item = &'a Model>,
    ) -> Result<Self> {
        let enrollments: Vec<Uuid> = enrollments.into_iter().copied().collect();
        let judged = evaluation::judged_until(&act.tx, &enrollments).await?;
        let flags: Vec<Uuid> = flags.into_iter().map(|flag| flag.id).collect();
        let mut changed = HashMap::new();
        for chunk in flags.chunks(BATCH) {
            use flag_change::Column;
            let rows: Vec<(Uuid, DateTime<Utc>)> = flag_change::Entity::find()
                .select_only()
                .column(Column::FlagId)
                .column_as(Column::At.max(), "at")
                .filter(Column::FlagId.is_in(chunk.iter().copied()))
                .group_by(Column::FlagId)
                .into_tuple()
                .all(&act.tx)
                .await?;
            changed.extend(rows);
            use flag_assignment::Column as Assigned;
            let rows: Vec<(Uuid, DateTime<Utc>)> = flag_assignment::Entity::find()
                .select_only()
                .column(Assigned::FlagId)
                .column_as(Assigned::At.max(), "at")
                .filter(Assigned::FlagId.is_in(chunk.iter().copied()))
                .group_by(Assigned::FlagId)
                .into_tuple()
                .all(&act.tx)
                .await?;
            for (flag, at) in rows {
                let last = changed.entry(flag).or_insert(at);
                *last = at.max(*last);
            }
        }
        Ok(Self {
            judged,
            changed,
            changes: Vec::new(),
        })
    }

    /// When the next change of a flag is dated.
    pub fn next(&mut self, act: &Act, flag: &Model) -> DateTime<Utc> {
        let before = [self.judged.get(&flag.enrollment_id), self.changed.get(&flag.id)];
        let earliest = before.into_iter().flatten().map(|at| *at + TICK);
        let at = earliest.chain([act.now]).max().unwrap_or(act.now);
        self.changed.insert(flag.id, at);
        at
    }

    /// Notes that a flag came into a state.
    pub fn add(&mut self, act: &Act, flag: &Model, status: FlagStatus, note: Option<Sealed>, cause: Cause) {
        let at = self.next(act, flag);
        self.changes.push(flag_change::Model {
            id: act.id(),
            flag_id: flag.id,
            at,
            status: status.into(),
            note,
            actor: cause.actor.into(),
        });
    }

    /// Writes them.
    pub async fn write(&mut self, act: &Act) -> Result<()> {
        act.insert::<flag_change::Entity>(&std::mem::take(&mut self.changes))
            .await
    }
}
