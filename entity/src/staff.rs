//! Somebody who works with programs (personal).

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{QuerySelect, entity::prelude::*};

use crate::{administration::Reach, assignment, error::Result, seal::Sealed, store::Store, viewer::Viewer};

/// Somebody who works with programs (personal).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "staff")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The care provider.
    pub provider_id: Uuid,
    /// The `sub` of its sign-in tokens.
    pub subject: String,
    /// What the person is called.
    pub display_name: String,
    /// What is read in lists.
    pub title: Option<String>,
    /// The e-mail address, sealed.
    pub email: Option<Sealed>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// The language in which they are written to, a BCP 47 tag; the default where they have not said.
    pub locale: Option<String>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The e-mail address, for administrators of the provider and the staff member themself.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn email(&self, store: &Store, viewer: &Viewer) -> Result<Option<String>> {
        let sees = viewer.staff() == Some(self.id) || viewer.administers_provider(self.provider_id);
        let email = self.email.as_ref().filter(|_| sees);
        Ok(store.keyring().open_option(email)?)
    }
}

/// The staff of a provider whose names hold this, in no order; also those who have no role any more. Administrators and the
/// auditors of the provider see all of them, auditors of a unit those who have, had or will have a role there, everybody else
/// nobody. At most one statement.
///
/// # Errors
/// When the database fails.
pub async fn of_provider(store: &Store, viewer: &Viewer, provider: Uuid, named: &str) -> Result<Vec<Model>> {
    let directory = store.directory();
    let known: Option<HashSet<Uuid>> = match Reach::of(&directory, viewer, provider) {
        Reach::Provider => None,
        _ if viewer.administers_at(provider) => None,
        Reach::Unit(unit) => {
            let ids = assignment::Entity::find()
                .select_only()
                .column(assignment::Column::StaffId)
                .distinct()
                .filter(assignment::at(provider, unit))
                .into_tuple()
                .all(store.connection())
                .await?;
            Some(ids.into_iter().collect())
        }
        Reach::Nothing => return Ok(Vec::new()),
    };
    let named = named.trim().to_lowercase();
    let members = directory
        .members_of(provider)
        .filter(|member| known.as_ref().is_none_or(|known| known.contains(&member.id)))
        .filter(|member| member.display_name.to_lowercase().contains(&named));
    Ok(members.cloned().collect())
}
