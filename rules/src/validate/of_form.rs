//! Whether a form makes sense.

use std::collections::{HashMap, HashSet};

use super::Report;
use crate::{
    answer::{Answer, parse_date, takes_answer},
    form::{EnableCondition, Form, Item, ItemKind, Method, MissingPolicy, Operator, Scale},
    period::LocalTime,
    score,
};

const MAX_ITEMS: usize = 1_000;
const MAX_OPTIONS: usize = 500;
const MAX_CONDITIONS: usize = 50;
const MAX_SCALES: usize = 50;
const MAX_BANDS: usize = 50;
const MAX_DECIMALS: u32 = 6;

pub(super) fn check(report: &mut Report, form: &Form) {
    report.key("key", &form.key);
    report.text("title", &form.title);
    report.length("items", &form.items, MAX_ITEMS);
    report.distinct("items", form.items.iter().map(|item| &item.key), Some("key"));
    let places: HashMap<&str, usize> = form
        .items
        .iter()
        .enumerate()
        .map(|(place, item)| (item.key.as_str(), place))
        .collect();
    let mut place = 0;
    report.each("items", &form.items, |report, item| {
        check_item(report, item);
        check_group(report, form, item, place, &places);
        check_enable_when(report, form, item);
        place += 1;
    });
    check_circles(report, form, &places);
    if form.scales.len() > MAX_SCALES {
        report.add_at("scales", "TOO_MANY", format!("At most {MAX_SCALES}"));
    }
    report.distinct("scales", form.scales.iter().map(|scale| &scale.key), Some("key"));
    report.each("scales", &form.scales, |report, scale| check_scale(report, form, scale));
}

fn check_item(report: &mut Report, item: &Item) {
    report.key("key", &item.key);
    if takes_answer(item.kind) {
        report.text("text", &item.text);
    }
    if matches!(item.kind, ItemKind::Choice | ItemKind::MultipleChoice) {
        report.length("options", &item.options, MAX_OPTIONS);
        report.distinct("options", item.options.iter().map(|option| &option.key), Some("key"));
        report.each("options", &item.options, |report, option| {
            report.key("key", &option.key);
            report.text("label", &option.label);
            if option.value.is_some_and(|value| !value.is_finite()) {
                report.add_at("value", "NOT_A_NUMBER", "Give a number");
            }
        });
    } else if !item.options.is_empty() {
        report.add_at(
            "options",
            "NOT_A_CHOICE",
            "Only CHOICE and MULTIPLE_CHOICE have options",
        );
    }
    let is_number = matches!(item.kind, ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale);
    for (field, number) in [("min", item.min), ("max", item.max), ("step", item.step)] {
        match number {
            Some(_) if !is_number => {
                report.add_at(field, "NOT_A_NUMBER_ITEM", "Only INTEGER, DECIMAL and SCALE have this")
            }
            Some(number) if !number.is_finite() => report.add_at(field, "NOT_A_NUMBER", "Give a number"),
            Some(step) if field == "step" && step <= 0.0 => {
                report.add_at(field, "NOT_POSITIVE", "Give a step above zero")
            }
            None if item.kind == ItemKind::Scale && field != "step" => {
                report.add_at(field, "EMPTY", "A SCALE needs its lowest and its highest number");
            }
            _ => {}
        }
    }
    if let (Some(min), Some(max)) = (item.min, item.max)
        && min > max
    {
        report.add_at(
            "max",
            "OUT_OF_ORDER",
            format!("Give a number that is not below the lowest, {min}"),
        );
    }
}

fn check_group(report: &mut Report, form: &Form, item: &Item, place: usize, places: &HashMap<&str, usize>) {
    let Some(group) = item.group.as_deref() else { return };
    match places
        .get(group)
        .and_then(|place| Some((*place, form.items.get(*place)?)))
    {
        None => report.add_at("group", "UNKNOWN_ITEM", format!("The form has no group “{group}”")),
        Some((_, item)) if item.kind != ItemKind::Group => {
            report.add_at("group", "NOT_A_GROUP", format!("“{group}” is not a GROUP"))
        }
        Some((group_place, _)) if group_place >= place => {
            report.add_at("group", "OUT_OF_ORDER", "A group stands before its members");
        }
        Some(_) => {}
    }
}

