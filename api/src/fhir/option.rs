//! What can be chosen: `answerOption`s, or the contained value set that an item names.

use rules::{
    form::{AnswerOption, Item},
    text::Text,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    extension, key, questionnaire,
    questionnaire::{Coding, Element},
    wording,
};

/// The options of an item, with the codes that conditions know them by.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// As the form holds them.
    pub list: Vec<AnswerOption>,
    /// The FHIR value behind each of them, in the same order.
    codes: Vec<Code>,
    /// What could not be carried over, in words.
    pub losses: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Code {
    system: Option<String>,
    code: String,
}

impl Options {
    /// Reads the options of an item; none where the item has none that the file holds.
    pub fn of(locale: &str, item: &questionnaire::Item, contained: &[Value]) -> Self {
        let mut options = Self::default();
        for option in &item.answer_option {
            options.answer_option(locale, option);
        }
        if let (true, Some(name)) = (item.answer_option.is_empty(), &item.answer_value_set) {
            match codings(name, contained) {
                Some(codings) => codings.iter().for_each(|coding| options.coding(locale, coding, &[])),
                None => options.losses.push(format!(
                    "its options are in the value set {name}, which the file does not hold"
                )),
            }
        }
        options
    }

    fn answer_option(&mut self, locale: &str, option: &questionnaire::AnswerOption) {
        let extensions = &option.extension;
        let value = extension::weight(extensions);
        if let Some(coding) = &option.value_coding {
            self.coding(locale, coding, extensions);
        } else if let Some(number) = option.value_integer {
            // An integer is its own value, unless the file weighs it otherwise.
            self.push(
                None,
                &number.to_string(),
                Text::new(locale, number.to_string()),
                value.or(Some(number as f64)),
            );
        } else if let Some(text) = &option.value_string {
            let element = option.value_string_element.as_ref();
            let value = value.or_else(|| extension::weight(&element?.extension));
            self.push(None, text, wording::text(locale, text, element), value);
        } else if let Some(text) = option.value_date.as_ref().or(option.value_time.as_ref()) {
            self.push(None, text, Text::new(locale, text.as_str()), value);
        } else {
            self.losses
                .push("an option that is neither a code, a number, a text, a date nor a time is left out".to_owned());
        }
    }

    fn coding(&mut self, locale: &str, coding: &Coding, extensions: &[extension::Extension]) {
        let written = |words: &'_ Option<String>| words.clone().filter(|words| !words.trim().is_empty());
        let Some(code) = written(&coding.code).or_else(|| written(&coding.display)) else {
            self.losses.push("an option without a code is left out".to_owned());
            return;
        };
        let label = written(&coding.display).unwrap_or_else(|| code.clone());
        let label = wording::text(locale, &label, coding.display_element.as_ref());
        let value = extension::weight(extensions).or_else(|| extension::weight(&coding.extension));
        self.push(coding.system.clone(), &code, label, value);
    }

    fn push(&mut self, system: Option<String>, code: &str, label: Text, value: Option<f64>) {
        let code = Code {
            system,
            code: code.to_owned(),
        };
        if self.codes.contains(&code) {
            self.losses.push(format!(
                "the option {} is there twice: its second is left out",
                code.code
            ));
            return;
        }
        // On one line and not too long; the same code of two systems is two options.
        let words = code.code.split_whitespace().collect::<Vec<_>>().join(" ");
        let wanted: String = words
            .chars()
            .filter(|letter| !letter.is_control())
            .take(key::LONGEST)
            .collect();
        if wanted.is_empty() {
            self.losses.push("an option without a code is left out".to_owned());
            return;
        }
        let key = key::unique(&wanted, |key| self.list.iter().any(|option| option.key == key));
        self.codes.push(code);
        self.list.push(AnswerOption { key, label, value });
    }

    /// Whether every option is a number that counts for itself, so that they have an order.
    pub fn are_numbers(&self) -> bool {
        self.list
            .iter()
            .all(|option| option.value.is_some() && option.key.parse().ok() == option.value)
    }

    /// Adds the option “Other” of an open choice, and returns its key.
    pub fn push_other(&mut self, label: Text) -> String {
        let key = key::unique("other", |key| self.list.iter().any(|option| option.key == key));
        self.list.push(AnswerOption {
            key: key.clone(),
            label,
            value: None,
        });
        key
    }

    /// The key of the option with this code; the system counts only where both name one.
    pub fn key(&self, system: Option<&str>, code: &str) -> Option<&str> {
        let agrees = |own: &Code| own.system.is_none() || system.is_none() || own.system.as_deref() == system;
        let position = self.codes.iter().position(|own| own.code == code && agrees(own))?;
        Some(&self.list.get(position)?.key)
    }
}

