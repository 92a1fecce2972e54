//! Giving roles, changing their dates, and taking them back.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
};

use crate::{
    ASSIGNMENT, BOSS, HEAD, OTHER, UNIT, acting_at, assign, assignment, member, morning, roles, soon, started,
    stranger, unit, when,
};

async fn a_role_is_given_for_a_time(kind: Kind) {
    let app = started(kind).await;
    let (unit_id, staff) = (unit(&app, UNIT).await, member(&app, care::OTHER_THERAPIST).await);
    let (from, until) = (morning() + TimeDelta::days(7), morning() + TimeDelta::days(14));
    let input = json!({ "staffId": staff, "unitId": unit_id, "role": "THERAPIST", "validFrom": from,
        "validUntil": until, "idempotencyKey": "grant" });
    let first = assign(&app, HEAD, "grantAssignment", input.clone()).await;
    let given = done(&first)["assignment"].clone();
    assert_eq!(
        (
            &given["role"],
            &given["status"],
            &given["validFrom"],
            &given["validUntil"]
        ),
        (&json!("THERAPIST"), &json!("PLANNED"), &when(from), &when(until))
    );
    assert_eq!(
        (&given["grantedAt"], &given["grantedBy"], &given["changedAt"]),
        (
            &when(morning()),
            &json!({ "displayName": "Person unit-administrator" }),
            &Value::Null
        )
    );
    assert_eq!(given["unit"], json!({ "id": unit_id }));
    assert_eq!(assign(&app, HEAD, "grantAssignment", input).await, first);

    // It holds in its time alone, without anybody doing anything.
    let worklist = "{ viewer { ... on StaffViewer { roles unit { enrollments(first: 5) { nodes { id } } } } } }";
    app.enroll(1).await;
    let there = |app: &tests::app::TestApp| acting_at(app, care::OTHER_THERAPIST, app.care.unit);
    assert_eq!(roles(&app, &there(&app)).await, None);
    app.clock.set(from);
    soon(async || roles(&app, &there(&app)).await == Some(json!(["THERAPIST"]))).await;
    let data = app.client.query(&there(&app), worklist, json!({})).await.data();
    assert_eq!(
        data["viewer"]["unit"]["enrollments"]["nodes"].as_array().unwrap().len(),
        1
    );
    let node = "query($id: ID!) { node(id: $id) { ... on Assignment { status } } }";
    let of_node = async |who: &str| {
        let data = app
            .client
            .query(&app.staff(who), node, json!({ "id": given["id"] }))
            .await
            .data();
        data["node"].clone()
    };
    assert_eq!(of_node(HEAD).await, json!({ "status": "CURRENT" }));
    assert_eq!(of_node("auditor").await, json!({ "status": "CURRENT" }));
    assert_eq!(of_node("therapist").await, Value::Null);
    app.clock.set(until);
    soon(async || roles(&app, &there(&app)).await.is_none()).await;
    assert_eq!(of_node(HEAD).await, json!({ "status": "ENDED" }));
    app.stop().await;
}

