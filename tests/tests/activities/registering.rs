//! What citizens register of what they did and measured, and who is told.

use chrono::TimeDelta;
use rules::facts::Status;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, one, refused},
    database::Kind,
};

use super::{shown, started, walking};

async fn ratings_are_whole_numbers_to_ten(kind: Kind) {
    let (app, row, enrollment) = started(kind).await;
    let citizen = app.citizen(1);
    let walk_id = walking(&app, &enrollment).await;
    let register = async |rating: Value, before: Value| {
        let input = json!({ "activityId": walk_id, "occurrence": "2027-03-01", "done": false, "note": "Orkade inte.",
            "rating": rating, "ratingBefore": before });
        app.client
            .mutate(
                &citizen,
                "registerActivity",
                input,
                "entry { done note rating ratingBefore }",
            )
            .await
    };
    assert_eq!(
        refused(&register(json!(11), json!(-1)).await),
        [one("OUT_OF_RANGE", "rating"), one("OUT_OF_RANGE", "ratingBefore")].concat()
    );
    let entry = done(&register(json!(0), json!(10)).await)["entry"].clone();
    assert_eq!(
        entry,
        json!({ "done": false, "note": "Orkade inte.", "rating": 0, "ratingBefore": 10 })
    );
    // Registered, though not done, is not missed.
    app.advance(TimeDelta::days(1)).await;
    let shown = shown(
        &app,
        &citizen,
        &enrollment,
        "2027-03-01T00:00:00Z",
        "2027-03-02T00:00:00Z",
    )
    .await;
    assert_eq!(
        (&shown["activities"][0]["missed"], &shown["activities"][0]["done"]),
        (&json!(false), &json!(false))
    );
    care::change_status(&app.store, row, Status::Paused, None).await;
    assert_eq!(refused(&register(json!(1), json!(1)).await), one("NOT_ACTIVE", ""));
    care::change_status(&app.store, row, Status::Completed, None).await;
    assert_eq!(refused(&register(json!(1), json!(1)).await), one("ENDED", ""));
}

