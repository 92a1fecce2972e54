//! Pauses: what rests in them, and how they end.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, one, refused, text, weekly_measure},
    database::Kind,
};

use crate::{TREATMENT, live, morning, seen, send, sent, start, started, when};

async fn a_pause_rests_and_ends_by_itself(kind: Kind) {
    let app = started(kind).await;
    let therapist = app.therapist();
    let enrollment = start(&app, TREATMENT, 1, None).await;
    app.work().await;
    let waiting = "dispatches(first: 5, status: [AVAILABLE]) { nodes { id } }";
    let dispatch = text(&seen(&app, &app.citizen(1), &enrollment, waiting).await["dispatches"]["nodes"][0]["id"]);

    let back = morning() + TimeDelta::days(15);
    let pause = json!({ "enrollmentId": enrollment, "reason": "Bortrest", "resumesAt": back });
    for token in [app.staff(care::OTHER_THERAPIST), app.staff("publisher"), app.citizen(1)] {
        let data = live(&app, &token, "pauseEnrollment", pause.clone()).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"));
    }
    let mut wrong = pause.clone();
    wrong["resumesAt"] = json!(morning());
    let data = live(&app, &therapist, "pauseEnrollment", wrong).await;
    assert_eq!(refused(&data), one("IN_THE_PAST", "resumesAt"));
    let mut wrong = pause.clone();
    wrong["reason"] = json!("x".repeat(20_000));
    let data = live(&app, &therapist, "pauseEnrollment", wrong).await;
    assert_eq!(refused(&data), one("TOO_LONG", "reason"));

    let data = live(&app, &therapist, "pauseEnrollment", pause.clone()).await;
    let paused = &done(&data)["enrollment"];
    assert_eq!(
        (&paused["status"], &paused["resumesAt"]),
        (&json!("PAUSED"), &when(back))
    );
    let data = live(&app, &therapist, "pauseEnrollment", pause).await;
    assert_eq!(refused(&data), one("BAD_TRANSITION", "enrollmentId"));

    // The citizen can do nothing, and nothing comes: neither the reminders of the form nor the measure of the next weeks.
    let submit = json!({ "dispatchId": dispatch, "answers": weekly_measure(["some"; 9]) });
    let data = send(&app, &app.citizen(1), "submitResponse", "result { id }", submit).await;
    assert_eq!(refused(&data)[0].0, "NOT_ACTIVE");
    let step = "nextStep { id } modules { availability { open reason } }";
    let content = seen(&app, &app.citizen(1), &enrollment, step).await;
    assert_eq!(content["nextStep"], Value::Null);
    assert_eq!(
        content["modules"][0]["availability"],
        json!({ "open": false, "reason": "PAUSED" })
    );
    app.run_until(back - TimeDelta::minutes(1)).await;
    assert_eq!(sent(&app, &enrollment).await, ["weekly-measure"]);
    assert!(app.mail().is_empty(), "{:?}", app.mail());

    // It goes on by itself, and with it what comes every week.
    app.run_until(back).await;
    let resumed = seen(&app, &therapist, &enrollment, "status resumesAt").await;
    assert_eq!(resumed, json!({ "status": "ACTIVE", "resumesAt": null }));
    app.run_until(morning() + TimeDelta::days(22)).await;
    assert!(sent(&app, &enrollment).await.len() >= 2);
    app.stop().await;
}

