//! Every feature of an import, each by a small Questionnaire of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rules::{
    answer::Answer,
    form::{EnableWhen, Item, Operator},
};
use serde_json::{Value, json};

use super::{Imported, NoteCode, import};

mod conditions;
mod files;
mod items;

const HL7: &str = "http://hl7.org/fhir/StructureDefinition/";
const SDC: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";

/// Imports a Questionnaire of these items.
fn items(items: Value) -> Imported {
    questionnaire(json!({ "resourceType": "Questionnaire", "name": "Sample form", "item": items }))
}

fn questionnaire(json: Value) -> Imported {
    import(json.to_string().as_bytes(), None, "en").unwrap()
}

fn item<'a>(imported: &'a Imported, key: &str) -> &'a Item {
    imported.form.item(key).unwrap_or_else(|| panic!("no item {key}"))
}

/// The codes of the notes about an item.
fn codes(imported: &Imported, link: &str) -> Vec<NoteCode> {
    let about = imported.notes.iter().filter(|note| note.item.as_deref() == Some(link));
    about.map(|note| note.code).collect()
}

fn yes_no(link: &str) -> Value {
    json!({ "linkId": link, "type": "choice", "text": link, "answerOption": [
        { "valueCoding": { "system": "urn:x", "code": "yes", "display": "Yes" } },
        { "valueCoding": { "system": "urn:x", "code": "no", "display": "No" } },
    ]})
}

/// The conditions as item, operator and answer.
fn compared(enable_when: &EnableWhen) -> Vec<(&str, Operator, Answer)> {
    let each = enable_when.conditions.iter();
    each.map(|condition| (condition.item.as_str(), condition.operator, condition.answer.clone()))
        .collect()
}
