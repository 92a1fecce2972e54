//! Who plans, and what is changed, moved and cancelled.

use chrono::TimeDelta;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
};

use super::{days, enrollment_of, on, plan, shown, started, walk, walking};

async fn staff_plan_and_citizens_where_the_program_lets_them(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let by_citizen = plan(
        &app,
        &citizen,
        json!({ "enrollmentId": enrollment, "title": "Simma", "startsOn": "2027-03-02" }),
    )
    .await;
    let swim = done(&by_citizen)["activity"].clone();
    assert_eq!(swim["plannedByCitizen"], true);
    let walk_id = walking(&app, &enrollment).await;

    // Citizens change what they planned, staff all of it.
    app.enroll(9).await;
    let end = async |token: &str, id: &str| {
        app.client
            .mutate(
                token,
                "endActivity",
                json!({ "activityId": id }),
                "activity { endedAt }",
            )
            .await
    };
    assert_eq!(refused(&end(&citizen, &walk_id).await), one("NOT_ALLOWED", ""));
    assert!(done(&end(&citizen, &text(&swim["id"])).await)["activity"]["endedAt"].is_string());
    for other in ["citizen-administrator", "unit-administrator", "designer"] {
        let answer = plan(&app, &app.staff(other), walk(&enrollment)).await;
        assert_eq!(refused(&answer), one("NOT_FOUND", "enrollmentId"), "{other}");
    }
    assert_eq!(
        refused(&plan(&app, &app.citizen(9), walk(&enrollment)).await),
        one("NOT_FOUND", "enrollmentId")
    );

    // In a program that says nothing of it, the staff plan; in one without a plan, nobody does.
    for (n, features, refusals) in [
        (2, json!({}), [Some(("NOT_ALLOWED", "")), None]),
        (
            3,
            json!({ "activityPlan": false }),
            [Some(("NOT_OFFERED", "")), Some(("NOT_OFFERED", ""))],
        ),
    ] {
        care::import_changed(&app.store, |program| {
            program["version"] = format!("{}.0", n + 1).into();
            program["features"] = features;
        })
        .await;
        app.enroll(n).await;
        let enrollment = enrollment_of(&app, n).await;
        for (token, refusal) in [app.citizen(n), therapist.clone()].iter().zip(refusals) {
            let answer = plan(&app, token, walk(&enrollment)).await;
            match refusal {
                Some((code, path)) => assert_eq!(refused(&answer), one(code, path)),
                None => assert!(done(&answer)["activity"]["id"].is_string()),
            }
        }
    }
}

async fn recurrences_are_counted_on_the_local_calendar(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let therapist = app.therapist();
    let plan = async |repeat: &str, starts_on: &str, time: &str| {
        let input =
            json!({ "enrollmentId": enrollment, "title": "X", "startsOn": starts_on, "time": time, "repeat": repeat });
        let id = text(&done(&plan(&app, &therapist, input).await)["activity"]["id"]);
        let found = days(&app, &enrollment, "2027-03-01T00:00:00Z", "2027-12-31T00:00:00Z").await;
        let input = json!({ "activityId": id });
        done(
            &app.client
                .mutate(&therapist, "endActivity", input, "activity { id }")
                .await,
        );
        found
    };
    // The clocks go forward in the night to 28 March: half past two does not exist, and is three o'clock.
    let spring = plan("FREQ=DAILY;COUNT=3", "2027-03-27", "02:30").await;
    assert_eq!(
        spring,
        on(&[
            ("2027-03-27", "03-27 01:30"),
            ("2027-03-28", "03-28 01:00"),
            ("2027-03-29", "03-29 00:30")
        ])
    );
    // They go back in the night to 31 October: half past two comes twice, and the first is meant.
    let autumn = plan("FREQ=DAILY;UNTIL=20271101", "2027-10-30", "02:30").await;
    assert_eq!(
        autumn,
        on(&[
            ("2027-10-30", "10-30 00:30"),
            ("2027-10-31", "10-31 00:30"),
            ("2027-11-01", "11-01 01:30")
        ])
    );
    let fortnights = plan("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=4", "2027-03-15", "17:30").await;
    assert_eq!(
        fortnights,
        on(&[
            ("2027-03-15", "03-15 16:30"),
            ("2027-03-18", "03-18 16:30"),
            ("2027-03-29", "03-29 15:30"),
            ("2027-04-01", "04-01 15:30")
        ])
    );
    for bad in [
        "FREQ=HOURLY",
        "FREQ=DAILY;COUNT=0",
        "Every day",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;BYDAY=lördag",
        "FREQ=MONTHLY;BYDAY=LASTFR",
    ] {
        let input = json!({ "enrollmentId": enrollment, "title": "X", "startsOn": "2027-03-02", "repeat": bad });
        let answer = super::plan(&app, &therapist, input).await;
        assert_eq!(refused(&answer), one("BAD_REPEAT", "repeat"), "{bad}");
    }
}

