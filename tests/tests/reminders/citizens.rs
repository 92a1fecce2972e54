//! Citizens are reminded, now and later.

use api::graphql::{Kind as Of, id};
use chrono::TimeDelta;
use rules::facts::Status;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{one, refused, text},
    database::Kind,
};

use super::{REMIND, REMIND_STAFF, Ward, at};

const OF_CITIZEN: &str = "{ viewer { ... on CitizenViewer { citizen { enrollments(first: 1) { nodes {
    reminders(first: 10) { nodes { id note sentAt staff { id } } } } } } } } }";

async fn a_citizen_is_reminded_now_and_later(kind: Kind) {
    let ward = Ward::open(kind).await;
    let form = care::dispatch(&ward.app.store, ward.enrollments[0], "weekly-measure").await;
    let now = json!({ "enrollmentId": ward.enrollment(), "note": "Ta med dagboken på fredag." });
    let left = ward.reminder(REMIND, now).await;
    assert_eq!(
        (&left["template"], &left["note"]),
        (&json!("general"), &json!("Ta med dagboken på fredag."))
    );
    assert!(left["sentAt"].is_string());
    ward.app.work().await;
    let mail = ward.app.mail();
    assert_eq!(mail.len(), 1);
    assert!(
        !mail[0].whole.contains("dagboken"),
        "what was said is read in the service alone"
    );
    // The citizen reads it there, and sees nothing of the staff.
    let data = ward
        .app
        .client
        .query(&ward.app.citizen(1), OF_CITIZEN, json!({}))
        .await
        .data();
    let seen = &data["viewer"]["citizen"]["enrollments"]["nodes"][0]["reminders"]["nodes"][0];
    assert_eq!(
        (&seen["note"], &seen["staff"]),
        (&json!("Ta med dagboken på fredag."), &json!([]))
    );

    // In the evening it is too late to be heard: what is asked for then waits for the morning.
    let tomorrow_night = at("2027-03-02T22:00:00Z");
    let later = json!({ "enrollmentId": ward.enrollment(), "channels": ["EMAIL"], "at": tomorrow_night,
        "dispatchId": id(Of::Dispatch, form) });
    let planned = ward.reminder(REMIND, later).await;
    assert_eq!(
        (&planned["template"], &planned["sentAt"]),
        (&json!("form-waiting"), &Value::Null)
    );
    assert_eq!(planned["dispatch"]["id"], json!(id(Of::Dispatch, form)));
    ward.app.run_until(tomorrow_night + TimeDelta::hours(1)).await;
    assert!(ward.read(&planned).await["sentAt"].is_string());
    assert_eq!(ward.app.mail().len(), 1);
    ward.app.run_until(at("2027-03-03T06:30:00Z")).await;
    assert_eq!(ward.app.mail().len(), 2);

    // Whether it still applies is asked when it leaves.
    let after_answer = json!({ "enrollmentId": ward.enrollment(), "at": at("2027-03-03T15:00:00Z"),
        "dispatchId": id(Of::Dispatch, form) });
    let planned = ward.reminder(REMIND, after_answer.clone()).await;
    let answers = tests::client::weekly_measure(["no"; 9]);
    ward.app.answer(1, "weekly-measure", answers).await;
    ward.app.run_until(at("2027-03-03T16:00:00Z")).await;
    assert_eq!(ward.read(&planned).await["skipReason"], "ANSWERED");
    assert_eq!(ward.app.mail().len(), 2);
    assert_eq!(
        ward.refusal(REMIND, after_answer).await,
        one("ALREADY_ANSWERED", "dispatchId")
    );
}

