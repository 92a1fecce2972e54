//! How changed rules reach those whom they concern: them alone, and not all at once.

use chrono::Duration;
use entity::{
    action::{
        enrollment::StartEnrollment,
        evaluation,
        rule::{OverrideRule, roll_out},
    },
    enrollment,
    evaluation::{self as due, Column},
    viewer::Viewer,
};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use crate::{
    common::{ANNA, ERIK, World, on_both},
    flagging, overriding, row, saved, saying, work,
};

on_both! {
    an_override_concerns_its_unit_or_enrollment_alone,
    thousands_come_due_in_batches_behind_which_others_need_not_wait,
}

const OTHER: &str = "196408233234";

async fn roll(world: &World, limit: u64) -> usize {
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let done = roll_out(&mut act, limit).await.unwrap();
    act.commit().await.unwrap();
    done
}

async fn due_now(world: &World) -> Vec<Uuid> {
    let rows = due::Entity::find().filter(Column::DueAt.lte(world.store.now()));
    let rows = rows.all(world.store.connection()).await.unwrap();
    rows.into_iter().map(|row| row.enrollment_id).collect()
}

async fn an_override_concerns_its_unit_or_enrollment_alone(world: World) {
    let ingrid = world.staff("ingrid");
    let (anna, _) = world.start(&ingrid, &world.start_of(ANNA)).await.unwrap();
    let (other, _) = world.start(&ingrid, &world.start_of(OTHER)).await.unwrap();
    let elsewhere = StartEnrollment {
        unit_id: world.other_unit,
        therapist_ids: vec![world.other_therapist],
        ..world.start_of(ERIK)
    };
    let (elsewhere, _) = world.start(&world.staff("elin"), &elsewhere).await.unwrap();
    let rule = saved(&world, &Viewer::system(), flagging()).await;
    work(&world).await;
    let off = |unit_id: Option<Uuid>, enrollment_id: Option<Uuid>| OverrideRule {
        rule_id: rule,
        unit_id,
        enrollment_id,
        enabled: Some(false),
        values: Vec::new(),
        reason: "Av".to_owned(),
    };
    let sorted = |mut ids: Vec<Uuid>| {
        ids.sort_unstable();
        ids
    };

    world.clock.advance(Duration::minutes(1));
    overriding(&world, &ingrid, off(None, Some(anna))).await.unwrap();
    while roll(&world, 100).await > 0 {}
    assert_eq!(due_now(&world).await, [anna]);
    work(&world).await;

    world.clock.advance(Duration::minutes(1));
    overriding(&world, &ingrid, off(Some(world.unit), None)).await.unwrap();
    while roll(&world, 100).await > 0 {}
    assert_eq!(sorted(due_now(&world).await), sorted(vec![anna, other]));
    work(&world).await;

    world.clock.advance(Duration::minutes(1));
    saved(
        &world,
        &Viewer::system(),
        saying(json!({ "trigger": { "event": { "signedIn": {} } },
        "actions": [{ "openModule": { "module": "second" } }] })),
    )
    .await;
    while roll(&world, 100).await > 0 {}
    assert_eq!(sorted(due_now(&world).await), sorted(vec![anna, other, elsewhere]));
}

/// As many enrollments as that, each like the one.
async fn crowd(world: &World, like: Uuid, many: u32) {
    let like = row(world, like).await;
    let connection = world.store.connection();
    let ids: Vec<Uuid> = (0..many).map(|_| world.store.id()).collect();
    for chunk in ids.chunks(500) {
        let rows = chunk.iter().map(|id| {
            let copy = enrollment::Model {
                id: *id,
                ..like.clone()
            };
            copy.into_active_model()
        });
        enrollment::Entity::insert_many(rows)
            .exec_without_returning(connection)
            .await
            .unwrap();
        let rows = chunk.iter().map(|id| {
            let row = due::Model {
                enrollment_id: *id,
                due_at: None,
                evaluated_until: world.store.now(),
                failures: 0,
                failed_at: None,
            };
            row.into_active_model()
        });
        due::Entity::insert_many(rows)
            .exec_without_returning(connection)
            .await
            .unwrap();
    }
}

async fn thousands_come_due_in_batches_behind_which_others_need_not_wait(world: World) {
    const BATCH: u64 = 100;
    let (anna, _) = world
        .start(&world.staff("ingrid"), &world.start_of(ANNA))
        .await
        .unwrap();
    work(&world).await;
    crowd(&world, anna, 5_000).await;
    world.clock.advance(Duration::minutes(1));
    saved(&world, &Viewer::system(), flagging()).await;
    assert_eq!(
        due_now(&world).await,
        [] as [Uuid; 0],
        "saving makes nobody due by itself"
    );

    let (mut batches, mut reached) = (0, 0);
    loop {
        // The clock goes on between one unit of work and the next.
        world.clock.advance(Duration::milliseconds(10));
        let mut rolled_out = 0;
        while let done @ 1.. = roll(&world, BATCH).await {
            rolled_out += done;
            batches += 1;
        }
        let due = due::Entity::find().filter(Column::DueAt.lte(world.store.now()));
        let due = due.count(world.store.connection()).await.unwrap();
        assert!(due <= 6 * BATCH, "{due} are due at once");
        let judged = evaluation::run(&world.store, BATCH).await.unwrap();
        reached += judged;
        if rolled_out == 0 && judged == 0 {
            break;
        }
    }
    assert_eq!(reached, 5_001);
    assert!(batches > 50, "{batches} batches");
    let instants: std::collections::BTreeSet<_> = due::Entity::find()
        .all(world.store.connection())
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.evaluated_until)
        .collect();
    assert!(instants.len() > 40, "they were judged at {} instants", instants.len());
}
