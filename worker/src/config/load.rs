//! Reading the configuration from its sources.

use std::{fmt, io::ErrorKind, path::PathBuf};

use figment::{Figment, error::Kind};

use super::{
    Config, EXAMPLE, Secret,
    layer::{FILE_VARIABLE, Layer},
};

/// The file that is read where it exists and no other is named.
const FILE: &str = "handrail.toml";

/// The flags of both binaries that change the configuration.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// The configuration file; handrail.toml where it exists
    #[arg(long, value_name = "FILE", env = FILE_VARIABLE, global = true)]
    pub config: Option<PathBuf>,
    /// The database: sqlite:FILE or postgres://USER@HOST/NAME; with a password only as HANDRAIL_DATABASE__URL or in a file
    #[arg(long, value_name = "URL", global = true)]
    pub database_url: Option<String>,
    /// Any key of the configuration that is no secret, as http.listen=127.0.0.1:9000
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair, global = true)]
    pub set: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE, for example http.listen=127.0.0.1:9000".to_owned()),
    }
}

/// Where the configuration is read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file; `handrail.toml` in the current folder, where there is one, if absent.
    pub file: Option<PathBuf>,
    /// The variables of the environment; those of others are passed over.
    pub environment: Vec<(String, String)>,
    /// Keys and values of flags.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// The flags and this process's environment.
    pub fn of_process(flags: &Flags) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let mut pairs = flags.set.clone();
        if let Some(url) = &flags.database_url {
            pairs.push(("database.url".to_owned(), url.clone()));
        }
        Self {
            file: flags.config.clone(),
            environment,
            flags: pairs,
        }
    }
}

/// Something wrong in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, as `mail.host`; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    /// A problem of a key.
    pub(super) fn new(key: &str, message: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            message: message.into(),
        }
    }
}

/// Everything that is wrong in the configuration. No value of it is shown, since any may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// What is wrong, at least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => formatter.write_str("The configuration has a problem:")?,
            count => write!(formatter, "The configuration has {count} problems:")?,
        }
        for Problem { key, message } in &self.problems {
            let colon = if key.is_empty() { "" } else { ": " };
            write!(formatter, "\n  - {key}{colon}{message}")?;
        }
        Ok(())
    }
}

impl Config {
    /// Reads and checks the configuration of this process.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        Self::read(&Sources::of_process(flags))
    }

    /// Reads and checks the configuration from given sources.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn read(sources: &Sources) -> Result<Self, ConfigError> {
        let mut problems: Vec<Problem> = sources.flags.iter().filter_map(secret_flag).collect();
        let mut layers = Vec::new();
        match file(sources) {
            Ok(layer) => layers.extend(layer),
            Err(problem) => problems.push(problem),
        }
        layers.push(Layer::environment(&sources.environment));
        layers.push(Layer::flags(&sources.flags));

        let mut config = extract(&mut layers, &mut problems);
        config.read_secrets(&layers, &mut problems);
        for problem in config.problems() {
            if !problems.iter().any(|known| known.key == problem.key) {
                problems.push(problem);
            }
        }
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError { problems })
        }
    }

    /// Takes the secrets that stand in files of their own.
    fn read_secrets(&mut self, layers: &[Layer], problems: &mut Vec<Problem>) {
        let mut take = |key: &str, file: &Option<PathBuf>| -> Option<Secret> {
            let path = file.as_ref()?;
            let both = [key.to_owned(), format!("{key}_file")].iter().all(|key| {
                let key: Vec<String> = key.split('.').map(str::to_owned).collect();
                layers.iter().any(|layer| layer.has(&key))
            });
            if both {
                problems.push(Problem::new(key, format!("is given twice: remove {key} or {key}_file")));
            }
            match std::fs::read_to_string(path) {
                Ok(text) => Some(Secret::new(text.trim_end_matches(['\r', '\n']))),
                Err(error) => {
                    problems.push(Problem::new(&format!("{key}_file"), unreadable(&error)));
                    None
                }
            }
        };
        if let Some(url) = take("database.url", &self.database.url_file) {
            self.database.url = url;
        }
        if let Some(url) = take("redis.url", &self.redis.url_file) {
            self.redis.url = Some(url);
        }
        if let Some(password) = take("mail.password", &self.mail.password_file) {
            self.mail.password = Some(password);
        }
        let key = "attachments.secret_access_key";
        if let Some(secret) = take(key, &self.attachments.secret_access_key_file) {
            self.attachments.secret_access_key = Some(secret);
        }
        for (id, path) in &self.keys.files {
            match std::fs::read_to_string(path) {
                Ok(text) => {
                    self.keys.values.insert(id.clone(), Secret::new(text.trim()));
                }
                Err(error) => problems.push(Problem::new(&format!("keys.files.{id}"), unreadable(&error))),
            }
        }
    }
}

