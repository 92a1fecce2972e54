//! All operations in one document, and the first of them: who am I.

use serde_json::{Value, json};
use tests::{both_databases, care, contract, database::Kind};

use super::started;

async fn who_am_i(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let citizen = app.client.ask(&app.citizen(1), "WhoAmI", json!({})).await;
    assert_eq!(citizen["viewer"]["__typename"], "CitizenViewer");
    assert_eq!(citizen["viewer"]["citizen"]["displayName"], "Given1 Family1");
    for (subject, role) in care::STAFF {
        let staff = app.client.ask(&app.staff(subject), "WhoAmI", json!({})).await;
        let viewer = &staff["viewer"];
        assert_eq!(viewer["__typename"], "StaffViewer");
        assert_eq!(viewer["staff"]["displayName"], format!("Person {subject}"));
        assert_eq!(viewer["roles"], json!([role]), "{subject}");
        assert!(!viewer["unit"]["name"].as_str().unwrap().is_empty());
    }
}

/// All of them in one document, as some clients send it: only the named one counts, with its own variables.
async fn all_in_one_document(kind: Kind) {
    let Some((app, enrollment)) = started(kind).await else {
        return;
    };
    let all: Vec<&str> = contract::operations().unwrap().values().map(String::as_str).collect();
    let all = all.join("\n");
    let send = async |name: &str, variables: Value| {
        let body = json!({ "query": all, "operationName": name, "variables": variables });
        app.client.post(&app.citizen(1), &body).await
    };
    let me = send("WhoAmI", json!({})).await.data();
    assert_eq!(me["viewer"]["__typename"], "CitizenViewer");
    let span = json!({ "enrollmentId": enrollment, "from": "2027-02-28T00:00:00Z", "to": "2027-03-10T00:00:00Z" });
    let planning = send("Planning", span).await.data();
    assert!(planning["enrollment"]["timeline"].is_array(), "{planning}");
    // What the named one lacks is still told.
    assert_eq!(send("Planning", json!({})).await.code(), "GRAPHQL_VALIDATION_FAILED");
}

both_databases!(who_am_i, all_in_one_document);
