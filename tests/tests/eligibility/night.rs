//! What comes due in the night leaves in the morning, which is the citizen's.

use chrono::TimeDelta;
use entity::delivery::DeliveryStatus;
use serde_json::json;
use tests::{both_databases, care, database::Kind, world::World};

use super::{at, monday, nudge, statuses};

/// However often a rule came due in the night, one letter leaves in the morning; all of them where it is to catch up with all.
async fn the_night_makes_no_pile(kind: Kind) {
    for (catch_up, letters) in [("ONCE", 1), ("ALL", 3)] {
        let world = World::without_program(kind, monday()).await;
        care::import_content(&world.store).await;
        let slots = ["22:00", "23:00", "23:30"].map(|at| json!({ "key": at.replace(':', "-"), "at": at }));
        let rule = json!({ "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "slots": slots } },
            "actions": [{ "remind": { "template": "come-back", "channels": ["EMAIL"], "audience": "CITIZEN" } }],
            "limits": { "catchUp": catch_up } });
        care::save_rule(&world.store, "pile", rule).await;
        world.enroll(1).await;
        world.run_until(at("2027-03-02T12:00:00Z")).await;
        assert_eq!(world.mail().len(), letters, "{catch_up}");
        let superseded = (DeliveryStatus::Skipped, Some("SUPERSEDED".to_owned()));
        let found = statuses(&world).await;
        assert_eq!(found.len(), 3);
        assert_eq!(found.iter().filter(|one| **one == superseded).count(), 3 - letters);
        assert_eq!(found[2].0, DeliveryStatus::Sent, "the last of them stands");
    }
}

/// The night is the citizen's, in the zone of the enrollment, over a change of the clocks; what is urgent leaves at once.
async fn the_morning_is_local_over_a_clock_change(kind: Kind) {
    // The clocks go forward in the night to Sunday 28 March 2027.
    let world = World::without_program(kind, at("2027-03-27T09:00:00Z")).await;
    care::import_content(&world.store).await;
    care::save_rule(&world.store, "nudge", nudge()).await;
    let mut urgent = nudge();
    urgent["limits"] = json!({ "quietHours": "BYPASS" });
    care::save_rule(&world.store, "urgent", urgent).await;
    world.enroll(1).await;
    world.run_until(at("2027-03-27T21:00:00Z")).await;
    assert_eq!(world.mail().len(), 1, "the urgent one");
    world.run_until(at("2027-03-28T04:59:59Z")).await;
    assert_eq!(world.mail().len(), 1);
    // Seven in the morning is five in UTC from that day on.
    world
        .run_until(at("2027-03-28T05:00:00Z") + TimeDelta::seconds(1))
        .await;
    assert_eq!(world.mail().len(), 2);
}

both_databases!(the_night_makes_no_pile, the_morning_is_local_over_a_clock_change);
