//! Flags are taken care of: many at once, and by citizens what is for them.

use serde_json::{Value, json};
use tests::{
    both_databases,
    client::{done, one, refused, text},
    database::Kind,
};

use super::{ACKNOWLEDGE, ASSIGN, HISTORY, REOPEN, RESOLVE, Ward, strangers};

const RESOLVE_MANY: &str = "mutation($input: ResolveFlagsInput!) { resolveFlags(input: $input) {
    outcomes { flagId flag { id status } errors { code message path } } errors { code message path } } }";
const ACKNOWLEDGE_MANY: &str = "mutation($input: AcknowledgeFlagsInput!) { acknowledgeFlags(input: $input) {
    outcomes { flagId flag { id status } errors { code message path } } errors { code message path } } }";
const OF_CITIZEN: &str = "query($status: [FlagStatus!]) { viewer { ... on CitizenViewer { citizen {
    enrollments(first: 1) { nodes { flags(first: 10, status: $status) { nodes {
        id title status assignedTo { id } history { note } } } } } } } } }";

async fn many_are_taken_care_of_at_once(kind: Kind) {
    let ward = Ward::open(kind, 3).await;
    let mut flags = Vec::new();
    for n in 1..=3 {
        flags.push(ward.raise(n, "mood", "WARNING", "STAFF").await);
    }
    ward.raise(1, "risk", "URGENT", "STAFF").await;
    let therapist = ward.app.therapist();
    ward.flag(RESOLVE, json!({ "flagId": flags[1] })).await;
    ward.block(3).await;
    let asked = json!([flags[0], flags[1], flags[2], "nonsense", flags[0]]);
    let input = json!({ "flagIds": asked, "note": "Genomgång", "idempotencyKey": "once" });
    for mutation in [ACKNOWLEDGE_MANY, RESOLVE_MANY] {
        let name = if mutation == RESOLVE_MANY {
            "resolveFlags"
        } else {
            "acknowledgeFlags"
        };
        let mut input = input.clone();
        input["idempotencyKey"] = name.into();
        let data = ward.send(&therapist, mutation, input.clone()).await;
        let outcomes = data[name]["outcomes"].as_array().unwrap();
        let asked_for: Value = outcomes.iter().map(|outcome| outcome["flagId"].clone()).collect();
        assert_eq!((asked_for, &data[name]["errors"]), (asked.clone(), &json!([])));
        let status = if mutation == RESOLVE_MANY {
            "RESOLVED"
        } else {
            "ACKNOWLEDGED"
        };
        for place in [0, 4] {
            assert_eq!(
                (&outcomes[place]["flag"]["status"], &outcomes[place]["errors"]),
                (&json!(status), &json!([]))
            );
        }
        for (place, code) in [(1, "ALREADY_RESOLVED"), (2, "NOT_FOUND"), (3, "NOT_FOUND")] {
            let outcome = &outcomes[place];
            assert_eq!(
                (&outcome["flag"], &outcome["errors"][0]["code"]),
                (&Value::Null, &json!(code))
            );
            assert_eq!(outcome["errors"][0]["path"], json!(["flagId"]));
        }
        // The same key gets the same answer.
        assert_eq!(ward.send(&therapist, mutation, input).await, data);
    }
    assert_eq!(ward.titles(json!({})).await, ["risk 1"]);
    let data = ward
        .app
        .client
        .query(&therapist, HISTORY, json!({ "id": flags[0] }))
        .await
        .data();
    let notes: Vec<&Value> = data["node"]["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["note"])
        .collect();
    assert_eq!(
        notes,
        [&Value::Null, &json!("Genomgång"), &Value::Null, &json!("Genomgång")]
    );

    let many: Vec<&String> = std::iter::repeat_n(&flags[0], 101).collect();
    let data = ward.send(&therapist, RESOLVE_MANY, json!({ "flagIds": many })).await;
    assert_eq!(refused(&data), one("TOO_MANY", "flagIds"));
    let long = json!({ "flagIds": [flags[0]], "note": "ö".repeat(10_001) });
    assert_eq!(
        refused(&ward.send(&therapist, RESOLVE_MANY, long).await),
        one("TOO_LONG", "note")
    );
    for token in strangers(&ward) {
        let data = ward.send(&token, RESOLVE_MANY, json!({ "flagIds": [flags[0]] })).await;
        assert_eq!(data["resolveFlags"]["outcomes"][0]["errors"][0]["code"], "NOT_FOUND");
    }
}

async fn citizens_take_care_of_what_is_for_them(kind: Kind) {
    let ward = Ward::open(kind, 2).await;
    let (citizen, therapist) = (ward.app.citizen(1), ward.app.therapist());
    let mine = ward.raise(1, "prepare", "INFO", "CITIZEN").await;
    let later = ward.raise(1, "later", "INFO", "CITIZEN").await;
    let staffs = ward.raise(1, "risk", "URGENT", "STAFF").await;
    let seen = async |status: Value| {
        let data = ward
            .app
            .client
            .query(&citizen, OF_CITIZEN, json!({ "status": status }))
            .await
            .data();
        let nodes = data["viewer"]["citizen"]["enrollments"]["nodes"][0]["flags"]["nodes"].clone();
        nodes.as_array().unwrap().clone()
    };
    let titles: Vec<String> = seen(Value::Null)
        .await
        .iter()
        .map(|flag| text(&flag["title"]))
        .collect();
    assert_eq!(titles, ["later 1", "prepare 1"]);

    ward.flag(
        ASSIGN,
        json!({ "flagId": later, "staffId": ward.colleague_id(), "note": "Följ upp" }),
    )
    .await;
    let taken = ward.send(&citizen, ACKNOWLEDGE, json!({ "flagId": later })).await;
    let taken = &done(&taken)["flag"];
    assert_eq!(
        (&taken["status"], &taken["acknowledgedBy"]),
        (&json!("ACKNOWLEDGED"), &Value::Null)
    );
    let resolved = ward
        .send(&citizen, RESOLVE, json!({ "flagId": mine, "note": "Gjort" }))
        .await;
    assert_eq!(done(&resolved)["flag"]["status"], "RESOLVED");
    // What staff say among themselves is not theirs to read.
    let left = seen(json!(["OPEN", "ACKNOWLEDGED"])).await;
    assert_eq!(left.len(), 1);
    assert_eq!(
        (&left[0]["assignedTo"], &left[0]["history"]),
        (&Value::Null, &json!([]))
    );

    // Staff see what they did, and open it again.
    let data = ward
        .app
        .client
        .query(&therapist, HISTORY, json!({ "id": mine }))
        .await
        .data();
    let last = data["node"]["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["status"], &last["actor"], &last["note"]),
        (&json!("RESOLVED"), &json!("CITIZEN"), &json!("Gjort"))
    );
    assert_eq!(ward.titles(json!({ "audience": "CITIZEN" })).await, ["later 1"]);
    ward.flag(REOPEN, json!({ "flagId": mine })).await;
    assert_eq!(seen(json!(["OPEN"])).await.len(), 1);

    // What is for staff, or for somebody else, is not there for them; nor is what staff do.
    for mutation in [ACKNOWLEDGE, RESOLVE] {
        let data = ward.send(&citizen, mutation, json!({ "flagId": staffs })).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "flagId"));
        let data = ward
            .send(&ward.app.citizen(2), mutation, json!({ "flagId": mine }))
            .await;
        assert_eq!(refused(&data), one("NOT_FOUND", "flagId"));
    }
    let data = ward.send(&citizen, REOPEN, json!({ "flagId": later })).await;
    assert_eq!(refused(&data), one("NOT_FOUND", "flagId"));
}

both_databases!(many_are_taken_care_of_at_once, citizens_take_care_of_what_is_for_them);
