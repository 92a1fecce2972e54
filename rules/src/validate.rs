//! Whether a form or a rule makes sense, with the path to whatever does not.

mod condition;
mod contradiction;
mod function;
mod of_form;
mod of_rule;
mod picked;

pub use function::{Function, needs};

use serde_json::Value;

use crate::{
    definition::{RuleDefinition, Unit},
    form::Form,
    phrase::capitalised,
    text::Text,
};

/// How deep the JSON of a rule may be nested.
const MAX_NESTING: usize = 64;

/// How many characters a key may have.
const MAX_KEY: usize = 200;

/// How many characters the kind of a flag may have.
pub const MAX_KIND: usize = 64;

/// How many characters a title may have.
const MAX_TITLE: usize = 200;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path to the input field, e.g. `["trigger", "schedule", "slots", "0", "offset"]`.
    pub path: Vec<String>,
    /// A stable word for programs.
    pub code: &'static str,
    /// What a person should do about it.
    pub message: String,
}

impl Problem {
    /// The path as people write it: `trigger.schedule.slots[0].offset`.
    pub fn place(&self) -> String {
        let mut place = String::new();
        for segment in &self.path {
            if segment.bytes().all(|byte| byte.is_ascii_digit()) {
                place.push_str(&format!("[{segment}]"));
            } else {
                if !place.is_empty() {
                    place.push('.');
                }
                place.push_str(segment);
            }
        }
        place
    }
}

/// What a rule may name.
#[derive(Clone, Debug, Default)]
pub struct ProgramShape<'a> {
    /// The forms of the program version.
    pub forms: Vec<&'a Form>,
    /// The keys of its modules.
    pub modules: Vec<&'a str>,
    /// The keys of its sections.
    pub sections: Vec<&'a str>,
    /// The keys of its steps.
    pub steps: Vec<&'a str>,
    /// The kinds of what citizens measure.
    pub measurements: Vec<MeasurementShape>,
    /// The keys of the message templates that there are.
    pub templates: Vec<&'a str>,
    /// What the program does not offer: a rule that needs it could never do what it says.
    pub lacks: Vec<Function>,
}

/// A kind of what citizens measure.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasurementShape {
    /// Its key.
    pub key: String,
    /// What it is counted in.
    pub unit: Unit,
    /// The least that can be registered.
    pub min: f64,
    /// The most that can be registered.
    pub max: f64,
    /// How many decimals can be registered.
    pub decimals: u32,
}

/// Reads a rule from JSON. A field that is `null` is taken for absent.
///
/// # Errors
/// The first thing that is not as the language has it, with the path to it; always exactly one. What is no object at all has no
/// path.
pub fn parse(mut json: Value) -> Result<RuleDefinition, Vec<Problem>> {
    let problem = |path, message| {
        vec![Problem {
            path,
            code: "INVALID",
            message,
        }]
    };
    if let Some(field) = nested_beyond(&json, MAX_NESTING) {
        return Err(problem(
            field,
            "This is nested too deeply: make its conditions flatter".to_owned(),
        ));
    }
    drop_nulls(&mut json);
    let definition: RuleDefinition = serde_path_to_error::deserialize(&json).map_err(|error| {
        let segments = error.path().iter().filter_map(|segment| match segment {
            serde_path_to_error::Segment::Seq { index } => Some(index.to_string()),
            serde_path_to_error::Segment::Map { key } => Some(key.clone()),
            serde_path_to_error::Segment::Enum { variant } => Some(variant.clone()),
            serde_path_to_error::Segment::Unknown => None,
        });
        let message = error.inner().to_string();
        problem(segments.chain(missing(&message)).collect(), capitalised(&message))
    })?;
    // The derived readers take lists for objects, field after field.
    let written = serde_json::to_value(&definition).unwrap_or_default();
    match unnamed(&json, &written) {
        Some(path) => Err(problem(path, "Give the fields by their names".to_owned())),
        None => Ok(definition),
    }
}

/// Checks a rule against the program that it belongs to; empty where all is well.
pub fn rule(definition: &RuleDefinition, shape: &ProgramShape<'_>) -> Vec<Problem> {
    let mut report = Report::default();
    of_rule::check(&mut report, definition, shape);
    report.problems
}

/// Checks a form.
///
/// # Errors
/// Everything that is wrong with it, in the order of its parts.
pub fn form(form: &Form) -> Result<(), Vec<Problem>> {
    let mut report = Report::default();
    of_form::check(&mut report, form);
    if report.problems.is_empty() {
        Ok(())
    } else {
        Err(report.problems)
    }
}

/// The field that a message of `serde` says is missing: it is told nowhere else.
fn missing(message: &str) -> Option<String> {
    let field = message.strip_prefix("missing field `")?.strip_suffix('`')?;
    Some(field.to_owned())
}

