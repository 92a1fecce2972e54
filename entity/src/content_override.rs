//! Who showed, hid or opened a module or section for one enrollment, and why. The latest that says something wins.

use crate::{seal::Sealed, stored::Stored, viewer::Actor};
use chrono::{DateTime, Utc};
use rules::facts::Dated;
use sea_orm::entity::prelude::*;

/// Who showed, hid or opened a module or section for one enrollment, and why. The latest that says something wins.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "content_override")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The module.
    pub module_id: Option<Uuid>,
    /// The section.
    pub section_id: Option<Uuid>,
    /// Shown or hidden, where this row says so.
    pub visible: Option<bool>,
    /// From when it is shown or hidden; at once where absent.
    pub visible_from: Option<DateTime<Utc>>,
    /// From when it is open, where this row says so.
    pub opens_at: Option<DateTime<Utc>>,
    /// When what it says comes next; none where all of it has, or is said of at once.
    pub due_at: Option<DateTime<Utc>>,
    /// Why, sealed text.
    pub reason: Option<Sealed>,
    /// Who did it.
    pub actor: Stored<Actor>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Whether it is shown or hidden, and from when, where this row says so.
    pub fn visibility(&self) -> Option<Dated<bool>> {
        Some(Dated {
            at: self.visible_from.map_or(self.at, |from| from.max(self.at)),
            value: self.visible?,
        })
    }

    /// When the next of what it says comes after an instant.
    pub(crate) fn comes_after(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let comes = self.visible_from.into_iter().chain(self.opens_at);
        comes.filter(|at| *at > instant).min()
    }
}
