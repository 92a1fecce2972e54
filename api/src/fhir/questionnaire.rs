//! The parts of a FHIR R4 Questionnaire that an import reads. Elements that are not listed here say nothing about how
//! the form is asked (publisher, status, codes in terminologies, …).

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};

use super::{error::ImportError, extension::Extension};

/// <https://hl7.org/fhir/R4/questionnaire.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Questionnaire {
    pub id: Option<String>,
    pub name: Option<String>,
    pub title: Option<String>,
    #[serde(rename = "_title")]
    pub title_element: Option<Element>,
    pub language: Option<String>,
    pub copyright: Option<String>,
    /// Resources that travel with it: the value sets and code systems of its options.
    #[serde(default)]
    pub contained: Vec<Value>,
    #[serde(default)]
    pub item: Vec<Item>,
    #[serde(default)]
    pub extension: Vec<Extension>,
    #[serde(default)]
    pub modifier_extension: Vec<Extension>,
}

/// What FHIR keeps beside a primitive value, in the property with the underscore.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Element {
    #[serde(default)]
    pub extension: Vec<Extension>,
}

/// `Questionnaire.item`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub link_id: Option<String>,
    pub prefix: Option<String>,
    pub text: Option<String>,
    #[serde(rename = "_text")]
    pub text_element: Option<Element>,
    #[serde(default)]
    pub code: Vec<Coding>,
    #[serde(default, rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub enable_when: Vec<EnableWhen>,
    pub enable_behavior: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    pub required: bool,
    #[serde(default, deserialize_with = "flag")]
    pub repeats: bool,
    #[serde(default, deserialize_with = "flag")]
    pub read_only: bool,
    pub max_length: Option<u64>,
    pub answer_value_set: Option<String>,
    #[serde(default)]
    pub answer_option: Vec<AnswerOption>,
    #[serde(default)]
    pub initial: Vec<Value>,
    #[serde(default)]
    pub item: Vec<Item>,
    #[serde(default)]
    pub extension: Vec<Extension>,
    #[serde(default)]
    pub modifier_extension: Vec<Extension>,
}

/// `Questionnaire.item.enableWhen`
#[derive(Debug, Deserialize)]
pub struct EnableWhen {
    #[serde(default)]
    pub question: String,
    #[serde(default)]
    pub operator: String,
    /// `answer[x]`
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `Questionnaire.item.answerOption`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerOption {
    pub value_coding: Option<Coding>,
    pub value_integer: Option<i64>,
    pub value_string: Option<String>,
    #[serde(rename = "_valueString")]
    pub value_string_element: Option<Element>,
    pub value_date: Option<String>,
    pub value_time: Option<String>,
    #[serde(default)]
    pub initial_selected: bool,
    #[serde(default)]
    pub extension: Vec<Extension>,
}

/// <https://hl7.org/fhir/R4/datatypes.html#Coding>, which a value set's `concept` and `contains` share.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Coding {
    pub system: Option<String>,
    pub code: Option<String>,
    pub display: Option<String>,
    #[serde(rename = "_display")]
    pub display_element: Option<Element>,
    #[serde(default)]
    pub extension: Vec<Extension>,
}

/// A boolean, which some systems write as a text.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Bool(flag) => Ok(flag),
        Value::String(text) if text == "true" => Ok(true),
        Value::String(text) if text == "false" => Ok(false),
        other => Err(D::Error::custom(format!("{other} is neither true nor false"))),
    }
}

impl Questionnaire {
    /// Reads a Questionnaire of JSON.
    pub fn read(bytes: &[u8]) -> Result<Self, ImportError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let json: Value = serde_json::from_slice(bytes).map_err(|error| ImportError::NotJson(error.to_string()))?;
        match json.get("resourceType").and_then(Value::as_str) {
            Some("Questionnaire") => {}
            Some(other) => return Err(ImportError::NotAQuestionnaire(format!("a FHIR {other}"))),
            None => return Err(ImportError::NotAQuestionnaire("no FHIR resource".to_owned())),
        }
        serde_path_to_error::deserialize(json).map_err(|error| ImportError::Malformed {
            path: error.path().to_string(),
            message: error.into_inner().to_string(),
        })
    }
}

/// How many items there are, those below others among them.
pub fn count(items: &[Item]) -> usize {
    items.iter().map(|item| 1 + count(&item.item)).sum()
}

impl Item {
    /// The extension of HL7's with this name; see [`Extension::name`].
    pub fn extension(&self, name: &str) -> Option<&Extension> {
        self.extension.iter().find(|extension| extension.name() == Some(name))
    }

    /// Whether it asks to be rendered by this control (`slider`, `lower`, `unit`, …).
    pub fn is_control(&self, control: &str) -> bool {
        self.extension("itemControl")
            .is_some_and(|extension| extension.codes().contains(&control))
    }
}

impl EnableWhen {
    /// The type (`Coding`, `Boolean`, …) and the value of its `answer[x]`.
    pub fn answer(&self) -> Option<(&str, &Value)> {
        self.rest
            .iter()
            .find_map(|(key, value)| Some((key.strip_prefix("answer")?, value)))
    }
}
