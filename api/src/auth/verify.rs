//! Verifying a token: signature, issuer, audience and time.

use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Validation, dangerous::insecure_decode, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;

use super::{AuthError, Claims, Keys};

/// Verifies tokens for one audience.
#[derive(Debug)]
pub struct Verifier {
    issuers: Vec<Issuer>,
    audience: String,
    leeway: Duration,
}

/// Somebody whose tokens are believed.
#[derive(Debug)]
pub struct Issuer {
    /// Exactly as in the `iss` of its tokens.
    pub name: String,
    /// What it signs with.
    pub keys: Keys,
}

/// What must be known of a token to find the key that verifies it. Nothing else is read before that.
#[derive(Deserialize)]
struct From {
    iss: String,
}

impl Verifier {
    /// A verifier that forgives clocks that differ by `leeway`.
    pub fn new(issuers: Vec<Issuer>, audience: &str, leeway: Duration) -> Self {
        Self {
            issuers,
            audience: audience.to_owned(),
            leeway,
        }
    }

    /// What the token says, where it is valid at `now`.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, AuthError> {
        let header = decode_header(token).map_err(|_| AuthError::Invalid)?;
        let unverified = insecure_decode::<From>(token).map_err(|_| AuthError::Claims)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.name == unverified.claims.iss);
        let issuer = issuer.ok_or(AuthError::Elsewhere)?;
        let id = header.kid.ok_or(AuthError::Invalid)?;
        let key = issuer.keys.find(&id).await?;

        let mut validation = Validation::new(header.alg);
        validation.algorithms.clone_from(&key.algorithms);
        validation.set_issuer(&[&issuer.name]);
        validation.set_audience(&[&self.audience]);
        // The library lets tokens pass that lack a claim unless it is named here.
        validation.set_required_spec_claims(&["sub", "iss", "aud", "exp"]);
        // Time is checked below, against our own clock.
        validation.validate_exp = false;
        let claims = decode::<Claims>(token, &key.decoding, &validation).map_err(|error| match error.kind() {
            ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => AuthError::Elsewhere,
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => {
                AuthError::Claims
            }
            _ => AuthError::Invalid,
        })?;
        let claims = claims.claims;
        if now >= instant(claims.exp)? + self.leeway {
            return Err(AuthError::Expired);
        }
        if let Some(from) = claims.nbf
            && now + self.leeway < instant(from)?
        {
            return Err(AuthError::NotYet);
        }
        Ok(claims)
    }

    /// When a token stops being accepted.
    ///
    /// # Errors
    /// When its time is outside the calendar.
    pub fn ends(&self, claims: &Claims) -> Result<DateTime<Utc>, AuthError> {
        Ok(instant(claims.exp)? + self.leeway)
    }
}

/// A NumericDate, to the whole second.
fn instant(seconds: f64) -> Result<DateTime<Utc>, AuthError> {
    // Far enough for every calendar, near enough that adding to it cannot overflow.
    const LATEST: f64 = 253_402_300_799.0;
    if !(0.0..=LATEST).contains(&seconds) {
        return Err(AuthError::Claims);
    }
    #[allow(clippy::cast_possible_truncation, reason = "within the range checked above")]
    DateTime::from_timestamp(seconds as i64, 0).ok_or(AuthError::Claims)
}

#[cfg(test)]
mod tests;
