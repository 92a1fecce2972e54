//! Drafts, and who has read what was sent.

use chrono::TimeDelta;
use rules::facts::Status;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, one, refused},
    database::Kind,
};

use super::{SAVE_DRAFT, change, say, started, thread};

const DISCARD_DRAFT: &str = "mutation($input: DiscardMessageDraftInput!) { discardMessageDraft(input: $input) {
    enrollment { messageDraft { body } } errors { code message path } } }";
const MARK_READ: &str = "mutation($input: MarkMessagesReadInput!) { markMessagesRead(input: $input) {
    enrollment { id } errors { code message path } } }";

async fn a_draft_is_its_authors_until_it_is_sent(kind: Kind) {
    let (app, id, enrollment) = started(kind).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let draft = |body: &str| json!({ "enrollmentId": enrollment, "body": body });
    for body in ["Hej, jag", "Hej, jag undrar"] {
        let saved = change(&app, &citizen, SAVE_DRAFT, draft(body)).await;
        assert_eq!(done(&saved)["enrollment"]["messageDraft"]["body"], body);
    }
    done(&change(&app, &therapist, SAVE_DRAFT, draft("Hur går")).await);
    assert_eq!(
        thread(&app, &citizen, &enrollment).await["messageDraft"]["body"],
        "Hej, jag undrar"
    );
    assert_eq!(
        thread(&app, &therapist, &enrollment).await["messageDraft"]["body"],
        "Hur går"
    );

    // Sending removes the author's own.
    done(&say(&app, &citizen, &enrollment, "Hej, jag undrar en sak").await);
    assert_eq!(thread(&app, &citizen, &enrollment).await["messageDraft"], Value::Null);
    assert_eq!(
        thread(&app, &therapist, &enrollment).await["messageDraft"]["body"],
        "Hur går"
    );
    let discard = json!({ "enrollmentId": enrollment });
    let discarded = change(&app, &therapist, DISCARD_DRAFT, discard.clone()).await;
    assert_eq!(done(&discarded)["enrollment"]["messageDraft"], Value::Null);
    done(&change(&app, &therapist, DISCARD_DRAFT, discard.clone()).await);

    assert_eq!(
        refused(&change(&app, &citizen, SAVE_DRAFT, draft(" ")).await),
        one("REQUIRED", "body")
    );
    app.enroll(2).await;
    for token in [
        app.staff(care::OTHER_THERAPIST),
        app.staff("citizen-administrator"),
        app.citizen(2),
    ] {
        for (mutation, input) in [(SAVE_DRAFT, draft("Hej")), (DISCARD_DRAFT, discard.clone())] {
            let data = change(&app, &token, mutation, input).await;
            assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"));
        }
    }
    // After the end nothing new is written; what was begun can be read and thrown away.
    done(&change(&app, &citizen, SAVE_DRAFT, draft("Tack")).await);
    care::change_status(&app.store, id, Status::Completed, None).await;
    assert_eq!(
        refused(&change(&app, &citizen, SAVE_DRAFT, draft("Tack!")).await),
        one("ENDED", "")
    );
    assert_eq!(
        thread(&app, &citizen, &enrollment).await["messageDraft"]["body"],
        "Tack"
    );
    done(&change(&app, &citizen, DISCARD_DRAFT, discard).await);
    assert_eq!(thread(&app, &citizen, &enrollment).await["messageDraft"], Value::Null);
    app.stop().await;
}

async fn staff_see_who_of_them_has_read(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    done(&say(&app, &citizen, &enrollment, "Hej").await);
    app.clock.advance(TimeDelta::seconds(30));
    done(&say(&app, &therapist, &enrollment, "Hej du").await);
    app.clock.advance(TimeDelta::seconds(30));
    for token in [&citizen, &therapist] {
        done(&change(&app, token, MARK_READ, json!({ "enrollmentId": enrollment })).await);
    }
    let read = json!("2027-03-01T09:01:00+00:00");
    let nodes = thread(&app, &therapist, &enrollment).await["messages"]["nodes"].clone();
    assert_eq!((&nodes[0]["readAt"], &nodes[0]["readBy"]), (&read, &Value::Null));
    assert_eq!(
        (&nodes[1]["readAt"], &nodes[1]["readBy"]["displayName"]),
        (&read, &json!("Person therapist"))
    );
    let nodes = thread(&app, &citizen, &enrollment).await["messages"]["nodes"].clone();
    assert_eq!((&nodes[1]["readAt"], &nodes[1]["readBy"]), (&read, &Value::Null));
    app.stop().await;
}

both_databases!(a_draft_is_its_authors_until_it_is_sent, staff_see_who_of_them_has_read);
