//! The six FHIR Questionnaires of a clinical app, with the scale files beside this test: what they become, what they
//! name, and how they score.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path};

use api::fhir::{Imported, NoteCode, import};
use entity::form_version;
use rules::{
    answer::{Answer, Answers, check},
    form::{Form, Item, ItemKind},
    score::{Score, score},
};
use sea_orm::EntityTrait;
use serde_json::Value;
use tests::process;

/// The Questionnaires and their scale files.
const FORMS: [(&str, &str); 6] = [
    ("PHQ9", "phq9"),
    ("GAD7", "gad7"),
    ("WHOAUDIT", "who-audit"),
    ("USAUDIT", "us-audit"),
    ("GDS", "gds"),
    ("BEHAV5", "behav5"),
];

fn source(name: &str) -> Option<Vec<u8>> {
    let path = tests::data::folder()?.join("fhir").join(format!("{name}.json"));
    Some(fs::read(path).unwrap())
}

fn scale_file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/scales");
    fs::read(folder.join(format!("{name}.yaml"))).unwrap()
}

fn imported(name: &str) -> Option<Imported> {
    let (_, scale) = FORMS.iter().find(|(form, _)| *form == name).unwrap();
    Some(import(&source(name)?, Some(&scale_file(scale)), "en").unwrap())
}

#[tokio::test]
async fn the_command_stores_the_form_and_names_what_it_leaves_out() {
    let (Some(data), Some(handrail)) = (tests::data::folder(), process::binary("handrail")) else {
        return;
    };
    let data = data.canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let scale = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/scales/who-audit.yaml");
    let import = || {
        let mut command = process::command(&handrail, folder.path(), &[]);
        command
            .arg("import-form")
            .arg(data.join("fhir/WHOAUDIT.json"))
            .arg("--scale")
            .arg(&scale);
        command.output()
    };
    for _ in 0..2 {
        let output = import().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(
            said.contains("Not carried over:") && said.contains("  pregnancy-question: "),
            "{said}"
        );
    }
    let url = format!("sqlite:{}", folder.path().join("handrail.db").display());
    let connection = entity::store::connect(&url, 1, std::time::Duration::from_secs(5))
        .await
        .unwrap();
    let stored = form_version::Entity::find().all(&connection).await.unwrap();
    // The same document twice is one version.
    let [version] = stored.as_slice() else {
        panic!("{} versions", stored.len())
    };
    let form: Form = serde_json::from_value(version.definition.clone()).unwrap();
    assert_eq!((form.items.len(), form.scales.len()), (14, 2));
}

/// The linkIds of a note's kind.
fn named(imported: &Imported, code: NoteCode) -> Vec<&str> {
    let notes = imported.notes.iter().filter(|note| note.code == code);
    notes.filter_map(|note| note.item.as_deref()).collect()
}

/// The items that the form's first scale is made of.
fn scored(form: &Form) -> Vec<&Item> {
    let scale = form.scales.first().unwrap();
    scale.items.iter().map(|key| form.item(key).unwrap()).collect()
}

/// What an option adds to the first scale.
fn points(form: &Form, item: &Item, value: f64) -> f64 {
    let values = || item.options.iter().filter_map(|option| option.value);
    let is_reversed = form.scales.first().unwrap().reversed.contains(&item.key);
    let ends = values().fold(f64::INFINITY, f64::min) + values().fold(f64::NEG_INFINITY, f64::max);
    if is_reversed { ends - value } else { value }
}

/// Answers to every item of the first scale that add up to `total`.
fn answers(form: &Form, total: f64) -> Answers {
    let mut left = total;
    let mut answers = Answers::new();
    for item in scored(form) {
        let fitting = item
            .options
            .iter()
            .map(|option| (points(form, item, option.value.unwrap()), &option.key));
        let (most, key) = fitting
            .filter(|(points, _)| *points <= left)
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .unwrap();
        left -= most;
        answers.insert(item.key.clone(), Answer::Text(key.clone()));
    }
    assert_eq!(left, 0.0, "the items cannot add up to {total}");
    answers
}

fn first_score(form: &Form, answers: &Answers) -> Score {
    score(form, answers).into_iter().next().unwrap()
}

/// Asserts that answers with this total are accepted, score that total and lie in this band.
fn assert_band(form: &Form, total: f64, band: &str) {
    let answers = answers(form, total);
    assert_eq!(check(form, &answers, false), Ok(()), "{total}");
    let score = first_score(form, &answers);
    assert_eq!(
        (score.value, score.band.as_deref(), score.complete),
        (Some(total), Some(band), true)
    );
}

