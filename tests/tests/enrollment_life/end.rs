//! Ends: moved, with the rules that count from them; come; read on; and closed.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, one, refused, text, weekly_measure},
    database::Kind,
};

use crate::{SUPPORT, TREATMENT, at, enrollments_of, live, morning, seen, send, sent, start, started, when, worklist};

/// A week before the planned end the worry measure is sent, at ten in the morning.
async fn last_week(app: &tests::app::TestApp) {
    let rule = json!({ "trigger": { "schedule": { "anchor": { "enrollmentEnd": {} },
            "slots": [{ "key": "last-week", "offset": "-P7D", "at": "10:00" }] } },
        "actions": [{ "dispatchForm": { "form": "worry-measure", "expiresAfter": "P6D" } }] });
    care::save_rule(&app.store, "last-week", rule).await;
}

async fn what_counts_from_the_end_follows_it(kind: Kind) {
    let app = started(kind).await;
    let therapist = app.therapist();
    last_week(&app).await;
    let (staying, prolonged, shortened) = (
        start(&app, TREATMENT, 1, None).await,
        start(&app, TREATMENT, 2, None).await,
        start(&app, TREATMENT, 3, None).await,
    );
    let has_last = async |enrollment: &str| sent(&app, enrollment).await.contains(&"worry-measure".to_owned());
    // All end on the 10th of May at ten.
    app.run_until(at("2027-04-20T08:00:00Z")).await;
    let prolong = |enrollment: &str, ends_at: &str| json!({ "enrollmentId": enrollment, "endsAt": ends_at, "reason": "Mår bättre av mer tid" });
    let data = live(
        &app,
        &therapist,
        "prolongEnrollment",
        prolong(&prolonged, "2027-05-24T08:00:00Z"),
    )
    .await;
    assert_eq!(done(&data)["enrollment"]["endsAt"], when(at("2027-05-24T08:00:00Z")));
    done(
        &live(
            &app,
            &therapist,
            "prolongEnrollment",
            prolong(&shortened, "2027-05-03T08:00:00Z"),
        )
        .await,
    );

    app.run_until(at("2027-04-26T08:00:00Z")).await;
    assert_eq!(
        (
            has_last(&staying).await,
            has_last(&prolonged).await,
            has_last(&shortened).await
        ),
        (false, false, true)
    );
    app.run_until(at("2027-05-03T09:00:00Z")).await;
    assert_eq!((has_last(&staying).await, has_last(&prolonged).await), (true, false));
    let ended = seen(&app, &therapist, &shortened, "status endedAt").await;
    assert_eq!(
        ended,
        json!({ "status": "COMPLETED", "endedAt": when(at("2027-05-03T08:00:00Z")) })
    );
    app.run_until(at("2027-05-17T07:59:00Z")).await;
    assert!(!has_last(&prolonged).await);
    assert_eq!(seen(&app, &therapist, &staying, "status").await["status"], "COMPLETED");
    app.run_until(at("2027-05-17T08:00:00Z")).await;
    assert!(has_last(&prolonged).await);
    assert_eq!(seen(&app, &therapist, &prolonged, "status").await["status"], "ACTIVE");

    // Prolonged once more, in the last week: it comes again, a week before the end that is new now.
    let history = "endHistory { endsAt reason by { displayName } }";
    done(
        &live(
            &app,
            &therapist,
            "prolongEnrollment",
            prolong(&prolonged, "2027-06-14T08:00:00Z"),
        )
        .await,
    );
    app.run_until(at("2027-06-07T08:00:00Z")).await;
    let times = sent(&app, &prolonged)
        .await
        .into_iter()
        .filter(|key| key == "worry-measure");
    assert_eq!(times.count(), 2);
    let (reason, by) = ("Mår bättre av mer tid", json!({ "displayName": "Person therapist" }));
    let first = json!({ "endsAt": when(at("2027-05-10T08:00:00Z")), "reason": null, "by": by });
    assert_eq!(
        seen(&app, &therapist, &prolonged, history).await["endHistory"],
        json!([
            first,
            { "endsAt": when(at("2027-05-24T08:00:00Z")), "reason": reason, "by": by },
            { "endsAt": when(at("2027-06-14T08:00:00Z")), "reason": reason, "by": by },
        ])
    );
    let of_citizen = seen(&app, &app.citizen(2), &prolonged, history).await["endHistory"][1].clone();
    assert_eq!(
        of_citizen,
        json!({ "endsAt": when(at("2027-05-24T08:00:00Z")), "reason": null, "by": null })
    );
    app.stop().await;
}

