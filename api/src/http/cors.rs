//! What browsers' pages of other origins may do: nothing where none is allowed.

use std::sync::Arc;

use poem::{
    Endpoint, EndpointExt, IntoResponse, Request,
    endpoint::BoxEndpoint,
    http::{Method, Uri, header},
    middleware::Cors,
};
use worker::config::Config;

use super::attachment::FILE_NAME;

/// Lets pages of the allowed origins, and our own, call what is served.
pub(super) fn guard(config: &Config, served: impl Endpoint + 'static) -> BoxEndpoint<'static> {
    let origins = &config.http.allowed_origins;
    if origins.is_empty() {
        return served.map_to_response().boxed();
    }
    let cors = Cors::new()
        .allow_origins(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::ACCEPT_LANGUAGE,
            FILE_NAME.clone(),
        ])
        .expose_header("x-request-id")
        .allow_credentials(false)
        .max_age(600);
    let public: Arc<str> = authority(&config.public_url()).unwrap_or_default().into();
    served
        .with(cors)
        .around(move |next, request| ours_let_through(public.clone(), next, request))
        .boxed()
}

/// Our own pages are not of another origin, although browsers name theirs with every POST and WebSocket.
async fn ours_let_through(
    public: Arc<str>,
    next: Arc<impl Endpoint>,
    mut request: Request,
) -> poem::Result<poem::Response> {
    if is_ours(&request, &public) {
        request.headers_mut().remove(header::ORIGIN);
    }
    Ok(next.call(request).await?.into_response())
}

/// Whether the page is of the public address, or of the host that the request is for. The scheme is not compared: whoever ends TLS
/// before us does not say which it was.
fn is_ours(request: &Request, public: &str) -> bool {
    let Some(origin) = request.header(header::ORIGIN).and_then(authority) else {
        return false;
    };
    let host = request
        .header(header::HOST)
        .or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    [Some(public), host]
        .into_iter()
        .flatten()
        .any(|ours| ours.eq_ignore_ascii_case(&origin))
}

/// Host and port of an address, as `Host` names them.
fn authority(address: &str) -> Option<String> {
    let uri: Uri = address.parse().ok()?;
    uri.scheme()?;
    Some(uri.authority()?.to_string())
}
