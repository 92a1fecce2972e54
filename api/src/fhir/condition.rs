//! When an item is shown: `enableWhen`.

use chrono::NaiveDate;
use rules::{
    answer::Answer,
    form::{EnableBehavior, EnableCondition, EnableWhen, ItemKind, Operator},
    period::LocalTime,
};
use serde_json::Value;

use super::{
    item::{Source, Sources},
    note::{Named, NoteCode},
    option::Options,
    questionnaire,
};

/// A condition that was left out.
struct Dropped {
    code: NoteCode,
    reason: String,
    /// Whether it can never hold, so that another one may still decide.
    never: bool,
}

/// When an item is shown (none: always), given the questions above it, which must be shown too; and the conditions that
/// were left out of its own.
pub fn resolve(
    own: &questionnaire::Item,
    above: &[&questionnaire::Item],
    sources: &Sources,
) -> (Option<EnableWhen>, Vec<Named>) {
    let (mut shown, mut dropped) = one(own, sources);
    for question in above {
        let (Some(mut outer), _) = one(question, sources) else {
            continue;
        };
        shown = match shown {
            None => Some(outer),
            Some(mut inner) if is_all(&outer) && is_all(&inner) => {
                inner
                    .conditions
                    .retain(|condition| !outer.conditions.contains(condition));
                outer.conditions.append(&mut inner.conditions);
                Some(EnableWhen {
                    behavior: EnableBehavior::All,
                    conditions: outer.conditions,
                })
            }
            Some(inner) => {
                let message = "whether the question above it is shown decides too: only its own condition counts";
                dropped.push((NoteCode::Condition, message.to_owned()));
                Some(inner)
            }
        };
    }
    (shown, dropped)
}

fn is_all(enable_when: &EnableWhen) -> bool {
    enable_when.behavior == EnableBehavior::All || enable_when.conditions.len() == 1
}

/// The conditions of one item. What cannot be asked counts as holding, so that no question is lost by it.
fn one(item: &questionnaire::Item, sources: &Sources) -> (Option<EnableWhen>, Vec<Named>) {
    let mut notes = Vec::new();
    let behavior = match item.enable_behavior.as_deref() {
        Some("any") => EnableBehavior::Any,
        _ => EnableBehavior::All,
    };
    if item.enable_when.is_empty() {
        return (None, notes);
    }
    if item.enable_behavior.is_none() && item.enable_when.len() > 1 {
        let message = "it does not say whether all or any of its conditions must hold: all must";
        notes.push((NoteCode::Condition, message.to_owned()));
    }
    let mut conditions = Vec::new();
    let mut always = false;
    for when in &item.enable_when {
        match condition(when, sources) {
            Ok(condition) => conditions.push(condition),
            Err(dropped) => {
                always |= behavior == EnableBehavior::Any && !dropped.never;
                let message = format!("the condition “{}” is left out: {}", describe(when), dropped.reason);
                notes.push((dropped.code, message));
            }
        }
    }
    if always || conditions.is_empty() {
        notes
            .iter_mut()
            .for_each(|(_, message)| message.push_str("; the item is shown always"));
        return (None, notes);
    }
    (Some(EnableWhen { behavior, conditions }), notes)
}

/// A condition in one line: `audit-question-one != never`.
fn describe(when: &questionnaire::EnableWhen) -> String {
    let answer = match when.answer() {
        Some(("Coding", value)) => value.get("code").or_else(|| value.get("display")).unwrap_or(value),
        Some(("Quantity", value)) => value.get("value").unwrap_or(value),
        Some((_, value)) => value,
        None => &Value::Null,
    };
    let answer = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
    format!("{} {} {answer}", when.question, when.operator)
}

