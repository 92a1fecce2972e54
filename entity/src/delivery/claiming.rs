//! Taking the deliveries that are due, as far as they still apply, and looking again right before they are handed over.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use rules::facts::{Audience, Channel};
use sea_orm::{
    ActiveValue::Set,
    Condition, DatabaseBackend, DatabaseTransaction, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};

use super::{
    ADDRESS_UNREADABLE, ActiveModel, Column, DeliveryStatus, Entity, MAX_ATTEMPTS, Model, NOBODY_SAID,
    RECORD_UNREADABLE, escalate_further, released, role_of,
};
use crate::{
    act::BATCH,
    applies::{self, SkipReason},
    assignment::{Posts, Role},
    citizen, contact_choice, enrollment,
    error::{Error, Result},
    halves::Halves,
    office_hours::OfficeHours,
    quiet_hours::QuietHours,
    reminder, staff,
    store::{Hint, Store},
    stored::{self, Stored},
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
            .col_expr(Column::LeasedUntil, database_now(store, lease))
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
pub async fn confirm(store: &Store, claimed: Vec<Claimed>, lease: Duration) -> Result<Vec<Claimed>> {
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
        .filter(Expr::col(Column::LeasedUntil).gte(database_now(store, Duration::ZERO)));
    let held = store.skip_locked(held).all(tx).await?;
    let mut set_aside = BTreeMap::new();
    let confirmed = sorted(store, tx, held, &mut set_aside).await?;
    let escalates = put_aside(tx, set_aside, store.now()).await?;
    let keys: Vec<Key> = confirmed.iter().map(|claimed| key(&claimed.row)).collect();
    Entity::update_many()
        .col_expr(Column::LeasedUntil, database_now(store, lease))
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
        .add(Expr::col(Column::LeasedUntil).lt(database_now(store, Duration::ZERO)));
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

/// The database's clock, some time from now, as instants are stored.
fn database_now(store: &Store, plus: Duration) -> SimpleExpr {
    let seconds = plus.as_secs_f64();
    Expr::cust(match store.backend() {
        DatabaseBackend::Postgres => format!("now() + interval '{seconds:.3} seconds'"),
        _ => format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+{seconds:.3} seconds')"),
    })
}

/// What becomes of a delivery that is due and not handed over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Instead {
    /// It ends, and why.
    Ended(DeliveryStatus, String),
    /// It waits until the quiet hours end, or the unit opens.
    Waits(DateTime<Utc>),
}

impl Instead {
    fn skipped(reason: SkipReason) -> Self {
        Self::Ended(DeliveryStatus::Skipped, stored::word(&reason))
    }

    /// Whether somebody is not told who was to be: it is for want of an address or a role, and not since nothing is to be told
    /// any more.
    fn misses_somebody(&self) -> bool {
        let for_want_of = [SkipReason::NotAssigned, SkipReason::NoAddress];
        match self {
            Self::Ended(DeliveryStatus::Failed, _) => true,
            Self::Ended(_, _) => for_want_of.into_iter().any(|reason| *self == Self::skipped(reason)),
            Self::Waits(_) => false,
        }
    }
}

/// What tells whether deliveries still apply, and where they go.
struct People {
    reminders: HashMap<Uuid, reminder::Model>,
    obstacles: HashMap<Uuid, SkipReason>,
    enrollments: HashMap<Uuid, enrollment::Model>,
    citizens: HashMap<Uuid, citizen::Model>,
    choices: HashMap<(Uuid, Channel), bool>,
    staff: HashMap<Uuid, staff::Model>,
    posts: Posts,
    hours: HashMap<Uuid, OfficeHours>,
}

/// Staff read Swedish: nobody has asked them.
const STAFF_LOCALE: &str = "sv";

impl People {
    async fn read(store: &Store, tx: &DatabaseTransaction, due: &[Model], now: DateTime<Utc>) -> Result<Self> {
        let citizens: Vec<Uuid> = due.iter().filter_map(|row| row.citizen_id).collect();
        let reminders = reminder::Entity::find()
            .filter(reminder::Column::Id.is_in(due.iter().map(|row| row.reminder_id)))
            .all(tx)
            .await?;
        let enrollments = enrollment::Entity::find()
            .filter(enrollment::Column::Id.is_in(due.iter().map(|row| row.enrollment_id)))
            .all(tx)
            .await?;
        let enrollments: HashMap<Uuid, enrollment::Model> = enrollments.into_iter().map(|row| (row.id, row)).collect();
        let to_staff = due.iter().filter(|row| row.staff_id.is_some());
        let units = to_staff.filter_map(|row| Some(enrollments.get(&row.enrollment_id)?.unit_id));
        let units: HashSet<Uuid> = units.collect();
        let roles = [Role::Therapist, Role::UnitAdministrator];
        let posts = Posts::read(tx, &store.directory(), &units, &roles, now).await?;
        let choices = contact_choice::choices(tx, &citizens, now).await?;
        let citizens = citizen::Entity::find()
            .filter(citizen::Column::Id.is_in(citizens))
            .all(tx)
            .await?;
        let staff = staff::Entity::find()
            .filter(staff::Column::Id.is_in(due.iter().filter_map(|row| row.staff_id)))
            .all(tx)
            .await?;
        Ok(Self {
            obstacles: applies::obstacles(store, tx, &reminders, &enrollments, now).await?,
            reminders: reminders.into_iter().map(|row| (row.id, row)).collect(),
            enrollments,
            citizens: citizens.into_iter().map(|row| (row.id, row)).collect(),
            choices,
            staff: staff.into_iter().map(|row| (row.id, row)).collect(),
            hours: OfficeHours::of_units(tx, units).await?,
            posts,
        })
    }

    /// The delivery with where it goes, or what becomes of it instead.
    fn check(&self, store: &Store, row: Model, now: DateTime<Utc>) -> Result<Claimed, Instead> {
        if let Some(reason) = self.obstacles.get(&row.reminder_id) {
            return Err(Instead::skipped(*reason));
        }
        let (Some(reminder), Some(enrollment)) = (
            self.reminders.get(&row.reminder_id),
            self.enrollments.get(&row.enrollment_id),
        ) else {
            return Err(Instead::skipped(SkipReason::Ended));
        };
        let channel = row.channel.0;
        let (sealed, locale) = match (row.citizen_id, row.staff_id) {
            (Some(citizen), _) => {
                if self.choices.get(&(citizen, channel)) == Some(&false) {
                    return Err(Instead::skipped(SkipReason::OptedOut));
                }
                let citizen = self.citizens.get(&citizen);
                // After an attempt that failed, or an hour in which nobody worked, it may be night again.
                if let Some(citizen) = citizen.filter(|_| !reminder.bypass_quiet_hours) {
                    let leave_at = QuietHours::of(citizen).leave_at(now, enrollment.tz());
                    if leave_at > now {
                        return Err(Instead::Waits(leave_at));
                    }
                }
                let sealed = citizen.and_then(|citizen| match channel {
                    Channel::Email => citizen.email.as_ref(),
                    Channel::Sms => citizen.phone.as_ref(),
                    Channel::WebPush | Channel::Inbox => None,
                });
                (sealed, enrollment.locale.as_str())
            }
            (None, Some(staff)) if channel == Channel::Email => {
                if !self.posts.has(staff, enrollment.unit_id, role_of(reminder)) {
                    return Err(Instead::skipped(SkipReason::NotAssigned));
                }
                let hours = self.hours.get(&enrollment.unit_id).filter(|_| reminder.office_hours);
                if let Some(opens) = hours.map(|hours| hours.next(now)).filter(|opens| *opens > now) {
                    return Err(Instead::Waits(opens));
                }
                let sealed = self.staff.get(&staff).and_then(|staff| staff.email.as_ref());
                (sealed, STAFF_LOCALE)
            }
            _ => (None, STAFF_LOCALE),
        };
        let sealed = sealed.ok_or_else(|| Instead::skipped(SkipReason::NoAddress))?;
        // One address that cannot be opened must not stop the others.
        let address = store.keyring().open(sealed).map_err(|error| {
            tracing::error!(delivery = %row.id, %error, "the address of a delivery cannot be opened");
            Instead::Ended(DeliveryStatus::Failed, ADDRESS_UNREADABLE.to_owned())
        })?;
        Ok(Claimed {
            address,
            locale: locale.to_owned(),
            template: reminder.template.clone(),
            audience: reminder.audience.0,
            row,
        })
    }
}
