//! Inviting staff.

use chrono::TimeDelta;
use entity::{delivery::DeliveryStatus, invitation};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
};

use crate::{BOSS, HEAD, OTHER, UNIT, acting_at, assign, morning, provider, roles, started, stranger, unit, when};

const SHOWN: &str = "staff { id displayName title
    invitation { invitedAt invitedBy { displayName } status sentAt reason }
    assignments { role status validFrom validUntil unit { id } } }";

async fn invite(app: &TestApp, who: &str, input: Value) -> Value {
    app.client.mutate(&app.staff(who), "inviteStaff", input, SHOWN).await
}

/// Somebody new with these roles.
fn kim(assignments: Value) -> Value {
    json!({ "subject": "SE2321000016-KIM", "displayName": "Kim Ek", "title": "Psykolog", "email": "kim@care.example",
        "assignments": assignments })
}

async fn somebody_is_invited_and_signs_in(kind: Kind) {
    let app = started(kind).await;
    let unit = unit(&app, UNIT).await;
    let until = morning() + TimeDelta::days(30);
    let mut input = kim(json!([
        { "role": "THERAPIST", "unitId": unit, "validUntil": until },
        { "role": "UNIT_ADMINISTRATOR", "unitId": unit, "validFrom": morning() + TimeDelta::days(7) },
    ]));
    input["idempotencyKey"] = "kim".into();
    let first = invite(&app, HEAD, input.clone()).await;
    let staff = done(&first)["staff"].clone();
    assert_eq!(
        (&staff["displayName"], &staff["title"]),
        (&json!("Kim Ek"), &json!("Psykolog"))
    );
    assert_eq!(
        staff["invitation"],
        json!({ "invitedAt": when(morning()), "invitedBy": { "displayName": "Person unit-administrator" },
            "status": "READY", "sentAt": null, "reason": null })
    );
    assert_eq!(
        staff["assignments"][0],
        json!({ "role": "THERAPIST", "status": "CURRENT", "validFrom": when(morning()), "validUntil": when(until),
            "unit": { "id": unit } })
    );
    assert_eq!(staff["assignments"][1]["status"], "PLANNED");
    // They are there at once.
    assert_eq!(
        roles(&app, &app.staff("SE2321000016-KIM")).await,
        Some(json!(["THERAPIST"]))
    );

    // One letter, which says where to sign in and nothing else.
    invite(&app, HEAD, input).await;
    assert_eq!(provider(&app).await["staff"]["totalCount"], care::STAFF.len() + 2);
    app.work().await;
    let letters: Vec<_> = app
        .mail()
        .into_iter()
        .filter(|mail| mail.to == "kim@care.example")
        .collect();
    let [letter] = letters.as_slice() else {
        panic!("{} letters", letters.len())
    };
    assert!(letter.text.contains("https://handrail.example"), "{}", letter.text);
    for telling in ["Kim", "Solrosen", "Region", "SE2321000016", "THERAPIST", "terapeut"] {
        assert!(!letter.whole.contains(telling), "{}", letter.whole);
    }
    app.work().await;
    assert_eq!(app.mail().len(), 1);
    let seen = app
        .client
        .query(
            &app.staff(BOSS),
            "{ careProvider { staff(first: 5, named: \"kim\") { nodes { invitation { status sentAt } } } } }",
            json!({}),
        )
        .await
        .data();
    assert_eq!(
        seen["careProvider"]["staff"]["nodes"],
        json!([{ "invitation": { "status": "SENT", "sentAt": when(morning()) } }])
    );
    app.stop().await;
}

