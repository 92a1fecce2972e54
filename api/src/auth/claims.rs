//! What a token says.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The claims that Handrail reads; others are ignored.
#[derive(Clone, Debug, Deserialize)]
pub struct Claims {
    /// Who signed in, as the issuer knows them.
    pub sub: String,
    /// When the token ends, in seconds since 1970.
    pub exp: f64,
    /// From when on it holds, in seconds since 1970.
    pub nbf: Option<f64>,
    /// As what they sign in.
    pub kind: Kind,
    /// The unit that a staff member acts at; their first one where it is missing.
    pub unit: Option<Uuid>,
    /// The personal identity or co-ordination number, which finds citizens whose subject is not known yet.
    pub personal_identity_number: Option<String>,
}

/// As what somebody signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// About themself.
    Citizen,
    /// For somebody else.
    Guardian,
    /// At a unit.
    Staff,
}
