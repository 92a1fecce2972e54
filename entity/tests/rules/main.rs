//! Rules in the record: who sees them, how they are overridden, tried, promoted, and brought to those whom they concern.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../common/mod.rs"]
mod common;
mod memory;
mod overrides;
mod rollout;
mod trials;
mod visible;

use chrono::{DateTime, Utc};
use common::World;
use entity::{
    action::{
        evaluation,
        rule::{OverrideRule, SaveRule, Saved, override_rule, promote, remove_override, roll_out, save},
    },
    enrollment,
    error::Error,
    firing, flag,
    rule::RuleBook,
    viewer::Viewer,
};
use rules::{evaluation::RuleSet, overrides::Leaf};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// A rule of the whole program that flags every answer.
fn flagging() -> SaveRule {
    SaveRule {
        program_slug: "small".to_owned(),
        unit_id: None,
        enrollment_id: None,
        key: "risk".to_owned(),
        name: "Risk".to_owned(),
        enabled: true,
        dry_run: false,
        definition: json!({
            "trigger": { "event": { "formCompleted": { "form": "check" } } },
            "actions": [{ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "Risk", "audience": "STAFF" } }],
        }),
    }
}

/// The rule with another definition.
fn saying(definition: Value) -> SaveRule {
    SaveRule {
        definition,
        ..flagging()
    }
}

/// A leaf of a rule.
fn leaf(path: &str, value: impl Into<Value>) -> Leaf {
    Leaf {
        path: path.to_owned(),
        value: serde_json::from_value(value.into()).unwrap(),
    }
}

async fn saved(world: &World, viewer: &Viewer, rule: SaveRule) -> Uuid {
    saving(world, viewer, rule).await.rule_id
}

async fn saving(world: &World, viewer: &Viewer, rule: SaveRule) -> Saved {
    let mut act = world.store.act(viewer).await.unwrap();
    let saved = save(&mut act, rule).await.unwrap();
    act.commit().await.unwrap();
    saved
}

async fn overriding(world: &World, viewer: &Viewer, wanted: OverrideRule) -> Result<Saved, Error> {
    let mut act = world.store.act(viewer).await.unwrap();
    let saved = override_rule(&mut act, wanted).await?;
    act.commit().await.unwrap();
    Ok(saved)
}

async fn removing(world: &World, viewer: &Viewer, rule: Uuid) -> Result<Saved, Error> {
    let mut act = world.store.act(viewer).await.unwrap();
    let saved = remove_override(&mut act, rule, "Behövs inte längre").await?;
    act.commit().await.unwrap();
    Ok(saved)
}

async fn promoting(world: &World, viewer: &Viewer, rule: Uuid) -> Result<Saved, Error> {
    let mut act = world.store.act(viewer).await.unwrap();
    let saved = promote(&mut act, rule).await?;
    act.commit().await.unwrap();
    Ok(saved)
}

async fn row(world: &World, enrollment: Uuid) -> enrollment::Model {
    let found = enrollment::Entity::find_by_id(enrollment).one(world.store.connection());
    found.await.unwrap().unwrap()
}

/// The rules of an enrollment since an instant.
async fn rules_of(world: &World, enrollment: Uuid, since: DateTime<Utc>) -> Arc<RuleSet> {
    let row = row(world, enrollment).await;
    let book = RuleBook::read(world.store.connection(), std::slice::from_ref(&row), since).await;
    book.unwrap().of(&row)
}

/// Brings changed rules to those whom they concern, and evaluates whatever is due.
async fn work(world: &World) {
    loop {
        let mut act = world.store.act(&Viewer::system()).await.unwrap();
        let rolled_out = roll_out(&mut act, 100).await.unwrap();
        act.commit().await.unwrap();
        if evaluation::run(&world.store, 100).await.unwrap() + rolled_out == 0 {
            return;
        }
    }
}

/// The occurrences that were recorded in an enrollment, with what came of each.
async fn firings(world: &World, enrollment: Uuid) -> Vec<(String, firing::Outcome)> {
    let rows = firing::Entity::find()
        .filter(firing::Column::EnrollmentId.eq(enrollment))
        .order_by_asc(firing::Column::FiredAt)
        .order_by_asc(firing::Column::Id)
        .all(world.store.connection());
    let rows = rows.await.unwrap().into_iter();
    rows.map(|row| (row.occurrence, row.outcome.0)).collect()
}

/// How many flags of a kind stand in an enrollment.
async fn flags(world: &World, enrollment: Uuid, kind: &str) -> usize {
    let rows = flag::Entity::find()
        .filter(flag::Column::EnrollmentId.eq(enrollment))
        .filter(flag::Column::Kind.eq(kind))
        .all(world.store.connection());
    rows.await
        .unwrap()
        .iter()
        .filter(|row| row.status.0.is_unresolved())
        .count()
}
