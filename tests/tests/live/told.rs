//! Who is told of what: the staff of a unit of everything that people do there, citizens of what concerns them, and both only
//! of what they may see.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, text, weekly_measure},
    database::Kind,
};

use crate::ward::{Ward, morning};

async fn the_life_of_an_enrollment(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    ward.treat("pauseEnrollment", json!({ "reason": "Resa" }), "enrollment { id }")
        .await;
    ward.both("EnrollmentChanged PAUSED PAUSED").await;
    ward.treat("resumeEnrollment", json!({}), "enrollment { id }").await;
    ward.both("EnrollmentChanged ACTIVE RESUMED").await;
    let later = json!({ "endsAt": morning() + TimeDelta::weeks(20) });
    ward.treat("prolongEnrollment", later, "enrollment { id }").await;
    ward.both("EnrollmentChanged ACTIVE RESCHEDULED").await;
    let therapists = json!({ "therapistIds": [ward.colleague_id] });
    ward.treat("setTherapists", therapists, "enrollment { id }").await;
    ward.both("EnrollmentChanged ACTIVE THERAPISTS_CHANGED").await;

    // Another is planned, moved and withdrawn from.
    let person =
        json!({ "personalIdentityNumber": care::identity_number(2), "givenName": "Given2", "familyName": "Family2" });
    let unit = ward.app.unit_id().await;
    let input = json!({ "programSlug": care::PROGRAM, "unitId": unit, "citizen": person, "therapistIds": [],
        "startsAt": morning() + TimeDelta::days(3) });
    let therapist = ward.app.therapist();
    let planned = ward
        .app
        .client
        .mutate(&therapist, "startEnrollment", input, "enrollment { id }")
        .await;
    let planned = text(&done(&planned)["enrollment"]["id"]);
    ward.told(&["EnrollmentChanged PLANNED PLANNED"], &[]).await;
    let sooner = json!({ "enrollmentId": planned, "startsAt": morning() + TimeDelta::days(2) });
    ward.treat("rescheduleStart", sooner, "enrollment { id }").await;
    ward.told(&["EnrollmentChanged PLANNED RESCHEDULED"], &[]).await;
    ward.treat(
        "activateEnrollment",
        json!({ "enrollmentId": planned }),
        "enrollment { id }",
    )
    .await;
    ward.told(&["EnrollmentChanged ACTIVE STARTED"], &[]).await;
    ward.treat(
        "withdrawEnrollment",
        json!({ "enrollmentId": planned }),
        "enrollment { id }",
    )
    .await;
    ward.told(&["EnrollmentChanged WITHDRAWN WITHDRAWN"], &[]).await;

    // What can still be answered is taken back at the end.
    ward.treat("completeEnrollment", json!({}), "enrollment { id }").await;
    let end = [
        "EnrollmentChanged COMPLETED COMPLETED",
        "DispatchChanged weekly-measure CANCELLED",
    ];
    ward.told(&end, &end).await;
    ward.nothing_more_until_they_start_anew().await;
}

async fn who_has_it_hears_of_it(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    let blocking = ward.app.enroll(2).await;
    ward.app.enroll(3).await;
    let started = "EnrollmentChanged ACTIVE STARTED";
    ward.told(&[started, started], &[]).await;
    let (second, third) = (ward.app.enrollment_of(2).await, ward.app.enrollment_of(3).await);

    // The former unit hears of the transfer and of nothing that comes after it, and the citizen goes on hearing.
    let unit = api::graphql::id(api::graphql::Kind::Unit, ward.app.care.other_unit);
    let administrator = ward.app.staff("citizen-administrator");
    let input = json!({ "unitId": unit, "therapistIds": [] });
    ward.send(&administrator, "transferEnrollment", input, "unit { id }")
        .await;
    let other = ward.app.staff(care::OTHER_THERAPIST);
    ward.send(
        &other,
        "sendMessage",
        json!({ "body": "Välkommen hit" }),
        "message { id }",
    )
    .await;
    let left = format!("EnrollmentLeft {}", ward.enrollment);
    ward.told(
        &[left.as_str()],
        &["EnrollmentChanged ACTIVE TRANSFERRED", "MessageReceived Välkommen hit"],
    )
    .await;
    ward.marker(&second, "one").await;

    // Who blocks the unit is not heard of any more.
    care::block(&ward.app.store, blocking, ward.app.care.unit).await;
    let say = json!({ "enrollmentId": second, "body": "Hej" });
    ward.send(&ward.app.citizen(2), "sendMessage", say, "message { id }")
        .await;
    ward.marker(&third, "two").await;
    ward.send(
        &other,
        "sendMessage",
        json!({ "body": "Hur går det?" }),
        "message { id }",
    )
    .await;
    ward.told(&[], &["MessageReceived Hur går det?"]).await;
}

