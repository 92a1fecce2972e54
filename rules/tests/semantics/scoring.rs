//! Scores, bands, and what may be answered.

use crate::common::cases;
use proptest::prelude::*;
use rules::{
    answer::{Answer, Answers, MAX_TEXT, check, visible_answers, visible_items},
    form::{Form, Scale},
    score::{Score, answer_number, fact_answers, reach, score},
};
use serde_json::{Value, json};

fn form(json: Value) -> Form {
    serde_json::from_value(json).unwrap()
}

fn answers(json: Value) -> Answers {
    serde_json::from_value(json).unwrap()
}

fn text(text: &str) -> Value {
    json!({ "en": text })
}

/// A measure of so many items scored 0 to 3 and summed, with the cut-offs of its bands.
fn measure(items: usize, bands: &[(&str, f64, f64)]) -> Form {
    let options: Vec<Value> = (0..4)
        .map(|value| json!({ "key": format!("o{value}"), "label": text("x"), "value": value }))
        .collect();
    let keys: Vec<String> = (1..=items).map(|item| format!("q{item}")).collect();
    let items: Vec<Value> = keys
        .iter()
        .map(|key| json!({ "key": key, "kind": "CHOICE", "text": text(key), "required": true, "options": options }))
        .collect();
    let bands: Vec<Value> = bands
        .iter()
        .map(|(key, from, to)| json!({ "key": key, "label": text(key), "from": from, "to": to }))
        .collect();
    let scale = json!({ "key": "total", "label": text("Total"), "method": "SUM", "items": keys, "bands": bands });
    form(json!({ "key": "measure", "title": text("Measure"), "items": items, "scales": [scale] }))
}

fn phq9() -> Form {
    let bands = [
        ("none", 0.0, 4.0),
        ("mild", 5.0, 9.0),
        ("moderate", 10.0, 14.0),
        ("moderately-severe", 15.0, 19.0),
        ("severe", 20.0, 27.0),
    ];
    measure(9, &bands)
}

fn gad7() -> Form {
    measure(
        7,
        &[
            ("none", 0.0, 4.0),
            ("mild", 5.0, 9.0),
            ("moderate", 10.0, 14.0),
            ("severe", 15.0, 21.0),
        ],
    )
}

/// Answers that sum up to a total, the first items answered highest.
fn summing(form: &Form, mut total: u32) -> Answers {
    let items = form.items.iter().map(|item| {
        let value = total.min(3);
        total -= value;
        (item.key.clone(), Answer::Text(format!("o{value}")))
    });
    items.collect()
}

fn only(form: &Form, answers: &Answers) -> Score {
    score(form, answers).remove(0)
}

#[test]
fn totals_and_bands_at_the_boundaries() {
    let phq9_bands = [
        (0, "none"),
        (4, "none"),
        (5, "mild"),
        (9, "mild"),
        (10, "moderate"),
        (14, "moderate"),
        (15, "moderately-severe"),
        (19, "moderately-severe"),
        (20, "severe"),
        (27, "severe"),
    ];
    let gad7_bands = [
        (0, "none"),
        (4, "none"),
        (5, "mild"),
        (9, "mild"),
        (10, "moderate"),
        (14, "moderate"),
        (15, "severe"),
        (21, "severe"),
    ];
    for (form, bands) in [(phq9(), &phq9_bands[..]), (gad7(), &gad7_bands[..])] {
        assert_eq!(rules::validate::form(&form), Ok(()));
        for (total, band) in bands {
            let given = summing(&form, *total);
            assert_eq!(check(&form, &given, true), Ok(()));
            let expected = Score {
                scale: "total".to_owned(),
                value: Some(f64::from(*total)),
                band: Some((*band).to_owned()),
                complete: true,
            };
            assert_eq!(only(&form, &given), expected);
        }
    }
    assert_eq!(reach(&phq9(), &phq9().scales[0]), Some((0.0, 27.0)));
    assert_eq!(reach(&gad7(), &gad7().scales[0]), Some((0.0, 21.0)));
}

#[test]
fn a_score_that_cannot_be_computed_is_missing() {
    let form = phq9();
    let mut given = summing(&form, 27);
    given.remove("q4");
    let expected = Score {
        scale: "total".to_owned(),
        value: None,
        band: None,
        complete: false,
    };
    assert_eq!(only(&form, &given), expected);
    assert_eq!(only(&form, &Answers::new()), expected);
}

fn with_scale(change: impl FnOnce(&mut Scale)) -> Form {
    let mut form = phq9();
    change(&mut form.scales[0]);
    form
}

