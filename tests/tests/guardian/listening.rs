//! What a guardian hears of the child as it happens.

use chrono::TimeDelta;
use serde_json::json;
use tests::{both_databases, client::done, database::Kind, socket::Received};

use crate::{entrust, family};

async fn a_guardian_hears_of_the_child_and_no_more_once_released(kind: Kind) {
    let family = family(kind).await;
    let (app, guardian, therapist) = (&family.app, family.token(), family.app.therapist());
    let mut socket = family.listen(&guardian).await;
    let say = async |enrollment: &str, body: &str| {
        let input = json!({ "enrollmentId": enrollment, "body": body });
        done(&family.send(&therapist, "sendMessage", "message { id }", input).await);
    };
    say(&family.others, "Till ett annat barn").await;
    say(&family.enrollment, "Till barnet").await;
    let item = socket.item().await["myActivity"].clone();
    assert_eq!(
        (&item["__typename"], &item["message"]["body"]),
        (&json!("MessageReceived"), &json!("Till barnet"))
    );
    // The end closes the socket before it tells anything more.
    family.release().await;
    say(&family.enrollment, "Inte till dig").await;
    assert_eq!(socket.receive().await, Received::Closed(4403));
    // Whoever asks over a socket that is open still is not answered either.
    app.clock.advance(TimeDelta::seconds(1));
    entrust(app, family.guardian, family.child, None).await;
    let mut socket = app.client.socket(&guardian).await;
    family.release().await;
    socket
        .subscribe(
            "1",
            "{ viewer { ... on GuardianViewer { citizens { displayName } } } }",
            &json!({}),
        )
        .await;
    assert_eq!(socket.receive().await, Received::Closed(4403));
    // They come back to nothing.
    let mut socket = family.listen(&guardian).await;
    say(&family.enrollment, "Inte till dig").await;
    socket
        .subscribe(
            "2",
            "{ viewer { ... on GuardianViewer { citizens { id } } } }",
            &json!({}),
        )
        .await;
    assert_eq!(socket.item().await, json!({ "viewer": { "citizens": [] } }));
}

both_databases!(a_guardian_hears_of_the_child_and_no_more_once_released,);