fn check_enable_when(report: &mut Report, form: &Form, item: &Item) {
    let Some(when) = &item.enable_when else { return };
    report.at("enableWhen", |report| {
        report.length("conditions", &when.conditions, MAX_CONDITIONS);
        report.each("conditions", &when.conditions, |report, condition| {
            match form.item(&condition.item) {
                None => report.add_at(
                    "item",
                    "UNKNOWN_ITEM",
                    format!("The form has no item “{}”", condition.item),
                ),
                Some(other) if other.key == item.key => {
                    report.add_at("item", "CIRCLE", "An item cannot be shown because of its own answer");
                }
                Some(other) if !takes_answer(other.kind) => {
                    report.add_at(
                        "item",
                        "NOT_ANSWERABLE",
                        format!("“{}” takes no answer", condition.item),
                    );
                }
                Some(other) => check_comparison(report, other, condition),
            }
        });
    });
}

fn check_comparison(report: &mut Report, item: &Item, condition: &EnableCondition) {
    let is_order = matches!(
        condition.operator,
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte
    );
    let expected = match (item.kind, &condition.answer) {
        (_, Answer::Boolean(_)) if condition.operator == Operator::Exists => None,
        (_, _) if condition.operator == Operator::Exists => Some("true or false"),
        (ItemKind::Choice | ItemKind::MultipleChoice, Answer::Text(key)) => {
            if is_order {
                return report.add_at(
                    "operator",
                    "OPERATOR",
                    "An option can only be compared with EQ, NE or EXISTS",
                );
            }
            let known = item.options.iter().any(|option| option.key == *key);
            (!known).then_some("the key of one of its options")
        }
        (ItemKind::Choice | ItemKind::MultipleChoice, Answer::Number(_)) => {
            let counted = item.options.iter().any(|option| option.value.is_some());
            (!counted).then_some("the key of one of its options")
        }
        (ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale, Answer::Number(_)) => None,
        (ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale, _) => Some("a number"),
        (ItemKind::Boolean, Answer::Boolean(_)) => None,
        (ItemKind::Boolean, _) => Some("true or false"),
        (ItemKind::Date, Answer::Text(date)) => parse_date(date).is_none().then_some("a date, for example 2027-03-28"),
        (ItemKind::Time, Answer::Text(time)) => time
            .parse::<LocalTime>()
            .is_err()
            .then_some("a time of day, for example 08:30"),
        (ItemKind::Text, Answer::Text(_)) => None,
        _ => Some("a value that the item can have"),
    };
    if let Some(expected) = expected {
        report.add_at(
            "answer",
            "WRONG_TYPE",
            format!("Compare “{}” with {expected}", item.key),
        );
    }
}

/// Items whose being shown depends, by way of others, on themselves.
fn check_circles(report: &mut Report, form: &Form, places: &HashMap<&str, usize>) {
    let dependencies = |place: usize| {
        let item = form.items.get(place);
        let conditions = item
            .and_then(|item| item.enable_when.as_ref())
            .map(|when| when.conditions.as_slice());
        let asked = conditions
            .unwrap_or_default()
            .iter()
            .map(|condition| condition.item.as_str());
        let group = item.and_then(|item| item.group.as_deref());
        asked
            .chain(group)
            .filter_map(|key| places.get(key).copied())
            .filter(move |other| *other != place)
    };
    // An item is settled once everything that it depends on is; what never settles stands in a circle, or behind one.
    let mut settled: HashSet<usize> = HashSet::new();
    loop {
        let before = settled.len();
        for place in 0..form.items.len() {
            if !settled.contains(&place) && dependencies(place).all(|other| settled.contains(&other)) {
                settled.insert(place);
            }
        }
        if settled.len() == before {
            break;
        }
    }
    for place in (0..form.items.len()).filter(|place| !settled.contains(place)) {
        report.at("items", |report| {
            report.at(&place.to_string(), |report| {
                report.add_at(
                    "enableWhen",
                    "CIRCLE",
                    "Items depend on one another in a circle: remove one of the conditions",
                );
            });
        });
    }
}

