//! Whoever starts a program for somebody who is known with other addresses or another name hears that these stay.

use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, refused},
    database::Kind,
    world::World,
};

use crate::{me, morning};

const STARTED: &str = "enrollment { citizen { givenName email phone } } warnings { code message path }";
const ALL: &str = "outcomes { index enrollment { id } warnings { code message path } errors { code path } }";

/// The nth citizen as a unit writes them down.
fn person(n: u32, changes: Value) -> Value {
    let mut person = json!({ "personalIdentityNumber": care::identity_number(n), "givenName": format!("Given{n}"),
        "familyName": format!("Family{n}"), "email": format!("citizen{n}@home.example"), "phone": "070-174 06 05" });
    for (field, value) in changes.as_object().unwrap() {
        person[field] = value.clone();
    }
    person
}

/// A server with one citizen who takes part at the first unit; the sibling unit's id.
async fn started(kind: Kind) -> (TestApp, String) {
    let world = World::new(kind, morning()).await;
    let app = TestApp::over(world).await;
    app.enroll(1).await;
    app.work().await;
    let other = api::graphql::id(api::graphql::Kind::Unit, app.care.other_unit).to_string();
    (app, other)
}

/// The other unit starts the program for somebody.
async fn start(app: &TestApp, unit: &str, citizen: Value) -> Value {
    let input = json!({ "programSlug": care::PROGRAM, "unitId": unit, "citizen": citizen });
    let token = app.staff(care::OTHER_THERAPIST);
    app.client.mutate(&token, "startEnrollment", input, STARTED).await
}

/// The paths of warnings, which all say that something stays as it is known.
fn kept(warnings: &Value) -> Vec<String> {
    let warnings = warnings.as_array().unwrap().iter();
    warnings
        .map(|warning| {
            assert_eq!(warning["code"], "KEPT");
            assert!(!warning["message"].as_str().unwrap().contains('@'), "{warning}");
            let path = warning["path"].as_array().unwrap().iter();
            path.map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join(".")
        })
        .collect()
}

async fn what_differs_stays_and_is_told(kind: Kind) {
    let (app, unit) = started(kind).await;
    let changes = json!({ "givenName": "Anna", "email": "anna@home.example", "phone": "070-174 06 06" });
    let data = start(&app, &unit, person(1, changes.clone())).await;
    let payload = done(&data);
    assert_eq!(
        kept(&payload["warnings"]),
        ["citizen.givenName", "citizen.email", "citizen.phone"]
    );
    assert_eq!(
        payload["enrollment"]["citizen"],
        json!({ "givenName": "Given1", "email": "citizen1@home.example", "phone": "+46701740605" })
    );
    let seen = me(&app).await;
    assert_eq!(
        (&seen["email"], &seen["phone"]),
        (&json!("citizen1@home.example"), &json!("+46701740605"))
    );
    // Whoever is refused hears nothing of what is known.
    let data = start(&app, &unit, person(1, changes)).await;
    assert_eq!(refused(&data)[0].0, "ALREADY_ENROLLED");
    assert_eq!(data["startEnrollment"]["warnings"], json!([]));
    app.stop().await;
}

async fn what_is_the_same_or_was_not_known_is_not(kind: Kind) {
    let (app, unit) = started(kind).await;
    // Written otherwise it is the same, and who says nothing does not differ.
    let changes = json!({ "givenName": "given1", "email": "Citizen1@home.example", "phone": null });
    let data = start(&app, &unit, person(1, changes)).await;
    assert_eq!(done(&data)["warnings"], json!([]));
    // Somebody new is as they were written down, and what was not known of them is filled in.
    let data = start(&app, &unit, person(2, json!({ "email": null, "phone": null }))).await;
    assert_eq!(done(&data)["warnings"], json!([]));
    let again = json!({ "programSlug": care::PROGRAM, "unitId": app.unit_id().await, "citizen": person(2, json!({})) });
    let therapist = app.therapist();
    let data = app.client.mutate(&therapist, "startEnrollment", again, STARTED).await;
    assert_eq!(done(&data)["warnings"], json!([]));
    assert_eq!(done(&data)["enrollment"]["citizen"]["email"], "citizen2@home.example");
    app.stop().await;
}

async fn what_the_citizen_took_away_stays_away(kind: Kind) {
    let (app, unit) = started(kind).await;
    let own = json!({ "email": null });
    done(
        &app.client
            .mutate(&app.citizen(1), "updateMyContactDetails", own, "citizen { id }")
            .await,
    );
    let data = start(&app, &unit, person(1, json!({}))).await;
    assert_eq!(kept(&done(&data)["warnings"]), ["citizen.email"]);
    assert_eq!(me(&app).await["email"], Value::Null);
    app.stop().await;
}

async fn each_of_a_list_hears_of_their_own(kind: Kind) {
    let (app, unit) = started(kind).await;
    let known = json!({ "email": "anna@home.example" });
    let citizens = json!([
        person(2, json!({})),
        person(1, known),
        person(2, json!({ "email": "kim@home.example" })),
        person(3, json!({ "email": "nobody" })),
    ]);
    let input = json!({ "programSlug": care::PROGRAM, "unitId": unit, "citizens": citizens, "idempotencyKey": "list" });
    let token = app.staff(care::OTHER_THERAPIST);
    let mut answers = Vec::new();
    for _ in 0..2 {
        let data = app.client.mutate(&token, "startEnrollments", input.clone(), ALL).await;
        answers.push(done(&data)["outcomes"].clone());
    }
    assert_eq!(answers[0], answers[1], "a repetition hears the same");
    let outcomes = answers[0].as_array().unwrap();
    let told: Vec<Vec<String>> = outcomes.iter().map(|outcome| kept(&outcome["warnings"])).collect();
    assert_eq!(told, [vec![], vec!["citizens.1.email".to_owned()], vec![], vec![]]);
    let started: Vec<bool> = outcomes
        .iter()
        .map(|outcome| !outcome["enrollment"].is_null())
        .collect();
    assert_eq!(started, [true, true, false, false]);
    assert_eq!(outcomes[2]["errors"][0]["code"], "ALREADY_ENROLLED");
    app.stop().await;
}

both_databases!(
    what_differs_stays_and_is_told,
    what_is_the_same_or_was_not_known_is_not,
    what_the_citizen_took_away_stays_away,
    each_of_a_list_hears_of_their_own,
);
