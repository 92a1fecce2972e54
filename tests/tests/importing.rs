//! Importing forms through the API: what they become, what is refused and with which words, and that nothing is done twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path};

use chrono::{DateTime, Utc};
use entity::{form, form_version};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
    world::World,
};

/// The Questionnaires of the real data, and their scale files.
const FORMS: [(&str, &str); 6] = [
    ("PHQ9", "phq9"),
    ("GAD7", "gad7"),
    ("WHOAUDIT", "who-audit"),
    ("USAUDIT", "us-audit"),
    ("GDS", "gds"),
    ("BEHAV5", "behav5"),
];

const FIELDS: &str = "form { id key title items { key } scales { key } } outcome formKey itemCount scaleCount
    notes { item code message }";

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

async fn started(kind: Kind) -> TestApp {
    TestApp::over(World::without_program(kind, morning()).await).await
}

/// Sends an import as somebody of the staff; gives its data.
async fn import_as(app: &TestApp, subject: &str, input: Value) -> Value {
    app.client
        .mutate(&app.staff(subject), "importForm", input, FIELDS)
        .await
}

async fn import(app: &TestApp, input: Value) -> Value {
    import_as(app, "designer", input).await
}

/// How many forms and versions there are.
async fn stored(app: &TestApp) -> (u64, u64) {
    let connection = app.store.connection();
    let forms = form::Entity::find().count(connection).await.unwrap();
    (forms, form_version::Entity::find().count(connection).await.unwrap())
}

/// A Questionnaire of one scored item.
fn sleep() -> Value {
    let option = |code: &str| json!({ "valueCoding": { "code": code, "display": code } });
    json!({ "resourceType": "Questionnaire", "name": "Sleep", "title": "Sleep", "language": "en", "item": [
        { "linkId": "rested", "type": "choice", "text": "Rested?", "answerOption": [option("no"), option("yes")] },
        { "linkId": "note", "type": "text", "text": "Anything else?" },
    ] })
}

fn sleep_scale() -> Value {
    json!({ "key": "sleep", "values": { "rested": { "no": 0, "yes": 1 } },
        "scales": [{ "key": "total", "label": { "en": "Sleep" }, "method": "SUM", "items": ["rested"] }] })
}

