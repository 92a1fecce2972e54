//! One source of configuration: the file, the environment or the flags.

use std::path::{Path, PathBuf};

use figment::{
    Error, Metadata, Profile, Provider,
    providers::{Format, Toml},
    value::{Dict, Map, Value},
};

/// What the environment's variables begin with.
const PREFIX: &str = "HANDRAIL_";

/// The variable that names the file; it is no key itself.
pub(super) const FILE_VARIABLE: &str = "HANDRAIL_CONFIG";

/// What stands between a section and its key in a variable's name.
const LEVEL: &str = "__";

/// The only key without a section.
const ENV: &str = "ENV";

/// Sections whose keys are names that people give, in whatever case.
const NAMED: [&str; 2] = ["KEYS__VALUES__", "KEYS__FILES__"];

/// What one source says, by section and key.
pub(super) struct Layer {
    origin: Origin,
    values: Dict,
}

enum Origin {
    File(PathBuf),
    Environment,
    Flags,
}

impl Layer {
    /// Reads a file's text.
    pub(super) fn file(path: &Path, text: &str) -> Result<Self, String> {
        let values = Toml::from_str::<Dict>(text).map_err(|error| without_excerpt(&error.to_string()))?;
        Ok(Self {
            origin: Origin::File(path.to_owned()),
            values,
        })
    }

    /// Reads variables as `HANDRAIL_DATABASE__URL`; empty ones count as absent. Those of one word are passed over, save
    /// `HANDRAIL_ENV`: Kubernetes tells of a service called handrail in `HANDRAIL_PORT` and the like.
    pub(super) fn environment(variables: &[(String, String)]) -> Self {
        let mut values = Dict::new();
        for (name, value) in variables {
            let Some(key) = name.strip_prefix(PREFIX) else { continue };
            if (key == ENV || key.contains(LEVEL)) && !value.is_empty() {
                let path = path(key);
                put(&mut values, &path.iter().map(String::as_str).collect::<Vec<_>>(), value);
            }
        }
        Self {
            origin: Origin::Environment,
            values,
        }
    }

    /// Reads pairs as (`database.url`, value).
    pub(super) fn flags(pairs: &[(String, String)]) -> Self {
        let mut values = Dict::new();
        for (key, value) in pairs {
            put(&mut values, &key.split('.').collect::<Vec<_>>(), value);
        }
        Self {
            origin: Origin::Flags,
            values,
        }
    }

    /// Whether this source says something about a key.
    pub(super) fn has(&self, path: &[String]) -> bool {
        find(&self.values, path).is_some()
    }

    /// Where a key of this source stands, for people.
    pub(super) fn place(&self, path: &[String]) -> String {
        match &self.origin {
            Origin::File(file) => format!("in {}", file.display()),
            Origin::Environment => format!("as {PREFIX}{}", path.join(LEVEL).to_uppercase()),
            Origin::Flags => "in the flags".to_owned(),
        }
    }

    /// Forgets a key, so that the rest can be read.
    pub(super) fn remove(&mut self, path: &[String]) {
        remove(&mut self.values, path);
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named("configuration")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok([(Profile::Default, self.values.clone())].into())
    }
}

/// The path of a variable's key, as `database`, `url`. Names that people give keep their case, or `keys.current` could not
/// name them.
fn path(key: &str) -> Vec<String> {
    let named = NAMED.iter().any(|section| key.starts_with(section));
    let levels = if named { 3 } else { usize::MAX };
    let parts = key.splitn(levels, LEVEL).enumerate();
    parts
        .map(|(level, part)| match named && level == 2 {
            true => part.to_owned(),
            false => part.to_lowercase(),
        })
        .collect()
}

fn put(values: &mut Dict, path: &[&str], value: &str) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        values.insert((*first).to_owned(), Value::from(value));
        return;
    }
    let inner = values
        .entry((*first).to_owned())
        .or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, inner) = inner {
        put(inner, rest, value);
    }
}

fn find<'v>(values: &'v Dict, path: &[String]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    let value = values.get(first)?;
    match (value, rest) {
        (_, []) => Some(value),
        (Value::Dict(_, inner), _) => find(inner, rest),
        (Value::Array(_, list), [index]) => list.get(index.parse::<usize>().ok()?),
        _ => None,
    }
}

fn remove(values: &mut Dict, path: &[String]) {
    match path.split_first() {
        Some((first, [])) => {
            values.remove(first);
        }
        Some((first, rest)) => match values.get_mut(first) {
            Some(Value::Dict(_, inner)) => remove(inner, rest),
            // A list or a single value, of which a part is wrong: all of it goes.
            Some(_) => {
                values.remove(first);
            }
            None => {}
        },
        None => {}
    }
}

/// The parser shows the line where it failed, and a secret may stand there: only where and why are kept.
fn without_excerpt(error: &str) -> String {
    let lines: Vec<&str> = error
        .lines()
        .filter(|line| !line.contains('|') && !line.trim().is_empty())
        .collect();
    lines.join(": ")
}
