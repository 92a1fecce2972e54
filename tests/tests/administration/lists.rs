//! The lists: page by page, and in as many statements for fifty rows as for five.

use entity::{
    action::{
        assignment::{self, NewAssignment},
        care::{self, NewStaff, NewUnit},
    },
    assignment::Role,
    viewer::Viewer,
};
use serde_json::{Value, json};
use tests::{app::TestApp, both_databases, client::text, database::Kind};

use crate::{BOSS, HEAD, UNIT, started, unit};

/// Makes staff who treat at the first unit, and units with accepted terms, from a number to another.
pub async fn more(app: &TestApp, from: usize, to: usize) {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let provider_id = app.store.directory().unit(app.care.unit).unwrap().provider_id;
    for n in from..to {
        let staff = NewStaff {
            provider_id,
            subject: format!("many-{n}"),
            display_name: format!("Many {n:02}"),
            ..NewStaff::default()
        };
        let staff_id = care::create_staff(&mut act, staff).await.unwrap();
        let assignment = NewAssignment {
            staff_id,
            unit_id: Some(app.care.unit),
            role: Role::Therapist,
            valid_from: None,
            valid_until: None,
        };
        assignment::grant(&mut act, &assignment).await.unwrap();
        entity::action::invitation::send_again(&mut act, staff_id, Some("many@care.example"))
            .await
            .unwrap();
        let unit = NewUnit {
            provider_id,
            name: format!("Unit {n:02}"),
            ..NewUnit::default()
        };
        let unit = care::create_unit(&mut act, unit).await.unwrap();
        let terms = entity::action::unit::NewTerms {
            version: "1".to_owned(),
            signed_by: "Eva Ek".to_owned(),
            signer_title: None,
            signed_at: None,
        };
        entity::action::unit::accept_terms(&mut act, unit, &terms)
            .await
            .unwrap();
    }
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
}

async fn fifty_take_as_many_statements_as_five(kind: Kind) {
    let app = started(kind).await;
    let unit = unit(&app, UNIT).await;
    let lists = [
        (
            "units",
            "query($first: Int!, $unit: ID!) { careProvider { units(first: $first) { totalCount nodes {
                id name acceptedTerms { version signedBy acceptedBy { displayName } }
                assignments(first: 2) { nodes { role staff { displayName } } } } } } unit(id: $unit) { id } }",
        ),
        (
            "staff",
            "query($first: Int!, $unit: ID!) { careProvider { staff(first: $first, named: \"many\") { nodes {
                displayName invitation { status } assignments { role unit { name } grantedBy { displayName } } } } }
                unit(id: $unit) { id } }",
        ),
        (
            "assignments",
            "query($first: Int!, $unit: ID!) { unit(id: $unit) { assignments(first: $first) { nodes {
                role staff { displayName } unit { name } grantedBy { displayName } } } } }",
        ),
        (
            "log",
            "query($first: Int!, $unit: ID!) { careProvider { administrationLog(first: $first) { nodes {
                act by { displayName } unit { name } staff { displayName } actingAt { name } } } }
                unit(id: $unit) { id } }",
        ),
    ];
    let mut counts = Vec::new();
    for (from, to) in [(0, 5), (5, 50)] {
        more(&app, from, to).await;
        let mut count = Vec::new();
        for (name, query) in lists {
            let variables = json!({ "first": to, "unit": unit });
            let before = app.store.statements();
            let data = app.client.query(&app.staff(BOSS), query, variables).await.data();
            count.push((name, app.store.statements() - before));
            let list = match name {
                "units" => &data["careProvider"]["units"],
                "staff" => &data["careProvider"]["staff"],
                "assignments" => &data["unit"]["assignments"],
                _ => &data["careProvider"]["administrationLog"],
            };
            assert_eq!(list["nodes"].as_array().unwrap().len(), to, "{name}");
        }
        counts.push(count);
    }
    // The provider, the terms and the roles; the provider, the roles and the letters; the roles; the provider and the log.
    assert_eq!(counts[0], [("units", 3), ("staff", 3), ("assignments", 1), ("log", 2)]);
    assert_eq!(counts[0], counts[1]);
    app.stop().await;
}

