//! Pages for people: where to begin, and GraphiQL with the operations that frontends send.
//!
//! GraphiQL's scripts are fetched from unpkg.com; where that cannot be reached, the page is a plain console instead.

mod examples;

use std::sync::Arc;

use poem::{Response, handler, http::header, web::Data};
use serde_json::Value;

use crate::app::App;

const START: &str = include_str!("start.html");
const GRAPHIQL: &str = include_str!("graphiql.html");

/// What GraphiQL's page may load: its pinned scripts, and itself. `unsafe-eval` is for its editor.
const POLICY: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'; \
    connect-src 'self' https://unpkg.com; font-src data: https://unpkg.com; img-src 'self' data:; worker-src blob:; \
    script-src 'unsafe-inline' 'unsafe-eval' https://unpkg.com; style-src 'unsafe-inline' https://unpkg.com";

/// Where to begin, in development.
#[handler]
pub fn start(app: Data<&Arc<App>>) -> Response {
    let link = match app.config.has_graphiql() {
        true => "<li><a href=\"/graphiql\">/graphiql</a>: try the operations of every persona</li>",
        false => "",
    };
    page(
        START.replace("{{graphiql}}", link),
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    )
}

/// GraphiQL with the operations of every persona ready to run.
#[handler]
pub async fn graphiql(app: Data<&Arc<App>>) -> Response {
    let tabs = examples::tabs(&app).await;
    page(GRAPHIQL.replace("{{tabs}}", &script(&Value::Array(tabs))), POLICY)
}

fn page(html: String, policy: &'static str) -> Response {
    Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, policy)
        .body(html)
}

/// JSON that cannot end the script that it stands in.
fn script(value: &Value) -> String {
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}