/// The first field that is nested too deeply.
fn nested_beyond(json: &Value, depth: usize) -> Option<Vec<String>> {
    match json {
        Value::Object(fields) => {
            let mut fields = fields.iter();
            let deep = fields.find(|(_, value)| is_nested_beyond(value, depth - 1));
            deep.map(|(name, _)| vec![name.clone()])
        }
        other => is_nested_beyond(other, depth).then(Vec::new),
    }
}

fn is_nested_beyond(json: &Value, depth: usize) -> bool {
    match json {
        Value::Array(values) => depth == 0 || values.iter().any(|value| is_nested_beyond(value, depth - 1)),
        Value::Object(fields) => depth == 0 || fields.values().any(|value| is_nested_beyond(value, depth - 1)),
        _ => false,
    }
}

/// The first place at which a list stands for an object.
fn unnamed(json: &Value, written: &Value) -> Option<Vec<String>> {
    let below = |name: String, json: &Value, written: Option<&Value>| {
        let mut path = unnamed(json, written?)?;
        path.insert(0, name);
        Some(path)
    };
    match (json, written) {
        (Value::Array(_), Value::Object(_)) => Some(Vec::new()),
        (Value::Array(entries), Value::Array(written)) => {
            let mut entries = entries.iter().enumerate();
            entries.find_map(|(index, entry)| below(index.to_string(), entry, written.get(index)))
        }
        (Value::Object(fields), Value::Object(written)) => {
            let mut fields = fields.iter();
            fields.find_map(|(name, field)| below(name.clone(), field, written.get(name)))
        }
        _ => None,
    }
}

fn drop_nulls(json: &mut Value) {
    match json {
        Value::Array(values) => values.iter_mut().for_each(drop_nulls),
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

/// Problems, and the path to what is being looked at.
#[derive(Default)]
struct Report {
    path: Vec<String>,
    problems: Vec<Problem>,
}

impl Report {
    /// Looks at a field.
    fn at(&mut self, field: &str, look: impl FnOnce(&mut Self)) {
        self.path.push(field.to_owned());
        look(self);
        self.path.pop();
    }

    /// Looks at what is deeper.
    fn at_all(&mut self, fields: &[String], look: impl FnOnce(&mut Self)) {
        let depth = self.path.len();
        self.path.extend_from_slice(fields);
        look(self);
        self.path.truncate(depth);
    }

    /// Looks at each entry of a list.
    fn each<T>(&mut self, field: &str, list: &[T], mut look: impl FnMut(&mut Self, &T)) {
        self.at(field, |report| {
            for (index, entry) in list.iter().enumerate() {
                report.at(&index.to_string(), |report| look(report, entry));
            }
        });
    }

    fn add(&mut self, code: &'static str, message: impl Into<String>) {
        self.problems.push(Problem {
            path: self.path.clone(),
            code,
            message: message.into(),
        });
    }

    fn add_at(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        self.at(field, |report| report.add(code, message));
    }

    /// A key must be written, and not too long.
    fn key(&mut self, field: &str, key: &str) {
        self.short(field, key, MAX_KEY);
    }

    /// The kind of a flag is stored as it is written: flags of one kind are found by it.
    fn kind(&mut self, kind: &str) {
        if kind.trim().is_empty() || kind.trim() == kind {
            self.short("kind", kind, MAX_KIND);
        } else {
            self.add_at("kind", "SPACES", "Leave out the spaces before and after this");
        }
    }

    fn title(&mut self, field: &str, title: &str) {
        self.short(field, title, MAX_TITLE);
    }

    fn short(&mut self, field: &str, text: &str, most: usize) {
        if text.trim().is_empty() {
            self.add_at(field, "EMPTY", "Write something here");
        } else if text.chars().count() > most {
            self.add_at(field, "TOO_LONG", format!("At most {most} characters"));
        } else if text.chars().any(char::is_control) {
            self.add_at(
                field,
                "CONTROL_CHARACTER",
                "Write this on one line, without control characters",
            );
        }
    }

    fn text(&mut self, field: &str, text: &Text) {
        if text.is_empty() {
            self.add_at(field, "EMPTY", "Write something here, in one language at least");
        }
    }

    /// A list must have from one to so many entries.
    fn length<T>(&mut self, field: &str, list: &[T], most: usize) {
        if list.is_empty() {
            self.add_at(field, "EMPTY", "At least one is needed");
        } else if list.len() > most {
            self.add_at(field, "TOO_MANY", format!("At most {most}, here are {}", list.len()));
        }
    }

    /// The entries of a list must differ.
    fn distinct<'t, T: Ord + 't>(
        &mut self,
        field: &str,
        entries: impl IntoIterator<Item = &'t T>,
        within: Option<&str>,
    ) {
        let mut seen = std::collections::BTreeSet::new();
        self.at(field, |report| {
            for (index, entry) in entries.into_iter().enumerate() {
                if !seen.insert(entry) {
                    report.at(&index.to_string(), |report| {
                        let message = "This stands here twice: each must be unique";
                        match within {
                            Some(field) => report.add_at(field, "DUPLICATE", message),
                            None => report.add("DUPLICATE", message),
                        }
                    });
                }
            }
        });
    }
}