async fn an_activity_is_changed_from_a_day_on(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let walk_id = walking(&app, &enrollment).await;
    let change = async |token: &str, input: Value| {
        let fields = "activity { id title time repeat startsOn replaces { id endedAt } }";
        app.client.mutate(token, "changeActivity", input, fields).await
    };
    let register =
        json!({ "activityId": walk_id, "occurrence": "2027-03-01", "done": true, "rating": 8, "ratingBefore": 3 });
    done(
        &app.client
            .mutate(&citizen, "registerActivity", register, "entry { id }")
            .await,
    );
    // The second Thursday is cancelled, and stays so.
    let cancel = json!({ "activityId": walk_id, "occurrence": "2027-03-11", "reason": "Läkarbesök" });
    done(
        &app.client
            .mutate(&therapist, "cancelOccurrence", cancel, "activity { id }")
            .await,
    );

    for (input, code, path) in [
        (json!({ "activityId": walk_id }), "ALREADY_REGISTERED", "from"),
        (
            json!({ "activityId": walk_id, "from": "2027-02-28" }),
            "IN_THE_PAST",
            "from",
        ),
        (
            json!({ "activityId": walk_id, "from": "2027-06-01" }),
            "NOT_PLANNED",
            "from",
        ),
        (
            json!({ "activityId": walk_id, "from": "2027-03-02", "title": " " }),
            "REQUIRED",
            "title",
        ),
        (
            json!({ "activityId": walk_id, "from": "2027-03-02", "time": null }),
            "BAD_DURATION",
            "duration",
        ),
        (
            json!({ "activityId": walk_id, "from": "2027-03-02", "repeat": "Daily" }),
            "BAD_REPEAT",
            "repeat",
        ),
        (json!({ "activityId": enrollment }), "NOT_FOUND", "activityId"),
    ] {
        let told = refused(&change(&therapist, input.clone()).await);
        assert!(told.contains(&(code.to_owned(), path.to_owned())), "{input}: {told:?}");
    }
    let later = json!({ "activityId": walk_id, "from": "2027-03-05", "title": "Lång promenad", "time": "08:00" });
    assert_eq!(refused(&change(&citizen, later.clone()).await), one("NOT_ALLOWED", ""));
    let changed = done(&change(&therapist, later.clone()).await)["activity"].clone();
    // Two of eight have been; the count goes on, and so does the rhythm.
    assert_eq!(
        (
            &changed["title"],
            &changed["startsOn"],
            &changed["repeat"],
            &changed["replaces"]["id"]
        ),
        (
            &json!("Lång promenad"),
            &json!("2027-03-08"),
            &json!("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=6"),
            &json!(walk_id)
        )
    );
    assert_eq!(refused(&change(&therapist, later).await), one("ENDED", "activityId"));
    let all = days(&app, &enrollment, "2027-03-01T00:00:00Z", "2027-12-31T00:00:00Z").await;
    let expected = [
        ("2027-03-01", "03-01 16:30"),
        ("2027-03-04", "03-04 16:30"),
        ("2027-03-08", "03-08 07:00"),
        ("2027-03-15", "03-15 07:00"),
        ("2027-03-18", "03-18 07:00"),
        ("2027-03-22", "03-22 07:00"),
        ("2027-03-25", "03-25 07:00"),
    ];
    assert_eq!(all, on(&expected));
    let first = shown(
        &app,
        &therapist,
        &enrollment,
        "2027-03-01T00:00:00Z",
        "2027-03-02T00:00:00Z",
    )
    .await;
    let entry = &first["activities"][0]["entry"];
    assert_eq!((&entry["rating"], &entry["ratingBefore"]), (&json!(8), &json!(3)));

    // Another recurrence begins anew; null leaves one day.
    let anew = json!({ "activityId": changed["id"], "from": "2027-03-16", "repeat": "FREQ=DAILY;COUNT=2", "time": null, "duration": null });
    let anew = done(&change(&therapist, anew).await)["activity"].clone();
    assert_eq!((&anew["startsOn"], &anew["time"]), (&json!("2027-03-16"), &Value::Null));
    let once = json!({ "activityId": anew["id"], "from": "2027-03-17", "repeat": null });
    done(&change(&therapist, once).await);
    let rest = days(&app, &enrollment, "2027-03-12T00:00:00Z", "2027-12-31T00:00:00Z").await;
    assert_eq!(
        rest,
        on(&[
            ("2027-03-15", "03-15 07:00"),
            ("2027-03-16", "03-15 23:00"),
            ("2027-03-17", "03-16 23:00")
        ])
    );
}

