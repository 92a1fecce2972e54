//! Overriding a rule for a unit or one enrollment, and giving its place back.

use chrono::{DateTime, Duration, Utc};
use entity::{
    action::{
        enrollment::StartEnrollment,
        rule::{OverrideRule, SaveRule},
    },
    rule, rule_version,
    viewer::{Actor, Viewer},
};
use rules::{
    answer::Answer,
    definition::{Condition, RuleDefinition},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    common::{ANNA, ERIK, World, on_both, one, refused},
    flagging, leaf, overriding, removing, rules_of, saved, saving, saying,
};

on_both! {
    a_narrower_rule_stands_before_the_wider_one_and_gives_its_place_back,
    a_rule_that_is_saved_anew_takes_its_overrides_along,
    an_override_that_no_longer_fits_goes_on_and_is_told_of,
    what_makes_no_sense_is_refused_at_its_field,
    what_one_may_not_change_is_not_there,
    a_rule_of_its_own_is_no_override,
}

const THRESHOLD: &str = "condition.all.0.compare.value";

fn scored(threshold: i64) -> Value {
    json!({
        "trigger": { "event": { "formCompleted": { "form": "check" } } },
        "condition": { "all": [
            { "compare": { "fact": { "score": { "form": "check", "scale": "total" } }, "operator": "GTE", "value": threshold } },
        ] },
        "actions": [{ "raiseFlag": { "kind": "high", "severity": "WARNING", "title": "High", "audience": "STAFF" } }],
        "limits": { "cooldown": "P7D" },
    })
}

