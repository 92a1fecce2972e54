//! Connecting units, accepting terms, renaming, disconnecting and connecting again.

use chrono::{DateTime, TimeDelta, Utc};
use entity::open_program;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
};

use crate::{
    BOSS, HEAD, OTHER, UNIT, acting_at, at, connect, morning, new_unit, provider, started, stranger, unit, when,
};

const SHOWN: &str = "unit { id name timeZone phone phones { label number } emergencyText openingHours
    officeHours { day from until } closedDays disconnectedAt
    acceptedTerms { version signedBy signerTitle signedAt acceptedAt acceptedBy { displayName } } }";

async fn send(app: &TestApp, who: &str, mutation: &str, input: Value) -> Value {
    app.client.mutate(&app.staff(who), mutation, input, SHOWN).await
}

async fn a_unit_is_connected_in_one_go(kind: Kind) {
    let app = started(kind).await;
    let words = |text: &str| json!([{ "locale": "sv", "text": text }]);
    let mut input = json!({ "name": " Norra mottagningen ", "timeZone": "Europe/Helsinki",
        "terms": { "version": "2027-1", "signedBy": "Eva Ek", "signerTitle": "Verksamhetschef",
            "signedAt": "2027-02-26T14:00:00Z" },
        "phones": [{ "number": "08-123 456 78", "label": words("Reception") }],
        "emergencyText": words("Ring 112"), "openingHours": words("Vardagar 8–17"),
        "officeHours": [{ "day": "MO", "from": "08:00", "until": "17:00" }], "closedDays": ["2027-06-25"],
        "idempotencyKey": "north" });
    let first = send(&app, BOSS, "connectUnit", input.clone()).await;
    let made = done(&first)["unit"].clone();
    assert_eq!(
        (
            &made["name"],
            &made["timeZone"],
            &made["phone"],
            &made["disconnectedAt"]
        ),
        (
            &json!("Norra mottagningen"),
            &json!("Europe/Helsinki"),
            &json!("+46812345678"),
            &Value::Null
        )
    );
    assert_eq!(
        made["phones"],
        json!([{ "label": "Reception", "number": "+46812345678" }])
    );
    assert_eq!(
        (&made["emergencyText"], &made["openingHours"]),
        (&json!("Ring 112"), &json!("Vardagar 8–17"))
    );
    assert_eq!(
        (&made["officeHours"][0]["day"], &made["closedDays"]),
        (&json!("MO"), &json!(["2027-06-25"]))
    );
    assert_eq!(
        made["acceptedTerms"],
        json!([{ "version": "2027-1", "signedBy": "Eva Ek", "signerTitle": "Verksamhetschef",
            "signedAt": when(at("2027-02-26T14:00:00Z")), "acceptedAt": when(morning()),
            "acceptedBy": { "displayName": "Person provider-administrator" } }])
    );
    // The same key makes no second one, and is not used for another.
    assert_eq!(send(&app, BOSS, "connectUnit", input.clone()).await, first);
    assert_eq!(provider(&app).await["units"]["totalCount"], 3);
    input["name"] = "Södra mottagningen".into();
    assert_eq!(
        refused(&send(&app, BOSS, "connectUnit", input).await),
        one("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")
    );
    // Its provider's administrator acts there at once, and what is not said is not there.
    let plain = connect(&app, "Östra mottagningen").await;
    let read = "query($id: ID!) { unit(id: $id) { name timeZone phones { number } officeHours { day } acceptedTerms { signedAt } } }";
    let seen = app
        .client
        .query(&app.staff(BOSS), read, json!({ "id": plain }))
        .await
        .data();
    assert_eq!(
        seen["unit"],
        json!({ "name": "Östra mottagningen", "timeZone": "Europe/Stockholm", "phones": [], "officeHours": [],
            "acceptedTerms": [{ "signedAt": when(morning()) }] })
    );
    assert_eq!(
        app.client
            .query(&app.staff(HEAD), read, json!({ "id": plain }))
            .await
            .data()["unit"],
        Value::Null
    );
    app.stop().await;
}

