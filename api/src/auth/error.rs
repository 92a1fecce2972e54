//! Why somebody is not let in.

/// Why somebody is not let in. The texts are for whoever holds the token and say nothing about anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no token.
    #[error("Sign in first: send a bearer token in the Authorization header.")]
    Missing,
    /// The token cannot be read, or was not signed by a key of the issuer.
    #[error(
        "The token is not valid here: it must be signed by the configured issuer, with a key that the issuer publishes."
    )]
    Invalid,
    /// A claim is missing or of the wrong form.
    #[error(
        "The token is not valid here: it must hold the claims sub, iss, aud, exp and kind (citizen, guardian or staff)."
    )]
    Claims,
    /// It was issued by somebody else, or for somebody else.
    #[error("The token is not valid here: it comes from another issuer or is meant for another audience.")]
    Elsewhere,
    /// It has ended.
    #[error("The token has expired: sign in again.")]
    Expired,
    /// It holds from a later instant on.
    #[error("The token is not valid yet: check the clock of the issuer.")]
    NotYet,
    /// The person is not known, or has no role at the unit.
    #[error(
        "You are signed in, but Handrail does not know you here: ask the care unit to register you or to give you a role."
    )]
    Unknown,
    /// The issuer's keys or the database cannot be reached.
    #[error("Signing in is not possible right now: try again in a moment.")]
    Unavailable,
}

impl AuthError {
    /// The `extensions.code` of its GraphQL error.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown => "FORBIDDEN",
            Self::Unavailable => "UNAVAILABLE",
            _ => "UNAUTHENTICATED",
        }
    }
}
