//! When items are shown.

use rules::{
    answer::Answer,
    form::{EnableBehavior, Operator},
};
use serde_json::{Value, json};

use super::{super::NoteCode, HL7, SDC, codes, compared, item, items, yes_no};

/// A text item that is shown under these conditions.
fn shown_when(behavior: &str, conditions: Value) -> Value {
    json!({ "linkId": "last", "type": "string", "text": "Last", "enableWhen": conditions, "enableBehavior": behavior })
}

#[test]
fn every_comparison_is_carried_over() {
    let all = json!([
        { "question": "a", "operator": "=", "answerCoding": { "system": "urn:x", "code": "yes" } },
        { "question": "a", "operator": "!=", "answerCoding": { "code": "no" } },
        { "question": "a", "operator": "exists", "answerBoolean": true },
        { "question": "flag", "operator": "=", "answerBoolean": false },
        { "question": "n", "operator": ">", "answerInteger": 3 },
        { "question": "n", "operator": "<=", "answerDecimal": 7.5 },
        { "question": "d", "operator": ">=", "answerDate": "2027-03-28" },
        { "question": "d", "operator": "<", "answerDateTime": "2027-04-01T08:00:00Z" },
        { "question": "t", "operator": "<", "answerTime": "08:30:00" },
        { "question": "t", "operator": ">", "answerTime": "07:00:30" },
        { "question": "s", "operator": "=", "answerString": "hello" },
        { "question": "q", "operator": ">", "answerQuantity": { "value": 5, "unit": "kg" } },
    ]);
    let ask = |link: &str, kind: &str| json!({ "linkId": link, "type": kind, "text": link });
    let imported = items(json!([
        yes_no("a"),
        ask("flag", "boolean"),
        ask("n", "integer"),
        ask("d", "date"),
        ask("t", "time"),
        ask("s", "string"),
        ask("q", "quantity"),
        shown_when("all", all),
    ]));
    let text = |text: &str| Answer::Text(text.to_owned());
    let last = item(&imported, "last").enable_when.as_ref().unwrap();
    assert_eq!(last.behavior, EnableBehavior::All);
    let expected = [
        ("a", Operator::Eq, text("yes")),
        ("a", Operator::Ne, text("no")),
        ("a", Operator::Exists, Answer::Boolean(true)),
        ("flag", Operator::Eq, Answer::Boolean(false)),
        ("n", Operator::Gt, Answer::Number(3.0)),
        ("n", Operator::Lte, Answer::Number(7.5)),
        ("d", Operator::Gte, text("2027-03-28")),
        ("d", Operator::Lt, text("2027-04-01")),
        ("t", Operator::Lt, text("08:30")),
        ("t", Operator::Gt, text("07:00:30")),
        ("s", Operator::Eq, text("hello")),
        ("q", Operator::Gt, Answer::Number(5.0)),
    ];
    assert_eq!(compared(last), expected);
    assert!(imported.notes.is_empty());
}

#[test]
fn a_condition_that_cannot_be_asked_is_named_and_does_not_hide_the_item() {
    let computed = json!({ "linkId": "sum", "type": "decimal", "text": "Sum", "extension": [
        { "url": format!("{SDC}calculatedExpression"), "valueExpression": { "language": "text/cql", "expression": "Sum" } }] });
    let yes = json!({ "question": "a", "operator": "=", "answerCoding": { "code": "yes" } });
    let broken = [
        (
            json!({ "question": "a", "operator": "=", "answerCoding": { "code": "perhaps" } }),
            NoteCode::DanglingCode,
        ),
        (
            json!({ "question": "a", "operator": "!=", "answerCoding": { "system": "urn:y", "code": "yes" } }),
            NoteCode::DanglingCode,
        ),
        (
            json!({ "question": "nowhere", "operator": "exists", "answerBoolean": true }),
            NoteCode::Condition,
        ),
        (
            json!({ "question": "words", "operator": "exists", "answerBoolean": true }),
            NoteCode::Condition,
        ),
        (
            json!({ "question": "sum", "operator": ">", "answerDecimal": 3 }),
            NoteCode::Expression,
        ),
        (
            json!({ "question": "n", "operator": "=", "answerString": "3" }),
            NoteCode::Condition,
        ),
        (
            json!({ "question": "n", "operator": "resembles", "answerInteger": 3 }),
            NoteCode::Condition,
        ),
        (
            json!({ "question": "a", "operator": ">", "answerCoding": { "code": "yes" } }),
            NoteCode::Condition,
        ),
        (json!({ "question": "n", "operator": "=" }), NoteCode::Condition),
        (json!({ "question": "n", "answerInteger": 3 }), NoteCode::Condition),
        (json!({ "operator": "=", "answerInteger": 3 }), NoteCode::Condition),
        (
            json!({ "question": "day", "operator": "=", "answerDate": "2027-02-30" }),
            NoteCode::Condition,
        ),
        (
            json!({ "question": "day", "operator": "=", "answerDate": "2027" }),
            NoteCode::Condition,
        ),
    ];
    for (condition, code) in broken {
        let form = |behavior: &str, conditions: Value| {
            items(json!([
                yes_no("a"), { "linkId": "words", "type": "display", "text": "Words" }, computed,
                { "linkId": "n", "type": "integer", "text": "n" },
                { "linkId": "day", "type": "date", "text": "day" }, shown_when(behavior, conditions),
            ]))
        };
        let alone = form("all", json!([condition]));
        assert_eq!(item(&alone, "last").enable_when, None, "{condition}");
        assert_eq!(codes(&alone, "last"), [code], "{condition}");
        assert!(
            alone
                .notes
                .last()
                .unwrap()
                .message
                .ends_with("; the item is shown always"),
            "{condition}"
        );

        let both = form("all", json!([condition, yes]));
        assert_eq!(
            compared(item(&both, "last").enable_when.as_ref().unwrap()).len(),
            1,
            "{condition}"
        );

        // Of “any”, a condition that nobody can answer might hold; one that never holds leaves it to the others.
        let never = condition["operator"] == "=" && code == NoteCode::DanglingCode;
        let either = form("any", json!([condition, yes]));
        assert_eq!(item(&either, "last").enable_when.is_some(), never, "{condition}");
    }
}

