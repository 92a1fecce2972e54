//! A client of `graphql-transport-ws`.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

/// How long a test waits for what must come; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open socket.
#[derive(Debug)]
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What comes from the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// A message of the protocol.
    Message(Value),
    /// The end, with its code.
    Closed(u16),
}

impl Socket {
    /// Opens a socket at `address` (`ws://…/graphql`), without signing in.
    ///
    /// # Panics
    /// When the server does not speak the protocol.
    pub async fn open(address: &str) -> Self {
        let mut request = address.into_client_request().unwrap();
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", protocol.clone());
        let (stream, response) = connect_async(request).await.unwrap();
        assert_eq!(response.headers().get("sec-websocket-protocol"), Some(&protocol));
        Self(stream)
    }

    /// Opens a socket and signs in.
    ///
    /// # Panics
    /// When the token is refused.
    pub async fn signed_in(address: &str, token: &str) -> Self {
        let mut socket = Self::open(address).await;
        let payload = json!({ "authorization": format!("Bearer {token}") });
        socket
            .send(&json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(
            socket.receive().await,
            Received::Message(json!({ "type": "connection_ack" }))
        );
        socket
    }

    /// Sends a message.
    ///
    /// # Panics
    /// When the socket is closed.
    pub async fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Starts an operation.
    pub async fn subscribe(&mut self, id: &str, query: &str, variables: &Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(&json!({ "type": "subscribe", "id": id, "payload": payload }))
            .await;
    }

    /// What comes next, pings aside.
    ///
    /// # Panics
    /// When nothing comes.
    pub async fn receive(&mut self) -> Received {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next())
                .await
                .expect("the server sends something");
            match message {
                Some(Ok(Message::Text(text))) => return Received::Message(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => {
                    return Received::Closed(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Received::Closed(1006),
            }
        }
    }

    /// The next item of subscriptions: its `data`.
    ///
    /// # Panics
    /// When an error, an end or a close comes instead.
    pub async fn item(&mut self) -> Value {
        match self.receive().await {
            Received::Message(message) if message["type"] == "next" => {
                assert!(message["payload"].get("errors").is_none(), "{message}");
                message["payload"]["data"].clone()
            }
            other => panic!("an item of a subscription was expected, not {other:?}"),
        }
    }
}
