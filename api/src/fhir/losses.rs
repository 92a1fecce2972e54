//! What a form asks otherwise than the Questionnaire does.

use rules::form::ItemKind;

use super::{
    extension::{Extension, Meaning},
    note::{Named, NoteCode},
    questionnaire::Item,
    wording,
};

/// What the item of the form, of this kind, does not say or check.
pub fn of(source: &Item, kind: ItemKind) -> Vec<Named> {
    let mut losses = Vec::new();
    let mut name = |code: NoteCode, message: &str| losses.push((code, message.to_owned()));
    for loss in wording::losses(source.text_element.as_ref()) {
        name(NoteCode::Wording, &loss);
    }
    if let Some(expression) = source.extension("enableWhenExpression") {
        let expression = expression.expression();
        name(
            NoteCode::Expression,
            &format!("whether it is shown is decided by {expression}: it is shown always"),
        );
    }
    if kind == ItemKind::Text
        && matches!(source.kind.as_str(), "choice" | "coding")
        && source.answer_value_set.is_none()
    {
        let computed = source.extension("answerExpression").map(Extension::expression);
        let reason = computed.map_or("it has no options".to_owned(), |by| {
            format!("its options are computed by {by}")
        });
        name(NoteCode::Options, &format!("{reason}: it is asked as free text"));
    }
    if source.kind == "dateTime" {
        name(
            NoteCode::Type,
            "it asks for a date and a time of day: it is asked as a date",
        );
    }
    if source.is_control("slider") && matches!(kind, ItemKind::Integer | ItemKind::Decimal) {
        name(NoteCode::Type, "it is a slider without ends: it is asked as a number");
    }
    if source.repeats && kind != ItemKind::MultipleChoice {
        name(NoteCode::Repeats, "it may be answered several times: it is asked once");
    }
    if source.required && kind == ItemKind::Group {
        name(
            NoteCode::Limit,
            "one of its items must be answered: that is not checked",
        );
    }
    if let Some(length) = source.max_length {
        name(
            NoteCode::Limit,
            &format!("its greatest length of {length} characters is not checked"),
        );
    }
    if !source.initial.is_empty() || source.answer_option.iter().any(|option| option.initial_selected) {
        name(
            NoteCode::InitialValue,
            "its answer is filled in beforehand: it is asked without",
        );
    }
    let is_exclusive = |extension: &Extension| extension.name() == Some("optionExclusive");
    if source
        .answer_option
        .iter()
        .any(|option| option.extension.iter().any(is_exclusive))
    {
        name(
            NoteCode::Limit,
            "one of its options excludes the others: that is not checked",
        );
    }
    losses
}

/// What extensions would have said.
pub fn of_extensions(extensions: &[Extension], modifiers: &[Extension]) -> Vec<Named> {
    let mut losses = Vec::new();
    for extension in extensions {
        let name = extension.name().unwrap_or(&extension.url);
        let loss = match extension.meaning() {
            Meaning::None => continue,
            Meaning::Limit => {
                let rule = extension
                    .part("human")
                    .map(|rule| format!(": “{rule}”"))
                    .unwrap_or_default();
                (NoteCode::Limit, format!("its {name} is not checked{rule}"))
            }
            Meaning::Initial => {
                let expression = extension.expression();
                (
                    NoteCode::InitialValue,
                    format!("its answer is filled in by {expression}: it is asked without"),
                )
            }
            Meaning::Unknown => (
                NoteCode::Extension,
                format!("the extension {} is not understood", extension.url),
            ),
        };
        losses.push(loss);
    }
    for extension in modifiers {
        let url = &extension.url;
        let message = format!("the extension {url} changes what it means and is not understood: check it");
        losses.push((NoteCode::Extension, message));
    }
    losses
}