async fn what_is_measured_is_registered_corrected_and_taken_back(kind: Kind) {
    let (app, row, enrollment) = started(kind).await;
    app.enroll(2).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let fields = "measurement { id kind value at note supersededAt corrects { id value supersededAt } }";
    let register = async |token: &str, input: Value| {
        let mut input = input;
        input["enrollmentId"] = enrollment.clone().into();
        app.client.mutate(token, "registerMeasurement", input, fields).await
    };
    let kinds = "query($id: ID!) { enrollment(id: $id) {
        measurementKinds { key title unit { code label } min max decimals } features { citizenPlansActivities } } }";
    let configured = app
        .client
        .query(&citizen, kinds, json!({ "id": enrollment }))
        .await
        .data()["enrollment"]
        .clone();
    assert_eq!(
        configured["measurementKinds"][1],
        json!({ "key": "steps", "title": "Steg", "unit": { "code": "{steps}", "label": "steg" }, "min": 0.0, "max": 100_000.0, "decimals": 0 })
    );
    assert_eq!(configured["features"]["citizenPlansActivities"], true);

    let monday = done(
        &register(
            &citizen,
            json!({ "kind": "weight", "value": 72.4, "note": "Efter frukost" }),
        )
        .await,
    )["measurement"]
        .clone();
    assert_eq!(
        (&monday["value"], &monday["note"]),
        (&json!(72.4), &json!("Efter frukost"))
    );
    let earlier = json!({ "kind": "weight", "value": 73.1, "at": "2027-02-22T07:00:00Z" });
    let earlier = done(&register(&citizen, earlier).await)["measurement"].clone();
    done(&register(&citizen, json!({ "kind": "steps", "value": 8_000 })).await);
    for (input, code, path) in [
        (json!({ "kind": "pulse", "value": 60 }), "NO_SUCH_KIND", "kind"),
        (json!({ "kind": "weight", "value": 19.9 }), "OUT_OF_RANGE", "value"),
        (json!({ "kind": "weight", "value": 300.1 }), "OUT_OF_RANGE", "value"),
        (json!({ "kind": "weight", "value": 72.45 }), "TOO_PRECISE", "value"),
        (json!({ "kind": "steps", "value": 0.5 }), "TOO_PRECISE", "value"),
        (
            json!({ "kind": "weight", "value": 72, "at": "2027-03-01T09:00:01Z" }),
            "NOT_YET",
            "at",
        ),
        (
            json!({ "kind": "weight", "value": 72, "at": "2026-01-01T00:00:00Z" }),
            "TOO_LONG_AGO",
            "at",
        ),
        (
            json!({ "kind": "weight", "value": 72, "note": "å".repeat(10_001) }),
            "TOO_LONG",
            "note",
        ),
    ] {
        assert_eq!(
            refused(&register(&citizen, input.clone()).await),
            one(code, path),
            "{input}"
        );
    }
    let weight = json!({ "kind": "weight", "value": 72 });
    assert_eq!(
        refused(&register(&therapist, weight.clone()).await),
        one("NOT_ALLOWED", "")
    );
    assert_eq!(
        refused(&register(&app.citizen(2), weight.clone()).await),
        one("NOT_FOUND", "enrollmentId")
    );

    // A correction takes its place, and what was there is kept; what was taken back counts no more.
    let correct = json!({ "measurementId": monday["id"], "value": 72.6 });
    assert_eq!(
        refused(
            &app.client
                .mutate(&app.citizen(2), "correctMeasurement", correct.clone(), fields)
                .await
        ),
        one("NOT_FOUND", "measurementId")
    );
    let corrected = done(
        &app.client
            .mutate(&citizen, "correctMeasurement", correct.clone(), fields)
            .await,
    )["measurement"]
        .clone();
    assert_eq!(
        (&corrected["value"], &corrected["corrects"]["value"]),
        (&json!(72.6), &json!(72.4))
    );
    assert!(corrected["corrects"]["supersededAt"].is_string());
    assert_eq!(
        refused(&app.client.mutate(&citizen, "correctMeasurement", correct, fields).await),
        one("NOT_FOUND", "measurementId")
    );
    let bad = json!({ "measurementId": corrected["id"], "value": 1 });
    assert_eq!(
        refused(&app.client.mutate(&citizen, "correctMeasurement", bad, fields).await),
        one("OUT_OF_RANGE", "value")
    );
    let series = async |token: &str, kind: &str| {
        let query = "query($id: ID!, $kind: String!) { enrollment(id: $id) {
            measurementSeries(kind: $kind, from: \"2027-01-01T00:00:00Z\", to: \"2027-04-01T00:00:00Z\") {
                kind { key unit { label } } points { value at } } } }";
        let variables = json!({ "id": enrollment, "kind": kind });
        app.client.query(token, query, variables).await.data()["enrollment"]["measurementSeries"].clone()
    };
    let values = |series: &Value| -> Vec<f64> {
        series["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|point| point["value"].as_f64().unwrap())
            .collect()
    };
    for token in [&citizen, &therapist] {
        let found = series(token, "weight").await;
        assert_eq!(found["kind"], json!({ "key": "weight", "unit": { "label": "kg" } }));
        assert_eq!(values(&found), [73.1, 72.6]);
    }
    assert_eq!(series(&citizen, "pulse").await, Value::Null);
    assert_eq!(
        values(&series(&app.staff("citizen-administrator"), "weight").await),
        Vec::<f64>::new()
    );
    let void = json!({ "measurementId": earlier["id"] });
    assert_eq!(
        refused(
            &app.client
                .mutate(&therapist, "voidMeasurement", void.clone(), fields)
                .await
        ),
        one("NOT_ALLOWED", "")
    );
    let voided = done(
        &app.client
            .mutate(&citizen, "voidMeasurement", void.clone(), fields)
            .await,
    )["measurement"]
        .clone();
    assert!(voided["supersededAt"].is_string());
    assert_eq!(
        refused(&app.client.mutate(&citizen, "voidMeasurement", void, fields).await),
        one("NOT_FOUND", "measurementId")
    );
    assert_eq!(values(&series(&citizen, "weight").await), [72.6]);
    care::change_status(&app.store, row, Status::Withdrawn, None).await;
    assert_eq!(refused(&register(&citizen, weight).await), one("ENDED", ""));
    assert_eq!(
        values(&series(&citizen, "weight").await),
        [72.6],
        "what was measured is read after the end"
    );
}

async fn whoever_listens_is_told(kind: Kind) {
    if tests::contract::operations().is_none() {
        return;
    }
    let (app, _, enrollment) = started(kind).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let unit = json!({ "unitId": app.unit_id().await });
    let mut staff = app.subscribe(&therapist, "UnitActivity", unit).await;
    let mut mine = app.subscribe(&citizen, "MyActivity", json!({})).await;
    let walk_id = walking(&app, &enrollment).await;
    let cancel = json!({ "activityId": walk_id, "occurrence": "2027-03-04", "reason": "Resa" });
    done(
        &app.client
            .mutate(&therapist, "cancelOccurrence", cancel, "activity { id }")
            .await,
    );
    let register = json!({ "activityId": walk_id, "occurrence": "2027-03-01", "done": true });
    done(
        &app.client
            .mutate(&citizen, "registerActivity", register, "entry { id }")
            .await,
    );
    let weight = json!({ "enrollmentId": enrollment, "kind": "weight", "value": 72 });
    done(
        &app.client
            .mutate(&citizen, "registerMeasurement", weight, "measurement { id }")
            .await,
    );
    for expected in [
        "ActivityPlanChanged",
        "ActivityPlanChanged",
        "ActivityRegistered",
        "MeasurementRegistered",
    ] {
        assert_eq!(staff.item().await["unitActivity"]["__typename"], expected);
    }
    for _ in 0..2 {
        assert_eq!(mine.item().await["myActivity"]["__typename"], "ActivityPlanChanged");
    }
}

both_databases!(
    ratings_are_whole_numbers_to_ten,
    what_is_measured_is_registered_corrected_and_taken_back,
    whoever_listens_is_told,
);
