//! What is read of programs: the tree and the catalogue.

use serde_json::{Value, json};
use tests::{both_databases, care, client::text, database::Kind};

use super::{is_at, morning, started};

async fn program_tree(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let ask = async |locale: Option<&str>| {
        let variables = json!({ "slug": care::PROGRAM, "locale": locale });
        app.client.ask(&app.citizen(1), "ProgramTree", variables).await["program"].clone()
    };
    let program = ask(Some("sv")).await;
    assert_eq!(
        (&program["slug"], &program["kind"]),
        (&json!(care::PROGRAM), &json!("TREATMENT"))
    );
    assert_eq!(program["title"], "Vägar ur nedstämdhet");
    let version = &program["publishedVersion"];
    assert_eq!(version["number"], "1.0");
    assert!(is_at(&version["publishedAt"], morning()));
    let modules = version["modules"].as_array().unwrap();
    let keys: Vec<_> = modules.iter().map(|module| module["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["welcome", "activity", "looking-back"]);
    let steps = &modules[0]["sections"][0]["steps"];
    assert_eq!(
        (&steps[0]["key"], &steps[0]["estimatedMinutes"]),
        (&json!("hello"), &json!(5))
    );
    let blocks = &steps[0]["blocks"];
    assert_eq!(
        blocks[0],
        json!({ "__typename": "TextBlock", "html": "<p>Hej <strong>du</strong></p>" })
    );
    assert_eq!(
        blocks[1],
        json!({ "__typename": "ImageBlock", "url": "https://media.example.org/a.svg", "altText": "En bild" })
    );
    let form = &steps[1]["blocks"][0]["form"];
    assert_eq!((&form["key"], &form["title"]), (&json!("diary"), &json!("Diary")));

    assert_eq!(ask(Some("en")).await["title"], "Vägar ur nedstämdhet (en)");
    let nothing = app
        .client
        .ask(&app.citizen(1), "ProgramTree", json!({ "slug": "no-such-program" }))
        .await;
    assert_eq!(nothing["program"], Value::Null);
}

async fn catalogue(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let all = app
        .client
        .ask(&app.citizen(1), "Catalogue", json!({ "first": 10 }))
        .await;
    assert_eq!(all["programs"]["totalCount"], 1);
    let program = &all["programs"]["nodes"][0];
    assert_eq!(
        (&program["slug"], &program["kind"]),
        (&json!(care::PROGRAM), &json!("TREATMENT"))
    );
    let mut locales: Vec<_> = program["locales"].as_array().unwrap().iter().map(text).collect();
    locales.sort();
    assert_eq!(locales, ["en", "sv"]);
    assert_eq!(all["programs"]["pageInfo"]["hasNextPage"], false);
    let after = &all["programs"]["pageInfo"]["endCursor"];
    let rest = app
        .client
        .ask(&app.citizen(1), "Catalogue", json!({ "first": 10, "after": after }))
        .await;
    assert_eq!(rest["programs"]["nodes"], json!([]));
    let support = app
        .client
        .ask(&app.citizen(1), "Catalogue", json!({ "first": 10, "kind": "SUPPORT" }))
        .await;
    assert_eq!(
        (&support["programs"]["totalCount"], &support["programs"]["nodes"]),
        (&json!(0), &json!([]))
    );
}

both_databases!(program_tree, catalogue);
