//! Results as FHIR R4 resources.

use std::collections::BTreeSet;

use chrono::DateTime;
use serde_json::{Value, json};
use tests::{app::TestApp, both_databases, care, client::text, database::Kind};

use crate::{MOOD, ask, course, follow, guarded};

/// What FHIR R4 demands of every resource here, and of those of its kind.
fn check_resource(resource: &Value) {
    let id = text(&resource["id"]);
    assert!(
        id.len() <= 64
            && id
                .chars()
                .all(|sign| sign.is_ascii_alphanumeric() || "-.".contains(sign)),
        "{id}"
    );
    no_empty(resource);
    assert_eq!(resource["subject"]["type"], "Patient");
    assert!(!text(&resource["subject"]["identifier"]["value"]).is_empty());
    match resource["resourceType"].as_str().unwrap() {
        "QuestionnaireResponse" => {
            let statuses = ["in-progress", "completed", "amended", "entered-in-error", "stopped"];
            assert!(statuses.contains(&resource["status"].as_str().unwrap()), "{resource}");
            assert!(
                text(&resource["questionnaire"]).contains("/Questionnaire/"),
                "{resource}"
            );
            DateTime::parse_from_rfc3339(&text(&resource["authored"])).unwrap();
            let people = ["Patient", "Practitioner", "RelatedPerson"];
            check_reference(&resource["source"], &people);
            check_reference(&resource["author"], &[&people[..], &["Device"]].concat());
            for item in resource["item"].as_array().into_iter().flatten() {
                check_item(item);
            }
        }
        "Observation" => {
            let statuses = [
                "registered",
                "preliminary",
                "final",
                "amended",
                "corrected",
                "cancelled",
                "entered-in-error",
            ];
            assert!(statuses.contains(&resource["status"].as_str().unwrap()), "{resource}");
            for performer in resource["performer"].as_array().into_iter().flatten() {
                check_reference(performer, &["Patient", "Practitioner", "RelatedPerson"]);
            }
            let category = &resource["category"][0]["coding"][0];
            assert_eq!(
                category["system"],
                "http://terminology.hl7.org/CodeSystem/observation-category"
            );
            assert_eq!(category["code"], "survey");
            assert!(!text(&resource["code"]["coding"][0]["code"]).is_empty());
            let (value, absent) = (&resource["valueQuantity"], &resource["dataAbsentReason"]);
            // obs-6
            assert!(value.is_null() || absent.is_null(), "{resource}");
            if !value.is_null() {
                assert_eq!(value["system"], "http://unitsofmeasure.org");
                assert!(value["value"].is_number());
            }
            // obs-3
            for range in resource["referenceRange"].as_array().into_iter().flatten() {
                assert!(
                    range["low"]["value"].is_number() && range["high"]["value"].is_number(),
                    "{range}"
                );
            }
            DateTime::parse_from_rfc3339(&text(&resource["effectiveDateTime"])).unwrap();
            assert!(text(&resource["derivedFrom"][0]["reference"]).starts_with("QuestionnaireResponse/"));
        }
        other => panic!("{other}"),
    }
}

/// A reference must be to a type that R4 allows there.
fn check_reference(reference: &Value, allowed: &[&str]) {
    let kind = reference["type"].as_str().unwrap_or_default();
    assert!(allowed.contains(&kind), "{reference}");
}

fn check_item(item: &Value) {
    assert!(!text(&item["linkId"]).is_empty());
    // qrs-1: answers or items, not both beside each other.
    assert!(item["answer"].is_null() || item["item"].is_null(), "{item}");
    for answer in item["answer"].as_array().into_iter().flatten() {
        let values: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert!(values.len() == 1 && values[0].starts_with("value"), "{answer}");
    }
    for part in item["item"].as_array().into_iter().flatten() {
        check_item(part);
    }
}

/// ele-1 and the JSON format: nothing is empty or null.
fn no_empty(value: &Value) {
    match value {
        Value::Null => panic!("null"),
        Value::String(text) => assert!(!text.trim().is_empty()),
        Value::Array(parts) => {
            assert!(!parts.is_empty());
            parts.iter().for_each(no_empty);
        }
        Value::Object(parts) => {
            assert!(!parts.is_empty());
            parts.values().for_each(no_empty);
        }
        _ => {}
    }
}

