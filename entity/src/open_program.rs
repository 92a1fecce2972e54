//! A program that a unit has opened for citizens to start by themselves.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{Condition, QueryOrder, QuerySelect, entity::prelude::*};

use crate::{
    act::BATCH,
    error::Result,
    page::{self, Page},
    store::Store,
    stored::Stored,
    viewer::Actor,
};

/// A program that a unit has opened for citizens to start by themselves, or had.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "open_program")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The unit.
    pub unit_id: Uuid,
    /// The program.
    pub program_id: Uuid,
    /// From when.
    pub opened_at: DateTime<Utc>,
    /// Who opened it.
    pub opened_by: Stored<Actor>,
    /// Until when; still open where absent.
    pub closed_at: Option<DateTime<Utc>>,
    /// Who closed it.
    pub closed_by: Option<Stored<Actor>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Which open programs a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this unit.
    pub unit: Option<Uuid>,
    /// Only this program, by its slug.
    pub program: Option<String>,
}

/// A page of the programs that are open now and have a published version, in the order in which they were opened, each with its
/// cursor. Everybody who is signed in may read it. One statement.
///
/// # Errors
/// When `after` is not a cursor of this list, or the database fails.
pub async fn page(store: &Store, filter: &Filter, first: u64, after: Option<&str>) -> Result<Page<(String, Model)>> {
    let first = page::clamp(first);
    let directory = store.directory();
    let published = directory
        .programs()
        .iter()
        .filter(|(slug, _)| filter.program.as_ref().is_none_or(|wanted| wanted == *slug))
        .map(|(_, published)| published.program.id);
    let mut select = Entity::find()
        .filter(standing())
        .filter(Column::ProgramId.is_in(published))
        .order_by_asc(Column::Id)
        .limit(first + 1);
    if let Some(unit) = filter.unit {
        select = select.filter(Column::UnitId.eq(unit));
    }
    if let Some(after) = after {
        let [id] = page::read_cursor(after)?;
        let id = Uuid::parse_str(&id).map_err(|_| page::bad_cursor())?;
        select = select.filter(Column::Id.gt(id));
    }
    let rows = select.all(store.connection()).await?;
    let with_cursor = |row: Model| (page::cursor(&[&row.id.to_string()]), row);
    Ok(Page::cut(rows.into_iter().map(with_cursor).collect(), first))
}

/// Open programs by id, also those that are closed by now. Everybody who is signed in may read them.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows = Entity::find().filter(Column::Id.is_in(chunk.iter().copied()));
        found.extend(rows.all(store.connection()).await?.into_iter().map(|row| (row.id, row)));
    }
    Ok(found)
}

/// Those that are open now.
pub(crate) fn standing() -> Condition {
    Condition::all().add(Column::ClosedAt.is_null())
}
