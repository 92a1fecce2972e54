//! A rule that fired: unique for ever by rule key, enrollment and occurrence.

use std::collections::HashMap;

use crate::{
    enrollment,
    error::Result,
    page::{self, Page},
    rule_version,
    store::Store,
    stored::Stored,
    viewer::Viewer,
    visible,
};
use chrono::{DateTime, Utc};
use sea_orm::{JoinType, QueryOrder, QuerySelect, RelationDef, entity::prelude::*};
use serde::{Deserialize, Serialize};

/// A rule that fired: unique for ever by rule key, enrollment and occurrence.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "firing")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The rule's key.
    pub rule_key: String,
    /// What makes the firing unique; see the `rules` crate.
    pub occurrence: String,
    /// The version that decided.
    pub rule_version_id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// When the worker decided it.
    pub fired_at: DateTime<Utc>,
    /// How many firings caused one another before it.
    pub depth: i32,
    /// What came of it.
    pub outcome: Stored<Outcome>,
    /// Every fact that was compared.
    pub trace: Json,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What came of a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// Its actions were carried out.
    Done,
    /// Recorded only: the rule is being tried.
    DryRun,
    /// Not carried out: too many firings had caused one another.
    Refused,
    /// Not carried out, or not all of it: what it asks for is not possible, or its time was over.
    Undone,
}

/// A firing with the version of its rule that decided.
#[derive(Clone, Debug)]
pub struct Fired {
    /// The firing.
    pub row: Model,
    /// The rule as it was.
    pub version: rule_version::Model,
}

pub(crate) fn with_version() -> RelationDef {
    Entity::belongs_to(rule_version::Entity)
        .from(Column::RuleVersionId)
        .to(rule_version::Column::Id)
        .into()
}

pub(crate) fn with_enrollment() -> RelationDef {
    Entity::belongs_to(enrollment::Entity)
        .from(Column::EnrollmentId)
        .to(enrollment::Column::Id)
        .into()
}

/// Those of the firings whose enrollment the viewer may see. Two statements.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Fired>> {
    let rows = visible::by_id::<Entity>(store, viewer, ids, Column::Id, Column::EnrollmentId, |row: &Model| {
        row.id
    })
    .await?;
    let fired = fired(store, rows.into_values().collect()).await?;
    Ok(fired.into_iter().map(|fired| (fired.row.id, fired)).collect())
}

/// The firings of a rule in all its versions, tried or not, in the enrollments that the viewer may see; the latest first.
///
/// # Errors
/// When the cursor is none of this list, or the database fails.
pub async fn of_rule(
    store: &Store,
    viewer: &Viewer,
    rule: Uuid,
    outcome: Option<Outcome>,
    first: u64,
    after: Option<&str>,
) -> Result<Page<(String, Fired)>> {
    let first = page::clamp(first);
    let mut select = Entity::find()
        .join(JoinType::InnerJoin, with_version())
        .filter(rule_version::Column::RuleId.eq(rule))
        .order_by_desc(Column::At)
        .order_by_desc(Column::Id)
        .limit(first + 1);
    if let Some(outcome) = outcome {
        select = select.filter(Column::Outcome.eq(Stored(outcome)));
    }
    if let Some(after) = after {
        select = select.filter(page::after(after, Column::At.into_expr(), Column::Id)?);
    }
    let rows = visible::read(store.connection(), viewer, select, Column::EnrollmentId).await?;
    let fired = fired(store, rows).await?.into_iter();
    let rows = fired.map(|fired| (page::cursor_at(fired.row.at, fired.row.id), fired));
    Ok(Page::cut(rows.collect(), first))
}

/// The firings with their versions, in the same order.
async fn fired(store: &Store, rows: Vec<Model>) -> Result<Vec<Fired>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let versions = rule_version::Entity::find()
        .filter(rule_version::Column::Id.is_in(rows.iter().map(|row| row.rule_version_id)))
        .all(store.connection())
        .await?;
    let versions: HashMap<Uuid, rule_version::Model> = versions.into_iter().map(|row| (row.id, row)).collect();
    let with_version = |row: Model| {
        let version = versions.get(&row.rule_version_id)?.clone();
        Some(Fired { row, version })
    };
    Ok(rows.into_iter().filter_map(with_version).collect())
}
