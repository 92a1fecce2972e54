//! Statistics to take along: a table at a signed link that a browser follows without a token.

use std::sync::Arc;

use entity::{
    error::Result,
    statistics::{self, Scope},
    store::Store,
    viewer::{Viewer, Who},
};
use poem::{Request, Response, handler, web::Data};

use super::{download_link, file::File, log::Logged, refusal::in_time};
use crate::{app::App, statistics::table as written};

const OPERATION: &str = "statisticsTable";

/// A link to a table.
///
/// # Errors
/// As [`download_link::sign`].
pub fn link(store: &Store, who: &Who, scope: &Scope) -> Result<String> {
    download_link::sign_sealed(store, who, "/statistics.csv", scope)
}

/// A table of statistics, for who may read them when the link is followed.
#[handler]
pub async fn table(app: Data<&Arc<App>>, request: &Request) -> Response {
    let answer = async {
        let who = download_link::verify(&app.store, download_link::address(request)).await?;
        let scope = download_link::open(&app.store, request)?;
        let logged = Logged::new(OPERATION, &who);
        let statistics = statistics::read(&app.store, &Viewer::new(who, OPERATION), &scope).await?;
        let file = File {
            content_type: "text/csv; charset=utf-8",
            name: Some("statistics.csv"),
            body: written(&statistics)?,
        };
        Ok(file.answer(logged))
    };
    in_time(&app, answer).await
}
