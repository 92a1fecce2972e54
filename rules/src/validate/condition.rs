//! Whether a condition makes sense: what it names exists, and what it compares can be compared.

use super::{
    Function, MeasurementShape, ProgramShape, Report,
    contradiction::Weighing,
    function::offered,
    picked::{check_measured, check_rating, check_score},
};
use crate::{
    answer::{Answer, parse_date, takes_answer},
    definition::{Compare, Condition, Fact, Happening},
    facts::{Sex, Status},
    form::{Form, Item, ItemKind, Operator},
    period::LocalTime,
    score,
};

const MAX_DEPTH: usize = 8;
const MAX_COMPARISONS: usize = 100;
const MAX_LAST_DAYS: u32 = 366;
const MAX_DAYS: f64 = 36_500.0;
const MAX_WEEKS: f64 = 5_200.0;
const MAX_COUNT: f64 = 100_000.0;
const MAX_AGE: f64 = 150.0;

/// Checks a condition at a field, and then whether it can be true. Tells whether all is well with it.
pub(super) fn check_at(
    report: &mut Report,
    field: &str,
    condition: &Condition,
    shape: &ProgramShape<'_>,
    weighing: &Weighing<'_>,
) -> bool {
    let before = report.problems.len();
    report.at(field, |report| {
        if comparisons(condition) > MAX_COMPARISONS {
            report.add("TOO_MANY", format!("At most {MAX_COMPARISONS} comparisons"));
        }
        check(report, condition, shape, 1);
        if report.problems.len() == before {
            weighing.check(report, condition);
        }
    });
    report.problems.len() == before
}

/// What a fact can be compared with; nothing where it names what does not exist.
pub(super) fn comparable<'a>(fact: &Fact, shape: &ProgramShape<'a>) -> Option<Comparable<'a>> {
    check_fact(&mut Report::default(), fact, shape)
}

fn comparisons(condition: &Condition) -> usize {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().map(comparisons).sum(),
        Condition::Not(part) => comparisons(part),
        Condition::Compare(_) => 1,
    }
}

fn check(report: &mut Report, condition: &Condition, shape: &ProgramShape<'_>, depth: usize) {
    if depth > MAX_DEPTH {
        report.add(
            "TOO_DEEP",
            format!("At most {MAX_DEPTH} levels: make the condition flatter"),
        );
        return;
    }
    match condition {
        Condition::All(parts) => check_parts(report, "all", parts, shape, depth),
        Condition::Any(parts) => check_parts(report, "any", parts, shape, depth),
        Condition::Not(part) => report.at("not", |report| check(report, part, shape, depth + 1)),
        Condition::Compare(compare) => report.at("compare", |report| check_compare(report, compare, shape)),
    }
}

fn check_parts(report: &mut Report, field: &str, parts: &[Condition], shape: &ProgramShape<'_>, depth: usize) {
    report.length(field, parts, MAX_COMPARISONS);
    report.each(field, parts, |report, part| check(report, part, shape, depth + 1));
}

/// What a fact can be compared with.
pub(super) enum Comparable<'a> {
    /// Numbers.
    Number(Range),
    /// Yes or no.
    Boolean,
    /// The names of statuses.
    Status,
    /// The names of the sexes.
    Sex,
    /// The options of an item.
    Options(&'a Item),
    /// Dates.
    Date,
    /// Times of day.
    Time,
    /// Free text.
    Text,
}

/// The numbers that a fact can be.
#[derive(Clone, Copy)]
pub(super) struct Range {
    /// The lowest and the highest, where they are bounded.
    pub reach: Option<(f64, f64)>,
    /// How many decimals they have, where that is known.
    pub decimals: Option<u32>,
}

