//! What can go wrong: refusals, which a person can mend, and failures, which an operator must.

use std::borrow::Cow;

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError, postgres::PgDatabaseError},
};

use crate::{files, seal::SealError};

/// Something that the person who asked can mend.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserError {
    /// A constant, `SCREAMING_SNAKE_CASE`: `NOT_FOUND`, `REQUIRED`, `EXPIRED` …
    pub code: Cow<'static, str>,
    /// What is wrong and what to do, in plain English.
    pub message: String,
    /// The way to the input field, e.g. `answers`, `q9`.
    pub path: Vec<String>,
}

impl UserError {
    /// A user error at a path, written `answers.q9` (no path where empty).
    pub fn new(code: &'static str, path: &str, message: impl Into<String>) -> Self {
        let path = path
            .split('.')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        Self {
            code: Cow::Borrowed(code),
            message: message.into(),
            path,
        }
    }

    /// What is not there, or not visible to who asked: the two look alike.
    pub fn not_found(path: &str, what: &str) -> Self {
        Self::new(
            "NOT_FOUND",
            path,
            format!("There is no such {what}, or you may not see it."),
        )
    }

    /// What somebody of this role cannot do, where what it is about is no secret.
    pub fn not_allowed(message: &str) -> Self {
        Self::new("NOT_ALLOWED", "", message)
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused for reasons that the person who asked can mend. Nothing was changed.
    #[error("refused")]
    Refused(Vec<UserError>),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
    /// A sealed value could not be opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// An attached file could not be read or written.
    #[error("a file cannot be read or written: {0}")]
    File(#[from] object_store::Error),
    /// What is stored cannot be read: a document of another shape than this Handrail knows.
    #[error("what is stored cannot be read: {0}")]
    Corrupt(String),
}

impl From<UserError> for Error {
    fn from(error: UserError) -> Self {
        Self::Refused(vec![error])
    }
}

impl Error {
    /// The same, of something that stands in a field of what was asked: the paths of refusals begin with that.
    pub fn within(self, field: &str) -> Self {
        match self {
            Self::Refused(mut errors) => {
                for error in &mut errors {
                    error.path.insert(0, field.to_owned());
                }
                Self::Refused(errors)
            }
            failure => failure,
        }
    }

    /// True where trying again may succeed: the database is away, busy, or undid the transaction for the sake of
    /// another; the server of files is away.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) => true,
            Self::Database(DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) => {
                match error.as_ref() {
                    sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed => true,
                    sqlx::Error::Database(error) => is_passing(error.as_ref()),
                    _ => false,
                }
            }
            Self::File(failure) => !files::is_answer(failure),
            _ => false,
        }
    }
}

/// Whether what a database said passes by itself. PostgreSQL: a lost connection (class 08), a serialization failure, a
/// deadlock, a server that stops or starts, too many connections. SQLite: `SQLITE_BUSY` and `SQLITE_LOCKED`, whose extended
/// codes carry them in their last byte (sqlite.org/rescode.html).
fn is_passing(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        return code.starts_with("08")
            || matches!(code.as_ref(), "40001" | "40P01" | "57P01" | "57P02" | "57P03" | "53300");
    }
    code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6))
}

/// The usual result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What became of one of several things that were asked for together: done, or refused for reasons that can be mended.
pub type Outcome<T> = std::result::Result<T, Vec<UserError>>;