async fn a_day_is_moved_or_cancelled(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let walk_id = walking(&app, &enrollment).await;
    let shift = async |token: &str, input: Value| {
        app.client
            .mutate(token, "moveOccurrence", input, "occurrence { id day movedTo startsAt }")
            .await
    };
    let cancel = async |token: &str, input: Value| {
        app.client
            .mutate(token, "cancelOccurrence", input, "activity { id }")
            .await
    };
    let to_wednesday = json!({ "activityId": walk_id, "occurrence": "2027-03-01", "to": "2027-03-03", "time": "12:00", "reason": "Regn" });
    assert_eq!(
        refused(&shift(&citizen, to_wednesday.clone()).await),
        one("NOT_ALLOWED", "")
    );
    let moved = done(&shift(&therapist, to_wednesday).await)["occurrence"].clone();
    assert_eq!(
        (&moved["day"], &moved["movedTo"]),
        (&json!("2027-03-01"), &json!("2027-03-03"))
    );
    for (input, code, path) in [
        (
            json!({ "activityId": walk_id, "occurrence": "2027-03-02", "to": "2027-03-03" }),
            "NOT_PLANNED",
            "occurrence",
        ),
        (
            json!({ "activityId": walk_id, "occurrence": "2027-03-04", "to": "2027-02-28" }),
            "IN_THE_PAST",
            "to",
        ),
        (
            json!({ "activityId": walk_id, "occurrence": "2027-03-04", "to": "2030-01-01" }),
            "TOO_FAR_AHEAD",
            "to",
        ),
        (
            json!({ "activityId": moved["id"], "occurrence": "2027-03-04", "to": "2027-03-05" }),
            "ANOTHER_DAY",
            "occurrence",
        ),
    ] {
        assert_eq!(
            refused(&shift(&therapist, input.clone()).await),
            one(code, path),
            "{input}"
        );
    }
    let thursday = json!({ "activityId": walk_id, "occurrence": "2027-03-04", "reason": "Sjuk" });
    assert_eq!(
        refused(&cancel(&citizen, thursday.clone()).await),
        one("NOT_ALLOWED", "")
    );
    let no_reason = json!({ "activityId": walk_id, "occurrence": "2027-03-04", "reason": " " });
    assert_eq!(refused(&cancel(&therapist, no_reason).await), one("REQUIRED", "reason"));
    done(&cancel(&therapist, thursday.clone()).await);
    done(&cancel(&therapist, thursday).await);

    let week = ("2027-03-01T00:00:00Z", "2027-03-09T00:00:00Z");
    assert_eq!(
        days(&app, &enrollment, week.0, week.1).await,
        on(&[("2027-03-01", "03-03 11:00"), ("2027-03-08", "03-08 16:30")])
    );
    // The staff read why and who of them; the citizen reads that it was they.
    let exceptions =
        shown(&app, &therapist, &enrollment, week.0, week.1).await["activityPlan"][0]["exceptions"].clone();
    let by = json!({ "displayName": "Person therapist" });
    let expected = json!([
        { "occurrence": "2027-03-01", "movedTo": "2027-03-03", "time": "12:00", "reason": "Regn", "actor": "STAFF", "by": by },
        { "occurrence": "2027-03-04", "movedTo": null, "time": null, "reason": "Sjuk", "actor": "STAFF", "by": by },
    ]);
    assert_eq!(exceptions, expected);
    let exceptions = shown(&app, &citizen, &enrollment, week.0, week.1).await["activityPlan"][0]["exceptions"].clone();
    assert_eq!(
        (
            &exceptions[0]["movedTo"],
            &exceptions[0]["reason"],
            &exceptions[0]["actor"],
            &exceptions[0]["by"]
        ),
        (&json!("2027-03-03"), &Value::Null, &json!("STAFF"), &Value::Null)
    );

    // It is registered by the day as it was planned, once it has come.
    let register = async |day: &str| {
        let input = json!({ "activityId": walk_id, "occurrence": day, "done": true });
        app.client
            .mutate(&citizen, "registerActivity", input, "entry { id }")
            .await
    };
    assert_eq!(refused(&register("2027-03-01").await), one("NOT_YET", "occurrence"));
    assert_eq!(refused(&register("2027-03-04").await), one("NOT_PLANNED", "occurrence"));
    app.advance(TimeDelta::days(3)).await;
    // It is Thursday: Wednesday was missed, what was cancelled was not.
    let missed = async || {
        let shown = shown(&app, &citizen, &enrollment, week.0, week.1).await["activities"].clone();
        let shown = shown.as_array().unwrap().clone();
        shown
            .iter()
            .map(|one| (text(&one["day"]), one["missed"].as_bool().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        missed().await,
        [("2027-03-01".to_owned(), true), ("2027-03-08".to_owned(), false)]
    );
    let passed = json!({ "activityId": walk_id, "occurrence": "2027-03-01", "to": "2027-03-05" });
    assert_eq!(
        refused(&shift(&therapist, passed.clone()).await),
        one("PASSED", "occurrence")
    );
    done(&register("2027-03-01").await);
    assert_eq!(
        refused(&shift(&therapist, passed).await),
        one("ALREADY_REGISTERED", "occurrence")
    );
    assert!(!missed().await[0].1);
    // What was cancelled comes again where it is moved.
    let again = json!({ "activityId": walk_id, "occurrence": "2027-03-04", "to": "2027-03-05" });
    done(&shift(&therapist, again).await);
    assert!(missed().await.iter().any(|(day, _)| day == "2027-03-04"));
}

async fn rules_know_of_days_that_were_moved(kind: Kind) {
    let (app, row, enrollment) = started(kind).await;
    let rule = json!({ "trigger": { "whenever": {} },
        "condition": { "compare": { "fact": { "missedActivities": { "days": 7 } }, "operator": "GTE", "value": 1 } },
        "actions": [{ "raiseFlag": { "kind": "missed", "severity": "INFO", "title": "Missed", "audience": "STAFF" } }] });
    care::save_rule(&app.store, "missed", rule).await;
    app.work().await;
    let walk_id = walking(&app, &enrollment).await;
    let therapist = app.therapist();
    let cancel = json!({ "activityId": walk_id, "occurrence": "2027-03-01", "reason": "Regn" });
    done(
        &app.client
            .mutate(&therapist, "cancelOccurrence", cancel, "activity { id }")
            .await,
    );
    let to_saturday = json!({ "activityId": walk_id, "occurrence": "2027-03-04", "to": "2027-03-06" });
    done(
        &app.client
            .mutate(&therapist, "moveOccurrence", to_saturday, "occurrence { id }")
            .await,
    );
    let flags = async || {
        let rows = entity::flag::Entity::find().filter(entity::flag::Column::EnrollmentId.eq(row));
        let rows = rows.filter(entity::flag::Column::Kind.eq("missed"));
        rows.count(app.store.connection()).await.unwrap()
    };
    app.run_until("2027-03-06T22:59:59Z".parse().unwrap()).await;
    assert_eq!(flags().await, 0);
    app.run_until("2027-03-06T23:00:01Z".parse().unwrap()).await;
    assert_eq!(flags().await, 1);
}

both_databases!(
    staff_plan_and_citizens_where_the_program_lets_them,
    recurrences_are_counted_on_the_local_calendar,
    an_activity_is_changed_from_a_day_on,
    a_day_is_moved_or_cancelled,
    rules_know_of_days_that_were_moved,
);
