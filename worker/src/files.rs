//! Trying the place of attached files at start, so that an operator hears then that it is wrong and not at the first upload.

use std::time::Duration;

use entity::files::{is_answer, reason};
use tokio::time::{Instant, sleep};

use crate::config::{Attachments, Config};

/// How long to wait between attempts.
const PAUSE: Duration = Duration::from_secs(2);

/// The place of attached files cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("attached files cannot be kept ({reason}): {advice}")]
pub struct FilesError {
    reason: String,
    advice: &'static str,
}

/// Tries whether files can be kept, read and thrown away; a server that is away is waited for as long as
/// `attachments.connect_timeout` says.
///
/// # Errors
/// When they cannot.
pub async fn check(config: &Config) -> Result<(), FilesError> {
    let files = config.files();
    let Attachments {
        bucket,
        connect_timeout,
        ..
    } = &config.attachments;
    let until = Instant::now() + *connect_timeout;
    let mut waits = false;
    loop {
        let Err(failure) = files.try_out().await else {
            return Ok(());
        };
        if bucket.is_none() || is_answer(&failure) || Instant::now() + PAUSE > until {
            let advice = match bucket {
                None => "check attachments.folder, and that this user may write there",
                Some(_) => {
                    "check that the server runs at attachments.endpoint, that the bucket of attachments.bucket is there in \
                     attachments.region, and that attachments.access_key_id may read, write and delete in it"
                }
            };
            let reason = reason(&failure);
            return Err(FilesError { reason, advice });
        }
        if !waits {
            let seconds = connect_timeout.as_secs();
            tracing::warn!(seconds, "the server of attached files does not answer yet; waiting");
            waits = true;
        }
        sleep(PAUSE).await;
    }
}