#[test]
fn policies_for_missing_answers() {
    let ignoring = with_scale(|scale| {
        scale.missing = rules::form::MissingPolicy::Ignore;
        scale.minimum_answered = Some(7);
    });
    let prorating = with_scale(|scale| {
        scale.missing = rules::form::MissingPolicy::Prorate;
        scale.minimum_answered = Some(7);
    });
    // Seven answered: 3+3+3+1+0+0+0 = 10.
    let mut given = summing(&phq9(), 10);
    given.remove("q8");
    given.remove("q9");
    assert_eq!(only(&ignoring, &given).value, Some(10.0));
    // Two more at the mean of 10/7 make 12.857, rounded 13.
    assert_eq!(only(&prorating, &given).value, Some(13.0));
    assert_eq!(only(&prorating, &given).band.as_deref(), Some("moderate"));
    assert!(!only(&prorating, &given).complete);
    given.remove("q7");
    assert_eq!(only(&ignoring, &given).value, None);
    assert_eq!(only(&prorating, &given).value, None);
}

#[test]
fn one_answer_may_stand_for_all_the_others() {
    let mut form = with_scale(|scale| scale.missing = rules::form::MissingPolicy::Prorate);
    for option in &mut form.items[0].options {
        option.value = option.value.map(|value| value * 10.0);
    }
    // Thirty of the first, nine times.
    let given: Answers = [("q1".to_owned(), Answer::Text("o3".to_owned()))].into_iter().collect();
    assert_eq!(only(&form, &given).value, Some(270.0));
    assert_eq!(reach(&form, &form.scales[0]), Some((0.0, 270.0)));
}

#[test]
fn methods_reversal_and_rounding() {
    let mean = with_scale(|scale| {
        scale.method = rules::form::Method::Mean;
        scale.decimals = 2;
        scale.missing = rules::form::MissingPolicy::Ignore;
    });
    let mut given = summing(&phq9(), 4);
    // (3+1+0)/3 = 1.333…; (3+1+0+0+0+0+0+0)/8 = 0.5.
    given.retain(|key, _| ["q1", "q2", "q3"].contains(&key.as_str()));
    assert_eq!(only(&mean, &given).value, Some(1.33));
    let count = with_scale(|scale| scale.method = rules::form::Method::Count);
    assert_eq!(only(&count, &summing(&phq9(), 7)).value, Some(3.0));
    let reversed = with_scale(|scale| scale.reversed = vec!["q1".to_owned(), "q9".to_owned()]);
    // q1 counts 3 − 3 = 0, q9 3 − 0 = 3.
    assert_eq!(only(&reversed, &summing(&phq9(), 3)).value, Some(3.0));

    let number = |decimals: u32, value: f64| {
        let form = form(
            json!({ "key": "f", "title": text("F"), "items": [{ "key": "n", "kind": "DECIMAL", "text": text("N") }],
            "scales": [{ "key": "s", "label": text("S"), "method": "SUM", "items": ["n"], "decimals": decimals }] }),
        );
        only(&form, &answers(json!({ "n": value }))).value
    };
    // Half away from zero, also where binary fractions fall just short of the half.
    for (decimals, value, rounded) in [
        (0, 2.5, 3.0),
        (0, -2.5, -3.0),
        (0, 3.5, 4.0),
        (0, 2.499, 2.0),
        (2, 2.675, 2.68),
        (2, 1.005, 1.01),
        (1, -0.05, -0.1),
        (1, 0.04, 0.0),
        (0, -0.2, 0.0),
    ] {
        let scored = number(decimals, value).unwrap();
        assert_eq!((scored, scored.is_sign_negative()), (rounded, rounded < 0.0), "{value}");
    }
}

/// Two questions that are skipped after a “never”, as in the AUDIT.
fn skipping() -> Form {
    let options = json!([{ "key": "never", "label": text("Never"), "value": 0 }, { "key": "often", "label": text("Often"), "value": 4 }]);
    let shown_after = json!({ "conditions": [{ "item": "q1", "operator": "NE", "answer": "never" }] });
    form(json!({ "key": "f", "title": text("F"), "items": [
        { "key": "q1", "kind": "CHOICE", "text": text("1"), "required": true, "options": options },
        { "key": "more", "kind": "GROUP", "text": text("More"), "enableWhen": shown_after },
        { "key": "q2", "kind": "CHOICE", "text": text("2"), "required": true, "group": "more", "options": options },
        { "key": "q3", "kind": "CHOICE", "text": text("3"), "required": true, "options": options,
          "enableWhen": { "conditions": [{ "item": "q2", "operator": "EXISTS", "answer": true }, { "item": "q2", "operator": "GTE", "answer": 4 }] } },
    ], "scales": [{ "key": "total", "label": text("T"), "method": "SUM", "items": ["q1", "q2", "q3"] }] }))
}

