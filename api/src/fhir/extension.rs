//! FHIR extensions: which of them an import understands, and what they hold.

use serde::Deserialize;
use serde_json::{Map, Value};

/// <https://hl7.org/fhir/R4/extensibility.html>
#[derive(Clone, Debug, Deserialize)]
pub struct Extension {
    pub url: String,
    #[serde(default)]
    pub extension: Vec<Extension>,
    /// `value[x]`
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// What a form needs to know about an extension that [`super::item`] does not carry over itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Carried over, named by its own note, or only about looks and other systems.
    None,
    /// It limits what may be answered.
    Limit,
    /// It fills in an answer.
    Initial,
    /// Nobody here knows.
    Unknown,
}

/// Extensions that change neither what is asked nor what may be answered.
const HARMLESS: [&str; 39] = [
    "assemble-expectation",
    "assembledFrom",
    "baseType",
    "choiceColumn",
    "choiceOrientation",
    "collapsible",
    "columnCount",
    "cqf-library",
    "designNote",
    "displayCategory",
    "entryFormat",
    "entryMode",
    "extractAllocateId",
    "fhirType",
    "isSubject",
    "itemControl",
    "itemExtractionContext",
    "itemPopulationContext",
    "launchContext",
    "library",
    "observation-extract-category",
    "observationExtract",
    "observationExtractEntry",
    "observationLinkPeriod",
    "optionPrefix",
    "optionalDisplay",
    "performerType",
    "preferredTerminologyServer",
    "rendering-style",
    "shortText",
    "sourceQueries",
    "sourceStructureMap",
    "templateExtract",
    "templateExtractBundle",
    "terminology-server",
    "unitOpen",
    "unitSupplementalSystem",
    "variable",
    "width",
];

/// Extensions that other parts of the import carry over or name.
const HANDLED: [&str; 19] = [
    "answerExpression",
    "calculatedExpression",
    "cqf-calculatedValue",
    "cqf-expression",
    "cqif-calculatedValue",
    "enableWhenExpression",
    "hidden",
    "iso21090-CO-value",
    "itemWeight",
    "maxValue",
    "minValue",
    "openLabel",
    "ordinalValue",
    "rendering-markdown",
    "rendering-xhtml",
    "sliderStepValue",
    "translation",
    "unit",
    "unitOption",
];

/// Extensions that limit what may be answered.
const LIMITS: [&str; 11] = [
    "constraint",
    "targetConstraint",
    "maxDecimalPlaces",
    "maxOccurs",
    "maxQuantity",
    "maxSize",
    "minLength",
    "minOccurs",
    "minQuantity",
    "optionExclusive",
    "regex",
];

impl Extension {
    /// The last part of an address of HL7's, without the package's prefix: `calculatedExpression` of
    /// `http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression`. None of other publishers'.
    pub fn name(&self) -> Option<&str> {
        let address = self.url.split('|').next()?.trim_end_matches('/');
        let path = address
            .strip_prefix("http://hl7.org/fhir/")
            .or_else(|| address.strip_prefix("https://hl7.org/fhir/"))?;
        let name = path.rsplit('/').next()?;
        let name = name.strip_prefix("sdc-").unwrap_or(name);
        Some(name.strip_prefix("questionnaire-").unwrap_or(name))
    }

    /// What it means for the form.
    pub fn meaning(&self) -> Meaning {
        match self.name() {
            Some(name) if HARMLESS.contains(&name) || HANDLED.contains(&name) => Meaning::None,
            Some(name) if LIMITS.contains(&name) => Meaning::Limit,
            Some("initialExpression") => Meaning::Initial,
            _ => Meaning::Unknown,
        }
    }

    fn value(&self) -> Option<&Value> {
        self.rest
            .iter()
            .find_map(|(key, value)| key.starts_with("value").then_some(value))
    }

    /// Its value where that is a number or a quantity.
    pub fn number(&self) -> Option<f64> {
        let value = self.value()?;
        value.as_f64().or_else(|| value.get("value")?.as_f64())
    }

    /// Its value where that is a boolean.
    pub fn boolean(&self) -> Option<bool> {
        self.value()?.as_bool()
    }

    /// Its value where that is a text, a code or an address.
    pub fn text(&self) -> Option<&str> {
        self.value()?.as_str()
    }

    /// The codes of a coding or a codeable concept.
    pub fn codes(&self) -> Vec<&str> {
        let codings = self
            .value()
            .map(|value| match value.get("coding").and_then(Value::as_array) {
                Some(codings) => codings.iter().collect(),
                None => vec![value],
            });
        codings
            .into_iter()
            .flatten()
            .filter_map(|coding| coding.get("code")?.as_str())
            .collect()
    }

    /// What a coding or quantity is called: its words, else its code.
    pub fn label(&self) -> Option<&str> {
        let value = self.value()?;
        ["display", "unit", "code"]
            .iter()
            .find_map(|key| value.get(key)?.as_str())
    }

    /// An expression in words: what it computes and in which language, `ScoreFullPhq9 (CQL)`.
    pub fn expression(&self) -> String {
        let Some(value) = self.value() else {
            return "an expression".to_owned();
        };
        let field = |key| value.get(key).and_then(Value::as_str);
        let words = value
            .as_str()
            .or_else(|| field("name"))
            .or_else(|| field("expression"))
            .unwrap_or("an expression");
        match field("language") {
            Some("text/cql" | "text/cql-identifier" | "text/cql-expression") => format!("“{words}” (CQL)"),
            Some("text/fhirpath") => format!("“{words}” (FHIRPath)"),
            Some(language) => format!("“{words}” ({language})"),
            None => format!("“{words}”"),
        }
    }

    /// The same text in another language.
    pub fn translation(language: &str, content: &str) -> Self {
        let part = |url: &str, text: &str| Self {
            url: url.to_owned(),
            extension: Vec::new(),
            rest: Map::from_iter([("valueString".to_owned(), Value::from(text))]),
        };
        Self {
            url: "http://hl7.org/fhir/StructureDefinition/translation".to_owned(),
            extension: vec![part("lang", language), part("content", content)],
            rest: Map::new(),
        }
    }

    /// The text of a part of a complex extension.
    pub fn part(&self, url: &str) -> Option<&str> {
        self.extension.iter().find(|part| part.url == url)?.text()
    }
}

/// What an option counts for: `ordinalValue` or `itemWeight`, wherever the file keeps it.
pub fn weight(extensions: &[Extension]) -> Option<f64> {
    let names = ["ordinalValue", "itemWeight", "iso21090-CO-value"];
    extensions
        .iter()
        .find(|extension| extension.name().is_some_and(|name| names.contains(&name)))?
        .number()
}
