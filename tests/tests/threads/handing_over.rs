//! A thread is handed over from one who looks after it to another.

use chrono::TimeDelta;
use entity::{
    action::{self, assignment::NewAssignment, care::NewStaff},
    assignment::Role,
    viewer::Viewer,
};
use rules::facts::Status;
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused},
    database::Kind,
};
use uuid::Uuid;

use super::{change, started, thread};

const HAND_OVER: &str = "mutation($input: HandOverMessagesInput!) { handOverMessages(input: $input) {
    enrollment { messagesHandledBy { displayName } } errors { code message path } } }";
const LIVE: &str =
    "subscription($unitId: ID!, $after: String) { unitActivity(unitId: $unitId, after: $after) { __typename } }";

/// Another therapist at the unit.
async fn colleague(app: &TestApp) -> Uuid {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let provider = app.store.directory().unit(app.care.unit).unwrap().provider_id;
    let staff = NewStaff {
        provider_id: provider,
        subject: "colleague".to_owned(),
        display_name: "Person colleague".to_owned(),
        title: None,
        email: None,
    };
    let staff_id = action::care::create_staff(&mut act, staff).await.unwrap();
    let assignment = NewAssignment {
        staff_id,
        unit_id: Some(app.care.unit),
        role: Role::Therapist,
        valid_from: None,
        valid_until: None,
    };
    action::assignment::grant(&mut act, &assignment).await.unwrap();
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
    staff_id
}

async fn a_thread_is_handed_over(kind: Kind) {
    let (app, id, enrollment) = started(kind).await;
    let therapist = app.therapist();
    let staff = |staff: Uuid| api::graphql::id(api::graphql::Kind::Staff, staff).to_string();
    let receiver = staff(colleague(&app).await);
    let unit = app.unit_id().await;
    let after = app.last_cursor().await;
    let mut live = app.client.socket(&therapist).await;
    live.subscribe("1", LIVE, &json!({ "unitId": unit, "after": after }))
        .await;
    let over = |to: Option<&str>, note: &str| json!({ "enrollmentId": enrollment, "staffId": to, "note": note });

    assert_eq!(
        thread(&app, &therapist, &enrollment).await["messagesHandledBy"],
        Value::Null
    );
    let handed = change(&app, &therapist, HAND_OVER, over(Some(&receiver), "Ledig i veckan")).await;
    assert_eq!(
        done(&handed)["enrollment"]["messagesHandledBy"]["displayName"],
        "Person colleague"
    );
    assert_eq!(live.item().await["unitActivity"]["__typename"], "MessagesHandedOver");
    app.clock.advance(TimeDelta::days(7));
    let (therapist, receiver_token) = (app.therapist(), app.staff("colleague"));
    done(&change(&app, &receiver_token, HAND_OVER, over(None, " ")).await);
    let seen = thread(&app, &therapist, &enrollment).await;
    assert_eq!(seen["messagesHandledBy"], Value::Null);
    assert_eq!(
        seen["messageHandOvers"],
        json!([
            { "at": "2027-03-08T09:00:00+00:00", "note": null, "to": null, "by": { "displayName": "Person colleague" } },
            { "at": "2027-03-01T09:00:00+00:00", "note": "Ledig i veckan", "to": { "displayName": "Person colleague" },
                "by": { "displayName": "Person therapist" } },
        ])
    );
    let of_citizen = thread(&app, &app.citizen(1), &enrollment).await;
    assert_eq!(of_citizen["messageHandOvers"], json!([]), "this is among the staff");

    let not_there = one("NOT_FOUND", "staffId");
    for wrong in [staff(app.care.other_therapist), enrollment.clone()] {
        let data = change(&app, &therapist, HAND_OVER, over(Some(&wrong), "")).await;
        assert_eq!(refused(&data), not_there);
    }
    for token in [
        app.citizen(1),
        app.staff(care::OTHER_THERAPIST),
        app.staff("citizen-administrator"),
    ] {
        let data = change(&app, &token, HAND_OVER, over(Some(&receiver), "")).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"));
    }
    care::change_status(&app.store, id, Status::Withdrawn, None).await;
    let data = change(&app, &therapist, HAND_OVER, over(Some(&receiver), "")).await;
    assert_eq!(refused(&data), one("ENDED", ""));
    app.stop().await;
}

both_databases!(a_thread_is_handed_over);
