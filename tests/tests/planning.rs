//! The planning view from outside: what happened, what is planned and what rules would do, and who sees what of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use rules::facts::Status;
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, text, weekly_measure},
    database::Kind,
    world::World,
};
use uuid::Uuid;

/// A Monday.
fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

const PLANNING: &str = "query($id: ID!, $from: DateTime!, $to: DateTime!) { enrollment(id: $id) {
    timeline(from: $from, to: $to) { at kind title certainty rule { key } subject { __typename ... on Node { id } } } } }";

/// Someone with a planning view: who reads it, of which enrollment.
struct View<'a> {
    app: &'a TestApp,
    token: String,
    enrollment: String,
}

impl View<'_> {
    async fn entries(&self, from: &str, to: &str) -> Vec<Value> {
        let variables = json!({ "id": self.enrollment, "from": from, "to": to });
        let data = self.app.client.query(&self.token, PLANNING, variables).await.data();
        let entries = data["enrollment"]["timeline"].as_array().unwrap().clone();
        let at = |entry: &Value| text(&entry["at"]).parse::<DateTime<Utc>>().unwrap();
        assert!(entries.is_sorted_by_key(at), "in order of time");
        entries
    }

    /// Entries of one kind: when, how certain, and the title.
    async fn of(&self, kind: &str) -> Vec<(String, String, String)> {
        let entries = self.entries("2027-02-01T00:00:00Z", "2027-08-01T00:00:00Z").await;
        let written = |entry: &Value| {
            let at = text(&entry["at"])
                .parse::<DateTime<Utc>>()
                .unwrap()
                .format("%m-%d %H:%M");
            (at.to_string(), text(&entry["certainty"]), text(&entry["title"]))
        };
        entries
            .iter()
            .filter(|entry| entry["kind"] == kind)
            .map(written)
            .collect()
    }
}

fn row(at: &str, certainty: &str, title: &str) -> (String, String, String) {
    (at.to_owned(), certainty.to_owned(), title.to_owned())
}

async fn enrollment_of(app: &TestApp, n: u32) -> String {
    let query = "{ viewer { ... on CitizenViewer { citizen { enrollments(first: 1) { nodes { id } } } } } }";
    let data = app.client.query(&app.citizen(n), query, json!({})).await.data();
    text(&data["viewer"]["citizen"]["enrollments"]["nodes"][0]["id"])
}

async fn started(kind: Kind) -> (TestApp, Uuid, String) {
    let world = World::new(kind, morning()).await;
    care::import_changed(&world.store, |program| {
        program["measurements"] = json!([{ "key": "weight", "title": { "sv": "Vikt" },
            "unit": { "code": "kg", "label": { "sv": "kg" } }, "min": 20, "max": 300, "decimals": 1 }]);
    })
    .await;
    let app = TestApp::over(world).await;
    let row = app.enroll(1).await;
    app.work().await;
    let enrollment = enrollment_of(&app, 1).await;
    (app, row, enrollment)
}

fn views<'a>(app: &'a TestApp, enrollment: &str) -> (View<'a>, View<'a>) {
    let view = |token| View {
        app,
        token,
        enrollment: enrollment.to_owned(),
    };
    (view(app.citizen(1)), view(app.therapist()))
}

