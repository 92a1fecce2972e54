//! One message on one channel.

mod addressing;
mod claiming;
mod item;

pub(crate) use claiming::is_one_of;
pub use claiming::{Claimed, claim, confirm};
pub(crate) use item::Item;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rules::{definition::Recipients, facts::Channel};
use sea_orm::{
    ActiveValue::Set, Condition, DatabaseTransaction, QueryOrder, QuerySelect, entity::prelude::*, sea_query::LockType,
};
use serde::{Deserialize, Serialize};

use crate::{
    applies::SkipReason,
    assignment::Role,
    error::Result,
    flag, reminder,
    store::{Hint, Store},
    stored::{self, Stored},
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
    /// Why it was skipped (a [`SkipReason`]), or failed, for people.
    pub reason: Option<String>,
    /// The idempotency key of the message, its `Message-ID`.
    pub message_id: String,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Why it was skipped; none where it was not.
    pub fn skip_reason(&self) -> Option<SkipReason> {
        let reason = self.reason.as_deref();
        reason
            .filter(|_| self.status.0 == DeliveryStatus::Skipped)
            .and_then(stored::parse)
    }
}

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
/// What is stored of it, or of what it is about, cannot be read.
pub const RECORD_UNREADABLE: &str = "RECORD_UNREADABLE";

/// The longest reason that is kept, in characters.
const REASON: usize = 500;

/// The role in which staff are reminded.
pub(crate) fn role_of(reminder: &reminder::Model) -> Role {
    match reminder.recipients.map(|recipients| recipients.0) {
        Some(Recipients::UnitAdministrators) => Role::UnitAdministrator,
        Some(Recipients::Therapists | Recipients::UnitStaff) | None => Role::Therapist,
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
        Outcome::Unknown { reason } => ended(DeliveryStatus::Unknown, Some(reason)),
        Outcome::GivenBack => ActiveModel {
            due_at: Set(row.due_at),
            attempts: Set(row.attempts - 1),
            ..ended(DeliveryStatus::Ready, row.reason.as_deref())
        },
    };
    let has_failed = change
        .status
        .try_as_ref()
        .is_some_and(|status| status.0 == DeliveryStatus::Failed);
    let tx = store.begin_write().await?;
    let done = Entity::update_many()
        .set(change)
        .filter(Column::CreatedAt.eq(row.created_at))
        .filter(Column::Id.eq(row.id))
        .filter(is_ours)
        .exec(&tx)
        .await?;
    let is_done = done.rows_affected > 0;
    let escalates = has_failed && is_done && escalate_further(&tx, &[row.reminder_id], now).await?;
    tx.commit().await?;
    if escalates {
        store.hint(Hint::Due);
    }
    Ok(is_done)
}

/// Where deliveries have fallen away that were the last ones of rungs that might have told somebody, the next rungs are due at
/// once. True where there are such rungs.
async fn escalate_further(tx: &DatabaseTransaction, reminders: &[Uuid], now: DateTime<Utc>) -> Result<bool> {
    let rungs = reminder::Entity::find()
        .filter(reminder::Column::Id.is_in(reminders.iter().copied()))
        .filter(reminder::Column::FlagId.is_not_null())
        .order_by_asc(reminder::Column::Id)
        .all(tx)
        .await?;
    let flags: BTreeSet<Uuid> = rungs.iter().filter_map(|rung| rung.flag_id).collect();
    if flags.is_empty() {
        return Ok(false);
    }
    // One after the other: the last two deliveries of a rung may fall away at the same time.
    flag::Entity::find()
        .select_only()
        .column(flag::Column::Id)
        .filter(flag::Column::Id.is_in(flags.iter().copied()))
        .order_by_asc(flag::Column::Id)
        .lock(LockType::Update)
        .into_tuple::<Uuid>()
        .all(tx)
        .await?;
    let told_nobody = [DeliveryStatus::Failed, DeliveryStatus::Skipped].map(Stored);
    let may_tell: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::ReminderId)
        .filter(Column::ReminderId.is_in(rungs.iter().map(|rung| rung.id)))
        .filter(Column::Status.is_not_in(told_nobody))
        .into_tuple()
        .all(tx)
        .await?;
    let mut hurried: Vec<Uuid> = Vec::new();
    for rung in rungs.iter().filter(|rung| !may_tell.contains(&rung.id)) {
        reminder::hurry(tx, rung, now).await?;
        hurried.extend(rung.flag_id);
    }
    flag::note_next_rung(tx, &hurried).await?;
    Ok(!hurried.is_empty())
}

/// How long after so many attempts the next one comes: a minute, two, four … at most an hour; a fifth more or less, by
/// `luck` from 0 to 1, so that what failed together does not come back together.
pub(crate) fn backoff(attempts: i32, luck: f64) -> chrono::Duration {
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
