//! Everything that administrators do is logged, and read by those who look after the provider.

use chrono::TimeDelta;
use entity::{action::assignment::NewAssignment, administration_log, assignment::Role, viewer::Viewer};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{app::TestApp, both_databases, care, client::done, database::Kind};

use crate::{BOSS, HEAD, UNIT, assign, connect, member, morning, started, stranger, unit, when};

/// The log as somebody reads it.
async fn log(app: &TestApp, who: &str, arguments: &str) -> Vec<Value> {
    let query = format!(
        "{{ careProvider {{ administrationLog({arguments}) {{ nodes {{
            at act actor by {{ displayName }} actingAt {{ name }} unit {{ name }} staff {{ displayName }}
            details {{ name value }} }} }} }} }}"
    );
    let data = app.client.query(&app.staff(who), &query, json!({})).await.data();
    data["careProvider"]["administrationLog"]["nodes"]
        .as_array()
        .unwrap()
        .clone()
}

fn acts(log: &[Value]) -> Vec<&str> {
    log.iter().map(|entry| entry["act"].as_str().unwrap()).collect()
}

fn detail<'a>(entry: &'a Value, name: &str) -> &'a Value {
    let details = entry["details"].as_array().unwrap();
    let found = details.iter().find(|detail| detail["name"] == name);
    found.map_or(&Value::Null, |detail| &detail["value"])
}

