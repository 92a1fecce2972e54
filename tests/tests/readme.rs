//! What the README says one can try is tried: each operation of its, in the demo, by the persona that it is for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::{
    client::{Client, text},
    demo::Demo,
};

/// The operations of the README: blocks of GraphQL, parted by empty lines.
fn operations() -> Vec<String> {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let blocks = readme.split("```graphql\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks
        .flat_map(|block| block.split("\n\n"))
        .map(str::to_owned)
        .collect()
}

/// Who asks: whom the README names, else the therapist.
fn persona(operation: &str) -> &'static str {
    let mine = ["on CitizenViewer", "submitResponse", "openPrograms", "enrollMyself"];
    let administers = ["connectUnit", "inviteStaff", "careProvider"];
    match operation {
        _ if mine.iter().any(|word| operation.contains(word)) => "anna",
        _ if operation.contains("saveRule") || operation.contains("importForm") => "designer",
        _ if administers.iter().any(|word| operation.contains(word)) => "provider-administrator",
        _ => "therapist",
    }
}

/// The operation with each `"…"` replaced by an id of what the argument or field before it names.
fn filled_in(operation: &str, known: &BTreeMap<&str, Vec<String>>) -> String {
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut whole, mut rest, mut name) = (String::new(), operation, "");
    while let Some((before, after)) = rest.split_once("\"…\"") {
        // Within a list the name stands before the first.
        if before.trim() != "," {
            let words: Vec<&str> = before.split(|sign: char| !sign.is_ascii_alphanumeric()).collect();
            let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            name = match words.as_slice() {
                [.., of, "id"] | [.., of] => of,
                [] => panic!("of what? {operation}"),
            };
        }
        let ids = known.get(name).unwrap_or_else(|| panic!("{name} in {operation}"));
        let n = used.entry(name).or_default();
        whole += &format!("{before}{:?}", ids[*n % ids.len()]);
        *n += 1;
        rest = after;
    }
    whole + rest
}

/// The ids that stand in the README as `"…"`, by the argument or the field that they are for.
async fn ids(client: &Client, tokens: &BTreeMap<String, String>) -> BTreeMap<&'static str, Vec<String>> {
    let therapist = &tokens["therapist"];
    let query = "{ viewer { ... on StaffViewer { unit { id therapists { id }
        flags(first: 10, status: [OPEN]) { nodes { id } } } } ... on CitizenViewer { citizen {
        enrollments(first: 1, status: [ACTIVE]) { nodes { id
            dispatches(first: 20, status: [AVAILABLE, STARTED]) { nodes { id form { key } } } } } } } } }";
    let staff = client.query(therapist, query, json!({})).await.data()["viewer"]["unit"].clone();
    let anna =
        client.query(&tokens["anna"], query, json!({})).await.data()["viewer"]["citizen"]["enrollments"]["nodes"][0]
            .clone();
    let all = |list: &Value| -> Vec<String> { list.as_array().unwrap().iter().map(|one| text(&one["id"])).collect() };
    let waits = anna["dispatches"]["nodes"].as_array().unwrap().iter();
    let waits = waits.filter(|dispatch| dispatch["form"]["key"] == "weekly-measure");
    let unit = vec![text(&staff["id"])];
    let enrollment = vec![text(&anna["id"])];
    BTreeMap::from([
        ("unit", unit.clone()),
        ("unitId", unit),
        ("enrollment", enrollment.clone()),
        ("enrollmentIds", enrollment.clone()),
        ("enrollmentId", enrollment),
        ("dispatchId", waits.map(|dispatch| text(&dispatch["id"])).collect()),
        ("flagIds", all(&staff["flags"]["nodes"])),
        ("staffIds", all(&staff["therapists"])),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_readme_says_to_try_works() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut demo) = Demo::start(folder.path()).await else {
        return;
    };
    let known = ids(&demo.client, &demo.tokens).await;
    let unit = json!({ "unitId": known["unit"][0] });
    let operations = operations();
    assert!(operations.len() >= 20, "{}", operations.len());
    for operation in &operations {
        let token = &demo.tokens[persona(operation)];
        let mut known = known.clone();
        if operation.contains("enrollMyself") {
            let query = "{ openPrograms { nodes { unit { id } } } }";
            let open = demo.client.query(token, query, json!({})).await.data();
            known.insert("unitId", vec![text(&open["openPrograms"]["nodes"][0]["unit"]["id"])]);
        }
        let operation = filled_in(operation, &known);
        if operation.starts_with("subscription") {
            let mut socket = demo.client.socket(token).await;
            socket.subscribe("1", &operation, &unit).await;
            // It is refused at once, or waits.
            let first = tokio::time::timeout(std::time::Duration::from_millis(500), socket.item()).await;
            assert!(first.is_err() || first.is_ok_and(|item| !item.is_null()), "{operation}");
            continue;
        }
        let variables = if operation.contains('$') {
            unit.clone()
        } else {
            json!({})
        };
        let answer = demo.client.query(token, &operation, variables).await;
        assert!(answer.body.get("errors").is_none(), "{}\n{operation}", answer.body);
        for (field, answer) in answer.data().as_object().unwrap() {
            assert!(!answer.is_null(), "{field} answers nothing to\n{operation}");
            let refusals = answer["errors"].as_array().map_or(0, Vec::len);
            assert_eq!(refusals, 0, "{answer}\n{operation}");
        }
    }
    demo.process.terminate().await;
    assert!(demo.process.ended().await.success(), "{}", demo.process.output());
}
