//! Colleagues remind one another.

use api::graphql::{Kind as Of, id};
use chrono::TimeDelta;
use entity::{assignment, reminder_staff};
use rules::facts::Status;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::json;
use tests::{
    both_databases, care,
    client::{one, refused},
    database::Kind,
};

use super::{REMIND, REMIND_STAFF, Ward, monday, notes};

const MARK_READ: &str = "mutation($input: MarkReminderReadInput!) { markReminderRead(input: $input) {
    reminder { id readAt } errors { code message path } } }";
const UNIT_ACTIVITY: &str = "subscription($unitId: ID!, $after: String!) {
    unitActivity(unitId: $unitId, after: $after) { __typename
    ... on ReminderArrived { reminder { id note } } } }";

async fn colleagues_remind_one_another(kind: Kind) {
    let ward = Ward::open(kind).await;
    let (therapist, colleague) = (ward.app.therapist(), ward.app.staff(care::COLLEAGUE));
    let unit = id(Of::Unit, ward.app.care.unit);
    let mut listener = ward.app.client.socket(&colleague).await;
    let after = ward.app.last_cursor().await;
    let variables = json!({ "unitId": unit, "after": after });
    listener.subscribe("1", UNIT_ACTIVITY, &variables).await;

    // Nobody named: the therapist of the enrollment.
    let own = json!({ "enrollmentId": ward.enrollment(), "note": "Skriv remissen" });
    let own = ward.reminder(REMIND_STAFF, own).await;
    assert_eq!(own["staff"], json!([{ "displayName": "Person therapist" }]));
    // Two of them, of whom one hears it live.
    let named = json!({ "enrollmentId": ward.enrollment(), "note": "Ring Given1",
        "staffIds": [ward.colleague_id(), id(Of::Staff, ward.app.care.therapist), ward.colleague_id()] });
    let named = ward.reminder(REMIND_STAFF, named).await;
    assert_eq!(
        named["deliveries"].as_array().unwrap().len(),
        4,
        "two each, on two channels: {named}"
    );
    let item = listener.item().await["unitActivity"].clone();
    assert_eq!(
        (&item["__typename"], &item["reminder"]["id"]),
        (&json!("ReminderArrived"), &named["id"])
    );
    ward.app.work().await;
    let mut told = ward.told();
    told.sort();
    assert_eq!(told, ["colleague", "therapist", "therapist"]);
    for mail in ward.app.mail() {
        for word in ["Given1", "Family1", "remiss", "Ring"] {
            assert!(!mail.whole.contains(word), "{word} left the house");
        }
    }

    // Each has an inbox of their own, the latest first.
    ward.app.clock.advance(TimeDelta::hours(1));
    let input = json!({ "enrollmentId": ward.enrollment(), "note": "Boka rum", "channels": ["INBOX"] });
    ward.reminder(REMIND_STAFF, input).await;
    let inbox = ward.inbox(&therapist, json!({})).await;
    assert_eq!(inbox["unreadReminderCount"], 3);
    assert_eq!(notes(&inbox)[0], "Boka rum");
    let first = &inbox["reminders"]["nodes"][0];
    assert_eq!(
        (
            &first["by"]["displayName"],
            &first["enrollment"]["citizen"]["displayName"]
        ),
        (&json!("Person therapist"), &json!("Given1 Family1"))
    );
    assert_eq!(notes(&ward.inbox(&colleague, json!({})).await), ["Ring Given1"]);
    let page = ward.inbox(&therapist, json!({ "first": 1 })).await;
    assert_eq!(
        (notes(&page).len(), &page["reminders"]["pageInfo"]["hasNextPage"]),
        (1, &json!(true))
    );
    let after = page["reminders"]["pageInfo"]["endCursor"].clone();
    let rest = ward.inbox(&therapist, json!({ "after": after })).await;
    assert_eq!(
        (notes(&rest).len(), &rest["reminders"]["pageInfo"]["hasNextPage"]),
        (2, &json!(false))
    );

    // What one has read the other has not.
    let read = json!({ "reminderId": named["id"] });
    let marked = ward.reminder(MARK_READ, read.clone()).await;
    assert!(marked["readAt"].is_string());
    ward.app.clock.advance(TimeDelta::hours(1));
    assert_eq!(ward.reminder(MARK_READ, read.clone()).await["readAt"], marked["readAt"]);
    let inbox = ward.inbox(&therapist, json!({ "unread": true })).await;
    assert_eq!(
        (inbox["unreadReminderCount"].as_i64(), notes(&inbox).len()),
        (Some(2), 2)
    );
    assert_eq!(ward.inbox(&colleague, json!({})).await["unreadReminderCount"], 1);

    // Nobody marks what did not come to them.
    let others = [
        ward.app.staff(care::OTHER_THERAPIST),
        ward.app.staff("citizen-administrator"),
    ];
    for token in others.iter().chain([&ward.app.citizen(1)]) {
        assert_eq!(
            refused(&ward.send(token, MARK_READ, read.clone()).await),
            one("NOT_FOUND", "reminderId")
        );
    }
    let of_own = json!({ "reminderId": own["id"] });
    assert_eq!(
        refused(&ward.send(&colleague, MARK_READ, of_own).await),
        one("NOT_FOUND", "reminderId")
    );
    for token in &others {
        let inbox = ward.inbox(token, json!({})).await;
        assert!(
            inbox["reminders"]["nodes"].as_array().is_none_or(Vec::is_empty),
            "{inbox}"
        );
    }
    care::block(&ward.app.store, ward.enrollments[0], ward.app.care.unit).await;
    let inbox = ward.inbox(&therapist, json!({})).await;
    assert_eq!(
        (inbox["unreadReminderCount"].as_i64(), notes(&inbox).len()),
        (Some(0), 0)
    );
    assert_eq!(ward.refusal(MARK_READ, read).await, one("NOT_FOUND", "reminderId"));
}