async fn what_cannot_be_is_refused_and_nobody_is_added(kind: Kind) {
    let app = started(kind).await;
    app.enroll(1).await;
    let (here, there) = (unit(&app, UNIT).await, unit(&app, OTHER).await);
    let role = |role: &str, unit: &str| json!({ "role": role, "unitId": unit });
    let therapist = json!([role("THERAPIST", &here)]);
    let changed = |field: &str, value: Value| {
        let mut input = kim(therapist.clone());
        input[field] = value;
        input
    };
    let many: Vec<Value> = (0..21).map(|_| role("THERAPIST", &here)).collect();
    for (who, input, code, path) in [
        (HEAD, changed("subject", "therapist".into()), "TAKEN", "subject"),
        (HEAD, changed("subject", " ".into()), "REQUIRED", "subject"),
        (
            HEAD,
            changed("displayName", "Kim\r\nEk".into()),
            "BAD_CHARACTER",
            "displayName",
        ),
        (HEAD, changed("email", "kim".into()), "BAD_EMAIL", "email"),
        (HEAD, changed("email", "".into()), "REQUIRED", "email"),
        (HEAD, kim(json!([])), "REQUIRED", "assignments"),
        (HEAD, kim(many.into()), "TOO_MANY", "assignments"),
        (
            HEAD,
            kim(json!([role("THERAPIST", &there)])),
            "NOT_FOUND",
            "assignments.0.unitId",
        ),
        (
            HEAD,
            kim(json!([role("THERAPIST", &here), role("PUBLISHER", &here)])),
            "NOT_ALLOWED",
            "assignments.1.role",
        ),
        (
            BOSS,
            kim(json!([role("THERAPIST", &here), role("THERAPIST", &here)])),
            "OVERLAP",
            "assignments.1.validFrom",
        ),
        (
            BOSS,
            kim(json!([role("THERAPIST", "nonsense")])),
            "NOT_FOUND",
            "assignments.0.unitId",
        ),
        (
            BOSS,
            kim(json!([{ "role": "THERAPIST" }])),
            "REQUIRED",
            "assignments.0.unitId",
        ),
        ("therapist", kim(therapist.clone()), "NOT_ALLOWED", ""),
        ("auditor", kim(therapist.clone()), "NOT_ALLOWED", ""),
    ] {
        assert_eq!(
            refused(&invite(&app, who, input).await),
            one(code, path),
            "{who} {code} {path}"
        );
    }
    let data = app
        .client
        .mutate(&app.citizen(1), "inviteStaff", kim(therapist.clone()), SHOWN)
        .await;
    assert_eq!(refused(&data), one("NOT_ALLOWED", ""));
    stranger(&app, "stranger").await;
    let elsewhere = invite(&app, "stranger", kim(therapist)).await;
    assert_eq!(refused(&elsewhere), one("NOT_FOUND", "assignments.0.unitId"));
    // Who works for another provider is not told.
    let mut theirs = kim(json!([{ "role": "AUDITOR" }]));
    theirs["subject"] = "therapist".into();
    assert_eq!(
        refused(&invite(&app, "stranger", theirs).await),
        one("NOT_ALLOWED", "subject")
    );
    assert_eq!(provider(&app).await["staff"]["totalCount"], care::STAFF.len() + 1);
    app.work().await;
    assert!(!app.mail().iter().any(|mail| mail.to.starts_with("kim")));
    app.stop().await;
}

async fn an_invitation_is_sent_again_where_the_address_was_wrong(kind: Kind) {
    let app = started(kind).await;
    let unit = unit(&app, UNIT).await;
    let data = invite(&app, BOSS, kim(json!([{ "role": "THERAPIST", "unitId": unit }]))).await;
    let staff = text(&done(&data)["staff"]["id"]);
    app.work().await;
    let again = async |who: &str, email: Option<&str>| {
        let input = json!({ "staffId": staff, "email": email });
        app.client
            .mutate(&app.staff(who), "resendInvitation", input, SHOWN)
            .await
    };
    for who in [HEAD, "therapist"] {
        assert_eq!(refused(&again(who, None).await), one("NOT_FOUND", "staffId"), "{who}");
    }
    stranger(&app, "stranger").await;
    assert_eq!(refused(&again("stranger", None).await), one("NOT_FOUND", "staffId"));
    assert_eq!(refused(&again(BOSS, Some("kim@")).await), one("BAD_EMAIL", "email"));
    for email in [None, Some("kim.ek@care.example"), None] {
        app.clock.advance(TimeDelta::minutes(1));
        assert_eq!(
            done(&again(BOSS, email).await)["staff"]["invitation"]["status"],
            "READY"
        );
        app.work().await;
    }
    let mut sent: Vec<String> = app.mail().into_iter().map(|mail| mail.to).collect();
    sent.sort();
    assert_eq!(
        sent,
        [
            "kim.ek@care.example",
            "kim.ek@care.example",
            "kim@care.example",
            "kim@care.example"
        ]
    );

    // Who has lost every role meanwhile is not written to.
    app.clock.advance(TimeDelta::minutes(1));
    done(&again(BOSS, None).await);
    let token = acting_at(&app, "SE2321000016-KIM", app.care.unit);
    assert!(roles(&app, &token).await.is_some());
    let seen = app
        .client
        .query(
            &app.staff(BOSS),
            "{ careProvider { staff(first: 5, named: \"Kim\") { nodes { assignments { id } } } } }",
            json!({}),
        )
        .await
        .data();
    let id = &seen["careProvider"]["staff"]["nodes"][0]["assignments"][0]["id"];
    done(&assign(&app, BOSS, "revokeAssignment", json!({ "assignmentId": id })).await);
    app.work().await;
    assert_eq!(app.mail().len(), 4);
    let seen = app
        .client
        .query(
            &app.staff(BOSS),
            "{ careProvider { staff(first: 5, named: \"Kim\") { nodes { invitation { status reason } } } } }",
            json!({}),
        )
        .await
        .data();
    assert_eq!(
        seen["careProvider"]["staff"]["nodes"][0]["invitation"],
        json!({ "status": "SKIPPED", "reason": "NO_ASSIGNMENT" })
    );
    app.stop().await;
}

