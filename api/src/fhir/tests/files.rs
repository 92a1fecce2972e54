//! The Questionnaire as a whole, and the scale file beside it.

use rules::form::Method;
use serde_json::json;

use super::{
    super::{ImportError, Imported, NoteCode, import},
    HL7, SDC, codes, item, questionnaire, yes_no,
};

#[test]
fn extensions_that_change_the_meaning_are_named_and_looks_are_not() {
    let imported = questionnaire(
        json!({ "resourceType": "Questionnaire", "id": "x", "copyright": "Ask first.",
        "modifierExtension": [{ "url": "http://example.org/reversed", "valueBoolean": true }],
        "item": [{ "linkId": "a", "type": "string", "text": "A", "maxLength": 20, "repeats": true,
            "initial": [{ "valueString": "x" }], "extension": [
                { "url": format!("{HL7}questionnaire-constraint"), "extension": [{ "url": "human", "valueString": "Only letters" }] },
                { "url": format!("{HL7}regex"), "valueString": "[a-z]+" },
                { "url": format!("{SDC}initialExpression"), "valueExpression": { "language": "text/fhirpath", "expression": "%patient" } },
                { "url": format!("{SDC}enableWhenExpression"), "valueExpression": { "language": "text/cql", "expression": "IsAdult" } },
                { "url": "http://example.org/unheard-of", "valueBoolean": true },
                { "url": format!("{HL7}designNote"), "valueMarkdown": "A note" },
                { "url": format!("{HL7}questionnaire-choiceOrientation"), "valueCode": "vertical" } ] }] }),
    );
    assert_eq!(imported.notes[0].code, NoteCode::Terms);
    assert_eq!(
        (imported.notes[1].code, &imported.notes[1].item),
        (NoteCode::Extension, &None)
    );
    let expected = [
        NoteCode::Expression,
        NoteCode::Repeats,
        NoteCode::Limit,
        NoteCode::InitialValue,
        NoteCode::Limit,
        NoteCode::Limit,
        NoteCode::InitialValue,
        NoteCode::Extension,
    ];
    assert_eq!(codes(&imported, "a"), expected);
    assert_eq!(
        imported.notes[2].to_string(),
        "a: whether it is shown is decided by “IsAdult” (CQL): it is shown always"
    );
    assert!(
        imported
            .notes
            .iter()
            .any(|note| note.message == "its constraint is not checked: “Only letters”")
    );
}

#[test]
fn words_are_plain_and_in_the_files_language() {
    let imported = questionnaire(
        json!({ "resourceType": "Questionnaire", "language": "sv-SE", "title": "Sömn",
        "_title": { "extension": [{ "url": format!("{HL7}translation"), "extension": [
            { "url": "lang", "valueCode": "en" }, { "url": "content", "valueString": "Sleep" }] }] },
        "item": [
            { "linkId": "1", "type": "boolean", "text": "Platshållare", "_text": { "extension": [
                { "url": format!("{HL7}rendering-xhtml"), "valueString": "<p>Sov du <b>bra</b>?</p>" }] } },
            { "linkId": "2", "type": "boolean", "code": [{ "display": "Snarkar" }] },
        ]}),
    );
    assert_eq!(
        (imported.form.title.get("sv-SE"), imported.form.title.get("en")),
        ("Sömn", "Sleep")
    );
    assert_eq!(imported.form.key, "s-mn");
    assert_eq!(
        item(&imported, "1").text.0.iter().collect::<Vec<_>>(),
        [(&"sv-SE".to_owned(), &"Sov du bra?".to_owned())]
    );
    assert_eq!(item(&imported, "2").text.get("sv-SE"), "Snarkar");
    assert_eq!(codes(&imported, "2"), [NoteCode::Wording]);
}

const SLEEP: &str = r"
key: sleep
title: { sv: Sömn }
instructions: { sv: Tänk på den senaste veckan. }
values:
  /rested: { yes: 2, no: 0 }
scales:
  - key: total
    label: { sv: Poäng }
    method: SUM
    items: [/rested, awake]
    reversed: [/rested]
    missing: PRORATE
    minimumAnswered: 1
    bands: [{ key: low, label: { sv: Låg }, from: 0, to: 1 }, { key: high, label: { sv: Hög }, from: 2, to: 3 }]
