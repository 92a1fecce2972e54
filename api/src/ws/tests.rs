use std::time::Duration;

use chrono::TimeDelta;
use entity::{
    action::citizen::{self, NewCitizen},
    viewer::Viewer,
};
use futures_util::{SinkExt, StreamExt};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::{auth::Kind, testing::House};

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl House {
    async fn connect(&self, protocol: Option<&'static str>) -> Client {
        let mut request = format!("ws://{}/graphql", self.server.address())
            .into_client_request()
            .unwrap();
        if let Some(protocol) = protocol {
            request
                .headers_mut()
                .insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
        }
        Client(connect_async(request).await.unwrap().0)
    }

    /// A client that has signed in.
    async fn signed_in(&self) -> Client {
        self.signed_in_with(self.token("ingrid")).await
    }

    async fn signed_in_with(&self, token: String) -> Client {
        let mut client = self.connect(Some(super::PROTOCOL)).await;
        client
            .send(json!({ "type": "connection_init", "payload": { "token": token } }))
            .await;
        assert_eq!(client.receive().await, json!({ "type": "connection_ack" }));
        client
    }
}

impl Client {
    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Message {
        loop {
            let message = timeout(Duration::from_secs(20), self.0.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            if !message.is_ping() {
                return message;
            }
        }
    }

    async fn receive(&mut self) -> Value {
        serde_json::from_str(self.next().await.to_text().unwrap()).unwrap()
    }

    /// The code that the server closes with.
    async fn closed(&mut self) -> u16 {
        match self.next().await {
            Message::Close(Some(frame)) => frame.code.into(),
            other => panic!("not closed: {other}"),
        }
    }
}

fn subscribe(id: &str, query: &str) -> Value {
    json!({ "type": "subscribe", "id": id, "payload": { "query": query } })
}

/// Never sends anything while nothing happens.
fn activity(house: &House) -> String {
    let unit = crate::graphql::id(crate::graphql::Kind::Unit, house.unit);
    format!(
        "subscription {{ unitActivity(unitId: \"{}\") {{ __typename }} }}",
        unit.as_str()
    )
}

#[tokio::test]
async fn queries_run_and_complete() {
    let house = House::build().await;
    let mut client = house.signed_in().await;
    client.send(json!({ "type": "ping", "payload": { "a": 1 } })).await;
    assert_eq!(client.receive().await, json!({ "type": "pong", "payload": { "a": 1 } }));
    client.send(subscribe("q", "{ viewer { __typename } }")).await;
    let next =
        json!({ "type": "next", "id": "q", "payload": { "data": { "viewer": { "__typename": "StaffViewer" } } } });
    assert_eq!(client.receive().await, next);
    assert_eq!(client.receive().await, json!({ "type": "complete", "id": "q" }));
    // The id is free again.
    client.send(subscribe("q", "{ nothing }")).await;
    let error = client.receive().await;
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("q")));
    assert_eq!(error["payload"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_breaks_the_protocol_is_told_how() {
    let house = House::build().await;
    assert_eq!(house.connect(None).await.closed().await, 4406);

    let mut client = house.connect(Some(super::PROTOCOL)).await;
    client.send(subscribe("1", "{ viewer { __typename } }")).await;
    assert_eq!(client.closed().await, 4401);

    for payload in [
        json!({ "token": "nonsense" }),
        json!({ "token": house.token("stranger") }),
        json!({}),
    ] {
        let mut client = house.connect(Some(super::PROTOCOL)).await;
        client
            .send(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(client.closed().await, 4403);
    }

    let mut client = house.signed_in().await;
    client.send(json!({ "type": "connection_init" })).await;
    assert_eq!(client.closed().await, 4429);

    for message in [
        Message::text("not json"),
        Message::text(r#"{"type":"start"}"#),
        Message::binary(vec![1]),
    ] {
        let mut client = house.signed_in().await;
        client.0.send(message).await.unwrap();
        assert_eq!(client.closed().await, 4400);
    }

    let mut client = house.signed_in().await;
    client.send(subscribe("1", &activity(&house))).await;
    client.send(subscribe("1", &activity(&house))).await;
    assert_eq!(client.closed().await, 4409);
}

#[tokio::test]
async fn limits_hold_as_over_http() {
    let house = House::build().await;
    let mut client = house.signed_in().await;
    let doubling = "{ ...a } fragment a on Query { ...b ...b } fragment b on Query { ...c ...c } fragment c on Query \
        { ...d ...d } fragment d on Query { ...e ...e } fragment e on Query { ...f ...f } fragment f on Query { __typename }";
    client.send(subscribe("big", doubling)).await;
    assert_eq!(
        client.receive().await["payload"][0]["extensions"]["code"],
        "LIMIT_EXCEEDED"
    );
    for id in ["1", "2", "3"] {
        client.send(subscribe(id, &activity(&house))).await;
    }
    let error = client.receive().await;
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("3")));
    // One completed makes room for another.
    client.send(json!({ "type": "complete", "id": "1" })).await;
    client.send(subscribe("4", "{ viewer { __typename } }")).await;
    assert_eq!(client.receive().await["type"], "next");
}

#[tokio::test]
async fn the_socket_ends_with_the_token() {
    let house = House::build().await;
    let mut client = house.signed_in().await;
    client.send(subscribe("1", &activity(&house))).await;
    house.clock.advance(TimeDelta::hours(2));
    assert_eq!(client.closed().await, 4403);
}

#[tokio::test]
async fn a_stopping_server_says_so() {
    let house = House::build().await;
    let mut client = house.signed_in().await;
    client.send(subscribe("1", &activity(&house))).await;
    let (code, stopped) = tokio::join!(client.closed(), house.server.stop());
    stopped.unwrap();
    assert_eq!(code, 1001);
}

#[tokio::test]
async fn every_operation_notes_that_the_citizen_is_there() {
    let house = House::build().await;
    let store = house.server.store();
    let mut act = store.act(&Viewer::system()).await.unwrap();
    let anna = NewCitizen {
        personal_identity_number: "199001012385".to_owned(),
        given_name: "Anna".to_owned(),
        family_name: "Lindvall".to_owned(),
        subject: Some("anna".to_owned()),
        ..NewCitizen::default()
    };
    let anna = citizen::register(&mut act, &anna, "").await.unwrap();
    act.commit().await.unwrap();

    let mut client = house.signed_in_with(house.token_of(Kind::Citizen, "anna")).await;
    house.clock.advance(TimeDelta::minutes(5));
    client.send(subscribe("q", "{ viewer { __typename } }")).await;
    assert_eq!(client.receive().await["type"], "next");
    let row = entity::citizen::Entity::find_by_id(anna);
    let row = row.one(store.connection()).await.unwrap().unwrap();
    assert_eq!(row.last_seen_at, Some(house.clock.now()));
}