fn condition(when: &questionnaire::EnableWhen, sources: &Sources) -> Result<EnableCondition, Dropped> {
    let question = &when.question;
    let unknown = |reason: String| Dropped {
        code: NoteCode::Condition,
        reason,
        never: false,
    };
    let (key, kind, options) = match sources.get(question) {
        Some(Source::Kept { key, kind, options }) => (key, *kind, options),
        Some(Source::LeftOut(NoteCode::Calculated)) => {
            let reason = format!("{question} is computed, not answered");
            return Err(Dropped {
                code: NoteCode::Expression,
                reason,
                never: false,
            });
        }
        Some(Source::LeftOut(_)) => return Err(unknown(format!("{question} is not part of the form"))),
        None => return Err(unknown(format!("the questionnaire has no item {question}"))),
    };
    if matches!(kind, ItemKind::Group | ItemKind::Display) {
        return Err(unknown(format!("{question} takes no answer")));
    }
    let operator = operator(&when.operator).ok_or_else(|| unknown("its operator is not known".to_owned()))?;
    let (answer_type, value) = when
        .answer()
        .ok_or_else(|| unknown("it compares with nothing".to_owned()))?;
    let answer = if operator == Operator::Exists {
        value.as_bool().map(Answer::Boolean)
    } else if matches!(kind, ItemKind::Choice | ItemKind::MultipleChoice) {
        match value
            .as_f64()
            .filter(|_| is_ordered(operator) && kind == ItemKind::Choice && options.are_numbers())
        {
            Some(number) => Some(Answer::Number(number)),
            None => Some(Answer::Text(option(question, operator, answer_type, value, options)?)),
        }
    } else {
        compared(kind, answer_type, value)
    };
    let answer = answer.ok_or_else(|| unknown(format!("{question} is not answered by such a value")))?;
    let has_order = match kind {
        ItemKind::Choice => matches!(answer, Answer::Number(_)),
        kind => !matches!(kind, ItemKind::Boolean | ItemKind::MultipleChoice),
    };
    if is_ordered(operator) && !has_order {
        return Err(unknown(format!("the answers of {question} have no order")));
    }
    Ok(EnableCondition {
        item: key.clone(),
        operator,
        answer,
    })
}

fn operator(operator: &str) -> Option<Operator> {
    match operator {
        "=" => Some(Operator::Eq),
        "!=" => Some(Operator::Ne),
        ">" => Some(Operator::Gt),
        ">=" => Some(Operator::Gte),
        "<" => Some(Operator::Lt),
        "<=" => Some(Operator::Lte),
        "exists" => Some(Operator::Exists),
        _ => None,
    }
}

fn is_ordered(operator: Operator) -> bool {
    matches!(operator, Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte)
}

/// The key of the option that a condition on a choice compares with.
fn option(
    question: &str,
    operator: Operator,
    answer_type: &str,
    value: &Value,
    options: &Options,
) -> Result<String, Dropped> {
    let field = |name| value.get(name).and_then(Value::as_str);
    let code = if answer_type == "Coding" {
        field("code").or_else(|| field("display"))
    } else {
        value.as_str()
    };
    let code = code.map_or_else(|| value.to_string(), str::to_owned);
    options
        .key(field("system"), &code)
        .map(str::to_owned)
        .ok_or_else(|| Dropped {
            code: NoteCode::DanglingCode,
            reason: format!("{question} has no option “{code}”"),
            never: operator == Operator::Eq,
        })
}

/// The value that an item of this kind is compared with; none where it could never have it.
fn compared(kind: ItemKind, answer_type: &str, value: &Value) -> Option<Answer> {
    let text = value.as_str();
    match (kind, answer_type) {
        (ItemKind::Boolean, "Boolean") => value.as_bool().map(Answer::Boolean),
        (ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale, "Integer" | "Decimal") => {
            value.as_f64().map(Answer::Number)
        }
        (ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale, "Quantity") => {
            value.get("value")?.as_f64().map(Answer::Number)
        }
        // `2027-03-28T08:30:00+01:00`, of which the item keeps the date.
        (ItemKind::Date, "Date" | "DateTime") => date(text?.get(..10)?),
        (ItemKind::Time, "Time") => time(text?),
        (ItemKind::Text, "String") => text.map(|text| Answer::Text(text.to_owned())),
        _ => None,
    }
}

fn date(text: &str) -> Option<Answer> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(Answer::Text(date.to_string()))
}

fn time(text: &str) -> Option<Answer> {
    text.parse::<LocalTime>()
        .ok()
        .map(|time| Answer::Text(time.to_string()))
}