";

fn with_scale(scale: &str) -> Result<Imported, ImportError> {
    let awake = json!({ "linkId": "/awake", "type": "choice", "text": "Awake", "answerOption": [{ "valueInteger": 0 }, { "valueInteger": 1 }] });
    let hidden = json!({ "linkId": "gone", "type": "display" });
    let form = json!({ "resourceType": "Questionnaire", "name": "Q", "item": [yes_no("/rested"), awake, hidden] });
    import(form.to_string().as_bytes(), Some(scale.as_bytes()), "en")
}

#[test]
fn a_scale_file_gives_scores_values_and_names() {
    let imported = with_scale(SLEEP).unwrap();
    assert_eq!(imported.form.key, "sleep");
    assert_eq!(
        (imported.form.title.get("sv"), imported.form.title.get("en")),
        ("Sömn", "Q")
    );
    assert_eq!(imported.form.instructions.get("sv"), "Tänk på den senaste veckan.");
    assert_eq!(
        item(&imported, "rested")
            .options
            .iter()
            .map(|option| option.value)
            .collect::<Vec<_>>(),
        [Some(2.0), Some(0.0)]
    );
    let scale = imported.form.scale("total").unwrap();
    assert_eq!(
        (scale.method, &scale.items, &scale.reversed),
        (
            Method::Sum,
            &vec!["rested".to_owned(), "awake".to_owned()],
            &vec!["rested".to_owned()]
        )
    );
    assert_eq!((scale.minimum_answered, scale.bands.len()), (Some(1), 2));
}

#[test]
fn a_scale_file_may_be_json() {
    let json = json!({ "scales": [{ "key": "n", "label": { "en": "N" }, "method": "COUNT", "items": ["awake"] }] });
    let imported = with_scale(&json.to_string()).unwrap();
    assert_eq!(imported.form.scale("n").map(|scale| scale.method), Some(Method::Count));
}

#[test]
fn what_a_scale_file_names_has_to_be_there() {
    let refused = |scale: &str| with_scale(scale).unwrap_err().to_string();
    let fits = "the scale file does not fit the questionnaire: ";
    assert_eq!(
        refused(&SLEEP.replace("awake]", "asleep]")),
        format!("{fits}scale total: there is no item asleep")
    );
    assert_eq!(
        refused(&SLEEP.replace("awake]", "gone]")),
        format!("{fits}scale total: the item gone is not part of the form")
    );
    assert_eq!(
        refused(&SLEEP.replace("no: 0", "never: 0")),
        format!("{fits}the item /rested has no option “never”")
    );
    assert_eq!(
        refused("values: { nobody: { a: 1 } }"),
        format!("{fits}there is no item nobody")
    );
    assert!(refused("skales: []").starts_with("the scale file cannot be read: "));
    assert!(refused("{ \"scales\": 3 }").starts_with("the scale file cannot be read: "));
    assert!(refused("scales: [").starts_with("the scale file cannot be read: "));
}

#[test]
fn a_file_that_is_no_questionnaire_says_what_it_is() {
    let refused = |bytes: &[u8]| import(bytes, None, "en").unwrap_err().to_string();
    assert!(refused(b"<Questionnaire/>").contains("XML has to be converted to JSON"));
    assert_eq!(
        refused(br#"{ "resourceType": "Bundle" }"#),
        "the file holds a FHIR Bundle, not a FHIR Questionnaire; give the file of one Questionnaire"
    );
    assert!(refused(b"[]").contains("no FHIR resource"));
    assert!(
        refused(br#"{ "resourceType": "Questionnaire", "item": [{ "required": "yes" }] }"#)
            .contains("item[0].required")
    );
    let only_words =
        br#"{ "resourceType": "Questionnaire", "item": [{ "linkId": "a", "type": "display", "text": "A" }] }"#;
    assert_eq!(
        refused(only_words),
        "the questionnaire has no item that a person could answer"
    );
    assert!(refused(br#"{ "resourceType": "Questionnaire" }"#).contains("no item"));
    let marked = b"\xef\xbb\xbf{ \"resourceType\": \"Questionnaire\", \"item\": [{ \"linkId\": \"a\", \"type\": \"text\", \"text\": \"A\" }] }";
    assert!(import(marked, None, "en").is_ok());
}
