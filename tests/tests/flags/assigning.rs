//! Flags are given to one another.

use api::graphql::{Kind as Of, id};
use entity::{assignment::Role, flag_assignment};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{one, refused},
    database::Kind,
};

use super::{ACKNOWLEDGE, ASSIGN, HISTORY, RESOLVE, Ward, strangers, titles};

const UNIT_ACTIVITY: &str = "subscription($unitId: ID!, $after: String!) {
    unitActivity(unitId: $unitId, after: $after) { __typename at
    ... on FlagRaised { flag { id status } } ... on FlagChanged { flag { id status assignedTo { id } } } } }";

async fn flags_are_given_to_one_another(kind: Kind) {
    let ward = Ward::open(kind, 1).await;
    let flag = ward.raise(1, "risk", "WARNING", "STAFF").await;
    let mine = json!({ "assignedTo": { "is": "ME" } });
    let nobodys = json!({ "assignedTo": { "is": "NOBODY" } });
    assert_eq!(ward.titles(nobodys.clone()).await, ["risk 1"]);
    let mut listener = ward.app.client.socket(&ward.app.staff(care::COLLEAGUE)).await;
    let after = ward.app.last_cursor().await;
    let variables = json!({ "unitId": ward.unit(), "after": after });
    listener.subscribe("1", UNIT_ACTIVITY, &variables).await;

    let give = json!({ "flagId": flag, "staffId": ward.colleague_id(), "note": "Tar du den?" });
    let given = ward.flag(ASSIGN, give.clone()).await;
    assert_eq!(
        (&given["assignedTo"]["displayName"], &given["status"]),
        (&json!("Person colleague"), &json!("OPEN"))
    );
    let item = listener.item().await["unitActivity"].clone();
    assert_eq!(
        (&item["__typename"], &item["flag"]["assignedTo"]["id"]),
        (&json!("FlagChanged"), &json!(ward.colleague_id()))
    );
    assert_eq!(ward.titles(mine.clone()).await, Vec::<String>::new());
    let of_colleague = ward.list(&ward.app.staff(care::COLLEAGUE), mine.clone()).await;
    assert_eq!(titles(&of_colleague), ["risk 1"]);
    let theirs = json!({ "assignedTo": { "staffId": ward.colleague_id() } });
    assert_eq!(ward.titles(theirs).await, ["risk 1"]);
    assert_eq!(ward.titles(nobodys.clone()).await, Vec::<String>::new());
    // Given again to the same, it is as once.
    ward.flag(ASSIGN, give).await;
    let rows = flag_assignment::Entity::find().all(ward.app.store.connection()).await;
    assert_eq!(rows.unwrap().len(), 1);
    ward.flag(ASSIGN, json!({ "flagId": flag })).await;
    assert_eq!(ward.titles(nobodys).await, ["risk 1"]);
    // What nobody has is theirs who take it on.
    let taken = ward
        .flag(ACKNOWLEDGE, json!({ "flagId": flag, "note": "Jag ringer" }))
        .await;
    assert_eq!(taken["assignedTo"]["id"], ward.therapist_id());
    assert_eq!(ward.titles(mine).await, ["risk 1"]);
    for status in ["OPEN", "ACKNOWLEDGED"] {
        let item = listener.item().await["unitActivity"].clone();
        assert_eq!(item["__typename"], "FlagChanged", "{status}: {item}");
    }

    let data = ward
        .app
        .client
        .query(&ward.app.therapist(), HISTORY, json!({ "id": flag }))
        .await
        .data();
    let history = data["node"]["history"].as_array().unwrap();
    let told: Vec<(Value, Value, Value)> = history
        .iter()
        .map(|row| {
            (
                row["status"].clone(),
                row["assignedTo"]["displayName"].clone(),
                row["note"].clone(),
            )
        })
        .collect();
    let null = Value::Null;
    assert_eq!(
        told,
        [
            (json!("OPEN"), null.clone(), null.clone()),
            (null.clone(), json!("Person colleague"), json!("Tar du den?")),
            (null.clone(), null.clone(), null.clone()),
            (json!("ACKNOWLEDGED"), null.clone(), json!("Jag ringer")),
            (null.clone(), json!("Person therapist"), null),
        ]
    );
    assert!(
        history
            .iter()
            .all(|row| row["actor"] == "STAFF" && row["by"]["displayName"] == "Person therapist")
    );

    // Only who treats at the unit; and not by whom it does not concern.
    let therapist = ward.app.therapist();
    let administrator = ward.app.store.directory();
    let administrator = administrator.staff_of(ward.app.care.unit, Role::UnitAdministrator)[0];
    for stranger in [ward.app.care.other_therapist, administrator] {
        let input = json!({ "flagId": flag, "staffId": id(Of::Staff, stranger) });
        let data = ward.send(&therapist, ASSIGN, input).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "staffId"));
    }
    let input = json!({ "flagId": flag, "staffId": ward.enrollment(1) });
    assert_eq!(
        refused(&ward.send(&therapist, ASSIGN, input).await),
        one("NOT_FOUND", "staffId")
    );
    let input = json!({ "flagId": flag, "staffId": ward.therapist_id(), "note": "ö".repeat(10_001) });
    assert_eq!(
        refused(&ward.send(&therapist, ASSIGN, input).await),
        one("TOO_LONG", "note")
    );
    for token in strangers(&ward) {
        let input = json!({ "flagId": flag, "staffId": ward.therapist_id() });
        assert_eq!(
            refused(&ward.send(&token, ASSIGN, input).await),
            one("NOT_FOUND", "flagId")
        );
    }
    ward.flag(RESOLVE, json!({ "flagId": flag })).await;
    let input = json!({ "flagId": flag, "staffId": ward.colleague_id() });
    assert_eq!(
        refused(&ward.send(&therapist, ASSIGN, input).await),
        one("ALREADY_RESOLVED", "flagId")
    );
}

both_databases!(flags_are_given_to_one_another);
