//! Where somebody of the staff may act, and how they come to act there.

use api::graphql::Kind as Of;
use entity::{
    action::{self, assignment::NewAssignment},
    assignment::Role,
    viewer::Viewer,
};
use serde_json::{Value, json};
use tests::{app::TestApp, both_databases, care, database::Kind, issuer};
use uuid::Uuid;

use super::{monday, of};

const UNITS: &str = "{ viewer { ... on StaffViewer { unit { id } roles units { unit { id name } roles } } } }";

/// Gives the therapist a role at the other unit.
async fn grant(app: &TestApp, role: Role) {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let assignment = NewAssignment {
        staff_id: app.care.therapist,
        unit_id: Some(app.care.other_unit),
        role,
        valid_from: None,
        valid_until: None,
    };
    action::assignment::grant(&mut act, &assignment).await.unwrap();
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
}

async fn somebody_sees_where_they_may_act_and_acts_there(kind: Kind) {
    let app = TestApp::start(kind, monday()).await;
    let acting = async |token: &str| app.client.query(token, UNITS, json!({})).await.data()["viewer"].clone();
    let here = |roles: Value| json!({ "unit": { "id": of(Of::Unit, app.care.unit), "name": "Solrosens vårdcentral" }, "roles": roles });
    let there = |roles: Value| json!({ "unit": { "id": of(Of::Unit, app.care.other_unit), "name": "Hjärtmottagningen" }, "roles": roles });
    assert_eq!(
        acting(&app.therapist()).await["units"],
        json!([here(json!(["THERAPIST"]))])
    );
    grant(&app, Role::UnitAdministrator).await;
    grant(&app, Role::CitizenAdministrator).await;
    let both = json!([
        there(json!(["CITIZEN_ADMINISTRATOR", "UNIT_ADMINISTRATOR"])),
        here(json!(["THERAPIST"]))
    ]);
    assert_eq!(acting(&app.therapist()).await["units"], both);

    // By the id that is shown, or by the one that it stands for.
    let at = |unit: String| {
        let mut claims = issuer::claims("therapist", "staff", app.clock.now());
        claims["unit"] = unit.into();
        issuer::sign(&claims)
    };
    for unit in [of(Of::Unit, app.care.other_unit), app.care.other_unit.to_string()] {
        let viewer = acting(&at(unit)).await;
        assert_eq!(viewer["unit"]["id"], of(Of::Unit, app.care.other_unit));
        assert_eq!(viewer["roles"], both[0]["roles"]);
        assert_eq!(viewer["units"], both);
    }
    for unit in [
        of(Of::Staff, app.care.other_unit),
        of(Of::Unit, Uuid::from_u128(1)),
        "Hjärtmottagningen".to_owned(),
    ] {
        let answer = app.client.query(&at(unit.clone()), UNITS, json!({})).await;
        assert!(answer.status.is_client_error(), "{unit}: {}", answer.body);
    }

    // Who has a role at every unit may act at each; nobody else's units are among them.
    let everywhere = json!([
        there(json!(["PROVIDER_ADMINISTRATOR"])),
        here(json!(["PROVIDER_ADMINISTRATOR"]))
    ]);
    assert_eq!(acting(&app.staff("provider-administrator")).await["units"], everywhere);
    assert_eq!(
        acting(&app.staff(care::OTHER_THERAPIST)).await["units"],
        json!([there(json!(["THERAPIST"]))])
    );
    app.stop().await;
}

both_databases!(somebody_sees_where_they_may_act_and_acts_there);
