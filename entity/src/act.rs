//! A unit of work: one transaction, the events that it writes, and what follows from them.
//!
//! Whatever changes a fact writes an event and makes the enrollment due for evaluation in its own transaction, and only
//! then hints whoever waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Duration, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::NotSet,
    ColumnTrait, Condition, DatabaseBackend, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
    sea_query::{LockBehavior, LockType, OnConflict},
};
use uuid::Uuid;

use crate::{
    access_log::{self, AccessAction},
    attention,
    clock::Ids,
    contact_event::{self, Reached},
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

/// How far what was judged may be ahead of a unit of work that writes down facts: as far as events reach that come at once and
/// are numbered in microseconds. Further ahead it was judged by a machine whose clock is ahead of this one's.
pub(crate) const NUMBERED: Duration = Duration::microseconds(100);

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
    /// Until when the rules of the enrollments that it holds were judged.
    judged: HashMap<Uuid, DateTime<Utc>>,
    events: Vec<event::Model>,
    reached: BTreeSet<Reached>,
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
            judged: HashMap::new(),
            events: Vec::new(),
            reached: BTreeSet::new(),
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
        // Whoever held them before may have judged what came up to just now: what this unit does comes after, also where its own
        // clock is behind. A schedule that counts from what is dated before would be over when it begins.
        self.now = self.now.max(self.store.now());
        let held: Vec<Uuid> = found.keys().copied().collect();
        let judged = evaluation::judged_until(&self.tx, &held).await?;
        let latest = judged.values().max().filter(|until| **until > self.now + NUMBERED);
        self.now = latest.map_or(self.now, |until| *until + TICK);
        self.judged.extend(judged);
        Ok(found)
    }

    /// Reads the rows that are due and not in somebody else's hands, and keeps their enrollments from being changed by others
    /// until the end. `due` selects them, `enrollment` is the column that names the enrollment.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn claim<E: EntityTrait>(
        &mut self,
        due: impl Fn() -> Select<E>,
        enrollment: E::Column,
    ) -> Result<(BTreeMap<Uuid, enrollment::Model>, Vec<E::Model>)> {
        let ids: Vec<Uuid> = self
            .store
            .skip_locked(due())
            .select_only()
            .column(enrollment)
            .into_tuple()
            .all(&self.tx)
            .await?;
        let enrollments = self.free_enrollments(&ids).await?;
        // Read again under the locks: another worker, or an answer, may have been faster.
        let rows = due().filter(enrollment.is_in(enrollments.keys().copied()));
        Ok((enrollments, rows.all(&self.tx).await?))
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

    /// Inserts rows, many with a statement; of one whose `key` is there already it writes only these columns.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn upsert<E>(&self, rows: &[E::Model], key: &[E::Column], columns: &[E::Column]) -> Result<()>
    where
        E: EntityTrait,
        E::ActiveModel: ActiveModelTrait<Entity = E>,
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        let there = OnConflict::columns(key.iter().copied())
            .update_columns(columns.iter().copied())
            .to_owned();
        for chunk in rows.chunks(BATCH) {
            let rows = chunk.iter().map(|row| row.clone().into_active_model().reset_all());
            let insert = E::insert_many(rows).on_conflict(there.clone());
            insert.exec_without_returning(&self.tx).await?;
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
        self.due.insert(enrollment.id);
        self.told(enrollment, kind, cause, subject, key);
    }

    /// As [`Act::happened`], of what is no fact to any rule: nobody evaluates the enrollment for it.
    pub fn told(
        &mut self,
        enrollment: &enrollment::Model,
        kind: EventKind,
        cause: Cause,
        subject: Option<Uuid>,
        key: Option<&str>,
    ) {
        self.changed.insert(enrollment.citizen_id);
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

    /// Notes that it changed how a unit is reached; told at the end.
    pub fn unit_changed(&mut self, unit: Uuid) {
        self.reached.insert(Reached::Unit(unit));
        self.hints.insert(Hint::Events);
    }

    /// Notes that it changed how a citizen is reached; told at the end.
    pub fn citizen_changed(&mut self, citizen: Uuid) {
        self.changed(citizen);
        self.reached.insert(Reached::Citizen(citizen));
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

    /// Commits what went well, and undoes at once what did not: what is held is free again before anybody hears of a refusal.
    ///
    /// # Errors
    /// The outcome's own, and when the database fails; then nothing was changed.
    pub async fn finish<T>(self, outcome: Result<T>) -> Result<T> {
        match &outcome {
            Ok(_) => self.commit().await?,
            Err(_) => self.undo().await,
        }
        outcome
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
        let actor = self.viewer.actor();
        let reached = self.reached.iter();
        let mut reached: Vec<_> = reached
            .map(|reached| contact_event::new(self.id(), self.now, *reached, actor))
            .collect();
        contact_event::place(&self.tx, &mut reached).await?;
        self.insert::<contact_event::Entity>(&reached).await?;
        write_events(&self.tx, self.events, self.judged).await?;
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
async fn write_events(
    tx: &DatabaseTransaction,
    mut events: Vec<event::Model>,
    mut judged: HashMap<Uuid, DateTime<Utc>>,
) -> Result<()> {
    // Those that were not held, as the one that is made just now.
    let others: BTreeSet<Uuid> = events.iter().map(|event| event.enrollment_id).collect();
    let others: Vec<Uuid> = others.into_iter().filter(|id| !judged.contains_key(id)).collect();
    judged.extend(evaluation::judged_until(tx, &others).await?);
    let mut next: HashMap<Uuid, DateTime<Utc>> = judged.into_iter().map(|(id, until)| (id, until + TICK)).collect();
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
