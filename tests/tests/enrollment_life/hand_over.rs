//! Handing over: to other therapists, and to another unit with everything in it.

use chrono::TimeDelta;
use entity::{action, enrollment, event, viewer::Viewer};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text, weekly_measure},
    database::Kind,
    socket::Socket,
};

use crate::{SUPPORT, TREATMENT, live, morning, person, row_of, seen, send, start, started, units, when, worklist};

async fn hand(app: &TestApp, token: &str, input: Value) -> Value {
    send(app, token, "transferEnrollment", "unit { id }", input).await
}

/// A rule of one unit: whoever answers there is flagged.
async fn unit_rule(app: &TestApp, subject: &str, unit: &str, kind: &str) {
    let rule = json!({ "programSlug": TREATMENT, "unitId": unit, "key": format!("of-{kind}"), "name": kind, "enabled": true,
        "trigger": { "event": { "formCompleted": { "form": "weekly-measure" } } },
        "actions": [{ "raiseFlag": { "kind": kind, "severity": "INFO", "title": kind, "audience": "STAFF" } }] });
    done(&send(app, &app.staff(subject), "saveRule", "rule { key }", rule).await);
}

async fn an_enrollment_goes_to_another_unit_whole(kind: Kind) {
    let app = started(kind).await;
    let (therapist, citizen, other) = (app.therapist(), app.citizen(1), app.staff(care::OTHER_THERAPIST));
    let units = units(&app).await;
    unit_rule(&app, "therapist", &units.own, "old-unit").await;
    unit_rule(&app, care::OTHER_THERAPIST, &units.other, "new-unit").await;
    let enrollment = start(&app, TREATMENT, 1, None).await;
    let staying = start(&app, TREATMENT, 2, None).await;
    app.work().await;
    app.clock.advance(TimeDelta::minutes(1));
    let say = |body: &str| json!({ "enrollmentId": enrollment, "body": body });
    done(&send(&app, &citizen, "sendMessage", "message { id }", say("Hej")).await);
    let raise = json!({ "enrollmentId": enrollment, "kind": "call", "severity": "WARNING", "title": "Ring", "audience": "STAFF" });
    let flag = send(&app, &therapist, "raiseFlag", "flag { id }", raise).await;
    let assign = json!({ "flagId": done(&flag)["flag"]["id"], "staffId": units.therapist });
    done(&send(&app, &therapist, "assignFlag", "flag { id }", assign).await);
    let input = json!({ "enrollmentId": enrollment, "unitId": units.other, "therapistIds": [units.other_therapist],
        "reason": "Flyttar till hjärtmottagningen", "idempotencyKey": "move" });
    for _ in 0..2 {
        let data = hand(&app, &therapist, input.clone()).await;
        assert_eq!(done(&data)["unit"]["id"], json!(units.other));
    }
    // The former unit does not see it any more, in any list, nor anything in it.
    for token in [&therapist, &app.staff("citizen-administrator")] {
        assert_eq!(worklist(&app, token).await, std::slice::from_ref(&staying));
        assert_eq!(seen(&app, token, &enrollment, "id").await, Value::Null);
        assert_eq!(
            refused(&live(&app, token, "pauseEnrollment", json!({ "enrollmentId": enrollment })).await),
            one("NOT_FOUND", "enrollmentId")
        );
    }
    let node = "query($id: ID!) { node(id: $id) { __typename } }";
    let gone = app
        .client
        .query(&therapist, node, json!({ "id": done(&flag)["flag"]["id"] }))
        .await
        .data();
    assert_eq!(gone["node"], Value::Null);
    assert_eq!(
        refused(
            &hand(
                &app,
                &therapist,
                json!({ "enrollmentId": enrollment, "unitId": units.own, "therapistIds": [] })
            )
            .await
        ),
        one("NOT_FOUND", "enrollmentId")
    );

    // The new one sees everything, and is the only one to treat.
    assert_eq!(worklist(&app, &other).await, std::slice::from_ref(&enrollment));
    let fields = "status unreadMessageCount therapists { id } messages(first: 5) { nodes { body } }
        flags(first: 5) { nodes { kind status assignedTo { id } } } dispatches(first: 5) { nodes { id } }
        contact { unit { name } } transfers { at from { id } to { id } reason by { displayName } }";
    let there = seen(&app, &other, &enrollment, fields).await;
    assert_eq!(there["status"], "ACTIVE");
    assert_eq!(there["unreadMessageCount"], 1);
    assert_eq!(there["therapists"], json!([{ "id": units.other_therapist }]));
    assert_eq!(there["messages"]["nodes"], json!([{ "body": "Hej" }]));
    assert_eq!(
        there["flags"]["nodes"],
        json!([{ "kind": "call", "status": "OPEN", "assignedTo": null }])
    );
    assert_eq!(there["contact"]["unit"]["name"], "Hjärtmottagningen");
    assert_eq!(
        there["transfers"],
        json!([{ "at": when(morning() + TimeDelta::minutes(1)), "from": { "id": units.own }, "to": { "id": units.other },
            "reason": "Flyttar till hjärtmottagningen", "by": { "displayName": "Person therapist" } }])
    );
    let of_citizen = seen(
        &app,
        &citizen,
        &enrollment,
        "contact { unit { id } } transfers { reason by { id } to { id } }",
    )
    .await;
    assert_eq!(
        of_citizen,
        json!({ "contact": { "unit": { "id": units.other } },
            "transfers": [{ "reason": null, "by": null, "to": { "id": units.other } }] })
    );

    // What happens from now on happens there, by its rules.
    let submit = json!({ "dispatchId": there["dispatches"]["nodes"][0]["id"], "answers": weekly_measure(["some"; 9]) });
    done(&send(&app, &citizen, "submitResponse", "result { id }", submit).await);
    app.work().await;
    let flags = seen(&app, &other, &enrollment, "flags(first: 5) { nodes { kind } }").await;
    let mut kinds: Vec<String> = flags["flags"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flag| text(&flag["kind"]))
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["call", "new-unit"]);
    let mut events = event::Entity::find()
        .filter(event::Column::EnrollmentId.eq(row_of(&enrollment)))
        .order_by_asc(event::Column::At)
        .order_by_asc(event::Column::Position)
        .order_by_asc(event::Column::Id)
        .all(app.store.connection())
        .await
        .unwrap();
    // The former unit is told that it left, at that very instant.
    let left = events.extract_if(.., |event| event.kind.0 == event::EventKind::EnrollmentLeft);
    let left: Vec<_> = left.map(|event| event.unit_id).collect();
    assert_eq!(left, [app.care.unit]);
    let went = events
        .iter()
        .position(|event| event.kind.0 == event::EventKind::EnrollmentTransferred)
        .unwrap();
    let of_unit = |unit| move |event: &event::Model| event.unit_id == unit;
    assert!(
        events[..went].iter().all(of_unit(app.care.unit)) && events[went..].iter().all(of_unit(app.care.other_unit))
    );
    app.stop().await;
}

