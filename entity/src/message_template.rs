//! Texts that the staff of a unit write messages from. They are words of the unit and hold nothing of a citizen; what is in them is
//! put into a message as it is, where the author goes on writing.

use chrono::{DateTime, Utc};
use sea_orm::{QueryOrder, entity::prelude::*};

use crate::{
    assignment::Role,
    error::Result,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer, Who},
};

/// A text that the staff of a unit write messages from.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "message_template")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The unit.
    pub unit_id: Uuid,
    /// The language, a BCP 47 tag.
    pub locale: String,
    /// What staff find it by.
    pub title: String,
    /// What it says, plain text.
    pub body: String,
    /// When it was last changed.
    pub changed_at: DateTime<Utc>,
    /// Who changed it last.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whether the viewer writes for the unit to its citizens: who treats there, and its administrators.
pub fn writes_for(viewer: &Viewer, unit: Uuid) -> bool {
    let there = viewer.who == Who::System || viewer.unit() == Some(unit);
    there && (viewer.has_role(Role::Therapist) || viewer.has_role(Role::UnitAdministrator))
}

/// The templates of a unit in one language, or in all, by title. For those who write for it.
///
/// # Errors
/// When the database fails.
pub async fn of_unit(store: &Store, viewer: &Viewer, unit: Uuid, locale: Option<&str>) -> Result<Vec<Model>> {
    if !writes_for(viewer, unit) {
        return Ok(Vec::new());
    }
    let mut select = Entity::find()
        .filter(Column::UnitId.eq(unit))
        .order_by_asc(Column::Title)
        .order_by_asc(Column::Id);
    if let Some(locale) = locale {
        select = select.filter(Column::Locale.eq(locale));
    }
    Ok(select.all(store.connection()).await?)
}

/// A template, for those who write for its unit.
///
/// # Errors
/// When the database fails.
pub async fn find(connection: &impl ConnectionTrait, viewer: &Viewer, id: Uuid) -> Result<Option<Model>> {
    let row = Entity::find_by_id(id).one(connection).await?;
    Ok(row.filter(|row| writes_for(viewer, row.unit_id)))
}
