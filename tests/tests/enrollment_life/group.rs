//! A program started for many citizens from a list.

use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
};

use crate::{SUPPORT, person, send, start, started, units, worklist};

const OUTCOMES: &str =
    "outcomes { index enrollment { id status citizen { givenName } therapists { id } } errors { code path } }";

async fn start_all(app: &TestApp, token: &str, input: Value) -> Value {
    send(app, token, "startEnrollments", OUTCOMES, input).await
}

async fn each_of_a_list_is_told_of(kind: Kind) {
    let app = started(kind).await;
    let (therapist, units) = (app.therapist(), units(&app).await);
    let there = start(&app, SUPPORT, 1, None).await;
    let mut unreadable = person(4);
    unreadable["email"] = json!("nobody");
    unreadable["personalIdentityNumber"] = json!("19900101-0001");
    let citizens = json!([person(2), unreadable, person(1), person(3), person(2)]);
    let input = json!({ "programSlug": SUPPORT, "unitId": units.own, "citizens": citizens,
        "therapistIds": [units.therapist], "idempotencyKey": "list-1" });
    let data = start_all(&app, &therapist, input.clone()).await;
    let outcomes = done(&data)["outcomes"].as_array().unwrap().clone();
    let told: Vec<(Value, Value, Value)> = outcomes
        .iter()
        .map(|outcome| {
            let enrollment = &outcome["enrollment"];
            (
                outcome["index"].clone(),
                enrollment["citizen"]["givenName"].clone(),
                outcome["errors"].clone(),
            )
        })
        .collect();
    let error = |code: &str, path: Value| json!({ "code": code, "path": path });
    let enrolled_already = |place: &str| json!([error("ALREADY_ENROLLED", json!(["citizens", place]))]);
    assert_eq!(
        told,
        [
            (json!(0), json!("Given2"), json!([])),
            (
                json!(1),
                Value::Null,
                json!([
                    error(
                        "BAD_IDENTITY_NUMBER",
                        json!(["citizens", "1", "personalIdentityNumber"])
                    ),
                    error("BAD_EMAIL", json!(["citizens", "1", "email"])),
                ])
            ),
            (json!(2), Value::Null, enrolled_already("2")),
            (json!(3), json!("Given3"), json!([])),
            (json!(4), Value::Null, enrolled_already("4")),
        ]
    );
    for outcome in [&outcomes[0], &outcomes[3]] {
        let enrollment = &outcome["enrollment"];
        assert_eq!(
            (&enrollment["status"], &enrollment["therapists"][0]["id"]),
            (&json!("ACTIVE"), &json!(units.therapist))
        );
    }
    let mut listed = worklist(&app, &therapist).await;
    let mut expected = vec![
        there,
        text(&outcomes[0]["enrollment"]["id"]),
        text(&outcomes[3]["enrollment"]["id"]),
    ];
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);

    // The same key again gets the first answer, and starts nobody; so does the list without a key.
    let again = start_all(&app, &therapist, input.clone()).await;
    assert_eq!(done(&again)["outcomes"].as_array().unwrap(), &outcomes);
    let mut without = input;
    without["idempotencyKey"] = Value::Null;
    let again = start_all(&app, &therapist, without).await;
    assert!(
        done(&again)["outcomes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|outcome| outcome["enrollment"].is_null())
    );
    assert_eq!(worklist(&app, &therapist).await.len(), 3);
    // Those who were registered with the list can sign in.
    assert_eq!(crate::enrollments_of(&app, 3).await.len(), 1);
    app.stop().await;
}

async fn what_is_wrong_for_all_is_told_once(kind: Kind) {
    let app = started(kind).await;
    let (therapist, units) = (app.therapist(), units(&app).await);
    let list = |changes: Value| {
        let mut input = json!({ "programSlug": SUPPORT, "unitId": units.own, "citizens": [person(1)] });
        for (key, value) in changes.as_object().unwrap() {
            input[key] = value.clone();
        }
        input
    };
    let many: Vec<Value> = (0..201).map(person).collect();
    for (changes, code, path) in [
        (json!({ "programSlug": "none" }), "NOT_FOUND", "programSlug"),
        (json!({ "unitId": units.other }), "NOT_FOUND", "unitId"),
        (json!({ "citizens": [] }), "REQUIRED", "citizens"),
        (json!({ "citizens": many }), "TOO_MANY", "citizens"),
        (json!({ "startsAt": "2027-02-28T09:00:00Z" }), "IN_THE_PAST", "startsAt"),
        (
            json!({ "therapistIds": [units.therapist, units.other_therapist] }),
            "NOT_FOUND",
            "therapistIds.1",
        ),
        (json!({ "timeZone": "Europe/Atlantis" }), "BAD_TIME_ZONE", "timeZone"),
    ] {
        let data = start_all(&app, &therapist, list(changes)).await;
        assert_eq!(refused(&data), one(code, path));
        assert_eq!(data["startEnrollments"]["outcomes"], json!([]));
    }
    for token in [
        app.staff("designer"),
        app.staff(care::OTHER_THERAPIST),
        app.staff("unit-administrator"),
    ] {
        let data = start_all(&app, &token, list(json!({}))).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "unitId"));
    }
    assert!(worklist(&app, &therapist).await.is_empty());
    app.stop().await;
}

async fn a_long_list_takes_as_many_statements_as_a_short_one(kind: Kind) {
    let app = started(kind).await;
    let (therapist, units) = (app.therapist(), units(&app).await);
    let mut counts = Vec::new();
    for (citizens, started) in [(0..1, 1), (1..6, 5), (6..56, 50), (56..256, 200)] {
        let people: Vec<Value> = citizens.map(person).collect();
        let input = json!({ "programSlug": SUPPORT, "unitId": units.own, "citizens": people, "therapistIds": [units.therapist] });
        let before = app.store.statements();
        let data = send(
            &app,
            &therapist,
            "startEnrollments",
            "outcomes { enrollment { id } }",
            input,
        )
        .await;
        counts.push(app.store.statements() - before);
        let outcomes = done(&data)["outcomes"].as_array().unwrap();
        assert!(outcomes.iter().all(|outcome| outcome["enrollment"]["id"].is_string()));
        assert_eq!(outcomes.len(), started);
    }
    assert_eq!(counts[1..], [counts[1]; 3], "{counts:?}");
    app.stop().await;
}

both_databases!(
    each_of_a_list_is_told_of,
    what_is_wrong_for_all_is_told_once,
    a_long_list_takes_as_many_statements_as_a_short_one,
);
