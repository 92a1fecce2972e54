//! Programs that units open for citizens to start by themselves.

use chrono::TimeDelta;
use entity::{action, viewer::Viewer};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
};

use crate::{
    LIFE, SUPPORT, TREATMENT, enrollments_of, live, morning, seen, send, start, started, units, when, worklist,
};

const OPEN: &str = "openProgram { program { slug } unit { name } openedAt }";
const LIST: &str = "query($first: Int!, $after: String, $unitId: ID, $programSlug: String) {
    openPrograms(first: $first, after: $after, unitId: $unitId, programSlug: $programSlug) {
        nodes { program { slug title } unit { id name } } pageInfo { hasNextPage endCursor } } }";

/// Makes the nth citizen known, who takes part in nothing yet.
async fn known(app: &TestApp, n: u32) {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    action::citizen::register(&mut act, &care::citizen(n), "")
        .await
        .unwrap();
    act.commit().await.unwrap();
}

async fn open(app: &TestApp, subject: &str, input: Value) -> Value {
    send(app, &app.staff(subject), "openProgramForSelfEnrollment", OPEN, input).await
}

async fn listed(app: &TestApp, variables: Value) -> Vec<(String, String)> {
    let data = app.client.query(&app.citizen(1), LIST, variables).await.data();
    let nodes = data["openPrograms"]["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| (text(&node["program"]["slug"]), text(&node["unit"]["id"])))
        .collect()
}

async fn a_citizen_starts_what_is_open_and_leaves_it(kind: Kind) {
    let app = started(kind).await;
    known(&app, 1).await;
    let (citizen, units) = (app.citizen(1), units(&app).await);
    let wanted = json!({ "programSlug": SUPPORT, "unitId": units.own });
    let enroll = async |token: &str, input: &Value| send(&app, token, "enrollMyself", LIFE, input.clone()).await;
    assert!(listed(&app, json!({ "first": 10 })).await.is_empty());
    assert_eq!(
        refused(&enroll(&citizen, &wanted).await),
        one("NOT_FOUND", "programSlug")
    );

    let data = open(&app, "unit-administrator", wanted.clone()).await;
    assert_eq!(
        done(&data)["openProgram"],
        json!({ "program": { "slug": SUPPORT }, "unit": { "name": "Solrosens vårdcentral" }, "openedAt": when(morning()) })
    );
    assert_eq!(
        listed(&app, json!({ "first": 10 })).await,
        [(SUPPORT.to_owned(), units.own.clone())]
    );
    let elsewhere = json!({ "programSlug": SUPPORT, "unitId": units.other });
    for (token, input, refusal) in [
        (&citizen, &elsewhere, one("NOT_FOUND", "programSlug")),
        (
            &citizen,
            &json!({ "programSlug": TREATMENT, "unitId": units.own }),
            one("NOT_FOUND", "programSlug"),
        ),
        (
            &citizen,
            &json!({ "programSlug": "none", "unitId": units.own }),
            one("NOT_FOUND", "programSlug"),
        ),
        (
            &citizen,
            &json!({ "programSlug": SUPPORT, "unitId": "nowhere" }),
            one("NOT_FOUND", "unitId"),
        ),
        (&app.therapist(), &wanted, one("NOT_ALLOWED", "")),
    ] {
        assert_eq!(refused(&enroll(token, input).await), refusal);
    }

    let mut keyed = wanted.clone();
    keyed["idempotencyKey"] = json!("mine");
    let data = enroll(&citizen, &keyed).await;
    let own = done(&data)["enrollment"].clone();
    assert_eq!(
        (&own["status"], &own["startedAt"]),
        (&json!("ACTIVE"), &when(morning()))
    );
    assert_eq!(done(&enroll(&citizen, &keyed).await)["enrollment"]["id"], own["id"]);
    assert_eq!(refused(&enroll(&citizen, &wanted).await), one("ALREADY_ENROLLED", ""));
    // The unit finds it on its list, and sees who started it.
    let id = text(&own["id"]);
    assert_eq!(worklist(&app, &app.therapist()).await, std::slice::from_ref(&id));
    let history = "statusHistory { status actor reason by { id } }";
    let begun = json!({ "status": "ACTIVE", "actor": "CITIZEN", "reason": null, "by": null });
    assert_eq!(
        seen(&app, &app.therapist(), &id, history).await["statusHistory"],
        json!([begun])
    );

    // What one has started by oneself one may leave, and no more than that.
    app.clock.advance(TimeDelta::hours(1));
    let leave = json!({ "enrollmentId": id, "reason": "Jag mår bra nu" });
    for name in ["pauseEnrollment", "completeEnrollment"] {
        assert_eq!(
            refused(&live(&app, &citizen, name, leave.clone()).await),
            one("NOT_FOUND", "enrollmentId")
        );
    }
    let data = live(&app, &citizen, "withdrawEnrollment", leave).await;
    assert_eq!(done(&data)["enrollment"]["status"], "WITHDRAWN");
    let left = json!({ "status": "WITHDRAWN", "actor": "CITIZEN", "reason": "Jag mår bra nu", "by": null });
    for token in [&app.therapist(), &citizen] {
        assert_eq!(
            seen(&app, token, &id, history).await["statusHistory"],
            json!([begun, left])
        );
    }
    let by_staff = start(&app, TREATMENT, 1, None).await;
    let leave = json!({ "enrollmentId": by_staff });
    assert_eq!(
        refused(&live(&app, &citizen, "withdrawEnrollment", leave).await),
        one("NOT_FOUND", "enrollmentId")
    );

    // And start again, until the unit closes it; those who take part go on.
    let again = enroll(&citizen, &wanted).await;
    assert_eq!(done(&again)["enrollment"]["status"], "ACTIVE");
    known(&app, 2).await;
    let closed = send(
        &app,
        &app.staff("unit-administrator"),
        "closeProgramForSelfEnrollment",
        "unit { id }",
        wanted.clone(),
    )
    .await;
    assert_eq!(done(&closed)["unit"]["id"], json!(units.own));
    assert_eq!(
        refused(&enroll(&app.citizen(2), &wanted).await),
        one("NOT_FOUND", "programSlug")
    );
    assert!(listed(&app, json!({ "first": 10 })).await.is_empty());
    let goes_on = text(&done(&again)["enrollment"]["id"]);
    assert_eq!(seen(&app, &citizen, &goes_on, "status").await["status"], "ACTIVE");
    assert_eq!(enrollments_of(&app, 1).await.len(), 3);
    app.stop().await;
}

async fn only_administrators_open_and_treatments_only_knowingly(kind: Kind) {
    let app = started(kind).await;
    known(&app, 1).await;
    let units = units(&app).await;
    let support = json!({ "programSlug": SUPPORT, "unitId": units.own });
    for subject in ["therapist", "designer", "citizen-administrator", care::OTHER_THERAPIST] {
        assert_eq!(
            refused(&open(&app, subject, support.clone()).await),
            one("NOT_FOUND", "unitId")
        );
        let data = send(
            &app,
            &app.staff(subject),
            "closeProgramForSelfEnrollment",
            "unit { id }",
            support.clone(),
        )
        .await;
        assert_eq!(refused(&data), one("NOT_FOUND", "unitId"));
    }
    let elsewhere = json!({ "programSlug": SUPPORT, "unitId": units.other });
    assert_eq!(
        refused(&open(&app, "unit-administrator", elsewhere).await),
        one("NOT_FOUND", "unitId")
    );
    let unknown = json!({ "programSlug": "none", "unitId": units.own });
    assert_eq!(
        refused(&open(&app, "unit-administrator", unknown).await),
        one("NOT_FOUND", "programSlug")
    );
    let mut treatment = json!({ "programSlug": TREATMENT, "unitId": units.own });
    assert_eq!(
        refused(&open(&app, "unit-administrator", treatment.clone()).await),
        one("TREATMENT_PROGRAM", "allowTreatment")
    );
    treatment["allowTreatment"] = json!(true);
    done(&open(&app, "unit-administrator", treatment).await);
    // Opened twice it is open once.
    app.clock.advance(TimeDelta::minutes(1));
    for _ in 0..2 {
        done(&open(&app, "unit-administrator", support.clone()).await);
    }
    let own = |slug: &str| (slug.to_owned(), units.own.clone());
    let both = vec![own(TREATMENT), own(SUPPORT)];
    assert_eq!(listed(&app, json!({ "first": 10 })).await, both);
    assert_eq!(listed(&app, json!({ "first": 10, "unitId": units.own })).await, both);
    assert!(
        listed(&app, json!({ "first": 10, "unitId": units.other }))
            .await
            .is_empty()
    );
    assert_eq!(
        listed(&app, json!({ "first": 10, "programSlug": SUPPORT })).await,
        [own(SUPPORT)]
    );
    let page = app
        .client
        .query(&app.citizen(1), LIST, json!({ "first": 1 }))
        .await
        .data()["openPrograms"]
        .clone();
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
    assert_eq!(
        listed(&app, json!({ "first": 1, "after": page["pageInfo"]["endCursor"] })).await,
        [own(SUPPORT)]
    );
    let wrong = app
        .client
        .query(&app.citizen(1), LIST, json!({ "first": 1, "after": "nonsense" }))
        .await;
    assert_eq!(wrong.code(), "BAD_CURSOR");
    app.stop().await;
}

async fn a_block_keeps_also_from_what_is_open(kind: Kind) {
    let app = started(kind).await;
    known(&app, 1).await;
    let units = units(&app).await;
    let wanted = json!({ "programSlug": SUPPORT, "unitId": units.own });
    done(&open(&app, "unit-administrator", wanted.clone()).await);
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let citizen = action::citizen::register(&mut act, &care::citizen(1), "")
        .await
        .unwrap();
    action::access_block::set(&mut act, citizen, app.care.unit)
        .await
        .unwrap();
    act.commit().await.unwrap();
    let data = send(&app, &app.citizen(1), "enrollMyself", LIFE, wanted).await;
    assert_eq!(refused(&data), one("ACCESS_BLOCKED", ""));
    app.stop().await;
}

both_databases!(
    a_citizen_starts_what_is_open_and_leaves_it,
    only_administrators_open_and_treatments_only_knowingly,
    a_block_keeps_also_from_what_is_open,
);
