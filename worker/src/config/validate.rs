//! What the configuration must be beyond its types, and what production must be given.

use std::{collections::BTreeMap, time::Duration};

use entity::seal::Keyring;
use http::Uri;
use lettre::Address;
use tracing_subscriber::EnvFilter;

use super::{Config, MailMode, MailSecurity, Problem};

impl Config {
    /// Everything that is wrong.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        self.check_database(&mut found);
        self.check_http(&mut found);
        self.check_limits(&mut found);
        self.check_auth(&mut found);
        self.check_keys(&mut found);
        self.check_redis(&mut found);
        self.check_mail(&mut found);
        self.attachments.check(&mut found);
        self.check_worker(&mut found);
        if let Err(error) = EnvFilter::try_new(&self.log.level) {
            found.push(Problem::new(
                "log.level",
                format!("is not understood ({error}); for example level = \"info\""),
            ));
        }
        found
    }

    /// What works, but had better be changed. For the log at start.
    pub fn warnings(&self) -> Vec<&'static str> {
        let mut found = Vec::new();
        if self.is_production() && self.database.file().is_some() {
            found.push("SQLite serves one machine: use PostgreSQL in production (database.url)");
        }
        if self.is_production() && self.mail.mode == MailMode::Smtp && self.mail.security == MailSecurity::None {
            found.push("e-mail leaves unencrypted: set mail.security to \"starttls\" or \"tls\"");
        }
        if self.went_without_issuer() {
            found.push(
                "the development issuer, the demo, GraphiQL and /metrics beside the API are left off, since auth.issuer is \
                 set: for real people set env = \"production\"; to have them, auth.development_issuer = true",
            );
        }
        found
    }

    /// Whether the development issuer is off in development without anybody having said so.
    fn went_without_issuer(&self) -> bool {
        !self.is_production() && self.auth.development_issuer.is_none() && !self.has_development_issuer()
    }

    fn check_database(&self, found: &mut Vec<Problem>) {
        let url = self.database.url.expose();
        let message = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            url.parse::<Uri>().is_err().then_some(
                "is not a correct address: special characters of a password are written as %40 for @, %2F for /",
            )
        } else if let Some(file) = self.database.file() {
            let name = file.as_os_str();
            (name.is_empty() || name == ":memory:" || url.contains("mode=memory"))
                .then_some("must name a file, since a database in memory is lost with its last connection")
        } else {
            Some("must start with sqlite: or postgres://")
        };
        if let Some(message) = message {
            let example =
                "for example url = \"sqlite:handrail.db\" or \"postgres://handrail:PASSWORD@db.example/handrail\"";
            found.push(Problem::new("database.url", format!("{message}; {example}")));
        }
        range(found, "database.connections", self.database.connections.into(), 2, 1000);
        longer_than_zero(found, "database.connect_timeout", self.database.connect_timeout);
    }

    fn check_http(&self, found: &mut Vec<Problem>) {
        let example = "for example public_url = \"https://handrail.example\"";
        match &self.http.public_url {
            Some(url) if !is_web(url, false) => found.push(Problem::new(
                "http.public_url",
                format!("must be an address that starts with https:// or http://; {example}"),
            )),
            Some(url) if self.is_production() && !is_web(url, true) => found.push(Problem::new(
                "http.public_url",
                format!("must start with https:// in production; {example}"),
            )),
            None if self.is_production() => found.push(Problem::new(
                "http.public_url",
                format!("is required in production, since e-mails say where to sign in; {example}"),
            )),
            _ => {}
        }
        for origin in &self.http.allowed_origins {
            let bare = origin
                .parse::<Uri>()
                .is_ok_and(|uri| uri.path() == "/" && !origin.ends_with('/'));
            if !is_web(origin, false) || !bare {
                found.push(Problem::new(
                    "http.allowed_origins",
                    "each must be a scheme and a host without a path; for example allowed_origins = [\"https://app.example\"]",
                ));
            }
        }
        range(
            found,
            "http.max_body_bytes",
            count(self.http.max_body_bytes),
            1024,
            1 << 30,
        );
        longer_than_zero(found, "http.timeout", self.http.timeout);
        longer_than_zero(found, "http.stop_within", self.http.stop_within);
    }

    fn check_limits(&self, found: &mut Vec<Problem>) {
        let limits = &self.limits;
        for (key, value) in [
            ("limits.depth", limits.depth),
            ("limits.complexity", limits.complexity),
            ("limits.aliases", limits.aliases),
            ("limits.selections", limits.selections),
            ("limits.subscriptions", limits.subscriptions),
        ] {
            range(found, key, count(value), 1, 10_000_000);
        }
    }

    fn check_auth(&self, found: &mut Vec<Problem>) {
        let auth = &self.auth;
        if self.is_production() && auth.development_issuer == Some(true) {
            found.push(Problem::new(
                "auth.development_issuer",
                "must not be true in production: anybody could sign in as anybody; remove it, and set auth.issuer",
            ));
        }
        let keys = usize::from(auth.jwks_url.is_some()) + usize::from(auth.keys_file.is_some());
        if keys == 2 {
            found.push(Problem::new(
                "auth.keys_file",
                "is one too many: remove auth.jwks_url or auth.keys_file",
            ));
        }
        if auth.issuer.is_some() && keys == 0 {
            found.push(Problem::new(
                "auth.jwks_url",
                "is required with auth.issuer; for example jwks_url = \"https://login.example/keys\"",
            ));
        }
        if auth.issuer.is_none() && (keys > 0 || !self.has_development_issuer()) {
            let otherwise = match self.went_without_issuer() {
                true => {
                    "; where http.listen can be reached from elsewhere, the personas of development sign in only with \
                     auth.development_issuer = true"
                }
                false => "",
            };
            found.push(Problem::new(
                "auth.issuer",
                format!(
                    "is required, or nobody can sign in; for example issuer = \"https://login.example\"{otherwise}"
                ),
            ));
        }
        if let Some(url) = &auth.jwks_url
            && !is_web(url, self.is_production())
        {
            found.push(Problem::new(
                "auth.jwks_url",
                "must be an address that starts with https://; for example jwks_url = \"https://login.example/keys\"",
            ));
        }
        if auth.audience.is_empty() {
            found.push(Problem::new(
                "auth.audience",
                "must not be empty; for example audience = \"handrail\"",
            ));
        }
        if auth.algorithms.is_empty() {
            found.push(Problem::new(
                "auth.algorithms",
                "must name at least one; for example algorithms = [\"RS256\"]",
            ));
        }
        if auth.leeway > Duration::from_secs(300) {
            found.push(Problem::new(
                "auth.leeway",
                "must be at most 5m; for example leeway = \"30s\"",
            ));
        }
        longer_than_zero(found, "auth.refresh", auth.refresh);
    }

    fn check_keys(&self, found: &mut Vec<Problem>) {
        let keys = &self.keys;
        if keys.values.is_empty() && keys.files.is_empty() {
            if self.is_production() {
                found.push(Problem::new(
                    "keys",
                    "is required in production: make a key with `openssl rand -base64 32`, keep it safe, name its file \
                     under [keys.files] and set keys.current to its name",
                ));
            } else if keys.current.is_some() {
                // Sealed with the key that development makes, it could not be opened with the one that was meant.
                found.push(Problem::new(
                    "keys.current",
                    "names a key, and none is given: name its file under [keys.files], or remove keys.current",
                ));
            }
            return;
        }
        // One at a time, so that every broken key is named.
        for (id, key) in &keys.values {
            let one = BTreeMap::from([(id.clone(), key.expose().to_owned())]);
            if let Err(error) = Keyring::new(id, &one) {
                found.push(Problem::new(
                    &format!("keys.values.{id}"),
                    format!("is refused: {error}"),
                ));
            }
        }
        let known = |id: &String| keys.values.contains_key(id) || keys.files.contains_key(id);
        if !keys.current.as_ref().is_some_and(known) {
            let names: Vec<&str> = keys.values.keys().map(String::as_str).collect();
            found.push(Problem::new(
                "keys.current",
                format!("must name the key that seals, one of: {}", names.join(", ")),
            ));
        }
    }

    fn check_redis(&self, found: &mut Vec<Problem>) {
        if let Some(url) = &self.redis.url
            && redis::Client::open(url.expose()).is_err()
        {
            found.push(Problem::new(
                "redis.url",
                "is not an address of Redis; for example url = \"redis://localhost:6379\"",
            ));
        }
        if self.redis.channel.is_empty() {
            found.push(Problem::new(
                "redis.channel",
                "must not be empty; for example channel = \"handrail:hints\"",
            ));
        }
    }

    fn check_mail(&self, found: &mut Vec<Problem>) {
        let mail = &self.mail;
        if mail.from.parse::<Address>().is_err() {
            found.push(Problem::new(
                "mail.from",
                "must be an e-mail address alone; for example from = \"no-reply@handrail.example\"",
            ));
        }
        longer_than_zero(found, "mail.timeout", mail.timeout);
        if mail.mode == MailMode::Files {
            if self.is_production() {
                found.push(Problem::new(
                    "mail.mode",
                    "must be \"smtp\" in production: files reach nobody; set mail.host too",
                ));
            }
            return;
        }
        let host = mail.host.as_deref().unwrap_or_default();
        if host.is_empty() {
            found.push(Problem::new(
                "mail.host",
                "is required with mail.mode = \"smtp\"; for example host = \"smtp.example\"",
            ));
        }
        if mail.username.is_some() != mail.password.is_some() {
            found.push(Problem::new(
                "mail.password",
                "mail.username and mail.password (or mail.password_file) belong together: set both or neither",
            ));
        }
        let loopback = matches!(host, "localhost" | "127.0.0.1" | "::1");
        if mail.security == MailSecurity::None && mail.password.is_some() && !loopback {
            found.push(Problem::new(
                "mail.security",
                "must be \"starttls\" or \"tls\" where a password is sent, which anybody could read on the way otherwise",
            ));
        }
    }

    fn check_worker(&self, found: &mut Vec<Problem>) {
        let worker = &self.worker;
        let seconds = worker.tick.as_secs();
        if !(1..=59).contains(&seconds) || worker.tick.subsec_nanos() != 0 {
            found.push(Problem::new(
                "worker.tick",
                "must be whole seconds from 1s to 59s; for example tick = \"1s\"",
            ));
        }
        range(found, "worker.batch", worker.batch, 1, 5000);
        range(found, "worker.sending", count(worker.sending), 1, 1000);
        if worker.stop_within <= self.mail.timeout {
            found.push(Problem::new(
                "worker.stop_within",
                "must be longer than mail.timeout, or a message that was being sent is sent again; for example \
                 stop_within = \"40s\"",
            ));
        }
        if worker
            .name
            .as_ref()
            .is_some_and(|name| name.is_empty() || name.len() > 100)
        {
            found.push(Problem::new(
                "worker.name",
                "must be 1 to 100 characters; for example name = \"worker-1\"",
            ));
        }
    }
}

pub(super) fn count(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

pub(super) fn range(found: &mut Vec<Problem>, key: &str, value: u64, least: u64, most: u64) {
    if !(least..=most).contains(&value) {
        found.push(Problem::new(key, format!("must be from {least} to {most}")));
    }
}

pub(super) fn longer_than_zero(found: &mut Vec<Problem>, key: &str, value: Duration) {
    if value.is_zero() {
        found.push(Problem::new(key, "must be longer than nothing; for example \"30s\""));
    }
}

/// Whether a text is an address of the web, encrypted where asked.
pub(super) fn is_web(text: &str, encrypted: bool) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        let scheme = uri.scheme_str();
        uri.host().is_some_and(|host| !host.is_empty())
            && (scheme == Some("https") || (!encrypted && scheme == Some("http")))
    })
}