#[test]
fn phq_9_scores_and_bands_are_right() {
    let Some(imported) = imported("PHQ9") else { return };
    let form = &imported.form;
    assert_eq!(scored(form).len(), 9);
    for (band, totals) in [
        ("minimal", [0.0, 4.0]),
        ("mild", [5.0, 9.0]),
        ("moderate", [10.0, 14.0]),
        ("moderately-severe", [15.0, 19.0]),
        ("severe", [20.0, 27.0]),
    ] {
        totals.into_iter().for_each(|total| assert_band(form, total, band));
    }
    // The tenth item, about difficulty, is asked but adds nothing.
    let mut most = answers(form, 27.0);
    most.insert("69722-7".to_owned(), Answer::Text("LA6574-3".to_owned()));
    assert_eq!(first_score(form, &most).value, Some(27.0));
    // A score with an item missing is missing, not less.
    most.remove("44260-8");
    assert_eq!(first_score(form, &most).value, None);
}

#[test]
fn gad_7_scores_and_bands_are_right() {
    let Some(imported) = imported("GAD7") else { return };
    assert_eq!(scored(&imported.form).len(), 7);
    for (band, totals) in [
        ("minimal", [0.0, 4.0]),
        ("mild", [5.0, 9.0]),
        ("moderate", [10.0, 14.0]),
        ("severe", [15.0, 21.0]),
    ] {
        totals
            .into_iter()
            .for_each(|total| assert_band(&imported.form, total, band));
    }
}

#[test]
fn who_audit_scores_items_nine_and_ten_by_twos() {
    let Some(imported) = imported("WHOAUDIT") else { return };
    let form = &imported.form;
    for item in ["audit-question-nine", "audit-question-ten"] {
        let values = form
            .item(item)
            .unwrap()
            .options
            .iter()
            .filter_map(|option| option.value);
        assert_eq!(values.collect::<Vec<_>>(), [0.0, 2.0, 4.0], "{item}");
    }
    let with_drinks = |total: f64| {
        let mut answers = answers(form, total);
        answers.insert("prescreen-question".to_owned(), Answer::Text("yes".to_owned()));
        answers
    };
    for (band, totals) in [
        ("low", [1.0, 7.0]),
        ("hazardous", [8.0, 15.0]),
        ("harmful", [16.0, 19.0]),
        ("dependence", [20.0, 40.0]),
    ] {
        for total in totals {
            let score = first_score(form, &with_drinks(total));
            assert_eq!((score.value, score.band.as_deref()), (Some(total), Some(band)));
        }
    }
    let mut most = with_drinks(40.0);
    for (option, total) in [
        ("yesbutnotinthelastyear", 38.0),
        ("no", 36.0),
        ("yesduringthelastyear", 40.0),
    ] {
        most.insert("audit-question-ten".to_owned(), Answer::Text(option.to_owned()));
        assert_eq!(first_score(form, &most).value, Some(total));
    }
    // Who does not drink is asked nothing more, and scores zero.
    let sober: Answers = ["prescreen-question", "pregnancy-question"]
        .map(|item| (item.to_owned(), Answer::Text("no".to_owned())))
        .into();
    assert_eq!(check(form, &sober, true), Ok(()));
    assert_eq!(
        (
            first_score(form, &sober).value,
            first_score(form, &sober).band.as_deref()
        ),
        (Some(0.0), Some("low"))
    );
}