async fn an_end_that_makes_no_sense_is_refused(kind: Kind) {
    let app = started(kind).await;
    let therapist = app.therapist();
    let enrollment = start(&app, TREATMENT, 1, None).await;
    let prolong = |ends_at| json!({ "enrollmentId": enrollment, "endsAt": ends_at });
    for (ends_at, code) in [
        (morning(), "IN_THE_PAST"),
        (morning() - TimeDelta::days(1), "IN_THE_PAST"),
        (morning() + TimeDelta::days(5_000), "TOO_FAR_AHEAD"),
    ] {
        let data = live(&app, &therapist, "prolongEnrollment", prolong(ends_at)).await;
        assert_eq!(refused(&data), one(code, "endsAt"));
    }
    for token in [
        app.staff(care::OTHER_THERAPIST),
        app.staff("unit-administrator"),
        app.citizen(1),
    ] {
        for (name, input) in [
            ("prolongEnrollment", prolong(morning() + TimeDelta::days(99))),
            ("completeEnrollment", json!({ "enrollmentId": enrollment })),
            ("withdrawEnrollment", json!({ "enrollmentId": enrollment })),
        ] {
            let data = live(&app, &token, name, input).await;
            assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"), "{name}");
        }
    }
    // The same end again changes nothing.
    let end = at("2027-05-10T08:00:00Z");
    done(&live(&app, &therapist, "prolongEnrollment", prolong(end)).await);
    let history = seen(&app, &therapist, &enrollment, "endHistory { endsAt }").await;
    assert_eq!(history["endHistory"], json!([{ "endsAt": when(end) }]));

    let complete = json!({ "enrollmentId": enrollment, "reason": "Målet nått", "idempotencyKey": "once" });
    for _ in 0..2 {
        let data = live(&app, &therapist, "completeEnrollment", complete.clone()).await;
        let ended = &done(&data)["enrollment"];
        assert_eq!(
            (&ended["status"], &ended["endedAt"]),
            (&json!("COMPLETED"), &when(morning()))
        );
    }
    let later = morning() + TimeDelta::days(2);
    for (name, input) in [
        ("activateEnrollment", json!({ "enrollmentId": enrollment })),
        ("pauseEnrollment", json!({ "enrollmentId": enrollment })),
        ("resumeEnrollment", json!({ "enrollmentId": enrollment })),
        ("prolongEnrollment", prolong(later)),
        ("completeEnrollment", json!({ "enrollmentId": enrollment })),
        ("withdrawEnrollment", json!({ "enrollmentId": enrollment })),
        (
            "rescheduleStart",
            json!({ "enrollmentId": enrollment, "startsAt": later }),
        ),
        (
            "setTherapists",
            json!({ "enrollmentId": enrollment, "therapistIds": [] }),
        ),
    ] {
        let data = live(&app, &therapist, name, input).await;
        assert_eq!(refused(&data), one("ENDED", "enrollmentId"), "{name}");
    }
    // A program that says nothing can be read without end.
    app.run_until(morning() + TimeDelta::days(400)).await;
    let seen = seen(&app, &app.citizen(1), &enrollment, "status readableUntil").await;
    assert_eq!(seen, json!({ "status": "COMPLETED", "readableUntil": null }));
    app.stop().await;
}