/// The next message that is heard, whatever else is.
async fn next(socket: &mut Socket) -> String {
    loop {
        if let Some(body) = socket.item().await["unitActivity"]["message"]["body"].as_str() {
            return body.to_owned();
        }
    }
}

async fn who_subscribes_at_the_new_unit_hears_of_it_from_then_on(kind: Kind) {
    let app = started(kind).await;
    let units = units(&app).await;
    let enrollment = start(&app, SUPPORT, 1, None).await;
    let row = row_of(&enrollment);
    let subscription =
        "subscription($unitId: ID!) { unitActivity(unitId: $unitId) { __typename ... on MessageReceived {
        message { body } } } }";
    let subscribe = async |subject: &str, unit: &str| {
        let mut socket = app.client.socket(&app.staff(subject)).await;
        let before = app.store.statements();
        socket.subscribe("1", subscription, &json!({ "unitId": unit })).await;
        while app.store.statements() == before {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        socket
    };
    let (mut old, mut new) = (
        subscribe("therapist", &units.own).await,
        subscribe(care::OTHER_THERAPIST, &units.other).await,
    );
    let say = |enrollment: &str, body: &str| json!({ "enrollmentId": enrollment, "body": body });
    done(
        &send(
            &app,
            &app.citizen(1),
            "sendMessage",
            "message { id }",
            say(&enrollment, "Före"),
        )
        .await,
    );
    assert_eq!(next(&mut old).await, "Före");
    let input = json!({ "enrollmentId": enrollment, "unitId": units.other, "therapistIds": [] });
    done(&hand(&app, &app.staff("citizen-administrator"), input).await);
    done(
        &send(
            &app,
            &app.citizen(1),
            "sendMessage",
            "message { id }",
            say(&enrollment, "Efter"),
        )
        .await,
    );
    assert_eq!(next(&mut new).await, "Efter");
    // The former unit hears of its others alone.
    let staying = start(&app, SUPPORT, 2, None).await;
    done(
        &send(
            &app,
            &app.citizen(2),
            "sendMessage",
            "message { id }",
            say(&staying, "Kvar"),
        )
        .await,
    );
    assert_eq!(next(&mut old).await, "Kvar");
    let unit = enrollment::Entity::find_by_id(row)
        .one(app.store.connection())
        .await
        .unwrap()
        .unwrap()
        .unit_id;
    assert_eq!(unit, app.care.other_unit);
    app.stop().await;
}

