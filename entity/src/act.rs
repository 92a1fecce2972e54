//! A unit of work: one transaction, the events that it writes, and what follows from them.
//!
//! Whatever changes a fact writes an event and makes the enrollment due for evaluation in its own transaction, and only
//! then hints whoever waits.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::NotSet,
    ColumnTrait, Condition, DatabaseBackend, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType},
};
use uuid::Uuid;

use crate::{
    access_log::{self, AccessAction},
    attention,
    clock::Ids,
    enrollment,
    error::{Error, Result, UserError},
    evaluation,
    event::{self, EventKind},
    store::{Hint, Store},
    viewer::{Actor, Permission, Viewer},
};

/// How many rows one statement carries at most: SQLite takes 32,766 variables.
pub const BATCH: usize = 500;

/// The smallest step between two instants.
pub(crate) const TICK: Duration = Duration::microseconds(1);

/// How far ahead of the clock events are judged with the rest: they are dated microseconds ahead where several come at once.
/// Those of a machine whose clock is wrong wait for their time.
pub(crate) const AHEAD: Duration = Duration::seconds(1);

/// What made something happen: a person (depth 0), or the firing of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Who.
    pub actor: Actor,
    /// How many firings caused one another before it.
    pub depth: u32,
}

/// A unit of work. Dropped without [`Act::commit`], it undoes everything.
#[derive(Debug)]
pub struct Act {
    /// The record.
    pub store: Store,
    /// On whose behalf.
    pub viewer: Viewer,
    /// The transaction.
    pub tx: DatabaseTransaction,
    /// When: one instant for the whole unit.
    pub now: DateTime<Utc>,
    ids: Ids,
    events: Vec<event::Model>,
    due: BTreeSet<Uuid>,
    attention: BTreeSet<Uuid>,
    changed: BTreeSet<Uuid>,
    hints: BTreeSet<Hint>,
}

impl Act {
    pub(crate) fn new(store: Store, viewer: Viewer, tx: DatabaseTransaction) -> Self {
        let now = store.now();
        Self {
            store,
            viewer,
            tx,
            now,
            ids: Ids::default(),
            events: Vec::new(),
            due: BTreeSet::new(),
            attention: BTreeSet::new(),
            changed: BTreeSet::new(),
            hints: BTreeSet::new(),
        }
    }

    /// A new identity, sorted by the instant of this unit and, within it, by the order in which they were asked for.
    pub fn id(&self) -> Uuid {
        self.ids.next(self.now)
    }

    /// When what is to happen at once is due: by the clock, which this unit may be microseconds ahead of.
    pub fn at_once(&self) -> DateTime<Utc> {
        self.now.min(self.store.now())
    }

    /// The viewer as a cause.
    pub fn cause(&self) -> Cause {
        Cause {
            actor: self.viewer.actor(),
            depth: 0,
        }
    }