async fn what_people_do_is_in_it(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let (citizen, staff) = views(&app, &enrollment);
    // A walk every day of the week; Tuesday's is cancelled, Thursday's moved to Sunday.
    let walk = json!({ "enrollmentId": enrollment, "title": "Promenad", "startsOn": "2027-03-01", "time": "17:30",
        "repeat": "FREQ=DAILY;COUNT=5" });
    let walk = app
        .client
        .mutate(&staff.token, "planActivity", walk, "activity { id }")
        .await;
    let walk = text(&done(&walk)["activity"]["id"]);
    let cancel = json!({ "activityId": walk, "occurrence": "2027-03-02", "reason": "Regn" });
    done(
        &app.client
            .mutate(&staff.token, "cancelOccurrence", cancel, "activity { id }")
            .await,
    );
    let shift = json!({ "activityId": walk, "occurrence": "2027-03-04", "to": "2027-03-07" });
    done(
        &app.client
            .mutate(&staff.token, "moveOccurrence", shift, "occurrence { id }")
            .await,
    );
    let register = json!({ "activityId": walk, "occurrence": "2027-03-01", "done": true });
    done(
        &app.client
            .mutate(&citizen.token, "registerActivity", register, "entry { id }")
            .await,
    );
    let weight = json!({ "enrollmentId": enrollment, "kind": "weight", "value": 72.5, "at": "2027-03-01T06:00:00Z" });
    done(
        &app.client
            .mutate(&citizen.token, "registerMeasurement", weight, "measurement { id }")
            .await,
    );
    app.answer(1, "weekly-measure", weekly_measure(["some"; 9])).await;
    for (token, body) in [(&citizen.token, "Hej"), (&staff.token, "Hej du")] {
        let message = json!({ "enrollmentId": enrollment, "body": body });
        done(&app.client.mutate(token, "sendMessage", message, "message { id }").await);
        app.advance(TimeDelta::minutes(1)).await;
    }
    app.run_until("2027-03-04T09:00:00Z".parse().unwrap()).await;

    for view in [&citizen, &staff] {
        // Registered before its time had come.
        assert_eq!(
            view.of("ACTIVITY_REGISTERED").await,
            [row("03-01 09:00", "HAPPENED", "Promenad")]
        );
        assert_eq!(
            view.of("ACTIVITY_MISSED").await,
            [row("03-03 16:30", "HAPPENED", "Promenad")]
        );
        assert_eq!(
            view.of("ACTIVITY").await,
            [
                row("03-05 16:30", "PLANNED", "Promenad"),
                row("03-07 16:30", "PLANNED", "Promenad")
            ]
        );
        assert_eq!(view.of("MEASUREMENT").await, [row("03-01 06:00", "HAPPENED", "Vikt")]);
        assert_eq!(
            view.of("FORM_ANSWERED").await,
            [row("03-01 09:00", "HAPPENED", "weekly-measure")]
        );
        assert_eq!(
            view.of("MESSAGE").await,
            [
                row("03-01 09:00", "HAPPENED", "Meddelande från invånaren"),
                row("03-01 09:01", "HAPPENED", "Meddelande från personalen")
            ]
        );
        // Answered, it neither expires nor is anybody reminded of it.
        let expiring = view.of("FORM_EXPIRES").await;
        assert!(expiring.iter().all(|(at, ..)| at.as_str() > "03-08"), "{expiring:?}");
        assert_eq!(
            view.of("ENROLLMENT_COMPLETES").await,
            [row("05-10 08:00", "PLANNED", "Programmet avslutas")]
        );
    }
    // Each subject is found by its id, by who sees it.
    for entry in staff.entries("2027-03-01T00:00:00Z", "2027-03-20T00:00:00Z").await {
        let subject = &entry["subject"];
        let query = "query($id: ID!) { node(id: $id) { __typename } }";
        let found = app
            .client
            .query(&staff.token, query, json!({ "id": subject["id"] }))
            .await
            .data();
        assert_eq!(found["node"]["__typename"], subject["__typename"], "{entry}");
    }
}

async fn citizens_see_what_is_theirs(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let (citizen, staff) = views(&app, &enrollment);
    for audience in ["STAFF", "CITIZEN"] {
        let flag = json!({ "enrollmentId": enrollment, "kind": audience.to_lowercase(), "severity": "INFO",
            "title": format!("For {audience}"), "audience": audience });
        done(&app.client.mutate(&staff.token, "raiseFlag", flag, "flag { id }").await);
    }
    let hide =
        json!({ "enrollmentId": enrollment, "moduleKey": "looking-back", "visible": false, "reason": "Inte nu" });
    done(
        &app.client
            .mutate(&staff.token, "changeVisibility", hide, "enrollment { id }")
            .await,
    );
    app.work().await;

    let of_staff = [
        row("03-01 09:00", "HAPPENED", "For STAFF"),
        row("03-01 09:00", "HAPPENED", "For CITIZEN"),
    ];
    let flags = staff.of("FLAG_RAISED").await;
    assert!(of_staff.iter().all(|flag| flags.contains(flag)), "{flags:?}");
    assert!(
        flags.iter().any(|(_, certainty, _)| certainty == "PREDICTED"),
        "{flags:?}"
    );
    assert_eq!(
        citizen.of("FLAG_RAISED").await,
        [row("03-01 09:00", "HAPPENED", "For CITIZEN")]
    );
    let opens = |(_, _, title): &(String, String, String)| title == "Tillbakablick";
    assert!(staff.of("MODULE_OPENS").await.iter().any(opens));
    assert!(!citizen.of("MODULE_OPENS").await.iter().any(opens));
    let predicted = |entries: Vec<Value>| -> Vec<Value> {
        entries
            .into_iter()
            .filter(|entry| entry["certainty"] == "PREDICTED")
            .collect()
    };
    let span = ("2027-03-01T00:00:00Z", "2027-03-30T00:00:00Z");
    let of_citizen = predicted(citizen.entries(span.0, span.1).await);
    let of_staff = predicted(staff.entries(span.0, span.1).await);
    let kinds: Vec<String> = of_citizen.iter().map(|entry| text(&entry["kind"])).collect();
    assert!(
        kinds.iter().all(|kind| kind == "FORM_AVAILABLE" || kind == "REMINDER"),
        "{kinds:?}"
    );
    assert!(kinds.contains(&"FORM_AVAILABLE".to_owned()));
    // Which rule it is, staff are told and citizens are not.
    assert!(of_citizen.iter().all(|entry| entry["rule"].is_null()));
    let weekly = of_staff.iter().find(|entry| entry["kind"] == "FORM_AVAILABLE").unwrap();
    assert_eq!(weekly["rule"]["key"], "weekly-measure");

    // Nobody else sees anything, and who administers nothing of health.
    let variables = json!({ "id": enrollment, "from": span.0, "to": span.1 });
    for (token, seen) in [
        (app.staff(care::OTHER_THERAPIST), false),
        (app.staff("designer"), false),
        (app.citizen(2), false),
        (app.staff("citizen-administrator"), true),
    ] {
        let data = app.client.query(&token, PLANNING, variables.clone()).await;
        if !seen {
            assert!(data.body["data"]["enrollment"].is_null(), "{}", data.body);
            continue;
        }
        let entries = data.data()["enrollment"]["timeline"].as_array().unwrap().clone();
        let kinds: Vec<String> = entries.iter().map(|entry| text(&entry["kind"])).collect();
        assert!(kinds.contains(&"ENROLLMENT_STARTS".to_owned()));
        assert!(
            kinds
                .iter()
                .all(|kind| kind.starts_with("ENROLLMENT_") || kind.ends_with("_OPENS")),
            "{kinds:?}"
        );
    }
}