/// Gives options of an item their values by key or code; the names that it does not have.
pub fn set_values<'a>(
    item: &mut Item,
    values: impl IntoIterator<Item = (&'a String, &'a f64)>,
    options: Option<&Options>,
) -> Vec<String> {
    let mut unknown = Vec::new();
    for (name, value) in values {
        let key = options.and_then(|options| options.key(None, name)).unwrap_or(name);
        match item.options.iter_mut().find(|option| option.key == key) {
            Some(option) => option.value = Some(*value),
            None => unknown.push(name.clone()),
        }
    }
    unknown
}

/// <https://hl7.org/fhir/R4/valueset.html> and <https://hl7.org/fhir/R4/codesystem.html>, as far as options need them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Vocabulary {
    resource_type: String,
    id: String,
    url: String,
    compose: Compose,
    expansion: Expansion,
    concept: Vec<Concept>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Compose {
    include: Vec<Include>,
    exclude: Vec<Include>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Include {
    system: Option<String>,
    concept: Vec<Concept>,
    value_set: Vec<String>,
    filter: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Expansion {
    contains: Vec<Concept>,
}

/// A concept of a code system, an included one or one of an expansion: a coding that may have further ones below it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Concept {
    #[serde(flatten)]
    coding: Coding,
    designation: Vec<Designation>,
    #[serde(rename = "abstract")]
    is_abstract: bool,
    concept: Vec<Concept>,
    contains: Vec<Concept>,
}

#[derive(Debug, Deserialize)]
struct Designation {
    language: Option<String>,
    value: String,
}

/// The codings of a value set that travels with the Questionnaire, by reference (`#id`) or address; none where the file
/// does not say which they are.
fn codings(name: &str, contained: &[Value]) -> Option<Vec<Coding>> {
    let vocabularies: Vec<Vocabulary> = contained
        .iter()
        .filter_map(|resource| serde_json::from_value(resource.clone()).ok())
        .collect();
    let found = value_set(name, &vocabularies, 0)?;
    (!found.is_empty()).then_some(found)
}

/// Value sets may include one another; deeper than this they do so in a circle.
const DEEPEST: usize = 8;

fn value_set(name: &str, vocabularies: &[Vocabulary], depth: usize) -> Option<Vec<Coding>> {
    if depth > DEEPEST {
        return None;
    }
    let address = name.split('|').next().unwrap_or(name);
    let set = vocabularies.iter().find(|vocabulary| {
        vocabulary.resource_type == "ValueSet"
            && (address.strip_prefix('#') == Some(&vocabulary.id) || (!address.is_empty() && address == vocabulary.url))
    })?;
    let mut codings = Vec::new();
    if !set.expansion.contains.is_empty() {
        flatten(&set.expansion.contains, None, &mut codings);
        return Some(codings);
    }
    for include in &set.compose.include {
        codings.extend(included(include, vocabularies, depth)?);
    }
    for exclude in &set.compose.exclude {
        let out = included(exclude, vocabularies, depth)?;
        codings.retain(|coding| {
            !out.iter()
                .any(|out| out.system == coding.system && out.code == coding.code)
        });
    }
    Some(codings)
}

/// What an include names; none where only a terminology server could say (a filter, a code system that is elsewhere).
fn included(include: &Include, vocabularies: &[Vocabulary], depth: usize) -> Option<Vec<Coding>> {
    let mut codings = Vec::new();
    let system = include.system.as_deref();
    if !include.filter.is_empty() {
        return None;
    }
    if !include.concept.is_empty() {
        flatten(&include.concept, system, &mut codings);
    } else if system.is_some() {
        let whole = vocabularies
            .iter()
            .find(|vocabulary| vocabulary.resource_type == "CodeSystem" && Some(vocabulary.url.as_str()) == system)?;
        flatten(&whole.concept, system, &mut codings);
    }
    for name in &include.value_set {
        codings.extend(value_set(name, vocabularies, depth + 1)?);
    }
    Some(codings)
}

fn flatten(concepts: &[Concept], system: Option<&str>, codings: &mut Vec<Coding>) {
    for concept in concepts {
        if !concept.is_abstract && concept.coding.code.is_some() {
            let mut coding = concept.coding.clone();
            coding.system = coding.system.or_else(|| system.map(str::to_owned));
            let translations = concept.designation.iter().filter_map(translation);
            let element = coding.display_element.get_or_insert_with(Element::default);
            element.extension.extend(translations);
            codings.push(coding);
        }
        flatten(&concept.concept, system, codings);
        flatten(&concept.contains, system, codings);
    }
}

/// A designation in another language, in the form that other texts have.
fn translation(designation: &Designation) -> Option<extension::Extension> {
    let language = designation.language.as_ref()?;
    Some(extension::Extension::translation(language, &designation.value))
}