    /// Reads those of the enrollments that the viewer may see, and keeps others from changing them until the end. Always in
    /// order of their ids, so that two units of work never wait for each other.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enrollments(&mut self, ids: &[Uuid]) -> Result<BTreeMap<Uuid, enrollment::Model>> {
        self.lock(ids, None).await
    }

    /// As [`Act::enrollments`], without those that another unit of work holds: what is due there, that one does, or it waits
    /// for the next round.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn free_enrollments(&mut self, ids: &[Uuid]) -> Result<BTreeMap<Uuid, enrollment::Model>> {
        self.lock(ids, Some(LockBehavior::SkipLocked)).await
    }

    /// As [`Act::enrollments`], none for those who may not treat.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn treated(&mut self, ids: &[Uuid]) -> Result<BTreeMap<Uuid, enrollment::Model>> {
        if !self.viewer.may(Permission::Treat) {
            return Ok(BTreeMap::new());
        }
        self.enrollments(ids).await
    }

    /// As [`Act::enrollments`], none for staff who may not see health data.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn with_health(&mut self, ids: &[Uuid]) -> Result<BTreeMap<Uuid, enrollment::Model>> {
        if !self.viewer.sees_health() {
            return Ok(BTreeMap::new());
        }
        self.enrollments(ids).await
    }

    async fn lock(
        &mut self,
        ids: &[Uuid],
        behavior: Option<LockBehavior>,
    ) -> Result<BTreeMap<Uuid, enrollment::Model>> {
        let ids: BTreeSet<Uuid> = ids.iter().copied().collect();
        let mut found = BTreeMap::new();
        for chunk in ids.into_iter().collect::<Vec<_>>().chunks(BATCH) {
            let mut select = enrollment::Entity::find()
                .filter(
                    Condition::all()
                        .add(enrollment::Column::Id.is_in(chunk.iter().copied()))
                        .add(enrollment::visible_to(&self.viewer)),
                )
                .order_by_asc(enrollment::Column::Id);
            if self.store.backend() == DatabaseBackend::Postgres {
                select = match behavior {
                    Some(behavior) => select.lock_with_behavior(LockType::Update, behavior),
                    None => select.lock(LockType::Update),
                };
            }
            for row in select.all(&self.tx).await? {
                self.viewer.saw(row.citizen_id);
                found.insert(row.id, row);
            }
        }
        // Whoever held them before may have judged what came up to just now: what this unit does comes after.
        self.now = self.now.max(self.store.now());
        Ok(found)
    }

    /// Inserts rows, many with a statement.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert<E>(&self, rows: &[E::Model]) -> Result<()>
    where
        E: EntityTrait,
        E::ActiveModel: ActiveModelTrait<Entity = E>,
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        for chunk in rows.chunks(BATCH) {
            let rows = chunk.iter().map(|row| row.clone().into_active_model().reset_all());
            E::insert_many(rows).exec_without_returning(&self.tx).await?;
        }
        Ok(())
    }

    /// The one enrollment, as [`Act::enrollments`].
    ///
    /// # Errors
    /// When it is not there or not visible, at `path`.
    pub async fn enrollment(&mut self, id: Uuid, path: &str) -> Result<enrollment::Model> {
        let mut found = self.enrollments(&[id]).await?;
        found
            .remove(&id)
            .ok_or_else(|| UserError::not_found(path, "enrollment").into())
    }

    /// Notes that something happened in an enrollment; written at the end.
    pub fn happened(
        &mut self,
        enrollment: &enrollment::Model,
        kind: EventKind,
        cause: Cause,
        subject: Option<Uuid>,
        key: Option<&str>,
    ) {
        self.changed.insert(enrollment.citizen_id);
        self.due.insert(enrollment.id);
        self.events.push(event::Model {
            position: 0,
            at: self.now,
            id: self.id(),
            kind: kind.into(),
            enrollment_id: enrollment.id,
            unit_id: enrollment.unit_id,
            citizen_id: enrollment.citizen_id,
            subject_id: subject,
            subject_key: key.map(str::to_owned),
            depth: i32::try_from(cause.depth).unwrap_or(i32::MAX),
            actor: cause.actor.into(),
        });
        self.hints.insert(Hint::Events);
    }

    /// Notes a change of a citizen's data that is no event.
    pub fn changed(&mut self, citizen: Uuid) {
        self.changed.insert(citizen);
    }

    /// Notes that flags or messages of an enrollment changed, so that its place in the worklist may.
    pub fn attention(&mut self, enrollment: Uuid) {
        self.attention.insert(enrollment);
    }

    /// Notes that whoever waits is to be told at the end.
    pub fn hint(&mut self, hint: Hint) {
        self.hints.insert(hint);
    }

    /// Undoes everything at once, where dropping it would leave that to the pool, some time later.
    pub async fn undo(self) {
        if let Err(error) = self.tx.rollback().await {
            // The database undoes it by itself when the connection ends.
            tracing::warn!(
                reason = Error::from(error).kind(),
                "a unit of work could not be undone at once"
            );
        }
    }

    /// Writes the events and what follows from them, and commits.
    ///
    /// # Errors
    /// When the database fails; then nothing was changed.
    pub async fn commit(self) -> Result<()> {
        let at_once = self.at_once();
        write_events(&self.tx, self.events).await?;
        evaluation::make_due(&self.tx, &self.due, at_once).await?;
        attention::refresh(&self.tx, &self.attention).await?;
        access_log::write(&self.tx, &self.viewer, AccessAction::Change, &self.changed, self.now).await?;
        self.tx.commit().await?;
        for hint in self.hints {
            self.store.hint(hint);
        }
        Ok(())
    }
}

/// Writes events, each later than whatever was judged of its enrollment and later than the one before it: an evaluation that
/// ran between the start of this unit and its lock must not make an event look judged. The difference is microseconds.
async fn write_events(tx: &DatabaseTransaction, mut events: Vec<event::Model>) -> Result<()> {
    let enrollments: BTreeSet<Uuid> = events.iter().map(|event| event.enrollment_id).collect();
    let mut next: BTreeMap<Uuid, DateTime<Utc>> = BTreeMap::new();
    for chunk in enrollments.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        let judged: Vec<(Uuid, DateTime<Utc>)> = evaluation::Entity::find()
            .select_only()
            .columns([evaluation::Column::EnrollmentId, evaluation::Column::EvaluatedUntil])
            .filter(evaluation::Column::EnrollmentId.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(tx)
            .await?;
        next.extend(judged.into_iter().map(|(id, until)| (id, until + TICK)));
    }
    for event in &mut events {
        let earliest = next.entry(event.enrollment_id).or_insert(event.at);
        event.at = event.at.max(*earliest);
        *earliest = event.at + TICK;
    }
    for chunk in events.chunks(BATCH) {
        let rows = chunk.iter().map(|event| {
            let mut row = event.clone().into_active_model().reset_all();
            // The database counts positions.
            row.position = NotSet;
            row
        });
        event::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}
