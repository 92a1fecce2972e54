//! Results over time: the numbers, the picture, the table, the FHIR resources; and putting results right.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod correcting;
mod fhir;
mod links;
mod picture;
mod series;
mod table;

use chrono::{DateTime, Duration, Utc};
use reqwest::{Response, StatusCode, header};
use rules::form::Form;
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    care,
    client::{done, text},
    database::Kind,
    world::World,
};
use uuid::Uuid;

/// Eight weeks of two measures. In the fourth week one item of the first was left out.
const MOOD: [u32; 8] = [21, 19, 18, 14, 15, 11, 8, 6];

const WELLBEING: [u32; 8] = [3, 4, 4, 5, 6, 6, 7, 8];

/// A Monday at 10:00 in Stockholm. The clocks go forward in the fourth week.
fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

fn words(sv: &str, en: &str) -> Value {
    json!({ "sv": sv, "en": en })
}

/// Nine items from 0 to 3, higher is worse. SD 6 and r 0.82 give an error of 6 · √(2 · 0.18) = 3.6.
fn mood() -> Form {
    let options = json!([
        { "key": "no", "value": 0, "label": words("Nej", "No") }, { "key": "some", "value": 1, "label": words("Lite", "Some") },
        { "key": "most", "value": 2, "label": words("Mest", "Most") }, { "key": "all", "value": 3, "label": words("Alla", "All") },
    ]);
    let names: Vec<String> = (1..=9).map(|number| format!("q{number}")).collect();
    let items = names
        .iter()
        .map(|name| json!({ "key": name, "kind": "CHOICE", "text": words(name, name), "options": options }));
    let band = |key: &str, sv: &str, en: &str, from: u32, to: u32| json!({ "key": key, "label": words(sv, en), "from": from, "to": to });
    let bands = json!([
        band("minimal", "Minimal", "Minimal", 0, 4),
        band("mild", "Lindrig", "Mild", 5, 9),
        band("moderate", "Medelsvår", "Moderate", 10, 14),
        band("severe", "Svår", "Severe", 15, 27),
    ]);
    let scale = json!({ "key": "total", "label": words("Summa", "Total"), "method": "SUM", "items": names, "missing": "IGNORE",
        "minimumAnswered": 7, "standardDeviation": 6, "reliability": 0.82, "bands": bands });
    let form = json!({ "key": "mood", "title": words("Sinnesstämning & <oro>", "Mood & <worry>"),
        "items": items.collect::<Vec<_>>(), "scales": [scale] });
    serde_json::from_value(form).unwrap()
}

/// One line from 0 to 10, higher is better, and further kinds of items. SD 2 and r 0.5 give an error of 2 · √(2 · 0.5) = 2.
fn wellbeing() -> Form {
    let items = json!([
        { "key": "line", "kind": "SCALE", "min": 0, "max": 10, "step": 1, "required": true, "text": words("Hur mår du?", "How are you?") },
        { "key": "sleep", "kind": "GROUP", "text": words("Sömn", "Sleep") },
        { "key": "hours", "kind": "DECIMAL", "group": "sleep", "text": words("Timmar", "Hours") },
        { "key": "bed", "kind": "TIME", "group": "sleep", "text": words("I säng", "In bed") },
        { "key": "woke", "kind": "BOOLEAN", "group": "sleep", "text": words("Vaknade", "Woke up") },
        { "key": "why", "kind": "MULTIPLE_CHOICE", "text": words("Varför", "Why"), "options": [
            { "key": "noise", "label": words("Buller", "Noise") }, { "key": "light", "label": words("Ljus", "Light") } ] },
        { "key": "note", "kind": "TEXT", "text": words("Annat", "Else") },
    ]);
    // The ends of the bands are open, far beyond what can be answered.
    let bands = json!([
        { "key": "low", "label": words("Lågt", "Low"), "from": -1000, "to": 4 },
        { "key": "high", "label": words("Högt", "High"), "from": 4.1, "to": 1000 },
    ]);
    let scale = json!({ "key": "line", "label": words("Välmående", "Well-being"), "method": "MEAN", "items": ["line"], "decimals": 1,
        "standardDeviation": 2, "reliability": 0.5, "direction": "HIGHER_IS_BETTER", "bands": bands });
    let form =
        json!({ "key": "wellbeing", "title": words("Välmående", "Well-being"), "items": items, "scales": [scale] });
    serde_json::from_value(form).unwrap()
}

/// A sum of the nine items of the mood; all answered but the last, where `complete` is not.
fn mood_of(total: u32, complete: bool) -> Value {
    let mut left = total;
    let answered = if complete { 9 } else { 8 };
    let answers = (1..=answered).map(|number| {
        let value = left.min(3);
        left -= value;
        let option = ["no", "some", "most", "all"][usize::try_from(value).unwrap()];
        json!({ "item": format!("q{number}"), "value": option })
    });
    let answers = answers.collect();
    assert_eq!(left, 0);
    answers
}