#[test]
fn us_audit_scores_up_to_46() {
    let Some(imported) = imported("USAUDIT") else { return };
    let form = &imported.form;
    let reach = scored(form).into_iter().map(|item| {
        item.options
            .iter()
            .filter_map(|option| option.value)
            .fold(0.0, f64::max)
    });
    assert_eq!(
        reach.collect::<Vec<_>>(),
        [6.0, 6.0, 6.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    );
    for (band, totals) in [
        ("low", [1.0, 6.0]),
        ("hazardous", [7.0, 15.0]),
        ("harmful", [16.0, 24.0]),
        ("dependence", [25.0, 46.0]),
    ] {
        for total in totals {
            let mut answers = answers(form, total);
            answers.insert("prescreen-question".to_owned(), Answer::Text("yes".to_owned()));
            let score = first_score(form, &answers);
            assert_eq!((score.value, score.band.as_deref()), (Some(total), Some(band)));
        }
    }
}

#[test]
fn gds_counts_five_items_backwards() {
    let Some(imported) = imported("GDS") else { return };
    let form = &imported.form;
    for (band, totals) in [
        ("none", [0.0, 4.0]),
        ("mild", [5.0, 8.0]),
        ("moderate", [9.0, 11.0]),
        ("severe", [12.0, 15.0]),
    ] {
        totals.into_iter().for_each(|total| assert_band(form, total, band));
    }
    let all = |option: &str| -> Answers {
        scored(form)
            .into_iter()
            .map(|item| (item.key.clone(), Answer::Text(option.to_owned())))
            .collect()
    };
    assert_eq!(first_score(form, &all("LA33-6")).value, Some(10.0), "every yes");
    assert_eq!(first_score(form, &all("LA32-8")).value, Some(5.0), "every no");
}

#[test]
fn behav5_counts_the_behaviours_that_were_there() {
    let Some(imported) = imported("BEHAV5") else { return };
    let form = &imported.form;
    for count in 0..=6 {
        let score = first_score(form, &answers(form, f64::from(count)));
        assert_eq!((score.value, score.band), (Some(f64::from(count)), None));
    }
}

#[test]
fn every_item_is_imported_or_named() {
    for (name, _) in FORMS {
        let (Some(source), Some(imported)) = (source(name), imported(name)) else {
            return;
        };
        assert_eq!(rules::validate::form(&imported.form), Ok(()), "{name}");
        let left_out = [NoteCode::Calculated, NoteCode::Orphan]
            .map(|code| named(&imported, code))
            .concat();
        let json: Value = serde_json::from_slice(&source).unwrap();
        let all = link_ids(&json["item"]);
        let kept: BTreeSet<&str> = all
            .iter()
            .map(String::as_str)
            .filter(|link| !left_out.contains(link))
            .collect();
        assert_eq!(kept.len() + left_out.len(), all.len(), "{name}");
        let keys: BTreeSet<String> = kept
            .iter()
            .map(|link| link.trim_start_matches('/').to_owned())
            .collect();
        assert_eq!(
            keys,
            imported.form.items.iter().map(|item| item.key.clone()).collect(),
            "{name}"
        );
        for item in &imported.form.items {
            let is_choice = matches!(item.kind, ItemKind::Choice);
            assert_eq!(item.options.len() > 1, is_choice, "{name} {}", item.key);
            assert!(
                !item.text.get("en").is_empty() && !item.text.get("en").contains('<'),
                "{name} {}",
                item.key
            );
        }
    }
}

/// Every `linkId` below, in order.
fn link_ids(items: &Value) -> Vec<String> {
    let each = items.as_array().into_iter().flatten();
    each.flat_map(|item| {
        let own = item["linkId"].as_str().unwrap().to_owned();
        std::iter::once(own).chain(link_ids(&item["item"]))
    })
    .collect()
}

#[test]
fn totals_that_only_cql_could_compute_are_left_out_and_named() {
    for (name, expected) in [
        ("PHQ9", vec!["/44261-6"]),
        ("GAD7", vec!["/70274-6"]),
        (
            "WHOAUDIT",
            vec![
                "auditc-score",
                "should-display-questions-four-through-eight",
                "should-display-questions-nine-and-ten",
                "audit-score",
            ],
        ),
        ("GDS", vec!["/48545-8"]),
        ("BEHAV5", vec!["behav-8"]),
    ] {
        let Some(imported) = imported(name) else { return };
        assert_eq!(named(&imported, NoteCode::Calculated), expected, "{name}");
    }
}

#[test]
fn conditions_that_only_cql_could_answer_are_dropped_and_named() {
    let Some(imported) = imported("WHOAUDIT") else { return };
    let expected = [
        "audit-question-four",
        "audit-question-five",
        "audit-question-six",
        "audit-question-seven",
        "audit-question-eight",
        "audit-question-nine",
        "audit-question-ten",
        "pregnancy-question",
    ];
    assert_eq!(named(&imported, NoteCode::Expression), expected);
    // What can be asked of the same item still is.
    let four = imported
        .form
        .item("audit-question-four")
        .unwrap()
        .enable_when
        .as_ref()
        .unwrap();
    assert_eq!(
        four.conditions
            .iter()
            .map(|condition| condition.item.as_str())
            .collect::<Vec<_>>(),
        ["audit-question-three"]
    );
    assert_eq!(imported.form.item("pregnancy-question").unwrap().enable_when, None);
    assert_eq!(
        named(&imported, NoteCode::Wording),
        ["instructions", "audit-question-three"]
    );
}

#[test]
fn a_code_that_is_not_among_the_options_is_named() {
    let Some(imported) = imported("USAUDIT") else { return };
    assert_eq!(named(&imported, NoteCode::DanglingCode), ["usaudit-question-three"]);
    let note = imported
        .notes
        .iter()
        .find(|note| note.code == NoteCode::DanglingCode)
        .unwrap();
    assert!(note.message.contains("UAQ1A0"), "{note}");
    let three = imported
        .form
        .item("usaudit-question-three")
        .unwrap()
        .enable_when
        .as_ref()
        .unwrap();
    assert_eq!(three.conditions.len(), 1);
}

#[test]
fn without_a_scale_file_a_form_has_no_scores() {
    for (name, _) in FORMS {
        let Some(source) = source(name) else { return };
        assert_eq!(import(&source, None, "en").unwrap().form.scales, [], "{name}");
    }
}
