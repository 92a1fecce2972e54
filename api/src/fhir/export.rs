//! Results as FHIR R4 resources, the release that forms are imported from.
//!
//! A result is a [QuestionnaireResponse](https://hl7.org/fhir/R4/questionnaireresponse.html), each of its scores an
//! [Observation](https://hl7.org/fhir/R4/observation.html) derived from it, all in one collection
//! [Bundle](https://hl7.org/fhir/R4/bundle.html). People are named by opaque identifiers alone: no name and no identity number
//! leaves with them. An amended result keeps its id and is `amended`; one that was voided is `entered-in-error` and says nothing
//! more, so that whoever has it already takes it back.

use chrono::{DateTime, SecondsFormat, Utc};
use entity::{
    error::Result,
    response::{self, Recorded},
    viewer::Actor,
};
use rules::{
    answer::Answer,
    form::{Form, Item, ItemKind, Scale},
    score::Score,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    graphql::{Kind, id},
    result::Row,
};

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const ABSENT: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
const UNITS: &str = "http://unitsofmeasure.org";

/// How results are handed on.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// The address of this Handrail, which its identifiers and code systems begin with.
    pub house: &'a str,
    /// Whose results they are.
    pub citizen: Uuid,
    /// The language of labels.
    pub locale: &'a str,
    /// Whether answers in free text are handed on.
    pub with_texts: bool,
    /// When they are handed on.
    pub at: DateTime<Utc>,
}

