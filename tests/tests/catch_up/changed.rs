//! What was changed meanwhile: a rule edited or switched off, an enrollment over.

use entity::{applies::SkipReason, dispatch::DispatchStatus, enrollment};
use rules::facts::Status;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{both_databases, care, database::Kind, world::World};

use crate::{Fate, at, come_back, dispatches, down, fired_after, mails, march, reminders, start};

/// Every morning from the 25th, an encouragement and a form.
fn every_morning(policy: &str, template: &str) -> Value {
    let slots = json!([{ "key": "morning", "at": "08:00" }]);
    let schedule = json!({ "anchor": { "date": { "date": "2027-03-25" } }, "repeat": "FREQ=DAILY", "slots": slots });
    let remind = json!({ "remind": { "template": template, "audience": "CITIZEN" } });
    json!({ "trigger": { "schedule": schedule }, "actions": [remind, { "dispatchForm": { "form": "diary", "remindAfter": ["P1D", "P2D"] } }],
        "limits": { "catchUp": policy.to_uppercase() } })
}

async fn an_edit_meanwhile_makes_no_second_one(kind: Kind) {
    let world = World::without_program(kind, start()).await;
    care::import_content(&world.store).await;
    for policy in ["once", "all", "skip"] {
        care::save_rule(&world.store, policy, every_morning(policy, "come-back")).await;
    }
    let person = world.enroll(1).await;
    world.run_until(down()).await;
    world.clock.set(march(28, "12:00"));
    for policy in ["once", "all", "skip"] {
        care::save_rule(&world.store, policy, every_morning(policy, "form-waiting")).await;
    }
    come_back(&world).await;
    let rows = fired_after(&world, person, down()).await;
    let days = |rule: &str| -> Vec<&str> {
        let rows = rows.iter().filter(|row| row.rule_key == rule);
        rows.map(|row| row.occurrence.rsplit_once("-").unwrap().1).collect()
    };
    assert_eq!(days("all"), ["25", "26", "27", "28", "29", "30", "31"]);
    assert_eq!(days("once"), ["31"]);
    assert!(days("skip").is_empty());
}

async fn nobody_is_reminded_by_a_rule_that_was_switched_off_meanwhile(kind: Kind) {
    let world = World::without_program(kind, start()).await;
    care::import_content(&world.store).await;
    for policy in ["once", "all"] {
        care::save_rule(&world.store, policy, every_morning(policy, "come-back")).await;
    }
    let person = world.enroll(1).await;
    world.run_until(down()).await;
    world.clock.set(march(28, "12:00"));
    for policy in ["once", "all"] {
        care::switch_off(&world.store, policy, every_morning(policy, "come-back")).await;
    }
    come_back(&world).await;
    for row in reminders(&world, person).await {
        assert_eq!(Fate::of(&row), Fate::Skipped(SkipReason::RuleOff));
    }
    assert!(mails(&world).is_empty());
}

async fn nothing_goes_out_where_the_program_ended_or_rests_meanwhile(kind: Kind) {
    // Ten weeks after this day is the 28th of March, twelve o'clock.
    let world = World::without_program(kind, at("2027-01-17 12:00")).await;
    care::import_content(&world.store).await;
    for policy in ["once", "all"] {
        care::save_rule(&world.store, policy, every_morning(policy, "come-back")).await;
    }
    let [ending, leaving] = [world.enroll(1).await, world.enroll(2).await];
    world.run_until(start()).await;
    let resting = world.enroll(3).await;
    world.run_until(down()).await;
    world.clock.set(march(27, "12:00"));
    care::change_status(&world.store, leaving, Status::Withdrawn, None).await;
    care::change_status(&world.store, resting, Status::Paused, None).await;
    come_back(&world).await;
    for (person, status, open, reason) in [
        (ending, Status::Completed, DispatchStatus::Cancelled, SkipReason::Ended),
        (leaving, Status::Withdrawn, DispatchStatus::Cancelled, SkipReason::Ended),
        // What was to be sent before the pause can be answered after it.
        (resting, Status::Paused, DispatchStatus::Available, SkipReason::Paused),
    ] {
        let row = enrollment::Entity::find_by_id(person)
            .one(world.store.connection())
            .await;
        assert_eq!(row.unwrap().unwrap().status.0, status);
        for row in dispatches(&world, person).await {
            assert_eq!(row.status.0, open, "{row:?}");
        }
        let told = reminders(&world, person).await;
        assert!(!told.is_empty(), "it was decided for the days before");
        for row in told {
            assert_eq!(Fate::of(&row), Fate::Skipped(reason), "{status:?}");
        }
    }
    assert!(mails(&world).is_empty(), "{:?}", mails(&world));
}

both_databases!(
    an_edit_meanwhile_makes_no_second_one,
    nobody_is_reminded_by_a_rule_that_was_switched_off_meanwhile,
    nothing_goes_out_where_the_program_ended_or_rests_meanwhile
);
