//! Inviting staff by e-mail: a letter that says where to sign in and nothing else.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    Condition, ConnectionTrait, DatabaseTransaction, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    act::BATCH,
    assignment::{self, AssignmentStatus},
    citizen::DEFAULT_LOCALE,
    delivery::{ADDRESS_UNREADABLE, DeliveryStatus, MAX_ATTEMPTS, NOBODY_SAID, Outcome, RECORD_UNREADABLE, backoff},
    error::Result,
    halves::Halves,
    staff,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
    visible::latest_of_each,
};

/// One invitation of a staff member.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The staff member.
    pub staff_id: Uuid,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// Who invited.
    pub actor: Stored<Actor>,
    /// What became of the letter: `READY` until it is sent or given up.
    pub status: Stored<DeliveryStatus>,
    /// When the worker must act next; never where absent.
    pub due_at: Option<DateTime<Utc>>,
    /// Until when, on the database's clock, whoever sends it has it to themself.
    pub leased_until: Option<DateTime<Utc>>,
    /// How many times it was tried.
    pub attempts: i32,
    /// When it left.
    pub sent_at: Option<DateTime<Utc>>,
    /// Why it was skipped or failed, for people.
    pub reason: Option<String>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whoever is invited has lost every role meanwhile.
const NO_ASSIGNMENT: &str = "NO_ASSIGNMENT";
/// There is no address any more.
const NO_ADDRESS: &str = "NO_ADDRESS";
/// The same person was invited again before it left.
const SENT_AGAIN: &str = "SENT_AGAIN";

/// An invitation that may be sent now.
#[derive(Clone, Debug)]
pub struct Claimed {
    row: Model,
    /// The e-mail address.
    pub address: String,
    /// The language to write in, a BCP 47 tag.
    pub locale: String,
}

impl Claimed {
    /// Its `Message-ID`, the same however often it is tried.
    pub fn message_id(&self) -> String {
        format!("<{}@handrail>", self.row.id)
    }
}

/// The last invitation of each of these staff, for those who administer the provider. One statement.
///
/// # Errors
/// When the database fails.
pub async fn last(store: &Store, viewer: &Viewer, staff: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let directory = store.directory();
    let sees = |id: &Uuid| {
        let member = directory.staff(*id);
        member.is_some_and(|member| viewer.administers_at(member.provider_id))
    };
    let seen: Vec<Uuid> = staff.iter().copied().filter(|id| sees(id)).collect();
    let mut found = HashMap::new();
    for chunk in seen.chunks(BATCH) {
        let of_these = Condition::all().add(Column::StaffId.is_in(chunk.iter().copied()));
        let created_at = Column::CreatedAt.into_expr();
        let last = latest_of_each::<Entity>(Column::Id, Column::StaffId, created_at, of_these, 1);
        let rows = Entity::find()
            .filter(Column::Id.in_subquery(last))
            .all(store.connection())
            .await?;
        found.extend(rows.into_iter().map(|row| (row.staff_id, row)));
    }
    Ok(found)
}

/// Takes invitations that are due, at most `limit`, for as long as `lease` on the database's clock, and says how many were looked
/// at. Those of staff who have no role any more, or no address, are set aside and not given; so is what cannot be read.
///
/// # Errors
/// When the database fails.
pub async fn claim(store: &Store, limit: u64, lease: Duration) -> Result<(usize, Vec<Claimed>)> {
    match claim_some(store, limit, lease, None).await {
        Err(error) if !error.is_transient() => claim_in_halves(store, limit, lease).await,
        claimed => claimed,
    }
}

/// Whatever is due now, in halves, so that what cannot be read stops nothing else.
async fn claim_in_halves(store: &Store, limit: u64, lease: Duration) -> Result<(usize, Vec<Claimed>)> {
    let ids: Vec<Uuid> = is_due(store, limit)
        .select_only()
        .column(Column::Id)
        .into_tuple()
        .all(store.connection())
        .await?;
    let looked_at = ids.len();
    let mut claimed = Vec::new();
    let mut halves = Halves::of(ids);
    while let Some(part) = halves.next_part() {
        match claim_some(store, limit, lease, Some(&part)).await {
            Ok((_, some)) => claimed.extend(some),
            // What is claimed already is sent first.
            Err(error) if error.is_transient() && !claimed.is_empty() => break,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                if let Some(id) = halves.split(part) {
                    tracing::error!(invitation = %id, reason = error.kind(), "an invitation cannot be read and is given up");
                    let unreadable = ended(DeliveryStatus::Failed, Some(RECORD_UNREADABLE));
                    let change = Entity::update_many().set(unreadable).filter(Column::Id.eq(id));
                    change.filter(is_waiting(store)).exec(store.connection()).await?;
                }
            }
        }
    }
    Ok((looked_at, claimed))
}

/// Those that nobody is sending.
fn is_waiting(store: &Store) -> Condition {
    let now = store.database_now(Duration::ZERO);
    let is_free = Condition::any()
        .add(Column::LeasedUntil.is_null())
        .add(Expr::col(Column::LeasedUntil).lt(now));
    Condition::all().add(Column::DueAt.is_not_null()).add(is_free)
}

fn is_due(store: &Store, limit: u64) -> Select<Entity> {
    Entity::find()
        .filter(Column::DueAt.lte(store.now()))
        .filter(is_waiting(store))
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::Id)
        .limit(limit)
}

