//! Planned starts: moved, and brought forward to now.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, one, refused},
    database::Kind,
};

use crate::{LIFE, SUPPORT, TREATMENT, at, live, morning, seen, send, sent, start, started, when};

async fn a_planned_start_is_moved_and_the_end_follows(kind: Kind) {
    let app = started(kind).await;
    let therapist = app.therapist();
    let monday = morning() + TimeDelta::days(7);
    let enrollment = start(&app, TREATMENT, 1, Some(monday)).await;
    let before = seen(&app, &therapist, &enrollment, "status startsAt endsAt startedAt").await;
    assert_eq!(
        before,
        json!({ "status": "PLANNED", "startsAt": when(monday), "endsAt": when(at("2027-05-17T08:00:00Z")), "startedAt": null })
    );

    let wanted = |starts_at| json!({ "enrollmentId": enrollment, "startsAt": starts_at, "reason": "Bortrest" });
    for (starts_at, code) in [
        (morning(), "IN_THE_PAST"),
        (morning() - TimeDelta::days(1), "IN_THE_PAST"),
        (morning() + TimeDelta::days(800), "TOO_FAR_AHEAD"),
    ] {
        let data = live(&app, &therapist, "rescheduleStart", wanted(starts_at)).await;
        assert_eq!(refused(&data), one(code, "startsAt"));
    }
    for token in [app.staff(care::OTHER_THERAPIST), app.staff("designer"), app.citizen(1)] {
        let data = live(&app, &token, "rescheduleStart", wanted(monday)).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"));
    }

    // Over the night in which the clocks change: ten weeks are ten weeks of local time.
    app.clock.advance(TimeDelta::minutes(1));
    let later = at("2027-03-22T08:00:00Z");
    let data = live(&app, &therapist, "rescheduleStart", wanted(later)).await;
    let moved = &done(&data)["enrollment"];
    assert_eq!(
        (&moved["status"], &moved["startsAt"], &moved["endsAt"]),
        (&json!("PLANNED"), &when(later), &when(at("2027-05-31T07:00:00Z")))
    );
    let history = "statusHistory { status reason } endHistory { endsAt }";
    assert_eq!(
        seen(&app, &therapist, &enrollment, history).await,
        json!({
            "statusHistory": [{ "status": "PLANNED", "reason": null }, { "status": "PLANNED", "reason": "Bortrest" }],
            "endHistory": [{ "endsAt": when(at("2027-05-17T08:00:00Z")) }, { "endsAt": when(at("2027-05-31T07:00:00Z")) }],
        })
    );

    // What was to begin on the first date does not, and begins on the second.
    app.run_until(later - TimeDelta::minutes(1)).await;
    assert!(sent(&app, &enrollment).await.is_empty());
    app.run_until(later).await;
    assert_eq!(sent(&app, &enrollment).await, ["weekly-measure"]);
    let data = live(&app, &therapist, "rescheduleStart", wanted(later + TimeDelta::days(9))).await;
    assert_eq!(refused(&data), one("BAD_TRANSITION", "enrollmentId"));
    app.stop().await;
}

async fn a_planned_enrollment_is_started_now(kind: Kind) {
    let app = started(kind).await;
    let therapist = app.therapist();
    let monday = morning() + TimeDelta::days(7);
    let enrollment = start(&app, TREATMENT, 1, Some(monday)).await;
    let activate = json!({ "enrollmentId": enrollment, "reason": "Redan redo" });
    for token in [app.staff(care::OTHER_THERAPIST), app.staff("auditor"), app.citizen(1)] {
        let data = live(&app, &token, "activateEnrollment", activate.clone()).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"));
    }
    for (name, input) in [
        ("pauseEnrollment", json!({ "enrollmentId": enrollment })),
        ("resumeEnrollment", json!({ "enrollmentId": enrollment })),
        ("completeEnrollment", json!({ "enrollmentId": enrollment })),
    ] {
        let data = live(&app, &therapist, name, input).await;
        assert_eq!(refused(&data), one("BAD_TRANSITION", "enrollmentId"), "{name}");
    }

    // The secretary who administers may, and the same key starts it once.
    let administrator = app.staff("citizen-administrator");
    let mut keyed = activate.clone();
    keyed["idempotencyKey"] = json!("now");
    for _ in 0..2 {
        let data = live(&app, &administrator, "activateEnrollment", keyed.clone()).await;
        let active = &done(&data)["enrollment"];
        assert_eq!(
            (&active["status"], &active["startedAt"], &active["endsAt"]),
            // Over a change of the clocks.
            (&json!("ACTIVE"), &when(morning()), &when(at("2027-05-10T08:00:00Z")))
        );
    }
    app.work().await;
    assert_eq!(sent(&app, &enrollment).await, ["weekly-measure"]);
    let data = live(&app, &therapist, "activateEnrollment", activate).await;
    assert_eq!(refused(&data), one("BAD_TRANSITION", "enrollmentId"));
    // Nothing starts once more when the planned day comes.
    app.run_until(monday + TimeDelta::hours(1)).await;
    let history = seen(&app, &therapist, &enrollment, "statusHistory { status }").await;
    assert_eq!(
        history["statusHistory"],
        json!([{ "status": "PLANNED" }, { "status": "ACTIVE" }])
    );
    app.stop().await;
}

