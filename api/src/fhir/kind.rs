//! What an item asks for, and which items a form cannot ask at all.

use rules::{
    form::{Item, ItemKind},
    text::Text,
};

use super::{
    extension::Extension,
    item::Place,
    note::{Named, NoteCode},
    option::Options,
    questionnaire,
};

/// Extensions by which an item's value is computed.
const CALCULATED: [&str; 4] = [
    "calculatedExpression",
    "cqf-calculatedValue",
    "cqif-calculatedValue",
    "cqf-expression",
];

/// The types that a form can ask for: those of R4, but for attachments and references, and R5's name for a choice.
const TYPES: [&str; 15] = [
    "boolean",
    "choice",
    "coding",
    "date",
    "dateTime",
    "decimal",
    "display",
    "group",
    "integer",
    "open-choice",
    "quantity",
    "string",
    "text",
    "time",
    "url",
];

/// Why an item cannot be part of the form; none where it can.
pub fn reason_to_leave_out(source: &questionnaire::Item, text: &Text, place: &Place<'_>) -> Option<Named> {
    let takes_answer = !matches!(source.kind.as_str(), "group" | "display");
    let is_hidden = source.extension("hidden").and_then(Extension::boolean) == Some(true);
    let computed = CALCULATED.iter().find_map(|name| source.extension(name));
    let reason = if let Some(computed) = computed {
        let hint = "; name the items that a score is made of in the scale file";
        let hint = if takes_answer { hint } else { "" };
        let message = format!("its value is computed by {}: left out{hint}", computed.expression());
        (NoteCode::Calculated, message)
    } else if place.hidden {
        (NoteCode::Hidden, "what it belongs to is hidden: left out".to_owned())
    } else if is_hidden {
        (NoteCode::Hidden, "it is hidden: left out".to_owned())
    } else if place.orphan && source.kind == "display" {
        let message = "it explains an item that is left out: left out with it";
        (NoteCode::Orphan, message.to_owned())
    } else if takes_answer && source.read_only {
        let message = "nobody may answer it (readOnly): left out";
        (NoteCode::ReadOnly, message.to_owned())
    } else if !TYPES.contains(&source.kind.as_str()) {
        let message = format!("forms cannot ask for its type “{}”: left out", source.kind);
        (NoteCode::UnsupportedType, message)
    } else if source.kind == "display" && text.is_empty() {
        (NoteCode::Empty, "it has no words to show: left out".to_owned())
    } else {
        return None;
    };
    Some(reason)
}

/// What a known type asks for. Whatever has options is a choice.
pub fn of(source: &questionnaire::Item, options: &Options) -> ItemKind {
    let end = |name| source.extension(name).and_then(Extension::number);
    let has_ends = matches!((end("minValue"), end("maxValue")), (Some(min), Some(max)) if min < max);
    match source.kind.as_str() {
        "group" => ItemKind::Group,
        "display" => ItemKind::Display,
        "boolean" => ItemKind::Boolean,
        _ if !options.list.is_empty() && source.repeats => ItemKind::MultipleChoice,
        _ if !options.list.is_empty() => ItemKind::Choice,
        "integer" | "decimal" | "quantity" if has_ends && source.is_control("slider") => ItemKind::Scale,
        "integer" => ItemKind::Integer,
        "decimal" | "quantity" => ItemKind::Decimal,
        "date" | "dateTime" => ItemKind::Date,
        "time" => ItemKind::Time,
        _ => ItemKind::Text,
    }
}

/// Whether the form says in the question itself what this item below it says: the unit or an end of the line.
pub fn is_said_by(source: &questionnaire::Item, owner: &Item) -> bool {
    let is_number = matches!(owner.kind, ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale);
    let is_end = source.is_control("lower") || source.is_control("upper");
    source.kind == "display" && (is_number && source.is_control("unit") || owner.kind == ItemKind::Scale && is_end)
}
