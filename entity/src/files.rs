//! Where attached files are kept: in a folder, or in a bucket of a store that speaks S3; each sealed and named by its id alone. All
//! processes share it.

use std::{
    error::Error as _,
    fmt, io,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use object_store::{
    ClientOptions, Error as Failure, ObjectStore, PutPayload, RetryConfig, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path, prefix::PrefixStore,
};
use uuid::Uuid;

use crate::{error::Result, seal::Keyring};

/// How long a server may take to be reached.
const CONNECTING: Duration = Duration::from_secs(5);
/// How long one request to it may take, with the whole of a file.
const REQUEST: Duration = Duration::from_secs(30);
/// How often a request is tried again, with growing pauses, and for how long: somebody waits.
const RETRIES: usize = 3;
const RETRYING: Duration = Duration::from_secs(5);

/// The place where files are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder, which is made where it is absent.
    Folder(PathBuf),
    /// A bucket, which must be there.
    Bucket(Bucket),
}

/// A bucket of a store that speaks S3, as MinIO, Ceph and AWS do.
#[derive(Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What the names of all files begin with, as in a folder; may be empty.
    pub prefix: String,
    /// The address of the server; the one of AWS in the region where absent.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Who signs in.
    pub access_key_id: String,
    /// The secret of who signs in.
    pub secret_access_key: String,
}

impl Place {
    fn open(&self) -> Result<Arc<dyn ObjectStore>, Failure> {
        let bucket = match self {
            Self::Folder(folder) => {
                std::fs::create_dir_all(folder).map_err(failed)?;
                return Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?));
            }
            Self::Bucket(bucket) => bucket,
        };
        let options = ClientOptions::new()
            .with_connect_timeout(CONNECTING)
            .with_timeout(REQUEST)
            // Where the operator says so: what is sent is sealed, and signed with a secret that is not sent.
            .with_allow_http(true);
        let retry = RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRYING,
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(&bucket.region)
            .with_access_key_id(&bucket.access_key_id)
            .with_secret_access_key(&bucket.secret_access_key)
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = &bucket.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        Ok(Arc::new(PrefixStore::new(builder.build()?, bucket.prefix.as_str())))
    }
}

/// Where attached files are kept.
#[derive(Clone)]
pub struct Files {
    place: Place,
    /// Opened when it is first used.
    store: Arc<OnceLock<Arc<dyn ObjectStore>>>,
}

impl fmt::Debug for Files {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Files")
    }
}