/// Answers the form that waits, writes, and registers; then the program ends.
async fn what_has_ended_is_read_for_a_while_and_not_written(kind: Kind) {
    let app = started(kind).await;
    let (therapist, citizen) = (app.therapist(), app.citizen(1));
    let enrollment = start(&app, SUPPORT, 1, None).await;
    let row = crate::row_of(&enrollment);
    let answered = care::dispatch(&app.store, row, "weekly-measure").await;
    let open = care::dispatch(&app.store, row, "weekly-measure").await;
    let waiting = seen(
        &app,
        &citizen,
        &enrollment,
        "dispatches(first: 5) { nodes { id } } nextStep { id }",
    )
    .await;
    assert_ne!(answered, open);
    let ids: Vec<String> = waiting["dispatches"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| text(&node["id"]))
        .collect();
    let submit = |dispatch: &str| json!({ "dispatchId": dispatch, "answers": weekly_measure(["some"; 9]) });
    done(&send(&app, &citizen, "submitResponse", "result { id }", submit(&ids[0])).await);
    let say = json!({ "enrollmentId": enrollment, "body": "Tack för hjälpen" });
    done(&send(&app, &citizen, "sendMessage", "message { id }", say.clone()).await);
    let plan =
        json!({ "enrollmentId": enrollment, "title": "Promenad", "startsOn": "2027-03-01", "repeat": "FREQ=DAILY" });
    let activity = send(&app, &therapist, "planActivity", "activity { id }", plan.clone()).await;
    let register = json!({ "activityId": done(&activity)["activity"]["id"], "occurrence": "2027-03-01", "done": true });
    done(&send(&app, &citizen, "registerActivity", "entry { id }", register.clone()).await);

    let data = live(
        &app,
        &therapist,
        "completeEnrollment",
        json!({ "enrollmentId": enrollment }),
    )
    .await;
    assert_eq!(done(&data)["enrollment"]["status"], "COMPLETED");
    app.clock.advance(TimeDelta::days(1));
    app.work().await;

    // It can be read.
    let until = morning() + TimeDelta::days(30) - TimeDelta::hours(1);
    let fields = "status readableUntil nextStep { id } modules { title sections { steps { id title } } }
        results { id } messages(first: 5) { nodes { body } } dispatches(first: 5) { nodes { status } }";
    let read = seen(&app, &citizen, &enrollment, fields).await;
    assert_eq!(
        (&read["status"], &read["readableUntil"], &read["nextStep"]),
        // Thirty days over a change of the clocks.
        (&json!("COMPLETED"), &when(until), &Value::Null)
    );
    assert_eq!(read["modules"][0]["title"], "Efter hjärtinfarkten");
    assert_eq!(
        (
            read["results"].as_array().unwrap().len(),
            &read["messages"]["nodes"][0]["body"]
        ),
        (1, &say["body"])
    );
    let mut statuses: Vec<String> = read["dispatches"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| text(&node["status"]))
        .collect();
    statuses.sort();
    assert_eq!(statuses, ["CANCELLED", "COMPLETED"]);
    done(
        &send(
            &app,
            &citizen,
            "markMessagesRead",
            "enrollment { id }",
            json!({ "enrollmentId": enrollment }),
        )
        .await,
    );

    // Nothing can be written.
    let step = &read["modules"][0]["sections"][0]["steps"];
    let answers = json!([{ "item": "q1", "value": "some" }]);
    for (token, name, fields, input) in [
        (
            &citizen,
            "completeStep",
            "enrollment { id }",
            json!({ "enrollmentId": enrollment, "stepId": step[0]["id"] }),
        ),
        (
            &citizen,
            "openForm",
            "dispatch { id }",
            json!({ "enrollmentId": enrollment, "stepId": step[1]["id"], "formKey": "diary" }),
        ),
        (
            &citizen,
            "saveDraft",
            "dispatch { id }",
            json!({ "dispatchId": ids[1], "answers": answers }),
        ),
        (&citizen, "submitResponse", "result { id }", submit(&ids[1])),
        (&citizen, "submitResponse", "result { id }", submit(&ids[0])),
        (&citizen, "sendMessage", "message { id }", say.clone()),
        (&citizen, "registerActivity", "entry { id }", register),
        (&therapist, "sendMessage", "message { id }", say.clone()),
        (&therapist, "planActivity", "activity { id }", plan),
        (
            &therapist,
            "dispatchForm",
            "dispatches { id }",
            json!({ "enrollmentId": enrollment, "formKey": "weekly-measure" }),
        ),
    ] {
        assert_eq!(
            refused(&send(&app, token, name, fields, input).await)[0].0,
            "ENDED",
            "{name}"
        );
    }

    // Then it is not there for the citizen, and is for staff.
    app.run_until(until - TimeDelta::seconds(1)).await;
    assert_eq!(enrollments_of(&app, 1).await, std::slice::from_ref(&enrollment));
    app.run_until(until).await;
    assert!(enrollments_of(&app, 1).await.is_empty());
    assert_eq!(seen(&app, &app.citizen(1), &enrollment, "id").await, Value::Null);
    let data = send(&app, &app.citizen(1), "sendMessage", "message { id }", say).await;
    assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"));
    let kept = seen(
        &app,
        &app.therapist(),
        &enrollment,
        "status readableUntil results { id }",
    )
    .await;
    assert_eq!(
        (&kept["status"], kept["results"].as_array().unwrap().len()),
        (&json!("COMPLETED"), 1)
    );
    assert_eq!(worklist(&app, &app.therapist()).await, [enrollment]);
    // A new one is the citizen's again.
    let again = start(&app, SUPPORT, 1, None).await;
    assert_eq!(enrollments_of(&app, 1).await, [again]);
    app.stop().await;
}

