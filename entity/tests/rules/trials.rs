//! Rules that are only tried, and what becomes of them when they are promoted.

use chrono::Duration;
use entity::{
    action::{
        flag::{self, Raise},
        rule::{OverrideRule, SaveRule},
    },
    firing::{self, Outcome},
    viewer::Viewer,
};
use rules::facts::{Audience, Severity};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    common::{ANNA, World, on_both, one, refused},
    firings, flags, leaf, overriding, promoting, removing, saved, saying, work,
};

on_both! {
    what_was_only_tried_fires_for_whoever_it_still_concerns,
    neither_cooldown_nor_cap_counts_a_trial,
    a_rule_that_is_tried_again_still_ends_what_it_began,
    a_trial_holds_back_no_slot_and_no_reminder_of_its_own,
    an_override_is_tried_and_promoted_with_its_rule,
    whom_a_trial_concerned_is_seen_by_who_treats,
}

fn warning(kind: &str) -> Value {
    json!([{ "raiseFlag": { "kind": kind, "severity": "WARNING", "title": kind, "audience": "STAFF", "autoResolve": true } }])
}

/// A flag of one kind as long as one of another stands.
fn echo() -> Value {
    json!({
        "trigger": { "whenever": {} },
        "condition": { "compare": { "fact": { "openFlag": { "kind": "call" } }, "operator": "EQ", "value": true } },
        "actions": warning("echo"),
    })
}

fn tried(definition: Value) -> SaveRule {
    SaveRule {
        dry_run: true,
        ..saying(definition)
    }
}

async fn started(world: &World) -> Uuid {
    let (enrollment, _) = world
        .start(&world.staff("ingrid"), &world.start_of(ANNA))
        .await
        .unwrap();
    work(world).await;
    enrollment
}

async fn raise(world: &World, enrollment: Uuid) -> Uuid {
    let mut act = world.store.act(&world.staff("ingrid")).await.unwrap();
    let raise = Raise {
        enrollment_id: enrollment,
        kind: "call".to_owned(),
        severity: Severity::Info,
        title: "Call".to_owned(),
        note: None,
        audience: Audience::Staff,
        rule_key: None,
        occurrence: None,
        auto_resolve: false,
        cause: act.cause(),
    };
    let id = flag::raise(&mut act, &[raise]).await.unwrap().remove(0).unwrap();
    act.commit().await.unwrap();
    work(world).await;
    id
}

async fn resolve(world: &World, flag: Uuid) {
    let mut act = world.store.act(&world.staff("ingrid")).await.unwrap();
    flag::resolve(&mut act, flag, None).await.unwrap();
    act.commit().await.unwrap();
    work(world).await;
}

async fn what_was_only_tried_fires_for_whoever_it_still_concerns(world: World) {
    let enrollment = started(&world).await;
    let oskar = world.staff("oskar");
    let rule = saved(&world, &oskar, tried(echo())).await;
    work(&world).await;
    world.clock.advance(Duration::hours(1));
    raise(&world, enrollment).await;
    world.clock.advance(Duration::hours(1));
    work(&world).await;
    let dry = firings(&world, enrollment).await;
    assert_eq!(dry.len(), 1, "{dry:?}");
    assert!(
        dry[0].0.starts_with("trial/") && dry[0].0.ends_with("/episode-1"),
        "{dry:?}"
    );
    assert_eq!(dry[0].1, Outcome::DryRun);
    assert_eq!(flags(&world, enrollment, "echo").await, 0, "it does nothing");

    let promoted = promoting(&world, &oskar, rule).await.unwrap();
    assert_eq!(promoted.rule_id, rule);
    work(&world).await;
    assert_eq!(flags(&world, enrollment, "echo").await, 1, "nobody had been warned");
    assert_eq!(
        firings(&world, enrollment).await[1..],
        [("episode-1".to_owned(), Outcome::Done)]
    );
    // Once, and nothing is left to promote.
    promoting(&world, &oskar, rule).await.unwrap();
    world.clock.advance(Duration::hours(1));
    work(&world).await;
    assert_eq!(firings(&world, enrollment).await.len(), 2);
}