/// What is wrong with a flag that holds a secret: everybody on a machine can read its command lines.
fn secret_flag((key, value): &(String, String)) -> Option<Problem> {
    let instead = match key.as_str() {
        "mail.password" | "attachments.secret_access_key" => in_a_file(key),
        "database.url" | "redis.url" if holds_password(value) => in_a_file(key),
        key => {
            let id = key.strip_prefix("keys.values.")?;
            format!("as HANDRAIL_KEYS__VALUES__{id}, or in a file that keys.files.{id} names")
        }
    };
    let message = format!("is a secret, and everybody on a machine can read its command lines: give it {instead}");
    Some(Problem::new(key, message))
}

/// Where a secret belongs that has a file of its own.
fn in_a_file(key: &str) -> String {
    let variable = key.to_uppercase().replace('.', "__");
    format!("as HANDRAIL_{variable}, or in a file that {key}_file names")
}

/// Whether an address carries a password, as `scheme://user:password@host` or as a parameter. The password may hold anything,
/// also what a correct address must not.
fn holds_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) || rest.contains("password=")
}

/// Why a file cannot be read and what to do.
fn unreadable(error: &std::io::Error) -> String {
    let why = match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "this user may not".to_owned(),
        kind => kind.to_string(),
    };
    format!("cannot be read ({why}): check the path and who may read it")
}

/// The file's layer; none where no file is named and the usual one does not exist.
fn file(sources: &Sources) -> Result<Option<Layer>, Problem> {
    let path = sources.file.clone().unwrap_or_else(|| PathBuf::from(FILE));
    match std::fs::read_to_string(&path) {
        Ok(text) => Layer::file(&path, &text)
            .map(Some)
            .map_err(|error| Problem::new("", format!("{} is not TOML: {error}", path.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound && sources.file.is_none() => Ok(None),
        Err(error) => Err(Problem::new(
            "",
            format!(
                "{} {}, and --config or {FILE_VARIABLE}",
                path.display(),
                unreadable(&error)
            ),
        )),
    }
}

/// Reads the layers into the structure. Whatever does not fit is noted and taken out, until the rest fits.
fn extract(layers: &mut [Layer], problems: &mut Vec<Problem>) -> Config {
    loop {
        let merged = layers.iter().fold(Figment::new(), |merged, layer| merged.merge(layer));
        let error = match merged.extract_lossy::<Config>() {
            Ok(config) => return config,
            Err(error) => error,
        };
        let mut path = error.path.clone();
        if let Kind::UnknownField(name, _) = &error.kind
            && path.last() != Some(name)
        {
            path.push(name.clone());
        }
        let key = path.join(".");
        let place = layers.iter().rev().find(|layer| layer.has(&path));
        let place = place
            .map(|layer| format!(" ({})", layer.place(&path)))
            .unwrap_or_default();
        problems.push(Problem::new(&key, format!("{}{place}", explain(&key, &error.kind))));
        let before = path.is_empty();
        for layer in layers.iter_mut() {
            layer.remove(&path);
        }
        if before || problems.len() > 100 {
            return Config::default();
        }
    }
}

/// What is wrong with a value, without showing it.
fn explain(key: &str, kind: &Kind) -> String {
    let wrong = match kind {
        Kind::UnknownField(_, known) => return format!("is not a key; known here: {}", known.join(", ")),
        Kind::UnknownVariant(_, known) => format!("must be one of {}", known.join(", ")),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => format!("must be {}", plain(expected)),
        Kind::Message(message) if message == "invalid socket address syntax" => {
            "must be an address with a port".to_owned()
        }
        Kind::Message(message) => message.clone(),
        other => other.to_string(),
    };
    match example(key) {
        Some(example) => format!("{wrong}; for example {example}"),
        None => wrong,
    }
}

/// The name of an expected type for people.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "a boolean" => "true or false",
        "a string" | "path string" => "a text",
        expected if expected.starts_with("struct ") => "a section with keys of its own",
        expected if expected.starts_with("variant of ") || expected.starts_with("enum ") => "one of the known words",
        expected => expected,
    }
}

/// How the documented example writes a key.
pub(super) fn example(key: &str) -> Option<&'static str> {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut current = "";
    for line in EXAMPLE.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            current = header;
        } else if current == section && line.split_once(" = ").is_some_and(|(written, _)| written == name) {
            return Some(line);
        }
    }
    None
}