async fn what_is_shown_and_hidden_and_completed_is_in_it(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let (citizen, staff) = views(&app, &enrollment);
    let change = async |mut input: Value| {
        input["enrollmentId"] = json!(enrollment);
        let changed = app
            .client
            .mutate(&staff.token, "changeVisibility", input, "enrollment { id }")
            .await;
        done(&changed);
        app.clock.advance(TimeDelta::hours(1));
    };
    // Hidden at once and shown again in a week; to be hidden in two weeks; what is said later takes the place of the former.
    change(json!({ "moduleKey": "looking-back", "visible": false })).await;
    change(json!({ "moduleKey": "looking-back", "visible": true, "visibleFrom": "2027-03-08T08:00:00Z" })).await;
    change(json!({ "sectionKey": "doing", "visible": false, "visibleFrom": "2027-03-12T08:00:00Z" })).await;
    change(json!({ "sectionKey": "doing", "visible": false, "visibleFrom": "2027-03-15T08:00:00Z" })).await;
    let steps = "query($id: ID!) { enrollment(id: $id) { modules { sections { steps { id } } } } }";
    let data = app
        .client
        .query(&citizen.token, steps, json!({ "id": enrollment }))
        .await
        .data();
    let steps = &data["enrollment"]["modules"][0]["sections"][0]["steps"];
    let [hello, write] = [0, 1].map(|place| text(&steps[place]["id"]));
    let complete = async |step: String| {
        let input = json!({ "enrollmentId": enrollment, "stepId": step });
        let completed = app
            .client
            .mutate(&citizen.token, "completeStep", input, "enrollment { id }");
        done(&completed.await);
    };
    complete(hello).await;
    assert_eq!(staff.of("MODULE_COMPLETED").await, []);
    complete(write).await;

    assert_eq!(
        staff.of("MODULE_HIDDEN").await,
        [row("03-01 09:00", "HAPPENED", "Tillbakablick")]
    );
    assert_eq!(
        staff.of("MODULE_SHOWN").await,
        [row("03-08 08:00", "PLANNED", "Tillbakablick")]
    );
    assert_eq!(
        staff.of("SECTION_HIDDEN").await,
        [row("03-15 08:00", "PLANNED", "doing")]
    );
    let completed = [row("03-01 13:00", "HAPPENED", "Välkommen")];
    assert_eq!(staff.of("MODULE_COMPLETED").await, completed);
    // What is hidden, and that it is, stays with staff.
    assert_eq!(citizen.of("MODULE_COMPLETED").await, completed);
    for kind in ["MODULE_HIDDEN", "MODULE_SHOWN", "SECTION_HIDDEN"] {
        assert_eq!(citizen.of(kind).await, [], "{kind}");
    }
    // Once it has come it is told as what happened.
    app.run_until("2027-03-08T09:00:00Z".parse().unwrap()).await;
    assert_eq!(
        staff.of("MODULE_SHOWN").await,
        [row("03-08 08:00", "HAPPENED", "Tillbakablick")]
    );
}