async fn content_and_progress(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    // What is hidden from the citizen is not named to them.
    let hide = json!({ "moduleKey": "activity", "visible": false, "reason": "Inte nu" });
    ward.treat("changeVisibility", hide, "enrollment { id }").await;
    ward.told(
        &["VisibilityChanged false activity false - SAID -"],
        &["VisibilityChanged - - SAID -"],
    )
    .await;
    let show = json!({ "moduleKey": "activity", "visible": true, "opensAt": morning() });
    ward.treat("changeVisibility", show, "enrollment { id }").await;
    ward.both("VisibilityChanged true activity true - SAID -").await;
    let section = json!({ "sectionKey": "doing", "visible": false });
    ward.treat("changeVisibility", section, "enrollment { id }").await;
    ward.told(
        &["VisibilityChanged - false doing false SAID -"],
        &["VisibilityChanged - - SAID -"],
    )
    .await;

    ward.complete(0).await;
    for progress in ["ProgressMade - hello", "ProgressMade - write", "ProgressMade welcome -"] {
        ward.both(progress).await;
    }
    ward.nothing_more().await;
}

async fn forms_and_their_results(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    let planned = json!({ "formKey": "worry-measure", "at": morning() + TimeDelta::days(1) });
    let planned = ward.treat("dispatchForm", planned, "dispatches { id }").await["dispatches"][0]["id"].clone();
    ward.both("DispatchChanged worry-measure SCHEDULED").await;
    let later = json!({ "dispatchId": planned, "availableAt": morning() + TimeDelta::days(2) });
    ward.treat("moveDispatch", later, "dispatch { id }").await;
    ward.both("DispatchChanged worry-measure MOVED").await;
    ward.treat(
        "cancelDispatch",
        json!({ "dispatchId": planned, "reason": "Fel" }),
        "dispatch { id }",
    )
    .await;
    ward.both("DispatchChanged worry-measure CANCELLED").await;
    let now = json!({ "formKey": "weekly-measure", "expiresAfter": "P1D" });
    let sent = ward.treat("dispatchForm", now, "dispatches { id }").await["dispatches"][0]["id"].clone();
    ward.both("DispatchAvailable weekly-measure").await;

    let answers = json!({ "dispatchId": sent, "answers": weekly_measure(["some"; 9]) });
    let given = ward.treat("answerOnBehalf", answers, "result { id }").await["result"]["id"].clone();
    ward.both("ResponseSubmitted weekly-measure").await;
    let amend = json!({ "resultId": given, "answers": weekly_measure(["no"; 9]), "reason": "Fel svar" });
    let amended = ward.treat("amendResult", amend, "result { id }").await["result"]["id"].clone();
    ward.both("ResultCorrected weekly-measure").await;
    let void = json!({ "resultId": amended, "reason": "Fel person" });
    ward.treat("voidResult", void, "result { id }").await;
    // Citizens see no result that counts nowhere.
    ward.told(&["ResultCorrected weekly-measure"], &["ResultCorrected -"])
        .await;

    let off = json!({ "formKey": "weekly-measure", "on": false, "reason": "Paus i mätningen" });
    ward.treat("switchFormSchedule", off, "enrollment { id }").await;
    ward.told(&["FormScheduleSwitched weekly-measure false"], &[]).await;

    let short = json!({ "formKey": "worry-measure", "expiresAfter": "P1D" });
    ward.treat("dispatchForm", short, "dispatches { id }").await;
    ward.both("DispatchAvailable worry-measure").await;
    ward.app.advance(TimeDelta::days(1)).await;
    ward.both("DispatchChanged worry-measure EXPIRED").await;
    ward.nothing_more().await;
}

