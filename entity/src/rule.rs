//! A rule of a program, by key and scope, over its versions.

mod book;

pub use book::{RuleBook, recorded};

use chrono::{DateTime, Utc};
use std::collections::{BTreeSet, HashMap};

use sea_orm::{
    Condition, JoinType, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, Query},
};

use crate::{
    enrollment,
    error::Result,
    firing,
    page::{self, Page},
    rule_version,
    store::Store,
    viewer::{Permission, Viewer},
};

/// A rule of a program, by key and scope, over its versions.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rule")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The program.
    pub program_id: Uuid,
    /// The unit.
    pub unit_id: Option<Uuid>,
    /// The enrollment.
    pub enrollment_id: Option<Uuid>,
    /// `program`, or the id of the unit or enrollment.
    pub scope: String,
    /// Its key.
    pub key: String,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A rule with its newest version and what it has done.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The rule.
    pub rule: Model,
    /// Its newest version.
    pub version: rule_version::Model,
    /// How many times it has fired, in any version, in enrollments that the viewer may count.
    pub firings: u64,
    /// When it fired last in one of them.
    pub last_fired_at: Option<DateTime<Utc>>,
}

/// What stands in `scope` for a rule of the whole program.
pub const PROGRAM_SCOPE: &str = "program";

impl Model {
    /// Where the rules may stand that this one stands before, the nearest first.
    pub fn wider_scopes(&self) -> Vec<String> {
        let unit = self.unit_id.filter(|_| self.enrollment_id.is_some());
        let program = (self.scope != PROGRAM_SCOPE).then(|| PROGRAM_SCOPE.to_owned());
        unit.map(|unit| unit.to_string()).into_iter().chain(program).collect()
    }
}

/// The rules that the viewer may see: staff who may write rules or treat see those of whole programs and those of the unit
/// that they act at, and who treats those of the enrollments that they see.
pub fn visible_to(viewer: &Viewer) -> Condition {
    if !viewer.may(Permission::WriteRules) {
        return Condition::all().add(Expr::value(false));
    }
    let Some(unit) = viewer.unit() else {
        return Condition::all();
    };
    // Those of one enrollment carry its unit, too.
    let of_unit = Condition::all()
        .add(Column::UnitId.eq(unit))
        .add(Column::EnrollmentId.is_null());
    let seen = Condition::any().add(Column::Scope.eq(PROGRAM_SCOPE)).add(of_unit);
    if !viewer.may(Permission::Treat) {
        return seen;
    }
    let enrollments = Query::select()
        .column(enrollment::Column::Id)
        .from(enrollment::Entity)
        .cond_where(enrollment::visible_to(viewer))
        .to_owned();
    seen.add(Column::EnrollmentId.in_subquery(enrollments))
}

/// The rules of a program that hold everywhere, and those of a unit and of an enrollment where they are named, by key; without
/// those that were withdrawn. As far as the viewer may see them, and of no unit but the one that they act at.
///
/// # Errors
/// When the database fails.
pub async fn of_program(
    store: &Store,
    viewer: &Viewer,
    program: Uuid,
    unit: Option<Uuid>,
    enrollment: Option<Uuid>,
) -> Result<Vec<Configured>> {
    let scopes = [unit, enrollment].into_iter().flatten().map(|id| id.to_string());
    let rules = Entity::find()
        .filter(Column::ProgramId.eq(program))
        .filter(Column::Scope.is_in(scopes.chain([PROGRAM_SCOPE.to_owned()])))
        .filter(visible_to(viewer))
        .order_by_asc(Column::Key)
        .order_by_asc(Column::Scope)
        .all(store.connection())
        .await?;
    let mut rules = configured(store, viewer, rules).await?;
    rules.retain(|rule| !rule.version.withdrawn);
    Ok(rules)
}

/// Rules by id, as far as the viewer may see them.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Configured>> {
    let rules = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(visible_to(viewer))
        .all(store.connection())
        .await?;
    Ok(configured(store, viewer, rules)
        .await?
        .into_iter()
        .map(|row| (row.rule.id, row))
        .collect())
}

