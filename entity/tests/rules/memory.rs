//! What the evaluation remembers from one look to the next.

use chrono::Duration;
use entity::{
    action::{
        enrollment::{self, StartEnrollment},
        flag::{self, Raise},
        rule::SaveRule,
    },
    evaluation,
    event::EventKind,
    firing, rule_state,
    viewer::Viewer,
};
use rules::facts::{Audience, Severity};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    common::{ANNA, World, on_both},
    flagging, saved, work,
};

on_both! {
    a_slot_that_fired_is_done_also_after_an_edit,
    what_waits_carries_the_depth_of_its_cause,
    what_is_due_at_a_planned_start_comes_though_the_start_was_late,
}

fn rule(key: &str, trigger: Value, condition: Value, kind: &str) -> SaveRule {
    let flag = json!({ "kind": kind, "severity": "INFO", "title": kind, "audience": "STAFF" });
    SaveRule {
        key: key.to_owned(),
        definition: json!({ "trigger": trigger, "condition": condition, "actions": [{ "raiseFlag": flag }] }),
        ..flagging()
    }
}

async fn started(world: &World) -> Uuid {
    let started = world.start(&world.staff("ingrid"), &world.start_of(ANNA)).await;
    started.unwrap().0
}

async fn a_slot_that_fired_is_done_also_after_an_edit(world: World) {
    let after = |offset: &str| {
        let slots = json!([{ "key": "greeting", "offset": offset }]);
        let trigger = json!({ "schedule": { "anchor": { "enrollmentStart": {} }, "slots": slots } });
        rule("greeting", trigger, Value::Null, "greeting")
    };
    let oskar = world.staff("oskar");
    saved(&world, &oskar, after("PT1H")).await;
    started(&world).await;
    work(&world).await;
    world.clock.advance(Duration::hours(1));
    work(&world).await;
    saved(&world, &oskar, after("PT3H")).await;
    work(&world).await;
    world.clock.advance(Duration::hours(2));
    work(&world).await;
    let states = rule_state::Entity::find().all(world.store.connection()).await.unwrap();
    // It counts for no limit either, as it would if the record alone had dropped it.
    assert_eq!(states.iter().map(|state| state.firings).collect::<Vec<_>>(), [1]);
    let firings = firing::Entity::find().all(world.store.connection()).await.unwrap();
    assert_eq!(firings.len(), 1);
}

async fn what_waits_carries_the_depth_of_its_cause(world: World) {
    let oskar = world.staff("oskar");
    let raised = |kind: &str| json!({ "event": { "flagRaised": { "kind": kind } } });
    let an_hour_after = json!({ "schedule": { "anchor": { "flagRaised": { "kind": "second" } }, "slots": [{ "key": "a", "offset": "PT1H" }] } });
    let an_hour_long = json!({ "whenever": { "heldFor": "PT1H" } });
    let unhandled = json!({ "event": { "flagUnhandled": { "kind": "second", "after": "PT1H" } } });
    let open = json!({ "compare": { "fact": { "openFlag": { "kind": "second" } }, "operator": "EQ", "value": true } });
    for rule in [
        rule("1", raised("first"), Value::Null, "second"),
        rule("2-schedule", an_hour_after, Value::Null, "third"),
        rule("3-held", an_hour_long, open, "fourth"),
        rule("4-unhandled", unhandled, Value::Null, "fifth"),
    ] {
        saved(&world, &oskar, rule).await;
    }
    let enrollment = started(&world).await;
    work(&world).await;
    let mut act = world.store.act(&world.staff("ingrid")).await.unwrap();
    let raise = Raise {
        enrollment_id: enrollment,
        kind: "first".to_owned(),
        severity: Severity::Info,
        title: "First".to_owned(),
        note: None,
        audience: Audience::Staff,
        rule_key: None,
        occurrence: None,
        auto_resolve: false,
        cause: act.cause(),
    };
    flag::raise(&mut act, &[raise]).await.unwrap().remove(0).unwrap();
    act.commit().await.unwrap();
    work(&world).await;
    world.clock.advance(Duration::hours(2));
    work(&world).await;
    let firings = firing::Entity::find().order_by_asc(firing::Column::RuleKey);
    let firings = firings.all(world.store.connection()).await.unwrap();
    let depths: Vec<(&str, i32)> = firings.iter().map(|row| (row.rule_key.as_str(), row.depth)).collect();
    assert_eq!(depths, [("1", 1), ("2-schedule", 2), ("3-held", 2), ("4-unhandled", 2)]);
}

async fn what_is_due_at_a_planned_start_comes_though_the_start_was_late(world: World) {
    for (key, anchor) in [
        ("start", json!({ "enrollmentStart": {} })),
        ("opened", json!({ "moduleOpened": { "module": "first" } })),
    ] {
        let slots = json!([{ "key": "greeting", "offset": "PT0S" }]);
        let trigger = json!({ "schedule": { "anchor": anchor, "slots": slots } });
        saved(&world, &world.staff("oskar"), rule(key, trigger, Value::Null, key)).await;
    }
    let starts_at = world.store.now() + Duration::days(1);
    let planned = StartEnrollment {
        starts_at: Some(starts_at),
        ..world.start_of(ANNA)
    };
    let (id, _) = world.start(&world.staff("ingrid"), &planned).await.unwrap();
    work(&world).await;
    // It is looked at after the planned start, and started only then.
    world.clock.set(starts_at + Duration::seconds(30));
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let row = act.enrollment(id, "").await.unwrap();
    act.happened(&row, EventKind::SignedIn, act.cause(), None, None);
    act.commit().await.unwrap();
    work(&world).await;
    let judged = evaluation::Entity::find().one(world.store.connection()).await.unwrap();
    assert!(judged.unwrap().evaluated_until > starts_at);
    world.clock.advance(Duration::seconds(30));
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    assert_eq!(enrollment::due(&mut act, 100).await.unwrap(), 1);
    act.commit().await.unwrap();
    // More than once, and nothing comes twice.
    for _ in 0..3 {
        work(&world).await;
        world.clock.advance(Duration::hours(1));
    }
    let firings = firing::Entity::find()
        .order_by_asc(firing::Column::RuleKey)
        .all(world.store.connection())
        .await
        .unwrap();
    let keys: Vec<_> = firings.iter().map(|firing| firing.rule_key.as_str()).collect();
    assert_eq!(keys, ["opened", "start"]);
}
