//! Whether a citizen wants to be reached on a channel, from an instant on.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rules::facts::Channel;
use sea_orm::{QueryOrder, entity::prelude::*};

use crate::{
    act::BATCH,
    citizen,
    error::Result,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
};

/// Whether a citizen wants to be reached on a channel, from an instant on.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "contact_choice")]
pub struct Model {
    /// The citizen.
    #[sea_orm(primary_key, auto_increment = false)]
    pub citizen_id: Uuid,
    /// How it is sent.
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel: Stored<Channel>,
    /// When.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: DateTime<Utc>,
    /// Whether it is on.
    pub enabled: bool,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What these citizens chose last, by citizen and channel, as of an instant: whether they want to be reached there. Nothing
/// chosen means yes.
///
/// # Errors
/// When the database fails.
pub async fn choices(
    connection: &impl ConnectionTrait,
    citizens: &[Uuid],
    at: DateTime<Utc>,
) -> Result<HashMap<(Uuid, Channel), bool>> {
    let mut choices = HashMap::new();
    for chunk in citizens.chunks(BATCH) {
        let rows = Entity::find()
            .filter(Column::CitizenId.is_in(chunk.iter().copied()))
            .filter(Column::At.lte(at))
            .order_by_asc(Column::At);
        for row in rows.all(connection).await? {
            choices.insert((row.citizen_id, row.channel.0), row.enabled);
        }
    }
    Ok(choices)
}

/// On which channels those of the citizens whom the viewer may see do not want to be reached. Two statements.
///
/// # Errors
/// When the database fails.
pub async fn declined(store: &Store, viewer: &Viewer, citizens: &[Uuid]) -> Result<HashMap<Uuid, Vec<Channel>>> {
    let visible: Vec<Uuid> = citizen::find(store, viewer, citizens).await?.into_keys().collect();
    let choices = choices(store.connection(), &visible, store.now()).await?;
    let mut declined: HashMap<Uuid, Vec<Channel>> = HashMap::new();
    for ((citizen, channel), enabled) in choices {
        if !enabled {
            declined.entry(citizen).or_default().push(channel);
        }
    }
    Ok(declined)
}