async fn what_is_overridden_for_one_goes_with_them(kind: Kind) {
    let app = started(kind).await;
    let (therapist, other) = (app.therapist(), app.staff(care::OTHER_THERAPIST));
    let units = units(&app).await;
    unit_rule(&app, "therapist", &units.own, "old-unit").await;
    let enrollment = start(&app, TREATMENT, 1, None).await;
    let rules = async |token: &str, unit: &str| {
        let query = "query($slug: String!, $unit: ID!, $enrollment: ID!) { program(slug: $slug) {
            rules(unitId: $unit, enrollmentId: $enrollment) { id key scope enabled } } }";
        let variables = json!({ "slug": TREATMENT, "unit": unit, "enrollment": enrollment });
        let data = app.client.query(token, query, variables).await.data();
        data["program"]["rules"].as_array().unwrap().clone()
    };
    for key in ["high-score", "of-old-unit"] {
        let all = rules(&therapist, &units.own).await;
        let rule = all.iter().find(|rule| rule["key"] == key).unwrap();
        let input = json!({ "ruleId": rule["id"], "enrollmentId": enrollment, "enabled": false, "values": [], "reason": "Pratar varje dag" });
        done(&send(&app, &therapist, "overrideRule", "rule { id }", input).await);
    }
    let input = json!({ "enrollmentId": enrollment, "unitId": units.other, "therapistIds": [units.other_therapist] });
    done(&hand(&app, &therapist, input).await);
    // What overrides a rule of the program goes on doing so; what overrode a rule of the former unit has nothing to override.
    let all = rules(&other, &units.other).await;
    let own: Vec<_> = all.iter().filter(|rule| rule["scope"] == "ENROLLMENT").collect();
    assert_eq!(own.len(), 1, "{all:?}");
    assert_eq!(
        (&own[0]["key"], &own[0]["enabled"]),
        (&json!("high-score"), &json!(false))
    );
    app.stop().await;
}

async fn a_transfer_that_makes_no_sense_is_refused(kind: Kind) {
    let app = started(kind).await;
    let therapist = app.therapist();
    let units = units(&app).await;
    let enrollment = start(&app, SUPPORT, 1, None).await;
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let foreign = action::care::create_provider(&mut act, "Region Annan").await.unwrap();
    let foreign = action::care::NewUnit {
        provider_id: foreign,
        name: "Annan mottagning".to_owned(),
        ..Default::default()
    };
    let foreign = action::care::create_unit(&mut act, foreign).await.unwrap();
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
    let foreign = api::graphql::id(api::graphql::Kind::Unit, foreign).0;
    let to = |unit: &str, therapists: Value| json!({ "enrollmentId": enrollment, "unitId": unit, "therapistIds": therapists });
    for (input, code, path) in [
        (to(&units.own, json!([])), "SAME_UNIT", "unitId"),
        (to(&foreign, json!([])), "NOT_FOUND", "unitId"),
        (to("nowhere", json!([])), "NOT_FOUND", "unitId"),
        (
            to(&units.other, json!([units.other_therapist, units.therapist])),
            "NOT_FOUND",
            "therapistIds.1",
        ),
    ] {
        assert_eq!(refused(&hand(&app, &therapist, input).await), one(code, path));
    }
    for token in [
        app.staff(care::OTHER_THERAPIST),
        app.staff("provider-administrator"),
        app.citizen(1),
    ] {
        let data = hand(&app, &token, to(&units.other, json!([]))).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"));
    }

    // Where the citizen has blocked the unit, or takes part there already, it stays.
    let citizen = enrollment::Entity::find_by_id(row_of(&enrollment))
        .one(app.store.connection())
        .await
        .unwrap()
        .unwrap()
        .citizen_id;
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let block = action::access_block::set(&mut act, citizen, app.care.other_unit)
        .await
        .unwrap();
    act.commit().await.unwrap();
    let data = hand(&app, &therapist, to(&units.other, json!([]))).await;
    assert_eq!(refused(&data), one("ACCESS_BLOCKED", "unitId"));
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    action::access_block::lift(&mut act, block).await.unwrap();
    act.commit().await.unwrap();
    let input = json!({ "programSlug": SUPPORT, "unitId": units.other, "citizen": person(1) });
    let there = live(&app, &app.staff(care::OTHER_THERAPIST), "startEnrollment", input).await;
    let data = hand(&app, &therapist, to(&units.other, json!([]))).await;
    assert_eq!(refused(&data), one("ALREADY_ENROLLED", "unitId"));
    let ended = json!({ "enrollmentId": done(&there)["enrollment"]["id"] });
    done(&live(&app, &app.staff(care::OTHER_THERAPIST), "completeEnrollment", ended).await);

    done(
        &live(
            &app,
            &therapist,
            "completeEnrollment",
            json!({ "enrollmentId": enrollment }),
        )
        .await,
    );
    let data = hand(&app, &therapist, to(&units.other, json!([]))).await;
    assert_eq!(refused(&data), one("ENDED", "enrollmentId"));
    app.stop().await;
}