async fn every_real_questionnaire_is_imported_as_by_the_command(kind: Kind) {
    let Some(data) = tests::data::folder() else { return };
    let app = started(kind).await;
    let scales = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/scales");
    for (name, scale) in FORMS {
        let document = fs::read_to_string(data.join("fhir").join(format!("{name}.json"))).unwrap();
        let scale = fs::read_to_string(scales.join(format!("{scale}.yaml"))).unwrap();
        let expected = api::fhir::import(document.as_bytes(), Some(scale.as_bytes()), "en").unwrap();
        let before = stored(&app).await;
        let preview = json!({ "document": document, "scale": scale, "validateOnly": true });
        let preview = import(&app, preview).await;
        assert_eq!(done(&preview)["outcome"], "CREATED");
        assert_eq!(
            stored(&app).await,
            before,
            "nothing is saved of what is only to be seen"
        );

        let input = json!({ "document": document, "scale": scale });
        let data = import(&app, input.clone()).await;
        let payload = done(&data);
        assert_eq!(payload["outcome"], "CREATED", "{name}");
        let keys: Vec<&str> = expected.form.items.iter().map(|item| item.key.as_str()).collect();
        let found: Vec<&str> = payload["form"]["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["key"].as_str().unwrap())
            .collect();
        assert_eq!(found, keys, "{name}");
        assert_eq!(payload["formKey"], expected.form.key);
        assert_eq!(
            (payload["itemCount"].as_u64(), payload["scaleCount"].as_u64()),
            (Some(keys.len() as u64), Some(expected.form.scales.len() as u64))
        );
        let notes: Vec<(Option<&str>, &str)> = payload["notes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|note| (note["item"].as_str(), note["message"].as_str().unwrap()))
            .collect();
        let expected: Vec<(Option<&str>, &str)> = expected
            .notes
            .iter()
            .map(|note| (note.item.as_deref(), note.message.as_str()))
            .collect();
        assert_eq!(notes, expected, "{name}");

        // The same as JSON instead of a text is the same.
        let as_json: Value = serde_json::from_str(&document).unwrap();
        let again = import(&app, json!({ "document": as_json, "scale": scale })).await;
        assert_eq!(done(&again)["outcome"], "UNCHANGED", "{name}");
        assert_eq!(done(&again)["form"]["id"], payload["form"]["id"]);
    }
    assert_eq!(stored(&app).await, (6, 6));
}

async fn changed_content_is_a_new_version(kind: Kind) {
    let app = started(kind).await;
    let first = import(&app, json!({ "document": sleep(), "scale": sleep_scale() })).await;
    assert_eq!(
        (&done(&first)["outcome"], stored(&app).await),
        (&json!("CREATED"), (1, 1))
    );
    assert_eq!(done(&first)["form"]["scales"], json!([{ "key": "total" }]));
    let mut changed = sleep();
    changed["item"][1]["text"] = "What else?".into();
    let input = json!({ "document": changed, "scale": sleep_scale(), "idempotencyKey": "once" });
    let preview = json!({ "document": changed, "scale": sleep_scale(), "validateOnly": true });
    let preview = import(&app, preview).await;
    assert_eq!(
        (&done(&preview)["outcome"], &done(&preview)["form"]),
        (&json!("CHANGED"), &Value::Null)
    );
    let second = import(&app, input.clone()).await;
    assert_eq!(
        (&done(&second)["outcome"], stored(&app).await),
        (&json!("CHANGED"), (1, 2))
    );
    assert_ne!(done(&second)["form"]["id"], done(&first)["form"]["id"]);
    assert_eq!(
        import(&app, input).await,
        second,
        "the same key gets the first answer again"
    );
    // What the newest version says already makes none; what an older one said does.
    let again = import(&app, json!({ "document": changed, "scale": sleep_scale() })).await;
    assert_eq!(
        (&done(&again)["outcome"], &done(&again)["form"]["id"]),
        (&json!("UNCHANGED"), &done(&second)["form"]["id"])
    );
    let back = import(&app, json!({ "document": sleep(), "scale": sleep_scale() })).await;
    assert_eq!(
        (&done(&back)["outcome"], stored(&app).await),
        (&json!("CHANGED"), (1, 3))
    );
}

async fn only_designers_import(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    let before = stored(&app).await;
    for (subject, _) in care::STAFF.iter().filter(|(subject, _)| *subject != "designer") {
        for validate_only in [false, true] {
            let input = json!({ "document": "not even JSON", "validateOnly": validate_only });
            let data = import_as(&app, subject, input).await;
            assert_eq!(refused(&data), one("NOT_ALLOWED", ""), "{subject}");
        }
    }
    let citizen = app
        .client
        .mutate(&app.citizen(1), "importForm", json!({ "document": sleep() }), FIELDS)
        .await;
    assert_eq!(refused(&citizen), one("NOT_ALLOWED", ""));
    assert_eq!(stored(&app).await, before);
}

async fn what_is_no_form_is_refused_where_it_is_wrong(kind: Kind) {
    let app = started(kind).await;
    let item = |item: Value| json!({ "resourceType": "Questionnaire", "name": "x", "item": [item] });
    let option_of_number = item(json!({ "linkId": "a", "type": "choice", "text": "A",
        "answerOption": [{ "valueCoding": { "code": "a" } }, { "valueCoding": { "code": 7 } }] }));
    let shown_only = item(json!({ "linkId": "a", "type": "display", "text": "Read this." }));
    let many: Vec<Value> = (0..2_001)
        .map(|n| json!({ "linkId": n.to_string(), "type": "boolean" }))
        .collect();
    let many = json!({ "resourceType": "Questionnaire", "name": "x", "item": many });
    let mut unknown = sleep_scale();
    unknown["scales"][0]["items"] = json!(["rested", "dreams", "snores"]);
    let mut overlapping = sleep_scale();
    let band = |key: &str, from: u32| json!({ "key": key, "label": { "en": key }, "from": from, "to": 1 });
    overlapping["scales"][0]["bands"] = json!([band("low", 0), band("high", 1)]);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (input, errors) in [
        (json!({ "document": "<Questionnaire/>" }), one("NOT_JSON", "document")),
        (json!({ "document": "" }), one("NOT_JSON", "document")),
        (json!({ "document": deep }), one("NOT_JSON", "document")),
        (
            json!({ "document": { "resourceType": "Patient" } }),
            one("NOT_A_QUESTIONNAIRE", "document"),
        ),
        (json!({ "document": "[]" }), one("NOT_A_QUESTIONNAIRE", "document")),
        (
            json!({ "document": option_of_number }),
            one("MALFORMED", "document.item.0.answerOption.1.valueCoding.code"),
        ),
        (json!({ "document": shown_only }), one("NOTHING_TO_ASK", "document")),
        (json!({ "document": many }), one("TOO_MANY", "document")),
        (json!({ "document": "x".repeat(600_000) }), one("TOO_LARGE", "document")),
        (
            json!({ "document": sleep(), "scale": "x".repeat(140_000) }),
            one("TOO_LARGE", "scale"),
        ),
        (
            json!({ "document": sleep(), "scale": "scales: 7" }),
            one("BAD_SCALE_FILE", "scale"),
        ),
        (
            json!({ "document": sleep(), "scale": { "scale": [] } }),
            one("BAD_SCALE_FILE", "scale"),
        ),
        (
            json!({ "document": sleep(), "scale": unknown }),
            [one("UNKNOWN_ITEM", "scale"), one("UNKNOWN_ITEM", "scale")].concat(),
        ),
        (
            json!({ "document": sleep(), "scale": sleep_scale(), "format": "HANDRAIL" }),
            one("NOT_NEEDED", "scale"),
        ),
        (
            json!({ "document": { "key": "x", "titel": {} }, "format": "HANDRAIL" }),
            one("MALFORMED", "document.titel"),
        ),
    ] {
        for validate_only in [true, false] {
            let mut input = input.clone();
            input["validateOnly"] = validate_only.into();
            assert_eq!(refused(&import(&app, input).await), errors);
        }
    }
    let overlapping = import(&app, json!({ "document": sleep(), "scale": overlapping })).await;
    let places: Vec<String> = refused(&overlapping).into_iter().map(|(_, path)| path).collect();
    assert!(
        places.iter().all(|path| path.starts_with("scale.scales.0.bands")),
        "{places:?}"
    );
    let mut bad_key = sleep_scale();
    bad_key["key"] = "Sleep form".into();
    let bad_key = import(&app, json!({ "document": sleep(), "scale": bad_key })).await;
    assert!(
        refused(&bad_key).contains(&("BAD_KEY".to_owned(), "document".to_owned())),
        "{bad_key}"
    );
    let number = app
        .client
        .query(
            &app.staff("designer"),
            "mutation { importForm(input: { document: 7 }) { errors { code } } }",
            json!({}),
        )
        .await;
    assert!(
        number.body["data"].is_null() && number.body["errors"].is_array(),
        "{}",
        number.body
    );
    assert_eq!(stored(&app).await, (0, 0));
}

async fn expressions_are_left_out_and_never_run(kind: Kind) {
    let app = started(kind).await;
    let mut document = sleep();
    document["item"][1]["extension"] = json!([{
        "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression",
        "valueExpression": { "language": "text/fhirpath", "expression": "%resource.repeat(item).repeat(item)" },
    }]);
    document["item"][0]["text"] = "<script>alert(1)</script>Rested?".into();
    let data = import(&app, json!({ "document": document })).await;
    let payload = done(&data);
    let codes: BTreeSet<(String, String)> = payload["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| (text(&note["item"]), text(&note["code"])))
        .collect();
    assert!(
        codes.contains(&("note".to_owned(), "EXPRESSION".to_owned())),
        "{codes:?}"
    );
    let version = form_version::Entity::find()
        .one(app.store.connection())
        .await
        .unwrap()
        .unwrap();
    let item = &version.definition["items"][1];
    assert!(item["enableWhen"].is_null(), "{item}");
}

async fn conditions_in_circles_end(kind: Kind) {
    let app = started(kind).await;
    let items: Vec<Value> = (0..900)
        .map(|n| {
            let asked =
                |by: usize| json!({ "question": ((n + by) % 900).to_string(), "operator": "=", "answerBoolean": true });
            json!({ "linkId": n.to_string(), "type": "boolean", "text": "?", "enableBehavior": "any",
                "enableWhen": [asked(1), asked(450)] })
        })
        .collect();
    let document = json!({ "resourceType": "Questionnaire", "name": "circle", "item": items });
    let data = import(&app, json!({ "document": document })).await;
    assert_eq!(done(&data)["itemCount"], 900);
}

async fn a_form_of_handrails_own_comes_as_it_is(kind: Kind) {
    let app = started(kind).await;
    let form = care::measure("weekly-measure", 9);
    let mut document = serde_json::to_value(&form).unwrap();
    let data = import(&app, json!({ "document": document, "format": "HANDRAIL" })).await;
    assert_eq!(
        (&done(&data)["outcome"], &done(&data)["notes"]),
        (&json!("CREATED"), &json!([]))
    );
    let version = form_version::Entity::find()
        .one(app.store.connection())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        serde_json::from_value::<rules::form::Form>(version.definition).unwrap(),
        form
    );
    document["items"][2]["options"][1]["key"] = document["items"][2]["options"][0]["key"].clone();
    document["scales"][0]["items"][0] = "q99".into();
    let data = import(&app, json!({ "document": document, "format": "HANDRAIL" })).await;
    let places: BTreeSet<String> = refused(&data).into_iter().map(|(_, path)| path).collect();
    assert!(
        places.iter().any(|path| path.starts_with("document.items.2.options.1")),
        "{places:?}"
    );
    assert!(
        places.iter().any(|path| path.starts_with("document.scales.0.items.0")),
        "{places:?}"
    );
}

both_databases!(
    every_real_questionnaire_is_imported_as_by_the_command,
    changed_content_is_a_new_version,
    only_designers_import,
    what_is_no_form_is_refused_where_it_is_wrong,
    expressions_are_left_out_and_never_run,
    conditions_in_circles_end,
    a_form_of_handrails_own_comes_as_it_is,
);