async fn what_is_wrong_is_told_at_once_and_nothing_is_made(kind: Kind) {
    let app = started(kind).await;
    app.enroll(1).await;
    let bad = json!({ "name": "Norra",
        "terms": { "version": " ", "signedBy": "Eva\nEk", "signedAt": "2027-03-02T00:00:00Z" },
        "phones": [{ "number": "ring oss" }],
        "officeHours": [{ "day": "MO", "from": "17:00", "until": "08:00" }] });
    let mut errors = refused(&send(&app, BOSS, "connectUnit", bad.clone()).await);
    errors.sort();
    let expected = [
        ("BAD_CHARACTER", "terms.signedBy"),
        ("BAD_INTERVAL", "officeHours.0.until"),
        ("BAD_PHONE", "phones.0.number"),
        ("IN_THE_FUTURE", "terms.signedAt"),
        ("REQUIRED", "terms.version"),
    ];
    let told = |expected: &[(&str, &str)]| -> Vec<(String, String)> {
        let expected = expected.iter();
        expected
            .map(|(code, path)| ((*code).to_owned(), (*path).to_owned()))
            .collect()
    };
    assert_eq!(errors, told(&expected));
    // Also with what is wrong with the unit itself.
    for (change, wrong) in [
        (json!({ "name": UNIT }), [("TAKEN", "name")].as_slice()),
        (
            json!({ "name": UNIT, "timeZone": "Mars" }),
            &[("BAD_TIME_ZONE", "timeZone"), ("TAKEN", "name")],
        ),
        (
            json!({ "name": "Norra\n", "timeZone": "Mars" }),
            &[("BAD_TIME_ZONE", "timeZone")],
        ),
        (json!({ "name": "" }), &[("REQUIRED", "name")]),
    ] {
        let mut input = bad.clone();
        let fields = input.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        let mut errors = refused(&send(&app, BOSS, "connectUnit", input).await);
        errors.sort();
        let mut all = told(&[&expected, wrong].concat());
        all.sort();
        assert_eq!(errors, all);
    }
    for (change, code, path) in [
        (json!({ "name": " " }), "REQUIRED", "name"),
        (json!({ "name": UNIT.to_uppercase() }), "TAKEN", "name"),
        (json!({ "timeZone": "Sweden/Stockholm" }), "BAD_TIME_ZONE", "timeZone"),
    ] {
        let mut input = new_unit("Norra");
        input
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        assert_eq!(refused(&send(&app, BOSS, "connectUnit", input).await), one(code, path));
    }
    let everybody = care::STAFF
        .iter()
        .map(|(subject, _)| *subject)
        .filter(|subject| *subject != BOSS);
    for who in everybody.chain([care::OTHER_THERAPIST]) {
        assert_eq!(
            refused(&send(&app, who, "connectUnit", new_unit("Norra")).await),
            one("NOT_ALLOWED", ""),
            "{who}"
        );
    }
    let of_citizen = app
        .client
        .mutate(&app.citizen(1), "connectUnit", new_unit("Norra"), "unit { id }")
        .await;
    assert_eq!(refused(&of_citizen), one("NOT_ALLOWED", ""));
    assert_eq!(provider(&app).await["units"]["totalCount"], 2);
    app.stop().await;
}

async fn terms_are_accepted_anew_and_those_before_stay(kind: Kind) {
    let app = started(kind).await;
    let unit = unit(&app, UNIT).await;
    let accept = async |who: &str, version: &str| {
        let input = json!({ "unitId": unit, "terms": { "version": version, "signedBy": "Eva Ek" } });
        send(&app, who, "acceptTerms", input).await
    };
    done(&accept(BOSS, "2027-1").await);
    app.clock.advance(TimeDelta::days(30));
    let data = accept(BOSS, "2027-2").await;
    let terms = done(&data)["unit"]["acceptedTerms"].as_array().unwrap();
    let versions: Vec<&Value> = terms.iter().map(|terms| &terms["version"]).collect();
    assert_eq!(versions, ["2027-2", "2027-1"]);
    assert_eq!(terms[1]["acceptedAt"], when(morning()));
    assert_eq!(
        refused(&accept(BOSS, "2027-1").await),
        one("ALREADY_ACCEPTED", "version")
    );
    for who in [HEAD, "therapist", "auditor"] {
        assert_eq!(
            refused(&accept(who, "2027-3").await),
            one("NOT_FOUND", "unitId"),
            "{who}"
        );
    }
    stranger(&app, "stranger").await;
    assert_eq!(refused(&accept("stranger", "2027-3").await), one("NOT_FOUND", "unitId"));

    // Read by who administers the unit and the auditors, and by nobody else.
    let read = "query($id: ID!) { unit(id: $id) { acceptedTerms { version } } }";
    for (who, count) in [(HEAD, 2), ("auditor", 2), ("therapist", 0), ("designer", 0)] {
        let data = app
            .client
            .query(&app.staff(who), read, json!({ "id": unit }))
            .await
            .data();
        assert_eq!(data["unit"]["acceptedTerms"].as_array().unwrap().len(), count, "{who}");
    }
    app.stop().await;
}