async fn flags_and_reminders(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    let raise =
        |kind: &str, audience: &str| json!({ "kind": kind, "severity": "INFO", "title": kind, "audience": audience });
    let ours = ward.treat("raiseFlag", raise("ours", "STAFF"), "flag { id }").await["flag"]["id"].clone();
    ward.told(&["FlagRaised ours"], &[]).await;
    let theirs = ward.treat("raiseFlag", raise("theirs", "CITIZEN"), "flag { id }").await["flag"]["id"].clone();
    ward.both("FlagRaised theirs").await;
    let give = json!({ "flagId": theirs, "staffId": ward.colleague_id, "note": "Tar du den?" });
    ward.treat("assignFlag", give, "flag { id }").await;
    ward.told(&["FlagChanged theirs OPEN"], &[]).await;
    for flag in [&ours, &theirs] {
        ward.treat(
            "acknowledgeFlag",
            json!({ "flagId": flag, "note": "Jag ringer" }),
            "flag { id }",
        )
        .await;
    }
    ward.told(
        &["FlagChanged ours ACKNOWLEDGED", "FlagChanged theirs ACKNOWLEDGED"],
        &["FlagChanged theirs ACKNOWLEDGED"],
    )
    .await;
    ward.treat("resolveFlag", json!({ "flagId": ours }), "flag { id }")
        .await;
    ward.told(&["FlagChanged ours RESOLVED"], &[]).await;
    ward.treat("reopenFlag", json!({ "flagId": ours }), "flag { id }").await;
    ward.told(&["FlagRaised ours"], &[]).await;

    ward.treat(
        "remindCitizen",
        json!({ "template": "come-back", "channels": ["INBOX"] }),
        "reminder { id }",
    )
    .await;
    ward.told(&["ReminderSent come-back"], &["ReminderArrived come-back"])
        .await;
    // What came to somebody else alone is not heard.
    let query = "{ viewer { ... on StaffViewer { staff { id } } } }";
    let me = ward
        .app
        .client
        .query(&ward.app.therapist(), query, json!({}))
        .await
        .data();
    let mine = json!({ "note": "Ring", "staffIds": [me["viewer"]["staff"]["id"]], "channels": ["INBOX"] });
    ward.treat("remindStaff", mine, "reminder { id }").await;
    let yours = json!({ "note": "Ring", "staffIds": [ward.colleague_id], "channels": ["INBOX"] });
    let yours = ward.treat("remindStaff", yours, "reminder { id template }").await;
    let template = text(&yours["reminder"]["template"]);
    ward.told(&[&format!("ReminderArrived {template}")], &[]).await;
    ward.nothing_more().await;
}

async fn reminders_for_later(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    let at = |hours: i64| json!(morning() + TimeDelta::hours(hours));
    let move_to = |id: &Value, hours: i64| json!({ "reminderId": id, "at": at(hours) });
    let to_citizen = json!({ "template": "come-back", "channels": ["INBOX"], "at": at(1) });
    let planned = ward.treat("remindCitizen", to_citizen.clone(), "reminder { id }").await["reminder"]["id"].clone();
    ward.both("ReminderChanged come-back PLANNED").await;
    ward.treat("moveReminder", move_to(&planned, 2), "reminder { id }")
        .await;
    ward.both("ReminderChanged come-back MOVED").await;
    ward.treat("cancelReminder", json!({ "reminderId": planned }), "reminder { id }")
        .await;
    ward.both("ReminderChanged come-back CANCELLED").await;
    ward.treat("remindCitizen", to_citizen, "reminder { id }").await;
    ward.both("ReminderChanged come-back PLANNED").await;

    // To one of the staff: all who treat may see what is planned, the citizen nothing of it.
    let query = "{ viewer { ... on StaffViewer { staff { id } } } }";
    let me = ward
        .app
        .client
        .query(&ward.app.therapist(), query, json!({}))
        .await
        .data();
    for (staff, hours) in [(&me["viewer"]["staff"]["id"], 2), (&json!(ward.colleague_id), 3)] {
        let to_staff = json!({ "note": "Ring", "staffIds": [staff], "channels": ["INBOX"], "at": at(1) });
        let planned = ward.treat("remindStaff", to_staff, "reminder { id }").await["reminder"]["id"].clone();
        ward.told(&["ReminderChanged staff-attention PLANNED"], &[]).await;
        ward.treat("moveReminder", move_to(&planned, hours), "reminder { id }")
            .await;
        ward.told(&["ReminderChanged staff-attention MOVED"], &[]).await;
    }
    let cancelled = json!({ "note": "Ring", "at": at(4) });
    let cancelled = ward.treat("remindStaff", cancelled, "reminder { id }").await["reminder"]["id"].clone();
    ward.treat("cancelReminder", json!({ "reminderId": cancelled }), "reminder { id }")
        .await;
    ward.told(
        &[
            "ReminderChanged staff-attention PLANNED",
            "ReminderChanged staff-attention CANCELLED",
        ],
        &[],
    )
    .await;
    ward.nothing_more().await;

    // They leave, each once, and come to whom they are for.
    ward.app.run_until(morning() + TimeDelta::hours(1)).await;
    ward.told(&["ReminderSent come-back"], &["ReminderArrived come-back"])
        .await;
    ward.app.run_until(morning() + TimeDelta::hours(5)).await;
    ward.told(&["ReminderArrived staff-attention"], &[]).await;
    ward.nothing_more().await;
}