async fn what_is_beyond_the_administrator_is_refused(kind: Kind) {
    let app = started(kind).await;
    let (here, there) = (unit(&app, UNIT).await, unit(&app, OTHER).await);
    let staff = member(&app, care::OTHER_THERAPIST).await;
    app.enroll(1).await;
    let (_, stranger) = stranger(&app, "stranger").await;
    let stranger = entity_id("Staff", stranger);
    let grant = async |who: &str, role: &str, unit: Option<&str>, staff: &str| {
        let input = json!({ "staffId": staff, "unitId": unit, "role": role });
        assign(&app, who, "grantAssignment", input).await
    };
    for (who, role, unit, staff, code, path) in [
        // A unit's administrator: at their own unit alone, and no role beyond it.
        (HEAD, "THERAPIST", Some(&*there), &*staff, "NOT_FOUND", "unitId"),
        (HEAD, "DESIGNER", Some(&*here), &*staff, "NOT_ALLOWED", "role"),
        (HEAD, "PUBLISHER", Some(&*here), &*staff, "NOT_ALLOWED", "role"),
        (HEAD, "AUDITOR", Some(&*here), &*staff, "NOT_ALLOWED", "role"),
        (HEAD, "PROVIDER_ADMINISTRATOR", None, &*staff, "NOT_ALLOWED", "role"),
        (HEAD, "THERAPIST", None, &*staff, "REQUIRED", "unitId"),
        (HEAD, "THERAPIST", Some(&*here), &*stranger, "NOT_FOUND", "staffId"),
        // A provider's administrator: at all of its units, and nowhere else.
        (BOSS, "THERAPIST", None, &*staff, "REQUIRED", "unitId"),
        (BOSS, "UNIT_ADMINISTRATOR", None, &*staff, "REQUIRED", "unitId"),
        (
            BOSS,
            "PROVIDER_ADMINISTRATOR",
            Some(&*here),
            &*staff,
            "WHOLE_PROVIDER",
            "unitId",
        ),
        (BOSS, "THERAPIST", Some(&*here), &*stranger, "NOT_FOUND", "staffId"),
        (BOSS, "THERAPIST", Some(&*here), "nonsense", "NOT_FOUND", "staffId"),
        (BOSS, "THERAPIST", Some(&*staff), &*staff, "NOT_FOUND", "unitId"),
        ("stranger", "THERAPIST", Some(&*here), &*stranger, "NOT_FOUND", "unitId"),
        ("stranger", "THERAPIST", Some(&*here), &*staff, "NOT_FOUND", "staffId"),
        // Nobody else gives anything.
        ("therapist", "THERAPIST", Some(&*here), &*staff, "NOT_FOUND", "staffId"),
        (
            "citizen-administrator",
            "THERAPIST",
            Some(&*here),
            &*staff,
            "NOT_FOUND",
            "staffId",
        ),
        ("designer", "DESIGNER", Some(&*here), &*staff, "NOT_FOUND", "staffId"),
        ("auditor", "AUDITOR", None, &*staff, "NOT_FOUND", "staffId"),
    ] {
        let data = grant(who, role, unit, staff).await;
        assert_eq!(refused(&data), one(code, path), "{who} {role} {unit:?}");
    }
    let citizen = json!({ "staffId": staff, "unitId": here, "role": "THERAPIST" });
    let data = app
        .client
        .mutate(&app.citizen(1), "grantAssignment", citizen, ASSIGNMENT)
        .await;
    assert_eq!(refused(&data), one("NOT_FOUND", "staffId"));
    for role in ["CITIZEN_ADMINISTRATOR", "UNIT_ADMINISTRATOR"] {
        done(&grant(HEAD, role, Some(&here), &staff).await);
    }
    for (role, unit) in [
        ("DESIGNER", None),
        ("PUBLISHER", Some(&*here)),
        ("AUDITOR", None),
        ("PROVIDER_ADMINISTRATOR", None),
    ] {
        done(&grant(BOSS, role, unit, &staff).await);
    }

    // Taking back and changing, likewise.
    let of_other = assignment(&app, "therapist").await;
    let of_designer = assignment(&app, "designer").await;
    let of_boss = assignment(&app, BOSS).await;
    for mutation in ["revokeAssignment", "changeAssignment"] {
        for (who, id, code) in [
            ("stranger", &of_other, "NOT_FOUND"),
            ("therapist", &of_other, "NOT_FOUND"),
            ("auditor", &of_other, "NOT_FOUND"),
            (HEAD, &of_designer, "NOT_ALLOWED"),
            (HEAD, &of_boss, "NOT_FOUND"),
            (BOSS, &here, "NOT_FOUND"),
        ] {
            let data = assign(&app, who, mutation, json!({ "assignmentId": id })).await;
            assert_eq!(refused(&data), one(code, "assignmentId"), "{who} {mutation}");
        }
    }
    app.stop().await;
}

async fn who_administers_a_unit_gives_themselves_nothing(kind: Kind) {
    let app = started(kind).await;
    let (unit, own) = (unit(&app, UNIT).await, member(&app, HEAD).await);
    for role in ["THERAPIST", "CITIZEN_ADMINISTRATOR"] {
        let input = json!({ "staffId": own, "unitId": unit, "role": role });
        let data = assign(&app, HEAD, "grantAssignment", input).await;
        assert_eq!(refused(&data), one("NOT_ALLOWED", "staffId"), "{role}");
    }
    assert_eq!(roles(&app, &app.staff(HEAD)).await, Some(json!(["UNIT_ADMINISTRATOR"])));
    // They shorten their own time, and do not prolong it again; who administers the provider does.
    let id = assignment(&app, HEAD).await;
    let change = async |who: &str, until: Option<i64>| {
        let until = until.map(|days| morning() + TimeDelta::days(days));
        let input = json!({ "assignmentId": id, "validUntil": until });
        assign(&app, who, "changeAssignment", input).await
    };
    done(&change(HEAD, Some(7)).await);
    assert_eq!(
        refused(&change(HEAD, Some(8)).await),
        one("NOT_ALLOWED", "assignmentId")
    );
    assert_eq!(refused(&change(HEAD, None).await), one("NOT_ALLOWED", "assignmentId"));
    done(&change(BOSS, Some(8)).await);
    done(&change(HEAD, Some(6)).await);
    // Who administers the provider looks after everybody's roles, their own among them.
    let boss = json!({ "staffId": member(&app, BOSS).await, "unitId": unit, "role": "UNIT_ADMINISTRATOR" });
    done(&assign(&app, BOSS, "grantAssignment", boss).await);
    app.stop().await;
}