fn check_compare(report: &mut Report, compare: &Compare, shape: &ProgramShape<'_>) {
    let mut comparable = None;
    report.at("fact", |report| comparable = check_fact(report, &compare.fact, shape));
    if compare.operator == Operator::Exists {
        if !matches!(compare.value, Answer::Boolean(_)) {
            report.add_at("value", "WRONG_TYPE", "EXISTS is compared with true or false");
        }
        return;
    }
    // Of a fact that does not exist there is nothing more to say.
    let Some(comparable) = comparable else { return };
    let is_order = matches!(
        compare.operator,
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte
    );
    let ordered = matches!(comparable, Comparable::Number(_) | Comparable::Date | Comparable::Time)
        || matches!(
            (&comparable, &compare.value),
            (Comparable::Options(_), Answer::Number(_))
        );
    if is_order && !ordered {
        report.add_at(
            "operator",
            "OPERATOR",
            "This can only be compared with EQ, NE or EXISTS",
        );
    }
    report.at("value", |report| {
        check_value(report, &comparable, compare.operator, &compare.value);
    });
}

fn check_value(report: &mut Report, comparable: &Comparable<'_>, operator: Operator, value: &Answer) {
    let expected = match (comparable, value) {
        (Comparable::Number(_), Answer::Number(number)) if !number.is_finite() => "a number",
        (Comparable::Number(range), Answer::Number(number)) => {
            return check_reach(report, *range, operator, *number);
        }
        (Comparable::Number(_), _) => "a number",
        (Comparable::Boolean, Answer::Boolean(_)) => return,
        (Comparable::Boolean, _) => "true or false",
        (Comparable::Status, Answer::Text(name)) if Status::ALL.iter().any(|status| status.name() == name) => return,
        (Comparable::Status, _) => "PLANNED, ACTIVE, PAUSED, COMPLETED or WITHDRAWN",
        (Comparable::Sex, Answer::Text(name)) if Sex::ALL.iter().any(|sex| sex.name() == name) => {
            return;
        }
        (Comparable::Sex, _) => "FEMALE or MALE",
        (Comparable::Date, Answer::Text(date)) if parse_date(date).is_some() => return,
        (Comparable::Date, _) => "a date, for example 2027-03-28",
        (Comparable::Time, Answer::Text(time)) if time.parse::<LocalTime>().is_ok() => return,
        (Comparable::Time, _) => "a time of day, for example 08:30",
        (Comparable::Text, Answer::Text(_)) => return,
        (Comparable::Text, _) => "a text",
        (Comparable::Options(item), value) => return check_option(report, item, operator, value),
    };
    report.add("WRONG_TYPE", format!("Compare with {expected}"));
}

fn check_reach(report: &mut Report, range: Range, operator: Operator, number: f64) {
    if let Some((low, high)) = range.reach {
        let never = match operator {
            Operator::Gt => number >= high,
            Operator::Lt => number <= low,
            _ => false,
        };
        if never || !(low..=high).contains(&number) {
            return report.add(
                "OUT_OF_REACH",
                format!("This can only be from {low} to {high}: compare with a number in between"),
            );
        }
    }
    if operator == Operator::Eq
        && let Some(decimals) = range.decimals
        && score::round(number, decimals) != number
    {
        let grid = match decimals {
            0 => "whole numbers".to_owned(),
            1 => "numbers with one decimal".to_owned(),
            _ => format!("numbers with {decimals} decimals"),
        };
        report.add(
            "OUT_OF_REACH",
            format!("This only comes in {grid}: compare with one of them"),
        );
    }
}

fn check_option(report: &mut Report, item: &Item, operator: Operator, value: &Answer) {
    let option = |key: &String| item.options.iter().find(|option| option.key == *key);
    match value {
        Answer::Number(number) if item.kind == ItemKind::Choice && score::range(item).is_some() => {
            let (reach, decimals) = (score::range(item), None);
            check_reach(report, Range { reach, decimals }, operator, *number);
        }
        Answer::Text(key) => match option(key) {
            None => report.add("NOT_AN_OPTION", format!("“{}” has no option “{key}”", item.key)),
            // A rule sees the number of an option that has one.
            Some(option) => {
                if let Some(number) = option.value.filter(|_| item.kind == ItemKind::Choice) {
                    report.add(
                        "WRONG_TYPE",
                        format!("Compare with {number}, which the option “{key}” counts for"),
                    );
                }
            }
        },
        Answer::Options(keys) if item.kind == ItemKind::MultipleChoice => {
            for key in keys.iter().filter(|key| option(key).is_none()) {
                report.add("NOT_AN_OPTION", format!("“{}” has no option “{key}”", item.key));
            }
        }
        _ => report.add(
            "WRONG_TYPE",
            "Compare with the key of an option, or with the number that it counts for",
        ),
    }
}

