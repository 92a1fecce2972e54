//! What the script has done, written down by the script itself in the shape in which it will be asked for.

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Europe::Stockholm;
use serde_json::{Value, json};

/// Things of one kind as they must be now, in the order in which they came to be.
#[derive(Debug, Default)]
pub struct Rows(Vec<Value>);

impl Rows {
    /// Writes a thing down; gives its id.
    pub fn add(&mut self, row: Value) -> String {
        let id = row["id"].as_str().expect("a row has an id").to_owned();
        assert!(!self.0.iter().any(|known| known["id"] == row["id"]), "twice: {row}");
        self.0.push(row);
        id
    }

    /// A thing that was written down.
    pub fn of(&mut self, id: &str) -> &mut Value {
        let found = self.0.iter_mut().find(|row| row["id"] == id);
        found.unwrap_or_else(|| panic!("nothing was written down of {id}"))
    }

    /// Changes fields of a thing.
    pub fn set(&mut self, id: &str, fields: Value) {
        let row = self.of(id);
        for (field, value) in fields.as_object().unwrap() {
            row[field] = value.clone();
        }
    }

    /// Adds to a list of a thing.
    pub fn push(&mut self, id: &str, list: &str, entry: Value) {
        self.of(id)[list].as_array_mut().unwrap().push(entry);
    }

    /// All of them.
    pub fn all(&self) -> &[Value] {
        &self.0
    }

    /// All of them, for changing.
    pub fn all_mut(&mut self) -> &mut [Value] {
        &mut self.0
    }
}

/// An instant that clocks in Stockholm show: `2027-03-08 10:00`.
pub fn local(text: &str) -> DateTime<Utc> {
    let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Stockholm.from_local_datetime(&naive).single().unwrap().to_utc()
}

/// An instant as answers write it.
pub fn when(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339())
}

/// Somebody of the staff as answers name them.
pub fn person(name: &str) -> Value {
    json!({ "displayName": name })
}

/// Holds what is seen against what was written down, field by field, and tells everything that differs.
pub fn same(what: &str, seen: &Value, written: &Value) {
    let mut differences = Vec::new();
    compare(what, seen, written, &mut differences);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn compare(path: &str, seen: &Value, written: &Value, differences: &mut Vec<String>) {
    match (seen, written) {
        (Value::Object(seen), Value::Object(written)) => {
            for key in seen.keys().chain(written.keys().filter(|key| !seen.contains_key(*key))) {
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(json!("(not there)"));
                compare(&format!("{path}.{key}"), &of(seen), &of(written), differences);
            }
        }
        (Value::Array(seen), Value::Array(written)) => {
            if seen.len() != written.len() {
                differences.push(format!(
                    "{path}: {} are seen, {} were written down",
                    seen.len(),
                    written.len()
                ));
            }
            for place in 0..seen.len().max(written.len()) {
                let of = |list: &[Value]| list.get(place).cloned().unwrap_or(json!("(not there)"));
                compare(&format!("{path}[{place}]"), &of(seen), &of(written), differences);
            }
        }
        (Value::Number(seen), Value::Number(written)) => {
            let (one, other) = (seen.as_f64().unwrap(), written.as_f64().unwrap());
            if (one - other).abs() > 1e-9 {
                differences.push(format!("{path}: {one} is seen, {other} was written down"));
            }
        }
        _ if seen == written || at_once(seen, written) => {}
        _ => differences.push(format!("{path}: {seen} is seen, {written} was written down")),
    }
}

/// Whether both are the same instant. What is done in the same instant is dated some microseconds apart, in the order in which it
/// was done.
fn at_once(seen: &Value, written: &Value) -> bool {
    let instant = |value: &Value| value.as_str()?.parse::<DateTime<Utc>>().ok();
    let apart = instant(seen).zip(instant(written)).map(|(one, other)| one - other);
    apart.is_some_and(|apart| {
        apart
            .num_microseconds()
            .is_some_and(|apart| (0..1_000).contains(&apart))
    })
}

/// The nodes of a connection.
pub fn nodes(connection: &Value) -> Vec<Value> {
    connection["nodes"].as_array().unwrap().clone()
}
