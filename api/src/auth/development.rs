//! The issuer of the development: it signs tokens for anybody, so production refuses it.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::Path,
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::JwkSet};
use serde::Serialize;
use serde_json::json;

use super::{Keys, Kind};

/// The `iss` of its tokens.
pub const ISSUER: &str = "handrail-development";
const KEY_ID: &str = "development";

/// Signs tokens with a key of its own, made at the first start.
pub struct DevelopmentIssuer {
    signing: EncodingKey,
    published: JwkSet,
    audience: String,
}

impl std::fmt::Debug for DevelopmentIssuer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DevelopmentIssuer")
    }
}

#[derive(Serialize)]
struct Token<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<uuid::Uuid>,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: uuid::Uuid,
}

impl DevelopmentIssuer {
    /// Reads its key, or makes one that only this account may read. `audience` goes into its tokens.
    ///
    /// # Errors
    /// When the file cannot be read, understood or written.
    pub fn open(file: &Path, audience: &str) -> Result<Self> {
        let key = match fs::read_to_string(file) {
            Ok(text) => SigningKey::from_pkcs8_pem(&text)
                .ok()
                .with_context(|| format!("{} is no Ed25519 key: delete it, a new one is made", file.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = SigningKey::from_bytes(&rand::random());
                write(file, &key).with_context(|| format!("{} cannot be written", file.display()))?;
                key
            }
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
        };
        Self::new(&key, audience)
    }

    fn new(key: &SigningKey, audience: &str) -> Result<Self> {
        let published = json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID,
            "x": URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
        }] });
        let document = key
            .to_pkcs8_der()
            .ok()
            .context("the development key cannot be encoded")?;
        Ok(Self {
            signing: EncodingKey::from_ed_der(document.as_bytes()),
            published: serde_json::from_value(published)?,
            audience: audience.to_owned(),
        })
    }

    /// The keys that verify its tokens.
    pub fn keys(&self) -> Keys {
        Keys::given(&self.published, &[Algorithm::EdDSA])
    }

    /// A token for somebody, valid from `now` for `lifetime`; staff act at `unit`, or their first one where it is absent.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(
        &self,
        subject: &str,
        kind: Kind,
        unit: Option<uuid::Uuid>,
        now: DateTime<Utc>,
        lifetime: Duration,
    ) -> Result<String> {
        let token = Token {
            iss: ISSUER,
            aud: &self.audience,
            sub: subject,
            kind,
            unit,
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: (now + lifetime).timestamp(),
            jti: entity::clock::id_at(now),
        };
        let header = Header {
            kid: Some(KEY_ID.to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        encode(&header, &token, &self.signing).context("a token cannot be signed")
    }
}

fn write(file: &Path, key: &SigningKey) -> Result<()> {
    let text = key
        .to_pkcs8_pem(LineEnding::LF)
        .ok()
        .context("the key cannot be encoded")?;
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())?;
    Ok(())
}
