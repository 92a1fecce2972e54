//! Which rules could not do what they say in a version of their program.

use std::collections::BTreeSet;

use rules::validate::{Function, needs};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::{act::Act, error::Result, rule, rule_version};

/// The rules of a whole program that are on, or tried, and need one of these functions: by key, each with what it needs of them.
/// Those of a unit or an enrollment are their own affair, and no reason to keep a version from everybody else: what they ask of
/// a function that is off is left out when they fire.
///
/// # Errors
/// When the database fails.
pub(in crate::action) async fn needing(
    act: &Act,
    program: Uuid,
    functions: &[Function],
) -> Result<BTreeSet<(String, Function)>> {
    let mut found = BTreeSet::new();
    if functions.is_empty() {
        return Ok(found);
    }
    let of_rule = rule_version::Entity::belongs_to(rule::Entity)
        .from(rule_version::Column::RuleId)
        .to(rule::Column::Id)
        .into();
    let versions = rule_version::Entity::find()
        .join(JoinType::InnerJoin, of_rule)
        .filter(rule::Column::ProgramId.eq(program))
        .filter(rule::Column::UnitId.is_null())
        .filter(rule::Column::EnrollmentId.is_null())
        .filter(rule_version::newest())
        .filter(rule_version::Column::Enabled.eq(true))
        .filter(rule_version::Column::Withdrawn.eq(false))
        .select_also(rule::Entity);
    for (version, rule) in versions.all(&act.tx).await? {
        let (Some(definition), Some(rule)) = (version.read(), rule) else {
            continue;
        };
        let needed = needs(&definition).into_iter();
        let missed = needed.filter(|function| functions.contains(function));
        found.extend(missed.map(|function| (rule.key.clone(), function)));
    }
    Ok(found)
}
