//! Where care is given (enhet).

use std::collections::{HashMap, HashSet};

use crate::{
    error::{Result, UserError},
    store::Store,
};
use chrono::{DateTime, Utc};
use rules::text::Text;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Where care is given (enhet).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "unit")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The care provider.
    pub provider_id: Uuid,
    /// What it is called.
    pub name: String,
    /// The phone number to call first.
    pub phone: Option<String>,
    /// Opening hours in words, by language.
    pub opening_hours: Json,
    /// The IANA time zone.
    pub zone: String,
    /// When it is open, as times: JSON of [`crate::office_hours::Opening`]s; always, where empty.
    pub office_hours: Json,
    /// The local dates on which it is closed all the same, as JSON.
    pub closed_days: Json,
    /// Phone numbers, as JSON of [`Phone`]s; see [`Model::phones`].
    pub phones: Json,
    /// What to do in an emergency, by language.
    pub emergency: Json,
    /// Within how many working days it promises to answer messages; it promises nothing where absent.
    pub answer_within: Option<i32>,
    /// Since when nobody can be enrolled here any more.
    pub disconnected_at: Option<DateTime<Utc>>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Units of which somebody heard that they changed, as they are now. Where the directory of this process is older, it is read anew:
/// who asks for more of them then is not told what was.
///
/// # Errors
/// When the database fails.
pub async fn anew(store: &Store, ids: &HashSet<Uuid>) -> Result<HashMap<Uuid, Model>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
    let rows = rows.all(store.connection()).await?;
    store
        .refresh_where(|directory| rows.iter().any(|row| directory.unit(row.id) != Some(row)))
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// A phone number with what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Phone {
    /// What it is for, by language; empty where nobody said.
    pub label: Text,
    /// The number, `+46…` or a short one.
    pub number: String,
}

impl Model {
    /// Refuses what is begun at a unit that is no longer connected.
    ///
    /// # Errors
    /// `UNIT_DISCONNECTED` at `path`.
    pub(crate) fn must_be_connected(&self, path: &str) -> Result<(), UserError> {
        if self.disconnected_at.is_none() {
            return Ok(());
        }
        let message = "This unit is disconnected: nobody is enrolled or given a role here until it is connected again.";
        Err(UserError::new("UNIT_DISCONNECTED", path, message))
    }

    /// Its phone numbers, the one to call first at the front.
    pub fn phones(&self) -> Vec<Phone> {
        let said: Vec<Phone> = serde_json::from_value(self.phones.clone()).unwrap_or_default();
        if !said.is_empty() {
            return said;
        }
        let only = self.phone.iter().map(|number| Phone {
            label: Text::default(),
            number: number.clone(),
        });
        only.collect()
    }

    /// When it is open, in words; empty where nobody said.
    pub fn opening_hours(&self) -> Text {
        serde_json::from_value(self.opening_hours.clone()).unwrap_or_default()
    }

    /// What to do in an emergency; empty where nobody said.
    pub fn emergency(&self) -> Text {
        serde_json::from_value(self.emergency.clone()).unwrap_or_default()
    }
}