async fn neither_cooldown_nor_cap_counts_a_trial(world: World) {
    let enrollment = started(&world).await;
    let oskar = world.staff("oskar");
    for (limits, kind) in [
        (json!({ "cooldown": "P30D" }), "cooled"),
        (json!({ "maxFirings": 1 }), "capped"),
    ] {
        let mut limited = echo();
        limited["limits"] = limits;
        limited["actions"] = warning(kind);
        let limited = SaveRule {
            key: kind.to_owned(),
            ..tried(limited)
        };
        let rule = saved(&world, &oskar, limited).await;
        work(&world).await;
        world.clock.advance(Duration::hours(1));
        let call = raise(&world, enrollment).await;
        let dry = firings(&world, enrollment).await;
        assert!(matches!(dry.last(), Some((_, Outcome::DryRun))), "{kind}: {dry:?}");
        promoting(&world, &oskar, rule).await.unwrap();
        world.clock.advance(Duration::hours(1));
        work(&world).await;
        assert_eq!(flags(&world, enrollment, kind).await, 1, "{kind}");
        // What the rule itself fired does count.
        world.clock.advance(Duration::hours(1));
        resolve(&world, call).await;
        assert_eq!(flags(&world, enrollment, kind).await, 0, "{kind}");
        world.clock.advance(Duration::days(1));
        let call = raise(&world, enrollment).await;
        assert_eq!(
            flags(&world, enrollment, kind).await,
            0,
            "{kind}: what the rule itself fired does count"
        );
        world.clock.advance(Duration::hours(1));
        resolve(&world, call).await;
    }
}

async fn a_rule_that_is_tried_again_still_ends_what_it_began(world: World) {
    let enrollment = started(&world).await;
    let oskar = world.staff("oskar");
    saved(&world, &oskar, saying(echo())).await;
    work(&world).await;
    world.clock.advance(Duration::hours(1));
    let call = raise(&world, enrollment).await;
    assert_eq!(flags(&world, enrollment, "echo").await, 1);
    world.clock.advance(Duration::hours(1));
    saved(&world, &oskar, tried(echo())).await;
    work(&world).await;
    assert_eq!(flags(&world, enrollment, "echo").await, 1);
    assert_eq!(
        firings(&world, enrollment).await[1].1,
        Outcome::DryRun,
        "tried, it fires for what is true now"
    );
    world.clock.advance(Duration::hours(1));
    resolve(&world, call).await;
    assert_eq!(flags(&world, enrollment, "echo").await, 0, "its reason has ended");
    world.clock.advance(Duration::hours(1));
    raise(&world, enrollment).await;
    assert_eq!(flags(&world, enrollment, "echo").await, 0);
    assert_eq!(firings(&world, enrollment).await.len(), 3);
}

async fn a_trial_holds_back_no_slot_and_no_reminder_of_its_own(world: World) {
    let enrollment = started(&world).await;
    let oskar = world.staff("oskar");
    let daily = json!({
        "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY",
            "slots": [{ "key": "morning", "at": "12:00" }] } },
        "actions": [{ "dispatchForm": { "form": "check" } }],
    });
    let rule = saved(&world, &oskar, tried(daily)).await;
    work(&world).await;
    // The world begins at 09:00 in Stockholm.
    world.clock.advance(Duration::hours(3));
    work(&world).await;
    let dry = firings(&world, enrollment).await;
    assert!(matches!(dry.as_slice(), [(_, Outcome::DryRun)]), "{dry:?}");
    promoting(&world, &oskar, rule).await.unwrap();
    world.clock.advance(Duration::hours(1));
    work(&world).await;
    assert_eq!(
        firings(&world, enrollment).await.len(),
        1,
        "the time of today has passed"
    );
    world.clock.advance(Duration::days(1));
    work(&world).await;
    let all = firings(&world, enrollment).await;
    assert_eq!(
        all[1..],
        [("enrollmentStart/morning/2026-11-03".to_owned(), Outcome::Done)]
    );
}

