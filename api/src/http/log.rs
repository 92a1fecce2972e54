//! One log line and one measurement for every request. Neither holds a query, a variable, a token or a name: the address is
//! logged without its parameters, and who asked as what they are.

use std::sync::Arc;

use entity::viewer::Who;
use poem::{
    Endpoint, IntoResponse, Request, Response, Result,
    http::{HeaderName, HeaderValue, Method},
};
use tokio::time::Instant;
use tracing::Instrument;

use crate::app::App;

/// What a handler adds to the line.
#[derive(Clone, Debug)]
pub struct Logged {
    operation: String,
    viewer: &'static str,
}

impl Logged {
    /// The operation's name and as what somebody asked.
    pub fn new(operation: &str, who: &Who) -> Self {
        let viewer = match who {
            Who::Citizen { .. } => "citizen",
            Who::Guardian { .. } => "guardian",
            Who::Staff { .. } => "staff",
            Who::System => "system",
        };
        Self {
            operation: operation.to_owned(),
            viewer,
        }
    }
}

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Logs and measures what `next` does with a request, under an id that goes back to the client.
pub async fn around(app: Arc<App>, next: impl Endpoint, request: Request) -> Result<Response> {
    let id = app.store.id().to_string();
    let method = known(request.method());
    let path = route(request.uri().path());
    let span = tracing::info_span!("request", id = %id);
    let started = Instant::now();

    let mut response = match next.call(request).instrument(span.clone()).await {
        Ok(response) => response.into_response(),
        Err(error) => error.into_response(),
    };
    let took = started.elapsed();
    let status = response.status().as_u16();
    let logged = response.extensions().get::<Logged>();
    let (operation, viewer) = logged.map_or(("", ""), |logged| (logged.operation.as_str(), logged.viewer));
    let milliseconds = took.as_secs_f64() * 1000.0;
    span.in_scope(|| tracing::info!(method, path, status, milliseconds, operation, viewer, "answered"));
    let labels = [
        ("method", method.to_owned()),
        ("path", path.to_owned()),
        ("status", status.to_string()),
    ];
    metrics::histogram!("handrail_http_request_seconds", &labels).record(took.as_secs_f64());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID.clone(), id);
    }
    Ok(response)
}

/// The routes by name, those with ids in them by how they begin; whatever else somebody asks for is one.
fn route(path: &str) -> &'static str {
    if path.starts_with("/results/") {
        return "/results";
    }
    if path.starts_with("/calendar/") {
        return "/calendar/:file";
    }
    if path.starts_with("/attachments/") {
        return "/attachments/:file";
    }
    [
        "/",
        "/attachments",
        "/graphql",
        "/graphiql",
        "/healthz",
        "/readyz",
        "/metrics",
        "/statistics.csv",
    ]
    .into_iter()
    .find(|known| *known == path)
    .unwrap_or("other")
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
