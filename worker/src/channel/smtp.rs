//! SMTP, spoken with lettre's connection step by step: only so is it known, when something breaks, whether the message had
//! been handed over.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use entity::delivery::Outcome;
use lettre::{
    Address,
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail as MailFrom, Rcpt},
        extension::{ClientId, Extension, MailParameter},
    },
};
use tokio::time::timeout;

use super::mail::MailerError;
use crate::config::{Mail, MailSecurity};

/// How many idle connections are kept.
const IDLE: usize = 8;

/// A server and the connections that it holds open.
pub(super) struct Smtp {
    host: String,
    port: u16,
    security: MailSecurity,
    tls: TlsParameters,
    credentials: Option<Credentials>,
    timeout: Duration,
    hello: ClientId,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Smtp({}:{})", self.host, self.port)
    }
}

impl Smtp {
    /// A server as configured.
    pub(super) fn new(mail: &Mail) -> Result<Self, MailerError> {
        let host = mail.host.clone().unwrap_or_default();
        let mut tls = TlsParameters::builder(host.clone());
        if let Some(file) = &mail.ca_file {
            let pem = std::fs::read_to_string(file).map_err(|_| MailerError::Authority)?;
            // A file without any is no error to lettre.
            if !pem.contains("-----BEGIN CERTIFICATE-----") {
                return Err(MailerError::Authority);
            }
            tls = tls.add_root_certificate(Certificate::from_pem(pem.as_bytes()).map_err(|_| MailerError::Authority)?);
        }
        Ok(Self {
            tls: tls.build().map_err(|_| MailerError::Encryption)?,
            host,
            port: mail.port.unwrap_or(match mail.security {
                MailSecurity::None => 25,
                MailSecurity::StartTls => 587,
                MailSecurity::Tls => 465,
            }),
            security: mail.security,
            credentials: mail
                .username
                .clone()
                .zip(mail.password.as_ref())
                .map(|(user, password)| Credentials::new(user, password.expose().to_owned())),
            timeout: mail.timeout,
            hello: ClientId::default(),
            idle: Mutex::default(),
        })
    }

    /// Sends a message and tells how it went.
    pub(super) async fn send(&self, envelope: &Envelope, message: &[u8]) -> Outcome {
        let handed_over = AtomicBool::new(false);
        let sent = timeout(self.timeout, self.attempt(envelope, message, &handed_over)).await;
        let handed_over = handed_over.load(Ordering::Relaxed);
        match sent {
            Ok(Ok(())) => Outcome::Sent,
            Ok(Err(error)) => judge(&error, handed_over),
            Err(_) if handed_over => unknown(),
            Err(_) => Outcome::Retry {
                reason: "TIMEOUT: the e-mail server took too long".to_owned(),
            },
        }
    }

    async fn attempt(&self, envelope: &Envelope, message: &[u8], handed_over: &AtomicBool) -> Result<(), Failure> {
        let mut connection = self.connection().await?;
        let foreign = |address: &Address| !address.to_string().is_ascii();
        let mut parameters = Vec::new();
        if envelope.to().iter().chain(envelope.from()).any(foreign) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Failure::ForeignAddress);
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let sent = async {
            connection
                .command(MailFrom::new(envelope.from().cloned(), parameters))
                .await?;
            for to in envelope.to() {
                connection.command(Rcpt::new(to.clone(), Vec::new())).await?;
            }
            connection.command(Data).await?;
            handed_over.store(true, Ordering::Relaxed);
            connection.message(message).await
        };
        match sent.await {
            Ok(_) => {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < IDLE {
                    idle.push(connection);
                }
                Ok(())
            }
            Err(error) => {
                // A polite end where the server still listens; it must not change how the message went.
                let _ended = timeout(Duration::from_secs(1), connection.abort()).await;
                Err(error.into())
            }
        }
    }

    /// An idle connection that still lives, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, Failure> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(mut connection) => {
                    if connection.test_connected().await {
                        return Ok(connection);
                    }
                }
                None => return self.connect().await,
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let wrapped = (self.security == MailSecurity::Tls).then(|| self.tls.clone());
        let server = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), &self.hello, wrapped, None)
                .await
                .map_err(Failure::Connect)?;
        if self.security == MailSecurity::StartTls {
            connection
                .starttls(self.tls.clone(), &self.hello)
                .await
                .map_err(Failure::Connect)?;
        }
        if let Some(credentials) = &self.credentials {
            connection
                .auth(DEFAULT_MECHANISMS, credentials)
                .await
                .map_err(Failure::SignIn)?;
        }
        Ok(connection)
    }
}

/// Where it went wrong.
enum Failure {
    /// Before the server spoke of this message.
    Connect(Error),
    /// The server does not know who signs in: a fault of the configuration, never of the message.
    SignIn(Error),
    /// The address has letters that this server cannot carry.
    ForeignAddress,
    /// While speaking of this message.
    Message(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Message(error)
    }
}

fn judge(failure: &Failure, handed_over: bool) -> Outcome {
    let retry = |reason: String| Outcome::Retry { reason };
    let error = match failure {
        Failure::Connect(error) => {
            tracing::warn!(kind = kind(error), "the e-mail server cannot be reached; e-mail waits");
            return retry(format!(
                "UNREACHABLE: the e-mail server cannot be reached ({})",
                kind(error)
            ));
        }
        Failure::SignIn(error) => {
            tracing::error!(
                kind = kind(error),
                "the e-mail server refuses mail.username and mail.password; e-mail waits"
            );
            return retry("SIGN_IN: the e-mail server refuses Handrail's sign-in".to_owned());
        }
        Failure::ForeignAddress => {
            return Outcome::Failed {
                reason: "BAD_ADDRESS: the e-mail server cannot send to an address with such letters".to_owned(),
            };
        }
        Failure::Message(error) => error,
    };
    match error.status() {
        // Signing in is required (RFC 4954), which no message can mend.
        Some(code) if matches!(u16::from(code), 530 | 534 | 535 | 538) => {
            retry("SIGN_IN: the e-mail server wants Handrail to sign in".to_owned())
        }
        // What the server answers may hold the address: only the code is kept.
        Some(code) if error.is_permanent() => Outcome::Failed {
            reason: format!("REFUSED: the e-mail server refused it for good ({code})"),
        },
        Some(code) => retry(format!("DEFERRED: the e-mail server wants it later ({code})")),
        None if handed_over => unknown(),
        None => retry("CONNECTION: the connection to the e-mail server broke".to_owned()),
    }
}

fn unknown() -> Outcome {
    Outcome::Unknown {
        reason: "NO_ANSWER: handed over, but the e-mail server never said whether it took it".to_owned(),
    }
}

/// What kind of error it is, without any of its text.
fn kind(error: &Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_tls() {
        "encryption"
    } else if error.is_permanent() || error.is_transient() {
        "refused"
    } else if error.is_client() {
        "the server lacks what the configuration asks for"
    } else {
        "connection"
    }
}

#[cfg(test)]
mod tests;
