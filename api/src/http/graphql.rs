//! GraphQL over HTTP, after the specification of that name: POST of JSON, GET for queries only, statuses that mean something.

use std::{collections::BTreeMap, sync::Arc};

use async_graphql::{ServerError, Value as GraphqlValue, parser::types::OperationType};
use poem::{
    Body, FromRequest, IntoResponse, Request, Response,
    error::ReadBodyError,
    handler,
    http::{HeaderValue, StatusCode, header},
    web::{Data, websocket::WebSocket},
};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{
    log::Logged,
    negotiation::{Answer, is_json},
};
use crate::{
    app::{App, TIMEOUT},
    auth::{AuthError, SignedIn},
    limits::coded,
    request::Asked,
    ws,
};

/// Why a request is answered without executing anything.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    challenge: Option<&'static str>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            challenge: None,
        }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    fn answered(self, answer: Answer) -> Response {
        let error = coded(ServerError::new(self.message, None), self.code);
        let mut response = write(answer, self.status, &async_graphql::Response::from_errors(vec![*error]));
        if let Some(challenge) = self.challenge {
            let challenge = HeaderValue::from_static(challenge);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        let status = match error {
            AuthError::Unknown => StatusCode::FORBIDDEN,
            AuthError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        };
        // RFC 6750: whoever sent no token is not told that one is wrong.
        let challenge = match error {
            AuthError::Missing => "Bearer realm=\"handrail\"",
            _ => "Bearer realm=\"handrail\", error=\"invalid_token\"",
        };
        Self {
            challenge: (status == StatusCode::UNAUTHORIZED).then_some(challenge),
            ..Self::new(status, error.code(), error.to_string())
        }
    }
}

/// Executes what was posted.
#[handler]
pub async fn post(app: Data<&Arc<App>>, request: &Request, body: Body) -> Response {
    answer(request, async |answer| {
        if !is_json(request.headers()) {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "Send the request as application/json in UTF-8.",
            ));
        }
        let signed_in = sign_in(&app, request).await?;
        let most = app.config.http.max_body_bytes;
        let read = timeout(app.config.http.timeout, body.into_bytes_limit(most)).await;
        let bytes =
            read.map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, TIMEOUT, "The request came too slowly."))?;
        let bytes = bytes.map_err(|error| match error {
            ReadBodyError::PayloadTooLarge => Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "PAYLOAD_TOO_LARGE",
                format!("The request is larger than {most} bytes: ask for less, or in several requests."),
            ),
            _ => Refusal::bad("The body could not be read."),
        })?;
        let parameters = serde_json::from_slice(&bytes).map_err(|_| Refusal::bad("The body is not JSON."))?;
        execute(&app, request, answer, signed_in, parameters, true).await
    })
    .await
}

/// Executes the query of an address, or turns the connection into a socket.
#[handler]
pub async fn get(app: Data<&Arc<App>>, request: &Request) -> Response {
    if asks_for_a_socket(request) {
        return match WebSocket::from_request_without_body(request).await {
            Ok(socket) => ws::upgrade(socket, request, &app),
            Err(_) => Refusal::bad(
                "The WebSocket handshake is not whole: it takes Connection: Upgrade, Upgrade: websocket, \
                 Sec-WebSocket-Version: 13 and Sec-WebSocket-Key.",
            )
            .answered(Answer::Json),
        };
    }
    answer(request, async |answer| {
        let signed_in = sign_in(&app, request).await?;
        execute(&app, request, answer, signed_in, parameters(request)?, false).await
    })
    .await
}

/// Clients and proxies may offer other protocols, which a server is free to ignore (RFC 9110, 7.8).
fn asks_for_a_socket(request: &Request) -> bool {
    let offered = request.header(header::UPGRADE).unwrap_or_default();
    offered
        .split(',')
        .any(|name| name.trim().eq_ignore_ascii_case("websocket"))
}

/// Agrees on the form of the answer and gives it.
async fn answer(request: &Request, work: impl AsyncFnOnce(Answer) -> Result<Response, Refusal>) -> Response {
    let Some(answer) = Answer::accepted(request.headers()) else {
        let message = "Accept application/graphql-response+json or application/json.";
        return Refusal::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", message).answered(Answer::Json);
    };
    work(answer).await.unwrap_or_else(|refusal| refusal.answered(answer))
}

