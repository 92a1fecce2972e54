//! The keyring that the configuration gives; development makes its own.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use entity::seal::{Keyring, SealError};

use super::Config;

/// The file of the key that development makes, beside the database.
const FILE: &str = "handrail.key";

/// Its name.
const NAME: &str = "development";

/// Why there is no keyring.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A key is not right.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The key that development makes for itself could not be kept.
    #[error("the development key {} cannot be made or read ({kind}): make its folder writable, or set keys.current and keys.files", file.display())]
    File {
        /// Where it should stand.
        file: PathBuf,
        /// What was in the way.
        kind: ErrorKind,
    },
}

impl Config {
    /// The keys that seal and open. In development, where none is configured, a key is made once and kept beside the
    /// database; processes that start at the same time agree on one.
    ///
    /// # Errors
    /// When a key is broken, or the made key cannot be kept.
    pub fn keyring(&self) -> Result<Keyring, KeyringError> {
        if self.keys.values.is_empty() && !self.is_production() {
            let file = self.folder().join(FILE);
            let key = made_once(&file).map_err(|error| KeyringError::File {
                file: file.clone(),
                kind: error.kind(),
            })?;
            return Ok(Keyring::new(NAME, &BTreeMap::from([(NAME.to_owned(), key)]))?);
        }
        let keys = self
            .keys
            .values
            .iter()
            .map(|(id, key)| (id.clone(), key.expose().to_owned()))
            .collect();
        Ok(Keyring::new(self.keys.current.as_deref().unwrap_or_default(), &keys)?)
    }
}

/// The text of a file, which is made with a random key where it does not exist.
fn made_once(file: &Path) -> std::io::Result<String> {
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        read => return read,
    }
    let key: [u8; 32] = rand::random();
    let name: u64 = rand::random();
    // Written aside and linked, so that nobody ever reads half a key and the first one made stays.
    let aside = file.with_extension(format!("{name:016x}"));
    write_private(&aside, &STANDARD.encode(key))?;
    let linked = std::fs::hard_link(&aside, file);
    std::fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::read_to_string(file),
    }
}

fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn beside(folder: &Path) -> Config {
        let mut config = Config::default();
        config.database.url = Secret::new(format!("sqlite:{}/handrail.db", folder.display()));
        config
    }

    #[test]
    fn development_keeps_the_key_that_it_made() {
        let folder = tempfile::tempdir().unwrap();
        let config = beside(folder.path());
        let sealed = config.keyring().unwrap().seal("Åsa").unwrap();
        assert_eq!(config.keyring().unwrap().open(&sealed).unwrap(), "Åsa");
        let files: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(files, ["handrail.key"]);
    }

    #[test]
    fn processes_that_start_together_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("handrail.key");
        let keys: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| made_once(&file).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_reads_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        beside(folder.path()).keyring().unwrap();
        let mode = std::fs::metadata(folder.path().join("handrail.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = beside(&folder.path().join("absent")).keyring().unwrap_err().to_string();
        assert!(
            error.contains("handrail.key") && error.contains("keys.files"),
            "{error}"
        );
    }
}
