//! The contact view from outside: how a unit is reached and when, and how citizens say they want to be reached.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod correcting;
mod starting;

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{citizen, contact_choice, enrollment, viewer::Viewer};
use sea_orm::{
    ConnectionTrait, DatabaseBackend, EntityTrait, PaginatorTrait, QuerySelect, Statement, sea_query::LockType,
};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
    world::World,
};

/// A Monday.
fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// What the citizen sees of whom they can turn to.
async fn contact(app: &TestApp, n: u32) -> Value {
    let query = "{ viewer { ... on CitizenViewer { citizen { enrollments(first: 1) { nodes { contact {
        phones { label number } emergencyText openingHours isOpenNow opensAt
        english: emergencyText(locale: \"en-GB\")
        unit { name phone isOpenNow opensAt phones(locale: \"en\") { label } }
        therapists { displayName } } } } } } } }";
    let data = app.client.query(&app.citizen(n), query, json!({})).await.data();
    data["viewer"]["citizen"]["enrollments"]["nodes"][0]["contact"].clone()
}

async fn a_unit_says_how_it_is_reached(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    let unit = app.unit_id().await;
    let administrator = app.staff("unit-administrator");
    let update = async |token: &str, mut input: Value| {
        input["unitId"] = unit.clone().into();
        let fields = "unit { phone phones { label number } emergencyText openingHours }";
        app.client.mutate(token, "updateUnitContact", input, fields).await
    };
    // Before anybody said more, there is one number, and nothing that could be wrong.
    let before = contact(&app, 1).await;
    assert_eq!(before["phones"], json!([{ "label": null, "number": "+46846500410" }]));
    assert_eq!(
        (&before["emergencyText"], &before["isOpenNow"], &before["opensAt"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );

    let words = |sv: &str, en: &str| json!([{ "locale": "sv", "text": sv }, { "locale": "en", "text": en }]);
    let said = json!({
        "phones": [{ "number": "08-123 456 78", "label": words("Mottagningen", "Reception") }, { "number": "1177" }],
        "emergencyText": words("Vid akut fara: ring 112", "In an emergency, call 112"),
        "openingHours": words("Vardagar 8–17", "Weekdays 8–17") });
    let unit_now = done(&update(&administrator, said).await)["unit"].clone();
    assert_eq!(unit_now["phone"], "+46812345678");
    let seen = contact(&app, 1).await;
    assert_eq!(
        seen["phones"],
        json!([{ "label": "Mottagningen", "number": "+46812345678" }, { "label": null, "number": "1177" }])
    );
    assert_eq!(
        (&seen["emergencyText"], &seen["english"]),
        (&json!("Vid akut fara: ring 112"), &json!("In an emergency, call 112"))
    );
    assert_eq!(
        (&seen["openingHours"], &seen["unit"]["phones"][0]["label"]),
        (&json!("Vardagar 8–17"), &json!("Reception"))
    );
    assert_eq!(seen["therapists"][0]["displayName"], "Person therapist");
    // What is left out stays, an empty list takes it away.
    let changed = done(&update(&administrator, json!({ "phones": [] })).await)["unit"].clone();
    assert_eq!(
        (&changed["phones"], &changed["emergencyText"]),
        (&json!([]), &json!("Vid akut fara: ring 112"))
    );

    let long = "å".repeat(1_001);
    let many: Vec<Value> = (0..11).map(|_| json!({ "number": "1177" })).collect();
    for (input, code, path) in [
        (
            json!({ "phones": [{ "number": "1177" }, { "number": "ring oss" }] }),
            "BAD_PHONE",
            "phones.1.number",
        ),
        (json!({ "phones": [{ "number": " " }] }), "REQUIRED", "phones.0.number"),
        (json!({ "phones": many }), "TOO_MANY", "phones"),
        (
            json!({ "phones": [{ "number": "1177", "label": [{ "locale": "Svenska", "text": "x" }] }] }),
            "BAD_LOCALE",
            "phones.0.label.0.locale",
        ),
        (
            json!({ "emergencyText": [{ "locale": "sv", "text": " " }] }),
            "REQUIRED",
            "emergencyText.0.text",
        ),
        (
            json!({ "emergencyText": [{ "locale": "sv", "text": long }] }),
            "TOO_LONG",
            "emergencyText.0.text",
        ),
        (
            json!({ "openingHours": [{ "locale": "sv", "text": "a" }, { "locale": "sv", "text": "b" }] }),
            "NOT_UNIQUE",
            "openingHours.1.locale",
        ),
    ] {
        assert_eq!(
            refused(&update(&administrator, input.clone()).await),
            one(code, path),
            "{input}"
        );
    }
    for other in ["therapist", "citizen-administrator", "designer", care::OTHER_THERAPIST] {
        let answer = update(&app.staff(other), json!({ "phones": [] })).await;
        assert_eq!(refused(&answer), one("NOT_FOUND", "unitId"), "{other}");
    }
    assert_eq!(
        refused(&update(&app.citizen(1), json!({ "phones": [] })).await),
        one("NOT_FOUND", "unitId")
    );
    done(&update(&app.staff("provider-administrator"), json!({ "emergencyText": [] })).await);
    assert_eq!(contact(&app, 1).await["emergencyText"], Value::Null);
}

async fn it_is_told_whether_the_unit_is_open(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    let hours: Vec<Value> = ["MO", "TU", "WE", "TH", "FR"]
        .iter()
        .map(|day| json!({ "day": day, "from": "08:00", "until": "17:00" }))
        .collect();
    let input = json!({ "unitId": app.unit_id().await, "officeHours": hours, "closedDays": ["2027-03-02"] });
    done(
        &app.client
            .mutate(&app.staff("unit-administrator"), "setOfficeHours", input, "unit { id }")
            .await,
    );
    let told = async || {
        let seen = contact(&app, 1).await;
        assert_eq!(
            (&seen["isOpenNow"], &seen["opensAt"]),
            (&seen["unit"]["isOpenNow"], &seen["unit"]["opensAt"])
        );
        (seen["isOpenNow"].as_bool().unwrap(), seen["opensAt"].clone())
    };
    // Ten o'clock on Monday in Stockholm.
    assert_eq!(told().await, (true, Value::Null));
    // It closes at five; Tuesday is closed all day.
    app.advance(TimeDelta::hours(7)).await;
    assert_eq!(told().await, (false, json!("2027-03-03T07:00:00+00:00")));
    // Over the weekend of the clock change, eight o'clock is an hour earlier.
    app.run_until("2027-03-27T12:00:00Z".parse().unwrap()).await;
    assert_eq!(told().await, (false, json!("2027-03-29T06:00:00+00:00")));
}

async fn a_program_without_contact_view_shows_none(kind: Kind) {
    let world = World::new(kind, morning()).await;
    care::import_changed(&world.store, |program| {
        program["features"] = json!({ "contactView": false })
    })
    .await;
    let app = TestApp::over(world).await;
    app.enroll(1).await;
    assert_eq!(contact(&app, 1).await, Value::Null);
}

const ME: &str = "{ viewer { ... on CitizenViewer { citizen { id email phone locale quietHours { from until }
    channels { channel enabled } enrollments(first: 1) { nodes { id locale } } } } } }";