async fn what_cannot_be_reminded_of_is_refused(kind: Kind) {
    let ward = Ward::open(kind).await;
    let enrollment = ward.enrollment();
    let others = care::dispatch(&ward.app.store, ward.enrollments[1], "weekly-measure").await;
    let input = json!({ "enrollmentId": enrollment, "dispatchId": id(Of::Dispatch, others) });
    assert_eq!(ward.refusal(REMIND, input).await, one("NOT_FOUND", "dispatchId"));
    let input = json!({ "enrollmentId": enrollment, "template": "nonsense" });
    assert_eq!(ward.refusal(REMIND, input).await, one("NOT_FOUND", "template"));
    // Letters for staff are for staff.
    for template in ["staff-attention", "staff-escalation", "staff-invitation"] {
        let input = json!({ "enrollmentId": enrollment, "template": template });
        assert_eq!(ward.refusal(REMIND, input).await, one("NOT_FOUND", "template"));
    }
    let long = "ö".repeat(10_001);
    for mutation in [REMIND, REMIND_STAFF] {
        let input = json!({ "enrollmentId": enrollment, "note": long });
        assert_eq!(ward.refusal(mutation, input).await, one("TOO_LONG", "note"));
        for token in [
            ward.app.staff(care::OTHER_THERAPIST),
            ward.app.staff("citizen-administrator"),
            ward.app.staff("unit-administrator"),
            ward.app.citizen(1),
        ] {
            let data = ward.send(&token, mutation, json!({ "enrollmentId": enrollment })).await;
            assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"));
        }
    }
    let stranger = id(Of::Staff, ward.app.care.other_therapist);
    for (staff, place) in [(json!([ward.colleague_id(), stranger]), 1), (json!(["nonsense"]), 0)] {
        let input = json!({ "enrollmentId": enrollment, "staffIds": staff });
        assert_eq!(
            ward.refusal(REMIND_STAFF, input).await,
            one("NOT_FOUND", &format!("staffIds.{place}"))
        );
    }
    let far = json!({ "enrollmentId": enrollment, "at": "+20260-01-01T00:00:00Z" });
    assert_eq!(ward.refusal(REMIND, far).await, one("TOO_FAR_AHEAD", "at"));
    let many: Vec<String> = std::iter::repeat_n(ward.colleague_id(), 51).collect();
    let input = json!({ "enrollmentId": enrollment, "staffIds": many });
    assert_eq!(ward.refusal(REMIND_STAFF, input).await, one("TOO_MANY", "staffIds"));

    care::change_status(&ward.app.store, ward.enrollments[0], Status::Withdrawn, None).await;
    for mutation in [REMIND, REMIND_STAFF] {
        let input = json!({ "enrollmentId": enrollment });
        assert_eq!(ward.refusal(mutation, input).await[0].0, "ENDED");
    }
    care::block(&ward.app.store, ward.enrollments[0], ward.app.care.unit).await;
    for mutation in [REMIND, REMIND_STAFF] {
        let input = json!({ "enrollmentId": enrollment });
        assert_eq!(ward.refusal(mutation, input).await, one("NOT_FOUND", "enrollmentId"));
    }
}

async fn the_templates_are_there_to_choose_from(kind: Kind) {
    let ward = Ward::open(kind).await;
    let unit = ward.app.unit_id().await;
    let list = async |token: &str, arguments: &str| {
        let query =
            format!("query($id: ID!) {{ unit(id: $id) {{ reminderTemplates{arguments} {{ key audience title }} }} }}");
        let data = ward.app.client.query(token, &query, json!({ "id": unit })).await.data();
        data["unit"]["reminderTemplates"].as_array().unwrap().clone()
    };
    let therapist = ward.app.therapist();
    let (statements, all) = (ward.app.store.statements(), list(&therapist, "").await);
    assert_eq!(ward.app.store.statements(), statements, "they are not in the database");
    let of = |audience: &str| {
        let of_these = all.iter().filter(|template| template["audience"] == audience);
        of_these.map(|template| text(&template["key"])).collect::<Vec<_>>()
    };
    assert_eq!(of("STAFF"), ["staff-attention", "staff-escalation"]);
    let for_citizens = list(&therapist, "(audience: CITIZEN, locale: \"en\")").await;
    let keys: Vec<String> = for_citizens.iter().map(|template| text(&template["key"])).collect();
    assert_eq!(keys, of("CITIZEN"));
    // Each can be used, and its title is that of the letter, in the language that is asked for.
    assert!(keys.contains(&"come-back".to_owned()) && !keys.contains(&"staff-invitation".to_owned()));
    for template in &for_citizens {
        let input = json!({ "enrollmentId": ward.enrollment(), "template": template["key"], "channels": ["EMAIL"] });
        assert_eq!(ward.reminder(REMIND, input).await["template"], template["key"]);
    }
    ward.app.work().await;
    let subjects: Vec<String> = ward.app.mail().into_iter().map(|mail| mail.subject).collect();
    let of_citizen = list(&ward.app.staff("designer"), "(audience: CITIZEN, locale: \"sv\")").await;
    let mut titles: Vec<String> = of_citizen.iter().map(|template| text(&template["title"])).collect();
    let mut left = subjects.clone();
    left.sort();
    titles.sort();
    assert_eq!(left, titles);
    assert_ne!(for_citizens, of_citizen);
}

both_databases!(
    the_templates_are_there_to_choose_from,
    a_citizen_is_reminded_now_and_later,
    what_cannot_be_reminded_of_is_refused,
);
