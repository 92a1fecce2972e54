//! The one configuration of Handrail, for both binaries: defaults, then the file, then the environment, then flags.
//!
//! `example.toml` beside this file documents every key; a test holds it to the code. [`Config::load`] reads and checks it
//! all and names every problem at once.

mod attachments;
pub mod keyring;
mod layer;
mod load;
mod read;
mod secret;
mod validate;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use entity::files::Files;
use serde::Deserialize;

pub use self::{
    attachments::Attachments,
    load::{ConfigError, Flags, Problem, Sources},
    secret::Secret,
};

/// Every key with its default and what it means, as a file that can be copied to `handrail.toml`.
pub const EXAMPLE: &str = include_str!("example.toml");

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where Handrail runs: what development makes up by itself, production must be given.
    pub env: Environment,
    /// The database.
    pub database: Database,
    /// The server of the API.
    pub http: Http,
    /// What one request may ask for.
    pub limits: Limits,
    /// Who is believed about who asks.
    pub auth: Auth,
    /// What seals names, contacts and free text.
    pub keys: Keys,
    /// Redis, which carries hints between processes.
    pub redis: Redis,
    /// How e-mail leaves.
    pub mail: Mail,
    /// Files that are attached to messages.
    pub attachments: Attachments,
    /// The worker.
    pub worker: Worker,
    /// What is logged and how.
    pub log: Log,
}

/// Where Handrail runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// On somebody's own machine: keys and sign-in are made up.
    #[default]
    Development,
    /// For real people.
    Production,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/NAME`.
    pub url: Secret,
    /// A file that holds the address, instead.
    pub url_file: Option<PathBuf>,
    /// How many connections each process holds at most.
    pub connections: u32,
    /// How long to wait for a connection, and at start for a database that is away.
    #[serde(deserialize_with = "read::duration")]
    pub connect_timeout: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: Secret::new("sqlite:handrail.db"),
            url_file: None,
            connections: 8,
            connect_timeout: Duration::from_secs(30),
        }
    }
}

impl Database {
    /// The file of an SQLite database; `None` for PostgreSQL.
    pub fn file(&self) -> Option<&Path> {
        let rest = self.url.expose().strip_prefix("sqlite:")?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        Some(Path::new(rest.split('?').next().unwrap_or(rest)))
    }
}

/// The server of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where people sign in, as it stands in e-mails; the address listened on where absent.
    pub public_url: Option<String>,
    /// Whether GraphiQL is served; where absent, with the development issuer.
    pub graphiql: Option<bool>,
    /// Whether the schema may be asked for; in development where absent.
    pub introspection: Option<bool>,
    /// Origins of browsers' pages that may call the API.
    #[serde(deserialize_with = "read::list")]
    pub allowed_origins: Vec<String>,
    /// The largest request body in bytes.
    pub max_body_bytes: usize,
    /// How long one request may take.
    #[serde(deserialize_with = "read::duration")]
    pub timeout: Duration,
    /// How long requests under way may take to finish when the server stops.
    #[serde(deserialize_with = "read::duration")]
    pub stop_within: Duration,
    /// Where `handrail serve` answers `/metrics`; where absent, only at `listen` with the development issuer.
    pub metrics_listen: Option<SocketAddr>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8800)),
            public_url: None,
            graphiql: None,
            introspection: None,
            allowed_origins: Vec::new(),
            max_body_bytes: 1024 * 1024,
            timeout: Duration::from_secs(30),
            stop_within: Duration::from_secs(20),
            metrics_listen: None,
        }
    }
}

/// What one GraphQL request may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How deep selections nest.
    pub depth: usize,
    /// The sum of all fields, those below a list counted once for each of its rows.
    pub complexity: usize,
    /// How many fields have another name in the answer.
    pub aliases: usize,
    /// How many fields, spreads and inline fragments there are once fragments are spread.
    pub selections: usize,
    /// How many subscriptions run over one connection.
    pub subscriptions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 20,
            complexity: 50_000,
            aliases: 30,
            selections: 1_000,
            subscriptions: 20,
        }
    }
}

/// Who is believed about who asks.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The issuer of tokens, exactly as in their `iss`.
    pub issuer: Option<String>,
    /// What must be in their `aud`.
    pub audience: String,
    /// Where the issuer publishes its keys (JWKS).
    pub jwks_url: Option<String>,
    /// A file with the issuer's keys (JWKS), instead.
    pub keys_file: Option<PathBuf>,
    /// The signature algorithms that are accepted.
    #[serde(deserialize_with = "read::list")]
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may differ.
    #[serde(deserialize_with = "read::duration")]
    pub leeway: Duration,
    /// How often keys are fetched again.
    #[serde(deserialize_with = "read::duration")]
    pub refresh: Duration,
    /// Whether Handrail signs in its own personas; see [`Config::has_development_issuer`] where absent.
    pub development_issuer: Option<bool>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: "handrail".to_owned(),
            jwks_url: None,
            keys_file: None,
            algorithms: vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::Ps256, Algorithm::EdDsa],
            leeway: Duration::from_secs(30),
            refresh: Duration::from_secs(600),
            development_issuer: None,
        }
    }
}

/// A signature algorithm of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA, PSS, SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA over P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// What seals names, contacts and free text. Development makes a key of its own beside the database.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// The id of the key that seals; every other still opens.
    pub current: Option<String>,
    /// Keys by id, 32 bytes in base64. [`Config::load`] adds those of `files`.
    pub values: BTreeMap<String, Secret>,
    /// Files that hold keys, by id.
    pub files: BTreeMap<String, PathBuf>,
}

/// Redis, which carries hints between processes. Without it, each process looks by itself every second.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// `redis://USER:PASSWORD@HOST:PORT`.
    pub url: Option<Secret>,
    /// A file that holds the address, instead.
    pub url_file: Option<PathBuf>,
    /// The channel that hints are published on.
    pub channel: String,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            channel: "handrail:hints".to_owned(),
        }
    }
}

