//! The issuer's public keys: given, or fetched and kept fresh.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use tokio::{sync::Mutex, time::Instant};

use super::AuthError;

/// How long the issuer may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A public key with the algorithms that it may be used with.
#[derive(Debug)]
pub struct Key {
    /// The key.
    pub decoding: DecodingKey,
    /// What it verifies.
    pub algorithms: Vec<Algorithm>,
}

type ById = HashMap<String, Arc<Key>>;

/// The keys by their ids.
#[derive(Debug)]
pub enum Keys {
    /// Known from the start.
    Given(ById),
    /// Fetched from where the issuer publishes them.
    Fetched(Fetched),
}

/// Keys that are fetched when they are old, and when a token names one that is not known: issuers change them.
#[derive(Debug)]
pub struct Fetched {
    client: reqwest::Client,
    url: String,
    accepted: Vec<Algorithm>,
    refresh: Duration,
    pause: Duration,
    known: RwLock<Known>,
    fetching: Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    keys: Arc<ById>,
    asked: Option<Instant>,
}

impl Keys {
    /// Keys that are known from the start.
    pub fn given(set: &JwkSet, accepted: &[Algorithm]) -> Self {
        Self::Given(read(set, accepted))
    }

    /// Keys published as a JSON Web Key Set at `url`: fetched again every `refresh`, and when a token names an unknown key,
    /// but then at most once in `pause`, or invented key ids would make us ask the issuer each time.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn fetched(
        url: &str,
        accepted: &[Algorithm],
        refresh: Duration,
        pause: Duration,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self::Fetched(Fetched {
            client: reqwest::Client::builder().timeout(PATIENCE).build()?,
            url: url.to_owned(),
            accepted: accepted.to_vec(),
            refresh,
            pause,
            known: RwLock::default(),
            fetching: Mutex::new(()),
        }))
    }

    /// The key of that id.
    ///
    /// # Errors
    /// When the issuer has no such key, or does not answer and never did.
    pub async fn find(&self, id: &str) -> Result<Arc<Key>, AuthError> {
        match self {
            Self::Given(keys) => keys.get(id).cloned().ok_or(AuthError::Invalid),
            Self::Fetched(fetched) => fetched.find(id).await,
        }
    }
}

impl Fetched {
    async fn find(&self, id: &str) -> Result<Arc<Key>, AuthError> {
        if !self.is_due(id) {
            return self.get(id);
        }
        let _one_at_a_time = match self.get(id) {
            // An old key serves while somebody else fetches.
            Ok(key) => match self.fetching.try_lock() {
                Ok(guard) => guard,
                Err(_) => return Ok(key),
            },
            Err(_) => self.fetching.lock().await,
        };
        if self.is_due(id) {
            let fetched = self.fetch().await;
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.asked = Some(Instant::now());
            match fetched {
                Ok(set) => known.keys = Arc::new(read(&set, &self.accepted)),
                // Those that were fetched before still hold.
                Err(error) => {
                    tracing::warn!(error = %error.without_url(), "the issuer's keys could not be fetched");
                }
            }
        }
        self.get(id)
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_due(&self, id: &str) -> bool {
        let known = self.known();
        let after = match known.keys.contains_key(id) {
            true => self.refresh,
            false => self.pause,
        };
        known.asked.is_none_or(|at| at.elapsed() >= after)
    }

    fn get(&self, id: &str) -> Result<Arc<Key>, AuthError> {
        let keys = self.known().keys;
        match keys.get(id) {
            Some(key) => Ok(key.clone()),
            // Without any keys it is not the token's fault.
            None if keys.is_empty() => Err(AuthError::Unavailable),
            None => Err(AuthError::Invalid),
        }
    }

    async fn fetch(&self) -> Result<JwkSet, reqwest::Error> {
        self.client
            .get(&self.url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await
    }
}

/// The keys of a set that may sign tokens here, each with an id.
fn read(set: &JwkSet, accepted: &[Algorithm]) -> ById {
    let keys = set.keys.iter().filter_map(|jwk| {
        let id = jwk.common.key_id.clone()?;
        let mut algorithms = algorithms(jwk);
        algorithms.retain(|algorithm| accepted.contains(algorithm));
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        (!algorithms.is_empty()).then(|| (id, Arc::new(Key { decoding, algorithms })))
    });
    keys.collect()
}

/// What the key may be used with: what its form allows, and where it names one algorithm, only that.
fn algorithms(jwk: &Jwk) -> Vec<Algorithm> {
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return Vec::new();
    }
    let possible: &[(KeyAlgorithm, Algorithm)] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[
            (KeyAlgorithm::RS256, Algorithm::RS256),
            (KeyAlgorithm::PS256, Algorithm::PS256),
        ],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            &[(KeyAlgorithm::ES256, Algorithm::ES256)]
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[(KeyAlgorithm::EdDSA, Algorithm::EdDSA)]
        }
        _ => &[],
    };
    let named = jwk.common.key_algorithm;
    let allowed = possible
        .iter()
        .filter(|(name, _)| named.is_none_or(|named| named == *name));
    allowed.map(|(_, algorithm)| *algorithm).collect()
}
