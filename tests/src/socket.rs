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
    /// Opens a socket at `address` (`ws://…/graphql`), without signing in; none where no server answers there.
    ///
    /// # Panics
    /// When the server does not speak the protocol.
    async fn try_open(address: &str) -> Option<Self> {
        let mut request = address.into_client_request().unwrap();
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", protocol.clone());
        let (stream, response) = connect_async(request).await.ok()?;
        assert_eq!(response.headers().get("sec-websocket-protocol"), Some(&protocol));
        Some(Self(stream))
    }

    /// Opens a socket and signs in; none where no server answers there, or it ends meanwhile.
    ///
    /// # Panics
    /// When the token is refused.
    pub async fn try_signed_in(address: &str, token: &str) -> Option<Self> {
        let mut socket = Self::try_open(address).await?;
        let payload = json!({ "authorization": format!("Bearer {token}") });
        let init = json!({ "type": "connection_init", "payload": payload });
        socket.0.send(Message::text(init.to_string())).await.ok()?;
        match socket.receive().await {
            Received::Message(message) => assert_eq!(message, json!({ "type": "connection_ack" })),
            Received::Closed(1001 | 1006) => return None,
            Received::Closed(code) => panic!("the token is refused with {code}"),
        }
        Some(socket)
    }

    /// Opens a socket and signs in.
    ///
    /// # Panics
    /// When the token is refused.
    pub async fn signed_in(address: &str, token: &str) -> Self {
        Self::try_signed_in(address, token).await.expect("the server answers")
    }

    /// Sends a message.
    ///
    /// # Panics
    /// When the socket is closed.
    pub async fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Closes it, and waits until the server has.
    pub async fn close(mut self) {
        // Whoever is closed already cannot be closed.
        let _ = self.0.close(None).await;
        while let Some(Ok(_)) = self.0.next().await {}
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