fn threshold(definition: &RuleDefinition) -> f64 {
    match &definition.condition {
        Some(Condition::All(parts)) => match &parts[0] {
            Condition::Compare(compare) => match compare.value {
                Answer::Number(number) => number,
                _ => panic!("{compare:?}"),
            },
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn of_unit(world: &World, rule: Uuid, value: i64) -> OverrideRule {
    OverrideRule {
        rule_id: rule,
        unit_id: Some(world.unit),
        enrollment_id: None,
        enabled: None,
        values: vec![leaf(THRESHOLD, value)],
        reason: "Äldre patienter".to_owned(),
    }
}

fn of_enrollment(world: &World, rule: Uuid, enrollment: Uuid, value: i64) -> OverrideRule {
    OverrideRule {
        unit_id: None,
        enrollment_id: Some(enrollment),
        ..of_unit(world, rule, value)
    }
}

/// What holds in an enrollment now: the threshold, and whether the rule is on.
async fn now(world: &World, enrollment: Uuid) -> (f64, bool) {
    let now = world.store.now();
    let set = rules_of(world, enrollment, now).await;
    let rule = set.in_effect("risk", now).unwrap();
    (threshold(&rule.definition), rule.enabled)
}

async fn versions(world: &World, rule: Uuid) -> Vec<rule_version::Model> {
    let rows = rule_version::Entity::find()
        .filter(rule_version::Column::RuleId.eq(rule))
        .order_by_asc(rule_version::Column::Number);
    rows.all(world.store.connection()).await.unwrap()
}

async fn two(world: &World) -> (Uuid, Uuid) {
    let (here, _) = world
        .start(&world.staff("ingrid"), &world.start_of(ANNA))
        .await
        .unwrap();
    let elsewhere = StartEnrollment {
        unit_id: world.other_unit,
        therapist_ids: vec![world.other_therapist],
        ..world.start_of(ERIK)
    };
    let (elsewhere, _) = world.start(&world.staff("elin"), &elsewhere).await.unwrap();
    (here, elsewhere)
}

async fn a_narrower_rule_stands_before_the_wider_one_and_gives_its_place_back(world: World) {
    let (here, elsewhere) = two(&world).await;
    let (ingrid, oskar) = (world.staff("ingrid"), world.staff("oskar"));
    let start = world.store.now();
    let day = |n: i64| start + Duration::days(n);
    let rule = saved(&world, &oskar, saying(scored(5))).await;
    world.clock.set(day(1));
    let unit = overriding(&world, &ingrid, of_unit(&world, rule, 8))
        .await
        .unwrap()
        .rule_id;
    assert_ne!(unit, rule);
    assert_eq!(now(&world, here).await, (8.0, true));
    assert_eq!(now(&world, elsewhere).await, (5.0, true));

    world.clock.set(day(2));
    let own = overriding(&world, &ingrid, of_enrollment(&world, rule, here, 3))
        .await
        .unwrap()
        .rule_id;
    assert_eq!(now(&world, here).await, (3.0, true));
    world.clock.set(day(3));
    assert_eq!(removing(&world, &ingrid, own).await.unwrap().rule_id, own);
    assert_eq!(now(&world, here).await, (8.0, true));
    world.clock.set(day(4));
    removing(&world, &ingrid, unit).await.unwrap();
    removing(&world, &ingrid, unit).await.unwrap();
    assert_eq!(now(&world, here).await, (5.0, true));
    world.clock.set(day(5));
    let off = OverrideRule {
        enabled: Some(false),
        values: Vec::new(),
        ..of_enrollment(&world, rule, here, 0)
    };
    assert_eq!(overriding(&world, &ingrid, off).await.unwrap().rule_id, own);
    assert_eq!(now(&world, here).await, (5.0, false));
    assert_eq!(now(&world, elsewhere).await, (5.0, true));

    // Each held in its time, and in none besides.
    let times = async |since: DateTime<Utc>| {
        let set = rules_of(&world, here, since).await;
        let pieces = set.versions().map(|piece| {
            let days = |at: DateTime<Utc>| (at - start).num_days();
            (
                threshold(&piece.definition),
                days(piece.effective_from),
                piece.effective_until.map(days),
            )
        });
        pieces.collect::<Vec<_>>()
    };
    let held = [
        (5.0, 0, Some(1)),
        (8.0, 1, Some(2)),
        (3.0, 2, Some(3)),
        (8.0, 3, Some(4)),
        (5.0, 4, Some(5)),
        (5.0, 5, None),
    ];
    assert_eq!(times(start - Duration::days(1)).await, held);
    // What is over is not even read.
    assert_eq!(times(day(4)).await, &held[4..]);
    assert_eq!(times(day(3) + Duration::hours(1)).await, &held[3..]);

    // Who, when and why can be read ever after, by those who may see the rule.
    let history = versions(&world, own).await;
    let told: Vec<_> = history
        .iter()
        .map(|version| (version.number, version.withdrawn, version.enabled, version.actor.0))
        .collect();
    let she = Actor::Staff(world.therapist);
    assert_eq!(
        told,
        [(1, false, true, she), (2, true, false, she), (3, false, false, she)]
    );
    let reasons: Vec<_> = history
        .iter()
        .map(|version| world.store.keyring().open(version.reason.as_ref().unwrap()).unwrap())
        .collect();
    assert_eq!(reasons, ["Äldre patienter", "Behövs inte längre", "Äldre patienter"]);
    let wide = rule::find(&world.store, &ingrid, &[rule])
        .await
        .unwrap()
        .remove(&rule)
        .unwrap();
    let names = async |viewer: &Viewer, withdrawn: bool| {
        let page = rule::narrower(&world.store, viewer, &wide.rule, withdrawn, 10, None)
            .await
            .unwrap();
        page.rows.into_iter().map(|(_, row)| row.rule.id).collect::<Vec<_>>()
    };
    assert_eq!(names(&ingrid, false).await, [own]);
    assert_eq!(names(&ingrid, true).await, [unit, own]);
    assert_eq!(names(&oskar, true).await, [unit], "a designer sees no citizen");
    assert_eq!(names(&world.staff("elin"), true).await, [] as [Uuid; 0]);
    let row = rule::find(&world.store, &ingrid, &[own])
        .await
        .unwrap()
        .remove(&own)
        .unwrap();
    let mut wider = rule::wider(&world.store, &ingrid, &[row.rule.id]).await.unwrap();
    let wider = wider.remove(&row.rule.id).unwrap();
    assert_eq!(wider.rule.id, rule, "that of the unit is withdrawn");
}

async fn a_rule_that_is_saved_anew_takes_its_overrides_along(world: World) {
    let (here, elsewhere) = two(&world).await;
    let (ingrid, oskar) = (world.staff("ingrid"), world.staff("oskar"));
    let rule = saved(&world, &oskar, saying(scored(5))).await;
    let unit = overriding(&world, &ingrid, of_unit(&world, rule, 8))
        .await
        .unwrap()
        .rule_id;
    // On top of the unit's: its threshold stands, and another cooldown.
    let cooler = OverrideRule {
        enabled: Some(true),
        values: vec![leaf("limits.cooldown", "P1D")],
        ..of_enrollment(&world, rule, here, 0)
    };
    let own = overriding(&world, &ingrid, cooler).await.unwrap().rule_id;
    assert_eq!(now(&world, here).await, (8.0, true));

    world.clock.advance(Duration::days(1));
    let renamed = SaveRule {
        name: "Renamed".to_owned(),
        enabled: false,
        ..saying(scored(6))
    };
    assert_eq!(saving(&world, &oskar, renamed.clone()).await.warnings, []);
    assert_eq!(now(&world, elsewhere).await, (6.0, false));
    let of_unit = versions(&world, unit).await.pop().unwrap();
    assert_eq!(
        (of_unit.number, of_unit.enabled),
        (2, false),
        "it follows where nothing else was said"
    );
    assert_eq!(threshold(&of_unit.read().unwrap()), 8.0);
    let of_own = versions(&world, own).await.pop().unwrap();
    assert_eq!(
        (of_own.number, of_own.enabled, of_own.name.as_str()),
        (2, true, "Renamed")
    );
    assert_eq!(
        of_own.actor.0,
        Actor::Staff(world.therapist),
        "it is still hers who overrode"
    );
    let reason = world.store.keyring().open(&of_own.reason.clone().unwrap()).unwrap();
    assert_eq!(reason, "Äldre patienter");
    let definition = of_own.read().unwrap();
    assert_eq!(
        threshold(&definition),
        8.0,
        "what the unit overrides holds in its enrollments, too"
    );
    assert_eq!(definition.limits.cooldown.unwrap().to_string(), "P1D");

    // Saved again as it is, nothing is written, here or there.
    saving(&world, &oskar, renamed).await;
    assert_eq!(
        [versions(&world, rule).await.len(), versions(&world, own).await.len()],
        [2, 2]
    );
    // And when the unit no longer overrides, its enrollments override the program's.
    world.clock.advance(Duration::days(1));
    removing(&world, &ingrid, unit).await.unwrap();
    assert_eq!(now(&world, here).await, (6.0, true));
    let cooldown = versions(&world, own)
        .await
        .pop()
        .unwrap()
        .read()
        .unwrap()
        .limits
        .cooldown;
    assert_eq!(cooldown.unwrap().to_string(), "P1D");
}

async fn an_override_that_no_longer_fits_goes_on_and_is_told_of(world: World) {
    let (here, _) = two(&world).await;
    let (ingrid, oskar) = (world.staff("ingrid"), world.staff("oskar"));
    let rule = saved(&world, &oskar, saying(scored(5))).await;
    let unit = overriding(&world, &ingrid, of_unit(&world, rule, 8))
        .await
        .unwrap()
        .rule_id;
    let own = overriding(&world, &ingrid, of_enrollment(&world, rule, here, 3))
        .await
        .unwrap()
        .rule_id;

    world.clock.advance(Duration::days(1));
    let mut other = scored(5);
    // An age of eight years would be another rule.
    other["condition"]["all"][0]["compare"]["fact"] = json!({ "age": {} });
    other["condition"]["all"][0]["compare"]["value"] = 65.into();
    let changed = saving(&world, &oskar, saying(other)).await;
    let [warning] = changed.warnings.as_slice() else {
        panic!("{:?}", changed.warnings);
    };
    assert_eq!(warning.code, "OVERRIDE_STALE");
    assert!(
        warning.message.contains("Solen") && warning.message.contains(THRESHOLD),
        "{warning:?}"
    );
    let newest = versions(&world, rule).await.pop().unwrap();
    assert_eq!(newest.number, 2, "the rule is saved all the same");
    let of_unit = versions(&world, unit).await.pop().unwrap();
    assert_eq!(threshold(&of_unit.read().unwrap()), 8.0);
    assert!(
        matches!(&of_unit.read().unwrap().condition, Some(Condition::All(parts)) if format!("{parts:?}").contains("Score"))
    );
    assert!(of_unit.overriding().unwrap().stale.is_some());
    assert_eq!(now(&world, here).await, (3.0, true));
    // What the enrollment overrides is what the unit goes on saying: that fits.
    assert_eq!(
        versions(&world, own).await.pop().unwrap().overriding().unwrap().stale,
        None
    );

    // As it was before, it fits again.
    world.clock.advance(Duration::days(1));
    let back = saving(&world, &oskar, saying(scored(4))).await;
    assert_eq!(back.warnings, []);
    let of_unit = versions(&world, unit).await.pop().unwrap();
    assert_eq!((of_unit.number, of_unit.overriding().unwrap().stale), (3, None));
    assert_eq!(threshold(&of_unit.read().unwrap()), 8.0);
}

async fn what_makes_no_sense_is_refused_at_its_field(world: World) {
    let (here, _) = two(&world).await;
    let (ingrid, oskar) = (world.staff("ingrid"), world.staff("oskar"));
    let rule = saved(&world, &oskar, saying(scored(5))).await;
    let with = |values: Vec<rules::overrides::Leaf>| OverrideRule {
        values,
        ..of_unit(&world, rule, 8)
    };
    let cooldown = || leaf("limits.cooldown", "P1D");
    for (wanted, code, path) in [
        (with(Vec::new()), "REQUIRED", "values"),
        (with(vec![leaf("limits.grace", "P1D")]), "UNKNOWN_PATH", "values.0.path"),
        (
            with(vec![cooldown(), leaf("actions.0.raiseFlag.severity", "URGENT")]),
            "NOT_OVERRIDABLE",
            "values.1.path",
        ),
        (with(vec![cooldown(), cooldown()]), "DUPLICATE", "values.1.path"),
        (
            with(vec![cooldown(), leaf(THRESHOLD, 11)]),
            "OUT_OF_REACH",
            "values.1.value",
        ),
        (with(vec![leaf(THRESHOLD, "eight")]), "WRONG_TYPE", "values.0.value"),
        (with(vec![leaf("limits.cooldown", "soon")]), "INVALID", "values.0.value"),
        (
            with(vec![leaf("limits.cooldown", "PT0S")]),
            "NOT_POSITIVE",
            "values.0.value",
        ),
        (with((0..101).map(|_| cooldown()).collect()), "TOO_MANY", "values"),
        (
            OverrideRule {
                reason: " ".to_owned(),
                ..with(vec![cooldown()])
            },
            "REQUIRED",
            "reason",
        ),
        (
            OverrideRule {
                unit_id: None,
                ..with(vec![cooldown()])
            },
            "REQUIRED",
            "unitId",
        ),
    ] {
        let told = format!("{wanted:?}");
        assert_eq!(
            refused(overriding(&world, &ingrid, wanted).await),
            one(code, path),
            "{told}"
        );
    }
    let several = OverrideRule {
        reason: String::new(),
        ..with(Vec::new())
    };
    assert_eq!(
        refused(overriding(&world, &ingrid, several).await),
        [one("REQUIRED", "reason"), one("REQUIRED", "values")].concat(),
        "everything at once"
    );
    assert_eq!(
        refused(removing(&world, &oskar, rule).await),
        one("NOT_AN_OVERRIDE", "ruleId")
    );
    let rows = rule::Entity::find().all(world.store.connection()).await.unwrap();
    assert_eq!(rows.len(), 1, "nothing was left behind");
    assert_eq!(now(&world, here).await, (5.0, true));
}

async fn what_one_may_not_change_is_not_there(world: World) {
    let (here, elsewhere) = two(&world).await;
    let (ingrid, elin, oskar) = (world.staff("ingrid"), world.staff("elin"), world.staff("oskar"));
    let rule = saved(&world, &oskar, saying(scored(5))).await;
    let unit = overriding(&world, &ingrid, of_unit(&world, rule, 8))
        .await
        .unwrap()
        .rule_id;
    let own = overriding(&world, &ingrid, of_enrollment(&world, rule, here, 3))
        .await
        .unwrap()
        .rule_id;
    let citizen = world.citizen(crate::row(&world, here).await.citizen_id);
    let (marianne, nobody) = (world.staff("marianne"), Uuid::from_u128(1));

    let by = async |viewer: &Viewer, wanted: OverrideRule| refused(overriding(&world, viewer, wanted).await);
    assert_eq!(by(&elin, of_unit(&world, rule, 7)).await, one("NOT_FOUND", "unitId"));
    assert_eq!(by(&elin, of_unit(&world, unit, 7)).await, one("NOT_FOUND", "ruleId"));
    assert_eq!(
        by(&elin, of_enrollment(&world, rule, here, 7)).await,
        one("NOT_FOUND", "enrollmentId")
    );
    assert_eq!(
        by(&ingrid, of_enrollment(&world, rule, elsewhere, 7)).await,
        one("NOT_FOUND", "enrollmentId")
    );
    assert_eq!(
        by(&oskar, of_enrollment(&world, rule, here, 7)).await,
        one("NOT_FOUND", "enrollmentId")
    );
    assert_eq!(
        by(&marianne, of_unit(&world, rule, 7)).await,
        one("NOT_FOUND", "ruleId")
    );
    assert_eq!(
        by(&citizen, of_enrollment(&world, rule, here, 7)).await,
        one("NOT_FOUND", "ruleId")
    );
    assert_eq!(
        by(&ingrid, of_unit(&world, nobody, 7)).await,
        one("NOT_FOUND", "ruleId")
    );
    assert_eq!(
        by(&ingrid, of_enrollment(&world, rule, nobody, 7)).await,
        one("NOT_FOUND", "enrollmentId")
    );
    for (viewer, id) in [
        (&elin, unit),
        (&elin, own),
        (&oskar, own),
        (&marianne, unit),
        (&citizen, own),
    ] {
        assert_eq!(refused(removing(&world, viewer, id).await), one("NOT_FOUND", "ruleId"));
    }
    assert_eq!(now(&world, here).await, (3.0, true));
    // A designer writes rules of their unit, as of the program.
    assert!(overriding(&world, &oskar, of_unit(&world, rule, 7)).await.is_ok());
    assert!(removing(&world, &Viewer::system(), own).await.is_ok());
    assert_eq!(now(&world, here).await, (7.0, true));
}

async fn a_rule_of_its_own_is_no_override(world: World) {
    let (here, _) = two(&world).await;
    let (ingrid, oskar) = (world.staff("ingrid"), world.staff("oskar"));
    let rule = saved(&world, &oskar, saying(scored(5))).await;
    let of_its_own = SaveRule {
        unit_id: Some(world.unit),
        ..saying(scored(9))
    };
    let own = saved(&world, &ingrid, of_its_own.clone()).await;
    let refusal = refused(overriding(&world, &ingrid, of_unit(&world, rule, 8)).await);
    assert_eq!(refusal, one("RULE_OF_ITS_OWN", "ruleId"));
    saving(&world, &oskar, saying(scored(4))).await;
    assert_eq!(now(&world, here).await, (9.0, true), "it does not follow the program's");
    // But it can be withdrawn, and then be overridden instead.
    removing(&world, &ingrid, own).await.unwrap();
    assert_eq!(now(&world, here).await, (4.0, true));
    assert_eq!(
        overriding(&world, &ingrid, of_unit(&world, rule, 8))
            .await
            .unwrap()
            .rule_id,
        own
    );
    assert_eq!(now(&world, here).await, (8.0, true));
    // Saved in full, it is one of its own again.
    saving(&world, &ingrid, of_its_own).await;
    saving(&world, &oskar, saying(scored(5))).await;
    assert_eq!(now(&world, here).await, (9.0, true));

    let alone = SaveRule {
        unit_id: Some(world.unit),
        key: "alone".to_owned(),
        ..flagging()
    };
    let alone = saved(&world, &ingrid, alone).await;
    assert_eq!(
        refused(removing(&world, &ingrid, alone).await),
        one("NOT_AN_OVERRIDE", "ruleId")
    );
    let nothing_wider = refused(overriding(&world, &ingrid, of_unit(&world, alone, 8)).await);
    assert_eq!(nothing_wider, one("RULE_OF_ITS_OWN", "ruleId"));
    let programs = rule::of_program(
        &world.store,
        &ingrid,
        world.store.directory().programs()["small"].program.id,
        Some(world.unit),
        Some(here),
    );
    let keys: Vec<_> = programs
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.rule.key, row.rule.scope))
        .collect();
    let here = world.unit.to_string();
    let wanted = [("alone", &here), ("risk", &here), ("risk", &"program".to_owned())];
    assert_eq!(keys, wanted.map(|(key, scope)| (key.to_owned(), scope.clone())));
}