async fn what_is_left_out_of_a_change_stays(kind: Kind) {
    let app = started(kind).await;
    let (unit, staff) = (unit(&app, UNIT).await, member(&app, care::OTHER_THERAPIST).await);
    let day = |days: i64| morning() + TimeDelta::days(days);
    let grant =
        json!({ "staffId": staff, "unitId": unit, "role": "THERAPIST", "validFrom": day(2), "validUntil": day(9) });
    let data = assign(&app, HEAD, "grantAssignment", grant).await;
    let id = text(&done(&data)["assignment"]["id"]);
    let change = async |input: Value| assign(&app, HEAD, "changeAssignment", input).await;
    let data = change(json!({ "assignmentId": id, "validFrom": day(3), "idempotencyKey": "a" })).await;
    assert_eq!(
        (
            &done(&data)["assignment"]["validFrom"],
            &data["changeAssignment"]["assignment"]["validUntil"]
        ),
        (&when(day(3)), &when(day(9)))
    );
    let data = change(json!({ "assignmentId": id, "validFrom": day(10) })).await;
    assert_eq!(refused(&data), one("BAD_INTERVAL", "validUntil"));
    // Left out and null are not the same, under one key neither.
    let open = json!({ "assignmentId": id, "validFrom": day(3), "validUntil": null, "idempotencyKey": "a" });
    assert_eq!(
        refused(&change(open.clone()).await),
        one("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")
    );
    let data = change(json!({ "assignmentId": id, "validUntil": null })).await;
    assert_eq!(done(&data)["assignment"]["validUntil"], Value::Null);
    app.stop().await;
}

/// An id of a row as clients write it.
fn entity_id(kind: &str, id: uuid::Uuid) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(format!("{kind}:{id}"))
}

