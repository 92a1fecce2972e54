//! What is asked, and what may be answered.

use rules::{
    answer::Answer,
    form::{Item, ItemKind, Operator},
};
use serde_json::{Value, json};

use super::{super::NoteCode, HL7, SDC, codes, compared, item, items, questionnaire};

#[test]
fn every_type_becomes_its_kind() {
    let types = [
        ("boolean", ItemKind::Boolean),
        ("decimal", ItemKind::Decimal),
        ("quantity", ItemKind::Decimal),
        ("integer", ItemKind::Integer),
        ("date", ItemKind::Date),
        ("dateTime", ItemKind::Date),
        ("time", ItemKind::Time),
        ("string", ItemKind::Text),
        ("text", ItemKind::Text),
        ("url", ItemKind::Text),
        ("display", ItemKind::Display),
    ];
    let list = types
        .iter()
        .map(|(kind, _)| json!({ "linkId": kind, "type": kind, "text": "Words", "required": true }));
    let imported = items(list.collect());
    for (name, kind) in types {
        let item = item(&imported, &name.to_lowercase());
        assert_eq!(item.kind, kind, "{name}");
        assert_eq!(item.required, kind != ItemKind::Display, "{name}");
    }
    assert_eq!(codes(&imported, "dateTime"), [NoteCode::Type]);
    assert_eq!(imported.notes.len(), 1);
    assert_eq!(imported.form.key, "sample-form");
    assert_eq!(imported.form.title.get("en"), "Sample form");
}

#[test]
fn what_a_form_cannot_ask_is_named_and_left_out() {
    let calculated = json!([{ "url": format!("{SDC}calculatedExpression"),
        "valueExpression": { "language": "text/fhirpath", "expression": "1 + 1" } }]);
    let imported = items(json!([
        { "linkId": "file", "type": "attachment", "text": "A file" },
        { "linkId": "who", "type": "reference", "text": "Whom?", "item": [{ "linkId": "why", "type": "text", "text": "Why?" }] },
        { "linkId": "odd", "type": "hologram", "text": "?" },
        { "linkId": "empty", "type": "display" },
        { "linkId": "fixed", "type": "string", "text": "Fixed", "readOnly": true },
        { "linkId": "sum", "type": "integer", "text": "Sum", "extension": calculated, "item": [
            { "linkId": "about", "type": "display", "text": "About the sum" }] },
        { "linkId": "secret", "type": "group", "text": "S", "extension": [{ "url": format!("{HL7}questionnaire-hidden"), "valueBoolean": true }],
          "item": [{ "linkId": "inside", "type": "string", "text": "Inside" }] },
    ]));
    assert_eq!(
        imported
            .form
            .items
            .iter()
            .map(|item| item.key.as_str())
            .collect::<Vec<_>>(),
        ["why"]
    );
    let expected = [
        ("file", NoteCode::UnsupportedType),
        ("who", NoteCode::UnsupportedType),
        ("odd", NoteCode::UnsupportedType),
        ("empty", NoteCode::Empty),
        ("fixed", NoteCode::ReadOnly),
        ("sum", NoteCode::Calculated),
        ("about", NoteCode::Orphan),
        ("secret", NoteCode::Hidden),
        ("inside", NoteCode::Hidden),
    ];
    let named = imported
        .notes
        .iter()
        .map(|note| (note.item.as_deref().unwrap(), note.code));
    assert_eq!(named.collect::<Vec<_>>(), expected);
    assert_eq!(
        imported.notes[5].to_string(),
        "sum: its value is computed by “1 + 1” (FHIRPath): left out; name the items that a score is made of in the scale file"
    );
}

