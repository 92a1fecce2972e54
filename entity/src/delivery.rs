//! One message on one channel.

use std::{
    collections::{BTreeMap, HashMap},
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
use serde::{Deserialize, Serialize};

use crate::{
    act::BATCH, applies, citizen, contact_choice, enrollment, error::Result, quiet_hours::QuietHours, reminder, staff,
    store::Store, stored::Stored,
};

/// One message on one channel.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// When the row was made.
    #[sea_orm(primary_key, auto_increment = false)]
    pub created_at: DateTime<Utc>,
    /// The reminder.
    pub reminder_id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The citizen.
    pub citizen_id: Option<Uuid>,
    /// The staff member.
    pub staff_id: Option<Uuid>,
    /// How it is sent.
    pub channel: Stored<Channel>,
    /// Its state.
    pub status: Stored<DeliveryStatus>,
    /// When the worker must act next; never where absent.
    pub due_at: Option<DateTime<Utc>>,
    /// How many times it was tried.
    pub attempts: i32,
    /// Who is sending it.
    pub lease: Option<String>,
    /// Until when the sender may take, by the database's clock.
    pub leased_until: Option<DateTime<Utc>>,
    /// When it left.
    pub sent_at: Option<DateTime<Utc>>,
    /// Why it was skipped or failed, for people.
    pub reason: Option<String>,
    /// The idempotency key of the message, its `Message-ID`.
    pub message_id: String,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The life of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryStatus {
    /// To be sent when it is due.
    Ready,
    /// Leased by a worker.
    Sending,
    /// Accepted by the next hop.
    Sent,
    /// Not sent since it no longer applied.
    Skipped,
    /// Given up after too many attempts, or refused for good.
    Failed,
    /// Handed over, but nobody said whether it was accepted.
    Unknown,
}

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

/// How handing over a delivery went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The next hop accepted it.
    Sent,
    /// It may go better later. After [`MAX_ATTEMPTS`] it has failed.
    Retry {
        /// Why, for people.
        reason: String,
    },
    /// It was refused for good.
    Failed {
        /// Why, for people.
        reason: String,
    },
    /// It is not to be sent.
    Skipped {
        /// Why, for people.
        reason: String,
    },
    /// It was handed over, but nobody said whether it was accepted.
    Unknown {
        /// Why, for people.
        reason: String,
    },
    /// It was not tried: the worker stops. It is ready again at once.
    GivenBack,
}

/// How many times a delivery is tried.
pub const MAX_ATTEMPTS: i32 = 8;

/// Its lease ran out at the last attempt.
pub const NOBODY_SAID: &str = "NOBODY_SAID";
/// The stored address cannot be opened.
pub const ADDRESS_UNREADABLE: &str = "ADDRESS_UNREADABLE";

/// The longest reason that is kept, in characters.
const REASON: usize = 500;

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
    while let Some(claimed) = claim_some(store, worker, limit, lease).await? {
        if !claimed.is_empty() {
            return Ok(claimed);
        }
    }
    Ok(Vec::new())
}