async fn a_program_may_say_that_nothing_is_read_after_the_end(kind: Kind) {
    let app = started(kind).await;
    let text = json!({ "sv": "Kort" });
    let program = |readable_for: &str| {
        json!({ "slug": "short", "kind": "SUPPORT", "version": "1.0", "readableFor": readable_for,
        "title": text, "summary": text, "modules": [] })
    };
    let file = serde_json::from_value(program("-P1D")).unwrap();
    let mut act = app.store.act(&entity::viewer::Viewer::system()).await.unwrap();
    let wrong = entity::action::program::import(&mut act, &file, &[]).await.unwrap_err();
    act.undo().await;
    let entity::error::Error::Refused(wrong) = wrong else {
        panic!("{wrong}")
    };
    assert_eq!(
        (wrong[0].code.as_ref(), wrong[0].path.join(".")),
        ("BAD_DURATION", "readableFor".to_owned())
    );

    care::import(&app.store, program("P0D"), &[]).await;
    let enrollment = start(&app, "short", 1, None).await;
    assert_eq!(enrollments_of(&app, 1).await, std::slice::from_ref(&enrollment));
    done(
        &live(
            &app,
            &app.therapist(),
            "withdrawEnrollment",
            json!({ "enrollmentId": enrollment }),
        )
        .await,
    );
    assert!(enrollments_of(&app, 1).await.is_empty());
    let tells = "{ program(slug: \"short\") { publishedVersion { readableFor } } }";
    let data = app.client.query(&app.citizen(1), tells, json!({})).await.data();
    assert_eq!(data["program"]["publishedVersion"]["readableFor"], "P0D");
    app.stop().await;
}

both_databases!(
    what_counts_from_the_end_follows_it,
    an_end_that_makes_no_sense_is_refused,
    what_has_ended_is_read_for_a_while_and_not_written,
    a_program_may_say_that_nothing_is_read_after_the_end,
);
