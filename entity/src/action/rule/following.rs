//! The rules of one enrollment follow it to another unit.

use std::collections::BTreeSet;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use super::family::{Family, Next};
use crate::{act::Act, error::Result, rule};

/// Has the rules of an enrollment, and what is overridden for it, stand before those of the unit that it went to. An override of a
/// rule that does not hold there is withdrawn. The caller holds the enrollment.
pub(in crate::action) async fn follow(act: &Act, enrollment: Uuid, unit: Uuid) -> Result<()> {
    let own = rule::Entity::find()
        .filter(rule::Column::EnrollmentId.eq(enrollment))
        .all(&act.tx)
        .await?;
    if own.is_empty() {
        return Ok(());
    }
    rule::Entity::update_many()
        .col_expr(rule::Column::UnitId, Expr::value(unit))
        .filter(rule::Column::EnrollmentId.eq(enrollment))
        .exec(&act.tx)
        .await?;
    // In one order, so that two who change the same rules never wait for each other.
    let families: BTreeSet<(Uuid, &str)> = own.iter().map(|rule| (rule.program_id, rule.key.as_str())).collect();
    for (program, key) in families {
        let mut family = Family::lock(act, program, key).await?;
        family.carry_over(act).await?;
        for rule in own.iter().filter(|rule| rule.program_id == program && rule.key == key) {
            let Some(moved) = family.rule(rule.id).cloned() else {
                continue;
            };
            let newest = family.newest(moved.id).cloned();
            let overriding = newest.filter(|newest| newest.overrides.is_some() && !newest.withdrawn);
            if let (Some(newest), None) = (overriding, family.wider(&moved)) {
                let next = Next {
                    enabled: false,
                    withdrawn: true,
                    ..Next::from(newest)
                };
                family.write(act, moved.id, next).await?;
            }
        }
    }
    Ok(())
}
