//! Taking the deliveries that are due, as far as they still apply, and looking again right before they are handed over.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use rules::facts::Audience;
use sea_orm::{
    ActiveValue::Set,
    Condition, DatabaseTransaction, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, LockType},
};

use super::{
    ActiveModel, Column, DeliveryStatus, Entity, MAX_ATTEMPTS, Model, NOBODY_SAID, RECORD_UNREADABLE,
    addressing::{Instead, People},
    escalate_further, released,
};
use crate::{
    act::BATCH,
    error::{Error, Result},
    halves::Halves,
    store::{Hint, Store},
    stored::Stored,
};

/// A delivery that this worker may hand over until its lease runs out.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The delivery, as claimed.
    pub row: Model,
    /// Where to: the e-mail address or the phone number.
    pub address: String,
    /// The language to write in, a BCP 47 tag.
    pub locale: String,
    /// The key of the message template.
    pub template: String,
    /// Whom it is for.
    pub audience: Audience,
}

/// Claims deliveries that are due, those longest due first, at most `limit`, for as long as `lease` on the database's clock.
/// Those that do not apply any more, or have no address, are set aside and not given; then the next are taken, so that none
/// are given only where none is due.
///
/// A delivery whose lease ran out is claimed again, with the same `Message-ID`: whether the worker that held it had handed
/// it over nobody knows, and a reminder that comes twice does less harm than one that never comes. When that happens at its
/// last attempt its outcome stays unknown.
///
/// # Errors
/// When the database fails.
pub async fn claim(store: &Store, worker: &str, limit: u64, lease: Duration) -> Result<Vec<Claimed>> {
    loop {
        let claimed = match claim_some(store, worker, limit, lease, None).await {
            Err(error) if !error.is_transient() => claim_in_halves(store, worker, limit, lease).await?,
            claimed => claimed?,
        };
        match claimed {
            Some(claimed) if claimed.is_empty() => {}
            claimed => return Ok(claimed.unwrap_or_default()),
        }
    }
}

/// Whatever is due now, in halves. Another worker may take some of it meanwhile, which is as well.
async fn claim_in_halves(store: &Store, worker: &str, limit: u64, lease: Duration) -> Result<Option<Vec<Claimed>>> {
    let keys: Vec<Key> = is_due(store, limit, store.now())
        .select_only()
        .columns([Column::CreatedAt, Column::Id])
        .into_tuple()
        .all(store.connection())
        .await?;
    if keys.is_empty() {
        return Ok(None);
    }
    let mut claimed = Vec::new();
    let mut halves = Halves::of(keys);
    while let Some(part) = halves.next_part() {
        match claim_some(store, worker, limit, lease, Some(&part)).await {
            Ok(some) => claimed.extend(some.unwrap_or_default()),
            // What is claimed already is handed over first.
            Err(error) if error.is_transient() && !claimed.is_empty() => break,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                if let Some(key) = halves.split(part) {
                    give_up(store, key, None, &error).await?;
                }
            }
        }
    }
    Ok(Some(claimed))
}

/// Gives up a delivery that cannot be read, or whose reminder or enrollment cannot, so that the others go on; under this lease,
/// where one is given.
async fn give_up(store: &Store, key: Key, lease: Option<&str>, error: &Error) -> Result<()> {
    tracing::error!(delivery = %key.1, reason = error.kind(), "a delivery cannot be read and is given up");
    let tx = store.begin_write().await?;
    let mut change = Entity::update_many()
        .set(ActiveModel {
            status: Set(DeliveryStatus::Failed.into()),
            reason: Set(Some(RECORD_UNREADABLE.to_owned())),
            ..released()
        })
        .filter(is_one_of(&[key]))
        .filter(Column::DueAt.is_not_null());
    if let Some(lease) = lease {
        change = change.filter(Column::Lease.eq(lease));
    }
    let is_given_up = change.exec(&tx).await?.rows_affected > 0;
    let escalates = match is_given_up {
        true => escalate_further_than(&tx, &[key], store.now()).await,
        false => Ok(false),
    };
    let escalates = match escalates {
        Err(error) if !error.is_transient() => {
            // Its rung cannot be read either; the next one comes in its time.
            tracing::error!(delivery = %key.1, reason = error.kind(), "its escalation cannot be read");
            Ok(((), false))
        }
        escalates => escalates.map(|escalates| ((), escalates)),
    };
    end(tx, store, escalates).await
}

