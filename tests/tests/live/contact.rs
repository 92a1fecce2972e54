//! What changes how a unit or a citizen is reached is told to whoever is concerned: the unit to its staff and to those who take part
//! there, a citizen to themself and to the staff of units where they take part.

use entity::{
    action::unit_contact::{self, NewPhone, UnitContact},
    citizen,
    viewer::Viewer,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use tests::{both_databases, care, client::text, database::Kind};
use uuid::Uuid;

use crate::ward::Ward;

const NAME: &str = "Solrosens vårdcentral";

/// As another process does it, of which this one's directory knows nothing.
async fn another_process_changes(ward: &Ward, unit_id: Uuid, number: &str) {
    let mut act = ward.app.store.act(&Viewer::system()).await.unwrap();
    let phone = NewPhone {
        label: Vec::new(),
        number: number.to_owned(),
    };
    let contact = UnitContact {
        unit_id,
        phones: Some(vec![phone]),
        ..UnitContact::default()
    };
    unit_contact::set(&mut act, &contact).await.unwrap();
    act.commit().await.unwrap();
}

async fn phones(ward: &Ward) -> Value {
    let query = "query($id: ID!) { enrollment(id: $id) { contact { phones { number } } } }";
    let variables = json!({ "id": ward.enrollment });
    let seen = ward
        .app
        .client
        .query(&ward.app.citizen(1), query, variables)
        .await
        .data();
    seen["enrollment"]["contact"]["phones"].clone()
}

/// Which fields of how the unit is reached its changes named, in their order.
async fn contact_fields(ward: &Ward) -> Vec<String> {
    let query = "{ careProvider { administrationLog(first: 50) { nodes { act details { name value } } } } }";
    let administrator = ward.app.staff("provider-administrator");
    let data = ward.app.client.query(&administrator, query, json!({})).await.data();
    let entries = data["careProvider"]["administrationLog"]["nodes"].as_array().unwrap();
    let changes = entries.iter().filter(|entry| entry["act"] == "UNIT_CONTACT_CHANGED");
    // The newest is the first.
    let changes = changes.rev().map(|entry| &entry["details"][0]);
    changes
        .map(|detail| {
            assert_eq!(detail["name"], "fields");
            text(&detail["value"])
        })
        .collect()
}

async fn how_a_unit_is_reached(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    let unit = ward.app.unit_id().await;
    let before = ward.app.last_cursor().await;
    let (here, provider) = (
        ward.app.staff("unit-administrator"),
        ward.app.staff("provider-administrator"),
    );
    let contact = json!({ "unitId": unit, "phones": [{ "number": "08-123 456 78" }] });
    ward.say(&here, "updateUnitContact", contact.clone(), "unit { id }")
        .await;
    ward.both(&format!("UnitChanged - {NAME} +46812345678")).await;
    let hours = json!({ "unitId": unit, "officeHours": [{ "day": "MO", "from": "08:00", "until": "17:00" }], "closedDays": [] });
    ward.say(&here, "setOfficeHours", hours.clone(), "unit { id }").await;
    ward.both(&format!("UnitChanged - {NAME} +46812345678")).await;
    let promise = json!({ "unitId": unit, "workingDays": 2 });
    ward.say(&here, "setAnswerPromise", promise, "unit { id }").await;
    ward.both(&format!("UnitChanged 2 {NAME} +46812345678")).await;
    let name = json!({ "unitId": unit, "name": "Solrosen" });
    ward.say(&provider, "renameUnit", name, "unit { id }").await;
    ward.both("UnitChanged 2 Solrosen +46812345678").await;
    // What is so already is no change.
    ward.say(&here, "setOfficeHours", hours, "unit { id }").await;
    ward.say(&here, "updateUnitContact", contact.clone(), "unit { id }")
        .await;
    ward.nothing_more().await;
    // Of what is said again beside something else, only that is written down.
    let mut emergency = contact;
    emergency["emergencyText"] = json!([{ "locale": "sv", "text": "Ring 112" }]);
    ward.say(&here, "updateUnitContact", emergency, "unit { id }").await;
    ward.both("UnitChanged 2 Solrosen +46812345678").await;
    assert_eq!(contact_fields(&ward).await, ["phones", "emergencyText"]);

    // Of another unit neither hears.
    another_process_changes(&ward, ward.app.care.other_unit, "08-111 111 11").await;
    another_process_changes(&ward, ward.app.care.unit, "08-222 222 22").await;
    ward.both("UnitChanged 2 Solrosen +46822222222").await;
    assert_eq!(
        phones(&ward).await,
        json!([{ "number": "+46822222222" }]),
        "what is read then is not older"
    );

    // Whoever was away hears it when they are back, in its place, as everything is by now.
    ward.listen_after(&before).await;
    for _change in 0..4 {
        ward.both("UnitChanged 2 Solrosen +46822222222").await;
    }
    ward.both("FlagRaised mark-1").await;
    for _change in 0..2 {
        ward.both("UnitChanged 2 Solrosen +46822222222").await;
    }
    ward.nothing_more().await;
}

async fn how_a_citizen_is_reached(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    let citizen = ward.app.citizen(1);
    let details = json!({ "email": "anna@home.example" });
    ward.say(&citizen, "updateMyContactDetails", details, "citizen { id }")
        .await;
    ward.both("CitizenChanged anna@home.example sv").await;
    let channels = json!({ "channels": [{ "channel": "SMS", "enabled": false }] });
    ward.say(&citizen, "setMyNotificationChoices", channels.clone(), "citizen { id }")
        .await;
    ward.both("CitizenChanged anna@home.example sv").await;
    let quiet = json!({ "quietHours": { "from": "20:00", "until": "08:00" } });
    ward.say(&citizen, "setMyQuietHours", quiet.clone(), "citizen { id }")
        .await;
    ward.both("CitizenChanged anna@home.example sv").await;
    let language = json!({ "locale": "en" });
    ward.say(&citizen, "setMyLocale", language.clone(), "viewer { __typename }")
        .await;
    ward.both("CitizenChanged anna@home.example en").await;
    // What is so already is no change.
    for (mutation, input) in [
        ("setMyNotificationChoices", &channels),
        ("setMyQuietHours", &quiet),
        ("updateMyContactDetails", &json!({})),
    ] {
        ward.say(&citizen, mutation, input.clone(), "citizen { id }").await;
    }
    ward.say(&citizen, "setMyLocale", language.clone(), "viewer { __typename }")
        .await;
    ward.nothing_more().await;
    // What staff say of themselves concerns nobody.
    ward.say(
        &ward.app.therapist(),
        "setMyLocale",
        language.clone(),
        "viewer { __typename }",
    )
    .await;
    ward.nothing_more().await;

    // Others are heard by the staff of the units where they take part, and by nobody else.
    let blocking = ward.app.enroll(2).await;
    care::enroll(
        &ward.app.store,
        ward.app.care.other_unit,
        ward.app.care.other_therapist,
        3,
        None,
    )
    .await;
    ward.told(&["EnrollmentChanged ACTIVE STARTED"], &[]).await;
    ward.say(
        &ward.app.citizen(3),
        "setMyLocale",
        language.clone(),
        "viewer { __typename }",
    )
    .await;
    ward.say(
        &ward.app.citizen(2),
        "setMyLocale",
        language.clone(),
        "viewer { __typename }",
    )
    .await;
    ward.told(&["CitizenChanged citizen2@home.example en"], &[]).await;
    care::block(&ward.app.store, blocking, ward.app.care.unit).await;
    ward.say(&ward.app.citizen(2), "setMyLocale", language, "viewer { __typename }")
        .await;
    ward.nothing_more().await;
}

/// What is filled in at another start and is no address concerns nobody.
async fn what_is_filled_in(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    let (care, connection) = (ward.app.care.clone(), ward.app.store.connection());
    let known = citizen::Column::Subject.eq(care::citizen_subject(1));
    let forgotten = citizen::Entity::update_many().col_expr(citizen::Column::Sex, Expr::value(Option::<String>::None));
    forgotten.filter(known.clone()).exec(connection).await.unwrap();
    care::enroll(&ward.app.store, care.other_unit, care.other_therapist, 1, None).await;
    let row = citizen::Entity::find().filter(known.clone()).one(connection).await;
    assert!(row.unwrap().unwrap().sex.is_some());
    ward.told(&[], &["EnrollmentChanged ACTIVE STARTED"]).await;
    ward.nothing_more().await;
}

both_databases!(how_a_unit_is_reached, how_a_citizen_is_reached, what_is_filled_in,);
