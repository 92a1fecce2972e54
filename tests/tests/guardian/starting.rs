//! Programs that a guardian starts for the child, and leaves again.

use chrono::TimeDelta;
use entity::{action, viewer::Viewer};
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
};

use crate::{entrust, family, row_of};

async fn a_guardian_starts_what_is_open_for_the_child(kind: Kind) {
    let family = family(kind).await;
    let (app, guardian) = (&family.app, family.token());
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let sibling = action::citizen::register(&mut act, &care::citizen(3), "")
        .await
        .unwrap();
    act.commit().await.unwrap();
    entrust(app, family.guardian, sibling, None).await;
    let id_of = async |n: u32| family.home(&app.citizen(n)).await["citizen"]["id"].clone();
    let (child, other, sibling) = (id_of(1).await, id_of(2).await, id_of(3).await);
    let unit = app.unit_id().await;
    let wanted = |citizen: &Value| json!({ "programSlug": care::PROGRAM, "unitId": unit, "citizenId": citizen });
    let fields = "enrollment { id status citizen { id } }";
    let enroll = async |token: &str, input: Value| family.send(token, "enrollMyself", fields, input).await;
    assert_eq!(
        refused(&enroll(&guardian, wanted(&sibling)).await),
        one("NOT_FOUND", "programSlug"),
        "it is not open"
    );
    let open = json!({ "programSlug": care::PROGRAM, "unitId": unit, "allowTreatment": true });
    let administrator = app.staff("unit-administrator");
    let fields = "openProgram { openedAt }";
    done(
        &family
            .send(&administrator, "openProgramForSelfEnrollment", fields, open)
            .await,
    );
    for (token, input, refusal) in [
        (&guardian, wanted(&Value::Null), one("NOT_FOUND", "citizenId")),
        (&guardian, wanted(&other), one("NOT_FOUND", "citizenId")),
        (&guardian, wanted(&json!("nobody")), one("NOT_FOUND", "citizenId")),
        (&guardian, wanted(&child), one("ALREADY_ENROLLED", "")),
        (&app.citizen(3), wanted(&child), one("NOT_FOUND", "citizenId")),
        (&app.therapist(), wanted(&sibling), one("NOT_ALLOWED", "")),
    ] {
        assert_eq!(refused(&enroll(token, input.clone()).await), refusal, "{input}");
    }
    let started = done(&enroll(&guardian, wanted(&sibling)).await)["enrollment"].clone();
    assert_eq!(
        (&started["status"], &started["citizen"]["id"]),
        (&json!("ACTIVE"), &sibling)
    );
    let id = text(&started["id"]);
    let history = "statusHistory { status actor reason by { id } }";
    let begun = json!({ "status": "ACTIVE", "actor": "GUARDIAN", "reason": null, "by": null });
    let seen = family.seen(&app.therapist(), &id, history).await;
    assert_eq!(seen["statusHistory"], json!([begun]), "staff are told who it was");

    // What was started on the child's side is left on the child's side; what staff started is not.
    app.clock.advance(TimeDelta::hours(1));
    let leave = async |enrollment: &str| {
        let input = json!({ "enrollmentId": enrollment, "reason": "Det räcker" });
        family
            .send(&guardian, "withdrawEnrollment", "enrollment { status }", input)
            .await
    };
    for enrollment in [&family.enrollment, &family.others] {
        assert_eq!(refused(&leave(enrollment).await), one("NOT_FOUND", "enrollmentId"));
    }
    assert_eq!(done(&leave(&id).await)["enrollment"]["status"], "WITHDRAWN");
    let left = json!({ "status": "WITHDRAWN", "actor": "GUARDIAN", "reason": "Det räcker", "by": null });
    for token in [&app.therapist(), &app.citizen(3), &guardian] {
        let seen = family.seen(token, &id, history).await;
        assert_eq!(seen["statusHistory"], json!([begun, left]));
    }
    // Nobody starts anything for a child that they act for no more.
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let row = row_of(app, 3).await;
    action::guardian::release(&mut act, family.guardian, row).await.unwrap();
    act.commit().await.unwrap();
    assert_eq!(
        refused(&enroll(&guardian, wanted(&sibling)).await),
        one("NOT_FOUND", "citizenId")
    );
}

both_databases!(a_guardian_starts_what_is_open_for_the_child,);
