//! E-mail, by SMTP or into files.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::SystemTime,
};

use chrono::{DateTime, Utc};
use entity::delivery::Outcome;
use lettre::{
    Address, Message,
    message::{
        Mailbox, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};

use super::smtp::Smtp;
use crate::config::{Mail, MailMode};

/// One e-mail to one person.
#[derive(Clone, Debug)]
pub struct Email<'a> {
    /// The address alone.
    pub to: &'a str,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The `Message-ID`, the same however often it is tried.
    pub message_id: &'a str,
    /// The date that it bears.
    pub at: DateTime<Utc>,
}

/// Why e-mail cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// The sender's address.
    #[error("mail.from is not an e-mail address")]
    From,
    /// The file with certificates.
    #[error("mail.ca_file cannot be read or holds no certificate in PEM")]
    Authority,
    /// Encryption.
    #[error("encryption for e-mail cannot be set up: check mail.host and mail.ca_file")]
    Encryption,
}

/// Sends e-mail. Shared by all jobs of a process.
#[derive(Debug)]
pub struct Mailer {
    from: Address,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Smtp(Box<Smtp>),
    Files(PathBuf),
    Nowhere,
}

impl Mailer {
    /// A mailer as configured. Connects to nothing yet.
    ///
    /// # Errors
    /// When an address or a certificate cannot be read.
    pub fn new(mail: &Mail) -> Result<Self, MailerError> {
        Ok(Self {
            from: mail.from.parse().map_err(|_| MailerError::From)?,
            way: match mail.mode {
                MailMode::Smtp => Way::Smtp(Box::new(Smtp::new(mail)?)),
                MailMode::Files => Way::Files(mail.folder.clone()),
            },
        })
    }

    /// A mailer whose e-mails count as sent and reach nobody: for what happened before anybody was there.
    pub fn nowhere() -> Self {
        Self {
            from: Address::new_dangerous("nobody", "handrail.invalid"),
            way: Way::Nowhere,
        }
    }

    /// Sends one e-mail and tells how it went. Reasons never hold the address.
    pub async fn send(&self, email: &Email<'_>) -> Outcome {
        let Ok(to) = email.to.parse::<Address>() else {
            return Outcome::Failed {
                reason: "BAD_ADDRESS: the e-mail address is not correct".to_owned(),
            };
        };
        let Some(message) = self.message(to, email) else {
            return Outcome::Failed {
                reason: "BAD_MESSAGE: the e-mail cannot be written".to_owned(),
            };
        };
        match &self.way {
            Way::Nowhere => Outcome::Sent,
            Way::Smtp(smtp) => smtp.send(message.envelope(), &message.formatted()).await,
            Way::Files(folder) => match write(folder, email.message_id, &message.formatted()).await {
                Ok(()) => Outcome::Sent,
                Err(error) => Outcome::Retry {
                    reason: format!("FILE: the e-mail could not be written to a file ({})", error.kind()),
                },
            },
        }
    }

    fn message(&self, to: Address, email: &Email<'_>) -> Option<Message> {
        Message::builder()
            .message_id(Some(bracketed(email.message_id)))
            .date(SystemTime::from(email.at))
            // Addresses alone: a person's name has no business on the way, and may hold what no header may.
            .from(Mailbox::new(None, self.from.clone()))
            .to(Mailbox::new(None, to))
            .subject(&email.subject)
            // So that nobody's out-of-office answers a machine (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .singlepart(SinglePart::plain(email.text.clone()))
            .ok()
    }
}

/// A `Message-ID` as it stands in the header.
fn bracketed(id: &str) -> String {
    format!("<{}>", id.trim_matches(['<', '>']))
}

/// Writes a whole file or none, named after the message so that a second attempt replaces the first.
async fn write(folder: &Path, message_id: &str, bytes: &[u8]) -> std::io::Result<()> {
    let name: String = message_id
        .trim_matches(['<', '>'])
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_@".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    if name.is_empty() {
        return Err(ErrorKind::InvalidInput.into());
    }
    tokio::fs::create_dir_all(folder).await?;
    let aside = folder.join(format!(".{name}.part"));
    tokio::fs::write(&aside, bytes).await?;
    tokio::fs::rename(&aside, folder.join(format!("{name}.eml"))).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn email(to: &str) -> Email<'_> {
        Email {
            to,
            subject: "Något väntar på dig".to_owned(),
            text: "Det finns något för dig att fylla i.\n".to_owned(),
            message_id: "0199c0de-0000-7000-8000-000000000001@handrail.example",
            at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
        }
    }

    fn into(folder: &Path) -> Mailer {
        let mut mail = Config::default().mail;
        mail.folder = folder.to_owned();
        Mailer::new(&mail).unwrap()
    }

    #[tokio::test]
    async fn writes_one_file_a_message_in_a_folder_that_it_makes() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = into(&folder.path().join("new/mail"));
        for _ in 0..2 {
            assert_eq!(mailer.send(&email("asa@example.com")).await, Outcome::Sent);
        }
        let files: Vec<_> = std::fs::read_dir(folder.path().join("new/mail"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(files.len(), 1, "{files:?}");
        insta::assert_snapshot!(std::fs::read_to_string(&files[0]).unwrap().replace('\r', ""));
    }

    #[tokio::test]
    async fn an_address_that_breaks_a_header_fails_and_panics_nobody() {
        let folder = tempfile::tempdir().unwrap();
        for address in ["", "asa", "a@b\r\nBcc: c@d", "Åsa <a@example.com>", "a@example.com\n"] {
            let outcome = into(folder.path()).send(&email(address)).await;
            assert!(
                matches!(&outcome, Outcome::Failed { reason } if reason.starts_with("BAD_ADDRESS")),
                "{outcome:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_tried_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let outcome = into(&file.path().join("mail")).send(&email("asa@example.com")).await;
        assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    }

    #[test]
    fn a_certificate_file_that_is_none_is_refused_at_start() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "nothing").unwrap();
        let mut mail = Config::default().mail;
        mail.mode = MailMode::Smtp;
        mail.host = Some("localhost".to_owned());
        mail.ca_file = Some(file.path().to_owned());
        assert!(matches!(Mailer::new(&mail), Err(MailerError::Authority)));
    }
}