async fn the_life_of_an_enrollment_is_in_it(kind: Kind) {
    let (app, id, enrollment) = started(kind).await;
    let (citizen, staff) = views(&app, &enrollment);
    app.advance(TimeDelta::hours(1)).await;
    care::change_status(
        &app.store,
        id,
        Status::Paused,
        Some("2027-03-15T08:00:00Z".parse().unwrap()),
    )
    .await;
    for view in [&citizen, &staff] {
        assert_eq!(
            view.of("ENROLLMENT_PAUSES").await,
            [row("03-01 10:00", "HAPPENED", "Programmet pausas")]
        );
        assert_eq!(
            view.of("ENROLLMENT_RESUMES").await,
            [row("03-15 08:00", "PLANNED", "Programmet fortsätter")]
        );
    }
    app.run_until("2027-03-16T08:00:00Z".parse().unwrap()).await;
    assert_eq!(
        citizen.of("ENROLLMENT_RESUMES").await,
        [row("03-15 08:00", "HAPPENED", "Programmet fortsätter")]
    );
    care::change_status(&app.store, id, Status::Withdrawn, None).await;
    app.work().await;
    for view in [&citizen, &staff] {
        assert_eq!(
            view.of("ENROLLMENT_WITHDRAWS").await,
            [row("03-16 08:00", "HAPPENED", "Programmet avbryts")]
        );
        // Nothing is planned or predicted any more.
        let rest = view.entries("2027-03-16T08:00:01Z", "2027-08-01T00:00:00Z").await;
        assert_eq!(rest, Vec::<Value>::new());
    }
}

async fn a_span_is_a_year_at_most(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let (citizen, staff) = views(&app, &enrollment);
    for (from, to) in [
        ("2027-03-01T00:00:00Z", "2028-03-03T00:00:00Z"),
        ("2027-03-02T00:00:00Z", "2027-03-01T00:00:00Z"),
    ] {
        let variables = json!({ "id": enrollment, "from": from, "to": to });
        let answer = app.client.query(&citizen.token, PLANNING, variables).await;
        assert_eq!(answer.code(), "BAD_RANGE", "{from} {to}");
        assert_eq!(answer.body["data"], json!({ "enrollment": { "timeline": null } }));
    }
    // What is asked for beside a span that is none is answered all the same.
    let both = "query($id: ID!) { enrollment(id: $id) { status
        wrong: timeline(from: \"2027-03-02T00:00:00Z\", to: \"2027-03-01T00:00:00Z\") { at }
        right: timeline(from: \"2027-03-01T00:00:00Z\", to: \"2027-03-30T00:00:00Z\") { at } } }";
    let answer = app.client.query(&staff.token, both, json!({ "id": enrollment })).await;
    let found = &answer.body["data"]["enrollment"];
    assert_eq!((&found["status"], &found["wrong"]), (&json!("ACTIVE"), &Value::Null));
    assert!(!found["right"].as_array().unwrap().is_empty());
    // Rules are lived through for 92 days, and what is planned is told for all of the span.
    let year = staff.entries("2027-03-01T00:00:00Z", "2028-03-01T00:00:00Z").await;
    let predicted = year.iter().filter(|entry| entry["certainty"] == "PREDICTED");
    let last = predicted.map(|entry| text(&entry["at"])).next_back().unwrap();
    assert!(last.as_str() < "2027-06-02", "{last}");
    assert!(
        staff
            .entries("2029-03-01T00:00:00Z", "2029-04-01T00:00:00Z")
            .await
            .is_empty()
    );
}

async fn a_program_without_planning_view_has_none(kind: Kind) {
    let (app, ..) = started(kind).await;
    care::import_changed(&app.store, |program| {
        program["version"] = "3.0".into();
        program["features"] = json!({ "planningView": false });
    })
    .await;
    app.enroll(2).await;
    app.work().await;
    let enrollment = enrollment_of(&app, 2).await;
    for token in [app.citizen(2), app.therapist()] {
        let variables = json!({ "id": enrollment, "from": "2027-03-01T00:00:00Z", "to": "2027-03-30T00:00:00Z" });
        let data = app.client.query(&token, PLANNING, variables).await.data();
        assert_eq!(data["enrollment"], json!({ "timeline": null }));
    }
}

both_databases!(
    what_people_do_is_in_it,
    citizens_see_what_is_theirs,
    what_is_shown_and_hidden_and_completed_is_in_it,
    the_life_of_an_enrollment_is_in_it,
    a_span_is_a_year_at_most,
    a_program_without_planning_view_has_none,
);
