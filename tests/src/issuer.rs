//! An issuer of tokens of our own, whose keys the server reads from a file as it would in production.

use std::path::Path;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// The `iss` of its tokens.
pub const ISSUER: &str = "https://login.example";
const KEY_ID: &str = "test";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// Writes the public key as a JSON Web Key Set.
///
/// # Panics
/// When the file cannot be written.
pub fn publish(file: &Path) {
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID,
        "x": URL_SAFE_NO_PAD.encode(key().verifying_key().as_bytes()) });
    std::fs::write(file, json!({ "keys": [key] }).to_string()).unwrap();
}

/// What a good token says of somebody (`citizen`, `guardian` or `staff`), for a hundred days.
pub fn claims(subject: &str, kind: &str, now: DateTime<Utc>) -> Value {
    json!({ "iss": ISSUER, "aud": "handrail", "sub": subject, "kind": kind, "nbf": now.timestamp(),
        "exp": (now + TimeDelta::days(100)).timestamp() })
}

/// Signs a token.
///
/// # Panics
/// Never.
pub fn sign(claims: &Value) -> String {
    let header = Header {
        kid: Some(KEY_ID.to_owned()),
        ..Header::new(Algorithm::EdDSA)
    };
    encode(
        &header,
        claims,
        &EncodingKey::from_ed_der(key().to_pkcs8_der().unwrap().as_bytes()),
    )
    .unwrap()
}
