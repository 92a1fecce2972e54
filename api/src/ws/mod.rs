//! GraphQL over WebSocket, after the protocol `graphql-transport-ws`.
//!
//! The client sends its token in `connection_init`, as `{ "authorization": "Bearer …" }` or `{ "token": "…" }`. The socket is
//! closed with 4403 when the token expires or its holder loses their place, so that clients come back with a new token
//! (they take 4401 as final), and with 1001 when the server stops.

mod connection;
mod message;

use std::sync::Arc;

use poem::{
    IntoResponse, Request, Response,
    http::header,
    web::websocket::{WebSocket, WebSocketConfig},
};

use crate::app::App;

/// The protocol's name in `Sec-WebSocket-Protocol`.
pub const PROTOCOL: &str = "graphql-transport-ws";

/// Turns the request into a socket.
pub fn upgrade(socket: WebSocket, request: &Request, app: &Arc<App>) -> Response {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let speaks = offered
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim() == PROTOCOL);
    let language = request
        .headers()
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let language = language.map(str::to_owned);
    let most = app.config.http.max_body_bytes;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    let app = app.clone();
    socket
        .protocols([PROTOCOL])
        .config(limits)
        .on_upgrade(move |socket| {
            let serve = connection::serve(socket, app.clone(), speaks, language);
            app.sockets.track_future(serve)
        })
        .into_response()
}

#[cfg(test)]
mod tests;