async fn everything_that_is_done_is_in_the_log(kind: Kind) {
    let app = started(kind).await;
    // What was made by whoever runs Handrail is there too.
    let made = log(&app, BOSS, "first: 100").await;
    assert!(
        made.iter()
            .all(|entry| entry["actor"] == "SYSTEM" && entry["by"] == Value::Null)
    );
    assert_eq!(
        acts(&made).iter().filter(|act| **act == "STAFF_ADDED").count(),
        care::STAFF.len() + 1
    );

    let (here, start) = (unit(&app, UNIT).await, morning() + TimeDelta::hours(1));
    app.clock.set(start);
    let send = async |who: &str, mutation: &str, input: Value, fields: &str| {
        app.clock.advance(TimeDelta::minutes(1));
        done(&app.client.mutate(&app.staff(who), mutation, input, fields).await).clone()
    };
    let norra = connect(&app, "Norra").await;
    let terms = json!({ "version": "2", "signedBy": "Eva Ek", "signerTitle": "Chef" });
    send(
        BOSS,
        "acceptTerms",
        json!({ "unitId": norra, "terms": terms }),
        "unit { id }",
    )
    .await;
    send(
        BOSS,
        "renameUnit",
        json!({ "unitId": norra, "name": "Nord" }),
        "unit { id }",
    )
    .await;
    send(
        BOSS,
        "disconnectUnit",
        json!({ "unitId": norra, "reason": "Stängd" }),
        "unit { id }",
    )
    .await;
    send(BOSS, "reconnectUnit", json!({ "unitId": norra }), "unit { id }").await;
    send(
        HEAD,
        "updateUnitContact",
        json!({ "unitId": here, "phones": [] }),
        "unit { id }",
    )
    .await;
    send(
        HEAD,
        "setOfficeHours",
        json!({ "unitId": here, "officeHours": [], "closedDays": ["2027-06-25"] }),
        "unit { id }",
    )
    .await;
    send(
        HEAD,
        "setAnswerPromise",
        json!({ "unitId": here, "workingDays": 2 }),
        "unit { id }",
    )
    .await;
    let open = json!({ "programSlug": care::PROGRAM, "unitId": here, "allowTreatment": true });
    send(HEAD, "openProgramForSelfEnrollment", open, "openProgram { openedAt }").await;
    let close = json!({ "programSlug": care::PROGRAM, "unitId": here });
    send(HEAD, "closeProgramForSelfEnrollment", close, "unit { id }").await;
    let template = |title: &str, id: &Value| json!({ "unitId": here, "templateId": id, "title": title, "body": "Hej!", "locale": "sv" });
    let kept = send(
        "therapist",
        "saveMessageTemplate",
        template("Hej", &Value::Null),
        "template { id }",
    )
    .await["template"]["id"]
        .clone();
    send(
        HEAD,
        "saveMessageTemplate",
        template("Hej då", &kept),
        "template { id }",
    )
    .await;
    send(
        "therapist",
        "removeMessageTemplate",
        json!({ "templateId": kept }),
        "unit { id }",
    )
    .await;
    let kim = json!({ "subject": "kim", "displayName": "Kim Ek", "email": "kim@care.example",
        "assignments": [{ "role": "THERAPIST", "unitId": here, "validUntil": start + TimeDelta::days(9) }] });
    let kim = send(HEAD, "inviteStaff", kim, "staff { id assignments { id } }").await["staff"].clone();
    let id = &kim["assignments"][0]["id"];
    let change = json!({ "assignmentId": id, "validUntil": start + TimeDelta::days(5) });
    send(HEAD, "changeAssignment", change, "assignment { id }").await;
    send(
        HEAD,
        "revokeAssignment",
        json!({ "assignmentId": id }),
        "assignment { id }",
    )
    .await;

    let from = format!("first: 100, from: \"{}\"", start.to_rfc3339());
    let mut logged = log(&app, BOSS, &from).await;
    logged.reverse();
    assert_eq!(
        acts(&logged),
        [
            "UNIT_CONNECTED",
            "TERMS_ACCEPTED",
            "TERMS_ACCEPTED",
            "UNIT_RENAMED",
            "UNIT_DISCONNECTED",
            "UNIT_RECONNECTED",
            "UNIT_CONTACT_CHANGED",
            "OFFICE_HOURS_CHANGED",
            "ANSWER_PROMISE_CHANGED",
            "PROGRAM_OPENED",
            "PROGRAM_CLOSED",
            "MESSAGE_TEMPLATE_ADDED",
            "MESSAGE_TEMPLATE_CHANGED",
            "MESSAGE_TEMPLATE_REMOVED",
            "STAFF_ADDED",
            "ASSIGNMENT_GRANTED",
            "STAFF_INVITED",
            "ASSIGNMENT_CHANGED",
            "ASSIGNMENT_REVOKED",
        ]
    );
    let entry = |act: &str| logged.iter().rev().find(|entry| entry["act"] == act).unwrap();
    let renamed = entry("UNIT_RENAMED");
    assert_eq!(
        (detail(renamed, "nameBefore"), detail(renamed, "name")),
        (&json!("Norra"), &json!("Nord"))
    );
    assert_eq!(
        (
            &renamed["by"]["displayName"],
            &renamed["actor"],
            &renamed["unit"]["name"],
            &renamed["at"]
        ),
        (
            &json!("Person provider-administrator"),
            &json!("STAFF"),
            &json!("Nord"),
            &when(start + TimeDelta::minutes(2))
        )
    );
    let accepted = entry("TERMS_ACCEPTED");
    assert_eq!(
        (detail(accepted, "version"), detail(accepted, "signedBy")),
        (&json!("2"), &json!("Eva Ek"))
    );
    assert_eq!(detail(entry("UNIT_DISCONNECTED"), "reason"), "Stängd");
    assert_eq!(detail(entry("ANSWER_PROMISE_CHANGED"), "workingDays"), "2");
    assert_eq!(detail(entry("OFFICE_HOURS_CHANGED"), "closedDays"), "[\"2027-06-25\"]");
    assert_eq!(detail(entry("PROGRAM_OPENED"), "program"), care::PROGRAM);
    let changed = entry("ASSIGNMENT_CHANGED");
    assert_eq!(
        (
            &changed["staff"]["displayName"],
            &changed["actingAt"]["name"],
            detail(changed, "role")
        ),
        (&json!("Kim Ek"), &json!(UNIT), &json!("THERAPIST"))
    );
    assert_eq!(detail(changed, "validUntilBefore"), "2027-03-10T10:00:00Z");
    assert_eq!(detail(changed, "validUntil"), "2027-03-06T10:00:00Z");
    assert_eq!(
        detail(entry("ASSIGNMENT_REVOKED"), "validUntil"),
        "2027-03-01T10:15:00Z"
    );
    let retitled = entry("MESSAGE_TEMPLATE_CHANGED");
    assert_eq!(
        (
            &retitled["by"]["displayName"],
            &retitled["unit"]["name"],
            detail(retitled, "titleBefore"),
            detail(retitled, "title"),
            detail(retitled, "fields")
        ),
        (
            &json!("Person unit-administrator"),
            &json!(UNIT),
            &json!("Hej"),
            &json!("Hej då"),
            &json!("title")
        )
    );
    for (act, title) in [
        ("MESSAGE_TEMPLATE_ADDED", "Hej"),
        ("MESSAGE_TEMPLATE_REMOVED", "Hej då"),
    ] {
        let template = entry(act);
        assert_eq!(
            (
                &template["by"]["displayName"],
                detail(template, "title"),
                detail(template, "locale")
            ),
            (&json!("Person therapist"), &json!(title), &json!("sv")),
            "{act}"
        );
    }
    assert_eq!(entry("STAFF_INVITED")["by"]["displayName"], "Person unit-administrator");
    // No address stands there.
    assert!(!json!(logged).to_string().contains("care.example"));

    // Narrowed to a time, a unit or somebody.
    let span = format!(
        "first: 100, from: \"{}\", to: \"{}\"",
        (start + TimeDelta::minutes(2)).to_rfc3339(),
        (start + TimeDelta::minutes(4)).to_rfc3339()
    );
    assert_eq!(
        acts(&log(&app, BOSS, &span).await),
        ["UNIT_DISCONNECTED", "UNIT_RENAMED"]
    );
    let of_unit = log(&app, BOSS, &format!("first: 100, unitId: \"{norra}\"")).await;
    assert_eq!(of_unit.len(), 6);
    let of_kim = log(&app, BOSS, &format!("first: 100, staffId: {}", kim["id"])).await;
    assert_eq!(of_kim.len(), 5);
    app.stop().await;
}