#[test]
fn what_is_not_asked_counts_as_zero() {
    let form = skipping();
    assert_eq!(rules::validate::form(&form), Ok(()));
    let never = answers(json!({ "q1": "never" }));
    assert_eq!(check(&form, &never, true), Ok(()));
    assert_eq!(
        (only(&form, &never).value, only(&form, &never).complete),
        (Some(0.0), true)
    );
    let shown = visible_items(&form, &never);
    assert_eq!(
        form.items
            .iter()
            .filter(|item| shown.contains(item.key.as_str()))
            .count(),
        1
    );

    // A chain: the third question hangs on the second, which hangs on the first.
    let all = answers(json!({ "q1": "often", "q2": "often", "q3": "often" }));
    assert_eq!(only(&form, &all).value, Some(12.0));
    let two = answers(json!({ "q1": "often", "q2": "never" }));
    assert_eq!(check(&form, &two, true), Ok(()));
    assert_eq!(only(&form, &two).value, Some(4.0));
    // Left over from before the first answer was changed: hidden answers neither count nor hold up others.
    let stale = answers(json!({ "q1": "never", "q2": "often", "q3": "often" }));
    assert_eq!(only(&form, &stale).value, Some(0.0));
    assert_eq!(visible_answers(&form, &stale), never);
    assert_eq!(codes(check(&form, &stale, true)), ["q2 HIDDEN", "q3 HIDDEN"]);
    assert_eq!(check(&form, &stale, false), Ok(()));
    assert_eq!(
        codes(check(&form, &answers(json!({ "q1": "often" })), true)),
        ["q2 REQUIRED"]
    );
}

#[test]
fn nothing_answered_scores_nothing() {
    let form = skipping();
    // A “never” hides everything of this scale, which is zero then; without an answer nothing is known.
    let mut hidden = form.clone();
    hidden.scales[0].items = vec!["q2".to_owned(), "q3".to_owned()];
    let often = json!({ "conditions": [{ "item": "q1", "operator": "EQ", "answer": "often" }] });
    hidden.items[1].enable_when = serde_json::from_value(often).unwrap();
    let never = answers(json!({ "q1": "never" }));
    assert_eq!(
        (only(&hidden, &never).value, only(&hidden, &never).complete),
        (Some(0.0), true)
    );
    assert_eq!(only(&hidden, &answers(json!({ "q1": "" }))).value, None);
    assert_eq!(only(&hidden, &Answers::new()).value, None);
    let two = answers(json!({ "q1": "often", "q2": "never" }));
    assert_eq!(only(&hidden, &two).value, Some(0.0));
    // The least number is of answers.
    let mut least = form;
    least.scales[0].minimum_answered = Some(2);
    assert_eq!(only(&least, &never).value, None);
    assert_eq!(only(&least, &two).value, Some(4.0));
}

#[test]
fn a_time_of_day_is_the_same_with_and_without_seconds() {
    for (operator, compared, shown) in [
        ("EQ", "08:30:00", true),
        ("NE", "08:30:00", false),
        ("GT", "08:29:59", true),
        ("GTE", "08:30:01", false),
    ] {
        let when = json!({ "conditions": [{ "item": "time", "operator": operator, "answer": compared }] });
        let form = form(json!({ "key": "f", "title": text("F"), "items": [
            { "key": "time", "kind": "TIME", "text": text("T") },
            { "key": "more", "kind": "TEXT", "text": text("M"), "enableWhen": when },
        ] }));
        let given = answers(json!({ "time": "08:30" }));
        assert_eq!(
            visible_items(&form, &given).contains("more"),
            shown,
            "{operator} {compared}"
        );
    }
}

fn codes(result: Result<(), Vec<rules::answer::AnswerError>>) -> Vec<String> {
    result
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|error| format!("{} {}", error.item, error.code))
        .collect()
}