/// Claims some, of these only where they are given. What failed is undone at once, so that it is free again.
async fn claim_some(store: &Store, limit: u64, lease: Duration, of: Option<&[Uuid]>) -> Result<(usize, Vec<Claimed>)> {
    let tx = store.begin_write().await?;
    match claim_within(&tx, store, limit, lease, of).await {
        Ok(claimed) => {
            tx.commit().await?;
            Ok(claimed)
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
    limit: u64,
    lease: Duration,
    of: Option<&[Uuid]>,
) -> Result<(usize, Vec<Claimed>)> {
    let now = store.now();
    let mut select = is_due(store, limit);
    if let Some(ids) = of {
        select = select.filter(Column::Id.is_in(ids.iter().copied()));
    }
    let due = store.skip_locked(select).all(tx).await?;
    let ids: HashSet<Uuid> = due.iter().map(|row| row.staff_id).collect();
    let people = staff::Entity::find()
        .filter(staff::Column::Id.is_in(ids.iter().copied()))
        .all(tx)
        .await?;
    let people: HashMap<Uuid, staff::Model> = people.into_iter().map(|row| (row.id, row)).collect();
    let roles = assignment::Entity::find()
        .filter(assignment::Column::StaffId.is_in(ids))
        .filter(assignment::is_one_of(
            &[AssignmentStatus::Planned, AssignmentStatus::Current],
            now,
        ))
        .all(tx)
        .await?;
    let wanted: HashSet<Uuid> = roles.into_iter().map(|row| row.staff_id).collect();
    let looked_at = due.len();
    let mut claimed = Vec::new();
    for row in due {
        let member = people.get(&row.staff_id);
        let sealed = member.and_then(|member| member.email.as_ref());
        let address = sealed.map(|sealed| store.keyring().open(sealed));
        let mut lease_taken = None;
        let change = match address {
            _ if row.attempts >= MAX_ATTEMPTS => ended(DeliveryStatus::Unknown, Some(NOBODY_SAID)),
            _ if !wanted.contains(&row.staff_id) => ended(DeliveryStatus::Skipped, Some(NO_ASSIGNMENT)),
            None => ended(DeliveryStatus::Skipped, Some(NO_ADDRESS)),
            Some(Err(_)) => ended(DeliveryStatus::Failed, Some(ADDRESS_UNREADABLE)),
            Some(Ok(address)) => {
                let locale = member.and_then(|member| member.locale.clone());
                let mut row = row.clone();
                row.attempts += 1;
                let attempts = row.attempts;
                claimed.push(Claimed {
                    row,
                    address,
                    locale: locale.unwrap_or_else(|| DEFAULT_LOCALE.to_owned()),
                });
                lease_taken = Some(store.database_now(lease));
                ActiveModel {
                    attempts: Set(attempts),
                    ..<ActiveModel as Default>::default()
                }
            }
        };
        let mut update = Entity::update_many().set(change).filter(Column::Id.eq(row.id));
        if let Some(until) = lease_taken {
            update = update.col_expr(Column::LeasedUntil, until);
        }
        update.exec(tx).await?;
    }
    Ok((looked_at, claimed))
}

/// Takes back what of a staff member's invitations still waits: another one takes its place. What is being sent at this moment
/// leaves.
///
/// # Errors
/// When the database fails.
pub(crate) async fn take_back(store: &Store, connection: &impl ConnectionTrait, staff: Uuid) -> Result<()> {
    Entity::update_many()
        .set(ended(DeliveryStatus::Skipped, Some(SENT_AGAIN)))
        .filter(Column::StaffId.eq(staff))
        .filter(is_waiting(store))
        .exec(connection)
        .await?;
    Ok(())
}

/// Writes down how sending went, unless somebody else has taken the invitation meanwhile.
///
/// # Errors
/// When the database fails; then it is sent again.
pub async fn finish(store: &Store, claimed: &Claimed, outcome: &Outcome) -> Result<()> {
    let now = store.now();
    let attempts = claimed.row.attempts;
    let change = match outcome {
        Outcome::Sent => ActiveModel {
            sent_at: Set(Some(now)),
            ..ended(DeliveryStatus::Sent, None)
        },
        Outcome::Retry { reason } if attempts < MAX_ATTEMPTS => ActiveModel {
            due_at: Set(Some(now + backoff(attempts, rand::random()))),
            ..ended(DeliveryStatus::Ready, Some(reason))
        },
        Outcome::Retry { reason } | Outcome::Failed { reason } => ended(DeliveryStatus::Failed, Some(reason)),
        Outcome::Unknown { reason } => ended(DeliveryStatus::Unknown, Some(reason)),
        Outcome::GivenBack => ActiveModel {
            due_at: Set(claimed.row.due_at),
            attempts: Set(attempts - 1),
            ..ended(DeliveryStatus::Ready, claimed.row.reason.as_deref())
        },
    };
    Entity::update_many()
        .set(change)
        .filter(Condition::all().add(Column::Id.eq(claimed.row.id)))
        .filter(Column::Attempts.eq(attempts))
        .filter(Column::DueAt.is_not_null())
        .exec(store.connection())
        .await?;
    Ok(())
}

fn ended(status: DeliveryStatus, reason: Option<&str>) -> ActiveModel {
    ActiveModel {
        status: Set(status.into()),
        reason: Set(reason.map(str::to_owned)),
        due_at: Set(None),
        leased_until: Set(None),
        ..<ActiveModel as Default>::default()
    }
}