/// The resources of a bundle, each checked, in their order.
pub async fn bundle(app: &TestApp, token: &str, enrollment: &str) -> Vec<Value> {
    let asked = ask(app, token, enrollment, "resultBundleUrl(locale: \"en\")").await;
    let response = follow(app, &asked["resultBundleUrl"]).await;
    let body = guarded(response, "application/fhir+json; charset=utf-8").await;
    assert!(!body.contains(&care::identity_number(1)) && !body.contains("Given1") && !body.contains("Family1"));
    let bundle: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&bundle["resourceType"], &bundle["type"]),
        (&json!("Bundle"), &json!("collection"))
    );
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let addresses: BTreeSet<String> = entries.iter().map(|entry| text(&entry["fullUrl"])).collect();
    assert_eq!(addresses.len(), entries.len(), "bdl-7: every address once");
    entries
        .iter()
        .map(|entry| {
            let resource = &entry["resource"];
            check_resource(resource);
            let ends = format!("/{}/{}", text(&resource["resourceType"]), text(&resource["id"]));
            assert!(text(&entry["fullUrl"]).ends_with(&ends), "{entry}");
            resource.clone()
        })
        .collect()
}

async fn results_are_fhir_resources(kind: Kind) {
    let (app, enrollment) = course(kind).await;
    let resources = bundle(&app, &app.therapist(), &enrollment).await;
    assert_eq!(
        resources.len(),
        32,
        "a response and a score for each of sixteen results"
    );
    let of = |kind: &str, form: &str| -> Vec<&Value> {
        let of_kind = resources
            .iter()
            .filter(move |resource| resource["resourceType"] == kind);
        of_kind
            .filter(|resource| resource.to_string().contains(&format!("/{form}")))
            .collect()
    };
    let scores: Vec<Value> = of("Observation", "form/mood")
        .iter()
        .map(|score| score["valueQuantity"]["value"].clone())
        .collect();
    assert_eq!(scores, MOOD.map(|value| json!(value)));
    let first = of("QuestionnaireResponse", "Questionnaire/wellbeing")[0];
    assert_eq!(first["status"], "completed");
    assert_eq!(
        first["questionnaire"],
        "https://handrail.example/fhir/Questionnaire/wellbeing|1"
    );
    assert_eq!(first["authored"], "2027-03-01T09:00:00.000Z");
    let item = |key: &str| -> Value {
        let items = first["item"].as_array().unwrap();
        let inner = items
            .iter()
            .flat_map(|item| item["item"].as_array().into_iter().flatten());
        items.iter().chain(inner).find(|item| item["linkId"] == key).expect(key)["answer"].clone()
    };
    assert_eq!(item("line"), json!([{ "valueDecimal": 3 }]));
    assert_eq!(item("hours"), json!([{ "valueDecimal": 7.5 }]));
    assert_eq!(item("bed"), json!([{ "valueTime": "22:30:00" }]));
    assert_eq!(item("woke"), json!([{ "valueBoolean": false }]));
    assert_eq!(item("why")[1]["valueCoding"]["code"], "light");
    assert_eq!(
        item("why")[1]["valueCoding"]["system"],
        "https://handrail.example/fhir/form/wellbeing/item/why"
    );
    assert_eq!(item("why")[1]["valueCoding"]["display"], "Light");
    assert_eq!(item("note"), json!([{ "valueString": "=HYPERLINK(\"x\"), trött" }]));
    let observation = of("Observation", "form/mood")[0];
    assert_eq!(observation["interpretation"][0]["text"], "Severe");
    assert_eq!(
        observation["interpretation"][0]["coding"][0]["system"],
        "https://handrail.example/fhir/form/mood/scale/total"
    );
    assert_eq!(observation["referenceRange"].as_array().unwrap().len(), 4);

    let own = bundle(&app, &app.citizen(1), &enrollment).await;
    assert_eq!(own.len(), 32);
    assert!(own.iter().all(|resource| !resource.to_string().contains("HYPERLINK")));
    app.stop().await;
}

both_databases!(results_are_fhir_resources,);
