//! Where attached files are kept, and how large they may be.

use std::{path::PathBuf, time::Duration};

use entity::files::{Bucket, Place};
use serde::Deserialize;

use super::{
    Problem, Secret, read,
    validate::{count, is_web, longer_than_zero, range},
};

/// Files that are attached to messages. They are kept outside the database, sealed with the same keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attachments {
    /// The folder, which all processes share; made where absent.
    pub folder: PathBuf,
    /// A bucket of a store that speaks S3, instead: `s3://BUCKET` or `s3://BUCKET/PREFIX`.
    pub bucket: Option<String>,
    /// For a bucket: the address of the server; the one of AWS in the region where absent.
    pub endpoint: Option<String>,
    /// For a bucket: the region that requests are signed for.
    pub region: String,
    /// For a bucket: who signs in.
    pub access_key_id: Option<String>,
    /// For a bucket: the secret of who signs in.
    pub secret_access_key: Option<Secret>,
    /// A file that holds the secret, instead.
    pub secret_access_key_file: Option<PathBuf>,
    /// For a bucket: how long to wait at start for a server that is away.
    #[serde(deserialize_with = "read::duration")]
    pub connect_timeout: Duration,
    /// How large a file may be, in bytes.
    pub max_bytes: usize,
}

impl Default for Attachments {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("attachments"),
            bucket: None,
            endpoint: None,
            region: "us-east-1".to_owned(),
            access_key_id: None,
            secret_access_key: None,
            secret_access_key_file: None,
            connect_timeout: Duration::from_secs(30),
            max_bytes: 10 * 1024 * 1024,
        }
    }
}

impl Attachments {
    /// Where they are kept.
    pub fn place(&self) -> Place {
        let Some((name, prefix)) = self.bucket.as_deref().and_then(split) else {
            return Place::Folder(self.folder.clone());
        };
        let secret = self.secret_access_key.as_ref().map(Secret::expose);
        Place::Bucket(Bucket {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            access_key_id: self.access_key_id.clone().unwrap_or_default(),
            secret_access_key: secret.unwrap_or_default().to_owned(),
        })
    }

    /// Notes everything that is wrong.
    pub(super) fn check(&self, found: &mut Vec<Problem>) {
        if self.folder.as_os_str().is_empty() {
            found.push(Problem::new(
                "attachments.folder",
                "must name a folder; for example folder = \"/var/lib/handrail/attachments\"",
            ));
        }
        range(found, "attachments.max_bytes", count(self.max_bytes), 1024, 100 << 20);
        longer_than_zero(found, "attachments.connect_timeout", self.connect_timeout);
        let example = "for example bucket = \"s3://handrail/attachments\"";
        let Some(bucket) = &self.bucket else {
            if self.endpoint.is_some() || self.access_key_id.is_some() || self.secret_access_key.is_some() {
                found.push(Problem::new(
                    "attachments.bucket",
                    format!("is required with a server of files, or they stay in attachments.folder; {example}"),
                ));
            }
            return;
        };
        if split(bucket).is_none() {
            found.push(Problem::new(
                "attachments.bucket",
                format!("must be s3://BUCKET or s3://BUCKET/PREFIX, without special characters; {example}"),
            ));
        }
        if let Some(endpoint) = &self.endpoint
            && (!is_web(endpoint, false) || endpoint.contains('@'))
        {
            found.push(Problem::new(
                "attachments.endpoint",
                "must be an address that starts with https:// or http://, without a name or password; for example endpoint = \
                 \"https://minio.example:9000\"",
            ));
        }
        if self.region.is_empty() {
            found.push(Problem::new(
                "attachments.region",
                "must not be empty; for example region = \"us-east-1\", which is right for most servers that are not of AWS",
            ));
        }
        if self.access_key_id.as_deref().unwrap_or_default().is_empty() {
            found.push(Problem::new(
                "attachments.access_key_id",
                "is required with attachments.bucket; for example access_key_id = \"handrail\"",
            ));
        }
        if self
            .secret_access_key
            .as_ref()
            .is_none_or(|secret| secret.expose().is_empty())
        {
            found.push(Problem::new(
                "attachments.secret_access_key",
                "is required with attachments.bucket: give it as HANDRAIL_ATTACHMENTS__SECRET_ACCESS_KEY, or in a file that \
                 attachments.secret_access_key_file names",
            ));
        }
    }
}

/// The name and the prefix of `s3://NAME/PREFIX`; none where it is not written so. The names of buckets are those of the Amazon S3
/// User Guide, "General purpose bucket naming rules".
fn split(bucket: &str) -> Option<(&str, &str)> {
    let rest = bucket.strip_prefix("s3://")?;
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let of_prefix = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(of_prefix);
    let fits = (3..=63).contains(&name.len())
        && name.bytes().all(of_name)
        && (prefix.is_empty() || prefix.split('/').all(is_part));
    fits.then_some((name, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_read_with_and_without_a_prefix() {
        for (written, read) in [
            ("s3://handrail", Some(("handrail", ""))),
            ("s3://handrail/", Some(("handrail", ""))),
            ("s3://a.b-3/one/Two_2/", Some(("a.b-3", "one/Two_2"))),
            ("handrail", None),
            ("https://handrail", None),
            ("s3://", None),
            ("s3://ab", None),
            ("s3://Handrail", None),
            ("s3://hand_rail", None),
            ("s3://handrail//a", None),
            ("s3://handrail/a/../b", None),
            ("s3://handrail/å", None),
        ] {
            assert_eq!(split(written), read, "{written}");
        }
    }
}