impl Export<'_> {
    /// A collection of all results and their scores.
    ///
    /// # Errors
    /// When stored scores cannot be read.
    pub fn bundle(&self, rows: &[Row]) -> Result<Value> {
        let mut entries = Vec::new();
        for row in rows {
            entries.push(self.entry(self.questionnaire_response(row)));
            for (place, score) in response::scores(&row.recorded.row)?.into_iter().enumerate() {
                entries.extend(
                    self.observation(row, place, &score)
                        .map(|resource| self.entry(resource)),
                );
            }
        }
        let mut bundle = json!({ "resourceType": "Bundle", "type": "collection", "timestamp": instant(self.at) });
        // An empty array is not allowed.
        if !entries.is_empty() {
            put(&mut bundle, "entry", Value::Array(entries));
        }
        Ok(bundle)
    }

    fn entry(&self, resource: Value) -> Value {
        let part = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
        let address = format!("{}/fhir/{}/{}", self.house, part("resourceType"), part("id"));
        json!({ "fullUrl": address, "resource": resource })
    }

    fn questionnaire_response(&self, row: &Row) -> Value {
        let (recorded, form) = (&row.recorded, &row.content.form);
        let response = &recorded.row;
        let questionnaire = format!("{}/fhir/Questionnaire/{}|{}", self.house, form.key, row.content.number);
        let mut resource = json!({
            "resourceType": "QuestionnaireResponse",
            "id": recorded.origin,
            "language": self.locale,
            "identifier": { "system": self.system("result"), "value": recorded.origin },
            "questionnaire": questionnaire,
            "status": status(recorded, "completed"),
            "subject": self.person(Actor::Citizen(self.citizen)),
            "authored": instant(response.answered_at()),
            "author": self.person(response.answered_by()),
        });
        // Whoever took the answers down, they come from the citizen, but where a guardian answered.
        let source = match response.answered_by() {
            Actor::Guardian(guardian) => Actor::Guardian(guardian),
            _ => Actor::Citizen(self.citizen),
        };
        put(&mut resource, "source", self.person(source));
        let items = match response.voided_at {
            Some(_) => Vec::new(),
            None => self.items(row, None),
        };
        if !items.is_empty() {
            put(&mut resource, "item", Value::Array(items));
        }
        resource
    }

    /// The answered items of a group, or of none, in the order of the form; groups without answers are left out.
    fn items(&self, row: &Row, group: Option<&str>) -> Vec<Value> {
        let form = &row.content.form;
        let members = form.items.iter().filter(|item| item.group.as_deref() == group);
        members
            .filter_map(|item| {
                let mut resource = json!({ "linkId": item.key });
                let text = item.text.get(self.locale);
                if !text.is_empty() {
                    put(&mut resource, "text", text.into());
                }
                let (part, values) = match item.kind {
                    ItemKind::Group => ("item", self.items(row, Some(&item.key))),
                    ItemKind::Text if !self.with_texts => return None,
                    _ => ("answer", self.values(form, item, row.answers.get(&item.key)?)),
                };
                if values.is_empty() {
                    return None;
                }
                put(&mut resource, part, Value::Array(values));
                Some(resource)
            })
            .collect()
    }

    /// What was answered to one item.
    fn values(&self, form: &Form, item: &Item, answer: &Answer) -> Vec<Value> {
        let coding = |key: &String| {
            let option = item.options.iter().find(|option| option.key == *key);
            let mut coding =
                json!({ "system": self.system(&format!("form/{}/item/{}", form.key, item.key)), "code": key });
            if let Some(label) = option
                .map(|option| option.label.get(self.locale))
                .filter(|label| !label.is_empty())
            {
                put(&mut coding, "display", label.into());
            }
            json!({ "valueCoding": coding })
        };
        match (item.kind, answer) {
            (_, Answer::Boolean(yes)) => vec![json!({ "valueBoolean": yes })],
            (ItemKind::Integer, Answer::Number(number)) => vec![json!({ "valueInteger": decimal(*number) })],
            (_, Answer::Number(number)) => vec![json!({ "valueDecimal": decimal(*number) })],
            (_, Answer::Options(keys)) => keys.iter().map(coding).collect(),
            (ItemKind::Choice | ItemKind::MultipleChoice, Answer::Text(key)) => vec![coding(key)],
            (ItemKind::Date, Answer::Text(date)) => vec![json!({ "valueDate": date })],
            (ItemKind::Time, Answer::Text(time)) => {
                // FHIR's times have seconds.
                let seconds = if time.matches(':').count() == 1 { ":00" } else { "" };
                vec![json!({ "valueTime": format!("{time}{seconds}") })]
            }
            (_, Answer::Text(text)) => vec![json!({ "valueString": text })],
        }
    }

    fn observation(&self, row: &Row, place: usize, score: &Score) -> Option<Value> {
        let (recorded, form) = (&row.recorded, &row.content.form);
        let scale = form.scale(&score.scale)?;
        let answered = recorded.row.answered_by();
        let mut resource = json!({
            "resourceType": "Observation",
            "id": format!("{}.{}", recorded.origin, place + 1),
            "language": self.locale,
            "identifier": [{ "system": self.system("score"), "value": format!("{}.{}", recorded.origin, place + 1) }],
            "derivedFrom": [{ "reference": format!("QuestionnaireResponse/{}", recorded.origin) }],
            "status": status(recorded, "final"),
            "category": [{ "coding": [{ "system": CATEGORY, "code": "survey", "display": "Survey" }] }],
            "code": {
                "coding": [{ "system": self.system(&format!("form/{}", form.key)), "code": scale.key }],
                "text": format!("{}: {}", form.title.get(self.locale), scale.label.get(self.locale)),
            },
            "subject": self.person(Actor::Citizen(self.citizen)),
            "effectiveDateTime": instant(recorded.row.answered_at()),
            "issued": instant(recorded.row.submitted_at),
        });
        // A performer is somebody; a device is none in R4.
        if !matches!(answered, Actor::Rule(_) | Actor::System) {
            put(&mut resource, "performer", json!([self.person(answered)]));
        }
        if recorded.row.voided_at.is_some() {
            return Some(resource);
        }
        match score.value {
            Some(value) => {
                let quantity = json!({ "value": decimal(value), "unit": "score", "system": UNITS, "code": "{score}" });
                put(&mut resource, "valueQuantity", quantity);
            }
            None => {
                let reason = json!({ "coding": [{ "system": ABSENT, "code": "unknown", "display": "Unknown" }] });
                put(&mut resource, "dataAbsentReason", reason);
            }
        }
        let band = score.band.as_ref();
        if let Some(band) = band.and_then(|key| scale.bands.iter().find(|band| band.key == *key)) {
            let system = self.system(&format!("form/{}/scale/{}", form.key, scale.key));
            let label = band.label.get(self.locale);
            let coding = json!([{ "coding": [{ "system": system, "code": band.key }], "text": label }]);
            put(&mut resource, "interpretation", coding);
        }
        let ranges = self.ranges(scale);
        if !ranges.is_empty() {
            put(&mut resource, "referenceRange", Value::Array(ranges));
        }
        Some(resource)
    }

    /// The cut-off intervals.
    fn ranges(&self, scale: &Scale) -> Vec<Value> {
        let quantity = |value: f64| json!({ "value": decimal(value), "system": UNITS, "code": "{score}" });
        let bands = scale.bands.iter();
        bands
            .map(|band| {
                json!({ "low": quantity(band.from), "high": quantity(band.to), "text": band.label.get(self.locale) })
            })
            .collect()
    }

    /// A person by an opaque identifier, without a name.
    fn person(&self, actor: Actor) -> Value {
        let (kind, system, value) = match actor {
            Actor::Citizen(person) => ("Patient", "citizen", id(Kind::Citizen, person)),
            Actor::Guardian(person) => ("RelatedPerson", "guardian", id(Kind::Guardian, person)),
            Actor::Staff(person) => ("Practitioner", "staff", id(Kind::Staff, person)),
            Actor::Rule(_) | Actor::System => return json!({ "type": "Device", "display": "Handrail" }),
        };
        json!({ "type": kind, "identifier": { "system": self.system(system), "value": value.as_str() } })
    }

    /// A code system or a system of identifiers of this Handrail.
    fn system(&self, name: &str) -> String {
        format!("{}/fhir/{name}", self.house)
    }
}

fn status(recorded: &Recorded, otherwise: &'static str) -> &'static str {
    match (recorded.row.voided_at, recorded.row.supersedes_id) {
        (Some(_), _) => "entered-in-error",
        (None, Some(_)) => "amended",
        (None, None) => otherwise,
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A number without decimals that it does not need: FHIR takes them for precision.
fn decimal(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() < 9e15 {
        true => Value::from(number as i64),
        false => Value::from(number),
    }
}

fn put(resource: &mut Value, name: &str, value: Value) {
    if let Some(fields) = resource.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}
