//! Results to look at and to take along: pictures, tables and FHIR, at signed links that a browser follows without a token.

use std::sync::Arc;

use entity::{
    access_log::{self, AccessAction},
    enrollment,
    error::{Error, Result},
    response,
    result_series::{self, ScaleKey},
    store::Store,
    viewer::{Viewer, Who},
};
use poem::{
    Request, Response, handler,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    download_link,
    file::File,
    log::Logged,
    refusal::{Refusal, in_time},
};
use crate::{
    app::App,
    fhir,
    result::{self, Row},
};

/// What a picture shows.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChartOf {
    /// The scales, one below the other.
    pub scales: Vec<ScaleKey>,
    /// The language.
    pub locale: String,
}

/// Which results are taken along.
#[derive(Debug, Serialize, Deserialize)]
pub struct ResultsOf {
    /// Those of this form alone.
    pub form: Option<String>,
    /// The language of labels.
    pub locale: String,
}

/// A link to a picture.
///
/// # Errors
/// As [`download_link::sign`].
pub fn chart_link(store: &Store, who: &Who, enrollment: Uuid, of: &ChartOf) -> Result<String> {
    link(store, who, enrollment, "chart.svg", of)
}

/// A link to a table.
///
/// # Errors
/// As [`download_link::sign`].
pub fn table_link(store: &Store, who: &Who, enrollment: Uuid, of: &ResultsOf) -> Result<String> {
    link(store, who, enrollment, "table.csv", of)
}

/// A link to FHIR resources.
///
/// # Errors
/// As [`download_link::sign`].
pub fn bundle_link(store: &Store, who: &Who, enrollment: Uuid, of: &ResultsOf) -> Result<String> {
    link(store, who, enrollment, "bundle.json", of)
}

fn link(store: &Store, who: &Who, enrollment: Uuid, file: &str, of: &impl Serialize) -> Result<String> {
    download_link::sign_sealed(store, who, &format!("/results/{enrollment}/{file}"), of)
}

/// What a link leads to, for who follows it.
struct Asked<'a, Of> {
    store: &'a Store,
    viewer: &'a Viewer,
    enrollment: enrollment::Model,
    of: Of,
}

/// A picture of scores over time.
#[handler]
pub async fn chart(app: Data<&Arc<App>>, request: &Request, Path(enrollment): Path<String>) -> Response {
    answered(
        &app,
        request,
        "resultChart",
        enrollment,
        async |asked: Asked<'_, ChartOf>| {
            let Asked {
                store,
                viewer,
                enrollment,
                of,
            } = asked;
            let series = result_series::of_enrollment(store, viewer, &enrollment, &of.scales).await?;
            Ok(File {
                content_type: "image/svg+xml",
                name: None,
                body: result::chart(&series, enrollment.tz(), &of.locale)?,
            })
        },
    )
    .await
}

/// A table of results. Free texts are for staff alone.
#[handler]
pub async fn table(app: Data<&Arc<App>>, request: &Request, Path(enrollment): Path<String>) -> Response {
    answered(
        &app,
        request,
        "resultTable",
        enrollment,
        async |asked: Asked<'_, ResultsOf>| {
            let rows = asked.rows().await?;
            // A table has no place to say that a row does not count.
            let standing: Vec<Row> = rows
                .into_iter()
                .filter(|row| row.recorded.row.voided_at.is_none())
                .collect();
            Ok(File {
                content_type: "text/csv; charset=utf-8",
                name: Some("results.csv"),
                body: result::table(&standing, asked.enrollment.tz(), asked.is_staff())?,
            })
        },
    )
    .await
}

/// Results as FHIR resources. Free texts are for staff alone.
#[handler]
pub async fn bundle(app: Data<&Arc<App>>, request: &Request, Path(enrollment): Path<String>) -> Response {
    let house = app.config.public_url();
    answered(
        &app,
        request,
        "resultBundle",
        enrollment,
        async |asked: Asked<'_, ResultsOf>| {
            let rows = asked.rows().await?;
            let export = fhir::Export {
                house: &house,
                citizen: asked.enrollment.citizen_id,
                locale: &asked.of.locale,
                with_texts: asked.is_staff(),
                at: asked.store.now(),
            };
            let bundle = export.bundle(&rows)?;
            let unwritable = |error| Error::Corrupt(format!("a bundle: {error}"));
            Ok(File {
                content_type: "application/fhir+json; charset=utf-8",
                name: Some("results.json"),
                body: serde_json::to_string_pretty(&bundle).map_err(unwritable)?,
            })
        },
    )
    .await
}

impl Asked<'_, ResultsOf> {
    /// The results with their forms and answers, in the order in which they were answered.
    async fn rows(&self) -> Result<Vec<Row>> {
        let record = response::record(self.store, self.viewer, self.enrollment.id, self.of.form.as_deref()).await?;
        let mut rows = Vec::with_capacity(record.len());
        for recorded in record {
            let version = recorded.row.form_version_id;
            rows.push(Row {
                content: self.store.library().form(self.store.connection(), version).await?,
                answers: response::answers(self.store, &recorded.row)?,
                recorded,
            });
        }
        Ok(rows)
    }
}

impl<Of> Asked<'_, Of> {
    fn is_staff(&self) -> bool {
        self.viewer.staff().is_some()
    }
}

/// Answers what a link leads to, if it is right and leads to something that who follows it may see; whose data was read is in the
/// access log before anything is shown.
async fn answered<Of: DeserializeOwned>(
    app: &App,
    request: &Request,
    operation: &str,
    enrollment: String,
    work: impl AsyncFnOnce(Asked<'_, Of>) -> Result<File>,
) -> Response {
    let answer = async {
        let who = download_link::verify(&app.store, download_link::address(request)).await?;
        let logged = Logged::new(operation, &who);
        let viewer = Viewer::new(who, operation);
        let file = read(&app.store, &viewer, request, enrollment, work).await?;
        let (trail, now) = (viewer.take_trail(), app.store.now());
        access_log::write(app.store.connection(), &viewer, AccessAction::Read, &trail, now).await?;
        Ok(file.answer(logged))
    };
    in_time(app, answer).await
}

async fn read<Of: DeserializeOwned>(
    store: &Store,
    viewer: &Viewer,
    request: &Request,
    enrollment: String,
    work: impl AsyncFnOnce(Asked<'_, Of>) -> Result<File>,
) -> std::result::Result<File, Refusal> {
    let of = download_link::open(store, request)?;
    if !viewer.sees_health() {
        return Err(Refusal::not_found());
    }
    let enrollment = Uuid::try_parse(&enrollment).map_err(|_| Refusal::not_found())?;
    let found = enrollment::find(store, viewer, &[enrollment])
        .await?
        .remove(&enrollment);
    let enrollment = found.ok_or_else(Refusal::not_found)?;
    Ok(work(Asked {
        store,
        viewer,
        enrollment,
        of,
    })
    .await?)
}