/// The rules that hold where these do not, by their ids: of each the next wider one of the same key that was not withdrawn.
///
/// # Errors
/// When the database fails.
pub async fn wider(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Configured>> {
    let narrow = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(visible_to(viewer))
        .all(store.connection())
        .await?;
    let scopes: BTreeSet<String> = narrow.iter().flat_map(Model::wider_scopes).collect();
    let rules = Entity::find()
        .filter(Column::ProgramId.is_in(narrow.iter().map(|rule| rule.program_id)))
        .filter(Column::Key.is_in(narrow.iter().map(|rule| &rule.key)))
        .filter(Column::Scope.is_in(scopes))
        .filter(visible_to(viewer))
        .all(store.connection())
        .await?;
    let mut found: HashMap<(Uuid, String, String), Configured> = HashMap::new();
    for wider in configured(store, viewer, rules).await? {
        if !wider.version.withdrawn {
            let rule = &wider.rule;
            found.insert((rule.program_id, rule.key.clone(), rule.scope.clone()), wider);
        }
    }
    let nearest = |rule: &Model| {
        let scopes = rule.wider_scopes().into_iter();
        let mut names = scopes.map(|scope| (rule.program_id, rule.key.clone(), scope));
        names.find_map(|name| found.get(&name)).cloned()
    };
    Ok(narrow
        .iter()
        .filter_map(|rule| Some((rule.id, nearest(rule)?)))
        .collect())
}

/// The narrower rules of the same key that stand before this one, in the order in which they were made; with `withdrawn` also
/// those that did.
///
/// # Errors
/// When the cursor is none of this list, or the database fails.
pub async fn narrower(
    store: &Store,
    viewer: &Viewer,
    rule: &Model,
    withdrawn: bool,
    first: u64,
    after: Option<&str>,
) -> Result<Page<(String, Configured)>> {
    let first = page::clamp(first);
    let mut select = Entity::find()
        .filter(Column::ProgramId.eq(rule.program_id))
        .filter(Column::Key.eq(&rule.key))
        .filter(Column::Scope.ne(PROGRAM_SCOPE))
        .filter(visible_to(viewer))
        .order_by_asc(Column::Id)
        .limit(first + 1);
    if let Some(unit) = rule.unit_id {
        // Those of its enrollments; those below an enrollment are none.
        select = select
            .filter(Column::UnitId.eq(unit))
            .filter(Column::EnrollmentId.is_not_null())
            .filter(Expr::value(rule.enrollment_id.is_none()));
    }
    if !withdrawn {
        let standing = rule_version::Entity::find()
            .select_only()
            .column(rule_version::Column::RuleId)
            .filter(rule_version::newest())
            .filter(rule_version::Column::Withdrawn.eq(false))
            .into_query();
        select = select.filter(Column::Id.in_subquery(standing));
    }
    if let Some(after) = after {
        let [id] = page::read_cursor(after)?;
        select = select.filter(Column::Id.gt(Uuid::parse_str(&id).map_err(|_| page::bad_cursor())?));
    }
    let rules = select.all(store.connection()).await?;
    let rows = configured(store, viewer, rules).await?.into_iter();
    let rows = rows.map(|row| (page::cursor(&[&row.rule.id.to_string()]), row));
    Ok(Page::cut(rows.collect(), first))
}

/// The versions of a rule that the viewer may see, the newest first.
///
/// # Errors
/// When the cursor is none of this list, or the database fails.
pub async fn versions(
    store: &Store,
    viewer: &Viewer,
    rule: Uuid,
    first: u64,
    after: Option<&str>,
) -> Result<Page<(String, rule_version::Model)>> {
    let first = page::clamp(first);
    let visible = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.eq(rule));
    let mut select = rule_version::Entity::find()
        .filter(rule_version::Column::RuleId.in_subquery(visible.filter(visible_to(viewer)).into_query()))
        .order_by_desc(rule_version::Column::Number)
        .limit(first + 1);
    if let Some(after) = after {
        let [number] = page::read_cursor(after)?;
        let number: i32 = number.parse().map_err(|_| page::bad_cursor())?;
        select = select.filter(rule_version::Column::Number.lt(number));
    }
    let rows = select.all(store.connection()).await?.into_iter();
    let rows = rows.map(|row| (page::cursor(&[&row.number.to_string()]), row));
    Ok(Page::cut(rows.collect(), first))
}

/// Whose firings the viewer may count: those of the enrollments that they may see. A number names nobody: who sees no citizen
/// counts those of their unit.
fn counted(viewer: &Viewer) -> Condition {
    match viewer.unit() {
        Some(unit) if !viewer.may(Permission::SeeCitizens) => Condition::all().add(enrollment::Column::UnitId.eq(unit)),
        _ => enrollment::visible_to(viewer),
    }
}

/// The rules with their newest version and what they have done, in the same order.
async fn configured(store: &Store, viewer: &Viewer, rules: Vec<Model>) -> Result<Vec<Configured>> {
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    // Whose rules these are is read with them.
    let enrollments: Vec<Uuid> = rules.iter().filter_map(|rule| rule.enrollment_id).collect();
    enrollment::find(store, viewer, &enrollments).await?;
    let ids: Vec<Uuid> = rules.iter().map(|rule| rule.id).collect();
    let versions = rule_version::Entity::find()
        .filter(rule_version::Column::RuleId.is_in(ids.iter().copied()))
        .filter(rule_version::newest())
        .all(store.connection())
        .await?;
    let mut versions: HashMap<Uuid, rule_version::Model> = versions.into_iter().map(|row| (row.rule_id, row)).collect();
    let counts: Vec<(Uuid, i64, Option<DateTime<Utc>>)> = firing::Entity::find()
        .select_only()
        .column(rule_version::Column::RuleId)
        .column_as(firing::Column::Id.count(), "count")
        .column_as(firing::Column::At.max(), "last")
        .join(JoinType::InnerJoin, firing::with_version())
        .join(JoinType::InnerJoin, firing::with_enrollment())
        .filter(counted(viewer))
        .filter(rule_version::Column::RuleId.is_in(ids))
        .group_by(rule_version::Column::RuleId)
        .into_tuple()
        .all(store.connection())
        .await?;
    let counts: HashMap<Uuid, (i64, Option<DateTime<Utc>>)> = counts
        .into_iter()
        .map(|(rule, count, last)| (rule, (count, last)))
        .collect();
    Ok(rules
        .into_iter()
        .filter_map(|rule| {
            let (count, last_fired_at) = counts.get(&rule.id).copied().unwrap_or_default();
            Some(Configured {
                firings: u64::try_from(count).unwrap_or_default(),
                last_fired_at,
                version: versions.remove(&rule.id)?,
                rule,
            })
        })
        .collect())
}
