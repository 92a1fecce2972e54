//! Files that are attached to messages: uploaded with a token as the body of a request, downloaded over a signed link.
//!
//! What is downloaded never runs: it is saved and not shown, its type is the one that was told by its content, and should a browser
//! show it all the same, that is in a sandbox.

use std::{sync::Arc, time::Duration};

use entity::{
    access_log::{self, AccessAction},
    action, attachment,
    error::Error,
    viewer::Viewer,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use poem::{
    Body, Request, Response,
    error::ReadBodyError,
    handler,
    http::{HeaderName, HeaderValue, StatusCode, header},
    web::{Data, Path},
};
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    download_link,
    graphql::sign_in,
    log::Logged,
    refusal::{Refusal, in_time},
};
use crate::{
    app::{App, TIMEOUT},
    graphql::{Kind, id, of},
};

/// The header that carries a file's name, as UTF-8 that is percent-encoded.
pub static FILE_NAME: HeaderName = HeaderName::from_static("x-file-name");

/// The slowest line on which the largest file still arrives, in bytes a second.
const SLOWEST: usize = 64 * 1024;

/// What RFC 5987, 3.2.1, lets stand unencoded in a parameter (`attr-char`).
const UNENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The address of a file, without a signature.
pub fn address(attachment: Uuid) -> String {
    format!("/attachments/{}", id(Kind::Attachment, attachment).as_str())
}

/// Keeps a file for a message to come; gives its id.
#[handler]
pub async fn upload(app: Data<&Arc<App>>, request: &Request, body: Body) -> Response {
    match keep(&app, request, body).await {
        Ok(response) => response,
        Err(refusal) => refusal.into(),
    }
}

async fn keep(app: &App, request: &Request, body: Body) -> Result<Response, Refusal> {
    let signed_in = sign_in(app, request).await?;
    let viewer = Viewer::new(signed_in.who, "uploadAttachment");
    // Before anything of the body is read.
    action::attachment::may_upload(&viewer).map_err(Error::from)?;
    let name = name(request)?;
    let most = app.config.attachments.max_bytes;
    let too_large = || {
        let message = format!("The file is larger than {most} bytes: make it smaller, or send it in parts.");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
    };
    let announced = request
        .header(header::CONTENT_LENGTH)
        .and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > most)) {
        return Err(too_large());
    }
    let read = timeout(patience(app.config.http.timeout, most), body.into_bytes_limit(most)).await;
    let read = read.map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, TIMEOUT, "The file came too slowly."))?;
    let content = read.map_err(|error| match error {
        ReadBodyError::PayloadTooLarge => too_large(),
        _ => Refusal::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", "The file could not be read."),
    })?;
    let kept = action::attachment::upload(&app.store, &app.files, &viewer, &name, &content).await?;
    let mut response = Response::builder()
        .status(StatusCode::CREATED)
        .content_type("application/json; charset=utf-8")
        .body(json!({ "id": id(Kind::Attachment, kept).as_str() }).to_string());
    let logged = Logged::new(&viewer.operation, &viewer.who);
    response.extensions_mut().insert(logged);
    Ok(response)
}

/// How long the body of a file may take: as long as other requests, and the time that the largest takes on a slow line.
fn patience(timeout: Duration, max_bytes: usize) -> Duration {
    let seconds = max_bytes.div_ceil(SLOWEST);
    timeout + Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX))
}

/// The file's name as the header carries it; what is wrong with it is said later.
fn name(request: &Request) -> Result<String, Refusal> {
    let refuse = || {
        let message = "Send the file's name in X-File-Name, as UTF-8 that is percent-encoded.";
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "BAD_FILE_NAME", message)
    };
    let written = request.header(&FILE_NAME).ok_or_else(refuse)?;
    let name = percent_decode_str(written).decode_utf8().map_err(|_| refuse())?;
    Ok(name.into_owned())
}

/// Gives a file to whoever the link was signed for.
#[handler]
pub async fn download(app: Data<&Arc<App>>, request: &Request, Path(file): Path<String>) -> Response {
    in_time(&app, give(&app, request, &file)).await
}

async fn give(app: &App, request: &Request, file: &str) -> Result<Response, Refusal> {
    let asked = request.uri().path_and_query().map_or("", |address| address.as_str());
    let who = download_link::verify(&app.store, asked).await?;
    let viewer = Viewer::new(who, "downloadAttachment");
    let file = of(Kind::Attachment, &file.into()).ok_or_else(Refusal::not_found)?;
    let row = attachment::find(&app.store, &viewer, file).await?;
    let row = row.ok_or_else(Refusal::not_found)?;
    let content = app.files.get(app.store.keyring(), row.id).await?;
    let content = content.ok_or_else(|| {
        tracing::error!(attachment = %row.id, "a file is missing where attached files are kept");
        Refusal::not_found()
    })?;
    let name = app.store.keyring().open(&row.name).map_err(Error::from)?;
    // Nothing is shown that is not logged.
    let (connection, now) = (app.store.connection(), app.store.now());
    access_log::write(connection, &viewer, AccessAction::Read, &viewer.take_trail(), now).await?;
    let mut response = Response::builder()
        .header(header::CONTENT_DISPOSITION, disposition(&name))
        .header(header::CACHE_CONTROL, "private, no-store")
        .header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox")
        .content_type(&row.media_type)
        .body(content);
    response
        .extensions_mut()
        .insert(Logged::new(&viewer.operation, &viewer.who));
    Ok(response)
}

/// That a file is to be saved under its name: RFC 6266, with a plain name for those who do not read the encoded one.
fn disposition(name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|sign| match sign {
            ' ' | '.' | '-' | '_' | '(' | ')' => sign,
            sign if sign.is_ascii_alphanumeric() => sign,
            _ => '_',
        })
        .collect();
    let encoded = utf8_percent_encode(name, UNENCODED);
    let value = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    HeaderValue::from_str(&value).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_file_has_time_on_a_slow_line() {
        let timeout = Duration::from_secs(30);
        assert_eq!(patience(timeout, 10 * 1024 * 1024), Duration::from_secs(190));
        assert_eq!(patience(timeout, 1024), Duration::from_secs(31));
    }

    #[test]
    fn a_name_is_carried_whole_and_plain() {
        let header = disposition("Röntgen \"1\".png");
        assert_eq!(
            header.to_str().unwrap(),
            "attachment; filename=\"R_ntgen _1_.png\"; filename*=UTF-8''R%C3%B6ntgen%20%221%22.png"
        );
    }
}
