//! Staff put a citizen's addresses right.

use chrono::TimeDelta;
use entity::access_log::{self, AccessAction};
use rules::facts::Status;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
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

both_databases!(staff_put_an_address_right, nobody_else_does_and_nothing_else_is_taken,);
