//! Signing in: a bearer token becomes a [`entity::viewer::Who`].
//!
//! Tokens are OIDC access tokens: signed by a known key of the issuer, meant for this audience, and valid now. Besides the
//! registered claims they say `kind` (`citizen`, `guardian` or `staff`), and may say at which `unit` a staff member acts
//! or the `personal_identity_number` of a citizen who signs in for the first time.

pub mod claims;
pub mod development;
pub mod error;
pub mod keys;
pub mod sign_in;
pub mod verify;

pub use claims::{Claims, Kind, unit_id};
pub use development::DevelopmentIssuer;
pub use error::AuthError;
pub use keys::Keys;
pub use sign_in::{SignIn, SignedIn};
pub use verify::{Issuer, Verifier};