/// Checks what a fact names, and finds what it can be compared with; nothing where it names what does not exist.
fn check_fact<'a>(report: &mut Report, fact: &Fact, shape: &ProgramShape<'a>) -> Option<Comparable<'a>> {
    let within = |least, most, decimals| {
        let reach = Some((least, most));
        Some(Comparable::Number(Range { reach, decimals }))
    };
    let count = |most| within(0.0, most, Some(0));
    let percent = || within(0.0, 100.0, None);
    match fact {
        Fact::Score(score) => {
            let mut comparable = None;
            report.at("score", |report| comparable = check_score(report, score, shape));
            comparable
        }
        Fact::Answer(answer) => {
            let mut comparable = None;
            report.at("answer", |report| {
                let Some(form) = known_form(report, &answer.form, shape) else {
                    return;
                };
                match form.item(&answer.item) {
                    None => report.add_at(
                        "item",
                        "UNKNOWN_ITEM",
                        format!("“{}” has no item “{}”", form.key, answer.item),
                    ),
                    Some(item) if !takes_answer(item.kind) => {
                        report.add_at("item", "NOT_ANSWERABLE", format!("“{}” takes no answer", answer.item));
                    }
                    Some(item) => comparable = Some(comparable_item(item)),
                }
            });
            comparable
        }
        Fact::Measurement(measured) => {
            let mut comparable = None;
            report.at("measurement", |report| {
                comparable = check_measured(report, measured, shape)
            });
            comparable
        }
        Fact::Rating(rating) => {
            let mut comparable = None;
            report.at("rating", |report| comparable = check_rating(report, rating, shape));
            comparable
        }
        Fact::DaysSince(since) => {
            report.at("daysSince", |report| {
                if is_of_messages(since.event) {
                    report.at("event", |report| _ = offered(report, Function::Messages, shape));
                }
                match (&since.form, since.event) {
                    (Some(form), Happening::FormCompleted) => _ = known_form(report, form, shape),
                    (Some(_), _) => report.add_at("form", "CONTRADICTION", "Only FORM_COMPLETED can name a form"),
                    (None, Happening::FormCompleted) => {
                        report.at("event", |report| _ = offered(report, Function::Forms, shape));
                    }
                    (None, _) => {}
                }
                match (&since.kind, since.event) {
                    (Some(kind), Happening::Measurement) => _ = known_measurement(report, kind, shape),
                    (Some(_), _) => {
                        report.add_at(
                            "kind",
                            "CONTRADICTION",
                            "Only MEASUREMENT can name a kind of measurement",
                        );
                    }
                    (None, _) => {}
                }
            });
            count(MAX_DAYS)
        }
        Fact::OverdueDispatches(any) | Fact::MissedDispatches(any) => {
            let field = if matches!(fact, Fact::OverdueDispatches(_)) {
                "overdueDispatches"
            } else {
                "missedDispatches"
            };
            report.at(field, |report| match &any.form {
                Some(form) => _ = known_form(report, form, shape),
                None => _ = offered(report, Function::Forms, shape),
            });
            count(MAX_COUNT)
        }
        Fact::ModuleProgress(of) => {
            report.at("moduleProgress", |report| known_module(report, &of.module, shape));
            percent()
        }
        Fact::SectionProgress(of) => {
            report.at("sectionProgress", |report| known_section(report, &of.section, shape));
            percent()
        }
        Fact::ProgramProgress(_) => percent(),
        Fact::MissedActivities(last) => {
            report.at("missedActivities", |report| {
                offered(report, Function::ActivityPlan, shape);
                if !(1..=MAX_LAST_DAYS).contains(&last.days) {
                    report.add_at("days", "OUT_OF_RANGE", format!("From 1 to {MAX_LAST_DAYS}"));
                }
            });
            count(MAX_COUNT)
        }
        Fact::Sex(_) => Some(Comparable::Sex),
        Fact::ProgramWeek(_) => within(1.0, MAX_WEEKS, Some(0)),
        Fact::Status(_) => Some(Comparable::Status),
        Fact::Age(_) => count(MAX_AGE),
        Fact::OpenFlag(of) => {
            report.at("openFlag", |report| {
                offered(report, Function::Flags, shape);
                report.kind(&of.kind);
            });
            Some(Comparable::Boolean)
        }
    }
}