/// Claims some, which are none where all that were taken had to be set aside; `None` where nothing is due.
async fn claim_some(store: &Store, worker: &str, limit: u64, lease: Duration) -> Result<Option<Vec<Claimed>>> {
    let tx = store.begin_write().await?;
    let now = store.now();
    let due = due(store, &tx, limit, now).await?;
    if due.is_empty() {
        return Ok(None);
    }
    let people = People::read(&tx, &due, now).await?;
    let mut set_aside: BTreeMap<Instead, Vec<Key>> = BTreeMap::new();
    let mut claimed = Vec::new();
    for row in due {
        let key = key(&row);
        match people.check(store, row, now) {
            Ok(ready) => claimed.push(ready),
            Err(instead) => set_aside.entry(instead).or_default().push(key),
        }
    }
    for (instead, keys) in set_aside {
        let change = match instead {
            Instead::Ended(status, reason) => ActiveModel {
                status: Set(status.into()),
                reason: Set(Some(reason.to_owned())),
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
            .exec(&tx)
            .await?;
    }
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
            .exec(&tx)
            .await?;
    }
    tx.commit().await?;
    for claimed in &mut claimed {
        claimed.row.status = DeliveryStatus::Sending.into();
        claimed.row.lease = Some(token.clone());
        claimed.row.attempts += 1;
    }
    Ok(Some(claimed))
}

/// The primary key.
type Key = (DateTime<Utc>, Uuid);

fn key(row: &Model) -> Key {
    (row.created_at, row.id)
}

fn is_one_of(keys: &[Key]) -> Condition {
    // The instants, too: they tell PostgreSQL in which partitions to look.
    Condition::all()
        .add(Column::CreatedAt.is_in(keys.iter().map(|(created_at, _)| *created_at)))
        .add(Column::Id.is_in(keys.iter().map(|(_, id)| *id)))
}

async fn due(store: &Store, tx: &DatabaseTransaction, limit: u64, now: DateTime<Utc>) -> Result<Vec<Model>> {
    let lease_over = Condition::all()
        .add(Column::Status.eq(Stored(DeliveryStatus::Sending)))
        .add(Expr::col(Column::LeasedUntil).lt(database_now(store, Duration::ZERO)));
    let select = Entity::find()
        .filter(Column::DueAt.lte(now))
        .filter(
            Condition::any()
                .add(Column::Status.eq(Stored(DeliveryStatus::Ready)))
                .add(lease_over),
        )
        .order_by_asc(Column::DueAt)
        .limit(Ord::min(limit, BATCH as u64));
    Ok(store.skip_locked(select).all(tx).await?)
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Instead {
    /// It ends, and why.
    Ended(DeliveryStatus, &'static str),
    /// It waits until the quiet hours end.
    Waits(DateTime<Utc>),
}

/// What tells whether deliveries still apply, and where they go.
struct People {
    reminders: HashMap<Uuid, reminder::Model>,
    obstacles: HashMap<Uuid, &'static str>,
    enrollments: HashMap<Uuid, enrollment::Model>,
    citizens: HashMap<Uuid, citizen::Model>,
    choices: HashMap<(Uuid, Channel), bool>,
    staff: HashMap<Uuid, staff::Model>,
}

/// Staff read Swedish: nobody has asked them.
const STAFF_LOCALE: &str = "sv";

impl People {
    async fn read(tx: &DatabaseTransaction, due: &[Model], now: DateTime<Utc>) -> Result<Self> {
        let citizens: Vec<Uuid> = due.iter().filter_map(|row| row.citizen_id).collect();
        let reminders = reminder::Entity::find()
            .filter(reminder::Column::Id.is_in(due.iter().map(|row| row.reminder_id)))
            .all(tx)
            .await?;
        let enrollments = enrollment::Entity::find()
            .filter(enrollment::Column::Id.is_in(due.iter().map(|row| row.enrollment_id)))
            .all(tx)
            .await?;
        let enrollments = enrollments.into_iter().map(|row| (row.id, row)).collect();
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
            obstacles: applies::obstacles(tx, &reminders, &enrollments, now).await?,
            reminders: reminders.into_iter().map(|row| (row.id, row)).collect(),
            enrollments,
            citizens: citizens.into_iter().map(|row| (row.id, row)).collect(),
            choices,
            staff: staff.into_iter().map(|row| (row.id, row)).collect(),
        })
    }

    /// The delivery with where it goes, or what becomes of it instead.
    fn check(&self, store: &Store, row: Model, now: DateTime<Utc>) -> Result<Claimed, Instead> {
        let skipped = |reason: &'static str| Instead::Ended(DeliveryStatus::Skipped, reason);
        if row.attempts >= MAX_ATTEMPTS {
            return Err(Instead::Ended(DeliveryStatus::Unknown, NOBODY_SAID));
        }
        if let Some(reason) = self.obstacles.get(&row.reminder_id) {
            return Err(skipped(reason));
        }
        let (Some(reminder), Some(enrollment)) = (
            self.reminders.get(&row.reminder_id),
            self.enrollments.get(&row.enrollment_id),
        ) else {
            return Err(skipped(applies::NOT_ACTIVE));
        };
        let channel = row.channel.0;
        let (sealed, locale) = match (row.citizen_id, row.staff_id) {
            (Some(citizen), _) => {
                if self.choices.get(&(citizen, channel)) == Some(&false) {
                    return Err(skipped(applies::OPTED_OUT));
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
                let sealed = self.staff.get(&staff).and_then(|staff| staff.email.as_ref());
                (sealed, STAFF_LOCALE)
            }
            _ => (None, STAFF_LOCALE),
        };
        let sealed = sealed.ok_or(skipped(applies::NO_ADDRESS))?;
        // One address that cannot be opened must not stop the others.
        let address = store.keyring().open(sealed).map_err(|error| {
            tracing::error!(delivery = %row.id, %error, "the address of a delivery cannot be opened");
            Instead::Ended(DeliveryStatus::Failed, ADDRESS_UNREADABLE)
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

/// Nothing due and nobody sending.
fn released() -> ActiveModel {
    ActiveModel {
        due_at: Set(None),
        lease: Set(None),
        leased_until: Set(None),
        ..<ActiveModel as Default>::default()
    }
}

/// Writes down how a claimed delivery went. False where it is no longer this claim's; that it was sent is written down even
/// then.
///
/// # Errors
/// When the database fails.
pub async fn finish(store: &Store, claimed: &Claimed, outcome: &Outcome) -> Result<bool> {
    let now = store.now();
    let row = &claimed.row;
    let ended = |status: DeliveryStatus, reason: Option<&str>| ActiveModel {
        status: Set(status.into()),
        reason: Set(reason.map(|reason| reason.chars().take(REASON).collect())),
        ..released()
    };
    let mut is_ours = Condition::all().add(Column::Lease.eq(row.lease.clone()));
    let change = match outcome {
        Outcome::Sent => {
            is_ours = Condition::all().add(Column::Status.ne(Stored(DeliveryStatus::Sent)));
            ActiveModel {
                sent_at: Set(Some(now)),
                ..ended(DeliveryStatus::Sent, None)
            }
        }
        Outcome::Retry { reason } if row.attempts < MAX_ATTEMPTS => ActiveModel {
            due_at: Set(Some(now + backoff(row.attempts, rand::random()))),
            ..ended(DeliveryStatus::Ready, Some(reason))
        },
        Outcome::Retry { reason } | Outcome::Failed { reason } => ended(DeliveryStatus::Failed, Some(reason)),
        Outcome::Skipped { reason } => ended(DeliveryStatus::Skipped, Some(reason)),
        Outcome::Unknown { reason } => ended(DeliveryStatus::Unknown, Some(reason)),
        Outcome::GivenBack => ActiveModel {
            due_at: Set(row.due_at),
            attempts: Set(row.attempts - 1),
            ..ended(DeliveryStatus::Ready, row.reason.as_deref())
        },
    };
    let done = Entity::update_many()
        .set(change)
        .filter(Column::CreatedAt.eq(row.created_at))
        .filter(Column::Id.eq(row.id))
        .filter(is_ours)
        .exec(store.connection())
        .await?;
    Ok(done.rows_affected > 0)
}

/// How long after so many attempts the next one comes: a minute, two, four … at most an hour; a fifth more or less, by
/// `luck` from 0 to 1, so that what failed together does not come back together.
fn backoff(attempts: i32, luck: f64) -> chrono::Duration {
    let minutes = 2_f64.powi(attempts - 1).min(60.0);
    let seconds = minutes * 60.0 * (0.8 + 0.4 * luck);
    chrono::Duration::milliseconds((seconds * 1000.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_up_to_an_hour() {
        let minutes = [1, 2, 4, 8, 16, 32, 60, 60];
        for (attempts, minutes) in (1..).zip(minutes) {
            assert_eq!(
                backoff(attempts, 0.5),
                chrono::Duration::minutes(minutes),
                "attempt {attempts}"
            );
        }
        assert_eq!(backoff(1, 0.0), chrono::Duration::seconds(48));
        assert_eq!(backoff(1, 1.0), chrono::Duration::seconds(72));
    }
}