async fn the_end_of_a_pause_is_said_anew(kind: Kind) {
    let app = started(kind).await;
    let therapist = app.therapist();
    let enrollment = start(&app, TREATMENT, 1, None).await;
    app.work().await;
    let week = |weeks| morning() + TimeDelta::weeks(weeks);
    let pause = async |resumes_at: Value, reason: &str| {
        app.clock.advance(TimeDelta::hours(1));
        let input = json!({ "enrollmentId": enrollment, "reason": reason, "resumesAt": resumes_at });
        live(&app, &therapist, "pauseEnrollment", input).await
    };
    done(&pause(json!(week(1)), "Bortrest").await);
    let moved = pause(json!(week(3)), "Längre bort").await;
    assert_eq!(done(&moved)["enrollment"]["resumesAt"], when(week(3)));
    assert_eq!(
        refused(&pause(json!(week(3)), "Igen").await),
        one("BAD_TRANSITION", "enrollmentId")
    );
    assert_eq!(
        refused(&pause(json!(morning()), "Då").await),
        one("IN_THE_PAST", "resumesAt")
    );
    let planned = "timeline(from: \"2027-03-01T00:00:00Z\", to: \"2027-04-30T00:00:00Z\") { kind at certainty }";
    let of_kind = async |kind: &str| -> Vec<Value> {
        let seen = seen(&app, &therapist, &enrollment, planned).await;
        let entries = seen["timeline"].as_array().unwrap().iter();
        entries.filter(|entry| entry["kind"] == kind).cloned().collect()
    };
    assert_eq!(of_kind("ENROLLMENT_PAUSES").await.len(), 1, "one pause");
    assert_eq!(
        of_kind("ENROLLMENT_RESUMES").await,
        [json!({ "kind": "ENROLLMENT_RESUMES", "at": when(week(3)), "certainty": "PLANNED" })]
    );

    // The former end passes; then it is left open, and said once more.
    app.run_until(week(2)).await;
    let now = "status resumesAt";
    assert_eq!(
        seen(&app, &therapist, &enrollment, now).await,
        json!({ "status": "PAUSED", "resumesAt": when(week(3)) })
    );
    let open = pause(Value::Null, "Vet inte").await;
    assert_eq!(done(&open)["enrollment"]["resumesAt"], Value::Null);
    app.run_until(week(4)).await;
    assert_eq!(seen(&app, &therapist, &enrollment, now).await["status"], "PAUSED");
    done(&pause(json!(week(5)), "Nu vet vi").await);
    app.run_until(week(5)).await;
    assert_eq!(
        seen(&app, &therapist, &enrollment, now).await,
        json!({ "status": "ACTIVE", "resumesAt": null })
    );
    let history = seen(&app, &therapist, &enrollment, "statusHistory { status reason }").await;
    let said = |status: &str, reason: Value| json!({ "status": status, "reason": reason });
    assert_eq!(
        history["statusHistory"],
        json!([
            said("ACTIVE", Value::Null),
            said("PAUSED", json!("Bortrest")),
            said("PAUSED", json!("Längre bort")),
            said("PAUSED", json!("Vet inte")),
            said("PAUSED", json!("Nu vet vi")),
            said("ACTIVE", Value::Null),
        ])
    );
    app.stop().await;
}

async fn a_pause_is_ended_by_hand_and_told_to_each_as_it_concerns_them(kind: Kind) {
    let app = started(kind).await;
    let (therapist, citizen) = (app.therapist(), app.citizen(1));
    let enrollment = start(&app, TREATMENT, 1, None).await;
    let resume = json!({ "enrollmentId": enrollment, "reason": "Tillbaka" });
    let data = live(&app, &therapist, "resumeEnrollment", resume.clone()).await;
    assert_eq!(refused(&data), one("BAD_TRANSITION", "enrollmentId"));
    app.clock.advance(TimeDelta::hours(1));
    let pause = json!({ "enrollmentId": enrollment, "reason": "Inlagd på sjukhus" });
    let data = live(&app, &app.staff("citizen-administrator"), "pauseEnrollment", pause).await;
    assert_eq!(done(&data)["enrollment"]["resumesAt"], Value::Null);
    for token in [app.staff(care::OTHER_THERAPIST), app.staff("designer"), citizen.clone()] {
        let data = live(&app, &token, "resumeEnrollment", resume.clone()).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"));
    }
    app.clock.advance(TimeDelta::hours(1));
    let data = live(&app, &therapist, "resumeEnrollment", resume).await;
    assert_eq!(done(&data)["enrollment"]["status"], "ACTIVE");

    let history = "statusHistory { at status reason actor by { displayName } }";
    let hour = |hours| when(morning() + TimeDelta::hours(hours));
    let by = |subject: &str| json!({ "displayName": format!("Person {subject}") });
    let expected = json!([
        { "at": hour(0), "status": "ACTIVE", "reason": null, "actor": "STAFF", "by": by("therapist") },
        { "at": hour(1), "status": "PAUSED", "reason": "Inlagd på sjukhus", "actor": "STAFF",
          "by": by("citizen-administrator") },
        { "at": hour(2), "status": "ACTIVE", "reason": "Tillbaka", "actor": "STAFF", "by": by("therapist") },
    ]);
    for token in [&therapist, &app.staff("citizen-administrator")] {
        assert_eq!(seen(&app, token, &enrollment, history).await["statusHistory"], expected);
    }
    // The citizen sees what happened and when; what staff write for one another stays with them.
    let nobody =
        |at: &Value, status: &str| json!({ "at": at, "status": status, "reason": null, "actor": "STAFF", "by": null });
    assert_eq!(
        seen(&app, &citizen, &enrollment, history).await["statusHistory"],
        json!([
            nobody(&hour(0), "ACTIVE"),
            nobody(&hour(1), "PAUSED"),
            nobody(&hour(2), "ACTIVE")
        ])
    );
    app.stop().await;
}

both_databases!(
    a_pause_rests_and_ends_by_itself,
    the_end_of_a_pause_is_said_anew,
    a_pause_is_ended_by_hand_and_told_to_each_as_it_concerns_them,
);
