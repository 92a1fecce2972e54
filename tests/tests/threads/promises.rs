//! Promised answers, and programs without messages.

use chrono::TimeDelta;
use rules::facts::Status;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, one, refused},
    database::Kind,
};

use super::{SAVE_DRAFT, TO_ALL, change, say, started, thread};

const SETTLE: &str = "mutation($input: SettleMessagesInput!) { settleMessages(input: $input) {
    enrollment { answerBefore } errors { code message path } } }";
const PROMISE: &str = "mutation($input: SetAnswerPromiseInput!) { setAnswerPromise(input: $input) {
    unit { answerWithinDays } errors { code message path } } }";

async fn an_answer_is_promised(kind: Kind) {
    let (app, id, enrollment) = started(kind).await;
    let (citizen, therapist, unit_id) = (app.citizen(1), app.therapist(), app.unit_id().await);
    let administrator = app.staff("unit-administrator");
    done(&say(&app, &citizen, &enrollment, "Innan något lovas").await);
    let days = |days: Value| json!({ "unitId": unit_id, "workingDays": days });
    for (token, days, refusal) in [
        (&therapist, days(json!(2)), one("NOT_FOUND", "unitId")),
        (&citizen, days(json!(2)), one("NOT_FOUND", "unitId")),
        (&administrator, days(json!(31)), one("OUT_OF_RANGE", "workingDays")),
        (&administrator, days(json!(-1)), one("OUT_OF_RANGE", "workingDays")),
    ] {
        assert_eq!(refused(&change(&app, token, PROMISE, days).await), refusal);
    }
    let hours: Vec<Value> = ["MO", "TU", "WE", "TH", "FR"]
        .iter()
        .map(|day| json!({ "day": day, "from": "08:00", "until": "17:00" }))
        .collect();
    let set =
        "mutation($input: SetOfficeHoursInput!) { setOfficeHours(input: $input) { errors { code message path } } }";
    let open = json!({ "unitId": unit_id, "officeHours": hours, "closedDays": ["2027-03-02"] });
    done(&change(&app, &administrator, set, open).await);
    let promised = change(&app, &administrator, PROMISE, days(json!(2))).await;
    assert_eq!(done(&promised)["unit"]["answerWithinDays"], 2);
    assert_eq!(
        thread(&app, &citizen, &enrollment).await["answerBefore"],
        Value::Null,
        "nothing was promised then"
    );
    let answered = say(&app, &therapist, &enrollment, "Hej").await;
    done(&answered);

    // On a Monday; Tuesday is closed: by Thursday at five in Stockholm.
    let by = json!("2027-03-04T16:00:00+00:00");
    done(&say(&app, &citizen, &enrollment, "När ses vi?").await);
    app.clock.advance(TimeDelta::hours(9));
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    done(&say(&app, &citizen, &enrollment, "Och var?").await);
    for token in [&citizen, &therapist] {
        let seen = thread(&app, token, &enrollment).await;
        assert_eq!(seen["answerBefore"], by, "that of the oldest");
        let evening = &seen["messages"]["nodes"][0];
        assert_eq!(
            evening["answerBefore"], "2027-03-05T16:00:00+00:00",
            "the evening counts from Wednesday"
        );
    }
    // What the unit sends to all is no answer; what somebody writes is.
    done(
        &change(
            &app,
            &therapist,
            TO_ALL,
            json!({ "unitId": unit_id, "body": "Stängt i morgon" }),
        )
        .await,
    );
    app.work().await;
    assert_eq!(thread(&app, &citizen, &enrollment).await["answerBefore"], by);
    done(&say(&app, &therapist, &enrollment, "På onsdag, hos oss").await);
    let seen = thread(&app, &citizen, &enrollment).await;
    assert_eq!(seen["answerBefore"], Value::Null);
    let asked = seen["messages"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|node| node["answerBefore"].is_string());
    let asked: Vec<&Value> = asked.collect();
    assert_eq!(asked.len(), 2);
    assert!(
        asked
            .iter()
            .all(|node| node["answeredAt"] == "2027-03-01T18:00:00+00:00"),
        "{asked:?}"
    );

    // A thank-you needs none.
    done(&say(&app, &citizen, &enrollment, "Tack!").await);
    assert!(thread(&app, &citizen, &enrollment).await["answerBefore"].is_string());
    let settle = json!({ "enrollmentId": enrollment });
    for token in [&citizen, &app.staff(care::OTHER_THERAPIST)] {
        assert_eq!(
            refused(&change(&app, token, SETTLE, settle.clone()).await),
            one("NOT_FOUND", "enrollmentId")
        );
    }
    let settled = change(&app, &therapist, SETTLE, settle).await;
    assert_eq!(done(&settled)["enrollment"]["answerBefore"], Value::Null);

    // Nobody can answer after the end.
    done(&say(&app, &citizen, &enrollment, "En sak till").await);
    care::change_status(&app.store, id, Status::Completed, None).await;
    assert_eq!(thread(&app, &citizen, &enrollment).await["answerBefore"], Value::Null);
    app.stop().await;
}

async fn a_program_may_have_no_messages(kind: Kind) {
    let (app, ..) = started(kind).await;
    let words = json!({ "sv": "Ett program" });
    let step = json!({ "key": "read", "title": words, "blocks": [{ "text": words }] });
    let section = json!({ "key": "about", "title": words, "steps": [step] });
    let module = json!({ "key": "welcome", "title": words, "opens": "START", "sections": [section] });
    let program = json!({ "slug": "silent", "kind": "SUPPORT", "version": "1.0", "title": words, "summary": words,
        "features": { "messages": false }, "forms": [], "modules": [module] });
    care::import(&app.store, program, &[]).await;
    let (unit, therapist) = (app.care.unit, app.care.therapist);
    care::enroll_in(&app.store, "silent", unit, therapist, 2, None).await;
    app.work().await;
    let enrollment = app.enrollment_of(2).await;
    for token in [app.citizen(2), app.therapist()] {
        let not_offered = one("NOT_OFFERED", "enrollmentId");
        assert_eq!(refused(&say(&app, &token, &enrollment, "Hej").await), not_offered);
        let draft = json!({ "enrollmentId": enrollment, "body": "Hej" });
        assert_eq!(refused(&change(&app, &token, SAVE_DRAFT, draft).await), not_offered);
        let seen = thread(&app, &token, &enrollment).await;
        assert_eq!(
            (&seen["messages"]["nodes"], &seen["messageDraft"]),
            (&json!([]), &Value::Null)
        );
    }
    let unit_id = app.unit_id().await;
    let to_all = json!({ "unitId": unit_id, "body": "Hej", "programSlug": "silent" });
    assert_eq!(
        refused(&change(&app, &app.therapist(), TO_ALL, to_all).await),
        one("NOBODY", "")
    );
    let to_all = json!({ "unitId": unit_id, "body": "Hej" });
    let sent = change(&app, &app.therapist(), TO_ALL, to_all).await;
    assert_eq!(
        done(&sent)["message"]["recipientCount"],
        1,
        "the one in the other program"
    );
    app.stop().await;
}

both_databases!(an_answer_is_promised, a_program_may_have_no_messages);