async fn messages_and_activities(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    let citizen = ward.app.citizen(1);
    ward.send(
        &citizen,
        "saveMessageDraft",
        json!({ "body": "Kanske" }),
        "enrollment { id }",
    )
    .await;
    ward.send(&citizen, "sendMessage", json!({ "body": "Hej" }), "message { id }")
        .await;
    ward.told(&["MessageReceived Hej"], &[]).await;
    ward.treat("markMessagesRead", json!({}), "enrollment { id }").await;
    ward.both("MessagesRead STAFF").await;
    // Read once is read.
    ward.treat("markMessagesRead", json!({}), "enrollment { id }").await;
    ward.treat("sendMessage", json!({ "body": "Hej hej" }), "message { id }")
        .await;
    ward.told(&["MessageSent Hej hej"], &["MessageReceived Hej hej"]).await;
    ward.send(&citizen, "markMessagesRead", json!({}), "enrollment { id }")
        .await;
    ward.both("MessagesRead CITIZEN").await;
    ward.send(&citizen, "sendMessage", json!({ "body": "Tack" }), "message { id }")
        .await;
    ward.treat("settleMessages", json!({}), "enrollment { id }").await;
    ward.treat(
        "handOverMessages",
        json!({ "staffId": ward.colleague_id }),
        "enrollment { id }",
    )
    .await;
    ward.told(
        &[
            "MessageReceived Tack",
            "MessagesSettled",
            "MessagesHandedOver",
            "ReminderArrived staff-attention",
        ],
        &[],
    )
    .await;

    let walk = json!({ "title": "Promenad", "startsOn": "2027-03-01", "repeat": "FREQ=DAILY;COUNT=9" });
    let walk = ward.treat("planActivity", walk, "activity { id }").await["activity"]["id"].clone();
    ward.both("ActivityPlanChanged Promenad").await;
    let shift = json!({ "activityId": walk, "occurrence": "2027-03-02", "to": "2027-03-03" });
    ward.treat("moveOccurrence", shift, "occurrence { id }").await;
    ward.both("ActivityPlanChanged Promenad").await;
    let cancel = json!({ "activityId": walk, "occurrence": "2027-03-04", "reason": "Resa" });
    ward.treat("cancelOccurrence", cancel, "activity { id }").await;
    ward.both("ActivityPlanChanged Promenad").await;
    let done = json!({ "activityId": walk, "occurrence": "2027-03-01", "done": true });
    ward.send(&citizen, "registerActivity", done, "entry { id }").await;
    ward.both("ActivityRegistered true").await;
    ward.treat("endActivity", json!({ "activityId": walk }), "activity { id }")
        .await;
    ward.both("ActivityPlanChanged Promenad").await;
    let weight = json!({ "kind": "weight", "value": 72.5 });
    let weight = ward
        .send(&citizen, "registerMeasurement", weight, "measurement { id }")
        .await;
    ward.both("MeasurementRegistered 72.5").await;
    let correct = json!({ "measurementId": weight["measurement"]["id"], "value": 71.5 });
    ward.send(&citizen, "correctMeasurement", correct, "measurement { id }")
        .await;
    ward.both("MeasurementRegistered 71.5").await;
    ward.nothing_more().await;
}

both_databases!(
    the_life_of_an_enrollment,
    who_has_it_hears_of_it,
    content_and_progress,
    forms_and_their_results,
    flags_and_reminders,
    reminders_for_later,
    messages_and_activities,
);