impl Files {
    /// Those in a place.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            store: Arc::default(),
        }
    }

    fn open(&self) -> Result<&Arc<dyn ObjectStore>, Failure> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = self.place.open()?;
        Ok(self.store.get_or_init(|| store))
    }

    /// Tries whether files can be kept, read and thrown away, with a few bytes that say nothing.
    ///
    /// # Errors
    /// What is in the way; see [`reason`].
    pub async fn try_out(&self) -> Result<(), Failure> {
        let store = self.open()?;
        let place = Path::from(format!("tried-{:032x}", rand::random::<u128>()));
        store.put(&place, PutPayload::from_static(b"tried")).await?;
        let read = match store.get(&place).await {
            Ok(found) => found.bytes().await.map(drop),
            Err(error) => Err(error),
        };
        store.delete(&place).await?;
        read
    }

    /// Keeps a file, sealed. It is there as a whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written. It may be there all the same, as when only the answer of a server was lost.
    pub async fn put(&self, keyring: &Keyring, id: Uuid, content: &[u8]) -> Result<()> {
        let sealed = keyring.seal_file(content, &id.to_string())?;
        told(self.keep(id, sealed).await)
    }

    async fn keep(&self, id: Uuid, sealed: Vec<u8>) -> Result<(), Failure> {
        self.open()?.put(&place(id), PutPayload::from(sealed)).await?;
        if let Place::Folder(folder) = &self.place {
            // What was acknowledged survives a power cut: the file, and that it is in its folder, and that in the other.
            let file = folder.join(place(id).as_ref());
            for written in [file.as_path(), file.parent().unwrap_or(folder), folder] {
                let written = tokio::fs::File::open(written).await.map_err(failed)?;
                written.sync_all().await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// A file, opened; none where it is not there.
    ///
    /// # Errors
    /// When it cannot be read or opened.
    pub async fn get(&self, keyring: &Keyring, id: Uuid) -> Result<Option<Vec<u8>>> {
        match told(self.read(id).await)? {
            Some(sealed) => Ok(Some(keyring.open_file(&sealed, &id.to_string())?)),
            None => Ok(None),
        }
    }

    async fn read(&self, id: Uuid) -> Result<Option<Vec<u8>>, Failure> {
        match self.open()?.get(&place(id)).await {
            Ok(found) => Ok(Some(found.bytes().await?.to_vec())),
            Err(error) if is_file_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Throws a file away; nothing happens where it is not there.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn remove(&self, id: Uuid) -> Result<()> {
        told(self.delete(id).await)
    }

    async fn delete(&self, id: Uuid) -> Result<(), Failure> {
        match self.open()?.delete(&place(id)).await {
            Err(error) if is_file_gone(&error) => Ok(()),
            done => done,
        }
    }
}

/// Logs why something failed, which nobody else tells.
fn told<T>(done: Result<T, Failure>) -> Result<T> {
    if let Err(failure) = &done {
        tracing::warn!(reason = reason(failure), "the place of attached files failed");
    }
    Ok(done?)
}

fn failed(error: io::Error) -> Failure {
    Failure::Generic {
        store: "folder",
        source: Box::new(error),
    }
}

/// Whether a failure says that the file is not there, as opposed to the bucket.
fn is_file_gone(error: &Failure) -> bool {
    matches!(error, Failure::NotFound { .. }) && code(error).as_deref() != Some("NoSuchBucket")
}

/// Why files cannot be kept or read, in a few words without names, addresses or secrets.
pub fn reason(failure: &Failure) -> String {
    if let Some(error) = cause::<reqwest::Error>(failure) {
        return match (error.is_timeout(), error.is_connect()) {
            (true, _) => "the server does not answer in time",
            (false, true) => "the server cannot be reached",
            (false, false) => "the server hung up",
        }
        .to_owned();
    }
    if let Some(code) = code(failure) {
        return format!("the server says {code}");
    }
    if let Some(error) = cause::<io::Error>(failure) {
        return error.kind().to_string();
    }
    match failure {
        Failure::NotFound { .. } => "the server says that there is nothing there",
        Failure::PermissionDenied { .. } | Failure::Unauthenticated { .. } => "the server refuses who signs in",
        _ => "the server answers with an error",
    }
    .to_owned()
}

/// Whether the server itself said no, which waiting does not change: a wrong secret, a bucket that is not there.
pub fn is_answer(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::NotFound { .. } | Failure::PermissionDenied { .. } | Failure::Unauthenticated { .. }
    )
}

/// The first of a failure's causes that is of a kind.
fn cause<T: std::error::Error + 'static>(failure: &Failure) -> Option<&T> {
    let mut cause = failure.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The code in what a server said, as `NoSuchBucket` (Amazon S3 API Reference, "Error responses"). `object_store` gives the
/// answer as text only.
fn code(failure: &Failure) -> Option<String> {
    let said = failure.source()?.to_string();
    let (_, rest) = said.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_word = code.len() <= 60 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_word.then(|| code.to_owned())
}

/// Where a file stands in the place: the last digits of an id are random, so that no folder grows too large.
fn place(id: Uuid) -> Path {
    let name = id.simple().to_string();
    let (_, random) = name.split_at(name.len() - 2);
    Path::from_iter([random, name.as_str()])
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    #[tokio::test]
    async fn a_file_is_kept_sealed_until_it_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(Place::Folder(folder.path().join("new")));
        let keys = [("one".to_owned(), STANDARD.encode([1; 32]))].into();
        let keyring = Keyring::new("one", &keys).unwrap();
        let id = Uuid::from_u128(7);
        assert_eq!(files.get(&keyring, id).await.unwrap(), None);
        files.put(&keyring, id, b"secret words").await.unwrap();
        let kept = std::fs::read(folder.path().join("new/07").join(id.simple().to_string())).unwrap();
        assert!(!kept.windows(6).any(|part| part == b"secret"));
        assert_eq!(files.get(&keyring, id).await.unwrap().unwrap(), b"secret words");
        files.remove(id).await.unwrap();
        files.remove(id).await.unwrap();
        assert_eq!(files.get(&keyring, id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_place_is_tried_out_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("new");
        Files::new(Place::Folder(place.clone())).try_out().await.unwrap();
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
        // A file where the folder should be.
        std::fs::write(folder.path().join("file"), "").unwrap();
        let failure = Files::new(Place::Folder(folder.path().join("file/new")))
            .try_out()
            .await;
        assert_eq!(reason(&failure.unwrap_err()), "not a directory");
    }

    #[test]
    fn what_a_server_says_is_shown_as_its_code_alone() {
        let said = |text: &'static str| Failure::Generic {
            store: "S3",
            source: text.into(),
        };
        let told =
            said("403 Forbidden: <Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>me</AWSAccessKeyId></Error>");
        assert_eq!(reason(&told), "the server says InvalidAccessKeyId");
        let odd = said("<Code>no code: /a/path</Code>");
        assert_eq!(reason(&odd), "the server answers with an error");
    }

    #[test]
    fn a_bucket_that_is_gone_is_no_file_that_is_gone() {
        let missing = |code: &str| Failure::NotFound {
            path: String::new(),
            source: format!("404 Not Found: <Error><Code>{code}</Code></Error>").into(),
        };
        assert!(is_file_gone(&missing("NoSuchKey")));
        assert!(!is_file_gone(&missing("NoSuchBucket")));
    }
}