#[test]
fn groups_hold_their_members_and_keys_are_clean_and_unique() {
    let imported = items(json!([
        { "linkId": "/A.1", "type": "group", "text": "Outer", "required": true, "item": [
            { "linkId": "a-1", "prefix": "2)", "type": "string", "text": "Same key" },
            { "linkId": "B", "type": "group", "item": [{ "linkId": "c", "type": "integer", "text": "Deep" }] },
        ]},
        { "linkId": "c", "type": "boolean", "text": "Same linkId" },
        { "type": "boolean", "text": "No linkId" },
    ]));
    let tree = imported
        .form
        .items
        .iter()
        .map(|item| (item.key.as_str(), item.group.as_deref()));
    let expected = [
        ("a-1", None),
        ("a-1-2", Some("a-1")),
        ("b", Some("a-1")),
        ("c", Some("b")),
        ("c-2", None),
        ("item-6", None),
    ];
    assert_eq!(tree.collect::<Vec<_>>(), expected);
    assert_eq!(item(&imported, "a-1-2").text.get("en"), "2) Same key");
    assert_eq!(codes(&imported, "/A.1"), [NoteCode::Limit]);
    assert_eq!(codes(&imported, "c-2"), [NoteCode::LinkId]);
    assert_eq!(codes(&imported, "item-6"), [NoteCode::LinkId]);
}

#[test]
fn options_take_their_values_from_wherever_the_file_keeps_them() {
    let weight = |name: &str, value: f64| json!([{ "url": format!("{HL7}{name}"), "valueDecimal": value }]);
    let imported = items(json!([
        { "linkId": "one", "type": "choice", "text": "One", "answerOption": [
            { "extension": weight("ordinalValue", 1.0), "valueCoding": { "code": "a", "display": "A" } },
            { "valueCoding": { "code": "b", "display": "B", "extension": weight("itemWeight", 2.5) } },
            { "valueCoding": { "code": "c" } },
            { "valueCoding": { "code": "c" } },
            { "valueReference": { "reference": "Patient/1" } } ] },
        { "linkId": "numbers", "type": "choice", "text": "Numbers", "answerOption": [{ "valueInteger": 3 }, { "valueInteger": 4 }] },
        { "linkId": "words", "type": "choice", "repeats": true, "text": "Words", "answerOption": [
            { "valueString": "Often", "extension": weight("ordinalValue", 7.0) }, { "valueString": "Never", "initialSelected": true } ] },
        { "linkId": "flag", "type": "boolean", "text": "Flag", "answerOption": [{ "valueString": "Yes" }] },
        { "linkId": "days", "type": "date", "text": "Days", "answerOption": [{ "valueDate": "2027-03-28" }] },
    ]));
    let options = |key: &str| {
        let each = item(&imported, key).options.iter();
        each.map(|option| (option.key.clone(), option.label.get("en").to_owned(), option.value))
            .collect::<Vec<_>>()
    };
    let option = |key: &str, label: &str, value| (key.to_owned(), label.to_owned(), value);
    assert_eq!(
        options("one"),
        [
            option("a", "A", Some(1.0)),
            option("b", "B", Some(2.5)),
            option("c", "c", None)
        ]
    );
    assert_eq!(
        options("numbers"),
        [option("3", "3", Some(3.0)), option("4", "4", Some(4.0))]
    );
    assert_eq!(
        options("words"),
        [option("Often", "Often", Some(7.0)), option("Never", "Never", None)]
    );
    assert_eq!(item(&imported, "words").kind, ItemKind::MultipleChoice);
    assert_eq!(item(&imported, "days").kind, ItemKind::Choice);
    assert_eq!(codes(&imported, "one"), [NoteCode::Options, NoteCode::Options]);
    assert_eq!(codes(&imported, "words"), [NoteCode::InitialValue]);
    assert_eq!(codes(&imported, "flag"), [NoteCode::Options]);
    assert_eq!(
        (item(&imported, "flag").kind, options("flag")),
        (ItemKind::Boolean, Vec::new())
    );
}

