//! What the evaluation remembers of one rule in one enrollment.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use rules::evaluation::RuleState;
use sea_orm::entity::prelude::*;

use crate::error::{Error, Result};

/// What the evaluation remembers of one rule in one enrollment.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rule_state")]
pub struct Model {
    /// The enrollment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: Uuid,
    /// The rule's key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub rule_key: String,
    /// Ordinal of the latest episode.
    pub episode: i32,
    /// Since when its condition is true.
    pub episode_since: Option<DateTime<Utc>>,
    /// Whether it fired.
    pub episode_fired: bool,
    /// The depth of what began it.
    pub episode_depth: i32,
    /// When the rule fired last.
    pub last_fired_at: Option<DateTime<Utc>>,
    /// How many times it fired.
    pub firings: i32,
    /// What it fired last, by what it counts from: see `rules::evaluation::RuleState::done`.
    pub done: Json,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What is remembered of the rules of each of these enrollments, by key; one statement.
///
/// # Errors
/// When the database fails, or something stored cannot be read.
pub(crate) async fn remembered(
    connection: &impl ConnectionTrait,
    enrollments: &[Uuid],
) -> Result<HashMap<Uuid, BTreeMap<String, RuleState>>> {
    let rows = Entity::find()
        .filter(Column::EnrollmentId.is_in(enrollments.iter().copied()))
        .all(connection)
        .await?;
    let mut states: HashMap<Uuid, BTreeMap<String, RuleState>> = HashMap::new();
    for row in rows {
        let state = RuleState {
            episode: u32::try_from(row.episode).unwrap_or_default(),
            episode_since: row.episode_since,
            episode_fired: row.episode_fired,
            episode_depth: u32::try_from(row.episode_depth).unwrap_or_default(),
            last_fired_at: row.last_fired_at,
            firings: u32::try_from(row.firings).unwrap_or_default(),
            done: serde_json::from_value(row.done)
                .map_err(|_| Error::Corrupt(format!("what the rules of enrollment {} have done", row.enrollment_id)))?,
        };
        states.entry(row.enrollment_id).or_default().insert(row.rule_key, state);
    }
    Ok(states)
}
