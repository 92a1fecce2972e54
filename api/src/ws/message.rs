//! The messages of the protocol.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::graphql::Written;

/// What a client sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromClient {
    ConnectionInit { payload: Option<Map<String, Value>> },
    Ping { payload: Option<Map<String, Value>> },
    Pong {},
    Subscribe { id: String, payload: Value },
    Complete { id: String },
}

/// What the server sends.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromServer<'a> {
    ConnectionAck,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
    Next {
        id: &'a str,
        payload: Written<'a>,
    },
    Error {
        id: &'a str,
        payload: &'a [async_graphql::ServerError],
    },
    Complete {
        id: &'a str,
    },
}

/// Why the server closes a socket: the code and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Close(pub u16, pub &'static str);

impl Close {
    pub(super) const GOING_AWAY: Self = Self(1001, "The server is stopping");
    pub(super) const FAULT: Self = Self(1011, "Something went wrong on our side");
    pub(super) const TRY_AGAIN_LATER: Self = Self(1013, "Signing in is not possible right now");
    pub(super) const INVALID_MESSAGE: Self = Self(4400, "Invalid message");
    pub(super) const UNAUTHORIZED: Self = Self(4401, "Unauthorized");
    pub(super) const FORBIDDEN: Self = Self(4403, "Forbidden");
    pub(super) const EXPIRED: Self = Self(4403, "The token has expired");
    pub(super) const NO_PROTOCOL: Self = Self(4406, "Subprotocol not acceptable: speak graphql-transport-ws");
    pub(super) const INIT_TIMEOUT: Self = Self(4408, "Connection initialisation timeout");
    pub(super) const TOO_MANY_INITS: Self = Self(4429, "Too many initialisation requests");
}

/// The token of a `connection_init`: `authorization` in any case, with or without `Bearer`, or `token`.
pub(super) fn token(payload: &Map<String, Value>) -> Option<&str> {
    payload.iter().find_map(|(name, value)| {
        let value = value.as_str()?.trim();
        match name.to_ascii_lowercase().as_str() {
            "token" => Some(value),
            "authorization" => match value.split_once(' ') {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
                Some(_) => None,
                None => Some(value),
            },
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_token_is_found_however_it_is_sent() {
        let found = |payload: Value| token(payload.as_object().unwrap()).map(str::to_owned);
        assert_eq!(found(json!({ "Authorization": "bearer abc" })).as_deref(), Some("abc"));
        assert_eq!(found(json!({ "authorization": "abc" })).as_deref(), Some("abc"));
        assert_eq!(found(json!({ "x": 1, "token": "abc" })).as_deref(), Some("abc"));
        assert_eq!(found(json!({ "authorization": "Basic abc" })), None);
        assert_eq!(found(json!({ "token": 1 })), None);
    }

    #[test]
    fn only_messages_of_the_protocol_are_read() {
        let read = |text: &str| serde_json::from_str::<FromClient>(text).is_ok();
        assert!(read(r#"{"type":"connection_init"}"#));
        assert!(read(r#"{"type":"pong","payload":{"a":1}}"#));
        assert!(read(r#"{"type":"ping"}"#));
        assert!(!read(r#"{"type":"subscribe","payload":{}}"#));
        assert!(!read(r#"{"type":"complete"}"#));
        assert!(!read(r#"{"type":"start","id":"1"}"#));
        assert!(!read("[]"));
    }
}