fn every_kind() -> Form {
    let options = json!([{ "key": "a", "label": text("A"), "value": 1 }, { "key": "b", "label": text("B"), "value": 2.5 }, { "key": "c", "label": text("C") }]);
    form(json!({ "key": "f", "title": text("F"), "items": [
        { "key": "group", "kind": "GROUP", "text": text("G") },
        { "key": "display", "kind": "DISPLAY", "text": text("D"), "group": "group" },
        { "key": "boolean", "kind": "BOOLEAN", "text": text("B") },
        { "key": "integer", "kind": "INTEGER", "text": text("I"), "min": 0, "max": 10 },
        { "key": "decimal", "kind": "DECIMAL", "text": text("D"), "min": 0.0, "step": 0.1 },
        { "key": "scale", "kind": "SCALE", "text": text("S"), "min": 0, "max": 100, "step": 5 },
        { "key": "choice", "kind": "CHOICE", "text": text("C"), "options": options },
        { "key": "multiple", "kind": "MULTIPLE_CHOICE", "text": text("M"), "options": options },
        { "key": "text", "kind": "TEXT", "text": text("T"), "required": true },
        { "key": "date", "kind": "DATE", "text": text("D") },
        { "key": "time", "kind": "TIME", "text": text("T") },
    ] }))
}

#[test]
fn answers_are_checked_against_their_item() {
    let form = every_kind();
    assert_eq!(rules::validate::form(&form), Ok(()));
    let good = json!({ "boolean": true, "integer": 10, "decimal": 0.3, "scale": 45, "choice": "a", "multiple": ["a", "c"], "text": "x", "date": "2028-02-29", "time": "08:30" });
    assert_eq!(check(&form, &answers(good), true), Ok(()));
    let long = "ö".repeat(MAX_TEXT + 1);
    // (answers, codes as a draft, codes when submitted)
    for (item, value, draft, submitted) in [
        ("nothing", json!(1), "UNKNOWN_ITEM", "UNKNOWN_ITEM"),
        ("group", json!(1), "NOT_ANSWERABLE", "NOT_ANSWERABLE"),
        ("display", json!(""), "NOT_ANSWERABLE", "NOT_ANSWERABLE"),
        ("boolean", json!("yes"), "WRONG_TYPE", "WRONG_TYPE"),
        ("boolean", json!(1), "WRONG_TYPE", "WRONG_TYPE"),
        ("integer", json!("1"), "WRONG_TYPE", "WRONG_TYPE"),
        ("integer", json!(1.5), "NOT_WHOLE", "NOT_WHOLE"),
        ("integer", json!(1e300), "NOT_WHOLE", "NOT_WHOLE"),
        ("integer", json!(11), "", "OUT_OF_RANGE"),
        ("integer", json!(-1), "", "OUT_OF_RANGE"),
        ("decimal", json!(-0.1), "", "OUT_OF_RANGE"),
        ("decimal", json!(0.25), "", "OFF_STEP"),
        ("scale", json!(47), "", "OFF_STEP"),
        ("choice", json!("d"), "NOT_AN_OPTION", "NOT_AN_OPTION"),
        ("choice", json!(["a"]), "WRONG_TYPE", "WRONG_TYPE"),
        ("choice", json!(1), "WRONG_TYPE", "WRONG_TYPE"),
        ("multiple", json!(["a", "d"]), "NOT_AN_OPTION", "NOT_AN_OPTION"),
        ("multiple", json!(["a", "a"]), "DUPLICATE_OPTION", "DUPLICATE_OPTION"),
        ("multiple", json!("a"), "WRONG_TYPE", "WRONG_TYPE"),
        ("text", json!(7), "WRONG_TYPE", "WRONG_TYPE"),
        ("text", json!(long), "TOO_LONG", "TOO_LONG"),
        ("text", json!("  "), "", "REQUIRED"),
        ("date", json!("2027-02-29"), "BAD_DATE", "BAD_DATE"),
        ("date", json!("28/3/2027"), "BAD_DATE", "BAD_DATE"),
        ("time", json!("25:00"), "BAD_TIME", "BAD_TIME"),
    ] {
        let mut given = answers(json!({ "text": "x" }));
        given.insert(item.to_owned(), serde_json::from_value(value.clone()).unwrap());
        for (complete, code) in [(false, draft), (true, submitted)] {
            let expected = if code.is_empty() {
                Vec::new()
            } else {
                vec![format!("{item} {code}")]
            };
            assert_eq!(codes(check(&form, &given, complete)), expected, "{item} {value}");
        }
    }
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let given = Answers::from([("decimal".to_owned(), Answer::Number(number))]);
        assert_eq!(codes(check(&form, &given, false)), ["decimal NOT_A_NUMBER"]);
    }
    assert_eq!(codes(check(&form, &Answers::new(), true)), ["text REQUIRED"]);
    assert_eq!(check(&form, &Answers::new(), false), Ok(()));
}

