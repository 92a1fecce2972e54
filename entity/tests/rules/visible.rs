//! Who sees which rules and how often they fired, and what becomes of a stored rule that cannot be read.

use std::collections::BTreeSet;

use chrono::Duration;
use entity::{
    action::{self, assignment::NewAssignment, enrollment::StartEnrollment, rule::SaveRule},
    assignment::Role,
    firing,
    rule::{self, RuleBook},
    rule_version, simulation,
    viewer::Viewer,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};
use serde_json::json;
use uuid::Uuid;

use crate::{
    common::{ANNA, ERIK, World, on_both, one, refused},
    flagging, row, saved,
};

on_both! {
    a_rule_of_one_enrollment_is_seen_by_who_treats_it,
    firings_are_counted_where_the_viewer_may_look,
    a_version_that_cannot_be_read_is_off_and_the_older_one_stays_over,
    a_rule_of_one_enrollment_is_simulated_by_who_treats_it,
}

async fn block(world: &World, citizen: Uuid) {
    let mut act = world.store.act(&world.citizen(citizen)).await.unwrap();
    action::access_block::set(&mut act, citizen, world.unit).await.unwrap();
    act.commit().await.unwrap();
}

async fn a_rule_of_one_enrollment_is_seen_by_who_treats_it(world: World) {
    let therapist = world.staff("ingrid");
    let (enrollment, citizen) = world.start(&therapist, &world.start_of(ANNA)).await.unwrap();
    let own = SaveRule {
        enrollment_id: Some(enrollment),
        ..flagging()
    };
    let own = saved(&world, &therapist, own).await;
    let of_unit = SaveRule {
        unit_id: Some(world.unit),
        ..flagging()
    };
    let of_unit = saved(&world, &therapist, of_unit).await;

    let sees = async |viewer: &Viewer| {
        let found = rule::find(&world.store, viewer, &[own, of_unit]).await.unwrap();
        (found.contains_key(&own), found.contains_key(&of_unit))
    };
    let (ingrid, oskar) = (world.staff("ingrid"), world.staff("oskar"));
    assert_eq!(sees(&ingrid).await, (true, true));
    assert_eq!(ingrid.take_trail(), BTreeSet::from([citizen]));
    assert_eq!(sees(&oskar).await, (false, true), "a designer sees no citizen");
    assert!(oskar.take_trail().is_empty());
    assert_eq!(sees(&world.staff("elin")).await, (false, false));
    assert_eq!(sees(&Viewer::system()).await, (true, true));
    block(&world, citizen).await;
    assert_eq!(sees(&ingrid).await, (false, true), "the citizen has blocked the unit");
}

async fn firings_are_counted_where_the_viewer_may_look(world: World) {
    let rule = saved(&world, &Viewer::system(), flagging()).await;
    let version = rule_version::Entity::find()
        .one(world.store.connection())
        .await
        .unwrap();
    let version = version.unwrap().id;
    let (here, citizen) = world
        .start(&world.staff("ingrid"), &world.start_of(ANNA))
        .await
        .unwrap();
    let elsewhere = StartEnrollment {
        unit_id: world.other_unit,
        therapist_ids: vec![world.other_therapist],
        ..world.start_of(ERIK)
    };
    let (elsewhere, _) = world.start(&world.staff("elin"), &elsewhere).await.unwrap();
    for (enrollment, occurrence) in [(here, "1"), (here, "2"), (elsewhere, "1")] {
        let fired = firing::Model {
            id: world.store.id(),
            enrollment_id: enrollment,
            rule_key: "risk".to_owned(),
            occurrence: occurrence.to_owned(),
            rule_version_id: version,
            at: world.store.now(),
            fired_at: world.store.now(),
            depth: 0,
            outcome: firing::Outcome::Done.into(),
            trace: json!([]),
        };
        fired
            .into_active_model()
            .reset_all()
            .insert(world.store.connection())
            .await
            .unwrap();
    }
    let program = world.store.directory().programs()["small"].program.id;
    let counts = async |viewer: &Viewer| {
        let found = rule::of_program(&world.store, viewer, program, None, None)
            .await
            .unwrap();
        assert_eq!(found[0].rule.id, rule);
        assert_eq!(found[0].last_fired_at.is_some(), found[0].firings > 0);
        found[0].firings
    };
    assert_eq!(counts(&Viewer::system()).await, 3);
    assert_eq!(counts(&world.staff("ingrid")).await, 2);
    assert_eq!(counts(&world.staff("elin")).await, 1);
    assert_eq!(counts(&world.staff("oskar")).await, 2);
    block(&world, citizen).await;
    assert_eq!(counts(&world.staff("ingrid")).await, 0);
    assert_eq!(
        counts(&world.staff("oskar")).await,
        2,
        "a number of the unit names nobody"
    );
}