async fn me(app: &TestApp) -> Value {
    app.client.query(&app.citizen(1), ME, json!({})).await.data()["viewer"]["citizen"].clone()
}

async fn citizens_say_how_they_are_reached(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    app.enroll(1).await;
    app.work().await;
    let citizen = app.citizen(1);
    let known = me(&app).await;
    assert_eq!(
        (&known["email"], &known["phone"]),
        (&json!("citizen1@home.example"), &json!("+46701740605"))
    );
    assert_eq!(known["quietHours"], json!({ "from": "21:00", "until": "07:00" }));
    assert!(
        known["channels"]
            .as_array()
            .unwrap()
            .iter()
            .all(|choice| choice["enabled"] == true)
    );

    // What is left out stays; null takes it away.
    let update = async |token: &str, input: Value| {
        app.client
            .mutate(token, "updateMyContactDetails", input, "citizen { email phone }")
            .await
    };
    let changed = done(&update(&citizen, json!({ "phone": "070-174 06 06" })).await)["citizen"].clone();
    assert_eq!(
        changed,
        json!({ "email": "citizen1@home.example", "phone": "+46701740606" })
    );
    let changed = done(&update(&citizen, json!({ "email": null })).await)["citizen"].clone();
    assert_eq!(changed, json!({ "email": null, "phone": "+46701740606" }));
    let told = refused(&update(&citizen, json!({ "email": "anna", "phone": "ring mig" })).await);
    assert_eq!(told, [one("BAD_EMAIL", "email"), one("BAD_PHONE", "phone")].concat());
    assert_eq!(me(&app).await["phone"], "+46701740606", "nothing of it was written");

    let choose = async |token: &str, channels: Value| {
        let input = json!({ "channels": channels });
        app.client
            .mutate(
                token,
                "setMyNotificationChoices",
                input,
                "citizen { channels { channel enabled } }",
            )
            .await
    };
    let rows = async || {
        contact_choice::Entity::find()
            .count(app.store.connection())
            .await
            .unwrap()
    };
    for _ in 0..2 {
        // Said again it is no new choice.
        let chosen = done(
            &choose(
                &citizen,
                json!([{ "channel": "EMAIL", "enabled": false }, { "channel": "SMS", "enabled": true }]),
            )
            .await,
        )["citizen"]
            .clone();
        let email = chosen["channels"]
            .as_array()
            .unwrap()
            .iter()
            .find(|choice| choice["channel"] == "EMAIL")
            .unwrap()
            .clone();
        assert_eq!((&email["enabled"], rows().await), (&json!(false), 1));
        app.advance(TimeDelta::minutes(1)).await;
    }
    let twice = json!([{ "channel": "SMS", "enabled": true }, { "channel": "SMS", "enabled": false }]);
    assert_eq!(
        refused(&choose(&citizen, twice).await),
        one("NOT_UNIQUE", "channels.1.channel")
    );
    let inbox = json!([{ "channel": "INBOX", "enabled": false }]);
    assert_eq!(
        refused(&choose(&citizen, inbox).await),
        one("ALWAYS_ON", "channels.0.channel")
    );
    // Whom nobody may write to by e-mail, nobody does.
    done(&update(&citizen, json!({ "email": "citizen1@home.example" })).await);
    let input = json!({ "enrollmentId": known["enrollments"]["nodes"][0]["id"], "template": "come-back", "channels": ["EMAIL"] });
    let fields = "reminder { id deliveries { channel status skipReason } }";
    let therapist = app.therapist();
    let reminded = app.client.mutate(&therapist, "remindCitizen", input, fields).await;
    let reminder = text(&done(&reminded)["reminder"]["id"]);
    app.work().await;
    let query = "query($id: ID!) { node(id: $id) { ... on Reminder { deliveries { channel status skipReason } } } }";
    let deliveries = app
        .client
        .query(&therapist, query, json!({ "id": reminder }))
        .await
        .data()["node"]["deliveries"]
        .clone();
    assert_eq!(
        deliveries,
        json!([{ "channel": "EMAIL", "status": "SKIPPED", "skipReason": "OPTED_OUT" }])
    );

    let quiet = async |token: &str, hours: Value| {
        let input = json!({ "quietHours": hours });
        app.client
            .mutate(token, "setMyQuietHours", input, "citizen { quietHours { from until } }")
            .await
    };
    let chosen =
        done(&quiet(&citizen, json!({ "from": "22:30", "until": "06:15" })).await)["citizen"]["quietHours"].clone();
    assert_eq!(chosen, json!({ "from": "22:30", "until": "06:15" }));
    let usual = done(&quiet(&citizen, Value::Null).await)["citizen"]["quietHours"].clone();
    assert_eq!(usual, json!({ "from": "21:00", "until": "07:00" }));

    let speak = async |token: &str, locale: &str| {
        app.client
            .mutate(
                token,
                "setMyLocale",
                json!({ "locale": locale }),
                "viewer { ... on CitizenViewer { citizen { locale } } }",
            )
            .await
    };
    assert_eq!(done(&speak(&citizen, "en").await)["viewer"]["citizen"]["locale"], "en");
    assert_eq!(me(&app).await["enrollments"]["nodes"][0]["locale"], "en");
    assert_eq!(refused(&speak(&citizen, "English").await), one("BAD_LOCALE", "locale"));

    // Nobody says it for them.
    for other in [&therapist, &app.staff("citizen-administrator")] {
        assert_eq!(
            refused(&update(other, json!({ "phone": null })).await),
            one("NOT_ALLOWED", "")
        );
        assert_eq!(refused(&choose(other, json!([])).await), one("NOT_ALLOWED", ""));
        assert_eq!(refused(&quiet(other, Value::Null).await), one("NOT_ALLOWED", ""));
    }
    // Staff of the unit read how the citizen is reached, and others do not.
    let query = "query($id: ID!) { node(id: $id) { ... on Citizen { phone quietHours { from } channels { enabled } calendarFeed { createdAt } } } }";
    let seen = async |token: &str| {
        app.client
            .query(token, query, json!({ "id": known["id"] }))
            .await
            .data()["node"]
            .clone()
    };
    assert_eq!(seen(&therapist).await["phone"], "+46701740606");
    assert_eq!(seen(&app.staff(care::OTHER_THERAPIST)).await, Value::Null);
    assert_eq!(seen(&app.staff("designer")).await, Value::Null);
}