async fn a_unit_gets_another_name(kind: Kind) {
    let app = started(kind).await;
    let unit = unit(&app, UNIT).await;
    let rename =
        async |who: &str, name: &str| send(&app, who, "renameUnit", json!({ "unitId": unit, "name": name })).await;
    assert_eq!(done(&rename(BOSS, "Solrosen").await)["unit"]["name"], "Solrosen");
    assert_eq!(done(&rename(BOSS, "SOLROSEN").await)["unit"]["name"], "SOLROSEN");
    assert_eq!(refused(&rename(BOSS, OTHER).await), one("TAKEN", "name"));
    assert_eq!(refused(&rename(BOSS, "").await), one("REQUIRED", "name"));
    for who in [HEAD, "therapist"] {
        assert_eq!(refused(&rename(who, "X").await), one("NOT_FOUND", "unitId"), "{who}");
    }
    let wrong = json!({ "unitId": "nonsense", "name": "X" });
    assert_eq!(
        refused(&send(&app, BOSS, "renameUnit", wrong).await),
        one("NOT_FOUND", "unitId")
    );
    app.stop().await;
}

async fn a_disconnected_unit_takes_nobody_in_and_is_read_on(kind: Kind) {
    let app = started(kind).await;
    let (here, there) = (unit(&app, UNIT).await, unit(&app, OTHER).await);
    app.enroll(1).await;
    let enrollment = app.enrollment_of(1).await;
    let disconnect = async |who: &str| {
        send(
            &app,
            who,
            "disconnectUnit",
            json!({ "unitId": here, "reason": "Flyttar" }),
        )
        .await
    };
    for who in [HEAD, "therapist"] {
        assert_eq!(refused(&disconnect(who).await), one("NOT_FOUND", "unitId"), "{who}");
    }
    assert_eq!(refused(&disconnect(BOSS).await), one("ENROLLMENTS_RUNNING", "unitId"));
    let open = json!({ "programSlug": care::PROGRAM, "unitId": here, "allowTreatment": true });
    let opened = app
        .client
        .mutate(
            &app.staff(HEAD),
            "openProgramForSelfEnrollment",
            open.clone(),
            "openProgram { openedAt }",
        )
        .await;
    done(&opened);
    let end = json!({ "enrollmentId": enrollment });
    done(
        &app.client
            .mutate(&app.therapist(), "completeEnrollment", end, "enrollment { id }")
            .await,
    );
    let data = disconnect(BOSS).await;
    assert_eq!(done(&data)["unit"]["disconnectedAt"], when(morning()));
    assert_eq!(refused(&disconnect(BOSS).await), one("UNIT_DISCONNECTED", "unitId"));

    // Nobody comes in: not by staff, not by themselves, not from elsewhere.
    let start = json!({ "programSlug": care::PROGRAM, "unitId": here,
        "citizen": { "personalIdentityNumber": care::identity_number(2), "givenName": "A", "familyName": "B" } });
    let started = app
        .client
        .mutate(&app.therapist(), "startEnrollment", start.clone(), "enrollment { id }")
        .await;
    assert_eq!(refused(&started), one("UNIT_DISCONNECTED", "unitId"));
    let again = app
        .client
        .mutate(
            &app.staff(HEAD),
            "openProgramForSelfEnrollment",
            open,
            "openProgram { openedAt }",
        )
        .await;
    assert_eq!(refused(&again), one("UNIT_DISCONNECTED", "unitId"));
    let myself = json!({ "programSlug": care::PROGRAM, "unitId": here });
    let myself = app
        .client
        .mutate(&app.citizen(1), "enrollMyself", myself, "enrollment { id }")
        .await;
    assert_eq!(refused(&myself), one("NOT_FOUND", "programSlug"));
    // Nor where a program was opened by a process that did not know of it.
    let program = app.store.directory().programs()[care::PROGRAM].program.id;
    let forgotten = open_program::Entity::update_many()
        .col_expr(open_program::Column::ClosedAt, Expr::value(None::<DateTime<Utc>>))
        .filter(open_program::Column::ProgramId.eq(program))
        .exec(app.store.connection())
        .await
        .unwrap();
    assert_eq!(forgotten.rows_affected, 1);
    let myself = json!({ "programSlug": care::PROGRAM, "unitId": here });
    let myself = app
        .client
        .mutate(&app.citizen(1), "enrollMyself", myself, "enrollment { id }")
        .await;
    assert_eq!(refused(&myself), one("UNIT_DISCONNECTED", "unitId"));
    let close = json!({ "programSlug": care::PROGRAM, "unitId": here });
    let closed = app
        .client
        .mutate(&app.staff(HEAD), "closeProgramForSelfEnrollment", close, "unit { id }")
        .await;
    done(&closed);
    let other = app.staff(care::OTHER_THERAPIST);
    let mut elsewhere = start.clone();
    elsewhere["unitId"] = there.clone().into();
    let elsewhere = app
        .client
        .mutate(&other, "startEnrollment", elsewhere, "enrollment { id }")
        .await;
    let transfer = json!({ "enrollmentId": done(&elsewhere)["enrollment"]["id"], "unitId": here, "therapistIds": [] });
    let transferred = app
        .client
        .mutate(&other, "transferEnrollment", transfer, "unit { id }")
        .await;
    assert_eq!(refused(&transferred), one("UNIT_DISCONNECTED", "unitId"));
    let siblings = "{ viewer { ... on StaffViewer { unit { siblingUnits { id } } } } }";
    let seen = app.client.query(&other, siblings, json!({})).await.data();
    assert_eq!(seen["viewer"]["unit"]["siblingUnits"], json!([]));

    // Who works there reads on.
    let read = "query($id: ID!) { enrollment(id: $id) { status messages(first: 1) { nodes { id } } } }";
    let data = app
        .client
        .query(&app.therapist(), read, json!({ "id": enrollment }))
        .await
        .data();
    assert_eq!(data["enrollment"]["status"], "COMPLETED");
    // The provider's administrator, who named no unit, acts at one that is connected.
    let acts =
        "{ viewer { ... on StaffViewer { unit { id } provider { units(connected: false) { nodes { id } } } } } }";
    let data = app.client.query(&app.staff(BOSS), acts, json!({})).await.data();
    assert_eq!(data["viewer"]["unit"]["id"], json!(there));
    assert_eq!(data["viewer"]["provider"]["units"]["nodes"], json!([{ "id": here }]));

    // Connected again, it takes people in; a program is not open again by that.
    let reconnect = async || send(&app, BOSS, "reconnectUnit", json!({ "unitId": here })).await;
    let taken = connect(&app, UNIT).await;
    assert_eq!(refused(&reconnect().await), one("TAKEN", "unitId"));
    done(&send(&app, BOSS, "renameUnit", json!({ "unitId": taken, "name": "Den nya" })).await);
    assert_eq!(done(&reconnect().await)["unit"]["disconnectedAt"], Value::Null);
    assert_eq!(refused(&reconnect().await), one("UNIT_CONNECTED", "unitId"));
    assert_eq!(
        refused(&send(&app, HEAD, "reconnectUnit", json!({ "unitId": here })).await),
        one("NOT_FOUND", "unitId")
    );
    let mut third = start;
    third["citizen"]["personalIdentityNumber"] = care::identity_number(3).into();
    let started = app
        .client
        .mutate(&app.therapist(), "startEnrollment", third, "enrollment { id }")
        .await;
    assert!(!text(&done(&started)["enrollment"]["id"]).is_empty());
    let myself = json!({ "programSlug": care::PROGRAM, "unitId": here });
    let myself = app
        .client
        .mutate(&app.citizen(1), "enrollMyself", myself, "enrollment { id }")
        .await;
    assert_eq!(refused(&myself), one("NOT_FOUND", "programSlug"));
    app.stop().await;
}

async fn a_new_unit_is_administered_from_inside(kind: Kind) {
    let app = started(kind).await;
    connect(&app, "Norra").await;
    let norra = app.store.directory();
    let norra = norra.units_of(norra.unit(app.care.unit).unwrap().provider_id);
    let norra = norra.into_iter().find(|unit| unit.name == "Norra").unwrap().id;
    let token = acting_at(&app, BOSS, norra);
    let data = app
        .client
        .query(
            &token,
            "{ viewer { ... on StaffViewer { roles unit { name } } } }",
            json!({}),
        )
        .await
        .data();
    assert_eq!(
        data["viewer"],
        json!({ "roles": ["PROVIDER_ADMINISTRATOR"], "unit": { "name": "Norra" } })
    );
    app.stop().await;
}

both_databases!(
    a_unit_is_connected_in_one_go,
    what_is_wrong_is_told_at_once_and_nothing_is_made,
    terms_are_accepted_anew_and_those_before_stay,
    a_unit_gets_another_name,
    a_disconnected_unit_takes_nobody_in_and_is_read_on,
    a_new_unit_is_administered_from_inside,
);