/// How e-mail leaves.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// Over SMTP, or into files.
    pub mode: MailMode,
    /// For `files`: the folder of the `.eml` files, made where absent.
    pub folder: PathBuf,
    /// For `smtp`: the server.
    pub host: Option<String>,
    /// For `smtp`: its port; the usual one of `security` where absent.
    pub port: Option<u16>,
    /// For `smtp`: how the connection is protected.
    pub security: MailSecurity,
    /// For `smtp`: a file with certificates (PEM) of an authority of one's own, trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// For `smtp`: who signs in.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// A file that holds the password, instead.
    pub password_file: Option<PathBuf>,
    /// The address that e-mail comes from.
    pub from: String,
    /// How long sending one message may take.
    #[serde(deserialize_with = "read::duration")]
    pub timeout: Duration,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            mode: MailMode::Files,
            folder: PathBuf::from("mail"),
            host: None,
            port: None,
            security: MailSecurity::StartTls,
            ca_file: None,
            username: None,
            password: None,
            password_file: None,
            from: "no-reply@handrail.example".to_owned(),
            timeout: Duration::from_secs(30),
        }
    }
}

/// Where e-mail goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailMode {
    /// Into a folder, for development.
    Files,
    /// To a server.
    Smtp,
}

/// How the connection to the e-mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// Not at all.
    None,
    /// Encrypted before anything is said; refused where the server cannot.
    StartTls,
    /// Encrypted from the first byte.
    Tls,
}

/// The worker.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// Whether `handrail serve` runs one inside itself.
    pub embedded: bool,
    /// How often every job looks for what is due, in whole seconds; hints wake them at once anyway.
    #[serde(deserialize_with = "read::duration")]
    pub tick: Duration,
    /// How many due rows a job takes at once.
    pub batch: u64,
    /// How many messages are sent at the same time.
    pub sending: usize,
    /// The name that leases are taken under; made up where absent.
    pub name: Option<String>,
    /// Where `handrail-worker` answers `/metrics`; nowhere where absent.
    pub metrics_listen: Option<SocketAddr>,
    /// How long work under way may take to finish when the worker stops; longer than sending one message may take.
    #[serde(deserialize_with = "read::duration")]
    pub stop_within: Duration,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            embedded: true,
            tick: Duration::from_secs(1),
            batch: 100,
            sending: 8,
            name: None,
            metrics_listen: None,
            stop_within: Duration::from_secs(40),
        }
    }
}

/// What is logged and how.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`; also by part, as `info,worker=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Pretty,
            level: "info".to_owned(),
        }
    }
}

/// The shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// True where real people are served.
    pub fn is_production(&self) -> bool {
        self.env == Environment::Production
    }

    /// Whether Handrail's own issuer of development signs people in: never in production, and otherwise unasked only where
    /// nobody else can reach it and no issuer is configured, since a forgotten `env` must not open the house to strangers.
    /// The demo, GraphiQL and `/metrics` beside the API come with it.
    pub fn has_development_issuer(&self) -> bool {
        let alone = self.http.listen.ip().is_loopback() && self.auth.issuer.is_none();
        !self.is_production() && self.auth.development_issuer.unwrap_or(alone)
    }

    /// Whether GraphiQL is served.
    pub fn has_graphiql(&self) -> bool {
        self.http.graphiql.unwrap_or(self.has_development_issuer())
    }

    /// Whether the schema may be asked for.
    pub fn has_introspection(&self) -> bool {
        self.http.introspection.unwrap_or(!self.is_production())
    }

    /// Where people sign in, without a slash at the end.
    pub fn public_url(&self) -> String {
        match &self.http.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.http.listen),
        }
    }

    /// Where attached files are kept.
    pub fn files(&self) -> Files {
        Files::new(self.attachments.place())
    }

    /// The folder of what development makes up by itself: beside the database, or the current one.
    pub fn folder(&self) -> PathBuf {
        let beside = self.database.file().and_then(Path::parent);
        beside.map(Path::to_owned).unwrap_or_default()
    }
}
