//! What a token says.

use async_graphql::ID;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use uuid::Uuid;

use crate::graphql;

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
    /// The unit that a staff member acts at, by the id that GraphQL shows or its UUID; their first one where it is missing.
    #[serde(default, deserialize_with = "unit")]
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

/// A unit's id in either way of writing; none where the text is neither.
pub fn unit_id(text: &str) -> Option<Uuid> {
    let shown = graphql::of(graphql::Kind::Unit, &ID(text.to_owned()));
    shown.or_else(|| Uuid::try_parse(text).ok())
}

fn unit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let read = |text: String| unit_id(&text).ok_or_else(|| D::Error::custom("unit is no unit's id"));
    text.map(read).transpose()
}