async fn an_end_that_somebody_chose_stays_when_the_start_moves(kind: Kind) {
    let app = started(kind).await;
    let therapist = app.therapist();
    let monday = morning() + TimeDelta::days(7);
    let enrollment = start(&app, TREATMENT, 1, Some(monday)).await;
    let end = monday + TimeDelta::weeks(4);
    let prolong = |ends_at| json!({ "enrollmentId": enrollment, "endsAt": ends_at });
    let data = live(
        &app,
        &therapist,
        "prolongEnrollment",
        prolong(monday - TimeDelta::days(1)),
    )
    .await;
    assert_eq!(refused(&data), one("BAD_INTERVAL", "endsAt"));
    done(&live(&app, &therapist, "prolongEnrollment", prolong(end)).await);
    let reschedule = |starts_at| json!({ "enrollmentId": enrollment, "startsAt": starts_at });
    let data = live(&app, &therapist, "rescheduleStart", reschedule(end)).await;
    assert_eq!(refused(&data), one("BAD_INTERVAL", "startsAt"));
    let data = live(
        &app,
        &therapist,
        "rescheduleStart",
        reschedule(monday + TimeDelta::days(1)),
    )
    .await;
    assert_eq!(done(&data)["enrollment"]["endsAt"], when(end));
    let data = live(
        &app,
        &therapist,
        "activateEnrollment",
        json!({ "enrollmentId": enrollment }),
    )
    .await;
    assert_eq!(done(&data)["enrollment"]["endsAt"], when(end));
    app.stop().await;
}

async fn a_program_is_started_again_after_its_end(kind: Kind) {
    let app = started(kind).await;
    let therapist = app.therapist();
    let first = start(&app, SUPPORT, 1, None).await;
    let unit = crate::units(&app).await.own;
    let again = json!({ "programSlug": SUPPORT, "unitId": unit, "citizen": crate::person(1) });
    for state in ["ACTIVE", "PAUSED"] {
        let data = live(&app, &therapist, "startEnrollment", again.clone()).await;
        assert_eq!(refused(&data), one("ALREADY_ENROLLED", "citizen"), "{state}");
        if state == "ACTIVE" {
            done(&live(&app, &therapist, "pauseEnrollment", json!({ "enrollmentId": first })).await);
        }
    }
    let withdrawn = send(
        &app,
        &therapist,
        "withdrawEnrollment",
        LIFE,
        json!({ "enrollmentId": first }),
    )
    .await;
    assert_eq!(done(&withdrawn)["enrollment"]["status"], "WITHDRAWN");
    app.clock.advance(TimeDelta::minutes(1));
    let data = live(&app, &therapist, "startEnrollment", again.clone()).await;
    let second = done(&data)["enrollment"].clone();
    assert_eq!(second["status"], "ACTIVE");
    assert_ne!(second["id"], json!(first));
    // The citizen sees both, the new one first.
    let both: Vec<Value> = crate::enrollments_of(&app, 1)
        .await
        .into_iter()
        .map(Value::from)
        .collect();
    assert_eq!(both, [second["id"].clone(), json!(first)]);
    let data = live(&app, &therapist, "startEnrollment", again).await;
    assert_eq!(refused(&data), one("ALREADY_ENROLLED", "citizen"));
    app.stop().await;
}

both_databases!(
    a_planned_start_is_moved_and_the_end_follows,
    a_planned_enrollment_is_started_now,
    an_end_that_somebody_chose_stays_when_the_start_moves,
    a_program_is_started_again_after_its_end,
);
