//! A study protocol of RADAR-base, as its app reads it.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Whatever else stands in a part of a protocol.
pub type Rest = Map<String, Value>;

/// A protocol.
#[derive(Deserialize)]
pub struct Protocol {
    /// Its entries.
    pub protocols: Vec<Entry>,
}

/// One questionnaire of the protocol and when it is asked.
#[derive(Deserialize)]
pub struct Entry {
    /// What it is called.
    pub name: String,
    /// What is asked.
    pub questionnaire: Questionnaire,
    /// When.
    pub protocol: Times,
    /// What is neither.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What is asked.
#[derive(Deserialize)]
pub struct Questionnaire {
    /// Its name within its repository.
    pub name: String,
    /// Where it is kept, and in which form.
    #[serde(flatten)]
    pub rest: Rest,
}

/// When it is asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// Every how long the whole of it comes again.
    pub repeat_protocol: Amount,
    /// When it is asked in each round, counted from the round's midnight.
    pub repeat_questionnaire: Offsets,
    /// How long after each question it can be answered; for ever where absent.
    pub completion_window: Option<Amount>,
    /// Who has not answered is reminded.
    pub reminders: Option<Reminders>,
    /// What the person is told when it can be answered.
    pub notification: Option<Value>,
    /// What is none of these.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A length of time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// In what.
    pub unit: String,
    /// How many.
    pub amount: i64,
}

/// Times from a midnight.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offsets {
    /// In what.
    pub unit: String,
    /// How many, of each.
    pub units_from_zero: Vec<i64>,
}

/// Reminders, each as long after the one before it as the first is after the question.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reminders {
    /// In what.
    pub unit: String,
    /// How many, between two.
    pub amount: i64,
    /// How many reminders.
    pub repeat: i64,
}

impl Protocol {
    /// Reads a protocol's file.
    pub fn read(file: &Path) -> Self {
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }
}

impl Entry {
    /// The questionnaire's name as a key of Handrail, which knows no `_`.
    pub fn key(&self) -> String {
        self.questionnaire.name.to_lowercase().replace('_', "-")
    }
}
