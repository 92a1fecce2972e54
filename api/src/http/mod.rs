//! The addresses that the server answers.

pub mod attachment;
mod calendar;
mod cors;
pub mod download_link;
mod file;
pub mod graphql;
mod health;
pub mod log;
pub mod metrics;
mod negotiation;
mod page;
mod refusal;
pub mod results;
pub mod statistics;

use std::sync::Arc;

use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response, Result, Route,
    endpoint::BoxEndpoint,
    get,
    http::{HeaderMap, HeaderValue, StatusCode, Version, header},
    middleware::{CatchPanic, Compression},
    post,
};

use crate::app::App;

/// Everything that is served.
pub fn routes(app: &Arc<App>) -> BoxEndpoint<'static> {
    let graphql = get(graphql::get).post(graphql::post.with(Compression::new()));
    let mut routes = Route::new()
        .at("/graphql", graphql)
        .at("/attachments", post(attachment::upload))
        .at("/attachments/:file", get(attachment::download))
        .at("/calendar/:file", get(calendar::feed))
        .at("/results/:enrollment/chart.svg", get(results::chart))
        .at("/results/:enrollment/table.csv", get(results::table))
        .at("/results/:enrollment/bundle.json", get(results::bundle))
        .at("/statistics.csv", get(statistics::table))
        .at("/healthz", get(health::live))
        .at("/readyz", get(health::ready));
    if app.config.has_graphiql() {
        routes = routes.at("/graphiql", get(page::graphiql));
    }
    if app.config.has_development_issuer() {
        routes = routes.at("/", get(page::start)).at("/metrics", get(health::metrics));
    }
    let (logged, secure) = (app.clone(), app.config.is_production());
    let served = routes
        .with(CatchPanic::new().with_handler(panicked))
        .around(move |next, request| guarded(next, request, secure))
        .data(app.clone());
    cors::guard(&app.config, served)
        .around(move |next, request| log::around(logged.clone(), next, request))
        .boxed()
}

/// What is served at `http.metrics_listen`.
pub fn measurements() -> Route {
    Route::new().at("/metrics", get(health::metrics))
}

/// Adds the headers that make browsers careful, unless the handler has set its own.
async fn guarded(next: Arc<impl Endpoint>, request: Request, secure: bool) -> Result<Response> {
    let version = request.version();
    let mut response = match next.call(request).await {
        Ok(response) => response.into_response(),
        Err(error) => error.into_response(),
    };
    // The rest of the body is not read, so that nothing else can be asked on this connection (RFC 9110, 15.5.9 and 15.5.14).
    let cut_off = [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::REQUEST_TIMEOUT].contains(&response.status());
    if cut_off && version <= Version::HTTP_11 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    let headers = response.headers_mut();
    let mut set = |name, value| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-store");
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    if secure {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    vary(headers);
    Ok(response)
}

/// Answers depend on the token and on what is accepted.
fn vary(headers: &mut HeaderMap) {
    headers.append(
        header::VARY,
        HeaderValue::from_static("Authorization, Accept, Accept-Language"),
    );
}

/// A fault of ours: nothing of it leaves the house.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request panicked");
    let body = r#"{"errors":[{"message":"Something went wrong on our side. If you asked for a change it may have been done: look before you try again.","extensions":{"code":"INTERNAL"}}]}"#;
    Response::builder()
        .status(StatusCode::INTERNAL_SERVER_ERROR)
        .content_type("application/json; charset=utf-8")
        .body(body)
}

#[cfg(test)]
mod tests;
