//! Sealing what only Handrail may read: names, contacts, identity numbers and free text are stored encrypted.
//!
//! XChaCha20-Poly1305 with a random nonce; keyed hashes are HMAC-SHA-256. Every sealed value starts with the id of its key,
//! so that keys can be changed while old values stay readable.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sea_orm::DeriveValueType;
use sha2::Sha256;

/// Bytes that only a [`Keyring`] can read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, DeriveValueType)]
pub struct Sealed(Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sealed")
    }
}

/// Why something could not be opened or a key not be read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key that sealed it is not in the keyring.
    #[error("the key \"{0}\" is not configured: add it to the keys that this Handrail knows")]
    UnknownKey(String),
    /// The bytes were altered, or sealed by another key of the same id.
    #[error("a sealed value cannot be opened with the key that it names")]
    Broken,
    /// The key's text is not 32 bytes in base64.
    #[error("the key \"{0}\" must be 32 bytes in base64: make one with `openssl rand -base64 32`")]
    BadKey(String),
}

const NONCE: usize = 24;

/// What the key of links signs besides the link.
const LINK: &str = "link:";

/// The keys that seal and open. The current one seals.
pub struct Keyring {
    current: String,
    keys: BTreeMap<String, [u8; 32]>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Keyring({})", self.current)
    }
}

impl Keyring {
    /// A keyring of base64 keys by id, of which `current` seals.
    ///
    /// # Errors
    /// When a key is not 32 bytes in base64, its id is empty or longer than 255 bytes, or the current one is missing.
    pub fn new(current: &str, keys: &BTreeMap<String, String>) -> Result<Self, SealError> {
        let mut read = BTreeMap::new();
        for (id, text) in keys {
            let bytes = STANDARD
                .decode(text.trim())
                .map_err(|_| SealError::BadKey(id.clone()))?;
            let key: [u8; 32] = bytes.try_into().map_err(|_| SealError::BadKey(id.clone()))?;
            if id.is_empty() || u8::try_from(id.len()).is_err() {
                return Err(SealError::BadKey(id.clone()));
            }
            read.insert(id.clone(), key);
        }
        if !read.contains_key(current) {
            return Err(SealError::UnknownKey(current.to_owned()));
        }
        Ok(Self {
            current: current.to_owned(),
            keys: read,
        })
    }

    /// The id of the key that seals.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// Seals a text.
    ///
    /// # Errors
    /// None that can happen with texts that fit into memory.
    pub fn seal(&self, text: &str) -> Result<Sealed, SealError> {
        self.encrypt(text.as_bytes(), "").map(Sealed)
    }

    /// Seals a file, bound to its name: it cannot be opened under another.
    ///
    /// # Errors
    /// As [`Keyring::seal`].
    pub fn seal_file(&self, bytes: &[u8], name: &str) -> Result<Vec<u8>, SealError> {
        self.encrypt(bytes, name)
    }

