//! Staff put a citizen's addresses right.

use chrono::TimeDelta;
use entity::{
    access_log::{self, AccessAction},
    action::{
        assignment::{self, NewAssignment},
        care::{self as action, NewStaff, NewUnit},
    },
    assignment::Role,
    citizen,
    viewer::Viewer,
};
use rules::facts::Status;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused},
    database::Kind,
};

use crate::{me, morning};

const CORRECT: &str = "mutation Correct($input: CorrectContactDetailsInput!) { correctContactDetails(input: $input) {
    citizen { email phone contactChange { at actor by { displayName } } } errors { code message path } } }";

async fn correct(app: &TestApp, token: &str, input: Value) -> Value {
    app.client.query(token, CORRECT, json!({ "input": input })).await.data()
}

/// The addresses of the first citizen, and who said them last, as somebody sees them.
async fn reached(app: &TestApp, token: &str, citizen: &Value) -> Value {
    let query = "query($id: ID!) { node(id: $id) { ... on Citizen { email phone
        contactChange { at actor by { displayName } } } } }";
    let data = app.client.query(token, query, json!({ "id": citizen })).await.data();
    data["node"].clone()
}

/// Who changed the citizen's data with the mutation, as it is written down.
async fn logged(app: &TestApp) -> Vec<String> {
    let rows = access_log::Entity::find()
        .filter(access_log::Column::Operation.eq("Correct"))
        .all(app.store.connection())
        .await
        .unwrap();
    let changes = rows.iter().filter(|row| row.action.0 == AccessAction::Change);
    changes.map(|row| row.viewer.clone()).collect()
}

async fn staff_put_an_address_right(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    app.work().await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let administrator = app.staff("citizen-administrator");
    let known = me(&app).await;
    let id = &known["id"];
    assert_eq!(
        reached(&app, &therapist, id).await,
        json!({ "email": "citizen1@home.example", "phone": "+46701740605", "contactChange": null })
    );
    // What is as it was is no change.
    let same = json!({ "citizenId": id, "email": "citizen1@home.example", "phone": "070-174 06 05" });
    for input in [same, json!({ "citizenId": id })] {
        assert_eq!(
            done(&correct(&app, &therapist, input).await)["citizen"]["contactChange"],
            Value::Null
        );
    }
    assert!(logged(&app).await.is_empty());

    // What is left out stays; null takes it away.
    app.clock.advance(TimeDelta::minutes(1));
    let by = |name: &str, minutes: i64| {
        let at = (morning() + TimeDelta::minutes(minutes)).to_rfc3339();
        json!({ "at": at, "actor": "STAFF", "by": { "displayName": name } })
    };
    let input = json!({ "citizenId": id, "phone": "070-174 06 06", "idempotencyKey": "phone" });
    let changed = done(&correct(&app, &administrator, input.clone()).await)["citizen"].clone();
    assert_eq!(
        changed,
        json!({ "email": "citizen1@home.example", "phone": "+46701740606",
            "contactChange": by("Person citizen-administrator", 1) })
    );
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(done(&correct(&app, &administrator, input).await)["citizen"], changed);
    let input = json!({ "citizenId": id, "email": "anna@home.example", "phone": null });
    let changed = done(&correct(&app, &therapist, input).await)["citizen"].clone();
    assert_eq!(
        changed,
        json!({ "email": "anna@home.example", "phone": null, "contactChange": by("Person therapist", 2) })
    );
    // The citizen sees that staff did, and says again what is right.
    let mut shown = changed.clone();
    shown["contactChange"]["by"] = Value::Null;
    assert_eq!(reached(&app, &citizen, id).await, shown);
    app.clock.advance(TimeDelta::minutes(1));
    let own = json!({ "phone": "070-174 06 07" });
    done(
        &app.client
            .mutate(&citizen, "updateMyContactDetails", own, "citizen { id }")
            .await,
    );
    let at = (morning() + TimeDelta::minutes(3)).to_rfc3339();
    assert_eq!(
        reached(&app, &therapist, id).await,
        json!({ "email": "anna@home.example", "phone": "+46701740607",
            "contactChange": { "at": at, "actor": "CITIZEN", "by": null } })
    );
    let staff = logged(&app).await;
    assert_eq!(staff.len(), 2);
    assert!(staff.iter().all(|viewer| viewer.starts_with("STAFF:")), "{staff:?}");
    assert_ne!(staff[0], staff[1]);

    // Letters go to the address that is right.
    let enrollment = &known["enrollments"]["nodes"][0]["id"];
    let input = json!({ "enrollmentId": enrollment, "channels": ["EMAIL"] });
    let fields = "reminder { id }";
    done(&app.client.mutate(&therapist, "remindCitizen", input, fields).await);
    app.work().await;
    assert_eq!(app.mail().last().unwrap().to, "anna@home.example");
    app.stop().await;
}

