//! The worklist, in the order of need and filtered; what is shown of a flag; and whose enrollments are found.

use api::graphql::{Kind as Of, id};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, text},
    database::Kind,
};

use super::{RESOLVE, WORKLIST, Ward, titles};

async fn the_worklist_is_in_the_order_of_need_and_filtered(kind: Kind) {
    let ward = Ward::open(kind, 3).await;
    ward.raise(1, "mood", "INFO", "STAFF").await;
    let inactive = ward.raise(2, "inactive", "WARNING", "STAFF").await;
    ward.raise(3, "risk", "URGENT", "STAFF").await;
    ward.raise(1, "risk", "URGENT", "STAFF").await;
    ward.raise(2, "mood", "WARNING", "STAFF").await;
    ward.raise(3, "sleep", "WARNING", "CITIZEN").await;

    let in_need = ["risk 3", "risk 1", "inactive 2", "mood 2", "mood 1"];
    let therapist = ward.app.therapist();
    let all = ward.list(&therapist, json!({})).await;
    assert_eq!(
        (titles(&all), &all["totalCount"]),
        (in_need.map(str::to_owned).into(), &json!(5))
    );
    assert_eq!(
        all["nodes"][0]["enrollment"]["citizen"]["displayName"],
        "Given3 Family3"
    );

    // Page by page, in either order.
    for (order, expected) in [
        ("NEED", in_need),
        ("RAISED_AT", ["mood 2", "risk 1", "risk 3", "inactive 2", "mood 1"]),
    ] {
        let mut after = Value::Null;
        let mut seen = Vec::new();
        for _ in 0..3 {
            let page = ward
                .list(&therapist, json!({ "first": 2, "after": after, "orderBy": order }))
                .await;
            seen.extend(titles(&page));
            assert_eq!(page["pageInfo"]["hasNextPage"], json!(seen.len() < 5));
            after = page["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(seen, expected, "{order}");
    }

    // By what is asked for.
    assert_eq!(
        ward.titles(json!({ "severity": ["URGENT"] })).await,
        ["risk 3", "risk 1"]
    );
    assert_eq!(ward.titles(json!({ "kind": "mood" })).await, ["mood 2", "mood 1"]);
    assert_eq!(ward.titles(json!({ "audience": "CITIZEN" })).await, ["sleep 3"]);
    assert_eq!(ward.titles(json!({ "audience": null })).await.len(), 6);
    let of_two = json!({ "enrollmentId": ward.enrollment(2) });
    assert_eq!(ward.titles(of_two).await, ["inactive 2", "mood 2"]);
    ward.flag(RESOLVE, json!({ "flagId": inactive, "note": "Ringt" })).await;
    assert_eq!(ward.titles(json!({})).await.len(), 4);
    assert_eq!(ward.titles(json!({ "status": ["RESOLVED"] })).await, ["inactive 2"]);
    let mine = json!({ "assignedTo": { "is": "ME" } });
    assert_eq!(ward.titles(mine).await, Vec::<String>::new());

    // Nobody else sees it.
    for token in [
        ward.app.staff("citizen-administrator"),
        ward.app.staff("unit-administrator"),
        ward.app.staff("designer"),
    ] {
        let list = ward.list(&token, json!({})).await;
        assert_eq!((titles(&list), &list["totalCount"]), (Vec::new(), &json!(0)));
    }
    ward.block(3).await;
    assert_eq!(ward.titles(json!({})).await, ["risk 1", "mood 2", "mood 1"]);
    let variables = json!({ "unitId": ward.unit(), "first": 5 });
    for token in [ward.app.staff(care::OTHER_THERAPIST), ward.app.citizen(1)] {
        let answer = ward.app.client.query(&token, WORKLIST, variables.clone()).await;
        assert_eq!(answer.data()["unit"], Value::Null);
    }
    let wrong = json!({ "unitId": ward.unit(), "first": 5, "after": "nonsense" });
    let answer = ward.app.client.query(&therapist, WORKLIST, wrong).await;
    assert_eq!(answer.code(), "BAD_CURSOR");
}

async fn the_last_causes_are_shown_and_all_are_counted(kind: Kind) {
    let ward = Ward::open(kind, 1).await;
    let therapist = ward.app.therapist();
    let enrollment = ward.app.enrollment_of(1).await;
    let mut flag = Value::Null;
    for n in 1..=12 {
        ward.app.clock.advance(TimeDelta::seconds(1));
        let input = json!({ "enrollmentId": enrollment, "kind": "call", "severity": "INFO", "title": "Ring", "note": n.to_string() });
        let raised = ward
            .app
            .client
            .mutate(&therapist, "raiseFlag", input, "flag { id }")
            .await;
        flag = done(&raised)["flag"]["id"].clone();
    }
    let query = "query($id: ID!) { node(id: $id) { ... on Flag { causeCount causes { note }
        two: causes(last: 2) { note } many: causes(last: 1000) { note } } } }";
    let data = ward
        .app
        .client
        .query(&therapist, query, json!({ "id": flag }))
        .await
        .data();
    let shown = &data["node"];
    assert_eq!(shown["causeCount"], 12);
    let notes = |from: u32| (from..=12).map(|n| json!({ "note": n.to_string() })).collect::<Value>();
    assert_eq!(shown["causes"], notes(3), "oldest first");
    assert_eq!(shown["two"], notes(11));
    assert_eq!(shown["many"], notes(1));
}

async fn enrollments_are_found_by_who_treats_and_by_program(kind: Kind) {
    const LIST: &str = "query($unitId: ID!, $assignedTo: AssigneeInput, $programSlug: String) { unit(id: $unitId) {
        enrollments(first: 10, assignedTo: $assignedTo, programSlug: $programSlug) { totalCount nodes { id } } } }";
    let ward = Ward::open(kind, 2).await;
    let care = &ward.app.care;
    let third = care::enroll(&ward.app.store, care.unit, ward.colleague, 3, None).await;
    let found = async |token: &str, variables: Value| {
        let mut variables = variables;
        variables["unitId"] = ward.unit().into();
        let data = ward.app.client.query(token, LIST, variables).await.data();
        let list = data["unit"]["enrollments"].clone();
        assert_eq!(
            list["totalCount"].as_u64(),
            list["nodes"].as_array().map(|nodes| nodes.len() as u64)
        );
        list["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| text(&node["id"]))
            .collect::<Vec<_>>()
    };
    let (therapist, colleague) = (ward.app.therapist(), ward.app.staff(care::COLLEAGUE));
    let me = json!({ "assignedTo": { "is": "ME" } });
    assert_eq!(found(&therapist, me.clone()).await.len(), 2);
    assert_eq!(found(&colleague, me).await, [id(Of::Enrollment, third).to_string()]);
    let theirs = json!({ "assignedTo": { "staffId": ward.colleague_id() } });
    assert_eq!(found(&therapist, theirs).await.len(), 1);
    assert_eq!(
        found(&therapist, json!({ "assignedTo": { "is": "NOBODY" } }))
            .await
            .len(),
        0
    );
    assert_eq!(
        found(&therapist, json!({ "programSlug": care::PROGRAM })).await.len(),
        3
    );
    assert_eq!(found(&therapist, json!({ "programSlug": "another" })).await.len(), 0);
}

both_databases!(
    the_worklist_is_in_the_order_of_need_and_filtered,
    the_last_causes_are_shown_and_all_are_counted,
    enrollments_are_found_by_who_treats_and_by_program,
);