fn wellbeing_of(line: u32) -> Value {
    json!([
        { "item": "line", "value": line }, { "item": "hours", "value": 7.5 }, { "item": "bed", "value": "22:30" },
        { "item": "woke", "value": false }, { "item": "why", "value": ["noise", "light"] },
        { "item": "note", "value": "=HYPERLINK(\"x\"), trött" },
    ])
}

/// A citizen with a program of the two measures, and no rules.
async fn started(kind: Kind) -> (TestApp, Uuid) {
    let world = World::without_program(kind, morning()).await;
    let page = json!([{ "text": words("Hej", "Hello") }]);
    let step = json!({ "key": "hello", "title": words("Hej", "Hello"), "blocks": page });
    let section = json!({ "key": "start", "title": words("Början", "Start"), "steps": [step] });
    let module =
        json!({ "key": "welcome", "title": words("Välkommen", "Welcome"), "opens": "START", "sections": [section] });
    let program = json!({ "slug": care::PROGRAM, "kind": "TREATMENT", "version": "1.0", "title": words("Vägar", "Ways"),
        "summary": words("Ett program", "A program"), "forms": ["mood", "wellbeing"], "modules": [module] });
    care::import(&world.store, program, &[mood(), wellbeing()]).await;
    let app = TestApp::over(world).await;
    let enrollment = app.enroll(1).await;
    (app, enrollment)
}

/// The course: both measures every week, for eight weeks. The clock stands at the last answer.
async fn course(kind: Kind) -> (TestApp, String) {
    let (app, enrollment) = started(kind).await;
    for (week, (mood, wellbeing)) in MOOD.into_iter().zip(WELLBEING).enumerate() {
        if week > 0 {
            app.clock.advance(Duration::days(7));
        }
        submit(&app, enrollment, "mood", mood_of(mood, week != 3)).await;
        submit(&app, enrollment, "wellbeing", wellbeing_of(wellbeing)).await;
    }
    (app, id_of(enrollment))
}

/// An enrollment's id as clients see it.
fn id_of(enrollment: Uuid) -> String {
    api::graphql::id(api::graphql::Kind::Enrollment, enrollment).to_string()
}

/// Sends a form, and has the citizen answer it. Gives the result's id.
async fn submit(app: &TestApp, enrollment: Uuid, form: &str, answers: Value) -> String {
    let dispatch = sent(app, enrollment, form).await;
    let mutation = "mutation($input: SubmitResponseInput!) {
        submitResponse(input: $input) { result { id } errors { code message path } } }";
    let input = json!({ "dispatchId": dispatch, "answers": answers });
    let answer = app
        .client
        .query(&app.citizen(1), mutation, json!({ "input": input }))
        .await
        .data();
    text(&done(&answer)["result"]["id"])
}

/// Sends a form; gives the dispatch's id as clients see it.
async fn sent(app: &TestApp, enrollment: Uuid, form: &str) -> String {
    let dispatch = care::dispatch(&app.store, enrollment, form).await;
    api::graphql::id(api::graphql::Kind::Dispatch, dispatch).to_string()
}

/// What staff or a citizen ask of the enrollment.
async fn ask(app: &TestApp, token: &str, enrollment: &str, fields: &str) -> Value {
    let query = format!("query($id: ID!) {{ enrollment(id: $id) {{ {fields} }} }}");
    let data = app
        .client
        .query(token, &query, json!({ "id": enrollment }))
        .await
        .data();
    data["enrollment"].clone()
}

/// Sends a mutation of one input; gives its data.
async fn change(app: &TestApp, token: &str, name: &str, input: Value) -> Value {
    let type_name = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let mutation = format!(
        "mutation($input: {type_name}!) {{ {name}(input: $input) {{
            result {{ id completedAt supersededAt voidedAt
                scores {{ value complete band {{ key }} }} answers {{ item {{ key }} value }}
                answeredBy {{ as onBehalf staff {{ displayName }} }}
                amendment {{ at reason by {{ displayName }} }} voiding {{ at reason by {{ displayName }} }}
                supersedes {{ id scores {{ value }} answers {{ item {{ key }} value }} supersededAt }} }}
            errors {{ code message path }} }} }}"
    );
    app.client
        .query(token, &mutation, json!({ "input": input }))
        .await
        .data()
}

async fn follow(app: &TestApp, link: &Value) -> Response {
    let link = text(link);
    assert!(link.starts_with("/results/"), "{link}");
    app.client.http().get(app.client.url(&link)).send().await.unwrap()
}

/// The answer's body, which must be guarded as every download is.
async fn guarded(response: Response, content_type: &str) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    let of = |name: header::HeaderName| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(of(header::CONTENT_TYPE), content_type);
    assert_eq!(of(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(of(header::CACHE_CONTROL), "private, no-store");
    assert!(of(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'; style-src 'unsafe-inline'"));
    response.text().await.unwrap()
}

fn close(value: &Value, expected: f64) -> bool {
    (value.as_f64().unwrap() - expected).abs() < 1e-6
}