async fn nobody_else_does_and_nothing_else_is_taken(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    let enrollment = app.enroll(1).await;
    app.enroll(2).await;
    app.work().await;
    let known = me(&app).await;
    let (id, therapist) = (&known["id"], app.therapist());
    let input = json!({ "citizenId": id, "email": "anna@home.example" });
    let roles = [
        "unit-administrator",
        "provider-administrator",
        "designer",
        "publisher",
        "auditor",
    ];
    let tokens = roles.map(|who| app.staff(who)).into_iter();
    for token in tokens.chain([app.staff(care::OTHER_THERAPIST), app.citizen(1), app.citizen(2)]) {
        let answer = correct(&app, &token, input.clone()).await;
        assert_eq!(refused(&answer), one("NOT_FOUND", "citizenId"));
    }
    for nobody in [json!("nobody"), known["enrollments"]["nodes"][0]["id"].clone()] {
        let answer = correct(&app, &therapist, json!({ "citizenId": nobody, "email": null })).await;
        assert_eq!(refused(&answer), one("NOT_FOUND", "citizenId"));
    }
    let wrong = json!({ "citizenId": id, "email": "anna", "phone": "ring mig" });
    assert_eq!(
        refused(&correct(&app, &therapist, wrong).await),
        [one("BAD_EMAIL", "email"), one("BAD_PHONE", "phone")].concat()
    );

    // Once nothing is going on at the unit, the addresses are nobody's business there; and a block hides the citizen.
    care::change_status(&app.store, enrollment, Status::Withdrawn, None).await;
    let answer = correct(&app, &therapist, input.clone()).await;
    assert_eq!(refused(&answer), one("ENDED", "citizenId"));
    care::block(&app.store, enrollment, app.care.unit).await;
    let answer = correct(&app, &therapist, input).await;
    assert_eq!(refused(&answer), one("NOT_FOUND", "citizenId"));

    assert!(logged(&app).await.is_empty());
    let after = me(&app).await;
    assert_eq!((&after["email"], &after["phone"]), (&known["email"], &known["phone"]));
    app.stop().await;
}

async fn only_those_at_the_unit_are_told_who_did(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let provider_id = action::create_provider(&mut act, "Region Annan").await.unwrap();
    let unit = NewUnit {
        provider_id,
        name: "Annan mottagning".to_owned(),
        ..NewUnit::default()
    };
    let unit_id = action::create_unit(&mut act, unit).await.unwrap();
    let staff = NewStaff {
        provider_id,
        subject: "stranger".to_owned(),
        display_name: "Person stranger".to_owned(),
        ..NewStaff::default()
    };
    let staff_id = action::create_staff(&mut act, staff).await.unwrap();
    let assignment = NewAssignment {
        staff_id,
        unit_id: Some(unit_id),
        role: Role::Therapist,
        valid_from: None,
        valid_until: None,
    };
    assignment::grant(&mut act, &assignment).await.unwrap();
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
    let own = &app.care;
    care::enroll(&app.store, unit_id, staff_id, 1, None).await;
    care::enroll(&app.store, own.other_unit, own.other_therapist, 1, None).await;
    app.work().await;

    let id = me(&app).await["id"].clone();
    let (therapist, stranger) = (app.therapist(), app.staff("stranger"));
    let input = json!({ "citizenId": id, "phone": "070-174 06 06" });
    done(&correct(&app, &therapist, input).await);
    let by = async |token: &str| reached(&app, token, &id).await["contactChange"].clone();
    let told = |by: Value| json!({ "at": morning().to_rfc3339(), "actor": "STAFF", "by": by });
    for who in ["therapist", "citizen-administrator"] {
        let name = json!({ "displayName": "Person therapist" });
        assert_eq!(by(&app.staff(who)).await, told(name), "{who}");
    }
    // Neither another provider nor another unit learns where else the citizen is treated.
    for token in [&stranger, &app.staff(care::OTHER_THERAPIST)] {
        assert_eq!(by(token).await, told(Value::Null));
    }
    let input = json!({ "citizenId": id, "phone": "070-174 06 07" });
    done(&correct(&app, &stranger, input).await);
    assert_eq!(by(&stranger).await, told(json!({ "displayName": "Person stranger" })));
    assert_eq!(by(&therapist).await, told(Value::Null));
    app.stop().await;
}

async fn an_address_that_cannot_be_opened_is_replaced(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    app.work().await;
    let (id, citizen, therapist) = (me(&app).await["id"].clone(), app.citizen(1), app.therapist());
    let breaks = async |column: citizen::Column| {
        let broken = citizen::Entity::update_many().col_expr(column, Expr::value(vec![0_u8; 40]));
        broken.exec(app.store.connection()).await.unwrap();
    };
    let corrects = async |address: Value| {
        let mut input = address;
        input["citizenId"] = id.clone();
        let fields = "citizen { id }";
        let answer = app.client.mutate(&therapist, "correctContactDetails", input, fields);
        done(&answer.await);
    };
    let seen = async || {
        let now = me(&app).await;
        (now["email"].clone(), now["phone"].clone())
    };
    breaks(citizen::Column::Email).await;
    breaks(citizen::Column::Phone).await;
    // The one is replaced while the other cannot be opened.
    corrects(json!({ "phone": "070-174 06 06" })).await;
    corrects(json!({ "email": "anna@home.example" })).await;
    assert_eq!(seen().await, (json!("anna@home.example"), json!("+46701740606")));
    breaks(citizen::Column::Email).await;
    corrects(json!({ "email": null })).await;
    assert_eq!(seen().await, (Value::Null, json!("+46701740606")));
    // So do citizens themselves.
    breaks(citizen::Column::Phone).await;
    let own = json!({ "phone": "070-174 06 07" });
    let fields = "citizen { phone }";
    let answer = app.client.mutate(&citizen, "updateMyContactDetails", own, fields);
    assert_eq!(done(&answer.await)["citizen"]["phone"], "+46701740607");
    app.stop().await;
}

async fn saying_nothing_is_no_change(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    app.work().await;
    let (citizen, id) = (app.citizen(1), me(&app).await["id"].clone());
    let fields = "citizen { id }";
    let said = app.client.mutate(&citizen, "updateMyContactDetails", json!({}), fields);
    done(&said.await);
    assert_eq!(reached(&app, &citizen, &id).await["contactChange"], Value::Null);
    app.stop().await;
}

both_databases!(
    staff_put_an_address_right,
    nobody_else_does_and_nothing_else_is_taken,
    only_those_at_the_unit_are_told_who_did,
    an_address_that_cannot_be_opened_is_replaced,
    saying_nothing_is_no_change,
);