async fn an_override_is_tried_and_promoted_with_its_rule(world: World) {
    let enrollment = started(&world).await;
    let (ingrid, oskar) = (world.staff("ingrid"), world.staff("oskar"));
    let late = json!({
        "trigger": { "whenever": {} },
        "condition": { "compare": { "fact": { "programWeek": {} }, "operator": "GTE", "value": 5 } },
        "actions": warning("late"),
    });
    let rule = saved(&world, &oskar, tried(late)).await;
    let own = OverrideRule {
        rule_id: rule,
        unit_id: None,
        enrollment_id: Some(enrollment),
        enabled: None,
        values: vec![leaf("condition.compare.value", 1)],
        reason: "Prövar tidigare".to_owned(),
    };
    let own = overriding(&world, &ingrid, own).await.unwrap().rule_id;
    world.clock.advance(Duration::minutes(1));
    work(&world).await;
    let dry = firings(&world, enrollment).await;
    assert!(matches!(dry.as_slice(), [(_, Outcome::DryRun)]), "{dry:?}");
    assert_eq!(
        refused(promoting(&world, &ingrid, own).await),
        one("OVERRIDES_A_TRIAL", "ruleId")
    );
    assert_eq!(
        refused(promoting(&world, &ingrid, rule).await),
        one("FORBIDDEN", "ruleId")
    );
    assert_eq!(
        refused(promoting(&world, &world.staff("marianne"), rule).await),
        one("NOT_FOUND", "ruleId")
    );
    world.clock.advance(Duration::minutes(1));
    promoting(&world, &oskar, rule).await.unwrap();
    work(&world).await;
    assert_eq!(flags(&world, enrollment, "late").await, 1);
    // Given back, the rule waits for its own week, and the flag goes.
    world.clock.advance(Duration::minutes(1));
    removing(&world, &ingrid, own).await.unwrap();
    work(&world).await;
    assert_eq!(flags(&world, enrollment, "late").await, 0);
}

async fn whom_a_trial_concerned_is_seen_by_who_treats(world: World) {
    let enrollment = started(&world).await;
    let oskar = world.staff("oskar");
    let rule = saved(&world, &oskar, tried(echo())).await;
    work(&world).await;
    for _ in 0..3 {
        world.clock.advance(Duration::hours(1));
        let call = raise(&world, enrollment).await;
        world.clock.advance(Duration::hours(1));
        resolve(&world, call).await;
    }
    let store = &world.store;
    let ingrid = world.staff("ingrid");
    let tried = Some(Outcome::DryRun);
    let page = firing::of_rule(store, &ingrid, rule, tried, 2, None).await.unwrap();
    assert!(page.has_next && page.rows.len() == 2);
    assert!(page.rows[0].1.row.at > page.rows[1].1.row.at, "the latest first");
    assert_eq!(page.rows[0].1.version.number, 1);
    assert_eq!(ingrid.take_trail().len(), 1);
    let after = Some(page.rows[1].0.as_str());
    let rest = firing::of_rule(store, &ingrid, rule, tried, 2, after).await.unwrap();
    assert!(!rest.has_next && rest.rows.len() == 1);
    let done = firing::of_rule(store, &ingrid, rule, Some(Outcome::Done), 2, None)
        .await
        .unwrap();
    assert!(done.rows.is_empty());
    for viewer in [&oskar, &world.staff("marianne"), &world.staff("elin")] {
        let page = firing::of_rule(store, viewer, rule, None, 2, None).await.unwrap();
        assert!(page.rows.is_empty());
        assert!(viewer.take_trail().is_empty());
    }
    let system = firing::of_rule(store, &Viewer::system(), rule, None, 9, None)
        .await
        .unwrap();
    assert_eq!(system.rows.len(), 3);
}
