//! What the addresses beside GraphQL answer where they do not do what was asked.

use poem::{
    Response,
    http::{HeaderValue, StatusCode, header},
};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    app::{App, TIMEOUT},
    auth::AuthError,
};

/// Why something is not done: `{ "errors": [{ "code": …, "message": … }] }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
}

impl Refusal {
    /// A refusal with a constant for programs and words for people.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// What took longer than `http.timeout`.
    fn late() -> Self {
        let message = "The answer took too long and was given up. Try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT, message)
    }

    /// What is not there, or not for who asks: the two look alike.
    pub fn not_found() -> Self {
        let message = "There is nothing here, or you may not see it.";
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }
}

/// What is answered, or why nothing is; given up after `http.timeout`.
pub async fn in_time(app: &App, answer: impl Future<Output = Result<Response, Refusal>>) -> Response {
    match timeout(app.config.http.timeout, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => refusal.into(),
        Err(_) => Refusal::late().into(),
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        let status = match error {
            AuthError::Unknown => StatusCode::FORBIDDEN,
            AuthError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        };
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<entity::error::Error> for Refusal {
    fn from(error: entity::error::Error) -> Self {
        if let entity::error::Error::Refused(errors) = &error
            && let Some(first) = errors.first()
        {
            let status = match first.code.as_ref() {
                "NOT_FOUND" => StatusCode::NOT_FOUND,
                "NOT_ALLOWED" => StatusCode::FORBIDDEN,
                "BAD_FILE_TYPE" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            return Self::new(status, &first.code, first.message.clone());
        }
        // What failed, and not the text of the failure, which may hold data.
        tracing::error!(error = error.kind(), "a request failed");
        let message = "Something went wrong on our side. Try again in a moment.";
        match error.is_transient() {
            true => Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message),
            false => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", message),
        }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let body = json!({ "errors": [{ "code": refusal.code, "message": refusal.message }] });
        let mut response = Self::builder()
            .status(refusal.status)
            .content_type("application/json; charset=utf-8")
            .body(body.to_string());
        if refusal.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"handrail\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
