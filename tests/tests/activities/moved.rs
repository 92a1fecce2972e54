//! An activity is not changed from a day on by which one of its days before would be lost: one that was moved to that day or later.

use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases,
    client::{done, one, refused},
    database::Kind,
};

use super::{days, on, started, walking};

const MARCH: (&str, &str) = ("2027-03-01T00:00:00Z", "2027-03-15T00:00:00Z");

/// The therapist has the activity come earlier from a day on.
async fn change(app: &TestApp, activity: &str, from: &str) -> Value {
    let input = json!({ "activityId": activity, "from": from, "time": "08:00" });
    let fields = "activity { startsOn time replaces { id } }";
    app.client
        .mutate(&app.therapist(), "changeActivity", input, fields)
        .await
}

/// Somebody walks on Mondays and Thursdays; the first Thursday is moved to Tuesday of the week after.
async fn moved(app: &TestApp, enrollment: &str) -> String {
    let walk = walking(app, enrollment).await;
    let input = json!({ "activityId": walk, "occurrence": "2027-03-04", "to": "2027-03-09", "reason": "Resa" });
    let fields = "occurrence { movedTo }";
    let data = app
        .client
        .mutate(&app.therapist(), "moveOccurrence", input, fields)
        .await;
    assert_eq!(done(&data)["occurrence"]["movedTo"], "2027-03-09");
    walk
}

async fn a_day_that_was_moved_beyond_is_not_lost(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let walk = moved(&app, &enrollment).await;
    let planned = on(&[
        ("2027-03-01", "03-01 16:30"),
        ("2027-03-08", "03-08 16:30"),
        ("2027-03-04", "03-09 16:30"),
        ("2027-03-11", "03-11 16:30"),
    ]);
    assert_eq!(days(&app, &enrollment, MARCH.0, MARCH.1).await, planned);
    for from in ["2027-03-05", "2027-03-08", "2027-03-09"] {
        assert_eq!(
            refused(&change(&app, &walk, from).await),
            one("MOVED", "from"),
            "{from}"
        );
    }
    assert_eq!(days(&app, &enrollment, MARCH.0, MARCH.1).await, planned);

    // From the day after, it has been.
    let data = change(&app, &walk, "2027-03-10").await;
    let changed = json!({ "startsOn": "2027-03-11", "time": "08:00", "replaces": { "id": walk } });
    assert_eq!(done(&data)["activity"], changed);
    let mut later = planned[..3].to_vec();
    later.extend(on(&[("2027-03-11", "03-11 07:00")]));
    assert_eq!(days(&app, &enrollment, MARCH.0, MARCH.1).await, later);
}

async fn a_day_that_was_moved_goes_along_or_is_cancelled_first(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let walk = moved(&app, &enrollment).await;
    // From that day on, also where it was moved.
    let data = change(&app, &walk, "2027-03-04").await;
    assert_eq!(done(&data)["activity"]["startsOn"], "2027-03-04");
    let moved_along = on(&[
        ("2027-03-01", "03-01 16:30"),
        ("2027-03-08", "03-08 07:00"),
        ("2027-03-04", "03-09 07:00"),
        ("2027-03-11", "03-11 07:00"),
    ]);
    assert_eq!(days(&app, &enrollment, MARCH.0, MARCH.1).await, moved_along);

    let (app, _, enrollment) = started(kind).await;
    let walk = moved(&app, &enrollment).await;
    let input = json!({ "activityId": walk, "occurrence": "2027-03-04", "reason": "Hinner inte" });
    done(
        &app.client
            .mutate(&app.therapist(), "cancelOccurrence", input, "activity { id }")
            .await,
    );
    done(&change(&app, &walk, "2027-03-08").await);
    let without = on(&[
        ("2027-03-01", "03-01 16:30"),
        ("2027-03-08", "03-08 07:00"),
        ("2027-03-11", "03-11 07:00"),
    ]);
    assert_eq!(days(&app, &enrollment, MARCH.0, MARCH.1).await, without);
}

both_databases!(
    a_day_that_was_moved_beyond_is_not_lost,
    a_day_that_was_moved_goes_along_or_is_cancelled_first,
);