fn check_scale(report: &mut Report, form: &Form, scale: &Scale) {
    report.key("key", &scale.key);
    report.text("label", &scale.label);
    report.length("items", &scale.items, MAX_ITEMS);
    report.distinct("items", &scale.items, None);
    report.each("items", &scale.items, |report, key| match form.item(key) {
        None => report.add("UNKNOWN_ITEM", format!("The form has no item “{key}”")),
        Some(item) if !can_be_scored(item) => {
            report.add(
                "NOT_SCORABLE",
                format!("“{key}” has no numbers to score: give its options values"),
            );
        }
        Some(_) => {}
    });
    report.each("reversed", &scale.reversed, |report, key| {
        if !scale.items.contains(key) {
            report.add("UNKNOWN_ITEM", format!("“{key}” is not one of the items of the scale"));
        } else if form
            .item(key)
            .is_some_and(|item| can_be_scored(item) && score::range(item).is_none())
        {
            report.add(
                "UNBOUNDED",
                format!("“{key}” needs a lowest and a highest number to be reversed"),
            );
        }
    });
    if scale
        .minimum_answered
        .is_some_and(|least| least == 0 || least > scale.items.len())
    {
        report.add_at(
            "minimumAnswered",
            "OUT_OF_RANGE",
            format!("From 1 to {}, the number of items", scale.items.len()),
        );
    }
    if scale.decimals > MAX_DECIMALS {
        report.add_at("decimals", "OUT_OF_RANGE", format!("At most {MAX_DECIMALS}"));
    }
    if scale
        .standard_deviation
        .is_some_and(|deviation| !deviation.is_finite() || deviation <= 0.0)
    {
        report.add_at("standardDeviation", "NOT_POSITIVE", "Give a number above zero");
    }
    if scale
        .reliability
        .is_some_and(|reliability| !(0.0..1.0).contains(&reliability))
    {
        report.add_at("reliability", "OUT_OF_RANGE", "From 0 to below 1");
    }
    if scale.standard_deviation.is_some() != scale.reliability.is_some() {
        let absent = if scale.reliability.is_none() {
            "reliability"
        } else {
            "standardDeviation"
        };
        report.add_at(
            absent,
            "EMPTY",
            "The standard deviation and the reliability are only of use together: give both or none",
        );
    }
    if scale.method == Method::Count && scale.missing == MissingPolicy::Prorate {
        report.add_at(
            "missing",
            "CONTRADICTION",
            "A COUNT cannot be prorated: use REFUSE or IGNORE",
        );
    }
    if scale.bands.len() > MAX_BANDS {
        report.add_at("bands", "TOO_MANY", format!("At most {MAX_BANDS}"));
    }
    report.distinct("bands", scale.bands.iter().map(|band| &band.key), Some("key"));
    let mut above: Option<f64> = None;
    // The distance from one rounded score to the next.
    let unit = 0.1_f64.powi(i32::try_from(scale.decimals.min(MAX_DECIMALS)).unwrap_or_default());
    report.each("bands", &scale.bands, |report, band| {
        report.key("key", &band.key);
        report.text("label", &band.label);
        if !(band.from.is_finite() && band.to.is_finite()) {
            report.add_at("from", "NOT_A_NUMBER", "Give two numbers");
        } else if band.from > band.to {
            report.add_at(
                "to",
                "OUT_OF_ORDER",
                format!("Give a number that is not below {}", band.from),
            );
        } else if above.is_some_and(|above| band.from <= above) {
            report.add_at(
                "from",
                "OUT_OF_ORDER",
                "Bands ascend and do not overlap: begin above the end of the one before",
            );
        } else if let Some(above) = above.filter(|above| band.from - above > 1.5 * unit) {
            report.add_at(
                "from",
                "GAP",
                format!(
                    "Scores between {above} and {} would lie in no band: begin at {}",
                    band.from,
                    above + unit
                ),
            );
        }
        above = Some(band.to);
    });
}

fn can_be_scored(item: &Item) -> bool {
    match item.kind {
        ItemKind::Boolean | ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale => true,
        ItemKind::Choice | ItemKind::MultipleChoice => item.options.iter().any(|option| option.value.is_some()),
        ItemKind::Group | ItemKind::Display | ItemKind::Text | ItemKind::Date | ItemKind::Time => false,
    }
}