fn comparable_item(item: &Item) -> Comparable<'_> {
    match item.kind {
        ItemKind::Boolean => Comparable::Boolean,
        ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale => Comparable::Number(Range {
            reach: score::range(item),
            decimals: (item.kind == ItemKind::Integer).then_some(0),
        }),
        ItemKind::Choice | ItemKind::MultipleChoice => Comparable::Options(item),
        ItemKind::Date => Comparable::Date,
        ItemKind::Time => Comparable::Time,
        ItemKind::Text | ItemKind::Group | ItemKind::Display => Comparable::Text,
    }
}

/// The form that is named at `form`.
pub(super) fn known_form<'a>(report: &mut Report, key: &str, shape: &ProgramShape<'a>) -> Option<&'a Form> {
    let mut has_forms = true;
    report.at("form", |report| has_forms = offered(report, Function::Forms, shape));
    if !has_forms {
        return None;
    }
    let form = shape.forms.iter().find(|form| form.key == key).copied();
    if form.is_none() {
        report.add_at("form", "UNKNOWN_FORM", format!("The program has no form “{key}”"));
    }
    form
}

/// The kind of measurement that is named at `kind`.
pub(super) fn known_measurement<'s>(
    report: &mut Report,
    key: &str,
    shape: &'s ProgramShape<'_>,
) -> Option<&'s MeasurementShape> {
    let kind = shape.measurements.iter().find(|kind| kind.key == key);
    if kind.is_none() {
        report.add_at(
            "kind",
            "UNKNOWN_MEASUREMENT",
            format!("In the program no “{key}” is measured"),
        );
    }
    kind
}

/// Checks the section that is named at `section`.
pub(super) fn known_section(report: &mut Report, key: &str, shape: &ProgramShape<'_>) {
    if !shape.sections.contains(&key) {
        report.add_at(
            "section",
            "UNKNOWN_SECTION",
            format!("The program has no section “{key}”"),
        );
    }
}

fn is_of_messages(event: Happening) -> bool {
    match event {
        Happening::Message
        | Happening::MessageFromCitizen
        | Happening::MessageFromStaff
        | Happening::UnansweredMessage => true,
        Happening::SignIn | Happening::Activity | Happening::FormCompleted | Happening::Measurement => false,
    }
}

/// Checks the module that is named at `module`.
pub(super) fn known_module(report: &mut Report, key: &str, shape: &ProgramShape<'_>) {
    if !shape.modules.contains(&key) {
        report.add_at("module", "UNKNOWN_MODULE", format!("The program has no module “{key}”"));
    }
}

/// Checks the message template that is named at `template`.
pub(super) fn known_template(report: &mut Report, key: &str, shape: &ProgramShape<'_>) {
    if !shape.templates.contains(&key) {
        report.add_at(
            "template",
            "UNKNOWN_TEMPLATE",
            format!(
                "There is no template “{key}”: use one of {}",
                shape.templates.join(", ")
            ),
        );
    }
}