    fn encrypt(&self, message: &[u8], bound_to: &str) -> Result<Vec<u8>, SealError> {
        let id = self.current.as_bytes();
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload {
            msg: message,
            aad: &[id, bound_to.as_bytes()].concat(),
        };
        let sealed = self
            .cipher(&self.current)?
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| SealError::Broken)?;
        let length = u8::try_from(id.len()).map_err(|_| SealError::BadKey(self.current.clone()))?;
        Ok([&[length], id, &nonce, sealed.as_slice()].concat())
    }

    /// Seals a text that may be missing.
    ///
    /// # Errors
    /// As [`Keyring::seal`].
    pub fn seal_option(&self, text: Option<&str>) -> Result<Option<Sealed>, SealError> {
        text.map(|text| self.seal(text)).transpose()
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    /// When the key is not known or the bytes are broken.
    pub fn open(&self, sealed: &Sealed) -> Result<String, SealError> {
        String::from_utf8(self.decrypt(&sealed.0, "")?).map_err(|_| SealError::Broken)
    }

    /// Opens a file that was sealed under this name.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn open_file(&self, sealed: &[u8], name: &str) -> Result<Vec<u8>, SealError> {
        self.decrypt(sealed, name)
    }

    fn decrypt(&self, sealed: &[u8], bound_to: &str) -> Result<Vec<u8>, SealError> {
        let (&length, rest) = sealed.split_first().ok_or(SealError::Broken)?;
        let (id, rest) = rest.split_at_checked(usize::from(length)).ok_or(SealError::Broken)?;
        let (nonce, message) = rest.split_at_checked(NONCE).ok_or(SealError::Broken)?;
        let name = std::str::from_utf8(id).map_err(|_| SealError::Broken)?;
        let payload = Payload {
            msg: message,
            aad: &[id, bound_to.as_bytes()].concat(),
        };
        self.cipher(name)?
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| SealError::Broken)
    }

    /// Opens a sealed text that may be missing.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn open_option(&self, sealed: Option<&Sealed>) -> Result<Option<String>, SealError> {
        sealed.map(|sealed| self.open(sealed)).transpose()
    }

    /// Whether a sealed text that may be missing is this one. One that cannot be opened any more is another one.
    pub fn seals(&self, sealed: Option<&Sealed>, text: Option<&str>) -> bool {
        match (sealed, text) {
            (Some(sealed), Some(text)) => self.open(sealed).is_ok_and(|sealed| sealed == text),
            (sealed, text) => sealed.is_none() && text.is_none(),
        }
    }

    /// The keyed hash of an identity number under the key `id`, for look-ups of what must not be readable.
    ///
    /// # Errors
    /// When the key is not known.
    pub fn hash(&self, id: &str, text: &str) -> Result<Vec<u8>, SealError> {
        self.keyed("identity:", id, text)
    }

    /// The keyed hash of whatever was sent, to tell whether the same is sent again: it may hold an identity number.
    ///
    /// # Errors
    /// As [`Keyring::hash`].
    pub fn fingerprint(&self, text: &str) -> Result<Vec<u8>, SealError> {
        self.keyed("input:", &self.current, text)
    }

    /// The signature of a link.
    ///
    /// # Errors
    /// As [`Keyring::hash`].
    pub fn sign_link(&self, link: &str) -> Result<Vec<u8>, SealError> {
        self.keyed(LINK, &self.current, link)
    }

    /// Whether a link was signed by one of the keys; takes as long for a signature that is nearly right.
    pub fn signed_link(&self, link: &str, signature: &[u8]) -> bool {
        let mut macs = self.keys.keys().filter_map(|id| self.mac(LINK, id, link).ok());
        macs.any(|mac| mac.verify_slice(signature).is_ok())
    }

    fn keyed(&self, purpose: &str, id: &str, text: &str) -> Result<Vec<u8>, SealError> {
        Ok(self.mac(purpose, id, text)?.finalize().into_bytes().to_vec())
    }

    /// One key serves several purposes, whose hashes must not be comparable.
    fn mac(&self, purpose: &str, id: &str, text: &str) -> Result<Hmac<Sha256>, SealError> {
        let mut mac =
            <Hmac<Sha256> as Mac>::new_from_slice(self.key(id)?).map_err(|_| SealError::BadKey(id.to_owned()))?;
        mac.update(purpose.as_bytes());
        mac.update(text.as_bytes());
        Ok(mac)
    }

    /// The hashes of a text under every key, the current one first.
    ///
    /// # Errors
    /// As [`Keyring::hash`].
    pub fn hashes(&self, text: &str) -> Result<Vec<Vec<u8>>, SealError> {
        let others = self.keys.keys().filter(|id| **id != self.current);
        std::iter::once(&self.current)
            .chain(others)
            .map(|id| self.hash(id, text))
            .collect()
    }

    fn key(&self, id: &str) -> Result<&[u8; 32], SealError> {
        self.keys.get(id).ok_or_else(|| SealError::UnknownKey(id.to_owned()))
    }

    fn cipher(&self, id: &str) -> Result<XChaCha20Poly1305, SealError> {
        Ok(XChaCha20Poly1305::new(self.key(id)?.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(current: &str) -> Keyring {
        let keys = [("one", [1; 32]), ("two", [2; 32])];
        Keyring::new(
            current,
            &keys.map(|(id, key)| (id.to_owned(), STANDARD.encode(key))).into(),
        )
        .unwrap()
    }

    #[test]
    fn opens_what_an_older_key_sealed() {
        let sealed = keyring("one").seal("Åsa Öberg").unwrap();
        assert_eq!(keyring("two").open(&sealed).unwrap(), "Åsa Öberg");
    }

    #[test]
    fn refuses_what_was_altered() {
        let mut sealed = keyring("one").seal("Åsa").unwrap();
        if let Some(last) = sealed.0.last_mut() {
            *last ^= 1;
        }
        assert!(matches!(keyring("one").open(&sealed), Err(SealError::Broken)));
        assert!(matches!(
            keyring("one").open(&Sealed(vec![9, 1])),
            Err(SealError::Broken)
        ));
    }

    #[test]
    fn a_file_opens_under_its_own_name_alone() {
        let sealed = keyring("one").seal_file(&[0, 159, 146], "a").unwrap();
        assert_eq!(keyring("two").open_file(&sealed, "a").unwrap(), [0, 159, 146]);
        for name in ["b", ""] {
            assert!(matches!(
                keyring("one").open_file(&sealed, name),
                Err(SealError::Broken)
            ));
        }
    }

    #[test]
    fn a_link_is_known_by_its_signature() {
        let signature = keyring("one").sign_link("/a").unwrap();
        assert!(
            keyring("two").signed_link("/a", &signature),
            "an older key still counts"
        );
        assert!(!keyring("two").signed_link("/b", &signature));
        assert!(!keyring("two").signed_link("/a", &signature[1..]));
        assert_ne!(signature, keyring("one").hash("one", "/a").unwrap());
    }

    #[test]
    fn the_same_text_seals_differently_and_hashes_alike() {
        let keyring = keyring("one");
        assert_ne!(keyring.seal("a").unwrap(), keyring.seal("a").unwrap());
        assert_eq!(keyring.hash("one", "a").unwrap(), keyring.hash("one", "a").unwrap());
        assert_ne!(keyring.hash("one", "a").unwrap(), keyring.hash("two", "a").unwrap());
    }

    #[test]
    fn a_short_key_is_refused_by_name() {
        let keys = [("one".to_owned(), "c2hvcnQ=".to_owned())].into();
        assert!(matches!(Keyring::new("one", &keys), Err(SealError::BadKey(id)) if id == "one"));
    }
}