async fn dates_that_make_no_sense_are_refused(kind: Kind) {
    let app = started(kind).await;
    let (unit, staff) = (unit(&app, UNIT).await, member(&app, care::OTHER_THERAPIST).await);
    let day = |days: i64| Some(morning() + TimeDelta::days(days));
    let grant = async |from, until| {
        let input =
            json!({ "staffId": staff, "unitId": unit, "role": "THERAPIST", "validFrom": from, "validUntil": until });
        assign(&app, BOSS, "grantAssignment", input).await
    };
    for (from, until, code, path) in [
        (day(2), day(1), "BAD_INTERVAL", "validUntil"),
        (day(2), day(2), "BAD_INTERVAL", "validUntil"),
        (None, day(-1), "BAD_INTERVAL", "validUntil"),
        (day(-1), None, "IN_THE_PAST", "validFrom"),
        (day(4_000), None, "TOO_FAR_AHEAD", "validFrom"),
        (None, day(4_000), "TOO_FAR_AHEAD", "validUntil"),
    ] {
        assert_eq!(
            refused(&grant(from, until).await),
            one(code, path),
            "{from:?} {until:?}"
        );
    }
    let data = grant(day(10), day(20)).await;
    let later = text(&done(&data)["assignment"]["id"]);
    for (from, until) in [(None, None), (day(5), day(11)), (day(19), None), (day(12), day(13))] {
        assert_eq!(
            refused(&grant(from, until).await),
            one("OVERLAP", "validFrom"),
            "{from:?} {until:?}"
        );
    }
    // One may end when the next begins.
    let data = grant(None, day(10)).await;
    let now = text(&done(&data)["assignment"]["id"]);
    let change = async |id: &str, from, until| {
        let input = json!({ "assignmentId": id, "validFrom": from, "validUntil": until });
        assign(&app, BOSS, "changeAssignment", input).await
    };
    for (id, from, until, code, path) in [
        (&now, None, day(11), "OVERLAP", "validFrom"),
        (&now, None, None, "OVERLAP", "validFrom"),
        (&now, day(1), day(9), "HAS_BEGUN", "validFrom"),
        (&now, None, day(-1), "BAD_INTERVAL", "validUntil"),
        (&later, day(-1), None, "IN_THE_PAST", "validFrom"),
        (&later, day(9), None, "OVERLAP", "validFrom"),
        (&later, day(12), day(11), "BAD_INTERVAL", "validUntil"),
    ] {
        assert_eq!(
            refused(&change(id, from, until).await),
            one(code, path),
            "{from:?} {until:?}"
        );
    }
    app.clock.advance(TimeDelta::days(1));
    assert_eq!(
        refused(&change(&now, None, day(1)).await),
        one("IN_THE_PAST", "validUntil")
    );
    let changed = change(&now, None, day(5)).await;
    let changed = &done(&changed)["assignment"];
    assert_eq!(
        (&changed["validFrom"], &changed["validUntil"], &changed["changedAt"]),
        (&when(morning()), &when(day(5).unwrap()), &when(day(1).unwrap()))
    );
    assert_eq!(
        changed["changedBy"],
        json!({ "displayName": "Person provider-administrator" })
    );
    let moved = change(&later, day(6), None).await;
    assert_eq!(
        (
            &done(&moved)["assignment"]["validFrom"],
            &done(&moved)["assignment"]["validUntil"]
        ),
        (&when(day(6).unwrap()), &Value::Null)
    );
    app.clock.advance(TimeDelta::days(10));
    for mutation in ["changeAssignment", "revokeAssignment"] {
        let data = assign(&app, BOSS, mutation, json!({ "assignmentId": now })).await;
        assert_eq!(refused(&data), one("ENDED", "assignmentId"));
    }
    app.stop().await;
}

async fn a_role_that_is_taken_back_is_gone_within_a_second(kind: Kind) {
    let app = started(kind).await;
    app.enroll(1).await;
    let enrollment = app.enrollment_of(1).await;
    care::colleague(&app.store, app.care.unit).await;
    app.store.refresh().await.unwrap();
    let therapist = app.therapist();
    let id = assignment(&app, "therapist").await;
    let input = json!({ "assignmentId": id, "idempotencyKey": "revoke" });
    let first = assign(&app, HEAD, "revokeAssignment", input.clone()).await;
    let revoked = &done(&first)["assignment"];
    assert_eq!(
        (&revoked["status"], &revoked["validUntil"]),
        (&json!("ENDED"), &when(morning()))
    );
    assert_eq!(
        revoked["changedBy"],
        json!({ "displayName": "Person unit-administrator" })
    );
    soon(async || roles(&app, &therapist).await.is_none()).await;
    assert_eq!(assign(&app, HEAD, "revokeAssignment", input).await, first);

    // The enrollment goes on, and whoever else treats at the unit is told of what happens there.
    let raise = json!({ "enrollmentId": enrollment, "kind": "call", "severity": "WARNING", "title": "Ring", "audience": "STAFF" });
    let colleague = app.staff(care::COLLEAGUE);
    done(&app.client.mutate(&colleague, "raiseFlag", raise, "flag { id }").await);
    let reminder = json!({ "trigger": { "event": { "messageReceived": {} } },
        "actions": [{ "remind": { "template": "staff-attention", "channels": ["EMAIL"], "audience": "STAFF" } }] });
    care::save_rule(&app.store, "told", reminder).await;
    let say = json!({ "enrollmentId": enrollment, "body": "Hej" });
    done(
        &app.client
            .mutate(&app.citizen(1), "sendMessage", say, "message { id }")
            .await,
    );
    app.work().await;
    app.clock.advance(TimeDelta::minutes(1));
    app.work().await;
    let told: Vec<String> = app
        .mail()
        .into_iter()
        .map(|mail| mail.to)
        .filter(|to| to.ends_with("care.example"))
        .collect();
    assert_eq!(told, [format!("{}@care.example", care::COLLEAGUE)]);

    // One that has not begun never does.
    let staff = member(&app, "therapist").await;
    let grant = json!({ "staffId": staff, "unitId": unit(&app, UNIT).await, "role": "THERAPIST",
        "validFrom": morning() + TimeDelta::days(1) });
    let planned = assign(&app, HEAD, "grantAssignment", grant.clone()).await;
    let planned = json!({ "assignmentId": done(&planned)["assignment"]["id"] });
    let data = assign(&app, HEAD, "revokeAssignment", planned).await;
    assert_eq!(done(&data)["assignment"]["status"], "ENDED");
    app.clock.advance(TimeDelta::days(2));
    app.store.refresh().await.unwrap();
    assert_eq!(roles(&app, &therapist).await, None);
    // Whoever lost it can have it again.
    let mut again = grant;
    again["validFrom"] = Value::Null;
    done(&assign(&app, HEAD, "grantAssignment", again).await);
    assert_eq!(roles(&app, &therapist).await, Some(json!(["THERAPIST"])));
    app.stop().await;
}