#[test]
fn options_that_are_numbers_have_an_order() {
    let scored = |value: i64| json!({ "valueInteger": value });
    let weighed =
        json!({ "valueInteger": 3, "extension": [{ "url": format!("{HL7}ordinalValue"), "valueDecimal": 9 }] });
    let above = json!([{ "question": "n", "operator": ">=", "answerInteger": 2 }]);
    let form = |options: Value| {
        items(
            json!([{ "linkId": "n", "type": "choice", "text": "n", "answerOption": options }, shown_when("all", above.clone())]),
        )
    };
    let ordered = form(json!([scored(1), scored(2)]));
    let last = item(&ordered, "last").enable_when.as_ref().unwrap();
    assert_eq!(compared(last), [("n", Operator::Gte, Answer::Number(2.0))]);
    let unordered = form(json!([scored(1), scored(2), weighed]));
    assert_eq!(codes(&unordered, "last"), [NoteCode::Condition]);
}

#[test]
fn a_circle_of_conditions_is_broken_and_named() {
    let unless = |link: &str, other: &str| {
        json!({ "linkId": link, "type": "string", "text": link,
            "enableWhen": [{ "question": other, "operator": "exists", "answerBoolean": false }] })
    };
    let imported = items(json!([
        unless("a", "b"),
        unless("b", "a"),
        unless("c", "a"),
        unless("d", "d")
    ]));
    let always = |key: &str| item(&imported, key).enable_when.is_none();
    assert_eq!(["a", "b", "c", "d"].map(always), [true, false, false, true]);
    assert_eq!(
        [codes(&imported, "a"), codes(&imported, "d")],
        [[NoteCode::Condition], [NoteCode::Condition]]
    );
    assert_eq!(imported.notes.len(), 2);

    let group = json!({ "linkId": "g", "type": "group", "text": "g", "item": [unless("inside", "nobody")],
        "enableWhen": [{ "question": "inside", "operator": "exists", "answerBoolean": true }] });
    let imported = items(json!([group]));
    assert_eq!(item(&imported, "g").enable_when, None);
}

#[test]
fn an_item_below_a_question_is_shown_only_where_the_question_is() {
    let when = |link: &str, code: &str| json!({ "question": link, "operator": "=", "answerCoding": { "code": code } });
    let imported = items(json!([
        yes_no("a"), yes_no("b"),
        { "linkId": "outer", "type": "boolean", "text": "Outer", "enableWhen": [when("a", "yes")], "item": [
            { "linkId": "plain", "type": "string", "text": "Plain" },
            { "linkId": "own", "type": "string", "text": "Own", "enableWhen": [when("b", "no")] },
        ]},
        { "linkId": "either", "type": "boolean", "text": "Either", "enableBehavior": "any",
          "enableWhen": [when("a", "yes"), when("b", "yes")], "item": [
            { "linkId": "unsayable", "type": "string", "text": "Unsayable", "enableWhen": [when("a", "no")] },
        ]},
        { "linkId": "vague", "type": "string", "text": "Vague", "enableWhen": [when("a", "yes"), when("b", "yes")] },
    ]));
    let shown = |key: &str| {
        let enable_when = item(&imported, key).enable_when.as_ref().unwrap();
        let each = enable_when.conditions.iter();
        (
            enable_when.behavior,
            each.map(|condition| condition.item.as_str()).collect::<Vec<_>>(),
        )
    };
    assert_eq!(shown("plain"), (EnableBehavior::All, vec!["a"]));
    assert_eq!(shown("own"), (EnableBehavior::All, vec!["a", "b"]));
    assert_eq!(shown("either"), (EnableBehavior::Any, vec!["a", "b"]));
    assert_eq!(shown("unsayable"), (EnableBehavior::All, vec!["a"]));
    assert_eq!(shown("vague"), (EnableBehavior::All, vec!["a", "b"]));
    assert_eq!(codes(&imported, "unsayable"), [NoteCode::Condition]);
    assert_eq!(codes(&imported, "vague"), [NoteCode::Condition]);
    assert_eq!(imported.notes.len(), 2);
}