async fn what_colleagues_plan_leaves_while_the_program_rests(kind: Kind) {
    let ward = Ward::open(kind).await;
    let in_a_week = monday() + TimeDelta::days(7);
    let input = json!({ "enrollmentId": ward.enrollment(), "at": in_a_week, "note": "Hör hur det går",
        "staffIds": [ward.colleague_id()] });
    let planned = ward.reminder(REMIND_STAFF, input).await;
    assert_eq!(planned["staff"], json!([{ "displayName": "Person colleague" }]));
    assert_eq!(
        ward.inbox(&ward.app.staff(care::COLLEAGUE), json!({})).await["unreadReminderCount"],
        0
    );
    let to_citizen = json!({ "enrollmentId": ward.enrollment(), "at": in_a_week });
    let to_citizen = ward.reminder(REMIND, to_citizen).await;
    care::change_status(&ward.app.store, ward.enrollments[0], Status::Paused, None).await;
    ward.app.run_until(in_a_week + TimeDelta::hours(1)).await;
    assert!(ward.read(&planned).await["sentAt"].is_string());
    assert_eq!(
        notes(&ward.inbox(&ward.app.staff(care::COLLEAGUE), json!({})).await),
        ["Hör hur det går"]
    );
    assert_eq!(ward.read(&to_citizen).await["skipReason"], "PAUSED");

    // Whoever does not work there any more is not told, and nobody else is in their place.
    let next = in_a_week + TimeDelta::days(1);
    let input = json!({ "enrollmentId": ward.enrollment(), "at": next, "staffIds": [ward.colleague_id()] });
    let planned = ward.reminder(REMIND_STAFF, input).await;
    assignment::Entity::update_many()
        .col_expr(
            assignment::Column::ValidUntil,
            Expr::value(in_a_week + TimeDelta::hours(2)),
        )
        .filter(assignment::Column::StaffId.eq(ward.colleague))
        .exec(ward.app.store.connection())
        .await
        .unwrap();
    ward.app.run_until(next + TimeDelta::hours(1)).await;
    assert_eq!(ward.read(&planned).await["skipReason"], "NOBODY");
    assert_eq!(ward.told(), ["colleague"]);
    let rows = reminder_staff::Entity::find()
        .all(ward.app.store.connection())
        .await
        .unwrap();
    assert_eq!(rows.iter().filter(|row| row.arrived_at.is_some()).count(), 1);
}

both_databases!(
    colleagues_remind_one_another,
    what_colleagues_plan_leaves_while_the_program_rests,
);