async fn one_that_has_not_left_is_taken_back_by_the_next(kind: Kind) {
    let app = started(kind).await;
    let unit = unit(&app, UNIT).await;
    let data = invite(&app, BOSS, kim(json!([{ "role": "THERAPIST", "unitId": unit }]))).await;
    let staff = text(&done(&data)["staff"]["id"]);
    app.clock.advance(TimeDelta::minutes(1));
    let input = json!({ "staffId": staff, "email": "kim.ek@care.example" });
    done(
        &app.client
            .mutate(&app.staff(BOSS), "resendInvitation", input, SHOWN)
            .await,
    );
    app.work().await;
    let sent: Vec<String> = app.mail().into_iter().map(|mail| mail.to).collect();
    assert_eq!(sent, ["kim.ek@care.example"]);
    let mut rows = invitation::Entity::find().all(app.store.connection()).await.unwrap();
    rows.sort_by_key(|row| row.created_at);
    let ends: Vec<_> = rows.iter().map(|row| (row.status.0, row.reason.as_deref())).collect();
    assert_eq!(
        ends,
        [
            (DeliveryStatus::Skipped, Some("SENT_AGAIN")),
            (DeliveryStatus::Sent, None)
        ]
    );
    app.stop().await;
}

async fn one_that_cannot_be_read_stops_no_other(kind: Kind) {
    let app = started(kind).await;
    let unit = unit(&app, UNIT).await;
    for n in 0..3 {
        let mut input = kim(json!([{ "role": "THERAPIST", "unitId": unit }]));
        input["subject"] = format!("kim-{n}").into();
        input["email"] = format!("kim-{n}@care.example").into();
        done(&invite(&app, BOSS, input).await);
    }
    let mut ids: Vec<_> = invitation::Entity::find().all(app.store.connection()).await.unwrap();
    ids.sort_by_key(|row| row.id);
    invitation::Entity::update_many()
        .col_expr(invitation::Column::Actor, Expr::value("NOBODY:nonsense"))
        .filter(invitation::Column::Id.eq(ids[1].id))
        .exec(app.store.connection())
        .await
        .unwrap();
    app.work().await;
    assert_eq!(app.mail().len(), 2);
    let given_up: Option<String> = invitation::Entity::find_by_id(ids[1].id)
        .select_only()
        .column(invitation::Column::Reason)
        .into_tuple()
        .one(app.store.connection())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(given_up.as_deref(), Some("RECORD_UNREADABLE"));
    app.stop().await;
}

async fn a_letter_that_cannot_leave_is_tried_again(kind: Kind) {
    let app = started(kind).await;
    // A file where the folder should be.
    std::fs::write(&app.config.mail.folder, "").unwrap();
    let unit = unit(&app, UNIT).await;
    done(&invite(&app, BOSS, kim(json!([{ "role": "THERAPIST", "unitId": unit }]))).await);
    app.work().await;
    let status = async || {
        let query = "{ careProvider { staff(first: 5, named: \"Kim\") { nodes { invitation { status reason } } } } }";
        let data = app.client.query(&app.staff(BOSS), query, json!({})).await.data();
        data["careProvider"]["staff"]["nodes"][0]["invitation"].clone()
    };
    let waiting = status().await;
    assert_eq!(waiting["status"], "READY");
    assert!(text(&waiting["reason"]).starts_with("FILE"), "{waiting}");
    std::fs::remove_file(&app.config.mail.folder).unwrap();
    app.clock.advance(TimeDelta::minutes(2));
    app.work().await;
    assert_eq!(status().await, json!({ "status": "SENT", "reason": null }));
    assert_eq!(app.mail().len(), 1);
    app.stop().await;
}

both_databases!(
    somebody_is_invited_and_signs_in,
    what_cannot_be_is_refused_and_nobody_is_added,
    an_invitation_is_sent_again_where_the_address_was_wrong,
    one_that_has_not_left_is_taken_back_by_the_next,
    one_that_cannot_be_read_stops_no_other,
    a_letter_that_cannot_leave_is_tried_again,
);
