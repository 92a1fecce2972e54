//! Auditors of a unit read how that unit is administered, and nothing of the others.

use chrono::TimeDelta;
use entity::{
    action::assignment::{self, NewAssignment},
    assignment::Role,
    viewer::Viewer,
};
use serde_json::{Value, json};
use tests::{app::TestApp, both_databases, care, client::done, database::Kind};
use uuid::Uuid;

use crate::{BOSS, HEAD, OTHER, UNIT, assign, member, new_unit, started, unit};

/// Who reads the log of the first unit.
const AUDITOR: &str = "auditor";

/// The staff as somebody sees them: how many there are, and their names.
async fn seen(app: &TestApp, who: &str, arguments: &str) -> (Value, Vec<String>) {
    let query = format!("{{ careProvider {{ staff({arguments}) {{ totalCount nodes {{ displayName }} }} }} }}");
    let data = app.client.query(&app.staff(who), &query, json!({})).await.data();
    let staff = &data["careProvider"]["staff"];
    let names = staff["nodes"].as_array().unwrap().iter();
    let names = names.map(|node| node["displayName"].as_str().unwrap().replace("Person ", ""));
    (staff["totalCount"].clone(), names.collect())
}

/// Everybody at the first unit, and who administers all of them.
fn here() -> Vec<String> {
    let mut all: Vec<String> = care::STAFF.iter().map(|(subject, _)| (*subject).to_owned()).collect();
    all.sort();
    all
}