async fn what_changes_nothing_is_not_logged_and_what_does_is(kind: Kind) {
    let app = started(kind).await;
    let here = unit(&app, UNIT).await;
    let send = async |who: &str, mutation: &str, input: Value, fields: &str| {
        app.clock.advance(TimeDelta::minutes(1));
        done(&app.client.mutate(&app.staff(who), mutation, input, fields).await).clone()
    };
    let latest = async || log(&app, BOSS, "first: 1").await.remove(0);
    for _ in 0..2 {
        let promise = json!({ "unitId": here, "workingDays": 2 });
        send(HEAD, "setAnswerPromise", promise, "unit { id }").await;
        let hours = json!({ "unitId": here, "closedDays": ["2027-06-25"],
            "officeHours": [{ "day": "MO", "from": "08:00", "until": "17:00" }] });
        send(HEAD, "setOfficeHours", hours, "unit { id }").await;
    }
    let all = log(&app, BOSS, "first: 100").await;
    for act in ["ANSWER_PROMISE_CHANGED", "OFFICE_HOURS_CHANGED"] {
        assert_eq!(acts(&all).iter().filter(|logged| **logged == act).count(), 1, "{act}");
    }

    // Programs that are closed with their unit.
    let norra = connect(&app, "Norra").await;
    let norra_id = app
        .store
        .directory()
        .units_of(app.store.directory().unit(app.care.unit).unwrap().provider_id)
        .find(|unit| unit.name == "Norra")
        .map(|unit| unit.id);
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    entity::action::open_program::open(&mut act, care::PROGRAM, norra_id.unwrap(), true)
        .await
        .unwrap();
    act.commit().await.unwrap();
    send(BOSS, "disconnectUnit", json!({ "unitId": norra }), "unit { id }").await;
    let closed = log(&app, BOSS, "first: 2").await;
    let closed = closed.iter().find(|entry| entry["act"] == "PROGRAM_CLOSED").unwrap();
    assert_eq!(detail(closed, "program"), care::PROGRAM);

    // A text that is kept as it was.
    let mut template = json!({ "unitId": here, "title": "Hej", "body": "Hej!", "locale": "sv" });
    for _ in 0..2 {
        let kept = send(HEAD, "saveMessageTemplate", template.clone(), "template { id }").await;
        template["templateId"] = kept["template"]["id"].clone();
    }
    template["body"] = "Hej på er!".into();
    send(HEAD, "saveMessageTemplate", template, "template { id }").await;
    let of_texts = log(&app, BOSS, "first: 2").await;
    assert_eq!(acts(&of_texts), ["MESSAGE_TEMPLATE_CHANGED", "MESSAGE_TEMPLATE_ADDED"]);
    assert_eq!(
        (detail(&of_texts[0], "fields"), detail(&of_texts[0], "titleBefore")),
        (&json!("body"), &Value::Null)
    );

    // That an address is another one, but not which.
    let staff = member(&app, "designer").await;
    for (email, said) in [
        (Some("new@care.example"), json!("CHANGED")),
        (Some("new@care.example"), Value::Null),
        (None, Value::Null),
    ] {
        let input = json!({ "staffId": staff, "email": email });
        send(BOSS, "resendInvitation", input, "staff { id }").await;
        let entry = latest().await;
        assert_eq!(
            (&entry["act"], detail(&entry, "email")),
            (&json!("STAFF_INVITED"), &said)
        );
    }

    // A provider that gets another name, which no other has.
    stranger(&app, "stranger").await;
    let provider = app.store.directory().unit(app.care.unit).unwrap().provider_id;
    let rename = async |name: &str| {
        app.clock.advance(TimeDelta::minutes(1));
        let mut act = app.store.act(&Viewer::system()).await.unwrap();
        let renamed = entity::action::care::rename_provider(&mut act, provider, name).await;
        if renamed.is_ok() {
            act.commit().await.unwrap();
        }
        renamed.map_err(|error| error.to_string())
    };
    assert!(rename("REGION annan").await.is_err());
    rename("Region Ny").await.unwrap();
    let entry = latest().await;
    assert_eq!(
        (detail(&entry, "nameBefore"), detail(&entry, "name")),
        (&json!("Region Prov"), &json!("Region Ny"))
    );
    app.stop().await;
}