async fn a_version_that_cannot_be_read_is_off_and_the_older_one_stays_over(world: World) {
    let (enrollment, _) = world
        .start(&world.staff("ingrid"), &world.start_of(ANNA))
        .await
        .unwrap();
    saved(&world, &Viewer::system(), flagging()).await;
    world.clock.advance(Duration::days(1));
    let renamed = SaveRule {
        name: "Renamed".to_owned(),
        ..flagging()
    };
    saved(&world, &Viewer::system(), renamed).await;
    let newest = world.store.now();
    rule_version::Entity::update_many()
        .set(rule_version::ActiveModel {
            definition: Set(json!({ "of": "another time" })),
            ..<rule_version::ActiveModel as Default>::default()
        })
        .filter(rule_version::Column::Number.eq(2))
        .exec(world.store.connection())
        .await
        .unwrap();

    let connection = world.store.connection();
    let row = row(&world, enrollment).await;
    let since = row.created_at;
    let book = RuleBook::read(connection, std::slice::from_ref(&row), since)
        .await
        .unwrap();
    let set = book.of(&row);
    let active: Vec<_> = set.versions().collect();
    assert_eq!(active.len(), 1);
    assert_eq!(active[0].effective_until, Some(newest));
    let versions = rule_version::Entity::find().order_by_asc(rule_version::Column::Number);
    let versions = versions.all(connection).await.unwrap();
    assert!(book.version(versions[0].id).is_some());
    assert!(book.version(versions[1].id).is_none());
    // Whoever may see the rule reads it all the same, as it was saved.
    let oskar = world.staff("oskar");
    let page = rule::versions(&world.store, &oskar, versions[0].rule_id, 1, None)
        .await
        .unwrap();
    assert!(page.has_next);
    assert_eq!(page.rows[0].1.definition, json!({ "of": "another time" }));
    let after = Some(page.rows[0].0.as_str());
    let page = rule::versions(&world.store, &oskar, versions[0].rule_id, 1, after)
        .await
        .unwrap();
    assert_eq!((page.has_next, page.rows[0].1.number), (false, 1));
    assert!(page.rows[0].1.read().is_some());
    let marianne = world.staff("marianne");
    let page = rule::versions(&world.store, &marianne, versions[0].rule_id, 1, None)
        .await
        .unwrap();
    assert!(page.rows.is_empty());
}

async fn a_rule_of_one_enrollment_is_simulated_by_who_treats_it(world: World) {
    let (enrollment, _) = world
        .start(&world.staff("ingrid"), &world.start_of(ANNA))
        .await
        .unwrap();
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let assignment = NewAssignment {
        staff_id: world.administrator,
        unit_id: Some(world.unit),
        role: Role::UnitAdministrator,
        valid_from: None,
        valid_until: None,
    };
    action::assignment::grant(&mut act, &assignment).await.unwrap();
    act.commit().await.unwrap();
    world.store.refresh().await.unwrap();
    let own = SaveRule {
        enrollment_id: Some(enrollment),
        ..flagging()
    };
    // Seeing the enrollment and the unit's numbers is not seeing what the citizen answered.
    let both = world.staff("marianne");
    let drafted = async |viewer: &Viewer, rule: &SaveRule| {
        let drafted = simulation::draft(&world.store, viewer, world.unit, rule).await;
        drafted.map(|draft| draft.key)
    };
    assert_eq!(drafted(&both, &flagging()).await.unwrap(), "risk");
    assert_eq!(
        refused(drafted(&both, &own).await),
        one("NOT_FOUND", "rule.enrollmentId")
    );
    assert_eq!(drafted(&world.staff("ingrid"), &own).await.unwrap(), "risk");
}