#[test]
fn what_answers_count_for() {
    let form = every_kind();
    let number =
        |item: &str, answer: Value| answer_number(form.item(item).unwrap(), &serde_json::from_value(answer).unwrap());
    assert_eq!(number("boolean", json!(true)), Some(1.0));
    assert_eq!(number("boolean", json!(false)), Some(0.0));
    assert_eq!(number("choice", json!("b")), Some(2.5));
    assert_eq!(number("choice", json!("c")), None);
    assert_eq!(number("multiple", json!(["a", "b"])), Some(3.5));
    assert_eq!(number("multiple", json!([])), None);
    assert_eq!(number("text", json!("5")), None);
    assert_eq!(number("integer", json!(7)), Some(7.0));
    let facts = fact_answers(
        &form,
        &answers(json!({ "choice": "b", "multiple": ["a"], "text": "", "boolean": false })),
    );
    let expected = [
        ("boolean", Answer::Boolean(false)),
        ("choice", Answer::Number(2.5)),
        ("multiple", Answer::Options(vec!["a".to_owned()])),
    ];
    assert_eq!(facts, expected.map(|(item, answer)| (item.to_owned(), answer)));
}

#[test]
fn items_that_hide_one_another_are_hidden() {
    let shown_by = |item: &str| json!({ "conditions": [{ "item": item, "operator": "EXISTS", "answer": true }] });
    let mut circle = form(json!({ "key": "f", "title": text("F"), "items": [
        { "key": "a", "kind": "BOOLEAN", "text": text("A"), "enableWhen": shown_by("b") },
        { "key": "b", "kind": "BOOLEAN", "text": text("B"), "enableWhen": shown_by("a") },
        { "key": "c", "kind": "BOOLEAN", "text": text("C") },
    ] }));
    let given = answers(json!({ "a": true, "b": true, "c": true }));
    assert_eq!(visible_items(&circle, &given).into_iter().collect::<Vec<_>>(), ["c"]);
    let problems = rules::validate::form(&circle).unwrap_err();
    assert_eq!(
        problems.iter().map(|problem| problem.place()).collect::<Vec<_>>(),
        ["items[0].enableWhen", "items[1].enableWhen"]
    );
    circle.items[0].group = Some("a".to_owned());
    assert!(visible_items(&circle, &given).contains("c"));
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn a_total_is_the_sum_and_lies_in_one_band(total in 0..=27_u32) {
        let form = phq9();
        let scored = only(&form, &summing(&form, total));
        prop_assert_eq!(scored.value, Some(f64::from(total)));
        let inside = form.scales[0].bands.iter().filter(|band| band.from <= f64::from(total) && f64::from(total) <= band.to);
        let inside: Vec<String> = inside.map(|band| band.key.clone()).collect();
        prop_assert_eq!(scored.band.into_iter().collect::<Vec<_>>(), inside);
    }

    #[test]
    fn every_score_lies_within_its_reach(chosen in prop::collection::vec(prop::option::of(0..4_u8), 9), missing in 0..3_u8, method in 0..3_u8, reversed in any::<bool>(), weight in -2..6_i8, hidden in any::<bool>()) {
        use rules::form::{Method, MissingPolicy};
        let mut form = with_scale(|scale| {
            scale.missing = [MissingPolicy::Refuse, MissingPolicy::Ignore, MissingPolicy::Prorate][missing as usize];
            scale.method = [Method::Sum, Method::Mean, Method::Count][method as usize];
            if reversed { scale.reversed = vec!["q2".to_owned()]; }
        });
        // Some items count for more than others, or are asked only at times.
        for item in form.items.iter_mut().skip(6) {
            item.options.iter_mut().for_each(|option| option.value = option.value.map(|value| value * f64::from(weight) + 1.0));
        }
        if hidden {
            let shown = json!({ "conditions": [{ "item": "q1", "operator": "EQ", "answer": "o1" }] });
            form.items[8].enable_when = serde_json::from_value(shown).unwrap();
        }
        let given: Answers = form.items.iter().zip(&chosen).filter_map(|(item, value)| Some((item.key.clone(), Answer::Text(format!("o{}", (*value)?))))).collect();
        let scored = only(&form, &given);
        let is_shown = |item: usize| item != 8 || !hidden || chosen[0] == Some(1);
        prop_assert_eq!(scored.complete, (0..9).all(|item| chosen[item].is_some() || !is_shown(item)));
        if let Some(value) = scored.value {
            let (low, high) = reach(&form, &form.scales[0]).unwrap();
            prop_assert!(low <= value && value <= high, "{low} {value} {high}");
        } else {
            prop_assert!(!scored.complete || chosen.iter().all(Option::is_none));
        }
    }
}