async fn the_last_administrator_stays(kind: Kind) {
    let app = started(kind).await;
    let own = assignment(&app, BOSS).await;
    let staff = member(&app, "designer").await;
    let last = one("LAST_ADMINISTRATOR", "assignmentId");
    let revoke = async |who: &str, id: &str| assign(&app, who, "revokeAssignment", json!({ "assignmentId": id })).await;
    assert_eq!(refused(&revoke(BOSS, &own).await), last);
    let day = |days: i64| morning() + TimeDelta::days(days);
    let change = async |id: &str, until| {
        assign(
            &app,
            BOSS,
            "changeAssignment",
            json!({ "assignmentId": id, "validUntil": until }),
        )
        .await
    };
    assert_eq!(refused(&change(&own, day(7)).await), last);

    // Somebody who comes later leaves nobody until then; somebody who leaves too leaves nobody after.
    let grant =
        json!({ "staffId": staff, "role": "PROVIDER_ADMINISTRATOR", "validFrom": day(3), "validUntil": day(30) });
    let data = assign(&app, BOSS, "grantAssignment", grant).await;
    let second = text(&done(&data)["assignment"]["id"]);
    assert_eq!(refused(&revoke(BOSS, &own).await), last);
    assert_eq!(refused(&change(&own, day(7)).await), last);
    let open = json!({ "assignmentId": second, "validUntil": null });
    done(&assign(&app, BOSS, "changeAssignment", open).await);
    assert_eq!(refused(&change(&own, day(2)).await), last);
    done(&change(&own, day(3)).await);
    app.clock.set(day(3));
    soon(async || roles(&app, &app.staff(BOSS)).await.is_none()).await;
    app.store.refresh().await.unwrap();
    assert_eq!(refused(&revoke("designer", &second).await), last);
    // The administrator of a unit is not kept: those of the provider look after it.
    let head = app
        .client
        .query(
            &app.staff("designer"),
            "{ careProvider { staff(first: 20, named: \"unit-administrator\") {
        nodes { assignments { id } } } } }",
            json!({}),
        )
        .await
        .data();
    let head = text(&head["careProvider"]["staff"]["nodes"][0]["assignments"][0]["id"]);
    done(&revoke(HEAD, &head).await);
    app.stop().await;
}

async fn two_who_leave_at_once_do_not_both(kind: Kind) {
    let app = started(kind).await;
    let own = assignment(&app, BOSS).await;
    let grant = json!({ "staffId": member(&app, "auditor").await, "role": "PROVIDER_ADMINISTRATOR" });
    let data = assign(&app, BOSS, "grantAssignment", grant).await;
    let second = text(&done(&data)["assignment"]["id"]);
    let revoke = async |who: &str, id: &str| assign(&app, who, "revokeAssignment", json!({ "assignmentId": id })).await;
    let (one_left, other_left) = tokio::join!(revoke(BOSS, &own), revoke("auditor", &second));
    let stayed = [one_left, other_left]
        .iter()
        .filter(|data| data["revokeAssignment"]["errors"][0]["code"] == "LAST_ADMINISTRATOR")
        .count();
    assert_eq!(stayed, 1);
    app.stop().await;
}

both_databases!(
    a_role_is_given_for_a_time,
    who_administers_a_unit_gives_themselves_nothing,
    what_is_left_out_of_a_change_stays,
    what_is_beyond_the_administrator_is_refused,
    dates_that_make_no_sense_are_refused,
    a_role_that_is_taken_back_is_gone_within_a_second,
    the_last_administrator_stays,
    two_who_leave_at_once_do_not_both,
);
