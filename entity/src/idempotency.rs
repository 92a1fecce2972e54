//! The first answer to a mutation that was sent with a key.

use chrono::{DateTime, Duration, Utc};
use sea_orm::{
    IntoActiveModel,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

use crate::{
    act::Act,
    error::{Result, UserError},
    store::Store,
};

/// The first answer to a mutation that was sent with a key.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    /// Who.
    #[sea_orm(primary_key, auto_increment = false)]
    pub viewer: String,
    /// Its key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// Hash of the operation and its input.
    pub input_hash: Vec<u8>,
    /// What was answered.
    pub answer: Json,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How long a first answer is kept.
pub const KEPT: Duration = Duration::hours(24);

/// Takes the key for this unit of work, or finds what was answered to it first. Somebody else who holds the same key at this
/// moment is waited for.
///
/// # Errors
/// When the key is empty or too long, or was used with another operation or input before.
pub async fn first_answer(act: &Act, operation: &str, key: &str, input: &Json) -> Result<Option<Json>> {
    if key.is_empty() || key.len() > 200 {
        return Err(UserError::new(
            "INVALID_KEY",
            "idempotencyKey",
            "An idempotency key has 1 to 200 characters.",
        )
        .into());
    }
    let viewer = act.viewer.actor().to_string();
    let hash = act.store.keyring().fingerprint(&format!("{operation}\n{input}"))?;
    let row = Model {
        viewer: viewer.clone(),
        key: key.to_owned(),
        input_hash: hash.clone(),
        answer: Json::Null,
        created_at: act.now,
    };
    let taken = Entity::insert(row.into_active_model().reset_all())
        .on_conflict(
            OnConflict::columns([Column::Viewer, Column::Key])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&act.tx)
        .await?;
    if taken > 0 {
        return Ok(None);
    }
    let kept = Entity::find_by_id((viewer, key.to_owned())).one(&act.tx).await?;
    match kept {
        Some(row) if row.input_hash == hash => Ok(Some(row.answer)),
        _ => Err(UserError::new(
            "IDEMPOTENCY_KEY_REUSED",
            "idempotencyKey",
            "This key was used for something else before: make a new one for each thing that a person does.",
        )
        .into()),
    }
}

/// Keeps what is answered, in the same transaction as what was done.
///
/// # Errors
/// When the database fails.
pub async fn keep(act: &Act, key: &str, answer: Json) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Answer, Expr::value(answer))
        .filter(Column::Viewer.eq(act.viewer.actor().to_string()))
        .filter(Column::Key.eq(key))
        .exec(&act.tx)
        .await?;
    Ok(())
}

/// Forgets answers older than [`KEPT`]; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn forget(store: &Store) -> Result<u64> {
    let old = store.now() - KEPT;
    Ok(Entity::delete_many()
        .filter(Column::CreatedAt.lt(old))
        .exec(store.connection())
        .await?
        .rows_affected)
}