/// Claims some, of these only where they are given; none where all that were taken had to be set aside; `None` where nothing is
/// due.
async fn claim_some(
    store: &Store,
    worker: &str,
    limit: u64,
    lease: Duration,
    of: Option<&[Key]>,
) -> Result<Option<Vec<Claimed>>> {
    let tx = store.begin_write().await?;
    let claimed = claim_within(&tx, store, worker, limit, lease, of).await;
    end(tx, store, claimed).await
}

/// Ends a transaction, and tells whoever waits where an escalation goes on. What failed is undone at once: what it holds is free
/// again before anybody looks for it in smaller parts.
async fn end<T>(tx: DatabaseTransaction, store: &Store, done: Result<(T, bool)>) -> Result<T> {
    match done {
        Ok((done, escalates)) => {
            tx.commit().await?;
            if escalates {
                store.hint(Hint::Due);
            }
            Ok(done)
        }
        Err(error) => {
            tx.rollback().await?;
            Err(error)
        }
    }
}

async fn claim_within(
    tx: &DatabaseTransaction,
    store: &Store,
    worker: &str,
    limit: u64,
    lease: Duration,
    of: Option<&[Key]>,
) -> Result<(Option<Vec<Claimed>>, bool)> {
    let mut select = is_due(store, limit, store.now());
    if let Some(keys) = of {
        select = select.filter(is_one_of(keys));
    }
    let due = store.skip_locked(select).all(tx).await?;
    if due.is_empty() {
        return Ok((None, false));
    }
    let (worn_out, due): (Vec<Model>, Vec<Model>) = due.into_iter().partition(|row| row.attempts >= MAX_ATTEMPTS);
    let unknown = Instead::Ended(DeliveryStatus::Unknown, NOBODY_SAID.to_owned());
    let mut set_aside: SetAside = BTreeMap::new();
    if !worn_out.is_empty() {
        set_aside.insert(unknown, worn_out.iter().map(key).collect());
    }
    let mut claimed = sorted(store, tx, due, &mut set_aside).await?;
    let escalates = put_aside(tx, set_aside, store.now()).await?;
    let token = format!("{worker}:{}", store.id());
    let keys: Vec<Key> = claimed.iter().map(|claimed| key(&claimed.row)).collect();
    if !keys.is_empty() {
        let sending = ActiveModel {
            status: Set(DeliveryStatus::Sending.into()),
            lease: Set(Some(token.clone())),
            ..<ActiveModel as Default>::default()
        };
        Entity::update_many()
            .set(sending)
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .col_expr(Column::LeasedUntil, store.database_now(lease))
            .filter(is_one_of(&keys))
            .exec(tx)
            .await?;
    }
    for claimed in &mut claimed {
        claimed.row.status = DeliveryStatus::Sending.into();
        claimed.row.lease = Some(token.clone());
        claimed.row.attempts += 1;
    }
    Ok((Some(claimed), escalates))
}

/// Looks once more at what was claimed, right before it is handed over, and gives what still applies, for as long as `lease`
/// from now: a worker may have stood still since, and somebody else have changed, or sent, what it holds. What does not apply
/// any more is set aside as by [`claim`].
///
/// # Errors
/// When the database fails.
pub async fn confirm(store: &Store, claimed: &[Claimed], lease: Duration) -> Result<Vec<Claimed>> {
    let held: Vec<Held> = claimed
        .iter()
        .filter_map(|claimed| Some((key(&claimed.row), claimed.row.lease.clone()?)))
        .collect();
    match confirm_some(store, &held, lease).await {
        Err(error) if !error.is_transient() => {}
        confirmed => return confirmed,
    }
    let mut confirmed = Vec::new();
    let mut halves = Halves::of(held);
    while let Some(part) = halves.next_part() {
        match confirm_some(store, &part, lease).await {
            Ok(some) => confirmed.extend(some),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                if let Some((key, lease)) = halves.split(part) {
                    give_up(store, key, Some(&lease), &error).await?;
                }
            }
        }
    }
    Ok(confirmed)
}

/// A delivery and the lease under which it is held.
type Held = (Key, String);

async fn confirm_some(store: &Store, held: &[Held], lease: Duration) -> Result<Vec<Claimed>> {
    let tx = store.begin_write().await?;
    let confirmed = confirm_within(&tx, store, held, lease).await;
    end(tx, store, confirmed).await
}

