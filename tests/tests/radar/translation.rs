//! A protocol as rules of Handrail, and what of it no rule says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::protocol::{Entry, Protocol, Rest};

/// A protocol as rules.
#[derive(Default)]
pub struct Translation {
    /// The rules by key, which is that of the form that the rule sends: what it is called and what it says.
    pub rules: BTreeMap<String, (String, Value)>,
    /// What no rule says: of which forms, by its path in the protocol's entry.
    pub unsaid: BTreeMap<String, Vec<String>>,
}

/// What a rule has no words for, and why.
pub const UNSAID: [(&str, &str); 13] = [
    ("type", "what is “scheduled” is a schedule; nothing else is known"),
    ("order", "how an app sorts what waits"),
    ("showIntroduction", "how an app shows the form"),
    ("showInCalendar", "how an app shows what is to come"),
    ("isDemo", "how an app shows the form"),
    (
        "estimatedCompletionTime",
        "a step says how many minutes it takes, a form does not",
    ),
    ("startText", "the instructions of the form say it"),
    ("endText", "nothing is said after a form"),
    ("warn", "the instructions of the form say it"),
    (
        "questionnaire.repository",
        "where the form comes from is the importer's business",
    ),
    ("questionnaire.avsc", "how an app files the answers"),
    (
        "protocol.notification",
        "what leaves the house says nothing: the words are the template's",
    ),
    (
        "protocol.healthkitQuery",
        "a form is filled in by people: nothing is read from a telephone",
    ),
];

impl Translation {
    /// Translates a protocol.
    pub fn new(protocol: &Protocol) -> Self {
        let mut translation = Self::default();
        for entry in &protocol.protocols {
            let key = entry.key();
            translation.note(&key, "", &entry.rest);
            translation.note(&key, "questionnaire.", &entry.questionnaire.rest);
            translation.note(&key, "protocol.", &entry.protocol.rest);
            if let Some(words) = &entry.protocol.notification {
                let words = Rest::from_iter([("notification".to_owned(), words.clone())]);
                translation.note(&key, "protocol.", &words);
            }
            match rule(entry) {
                Ok(rule) => {
                    let taken = translation.rules.insert(key.clone(), (entry.name.clone(), rule));
                    assert!(
                        taken.is_none(),
                        "{key} is asked by two entries: each needs a rule of its own"
                    );
                }
                Err(what) => translation.unsaid.entry(what).or_default().push(key),
            }
        }
        translation
    }

    /// Notes what is left over of a part of an entry and says anything.
    fn note(&mut self, key: &str, part: &str, rest: &Rest) {
        for (name, _) in rest.iter().filter(|(_, value)| says_anything(value)) {
            let forms = self.unsaid.entry(format!("{part}{name}")).or_default();
            forms.push(key.to_owned());
        }
    }
}

fn says_anything(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(parts) => parts.values().any(says_anything),
        _ => true,
    }
}

/// An entry as a rule; or the path of what no rule can say, with its value.
fn rule(entry: &Entry) -> Result<Value, String> {
    let times = &entry.protocol;
    let minutes = match times.repeat_questionnaire.unit.as_str() {
        "min" => 1,
        "hour" => 60,
        "day" => 24 * 60,
        "week" => 7 * 24 * 60,
        other => return Err(format!("protocol.repeatQuestionnaire.unit: {other}")),
    };
    let slots: Vec<Value> = times
        .repeat_questionnaire
        .units_from_zero
        .iter()
        .map(|units| {
            let (day, minute) = (
                (units * minutes).div_euclid(24 * 60),
                (units * minutes).rem_euclid(24 * 60),
            );
            let at = format!("{:02}:{:02}", minute / 60, minute % 60);
            json!({ "key": format!("day-{day}-{at}"), "offset": format!("P{day}D"), "at": at })
        })
        .collect();
    let mut schedule = json!({ "anchor": { "enrollmentStart": {} }, "slots": slots });
    let every = &times.repeat_protocol;
    match (every.unit.as_str(), every.amount) {
        ("day", days) => schedule["repeat"] = json!(format!("FREQ=DAILY;INTERVAL={days}")),
        ("week", weeks) => schedule["repeat"] = json!(format!("FREQ=WEEKLY;INTERVAL={weeks}")),
        // Hundreds of years mean once.
        ("year", 999..) => {}
        (unit, amount) => return Err(format!("protocol.repeatProtocol: {amount} {unit}")),
    }
    let mut form = json!({ "form": entry.key() });
    if let Some(window) = &times.completion_window {
        form["expiresAfter"] = json!(period(&window.unit, window.amount, "protocol.completionWindow")?);
    }
    if let Some(reminders) = &times.reminders
        && reminders.amount > 0
    {
        let after = (1..=reminders.repeat).map(|n| period(&reminders.unit, n * reminders.amount, "protocol.reminders"));
        form["remindAfter"] = json!(after.collect::<Result<Vec<String>, String>>()?);
    }
    let mut actions = vec![json!({ "dispatchForm": form })];
    if times.notification.is_some() {
        actions.push(json!({ "remind": { "template": "form-waiting", "audience": "CITIZEN" } }));
    }
    Ok(json!({ "trigger": { "schedule": schedule }, "actions": actions, "limits": { "catchUp": "ALL" } }))
}

/// A length of time: days and weeks of the calendar, hours and minutes that pass.
fn period(unit: &str, amount: i64, path: &str) -> Result<String, String> {
    match unit {
        "week" => Ok(format!("P{amount}W")),
        "day" => Ok(format!("P{amount}D")),
        "hour" => Ok(format!("PT{amount}H")),
        "min" => Ok(format!("PT{amount}M")),
        other => Err(format!("{path}: {amount} {other}")),
    }
}