async fn an_auditor_of_a_unit_sees_who_works_there(kind: Kind) {
    let app = started(kind).await;
    assert_eq!(
        seen(&app, AUDITOR, "first: 50").await,
        (json!(here().len()), here()),
        "not who treats elsewhere"
    );
    assert_eq!(
        seen(&app, AUDITOR, "first: 50, named: \"therapist\"").await.1,
        ["therapist"]
    );
    // Who looks after the unit or the provider sees everybody, to give them roles; who does not sees nobody.
    for who in [BOSS, HEAD] {
        assert_eq!(seen(&app, who, "first: 50").await.0, here().len() + 1, "{who}");
    }
    assert_eq!(seen(&app, "designer", "first: 50").await.0, 0);

    // Roles elsewhere are not there, not even of who works here too.
    let (unit_here, unit_there) = (unit(&app, UNIT).await, unit(&app, OTHER).await);
    let treats = member(&app, "therapist").await;
    let elsewhere = json!({ "staffId": treats, "unitId": unit_there, "role": "THERAPIST" });
    let elsewhere = assign(&app, BOSS, "grantAssignment", elsewhere).await;
    let elsewhere = done(&elsewhere)["assignment"]["id"].clone();
    let read = "query($id: ID!) { node(id: $id) { __typename } careProvider {
        units(first: 5) { nodes { id assignments { nodes { id } } acceptedTerms { version } } }
        staff(first: 50, named: \"Person therapist\") { nodes { assignments { unit { id } } } } } }";
    let terms = json!({ "unitId": unit_there, "terms": { "version": "1", "signedBy": "Eva Ek" } });
    done(
        &app.client
            .mutate(&app.staff(BOSS), "acceptTerms", terms, "unit { id }")
            .await,
    );
    let ask = async |who: &str| {
        let variables = json!({ "id": elsewhere });
        app.client.query(&app.staff(who), read, variables).await.data()
    };
    let of_unit = |data: &Value, id: &str| {
        let units = data["careProvider"]["units"]["nodes"].as_array().unwrap();
        units.iter().find(|unit| unit["id"] == id).unwrap().clone()
    };
    let data = ask(AUDITOR).await;
    assert_eq!(data["node"], Value::Null);
    assert_eq!(
        data["careProvider"]["staff"]["nodes"],
        json!([{ "assignments": [{ "unit": { "id": unit_here } }] }])
    );
    let there = of_unit(&data, &unit_there);
    assert_eq!(
        (&there["assignments"]["nodes"], &there["acceptedTerms"]),
        (&json!([]), &json!([]))
    );
    assert!(
        !of_unit(&data, &unit_here)["assignments"]["nodes"]
            .as_array()
            .unwrap()
            .is_empty()
    );

    // Auditors of the whole provider read all of it.
    give(&app, "publisher", Role::Auditor, None).await;
    assert_eq!(seen(&app, "publisher", "first: 50").await.0, here().len() + 1);
    let data = ask("publisher").await;
    assert_eq!(data["node"], json!({ "__typename": "Assignment" }));
    let there = of_unit(&data, &unit_there);
    assert_eq!(there["acceptedTerms"], json!([{ "version": "1" }]));
    assert!(!there["assignments"]["nodes"].as_array().unwrap().is_empty());
    app.stop().await;
}

async fn give(app: &TestApp, subject: &str, role: Role, unit_id: Option<Uuid>) {
    let directory = app.store.directory();
    let provider = directory.unit(app.care.unit).unwrap().provider_id;
    let staff = directory.members_of(provider).find(|staff| staff.subject == subject);
    let assignment = NewAssignment {
        staff_id: staff.unwrap().id,
        unit_id,
        role,
        valid_from: None,
        valid_until: None,
    };
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    assignment::grant(&mut act, &assignment).await.unwrap();
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
}

async fn who_has_worked_there_stays_in_sight(kind: Kind) {
    let app = started(kind).await;
    let staff = member(&app, care::OTHER_THERAPIST).await;
    let input = json!({ "staffId": staff, "unitId": unit(&app, UNIT).await, "role": "THERAPIST" });
    let given = assign(&app, HEAD, "grantAssignment", input).await;
    let mut all = here();
    all.push(care::OTHER_THERAPIST.to_owned());
    all.sort();
    assert_eq!(seen(&app, AUDITOR, "first: 50").await.1, all);
    app.clock.advance(TimeDelta::days(1));
    let revoke = json!({ "assignmentId": done(&given)["assignment"]["id"] });
    done(&assign(&app, HEAD, "revokeAssignment", revoke).await);
    // The log shows that they did.
    assert_eq!(seen(&app, AUDITOR, "first: 50").await, (json!(all.len()), all));

    // Who begins at another unit later is not seen here.
    let boss = app.staff(BOSS);
    let connected = app
        .client
        .mutate(&boss, "connectUnit", new_unit("Norra"), "unit { id }")
        .await;
    let norra = done(&connected)["unit"]["id"].clone();
    let invite = json!({ "subject": "kim", "displayName": "Person kim", "email": "kim@care.example",
        "assignments": [{ "role": "THERAPIST", "unitId": norra }] });
    let invited = app.client.mutate(&boss, "inviteStaff", invite, "staff { id }").await;
    done(&invited);
    assert_eq!(
        seen(&app, AUDITOR, "first: 50, named: \"kim\"").await,
        (json!(0), vec![])
    );
    assert_eq!(seen(&app, HEAD, "first: 50, named: \"kim\"").await.0, 1);
    app.stop().await;
}

async fn fifty_take_as_many_statements_as_five(kind: Kind) {
    let app = started(kind).await;
    let query = "query($first: Int!) { careProvider { staff(first: $first) { totalCount nodes {
        displayName assignments { role unit { name } grantedBy { displayName } } } } } }";
    let mut counts = Vec::new();
    for (from, to) in [(0, 5), (5, 50)] {
        crate::lists::more(&app, from, to).await;
        let before = app.store.statements();
        let token = app.staff(AUDITOR);
        let data = app.client.query(&token, query, json!({ "first": to })).await.data();
        counts.push(app.store.statements() - before);
        let staff = &data["careProvider"]["staff"];
        assert_eq!(staff["nodes"].as_array().unwrap().len(), to);
        assert_eq!(staff["totalCount"], here().len() + to);
    }
    // The provider, who works at the unit, and their roles there.
    assert_eq!(counts, [3, 3]);
    app.stop().await;
}

both_databases!(
    an_auditor_of_a_unit_sees_who_works_there,
    who_has_worked_there_stays_in_sight,
    fifty_take_as_many_statements_as_five,
);