async fn confirm_within(
    tx: &DatabaseTransaction,
    store: &Store,
    held: &[Held],
    lease: Duration,
) -> Result<(Vec<Claimed>, bool)> {
    let keys: Vec<Key> = held.iter().map(|(key, _)| *key).collect();
    let held = Entity::find()
        .filter(is_one_of(&keys))
        .filter(Column::Lease.is_in(held.iter().map(|(_, lease)| lease.as_str())))
        .filter(Expr::col(Column::LeasedUntil).gte(store.database_now(Duration::ZERO)));
    // Whoever else looks at them is waited for: what is skipped here would leave only when its lease is over. In the order of
    // their ids, as everybody who locks several.
    let held = held.order_by_asc(Column::Id).lock(LockType::Update).all(tx).await?;
    let mut set_aside = BTreeMap::new();
    let confirmed = sorted(store, tx, held, &mut set_aside).await?;
    let escalates = put_aside(tx, set_aside, store.now()).await?;
    let keys: Vec<Key> = confirmed.iter().map(|claimed| key(&claimed.row)).collect();
    Entity::update_many()
        .col_expr(Column::LeasedUntil, store.database_now(lease))
        .filter(is_one_of(&keys))
        .exec(tx)
        .await?;
    Ok((confirmed, escalates))
}

/// What becomes of deliveries that are not handed over now.
type SetAside = BTreeMap<Instead, Vec<Key>>;

/// Those of the deliveries that are to be handed over; the others are added to what is set aside.
async fn sorted(
    store: &Store,
    tx: &DatabaseTransaction,
    rows: Vec<Model>,
    set_aside: &mut SetAside,
) -> Result<Vec<Claimed>> {
    let now = store.now();
    let people = People::read(store, tx, &rows, now).await?;
    let mut ready = Vec::new();
    for row in rows {
        let key = key(&row);
        match people.check(store, row, now) {
            Ok(claimed) => ready.push(claimed),
            Err(instead) => set_aside.entry(instead).or_default().push(key),
        }
    }
    Ok(ready)
}

/// Sets deliveries aside. True where an escalation goes on at once, since nobody is told.
async fn put_aside(tx: &DatabaseTransaction, set_aside: SetAside, now: DateTime<Utc>) -> Result<bool> {
    let mut missed = Vec::new();
    for (instead, keys) in set_aside {
        if instead.misses_somebody() {
            missed.extend(keys.iter().copied());
        }
        let change = match instead {
            Instead::Ended(status, reason) => ActiveModel {
                status: Set(status.into()),
                reason: Set(Some(reason)),
                ..released()
            },
            Instead::Waits(until) => ActiveModel {
                status: Set(DeliveryStatus::Ready.into()),
                due_at: Set(Some(until)),
                ..released()
            },
        };
        Entity::update_many()
            .set(change)
            .filter(is_one_of(&keys))
            .exec(tx)
            .await?;
    }
    escalate_further_than(tx, &missed, now).await
}

/// As [`escalate_further`], for the reminders of these deliveries.
async fn escalate_further_than(tx: &DatabaseTransaction, deliveries: &[Key], now: DateTime<Utc>) -> Result<bool> {
    if deliveries.is_empty() {
        return Ok(false);
    }
    let reminders: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::ReminderId)
        .filter(is_one_of(deliveries))
        .into_tuple()
        .all(tx)
        .await?;
    escalate_further(tx, &reminders, now).await
}

/// The primary key.
type Key = (DateTime<Utc>, Uuid);

fn key(row: &Model) -> Key {
    (row.created_at, row.id)
}

pub(crate) fn is_one_of(keys: &[Key]) -> Condition {
    // The instants, too: they tell PostgreSQL in which partitions to look.
    Condition::all()
        .add(Column::CreatedAt.is_in(keys.iter().map(|(created_at, _)| *created_at)))
        .add(Column::Id.is_in(keys.iter().map(|(_, id)| *id)))
}

/// Deliveries that are due, those longest due first.
fn is_due(store: &Store, limit: u64, now: DateTime<Utc>) -> Select<Entity> {
    let lease_over = Condition::all()
        .add(Column::Status.eq(Stored(DeliveryStatus::Sending)))
        .add(Expr::col(Column::LeasedUntil).lt(store.database_now(Duration::ZERO)));
    Entity::find()
        .filter(Column::DueAt.lte(now))
        .filter(
            Condition::any()
                .add(Column::Status.eq(Stored(DeliveryStatus::Ready)))
                .add(lease_over),
        )
        .order_by_asc(Column::DueAt)
        .limit(Ord::min(limit, BATCH as u64))
}
