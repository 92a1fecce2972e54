//! A rule is tried, and then promoted.

use chrono::TimeDelta;
use serde_json::json;
use tests::{
    both_databases, care,
    client::{done, text},
    database::Kind,
};

use super::{PROMOTE, SAVE, ask, flags_after, measured, scored, send, started};

const FIRINGS: &str = "query($id: ID!, $after: String) { node(id: $id) { ... on Rule { firingCount
    firings(first: 2, after: $after, outcome: DRY_RUN) { pageInfo { hasNextPage endCursor } nodes {
        at decidedAt outcome occurrence actions enrollment { id } rule { key version } trace { text verdict } } } } } }";

async fn a_rule_is_tried_and_then_promoted(kind: Kind) {
    let app = started(kind, 4).await;
    let (therapist, designer) = (app.therapist(), app.staff("designer"));
    let mut input = measured(scored(9), "Tried");
    input["dryRun"] = true.into();
    let saved = send(&app, &designer, SAVE, input).await;
    assert_eq!(done(&saved)["rule"]["dryRun"], true);
    let id = text(&saved["saveRule"]["rule"]["id"]);
    app.clock.advance(TimeDelta::minutes(1));
    for n in 1..=3 {
        app.clock.advance(TimeDelta::minutes(1));
        assert_eq!(flags_after(&app, n, "some").await, [] as [&str; 0], "it does nothing");
    }
    let page = ask(&app, &therapist, FIRINGS, json!({ "id": id })).await["node"].clone();
    assert_eq!(page["firingCount"], 3);
    let nodes = page["firings"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2);
    assert_eq!(
        nodes[0]["enrollment"]["id"].as_str(),
        Some(app.enrollment_of(3).await.as_str())
    );
    assert_eq!(nodes[0]["outcome"], "DRY_RUN");
    assert_eq!(nodes[0]["rule"], json!({ "key": "tried", "version": 1 }));
    assert!(
        text(&nodes[0]["actions"][0]).contains("Tried"),
        "what it would have done: {}",
        nodes[0]
    );
    assert_eq!(nodes[0]["trace"][0]["verdict"], "TRUE");
    let after = page["firings"]["pageInfo"]["endCursor"].clone();
    let rest = ask(&app, &therapist, FIRINGS, json!({ "id": id, "after": after })).await["node"].clone();
    assert_eq!(rest["firings"]["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(rest["firings"]["pageInfo"]["hasNextPage"], false);
    // A designer counts them, and sees of nobody; another unit had none.
    for (token, count) in [(&designer, 3), (&app.staff(care::OTHER_THERAPIST), 0)] {
        let page = ask(&app, token, FIRINGS, json!({ "id": id })).await["node"].clone();
        assert_eq!(
            (page["firingCount"].clone(), &page["firings"]["nodes"]),
            (json!(count), &json!([]))
        );
    }

    let promoted = send(&app, &designer, PROMOTE, json!({ "ruleId": id })).await;
    assert_eq!(
        done(&promoted)["rule"],
        json!({ "id": id, "version": 2, "dryRun": false })
    );
    app.clock.advance(TimeDelta::minutes(1));
    app.work().await;
    assert_eq!(flags_after(&app, 4, "some").await, ["tried"]);
    app.stop().await;
}

async fn a_warning_that_was_only_tried_is_given_when_the_rule_is_promoted(kind: Kind) {
    let app = started(kind, 1).await;
    let designer = app.staff("designer");
    let mut input = measured(
        json!({ "compare": { "fact": { "programWeek": {} }, "operator": "GTE", "value": 1 } }),
        "Here",
    );
    input["trigger"] = json!({ "whenever": {} });
    input["dryRun"] = true.into();
    app.clock.advance(TimeDelta::minutes(1));
    let id = text(&done(&send(&app, &designer, SAVE, input).await)["rule"]["id"]);
    app.clock.advance(TimeDelta::minutes(1));
    app.work().await;
    let flags = "query($id: ID!) { enrollment(id: $id) { flags(first: 20) { nodes { kind causes { firing { outcome occurrence } } } } } }";
    let flags = async || {
        let data = ask(
            &app,
            &app.therapist(),
            flags,
            json!({ "id": app.enrollment_of(1).await }),
        )
        .await;
        data["enrollment"]["flags"]["nodes"].clone()
    };
    assert_eq!(flags().await, json!([]));
    done(&send(&app, &designer, PROMOTE, json!({ "ruleId": id })).await);
    app.clock.advance(TimeDelta::minutes(1));
    app.work().await;
    let firing = json!({ "outcome": "DONE", "occurrence": "episode-1" });
    assert_eq!(
        flags().await,
        json!([{ "kind": "tried", "causes": [{ "firing": firing }] }])
    );
    app.stop().await;
}

both_databases!(
    a_rule_is_tried_and_then_promoted,
    a_warning_that_was_only_tried_is_given_when_the_rule_is_promoted,
);
