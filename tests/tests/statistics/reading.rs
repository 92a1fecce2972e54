//! Who reads statistics, as what, and how many statements that takes.

use std::collections::HashMap;

use chrono::TimeDelta;
use entity::access_log;
use reqwest::StatusCode;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::Value;
use tests::{app::TestApp, both_databases, care, care::OTHER_THERAPIST, client::text, database::Kind, world::World};

use super::{
    Asked, Of, ask, morning,
    population::{PROGRAMS, people, programs},
    statistics, told,
};

/// The programs, enrollments, stops, forms, outcomes, flags and messages.
const STATEMENTS: u64 = 7;

async fn started(kind: Kind) -> TestApp {
    let world = World::without_program(kind, morning()).await;
    programs(&world).await;
    TestApp::over(world).await
}

async fn enroll(app: &TestApp, people: std::ops::Range<u32>) {
    for n in people {
        let enrollment = care::enroll_in(&app.store, PROGRAMS[0], app.care.unit, app.care.therapist, n, None).await;
        care::dispatch(&app.store, enrollment, "weekly-measure").await;
    }
}

async fn they_are_for_those_who_treat_and_administrators(kind: Kind) {
    let app = started(kind).await;
    enroll(&app, 0..6).await;
    let all = Asked::default();
    let code = async |token: &str, of: Of| {
        let answer = ask(&app, token, of, all).await;
        match answer.body.get("errors") {
            Some(_) => answer.code().to_owned(),
            None => "TOLD".to_owned(),
        }
    };
    for (subject, own, sibling, provider) in [
        ("therapist", "TOLD", "NOT_FOUND", "NOT_FOUND"),
        ("unit-administrator", "TOLD", "NOT_FOUND", "NOT_FOUND"),
        ("provider-administrator", "TOLD", "TOLD", "TOLD"),
        ("citizen-administrator", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"),
        ("designer", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"),
        ("publisher", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"),
        ("auditor", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"),
        (OTHER_THERAPIST, "TOLD", "NOT_FOUND", "NOT_FOUND"),
    ] {
        let token = app.staff(subject);
        let found = [
            code(&token, Of::Own).await,
            code(&token, Of::Sibling).await,
            code(&token, Of::Provider).await,
        ];
        assert_eq!(found, [own, sibling, provider], "{subject}");
    }
    let citizen = ask(&app, &app.citizen(1), Of::Provider, all).await;
    assert!(citizen.body["data"]["careProvider"].is_null(), "{}", citizen.body);
    let other = statistics(&app, &app.staff(OTHER_THERAPIST), Of::Own, all).await;
    assert_eq!(told(&other["enrollments"]), Some(0), "each unit has its own");
}

async fn what_cannot_be_asked_is_refused(kind: Kind) {
    let app = started(kind).await;
    let day = |text: &str| Some(text.parse().unwrap());
    for (from, to) in [
        (day("2027-01-01"), day("2027-01-01")),
        (day("2027-01-02"), None),
        (None, day("2027-01-31")),
        (day("2021-01-01"), day("2027-01-01")),
    ] {
        let asked = Asked {
            from,
            to,
            program: None,
        };
        let answer = ask(&app, &app.therapist(), Of::Own, asked).await;
        assert_eq!(answer.code(), "BAD_PERIOD", "{asked:?}");
    }
    let usual = statistics(&app, &app.therapist(), Of::Own, Asked::default()).await;
    assert_eq!(
        (text(&usual["from"]), text(&usual["to"])),
        ("2026-02-01".into(), "2027-02-01".into())
    );
    let unknown = Asked {
        program: Some("no-such-program"),
        ..Asked::default()
    };
    assert_eq!(ask(&app, &app.therapist(), Of::Own, unknown).await.code(), "NOT_FOUND");
}

async fn a_block_changes_no_number_and_nobody_is_logged(kind: Kind) {
    let app = started(kind).await;
    enroll(&app, 0..5).await;
    let blocking = care::enroll_in(&app.store, PROGRAMS[0], app.care.unit, app.care.therapist, 5, None).await;
    let numbers = async || {
        let mut found = statistics(&app, &app.therapist(), Of::Own, Asked::default()).await;
        found["tableUrl"].take();
        found
    };
    let before = numbers().await;
    assert_eq!(told(&before["enrollments"]), Some(6));
    care::block(&app.store, blocking, app.care.unit).await;
    let logged = access_log::Entity::find().count(app.store.connection()).await.unwrap();
    assert_eq!(
        numbers().await,
        before,
        "a number that falls tells who has blocked the unit"
    );
    assert_eq!(
        access_log::Entity::find().count(app.store.connection()).await.unwrap(),
        logged
    );
}

/// The rows of a table, by measure, what it is of, and figure.
fn rows(table: &str) -> HashMap<(String, String, String), String> {
    let table = table.strip_prefix('\u{feff}').unwrap();
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    assert_eq!(reader.headers().unwrap(), vec!["measure", "of", "figure", "value"]);
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        let cell = |place: usize| row[place].to_owned();
        ((cell(0), cell(1), cell(2)), cell(3))
    });
    rows.collect()
}

async fn a_table_holds_the_same_numbers(kind: Kind) {
    let world = World::without_program(kind, morning()).await;
    programs(&world).await;
    people(&world, 7, 60).await;
    let app = TestApp::over(world).await;
    let token = app.staff("provider-administrator");
    let found = statistics(&app, &token, Of::Provider, Asked::default()).await;
    let url = text(&found["tableUrl"]);
    let response = app.client.http().get(app.client.url(&url)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "private, no-store");
    let rows = rows(&response.text().await.unwrap());
    let number = |value: &Value| value.as_f64().map_or_else(String::new, |value| value.to_string());
    let expected = |value: &Value, suppressed: &Value| match suppressed {
        Value::Bool(true) => "SUPPRESSED".to_owned(),
        _ => number(value),
    };
    let mut compared = 0;
    let mut same = |measure: &str, of: &str, figure: &str, value: String| {
        let key = (measure.to_owned(), of.to_owned(), figure.to_owned());
        let told = rows.get(&key).unwrap_or_else(|| panic!("no row {key:?}"));
        // What is read of JSON may be off by the last bit.
        let is_same = match (told.parse::<f64>(), value.parse::<f64>()) {
            (Ok(told), Ok(value)) => (told - value).abs() < 1e-9,
            _ => *told == value,
        };
        assert!(is_same, "{key:?}: {told}, not {value}");
        compared += 1;
    };
    let counted = |number: &Value| expected(&number["count"], &number["suppressed"]);
    same("enrollments", "", "count", counted(&found["enrollments"]));
    for each in found["enrollmentsByStatus"].as_array().unwrap() {
        same(
            "enrollments",
            each["status"].as_str().unwrap(),
            "count",
            counted(&each["enrollments"]),
        );
    }
    for measure in ["completion", "adherence"] {
        for figure in ["count", "of", "share"] {
            let share = &found[measure];
            same(measure, "", figure, expected(&share[figure], &share["suppressed"]));
        }
    }
    same("dropOut", "", "count", counted(&found["dropOut"]["enrollments"]));
    for module in found["dropOut"]["byModule"].as_array().unwrap() {
        let program = module["programSlug"].as_str().unwrap();
        let of = format!("{program}/{}", module["moduleKey"].as_str().unwrap_or_default());
        same("dropOut", &of, "count", counted(&module["enrollments"]));
    }
    assert_eq!(found["outcomes"].as_array().unwrap().len(), 1, "{found}");
    let outcome = &found["outcomes"][0];
    let of = "weekly-measure/total";
    same("outcome", of, "count", counted(&outcome["enrollments"]));
    for mean in ["meanFirst", "meanLast", "meanChange"] {
        same(
            "outcome",
            of,
            mean,
            expected(&outcome[mean], &outcome["enrollments"]["suppressed"]),
        );
    }
    for change in ["reliablyImproved", "notReliablyChanged", "reliablyDeteriorated"] {
        for (figure, name) in [("Count", "count"), ("Of", "of"), ("Share", "share")] {
            let share = &outcome[change];
            same(
                "outcome",
                of,
                &format!("{change}{figure}"),
                expected(&share[name], &share["suppressed"]),
            );
        }
    }
    for (measure, waiting) in [
        ("flagAcknowledgement", "flagAcknowledgement"),
        ("messageAnswer", "messageAnswers"),
    ] {
        let waiting = &found[waiting];
        same(measure, "", "count", counted(&waiting["waited"]));
        for figure in ["medianSeconds", "ninetiethPercentileSeconds"] {
            same(
                measure,
                "",
                figure,
                expected(&waiting[figure], &waiting["waited"]["suppressed"]),
            );
        }
    }
    assert_eq!(rows.len(), compared, "the table holds nothing else");
}

async fn a_link_is_for_who_asked_and_for_a_while(kind: Kind) {
    let app = started(kind).await;
    let found = statistics(&app, &app.therapist(), Of::Own, Asked::default()).await;
    let url = text(&found["tableUrl"]);
    let status = async |url: &str| {
        let response = app.client.http().get(app.client.url(url)).send().await.unwrap();
        response.status()
    };
    assert_eq!(status(&url).await, StatusCode::OK);
    assert_eq!(
        status(&url.replace("for=STAFF", "for=CITIZEN")).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(status(&url.replace("of=", "of=A")).await, StatusCode::FORBIDDEN);
    assert_eq!(status("/statistics.csv").await, StatusCode::FORBIDDEN);
    app.clock.advance(TimeDelta::minutes(6));
    assert_eq!(status(&url).await, StatusCode::GONE);
}

async fn any_number_of_people_takes_as_many_statements(kind: Kind) {
    let app = started(kind).await;
    let mut counts = Vec::new();
    for (people, n) in [(0..5, 5), (5..50, 50)] {
        enroll(&app, people).await;
        for (token, of) in [
            (app.therapist(), Of::Own),
            (app.staff("provider-administrator"), Of::Provider),
        ] {
            // Content is read once per process.
            statistics(&app, &token, of, Asked::default()).await;
            let before = app.store.statements();
            let found = statistics(&app, &token, of, Asked::default()).await;
            counts.push(app.store.statements() - before);
            assert_eq!(told(&found["enrollments"]), Some(n));
        }
    }
    // The provider's own name is read as well.
    assert_eq!(counts, [STATEMENTS, STATEMENTS + 1, STATEMENTS, STATEMENTS + 1]);
}

both_databases!(
    they_are_for_those_who_treat_and_administrators,
    what_cannot_be_asked_is_refused,
    a_block_changes_no_number_and_nobody_is_logged,
    a_table_holds_the_same_numbers,
    a_link_is_for_who_asked_and_for_a_while,
    any_number_of_people_takes_as_many_statements,
);
