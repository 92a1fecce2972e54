//! What a guardian reads, and answers, of the child.

use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::{
    both_databases,
    client::{done, one, refused, weekly_measure},
    database::Kind,
    issuer,
};

use crate::{entrust, family};

async fn the_page_of_the_child_is_the_guardians_too(kind: Kind) {
    let family = family(kind).await;
    let (app, guardian) = (&family.app, family.token());
    let childs = family.home(&app.citizen(1)).await;
    let theirs = family.home(&guardian).await;
    assert_eq!(theirs["__typename"], "GuardianViewer");
    assert_eq!(theirs["citizens"], json!([childs["citizen"]]));
    let dispatches = &theirs["citizens"][0]["enrollments"]["nodes"][0]["dispatches"]["nodes"];
    assert_eq!(dispatches[0]["form"]["key"], "weekly-measure", "{theirs}");

    // Nothing of another child, by whatever id.
    let other = family.home(&app.citizen(2)).await["citizen"]["id"].clone();
    let by_id = "query($citizen: ID!, $enrollment: ID!, $dispatch: ID!) { citizen: node(id: $citizen) { id }
        enrollment(id: $enrollment) { id } node(id: $enrollment) { id } dispatch(id: $dispatch) { id } }";
    let ids = json!({ "citizen": other, "enrollment": family.others, "dispatch": family.waiting(2).await });
    let nothing = json!({ "citizen": null, "enrollment": null, "node": null, "dispatch": null });
    assert_eq!(app.client.query(&guardian, by_id, ids).await.data(), nothing);
    let ids =
        json!({ "citizen": childs["citizen"]["id"], "enrollment": family.enrollment, "dispatch": dispatches[0]["id"] });
    let answer = app.client.query(&guardian, by_id, ids.clone()).await.data();
    assert_eq!(answer["citizen"]["id"], ids["citizen"]);
    assert_eq!(answer["dispatch"]["id"], ids["dispatch"]);
    // What is for staff is not for them.
    let staffs = "formSchedules { form { key } } visibilityHistory { at } ruleEvaluations { __typename }";
    let shown = family.seen(&guardian, &family.enrollment, staffs).await;
    assert_eq!(
        (&shown["formSchedules"], &shown["visibilityHistory"]),
        (&json!([]), &json!([]))
    );

    // Only for as long as they act for the child: until they are released, or the agreed day.
    family.release().await;
    let gone = json!({ "citizen": null, "enrollment": null, "node": null, "dispatch": null });
    assert_eq!(app.client.query(&guardian, by_id, ids.clone()).await.data(), gone);
    assert_eq!(family.home(&guardian).await["citizens"], json!([]));
    app.clock.advance(TimeDelta::hours(1));
    let until = app.clock.now() + TimeDelta::hours(1);
    entrust(app, family.guardian, family.child, Some(until)).await;
    let again = app.client.query(&guardian, by_id, ids.clone()).await.data();
    assert_eq!(again["enrollment"]["id"], json!(family.enrollment));
    app.clock.advance(TimeDelta::hours(1));
    assert_eq!(app.client.query(&guardian, by_id, ids).await.data(), gone);
    // Nobody is a guardian whom nobody registered.
    let stranger = issuer::sign(&issuer::claims("stranger", "guardian", app.clock.now()));
    let answer = app
        .client
        .query(&stranger, "{ viewer { __typename } }", json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

async fn a_form_is_answered_for_the_child(kind: Kind) {
    let family = family(kind).await;
    let (app, guardian, child) = (&family.app, family.token(), family.app.citizen(1));
    let dispatch = family.waiting(1).await;
    let input = |dispatch: &Value| json!({ "dispatchId": dispatch, "answers": weekly_measure(["some"; 9]) });
    let others = input(&family.waiting(2).await);
    for mutation in ["submitResponse", "saveDraft"] {
        let answer = family.send(&guardian, mutation, "__typename", others.clone()).await;
        assert_eq!(refused(&answer), one("NOT_FOUND", "dispatchId"), "{mutation}");
    }
    // What the child began to answer they go on with: it is one form for the two of them.
    let begun = json!({ "dispatchId": dispatch, "answers": [{ "item": "q1", "value": "most" }] });
    done(&family.send(&child, "saveDraft", "dispatch { id }", begun).await);
    let draft = "query($id: ID!) { dispatch(id: $id) { draft { answers { item { key } } } } }";
    let shown = app
        .client
        .query(&guardian, draft, json!({ "id": dispatch }))
        .await
        .data();
    assert_eq!(
        shown["dispatch"]["draft"]["answers"],
        json!([{ "item": { "key": "q1" } }])
    );

    let answer = family
        .send(&guardian, "submitResponse", "result { id }", input(&dispatch))
        .await;
    let result = done(&answer)["result"]["id"].clone();
    let again = family
        .send(&child, "submitResponse", "result { id }", input(&dispatch))
        .await;
    assert_eq!(refused(&again)[0].0, "ALREADY_ANSWERED");
    let fields = "results { id answeredBy { as onBehalf staff { id } } scores { value } }";
    let expected = json!([{ "id": result, "answeredBy": { "as": "GUARDIAN", "onBehalf": true, "staff": null },
        "scores": [{ "value": 9.0 }] }]);
    for token in [&app.therapist(), &child, &guardian] {
        assert_eq!(
            family.seen(token, &family.enrollment, fields).await["results"],
            expected
        );
    }

    // The picture and the table are theirs for as long as they act for the child.
    let links = "resultSeries(form: \"weekly-measure\", scale: \"total\") { chartUrl } resultTableUrl resultBundleUrl";
    assert_eq!(family.seen(&guardian, &family.others, links).await, Value::Null);
    let seen = family.seen(&guardian, &family.enrollment, links).await;
    let links = [
        &seen["resultSeries"]["chartUrl"],
        &seen["resultTableUrl"],
        &seen["resultBundleUrl"],
    ];
    for link in links {
        assert_eq!(family.download(link).await.status(), StatusCode::OK, "{link}");
    }
    let table = family.download(&seen["resultTableUrl"]).await.text().await.unwrap();
    assert!(table.contains("GUARDIAN"), "{table}");
    family.release().await;
    for link in links {
        assert_eq!(family.download(link).await.status(), StatusCode::NOT_FOUND, "{link}");
    }
}

both_databases!(
    the_page_of_the_child_is_the_guardians_too,
    a_form_is_answered_for_the_child,
);
