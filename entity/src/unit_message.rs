//! A message of a unit to all its citizens, and how far it has come: each gets it in the thread of their enrollment.

use chrono::{DateTime, Utc};
use rules::facts::Status;
use sea_orm::{Condition, QueryOrder, QuerySelect, entity::prelude::*};

use crate::{
    enrollment,
    error::Result,
    message_template::writes_for,
    page::{self, Page},
    program_version,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
};

/// A message of a unit to all its citizens.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "unit_message")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The unit.
    pub unit_id: Uuid,
    /// Only to those who take part in this program.
    pub program_id: Option<Uuid>,
    /// Only to enrollments in one of these states, as JSON.
    pub statuses: Json,
    /// What it says, sealed plain text.
    pub body: Sealed,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// How many enrollments it was for.
    pub recipients: i32,
    /// How many have it: fewer in the end where some ended meanwhile.
    pub sent: i32,
    /// The last enrollment that was reached.
    pub after_id: Option<Uuid>,
    /// When every enrollment was reached.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it is put into the next threads; absent once it is finished.
    pub due_at: Option<DateTime<Utc>>,
    /// Who sent it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The states of enrollments that it is for.
    pub fn states(&self) -> Vec<Status> {
        serde_json::from_value(self.statuses.clone()).unwrap_or_default()
    }

    /// The enrollments that it is for: those that were there when it was sent, whose citizen has not blocked the unit, and whose
    /// program offers messages.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn recipients(&self, connection: &impl ConnectionTrait) -> Result<Condition> {
        let without = program_version::without_messages(connection).await?;
        Ok(Condition::all()
            .add(enrollment::Column::UnitId.eq(self.unit_id))
            .add(enrollment::Column::CreatedAt.lte(self.sent_at))
            .add(enrollment::Column::Status.is_in(self.states().into_iter().map(Stored)))
            .add(enrollment::Column::VersionId.is_not_in(without))
            .add(enrollment::not_blocked_at(self.unit_id))
            .add_option(self.program_id.map(|program| enrollment::Column::ProgramId.eq(program))))
    }
}

/// What a unit sent to all its citizens, the latest first, after the row with the cursor `after`. For those who write for it.
///
/// # Errors
/// When the cursor is none of this list, or the database fails.
pub async fn page(
    store: &Store,
    viewer: &Viewer,
    unit: Uuid,
    first: u64,
    after: Option<&str>,
) -> Result<Page<(String, Model)>> {
    if !writes_for(viewer, unit) {
        return Ok(Page::default());
    }
    let first = page::clamp(first);
    let mut select = Entity::find()
        .filter(Column::UnitId.eq(unit))
        .order_by_desc(Column::SentAt)
        .order_by_desc(Column::Id)
        .limit(first + 1);
    if let Some(after) = after {
        select = select.filter(page::after(after, Column::SentAt.into_expr(), Column::Id)?);
    }
    let rows = select.all(store.connection()).await?;
    let rows = rows.into_iter().map(|row| (row.cursor(), row)).collect();
    Ok(Page::cut(rows, first))
}

/// A message to all, for those who write for its unit.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, id: Uuid) -> Result<Option<Model>> {
    let row = Entity::find_by_id(id).one(store.connection()).await?;
    Ok(row.filter(|row| writes_for(viewer, row.unit_id)))
}

impl Model {
    fn cursor(&self) -> String {
        page::cursor_at(self.sent_at, self.id)
    }
}