/// Who sends a request, by its bearer token.
///
/// # Errors
/// Why they are not let in.
pub(super) async fn sign_in(app: &App, request: &Request) -> Result<SignedIn, AuthError> {
    let header = request.headers().get(header::AUTHORIZATION).ok_or(AuthError::Missing)?;
    let (scheme, token) = header
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or(AuthError::Missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AuthError::Missing);
    }
    app.sign_in.with(token.trim()).await
}

/// The parameters of an address: JSON is written into `variables` and `extensions`.
fn parameters(request: &Request) -> Result<Value, Refusal> {
    let pairs: BTreeMap<String, String> = request
        .params()
        .map_err(|_| Refusal::bad("The address cannot be read."))?;
    let mut parameters = Map::new();
    for (name, text) in pairs {
        let value = match name.as_str() {
            "variables" | "extensions" if !text.is_empty() => {
                serde_json::from_str(&text).map_err(|_| Refusal::bad(format!("\"{name}\" is not JSON.")))?
            }
            "variables" | "extensions" => Value::Null,
            _ => Value::String(text),
        };
        parameters.insert(name, value);
    }
    Ok(Value::Object(parameters))
}

async fn execute(
    app: &App,
    request: &Request,
    answer: Answer,
    signed_in: SignedIn,
    parameters: Value,
    may_change: bool,
) -> Result<Response, Refusal> {
    let asked = Asked::read(parameters).map_err(Refusal::bad)?;
    let prepared = match asked.prepare(&app.limits) {
        Ok(prepared) => prepared,
        Err(error) => return Ok(finish(answer, &async_graphql::Response::from_errors(vec![*error]))),
    };
    match prepared.kind {
        OperationType::Mutation if !may_change => {
            let message = "A mutation must be posted: GET is for queries only.";
            let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message);
            return Ok(refusal
                .answered(answer)
                .with_header(header::ALLOW, "POST")
                .into_response());
        }
        OperationType::Subscription => {
            return Err(Refusal::bad(
                "Subscriptions are served over WebSocket at this same address, with the protocol graphql-transport-ws.",
            ));
        }
        _ => {}
    }
    let language = request
        .headers()
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let logged = Logged::new(&prepared.name, &signed_in.who);
    let executed = app.execute(prepared, signed_in.who, language).await;
    let mut response = match executed.errors.iter().any(is_timeout) {
        true => write(answer, StatusCode::SERVICE_UNAVAILABLE, &executed),
        false => finish(answer, &executed),
    };
    response.extensions_mut().insert(logged);
    Ok(response)
}

fn is_timeout(error: &ServerError) -> bool {
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    code == Some(&GraphqlValue::from(TIMEOUT))
}

/// The specification's status: 200 for whatever was executed; 400 for what was not, unless an older client asks.
fn finish(answer: Answer, response: &async_graphql::Response) -> Response {
    let status = match answer {
        Answer::Response if !was_executed(response) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    write(answer, status, response)
}

/// Whether any field was resolved. An error that has a path comes from a field; `data: null` may be its doing.
pub fn was_executed(response: &async_graphql::Response) -> bool {
    response.data != GraphqlValue::Null || response.errors.iter().any(|error| !error.path.is_empty())
}

/// A response as the specification wants it: without `data` where nothing was executed.
#[derive(Debug, Serialize)]
pub struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a GraphqlValue>,
    #[serde(skip_serializing_if = "<[ServerError]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'a BTreeMap<String, GraphqlValue>,
}

impl<'a> From<&'a async_graphql::Response> for Written<'a> {
    fn from(response: &'a async_graphql::Response) -> Self {
        Self {
            data: was_executed(response).then_some(&response.data),
            errors: &response.errors,
            extensions: &response.extensions,
        }
    }
}

fn write(answer: Answer, status: StatusCode, response: &async_graphql::Response) -> Response {
    match serde_json::to_vec(&Written::from(response)) {
        Ok(body) => Response::builder()
            .status(status)
            .content_type(answer.content_type())
            .body(body),
        Err(error) => {
            tracing::error!(%error, "a response could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