async fn others_treat_from_now_on(kind: Kind) {
    let app = started(kind).await;
    let therapist = app.therapist();
    let units = units(&app).await;
    // A second therapist at the unit.
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let provider = app.store.directory().unit(app.care.unit).unwrap().provider_id;
    let second = action::care::NewStaff {
        provider_id: provider,
        subject: "second".to_owned(),
        display_name: "Person second".to_owned(),
        ..Default::default()
    };
    let second = action::care::create_staff(&mut act, second).await.unwrap();
    let assignment = action::assignment::NewAssignment {
        staff_id: second,
        unit_id: Some(app.care.unit),
        role: entity::assignment::Role::Therapist,
        valid_from: None,
        valid_until: None,
    };
    action::assignment::grant(&mut act, &assignment).await.unwrap();
    act.commit().await.unwrap();
    app.store.refresh().await.unwrap();
    let second = api::graphql::id(api::graphql::Kind::Staff, second).0;

    let enrollment = start(&app, SUPPORT, 1, None).await;
    let treat = |ids: Value| json!({ "enrollmentId": enrollment, "therapistIds": ids });
    let set = async |token: &str, ids: Value| {
        send(
            &app,
            token,
            "setTherapists",
            "enrollment { therapists { id } }",
            treat(ids),
        )
        .await
    };
    for token in [app.staff(care::OTHER_THERAPIST), app.staff("auditor"), app.citizen(1)] {
        assert_eq!(refused(&set(&token, json!([])).await), one("NOT_FOUND", "enrollmentId"));
    }
    let data = set(&therapist, json!([second, units.other_therapist])).await;
    assert_eq!(refused(&data), one("NOT_FOUND", "therapistIds.1"));
    // Also at one and the same instant, back and forth.
    for ids in [
        json!([second]),
        json!([units.therapist, second]),
        json!([]),
        json!([second]),
        json!([second]),
    ] {
        let data = set(&app.staff("citizen-administrator"), ids.clone()).await;
        let mut treating: Vec<String> = done(&data)["enrollment"]["therapists"]
            .as_array()
            .unwrap()
            .iter()
            .map(|staff| text(&staff["id"]))
            .collect();
        let mut expected: Vec<String> = ids.as_array().unwrap().iter().map(text).collect();
        treating.sort();
        expected.sort();
        assert_eq!(treating, expected);
    }
    app.clock.advance(TimeDelta::days(1));
    let contact = seen(
        &app,
        &app.citizen(1),
        &enrollment,
        "contact { therapists { displayName } }",
    )
    .await;
    assert_eq!(
        contact["contact"]["therapists"],
        json!([{ "displayName": "Person second" }])
    );
    app.stop().await;
}

both_databases!(
    an_enrollment_goes_to_another_unit_whole,
    who_subscribes_at_the_new_unit_hears_of_it_from_then_on,
    what_is_overridden_for_one_goes_with_them,
    a_transfer_that_makes_no_sense_is_refused,
    others_treat_from_now_on,
);