/// Every row of a list, page by page; `field` is what is shown of each.
async fn paged(app: &TestApp, who: &str, list: impl Fn(&str) -> String, path: &str, field: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let query = list(&after);
        let data = app.client.query(&app.staff(who), &query, json!({})).await.data();
        let page = data.pointer(path).unwrap();
        let nodes = page["nodes"].as_array().unwrap();
        assert!(nodes.len() <= 7);
        all.extend(nodes.iter().map(|node| text(node.pointer(field).unwrap())));
        if page["pageInfo"]["hasNextPage"] == false {
            return all;
        }
        after = format!(", after: {}", page["pageInfo"]["endCursor"]);
    }
}

async fn pages_follow_one_another(kind: Kind) {
    let app = started(kind).await;
    more(&app, 0, 20).await;
    let unit = unit(&app, UNIT).await;
    let info = "pageInfo { hasNextPage endCursor }";
    let units = paged(
        &app,
        BOSS,
        |after| format!("{{ careProvider {{ units(first: 7{after}) {{ {info} nodes {{ name }} }} }} }}"),
        "/careProvider/units",
        "/name",
    )
    .await;
    assert_eq!(units.len(), 22);
    assert!(units.is_sorted_by_key(|name| name.to_lowercase()), "{units:?}");
    let staff = paged(
        &app,
        BOSS,
        |after| format!("{{ careProvider {{ staff(first: 7{after}) {{ {info} nodes {{ displayName }} }} }} }}"),
        "/careProvider/staff",
        "/displayName",
    )
    .await;
    assert_eq!(staff.len(), 28);
    assert!(staff.is_sorted(), "{staff:?}");
    let mut assigned = paged(
        &app,
        HEAD,
        |after| {
            format!(
                "{{ unit(id: \"{unit}\") {{ assignments(first: 7{after}) {{ {info} nodes {{ staff {{ displayName }} }} }} }} }}"
            )
        },
        "/unit/assignments",
        "/staff/displayName",
    )
    .await;
    // Everybody at the unit and who administers all of them, but not who treats elsewhere.
    assert_eq!(assigned.len(), 27);
    assigned.sort();
    assigned.dedup();
    assert_eq!(assigned.len(), 27);
    let log = paged(
        &app,
        BOSS,
        |after| format!("{{ careProvider {{ administrationLog(first: 7{after}) {{ {info} nodes {{ at act }} }} }} }}"),
        "/careProvider/administrationLog",
        "/act",
    )
    .await;
    assert_eq!(log.iter().filter(|act| *act == "STAFF_INVITED").count(), 20);
    assert_eq!(log.iter().filter(|act| *act == "UNIT_CONNECTED").count(), 22);

    // A cursor of something else, and who may not see.
    for list in ["units", "staff", "administrationLog"] {
        let query = format!("{{ careProvider {{ {list}(after: \"nonsense\") {{ nodes {{ __typename }} }} }} }}");
        let answer = app.client.query(&app.staff(BOSS), &query, json!({})).await;
        assert_eq!(answer.code(), "BAD_CURSOR", "{list}");
    }
    let seen = "query($unit: ID!) { careProvider { name staff { nodes { id } } } unit(id: $unit) { assignments { nodes { id } } } }";
    let data = app
        .client
        .query(&app.therapist(), seen, json!({ "unit": unit }))
        .await
        .data();
    assert_eq!(
        data["careProvider"],
        json!({ "name": "Region Prov", "staff": { "nodes": [] } })
    );
    assert_eq!(data["unit"]["assignments"]["nodes"], Value::Array(Vec::new()));
    app.stop().await;
}

both_databases!(fifty_take_as_many_statements_as_five, pages_follow_one_another);