#[test]
fn options_come_from_contained_value_sets() {
    let set = |id: &str, compose: Value| json!({ "resourceType": "ValueSet", "id": id, "url": format!("urn:set:{id}"), "compose": compose });
    let ask = |link: &str, set: &str| json!({ "linkId": link, "type": "choice", "text": link, "answerValueSet": set });
    let imported = questionnaire(json!({ "resourceType": "Questionnaire", "id": "sets", "contained": [
        { "resourceType": "CodeSystem", "id": "cs", "url": "urn:cs", "concept": [
            { "code": "top", "display": "Top", "concept": [{ "code": "below", "display": "Below",
              "extension": [{ "url": format!("{HL7}ordinalValue"), "valueDecimal": 4 }],
              "designation": [{ "language": "sv", "value": "Under" }] }] }] },
        set("listed", json!({ "include": [{ "system": "urn:a", "concept": [{ "code": "x", "display": "X" }] }, { "valueSet": ["urn:set:whole"] }] })),
        set("whole", json!({ "include": [{ "system": "urn:cs" }], "exclude": [{ "system": "urn:cs", "concept": [{ "code": "top" }] }] })),
        set("filtered", json!({ "include": [{ "system": "urn:cs", "filter": [{ "property": "concept" }] }] })),
        set("circle", json!({ "include": [{ "valueSet": ["urn:set:circle"] }] })),
        { "resourceType": "ValueSet", "id": "expanded", "expansion": { "contains": [
            { "abstract": true, "code": "head", "contains": [{ "system": "urn:b", "code": "leaf", "display": "Leaf" }] }] } },
        { "resourceType": "Organization", "id": "other", "concept": "not a list" },
    ], "item": [ask("listed", "#listed"), ask("whole", "urn:set:whole|1.0"), ask("expanded", "#expanded"),
        ask("filtered", "#filtered"), ask("circle", "#circle"), ask("away", "http://example.org/ValueSet/away"),
        json!({ "linkId": "bare", "type": "choice", "text": "bare", "repeats": "false" })] }));
    let keys = |key: &str| {
        item(&imported, key)
            .options
            .iter()
            .map(|option| option.key.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys("listed"), ["x", "below"]);
    assert_eq!(keys("whole"), ["below"]);
    assert_eq!(keys("expanded"), ["leaf"]);
    let below = &item(&imported, "whole").options[0];
    assert_eq!(
        (below.value, below.label.get("sv"), below.label.get("en")),
        (Some(4.0), "Under", "Below")
    );
    for link in ["filtered", "circle", "away", "bare"] {
        assert_eq!(codes(&imported, link), [NoteCode::Options]);
        assert_eq!(item(&imported, link).kind, ItemKind::Text);
    }
    assert_eq!(imported.notes.len(), 4);
}

#[test]
fn an_open_choice_gains_an_option_and_a_text() {
    let option = json!([{ "valueCoding": { "code": "bus", "display": "Buss" } }]);
    let imported = questionnaire(
        json!({ "resourceType": "Questionnaire", "id": "open", "language": "sv", "item": [
            { "linkId": "how", "type": "open-choice", "text": "Hur kom du hit?", "required": true, "answerOption": option },
            { "linkId": "free", "type": "open-choice", "text": "Fritt" },
        ]}),
    );
    let how = item(&imported, "how");
    assert_eq!(
        how.options
            .iter()
            .map(|option| option.label.get("sv"))
            .collect::<Vec<_>>(),
        ["Buss", "Annat"]
    );
    let other = item(&imported, "how-other");
    assert_eq!((other.kind, other.required), (ItemKind::Text, true));
    let shown = compared(other.enable_when.as_ref().unwrap());
    assert_eq!(shown, [("how", Operator::Eq, Answer::Text("other".to_owned()))]);
    assert_eq!(item(&imported, "free").kind, ItemKind::Text);
    assert_eq!(codes(&imported, "how"), [NoteCode::OpenChoice]);
}

#[test]
fn numbers_keep_their_limits_units_and_lines() {
    let control = |code: &str| {
        json!({ "url": format!("{HL7}questionnaire-itemControl"),
        "valueCodeableConcept": { "coding": [{ "code": code }] } })
    };
    let display = |link: &str, code: &str| json!({ "linkId": link, "type": "display", "text": link, "extension": [control(code)] });
    let limit = |name: &str, value: f64| json!({ "url": format!("{HL7}{name}"), "valueDecimal": value });
    let imported = items(json!([
        { "linkId": "weight", "type": "quantity", "text": "Weight", "extension": [
            limit("minValue", 20.0), limit("maxValue", 300.5),
            { "url": format!("{HL7}questionnaire-unit"), "valueCoding": { "code": "kg", "display": "kg" } } ] },
        { "linkId": "pain", "type": "integer", "text": "Pain", "extension": [control("slider"), limit("minValue", 0.0), limit("maxValue", 10.0)],
          "item": [display("none", "lower"), display("worst", "upper"), display("points", "unit")] },
        { "linkId": "stepped", "type": "decimal", "text": "Stepped", "extension": [control("slider"), limit("minValue", 0.0), limit("maxValue", 1.0),
            { "url": format!("{HL7}questionnaire-sliderStepValue"), "valueInteger": 1 }] },
        { "linkId": "endless", "type": "integer", "text": "Endless", "extension": [control("slider"), limit("minValue", 9.0), limit("maxValue", 1.0)] },
        { "linkId": "day", "type": "date", "text": "Day", "extension": [{ "url": format!("{HL7}minValue"), "valueDate": "2020-01-01" }] },
        { "linkId": "dose", "type": "quantity", "text": "Dose", "extension": [
            { "url": format!("{HL7}questionnaire-unitOption"), "valueCoding": { "code": "mg" } }] },
    ]));
    let weight = item(&imported, "weight");
    assert_eq!(
        (weight.kind, weight.min, weight.max, weight.text.get("en")),
        (ItemKind::Decimal, Some(20.0), Some(300.5), "Weight (kg)")
    );
    let pain = item(&imported, "pain");
    assert_eq!(
        (pain.kind, pain.min, pain.max, pain.step),
        (ItemKind::Scale, Some(0.0), Some(10.0), Some(1.0))
    );
    assert_eq!(
        (pain.min_label.get("en"), pain.max_label.get("en"), pain.text.get("en")),
        ("none", "worst", "Pain (points)")
    );
    assert!(imported.form.item("none").is_none() && imported.form.item("points").is_none());
    assert_eq!(item(&imported, "stepped").step, Some(1.0));
    let endless = item(&imported, "endless");
    assert_eq!(
        (endless.kind, endless.min, endless.max),
        (ItemKind::Integer, None, None)
    );
    assert_eq!(codes(&imported, "endless"), [NoteCode::Limit, NoteCode::Type]);
    assert_eq!(codes(&imported, "day"), [NoteCode::Limit]);
    assert_eq!(codes(&imported, "dose"), [NoteCode::Type]);
    assert_eq!(imported.notes.len(), 4);
}

#[test]
fn odd_codes_and_names_still_make_a_valid_form() {
    let long = "word ".repeat(100);
    let options = json!([{ "valueString": long }, { "valueString": "two\nlines" }, { "valueCoding": { "code": " ", "display": "" } },
        { "valueCoding": { "system": "urn:1", "code": "same" } }, { "valueCoding": { "system": "urn:2", "code": "same" } }]);
    let imported = questionnaire(
        json!({ "resourceType": "Questionnaire", "title": " ", "name": "", "item": [
        { "linkId": long, "type": "choice", "text": "A\u{0}b", "answerOption": options },
        { "linkId": "åäö", "type": "boolean", "text": "B" } ] }),
    );
    let keys = |item: &Item| item.options.iter().map(|option| option.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&imported.form.items[0])[1..], ["two lines", "same", "same-2"]);
    assert_eq!(
        (
            imported.form.items[0].text.get("en"),
            imported.form.items[1].key.as_str()
        ),
        ("Ab", "item")
    );
    assert_eq!(
        (imported.form.key.as_str(), imported.form.title.get("en")),
        ("form", "Form")
    );
}
