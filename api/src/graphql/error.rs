//! What goes wrong, as clients read it: user errors in payloads, everything else as a GraphQL error with a code.

use std::sync::Arc;

use async_graphql::{
    ErrorExtensions, Name, ServerError, SimpleObject, Value, indexmap::IndexMap, parser::types::OperationType,
};
use entity::error::Error;

use crate::limits::VALIDATION_FAILED;

/// What is said of everything that only an operator can mend, before [`advice`].
const FAULT: &str = "Something went wrong on our side.";
/// The codes of such faults: one that passes by itself, and the others.
const UNAVAILABLE: &str = "UNAVAILABLE";
const INTERNAL: &str = "INTERNAL";

/// What to do when an operation of this kind failed on our side. Its changes may be committed although its answer was lost.
pub fn advice(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Mutation => {
            "What you asked for may have been done all the same: look before you try again, or send it again with the same \
             idempotencyKey."
        }
        OperationType::Query | OperationType::Subscription => "Try again in a moment.",
    }
}

/// Something that the person who asked can mend.
#[derive(Clone, Debug, SimpleObject)]
pub struct UserError {
    /// A constant for programs: `NOT_FOUND`, `REQUIRED`, `EXPIRED` …
    code: String,
    /// What is wrong and what to do, for people.
    message: String,
    /// The way to the input field, e.g. `["answers", "q9"]`.
    path: Vec<String>,
}

impl From<entity::error::UserError> for UserError {
    fn from(error: entity::error::UserError) -> Self {
        Self {
            code: error.code.into_owned(),
            message: error.message,
            path: error.path,
        }
    }
}

/// Why a field has no value. It has no `Display` on purpose: nothing internal turns into a client's text by itself.
#[derive(Clone, Debug)]
pub struct Failure(Arc<Error>);

/// What resolvers return.
pub type Result<T> = std::result::Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<entity::error::UserError> for Failure {
    fn from(error: entity::error::UserError) -> Self {
        Error::from(error).into()
    }
}

impl From<Failure> for async_graphql::Error {
    fn from(failure: Failure) -> Self {
        if let Error::Refused(errors) = &*failure.0
            && let Some(first) = errors.first()
        {
            let (code, path) = (first.code.to_string(), first.path.clone());
            let all = errors.iter().map(|error| {
                let path = error.path.iter().map(|part| Value::from(part.as_str())).collect();
                Value::Object(IndexMap::from([
                    (Name::new("code"), Value::from(error.code.as_ref())),
                    (Name::new("message"), Value::from(error.message.as_str())),
                    (Name::new("path"), Value::List(path)),
                ]))
            });
            let all = Value::List(all.collect());
            return Self::new(first.message.clone()).extend_with(|_, extensions| {
                extensions.set("code", code);
                extensions.set("argument", path);
                extensions.set("errors", all);
            });
        }
        // What failed, and not the text of the failure, which may hold data.
        tracing::error!(error = failure.0.kind(), "a field could not be resolved");
        let code = match failure.0.is_transient() {
            true => UNAVAILABLE,
            false => INTERNAL,
        };
        Self::new(FAULT).extend_with(|_, extensions| extensions.set("code", code))
    }
}

/// Gives every error of an operation its code, and says of faults what to do. What came of a Rust error without a code is masked;
/// the rest is the library's own complaint about the request, which holds nothing but the request.
pub fn told(mut error: ServerError, kind: OperationType) -> ServerError {
    if code(&error).is_none() {
        let code = if error.source.is_some() {
            tracing::error!("an error without a code was masked");
            error.source = None;
            INTERNAL
        } else if error.path.is_empty() {
            VALIDATION_FAILED
        } else {
            "BAD_USER_INPUT"
        };
        error.extensions.get_or_insert_default().set("code", code);
    }
    if let Some(UNAVAILABLE | INTERNAL) = code(&error) {
        error.message = format!("{FAULT} {}", advice(kind));
    }
    error
}

fn code(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use entity::error::Error;

    use super::*;

    fn fault() -> ServerError {
        let error = async_graphql::Error::from(Failure::from(Error::Corrupt("secret".to_owned())));
        error.into_server_error(Default::default())
    }

    #[test]
    fn a_failed_change_may_have_been_done() {
        let error = told(fault(), OperationType::Mutation);
        assert_eq!(code(&error), Some(INTERNAL));
        assert!(error.message.contains("may have been done"), "{}", error.message);
        assert!(error.message.contains("idempotencyKey"), "{}", error.message);
        assert_eq!(
            told(fault(), OperationType::Query).message,
            "Something went wrong on our side. Try again in a moment."
        );
    }

    #[test]
    fn what_has_no_code_is_masked() {
        let mut error = async_graphql::Error::new_with_source(std::fmt::Error).into_server_error(Default::default());
        error.message = "secret".to_owned();
        let error = told(error, OperationType::Query);
        assert_eq!(code(&error), Some(INTERNAL));
        assert!(!error.message.contains("secret"), "{}", error.message);
    }
}
