//! What a person answers, and whether it may be answered.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    as_of::Value,
    condition::compared,
    form::{EnableBehavior, EnableCondition, Form, Item, ItemKind, Operator},
    period::LocalTime,
    score::answer_number,
};

/// How many characters a text may have.
pub const MAX_TEXT: usize = 10_000;

/// Beyond this, whole numbers cannot all be told apart in a floating-point number.
const MAX_INTEGER: f64 = 9_007_199_254_740_991.0;

/// An answered value. A date is a text `2027-03-28`, a time `08:30`; a choice is the key of its option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// Yes or no.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A text, a date, a time or the key of an option.
    Text(String),
    /// The keys of the chosen options.
    Options(Vec<String>),
}

/// Answers by the key of their item.
pub type Answers = BTreeMap<String, Answer>;

/// Why an answer is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerError {
    /// The key of the item.
    pub item: String,
    /// A stable word for programs: `UNKNOWN_ITEM`, `NOT_ANSWERABLE`, `WRONG_TYPE`, `NOT_A_NUMBER`, `NOT_WHOLE`, `OUT_OF_RANGE`,
    /// `OFF_STEP`, `NOT_AN_OPTION`, `DUPLICATE_OPTION`, `TOO_LONG`, `BAD_DATE`, `BAD_TIME`, `REQUIRED` or `HIDDEN`.
    pub code: &'static str,
    /// What a person should do about it.
    pub message: String,
}