/// Whoever changes an enrollment and then its citizen never waits in a circle for a citizen who changes their language.
#[tokio::test(flavor = "multi_thread")]
async fn a_language_is_changed_while_others_work() {
    if tests::database::postgres().is_none() {
        return;
    }
    let app = TestApp::start(Kind::Postgres, morning()).await;
    let id = app.enroll(1).await;
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let enrollment = act.enrollment(id, "").await.unwrap();
    let changing = tokio::spawn({
        let (client, token) = (app.client.clone(), app.citizen(1));
        async move {
            let input = json!({ "locale": "en" });
            client
                .mutate(&token, "setMyLocale", input, "viewer { __typename }")
                .await
        }
    });
    // Until it waits for the enrollment.
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let waiting = Statement::from_string(DatabaseBackend::Postgres, waiting);
    let began = Instant::now();
    loop {
        let row = app
            .store
            .connection()
            .query_one_raw(waiting.clone())
            .await
            .unwrap()
            .unwrap();
        if row.try_get_by_index::<i64>(0).unwrap() > 0 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it waits for nobody");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let citizen = citizen::Entity::find_by_id(enrollment.citizen_id).lock(LockType::Update);
    citizen.one(&act.tx).await.expect("the citizen is free").unwrap();
    act.commit().await.unwrap();
    done(&changing.await.unwrap());
    let row = enrollment::Entity::find_by_id(id)
        .one(app.store.connection())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.locale, "en");
}

both_databases!(
    a_unit_says_how_it_is_reached,
    it_is_told_whether_the_unit_is_open,
    a_program_without_contact_view_shows_none,
    citizens_say_how_they_are_reached,
);
