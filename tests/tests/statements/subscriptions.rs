//! The items of subscriptions.

use serde_json::json;
use tests::{app::TestApp, both_databases, contract, database::Kind};

use super::{morning, raise, write};

/// Any number of messages that come to a citizen: the events, the messages, and one access-log insert.
const MY_ACTIVITY: u64 = 3;
/// Any number of flags that come to a unit: the events, the flags, their enrollments, their citizens, and one access-log insert.
const UNIT_ACTIVITY: u64 = 5;
/// How often a feed may have looked for more meanwhile: by the clock, and not once for each item.
const LOOKS: u64 = 3;

async fn items_of_subscriptions_take_as_many_for_fifty_as_for_five(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    let app = TestApp::start(kind, morning()).await;
    let enrollment = app.enroll(1).await;
    app.work().await;
    let (citizen, therapist, unit) = (app.citizen(1), app.therapist(), app.unit_id().await);
    // Being here is noted once.
    let enrollment_id = app.home(1).await["id"].clone();
    let mut counts = Vec::new();
    for many in [5, 50] {
        let after = app.last_cursor().await;
        write(&app, enrollment, many).await;
        let then = app.last_cursor().await;
        raise(&app, &therapist, &enrollment_id, many).await;
        let before = app.store.statements();
        let mut socket = app.subscribe(&citizen, "MyActivity", json!({ "after": after })).await;
        for _ in 0..many {
            assert_eq!(socket.item().await["myActivity"]["message"]["body"], "Hej");
        }
        let mine = app.store.statements() - before;
        socket.close().await;

        let before = app.store.statements();
        let variables = json!({ "unitId": unit, "after": then });
        let mut socket = app.subscribe(&therapist, "UnitActivity", variables).await;
        for _ in 0..many {
            assert_eq!(socket.item().await["unitActivity"]["flag"]["title"], "En flagga");
        }
        let of_unit = app.store.statements() - before;
        counts.push([mine, of_unit]);
        socket.close().await;
    }
    for [mine, of_unit] in counts {
        assert!((MY_ACTIVITY..=MY_ACTIVITY + LOOKS).contains(&mine), "{mine}");
        assert!((UNIT_ACTIVITY..=UNIT_ACTIVITY + LOOKS).contains(&of_unit), "{of_unit}");
    }
}

both_databases!(items_of_subscriptions_take_as_many_for_fifty_as_for_five);