/// Checks answers. A draft (`complete` false) may lack answers, hold numbers out of range, and answer items that are hidden
/// again; what is submitted may not.
///
/// # Errors
/// Everything that is wrong: first of the answers, in the order of their keys, then what is missing, in the order of the form.
pub fn check(form: &Form, answers: &Answers, complete: bool) -> Result<(), Vec<AnswerError>> {
    let shown = visible_items(form, answers);
    let mut errors = Vec::new();
    let mut refuse = |item: &str, (code, message): (&'static str, String)| {
        errors.push(AnswerError {
            item: item.to_owned(),
            code,
            message,
        });
    };
    for (key, answer) in answers {
        let Some(item) = form.item(key) else {
            refuse(key, ("UNKNOWN_ITEM", "The form has no such question".to_owned()));
            continue;
        };
        let checked = check_type(item, answer).and_then(|()| if complete { check_range(item, answer) } else { Ok(()) });
        if let Err(error) = checked {
            refuse(key, error);
        } else if complete && !shown.contains(key.as_str()) && !is_blank(answer) {
            refuse(
                key,
                (
                    "HIDDEN",
                    "This question is not asked, given the other answers: leave it out".to_owned(),
                ),
            );
        }
    }
    if complete {
        for item in &form.items {
            let wanted = item.required && takes_answer(item.kind) && shown.contains(item.key.as_str());
            if wanted && answers.get(&item.key).is_none_or(is_blank) {
                refuse(&item.key, ("REQUIRED", "This question must be answered".to_owned()));
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Whether items of this kind are answered at all.
pub fn takes_answer(kind: ItemKind) -> bool {
    !matches!(kind, ItemKind::Group | ItemKind::Display)
}

/// Whether an answer says nothing: an empty text, no option chosen.
pub(crate) fn is_blank(answer: &Answer) -> bool {
    match answer {
        Answer::Text(text) => text.trim().is_empty(),
        Answer::Options(options) => options.is_empty(),
        Answer::Boolean(_) | Answer::Number(_) => false,
    }
}

fn check_type(item: &Item, answer: &Answer) -> Result<(), (&'static str, String)> {
    let wrong = |expected: &str| Err(("WRONG_TYPE", format!("Answer this question with {expected}")));
    let is_option = |key: &String| {
        let known = item.options.iter().any(|option| option.key == *key);
        if known {
            Ok(())
        } else {
            Err(("NOT_AN_OPTION", "Choose one of the options of the question".to_owned()))
        }
    };
    match (item.kind, answer) {
        (ItemKind::Group | ItemKind::Display, _) => Err((
            "NOT_ANSWERABLE",
            "This is a heading or a text, and takes no answer".to_owned(),
        )),
        (ItemKind::Boolean, Answer::Boolean(_)) => Ok(()),
        (ItemKind::Boolean, _) => wrong("yes or no (true or false)"),
        (ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale, Answer::Number(number)) => {
            if !number.is_finite() {
                Err(("NOT_A_NUMBER", "Answer this question with a number".to_owned()))
            } else if item.kind == ItemKind::Integer && (number.fract() != 0.0 || number.abs() > MAX_INTEGER) {
                Err(("NOT_WHOLE", "Answer this question with a whole number".to_owned()))
            } else {
                Ok(())
            }
        }
        (ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale, _) => wrong("a number"),
        // Nothing chosen yet.
        (ItemKind::Choice, Answer::Text(key)) if key.is_empty() => Ok(()),
        (ItemKind::Choice, Answer::Text(key)) => is_option(key),
        (ItemKind::Choice, _) => wrong("the key of one of its options"),
        (ItemKind::MultipleChoice, Answer::Options(keys)) => {
            keys.iter().try_for_each(is_option)?;
            let distinct: HashSet<&String> = keys.iter().collect();
            if distinct.len() == keys.len() {
                Ok(())
            } else {
                Err(("DUPLICATE_OPTION", "Choose each option once at most".to_owned()))
            }
        }
        (ItemKind::MultipleChoice, _) => wrong("a list of the keys of its options"),
        (ItemKind::Text | ItemKind::Date | ItemKind::Time, Answer::Text(text)) => check_text(item.kind, text),
        (ItemKind::Text, _) => wrong("a text"),
        (ItemKind::Date, _) => wrong("a date, for example 2027-03-28"),
        (ItemKind::Time, _) => wrong("a time of day, for example 08:30"),
    }
}

fn check_text(kind: ItemKind, text: &str) -> Result<(), (&'static str, String)> {
    if text.chars().count() > MAX_TEXT {
        return Err(("TOO_LONG", format!("Write at most {MAX_TEXT} characters")));
    }
    if text.contains('\0') {
        return Err((
            "WRONG_TYPE",
            "The text holds a character that cannot be stored".to_owned(),
        ));
    }
    match kind {
        // Not answered yet.
        ItemKind::Date | ItemKind::Time if text.is_empty() => Ok(()),
        ItemKind::Date if parse_date(text).is_none() => Err((
            "BAD_DATE",
            "Write the date as year-month-day, for example 2027-03-28".to_owned(),
        )),
        ItemKind::Time if text.parse::<LocalTime>().is_err() => Err((
            "BAD_TIME",
            "Write the time as hours:minutes, for example 08:30".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// A date written in full, so that dates are in the order of their texts.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let in_full = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if in_full {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
    } else {
        None
    }
}

fn check_range(item: &Item, answer: &Answer) -> Result<(), (&'static str, String)> {
    let Answer::Number(number) = *answer else { return Ok(()) };
    let too_low = item.min.is_some_and(|min| number < min);
    let too_high = item.max.is_some_and(|max| number > max);
    if too_low || too_high {
        let allowed = match (item.min, item.max) {
            (Some(min), Some(max)) => format!("Answer with a number from {min} to {max}"),
            (Some(min), None) => format!("Answer with {min} or more"),
            (_, Some(max)) => format!("Answer with {max} or less"),
            (None, None) => String::new(),
        };
        return Err(("OUT_OF_RANGE", allowed));
    }
    if let Some(step) = item.step.filter(|step| *step > 0.0) {
        let steps = (number - item.min.unwrap_or(0.0)) / step;
        // 0.3 is three steps of 0.1, though not in binary fractions.
        if (steps - steps.round()).abs() > 1e-6 {
            return Err(("OFF_STEP", format!("Answer in steps of {step}")));
        }
    }
    Ok(())
}

/// The keys of the items that are shown, given the answers. The answer of an item that is hidden itself counts as none, and
/// items that hide one another in a circle are hidden.
pub fn visible_items<'a>(form: &'a Form, answers: &Answers) -> HashSet<&'a str> {
    let items = form.items.iter().map(|item| (item.key.as_str(), item)).collect();
    let mut search = Visibility {
        items,
        answers,
        known: HashMap::new(),
    };
    form.items
        .iter()
        .filter(|item| search.is_shown(item))
        .map(|item| item.key.as_str())
        .collect()
}

/// The answers to items that are shown: what is stored of a submission and scored.
pub fn visible_answers(form: &Form, answers: &Answers) -> Answers {
    let shown = visible_items(form, answers);
    let kept = answers.iter().filter(|(key, _)| shown.contains(key.as_str()));
    kept.map(|(key, answer)| (key.clone(), answer.clone())).collect()
}

struct Visibility<'a, 'b> {
    items: HashMap<&'a str, &'a Item>,
    answers: &'b Answers,
    /// What is known of each item; one that is being looked at is hidden until more is known, which ends every circle.
    known: HashMap<&'a str, bool>,
}

impl<'a> Visibility<'a, '_> {
    fn is_shown(&mut self, item: &'a Item) -> bool {
        if let Some(shown) = self.known.get(item.key.as_str()) {
            return *shown;
        }
        self.known.insert(&item.key, false);
        let group_is_shown = match item.group.as_deref() {
            Some(group) => self.items.get(group).copied().is_none_or(|group| self.is_shown(group)),
            None => true,
        };
        let shown = group_is_shown
            && item.enable_when.as_ref().is_none_or(|when| {
                let mut conditions = when.conditions.iter();
                match when.behavior {
                    EnableBehavior::All => conditions.all(|condition| self.holds(condition)),
                    EnableBehavior::Any => conditions.any(|condition| self.holds(condition)),
                }
            });
        self.known.insert(&item.key, shown);
        shown
    }

    fn holds(&mut self, condition: &'a EnableCondition) -> bool {
        let item = self.items.get(condition.item.as_str()).copied();
        let answer = match item {
            Some(item) if self.is_shown(item) => self.answers.get(&condition.item).filter(|answer| !is_blank(answer)),
            _ => None,
        };
        if condition.operator == Operator::Exists {
            return Answer::Boolean(answer.is_some()) == condition.answer;
        }
        let (Some(item), Some(answer)) = (item, answer) else {
            return condition.operator == Operator::Ne;
        };
        // A choice is compared by its option's key, with a number by what the option counts for.
        let number = match condition.answer {
            Answer::Number(_) => answer_number(item, answer),
            _ => None,
        };
        let actual = number.map_or_else(|| answer.into(), Value::Number);
        compared(actual, condition.operator, (&condition.answer).into()).unwrap_or(condition.operator == Operator::Ne)
    }
}