async fn what_is_refused_is_not_logged_and_nobody_else_reads(kind: Kind) {
    let app = started(kind).await;
    app.enroll(1).await;
    let before = log(&app, "auditor", "first: 100").await;
    assert!(!before.is_empty());
    let staff = member(&app, "therapist").await;
    let bad = json!({ "staffId": staff, "unitId": unit(&app, UNIT).await, "role": "THERAPIST" });
    let overlap = assign(&app, HEAD, "grantAssignment", bad).await;
    assert_eq!(overlap["grantAssignment"]["errors"][0]["code"], "OVERLAP");
    assert_eq!(log(&app, "auditor", "first: 100").await, before);
    for who in ["therapist", "citizen-administrator", HEAD, "designer", "publisher"] {
        assert!(log(&app, who, "first: 100").await.is_empty(), "{who}");
    }
    // An auditor of a unit reads what is about that unit.
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let assignment = NewAssignment {
        staff_id: app.store.directory().staff_of(app.care.unit, Role::Designer)[0],
        unit_id: Some(app.care.unit),
        role: Role::Auditor,
        valid_from: None,
        valid_until: None,
    };
    entity::action::assignment::grant(&mut act, &assignment).await.unwrap();
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
    let before = log(&app, BOSS, "first: 100").await;
    let of_unit = log(&app, "designer", "first: 100").await;
    let about = before.iter().filter(|entry| entry["unit"]["name"] == UNIT);
    assert_eq!(of_unit, about.cloned().collect::<Vec<_>>());
    assert!(!of_unit.is_empty() && of_unit.len() < before.len());
    // What was done is sealed.
    let rows = administration_log::Entity::find()
        .all(app.store.connection())
        .await
        .unwrap();
    assert!(
        rows.iter()
            .all(|row| !row.details(app.store.keyring()).unwrap().is_empty())
    );
    // Another provider reads its own.
    stranger(&app, "stranger").await;
    let theirs = log(&app, "stranger", "first: 100").await;
    assert_eq!(
        acts(&theirs),
        [
            "ASSIGNMENT_GRANTED",
            "STAFF_ADDED",
            "UNIT_CONNECTED",
            "PROVIDER_CONNECTED"
        ]
    );
    assert_eq!(log(&app, BOSS, "first: 100").await, before);
    let of_citizen = app
        .client
        .query(&app.citizen(1), "{ careProvider { name } }", json!({}))
        .await;
    assert_eq!(of_citizen.data()["careProvider"], Value::Null);
    app.stop().await;
}

both_databases!(
    everything_that_is_done_is_in_the_log,
    what_changes_nothing_is_not_logged_and_what_does_is,
    what_is_refused_is_not_logged_and_nobody_else_reads,
);
