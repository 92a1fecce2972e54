//! Whether the process lives, whether it can serve, and what it measured.

use std::{sync::Arc, time::Duration};

use poem::{Response, handler, http::StatusCode, web::Data};
use tokio::time::timeout;

use crate::app::App;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The process lives.
#[handler]
pub fn live() -> &'static str {
    "ok\n"
}

/// The database answers, its schema is this version's, and the server is not stopping.
#[handler]
pub async fn ready(app: Data<&Arc<App>>) -> Response {
    let answer = |status: StatusCode, text: &'static str| {
        Response::builder()
            .status(status)
            .content_type("text/plain; charset=utf-8")
            .body(text)
    };
    if app.stop.is_cancelled() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match timeout(PATIENCE, migration::pending(app.store.connection())).await {
        Ok(Ok(0)) => answer(StatusCode::OK, "ready\n"),
        Ok(Ok(_)) => answer(
            StatusCode::SERVICE_UNAVAILABLE,
            "the database is of an older version: run `handrail migrate`\n",
        ),
        Ok(Err(_)) | Err(_) => answer(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}

/// Measurements in the text format of Prometheus.
#[handler]
pub fn metrics() -> Response {
    let text = super::metrics::render();
    Response::builder()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(text)
}
