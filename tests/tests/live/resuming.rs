//! Listeners who lose their connection, their token, their server or their place, and come back where they were.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    action::{self, flag::Raise},
    assignment,
    store::Store,
    viewer::Viewer,
};
use rules::facts::{Audience, Severity};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases,
    client::text,
    database::Kind,
    socket::{Received, Socket},
};
use uuid::Uuid;

const UNIT: &str =
    "subscription($unitId: ID!, $after: String) { activity: unitActivity(unitId: $unitId, after: $after) {
    __typename ... on Activity { cursor } ... on FlagRaised { flag { title } } } }";

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// Listens for the unit as the therapist, after a cursor.
async fn listen(app: &TestApp, after: &Value) -> Socket {
    let mut socket = app.client.socket(&app.therapist()).await;
    let variables = json!({ "unitId": app.unit_id().await, "after": after });
    socket.subscribe("1", UNIT, &variables).await;
    socket
}

async fn now(app: &TestApp) -> Value {
    app.last_cursor().await.into()
}

fn flag(enrollment_id: Uuid, title: &str, cause: entity::act::Cause) -> Raise {
    Raise {
        enrollment_id,
        kind: title.to_owned(),
        severity: Severity::Info,
        title: title.to_owned(),
        note: None,
        audience: Audience::Staff,
        rule_key: None,
        occurrence: None,
        auto_resolve: false,
        cause,
    }
}

async fn raise(store: &Store, enrollment: Uuid, title: &str) {
    let mut act = store.act(&Viewer::system()).await.unwrap();
    let flags = [flag(enrollment, title, act.cause())];
    let raised = action::flag::raise(&mut act, &flags).await.unwrap();
    assert!(raised[0].is_ok());
    act.commit().await.unwrap();
}

/// The flags that come next, and the cursor of the last.
async fn flags<const N: usize>(socket: &mut Socket, expected: [&str; N]) -> Value {
    let mut cursor = Value::Null;
    for expected in expected {
        let item = socket.item().await["activity"].clone();
        assert_eq!(item["flag"]["title"], expected, "{item}");
        cursor = item["cursor"].clone();
    }
    cursor
}

async fn closed(mut socket: Socket) -> u16 {
    match socket.receive().await {
        Received::Closed(code) => code,
        Received::Message(message) => panic!("not closed: {message}"),
    }
}

async fn whose_token_expires_goes_on_with_another(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    let enrollment = app.enroll(1).await;
    let mut socket = listen(&app, &now(&app).await).await;
    raise(&app.store, enrollment, "one").await;
    let seen = flags(&mut socket, ["one"]).await;
    app.clock.advance(TimeDelta::days(101));
    assert_eq!(closed(socket).await, 4403);
    for title in ["two", "three"] {
        raise(&app.store, enrollment, title).await;
    }
    let mut socket = listen(&app, &seen).await;
    let seen = flags(&mut socket, ["two", "three"]).await;
    // Over the same socket as well.
    let variables = json!({ "unitId": app.unit_id().await, "after": seen });
    socket.send(&json!({ "type": "complete", "id": "1" })).await;
    socket.subscribe("2", UNIT, &variables).await;
    raise(&app.store, enrollment, "four").await;
    flags(&mut socket, ["four"]).await;
}

async fn whose_server_stops_goes_on_at_another(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    let enrollment = app.enroll(1).await;
    let mut socket = listen(&app, &now(&app).await).await;
    raise(&app.store, enrollment, "one").await;
    let seen = flags(&mut socket, ["one"]).await;
    let (code, world) = tokio::join!(closed(socket), app.stop());
    assert_eq!(code, 1001, "going away");
    raise(&world.store, enrollment, "two").await;
    let app = TestApp::over(world).await;
    let mut socket = listen(&app, &seen).await;
    raise(&app.store, enrollment, "three").await;
    flags(&mut socket, ["two", "three"]).await;
}

async fn who_loses_their_place_hears_no_more(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    let enrollment = app.enroll(1).await;
    let mut socket = listen(&app, &now(&app).await).await;
    raise(&app.store, enrollment, "one").await;
    flags(&mut socket, ["one"]).await;
    assignment::Entity::update_many()
        .col_expr(assignment::Column::ValidUntil, Expr::value(app.clock.now()))
        .filter(assignment::Column::StaffId.eq(app.care.therapist))
        .exec(app.store.connection())
        .await
        .unwrap();
    assert_eq!(closed(socket).await, 4403);
}

/// Nothing on SQLite: only PostgreSQL lets two write at the same time.
async fn what_is_committed_late_is_heard_in_its_place(kind: Kind) {
    if kind == Kind::Sqlite {
        return;
    }
    let app = TestApp::start(kind, morning()).await;
    let (slow, quick) = (app.enroll(1).await, app.enroll(2).await);
    let start = now(&app).await;
    let mut first = listen(&app, &start).await;
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let flag_of_slow = [flag(slow, "slow", act.cause())];
    assert!(action::flag::raise(&mut act, &flag_of_slow).await.unwrap()[0].is_ok());
    for title in ["quick", "quicker"] {
        raise(&app.store, quick, title).await;
    }
    // Who comes now hears the same as who was there.
    let mut second = listen(&app, &start).await;
    act.commit().await.unwrap();
    for socket in [&mut first, &mut second] {
        let mut heard = Vec::new();
        for _ in 0..3 {
            heard.push(text(&socket.item().await["activity"]["flag"]["title"]));
        }
        assert_eq!(heard, ["slow", "quick", "quicker"]);
    }
}

both_databases!(
    whose_token_expires_goes_on_with_another,
    whose_server_stops_goes_on_at_another,
    who_loses_their_place_hears_no_more,
    what_is_committed_late_is_heard_in_its_place,
);
